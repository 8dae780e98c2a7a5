/* gate_format.h - the forms in which a gate's verdicts are said; one file each.
 *
 *   gate ─┬─► gate_text       for people: the culprits' stacks first, then a table of the checks
 *         ├─► gate_junit      a test suite for each trace, a test case for each check
 *         ├─► gate_sarif      SARIF 2.1.0: a result for each culprit
 *         ├─► gate_github     workflow commands: annotations on source lines
 *         └─► gate_markdown   a job's summary
 */
#ifndef SEEP_GATE_FORMAT_H
#define SEEP_GATE_FORMAT_H

#include <stdio.h>

#include "attributes.h"
#include "gate.h"

struct gate_format {
    const char *option;
    bool is_appended; /* to what the file has already; else the file is replaced */
    /* Write it. Returns 0, or -1 if that failed; also ferror(f) tells. */
    int (*render)(FILE *f, const struct gate *gate);
};

extern const struct gate_format gate_text, gate_junit, gate_sarif, gate_github, gate_markdown;

/* What the stacks of a culprit are ranked and shown by: the check's order; calls where growth was released by the end. */
enum site_order gate_format_order(const struct gate_check *check, const struct gate_culprit *culprit);

/* How many culprits of a check are named: --top of a total's. Of those above a limit of each site, too, where is_all is not set. */
size_t gate_format_n_shown(const struct gate *gate, const struct gate_check *check, bool is_all);

/* "reload_certificate: 11312 B unreleased in 7 blocks (unreleased bytes, total: 11400 B, at most 0 B)", and the stacks as the report has them. Control
 * characters and what is no UTF-8 are question marks.
 * Memory   the caller frees it */
char *gate_format_title(const struct gate_verdict *verdict, const struct gate_check *check,
                        const struct gate_culprit *culprit) __attribute__((returns_nonnull));
char *gate_format_stacks(const struct gate_verdict *verdict, const struct gate_check *check,
                         const struct gate_culprit *culprit) __attribute__((returns_nonnull));

/* Write what a format says to a file, whole or not at all. path: "-" is standard output.
 * Returns  0, or -1 after a message */
MUST_CHECK int gate_format_write(const struct gate_format *format, const struct gate *gate, const char *path);

#endif
