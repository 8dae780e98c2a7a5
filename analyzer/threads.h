/* threads.h - threads by what a user calls them: a name, with * and ?, or the number that the system gave them (tid). A name is the last one that a thread had. */
#ifndef SEEP_THREADS_H
#define SEEP_THREADS_H

#include <stdint.h>

#include "attributes.h"
#include "profile.h"

/* Find threads of the processes that the figures are of.
 *
 * Returns  for each of p->threads whether it is one, or NULL after one line that says which there are
 * Memory   the caller frees it */
uint8_t *threads_find(const struct profile *p, const char *text);

#endif
