/* suppressions.h - which stacks are hidden by suppression rules, and what a profile says without them.
 *
 * profile -> symbolize -> [suppressions] -> sites. Rules are held against the frames of a stack, leaf first: functions as the report shows them (and as the
 * symbol table has them), source files, module paths. The first rule that matches, in the order of the files, hides what the
 * stack has not released: this goes from unreleased_* to suppressed_* in its cost, in those of its processes and in the total. Calls, peak and
 * temporary stay. Inlined functions are frames that a block may leave out.
 *
 * Rules are matched in two parts: those of the user against everything that is known of an address, which takes debug information; the built-in ones against
 * symbols alone, and only as far along a stack as they go on matching. Each distinct name is held against each pattern once.
 */
#ifndef SEEP_SUPPRESSIONS_H
#define SEEP_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "suppression_file.h"
#include "symbolize.h"

/* What is done with the built-in rules. */
enum suppression_builtin {
    SUPPRESSION_BUILTIN_ON,
    SUPPRESSION_BUILTIN_TOLD, /* what they would hide is told, and stays */
    SUPPRESSION_BUILTIN_OFF,
};

/* What one rule hides. */
struct suppressed {
    const struct suppression_rule *rule;
    bool is_builtin;
    bool is_used; /* it matches something unreleased, if only what another rule before it hides */
    uint64_t bytes, blocks, calls, n_stacks;
};

struct suppressions {
    struct suppressed *rules; /* of the user in their order, then the built-in ones; NULL = there are none */
    size_t n_rules, n_given;  /* of all, of the user */
    enum suppression_builtin builtin;
    uint64_t bytes, blocks;                 /* taken from what is unreleased */
    uint64_t builtin_bytes, builtin_blocks; /* that built-in rules hide, or would hide if they are only told */
    struct suppression_rules builtin_rules;
};

/* Match the rules and change the profile.
 *
 * has_growth   what changed over time counts, too, although it was released in the end: tell which of it rules hide
 * given    the user's; used until suppressions_free()
 * Memory   suppressions_free() */
void suppressions_apply(struct suppressions *s, struct profile *profile, struct symbolizer *symbolizer,
                        const struct suppression_rules *given, enum suppression_builtin builtin, bool has_growth);

/* Say on stderr which of the user's rules are not used, some of them by name. */
void suppressions_warn_unused(const struct suppressions *s);

void suppressions_free(struct suppressions *s);

#endif
