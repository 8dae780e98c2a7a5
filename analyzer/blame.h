/* blame.h - which frame of a stack is to blame for the allocation, and which function of the application it is for.
 *
 * profile -> symbolize -> [blame] -> sites. The blamed frame is the first one, going outward from the leaf, that is neither a
 * wrapper nor in a module that only allocates for others (blame_rules.h); inlined functions count as frames. The owner is the
 * first such frame that is not in a system library either.
 *
 *   malloc                                                      not in the stack: it was interposed
 *   CRYPTO_zalloc      libcrypto.so.3    leaf                    skipped: module
 *   EVP_PKEY_new       libcrypto.so.3                            skipped: module
 *   curl_load_key      libcurl.so.4      blamed
 *   fetch              /srv/app/server   owner
 *
 * - Behind a frame in no known module (code made at run time, as Java's) nobody is blamed: that code asked, and cannot be named.
 * - A function without a name, in a module outside the table, is blamed like any other, unless the next function outward in that module that has
 *   a name is a wrapper: what a wrapper calls are its own helpers.
 * - Where OpenSSL is linked into a program, what its functions call in there is OpenSSL's, too, since nothing else tells its internal functions: a callback
 *   that the program has given to it as well.
 * - libc is passed over: strdup, getline and fopen are calls of the program, and what starts threads and programs is nobody's.
 * - Where nothing is left to blame, it is the outermost wrapper function; without one, the outermost frame in a module of the
 *   table; where there is none either, the leaf.
 * - Where no frame is the application's, the owner is the blamed frame.
 *
 * seep(1), "Blame", says what a system library is.
 *
 * Names are those of symbol tables, which are cheap. What is inlined takes debug information, and is asked for in two
 * cases only: of the frame that is found, to tell which of its functions it is; and of wrappers that are templates, into which others' code may be
 * inlined (a lambda into std::for_each).
 */
#ifndef SEEP_BLAME_H
#define SEEP_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blame_rules.h"
#include "profile.h"
#include "symbolize.h"

struct blame;

/* Memory   blame_close(); profile, symbolizer and rules are used until then */
struct blame *blame_open(const struct profile *profile, struct symbolizer *symbolizer,
                         const struct blame_rules *rules) MUST_CHECK;

void blame_close(struct blame *b);

/* How the function at a place is chosen among those inlined there. */
enum blame_choice {
    BLAME_INNERMOST, /* the innermost, whatever it is */
    BLAME_OUTERMOST, /* the one that exists as code */
    BLAME_FIRST,     /* the first that is no wrapper; the outermost if all are */
    BLAME_IF_ANY,    /* the first inlined one that is no wrapper; if there is none, the place is not it */
};

/* A place in a stack where the answer may be. */
struct blame_candidate {
    uint32_t stack; /* index into profile->stacks */
    enum blame_choice choice;
};

/* Places where the answer may be, innermost first: any number with BLAME_IF_ANY and one without, the last. */
struct blame_path {
    struct blame_candidate *candidates;
    size_t n, cap;
};

/* List the candidates of a stack that begins at leaf, a frame.
 * Memory   path is used again from call to call; the caller frees path->candidates */
void blame_find(struct blame *b, uint32_t leaf, bool is_owner, struct blame_path *path);

/* Choose among the functions at one address (reads debug information).
 * Returns  whether it is one of them: not with BLAME_IF_ANY alone; *frame is its index in the location's frames */
bool blame_choose(struct blame *b, const struct location *location, enum blame_choice choice, uint32_t *frame);

/* One function at one place of a stack. */
struct blame_frame {
    uint32_t stack; /* index into profile->stacks */
    uint32_t frame; /* of its location's frames */
};

/* Both steps at once. */
struct blame_frame blame_resolve(struct blame *b, uint32_t leaf, bool is_owner);

/* Where the frames of a stack begin: itself, or further out past its tag and `operator new`, which is no leaf, as in heaptrack. */
uint32_t blame_leaf(struct blame *b, uint32_t stack);

#endif
