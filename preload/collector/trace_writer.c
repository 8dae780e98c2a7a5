/* trace_writer.c - see trace_writer.h. */
#include "trace_writer.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_format.h"

enum {
    DEFLATE_LEVEL = 1,
    DEFLATE_RAW_WINDOW = -15, /* raw deflate, 32 KiB */
    DEFLATE_MEMORY = 8,
    OWN_CODES_BYTES = 1024,
    DEFLATE_ROOM = 65536, /* free bytes of `out` for each call of deflate */
    COPY_BYTES = 65536,
    NS_PER_MS = 1000000,
};

static void put_u16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *p, uint32_t v) {
    put_u16(p, v);
    put_u16(p + 2, v >> 16);
}

/* Write everything at the end of the file or leave the file as it was. */
static int append(struct trace_writer *w, const uint8_t *bytes, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(w->fd, bytes + done, n - done, (off_t)(w->end_off + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            int cause = got == 0 ? ENOSPC : errno;
            if (w->make_room && w->make_room(w->context)) {
                continue;
            }
            if (ftruncate(w->fd, (off_t)w->end_off) != 0) {
                /* A cut block is left at the end; readers skip it by its CRC, and the next write covers it. */
            }
            w->n_failed++;
            errno = cause;
            return -1;
        }
        done += (size_t)got;
    }
    w->end_off += n;
    return 0;
}

void trace_writer_begin(struct trace_writer *w, int fd) {
    *w = (struct trace_writer){.fd = fd};
    if (deflateInit2(&w->events, DEFLATE_LEVEL, Z_DEFLATED, DEFLATE_RAW_WINDOW, DEFLATE_MEMORY, Z_RLE) != Z_OK ||
        deflateInit2(&w->records, DEFLATE_LEVEL, Z_DEFLATED, DEFLATE_RAW_WINDOW, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
        memory_die();
    }
}

int trace_writer_cut(struct trace_writer *w) {
    return ftruncate(w->fd, (off_t)w->end_off);
}

int trace_writer_init(struct trace_writer *w, int fd, unsigned major) {
    trace_writer_begin(w, fd);
    uint8_t header[TRACE_HEADER_BYTES] = TRACE_MAGIC;
    put_u16(header + 8, major);
    put_u16(header + 10, TRACE_VERSION_MINOR);
    put_u32(header + 12, 0);
    return append(w, header, sizeof header);
}

void trace_writer_free(struct trace_writer *w) {
    deflateEnd(&w->events);
    deflateEnd(&w->records);
    byte_buf_free(&w->out);
    byte_buf_free(&w->index);
}

/* Feed bytes to the stream; what comes out goes behind w->out. */
static void deflate_into(struct trace_writer *w, z_stream *z, const void *bytes, size_t n, int flush) {
    static uint8_t nothing;
    z->next_in = n ? (z_const Bytef *)(uintptr_t)bytes : &nothing; /* zlib does not write there, but is not const */
    z->avail_in = (uInt)n;
    do {
        uint8_t *p = byte_buf_reserve(&w->out, DEFLATE_ROOM);
        z->next_out = p;
        z->avail_out = DEFLATE_ROOM;
        deflate(z, flush);
        w->out.n += DEFLATE_ROOM - z->avail_out;
    } while (z->avail_out == 0);
}

static void block_begin(struct trace_writer *w) {
    byte_buf_reserve(&w->out, TRACE_BLOCK_HEADER_BYTES);
    w->out.n = TRACE_BLOCK_HEADER_BYTES;
}

/* Fill in the header of the block in w->out and write it. */
static int block_end(struct trace_writer *w, enum trace_block_type type, int flags, size_t raw_bytes) {
    size_t stored_bytes = w->out.n - TRACE_BLOCK_HEADER_BYTES;
    if (raw_bytes > TRACE_BLOCK_RAW_MAX || stored_bytes > TRACE_BLOCK_STORED_MAX) {
        w->n_failed++;
        errno = EFBIG;
        return -1;
    }
    uint8_t *h = w->out.bytes;
    put_u32(h, TRACE_BLOCK_MAGIC);
    h[4] = (uint8_t)type;
    h[5] = (uint8_t)flags;
    put_u16(h + 6, 0);
    put_u32(h + 8, (uint32_t)raw_bytes);
    put_u32(h + 12, (uint32_t)stored_bytes);
    uLong crc = crc32(crc32(0, NULL, 0), h, TRACE_BLOCK_HEADER_BYTES - 4);
    put_u32(h + 16, (uint32_t)crc32(crc, h + TRACE_BLOCK_HEADER_BYTES, (uInt)stored_bytes));
    return append(w, h, w->out.n);
}

static int block_write(struct trace_writer *w, enum trace_block_type type, const void *bytes, size_t n) {
    block_begin(w);
    deflateReset(&w->records);
    deflate_into(w, &w->records, bytes, n, Z_FINISH);
    return block_end(w, type, 0, n);
}

int trace_writer_records(struct trace_writer *w, const void *bytes, size_t n) {
    return block_write(w, TRACE_BLOCK_RECORDS, bytes, n);
}

static void index_add(struct trace_writer *w, uint64_t off, uint64_t ms, uint64_t first_event) {
    byte_buf_varint(&w->index, off - w->last_off);
    byte_buf_varint(&w->index, ms - w->last_ms);
    byte_buf_varint(&w->index, first_event - w->last_event);
    w->last_off = off;
    w->last_ms = ms;
    w->last_event = first_event;
    w->n_checkpoints++;
}

int trace_writer_events(struct trace_writer *w, struct encoder *e, struct byte_buf *head, bool is_checkpoint) {
    uint64_t off = w->end_off;
    encoder_end_block(e, head);
    const struct byte_buf *pieces[1 + TRACE_N_COLUMNS] = {head};
    size_t raw_bytes = 0;
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        pieces[1 + i] = &e->columns[i];
    }
    block_begin(w);
    if (is_checkpoint) {
        deflateReset(&w->events);
    }
    for (int i = 0; i <= TRACE_N_COLUMNS; i++) {
        raw_bytes += pieces[i]->n;
        /* A large column gets Huffman codes of its own. */
        int flush = i == TRACE_N_COLUMNS ? Z_SYNC_FLUSH : pieces[i]->n >= OWN_CODES_BYTES ? Z_BLOCK : Z_NO_FLUSH;
        deflate_into(w, &w->events, pieces[i]->bytes, pieces[i]->n, flush);
    }
    if (block_end(w, TRACE_BLOCK_EVENTS, is_checkpoint ? TRACE_FLAG_CHECKPOINT : 0, raw_bytes) != 0) {
        return -1;
    }
    if (is_checkpoint && e->n_events != 0) {
        index_add(w, off, e->start_ns / NS_PER_MS, e->first_event);
    }
    return 0;
}

