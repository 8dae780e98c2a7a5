/* interpose_fork.c - fork, to know what it returns; what else is to be done stands in fork handlers, which daemon() and others run as well (lifecycle.c). And
 * _Fork, the fork of signal handlers, which runs none. */
#include <unistd.h>

#include "interpose.h"
#include "lifecycle.h"
#include "real.h"

pid_t _Fork(void); /* glibc 2.34; not declared by older ones */

EXPORT pid_t fork(void) {
    pid_t pid = REAL(fork)();
    if (pid != 0) {
        lifecycle_fork_returned(pid);
    }
    return pid;
}

EXPORT pid_t _Fork(void) {
    __typeof__(&_Fork) next = REAL(_Fork); /* found long before a handler may run */
    if (!next) {
        return fork();
    }
    lifecycle_before_fork();
    pid_t pid = next();
    if (pid == 0) {
        lifecycle_in_fork_child();
    } else {
        lifecycle_after_fork();
        lifecycle_fork_returned(pid);
    }
    return pid;
}
