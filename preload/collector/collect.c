/* collect.c - see collect.h. */
#include "collect.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "facts.h"

enum {
    NS_PER_MS = 1000000,
    BLOCK_EVENTS = 131072,     /* a file block is closed at this size, */
    BLOCK_SOME_EVENTS = 16384, /* at this size after a while, */
    BLOCK_SOME_NS = 100 * NS_PER_MS,
    BLOCK_MOST_NS = 1000 * NS_PER_MS, /* and at the latest after this: small blocks cost bytes, late ones an audience */
    STRETCH_BLOCKS = 32,              /* from checkpoint to checkpoint: FORMAT.md's most */
    SLEEP_LEAST_NS = 2 * NS_PER_MS,
    SLEEP_MOST_NS = 20 * NS_PER_MS,
    POLL_EVENTS = 32768,   /* a poll should find as many: each starts with cold caches (cc1: 76 ns an event with polls
                              of 1,200 events, 65 with 5,000, 60 with 19,000), and what lies longer in the ring is cold, too */
    HURRY_EVENTS = 262144, /* a poll that finds as many is not followed by a sleep at all */
    EXEC_CHECK_NS = 20 * NS_PER_MS,
};

int collector_init(struct collector *c, struct ring_map *ring, int fd, uint32_t watched_pid, const char *options) {
    *c = (struct collector){.ring = ring};
    if (trace_writer_init(&c->writer, fd) != 0) {
        return -1;
    }
    clock_scale_init(&c->clock, ring->is_clock_tsc, ring->start_stamp, ring->start_mono_ns);
    facts_start(c, options);
    if (trace_writer_records(&c->writer, c->records.ready.bytes, c->records.ready.n) != 0) {
        return -1;
    }
    c->records.ready.n = 0;
    thread_table_init(&c->threads);
    ring_reader_init(&c->reader, ring, &c->threads);
    merge_init(&c->merge, &c->reader);
    encoder_init(&c->encoder);
    matcher_init(&c->matcher, ring, &c->merge, &c->threads, &c->clock, &c->encoder);
    log_reader_init(&c->log, ring);
    log_reader_read(&c->log, &c->records, &c->clock, false); /* PROCESS, which the other facts are about */
    process_watch_open(&c->watch, watched_pid);
    c->must_checkpoint = true;
    return 0;
}

void collector_free(struct collector *c) {
    process_watch_close(&c->watch);
    log_reader_free(&c->log);
    matcher_free(&c->matcher);
    encoder_free(&c->encoder);
    merge_free(&c->merge);
    ring_reader_free(&c->reader);
    thread_table_free(&c->threads);
    trace_writer_free(&c->writer);
    trace_records_free(&c->records);
    byte_buf_free(&c->head);
}

static void note_failure(struct collector *c) {
    atomic_store_explicit(&c->ring->header->collector_state, RING_COLLECTOR_FAILED, memory_order_release);
}

static void flush_records(struct collector *c) {
    enum { KEPT_MAX = 16 << 20 }; /* of records that cannot be written; beyond it they are dropped */
    if (c->records.ready.n == 0) {
        return;
    }
    if (trace_writer_records(&c->writer, c->records.ready.bytes, c->records.ready.n) == 0) {
        c->records.ready.n = 0;
        return;
    }
    note_failure(c);
    if (c->records.ready.n > KEPT_MAX) {
        c->records.ready.n = 0;
    }
}

static void flush_events(struct collector *c) {
    struct encoder *e = &c->encoder;
    if (encoder_is_empty(e)) {
        return;
    }
    encoder_end_block(e, &c->head);
    struct trace_piece pieces[1 + TRACE_N_COLUMNS] = {{c->head.bytes, c->head.n}};
    for (int i = 0; i < TRACE_N_COLUMNS; i++) {
        pieces[1 + i] = (struct trace_piece){e->columns[i].bytes, e->columns[i].n};
    }
    bool is_checkpoint = c->must_checkpoint;
    if (trace_writer_events(&c->writer, pieces, 1 + TRACE_N_COLUMNS, is_checkpoint, e->start_ns / NS_PER_MS,
                            e->first_event) != 0) {
        c->n_unwritten += e->n_events;
        c->unwritten_errno = errno;
        c->must_checkpoint = true;
        note_failure(c);
    } else {
        c->n_stretch_blocks = is_checkpoint ? 1 : c->n_stretch_blocks + 1;
        c->must_checkpoint = c->n_stretch_blocks >= STRETCH_BLOCKS;
    }
    encoder_begin_block(e, c->must_checkpoint);
}

void collector_flush(struct collector *c) {
    flush_records(c);
    flush_events(c);
}

/* Records that the events of the block may need: the hooks commit them before they publish such an event. */
static void gather_records(struct collector *c, bool is_dead) {
    log_reader_read(&c->log, &c->records, &c->clock, is_dead);
    facts_threads(c);
}

/* Merge and encode everything below the watermark. Returns the number of events. */
static uint64_t drain(struct collector *c, bool is_dead) {
    uint64_t n = 0;
    merge_begin(&c->merge);
    while (merge_next(&c->merge)) {
        matcher_apply(&c->matcher);
        ring_reader_recycle(&c->reader);
        n += c->merge.n;
        if (c->encoder.n_events >= BLOCK_EVENTS || encoder_is_full(&c->encoder)) {
            gather_records(c, is_dead);
            collector_flush(c);
        }
    }
    ring_reader_recycle(&c->reader); /* chunks that the observation passed */
    return n;
}

