/* gate_markdown.c - a gate as Markdown, for a job's summary: a table of the checks, and the culprits with their stacks.
 *
 * Names go in by the numbers of their characters where Markdown or HTML would read something into them. Source: GitHub Flavored Markdown, 2.5 (entities),
 * 4.6 (a <pre> lasts until </pre>, so no name can end it).
 */
#include <stdlib.h>
#include <string.h>

#include "gate_format.h"
#include "gate_place.h"
#include "safe_text.h"

static void put_escaped(FILE *f, const char *s) {
    for (; *s; s++) {
        if (strchr("&<>\"'`*_[](){}|~\\#@:!$", *s)) {
            fprintf(f, "&#%u;", (unsigned)*s);
        } else {
            fputc(*s == '\n' ? ' ' : *s, f);
        }
    }
}

static void put_preformatted(FILE *f, const char *s) {
    for (; *s; s++) {
        fputs(*s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : (char[2]){*s}, f);
    }
}

/* Without control characters, before anything is escaped. */
static char *safe_copy(const char *s) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (f) {
        safe_text_put(f, s);
        fclose(f);
    }
    return text;
}

static void put_name(FILE *f, const char *s) {
    char *safe = safe_copy(s);
    fputs("<code>", f);
    put_escaped(f, safe ? safe : "?");
    fputs("</code>", f);
    free(safe);
}

static void put_checks(FILE *f, const struct gate_verdict *v) {
    static const char *const words[] = {[GATE_PASSED] = "passed", [GATE_FAILED] = "**failed**", [GATE_NOTED] = "noted"};
    fputs("| check | figure | limit | result |\n|---|---:|---:|---|\n", f);
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct gate_check *c = &v->checks[i];
        fprintf(f, "| %s | %s | %s | %s |\n", c->name, c->figure, c->limit, words[c->result]);
    }
    fputc('\n', f);
    for (size_t i = 0; i < v->n_checks; i++) {
        if (v->checks[i].message && v->checks[i].n_culprits == 0) {
            fputs("- ", f);
            put_escaped(f, v->checks[i].message);
            fputc('\n', f);
        }
    }
}

static void put_culprit(FILE *f, const struct gate_verdict *v, const struct gate_check *c,
                        const struct gate_culprit *culprit) {
    struct gate_place place = gate_place_of(v, c, culprit);
    char *title = gate_format_title(v, c, culprit), *stacks = gate_format_stacks(v, c, culprit);
    fputs("\n<details><summary>", f);
    put_escaped(f, title);
    if (place.file) {
        fputs(", ", f);
        put_name(f, place.file);
        fprintf(f, " line %u", place.line);
    }
    fputs("</summary>\n\n<pre>\n", f);
    put_preformatted(f, stacks);
    fputs("</pre>\n\n</details>\n", f);
    free(place.file);
    free(title);
    free(stacks);
}

static void put_verdict(FILE *f, const struct gate *gate, const struct gate_verdict *v) {
    fprintf(f, "### seep gate %s: ", gate_n_failed(v) ? "failed" : "passed");
    put_name(f, v->path);
    fputs("\n\n", f);
    put_checks(f, v);
    for (size_t i = 0; i < v->n_checks; i++) {
        const struct gate_check *c = &v->checks[i];
        size_t n = gate_format_n_shown(gate, c, false);
        for (size_t k = 0; k < n; k++) {
            put_culprit(f, v, c, &c->culprits[k]);
        }
        if (n < c->n_culprits) {
            fprintf(f, "\n… and %zu more sites\n", c->n_culprits - n);
        }
    }
    fputc('\n', f);
}

static int render(FILE *f, const struct gate *gate) {
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        put_verdict(f, gate, &gate->verdicts[i]);
    }
    return 0;
}

const struct gate_format gate_markdown = {.option = "markdown", .render = render, .is_appended = true};
