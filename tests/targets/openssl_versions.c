/* openssl_versions.c - allocates as other versions of OpenSSL do, whose creating functions are on no stack since they jump to an internal one:
 * X509_new() of 1.1.1, SSL_new() of 3.2 and later. Files, lines and sizes are those of 1.1.1w and 3.5.4.
 *
 * Makes 3 X509, 2 smaller structures from the same line, 2 SSL, and an SSL_CTX's worth of bytes from the file of SSL; frees one of each type.
 */
#include <openssl/crypto.h>

static void *x509[3], *smaller[2], *ssl[2], *other;

int main(void) {
    for (int i = 0; i < 3; i++) {
        x509[i] = CRYPTO_zalloc(352, "../deps/openssl/crypto/asn1/tasn_new.c", 122);
    }
    for (int i = 0; i < 2; i++) {
        smaller[i] = CRYPTO_zalloc(184, "../deps/openssl/crypto/asn1/tasn_new.c", 122);
        ssl[i] = CRYPTO_zalloc(5576, "ssl/ssl_lib.c", 745);
    }
    other = CRYPTO_zalloc(1784, "ssl/ssl_lib.c", 4043);
    CRYPTO_free(x509[1], "x", 1);
    CRYPTO_free(ssl[0], "x", 1);
    CRYPTO_free(smaller[0], "x", 1);
    return !other;
}
