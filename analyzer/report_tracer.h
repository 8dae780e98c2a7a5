/* report_tracer.h - what the text report says about the traced processes and about the trace itself.
 *
 * A report is worth what is known about its gaps: what was lost, what is damaged, whether the recorder came to its end.
 */
#ifndef SEEP_REPORT_TRACER_H
#define SEEP_REPORT_TRACER_H

#include "report.h"

/* The sections PROCESSES and TRACER. */
void report_tracer(FILE *f, const struct report *report);

/* One warning on stderr if the figures of the report do not cover everything that happened; else nothing. */
void report_warn_incomplete(const struct profile *profile);

#endif
