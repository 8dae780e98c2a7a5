/* records.h - the RECORDS blocks of a trace: what is known besides events.
 *
 * trace_reader -> [records] -> profile. Each record is read within its own payload, so a malformed one costs only itself, and
 * unknown types and fields are passed over. Everything goes straight into the profile, except what has no place there.
 */
#ifndef SEEP_RECORDS_H
#define SEEP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "folded.h"
#include "profile.h"
#include "tags.h"
#include "trace_reader.h"

/* More of a kind than these are taken for damage: they keep a forged file from making the reading slow. Of processes and modules a tree may have any number,
 * but each takes some bytes of the file: so many more for each RECORDS_FILE_BYTES of it. */
enum {
    RECORDS_FILE_BYTES = 4,
    RECORDS_MODULES_MAX = 1 << 20, /* also the highest id */
    RECORDS_PROCESSES_MAX = 1 << 18,
    RECORDS_THREADS_MAX = 1 << 24,
    RECORDS_LOST_KINDS_MAX = 256,
    RECORDS_NOTES_MAX = 1 << 20,
    RECORDS_MARKS_MAX = TRACE_MARKS_MAX,
};

#define RECORDS_LOST_MAX (UINT64_C(1) << 48) /* of a kind and process: sums of what is larger could come to 0 */

/* What of an info was alive at the end, as the recorder says. */
struct survivor {
    uint32_t info;
    uint64_t blocks;
    uint64_t birth_ms; /* of the oldest */
};

/* The recorder's own count, to compare with. */
struct recorded_end {
    bool is_seen;
    uint64_t end_ns, n_events, n_allocations, n_frees, n_undone, n_inherited_frees;
};

/* What later records of a process refer to. */
struct process_records {
    uint32_t *module_by_id; /* index + 1 of the latest module with that id */
    size_t n_ids, cap_ids;
    uint64_t *lost; /* last totals, by index into the profile's lost */
    size_t n_lost, cap_lost;
    size_t cap_gone;
};

struct records {
    struct profile *profile;
    struct process_records *processes; /* as many as the profile has */
    uint32_t *ended;                   /* processes whose end was read; the reader empties the list */
    size_t n_ended, cap_ended;
    struct survivor *survivors;
    size_t n_survivors;
    struct folded folded;
    struct tags tags;
    struct recorded_end end;
    uint64_t end_off; /* of its file block */
    size_t cap_processes, cap_process_records, cap_threads, cap_modules, cap_lost, cap_marks, cap_notes, cap_survivors;
};

/* Read into this profile, which must be zeroed and outlive the records.
 * Memory  records_free() frees what is not the profile's */
void records_init(struct records *records, struct profile *profile);
void records_free(struct records *records);

/* Read a RECORDS block. What is malformed goes to the reader's damage list. */
void records_read(struct records *records, struct trace_reader *reader, const struct trace_block *block);

#endif
