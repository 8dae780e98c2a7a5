/* tree.h - the processes that this one starts: fork children and programs run by exec record into the same trace.
 *
 * A fork child takes a ring of its own before fork() returns there, while it still has its parent's rights and files, and enters itself into its
 * parent's joins. A program started by exec finds the ring of the tree's first process in its environment (SEEP_OPTIONS, tree). See ring.h.
 */
#ifndef SEEP_TREE_H
#define SEEP_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "ring.h"

/* Whether somebody reads that ring: a collector that can be seen from here. One that was killed cannot, nor from within another pid namespace, where
 * process ids would tell it nothing. Context: async-signal-safe */
bool tree_is_read(const struct ring_header *header);

/* Before a fork: put a mark into the events of this thread, and claim a place for the child. Nothing where the thread is inside a hook (a signal
 * handler forks): that child is not traced. Context: any thread, async-signal-safe */
void tree_before_fork(void);

/* After it in the parent; and once it is known what the fork has returned there: the collector learns whom to wait for, or that nobody comes. */
void tree_after_fork(void);
void tree_fork_returned(long result);

/* Whether tree_before_fork() has prepared for the child that runs here. Only once. */
bool tree_has_place(void);

/* In a child that will not be traced: nobody need wait for it. */
void tree_give_place_back(void);

/* In the child: make its ring. ring_path: where; number: the second one in its name; fill: what says in it who is traced. Returns 0, or a negative
 * error, and nothing is traced then. Context: async-signal-safe, no other thread */
MUST_CHECK int tree_join_as_child(const char *ring_path, uint64_t number, void (*fill_ring)(bool is_forked));

/* A program started by exec: whether the tree whose first ring is that file is being collected. */
bool tree_is_open(const char *first_ring);

/* Enter this process, whose ring is ready, into that ring's joins. Returns false if it cannot be. Notes who collects in this ring, too. */
MUST_CHECK bool tree_join_by_exec(const char *first_ring, uint64_t number);

/* Have programs started by exec find the tree: add it to SEEP_OPTIONS in the environment. follow false: have them not be traced.
 * Context: before the program's own code runs */
void tree_export(const char *first_ring, bool follow);

/* Note what programs find the tree by. Context: before the program's own code runs; tree_export() does it itself */
void tree_remember(void);

enum { TREE_ENVIRONMENT_MAX = 256 }; /* 2 KiB of stack; what is scrubbed is short */

/* The environment to run a program with: env itself, or, where SEEP_OPTIONS has been left out and LD_PRELOAD has been, too, or is as it was, a copy of it with
 * these in `room`.
 * Longer ones than fit stay as they are. Context: any, also a vfork child; async-signal-safe */
char *const *tree_environment(char *const *env, char *room[TREE_ENVIRONMENT_MAX]);

/* Whether programs that are run are to come to the tree at all. */
bool tree_is_followed(void);

/* Bits of enum ring_run_why: what in that environment keeps a program from the tree. Context: as above */
uint32_t tree_why_not(char *const *env);

#endif