int trace_writer_copy(struct trace_writer *w, int from, uint64_t off, uint64_t n) {
    uint64_t end_off = w->end_off;
    uint8_t *bytes = byte_buf_reserve(&w->out, COPY_BYTES);
    while (n > 0) {
        ssize_t got = pread(from, bytes, n < COPY_BYTES ? n : COPY_BYTES, (off_t)off);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got == 0) {
            errno = EIO; /* somebody has cut it */
        }
        if (got <= 0 || append(w, bytes, (size_t)got) != 0) {
            w->end_off = end_off;
            return -1;
        }
        off += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return 0;
}

void trace_writer_move(struct trace_writer *w, int fd, uint64_t end_off, uint64_t first_off) {
    uint64_t off = 0, ms = 0, event = 0, n_left = w->n_checkpoints, moved_by = end_off - w->end_off;
    struct byte_reader in = byte_reader_over(w->index.bytes, w->index.n);
    struct byte_buf index = {0};
    while (n_left > 0 && off < first_off) {
        off += varint_get(&in);
        ms += varint_get(&in);
        event += varint_get(&in);
        n_left -= off < first_off;
    }
    if (n_left > 0) { /* the others are relative to the one before */
        byte_buf_varint(&index, off + moved_by);
        byte_buf_varint(&index, ms);
        byte_buf_varint(&index, event);
        byte_buf_append(&index, in.p, byte_reader_left(&in));
    }
    byte_buf_free(&w->index);
    w->index = index;
    w->n_checkpoints = n_left;
    w->last_off = n_left > 0 ? w->last_off + moved_by : 0;
    w->last_ms = n_left > 0 ? w->last_ms : 0;
    w->last_event = n_left > 0 ? w->last_event : 0;
    w->fd = fd;
    w->end_off = end_off;
}

int trace_writer_index(struct trace_writer *w) {
    struct byte_buf content = {0};
    byte_buf_varint(&content, w->n_checkpoints);
    byte_buf_append(&content, w->index.bytes, w->index.n);
    int result = block_write(w, TRACE_BLOCK_INDEX, content.bytes, content.n);
    byte_buf_free(&content);
    return result;
}

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool trace_is_complete(int fd) {
    uint8_t h[TRACE_BLOCK_HEADER_BYTES] = {0};
    uint64_t off = TRACE_HEADER_BYTES;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return false;
    }
    while (off < (uint64_t)st.st_size) {
        if (pread(fd, h, sizeof h, (off_t)off) != sizeof h || get_u32(h) != TRACE_BLOCK_MAGIC) {
            return false;
        }
        off += sizeof h + get_u32(h + 12);
    }
    return off == (uint64_t)st.st_size && h[4] == TRACE_BLOCK_INDEX;
}
