/* encoder.c - see encoder.h. */
#include "encoder.h"

#include <string.h>

#include "stack_model.h"

enum {
    RUN_LENGTH_BITS = 6,
    RUN_LENGTH_MAX = (1 << RUN_LENGTH_BITS) - 1,
    RUN_OTHER_THREAD = 3,
    /* Most bytes of a token: a control byte of its own and one for each 63 hits, a literal of 33 bits, a run of one
     * event with thread and length. */
    CONTROL_BYTES_MAX = 2,
    TAIL_BYTES_MAX = 4,
    INTERLEAVE_BYTES_MAX = 1 + 5 + 5,
    FIRST_THREADS = 64,
    PREFETCH_TOKENS = 12,
};

void encoder_init(struct encoder *e) {
    *e = (struct encoder){.first_info = 1, .first_stack = 1, .next_new_info = 1, .stretch = 1};
    e->recent = memory_map(TOKEN_RECENT_BYTES);
    e->follow = memory_map(TOKEN_FOLLOW_BYTES);
    e->pairs = memory_map(STACK_TABLE_BYTES);
}

void encoder_free(struct encoder *e) {
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        byte_buf_free(&e->columns[i]);
    }
    memory_unmap(e->recent, TOKEN_RECENT_BYTES);
    memory_unmap(e->follow, TOKEN_FOLLOW_BYTES);
    memory_unmap(e->pairs, STACK_TABLE_BYTES);
    memory_unmap(e->places, e->cap_places * sizeof *e->places);
    memory_unmap(e->threads, e->cap_threads * sizeof *e->threads);
    *e = (struct encoder){0};
}

void encoder_set_start(struct encoder *e, uint64_t start_ns) {
    e->start_ns = start_ns;
    e->clock_ms = start_ns / 1000000;
    e->last_time_event = 0;
    e->columns[TRACE_COLUMN_TIMES].n = 0; /* ticks of frees that made no event */
}

void encoder_set_clock(struct encoder *e, uint32_t event, uint64_t ms) {
    if (ms <= e->clock_ms) {
        return;
    }
    byte_buf_varint(&e->columns[TRACE_COLUMN_TIMES], event - e->last_time_event);
    byte_buf_varint(&e->columns[TRACE_COLUMN_TIMES], ms - e->clock_ms);
    e->last_time_event = event;
    e->clock_ms = ms;
}

void encoder_define_stack(struct encoder *e, uint32_t id, uint32_t parent, uint64_t parent_ip, uint64_t ip) {
    uint64_t *pair = stack_pair(e->pairs, parent_ip);
    uint8_t code = STACK_IP_LITERAL;
    if (pair[0] == ip || pair[1] == ip) {
        code = pair[0] != ip;
    }
    struct byte_buf *literals = &e->columns[TRACE_COLUMN_STACK_LITERALS];
    if (parent + 1 == id) {
        code |= STACK_PARENT_IS_PREVIOUS;
    } else {
        byte_buf_varint(literals, id - parent);
    }
    if ((code & 3) == STACK_IP_LITERAL) {
        byte_buf_varint(literals, zigzag_encode((int64_t)(ip - e->last_ip)));
        e->last_ip = ip;
    }
    byte_buf_byte(&e->columns[TRACE_COLUMN_STACK_CODES], code);
    stack_learn(pair, ip);
    e->n_stacks++;
}

void encoder_define_info(struct encoder *e, uint32_t id, uint64_t size_bytes, uint32_t stack) {
    byte_buf_varint(&e->columns[TRACE_COLUMN_INFO_SIZES], size_bytes);
    byte_buf_varint(&e->columns[TRACE_COLUMN_INFO_STACKS], zigzag_encode((int64_t)stack - (int64_t)e->last_info_stack));
    e->last_info_stack = stack;
    e->n_infos = id - e->first_info + 1;
}

static COLD void threads_grow(struct encoder *e, uint32_t thread) {
    uint32_t cap = e->cap_threads ? e->cap_threads : FIRST_THREADS;
    while (cap <= thread) {
        cap *= 2;
    }
    e->threads = memory_grow(e->threads, e->cap_threads * sizeof *e->threads, cap * sizeof *e->threads);
    e->cap_threads = cap;
}

/* The thread's context; blank where this is its first event of the stretch. */
ALWAYS_INLINE struct token_context *context_of(struct encoder *e, uint32_t thread) {
    if (UNLIKELY(thread >= e->cap_threads)) {
        threads_grow(e, thread);
    }
    struct encoder_thread *t = &e->threads[thread];
    if (UNLIKELY(t->stretch != e->stretch)) {
        *t = (struct encoder_thread){.stretch = e->stretch};
    }
    return &t->context;
}

