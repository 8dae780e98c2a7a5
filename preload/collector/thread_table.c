/* thread_table.c - see thread_table.h. */
#include "thread_table.h"

#include "memory.h"

enum {
    FIRST_THREADS = 64,
    FIRST_SERIALS = 1024,
    SERIALS_MAX = 1 << 26, /* a larger serial is damage */
};

void thread_table_init(struct thread_table *t) {
    *t = (struct thread_table){0};
}

void thread_table_free(struct thread_table *t) {
    memory_unmap(t->threads, t->cap * sizeof *t->threads);
    memory_unmap(t->facts, t->cap * sizeof *t->facts);
    *t = (struct thread_table){0};
}

void thread_serials_free(struct thread_serials *s) {
    memory_unmap(s->by_serial, s->cap * sizeof *s->by_serial);
    *s = (struct thread_serials){0};
}

static uint32_t *place_of_serial(struct thread_serials *s, uint32_t serial) {
    uint32_t cap = s->cap ? s->cap : FIRST_SERIALS;
    while (cap <= serial) {
        cap *= 2;
    }
    if (cap > s->cap) {
        s->by_serial = memory_grow(s->by_serial, s->cap * sizeof *s->by_serial, cap * sizeof *s->by_serial);
        s->cap = cap;
    }
    return &s->by_serial[serial];
}

void thread_table_restore(struct thread_table *t, const struct thread_facts *facts) {
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : FIRST_THREADS;
        t->threads = memory_grow(t->threads, t->cap * sizeof *t->threads, cap * sizeof *t->threads);
        t->facts = memory_grow(t->facts, t->cap * sizeof *t->facts, cap * sizeof *t->facts);
        t->cap = cap;
    }
    t->facts[t->n++] = *facts;
}

void thread_table_restore_serial(struct thread_serials *s, uint32_t serial, uint32_t index) {
    *place_of_serial(s, serial <= SERIALS_MAX ? serial : 0) = index + 1;
}

static uint32_t add(struct thread_table *t, const struct thread_facts *facts) {
    thread_table_restore(t, facts);
    proc_read_thread_name(facts->pid, facts->tid, t->facts[t->n - 1].name);
    return t->n - 1;
}

uint32_t thread_table_find(struct thread_table *t, struct thread_serials *serials, const struct thread_facts *facts) {
    uint32_t serial = facts->serial <= SERIALS_MAX ? facts->serial : 0;
    uint32_t *place = place_of_serial(serials, serial);
    if (*place == 0) {
        *place = add(t, facts) + 1;
        t->facts[*place - 1].process = serials->process;
    }
    return *place - 1;
}
