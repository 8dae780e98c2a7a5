/* journal_read.h - read a journal (journal.h) that a killed collector has left, and trust nothing in it.
 *
 * A last group that is not whole was being written when the collector was killed, and does not count. Anything else that is not right is damage,
 * and then nothing may be used: what the groups before it say is not true any more, since chunks have gone back to the hooks.
 */
#ifndef SEEP_COLLECTOR_JOURNAL_READ_H
#define SEEP_COLLECTOR_JOURNAL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "journal.h"

enum { JOURNAL_WHY_BYTES = 256 };

struct journal_read {
    uint8_t *bytes;
    size_t n, cap;
    size_t end; /* of the last whole group */
    struct journal_header header;
};

/* A record as it lies in memory; its content is aligned to 8 bytes. */
struct journal_content {
    uint32_t type, target;
    const void *bytes;
    size_t n;
};

/* Read and check the file. Returns 0; 1 where it is empty, because all is done; or -1 with the reason in why.
 * Memory  journal_read_close() */
int journal_read_open(struct journal_read *r, const char *path, char why[JOURNAL_WHY_BYTES]) MUST_CHECK;
void journal_read_close(struct journal_read *r);

/* The next record, at 0 the first; sets *at to behind it. Returns false behind the last one. */
bool journal_read_next(const struct journal_read *r, size_t *at, struct journal_content *content);

#endif
