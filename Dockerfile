# The sidecar's image: one binary on a small Debian, nobody's user, nothing to write to.
#
#   docker build -t sluicegate .
#   docker build -t sluicegate --build-arg FEATURES=kafka --build-arg PROFILE=fast .    # without TLS, sooner built
ARG BUILD_IMAGE=rust:1.88.0-bookworm
ARG RUN_IMAGE=debian:bookworm-20250520-slim

FROM ${BUILD_IMAGE} AS build
ARG PROFILE=release
ARG FEATURES=tls
WORKDIR /src
# The libraries first, against an empty crate: they are built again only when Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/throughput benches/reality \
    && touch src/lib.rs benches/call.rs benches/control.rs benches/encode.rs benches/throughput/main.rs benches/reality/main.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --profile "$PROFILE" --no-default-features --features "$FEATURES"
COPY src src
RUN touch src/main.rs src/lib.rs \
    && cargo build --locked --profile "$PROFILE" --no-default-features --features "$FEATURES" \
    && cp "target/$PROFILE/sluicegate" /sluicegate

FROM ${RUN_IMAGE}
COPY --from=build /sluicegate /usr/local/bin/sluicegate
USER 65532:65532
ENTRYPOINT ["sluicegate"]
CMD ["run"]
# By ADMIN_ADDR, like everything that visits the process.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["sluicegate", "healthcheck"]
