/* gate_check.h - what the parts of the judgement have in common: gate.c (limits, gaps), gate_baseline.c, gate_growth.c. */
#ifndef SEEP_GATE_CHECK_H
#define SEEP_GATE_CHECK_H

#include "attributes.h"
#include "gate.h"

struct gate_figure_row {
    const char *rule, *name, *unit;
    enum site_order order;
};

extern const struct gate_figure_row gate_figures[GATE_N_FIGURES];

/* printf() into memory that the caller frees. */
char *gate_text_of(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* "11312 B", "1 block", "12.5 %", "104.5 B/mark": all digits of what is counted, nine of percents, two
 * decimals of growth. The caller frees it. */
char *gate_figure_text(enum gate_figure of, double value) __attribute__((returns_nonnull));

/* Add a check. rule must live as long as the verdict; the texts are still missing. Valid until the next one is added. */
struct gate_check *gate_add_check(struct gate_verdict *v, const char *rule, enum gate_result result)
    __attribute__((returns_nonnull));

/* For qsort(): culprits, most first. */
int gate_by_weight(const void *a, const void *b);

/* Why a trace is not whole; NULL = it is. */
const char *gate_gap(const struct profile *p);

/* The site of the report that has a stack; NULL = none. */
const struct site *gate_site_with(const struct gate_verdict *v, uint32_t stack);

/* "104 B of it stay from behind mark reload#3": where a site has left most; NULL where the trace has no marks, or nothing stays from behind one.
 * Memory   the caller frees it */
char *gate_marks_text(const struct gate_verdict *v, const struct site *site);

/* The checks of their own files. */
void gate_check_baseline(struct gate_verdict *v, const struct gate_options *o);
void gate_check_growth(struct gate_verdict *v, const struct gate_limit *limit);

#endif
