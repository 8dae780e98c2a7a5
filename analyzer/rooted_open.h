/* rooted_open.h - open a file of a directory that stands for a whole file system: the root of a container or another machine.
 *
 * An absolute symlink in there means a place in there (/lib -> /usr/lib), and ".." of its top is its top; so no path of a
 * trace, which is anybody's word, leads out of it. openat2(2) does that since Linux 5.6. Where it is missing or forbidden
 * (old seccomp profiles) the path is walked component by component instead: the same answer, unless somebody changes
 * symlinks of the tree in that moment. All that can be had by either is reading one regular file.
 */
#ifndef SEEP_ROOTED_OPEN_H
#define SEEP_ROOTED_OPEN_H

#include "attributes.h"

/* Open a regular file for reading; never waits for a FIFO, never touches a device.
 *
 * root      NULL = the root that this process has, with the symlinks as they are
 * Returns   a descriptor, or -1 */
MUST_CHECK int rooted_open(const char *root, const char *path);

/* The same by walking, whatever the kernel can do. */
MUST_CHECK int rooted_open_by_walk(const char *root, const char *path);

#endif
