/* selection.c - see selection.h. */
#include "selection.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "format_size.h"
#include "marks.h"
#include "options.h"
#include "safe_text.h"
#include "text.h"
#include "threads.h"

enum { MATCH_BYTES_MAX = 4096 }; /* libc's regcomp() recurses, by its stack, with each bracket */

#define NS_PER_SECOND UINT64_C(1000000000)

/* ---- options ---- */

int selection_set_older(struct selection_options *o, const char *age) {
    o->older = age;
    return option_age("older", age, &o->older_ns);
}

int selection_set_match(struct selection_options *o, const char *expression) {
    if (o->match) {
        regfree(&o->expression);
        o->match = NULL;
    }
    if (strlen(expression) > MATCH_BYTES_MAX) {
        diag_error("--match: a regular expression has %d bytes at most", MATCH_BYTES_MAX);
        return -1;
    }
    int error = regcomp(&o->expression, expression, REG_EXTENDED | REG_NOSUB);
    if (error) {
        char why[128];
        regerror(error, &o->expression, why, sizeof why);
        diag_error("--match: not a regular expression: %s: %s", expression, why);
        return -1;
    }
    o->match = expression;
    return 0;
}

void selection_add_own(struct selection_options *o, const char *glob) {
    o->own = xgrow(o->own, o->n_own, &o->cap_own, sizeof *o->own);
    o->own[o->n_own++] = glob;
}

void selection_options_free(struct selection_options *o) {
    if (o->match) {
        regfree(&o->expression);
    }
    free(o->own);
    *o = (struct selection_options){0};
}

bool selection_is_part(const struct selection_options *o) {
    return o->since || o->until || o->alive_at || o->thread || o->older || o->min_bytes || o->match || o->n_own;
}

/* ---- by marks, age and size ---- */

struct bounds {
    uint64_t since, until; /* marks: behind since, before until */
    uint64_t alive_at;     /* 0 = the end */
};

static bool is_old(const struct selection_options *o, const struct profile *p, uint64_t ns) {
    return ns <= p->runtime_ns && p->runtime_ns - ns >= o->older_ns;
}

/* What of an info is selected. */
static struct profile_info part_of_info(const struct selection_options *o, const struct profile *p,
                                        const struct bounds *bounds, const struct profile_info *info) {
    struct profile_info part = *info;
    if (info->mark < bounds->since || info->mark >= bounds->until || info->size_bytes < o->min_bytes) {
        return (struct profile_info){.birth_ns = UINT64_MAX};
    }
    if (o->older) {
        const struct mark *next = p->n_marks && info->mark < p->n_marks_reached ? mark_numbered(p, info->mark + 1) : NULL;
        bool are_all = next && is_old(o, p, next->time_ns), is_one = is_old(o, p, info->birth_ns);
        part.unreleased = are_all ? info->unreleased : is_one && info->unreleased;
        part.calls = part.unreleased;
        part.live_at_peak = part.unreleased < info->live_at_peak ? part.unreleased : info->live_at_peak;
        part.temporary = part.freed = 0;
        part.more_unreleased = are_all ? info->more_unreleased : 0;
        part.more_calls = part.more_at_peak = 0;
    }
    return part;
}

/* ---- by frames ---- */

static bool matches(const regex_t *expression, const char *text) {
    return text && regexec(expression, text, 0, NULL, 0) == 0;
}

static bool location_matches(const regex_t *expression, const struct location *location) {
    bool is_match = matches(expression, location->module);
    for (uint32_t i = 0; i < location->n_frames && !is_match; i++) {
        is_match = matches(expression, location->frames[i].function) || matches(expression, location->frames[i].file);
    }
    return is_match;
}

/* By stack: whether a frame of it, or of what called it, matches. A parent stands before its children. */
static uint8_t *find_matches(const struct selection_options *o, const struct profile *p, struct symbolizer *symbolizer) {
    uint8_t *is_match = xcalloc(p->n_stacks, sizeof *is_match);
    for (size_t i = 1; i < p->n_stacks; i++) {
        const struct stack *s = &p->stacks[i];
        is_match[i] = (s->parent < i && is_match[s->parent]) ||
                      (stack_is_frame(s) && location_matches(&o->expression, symbolize(symbolizer, s->module, s->ip)));
    }
    return is_match;
}

/* By its path, or, where the pattern has no slash, by its name. */
static bool is_file(const char *glob, const char *file) {
    return file && (fnmatch(glob, file, 0) == 0 || (!strchr(glob, '/') && fnmatch(glob, text_base_name(file), 0) == 0));
}

bool selection_is_own(const struct selection_options *o, const struct location *location, const struct frame *frame) {
    for (size_t i = 0; i < o->n_own; i++) {
        if (is_file(o->own[i], location->module) || is_file(o->own[i], frame->file)) {
            return true;
        }
    }
    return o->n_own == 0;
}

