/* log_reader.c - see log_reader.h. */
#include "log_reader.h"

#include <limits.h>
#include <stddef.h>

#include "proc_files.h"

enum { WAIT_NS = 1000 * 1000 * 1000 };

void log_reader_init(struct log_reader *l, const struct ring_map *ring) {
    *l = (struct log_reader){.ring = ring, .origin.process = TRACE_NO_PROCESS};
}

void log_reader_free(struct log_reader *l) {
    byte_buf_free(&l->copy);
}

/* Take a string that ends with NUL or with the payload. */
static void take_string(struct byte_reader *r, struct trace_records *records) {
    size_t left = byte_reader_left(r);
    const uint8_t *end = left ? memchr(r->p, 0, left) : NULL;
    size_t n = end ? (size_t)(end - r->p) : left;
    trace_records_bytes(records, byte_reader_take(r, n), n);
    byte_reader_take(r, end ? 1 : 0);
}

static void process_record(const struct log_reader *l, struct byte_reader *r, struct trace_records *records, uint64_t ns) {
    struct ring_log_process p;
    const uint8_t *head = byte_reader_take(r, sizeof p);
    if (!head) {
        return;
    }
    memcpy(&p, head, sizeof p);
    trace_records_begin(records, TRACE_RECORD_PROCESS);
    trace_records_number(records, l->process);
    trace_records_number(records, p.pid);
    trace_records_number(records, l->origin.kind);
    trace_records_number(records, l->origin.process);
    trace_records_number(records, p.epoch);
    trace_records_number(records, l->origin.inherited_blocks);
    trace_records_number(records, l->origin.inherited_bytes);
    trace_records_number(records, p.ppid);
    trace_records_number(records, ns);
    take_string(r, records);
    uint64_t n_arguments = 0;
    for (const uint8_t *c = r->p; c < r->end; c++) {
        n_arguments += *c == 0;
    }
    n_arguments += byte_reader_left(r) != 0 && r->end[-1] != 0;
    trace_records_number(records, n_arguments);
    while (n_arguments-- > 0) {
        take_string(r, records);
    }
    trace_records_end(records);
}

static void module_record(const struct log_reader *l, struct byte_reader *r, struct trace_records *records) {
    struct ring_log_module m;
    const uint8_t *head = byte_reader_take(r, sizeof m);
    if (!head) {
        return;
    }
    memcpy(&m, head, sizeof m);
    const uint8_t *build_id = byte_reader_take(r, m.build_id_bytes);
    if (!build_id) {
        return;
    }
    trace_records_begin(records, TRACE_RECORD_MODULE);
    trace_records_number(records, m.id);
    trace_records_number(records, l->process);
    trace_records_number(records, m.epoch);
    trace_records_number(records, m.bias);
    trace_records_number(records, m.start);
    trace_records_number(records, m.end);
    trace_records_bytes(records, build_id, m.build_id_bytes);
    char path[PATH_MAX];
    if (m.is_path_guessed && proc_find_mapped(l->ring->pid, m.start, path, sizeof path)) {
        trace_records_string(records, path);
    } else {
        take_string(r, records);
    }
    trace_records_end(records);
}

static void epoch_record(const struct log_reader *l, struct byte_reader *r, struct trace_records *records) {
    struct ring_log_epoch e;
    const uint8_t *head = byte_reader_take(r, sizeof e);
    if (!head) {
        return;
    }
    memcpy(&e, head, sizeof e);
    const uint8_t *gone = byte_reader_take(r, (uint64_t)e.n_gone * sizeof(uint32_t));
    if (!gone) {
        return;
    }
    trace_records_begin(records, TRACE_RECORD_EPOCH);
    trace_records_number(records, l->process);
    trace_records_number(records, e.epoch);
    trace_records_number(records, e.n_gone);
    for (uint32_t i = 0; i < e.n_gone; i++) {
        uint32_t id;
        memcpy(&id, gone + i * sizeof id, sizeof id);
        trace_records_number(records, id);
    }
    trace_records_end(records);
}

static void note_record(const struct log_reader *l, struct byte_reader *r, struct trace_records *records) {
    trace_records_begin(records, TRACE_RECORD_NOTE);
    trace_records_number(records, l->process);
    take_string(r, records);
    trace_records_end(records);
}

static void convert(const struct log_reader *l, const struct ring_log_record *head, struct byte_reader *r,
                    struct trace_records *records, const struct clock_scale *clock) {
    switch (head->type) {
    case RING_LOG_PROCESS:
        process_record(l, r, records, clock_scale_ns(clock, head->stamp));
        break;
    case RING_LOG_MODULE:
        module_record(l, r, records);
        break;
    case RING_LOG_EPOCH:
        epoch_record(l, r, records);
        break;
    case RING_LOG_NOTE:
        note_record(l, r, records);
        break;
    default: /* RING_LOG_FILE, see source_files.h; RING_LOG_MARK, see log_mark_name(); or of a newer shim */
        break;
    }
}

