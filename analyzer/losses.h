/* losses.h - how much is known to be missing of a trace. */
#ifndef SEEP_LOSSES_H
#define SEEP_LOSSES_H

#include <stdint.h>

#include "profile.h"

/* Events that are missing, for whatever reason; UINT64_MAX if that is more than can be counted. */
uint64_t losses_n_events(const struct profile *profile);

#endif
