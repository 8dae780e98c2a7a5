/* source_tag.h - file and line of an allocation, as OpenSSL gives them, as one number: a tag (trace_format.h).
 *
 * openssl_calls -> [source_tag] -> hook
 *
 * The names of files are constants of the libraries that allocate; OpenSSL passes pointers to them, and each caller has its own. A cache finds a pointer's
 * id by one load; behind it the names themselves are compared, so that libraries that are closed and opened again make no new ids. A name enters the ring's
 * log before its id is used.
 *
 * Nothing is read through a pointer that does not point into the read-only part of a loaded object: any program may call CRYPTO_malloc() with anything. Then,
 * and for NULL and "", the file is not known (id 0), and the line is kept.
 *
 * Context  of all, unless said otherwise: any thread, inside malloc, async-signal-safe: no lock, no system call but where a name is logged
 * Memory   of the library's own zeroed data, 340 KiB of which are touched as names come
 */
#ifndef SEEP_SOURCE_TAG_H
#define SEEP_SOURCE_TAG_H

#include <stdatomic.h>
#include <stdint.h>

#include "attributes.h"
#include "trace_format.h"

enum { SOURCE_CACHE_BITS = 12, SOURCE_ID_BITS = 16, SOURCE_POINTER_BITS = 48 };

/* pointer << SOURCE_ID_BITS | id; a place belongs to whoever wrote it last. */
extern HIDDEN _Atomic uint64_t source_cache[1 << SOURCE_CACHE_BITS];

/* The id of a name that the cache does not have. */
uint32_t source_file_slow(const char *name);

/* The tag of a call; never 0. */
ALWAYS_INLINE uint64_t source_tag(const char *file, int line) {
    uint64_t at = (uint64_t)file, place = at * 0x9E3779B97F4A7C15u >> (64 - SOURCE_CACHE_BITS);
    uint64_t entry = atomic_load_explicit(&source_cache[place], memory_order_relaxed);
    uint32_t id = (uint32_t)entry & ((1u << SOURCE_ID_BITS) - 1);
    if (UNLIKELY(entry >> SOURCE_ID_BITS != at || (uint32_t)line >> TRACE_TAG_LINE_BITS)) {
        return trace_tag(source_file_slow(file), line > 0 ? (uint32_t)line : 0);
    }
    return TRACE_TAG_IP | (uint64_t)id << TRACE_TAG_LINE_BITS | (uint32_t)line;
}

/* A library has been closed: pointers may mean another name from here on. */
void source_tag_forget(void);

/* In a fork child, whose ring's log is empty: tell it of all names. Context: no other thread */
void source_tag_log_again(void);

#endif
