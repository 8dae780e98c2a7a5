/* commit.h - what counts as done: written to the trace, and to the journal, from which another collector can go on.
 *
 *   collector_flush ─► file block in the trace ─► group in the journal ─► chunks, rings and places in the joins go back
 *
 * A commit is the moment when a group is there. All that came after it can be done again: chunks go back to the hooks, rings are removed
 * and joins are taken only behind the commit that covers them. A resumed collector cuts the trace to the length of the last commit.
 * Where no journal can be kept (full disk) it goes on without one, as if each commit had been made, says so in the trace, and tries again
 * a second later, then every two, four, … seconds.
 */
#ifndef SEEP_COLLECTOR_COMMIT_H
#define SEEP_COLLECTOR_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

struct collector;
struct fold_boundary;
struct journal;
struct trace_writer;
struct target;
struct ring_join;

/* Keep a journal at path from here on. */
void commit_begin(struct collector *c, const char *path);

/* All that has been read is in the trace: commit it. */
void commit(struct collector *c);

/* A target has been added: commit that alone. before: the one that it was until exec; NULL = none. */
void commit_newcomer(struct collector *c, const struct target *t, const struct target *before);

/* Where no journal is kept, chunks that have been read go back at once. */
void commit_passed(const struct collector *c, struct target *t);

/* So many chunks of the ring wait for a commit that hooks might miss them. is_drained: there is nothing more to be read, so that it need
 * not be many. */
bool commit_is_urgent(const struct collector *c, const struct target *t, bool is_drained);

/* A target is about to be removed, and its ring by the next commit. */
void commit_gone(struct collector *c, struct target *t);

/* A folded file, `to`, is about to take the trace's place: until the next commit, which names it, the trace may be either. context: the collector */
void commit_move(void *context, const struct trace_writer *to, const struct fold_boundary *boundary);

/* The trace is complete: remove the rings, and then the journal. */
void commit_end(struct collector *c);

/* The same, of a collector that was killed in the middle of it: all rings that lie beside the trace. */
void commit_clean(struct journal *journal, const char *ring_base);

#endif
