/* event_decoder.h - the columns of an EVENTS block back into stacks, infos, runs of threads and tokens.
 *
 * Second stage of the analyzer: trace_reader -> [event_decoder] -> replay. A block is decoded whole before anything of it is
 * used, so a malformed one changes no figure. Every token that comes out names an info whose id is in range (an undefined one
 * where its definition is lost): this is checked only where a token is spelled out, since predictions repeat checked ones, and
 * so the hot loop needs no check. It costs a hash, a load and a store an event; see token_model.h.
 */
#ifndef SEEP_EVENT_DECODER_H
#define SEEP_EVENT_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "profile.h"
#include "token_model.h"
#include "trace_reader.h"

/* Threads that events may name before any THREAD record has been read, so that damage to records does not cost events. */
enum { EVENT_THREADS_UNNAMED_MAX = 65536 };

/* Stacks, and infos, that a trace may define: so many, and so many for each byte of the file. No recorder comes near; without
 * the limit a forged file of 64 KiB could ask for gigabytes, by deflating well or by claiming that definitions are lost. */
enum { EVENT_IDS_FREE = 1 << 20, EVENT_IDS_PER_BYTE = 64 };

/* Events of one thread that follow each other. */
struct event_run {
    uint32_t thread;
    uint32_t n_events;
};

struct info_definition {
    uint64_t size_bytes;
    uint32_t stack; /* below the decoder's n_stacks */
};

/* From this event of the block on it is this late. */
struct event_time {
    uint32_t event; /* 0 = the first of the block; n_events = behind the last */
    uint64_t ns;    /* since the start of the trace */
};

/* What one EVENTS block says. The arrays are valid until the next call. */
struct event_block {
    uint32_t n_events;
    uint64_t n_missing; /* events known to be lost between the block before and this one */
    uint64_t first_event;
    uint64_t start_ns, end_ns;
    uint64_t mark;
    uint32_t first_info, n_infos;
    uint32_t first_stack, n_stacks;
    const struct info_definition *infos; /* [n_infos] */
    const struct event_run *runs;        /* [n_runs]; their events add up to n_events */
    size_t n_runs;
    const uint32_t *tokens;         /* [n_events] */
    const struct event_time *times; /* [n_times], ascending: of the events after start_ns */
    size_t n_times;
};

struct event_decoder {
    /* Prediction, restarted at each checkpoint. */
    uint32_t *recent, *follow;
    uint64_t *stack_table;
    uint64_t last_literal_ip;
    struct token_context *contexts; /* by thread */
    size_t n_contexts, cap_contexts;
    /* The call tree so far. The caller may take it at the end. Stacks whose definition is lost have ip and parent 0, and the ip
     * of those below is 0 where it was predicted. (What the writer learned below a lost ip, its table has and ours lacks: after
     * damage each prediction up to the next checkpoint is wrong with a chance of one in 16384 for each such stack.) */
    struct stack *stacks;
    size_t n_stacks, cap_stacks;
    uint32_t end_info; /* first id not yet used */
    uint64_t end_event;
    uint64_t end_id_max; /* of stacks and of infos */
    /* Space for a block. */
    struct info_definition *infos;
    struct event_run *runs;
    uint32_t *tokens;
    struct event_time *times;
    size_t cap_infos, cap_runs, cap_tokens, cap_times;
};

/* Start on a trace of that many bytes.
 * Memory  event_decoder_free() */
void event_decoder_init(struct event_decoder *d, uint64_t file_bytes);
void event_decoder_free(struct event_decoder *d);

/* Decode an EVENTS block.
 *
 * n_threads   THREAD records so far
 * Returns     NULL, or what is wrong with the block; then nothing has been changed except that only a checkpoint can follow */
const char *event_decoder_read(struct event_decoder *d, const struct trace_block *from, size_t n_threads,
                               struct event_block *block) MUST_CHECK;

#endif
