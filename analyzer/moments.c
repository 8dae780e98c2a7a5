/* moments.c - see moments.h. */
#include "moments.h"

#include <stdlib.h>

#include "diag.h"
#include "records.h"

void moments_init(struct moments *m, uint64_t alive_at) {
    *m = (struct moments){.alive_at = alive_at};
    series_init(&m->marks, SERIES_MARKS);
    series_init(&m->time, SERIES_TIME);
}

static void note_then(struct moments *m, const struct replay *r) {
    m->then = xrealloc(m->then, r->n_infos, sizeof *m->then);
    m->n_then = r->n_infos;
    for (size_t id = 0; id < r->n_infos; id++) {
        const struct replay_info *info = &r->infos[id];
        struct moment_info then = {.alive = info->live, .kept = replay_unreleased(info)};
        if (r->by_thread.is_chosen) {
            const struct by_thread_info *part = &r->by_thread.infos[id];
            uint64_t most = part->high < info->live ? part->high : info->live;
            then.alive = part->low < most ? part->low : most;
            then.alive = info->left ? 0 : then.alive; /* what is alive may be what another one left */
            then.more = most - then.alive;
            then.kept = part->high;
        }
        m->then[id] = then;
    }
}

bool moments_knows_then(const struct moments *m) {
    return m->then && m->alive_at > m->folded_mark;
}

/* Marks up to this number are here. */
static void reach_mark(struct moments *m, const struct replay *r, struct profile *p, uint64_t number) {
    if (number <= m->last_mark || number > RECORDS_MARKS_MAX) {
        return;
    }
    for (size_t i = p->n_marks; i-- > 0 && p->marks[i].first_event == UINT64_MAX;) {
        if (p->marks[i].number <= number) {
            p->marks[i].first_event = r->event;
        }
    }
    series_advance(&m->marks, r, number);
    if (m->alive_at > m->last_mark && m->alive_at <= number) {
        note_then(m, r);
    }
    m->last_mark = number;
}

/* The last mark that was set before a time. */
static uint64_t mark_before(const struct profile *p, uint64_t ns) {
    uint64_t number = 0;
    for (size_t i = 0; i < p->n_marks; i++) {
        number = p->marks[i].time_ns < ns && p->marks[i].number > number ? p->marks[i].number : number;
    }
    return number;
}

/* Of what is folded only the end is known. */
static void begin(struct moments *m, const struct event_block *events, const struct profile *p) {
    m->has_begun = true;
    if (p->n_folded) {
        uint64_t folded = mark_before(p, p->folded_to_ns);
        m->last_mark = m->folded_mark = folded < events->mark ? folded : events->mark;
        series_skip(&m->marks, m->last_mark);
        series_skip(&m->time, p->folded_to_ns);
    }
}

static void reach_time(struct moments *m, const struct replay *r, uint64_t ns) {
    if (m->last_mark < SERIES_MARKS_MIN) {
        series_advance(&m->time, r, ns);
    }
}

static void note_range(struct moments *m, const struct event_block *events) {
    uint32_t mark = events->mark < RECORDS_MARKS_MAX ? (uint32_t)events->mark : RECORDS_MARKS_MAX;
    if (events->n_infos && (m->n_ranges == 0 || m->ranges[m->n_ranges - 1].mark != mark)) {
        m->ranges = xgrow(m->ranges, m->n_ranges, &m->cap_ranges, sizeof *m->ranges);
        m->ranges[m->n_ranges].first_info = events->first_info;
        m->ranges[m->n_ranges++].mark = mark;
    }
}

void moments_births(const struct moments *m, struct profile *p, const struct replay *r) {
    uint32_t *mark_of_info = p->n_marks ? xcalloc(r->n_infos, sizeof *mark_of_info) : NULL;
    for (size_t id = 0, range = 0; mark_of_info && id < r->n_infos; id++) {
        while (range + 1 < m->n_ranges && m->ranges[range + 1].first_info <= id) {
            range++;
        }
        mark_of_info[id] = m->n_ranges ? m->ranges[range].mark : 0;
    }
    if (mark_of_info) {
        shares_build(&p->births, p, r, mark_of_info, r->n_infos);
    }
    free(mark_of_info);
}

void moments_replay(struct moments *m, struct replay *r, const struct event_block *events, struct profile *p,
                    const struct stack *stacks) {
    replay_begin(r, events, p, stacks);
    note_range(m, events);
    if (events->n_events == 0) {
        return; /* definitions of what is folded */
    }
    if (!m->has_begun) {
        begin(m, events, p);
    }
    reach_mark(m, r, p, events->mark);
    reach_time(m, r, events->start_ns);
    for (size_t i = 0; i < events->n_times && m->last_mark < SERIES_MARKS_MIN; i++) {
        if (series_is_due(&m->time, events->times[i].ns)) {
            replay_until(r, events, p, events->times[i].event);
            reach_time(m, r, events->times[i].ns);
        }
    }
    replay_until(r, events, p, events->n_events);
}

void moments_end_process(struct moments *m, const struct replay *r, struct profile *p, uint32_t process) {
    if (process < p->n_processes) {
        reach_mark(m, r, p, mark_before(p, p->processes[process].end_ns));
        reach_time(m, r, p->processes[process].end_ns);
    }
}

void moments_end(struct moments *m, const struct replay *r, struct profile *p) {
    if (!m->has_begun && p->n_folded) {
        m->folded_mark = mark_before(p, p->folded_to_ns);
    }
    reach_mark(m, r, p, mark_before(p, UINT64_MAX));
    for (size_t i = 0; i < p->n_processes; i++) {
        if (p->processes[i].end_ns == 0 && profile_is_chosen(p, &p->processes[i])) {
            reach_time(m, r, p->runtime_ns);
        }
    }
}

void moments_finish(struct moments *m, struct profile *p, const uint32_t *same) {
    bool are_marks = m->last_mark >= SERIES_MARKS_MIN;
    struct series other;
    series_finish(&m->marks, p, same, are_marks ? &p->series : &other);
    series_finish(&m->time, p, same, are_marks ? &other : &p->series);
    series_free(&other);
    p->n_marks_reached = m->last_mark;
}

void moments_free(struct moments *m) {
    free(m->ranges);
    free(m->then);
    m->ranges = NULL;
    m->then = NULL;
}
