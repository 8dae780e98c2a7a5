/* event_decoder.c - columns of an EVENTS block into events; see event_decoder.h and include/FORMAT.md. */
#include "event_decoder.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "ring.h"
#include "stack_model.h"
#include "trace_format.h"
#include "varint.h"

enum {
    ONE_MS_NS = 1000000,
    RECENT_THREADS = 4,
    RECENT_SECOND =
        1 << TOKEN_RECENT_BITS, /* hits look at first tokens alone: these lie together, the second ones behind */
};

void event_decoder_init(struct event_decoder *d, uint64_t file_bytes) {
    *d = (struct event_decoder){.end_info = 1, .n_stacks = 1};
    d->end_id_max = EVENT_IDS_FREE + (file_bytes < UINT32_MAX ? file_bytes : UINT32_MAX) * EVENT_IDS_PER_BYTE;
    d->recent = xcalloc(1, TOKEN_RECENT_BYTES);
    d->follow = xcalloc(1, TOKEN_FOLLOW_BYTES);
    d->stack_table = xcalloc(1, STACK_TABLE_BYTES);
    d->stacks = xgrow(NULL, 0, &d->cap_stacks, sizeof *d->stacks);
    d->stacks[0] = (struct stack){0};
}

void event_decoder_free(struct event_decoder *d) {
    free(d->recent);
    free(d->follow);
    free(d->stack_table);
    free(d->contexts);
    free(d->stacks);
    free(d->infos);
    free(d->runs);
    free(d->tokens);
    free(d->times);
    *d = (struct event_decoder){0};
}

static void restart_prediction(struct event_decoder *d) {
    memset(d->recent, 0, TOKEN_RECENT_BYTES);
    memset(d->follow, 0, TOKEN_FOLLOW_BYTES);
    memset(d->stack_table, 0, STACK_TABLE_BYTES);
    d->last_literal_ip = 0;
    if (d->n_contexts) {
        memset(d->contexts, 0, d->n_contexts * sizeof *d->contexts);
    }
}

/* An array of at least n elements; its content is kept. */
static void *grow_to(void *array, size_t n, size_t *cap, size_t size_bytes) {
    if (n <= *cap) {
        return array;
    }
    *cap = n > *cap + *cap / 2 ? n : *cap + *cap / 2;
    return xrealloc(array, *cap, size_bytes);
}

/* ---- head ---- */

static const char *read_head(struct event_block *b, struct byte_reader *in, struct byte_reader columns[TRACE_N_COLUMNS]) {
    uint64_t n_events = varint_get(in);
    b->first_event = varint_get(in);
    b->start_ns = varint_get(in);
    b->mark = varint_get(in);
    uint64_t first_info = varint_get(in), n_infos = varint_get(in);
    uint64_t first_stack = varint_get(in), n_stacks = varint_get(in);
    uint64_t lengths[TRACE_N_COLUMNS];
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        lengths[i] = varint_get(in);
    }
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        const uint8_t *bytes = byte_reader_take(in, lengths[i]);
        columns[i] = bytes ? byte_reader_over(bytes, (size_t)lengths[i]) : *in;
    }
    if (in->is_failed || byte_reader_left(in) || n_events > TRACE_BLOCK_EVENTS_MAX) {
        return "a block of events with a malformed head";
    }
    /* Each definition takes a byte of these columns at least: no count can ask for more memory than the file holds. */
    if (n_infos > byte_reader_left(&columns[TRACE_COLUMN_INFO_SIZES]) ||
        n_stacks > byte_reader_left(&columns[TRACE_COLUMN_STACK_CODES]) || first_info > TOKEN_INFOS_MAX ||
        first_info + n_infos > TOKEN_INFOS_MAX || first_stack > UINT32_MAX - TRACE_BLOCK_RAW_MAX) {
        return "a block of events with more definitions than it has room for";
    }
    b->n_events = (uint32_t)n_events;
    b->first_info = (uint32_t)first_info;
    b->n_infos = (uint32_t)n_infos;
    b->first_stack = (uint32_t)first_stack;
    b->n_stacks = (uint32_t)n_stacks;
    return NULL;
}

/* Compare where the block says it starts with where the ones before ended: only a checkpoint can follow a hole, be it damage or
 * a file block that could not be written. */
