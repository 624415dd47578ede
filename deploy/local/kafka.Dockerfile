# Stands in for Apache Kafka's image where no image can be pulled: scripts/compose-local builds it.
FROM sluicegate-local/debian
RUN apt-get update -q && apt-get install -yq --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
COPY jars /opt/kafka/libs
COPY kafka /opt/kafka/bin
RUN useradd --uid 1000 appuser && mkdir /var/lib/kafka && chown appuser /var/lib/kafka && chmod -R a+rX /opt/kafka
USER appuser
CMD ["/opt/kafka/bin/start.sh"]