static const struct ring_log_record *record_at(const struct ring_map *ring, uint32_t at) {
    return (const struct ring_log_record *)(const void *)(ring->log + (size_t)at * RING_LOG_UNIT_BYTES);
}

/* acquire: pairs with the hook's release after it has written the record */
static bool is_committed(const struct ring_log_record *record) {
    return atomic_load_explicit(&record->commit, memory_order_acquire) == RING_LOG_COMMITTED;
}

static uint32_t n_claimed(const struct ring_map *ring) {
    uint32_t n = atomic_load_explicit(&ring->header->n_log_units, memory_order_acquire);
    return n < ring->cap_log ? n : ring->cap_log;
}

static const size_t head_bytes = offsetof(struct ring_log_record, payload);

/* Copy the head of the committed record at `at`, of n units in all. Returns false if it makes no sense. */
static bool take_head(const struct ring_map *ring, uint32_t at, uint32_t n, struct ring_log_record *head) {
    memcpy(head, record_at(ring, at), head_bytes);
    size_t bytes = (size_t)head->n_units * RING_LOG_UNIT_BYTES;
    return head->n_units != 0 && head->n_units <= n - at && head->payload_bytes <= bytes - head_bytes;
}

void log_each_cut(const struct ring_map *ring, void (*visit)(void *context, const struct ring_log_cut *cut),
                  void *context) {
    uint32_t n = n_claimed(ring);
    for (uint32_t at = 0, units = 1; at < n; at += units) {
        struct ring_log_record head;
        struct ring_log_cut cut;
        bool is_good = is_committed(record_at(ring, at)) && take_head(ring, at, n, &head);
        units = is_good ? head.n_units : 1;
        for (uint32_t off = 0; is_good && head.type == RING_LOG_FORK && off + sizeof cut <= head.payload_bytes;
             off += sizeof cut) {
            memcpy(&cut, record_at(ring, at)->payload + off, sizeof cut);
            visit(context, &cut);
        }
    }
}

/* The record is copied first: the original may change under us. */
static void visit_file(const struct ring_log_record *from, uint32_t payload_bytes,
                       void (*visit)(void *context, uint32_t id, const char *name, size_t n), void *context) {
    enum { NAME_BYTES_MAX = 256 };
    struct ring_log_file file;
    char name[NAME_BYTES_MAX];
    if (payload_bytes > sizeof file && payload_bytes <= sizeof file + sizeof name) {
        memcpy(&file, from->payload, sizeof file);
        memcpy(name, from->payload + sizeof file, payload_bytes - sizeof file);
        visit(context, file.id, name, strnlen(name, payload_bytes - sizeof file));
    }
}

uint32_t log_each_file(const struct ring_map *ring, uint32_t from,
                       void (*visit)(void *context, uint32_t id, const char *name, size_t n), void *context) {
    uint32_t n = n_claimed(ring), first_open = n;
    for (uint32_t at = from, units = 1; at < n; at += units) {
        struct ring_log_record head;
        bool is_good = is_committed(record_at(ring, at)) && take_head(ring, at, n, &head);
        units = is_good ? head.n_units : 1;
        first_open = !is_good && at < first_open ? at : first_open;
        if (is_good && head.type == RING_LOG_FILE) {
            visit_file(record_at(ring, at), head.payload_bytes, visit, context);
        }
    }
    return first_open;
}

bool log_mark_name(const struct ring_map *ring, uint32_t place, char *name, size_t *n) {
    struct ring_log_record head;
    uint32_t end = n_claimed(ring);
    if (place == 0 || place > end || !is_committed(record_at(ring, place - 1)) || !take_head(ring, place - 1, end, &head) ||
        head.type != RING_LOG_MARK || head.payload_bytes > RING_MARK_NAME_MAX) {
        return false;
    }
    memcpy(name, record_at(ring, place - 1)->payload, head.payload_bytes);
    *n = head.payload_bytes;
    return true;
}

/* Turn the committed record at `at` into a record of the trace. Returns its units; 1 if it makes no sense. */
static uint32_t take_record(struct log_reader *l, struct trace_records *records, const struct clock_scale *clock,
                            uint32_t n) {
    struct ring_log_record head;
    if (!take_head(l->ring, l->at, n, &head)) {
        return 1;
    }
    l->copy.n = 0;
    byte_buf_append(&l->copy, record_at(l->ring, l->at)->payload, head.payload_bytes);
    struct byte_reader r = byte_reader_over(l->copy.bytes, l->copy.n);
    convert(l, &head, &r, records, clock);
    return head.n_units;
}

void log_reader_read(struct log_reader *l, struct trace_records *records, const struct clock_scale *clock, bool is_dead) {
    uint32_t n = n_claimed(l->ring);
    while (l->at < n) {
        if (is_committed(record_at(l->ring, l->at))) {
            l->at += take_record(l, records, clock, n);
            l->waiting_since_ns = 0;
            continue;
        }
        uint64_t now = clock_mono_ns();
        if (l->waiting_since_ns == 0) {
            l->waiting_since_ns = now;
        }
        if (!is_dead && now - l->waiting_since_ns < WAIT_NS) {
            return;
        }
        l->at++;
    }
}
