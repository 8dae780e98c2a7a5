/* matcher.h - apply ordered events to the live map and say what happened as tokens.
 *
 * Fourth stage: merge -> [matcher] -> encoder. Events name addresses, tokens name infos: here a free finds the allocation that
 * it ends. The rules:
 *   allocation over a live block   its free was not seen: a free of it first, counted as implicit
 *   free of an unknown address     no token, counted
 *   free of the thread's last allocation (same address, same info, no other allocation of that thread since): temporary
 *   free of a block that came with a fork     a free of the parent's info, counted apart
 *   fork                           what is alive is copied for the child, no token
 *   mark of coverage               what is alive is summed up, no token
 *   tag of a free                  counted for the block's info; undone with it
 *   mark of the program's          what came before is passed on, and the collector told
 *   undo                           only if the thread's last event was that free: the block is back as it was
 * Budget   live map 1-3 ns, info 1-2 ns an event
 */
#ifndef SEEP_COLLECTOR_MATCHER_H
#define SEEP_COLLECTOR_MATCHER_H

#include <stdint.h>

#include "clock_scale.h"
#include "encoder.h"
#include "forks.h"
#include "freed_at.h"
#include "info_table.h"
#include "joins.h"
#include "journal_ops.h"
#include "live_map.h"
#include "merge.h"
#include "stack_table.h"
#include "thread_table.h"
#include "totals.h"

enum { MATCHER_TOKENS = MERGE_EVENTS * 2 }; /* an event makes at most two */

struct matcher;

struct matcher_counts {
    uint64_t allocations, frees, undos;
    uint64_t implicit_frees, unknown_frees, dropped_undos;
    uint64_t inherited_frees; /* of blocks that came with a fork, and not undone; not among the frees and undos */
};

/* What was alive when the process asked its allocator. */
struct coverage_sum {
    bool is_known;
    uint64_t blocks, bytes;
    uint64_t held_bytes; /* that the allocator holds for them */
};

/* What the matchers of all processes share. */
struct matcher_space {
    struct merge_space window;
    struct info_ids infos;
    struct stack_ids stacks;
    struct freed_at freed_at;
    struct totals *totals; /* NULL = not wanted */
    uint32_t *tokens;
    uint32_t *token_threads;
    struct journal_ops ops; /* what happens to all live maps */

    /* At a mark, behind all events before it; place: of its name, as in the ring. NULL = marks are passed over */
    void (*on_mark)(void *context, const struct matcher *m, uint32_t place, uint64_t stamp);
    void *mark_context;
};

struct matcher {
    struct merge *merge;
    struct thread_table *threads;
    struct clock_scale *clock;
    struct encoder *encoder;
    struct live_map live;
    struct info_table infos;
    struct stack_table stacks;
    struct forks forks;
    struct joins *joins; /* of the same process: who is expected by a fork. NULL = nobody can come */
    const struct ring_map *ring;
    struct matcher_space *space;
    uint32_t n_tokens;
    uint64_t now_ms;
    uint64_t next_ms_stamp; /* the clock shows another millisecond from here on */
    struct matcher_counts counts;
    struct coverage_sum covered;
    bool is_sampled; /* frees of blocks that were not recorded may be among the events */
};

void matcher_space_init(struct matcher_space *space);
void matcher_space_free(struct matcher_space *space);

void matcher_init(struct matcher *m, const struct ring_map *ring, struct merge *merge, struct thread_table *threads,
                  struct clock_scale *clock, struct encoder *encoder, struct matcher_space *space);
void matcher_free(struct matcher *m);

/* Apply the window that merge has made and pass its tokens to the encoder. */
void matcher_apply(struct matcher *m);

/* The rate of the clock has changed. */
void matcher_clock_changed(struct matcher *m);

#endif
