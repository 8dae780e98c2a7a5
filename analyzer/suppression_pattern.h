/* suppression_pattern.h - whether a name is what a rule of a suppression file says.
 *
 * Two kinds of patterns: those of LeakSanitizer ("leak:"), which look for a text anywhere in the name, and those of valgrind ("fun:", "obj:"), which are of
 * the whole name (name_matches() in function_name.h). Thousands of rules are held against thousands of names; so that nearly all of it takes two
 * instructions, each pattern tells beforehand which groups of three bytes must be in a name.
 */
#ifndef SEEP_SUPPRESSION_PATTERN_H
#define SEEP_SUPPRESSION_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which groups of three bytes a text has: one of 256 bits for each. */
struct text_grams {
    uint64_t bits[4];
};

struct text_grams text_grams_of(const char *text);

/* Those that a name must have to match n bytes of a pattern. wild: which of them stand for something else */
struct text_grams text_grams_needed(const char *pattern, size_t n, const char *wild);

static inline bool text_grams_has(const struct text_grams *name, const struct text_grams *needed) {
    uint64_t missing = 0;
    for (unsigned i = 0; i < 4; i++) {
        missing |= needed->bits[i] & ~name->bits[i];
    }
    return missing == 0;
}

/* LeakSanitizer's matching, also where it is odd: a text is found where it stands first ("b$" does not match "bab"), and nothing matches an empty name.
 *
 *   text    anywhere in the name          *    any bytes
 *   ^text   at its beginning              $    the end, whatever stands behind it in the pattern
 *
 * Source: TemplateMatch() in compiler-rt/lib/sanitizer_common/sanitizer_common.cpp (LLVM 14) */
bool suppression_template_matches(const char *pattern, const char *name);

#endif
