/* report_tracer.h - what the text report says about the traced processes and about the trace itself.
 *
 * A report is worth what is known about its gaps: what was lost, what is damaged, whether the recorder came to its end.
 */
#ifndef SEEP_REPORT_TRACER_H
#define SEEP_REPORT_TRACER_H

#include <stdbool.h>

#include "report.h"

/* The sections PROCESSES and TRACER. */
void report_tracer(FILE *f, const struct report *report);

/* One warning on stderr if the figures of the report do not cover everything that happened; else nothing. */
void report_warn_incomplete(const struct profile *profile);

/* Whether the totals of the whole trace are those of this process: they are kept per trace. */
static inline bool process_has_totals(const struct profile *profile) {
    return profile->n_processes == 1;
}

#endif
