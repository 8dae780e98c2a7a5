/* log_reader.h - the ring's log of rare facts as records of the trace, in the order in which they were claimed.
 *
 * A hook claims units and commits the record later. While the target lives, the reader waits at a record that is claimed but
 * not committed, for a second at most (its thread may have been killed there); after that, and when the target is dead, it
 * goes on unit by unit to the next committed one.
 */
#ifndef SEEP_COLLECTOR_LOG_READER_H
#define SEEP_COLLECTOR_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "clock_scale.h"
#include "ring_map.h"
#include "trace_records.h"

/* What the trace is told of a process besides what its own log says. */
struct log_origin {
    uint32_t kind;    /* enum trace_origin */
    uint32_t process; /* that it came from, or TRACE_NO_PROCESS */
    uint64_t inherited_blocks, inherited_bytes;
};

struct log_reader {
    const struct ring_map *ring;
    uint32_t process;         /* index, to be set before the first reading, too */
    struct log_origin origin; /* to be filled in before the first reading */
    uint32_t at;              /* next unit */
    uint64_t waiting_since_ns;
    struct byte_buf copy; /* the record being read: the original may change under us */
};

void log_reader_init(struct log_reader *l, const struct ring_map *ring);
void log_reader_free(struct log_reader *l);

/* Call visit for each cut that the log of a fork child's ring tells of. Nothing is taken from the log by it. */
void log_each_cut(const struct ring_map *ring, void (*visit)(void *context, const struct ring_log_cut *cut), void *context);

/* Call visit for each RING_LOG_FILE from unit `from` on: the process's number, and the name without its NUL. Nothing is taken from the log by it. Returns where to
 * look on from later: the first unit that has not been committed. */
uint32_t log_each_file(const struct ring_map *ring, uint32_t from,
                       void (*visit)(void *context, uint32_t id, const char *name, size_t n), void *context);

/* Copy the name of a mark, up to RING_MARK_NAME_MAX bytes: place is 1 + its unit. Returns false where there is none. */
bool log_mark_name(const struct ring_map *ring, uint32_t place, char *name, size_t *n);

/* Turn all that has been committed into records. is_dead: nothing will be committed any more. */
void log_reader_read(struct log_reader *l, struct trace_records *records, const struct clock_scale *clock, bool is_dead);

#endif
