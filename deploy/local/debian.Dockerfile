# Stands in for the official Debian image where none can be pulled: scripts/compose-local builds it. The authorities that
# this machine trusts come with the build context, under a name that no package's hook rewrites.
FROM sluicegate-local/bootstrap
COPY ca-certificates.crt /usr/local/share/authorities.crt
ENV SSL_CERT_FILE=/usr/local/share/authorities.crt PIP_CERT=/usr/local/share/authorities.crt \
    CARGO_HTTP_CAINFO=/usr/local/share/authorities.crt
