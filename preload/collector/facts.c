/* facts.c - see facts.h. */
#include "facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "coverage.h"
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
    uint64_t now = c->stopped_mono_ns ? c->stopped_mono_ns : clock_mono_ns();
    return now > c->clock.start_mono_ns ? now - c->clock.start_mono_ns : 0;
}

void facts_start(struct collector *c, const struct ring_map *ring, const char *options) {
    trace_records_begin(&c->records, TRACE_RECORD_START);
    trace_records_string(&c->records, SEEP_VERSION);
    trace_records_number(&c->records, ring->start_real_ns);
    trace_records_string(&c->records, options);
    trace_records_number(&c->records, clock_scale_rate(&c->clock));
    trace_records_number(&c->records, ring->header->sample_bytes);
    trace_records_end(&c->records);
}

void facts_threads(struct collector *c) {
    struct thread_table *t = &c->threads;
    for (; t->n_announced < t->n; t->n_announced++) {
        const struct thread_facts *f = &t->facts[t->n_announced];
        trace_records_begin(&c->records, TRACE_RECORD_THREAD);
        trace_records_number(&c->records, t->n_announced);
        trace_records_number(&c->records, f->process);
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
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        uint64_t resident_bytes, peak_bytes;
        if (t->watch.is_known && proc_read_memory(t->ring.pid, &resident_bytes, &peak_bytes)) {
            t->resident_bytes = resident_bytes;
            t->peak_bytes = peak_bytes;
        }
    }
}

static void write_memory(struct collector *c, struct target *t) {
    if (t->peak_bytes == 0 || (t->resident_bytes == t->memory_written[0] && t->peak_bytes == t->memory_written[1])) {
        return;
    }
    t->memory_written[0] = t->resident_bytes;
    t->memory_written[1] = t->peak_bytes;
    trace_records_begin(&c->records, TRACE_RECORD_MEMORY);
    trace_records_number(&c->records, t->index);
    trace_records_number(&c->records, now_in_trace_ns(c));
    trace_records_number(&c->records, t->resident_bytes);
    trace_records_number(&c->records, t->peak_bytes);
    trace_records_end(&c->records);
}

static void write_lost(struct collector *c, uint32_t process, const char *key, uint64_t n, const char *text,
                       int is_events) {
    trace_records_begin(&c->records, TRACE_RECORD_LOST);
    trace_records_number(&c->records, process);
    trace_records_string(&c->records, key);
    trace_records_number(&c->records, n);
    trace_records_string(&c->records, text);
    trace_records_number(&c->records, (uint64_t)is_events);
    trace_records_end(&c->records);
}

/* The collector's own counts are put into the ring, too, for who looks there. */
void facts_losses(struct collector *c, struct target *t) {
    _Atomic uint64_t *lost = t->ring.header->lost;
    atomic_store_explicit(&lost[RING_LOST_LATE], t->merge.n_late, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_UNKNOWN_FREES], t->matcher.counts.unknown_frees, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_IMPLICIT_FREES], t->matcher.counts.implicit_frees, memory_order_relaxed);
    atomic_store_explicit(&lost[RING_LOST_UNDOS], t->matcher.counts.dropped_undos, memory_order_relaxed);
    for (int i = 0; i < RING_N_LOST; i++) {
        uint64_t n = atomic_load_explicit(&lost[i], memory_order_relaxed);
        if (n != t->lost_written[i]) {
            t->lost_written[i] = n;
            write_lost(c, t->index, lost_kinds[i].key, n, lost_kinds[i].text, lost_kinds[i].is_events);
        }
    }
}

/* What came of the trace's limit. */
static void write_fold(struct collector *c) {
    uint64_t n_over = fold_bytes_over(&c->fold);
    char text[192];
    if (c->fold.n_failed != c->folds_failed_written) {
        c->folds_failed_written = c->fold.n_failed;
        snprintf(text, sizeof text, "times that the trace could not be folded to stay below its limit (%s)",
                 strerror(c->fold.failed_errno));
        write_lost(c, 0, "not-folded", c->fold.n_failed, text, 0);
    }
    if (n_over != c->bytes_over_written) {
        c->bytes_over_written = n_over;
        write_lost(
            c, 0, "over-limit", n_over,
            "bytes that totals, stacks and records take, which cannot be folded: the trace may grow beyond its limit", 0);
    }
}

void facts_every_second(struct collector *c, uint64_t now_ns) {
    if (now_ns - c->facts_ns < FACTS_NS) {
        return;
    }
    c->facts_ns = now_ns;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->is_started && !c->targets[i]->is_finished) { /* others have no number, or have been told of */
            write_memory(c, c->targets[i]);
            facts_losses(c, c->targets[i]);
        }
    }
    write_fold(c);
    rename_threads(c);
}

void facts_note(struct collector *c, const struct target *t, const char *text) {
    trace_records_begin(&c->records, TRACE_RECORD_NOTE);
    trace_records_number(&c->records, t->index);
    trace_records_string(&c->records, text);
    trace_records_end(&c->records);
}

static void note_end(struct collector *c, const struct target *t, struct process_end end) {
    bool has_exited = atomic_load_explicit(&t->ring.header->target_state, memory_order_acquire) == RING_TARGET_EXITED;
    if (!has_exited && end.kind == TRACE_END_UNKNOWN) {
        facts_note(c, t,
                   "how the process ended is not known: not by exit(), but by _exit(), a signal, or exec of a program that "
                   "is not in the trace");
    }
}

