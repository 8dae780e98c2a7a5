/* gate_marks.c - behind which mark a culprit has left most: the test, request or reload that is to blame.
 *
 * What stays of an interval between two marks is what is alive at its end and never less later on: by how much the lowest figure from there to the end
 * is higher than the lowest from its beginning. Of a site that only ever leaks, that is exactly what it has left there; where others of its blocks are freed in turn,
 * it is the least that was left.
 */
#include <stdlib.h>

#include "diag.h"
#include "gate_check.h"
#include "marks.h"

/* The lowest of each figure and those behind it; last: of the end. */
static void keep_lowest(double *y, size_t n, double last) {
    for (size_t i = n; i-- > 0;) {
        last = y[i] < last ? y[i] : last;
        y[i] = last;
    }
}

char *gate_marks_text(const struct gate_verdict *v, const struct site *site) {
    const struct profile *p = &v->analysis.profile;
    size_t n = series_n_points(&p->series), most = n;
    if (n == 0 || p->series.axis != SERIES_MARKS) {
        return NULL;
    }
    double *blocks = xcalloc(n, sizeof *blocks), *bytes = xcalloc(n, sizeof *bytes), left = 0;
    double end = (double)(site->cost.unreleased_bytes + site->cost.suppressed_bytes);
    for (size_t i = 0; i < site->n_stacks; i++) {
        series_add(&p->series, p->stacks[v->sites.stacks[site->first + i].stack].cost, blocks, bytes);
    }
    keep_lowest(bytes, n, end);
    for (size_t i = 0; i < n; i++) {
        double stays = (i + 1 < n ? bytes[i + 1] : end) - bytes[i];
        if (stays > left) {
            left = stays;
            most = i;
        }
    }
    const struct mark *mark =
        most < n && left > bytes[0] ? mark_numbered(p, (p->series.first + most) * p->series.step) : NULL;
    char *label = mark ? mark_label(p, mark) : NULL;
    char *text = label ? gate_text_of("%.0f B of it stay from behind mark %s", left, label) : NULL;
    free(label);
    free(blocks);
    free(bytes);
    return text;
}