/* Where the thread stands among the latest four: 0 = newest, ENCODER_RECENT_THREADS = not there. It moves to the front. */
static uint32_t recent_thread_touch(struct encoder *e, uint32_t thread) {
    uint32_t at = 0;
    while (at < e->n_recent_threads && e->recent_threads[at] != thread) {
        at++;
    }
    bool is_found = at < e->n_recent_threads;
    uint32_t n_moved = is_found ? at : e->n_recent_threads;
    if (!is_found && e->n_recent_threads < ENCODER_RECENT_THREADS) {
        e->n_recent_threads++;
    } else if (!is_found) {
        n_moved = ENCODER_RECENT_THREADS - 1;
    }
    memmove(e->recent_threads + 1, e->recent_threads, n_moved * sizeof e->recent_threads[0]);
    e->recent_threads[0] = thread;
    return is_found ? at : ENCODER_RECENT_THREADS;
}

/* Write the open run of the interleave column, which has room. */
static void run_close(struct encoder *e) {
    if (e->run_events == 0) {
        return;
    }
    struct byte_buf *column = &e->columns[TRACE_COLUMN_INTERLEAVE];
    uint8_t *p = column->bytes + column->n;
    uint32_t at = recent_thread_touch(e, e->run_thread);
    bool is_recent = at >= 1 && at < ENCODER_RECENT_THREADS;
    uint32_t more = e->run_events - 1;
    uint32_t length = more < RUN_LENGTH_MAX ? more : RUN_LENGTH_MAX;
    *p++ = (uint8_t)((is_recent ? at - 1 : RUN_OTHER_THREAD) << RUN_LENGTH_BITS | length);
    if (!is_recent) {
        p = varint_put(p, e->run_thread);
    }
    if (length == RUN_LENGTH_MAX) {
        p = varint_put(p, more - RUN_LENGTH_MAX);
    }
    column->n = (size_t)(p - column->bytes);
    e->run_events = 0;
}

/* Where a token that recent[0] did not foresee is found. */
ALWAYS_INLINE enum token_kind kind_of(const struct encoder *e, uint32_t token, uint32_t second, uint32_t follow) {
    if (second == token) {
        return TOKEN_KIND_SECOND;
    }
    if (follow == token) {
        return TOKEN_KIND_FOLLOW;
    }
    return token == token_alloc(e->next_new_info) ? TOKEN_KIND_NEW : TOKEN_KIND_LITERAL;
}

/* Where each token of the run is looked up: known before any is encoded, because contexts are made of tokens alone. */
static void find_places(struct encoder *e, struct token_context c, const uint32_t *tokens, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        e->places[i] = token_recent_index(c) * 2;
        c = token_push(c, tokens[i]);
    }
}

ALWAYS_INLINE uint8_t *column_end(const struct encoder *e, enum trace_column column) {
    return e->columns[column].bytes + e->columns[column].n;
}

ALWAYS_INLINE void column_end_at(struct encoder *e, enum trace_column column, const uint8_t *end) {
    e->columns[column].n = (size_t)(end - e->columns[column].bytes);
}

/* Encode the tokens of one thread, in its context. The columns have room. */
static void encode_run(struct encoder *e, struct token_context *context, const uint32_t *tokens, uint32_t n) {
    struct token_context c = *context;
    uint8_t *control = column_end(e, TRACE_COLUMN_CONTROL);
    uint8_t *literal = column_end(e, TRACE_COLUMN_LITERALS);
    uint8_t *tail = column_end(e, TRACE_COLUMN_TAILS);
    uint32_t n_hits = e->n_hits;
    find_places(e, c, tokens, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t token = tokens[i];
        uint32_t *first = &e->recent[e->places[i]];
        __builtin_prefetch(&e->recent[e->places[i + PREFETCH_TOKENS]], 1);
        if (LIKELY(i + PREFETCH_TOKENS < n)) {
            struct token_context ahead = {.newest = tokens[i + PREFETCH_TOKENS - 1]};
            __builtin_prefetch(&e->follow[token_follow_index(ahead)], 1);
        }
        if (LIKELY(*first == token)) {
            n_hits++;
        } else {
            for (; UNLIKELY(n_hits >= TOKEN_RUN_MAX); n_hits -= TOKEN_RUN_MAX) {
                *control++ = TOKEN_RUN_MAX << 2;
            }
            uint32_t *follow = &e->follow[token_follow_index(c)];
            uint32_t *second = first + 1;
            enum token_kind kind = kind_of(e, token, *second, *follow);
            *control++ = (uint8_t)(n_hits << 2 | kind);
            n_hits = 0;
            if (kind == TOKEN_KIND_LITERAL) {
                tail = varint_put_split(&literal, tail, token_to_literal(c, token));
            }
            e->next_new_info += kind == TOKEN_KIND_NEW;
            token_learn(first, second, follow, kind, token);
        }
        c = token_push(c, token);
    }
    e->n_hits = n_hits;
    column_end_at(e, TRACE_COLUMN_CONTROL, control);
    column_end_at(e, TRACE_COLUMN_LITERALS, literal);
    column_end_at(e, TRACE_COLUMN_TAILS, tail);
    *context = c;
}

