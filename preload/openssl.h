/* openssl.h - the copies of OpenSSL's libcrypto in this process, and whose functions they allocate with.
 *
 *   dlopen, dlsym, start ─► [openssl] looks through the loaded objects ─► CRYPTO_set_mem_functions of each new copy
 *   OpenSSL ─► openssl_calls: ours, one set for each copy ─► hook, or the program's own functions
 *
 * A copy is any object that defines CRYPTO_set_mem_functions in its dynamic symbols: a library, with -Bsymbolic or opened with RTLD_LOCAL, or the program
 * itself. It takes functions only until it has allocated, so it is asked at the shim's start, and when a library has been opened at the next dlsym(): before that
 * nobody can call into it but its own constructors. (A dlopen() that is called from here would look for libraries where this one's are; so that, and dlsym(), are
 * jumped to.) What is in another namespace (dlmopen) has a libc of its own, and none of it is seen.
 *
 * With functions set, OpenSSL would let the program set others at any time; without ours it refuses once it has allocated. So both are interposed, and answer as
 * the copy would have without us. Calls that do not come by the symbol are not seen: from inside the object that OpenSSL is linked into, or of an address
 * that dlsym() gave. They replace ours, which is noticed at the next look and said.
 *
 * Not asked: OpenSSL before 1.1.0, whose functions have no file and line; AWS-LC, which leaves them out; LibreSSL, which takes none; copies that have an
 * allocator of their own inside, whose blocks somebody may give straight to its free(). BoringSSL has nothing to be asked by. A NOTE says which and why.
 *
 * Source: OpenSSL, crypto/mem.c of 1.1.0 to 3.5; LibreSSL, crypto/mem_clr.c and malloc-wrapper.c; AWS-LC and BoringSSL, crypto/mem.c.
 */
#ifndef SEEP_OPENSSL_H
#define SEEP_OPENSSL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"

enum { OPENSSL_COPIES_MAX = 16 };

/* The functions that OpenSSL takes. */
typedef void *openssl_malloc(size_t size, const char *file, int line);
typedef void *openssl_realloc(void *old, size_t size, const char *file, int line);
typedef void openssl_free(void *p, const char *file, int line);

struct openssl_functions {
    openssl_malloc *malloc;
    openssl_realloc *realloc;
    openssl_free *free;
};

typedef int openssl_set(openssl_malloc *, openssl_realloc *, openssl_free *);
typedef void openssl_get(openssl_malloc **, openssl_realloc **, openssl_free **);

enum openssl_state {
    OPENSSL_FREE = 0,
    OPENSSL_HOOKED = 1,   /* it allocates with ours */
    OPENSSL_REPLACED = 2, /* it did, and somebody has set others past us */
    OPENSSL_PLAIN = 3,    /* it is only seen through malloc; a NOTE has said why */
};

struct openssl_copy {
    _Atomic uint32_t state; /* enum openssl_state; release after the rest */
    _Atomic uint32_t
        is_plain; /* it has served, the program has set nothing and cannot any more, and the C family may be called straight away */
    _Atomic uint32_t has_served; /* its own allocator has served a request: from then on it takes no functions */
    openssl_set *set;
    openssl_get *get;                         /* NULL = it has none to be reached */
    uint64_t start, identity;                 /* of its object */
    struct openssl_functions own;             /* what it came with */
    _Atomic(openssl_malloc *) program_malloc; /* what the program has set; NULL = nothing */
    _Atomic(openssl_realloc *) program_realloc;
    _Atomic(openssl_free *) program_free;
};

extern HIDDEN struct openssl_copy openssl_copies[OPENSSL_COPIES_MAX];

/* Ours, by place of the copy. */
extern HIDDEN const struct openssl_functions openssl_ours[OPENSSL_COPIES_MAX];

/* Whether the C family may be called straight away, or has to be asked as any library would: see openssl_calls.c. Set before the first copy is. */
extern HIDDEN bool openssl_is_direct, openssl_is_realloc_direct;

/* Begin: look for the copies that the program was started with. Context: once, from the shim's start */
void openssl_start(void);

/* Objects may have come: there is something to look at. Context: any, async-signal-safe */
void openssl_expect(void);

/* Look if something may have come since this thread did. Context: any thread, not inside a hook; the loader's lock (dl_iterate_phdr) */
void openssl_look(void);

/* The last look, at all of them. Context: as above; at the exit */
void openssl_finish(void);

/* A library has been closed. Context: as above */
void openssl_check_gone(void);

/* The copy of that function, NULL if it is not one of those that allocate with ours. */
struct openssl_copy *openssl_find_set(openssl_set *set);
struct openssl_copy *openssl_find_get(openssl_get *get);

/* What the copy would have answered without us. */
int openssl_answer_set(struct openssl_copy *copy, const struct openssl_functions *wanted);
struct openssl_functions openssl_answer_get(const struct openssl_copy *copy);

#endif
