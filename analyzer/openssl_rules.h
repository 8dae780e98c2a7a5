/* openssl_rules.h - what is known of OpenSSL's functions: which of them make objects of which type, and which only hand out memory.
 *
 * A type is one row of a table. Only exported functions are named, since these are known in a stripped library, too (on the stack, or in the call
 * of one that ended in a jump: X509_new, EVP_MD_CTX_new), and keep their names from version to version.
 */
#ifndef SEEP_OPENSSL_RULES_H
#define SEEP_OPENSSL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPENSSL_CREATORS_MAX = 8, OPENSSL_N_RULES = 17 };

/* So deep may the functions be that a program has given to CRYPTO_set_mem_functions(). */
enum { OPENSSL_OWN_FRAMES_MAX = 8 };

/* Where a block could be of several types, the first row has it. */
struct openssl_rule {
    const char *name; /* of the type */
    const char *file; /* of OpenSSL's that allocates it, without folders */
    const char
        *creators[OPENSSL_CREATORS_MAX]; /* functions that make one at each call; none: each block of that file is one */
    const char *parsers[OPENSSL_CREATORS_MAX]; /* those that make one unless they are given one to fill in */
    bool has_telling_size;                     /* no other blocks of that file have the size of its structure, */
    uint64_t least_bytes;                      /* or are as large as this; 0 = some are */
};

extern const struct openssl_rule openssl_rules[OPENSSL_N_RULES];

/* What a function means; from OPENSSL_FRAME_CREATOR on: it is a creator or a parser. */
enum {
    OPENSSL_FRAME_UNKNOWN = 0, /* not asked yet */
    OPENSSL_FRAME_PLAIN = 1,
    OPENSSL_FRAME_WRAPPER = 2, /* hands out memory: CRYPTO_zalloc and the like */
    OPENSSL_FRAME_CREATOR = 3,
};

/* Look a function up by its name; NULL = unknown. */
uint16_t openssl_meaning(const char *function);

/* The row of a creator or parser. */
size_t openssl_code_rule(uint16_t code);
bool openssl_code_is_parser(uint16_t code);

#endif
