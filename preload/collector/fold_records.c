/* fold_records.c - see fold_records.h. */
#include "fold_records.h"

#include <errno.h>
#include <unistd.h>

#include "fnv.h"
#include "trace_format.h"

enum { FIRST_MEMORIES = 64, FIRST_LOSSES = 64, RAW_WINDOW = -15, PROCESSES_MAX = 1 << 26 };

void fold_records_open(struct fold_records *r) {
    *r = (struct fold_records){.is_open = true};
    if (inflateInit2(&r->inflate, RAW_WINDOW) != Z_OK) {
        memory_die();
    }
}

void fold_records_close(struct fold_records *r) {
    if (r->is_open) {
        inflateEnd(&r->inflate);
    }
    trace_records_free(&r->kept);
    byte_buf_free(&r->stored);
    byte_buf_free(&r->raw);
    byte_buf_free(&r->payloads);
    freed_at_free(&r->freed_at);
    memory_unmap(r->memories, r->cap_memories * sizeof *r->memories);
    memory_unmap(r->losses, r->cap_losses * sizeof *r->losses);
    memory_unmap(r->places, 2 * (size_t)r->cap_losses * sizeof *r->places);
    *r = (struct fold_records){0};
}

static int fail(int cause) {
    errno = cause;
    return -1;
}

static uint32_t get_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int read_at(int fd, uint64_t off, void *to, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (uint8_t *)to + done, n - done, (off_t)(off + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : fail(EIO);
        }
        done += (size_t)got;
    }
    return 0;
}

/* ---- records of which the latest counts ---- */

static bool take_memory(struct fold_records *r, struct byte_reader in) {
    uint64_t process = varint_get(&in), ns = varint_get(&in), resident_bytes = varint_get(&in),
             peak_bytes = varint_get(&in);
    if (in.is_failed || process >= PROCESSES_MAX) {
        return false;
    }
    uint32_t cap = r->cap_memories ? r->cap_memories : FIRST_MEMORIES;
    while (cap <= process) {
        cap *= 2;
    }
    if (cap > r->cap_memories) {
        r->memories = memory_grow(r->memories, r->cap_memories * sizeof *r->memories, cap * sizeof *r->memories);
        r->cap_memories = cap;
    }
    struct fold_memory *m = &r->memories[process];
    uint64_t most = resident_bytes > peak_bytes ? resident_bytes : peak_bytes;
    m->ns = ns;
    m->resident_bytes = resident_bytes;
    m->peak_bytes = most > m->peak_bytes ? most : m->peak_bytes;
    return true;
}

/* The place of a process and key; 0 stands there if it is new. */
static uint32_t *place_of(const struct fold_records *r, const uint8_t *key, uint32_t n_key) {
    uint32_t mask = 2 * r->cap_losses - 1;
    for (uint32_t i = fnv32(key, n_key) & mask;; i = (i + 1) & mask) {
        const struct fold_loss *loss = r->places[i] ? &r->losses[r->places[i] - 1] : NULL;
        if (!loss || (loss->n_key == n_key && memcmp(r->payloads.bytes + loss->at, key, n_key) == 0)) {
            return &r->places[i];
        }
    }
}

static void grow_losses(struct fold_records *r) {
    uint32_t cap = r->cap_losses ? r->cap_losses * 2 : FIRST_LOSSES;
    memory_unmap(r->places, 2 * (size_t)r->cap_losses * sizeof *r->places);
    r->losses = memory_grow(r->losses, r->cap_losses * sizeof *r->losses, cap * sizeof *r->losses);
    r->places = memory_map(2 * (size_t)cap * sizeof *r->places);
    r->cap_losses = cap;
    for (uint32_t i = 0; i < r->n_losses; i++) {
        *place_of(r, r->payloads.bytes + r->losses[i].at, r->losses[i].n_key) = i + 1;
    }
}

static bool take_loss(struct fold_records *r, struct byte_reader in) {
    const uint8_t *payload = in.p;
    uint32_t n = (uint32_t)byte_reader_left(&in);
    varint_get(&in);
    byte_reader_take(&in, varint_get(&in));
    if (in.is_failed) {
        return false;
    }
    if (r->n_losses == r->cap_losses) {
        grow_losses(r);
    }
    struct fold_loss loss = {.at = r->payloads.n, .n = n, .n_key = (uint32_t)(in.p - payload)};
    uint32_t *place = place_of(r, payload, loss.n_key);
    *place = *place ? *place : ++r->n_losses;
    r->losses[*place - 1] = loss;
    byte_buf_append(&r->payloads, payload, n);
    return true;
}