static bool is_own_stack(const struct selection_options *o, const struct profile *p, struct symbolizer *symbolizer,
                         struct blame *blame, uint32_t stack) {
    uint32_t leaf = blame_leaf(blame, stack);
    if (!stack_is_frame(&p->stacks[leaf])) {
        return false;
    }
    struct blame_frame owner = blame_resolve(blame, leaf, true);
    const struct stack *s = &p->stacks[owner.stack];
    const struct location *location = symbolize(symbolizer, s->module, s->ip);
    return selection_is_own(o, location, &location->frames[owner.frame]);
}

/* By cost: whether its stack is selected. Stacks that are the same share a cost. */
static uint8_t *select_costs(const struct selection_options *o, const struct profile *p, struct symbolizer *symbolizer,
                             struct blame *blame) {
    uint8_t *is_selected = xcalloc(p->n_costs, sizeof *is_selected);
    uint8_t *is_match = o->match ? find_matches(o, p, symbolizer) : NULL;
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        if (p->stacks[i].cost && profile_cost(p, i)->calls) {
            is_selected[p->stacks[i].cost] |=
                (!is_match || is_match[i]) && (!o->n_own || is_own_stack(o, p, symbolizer, blame, i));
        }
    }
    free(is_match);
    return is_selected;
}

/* ---- sums ---- */

static void clear(struct profile *p) {
    const struct cost none = {.oldest_birth_ns = UINT64_MAX};
    for (size_t i = 0; i < p->n_costs; i++) {
        p->costs[i] = none;
        if (p->estimates) {
            p->estimates[i] = (struct estimate){0};
        }
    }
    for (size_t i = 0; i < p->n_processes; i++) {
        uint64_t peak_bytes = p->processes[i].total.peak_bytes;
        p->processes[i].total = none;
        p->processes[i].total.peak_bytes = peak_bytes;
        p->processes[i].n_frees = 0;
    }
    p->total = none;
    p->estimate = (struct estimate){0};
    p->n_frees = 0;
    p->unsure = (struct cost){0};
    p->owners.n = p->births.n = 0;
}

/* Room for what is divided among processes and marks. */
struct shares_caps {
    size_t owners, births;
};

static void add_info(struct profile *p, const struct profile_info *info, struct shares_caps *caps) {
    double weight = p->sample_bytes ? estimate_weight(info->size_bytes, p->sample_bytes) : 1;
    struct cost cost = {.calls = info->calls,
                        .allocated_bytes = info->calls * info->counted_bytes,
                        .peak_bytes = info->live_at_peak * info->counted_bytes,
                        .unreleased_bytes = info->unreleased * info->counted_bytes,
                        .unreleased_blocks = info->unreleased,
                        .temporary = info->temporary,
                        .oldest_birth_ns = info->unreleased ? info->birth_ns : UINT64_MAX};
    cost_add(&p->costs[info->cost], &cost);
    if (p->estimates) {
        struct estimate_counts n = {.calls = info->calls,
                                    .live_at_peak = info->live_at_peak,
                                    .live = info->unreleased,
                                    .temporary = info->temporary};
        estimate_add_info(&p->estimates[info->cost], info->size_bytes, p->sample_bytes, n);
    }
    uint64_t n_frees = estimate_round(weight * (double)info->freed);
    p->n_frees += n_frees;
    struct cost more = {.calls = estimate_round(weight * (double)info->more_calls),
                        .peak_bytes = info->more_at_peak * info->counted_bytes,
                        .unreleased_bytes = info->more_unreleased * info->counted_bytes,
                        .unreleased_blocks = estimate_round(weight * (double)info->more_unreleased)};
    cost_add(&p->unsure, &more);
    if (info->process >= p->n_processes) {
        return;
    }
    struct process *of = &p->processes[info->process];
    uint64_t peak_bytes = of->total.peak_bytes;
    cost.calls = estimate_round(weight * (double)cost.calls);
    cost.unreleased_blocks = estimate_round(weight * (double)cost.unreleased_blocks);
    cost.temporary = estimate_round(weight * (double)cost.temporary);
    cost_add(&of->total, &cost);
    of->total.peak_bytes = peak_bytes;
    of->n_frees += n_frees;
    struct share share = {.cost = info->cost, .bytes = cost.unreleased_bytes, .blocks = cost.unreleased_blocks};
    if (p->n_processes > 1 && info->unreleased) {
        share.of = info->process;
        shares_put(&p->owners, &caps->owners, &share);
    }
    if (p->n_marks && info->unreleased) {
        share.of = info->mark;
        shares_put(&p->births, &caps->births, &share);
    }
}

