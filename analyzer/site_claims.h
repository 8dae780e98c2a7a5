/* site_claims.h - the distinct places that stacks lead to, what they cost, and which files have to be read for them.
 *
 *   stacks with cost --candidates--> candidates --file--> claims --symbolize--> places --name--> sites
 *     10^5 .. 10^6                   10^3 .. 10^4         1 a file              the claims that matter
 *
 * First half of sites.c. Whether a candidate is the place or the next one outward is known only when its file's debug information has been
 * read (blame.h), so each knows its next, and what it costs is claimed by the files of all of them: no claim is less than what
 * the file may turn out to have.
 */
#ifndef SEEP_SITE_CLAIMS_H
#define SEEP_SITE_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sites.h"

enum { NO_SITE = UINT32_MAX };

/* A distinct address, how to choose among its functions, and where to go on from there. */
struct candidate {
    uint64_t ip; /* 0 = no stack */
    uint32_t module, object;
    enum blame_choice choice;
    uint32_t next; /* index + 1; 0 = this is the last */
    uint32_t site; /* NO_SITE = not known yet */
    struct cost cost;
};

/* What one file's candidates come to together. */
struct claim {
    struct cost total;
    size_t first, n; /* its part of claims.order */
};

/* A candidate as one file's. */
struct claimed {
    uint32_t candidate, object;
};

struct claims {
    struct candidate *candidates;
    size_t n_candidates, cap_candidates;
    uint32_t *slots; /* hash over candidates: index + 1 */
    size_t n_slots;
    uint32_t *of_stack;    /* by position in sites->stacks: the first candidate */
    struct claimed *order; /* file by file in address order */
    size_t n_order, cap_order;
    struct claim *claims; /* the largest first */
    size_t n_claims;
};

/* Make the claims of all stacks of sites. Memory: claims_free() */
void claims_make(struct claims *claims, const struct sites *sites, unsigned orders);

void claims_free(struct claims *claims);

#endif
