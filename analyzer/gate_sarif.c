/* gate_sarif.c - a gate as SARIF 2.1.0, for code scanning: one run, a result for each culprit at a line of the program's own, with the stack.
 *
 * Source: SARIF 2.1.0, OASIS Standard: 3.4 (artifactLocation), 3.27 (result), 3.44 (stack). A check without culprits is a result at the trace's file;
 * what is only noted is a notification of the tool.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "gate_format.h"
#include "gate_place.h"
#include "json_out.h"
#include "text.h"

static const struct rule {
    const char *id, *text;
} rules[] = {
    {"max-unreleased", "More memory is left unreleased than allowed"},
    {"max-growth", "What is left unreleased grows faster than allowed, or that cannot be judged"},
    {"max-peak", "More memory is alive at the peak than allowed"},
    {"max-calls", "More allocations are made than allowed"},
    {"max-temporary-ratio", "A larger part of the allocations is temporary than allowed"},
    {"baseline", "A site holds more memory than the baseline says, or is new"},
    {"incomplete", "The trace is incomplete, so the figures may be too small"},
    {"uncovered", "Memory passed seep by, so the figures are too small"},
    {"lost-events", "Events were lost, so the figures may be wrong"},
    {"unreadable", "The trace could not be judged"},
};

enum { N_RULES = sizeof rules / sizeof rules[0] };

static void put_text_of(struct json_out *j, const char *key, const char *text) {
    json_key(j, key);
    json_object_begin(j);
    json_put_string(j, "text", text);
    json_object_end(j);
}

/* A path as the path of a URI. Source: RFC 3986 sections 2.3, 3.3; a colon would begin a scheme in a relative one. */
static void put_uri(struct json_out *j, const char *path) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+@=,";
    char *uri = NULL;
    size_t n;
    FILE *f = open_memstream(&uri, &n);
    if (f) {
        fputs(path[0] == '/' ? "file://" : "", f);
        for (const char *s = path; *s; s++) {
            if (strchr(plain, *s)) {
                fputc(*s, f);
            } else {
                fprintf(f, "%%%02X", (unsigned)(unsigned char)*s);
            }
        }
        fclose(f);
    }
    json_put_string(j, "uri", uri ? uri : "");
    free(uri);
}

/* line 0 = unknown */
static void put_physical(struct json_out *j, const char *file, uint32_t line, bool is_own) {
    json_key(j, "physicalLocation");
    json_object_begin(j);
    json_key(j, "artifactLocation");
    json_object_begin(j);
    put_uri(j, file);
    if (is_own) {
        json_put_string(j, "uriBaseId", "%SRCROOT%");
    }
    json_object_end(j);
    if (line) {
        json_key(j, "region");
        json_object_begin(j);
        json_put_uint(j, "startLine", line);
        json_object_end(j);
    }
    json_object_end(j);
}

/* A function, or where it is in its module. */
static void put_logical(struct json_out *j, const struct location *location, uint32_t frame) {
    const char *function = location->frames[frame].function;
    char *text = NULL;
    if (!function && location->module &&
        asprintf(&text, "%s+0x%" PRIx64, text_base_name(location->module), location->offset) < 0) {
        text = NULL;
    }
    json_key(j, "logicalLocations");
    json_array_begin(j);
    json_object_begin(j);
    json_put_string(j, "fullyQualifiedName", function ? function : text ? text : "??");
    json_put_string(j, "kind", "function");
    json_object_end(j);
    json_array_end(j);
    free(text);
}

static void put_frame(struct json_out *j, const struct location *location, uint32_t number) {
    const struct frame *frame = &location->frames[number];
    char *own = frame->file ? gate_place_relative(frame->file) : NULL;
    json_object_begin(j);
    json_key(j, "location");
    json_object_begin(j);
    if (frame->file) {
        put_physical(j, own ? own : frame->file, frame->line, own != NULL);
    }
    put_logical(j, location, number);
    json_object_end(j);
    if (location->module) {
        json_put_string(j, "module", location->module);
    }
    json_object_end(j);
    free(own);
}

/* One stack, leaf first, to its outermost frame. No two of a result may be equal, so each says which it is. */
static void put_stack(struct json_out *j, const struct gate_verdict *v, uint32_t leaf, const char *title) {
    const struct stack *stacks = v->analysis.profile.stacks;
    json_object_begin(j);
    put_text_of(j, "message", title);
    json_key(j, "frames");
    json_array_begin(j);
    for (uint32_t i = leaf; i < v->analysis.profile.n_stacks && stack_is_frame(&stacks[i]); i = stacks[i].parent) {
        const struct location *location = symbolize(v->analysis.symbolizer, stacks[i].module, stacks[i].ip);
        for (uint32_t k = 0; k < location->n_frames; k++) {
            put_frame(j, location, k);
        }
        if (stacks[i].parent >= i) {
            break;
        }
    }
    json_array_end(j);
    json_object_end(j);
}

