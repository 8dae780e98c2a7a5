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
#include "encoder.h"
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
    bool (*make_room)(void *context); /* asked where the disk is full: whether there is more room now. NULL = nobody */
    void *context;
};

/* Write the file header to fd, an empty file. major: TRACE_VERSION_MAJOR or _FOLDED. Returns 0, or -1 with errno set. */
int trace_writer_init(struct trace_writer *w, int fd, unsigned major) MUST_CHECK;

/* Begin with a trace that another writer has begun: the caller fills in its length, and what the index has. trace_writer_cut() then removes
 * what is behind that length: it has to be called before anything is written. The next EVENTS block must be a checkpoint.
 * Returns 0, or -1 with errno set */
void trace_writer_begin(struct trace_writer *w, int fd);
int trace_writer_cut(struct trace_writer *w) MUST_CHECK;

void trace_writer_free(struct trace_writer *w);

/* Append a RECORDS block. Returns 0, or -1: not written, and the file ends as before. */
int trace_writer_records(struct trace_writer *w, const void *bytes, size_t n) MUST_CHECK;

/* End the encoder's block and append it as an EVENTS block. A checkpoint with events goes to the index, too.
 *
 * head     space for its head
 * Returns  0, or -1: not written; the next EVENTS block must be a checkpoint. In both cases encoder_begin_block comes next */
int trace_writer_events(struct trace_writer *w, struct encoder *e, struct byte_buf *head, bool is_checkpoint) MUST_CHECK;

/* Append n bytes, whole file blocks, of another file from `off` on. Returns 0, or -1 with errno set: the file ends as before. */
int trace_writer_copy(struct trace_writer *w, int from, uint64_t off, uint64_t n) MUST_CHECK;

/* Go on in fd, a file of end_off bytes that has everything from first_off on as well, as its last bytes: the index is made to fit.
 * Memory   the descriptor before is the caller's */
void trace_writer_move(struct trace_writer *w, int fd, uint64_t end_off, uint64_t first_off);

/* Whether the file ends with an INDEX block: then nothing is missing. */
bool trace_is_complete(int fd);

/* Append the INDEX block, which says that the file is complete. Returns 0 or -1. */
int trace_writer_index(struct trace_writer *w) MUST_CHECK;

#endif
