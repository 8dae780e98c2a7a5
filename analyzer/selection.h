/* selection.h - a part of what a trace has, instead of all of it: by marks, by age, by threads, by size, by frames.
 *
 * profile -> symbolize -> blame -> [selection] -> suppressions -> sites. The costs of stacks, of processes and in total are summed up anew, of the infos and the
 * stacks that are selected: so every section, JSON, gate and diff have the same figures. What is of the trace as a whole stays: events, losses, coverage,
 * peaks of single processes, runtime.
 *
 *   since, until   allocated behind the one mark and before the other. An info belongs to one interval between two marks, so this is exact. calls, temporary
 *                  and unreleased are of these blocks; peak is what of them was alive when the total of the whole run was highest. Growth is judged over
 *                  the marks from the one to the other
 *   alive_at       unreleased and frees are as they were at that mark, which is not before until (and until, where that is not given): exact, since all of these
 *                  blocks had been allocated by then. What a process has left that had ended by then is not alive. The replay has to look at that moment, so
 *                  the mark is looked up before, in the records alone
 *   thread         allocated by threads of that name or number, in any process that the figures are of. Calls and temporary are exact; of what is alive by_thread.h
 *                  says how far. The figures are the least, profile->unsure is how much more there may be. Of folded events the threads are not known
 *   older          unreleased at the end of the trace and certainly made so long before: all of an info whose interval ended by then, and else the oldest block,
 *                  if the recorder's list of survivors says that it is that old. There may be more: the figures are the least
 *   min_bytes      blocks of that size or larger
 *   match          stacks with a frame whose function, source file or module the expression is found in
 *   own            stacks whose owner (blame.h) is own code: its module or its source file matches a pattern. The owner and not any frame: what a library
 *                  keeps is called by own code, too, and every stack begins in main
 */
#ifndef SEEP_SELECTION_H
#define SEEP_SELECTION_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "attributes.h"
#include "blame.h"
#include "json_out.h"
#include "profile.h"
#include "symbolize.h"

struct selection_options {
    const char *since, *until, *alive_at; /* marks; NULL = not asked for, as below */
    const char *thread;                   /* name with * and ?, or tid */
    const char *older;
    uint64_t older_ns;
    uint64_t min_bytes;
    const char *match;
    regex_t expression; /* of match */
    const char **own;
    size_t n_own, cap_own;
};

/* Take an option's value. Returns 0, or -1 after a message.
 * Memory   selection_options_free(); the values are used until then */
MUST_CHECK int selection_set_older(struct selection_options *o, const char *age);
MUST_CHECK int selection_set_match(struct selection_options *o, const char *expression);
void selection_add_own(struct selection_options *o, const char *glob);
void selection_options_free(struct selection_options *o);

/* Whether anything is left out. */
bool selection_is_part(const struct selection_options *o);

/* Say how the trace is to be loaded.
 *
 * path     of the trace, of which the records may be read
 * wanted   its pid is set; filled in
 * Returns  0, or -1 after a message: the trace cannot be read, or there is no such mark or thread; *is_unreadable says which
 * Memory   selection_wanted_free() */
MUST_CHECK int selection_want(const struct selection_options *o, const char *path, struct profile_wanted *wanted,
                              bool *is_unreadable);
void selection_wanted_free(struct profile_wanted *wanted);

/* Change what the profile says. It was loaded as selection_want() said. Where it is not certain what is of a thread, a warning says how much that is.
 * Returns  0, or -1 after a message: there is no such mark, or its moment is not known */
MUST_CHECK int selection_apply(const struct selection_options *o, struct profile *p, struct symbolizer *symbolizer,
                               struct blame *blame);

/* Whether a function at an address is own code; without patterns all is. */
bool selection_is_own(const struct selection_options *o, const struct location *location, const struct frame *frame);

/* Write the line "selected: …" if anything is left out. */
void selection_text(FILE *f, const struct selection_options *o, const struct profile *p);

/* Write the key "selection": what was asked for, or null. */
void selection_json(struct json_out *j, const struct selection_options *o, const struct profile *p);

#endif
