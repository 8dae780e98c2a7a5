/* exec_watch.h - tell the collector which programs are run, so that it sees which of them do not come to the tree.
 *
 * Context of all: as exec itself, also a vfork child in its parent's memory; async-signal-safe, errno kept
 */
#ifndef SEEP_EXEC_WATCH_H
#define SEEP_EXEC_WATCH_H

#include <stdint.h>

#include "ring.h"

/* Note where the root of the file system is. Context: at the start */
void exec_watch_start(void);

/* This process (or this vfork child of it) is about to become that program. Returns what exec_watch_failed() takes. */
struct ring_run *exec_watch_begin(const char *program, char *const *env);

/* It has not. */
void exec_watch_failed(struct ring_run *run);

/* A program was run as another process, asked for at since_ns (CLOCK_MONOTONIC). */
void exec_watch_spawned(const char *program, char *const *env, int pid, uint64_t since_ns);

/* A program was run by a function of libc's that leaves it out of the tree. */
void exec_watch_lost(void);

#endif
