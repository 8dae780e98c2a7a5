/* left_hooks.h - hooks of a thread that will never end: somebody jumped out of them, or the process ends in the middle of them.
 *
 * A hook that a signal handler left by a jump has lost its event: the program goes on, and the block that it was about to record stays. One that
 * is still on the stack when the handler calls exit() has lost nothing: the program has not had that block, nor given it back, as with a process
 * that is killed. Only unwinding tells the two apart. A stack pointer above the hook's says that it was left, but one below says nothing: the same
 * stretch of stack may belong to other functions by now, and an alternate signal stack is elsewhere.
 */
#ifndef SEEP_LEFT_HOOKS_H
#define SEEP_LEFT_HOOKS_H

#include "arch.h"

/* Count the calling thread's hooks that were left by a jump; so are those of which it cannot be told. caller: whoever called the shim.
 * Context: at the exit, no hook of the thread will go on; may be a signal handler that interrupted one. */
void left_hooks_count(struct arch_caller caller);

#endif
