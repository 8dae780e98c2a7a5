/* file_lock.h - is somebody still writing this trace?
 *
 * The collector holds flock(LOCK_EX) on a trace for as long as it writes it; the kernel drops the lock however it dies.
 */
#ifndef SEEP_FILE_LOCK_H
#define SEEP_FILE_LOCK_H

#include <stdbool.h>

/* Wait until nobody holds the lock of the file, for wait_ms at most (0: only look).
 * Returns  true if it is free, also where there is no such file or the file system knows no locks */
bool file_lock_wait(const char *path, unsigned wait_ms);

#endif
