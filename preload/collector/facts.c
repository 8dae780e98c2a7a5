/* facts.c - see facts.h. */
#include "facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proc_files.h"

enum {
    MEMORY_READ_NS = 100 * 1000 * 1000,
    FACTS_NS = 1000 * 1000 * 1000,
    RENAME_NS = 500 * 1000 * 1000, /* a thread that names itself has done so by then */
    SURVIVORS_MAX = 1 << 20,       /* infos of one record: it has to fit a file block */
};

static const struct {
    const char *key, *text;
    int is_events;
} lost_kinds[RING_N_LOST] = {
#define X(name, key_, is_events_, text_) [RING_LOST_##name] = {.key = key_, .text = text_, .is_events = is_events_},
    RING_LOST_KINDS(X)
#undef X
};

static uint64_t now_in_trace_ns(const struct collector *c) {
    uint64_t now = clock_mono_ns();
    return now > c->clock.start_mono_ns ? now - c->clock.start_mono_ns : 0;
}

void facts_start(struct collector *c, const char *options) {
    trace_records_begin(&c->records, TRACE_RECORD_START);
    trace_records_string(&c->records, SEEP_VERSION);
    trace_records_number(&c->records, c->ring->start_real_ns);
    trace_records_string(&c->records, options);
    trace_records_number(&c->records, clock_scale_rate(&c->clock));
    trace_records_number(&c->records, c->ring->header->sample_bytes);
    trace_records_end(&c->records);
}

void facts_threads(struct collector *c) {
    struct thread_table *t = &c->threads;
    for (; t->n_announced < t->n; t->n_announced++) {
        const struct thread_facts *f = &t->facts[t->n_announced];
        trace_records_begin(&c->records, TRACE_RECORD_THREAD);
        trace_records_number(&c->records, t->n_announced);
        trace_records_number(&c->records, f->pid);
        trace_records_number(&c->records, f->tid);
        trace_records_number(&c->records, clock_scale_ns(&c->clock, f->start_stamp));
        trace_records_string(&c->records, f->name);
        trace_records_end(&c->records);
    }
}

static void rename_threads(struct collector *c) {
    struct thread_table *t = &c->threads;
    uint64_t now = now_in_trace_ns(c);
    for (; t->n_renamed < t->n_announced; t->n_renamed++) {
        struct thread_facts *f = &t->facts[t->n_renamed];
        if (clock_scale_ns(&c->clock, f->start_stamp) + RENAME_NS > now) {
            return;
        }
        char name[PROC_NAME_BYTES];
        proc_read_thread_name(f->pid, f->tid, name);
        if (name[0] == '\0' || strcmp(name, f->name) == 0) {
            continue;
        }
        memcpy(f->name, name, sizeof name);
        trace_records_begin(&c->records, TRACE_RECORD_THREAD_NAME);
        trace_records_number(&c->records, t->n_renamed);
        trace_records_string(&c->records, name);
        trace_records_end(&c->records);
    }
}

void facts_watch_memory(struct collector *c, uint64_t now_ns) {
    if (now_ns - c->memory_read_ns < MEMORY_READ_NS) {
        return;
    }
    c->memory_read_ns = now_ns;
    uint64_t resident_bytes, peak_bytes;
    if (c->watch.is_known && proc_read_memory(c->ring->pid, &resident_bytes, &peak_bytes)) {
        c->resident_bytes = resident_bytes;
        c->peak_bytes = peak_bytes;
    }
}

static void write_memory(struct collector *c) {
    if (c->peak_bytes == 0 || (c->resident_bytes == c->memory_written[0] && c->peak_bytes == c->memory_written[1])) {
        return;
    }
    c->memory_written[0] = c->resident_bytes;
    c->memory_written[1] = c->peak_bytes;
    trace_records_begin(&c->records, TRACE_RECORD_MEMORY);
    trace_records_number(&c->records, c->ring->pid);
    trace_records_number(&c->records, now_in_trace_ns(c));
    trace_records_number(&c->records, c->resident_bytes);
    trace_records_number(&c->records, c->peak_bytes);
    trace_records_end(&c->records);
}

static void write_lost(struct collector *c, const char *key, uint64_t n, const char *text, int is_events) {
    trace_records_begin(&c->records, TRACE_RECORD_LOST);
    trace_records_string(&c->records, key);
    trace_records_number(&c->records, n);
    trace_records_string(&c->records, text);
    trace_records_number(&c->records, (uint64_t)is_events);
    trace_records_end(&c->records);
}

/* LOST records of counts that have changed; the collector's own are put into the ring, too, for who looks there. */
static void write_losses(struct collector *c) {
    _Atomic uint64_t *lost = c->ring->header->lost;
    atomic_store_explicit(&lost[RING_LOST_LATE], c->merge.n_late, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_UNKNOWN_FREES], c->matcher.counts.unknown_frees, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_IMPLICIT_FREES], c->matcher.counts.implicit_frees, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_UNDOS], c->matcher.counts.dropped_undos, memory_order_relaxed);
    for (int i = 0; i < RING_N_LOST; i++) {
        uint64_t n = atomic_load_explicit(&lost[i], memory_order_relaxed);
        if (n != c->lost_written[i]) {
            c->lost_written[i] = n;
            write_lost(c, lost_kinds[i].key, n, lost_kinds[i].text, lost_kinds[i].is_events);
        }
    }
}

