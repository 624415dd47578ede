# Stands in for the official Python image where no image can be pulled: scripts/compose-local builds it.
FROM sluicegate-local/debian
RUN apt-get update -q && apt-get install -yq --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/* \
    && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
