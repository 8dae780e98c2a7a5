/* forks.h - what was alive at each fork, kept for the child until it joins.
 *
 * The parent puts a mark into its events before it forks; when the matcher comes to it, the live map is copied. Blocks in the copy are marked as
 * inherited: their infos stay the parent's. What other threads do between the mark and the fork is kept beside it (fork_window.h). A mark whose child does
 * not come (the fork failed, it died at once) is dropped.
 * Memory   a live map for each, and for each child that has taken one; all together at most an eighth of the machine's memory: forks beyond that are
 *          not copied
 */
#ifndef SEEP_COLLECTOR_FORKS_H
#define SEEP_COLLECTOR_FORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "fork_window.h"
#include "live_map.h"

enum {
    FORKS_MAX = 4096, /* waiting for their children; beyond, the oldest are dropped */
};

#define FORKS_BIRTH_INHERITED UINT32_MAX

struct fork_copy {
    uint32_t serial;
    uint32_t window_from; /* the events behind the mark in the window */
    uint64_t mark;        /* its stamp */
    uint64_t until;       /* the latest event that its child has seen; UINT64_MAX = the child has not joined yet */
    bool is_short;        /* not all of them have been kept */
    uint64_t made_ns;
    struct live_map live;
    uint64_t blocks, bytes; /* in it */
    uint64_t memory_bytes;  /* that it takes */
};

/* A child that has joined and waits. */
struct promise {
    uint32_t serial;
    uint64_t cut; /* its latest */
};

struct forks {
    struct fork_copy *copies;
    uint32_t n;
    struct fork_window window; /* since the first mark whose child is waited for */
    struct promise *promised;
    uint32_t n_promised, cap_promised;
};

void forks_free(struct forks *forks);

/* Keep a copy for the fork of that serial, and from now on what changes (fork_window_note) while there are copies. mark: the stamp of its mark;
 * sizes: of each info. Returns false where that would be too much memory. */
bool forks_add(struct forks *forks, uint32_t serial, uint64_t mark, const struct live_map *live, const uint64_t *sizes);

/* Begin a copy for that fork with nothing in it: what was kept is to be put there. */
struct fork_copy *forks_add_empty(struct forks *forks, uint32_t serial);

/* The copy of that fork, NULL if there is none. */
struct fork_copy *forks_find(const struct forks *forks, uint32_t serial);

/* A child has joined. cut: its latest */
void forks_promise(struct forks *forks, uint32_t serial, uint64_t cut);
bool forks_are_promised(const struct forks *forks, uint32_t serial);

/* The stamp of the latest event that matters to the copy of that fork; UINT64_MAX if there is none. */
uint64_t forks_until(const struct forks *forks, uint32_t serial);

/* Hand out the copy of that fork, which there is, with what its child has seen of the events since the mark.
 * ops: where that is told, from here on with all that happens to the copy; NULL = nowhere
 * Memory  copy->live becomes the caller's */
void forks_take(struct forks *forks, uint32_t serial, const struct fork_cuts *cuts, const uint64_t *sizes,
                struct journal_ops *ops, struct fork_copy *copy);

/* Drop copies that is_expected() says no child will come for. */
void forks_drop_others(struct forks *forks, bool (*is_expected)(void *context, uint32_t serial), void *context);

/* Give back what a copy that was handed out has taken. */
void forks_release(uint64_t memory_bytes);

/* Drop copies older than that many ns. */
void forks_expire(struct forks *forks, uint64_t age_ns);

#endif
