/* site_identity.h - what a site is called in every build and every run, and which site of one trace is which of another.
 *
 * A line moves, an address is another in every run, a helper is inlined or renamed: none of them makes another site. A site is known by functions:
 * the blamed one (blame.h), the next ones outward, and the module of the first:
 *
 *   reload_certificate < reload_all < main [server]
 *
 * - Names are those of stable_name.h. At most IDENTITY_KEY_NAMES make the key; the rest of the way to main is kept to tell apart what is
 *   not equal.
 * - Inlined functions count as others do. A function that is there already (recursion) counts once. Left out are callers without a name, those that only
 *   allocate or call for others (blame_rules.h: operator new, all of std::, of libc, of TLS libraries), and all behind main.
 * - A blamed function without a name is "0x1a2b@12345678": its place in the file and the beginning of the file's build-id. Where no trace to compare with has that
 *   build, all of a module's are one, "??".
 * - Allocations of which no stack is known are "(no stack)".
 *
 * Matching is one to one. In this order, each step with what the ones before have left:
 *   1. the same key
 *   2. the same functions in another module (a program under another name, code that moved)
 *   3. the same blamed function by the last part of its name, and the most functions of both paths in common, in the same order; at least two,
 *      or all of the shorter path
 *   4. the same path, but for a blamed function, and perhaps its next callers, that do not occur on the other side at all: they were inlined where nothing
 *      tells so, or jumped to the allocator instead of calling it
 * Of several that are as good, the first by key.
 */
#ifndef SEEP_SITE_IDENTITY_H
#define SEEP_SITE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "string_pool.h"

enum {
    IDENTITY_KEY_NAMES = 3,
    IDENTITY_PATH_MAX = 32, /* functions of the path that are compared */
};

#define IDENTITY_NO_MATCH UINT32_MAX

/* Strings are the pool's: equal strings are equal pointers. */
struct identity {
    const char *key;
    const char *module;
    const char *names[IDENTITY_KEY_NAMES]; /* the blamed function first */
    const char *lasts[IDENTITY_PATH_MAX];  /* the last parts of all names of the path */
    uint32_t n_names;                      /* of the path: these, at least 1 */
    bool is_cut;                           /* the path goes on, but is not known: it was read from a key */
};

/* Add a function to the path; what is beyond IDENTITY_PATH_MAX is left out. name and last: of the pool. */
void identity_add(struct identity *id, const char *name, const char *last);

/* Set the key from names and module. */
void identity_set_key(struct identity *id, struct string_pool *pool);

/* Take a key apart. Returns 0, or -1 if it is none. */
MUST_CHECK int identity_parse(struct identity *id, const char *key, struct string_pool *pool);

/* Find for each of a the one of b that it is. Both are of one pool.
 *
 * match    n_a places: index into b, or IDENTITY_NO_MATCH
 * Time     grows with n log n, but for step 3: there it is the product of what each side has left of one function, IDENTITY_TRIED_MAX at most */
enum { IDENTITY_TRIED_MAX = 200 };
void identity_match(const struct identity *const *a, size_t n_a, const struct identity *const *b, size_t n_b,
                    uint32_t *match);

#endif