/* Close the block if it is due by its age. */
static void flush_by_age(struct collector *c, uint64_t now_ns) {
    if (c->encoder.n_events == 0) {
        c->block_since_ns = now_ns;
    }
    uint64_t age_ns = now_ns - c->block_since_ns;
    if (age_ns >= BLOCK_MOST_NS || (age_ns >= BLOCK_SOME_NS && c->encoder.n_events >= BLOCK_SOME_EVENTS)) {
        gather_records(c, false);
        collector_flush(c);
        c->block_since_ns = now_ns;
    }
}

/* Sleep until a hook says that the ring is filling, or for that long. */
static void sleep_until_woken(struct collector *c, uint32_t wake_seen, uint64_t ns) {
    struct timespec timeout = {.tv_nsec = (long)ns};
    /* Not FUTEX_PRIVATE: the word is shared with the target. */
    if (syscall(SYS_futex, &c->ring->header->wake, FUTEX_WAIT, wake_seen, &timeout, NULL, 0) != 0 && errno == ENOSYS) {
        nanosleep(&timeout, NULL);
    }
}

/* Wait until the clock reading may be trusted to be older than what other cores have stored. */
static void settle(uint64_t read_ns) {
    while (clock_mono_ns() - read_ns < RING_SETTLE_NS) {
        clock_pause();
    }
}

/* As long as it takes for POLL_EVENTS to come if they come as fast as the last ones did. */
static uint64_t next_sleep(uint64_t sleep_ns, uint64_t n_events) {
    uint64_t ns = n_events != 0 ? sleep_ns * POLL_EVENTS / n_events : SLEEP_MOST_NS;
    ns = ns < 2 * sleep_ns ? ns : 2 * sleep_ns;
    ns = ns > SLEEP_LEAST_NS ? ns : SLEEP_LEAST_NS;
    return ns < SLEEP_MOST_NS ? ns : SLEEP_MOST_NS;
}

/* Everything that comes due with time and not with events. */
static void housekeeping(struct collector *c, uint64_t now_ns, uint64_t n_events) {
    if (n_events != 0) {
        facts_watch_memory(c, now_ns);
        facts_every_second(c, now_ns);
    }
    flush_by_age(c, now_ns);
    uint64_t rate_before = c->clock.base_stamp;
    clock_scale_refine(&c->clock, c->merge.merged_stamp);
    if (c->clock.base_stamp != rate_before) {
        matcher_clock_changed(&c->matcher);
    }
}

/* Poll until the target is gone (returns false) or runs another program (true). */
static bool follow(struct collector *c) {
    const struct ring_header *h = c->ring->header;
    uint64_t sleep_ns = SLEEP_LEAST_NS, read_ns = clock_mono_ns(), stamp = clock_stamp(c->clock.is_tsc);
    uint64_t checked_ns = 0;
    while (process_watch_is_alive(&c->watch)) {
        if (read_ns - checked_ns >= EXEC_CHECK_NS) {
            checked_ns = read_ns;
            if (process_watch_has_execed(&c->watch)) {
                return true;
            }
        }
        uint32_t wake_seen = atomic_load_explicit(&h->wake, memory_order_acquire);
        settle(read_ns);
        uint64_t settled_stamp = stamp, now_ns = clock_mono_ns();
        stamp = clock_stamp(c->clock.is_tsc);
        atomic_store_explicit(&c->ring->header->recent_stamp, stamp, memory_order_relaxed);
        read_ns = now_ns;
        ring_reader_observe(&c->reader, settled_stamp, stamp, now_ns);
        uint64_t n_events = drain(c, false);
        housekeeping(c, now_ns, n_events);
        sleep_ns = next_sleep(sleep_ns, n_events);
        if (n_events < HURRY_EVENTS) {
            sleep_until_woken(c, wake_seen, sleep_ns);
        }
    }
    return false;
}

static int finish(struct collector *c, bool has_execed) {
    struct process_end end = {.kind = TRACE_END_UNKNOWN};
    if (!has_execed) {
        end = process_watch_end(&c->watch, c->ring->header);
    }
    ring_reader_observe_dead(&c->reader);
    drain(c, true);
    gather_records(c, true);
    collector_flush(c);
    facts_last(c, end);
    bool has_exited = atomic_load_explicit(&c->ring->header->target_state, memory_order_acquire) == RING_TARGET_EXITED;
    facts_note_end(c, has_execed, end.kind != TRACE_END_SIGNAL && !has_exited);
    facts_survivors(c);
    facts_end(c);
    flush_records(c);
    /* A trace without its END is no complete one and must not look like it. */
    bool is_complete = c->records.ready.n == 0 && trace_writer_index(&c->writer) == 0;
    atomic_store_explicit(&c->ring->header->collector_state, is_complete ? RING_COLLECTOR_DONE : RING_COLLECTOR_FAILED,
                          memory_order_release);
    return is_complete ? 0 : -1;
}

int collector_run(struct collector *c) {
    atomic_store_explicit(&c->ring->header->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
    atomic_store_explicit(&c->ring->header->collector_state, RING_COLLECTOR_RUNNING, memory_order_release);
    bool has_execed = follow(c);
    return finish(c, has_execed);
}
