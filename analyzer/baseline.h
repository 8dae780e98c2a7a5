/* baseline.h - what a program is known and allowed to keep, in a small file that stands in its repository.
 *
 *   seep baseline 1
 *
 *   # sessions are kept on purpose, 16 of them
 *   cache_session < handle_request < main [server]: bytes=65536 blocks=16
 *   load_zone < main [server]: bytes=1024 blocks=1 growth=0
 *
 * One line a site, by key (site_identity.h) in the order of bytes: two branches that change different sites merge, and neither shifted lines nor
 * rebuilds change anything. Figures are limits, the most that is allowed:
 *
 *   bytes    unreleased, as requested by the program
 *   blocks   unreleased
 *   growth   bytes per mark, up to two decimals; where it is missing, growth is not limited
 *
 * Lines of comments begin with '#'. Those right above a site belong to it and go with it; those with an empty line behind them, and those at the end, stay.
 */
#ifndef SEEP_BASELINE_H
#define SEEP_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "site_identity.h"
#include "string_pool.h"

/* What a site has, or may have. */
struct baseline_figures {
    uint64_t bytes, blocks;
    uint64_t growth_hundredths; /* of a byte per mark, rounded up */
    bool has_growth;
};

struct baseline_entry {
    struct identity id;
    struct baseline_figures limit;
    char *comment; /* lines above it, each with its line break; NULL = none */
};

struct baseline {
    struct baseline_entry *entries; /* by key */
    size_t n, cap;
    char *head, *tail; /* comments at the beginning and at the end; NULL = none */
    bool is_new;       /* there was no such file */
};

/* Read a baseline. A file that is not there is an empty one; is_new says so.
 *
 * pool     of all sites that it will be matched with
 * Returns  0, or -1 after a message with file and line
 * Memory   baseline_free(), also after a failure */
MUST_CHECK int baseline_read(struct baseline *b, const char *path, struct string_pool *pool);

/* The entry of each of n sites, as identity_match() finds it. match: n places, IDENTITY_NO_MATCH = none. */
void baseline_match(const struct baseline *b, const struct identity *const *ids, size_t n, uint32_t *match);

/* The entry of exactly that key; NULL = none. */
const struct baseline_entry *baseline_find(const struct baseline *b, const char *key);

/* A site as it is now. */
struct baseline_site {
    const struct identity *id;
    struct baseline_figures now;
};

/* Whether figures are beyond limits. A limit that is not there allows everything. */
bool baseline_exceeds(const struct baseline_figures *now, const struct baseline_figures *limit);

/* What an update did, and what it did not do. */
struct baseline_changes {
    size_t n_removed, n_lowered; /* sites that hold nothing any more; sites that hold less */
    size_t n_loosened;           /* sites that are new or hold more */
    uint32_t *loosened;          /* their indexes into the sites */
};

/* Make a baseline say what is there now. Sites that are gone are removed and limits are lowered. What would loosen it - new sites, and higher limits - is
 * done only if may_loosen or b->is_new, and listed in any case.
 *
 * sites    all sites of the trace; those without unreleased blocks do not get into it
 * pool     as for baseline_read()
 * Memory   the caller frees changes->loosened */
void baseline_update(struct baseline *b, const struct baseline_site *sites, size_t n, bool may_loosen,
                     struct baseline_changes *changes);

/* Write it: first beside the file under another name, so that nobody ever sees half of it; the mode of a file that was there stays. A symlink stays one.
 * Returns  0, or -1 after a message */
MUST_CHECK int baseline_write(const struct baseline *b, const char *path);

void baseline_free(struct baseline *b);

#endif