void facts_every_second(struct collector *c, uint64_t now_ns) {
    if (now_ns - c->facts_ns < FACTS_NS) {
        return;
    }
    c->facts_ns = now_ns;
    write_memory(c);
    write_losses(c);
    rename_threads(c);
}

static void write_note(struct collector *c, const char *text) {
    trace_records_begin(&c->records, TRACE_RECORD_NOTE);
    trace_records_number(&c->records, c->ring->pid);
    trace_records_string(&c->records, text);
    trace_records_end(&c->records);
}

void facts_note_end(struct collector *c, bool has_execed, bool has_vanished) {
    if (has_execed) {
        write_note(c, "the process went on as another program (exec); the trace ends there");
    } else if (has_vanished) {
        write_note(
            c,
            "the process ended without exit(): by _exit(), by a signal if its end is unknown, or after it had gone on as "
            "another program (exec), which is not in the trace");
    }
}

/* What the verify mode of the unwinder has found. */
static void write_verified(struct collector *c) {
    uint64_t n = atomic_load_explicit(&c->ring->header->n_verified, memory_order_relaxed);
    char text[128];
    if (n != 0) {
        snprintf(text, sizeof text, "%" PRIu64 " stacks compared with libunwind, %" PRIu64 " differ", n,
                 atomic_load_explicit(&c->ring->header->n_differing, memory_order_relaxed));
        write_note(c, text);
    }
}

void facts_last(struct collector *c, struct process_end end) {
    uint64_t peak_bytes = atomic_load_explicit(&c->ring->header->max_rss_bytes, memory_order_relaxed);
    c->peak_bytes = peak_bytes > c->peak_bytes ? peak_bytes : c->peak_bytes;
    write_memory(c);
    write_losses(c);
    if (c->reader.n_damaged) {
        write_lost(c, "damaged-ring", c->reader.n_damaged,
                   "places where the ring had been overwritten and events were skipped", 1);
    }
    if (c->n_unwritten) {
        char text[128];
        snprintf(text, sizeof text, "events that could not be written to the trace (%s)", strerror(c->unwritten_errno));
        write_lost(c, "not-written", c->n_unwritten, text, 1);
    }
    write_verified(c);
    trace_records_begin(&c->records, TRACE_RECORD_PROCESS_END);
    trace_records_number(&c->records, c->ring->pid);
    trace_records_number(&c->records, now_in_trace_ns(c));
    trace_records_number(&c->records, end.kind);
    trace_records_number(&c->records, end.value);
    trace_records_end(&c->records);
}

struct survivor {
    uint64_t n_blocks;
    uint64_t oldest_ms;
};

static void count_survivor(void *context, struct live_block block) {
    struct survivor *s = (struct survivor *)context + block.info;
    s->oldest_ms = s->n_blocks++ == 0 || block.birth_ms < s->oldest_ms ? block.birth_ms : s->oldest_ms;
}

/* One record of the infos [first, end). */
static void write_survivors(struct collector *c, const struct survivor *survivors, uint32_t first, uint32_t end) {
    uint64_t n = 0;
    for (uint32_t i = first; i < end; i++) {
        n += survivors[i].n_blocks != 0;
    }
    trace_records_begin(&c->records, TRACE_RECORD_SURVIVORS);
    trace_records_number(&c->records, n);
    uint32_t last = 0;
    for (uint32_t i = first; i < end; i++) {
        if (survivors[i].n_blocks != 0) {
            trace_records_number(&c->records, i - last);
            trace_records_number(&c->records, survivors[i].n_blocks);
            trace_records_number(&c->records, survivors[i].oldest_ms);
            last = i;
        }
    }
    trace_records_end(&c->records);
}

void facts_survivors(struct collector *c) {
    uint32_t end = c->matcher.infos.n + 1;
    size_t bytes = end * sizeof(struct survivor);
    struct survivor *survivors = memory_map(bytes);
    live_map_each(&c->matcher.live, count_survivor, survivors);
    for (uint32_t first = 0; first < end; first += SURVIVORS_MAX) {
        write_survivors(c, survivors, first, end - first < SURVIVORS_MAX ? end : first + SURVIVORS_MAX);
        collector_flush(c); /* a file block for each */
    }
    memory_unmap(survivors, bytes);
}

void facts_end(struct collector *c) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    uint64_t cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    const struct matcher_counts *n = &c->matcher.counts;
    trace_records_begin(&c->records, TRACE_RECORD_END);
    trace_records_number(&c->records, now_in_trace_ns(c));
    trace_records_number(&c->records, c->encoder.first_event);
    trace_records_number(&c->records, n->allocations);
    trace_records_number(&c->records, n->frees);
    trace_records_number(&c->records, n->undos);
    trace_records_number(&c->records, cpu_us * 1000);
    /* Not ru_maxrss: that counts what this process was before exec, a copy of the target. */
    uint64_t resident_bytes = 0, peak_bytes = 0;
    proc_read_memory((uint32_t)getpid(), &resident_bytes, &peak_bytes);
    trace_records_number(&c->records, peak_bytes);
    trace_records_end(&c->records);
}
