/* thread_table.h - the threads of all processes: dense indices for the trace, and what the matcher remembers of each.
 *
 * A chunk carries the serial of the thread that wrote it, which is of its process; slots are reused, serials are not. The name is read when the
 * thread is first seen (it may be gone a moment later) and once more after a while, because most names are set by the
 * thread itself after its first allocation.
 */
#ifndef SEEP_COLLECTOR_THREAD_TABLE_H
#define SEEP_COLLECTOR_THREAD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "address_map.h"
#include "proc_files.h"

struct thread {
    uint64_t last_address; /* of the last allocation, while it may still end as a temporary */
    uint32_t last_info;    /* 0 = none */

    /* The last event, if it was a free: what an undo brings back. */
    bool has_free;
    bool is_free_temporary; /* it ended the thread's last allocation */
    uint64_t free_address;
    struct live_block free_block; /* {0} = no known one */
    uint64_t free_tag;            /* as in the event; 0 = none */
};

/* What the trace says of a thread; apart from struct thread, which is touched with every event. */
struct thread_facts {
    uint32_t process; /* index */
    uint32_t serial, pid, tid;
    uint64_t start_stamp;
    char name[PROC_NAME_BYTES];
};

struct thread_table {
    struct thread *threads;
    struct thread_facts *facts;
    uint32_t n, cap;
    uint32_t n_announced; /* have a THREAD record */
    uint32_t n_renamed;   /* have been asked for their name again */
};

/* The threads of one process. */
struct thread_serials {
    uint32_t process;    /* index */
    uint32_t *by_serial; /* index + 1; 0 = not seen */
    uint32_t cap;
};

void thread_table_init(struct thread_table *t);
void thread_table_free(struct thread_table *t);

void thread_serials_free(struct thread_serials *serials);

/* The index of the thread with that serial, added if it is new. Serials beyond all reason share one. */
uint32_t thread_table_find(struct thread_table *t, struct thread_serials *serials, const struct thread_facts *facts);

/* Add a thread as it was, and say what its serial stands for. */
void thread_table_restore(struct thread_table *t, const struct thread_facts *facts);
void thread_table_restore_serial(struct thread_serials *serials, uint32_t serial, uint32_t index);

#endif
