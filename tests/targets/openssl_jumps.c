/* openssl_jumps.c - objects made by functions of OpenSSL's that are not on the stack while they allocate: they end in a jump to another, as
 * `return ASN1_item_new(X509_it())`.
 *
 * usage: openssl_jumps [own]
 *
 * own: OpenSSL is given functions of this program's to allocate by, which add to each block.
 * Some of each stay. The books are of this program's own calls, as cert_reload's; of the types that OpenSSL makes for itself, too, they have only
 * what stays.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* Called through a slot of the GOT, without a PLT. */
__attribute__((noplt)) EVP_MD_CTX *EVP_MD_CTX_new(void);

static void *kept[1000];
static size_t n_kept;
static long n_certificates[2], n_requests[2], n_lists[2], n_sessions[2]; /* made, freed */

static void *must(void *p) {
    if (!p) {
        fputs("openssl_jumps: a call of OpenSSL's failed\n", stderr);
        exit(1);
    }
    return p;
}

static void keep(void *p) {
    kept[n_kept++] = must(p);
}

/* What is read back from BIO: made by readers, which are given no object to fill in. */
#define READ_AND_KEEP(n, type, input, count)                                                                               \
    for (int i = 0; i < (n); i++) {                                                                                        \
        must(BIO_reset(input) == 1 ? input : NULL);                                                                        \
        keep(PEM_read_bio_##type(input, NULL, NULL, NULL));                                                                \
        (count)++;                                                                                                         \
    }

__attribute__((noinline)) static void *own_block(void *old, size_t n) {
    char *block = realloc(old, n + 32);
    if (block) {
        block[n] = 1;
    }
    return block;
}

static void *own_malloc(size_t n, const char *file, int line) {
    (void)file, (void)line;
    void *volatile block = own_block(NULL, n); /* no jump: this function is on the stack, too */
    return block;
}

static void *own_realloc(void *old, size_t n, const char *file, int line) {
    (void)file, (void)line;
    void *volatile block = own_block(old, n);
    return block;
}

static void own_free(void *block, const char *file, int line) {
    (void)file, (void)line;
    free(block);
}

static BIO *reader_of(BIO *written) {
    char *text;
    long n = BIO_get_mem_data(written, &text);
    return must(BIO_new_mem_buf(text, (int)n));
}

static void keep_certificates(EVP_PKEY *key) {
    X509 *x = must(X509_new());
    n_certificates[0]++;
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 1000);
    must(X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()) ? x : NULL);
    unsigned char *der = NULL;
    int n_der = i2d_X509(x, &der);
    BIO *written = must(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509(written, x) ? x : NULL);
    BIO *input = reader_of(written);
    READ_AND_KEEP(6, X509, input, n_certificates[0])
    for (int i = 0; i < 5; i++, n_certificates[0]++) {
        const unsigned char *at = der;
        keep(d2i_X509(NULL, &at, n_der));
    }
    for (int i = 0; i < 4; i++, n_certificates[0]++) {
        keep(X509_dup(x));
    }
    for (int i = 0; i < 3; i++, n_certificates[0]++) {
        X509 *filled = must(X509_new());
        const unsigned char *at = der;
        must(d2i_X509(&filled, &at, n_der)); /* makes none */
        keep(filled);
    }
    OPENSSL_free(der);
    BIO_free(input);
    BIO_free(written);
    X509_free(x);
    n_certificates[1]++;
}

static void keep_requests(EVP_PKEY *key) {
    X509_REQ *x = must(X509_REQ_new());
    n_requests[0]++;
    must(X509_REQ_set_pubkey(x, key) && X509_REQ_sign(x, key, EVP_sha256()) ? x : NULL);
    BIO *written = must(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509_REQ(written, x) ? x : NULL);
    BIO *input = reader_of(written);
    READ_AND_KEEP(7, X509_REQ, input, n_requests[0])
    BIO_free(input);
    BIO_free(written);
    X509_REQ_free(x);
    n_requests[1]++;
}

static void keep_lists(void) {
    for (int i = 0; i < 9; i++, n_lists[0]++) {
        keep(X509_CRL_new());
    }
    X509_CRL_free(must(X509_CRL_new()));
    n_lists[0]++;
    n_lists[1]++;
}

/* The copies are not cleared memory, which is asked for in another way. */
static void keep_sessions(void) {
    SSL_SESSION *x = must(SSL_SESSION_new());
    n_sessions[0]++;
    for (int i = 0; i < 10; i++, n_sessions[0]++) {
        keep(SSL_SESSION_dup(x));
    }
    SSL_SESSION_free(x);
    n_sessions[1]++;
}

static void keep_contexts(EVP_PKEY *key) {
    for (int i = 0; i < 11; i++) {
        keep(EVP_PKEY_CTX_new(key, NULL));
    }
    for (int i = 0; i < 13; i++) {
        keep(EVP_CIPHER_CTX_new());
    }
    for (int i = 0; i < 17; i++) {
        keep(EVP_MD_CTX_new());
    }
}

static void print_book(const char *type, const long *n) {
    printf("\"%s\": {\"created\": %ld, \"freed\": %ld, \"alive\": %ld}, ", type, n[0], n[1], n[0] - n[1]);
}

int main(int n_args, char **args) {
    if (n_args > 1) {
        must(args[1][0] == 'o' && CRYPTO_set_mem_functions(own_malloc, own_realloc, own_free) ? args : NULL);
    }
    EVP_PKEY *key = must(EVP_EC_gen("P-256"));
    keep_certificates(key);
    keep_requests(key);
    keep_lists();
    keep_sessions();
    keep_contexts(key);
    EVP_PKEY_free(key);
    printf("{");
    print_book("X509", n_certificates);
    print_book("X509_REQ", n_requests);
    print_book("X509_CRL", n_lists);
    print_book("SSL_SESSION", n_sessions);
    printf("\"EVP_PKEY_CTX\": {\"alive\": 11}, \"EVP_CIPHER_CTX\": {\"alive\": 13}, \"EVP_MD_CTX\": {\"alive\": 17}}\n");
    return 0;
}
