/* analysis.c - see analysis.h. */
#include "analysis.h"

#include <stdlib.h>

#include "diag.h"
#include "growth.h"
#include "options.h"
#include "progress.h"
#include "report_tracer.h"

/* Returns 0, or -1 after a message. */
static int check_pattern(const char *option, int status) {
    if (status != 0) {
        diag_error("--%s: an empty name", option);
    }
    return status;
}

int analysis_option(struct analysis_options *o, int code, const char *value) {
    unsigned long long number = 0;
    int status = 0;
    switch (code) {
    case ANALYSIS_WRAPPER:
        return check_pattern("wrapper", blame_rules_add_wrapper(&o->rules, value));
    case ANALYSIS_OWNER_SKIP:
        return check_pattern("owner-skip", blame_rules_add_module(&o->rules, value));
    case ANALYSIS_PID:
        status = option_number("pid", value, UINT32_MAX, &number);
        o->pid = (uint32_t)number;
        o->has_pid = true;
        return status;
    case ANALYSIS_SYSROOT:
        return option_sysroot("sysroot", value, &o->sysroot);
    case ANALYSIS_DEBUG_DIR:
        return option_debug_dirs(value, &o->debug_dirs);
    case ANALYSIS_SUPPRESSIONS:
        return suppression_rules_read(&o->suppressions, value);
    case ANALYSIS_BUILTIN:
        o->builtin = SUPPRESSION_BUILTIN_ON;
        return 0;
    case ANALYSIS_NO_BUILTIN:
        o->builtin = SUPPRESSION_BUILTIN_OFF;
        return 0;
    case ANALYSIS_SINCE:
        o->selection.since = value;
        return 0;
    case ANALYSIS_UNTIL:
        o->selection.until = value;
        return 0;
    case ANALYSIS_ALIVE_AT:
        o->selection.alive_at = value;
        return 0;
    case ANALYSIS_THREAD:
        o->selection.thread = value;
        return 0;
    case ANALYSIS_OLDER:
        return selection_set_older(&o->selection, value);
    case ANALYSIS_MIN_BYTES:
        return option_bytes("min-bytes", value, &o->selection.min_bytes);
    case ANALYSIS_MATCH:
        return selection_set_match(&o->selection, value);
    case ANALYSIS_OWN:
        selection_add_own(&o->selection, value);
        return 0;
    default:
        return -1;
    }
}

void analysis_options_free(struct analysis_options *o) {
    free(o->debug_dirs);
    blame_rules_free(&o->rules);
    suppression_rules_free(&o->suppressions);
    selection_options_free(&o->selection);
}

static bool has_process(const struct profile *profile, uint32_t pid) {
    for (size_t i = 0; i < profile->n_processes; i++) {
        if (profile->processes[i].pid == pid) {
            return true;
        }
    }
    return false;
}

int analysis_open(struct analysis *a, const struct analysis_options *o, const char *path) {
    struct progress progress;
    struct profile_wanted wanted = {.pid = o->pid};
    bool is_unreadable;
    *a = (struct analysis){0};
    if (selection_want(&o->selection, path, &wanted, &is_unreadable) != 0) {
        return is_unreadable ? SEEP_EXIT_UNREADABLE : SEEP_EXIT_USAGE;
    }
    progress_start(&progress);
    bool is_loaded = profile_load(&a->profile, path, &wanted, progress_update, &progress) == 0;
    progress_end(&progress);
    selection_wanted_free(&wanted);
    if (!is_loaded) {
        return SEEP_EXIT_UNREADABLE;
    }
    report_warn_incomplete(&a->profile);
    if (o->has_pid && !has_process(&a->profile, o->pid)) {
        diag_error("%s: no process %u in this trace", path, o->pid);
        return SEEP_EXIT_USAGE;
    }
    a->symbolizer = symbolizer_open(&a->profile, o->sysroot, o->debug_dirs);
    a->blame = blame_open(&a->profile, a->symbolizer, &o->rules);
    a->selection = &o->selection;
    if (selection_apply(&o->selection, &a->profile, a->symbolizer, a->blame) != 0) {
        return SEEP_EXIT_USAGE;
    }
    bool has_growth = a->profile.n_marks || a->profile.runtime_ns >= GROWTH_TIME_MIN_NS;
    suppressions_apply(&a->suppressions, &a->profile, a->symbolizer, &o->suppressions, o->builtin, has_growth);
    suppressions_warn_unused(&a->suppressions);
    return SEEP_EXIT_DONE;
}

void analysis_close(struct analysis *a) {
    if (a->symbolizer) {
        blame_close(a->blame);
        symbolizer_close(a->symbolizer);
    }
    suppressions_free(&a->suppressions);
    profile_free(&a->profile);
}
