/* profile_dump.c - everything that profile_load() makes of a trace, as JSON, for tests to compare with a model of their own. */
#include <stdio.h>

#include <stdlib.h>

#include "json_out.h"
#include "profile.h"
#include "tags.h"

static void put(struct json_out *j, const char *key, uint64_t v) {
    json_key(j, key);
    json_uint(j, v);
}

static void put_cost(struct json_out *j, const struct cost *c) {
    json_object_begin(j);
    put(j, "calls", c->calls);
    put(j, "allocated", c->allocated_bytes);
    put(j, "peak", c->peak_bytes);
    put(j, "unreleased", c->unreleased_bytes);
    put(j, "blocks", c->unreleased_blocks);
    put(j, "temporary", c->temporary);
    put(j, "birth", c->oldest_birth_ns);
    json_object_end(j);
}

static void put_stacks(struct json_out *j, const struct profile *p) {
    json_key(j, "stacks");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_stacks; i++) {
        json_array_begin(j);
        json_uint(j, p->stacks[i].parent);
        json_uint(j, p->stacks[i].ip);
        json_uint(j, p->stacks[i].module ? p->modules[p->stacks[i].module - 1].id : 0);
        put_cost(j, profile_cost(p, i));
        json_array_end(j);
    }
    json_array_end(j);
}

/* Of each stack with a tag: line, file, [line, file, frees] */
static void put_tags(struct json_out *j, const struct profile *p) {
    json_key(j, "tags");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_stacks; i++) {
        const struct freed_place *freed;
        size_t n = freed_of(p, p->stacks[i].cost, &freed);
        if (p->stacks[i].cost && stack_tag(&p->stacks[i])) {
            const char *name = tag_file(p, p->stacks[i].ip);
            json_array_begin(j);
            json_uint(j, trace_tag_line(p->stacks[i].ip));
            json_string(j, name ? name : "");
            json_array_begin(j);
            for (size_t k = 0; k < n; k++) {
                const char *place = tag_file(p, freed[k].place);
                json_array_begin(j);
                json_uint(j, trace_tag_line(freed[k].place));
                json_string(j, place ? place : "");
                json_uint(j, freed[k].n);
                json_array_end(j);
            }
            json_array_end(j);
            json_array_end(j);
        }
    }
    json_array_end(j);
}

static void put_lists(struct json_out *j, const struct profile *p) {
    json_key(j, "damage");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_damage; i++) {
        json_array_begin(j);
        json_uint(j, p->damage[i].off);
        json_uint(j, p->damage[i].n_bytes);
        json_string(j, p->damage[i].what);
        json_array_end(j);
    }
    json_array_end(j);
    json_key(j, "marks");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_marks; i++) {
        json_array_begin(j);
        json_string(j, p->marks[i].name);
        json_uint(j, p->marks[i].first_event);
        json_array_end(j);
    }
    json_array_end(j);
}

static void put_processes(struct json_out *j, const struct profile *p) {
    json_key(j, "processes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *of = &p->processes[i];
        json_object_begin(j);
        put(j, "pid", of->pid);
        put(j, "calls", of->total.calls);
        put(j, "frees", of->n_frees);
        put(j, "unreleased", of->total.unreleased_bytes);
        put(j, "peak", of->total.peak_bytes);
        put(j, "inherited_frees", of->inherited_frees);
        put(j, "inherited_unreleased", of->inherited_unreleased_bytes);
        json_object_end(j);
    }
    json_array_end(j);
}

int main(int argc, char **argv) {
    struct profile p;
    uint32_t pid = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    if (argc < 2 || argc > 3 || profile_load(&p, argv[1], &(struct profile_wanted){.pid = pid}, NULL, NULL) != 0) {
        profile_free(&p);
        return 3;
    }
    struct json_out *j = json_open(stdout);
    json_object_begin(j);
    put(j, "n_frees", p.n_frees);
    put(j, "n_events", p.n_events);
    put(j, "n_folded", p.n_folded);
    put(j, "folded_to_ns", p.folded_to_ns);
    put(j, "n_missing", p.n_events_missing);
    put(j, "n_unknown", p.n_events_unknown);
    put(j, "n_unmatched", p.n_frees_unmatched);
    put(j, "n_infos", p.n_infos);
    put(j, "is_complete", p.is_complete);
    put(j, "lost_events", p.lost_events);
    put(j, "runtime_ns", p.runtime_ns);
    json_key(j, "total");
    put_cost(j, &p.total);
    put_processes(j, &p);
    put_stacks(j, &p);
    put_tags(j, &p);
    put_lists(j, &p);
    json_object_end(j);
    int result = json_close(j);
    profile_free(&p);
    return result ? 1 : 0;
}
