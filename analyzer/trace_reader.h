/* trace_reader.h - the file blocks of a trace, one after the other, whatever has happened to the file.
 *
 * First stage of the analyzer: [trace_reader] -> event_decoder -> replay, and -> records. It checks each file block's lengths
 * and CRC, inflates it, and after damage searches for the next good one. EVENTS blocks share one deflate stream from
 * checkpoint to checkpoint, so after any loss they are withheld up to the next checkpoint: bytes inflated behind a hole could be
 * wrong without looking so. What was passed over stands in `damage`.
 *
 * The file is read with pread, not mapped: one that is cut while we read it then only ends early, instead of raising SIGBUS.
 */
#ifndef SEEP_TRACE_READER_H
#define SEEP_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "attributes.h"
#include "profile.h"

enum {
    TRACE_DAMAGE_ENTRIES_MAX = 4096, /* a file that is all damage is not listed piece by piece */
};

/* One file block, good and inflated. */
struct trace_block {
    uint64_t off;        /* of its header, from the start of the file */
    uint64_t file_bytes; /* header and stored bytes */
    unsigned type;       /* enum trace_block_type, or one that this version does not know */
    bool is_checkpoint;
    const uint8_t *raw; /* valid until the next call */
    uint32_t raw_bytes;
};

struct trace_reader {
    int fd; /* -1 = memory */
    const uint8_t *memory;
    uint64_t file_bytes;
    uint64_t off; /* of the next file block */
    unsigned version_major, version_minor;
    bool is_growing;        /* set by the caller: a last block that is not whole is being written, not damaged */
    bool needs_checkpoint;  /* EVENTS blocks cannot be inflated before the next checkpoint */
    uint64_t search_budget; /* bytes that may still be checked in search of a good block */
    uint64_t raw_bytes;     /* inflated so far */
    uint8_t *stored, *raw;
    size_t cap_stored, cap_raw;
    z_stream events, alone; /* the stream of EVENTS, and one for blocks that stand alone */
    bool has_streams;
    struct damage *damage; /* the caller may take it */
    size_t n_damage, cap_damage;
    char error[512]; /* why opening failed: a line without "seep: " */
};

/* Open a trace and check its header.
 *
 * Returns  0, or -1 with `error` set: cannot be opened, not a regular file, not a trace, of another major version
 * Memory   trace_reader_close() in both cases */
MUST_CHECK int trace_reader_open(struct trace_reader *r, const char *path);

/* The same for a trace in memory, which must outlive the reader. name is for messages. */
MUST_CHECK int trace_reader_open_memory(struct trace_reader *r, const void *bytes, size_t n, const char *name);

/* Step to the next good file block. Returns false at the end of the file. */
bool trace_reader_next(struct trace_reader *r, struct trace_block *block);

/* The caller could make nothing of this block although its CRC is right: note the damage, and go on behind the next checkpoint
 * if it held events. */
void trace_reader_reject(struct trace_reader *r, const struct trace_block *block, const char *why);

/* Note damage that does not stop the reading. n_bytes = 0: up to the end of the file. why is copied. */
void trace_reader_note(struct trace_reader *r, uint64_t off, uint64_t n_bytes, const char *why);

/* Start over at the first file block, forgetting all damage. */
void trace_reader_rewind(struct trace_reader *r);

void trace_reader_close(struct trace_reader *r);

#endif