static void sum_up(struct profile *p) {
    for (size_t i = 1; i < p->n_costs; i++) {
        if (p->estimates) {
            p->costs[i].calls = estimate_round(p->estimates[i].calls);
            p->costs[i].unreleased_blocks = estimate_round(p->estimates[i].unreleased_blocks);
            p->costs[i].temporary = estimate_round(p->estimates[i].temporary);
            estimate_add(&p->estimate, &p->estimates[i]);
        }
        cost_add(&p->total, &p->costs[i]);
    }
    shares_sum(&p->owners);
    shares_sum(&p->births);
    if (p->n_processes == 1) {
        p->processes[0].total = p->total;
    }
}

/* Growth is looked at from the one mark to the other. */
static void limit_series(struct profile *p, const struct bounds *bounds) {
    struct series *s = &p->series;
    if (s->axis != SERIES_MARKS) {
        return;
    }
    uint64_t first = (bounds->since + s->step - 1) / s->step, end = bounds->until / s->step + 1;
    s->first = first > s->first ? (uint32_t)first : s->first;
    s->end = end < s->end ? (uint32_t)end : s->end;
}

/* Returns 0, or -1 after a message. */
static int find_bounds(const struct selection_options *o, const struct profile *p, struct bounds *bounds) {
    const char *const options[] = {"since", "until", "alive-at"}, *const names[] = {o->since, o->until, o->alive_at};
    uint64_t numbers[] = {0, UINT32_MAX, 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mark *mark = names[i] ? mark_find(p, options[i], names[i]) : NULL;
        if (names[i] && !mark) {
            return -1;
        }
        numbers[i] = mark ? mark->number : numbers[i];
    }
    *bounds = (struct bounds){.since = numbers[0], .until = numbers[1], .alive_at = numbers[2]};
    bounds->until = o->alive_at && !o->until ? bounds->alive_at : bounds->until;
    if (bounds->until <= bounds->since) {
        const char *last = o->until ? "until" : "alive-at";
        diag_error("--%s %s: this mark is not behind that of --since", last, o->until ? o->until : o->alive_at);
        return -1;
    }
    if (o->alive_at && bounds->alive_at < bounds->until) {
        diag_error("--alive-at %s: this mark is before that of --until", o->alive_at);
        return -1;
    }
    return 0;
}

int selection_want(const struct selection_options *o, const char *path, struct profile_wanted *wanted,
                   bool *is_unreadable) {
    struct profile p;
    struct profile_wanted records = {.pid = wanted->pid, .no_events = true};
    struct bounds bounds = {0};
    int status = 0;
    *is_unreadable = false;
    wanted->infos = selection_is_part(o);
    if (o->alive_at && o->older) {
        diag_error("--older is about the end of the trace, and --alive-at about a mark: only one of them");
        return -1;
    }
    if (!o->alive_at && !o->thread) {
        return 0;
    }
    *is_unreadable = profile_load(&p, path, &records, NULL, NULL) != 0;
    if (*is_unreadable || (o->alive_at && find_bounds(o, &p, &bounds) != 0)) {
        status = -1;
    } else if (o->thread && profile_n_chosen(&p)) { /* else the pid is what is wrong, and said later */
        wanted->threads = threads_find(&p, o->thread);
        status = wanted->threads ? 0 : -1;
    }
    wanted->alive_at = bounds.alive_at;
    wanted->n_threads = wanted->threads ? p.n_threads : 0;
    profile_free(&p);
    return status;
}

void selection_wanted_free(struct profile_wanted *wanted) {
    free((void *)(uintptr_t)wanted->threads);
    *wanted = (struct profile_wanted){0};
}

/* What is not certain to be of the selected threads.
 * Memory   the caller frees it; NULL where all is certain */
static char *tell_unsure(const struct profile *p) {
    char *out = NULL, size[FORMAT_BYTES_MAX];
    size_t n;
    FILE *f = p->unsure.calls || p->unsure.unreleased_blocks || p->unsure.peak_bytes ? open_memstream(&out, &n) : NULL;
    if (!f) {
        return NULL;
    }
    fprintf(f, "at least: %" PRIu64 " more unreleased blocks, %s,", p->unsure.unreleased_blocks,
            format_size(p->unsure.unreleased_bytes, size));
    fprintf(f, " and %s more at the peak may be its own or of others", format_size(p->unsure.peak_bytes, size));
    if (p->unsure.calls) {
        fprintf(f, ", as %" PRIu64 " folded allocations", p->unsure.calls);
    }
    fclose(f);
    return out;
}

