/* freed_at.h - where OpenSSL freed blocks of each info: counts by info and place (file and line), told now and then as FREED_AT.
 *
 * The record adds to those before, so that a lost one costs only what it says. What has been counted and not told is all that is kept. Also used to sum up the
 * records of a trace that is folded.
 */
#ifndef SEEP_COLLECTOR_FREED_AT_H
#define SEEP_COLLECTOR_FREED_AT_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "trace_records.h"

struct freed_entry {
    uint64_t place; /* trace_tag_place() */
    int64_t n;      /* less than 0 where a free has been told of and undone since */
    uint32_t info;  /* 0 = an empty place of the hash */
};

/* Most blocks of an info are freed at one place: that is found without a hash. */
struct freed_first {
    uint64_t place;
    int64_t n; /* 0 = there is none */
};

struct freed_at {
    struct freed_first *firsts; /* by info */
    uint32_t cap_firsts;
    struct freed_entry *entries; /* the others */
    uint32_t n, cap;
    bool is_any; /* something has been counted */
};

void freed_at_free(struct freed_at *f);

/* Count n more frees of blocks of that info; n < 0: so many did not happen. */
void freed_at_add_slow(struct freed_at *f, uint32_t info, uint64_t place, int64_t n);
ALWAYS_INLINE void freed_at_add(struct freed_at *f, uint32_t info, uint64_t place, int64_t n) {
    if (LIKELY(info < f->cap_firsts && f->firsts[info].n != 0 && f->firsts[info].place == place)) {
        f->firsts[info].n += n;
    } else {
        freed_at_add_slow(f, info, place, n);
    }
}

/* Tell all, and forget it. */
void freed_at_tell(struct freed_at *f, struct trace_records *records);

/* Append all that has been counted and not told to `to`, as struct freed_entry. */
void freed_at_each(const struct freed_at *f, struct byte_buf *to);

/* Add up a record's payload. Returns false where it makes no sense. */
bool freed_at_read(struct freed_at *f, struct byte_reader in);

#endif
