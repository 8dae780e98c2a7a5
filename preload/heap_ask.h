/* heap_ask.h - ask the program's allocator, at exit, how many bytes it has in use, to hold against what was traced.
 *
 * The question takes the allocator's locks and walks its lists. exit() may be called by a signal handler that interrupted malloc, another thread may
 * have been cancelled with a lock held, and a heap that the program has damaged may be walked for ever or not survive it. No look at stacks and
 * states can rule all of that out, so the process itself is not asked, but a copy of it, made for this by clone() without an exit signal
 * and without the fork handlers: it is silent, its signals are blocked, and what happens to it happens to nobody else. If it does not answer in half a
 * second it is killed, and coverage is not measured.
 *
 * The copy stands still, so the answer is of one moment; a mark among the events says which (a fork's mark of serial 0).
 * Not where a seccomp filter is in force, which might kill the process for it, and not of processes so large that the copy takes long.
 */
#ifndef SEEP_HEAP_ASK_H
#define SEEP_HEAP_ASK_H

#include <stddef.h>
#include <stdint.h>

struct config;

/* Find out who the program's allocator is and how to ask it. Context: once, from the constructor:
 * at exit a filter may forbid to look */
void heap_ask_init(const struct config *config);

/* A block is about to be allocated for which the allocator rounds the size up to the alignment before it looks for room: glibc's only in pvalloc().
 * Context  any thread, inside malloc, async-signal-safe */
void heap_ask_note_rounding(size_t size_bytes, size_t alignment);

/* Ask and put the answer into the ring. leave: called first in the copy, to make sure that no hook records there.
 * Context  at exit, any thread, outside hooks; takes as long as a fork */
void heap_ask(void (*leave)(void));

#endif
