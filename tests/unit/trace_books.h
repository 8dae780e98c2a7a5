/* trace_books.h - what a test itself knows to have happened, compared with what an independent reader finds in the trace. */
#ifndef SEEP_TESTS_TRACE_BOOKS_H
#define SEEP_TESTS_TRACE_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_ring.h"

enum { BOOKS_ROWS = 4096 };

/* A row for each (node, size) that the test uses; counts may be raised by several threads. */
struct books_row {
    uint32_t node;
    uint64_t size;
    _Atomic uint64_t allocated, freed, temporary;
};

struct books {
    struct books_row rows[BOOKS_ROWS];
    uint32_t n;
};

/* The row of a node and size, added if it is new. Not for several threads at once. */
struct books_row *books_find(struct books *b, uint32_t node, uint64_t size);

/* Does tests/lib/trace_read.py find the same sums in the trace? Prints differences. */
bool books_agree(const struct books *b, const struct fake_ring *r, const char *trace);

/* Run trace_read.py on the trace: its JSON (to be freed), NULL if it fails. */
char *trace_json(const char *trace);

/* Write everything in the ring to a new trace with the collector's own code, as for a dead target. Returns its result. */
int collect_dead(struct fake_ring *r, const char *trace);

#endif
