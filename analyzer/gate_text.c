/* gate_text.c - a gate for people. What went wrong comes first, with its stack, as the report has it. */
#include <stdlib.h>
#include <string.h>

#include "gate_format.h"
#include "gate_place.h"
#include "report_text.h"
#include "safe_text.h"

enum { NAME_WIDTH = 30, FIGURE_WIDTH = 20, LIMIT_WIDTH = 22 };

static void put_place(FILE *f, const struct place *place) {
    const struct frame *frame = place->location ? &place->location->frames[place->frame] : NULL;
    gate_place_put_function(f, place);
    if (frame && frame->file) {
        fputs(" at ", f);
        safe_text_put(f, frame->file);
        fprintf(f, ":%u", frame->line);
    } else {
        fputs(" in ", f);
        safe_text_put(f, place->location && place->location->module ? place->location->module : "??");
    }
}

static bool has_same_stacks(const struct gate_verdict *v, const struct site *a, const struct site *b) {
    const struct site_stack *x = &v->sites.stacks[a->first], *y = &v->sites.stacks[b->first];
    size_t i = 0;
    while (a->n_stacks == b->n_stacks && i < a->n_stacks && x[i].stack == y[i].stack) {
        i++;
    }
    return a->n_stacks == b->n_stacks && i == a->n_stacks;
}

/* Whether an earlier check has shown these stacks in the same section. */
static bool is_shown_before(const struct gate *gate, const struct gate_verdict *v, const struct gate_check *check,
                            const struct site *site) {
    for (const struct gate_check *c = v->checks; c < check; c++) {
        for (size_t i = 0; i < c->n_culprits && i < gate->options->top; i++) {
            if (c->order == check->order && has_same_stacks(v, c->culprits[i].site, site)) {
                return true;
            }
        }
    }
    return false;
}

static void put_culprits(FILE *f, const struct gate *gate, const struct gate_verdict *v, const struct gate_check *check) {
    for (size_t i = 0; i < gate_format_n_shown(gate, check, false); i++) {
        const struct gate_culprit *culprit = &check->culprits[i];
        struct place place = gate_culprit_place(v, check, culprit);
        char *text = gate_culprit_text(check, culprit), *mark = gate_culprit_mark(v, check, culprit);
        put_place(f, &place);
        fprintf(f, ": %s\n", text);
        if (mark) {
            fputs("  ", f);
            safe_text_put(f, mark);
            fputc('\n', f);
        }
        free(text);
        free(mark);
        if (is_shown_before(gate, v, check, culprit->site)) {
            fputs("  (its stacks are above)\n\n", f);
        } else {
            report_text_site(f, &v->report, gate_format_order(check, culprit), culprit->site);
        }
    }
    if (check->n_culprits > gate->options->top) {
        fprintf(f, "… and %zu more sites (--top %zu shows all)\n\n", check->n_culprits - gate->options->top,
                check->n_culprits);
    }
}

static void put_checks(FILE *f, const struct gate_verdict *v) {
    static const char *const words[] = {[GATE_PASSED] = "passed", [GATE_FAILED] = "FAILED", [GATE_NOTED] = "noted"};
    fprintf(f, "%-*s %-*s %-*s %s\n", NAME_WIDTH, "CHECK", FIGURE_WIDTH, "FIGURE", LIMIT_WIDTH, "LIMIT", "RESULT");
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct gate_check *c = &v->checks[i];
        fprintf(f, "%-*s %-*s %-*s %s\n", NAME_WIDTH, c->name, FIGURE_WIDTH, c->figure, LIMIT_WIDTH, c->limit,
                words[c->result]);
    }
    for (size_t i = 0; i < v->n_checks; i++) {
        if (v->checks[i].message && v->checks[i].n_culprits == 0) {
            fprintf(f, "%s\n", v->checks[i].message);
        }
    }
}

static int render(FILE *f, const struct gate *gate) {
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        const struct gate_verdict *v = &gate->verdicts[i];
        size_t n_failed = gate_n_failed(v);
        for (size_t k = 0; k < v->n_checks; k++) {
            put_culprits(f, gate, v, &v->checks[k]);
        }
        put_checks(f, v);
        safe_text_put(f, v->path);
        if (n_failed) {
            fprintf(f, ": gate FAILED, %zu of %zu checks\n", n_failed, v->n_checks);
        } else {
            fputs(": gate passed\n", f);
        }
        fputs(i + 1 < gate->n_verdicts ? "\n" : "", f);
    }
    return 0;
}

const struct gate_format gate_text = {.option = "text", .render = render};
