/* chunk_decode.h - the words of one chunk (ring.h) as events. Part of the ring_reader stage. */
#ifndef SEEP_COLLECTOR_CHUNK_DECODE_H
#define SEEP_COLLECTOR_CHUNK_DECODE_H

#include "ring_reader.h"

enum chunk_end {
    CHUNK_ALL_READ = 0, /* no unread word is known */
    CHUNK_AT_LIMIT = 1, /* the next event is not older than the limit; peek is its stamp */
    CHUNK_NO_ROOM = 2,  /* more may follow; peek is a lower bound */
    CHUNK_DAMAGED = 3,  /* a word made no sense; the rest of the chunk is skipped */
};

/* Append events older than limit to events[*n .. cap). Moves the cursor. */
enum chunk_end chunk_decode(struct slot_cursor *c, const uint64_t *words, uint64_t limit, struct ring_event *events,
                            uint32_t cap, uint32_t *n);

/* Move the cursor over all published words: its stamp is then that of the last event. */
void chunk_skip(struct slot_cursor *c, const uint64_t *words);

#endif