/* Room for all that n tokens can take, and for the hits and the run that an earlier batch left open. */
static void reserve(struct encoder *e, uint32_t n) {
    byte_buf_reserve(&e->columns[TRACE_COLUMN_CONTROL], ((size_t)n + e->n_hits + 1) * CONTROL_BYTES_MAX);
    byte_buf_reserve(&e->columns[TRACE_COLUMN_LITERALS], n);
    byte_buf_reserve(&e->columns[TRACE_COLUMN_TAILS], (size_t)n * TAIL_BYTES_MAX);
    byte_buf_reserve(&e->columns[TRACE_COLUMN_INTERLEAVE], ((size_t)n + 2) * INTERLEAVE_BYTES_MAX);
    uint32_t cap = n + PREFETCH_TOKENS; /* the loop looks that far ahead */
    if (cap > e->cap_places) {
        memory_unmap(e->places, e->cap_places * sizeof *e->places);
        e->places = memory_map(cap * sizeof *e->places);
        e->cap_places = cap;
    }
}

void encoder_add(struct encoder *e, const uint32_t *tokens, const uint32_t *threads, uint32_t n) {
    reserve(e, n);
    for (uint32_t i = 0; i < n;) {
        uint32_t thread = threads[i], end = i + 1;
        while (end < n && threads[end] == thread) {
            end++;
        }
        if (thread != e->run_thread || e->run_events == 0) {
            run_close(e);
            e->run_thread = thread;
        }
        e->run_events += end - i;
        encode_run(e, context_of(e, thread), tokens + i, end - i);
        i = end;
    }
    e->n_events += n;
}

bool encoder_is_empty(const struct encoder *e) {
    return e->n_events == 0 && e->n_infos == 0 && e->n_stacks == 0;
}

bool encoder_is_full(const struct encoder *e) {
    size_t most = 0;
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        most = e->columns[i].n > most ? e->columns[i].n : most;
    }
    return most >= ENCODER_COLUMN_BYTES_MAX;
}

void encoder_end_block(struct encoder *e, struct byte_buf *head) {
    byte_buf_reserve(&e->columns[TRACE_COLUMN_INTERLEAVE], INTERLEAVE_BYTES_MAX);
    run_close(e);
    head->n = 0;
    byte_buf_varint(head, e->n_events);
    byte_buf_varint(head, e->first_event);
    byte_buf_varint(head, e->start_ns);
    byte_buf_varint(head, e->mark);
    byte_buf_varint(head, e->first_info);
    byte_buf_varint(head, e->n_infos);
    byte_buf_varint(head, e->first_stack);
    byte_buf_varint(head, e->n_stacks);
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        byte_buf_varint(head, e->columns[i].n);
    }
}

void encoder_begin_block(struct encoder *e, bool is_checkpoint) {
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        e->columns[i].n = 0;
    }
    e->first_event += e->n_events;
    e->first_info += e->n_infos;
    e->first_stack += e->n_stacks;
    e->next_new_info = e->first_info;
    e->n_events = e->n_infos = e->n_stacks = 0;
    e->n_hits = 0; /* a control column that ends early means hits */
    e->last_info_stack = 0;
    e->n_recent_threads = 0;
    if (is_checkpoint) {
        memset(e->recent, 0, TOKEN_RECENT_BYTES);
        memset(e->follow, 0, TOKEN_FOLLOW_BYTES);
        memset(e->pairs, 0, STACK_TABLE_BYTES);
        e->last_ip = 0;
        e->stretch++;
    }
}