static const char *check_place(const struct event_decoder *d, struct event_block *b, bool is_checkpoint) {
    if (b->first_event < d->end_event || b->first_info < d->end_info || b->first_stack < d->n_stacks) {
        return "a block of events that is out of order";
    }
    b->n_missing = b->first_event - d->end_event;
    if (!is_checkpoint && (b->n_missing || b->first_info > d->end_info || b->first_stack > d->n_stacks)) {
        return "a block of events that does not continue the one before";
    }
    if ((uint64_t)b->first_info + b->n_infos > d->end_id_max || (uint64_t)b->first_stack + b->n_stacks > d->end_id_max) {
        return "a block of events with more definitions than a file of this size can have";
    }
    return NULL;
}

/* ---- definitions ---- */

enum { STACK_DEPTH_MAX = RING_FRAMES_MAX + 1 }; /* and the root of its epoch */

static const char why_stack[] = "a block of events with a malformed call stack";

static const char *read_stacks(struct event_decoder *d, const struct event_block *b, struct byte_reader *codes,
                               struct byte_reader *literals) {
    uint64_t end = (uint64_t)b->first_stack + b->n_stacks;
    d->stacks = grow_to(d->stacks, end, &d->cap_stacks, sizeof *d->stacks);
    /* Lost ones in front are there, and empty. */
    memset(d->stacks + d->n_stacks, 0, (end - d->n_stacks) * sizeof *d->stacks);
    for (uint64_t id = b->first_stack; id < end; id++) {
        uint8_t code = *codes->p++; /* read_head() has seen that there is one for each */
        uint64_t back = code & STACK_PARENT_IS_PREVIOUS ? 1 : varint_get(literals);
        unsigned how = code & 3;
        if (back == 0 || back > id || how > STACK_IP_LITERAL || code > (STACK_PARENT_IS_PREVIOUS | STACK_IP_LITERAL)) {
            return why_stack;
        }
        uint32_t parent = (uint32_t)(id - back);
        bool is_parent_lost = parent && d->stacks[parent].ip == 0;
        uint64_t unknown[2] = {0, 0}; /* below a lost ip there is nothing to predict from */
        uint64_t *pair = is_parent_lost ? unknown : stack_pair(d->stack_table, d->stacks[parent].ip);
        uint64_t ip = pair[how & 1];
        if (how == STACK_IP_LITERAL) {
            ip = d->last_literal_ip += (uint64_t)zigzag_decode(varint_get(literals));
        }
        stack_learn(pair, ip);
        d->stacks[id] = (struct stack){.ip = ip, .parent = parent, .depth = d->stacks[parent].depth + !trace_is_tag(ip)};
        if (d->stacks[id].depth > STACK_DEPTH_MAX || trace_is_tag(d->stacks[parent].ip)) {
            return why_stack;
        }
    }
    return literals->is_failed || byte_reader_left(literals) || byte_reader_left(codes) ? why_stack : NULL;
}

static const char *read_infos(struct event_decoder *d, const struct event_block *b, struct byte_reader *sizes,
                              struct byte_reader *stacks) {
    uint64_t n_stacks = (uint64_t)b->first_stack + b->n_stacks;
    uint64_t stack = 0;
    d->infos = grow_to(d->infos, b->n_infos, &d->cap_infos, sizeof *d->infos);
    for (uint32_t i = 0; i < b->n_infos; i++) {
        uint64_t size_bytes = varint_get(sizes);
        stack += (uint64_t)zigzag_decode(varint_get(stacks));
        if (stack >= n_stacks || size_bytes > INT64_MAX) {
            return "a block of events that defines an info of no stack or of no possible size";
        }
        d->infos[i] = (struct info_definition){.size_bytes = size_bytes, .stack = (uint32_t)stack};
    }
    bool is_whole = !sizes->is_failed && !stacks->is_failed && !byte_reader_left(sizes) && !byte_reader_left(stacks);
    return is_whole ? NULL : "a block of events with malformed infos";
}

/* ---- threads ---- */

/* The threads that ran last, newest first; UINT32_MAX where there is none yet. */
struct recent_threads {
    uint32_t thread[RECENT_THREADS];
};

static void move_to_front(struct recent_threads *recent, uint32_t thread) {
    uint32_t carried = thread;
    for (int i = 0; i < RECENT_THREADS; i++) {
        uint32_t here = recent->thread[i];
        recent->thread[i] = carried;
        if (here == thread) {
            return;
        }
        carried = here;
    }
}

