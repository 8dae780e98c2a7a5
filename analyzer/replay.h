/* replay.h - from events to exact figures, in one pass.
 *
 * Third stage of the analyzer: event_decoder -> [replay] -> profile. What is kept grows with the infos, never with the events.
 *
 * Peak: of each info the blocks alive at the moment of the highest total, though that moment is only known at the end. Each
 * info remembers when it was last touched; before an event changes it, `last_event <= peak_event` says that what it holds
 * now is what it held at the highest total so far. The same test for all settles it at the end. Budget: one cache line, one
 * test and six adds an event; 1-4 ns measured.
 *
 * Processes: an info is of the process whose root its stack descends from. A process that frees a block of another's info frees one that
 * came with the fork: this counts in the process alone, since the block of the other is still there.
 */
#ifndef SEEP_REPLAY_H
#define SEEP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "by_thread.h"
#include "event_decoder.h"
#include "profile.h"

/* Info 0 does not exist; events whose thread's past is lost end up there. */
struct replay_info {
    uint64_t last_event;
    uint64_t size_bytes; /* 0 while not defined; if sampled, what a block of that size stands for */
    uint64_t calls;
    uint64_t temporary;
    uint64_t live;
    uint64_t live_at_peak;
    uint64_t left; /* by a process that has ended: never freed, but not alive any more */
};

static inline uint64_t replay_unreleased(const struct replay_info *info) {
    return info->live + info->left;
}

enum {
    REPLAY_STACK_LOST = UINT32_MAX, /* of an info whose definition was not read */
};

struct replay_process {
    uint64_t live_bytes, peak_bytes; /* with inherited blocks; they are there from the fork on */
    uint64_t inherited_frees, inherited_freed_bytes;
    bool is_skipped; /* not one of those whose figures are wanted */
    bool is_over;
    uint32_t first_info; /* of its own, the others follow by next_of_process; 0 = none */
};

/* What a thread's next token may refer to; info 0 = nothing known. */
struct replay_thread {
    uint32_t last_alloc;
    uint32_t last_free;
    bool was_temporary; /* that free */
    bool was_inherited;
    uint8_t whose; /* enum by_thread_whose: the block of that free */
};

struct replay {
    struct replay_info *infos;
    uint32_t *stack_of_info;
    uint64_t *own_sizes; /* as requested; NULL unless sampled */
    uint64_t sample_bytes;
    size_t n_infos, cap_infos, cap_stack_of_info, cap_own_sizes; /* ids below n_infos have an entry */
    uint32_t *process_of_info;                                   /* NULL while there is one process */
    uint32_t *next_of_process;                                   /* by info, the same */
    uint32_t *process_of_stack;                                  /* the same */
    size_t n_owned;                                              /* infos below have an owner */
    size_t n_stacks, cap_stacks, cap_process_of_info, cap_next_of_process;
    struct replay_process *processes;
    size_t n_processes, cap_processes;
    struct replay_thread *threads;
    size_t n_threads, cap_threads;
    struct by_thread by_thread; /* its is_chosen is NULL unless wanted */
    size_t at_run; /* how far the block has been applied: so many runs, so many events of the next one, so many in all */
    uint32_t at_event_of_run, at_event;
    bool is_block_skipped, are_many; /* of the block */
    uint64_t event;                  /* number of the latest */
    uint64_t live_bytes, peak_bytes, peak_event;
    uint64_t n_unmatched; /* frees and undos that found nothing: their other half is in a damaged part */
    uint64_t n_unknown;   /* the same, where not even the info is known */
};

/* is_chosen: by thread, for n of them, whether what it allocates is told apart; NULL = all is one. Used until replay_free()
 * Memory  replay_free() */
void replay_init(struct replay *r, const uint8_t *is_chosen, size_t n_threads);
void replay_free(struct replay *r);

/* Begin with a decoded block: what it defines. profile: the threads and processes that have been read; stacks: all so far. */
void replay_begin(struct replay *r, const struct event_block *block, const struct profile *profile,
                  const struct stack *stacks);

/* Apply its events up to one, not with it; n_events = all of them. */
void replay_until(struct replay *r, const struct event_block *block, const struct profile *profile, uint32_t event);

/* What is known of a thread, made if it is new. */
struct replay_thread *replay_thread_at(struct replay *r, uint32_t thread);

/* A process has ended: what it has not freed is not alive any more. Context: its PROCESS_END has been read, in the order of the file */
void replay_end_process(struct replay *r, uint32_t process);

/* Settle what each info held at the peak. Call once, after the last block. */
void replay_finish(struct replay *r);

#endif
