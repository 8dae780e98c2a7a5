/* mark_name.h - names of marks in the ring's log, each as seldom as possible: a name that was used before is mostly found there again.
 *
 * The log is never emptied, and modules need it, too: names of marks have a quarter of it.
 */
#ifndef SEEP_MARK_NAME_H
#define SEEP_MARK_NAME_H

#include <stdint.h>

#include "attributes.h"

/* Copy a name of the program's, as far as it can be read.
 *
 * name     may be NULL
 * to       room for RING_MARK_NAME_MAX bytes
 * Returns  its length; nothing is behind it
 * Context  any, async-signal-safe; when quiet what `name` points to is believed */
uint32_t mark_name_copy(char *to, const char *name);

/* Where a name of n bytes is in the log: 1 + its unit, 0 = it cannot be there (counted), or is empty. Context: a hook */
uint32_t mark_name_place(const char *name, uint32_t n);

/* In a fork child with a new ring: there are no names in its log. Context: no other thread */
void mark_names_begin_child(void);

#endif
