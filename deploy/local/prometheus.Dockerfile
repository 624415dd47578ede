# Stands in for Prometheus's image where no image can be pulled: scripts/compose-local builds it.
FROM sluicegate-local/debian
RUN apt-get update -q && apt-get install -yq --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* \
    && mkdir /prometheus && chown prometheus /prometheus
USER prometheus
ENTRYPOINT ["prometheus"]
