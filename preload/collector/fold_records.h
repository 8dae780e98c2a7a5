/* fold_records.h - which records of a trace's folded part stay, and in what form.
 *
 * The file itself is read once more, so that nothing of them has to be kept in memory. Most stay as they are. Of MEMORY one for each process is enough,
 * of LOST the latest of each process and key; totals of an earlier fold are dropped, since the new ones have all of it.
 * Memory   40 bytes for each process and for each of its kinds of loss, and 256 KiB
 */
#ifndef SEEP_COLLECTOR_FOLD_RECORDS_H
#define SEEP_COLLECTOR_FOLD_RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "attributes.h"
#include "freed_at.h"
#include "trace_records.h"

/* What MEMORY has said of a process. */
struct fold_memory {
    uint64_t ns, resident_bytes, peak_bytes;
};

/* The latest LOST of a process and key: where its payload is, and how much of that is process and key. */
struct fold_loss {
    size_t at;
    uint32_t n, n_key;
};

struct fold_records {
    struct trace_records kept; /* kept.ready: what is to be written next; the caller empties it */
    struct byte_buf stored, raw;
    z_stream inflate;
    bool is_open;
    struct fold_memory *memories; /* by process */
    uint32_t cap_memories;
    struct byte_buf payloads; /* of losses */
    struct fold_loss *losses;
    uint32_t *places; /* hash: index + 1 */
    uint32_t n_losses, cap_losses;
    struct freed_at freed_at; /* sums of all */
};

void fold_records_open(struct fold_records *r);
void fold_records_close(struct fold_records *r);

/* Take what stays of the file block at *off, and step behind it.
 *
 * Returns  0, or -1 with errno set: it cannot be read, or is not what was written there */
int fold_records_read(struct fold_records *r, int fd, uint64_t *off) MUST_CHECK;

/* After the last block: those of which the latest counts. */
void fold_records_end(struct fold_records *r);

#endif
