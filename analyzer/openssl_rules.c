/* openssl_rules.c - see openssl_rules.h. Source: OpenSSL 1.1.1, 3.0 to 3.5. */
#include "openssl_rules.h"

#include <string.h>

const struct openssl_rule openssl_rules[OPENSSL_N_RULES] = {
    {"SSL_CTX", "ssl_lib.c", {"SSL_CTX_new_ex", "SSL_CTX_new"}, {0}, true, 0},
    {"SSL", "ssl_lib.c", {"SSL_new", "SSL_dup"}, {0}, true, 2560}, /* of 3.2 and later SSL_new() jumps to what makes one */
    {"SSL_SESSION", "ssl_sess.c", {"SSL_SESSION_new", "SSL_SESSION_dup"}, {0}, true, 0},
    {"X509",
     "tasn_new.c",
     {"X509_new_ex", "X509_new", "X509_dup"},
     {"d2i_X509", "d2i_X509_AUX", "d2i_X509_bio", "d2i_X509_fp", "PEM_read_bio_X509", "PEM_read_X509",
      "PEM_read_bio_X509_AUX", "PEM_read_X509_AUX"},
     false,
     320}, /* of 1.1.1 most creators jump to ASN1_item_new(), so their stacks may have none */
    {"X509_CRL",
     "tasn_new.c",
     {"X509_CRL_new_ex", "X509_CRL_new", "X509_CRL_dup"},
     {"d2i_X509_CRL", "d2i_X509_CRL_bio", "d2i_X509_CRL_fp", "PEM_read_bio_X509_CRL", "PEM_read_X509_CRL"},
     false,
     0},
    {"X509_REQ",
     "tasn_new.c",
     {"X509_REQ_new_ex", "X509_REQ_new", "X509_REQ_dup"},
     {"d2i_X509_REQ", "d2i_X509_REQ_bio", "d2i_X509_REQ_fp", "PEM_read_bio_X509_REQ", "PEM_read_X509_REQ"},
     false,
     0},
    {"X509_STORE", "x509_lu.c", {"X509_STORE_new"}, {0}, true, 0},
    {"X509_STORE_CTX", "x509_vfy.c", {"X509_STORE_CTX_new_ex", "X509_STORE_CTX_new"}, {0}, true, 0},
    {"EVP_PKEY", "p_lib.c", {"EVP_PKEY_new"}, {0}, false, 0},
    {"EVP_PKEY_CTX",
     "pmeth_lib.c",
     {"EVP_PKEY_CTX_new", "EVP_PKEY_CTX_new_id", "EVP_PKEY_CTX_new_from_name", "EVP_PKEY_CTX_new_from_pkey",
      "EVP_PKEY_CTX_dup"},
     {0},
     false,
     0},
    {"EVP_MD_CTX", "digest.c", {"EVP_MD_CTX_new", "EVP_MD_CTX_dup"}, {0}, false, 0},
    {"EVP_CIPHER_CTX", "evp_enc.c", {"EVP_CIPHER_CTX_new", "EVP_CIPHER_CTX_dup"}, {0}, false, 0},
    {"BIO", "bio_lib.c", {"BIO_new_ex", "BIO_new"}, {0}, false, 0},
    {"BIGNUM", "bn_lib.c", {"BN_new", "BN_secure_new"}, {0}, false, 0},
    {"OPENSSL_STACK",
     "stack.c",
     {"OPENSSL_sk_new_reserve", "OPENSSL_sk_new", "OPENSSL_sk_new_null", "OPENSSL_sk_dup", "OPENSSL_sk_deep_copy"},
     {0},
     false,
     0},
    {"ASN1_STRING", "asn1_lib.c", {"ASN1_STRING_type_new", "ASN1_STRING_new"}, {0}, false, 0},
    {"ASN.1 item", "tasn_new.c", {0}, {0}, false, 0},
};

/* A rule's creators count from 0, its parsers behind them. */
static uint16_t creator_code(size_t rule, size_t which) {
    return (uint16_t)(OPENSSL_FRAME_CREATOR + rule * 2 * OPENSSL_CREATORS_MAX + which);
}

size_t openssl_code_rule(uint16_t code) {
    return (size_t)(code - OPENSSL_FRAME_CREATOR) / (2 * OPENSSL_CREATORS_MAX);
}

bool openssl_code_is_parser(uint16_t code) {
    return (code - OPENSSL_FRAME_CREATOR) % (2 * OPENSSL_CREATORS_MAX) >= OPENSSL_CREATORS_MAX;
}

/* CRYPTO_zalloc and the like; BoringSSL's begin with OPENSSL. */
static bool is_allocating(const char *function) {
    static const char *const ends[] = {"malloc",       "zalloc",        "calloc", "realloc", "aligned_alloc",
                                       "malloc_array", "realloc_array", "strdup", "strndup", "memdup"};
    if (strncmp(function, "CRYPTO_", 7) != 0 && strncmp(function, "OPENSSL_", 8) != 0) {
        return false;
    }
    size_t n = strlen(function);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t n_end = strlen(ends[i]);
        if (n > n_end && strcmp(function + n - n_end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

uint16_t openssl_meaning(const char *function) {
    if (!function) {
        return OPENSSL_FRAME_PLAIN;
    }
    for (size_t r = 0; r < OPENSSL_N_RULES; r++) {
        for (size_t i = 0; i < OPENSSL_CREATORS_MAX; i++) {
            if (openssl_rules[r].creators[i] && strcmp(function, openssl_rules[r].creators[i]) == 0) {
                return creator_code(r, i);
            }
            if (openssl_rules[r].parsers[i] && strcmp(function, openssl_rules[r].parsers[i]) == 0) {
                return creator_code(r, OPENSSL_CREATORS_MAX + i);
            }
        }
    }
    return is_allocating(function) ? OPENSSL_FRAME_WRAPPER : OPENSSL_FRAME_PLAIN;
}
