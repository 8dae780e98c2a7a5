/* recording.h - traces that are still being written: by whom, and for how long.
 *
 * A recorder holds a lock on its trace (file_lock.h). Its processes are on this machine; which of them live is read from the trace.
 */
#ifndef SEEP_RECORDING_H
#define SEEP_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

/* How many of a trace's processes are alive: recorded, and without a recorded end. Only for a trace that is still locked
 * by its recorder: later a pid can be another's. Reads the file but replays nothing. */
size_t recording_count_alive(const char *path);

/* Is somebody writing the file, and going to for long? The collector of processes that have ended is waited for, two seconds at most. */
bool recording_goes_on(const char *path);

#endif
