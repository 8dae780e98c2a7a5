/* source_files.h - the names that OpenSSL's tags refer to: a process's numbers of them into those of the trace.
 *
 * log_reader -> [source_files] -> stack_table, freed_at
 *
 * Each process numbers the names as it meets them and tells its ring's log first (RING_LOG_FILE). The trace has one number for each name. A process's log is looked
 * through when an event has a number that is not known yet. To go on after a collector that was killed it takes the names, in the order of their numbers: the rest
 * is read from the logs again.
 */
#ifndef SEEP_COLLECTOR_SOURCE_FILES_H
#define SEEP_COLLECTOR_SOURCE_FILES_H

#include <stdint.h>

#include "memory.h"
#include "ring_map.h"
#include "trace_records.h"

/* Those of the trace. */
struct source_names {
    struct byte_buf text; /* one after the other, each with its NUL */
    uint32_t *starts;     /* in the text, by id - 1 */
    uint32_t *places;     /* hash: id; twice as many as there is room for */
    uint32_t n, cap;
    uint32_t n_announced; /* have a SOURCE_FILE record */
};

/* Those of one process. */
struct source_files {
    struct source_names *names;
    const struct ring_map *ring;
    uint16_t *ids; /* by the process's own; 0 = not known. NULL until one is asked for */
    uint32_t at;   /* unit of the log to look on from */
};

void source_names_free(struct source_names *names);

/* The number of a name, a new one if need be; 0 where there are no more. */
uint32_t source_names_add(struct source_names *names, const char *name, size_t n);

/* SOURCE_FILE records of the names since the last call. */
void source_names_announce(struct source_names *names, struct trace_records *records);

void source_files_init(struct source_files *f, const struct ring_map *ring, struct source_names *names);
void source_files_free(struct source_files *f);

/* A tag of the process's as the trace has it. */
uint64_t source_files_translate(struct source_files *f, uint64_t tag);

#endif
