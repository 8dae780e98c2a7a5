/* marks.h - marks by what a user calls them.
 *
 * Marks of one name are numbered in their order: reload#1, reload#2, … . A name that occurs once may do without, and "#7" or "7" is the 7th mark of all,
 * whatever its name, unless a mark has that name.
 */
#ifndef SEEP_MARKS_H
#define SEEP_MARKS_H

#include <stdio.h>

#include "attributes.h"
#include "json_out.h"
#include "profile.h"

/* Find a mark.
 *
 * option   it came from, without dashes, for the message
 * Returns  the mark, or NULL after one line that says which there are */
const struct mark *mark_find(const struct profile *p, const char *option, const char *text);

/* The one with that number; NULL if there is none, or its record is lost. */
const struct mark *mark_numbered(const struct profile *p, uint64_t number);

/* Which of its name a mark is, from 1, and how many have that name. */
struct mark_place {
    size_t which, of;
};

/* That of each mark, in their order: n log n.
 * Memory   the caller frees it */
struct mark_place *mark_places(const struct profile *p);

/* Its name and, if it is not the only one of that name, which of them: "reload#7". Names may have any bytes: print them by safe_text.
 * Memory   the caller frees it */
char *mark_label(const struct profile *p, const struct mark *mark);

#endif
