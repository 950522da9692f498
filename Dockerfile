# Two stages on Debian 12: build, then an empty image with what scripts/rootfs assembles: the program, exactly the
# libraries that it names, their copyright files and a list of them all. For amd64 and arm64; tried on amd64.
#   docker build -t meshgraft/meshgraft:0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
# scripts/image does the same without a daemon and without a registry.
FROM debian:12 AS build
WORKDIR /src
COPY scripts/packages.txt scripts/install scripts/again.sh scripts/
RUN scripts/install build
COPY . .
ARG JOBS
RUN cmake --preset release -DMESHGRAFT_TESTS=OFF \
 && cmake --build build/release --parallel "${JOBS:-$(nproc)}" --target meshgraft
RUN scripts/rootfs build/release/bin/meshgraft /image

FROM scratch
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meshgraft" \
      org.opencontainers.image.description="Joins running microservices to a KubeSphere self-built app and its mesh" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="scratch" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# For `kubectl exec deploy/meshgraft -- meshgraft status`.
ENV PATH=/usr/bin
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/meshgraft"]
CMD ["run"]
