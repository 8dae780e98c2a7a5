/* report_suppressions.h - what the rules of suppressions hide, in both forms of the report. report_json.h and seep(1) have the JSON keys. */
#ifndef SEEP_REPORT_SUPPRESSIONS_H
#define SEEP_REPORT_SUPPRESSIONS_H

#include <stdio.h>

#include "json_out.h"
#include "suppressions.h"

/* The line of the footer; none if nothing is hidden. s: NULL = nothing was asked */
void report_suppressions_text(FILE *f, const struct suppressions *s);

/* The key "suppressions". */
void report_suppressions_json(struct json_out *j, const struct suppressions *s);

#endif
