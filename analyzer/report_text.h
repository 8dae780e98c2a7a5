/* report_text.h - the report for people: heaptrack_print's titles, sentences, units and order, with additions of our own
 * only behind known sentences and behind the footer. */
#ifndef SEEP_REPORT_TEXT_H
#define SEEP_REPORT_TEXT_H

#include "report.h"

/* Write the report. Whether it could be written, ferror(f) tells. */
void report_text(FILE *f, const struct report *report);

#endif
