/* lifecycle.h - the shim's life in a process: start at the first hook, go on in fork children, the end.
 *
 * It starts at the first call of any hook once the environment is there, which is before the constructors of most libraries; the shim's own
 * constructor only makes sure of it and does what is not allowed inside malloc (loading libunwind).
 */
#ifndef SEEP_LIFECYCLE_H
#define SEEP_LIFECYCLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"

enum lifecycle_state {
    LIFECYCLE_NEW = 0,
    LIFECYCLE_STARTING = 1,
    LIFECYCLE_TRACING = 2,
    LIFECYCLE_OFF = 3, /* not wanted or not possible */
};

/* Whether hooks are to record; starts tracing if nothing has been decided yet.
 * Context  any thread, inside malloc; the first call makes files and starts the collector */
bool lifecycle_is_tracing(void);

/* Whether this process records, or is a vfork child of one that does. Starts nothing. Context: any, async-signal-safe */
bool lifecycle_is_on(void);

/* The memory of a thread's state turned out wiped: this is a fork child that has come past the handlers. It is not traced; the parent's trace counts it.
 * Context  any thread, inside malloc, async-signal-safe */
void lifecycle_enter_child(void);

/* The same, or join the tree where the fork was prepared and its handler has not come to run yet. Context: as above */
void lifecycle_meet_child(void);

/* What a fork handler does in the parent, before. Context: any, async-signal-safe */
void lifecycle_before_fork(void);

/* And in the parent, after; and once it is known what the fork has returned there: the child's pid, or a negative number where there is none. */
void lifecycle_after_fork(void);
void lifecycle_fork_returned(long result);

/* What a fork handler does in the child, which joins the tree. A signal handler may have forked in the middle of a hook, which then goes on in the child:
 * whatever it still writes must not reach the parent's ring. Context: any, async-signal-safe */
void lifecycle_in_fork_child(void);

/* Whether this is a fork child of the traced process, told by a page that the kernel wipes there. A vfork child shares all memory and
 * is none. Context: any thread, inside malloc, async-signal-safe */
bool lifecycle_is_fork_child(void);

/* Note the exit status. What comes afterwards is recorded as well.
 * Context  any, async-signal-safe */
void lifecycle_note_exit(int status);

/* Path of the program, as /proc/self/exe had it at the start (without /proc: as it was started); "" before. */
const char *lifecycle_executable(void);

#endif
