/* marks.h - what a mark does: it closes the file block, and infos begin anew. Part of collect.
 *
 * So each info belongs to the interval between two marks in which it was defined, and what was allocated in between is known exactly. Marks come from programs
 * (seep_mark, an event of the ring) and from outside (`seep mark`, requests.h). Without events in between marks make no file blocks: ten thousand in a row
 * are ten thousand records.
 */
#ifndef SEEP_COLLECTOR_MARKS_H
#define SEEP_COLLECTOR_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "attributes.h"

struct collector;

struct marks {
    uint32_t n;            /* the number of the last one; 0 = none yet */
    uint32_t first_info;   /* no info below has been defined since */
    uint32_t *first_infos; /* the same of each mark, by number - 1; only where the trace may be folded, else NULL */
    uint32_t cap;
    uint64_t answered; /* the latest ticket whose mark is in the trace (requests.h), 0 = none */
    uint64_t answered_ns;
    uint32_t answered_number;
};

/* Have marks among the events of c's targets come here. */
void marks_init(struct collector *c);
void marks_free(struct marks *marks);

/* Mark this place in the trace: behind all that has been passed to the encoder. ns: since the start of the trace. Returns its number, 0 where there are too many.
 * Context  in the middle of a window, too: nothing is committed */
uint32_t marks_put(struct collector *c, const char *name, size_t n, uint64_t ns);

#endif
