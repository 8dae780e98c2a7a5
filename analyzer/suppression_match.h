/* suppression_match.h - which rule matches a stack; see suppressions.h. */
#ifndef SEEP_SUPPRESSION_MATCH_H
#define SEEP_SUPPRESSION_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "profile.h"
#include "suppression_file.h"
#include "symbolize.h"

enum { SUPPRESSION_NO_RULE = UINT32_MAX };

struct suppression_matcher;

/* is_deep: inlined functions, files and lines count, too, which takes debug information
 * Memory   suppression_matcher_close(); the rest is used until then */
struct suppression_matcher *suppression_matcher_open(const struct suppression_rules *rules, const struct profile *profile,
                                                     struct symbolizer *symbolizer, bool is_deep) MUST_CHECK;

/* The first rule that matches a stack with costs; SUPPRESSION_NO_RULE = none.
 * is_used   by rule: set for each that matches; NULL = none is set. Those that were asked for once without are not set later */
uint32_t suppression_match(struct suppression_matcher *m, uint32_t stack, bool *is_used);

void suppression_matcher_close(struct suppression_matcher *m);

#endif
