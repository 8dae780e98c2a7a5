/* gate.h - does a trace keep its limits? The judgement of `seep gate`, apart from how it is said (gate_format.h).
 *
 *   analysis -> sites by blame -> [gate]: one verdict a trace, one check a limit and a gap ─► gate_text, gate_junit, …
 *
 * A limit is for the total of what is looked at, or for each site of it. A check that fails has its culprits: for a total the sites that it is made of,
 * else the sites above the limit, each with the most first. What a trace does not show cannot pass: an incomplete trace and lost events are
 * checks of their own.
 */
#ifndef SEEP_GATE_H
#define SEEP_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis.h"
#include "attributes.h"
#include "baseline.h"
#include "growth.h"
#include "openssl_objects.h"
#include "report.h"
#include "site_set.h"
#include "sites.h"

enum gate_figure {
    GATE_UNRELEASED_BYTES,
    GATE_UNRELEASED_BLOCKS,
    GATE_PEAK_BYTES,
    GATE_CALLS,
    GATE_TEMPORARY_PERCENT,
    GATE_GROWTH_BYTES, /* per mark or hour */
    GATE_GROWTH_BLOCKS,
    GATE_BASELINE, /* sites beyond it; no option of a limit */
    GATE_N_FIGURES,
};

/* The highest that a figure may be. */
struct gate_limit {
    enum gate_figure figure;
    bool is_per_site;
    bool is_per_hour; /* of growth: else per mark */
    double most;      /* bytes, blocks, calls or percent; exact up to 2^53 */
};

/* What getopt_long() returns for the options of limits. */
enum gate_limit_code {
    GATE_MAX_UNRELEASED = ANALYSIS_END,
    GATE_MAX_PEAK,
    GATE_MAX_CALLS,
    GATE_MAX_TEMPORARY,
    GATE_MAX_GROWTH,
    GATE_LIMIT_END,
};

/* Read the value of such an option: [site:]NUMBER[UNIT][/mark|/hour]. Returns 0, or -1 after a message. */
MUST_CHECK int gate_limit_read(struct gate_limit *limit, enum gate_limit_code code, const char *text);

struct gate_options {
    struct analysis_options analysis;
    struct gate_limit *limits;
    size_t n_limits, cap_limits;
    size_t top;    /* culprits that are shown of a check */
    size_t stacks; /* stacks of a culprit */
    uint64_t lost_max;
    bool is_incomplete_allowed;
    const char *baseline; /* NULL = none */
    bool is_new_only, is_updating, may_loosen;
    bool has_identities; /* gate_culprit_key() is asked for */
    bool
        is_of_failure; /* the command has failed: it may not have come to all that it keeps, so no baseline is made of it */
};

/* A site that made a check fail. */
struct gate_culprit {
    const struct site *site;
    double figure;                       /* the site's own */
    double weight;                       /* what it has of the total */
    const struct growth_figures *growth; /* only of a check of growth */
    const struct known_site *known;      /* only of the baseline's check: the site by its name */
    struct baseline_figures now;
    const struct baseline_figures *allowed; /* and what it may have; NULL = it is new */
};

enum gate_result {
    GATE_PASSED,
    GATE_FAILED,
    GATE_NOTED, /* good to know; it does not fail */
};

struct gate_check {
    const char *rule; /* one word, for programs: max-unreleased, lost-events, … */
    char *name;       /* "unreleased bytes, each site" */
    char *figure;     /* "11312 B"; of a check of each site the highest */
    char *limit;      /* "at most 0 B"; "" where there is none */
    char *message;    /* a sentence without a full stop, for a check that did not pass; else NULL */
    enum gate_result result;
    bool is_per_site;
    bool is_per_hour; /* of growth: else per mark */
    enum gate_figure of;
    enum site_order order;
    struct gate_culprit *culprits;
    size_t n_culprits;
};

struct gate_verdict {
    const char *path;
    int status; /* enum seep_exit */
    bool is_read;
    struct analysis analysis; /* this and what follows only if is_read */
    struct sites sites;
    uint32_t *site_of_stack; /* 1 + its place in sites; 0 = none */
    struct openssl_objects openssl;
    struct report report;
    struct string_pool pool;
    struct site_set known; /* only if there is a baseline, or has_identities */
    struct site
        *of_known; /* each of these with its own stacks, which stand in sites.stacks, too; only if there is a baseline */
    struct baseline baseline;
    struct growth growth; /* only if there is a limit of it */
    struct gate_check *checks;
    size_t n_checks, cap_checks;
};

struct gate {
    const struct gate_options *options;
    struct gate_verdict *verdicts; /* one for each file, in the order given */
    size_t n_verdicts;
    int status; /* the worst */
};

/* Judge files. What cannot be read is said on stderr, and is a verdict too.
 * Memory   gate_free(); the options and paths are used until then */
void gate_judge(struct gate *gate, const struct gate_options *options, char *const *paths, size_t n);
void gate_free(struct gate *gate);

/* Have the baseline say what the one trace holds, and write it. A trace that is not whole, or is sampled, does not change it.
 * Returns  enum seep_exit: SEEP_EXIT_GATE_FAILED where it would have to be loosened and may not be, or the trace will not do, after a message */
MUST_CHECK int gate_update_baseline(struct gate_verdict *verdict, const struct gate_options *options);

size_t gate_n_failed(const struct gate_verdict *verdict);

/* "11312 B unreleased in 7 blocks": what a culprit has done; the figure that is judged comes first.
 * Memory   the caller frees it */
char *gate_culprit_text(const struct gate_check *check, const struct gate_culprit *culprit)
    __attribute__((returns_nonnull));

/* Behind which mark it has left most, as part of a sentence; NULL where that is not known, or the check is of something else. The caller frees it. */
char *gate_culprit_mark(const struct gate_verdict *verdict, const struct gate_check *check,
                        const struct gate_culprit *culprit);

/* What a culprit is called in every build (site_identity.h); NULL = that was not asked for. */
const char *gate_culprit_key(const struct gate_verdict *verdict, const struct gate_check *check,
                             const struct gate_culprit *culprit);

/* The frame that is blamed for a culprit. */
struct place gate_culprit_place(const struct gate_verdict *verdict, const struct gate_check *check,
                                const struct gate_culprit *culprit);

#endif
