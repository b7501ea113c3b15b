# syntax=docker/dockerfile:1

# ---- build ----------------------------------------------------------------------------------------------------------
# Debian 12 here and below, so that the program finds the C library it was linked against. The image brings the C
# compiler that SQLite and the TLS library are built with.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Dependencies first, with an empty program: this layer is rebuilt only when Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

# Then the program. COPY keeps the files' times, which may be older than the empty program's; touch them, or Cargo
# takes the empty program for the current one.
COPY askama.toml ./
COPY migrations ./migrations
COPY src ./src
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked \
    && mkdir /data

# ---- run ------------------------------------------------------------------------------------------------------------
# No shell and no package manager; CA certificates and a user without rights are in it.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/meggy /usr/local/bin/meggy
# 65532 is the user `nonroot`. A new named volume takes over this owner.
COPY --from=build --chown=65532:65532 /data /data

# With DEBUG off the server starts only with a JWT_SECRET_KEY of at least 32 bytes.
ENV DEBUG=False \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:/data/meggy.sqlite3 \
    MEDIA_ROOT=/data/media

USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/meggy", "health"]
ENTRYPOINT ["/usr/local/bin/meggy"]
CMD ["serve"]
