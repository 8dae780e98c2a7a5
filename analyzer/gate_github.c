/* gate_github.c - a gate as workflow commands of GitHub Actions, which shows them on the lines of a change.
 *
 * Source: "Workflow commands for GitHub Actions", and the escaping of github.com/actions/toolkit, packages/core/src/command.ts: in a message %, CR and
 * LF, in a property : and , as well.
 */
#include <stdlib.h>
#include <string.h>

#include "gate_format.h"
#include "gate_place.h"

/* Other control characters become question marks: they would reach the log. */
static void put_escaped(FILE *f, const char *s, bool is_property) {
    for (; *s; s++) {
        if (*s == '%' || *s == '\r' || *s == '\n' || (is_property && (*s == ':' || *s == ','))) {
            fprintf(f, "%%%02X", (unsigned)*s);
        } else {
            fputc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, f);
        }
    }
}

static void put_culprit(FILE *f, const struct gate_verdict *v, const struct gate_check *c,
                        const struct gate_culprit *culprit) {
    struct gate_place place = gate_place_of(v, c, culprit);
    char *title = gate_format_title(v, c, culprit), *stacks = gate_format_stacks(v, c, culprit);
    fputs("::error ", f);
    if (place.is_own) {
        fputs("file=", f);
        put_escaped(f, place.file, true);
        fprintf(f, ",line=%u,", place.line);
    }
    fprintf(f, "title=seep gate%%3A %s::", c->rule);
    put_escaped(f, title, false);
    fputs("%0A", f);
    put_escaped(f, stacks, false);
    put_escaped(f, v->path, false);
    fputc('\n', f);
    free(place.file);
    free(title);
    free(stacks);
}

/* What suppressions hide is as it was wanted: in each run of a program in C++ they do, so it is no warning. */
static const char *level_of(const struct gate_check *c) {
    return c->result == GATE_FAILED ? "error" : strcmp(c->rule, "suppressed") == 0 ? "notice" : "warning";
}

static void put_fact(FILE *f, const struct gate_verdict *v, const struct gate_check *c, size_t n_more) {
    fprintf(f, "::%s title=seep gate%%3A %s::", level_of(c), c->rule);
    put_escaped(f, v->path, false);
    fputs(": ", f);
    put_escaped(f, c->message, false);
    if (n_more) {
        fprintf(f, "; and %zu more sites", n_more);
    }
    fputc('\n', f);
}

static int render(FILE *f, const struct gate *gate) {
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        const struct gate_verdict *v = &gate->verdicts[i];
        for (size_t k = 0; k < v->n_checks; k++) {
            const struct gate_check *c = &v->checks[k];
            size_t n = gate_format_n_shown(gate, c, false);
            for (size_t m = 0; m < n; m++) {
                put_culprit(f, v, c, &c->culprits[m]);
            }
            if (c->result != GATE_PASSED && (n == 0 || n < c->n_culprits)) {
                put_fact(f, v, c, c->n_culprits - n);
            }
        }
    }
    return 0;
}

const struct gate_format gate_github = {.option = "github", .render = render};
