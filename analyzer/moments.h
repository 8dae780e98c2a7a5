/* moments.h - at which moments of a trace its figures are looked at while it is replayed: at its marks and at equal distances of time; see series.h.
 *
 * A mark is before the first event of the first block that names it, or a later one. Behind the last block it is before the end of the processes that it saw.
 */
#ifndef SEEP_MOMENTS_H
#define SEEP_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "event_decoder.h"
#include "profile.h"
#include "replay.h"
#include "series.h"

/* What of an info was alive at the mark that is asked for, and how much more may have been (by_thread.h); and what was not freed, at most: left by processes that had
 * ended, too. */
struct moment_info {
    uint64_t alive, more, kept;
};

struct moments {
    struct series_taker marks, time;
    uint64_t last_mark; /* number of the last one that has its place */
    struct {
        uint32_t first_info, mark;
    } * ranges; /* infos from here on, up to the next range, were first allocated behind that mark */
    size_t n_ranges, cap_ranges;
    bool has_begun;           /* the first event that is no total has been reached */
    uint64_t alive_at;        /* number of a mark, 0 = none */
    struct moment_info *then; /* by id, of the infos that there were at that mark; NULL before it */
    size_t n_then;
    uint64_t folded_mark; /* the last one among folded events */
};

/* alive_at: number of a mark at which infos are looked at one by one; 0 = none */
void moments_init(struct moments *m, uint64_t alive_at);

/* Replay a block of events, and look around in between. */
void moments_replay(struct moments *m, struct replay *r, const struct event_block *events, struct profile *p,
                    const struct stack *stacks);

/* A process has ended, and still has what it has not freed. */
void moments_end_process(struct moments *m, const struct replay *r, struct profile *p, uint32_t process);

/* All has been replayed. */
void moments_end(struct moments *m, const struct replay *r, struct profile *p);

/* Whether that mark has been seen, and not only folded events around it. Context: behind moments_end() */
bool moments_knows_then(const struct moments *m);

/* Fill in profile->births. Context: costs have been given out */
void moments_births(const struct moments *m, struct profile *p, const struct replay *r);

void moments_free(struct moments *m);

/* Leave the series in the profile. same: see series_finish(). Context: costs have been given out */
void moments_finish(struct moments *m, struct profile *p, const uint32_t *same);

#endif
