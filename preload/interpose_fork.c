/* interpose_fork.c - _Fork: the fork of signal handlers, which runs no fork handlers. fork() itself needs no hook; see lifecycle.c. */
#include <unistd.h>

#include "interpose.h"
#include "lifecycle.h"
#include "real.h"

pid_t _Fork(void); /* glibc 2.34; not declared by older ones */

EXPORT pid_t _Fork(void) {
    __typeof__(&_Fork) next = REAL(_Fork); /* found long before a handler may run */
    lifecycle_before_fork();
    pid_t pid = next ? next() : fork();
    if (pid == 0) {
        lifecycle_in_fork_child();
    } else {
        lifecycle_after_fork();
    }
    return pid;
}
