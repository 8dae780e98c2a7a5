/* freed_at.c - see freed_at.h. */
#include "freed_at.h"

#include <stdlib.h>

#include "trace_format.h"

enum { FIRST_ENTRIES = 1024, RECORD_ENTRIES_MAX = 1 << 20 /* so that a record fits a file block */ };

void freed_at_free(struct freed_at *f) {
    memory_unmap(f->entries, f->cap * sizeof *f->entries);
    memory_unmap(f->firsts, f->cap_firsts * sizeof *f->firsts);
    *f = (struct freed_at){0};
}

static struct freed_entry *place_of(const struct freed_at *f, uint32_t info, uint64_t place) {
    uint64_t hash = (place ^ (uint64_t)info << 32 ^ info) * 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    for (uint32_t mask = f->cap - 1, i = (uint32_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        struct freed_entry *e = &f->entries[i];
        if (e->info == 0 || (e->info == info && e->place == place)) {
            return e;
        }
    }
}

static void grow(struct freed_at *f) {
    struct freed_at larger = *f;
    larger.cap = f->cap ? f->cap * 2 : FIRST_ENTRIES;
    larger.entries = memory_map(larger.cap * sizeof *larger.entries);
    for (uint32_t i = 0; i < f->cap; i++) {
        if (f->entries[i].info) {
            *place_of(&larger, f->entries[i].info, f->entries[i].place) = f->entries[i];
        }
    }
    memory_unmap(f->entries, f->cap * sizeof *f->entries);
    *f = larger;
}

static void grow_firsts(struct freed_at *f, uint32_t info) {
    size_t cap = f->cap_firsts ? f->cap_firsts : FIRST_ENTRIES;
    while (cap <= info) {
        cap *= 2;
    }
    cap = cap < UINT32_MAX ? cap : UINT32_MAX;
    f->firsts = memory_grow(f->firsts, f->cap_firsts * sizeof *f->firsts, cap * sizeof *f->firsts);
    f->cap_firsts = (uint32_t)cap;
}

static void add_other(struct freed_at *f, uint32_t info, uint64_t place, int64_t n) {
    if (2 * f->n >= f->cap) {
        grow(f);
    }
    struct freed_entry *e = place_of(f, info, place);
    f->n += e->info == 0;
    e->info = info;
    e->place = place;
    e->n += n;
}

void freed_at_add_slow(struct freed_at *f, uint32_t info, uint64_t place, int64_t n) {
    f->is_any = true;
    if (info >= f->cap_firsts) {
        grow_firsts(f, info);
    }
    struct freed_first *first = &f->firsts[info];
    if (first->n == 0) {
        *first = (struct freed_first){.place = place, .n = n};
    } else {
        add_other(f, info, place, n);
    }
}

static int by_info(const void *a, const void *b) {
    const struct freed_entry *x = a, *y = b;
    return x->info != y->info ? (x->info > y->info) - (x->info < y->info) : (x->place > y->place) - (x->place < y->place);
}

/* Move what is to be told to the front, in order. Returns how many. */
static uint32_t put_in_order(struct freed_at *f) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->cap; i++) {
        if (f->entries[i].info && f->entries[i].n > 0) {
            struct freed_entry e = f->entries[i];
            f->entries[i] = f->entries[n];
            f->entries[n++] = e;
        }
    }
    qsort(f->entries, n, sizeof *f->entries, by_info);
    return n;
}

/* Keep what has been undone and not been made up for. */
static void forget(struct freed_at *f, uint32_t n_told) {
    struct freed_at left = {0};
    for (uint32_t i = n_told; i < f->cap; i++) {
        if (f->entries[i].info && f->entries[i].n < 0) {
            freed_at_add(&left, f->entries[i].info, f->entries[i].place, f->entries[i].n);
        }
    }
    freed_at_free(f);
    *f = left;
}

void freed_at_tell(struct freed_at *f, struct trace_records *records) {
    if (!f->is_any) {
        return;
    }
    for (uint32_t info = 1; info < f->cap_firsts; info++) {
        if (f->firsts[info].n != 0) {
            add_other(f, info, f->firsts[info].place, f->firsts[info].n);
        }
    }
    uint32_t n = put_in_order(f);
    for (uint32_t first = 0; first < n; first += RECORD_ENTRIES_MAX) {
        uint32_t end = n - first < RECORD_ENTRIES_MAX ? n : first + RECORD_ENTRIES_MAX, last = 0;
        trace_records_begin(records, TRACE_RECORD_FREED_AT);
        trace_records_number(records, end - first);
        for (uint32_t i = first; i < end; i++) {
            const struct freed_entry *e = &f->entries[i];
            trace_records_number(records, e->info - last);
            trace_records_number(records, e->place);
            trace_records_number(records, (uint64_t)e->n);
            last = e->info;
        }
        trace_records_end(records);
    }
    forget(f, n);
}

void freed_at_each(const struct freed_at *f, struct byte_buf *to) {
    for (uint32_t info = 1; f->is_any && info < f->cap_firsts; info++) {
        if (f->firsts[info].n != 0) {
            struct freed_entry e = {.place = f->firsts[info].place, .n = f->firsts[info].n, .info = info};
            byte_buf_append(to, &e, sizeof e);
        }
    }
    for (uint32_t i = 0; i < f->cap; i++) {
        if (f->entries[i].info != 0 && f->entries[i].n != 0) {
            byte_buf_append(to, &f->entries[i], sizeof f->entries[i]);
        }
    }
}

bool freed_at_read(struct freed_at *f, struct byte_reader in) {
    uint64_t info = 0;
    for (uint64_t n = varint_get(&in); n > 0 && !in.is_failed; n--) {
        info += varint_get(&in);
        uint64_t place = varint_get(&in), count = varint_get(&in);
        if (in.is_failed || info == 0 || info > UINT32_MAX || count > INT64_MAX) {
            return false;
        }
        freed_at_add(f, (uint32_t)info, place, (int64_t)count);
    }
    return !in.is_failed;
}
