/* quiet.h - hooks that make no system call: `seccomp=yes`, for programs that forbid themselves all but a few.
 *
 * A filter may kill for any call, and strict mode does for all but read, write, exit and sigreturn; it forbids the TSC, too. So in this mode, from the
 * end of the shim's start on, what hooks want of the kernel is had beforehand or done without:
 *
 *   more of the ring        all of it is backed at the start (ring_file.c)
 *   memory                  taken from a reserve that is mapped at the start; page faults are no system calls
 *   a thread's state        one of QUIET_THREADS_MAX made at the start (thread_state.c)
 *   process and thread id   the ring's, and libc's own note of it
 *   dead threads' slots     the collector says which (ring.h, gone_tid)
 *   the clock               a counter in the ring, which the collector sets to the clock's reading at each poll
 *   waiting for the ring    a bounded number of turns without sleep; the collector polls more often
 *   is this page readable   the thread's own stack is, as libc has noted it; other stacks are cut where the page of their innermost frame ends
 *   modules met later       the loader's own record of them (elf_object.c); the collector looks for the full path of those opened by a relative one
 *   what a plugin calls     the loader's list, read in place (elf_find.c)
 *   exit()                  the collector reads the peak of the memory; _exit() is left to it, too
 *
 * fork makes a ring, as ever. Context: any thread, inside malloc, async-signal-safe, unless said otherwise; errno is kept.
 */
#ifndef SEEP_QUIET_H
#define SEEP_QUIET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"

enum { QUIET_THREADS_MAX = 512 };

/* Whether hooks must make no system call. Set once, at the end of the start. */
extern HIDDEN bool quiet_is_on;

/* Before the start's end: map the reserve, learn where libc notes what threads are. Returns NULL, or why the mode cannot be had. Context: once. */
MUST_CHECK const char *quiet_prepare(void);

/* Zeroed memory of the reserve, aligned to 16 bytes; NULL if there is not enough left. */
MUST_CHECK void *quiet_take(size_t size_bytes);

/* Give it back; only the piece that was taken last is of use again. */
void quiet_give_back(void *p, size_t size_bytes);

/* The calling thread's id, as libc has it. 0 where that cannot be told. */
int quiet_thread_id(void);

/* In a fork child: libc has the id of the parent's thread still, unless the child was made by its own fork(). Context: no other thread; a system call */
void quiet_begin_child(void);

/* Where the calling thread's own stack ends, if libc has noted one for it; else 0: it may be the main thread. */
uint64_t quiet_stack_high(void);

/* How far down the calling thread's own stack reaches, which ends at high; high itself where that cannot be told. */
uint64_t quiet_stack_low(uint64_t high);

#endif
