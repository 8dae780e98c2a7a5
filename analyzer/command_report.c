/* command_report.c - `seep report`: what a trace says, ranked, with names. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "analysis.h"
#include "commands.h"
#include "diag.h"
#include "options.h"
#include "report.h"
#include "report_json.h"
#include "report_text.h"
#include "suppression_rules.h"

static const char help[] =
    "usage: seep report [OPTIONS] FILE\n"
    "\n"
    "Say which call sites allocate, which hold the memory, and which never release it.\n"
    "\n"
    "  seep report x.seep\n"
    "\n"
    "  -f, --format text|json      text as heaptrack_print writes it, or one JSON object (text)\n"
    "      --sort calls|peak|unreleased|temporary\n"
    "                              order of the JSON sites; in text, the section that comes first (calls)\n"
    "      --group-by leaf|blame|module|owner\n"
    "                              what makes up a site: the function that allocates; the first caller outside wrappers,\n"
    "                              that one's module; the program's function (leaf; MEMORY LEAKS of the text: blame)\n"
    "      --top N                 sites of each section, and processes (10), or sites of the JSON document (all)\n"
    "      --stacks N              stacks of each site (5)\n" ANALYSIS_HELP
    "      --print-suppressions    print the built-in rules as a file, read no trace\n"
    "  -h, --help                  this\n"
    "\n"
    "exit status: 0 done, 2 usage, 3 unreadable trace or unwritable report. seep(1) has the JSON keys.\n";

struct options {
    const char *path;
    struct analysis_options analysis;
    size_t top, stacks;
    enum site_order order;
    enum site_group group;
    bool is_json, is_help, is_print, has_top, has_group, has_builtin;
};

static int parse_order(const char *text, enum site_order *order) {
    static const char *const names[] = {[SITE_BY_CALLS] = "calls",
                                        [SITE_BY_PEAK] = "peak",
                                        [SITE_BY_UNRELEASED] = "unreleased",
                                        [SITE_BY_TEMPORARY] = "temporary"};
    int found = option_word("sort", text, names, SITE_N_ORDERS, "calls, peak, unreleased, temporary");
    *order = found < 0 ? *order : (enum site_order)found;
    return found < 0 ? -1 : 0;
}

static int parse_group(const char *text, enum site_group *group) {
    static const char *const names[] = {
        [SITE_BY_LEAF] = "leaf", [SITE_BY_BLAME] = "blame", [SITE_BY_MODULE] = "module", [SITE_BY_OWNER] = "owner"};
    int found = option_word("group-by", text, names, sizeof names / sizeof names[0], "leaf, blame, module, owner");
    *group = found < 0 ? *group : (enum site_group)found;
    return found < 0 ? -1 : 0;
}

static int parse_option(struct options *o, int code, const char *value) {
    switch (code) {
    case 'f':
        return option_format(value, &o->is_json);
    case 's':
        return parse_order(value, &o->order);
    case 'g':
        o->has_group = true;
        return parse_group(value, &o->group);
    case 't':
        o->has_top = true;
        return option_count("top", value, &o->top);
    case 'k':
        return option_count("stacks", value, &o->stacks);
    case 'h':
        o->is_help = true;
        return 0;
    case 'p':
        o->is_print = true;
        return 0;
    default:
        return analysis_option(&o->analysis, code, value);
    }
}

static int parse_options(struct options *o, int argc, char **argv) {
    static const struct option longs[] = {
        {"format", required_argument, NULL, 'f'},         {"sort", required_argument, NULL, 's'},
        {"group-by", required_argument, NULL, 'g'},       {"top", required_argument, NULL, 't'},
        {"stacks", required_argument, NULL, 'k'},         {"print-suppressions", no_argument, NULL, 'p'},
        ANALYSIS_OPTIONS{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    *o = (struct options){.top = 10, .stacks = 5, .order = SITE_BY_CALLS};
    opterr = 0; /* our own words for it */
    for (int code; (code = getopt_long(argc, argv, ":f:h", longs, NULL)) != -1;) {
        if (code == '?' || code == ':') {
            option_refuse("report", code, argv[optind - 1]);
        }
        if (parse_option(o, code, optarg) != 0) {
            return -1;
        }
        o->has_builtin |= code == ANALYSIS_BUILTIN || code == ANALYSIS_NO_BUILTIN;
    }
    if (o->is_json && !o->has_top) {
        o->top = SIZE_MAX;
    }
    if (o->is_json && !o->has_builtin) {
        o->analysis.builtin = SUPPRESSION_BUILTIN_TOLD; /* unreleased_* mean what they always did */
    }
    if (!o->is_help && !o->is_print && optind + 1 != argc) {
        diag_error("report: expected one trace file; see seep report --help");
        return -1;
    }
    o->path = argv[optind];
    return 0;
}