static const char *read_runs(struct event_decoder *d, struct event_block *b, struct byte_reader *in,
                             uint64_t n_threads_max) {
    struct recent_threads recent = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    uint64_t left = b->n_events;
    size_t n = 0;
    while (byte_reader_left(in)) {
        uint8_t head = *in->p++;
        unsigned kind = head >> 6;
        uint64_t thread = kind == 3 ? varint_get(in) : recent.thread[kind + 1];
        uint64_t beyond = (head & 63) == 63 ? varint_get(in) : 0;
        if (in->is_failed || thread >= n_threads_max || beyond > TRACE_BLOCK_EVENTS_MAX ||
            (head & 63) + beyond + 1 > left) {
            return "a block of events with a malformed order of threads";
        }
        uint32_t n_events = (uint32_t)((head & 63) + beyond + 1);
        move_to_front(&recent, (uint32_t)thread);
        d->runs = xgrow(d->runs, n, &d->cap_runs, sizeof *d->runs);
        d->runs[n++] = (struct event_run){.thread = (uint32_t)thread, .n_events = n_events};
        left -= n_events;
        if (thread >= d->n_contexts) {
            d->contexts = grow_to(d->contexts, thread + 1, &d->cap_contexts, sizeof *d->contexts);
            memset(d->contexts + d->n_contexts, 0, (thread + 1 - d->n_contexts) * sizeof *d->contexts);
            d->n_contexts = thread + 1;
        }
    }
    b->n_runs = n;
    return left ? "a block of events whose order of threads ends early" : NULL;
}

/* ---- tokens ---- */

static const char why_token[] = "a block of events with a malformed event";

/* Where the decoding of tokens stands. */
struct token_cursor {
    struct byte_reader control, literals, tails;
    uint32_t hits;        /* predicted events before the next miss */
    bool is_miss_next;    /* behind the hits */
    enum token_kind kind; /* of that miss */
    uint32_t new_info;    /* what TOKEN_KIND_NEW allocates */
    uint64_t end_token;   /* first token of an info that does not exist */
};

/* Take the next control byte. Returns false if there cannot be such a one. */
static bool next_control(struct token_cursor *c) {
    if (c->control.p == c->control.end) {
        c->hits = UINT32_MAX;
        return true;
    }
    uint8_t byte = *c->control.p++;
    c->hits = byte >> 2;
    c->kind = byte & 3;
    c->is_miss_next = c->hits < TOKEN_RUN_MAX;
    return c->is_miss_next || c->kind == 0;
}

/* The token of a miss. Returns it, or UINT32_MAX if it is none. */
static uint32_t missed_token(struct event_decoder *d, struct token_cursor *c, struct token_context context) {
    uint32_t *first = &d->recent[token_recent_index(context)];
    uint32_t *second = first + RECENT_SECOND;
    uint32_t *follow = &d->follow[token_follow_index(context)];
    uint64_t token = UINT32_MAX;
    switch (c->kind) {
    case TOKEN_KIND_SECOND:
        token = *second;
        break;
    case TOKEN_KIND_FOLLOW:
        token = *follow;
        break;
    case TOKEN_KIND_NEW:
        token = token_alloc(c->new_info);
        break;
    case TOKEN_KIND_LITERAL:
        token = token_from_literal(context, varint_get_split(&c->literals, &c->tails));
        break;
    }
    if (token >= c->end_token || (token >> 1) == 1) { /* 2 and 3 would be info 0 */
        return UINT32_MAX;
    }
    c->new_info += token == token_alloc(c->new_info);
    token_learn(first, second, follow, c->kind, (uint32_t)token);
    c->is_miss_next = false;
    return (uint32_t)token;
}

static struct token_context predict(const uint32_t *recent, struct token_context context, uint32_t n, uint32_t *out) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t token = recent[token_recent_index(context)];
        out[i] = token;
        context = token_push(context, token);
    }
    return context;
}

