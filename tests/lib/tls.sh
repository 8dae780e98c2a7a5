# tls.sh - what cases with TLS servers share.
# shellcheck shell=bash

# cert.pem and key.pem, for localhost.
make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>openssl.log
}
