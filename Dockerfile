# Two stages on Debian 12: build, then an empty image with the binary and exactly the libraries that it names.
# No CA bundle on purpose: the API server is verified against the cluster's own CA, and cpprestsdk would parse a
# bundle anew for every connection.
FROM debian:12 AS build
WORKDIR /src
COPY scripts/ scripts/
RUN scripts/install
COPY . .
RUN scripts/build release meshgraft && strip build/release/bin/meshgraft
RUN mkdir -p /image/usr/bin && cp build/release/bin/meshgraft /image/usr/bin/ \
 && ldd build/release/bin/meshgraft | grep -o '/[^ ]*' | sort -u | while read -r library; do \
      mkdir -p "/image$(dirname "$library")" && cp -L "$library" "/image$library"; done \
 && mkdir -p /image/etc && echo 'meshgraft:x:65532:65532::/:' > /image/etc/passwd \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
 && cp -L /lib/*-linux-gnu/libnss_dns.so.2 /lib/*-linux-gnu/libnss_files.so.2 /lib/*-linux-gnu/libresolv.so.2 \
      "/image$(dirname "$(ls -d /lib/*-linux-gnu/libresolv.so.2 | head -1)")/"

FROM scratch
LABEL org.opencontainers.image.title="meshgraft" \
      org.opencontainers.image.description="Joins running microservices to a KubeSphere self-built app and its mesh" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/meshgraft"]
CMD ["run"]
