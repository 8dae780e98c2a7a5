/* marks.c - see marks.h. */
#include "marks.h"

#include "collect.h"

enum { FIRST_MARKS = 1024 };

static void note_first_info(struct marks *m) {
    if (m->n > m->cap) {
        uint32_t cap = m->cap ? m->cap * 2 : FIRST_MARKS;
        m->first_infos = memory_grow(m->first_infos, m->cap * sizeof *m->first_infos, cap * sizeof *m->first_infos);
        m->cap = cap;
    }
    m->first_infos[m->n - 1] = m->first_info;
}

uint32_t marks_put(struct collector *c, const char *name, size_t n, uint64_t ns) {
    struct marks *m = &c->marks;
    uint64_t first_event = c->encoder.first_event + c->encoder.n_events;
    if (m->n == TRACE_MARKS_MAX) {
        return 0;
    }
    if (!encoder_is_empty(&c->encoder)) {
        collector_cut(c);
    }
    c->encoder.mark = ++m->n;
    m->first_info = c->matchers.infos.n + 1;
    if (c->matchers.totals) {
        note_first_info(m);
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        info_table_clear(&c->targets[i]->matcher.infos);
    }
    trace_records_begin(&c->records, TRACE_RECORD_MARK);
    trace_records_number(&c->records, m->n);
    trace_records_number(&c->records, ns);
    trace_records_bytes(&c->records, name, n);
    trace_records_number(&c->records, first_event);
    trace_records_end(&c->records);
    return m->n;
}

/* place: of the name, in the log of the matcher's ring. */
static void on_mark(void *context, const struct matcher *m, uint32_t place, uint64_t stamp) {
    struct collector *c = context;
    char name[RING_MARK_NAME_MAX];
    size_t n = 0;
    if (place != 0 && !log_mark_name(m->ring, place, name, &n)) {
        m->merge->reader->n_damaged++;
    } else if (marks_put(c, name, n, clock_scale_ns(&c->clock, stamp)) == 0) {
        ring_map_count_lost(m->ring, RING_LOST_MARKS, 1);
    }
}

void marks_init(struct collector *c) {
    c->marks = (struct marks){.first_info = 1};
    c->matchers.on_mark = on_mark;
    c->matchers.mark_context = c;
    c->fold.from.marks = &c->marks;
}

void marks_free(struct marks *m) {
    memory_unmap(m->first_infos, m->cap * sizeof *m->first_infos);
    *m = (struct marks){0};
}
