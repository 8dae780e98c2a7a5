/* collector_start.h - start seep-collect for this process's ring. */
#ifndef SEEP_COLLECTOR_START_H
#define SEEP_COLLECTOR_START_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"

/* Start the collector found beside libseep.so and wait, at most 5 s, until it has opened the trace.
 *
 * limit_bytes  of the trace; 0 = none
 * Returns  false after one line on stderr if it is missing, cannot run, or cannot write the trace
 * Context  once, at the start; see sys_spawn_detached() for how the host never notices
 */
MUST_CHECK bool collector_start(int ring_fd, const char *ring_path, const char *output, uint64_t limit_bytes,
                                const char *options);

#endif
