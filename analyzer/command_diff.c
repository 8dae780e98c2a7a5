/* command_diff.c - `seep diff`: what has changed between two traces. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "analysis.h"
#include "commands.h"
#include "diag.h"
#include "diff.h"
#include "options.h"

static const char help[] =
    "usage: seep diff [OPTIONS] BASE FILE\n"
    "\n"
    "Say what has changed from one trace to another, site by site: new, gone, grew, shrank. Builds may differ.\n"
    "\n"
    "  seep diff before.seep after.seep\n"
    "\n"
    "  -f, --format text|json      text, or one JSON object (text)\n"
    "      --sort unreleased|peak|calls|temporary\n"
    "                              order of the JSON sites; in text, the section that comes first (unreleased)\n"
    "      --top N                 sites of each section (10), or of the JSON document (all)\n"
    "      --threshold PERCENT     call a site that differs by at most that much of BASE the same, 0 to 100 (0)\n"
    "      --base-pid PID          the process of BASE, where --pid is only of FILE\n"
    "      --base-sysroot DIR      the root for BASE, where --sysroot is only for FILE\n" ANALYSIS_HELP
    "  -h, --help                  this\n"
    "\n"
    "exit status: 0 done, 2 usage, 3 unreadable trace or unwritable output. seep(1) has the JSON keys.\n";

enum { BASE_PID = 500, BASE_SYSROOT };

struct options {
    const char *base, *file;
    struct analysis_options analysis;
    const char *base_sysroot;
    uint32_t base_pid;
    size_t top;
    unsigned long long threshold;
    enum diff_figure sort;
    bool is_json, is_help, has_top, has_base_pid;
};

static int parse_sort(const char *text, enum diff_figure *sort) {
    static const char *const names[] = {"unreleased", "peak", "calls", "temporary"};
    static const enum diff_figure figures[] = {DIFF_UNRELEASED_BYTES, DIFF_PEAK_BYTES, DIFF_CALLS, DIFF_TEMPORARY};
    int found = option_word("sort", text, names, sizeof names / sizeof names[0], "unreleased, peak, calls, temporary");
    *sort = found < 0 ? *sort : figures[found];
    return found < 0 ? -1 : 0;
}

static int parse_option(struct options *o, int code, const char *value) {
    unsigned long long number = 0;
    int status = 0;
    switch (code) {
    case 'f':
        return option_format(value, &o->is_json);
    case 's':
        return parse_sort(value, &o->sort);
    case 't':
        o->has_top = true;
        return option_count("top", value, &o->top);
    case 'c':
        return option_number("threshold", value, 100, &o->threshold);
    case BASE_PID:
        status = option_number("base-pid", value, UINT32_MAX, &number);
        o->base_pid = (uint32_t)number;
        o->has_base_pid = true;
        return status;
    case BASE_SYSROOT:
        return option_sysroot("base-sysroot", value, &o->base_sysroot);
    case 'h':
        o->is_help = true;
        return 0;
    default:
        return analysis_option(&o->analysis, code, value);
    }
}

static int parse_options(struct options *o, int argc, char **argv) {
    static const struct option longs[] = {{"format", required_argument, NULL, 'f'},
                                          {"sort", required_argument, NULL, 's'},
                                          {"top", required_argument, NULL, 't'},
                                          {"threshold", required_argument, NULL, 'c'},
                                          {"base-pid", required_argument, NULL, BASE_PID},
                                          {"base-sysroot", required_argument, NULL, BASE_SYSROOT},
                                          ANALYSIS_OPTIONS{"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.top = 10, .sort = DIFF_UNRELEASED_BYTES};
    opterr = 0; /* our own words for it */
    for (int code; (code = getopt_long(argc, argv, ":f:h", longs, NULL)) != -1;) {
        if (code == '?' || code == ':') {
            option_refuse("diff", code, argv[optind - 1]);
        }
        if (parse_option(o, code, optarg) != 0) {
            return -1;
        }
    }
    if (o->is_json && !o->has_top) {
        o->top = SIZE_MAX;
    }
    if (!o->is_help && optind + 2 != argc) {
        diag_error("diff: expected two trace files, before and after; see seep diff --help");
        return -1;
    }
    o->base = argv[optind];
    o->file = o->base ? argv[optind + 1] : NULL;
    return 0;
}

static int render(const struct options *o, const struct analysis *base, const struct analysis *now) {
    struct diff diff;
    int status = 0;
    diff_build(&diff, base, now, &o->analysis.rules, (double)o->threshold / 100);
    if (o->is_json) {
        status = diff_json(stdout, &diff, o->sort, o->top);
    } else {
        diff_text(stdout, &diff, o->sort, o->top);
    }
    diff_free(&diff);
    if (fflush(stdout) != 0 || ferror(stdout) || status != 0) {
        diag_error("cannot write the differences: %s", strerror(errno));
        return SEEP_EXIT_UNREADABLE;
    }
    return SEEP_EXIT_DONE;
}

/* Returns the exit status. */
static int diff_traces(const struct options *o) {
    struct analysis base, now;
    struct analysis_options base_options = o->analysis; /* shares what it points to */
    if (o->base_sysroot) {
        base_options.sysroot = o->base_sysroot;
    }
    if (o->has_base_pid) {
        base_options.pid = o->base_pid;
        base_options.has_pid = true;
    }
    int status = analysis_open(&base, &base_options, o->base);
    if (status == SEEP_EXIT_DONE) {
        status = analysis_open(&now, &o->analysis, o->file);
        if (status == SEEP_EXIT_DONE) {
            status = render(o, &base, &now);
        }
        analysis_close(&now);
    }
    analysis_close(&base);
    return status;
}

int diff_main(int argc, char **argv) {
    struct options o;
    int status = SEEP_EXIT_USAGE;
    if (parse_options(&o, argc, argv) == 0) {
        if (o.is_help) {
            fputs(help, stdout);
        }
        status = o.is_help ? SEEP_EXIT_DONE : diff_traces(&o);
    }
    analysis_options_free(&o.analysis);
    return status;
}
