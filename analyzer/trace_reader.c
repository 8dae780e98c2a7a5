/* trace_reader.c - file blocks, checked and inflated; see trace_reader.h and include/FORMAT.md. */
#include "trace_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "ring.h"
#include "trace_format.h"

enum { SEARCH_WINDOW_BYTES = 1 << 16 };

static const char why_withheld[] = "events that need a lost part before them; readable again from the next checkpoint on";

struct block_header {
    unsigned type, flags;
    uint32_t raw_bytes, stored_bytes, crc;
};

static uint16_t get_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int PRINTF_LIKE(2, 3) fail(struct trace_reader *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->error, sizeof r->error, fmt, args);
    va_end(args);
    return -1;
}

/* Read up to n bytes at off. Returns how many there were; an I/O error counts as the end of the file. */
static size_t read_at(const struct trace_reader *r, uint64_t off, void *to, size_t n) {
    if (off >= r->file_bytes) {
        return 0;
    }
    if (n > r->file_bytes - off) {
        n = (size_t)(r->file_bytes - off);
    }
    if (r->fd < 0) {
        memcpy(to, r->memory + off, n);
        return n;
    }
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(r->fd, (char *)to + done, n - done, (off_t)(off + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

/* A buffer of at least n bytes; what it held is not kept. */
static uint8_t *reserve(uint8_t **buffer, size_t *cap, size_t n) {
    if (n > *cap) {
        free(*buffer);
        *buffer = NULL;
        *cap = 0;
        *buffer = xalloc(n);
        *cap = n;
    }
    return *buffer;
}

static int start_streams(struct trace_reader *r, const char *path) {
    if (inflateInit2(&r->events, -MAX_WBITS) != Z_OK) {
        return fail(r, "%s: zlib cannot start", path);
    }
    if (inflateInit2(&r->alone, -MAX_WBITS) != Z_OK) {
        inflateEnd(&r->events);
        return fail(r, "%s: zlib cannot start", path);
    }
    r->has_streams = true;
    return 0;
}

static int check_file_header(struct trace_reader *r, const char *path) {
    uint8_t head[TRACE_HEADER_BYTES];
    size_t n = read_at(r, 0, head, sizeof head);
    if (n == 0) {
        return fail(r, "%s: empty file", path);
    }
    if (memcmp(head, RING_MAGIC, n < 8 ? n : 8) == 0 && n >= 5) {
        return fail(r, "%s: not a trace but the ring of a traced process (offset 0); read the trace beside it", path);
    }
    size_t n_magic = n < TRACE_MAGIC_BYTES ? n : TRACE_MAGIC_BYTES;
    if (memcmp(head, TRACE_MAGIC, n_magic) != 0) {
        bool is_text_transfer = n >= 5 && memcmp(head, TRACE_MAGIC, 4) == 0;
        return fail(r, "%s: not a seep trace (offset 0: %s)", path,
                    is_text_transfer ? "the magic number was changed, as by a transfer in text mode" : "no magic number");
    }
    if (n < TRACE_HEADER_BYTES) {
        return fail(r, "%s: cut within its header (offset %zu)", path, n);
    }
    r->version_major = get_u16(head + 8);
    r->version_minor = get_u16(head + 10);
    if (r->version_major != TRACE_VERSION_MAJOR && r->version_major != TRACE_VERSION_FOLDED) {
        return fail(r, "%s: made by %s seep: format %u.%u, this seep reads %d.x and %d.x", path,
                    r->version_major > TRACE_VERSION_MAJOR ? "a newer" : "an older", r->version_major, r->version_minor,
                    TRACE_VERSION_MAJOR, TRACE_VERSION_FOLDED);
    }
    trace_reader_rewind(r);
    return start_streams(r, path);
}

int trace_reader_open(struct trace_reader *r, const char *path) {
    *r = (struct trace_reader){.fd = -1};
    /* O_NONBLOCK: a FIFO is to be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return fail(r, "cannot open %s: %s", path, strerror(errno));
    }
    r->fd = fd;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return fail(r, "cannot read %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return fail(r, "cannot read %s: %s", path, S_ISDIR(st.st_mode) ? "is a directory" : "not a regular file");
    }
    r->file_bytes = (uint64_t)st.st_size;
    return check_file_header(r, path);
}

int trace_reader_open_memory(struct trace_reader *r, const void *bytes, size_t n, const char *name) {
    *r = (struct trace_reader){.fd = -1, .memory = bytes, .file_bytes = n};
    return check_file_header(r, name);
}

static void drop_damage(struct trace_reader *r) {
    for (size_t i = 0; i < r->n_damage; i++) {
        free(r->damage[i].what);
    }
    r->n_damage = 0;
}

void trace_reader_rewind(struct trace_reader *r) {
    drop_damage(r);
    r->off = TRACE_HEADER_BYTES;
    r->needs_checkpoint = true; /* the first EVENTS block is one */
    r->raw_bytes = 0;
    /* Each "SBLK" found in rubbish costs a CRC over up to 64 MiB, so a forged file could keep us for days. */
    r->search_budget = ((uint64_t)1 << 26) + r->file_bytes * 16;
}

void trace_reader_close(struct trace_reader *r) {
    if (r->fd >= 0) {
        close(r->fd);
    }
    if (r->has_streams) {
        inflateEnd(&r->events);
        inflateEnd(&r->alone);
    }
    drop_damage(r);
    free(r->damage);
    free(r->stored);
    free(r->raw);
    *r = (struct trace_reader){.fd = -1};
}

void trace_reader_note(struct trace_reader *r, uint64_t off, uint64_t n_bytes, const char *why) {
    struct damage *last = r->n_damage ? &r->damage[r->n_damage - 1] : NULL;
    if (last && last->off + last->n_bytes == off && last->n_bytes && strcmp(last->what, why) == 0) {
        last->n_bytes = n_bytes ? last->n_bytes + n_bytes : 0;
        return;
    }
    if (last && last->off == off && last->n_bytes == n_bytes && strcmp(last->what, why) == 0) {
        return;
    }
    if (last && r->n_damage == TRACE_DAMAGE_ENTRIES_MAX) {
        last->n_bytes = 0; /* the list ends with: damaged from here on */
        return;
    }
    r->damage = xgrow(r->damage, r->n_damage, &r->cap_damage, sizeof *r->damage);
    r->damage[r->n_damage++] = (struct damage){.off = off, .n_bytes = n_bytes, .what = xstrndup(why, strlen(why))};
}

void trace_reader_reject(struct trace_reader *r, const struct trace_block *block, const char *why) {
    trace_reader_note(r, block->off, block->file_bytes, why);
    if (block->type == TRACE_BLOCK_EVENTS) {
        r->needs_checkpoint = true;
    }
}

/* Check the file block at off and leave its stored bytes in r->stored.
 * Returns NULL, or what is wrong with it. */
static const char *load_block(struct trace_reader *r, uint64_t off, struct block_header *h) {
    uint8_t head[TRACE_BLOCK_HEADER_BYTES];
    if (read_at(r, off, head, sizeof head) < sizeof head) {
        return "cut within the header of a file block";
    }
    if (get_u32(head) != TRACE_BLOCK_MAGIC) {
        return "no file block where one should start";
    }
    *h = (struct block_header){
        .type = head[4],
        .flags = head[5],
        .raw_bytes = get_u32(head + 8),
        .stored_bytes = get_u32(head + 12),
        .crc = get_u32(head + 16),
    };
    if (h->raw_bytes > TRACE_BLOCK_RAW_MAX || h->stored_bytes > TRACE_BLOCK_STORED_MAX) {
        return "a file block with lengths that cannot be";
    }
    if (h->stored_bytes > r->file_bytes - off - sizeof head) {
        return "cut within a file block";
    }
    uint8_t *stored = reserve(&r->stored, &r->cap_stored, h->stored_bytes);
    if (read_at(r, off + sizeof head, stored, h->stored_bytes) < h->stored_bytes) {
        return "cut within a file block";
    }
    uLong crc = crc32(crc32(0, head, 16), stored, h->stored_bytes);
    return crc == h->crc ? NULL : "a file block with a wrong checksum";
}

/* Look for a good file block at from or behind. Returns its offset, or the size of the file. */
static uint64_t find_block(struct trace_reader *r, uint64_t from) {
    static const uint8_t magic[4] = {'S', 'B', 'L', 'K'};
    uint8_t window[SEARCH_WINDOW_BYTES];
    for (;;) {
        size_t n = read_at(r, from, window, sizeof window);
        if (n < TRACE_BLOCK_HEADER_BYTES) {
            return r->file_bytes;
        }
        for (size_t at = 0; at + sizeof magic <= n;) {
            const uint8_t *hit = memmem(window + at, n - at, magic, sizeof magic);
            if (!hit) {
                break;
            }
            struct block_header h = {0};
            uint64_t off = from + (uint64_t)(hit - window);
            if (!load_block(r, off, &h)) {
                return off;
            }
            bool is_read = h.stored_bytes <= TRACE_BLOCK_STORED_MAX && h.stored_bytes <= r->file_bytes - off;
            uint64_t cost = is_read ? h.stored_bytes : 0;
            if (cost > r->search_budget) {
                return r->file_bytes;
            }
            r->search_budget -= cost;
            at = (size_t)(hit - window) + 1;
        }
        from += n - (sizeof magic - 1);
    }
}

/* Inflate what load_block() left in r->stored. Returns NULL, or what is wrong with it. */
static const char *inflate_block(struct trace_reader *r, const struct block_header *h) {
    bool is_events = h->type == TRACE_BLOCK_EVENTS;
    z_stream *z = is_events ? &r->events : &r->alone;
    if (!is_events || h->flags & TRACE_FLAG_CHECKPOINT) {
        inflateReset(z);
    }
    /* One byte more than promised, so that a block that holds more is noticed. */
    z->next_out = reserve(&r->raw, &r->cap_raw, (size_t)h->raw_bytes + 1);
    z->avail_out = h->raw_bytes + 1;
    z->next_in = r->stored;
    z->avail_in = h->stored_bytes;
    int status = inflate(z, Z_SYNC_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return "a file block that does not inflate";
    }
    if (z->avail_out != 1 || z->avail_in != 0 || (!is_events && status != Z_STREAM_END)) {
        return "a file block that inflates to another length than it says";
    }
    return NULL;
}

/* Pass over bytes that are no good block. */
static void skip_damage(struct trace_reader *r, const char *why) {
    uint64_t found = find_block(r, r->off + 1);
    bool is_to_end = found >= r->file_bytes;
    if (!is_to_end || !r->is_growing) {
        trace_reader_note(r, r->off, is_to_end ? 0 : found - r->off, why);
    }
    r->needs_checkpoint = true; /* which blocks were lost is not known, so they may have been events */
    r->off = found;
}

bool trace_reader_next(struct trace_reader *r, struct trace_block *block) {
    while (r->off < r->file_bytes) {
        struct block_header h;
        const char *why = load_block(r, r->off, &h);
        if (why) {
            skip_damage(r, why);
            continue;
        }
        *block = (struct trace_block){
            .off = r->off,
            .file_bytes = TRACE_BLOCK_HEADER_BYTES + (uint64_t)h.stored_bytes,
            .type = h.type,
            .is_checkpoint = h.type == TRACE_BLOCK_EVENTS && h.flags & TRACE_FLAG_CHECKPOINT,
        };
        r->off += block->file_bytes;
        bool is_events = h.type == TRACE_BLOCK_EVENTS;
        if (is_events && !block->is_checkpoint && r->needs_checkpoint) {
            trace_reader_note(r, block->off, block->file_bytes, why_withheld);
            continue;
        }
        why = inflate_block(r, &h);
        if (why) {
            trace_reader_note(r, block->off, block->file_bytes, why);
            r->needs_checkpoint = true;
            continue;
        }
        block->raw = r->raw;
        block->raw_bytes = h.raw_bytes;
        r->raw_bytes += h.raw_bytes;
        if (is_events) {
            r->needs_checkpoint = false;
        }
        return true;
    }
    return false;
}
