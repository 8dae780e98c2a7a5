/* gate_junit.c - a gate as JUnit XML, as Jenkins and GitLab read it: names of suites and cases stay the same from run to run, so that they have a history.
 *
 * Source: the schema of Jenkins's xUnit plugin (the tests validate against it). What is only noted is a skipped case.
 */
#include <stdlib.h>

#include "gate_format.h"
#include "xml_out.h"

static size_t n_of(const struct gate_verdict *v, enum gate_result result) {
    size_t n = 0;
    for (size_t i = 0; i < v->n_checks; i++) {
        n += v->checks[i].result == result;
    }
    return n;
}

static void put_failure(FILE *f, const struct gate *gate, const struct gate_verdict *v, const struct gate_check *c) {
    const char *element = v->is_read ? "failure" : "error";
    size_t n_shown = gate_format_n_shown(gate, c, true);
    fprintf(f, "      <%s", element);
    xml_put_attribute(f, "type", c->rule);
    xml_put_attribute(f, "message", c->message);
    fputc('>', f);
    for (size_t i = 0; i < n_shown; i++) {
        char *title = gate_format_title(v, c, &c->culprits[i]), *stacks = gate_format_stacks(v, c, &c->culprits[i]);
        xml_put_text(f, title);
        fputc('\n', f);
        xml_put_text(f, stacks);
        free(title);
        free(stacks);
    }
    if (c->n_culprits > n_shown) {
        fprintf(f, "and %zu more sites\n", c->n_culprits - n_shown);
    }
    fprintf(f, "</%s>\n", element);
}

static void put_case(FILE *f, const struct gate *gate, const struct gate_verdict *v, const struct gate_check *c) {
    fputs("    <testcase", f);
    xml_put_attribute(f, "name", c->name);
    xml_put_attribute(f, "classname", "seep.gate");
    if (c->result == GATE_PASSED) {
        fputs("/>\n", f);
        return;
    }
    fputs(">\n", f);
    if (c->result == GATE_FAILED) {
        put_failure(f, gate, v, c);
    } else {
        fputs("      <skipped>", f);
        xml_put_text(f, c->message);
        fputs("</skipped>\n", f);
    }
    fputs("    </testcase>\n", f);
}

static void put_suite(FILE *f, const struct gate *gate, const struct gate_verdict *v) {
    size_t n_failed = n_of(v, GATE_FAILED);
    fputs("  <testsuite", f);
    xml_put_attribute(f, "name", v->path);
    fprintf(f, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", v->n_checks, v->is_read ? n_failed : 0,
            v->is_read ? 0 : n_failed, n_of(v, GATE_NOTED));
    if (v->is_read) {
        fprintf(f, " time=\"%.3f\"", (double)v->analysis.profile.runtime_ns / 1e9);
    }
    fputs(">\n", f);
    for (size_t i = 0; i < v->n_checks; i++) {
        put_case(f, gate, v, &v->checks[i]);
    }
    fputs("  </testsuite>\n", f);
}

static int render(FILE *f, const struct gate *gate) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"seep gate\">\n", f);
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        put_suite(f, gate, &gate->verdicts[i]);
    }
    fputs("</testsuites>\n", f);
    return 0;
}

const struct gate_format gate_junit = {.option = "junit", .render = render};
