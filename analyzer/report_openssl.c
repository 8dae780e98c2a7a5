/* report_openssl.c - see report_openssl.h. */
#include "report_openssl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "diag.h"
#include "format_size.h"
#include "openssl_objects.h"
#include "safe_text.h"

enum { PLACES_SHOWN = 3, MAKERS_SHOWN = 3 };

static double temporary_percent(const struct cost *c) {
    return c->calls ? 100. * (double)c->temporary / (double)c->calls : 0.;
}

static void put_maker(FILE *f, const struct openssl_maker *maker) {
    const struct frame *frame = &maker->location->frames[maker->frame];
    fprintf(f, "  %" PRIu64 " alive from ", maker->blocks);
    if (frame->function) {
        safe_text_put_function(f, frame->function);
    } else {
        fprintf(f, "0x%" PRIx64, maker->ip - 1);
    }
    if (frame->file) {
        fputs(" at ", f);
        safe_text_put(f, frame->file);
        fprintf(f, ":%" PRIu32, frame->line);
    }
    fputs(" in ", f);
    safe_text_put(f, maker->location->module ? maker->location->module : "??");
    fputc('\n', f);
}

static void put_type(FILE *f, const struct openssl_type *type) {
    const struct cost *c = &type->cost;
    char alive[FORMAT_BYTES_MAX], held[FORMAT_BYTES_MAX];
    fprintf(f, "%s: %" PRIu64 " created, %" PRIu64 " freed, %" PRIu64 " alive", type->name, c->calls,
            c->calls - c->unreleased_blocks, c->unreleased_blocks);
    if (c->unreleased_blocks) {
        fprintf(f, " (%s, with what they own %s)", format_size(c->unreleased_bytes, alive),
                format_size(type->held_bytes, held));
    }
    fprintf(f, ", %.2f%% temporary\n", temporary_percent(c));
    uint64_t rest = 0;
    for (size_t i = 0; i < type->n_places; i++) {
        const struct openssl_place *place = &type->places[i];
        rest += i < PLACES_SHOWN ? 0 : place->cost.calls;
        if (i < PLACES_SHOWN && place->file) {
            fprintf(f, "  %" PRIu64 " made at ", place->cost.calls);
            safe_text_put(f, place->file);
            fprintf(f, ":%" PRIu32 ", %" PRIu64 " bytes each\n", place->line, place->size_bytes);
        }
    }
    if (rest) {
        fprintf(f, "  and %" PRIu64 " in %zu other lines or sizes\n", rest, type->n_places - PLACES_SHOWN);
    }
    for (size_t i = 0; i < type->n_makers && i < MAKERS_SHOWN; i++) {
        put_maker(f, &type->makers[i]);
    }
    if (type->n_makers > MAKERS_SHOWN) {
        rest = 0;
        for (size_t i = MAKERS_SHOWN; i < type->n_makers; i++) {
            rest += type->makers[i].blocks;
        }
        fprintf(f, "  and %" PRIu64 " alive from %zu other places\n", rest, type->n_makers - MAKERS_SHOWN);
    }
}

void report_openssl_text(FILE *f, const struct report *report) {
    const struct openssl_objects *o = report->openssl;
    if (o->n_calls == 0) {
        return;
    }
    fputs("\nOPENSSL OBJECTS\n", f);
    for (unsigned is_gone = 0; is_gone < 2; is_gone++) { /* those that are alive first */
        for (size_t i = 0; i < o->n_types; i++) {
            if ((o->types[i].cost.unreleased_blocks == 0) == is_gone) {
                put_type(f, &o->types[i]);
            }
        }
    }
    if (o->n_types == 0) {
        fputs("none of the known types\n", f);
    }
}

/* How many blocks of a site are unreleased objects of each type. */
static uint64_t *count_alive(const struct report *r, const struct sites *sites, const struct site *site) {
    uint64_t *n = xcalloc(r->openssl->n_types + 1, sizeof *n);
    for (size_t i = 0; i < site->n_stacks; i++) {
        uint32_t stack = sites->stacks[site->first + i].stack;
        n[r->openssl->type_of[stack]] += profile_cost(r->profile, stack)->unreleased_blocks;
    }
    return n;
}

void report_openssl_text_site(FILE *f, const struct report *report, const struct site *site) {
    const struct sites *sites = report->sites[SITE_BY_UNRELEASED];
    const struct openssl_objects *o = report->openssl;
    uint64_t *n = count_alive(report, sites, site);
    bool is_first = true;
    for (size_t i = 0; i < o->n_types; i++) {
        if (n[i + 1]) {
            fprintf(f, "%s%" PRIu64 " %s", is_first ? "  OpenSSL objects: " : ", ", n[i + 1], o->types[i].name);
            is_first = false;
        }
    }
    fputs(is_first ? "" : "\n", f);
    free(n);
}

static void put_places(struct json_out *j, const struct openssl_type *type) {
    json_key(j, "places");
    json_array_begin(j);
    for (size_t i = 0; i < type->n_places; i++) {
        const struct openssl_place *place = &type->places[i];
        json_object_begin(j);
        json_put_string(j, "file", place->file);
        json_put_known(j, "line", place->line, place->line != 0);
        json_put_known(j, "size_bytes", place->size_bytes, place->size_bytes != 0);
        json_put_uint(j, "created", place->cost.calls);
        json_put_uint(j, "alive", place->cost.unreleased_blocks);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_makers(struct json_out *j, const struct openssl_type *type, size_t top) {
    json_key(j, "alive_from");
    json_array_begin(j);
    for (size_t i = 0; i < type->n_makers && i < top; i++) {
        const struct openssl_maker *maker = &type->makers[i];
        const struct frame *frame = &maker->location->frames[maker->frame];
        json_object_begin(j);
        json_put_string(j, "function", frame->function);
        json_put_string(j, "file", frame->file);
        json_put_known(j, "line", frame->line, frame->line != 0);
        json_put_string(j, "module", maker->location->module);
        json_put_uint(j, "alive", maker->blocks);
        json_put_uint(j, "alive_bytes", maker->bytes);
        json_object_end(j);
    }
    json_array_end(j);
}

void report_openssl_json(struct json_out *j, const struct report *report) {
    const struct openssl_objects *o = report->openssl;
    json_key(j, "openssl");
    json_object_begin(j);
    json_put_uint(j, "calls", o->n_calls);
    json_key(j, "objects");
    json_array_begin(j);
    for (size_t i = 0; i < o->n_types; i++) {
        const struct openssl_type *type = &o->types[i];
        json_object_begin(j);
        json_put_string(j, "type", type->name);
        json_put_uint(j, "created", type->cost.calls);
        json_put_uint(j, "freed", type->cost.calls - type->cost.unreleased_blocks);
        json_put_uint(j, "alive", type->cost.unreleased_blocks);
        json_put_uint(j, "alive_bytes", type->cost.unreleased_bytes);
        json_put_uint(j, "held_bytes", type->held_bytes);
        json_put_uint(j, "temporary", type->cost.temporary);
        put_places(j, type);
        put_makers(j, type, report->stacks);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

void report_openssl_json_site(struct json_out *j, const struct report *report, const struct site *site) {
    const struct sites *sites = report->sites[report->order];
    const struct openssl_objects *o = report->openssl;
    uint64_t *n = count_alive(report, sites, site);
    json_key(j, "openssl_objects");
    json_object_begin(j);
    for (size_t i = 0; i < o->n_types; i++) {
        if (n[i + 1]) {
            json_put_uint(j, o->types[i].name, n[i + 1]);
        }
    }
    json_object_end(j);
    free(n);
}
