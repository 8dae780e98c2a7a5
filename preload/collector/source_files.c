/* source_files.c - see source_files.h. */
#include "source_files.h"

#include <string.h>

#include "fnv.h"
#include "log_reader.h"
#include "trace_format.h"

enum { FIRST_NAMES = 256 };

void source_names_free(struct source_names *s) {
    byte_buf_free(&s->text);
    memory_unmap(s->starts, s->cap * sizeof *s->starts);
    memory_unmap(s->places, 2 * (size_t)s->cap * sizeof *s->places);
    *s = (struct source_names){0};
}

static const char *name_of(const struct source_names *s, uint32_t id) {
    return (const char *)s->text.bytes + s->starts[id - 1];
}

/* Where a name's id stands, or is to stand. */
static uint32_t *place_of(const struct source_names *s, const char *name, size_t n) {
    for (uint32_t mask = 2 * s->cap - 1, i = fnv32(name, n) & mask;; i = (i + 1) & mask) {
        uint32_t id = s->places[i];
        if (id == 0 || (strlen(name_of(s, id)) == n && memcmp(name_of(s, id), name, n) == 0)) {
            return &s->places[i];
        }
    }
}

static void grow(struct source_names *s) {
    uint32_t cap = s->cap ? s->cap * 2 : FIRST_NAMES;
    memory_unmap(s->places, 2 * (size_t)s->cap * sizeof *s->places);
    s->starts = memory_grow(s->starts, s->cap * sizeof *s->starts, cap * sizeof *s->starts);
    s->places = memory_map(2 * (size_t)cap * sizeof *s->places);
    s->cap = cap;
    for (uint32_t id = 1; id <= s->n; id++) {
        *place_of(s, name_of(s, id), strlen(name_of(s, id))) = id;
    }
}

uint32_t source_names_add(struct source_names *s, const char *name, size_t n) {
    if (s->n == s->cap) {
        grow(s);
    }
    uint32_t *place = place_of(s, name, n);
    if (*place == 0 && s->n < TRACE_FILES_MAX - 1) {
        s->starts[s->n] = (uint32_t)s->text.n;
        byte_buf_append(&s->text, name, n);
        byte_buf_append(&s->text, "", 1);
        *place = ++s->n;
    }
    return *place;
}

void source_names_announce(struct source_names *s, struct trace_records *records) {
    while (s->n_announced < s->n) {
        trace_records_begin(records, TRACE_RECORD_SOURCE_FILE);
        trace_records_number(records, ++s->n_announced);
        trace_records_string(records, name_of(s, s->n_announced));
        trace_records_end(records);
    }
}

void source_files_init(struct source_files *f, const struct ring_map *ring, struct source_names *names) {
    *f = (struct source_files){.names = names, .ring = ring};
}

void source_files_free(struct source_files *f) {
    memory_unmap(f->ids, TRACE_FILES_MAX * sizeof *f->ids);
    *f = (struct source_files){0};
}

static void take_name(void *context, uint32_t id, const char *name, size_t n) {
    struct source_files *f = context;
    if (id < TRACE_FILES_MAX && n > 0) {
        f->ids[id] = (uint16_t)source_names_add(f->names, name, n);
        if (f->ids[id] == 0) {
            ring_map_count_lost(f->ring, RING_LOST_SOURCE_FILES, 1);
        }
    }
}

uint64_t source_files_translate(struct source_files *f, uint64_t tag) {
    uint32_t id = trace_tag_file(tag);
    if (id != 0 && !f->ids) {
        f->ids = memory_map(TRACE_FILES_MAX * sizeof *f->ids);
    }
    if (id != 0 && f->ids[id] == 0) {
        f->at = log_each_file(f->ring, f->at, take_name, f);
    }
    return trace_tag(id != 0 ? f->ids[id] : 0, trace_tag_line(tag));
}
