/* pace.h - how long the collector sleeps between two polls, and until what. */
#ifndef SEEP_COLLECTOR_PACE_H
#define SEEP_COLLECTOR_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The first sleep. */
#define PACE_FIRST_NS (2ull * 1000 * 1000)

/* The next sleep after one of sleep_ns and a poll that found n_events; 0 = none.
 *
 * is_any_quiet  there are hooks that wake nobody, however full the ring becomes (ring.h) */
uint64_t pace_next_ns(uint64_t sleep_ns, uint64_t n_events, bool is_any_quiet);

/* Sleep until a hook says that the ring is filling (*wake is not `seen` any more), or for that long. */
void pace_sleep(const _Atomic uint32_t *wake, uint32_t seen, uint64_t ns);

#endif
