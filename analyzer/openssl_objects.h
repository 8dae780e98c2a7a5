/* openssl_objects.h - which blocks are OpenSSL's objects, of what type, and who made those that are still alive.
 *
 * profile -> symbolize -> blame -> [openssl_objects] -> report_openssl. An object's life is its block's life: SSL_CTX_new() allocates one block of
 * its structure, whatever references are taken later, and the last SSL_CTX_free() gives that block back. So objects are counted by finding
 * these blocks among all that OpenSSL allocates.
 *
 * An object's block is told by three things that agree: the exported function that creates the type is on its stack, its tag names the file of
 * OpenSSL's that this function is in, and of all such blocks it is the one nearest to that function. Lines and sizes change with each version of
 * OpenSSL; they are learnt from the trace, for each library file alone. A size once learnt also tells the objects that OpenSSL makes by functions
 * of its own that no symbol names. Where a library has no tags (BoringSSL, openssl=no), the stack alone decides.
 */
#ifndef SEEP_OPENSSL_OBJECTS_H
#define SEEP_OPENSSL_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "blame.h"
#include "profile.h"
#include "symbolize.h"

/* Where OpenSSL allocates objects of a type. */
struct openssl_place {
    const char *file; /* as OpenSSL says it, from its folder on; NULL = it has not said */
    uint32_t line;    /* 0 = unknown */
    uint64_t size_bytes;
    struct cost cost;
};

/* Whose calls led to objects that are alive. */
struct openssl_maker {
    const struct location *location; /* of the owner of their stacks, see blame.h */
    uint32_t frame;                  /* which of its functions */
    uint64_t ip;
    uint64_t blocks, bytes;
};

struct openssl_type {
    const char *name;             /* as in OpenSSL's headers: SSL_CTX, X509, … */
    struct cost cost;             /* of the objects' own blocks: calls = created, unreleased_blocks = alive */
    uint64_t held_bytes;          /* unreleased bytes of the objects, and of what was allocated while creating them */
    struct openssl_place *places; /* most created first */
    size_t n_places, cap_places, max_places;
    struct openssl_maker *makers;            /* most alive first */
    size_t n_makers, cap_makers, max_makers; /* with max of them, those that are the same are added up */
};

struct openssl_objects {
    struct openssl_type *types; /* those that were met, in the order of the table of rules */
    size_t n_types;
    uint8_t *type_of; /* by stack: index into types + 1 of what each of its blocks is, 0 = no object */
    uint64_t n_calls; /* allocations of OpenSSL's, objects or not */
};

/* Find them.
 *
 * Memory   openssl_objects_free() */
void openssl_objects_find(struct openssl_objects *objects, const struct profile *profile, struct symbolizer *symbolizer,
                          struct blame *blame);

void openssl_objects_free(struct openssl_objects *objects);

#endif