static const char *read_tokens(struct event_decoder *d, const struct event_block *b, struct token_cursor *c) {
    d->tokens = grow_to(d->tokens, b->n_events, &d->cap_tokens, sizeof *d->tokens);
    uint32_t *out = d->tokens;
    for (size_t i = 0; i < b->n_runs; i++) {
        struct token_context context = d->contexts[d->runs[i].thread];
        uint32_t left = d->runs[i].n_events;
        while (left) {
            if (c->hits) {
                uint32_t n = c->hits < left ? c->hits : left;
                context = predict(d->recent, context, n, out);
                out += n;
                left -= n;
                c->hits -= n;
            } else if (c->is_miss_next) {
                uint32_t token = missed_token(d, c, context);
                if (token == UINT32_MAX) {
                    return why_token;
                }
                context = token_push(context, token);
                *out++ = token;
                left--;
            } else if (!next_control(c)) {
                return why_token;
            }
        }
        d->contexts[d->runs[i].thread] = context;
    }
    bool is_run_used = c->hits == 0 || c->hits > TOKEN_RUN_MAX; /* the latter: behind the end of the column */
    bool is_control_used = !byte_reader_left(&c->control) && !c->is_miss_next && is_run_used;
    bool are_literals_used = !byte_reader_left(&c->literals) && !byte_reader_left(&c->tails) && !c->literals.is_failed;
    return is_control_used && are_literals_used ? NULL : why_token;
}

/* ---- times ---- */

static const char *read_times(struct event_decoder *d, struct event_block *b, struct byte_reader *in) {
    uint64_t ms = b->start_ns / ONE_MS_NS;
    uint64_t n_events = 0;
    while (byte_reader_left(in)) {
        uint64_t events = varint_get(in), add_ms = varint_get(in);
        n_events += events;
        ms += add_ms;
        if (in->is_failed || events > b->n_events || n_events > b->n_events || add_ms > INT64_MAX / ONE_MS_NS ||
            ms > INT64_MAX / ONE_MS_NS) {
            return "a block of events with malformed times";
        }
        d->times = xgrow(d->times, b->n_times, &d->cap_times, sizeof *d->times);
        d->times[b->n_times++] = (struct event_time){.event = (uint32_t)n_events, .ns = ms * ONE_MS_NS};
    }
    uint64_t end_ns = ms * ONE_MS_NS;
    b->end_ns = end_ns > b->start_ns ? end_ns : b->start_ns;
    return NULL;
}

static const char *read_columns(struct event_decoder *d, struct event_block *b, struct byte_reader *columns,
                                uint64_t n_threads_max) {
    const char *why = read_stacks(d, b, &columns[TRACE_COLUMN_STACK_CODES], &columns[TRACE_COLUMN_STACK_LITERALS]);
    if (!why) {
        why = read_infos(d, b, &columns[TRACE_COLUMN_INFO_SIZES], &columns[TRACE_COLUMN_INFO_STACKS]);
    }
    if (!why) {
        why = read_runs(d, b, &columns[TRACE_COLUMN_INTERLEAVE], n_threads_max);
    }
    if (!why) {
        why = read_times(d, b, &columns[TRACE_COLUMN_TIMES]);
    }
    if (!why) {
        struct token_cursor cursor = {
            .control = columns[TRACE_COLUMN_CONTROL],
            .literals = columns[TRACE_COLUMN_LITERALS],
            .tails = columns[TRACE_COLUMN_TAILS],
            .new_info = b->first_info,
            .end_token = token_alloc(b->first_info + b->n_infos),
        };
        why = read_tokens(d, b, &cursor);
    }
    return why;
}

const char *event_decoder_read(struct event_decoder *d, const struct trace_block *from, size_t n_threads,
                               struct event_block *block) {
    struct byte_reader in = byte_reader_over(from->raw, from->raw_bytes);
    struct byte_reader columns[TRACE_N_COLUMNS];
    *block = (struct event_block){0};
    const char *why = read_head(block, &in, columns);
    if (!why) {
        why = check_place(d, block, from->is_checkpoint);
    }
    if (why) {
        return why;
    }
    if (from->is_checkpoint) {
        restart_prediction(d);
    }
    why = read_columns(d, block, columns, EVENT_THREADS_UNNAMED_MAX + (uint64_t)n_threads * 2);
    if (why) {
        return why;
    }
    d->n_stacks = (size_t)block->first_stack + block->n_stacks;
    d->end_info = block->first_info + block->n_infos;
    d->end_event = block->first_event + block->n_events;
    block->infos = d->infos;
    block->runs = d->runs;
    block->tokens = d->tokens;
    block->times = d->times;
    return NULL;
}