/* Whether what a record says has been noted, or is not needed any more. */
static bool is_taken(struct fold_records *r, uint64_t type, const uint8_t *payload, size_t n) {
    switch (type) {
    case TRACE_RECORD_MEMORY:
        return take_memory(r, byte_reader_over(payload, n));
    case TRACE_RECORD_LOST:
        return take_loss(r, byte_reader_over(payload, n));
    case TRACE_RECORD_FREED_AT:
        return freed_at_read(&r->freed_at, byte_reader_over(payload, n));
    case TRACE_RECORD_FOLDED:
    case TRACE_RECORD_FOLDED_INFOS:
    case TRACE_RECORD_FOLDED_PROCESSES:
    case TRACE_RECORD_FOLDED_THREADS:
        return true;
    default:
        return false;
    }
}

static int take_records(struct fold_records *r) {
    struct byte_reader in = byte_reader_over(r->raw.bytes, r->raw.n);
    while (byte_reader_left(&in)) {
        const uint8_t *record = in.p;
        uint64_t type = varint_get(&in), n = varint_get(&in);
        const uint8_t *payload = byte_reader_take(&in, n);
        if (!payload) {
            return fail(EIO);
        }
        if (!is_taken(r, type, payload, (size_t)n)) {
            byte_buf_append(&r->kept.ready, record, (size_t)(in.p - record));
        }
    }
    return 0;
}

/* ---- blocks ---- */

static int inflate_block(struct fold_records *r, uint32_t raw_bytes) {
    r->raw.n = 0;
    byte_buf_reserve(&r->raw, (size_t)raw_bytes + 1);
    inflateReset(&r->inflate);
    r->inflate.next_in = r->stored.bytes;
    r->inflate.avail_in = (uInt)r->stored.n;
    r->inflate.next_out = r->raw.bytes;
    r->inflate.avail_out = raw_bytes + 1;
    if (inflate(&r->inflate, Z_FINISH) != Z_STREAM_END || r->inflate.avail_out != 1) {
        return fail(EIO);
    }
    r->raw.n = raw_bytes;
    return 0;
}

int fold_records_read(struct fold_records *r, int fd, uint64_t *off) {
    uint8_t head[TRACE_BLOCK_HEADER_BYTES];
    if (read_at(fd, *off, head, sizeof head) != 0) {
        return -1;
    }
    uint32_t raw_bytes = get_u32(head + 8), stored_bytes = get_u32(head + 12);
    if (get_u32(head) != TRACE_BLOCK_MAGIC || raw_bytes > TRACE_BLOCK_RAW_MAX || stored_bytes > TRACE_BLOCK_STORED_MAX) {
        return fail(EIO);
    }
    uint64_t from = *off + sizeof head;
    *off = from + stored_bytes;
    if (head[4] != TRACE_BLOCK_RECORDS) {
        return 0;
    }
    r->stored.n = 0;
    if (read_at(fd, from, byte_buf_reserve(&r->stored, stored_bytes), stored_bytes) != 0) {
        return -1;
    }
    r->stored.n = stored_bytes;
    return inflate_block(r, raw_bytes) == 0 ? take_records(r) : -1;
}

void fold_records_end(struct fold_records *r) {
    for (uint32_t i = 0; i < r->cap_memories; i++) {
        const struct fold_memory *m = &r->memories[i];
        if (m->ns != 0) {
            trace_records_begin(&r->kept, TRACE_RECORD_MEMORY);
            trace_records_number(&r->kept, i);
            trace_records_number(&r->kept, m->ns);
            trace_records_number(&r->kept, m->resident_bytes);
            trace_records_number(&r->kept, m->peak_bytes);
            trace_records_end(&r->kept);
        }
    }
    for (uint32_t i = 0; i < r->n_losses; i++) {
        trace_records_begin(&r->kept, TRACE_RECORD_LOST);
        byte_buf_append(&r->kept.payload, r->payloads.bytes + r->losses[i].at, r->losses[i].n);
        trace_records_end(&r->kept);
    }
    freed_at_tell(&r->freed_at, &r->kept);
}
