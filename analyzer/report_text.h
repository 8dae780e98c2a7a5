/* report_text.h - the report for people: heaptrack_print's titles, sentences, units and order, with additions of our own
 * only behind known sentences and behind the footer. */
#ifndef SEEP_REPORT_TEXT_H
#define SEEP_REPORT_TEXT_H

#include "report.h"

/* Write the report. Whether it could be written, ferror(f) tells. */
void report_text(FILE *f, const struct report *report);

/* Where a site is: what it is blamed on, its leaf and its stacks, as in MEMORY LEAKS; by calls where nothing of it is unreleased. */
void report_text_where(FILE *f, const struct report *report, const struct site *site);

/* One site as the section of that order has it: its figures, who is blamed, its first stacks, and an empty line. */
void report_text_site(FILE *f, const struct report *report, enum site_order order, const struct site *site);

#endif
