/* restore_blocks.h - the live maps of all processes as a journal tells of them: operations are done again. Part of restore.
 *
 * Processes that have ended since are among them, as long as a fork child may have something of theirs.
 */
#ifndef SEEP_COLLECTOR_RESTORE_BLOCKS_H
#define SEEP_COLLECTOR_RESTORE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attributes.h"
#include "commit_records.h"
#include "forks.h"
#include "live_map.h"

/* A process as far as it is known from the journal. */
struct restored {
    uint32_t id;
    struct commit_newcomer newcomer;
    struct commit_target state;
    struct live_map live;
    struct forks forks;
    uint64_t inherited_memory_bytes;
    struct commit_slot *slots; /* by slot; chunk 0 = not known */
    uint32_t cap_slots;
    struct byte_buf finished;   /* chunks */
    struct byte_buf kept_forks; /* struct commit_fork */
    struct byte_buf window;     /* struct window_event */
    bool is_listed;
};

struct restored_all {
    struct restored *items; /* by id */
    uint32_t n, cap;
    const struct info_ids *infos;
    uint32_t at;            /* index of the one that operations are about; UINT32_MAX = none */
    struct fork_copy *copy; /* being filled; NULL = none */
    uint32_t copy_of;       /* index of whose it is */
};

/* As the journal has it: any byte may stand there. */
static inline bool restored_bool(const bool *place) {
    uint8_t byte;
    memcpy(&byte, place, sizeof byte);
    return byte != 0;
}

/* Add one; its id is larger than those before. Returns NULL where it is not. */
struct restored *restored_add(struct restored_all *all, uint32_t id);

/* NULL = there is none. */
struct restored *restored_find(struct restored_all *all, uint32_t id);

/* Remove the i-th, and what is its. */
void restored_remove(struct restored_all *all, uint32_t i);

void restored_free(struct restored_all *all);

/* Do the operations of journal_ops.h again. Returns false where one makes no sense. */
bool restored_apply(struct restored_all *all, const uint64_t *words, size_t n) MUST_CHECK;

#endif
