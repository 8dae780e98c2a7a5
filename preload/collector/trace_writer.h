/* trace_writer.h - file blocks: header, CRC, deflate, and the index of checkpoints.
 *
 * Last stage. A file block is written whole or not at all: after a failed write (disk full, file size limit) the file is
 * cut back to its last good block and the writer stays usable, so that a later block, at the latest the end, may fit
 * again. Level 1 with Z_RLE: the token model has taken the repetitions already, and this halves zlib's time for 8-19 %
 * more bytes; strings and numbers of RECORDS get the default strategy.
 */
#ifndef SEEP_COLLECTOR_TRACE_WRITER_H
#define SEEP_COLLECTOR_TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "attributes.h"
#include "memory.h"

struct trace_writer {
    int fd;
    uint64_t end_off; /* end of the last good file block */
    z_stream events;  /* one stream from checkpoint to checkpoint */
    z_stream records;
    struct byte_buf out; /* a file block being made */
    struct byte_buf index;
    uint64_t n_checkpoints;
    uint64_t last_off, last_ms, last_event; /* of the index entry before */
    uint64_t n_failed;                      /* file blocks that could not be written */
};

/* One piece of a file block's content. */
struct trace_piece {
    const void *bytes;
    size_t n;
};

/* Write the file header to fd, an empty file. Returns 0, or -1 with errno set. */
int trace_writer_init(struct trace_writer *w, int fd) MUST_CHECK;
void trace_writer_free(struct trace_writer *w);

/* Append a RECORDS block. Returns 0, or -1: not written, and the file ends as before. */
int trace_writer_records(struct trace_writer *w, const void *bytes, size_t n) MUST_CHECK;

/* Append an EVENTS block made of the pieces in order. At a checkpoint `ms` and `first_event` go to the index, too.
 * Returns  0, or -1: not written; the next EVENTS block must be a checkpoint */
int trace_writer_events(struct trace_writer *w, const struct trace_piece *pieces, int n_pieces, bool is_checkpoint,
                        uint64_t ms, uint64_t first_event) MUST_CHECK;

/* Append the INDEX block, which says that the file is complete. Returns 0 or -1. */
int trace_writer_index(struct trace_writer *w) MUST_CHECK;

#endif