/* Sites for the sections: those of leaks by blame, the others by leaf, unless one group was asked for. */
static void build_sites(const struct options *o, struct sites *sites, struct report *report, struct blame *blame) {
    unsigned all = (1U << SITE_N_ORDERS) - 1, leaks = o->is_json || o->has_group ? 0 : 1U << SITE_BY_UNRELEASED;
    struct sites_wanted wanted = {.group = o->group, .orders = o->is_json ? 1U << o->order : all & ~leaks, .top = o->top};
    sites_build(&sites[0], report->profile, report->symbolizer, blame, &wanted);
    if (leaks) {
        wanted = (struct sites_wanted){.group = SITE_BY_BLAME, .orders = leaks, .top = o->top};
        sites_build(&sites[1], report->profile, report->symbolizer, blame, &wanted);
    }
    for (unsigned order = 0; order < SITE_N_ORDERS; order++) {
        report->sites[order] = &sites[leaks >> order & 1];
    }
}

/* Returns the exit status. */
static int finish_output(bool is_written) {
    if (fflush(stdout) != 0 || ferror(stdout) || !is_written) {
        diag_error("cannot write the report: %s", strerror(errno));
        return SEEP_EXIT_UNREADABLE;
    }
    return SEEP_EXIT_DONE;
}

static int render(const struct options *o, const struct analysis *analysis) {
    struct sites sites[2] = {0};
    struct report report = {.profile = &analysis->profile,
                            .symbolizer = analysis->symbolizer,
                            .suppressions = &analysis->suppressions,
                            .selection = analysis->selection,
                            .top = o->top,
                            .stacks = o->stacks,
                            .order = o->order};
    int status = 0;
    build_sites(o, sites, &report, analysis->blame);
    struct openssl_objects openssl;
    openssl_objects_find(&openssl, &analysis->profile, analysis->symbolizer, analysis->blame);
    report.openssl = &openssl;
    struct growth growth;
    growth_build(&growth, &analysis->profile, analysis->symbolizer, analysis->blame,
                 o->has_group ? o->group : SITE_BY_BLAME);
    report.growth = &growth;
    if (o->is_json) {
        status = report_json(stdout, &report);
    } else {
        report_text(stdout, &report);
    }
    growth_free(&growth);
    openssl_objects_free(&openssl);
    sites_free(&sites[0]);
    sites_free(&sites[1]);
    return finish_output(status == 0);
}

/* Returns the exit status. */
static int report_trace(const struct options *o) {
    struct analysis analysis;
    int status = analysis_open(&analysis, &o->analysis, o->path);
    if (status == SEEP_EXIT_DONE) {
        status = render(o, &analysis);
    }
    analysis_close(&analysis);
    return status;
}

int report_main(int argc, char **argv) {
    struct options o;
    int status = SEEP_EXIT_USAGE;
    if (parse_options(&o, argc, argv) == 0) {
        if (o.is_help) {
            fputs(help, stdout);
            status = SEEP_EXIT_DONE;
        } else if (o.is_print) {
            suppression_rules_print_builtin(stdout);
            status = finish_output(true);
        } else {
            status = report_trace(&o);
        }
    }
    analysis_options_free(&o.analysis);
    return status;
}
