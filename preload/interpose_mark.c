/* interpose_mark.c - seep_mark, the one function that programs call on purpose (include/seep.h). */
#include <errno.h>

#include "hook.h"
#include "interpose.h"
#include "mark_name.h"

void seep_mark(const char *name); /* not by seep.h, where it is weak */

EXPORT void seep_mark(const char *name) {
    char copy[RING_MARK_NAME_MAX]; /* another thread may write over the original */
    int saved = errno;
    hook_mark(copy, mark_name_copy(copy, name), (uint64_t)__builtin_frame_address(0));
    errno = saved;
}
