/* encoder.h - turn tokens, new stacks and new infos into the columns of an EVENTS block.
 *
 * Fifth stage: matcher -> [encoder] -> trace_writer. The byte layout is include/FORMAT.md's, the prediction that both
 * sides keep in step is token_model.h's and stack_model.h's. Tokens arrive in batches with the thread of each, so that
 * the inner loop keeps a thread's context in registers.
 * Budget   4-9 ns an event, 3 MiB of tables where the program repeats little, less where it repeats much
 */
#ifndef SEEP_COLLECTOR_ENCODER_H
#define SEEP_COLLECTOR_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "memory.h"
#include "token_model.h"
#include "trace_format.h"

enum {
    ENCODER_RECENT_THREADS = 4,
    ENCODER_COLUMN_BYTES_MAX = 4 << 20, /* a block is full when any column is */
};

/* A thread's context, valid for one stretch between checkpoints. */
struct encoder_thread {
    struct token_context context;
    uint32_t stretch;
};

struct encoder {
    struct byte_buf columns[TRACE_N_COLUMNS];
    uint32_t *recent; /* token_model.h */
    uint32_t *follow;
    uint64_t *pairs;  /* stack_model.h */
    uint32_t *places; /* of each token of a run in `recent`, computed ahead so that it can be prefetched */
    uint32_t cap_places;
    struct encoder_thread *threads;
    uint32_t cap_threads;
    uint32_t stretch; /* number of the current one, from 1 */

    /* The block being built. */
    uint64_t first_event, start_ns;
    uint32_t mark; /* number of the last one before it */
    uint32_t n_events;
    uint32_t first_info, n_infos; /* n_infos: of this block */
    uint32_t first_stack, n_stacks;
    uint32_t next_new_info; /* the lowest info that no event of the block has named */
    uint32_t n_hits;        /* since the last control byte */
    uint32_t last_info_stack;
    uint64_t last_ip; /* the last literal one */
    uint64_t clock_ms;
    uint32_t last_time_event;
    uint32_t run_thread, run_events; /* the open run of the interleave column */
    uint32_t recent_threads[ENCODER_RECENT_THREADS];
    uint32_t n_recent_threads;
};

void encoder_init(struct encoder *e);
void encoder_free(struct encoder *e);

/* Begin the block's time: must be called before the first event of a block, with a time not before any earlier one. */
void encoder_set_start(struct encoder *e, uint64_t start_ns);

/* Let the clock stand at `ms` from event number `event` of this block on. Calls come in order of both. */
void encoder_set_clock(struct encoder *e, uint32_t event, uint64_t ms);

/* Define the next stack: ids go up by one, from 1. parent < id; parent_ip is the ip of the parent (0 for stack 0). */
void encoder_define_stack(struct encoder *e, uint32_t id, uint32_t parent, uint64_t parent_ip, uint64_t ip);

/* Define the next info: ids go up by one, from 1. Its stack has been defined. */
void encoder_define_info(struct encoder *e, uint32_t id, uint64_t size_bytes, uint32_t stack);

/* Append n tokens, tokens[i] of thread index threads[i]. */
void encoder_add(struct encoder *e, const uint32_t *tokens, const uint32_t *threads, uint32_t n);

/* Has the block nothing to say? */
bool encoder_is_empty(const struct encoder *e);

/* Should the block be closed for its size? */
bool encoder_is_full(const struct encoder *e);

/* End the block: complete the columns and put the head's varints into `head`. The columns stay until encoder_begin. */
void encoder_end_block(struct encoder *e, struct byte_buf *head);

/* Begin the next block, at a checkpoint with all predictions forgotten. */
void encoder_begin_block(struct encoder *e, bool is_checkpoint);

#endif
