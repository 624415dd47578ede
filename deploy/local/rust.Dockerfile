# Stands in for the official Rust image where no image can be pulled: scripts/compose-local builds it.
FROM sluicegate-local/debian
RUN apt-get update -q && apt-get install -yq --no-install-recommends build-essential perl && rm -rf /var/lib/apt/lists/*
COPY rust /usr/local