/* What the verify mode of the unwinder has found. */
static void write_verified(struct collector *c, const struct target *t) {
    uint64_t n = atomic_load_explicit(&t->ring.header->n_verified, memory_order_relaxed);
    char text[128];
    if (n != 0) {
        snprintf(text, sizeof text, "%" PRIu64 " stacks compared with libunwind, %" PRIu64 " differ", n,
                 atomic_load_explicit(&t->ring.header->n_differing, memory_order_relaxed));
        facts_note(c, t, text);
    }
}

/* What the allocator said at exit, and what of it was alive in the trace then. */
static void write_coverage(struct collector *c, const struct target *t) {
    const struct ring_header *h = t->ring.header;
    const struct coverage_sum *sum = &t->matcher.covered;
    uint32_t result = atomic_load_explicit(&h->coverage.result, memory_order_acquire);
    if (result == COVERAGE_NOT_ASKED) {
        return;
    }
    trace_records_begin(&c->records, TRACE_RECORD_COVERAGE);
    trace_records_number(&c->records, t->index);
    trace_records_number(&c->records, result == COVERAGE_MEASURED && !sum->is_known ? COVERAGE_NO_MARK : result);
    trace_records_number(&c->records, h->coverage.allocator);
    trace_records_number(&c->records, h->coverage.in_use_bytes);
    trace_records_number(&c->records, h->coverage.n_mapped);
    trace_records_number(&c->records, atomic_load_explicit(&h->n_slots, memory_order_relaxed));
    trace_records_number(&c->records, h->coverage.cache_blocks);
    trace_records_number(&c->records, h->coverage.cache_bytes_max);
    trace_records_number(&c->records, atomic_load_explicit(&h->coverage.rounded_bytes, memory_order_relaxed));
    trace_records_number(&c->records, sum->blocks);
    trace_records_number(&c->records, sum->bytes);
    trace_records_number(&c->records, sum->held_bytes);
    trace_records_end(&c->records);
}

void facts_target_last(struct collector *c, struct target *t, struct process_end end) {
    uint64_t peak_bytes = atomic_load_explicit(&t->ring.header->max_rss_bytes, memory_order_relaxed);
    t->peak_bytes = peak_bytes > t->peak_bytes ? peak_bytes : t->peak_bytes;
    write_memory(c, t);
    facts_losses(c, t);
    if (t->reader.n_damaged) {
        write_lost(c, t->index, "damaged-ring", t->reader.n_damaged,
                   "places where the ring had been overwritten and events were skipped", 1);
    }
    write_verified(c, t);
    write_coverage(c, t);
    note_end(c, t, end);
    trace_records_begin(&c->records, TRACE_RECORD_PROCESS_END);
    trace_records_number(&c->records, t->index);
    trace_records_number(&c->records, t->end_mono_ns > c->clock.start_mono_ns ? t->end_mono_ns - c->clock.start_mono_ns
                                                                              : now_in_trace_ns(c));
    trace_records_number(&c->records, end.kind);
    trace_records_number(&c->records, end.value);
    trace_records_end(&c->records);
}

struct survivor {
    uint64_t n_blocks;
    uint64_t oldest_ms;
};

/* Inherited blocks are of the parent's infos, and not told of. */
static void count_survivor(void *context, struct live_block block) {
    struct survivor *s = (struct survivor *)context + block.info;
    if (block.birth_ms != FORKS_BIRTH_INHERITED) {
        s->oldest_ms = s->n_blocks++ == 0 || block.birth_ms < s->oldest_ms ? block.birth_ms : s->oldest_ms;
    }
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

void facts_survivors(struct collector *c, const struct target *t) {
    uint32_t end = c->matchers.infos.n + 1;
    size_t bytes = end * sizeof(struct survivor);
    struct survivor *survivors = memory_map(bytes);
    live_map_each(&t->matcher.live, count_survivor, survivors);
    for (uint32_t first = t->first_info; first < end; first += SURVIVORS_MAX) {
        write_survivors(c, survivors, first, end - first < SURVIVORS_MAX ? end : first + SURVIVORS_MAX);
        if (end - t->first_info > SURVIVORS_MAX) {
            collector_write(c); /* a file block for each */
        }
    }
    memory_unmap(survivors, bytes);
}

void facts_count(struct collector *c, const struct target *t) {
    const struct matcher_counts *n = &t->matcher.counts;
    c->counts.allocations += n->allocations;
    c->counts.frees += n->frees;
    c->counts.undos += n->undos;
    c->counts.inherited_frees += n->inherited_frees;
}

void facts_end(struct collector *c) {
    const struct matcher_counts *n = &c->counts;
    if (c->n_unwritten) {
        char text[128];
        snprintf(text, sizeof text, "events that could not be written to the trace (%s)", strerror(c->unwritten_errno));
        write_lost(c, 0, "not-written", c->n_unwritten, text, 1);
    }
    write_fold(c);
    trace_records_begin(&c->records, TRACE_RECORD_END);
    trace_records_number(&c->records, now_in_trace_ns(c));
    trace_records_number(&c->records, c->encoder.first_event);
    trace_records_number(&c->records, n->allocations);
    trace_records_number(&c->records, n->frees);
    trace_records_number(&c->records, n->undos);
    trace_records_number(&c->records, renewal_processor_ns(&c->renewal));
    /* Not ru_maxrss: that counts what this process was before exec, a copy of the target. */
    uint64_t resident_bytes = 0, peak_bytes = 0;
    proc_read_memory((uint32_t)getpid(), &resident_bytes, &peak_bytes);
    trace_records_number(&c->records, peak_bytes);
    trace_records_number(&c->records, n->inherited_frees);
    trace_records_end(&c->records);
}