static void warn_unsure(const struct selection_options *o, const struct profile *p) {
    char *unsure = o->thread ? tell_unsure(p) : NULL;
    if (unsure) {
        char *thread = safe_text_copy(o->thread);
        diag_warning("%s: --thread %s: %s", p->path, thread, unsure);
        free(thread);
    }
    free(unsure);
}

int selection_apply(const struct selection_options *o, struct profile *p, struct symbolizer *symbolizer,
                    struct blame *blame) {
    struct bounds bounds;
    if (find_bounds(o, p, &bounds) != 0) {
        return -1;
    }
    if (o->alive_at && !p->is_alive_at_known) {
        diag_error("--alive-at %s: this mark is among the folded events, of which only totals are kept", o->alive_at);
        return -1;
    }
    if (!selection_is_part(o)) {
        return 0;
    }
    uint8_t *is_selected = select_costs(o, p, symbolizer, blame);
    if ((o->match || o->n_own) && p->n_costs && !memchr(is_selected, 1, p->n_costs)) {
        diag_warning("%s: no stack is selected by %s%s%s", p->path, o->match ? "--match" : "",
                     o->match && o->n_own ? " and " : "", o->n_own ? "--own" : "");
    }
    struct shares_caps caps = {.owners = p->owners.n, .births = p->births.n};
    clear(p);
    for (size_t i = 0; i < p->n_kept_infos; i++) {
        const struct profile_info *info = &p->kept_infos[i];
        if (info->cost && is_selected[info->cost]) {
            struct profile_info part = part_of_info(o, p, &bounds, info);
            part.cost = info->cost;
            if (part.calls || part.more_calls) {
                add_info(p, &part, &caps);
            }
        }
    }
    sum_up(p);
    limit_series(p, &bounds);
    free(is_selected);
    warn_unsure(o, p);
    return 0;
}

/* ---- what is said of it ---- */

static void put(FILE *f, const char **before, const char *what, const char *value) {
    fprintf(f, "%s%s", *before, what);
    safe_text_put(f, value);
    *before = ", ";
}

static void put_thread(FILE *f, const char **before, const char *thread, const struct profile *p) {
    char *unsure = tell_unsure(p);
    put(f, before, "allocated by thread ", thread);
    fprintf(f, " (%s)", unsure ? unsure : "exact");
    free(unsure);
}

void selection_text(FILE *f, const struct selection_options *o, const struct profile *p) {
    const char *before = "selected: ";
    if (o->since) {
        put(f, &before, "allocated behind mark ", o->since);
    }
    if (o->until) {
        put(f, &before, "allocated before mark ", o->until);
    }
    if (o->alive_at) {
        put(f, &before, "unreleased at mark ", o->alive_at);
    }
    if (o->thread) {
        put_thread(f, &before, o->thread, p);
    }
    if (o->older) {
        put(f, &before, "at least what is not released and certainly older than ", o->older);
    }
    if (o->min_bytes) {
        fprintf(f, "%sblocks of %" PRIu64 " bytes or more", before, o->min_bytes);
        before = ", ";
    }
    if (o->match) {
        put(f, &before, "stacks that match ", o->match);
    }
    for (size_t i = 0; i < o->n_own; i++) {
        put(f, &before, i ? "" : "owned by ", o->own[i]);
    }
    if (selection_is_part(o)) {
        fputc('\n', f);
    }
}

/* Of the figures beyond what is counted, or null. */
static void put_unsure(struct json_out *j, const struct selection_options *o, const struct profile *p) {
    json_key(j, "thread_unsure");
    if (!o->thread) {
        json_null(j);
        return;
    }
    json_object_begin(j);
    json_put_uint(j, "allocations", p->unsure.calls);
    json_put_uint(j, "peak_bytes", p->unsure.peak_bytes);
    json_put_uint(j, "unreleased_bytes", p->unsure.unreleased_bytes);
    json_put_uint(j, "unreleased_blocks", p->unsure.unreleased_blocks);
    json_object_end(j);
}

void selection_json(struct json_out *j, const struct selection_options *o, const struct profile *p) {
    json_key(j, "selection");
    if (!selection_is_part(o)) {
        json_null(j);
        return;
    }
    json_object_begin(j);
    json_put_string(j, "since", o->since);
    json_put_string(j, "until", o->until);
    json_put_known(j, "older_seconds", o->older_ns / NS_PER_SECOND, o->older != NULL);
    json_put_known(j, "min_bytes", o->min_bytes, o->min_bytes != 0);
    json_put_string(j, "match", o->match);
    json_key(j, "own");
    json_array_begin(j);
    for (size_t i = 0; i < o->n_own; i++) {
        json_string(j, o->own[i]);
    }
    json_array_end(j);
    json_put_string(j, "alive_at", o->alive_at);
    json_put_string(j, "thread", o->thread);
    put_unsure(j, o, p);
    json_object_end(j);
}
