/* report_growth.h - growth of sites in the two reports. */
#ifndef SEEP_REPORT_GROWTH_H
#define SEEP_REPORT_GROWTH_H

#include <stdio.h>

#include "json_out.h"
#include "report.h"

/* Write the section GROWTH PER MARK, or PER SLICE; of a trace that cannot be judged one line that says why. */
void report_growth_text(FILE *f, const struct report *report);

/* "+104.00K per mark (95 %: 103.00K to 105.00K), 1 block per mark, over 98 of 100 marks (2 of warm-up)", without a line break. */
void report_growth_put_figures(FILE *f, const struct growth *g, const struct growth_figures *figures);

/* Write the key "growth". */
void report_growth_json(struct json_out *j, const struct report *report);

#endif