static void put_stacks(struct json_out *j, const struct gate *gate, const struct gate_verdict *v,
                       const struct gate_check *c, const struct gate_culprit *culprit) {
    const struct site *site = culprit->site;
    size_t n = site->n_stacks < gate->options->stacks ? site->n_stacks : gate->options->stacks;
    struct site_stack *ranked = xcalloc(n, sizeof *ranked);
    site_rank_stacks(&v->sites, site, gate_format_order(c, culprit), n, ranked);
    json_key(j, "stacks");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        char title[64];
        snprintf(title, sizeof title, "stack %zu of %zu", i + 1, site->n_stacks);
        put_stack(j, v, ranked[i].leaf, title);
    }
    json_array_end(j);
    free(ranked);
}

static void begin_result(struct json_out *j, const struct gate_check *c, const char *text) {
    json_object_begin(j);
    json_put_string(j, "ruleId", c->rule);
    for (size_t i = 0; i < N_RULES; i++) {
        if (strcmp(rules[i].id, c->rule) == 0) {
            json_put_uint(j, "ruleIndex", i);
        }
    }
    json_put_string(j, "level", "error");
    put_text_of(j, "message", text);
    json_key(j, "locations");
    json_array_begin(j);
    json_object_begin(j);
}

static void put_culprit(struct json_out *j, const struct gate *gate, const struct gate_verdict *v,
                        const struct gate_check *c, const struct gate_culprit *culprit) {
    struct gate_place place = gate_place_of(v, c, culprit);
    struct place blamed = gate_culprit_place(v, c, culprit);
    char *title = gate_format_title(v, c, culprit);
    begin_result(j, c, title);
    if (place.file) {
        put_physical(j, place.file, place.line, place.is_own);
    } else if (blamed.location && blamed.location->module) {
        put_physical(j, blamed.location->module, 0, false);
    }
    if (blamed.location) {
        put_logical(j, blamed.location, blamed.frame);
    }
    json_object_end(j);
    json_array_end(j);
    put_stacks(j, gate, v, c, culprit);
    const char *key = gate_culprit_key(v, c, culprit);
    if (key) {
        json_key(j, "partialFingerprints");
        json_object_begin(j);
        json_put_string(j, "seepSite/v1", key);
        json_object_end(j);
    }
    json_object_end(j);
    free(place.file);
    free(title);
}

static void put_fact(struct json_out *j, const struct gate_verdict *v, const struct gate_check *c) {
    char *own = gate_place_relative(v->path);
    begin_result(j, c, c->message);
    put_physical(j, own ? own : v->path, 0, own != NULL);
    json_object_end(j);
    json_array_end(j);
    json_object_end(j);
    free(own);
}

static void put_results(struct json_out *j, const struct gate *gate) {
    json_key(j, "results");
    json_array_begin(j);
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        const struct gate_verdict *v = &gate->verdicts[i];
        for (size_t k = 0; k < v->n_checks; k++) {
            const struct gate_check *c = &v->checks[k];
            size_t n = gate_format_n_shown(gate, c, true);
            for (size_t m = 0; m < n; m++) {
                put_culprit(j, gate, v, c, &c->culprits[m]);
            }
            if (c->result == GATE_FAILED && n == 0) {
                put_fact(j, v, c);
            }
        }
    }
    json_array_end(j);
}

static void put_invocation(struct json_out *j, const struct gate *gate) {
    bool is_read = true;
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        is_read = is_read && gate->verdicts[i].is_read;
    }
    json_key(j, "invocations");
    json_array_begin(j);
    json_object_begin(j);
    json_put_bool(j, "executionSuccessful", is_read);
    json_key(j, "toolExecutionNotifications");
    json_array_begin(j);
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        const struct gate_verdict *v = &gate->verdicts[i];
        for (size_t k = 0; k < v->n_checks; k++) {
            if (v->checks[k].result == GATE_NOTED) {
                json_object_begin(j);
                json_put_string(j, "level", "note");
                put_text_of(j, "message", v->checks[k].message);
                json_object_end(j);
            }
        }
    }
    json_array_end(j);
    json_object_end(j);
    json_array_end(j);
}

static void put_tool(struct json_out *j) {
    json_key(j, "tool");
    json_object_begin(j);
    json_key(j, "driver");
    json_object_begin(j);
    json_put_string(j, "name", "seep");
    json_put_string(j, "version", SEEP_VERSION);
    json_key(j, "rules");
    json_array_begin(j);
    for (size_t i = 0; i < N_RULES; i++) {
        json_object_begin(j);
        json_put_string(j, "id", rules[i].id);
        put_text_of(j, "shortDescription", rules[i].text);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
}

static int render(FILE *f, const struct gate *gate) {
    struct json_out *j = json_open(f);
    json_object_begin(j);
    json_put_string(j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_put_string(j, "version", "2.1.0");
    json_key(j, "runs");
    json_array_begin(j);
    json_object_begin(j);
    put_tool(j);
    put_invocation(j, gate);
    put_results(j, gate);
    json_object_end(j);
    json_array_end(j);
    json_object_end(j);
    return json_close(j);
}

const struct gate_format gate_sarif = {.option = "sarif", .render = render};
