/* report_text.h - the report for people: heaptrack_print's titles, sentences, units and order, with additions of our own
 * only behind known sentences and behind the footer. */
#ifndef SEEP_REPORT_TEXT_H
#define SEEP_REPORT_TEXT_H

#include "report.h"

/* Write the report. Whether it could be written, ferror(f) tells. */
void report_text(FILE *f, const struct report *report);

/* Where a site is: what it is blamed on, its leaf and its stacks, as in MEMORY LEAKS; by calls where nothing of it is unreleased. */
void report_text_where(FILE *f, const struct report *report, const struct site *site);

#endif
