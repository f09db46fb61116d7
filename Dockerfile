# syntax=docker/dockerfile:1
# The image of the sidecar: one program, four libraries, certificates. Below 25 MiB, no shell.
#
#   docker build -t otp-sidecar:0.1.0 --build-arg COMMIT="$(git rev-parse HEAD)" \
#     --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" .
#
# The same commit gives the same program. For the same image bit by bit, pin the base by its digest:
# docker buildx imagetools inspect rust:1.95-bookworm
ARG RUST=1.95-bookworm

FROM rust:${RUST} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# aws-lc-rs brings its own sources and needs no more than a C compiler; auditable writes the list of all crates into the program.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
# What the compiler is told of what runs often (pgo/README.md).
COPY .cargo/config.toml .cargo/config.toml
COPY pgo pgo
COPY src src
COPY policies policies
COPY benches benches
COPY scripts/image-root.sh scripts/image-root.sh
ARG COMMIT=""
ARG SOURCE_DATE_EPOCH=0
# The demo stays out. Paths of this machine do not get into the program.
ENV OTP_SIDECAR_COMMIT=${COMMIT} \
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    CARGO_INCREMENTAL=0 \
    RUSTFLAGS="--remap-path-prefix=/src=/otp-sidecar --remap-path-prefix=/usr/local/cargo=/cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo auditable build --locked --release --no-default-features \
    && strip --strip-all --keep-section=.dep-v0 -o /otp-sidecar target/release/otp-sidecar \
    && scripts/image-root.sh /otp-sidecar /root-of-the-image \
    && find /root-of-the-image -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM scratch
ARG COMMIT=""
LABEL org.opencontainers.image.title="otp-sidecar" \
      org.opencontainers.image.description="One-time codes in front of a wallet backend" \
      org.opencontainers.image.source="https://github.com/otp-sidecar/otp-sidecar" \
      org.opencontainers.image.documentation="https://github.com/otp-sidecar/otp-sidecar/blob/main/docs/deploy.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /root-of-the-image /
# Memory goes back at once, and no huge pages: a sidecar is one of many on its node.
ENV MIMALLOC_PURGE_DELAY=0 \
    MIMALLOC_ALLOW_THP=0 \
    OTP_SIDECAR_POLICIES=/etc/otp-sidecar/policies
# By number, so that Kubernetes sees that it is not root.
USER 65532:65532
EXPOSE 7145 9145
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/otp-sidecar", "health", "--live"]
ENTRYPOINT ["/otp-sidecar"]
CMD ["serve"]
