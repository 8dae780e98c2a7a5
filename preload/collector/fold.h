/* fold.h - keep the trace below a limit: the oldest events become totals.
 *
 *                 boundary
 *   file    ═ header ═ records, events ═│═ records, events ═══╗   grows up to 7/8 of the limit
 *                  │ read      │ totals │ copied as they are  ║   (totals.h has them as of the boundary)
 *                  ▼           ▼        ▼                     ╨
 *   beside  ═ header ═ records that stay ═ definitions ═ FOLDED ═│═ records, events ═   takes the file's place by rename()
 *
 * The boundary is a checkpoint about half-way. Events go on being appended to the file while the other one is made, a piece at a time, so that hooks never wait
 * for it: a piece is 256 KiB and eight times what has been appended since. Whoever has the file open goes on reading it as it was; the new one is
 * locked before it gets the name, so that at each moment the file of that name is locked. Any failure, of which a full disk is one, drops the new file and
 * leaves the old one as it is; it is counted, and tried again when the file has grown by a sixteenth of the limit.
 * Where the totals, the records and the definitions alone come near the limit, the file may grow beyond it by a quarter of theirs between two folds.
 * Rejected: folding in place. It needs no second file, but a reader, or a kill in the middle, would find it half done.
 */
#ifndef SEEP_COLLECTOR_FOLD_H
#define SEEP_COLLECTOR_FOLD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "encoder.h"
#include "fold_records.h"
#include "marks.h"
#include "matcher.h"
#include "totals.h"
#include "trace_writer.h"

/* Where the trace is, and how large it may become. */
struct fold_place {
    uint64_t limit_bytes;
    int dir_fd;
    const char *name; /* in there */
};

/* What a fold is made from; all of it belongs to the collector. */
struct fold_sources {
    struct trace_writer *writer;
    const struct info_ids *infos;
    const struct stack_ids *stacks;
    const struct marks *marks; /* NULL = there are none */
};

enum fold_phase { FOLD_IDLE, FOLD_RECORDS, FOLD_STACKS, FOLD_INFOS, FOLD_TOTALS, FOLD_KEPT };

struct fold_boundary {
    uint64_t off; /* 0 = there is none */
    uint32_t n_infos, n_stacks;
    uint64_t n_unwritten; /* events before that the file lacks: the totals have them */
    bool is_committed;    /* all that is before it; no fold begins earlier (commit_move()) */
    struct trace_records totals;
};

struct fold {
    struct fold_place place; /* limit_bytes 0 = no limit */
    struct fold_sources from;
    struct totals totals;
    uint64_t first_ns; /* time of the first event */
    bool has_first;
    struct fold_boundary boundary;
    uint64_t folded_bytes; /* what the last fold put in front of the boundary */

    /* The file that is being made. */
    enum fold_phase phase;
    char name[NAME_MAX + 1]; /* the trace's and .fold-<process id>-<number> */
    uint32_t n_names;
    struct trace_writer to;
    struct fold_records records;
    struct encoder encoder;
    struct byte_buf head;
    uint64_t read_off;     /* in the file: records and events before have been taken over */
    size_t totals_at;      /* in boundary.totals */
    uint32_t id;           /* of the next definition */
    uint32_t n_blocks;     /* of definitions, so far */
    uint64_t appended_off; /* where the file ended at the last step */

    void (*before_move)(void *context, const struct trace_writer *to,
                        const struct fold_boundary *boundary); /* NULL = nothing is called */
    void *context;

    uint64_t n_failed; /* folds */
    int failed_errno;  /* why, lately */
    uint64_t retry_off;
};

/* Begin, before the first event; with a limit the matchers remember from here on what a fold needs.
 *
 * place  its name and descriptor stay the caller's
 * Memory  fold_free(), before the matchers' */
void fold_init(struct fold *f, const struct fold_place *place, struct trace_writer *writer, struct matcher_space *matchers,
               uint64_t sample_bytes);
void fold_free(struct fold *f);

/* An EVENTS block, still in the encoder, has been appended, or could not be. n_unwritten: events so far that are not in the file; has_records: some wait that
 * later events need. Returns whether the boundary is behind it: then the next block has to be a checkpoint. */
bool fold_end_block(struct fold *f, const struct encoder *e, uint64_t n_unwritten, bool has_records);

/* All that has been appended so far is committed. */
static inline void fold_committed(struct fold *f) {
    f->boundary.is_committed = f->boundary.off != 0;
}

/* Do a piece of what is to be done. Returns how many of the unwritten events are in the totals now: not 0 only when a fold has been completed. */
uint64_t fold_step(struct fold *f);

/* The last events have been appended: complete a fold that is under way, or due. Returns as fold_step(). */
uint64_t fold_finish(struct fold *f);

/* What folding cannot make smaller, in bytes, if that alone is more than the limit allows; else 0. */
uint64_t fold_bytes_over(const struct fold *f);

#endif
