/* collect.h - the collector as a whole: the loop that moves events from the ring to the trace, and its orderly end.
 *
 *   ring ─► ring_reader ─► merge ─► matcher ─► encoder ─► trace_writer ─► FILE.seep
 *   log  ─► log_reader  ─────────► records ─────────────► trace_writer
 */
#ifndef SEEP_COLLECTOR_COLLECT_H
#define SEEP_COLLECTOR_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "clock_scale.h"
#include "encoder.h"
#include "log_reader.h"
#include "matcher.h"
#include "merge.h"
#include "process_watch.h"
#include "ring_map.h"
#include "ring_reader.h"
#include "thread_table.h"
#include "trace_records.h"
#include "trace_writer.h"

struct collector {
    struct ring_map *ring;
    struct clock_scale clock;
    struct thread_table threads;
    struct ring_reader reader;
    struct merge merge;
    struct encoder encoder;
    struct matcher matcher;
    struct log_reader log;
    struct trace_records records;
    struct trace_writer writer;
    struct process_watch watch;
    struct byte_buf head;

    uint64_t block_since_ns; /* when the block being built got its first event */
    uint32_t n_stretch_blocks;
    bool must_checkpoint;
    uint64_t n_unwritten; /* events of file blocks that could not be written */
    int unwritten_errno;  /* why, lately */

    uint64_t resident_bytes, peak_bytes; /* of the target, as last seen */
    uint64_t memory_read_ns, facts_ns;   /* when that was; when rare facts were last written */
    uint64_t memory_written[2];
    uint64_t lost_written[RING_N_LOST];
};

/* Begin a trace in fd, an empty file, from the attached ring: header and START are written at once.
 *
 * watched_pid  the target, 0 if it is dead
 * options      text for the START record
 * Returns      0, or -1 with errno set: the file cannot be written
 * Memory       the ring stays the caller's and must outlive the collector
 */
int collector_init(struct collector *c, struct ring_map *ring, int fd, uint32_t watched_pid,
                   const char *options) MUST_CHECK;
void collector_free(struct collector *c);

/* Write out the records and the block being built. */
void collector_flush(struct collector *c);

/* Collect until the target is dead, then complete the trace. Returns 0, or -1 if it could not be written completely. */
int collector_run(struct collector *c) MUST_CHECK;

#endif
