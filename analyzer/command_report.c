/* command_report.c - `seep report`: what a trace says, ranked, with names. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diag.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "report_json.h"
#include "report_text.h"
#include "report_tracer.h"

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
    "      --wrapper NAME          pass over this function, it allocates for its callers; * and ?; may be repeated\n"
    "      --owner-skip MODULE     pass over this library (libpool.so*), likewise; may be repeated\n"
    "      --top N                 sites of each section, and processes (10), or sites of the JSON document (all)\n"
    "      --stacks N              stacks of each site (5)\n"
    "      --pid PID               only this process, with all programs that it ran by exec\n"
    "      --sysroot DIR           look for the program and its libraries below DIR, the root that they had\n"
    "      --debug-dir DIR[:DIR…]\n"
    "                              look there for files and debug files, by their build-id; may be repeated\n"
    "  -h, --help                  this\n"
    "\n"
    "exit status: 0 done, 2 usage, 3 unreadable trace or unwritable report. seep(1) has the JSON keys.\n";

struct options {
    const char *path, *sysroot;
    char *debug_dirs; /* separated by colons */
    size_t top, stacks;
    enum site_order order;
    enum site_group group;
    struct blame_rules rules;
    uint32_t pid;
    bool is_json, is_help, has_top, has_pid, has_group;
};

/* Read a number of at most max. Returns 0, or -1 after a message. */
static int parse_number(const char *option, const char *text, unsigned long long max, unsigned long long *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || *value > max) {
        diag_error("--%s: not a number from 0 to %llu: %s", option, max, text);
        return -1;
    }
    return 0;
}

/* Find a word among n. Returns its place, or -1 after a message that has them as `list`. */
static int parse_word(const char *option, const char *text, const char *const *names, int n, const char *list) {
    for (int i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    diag_error("--%s: not one of %s: %s", option, list, text);
    return -1;
}

static int parse_order(const char *text, enum site_order *order) {
    static const char *const names[] = {[SITE_BY_CALLS] = "calls",
                                        [SITE_BY_PEAK] = "peak",
                                        [SITE_BY_UNRELEASED] = "unreleased",
                                        [SITE_BY_TEMPORARY] = "temporary"};
    int found = parse_word("sort", text, names, SITE_N_ORDERS, "calls, peak, unreleased, temporary");
    *order = found < 0 ? *order : (enum site_order)found;
    return found < 0 ? -1 : 0;
}

static int parse_group(const char *text, enum site_group *group) {
    static const char *const names[] = {
        [SITE_BY_LEAF] = "leaf", [SITE_BY_BLAME] = "blame", [SITE_BY_MODULE] = "module", [SITE_BY_OWNER] = "owner"};
    int found = parse_word("group-by", text, names, sizeof names / sizeof names[0], "leaf, blame, module, owner");
    *group = found < 0 ? *group : (enum site_group)found;
    return found < 0 ? -1 : 0;
}

/* Add a pattern. Returns 0, or -1 after a message. */
static int add_pattern(struct options *o, int code, const char *pattern) {
    int status = code == 'w' ? blame_rules_add_wrapper(&o->rules, pattern) : blame_rules_add_module(&o->rules, pattern);
    if (status != 0) {
        diag_error("--%s: an empty name", code == 'w' ? "wrapper" : "owner-skip");
    }
    return status;
}

static int parse_option(struct options *o, int code, const char *value) {
    unsigned long long number = 0;
    int status = 0;
    switch (code) {
    case 'f':
        return option_format(value, &o->is_json);
    case 's':
        return parse_order(value, &o->order);
    case 'g':
        o->has_group = true;
        return parse_group(value, &o->group);
    case 'w':
    case 'o':
        return add_pattern(o, code, value);
    case 't':
        status = parse_number("top", value, UINT32_MAX, &number);
        o->top = (size_t)number;
        o->has_top = true;
        return status;
    case 'k':
        status = parse_number("stacks", value, UINT32_MAX, &number);
        o->stacks = (size_t)number;
        return status;
    case 'p':
        status = parse_number("pid", value, UINT32_MAX, &number);
        o->pid = (uint32_t)number;
        o->has_pid = true;
        return status;
    case 'r':
        return option_sysroot(value, &o->sysroot);
    case 'd':
        return option_debug_dirs(value, &o->debug_dirs);
    case 'h':
        o->is_help = true;
        return 0;
    default:
        return -1;
    }
}

static int parse_options(struct options *o, int argc, char **argv) {
    static const struct option longs[] = {{"format", required_argument, NULL, 'f'},
                                          {"sort", required_argument, NULL, 's'},
                                          {"group-by", required_argument, NULL, 'g'},
                                          {"wrapper", required_argument, NULL, 'w'},
                                          {"owner-skip", required_argument, NULL, 'o'},
                                          {"top", required_argument, NULL, 't'},
                                          {"stacks", required_argument, NULL, 'k'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"sysroot", required_argument, NULL, 'r'},
                                          {"debug-dir", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.top = 10, .stacks = 5, .order = SITE_BY_CALLS};
    opterr = 0; /* our own words for it */
    for (int code; (code = getopt_long(argc, argv, ":f:h", longs, NULL)) != -1;) {
        if (code == '?' || code == ':') {
            option_refuse("report", code, argv[optind - 1]);
        }
        if (parse_option(o, code, optarg) != 0) {
            return -1;
        }
    }
    if (o->is_json && !o->has_top) {
        o->top = SIZE_MAX;
    }
    if (!o->is_help && optind + 1 != argc) {
        diag_error("report: expected one trace file; see seep report --help");
        return -1;
    }
    o->path = argv[optind];
    return 0;
}

static bool has_process(const struct profile *profile, uint32_t pid) {
    for (size_t i = 0; i < profile->n_processes; i++) {
        if (profile->processes[i].pid == pid) {
            return true;
        }
    }
    return false;
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

static int render(const struct options *o, const struct profile *profile) {
    struct symbolizer *symbolizer = symbolizer_open(profile, o->sysroot, o->debug_dirs);
    struct blame *blame = blame_open(profile, symbolizer, &o->rules);
    struct sites sites[2] = {0};
    struct report report = {
        .profile = profile, .symbolizer = symbolizer, .top = o->top, .stacks = o->stacks, .order = o->order};
    int status = 0;
    build_sites(o, sites, &report, blame);
    struct openssl_objects openssl;
    openssl_objects_find(&openssl, profile, symbolizer, blame);
    report.openssl = &openssl;
    if (o->is_json) {
        status = report_json(stdout, &report);
    } else {
        report_text(stdout, &report);
    }
    openssl_objects_free(&openssl);
    sites_free(&sites[0]);
    sites_free(&sites[1]);
    blame_close(blame);
    symbolizer_close(symbolizer);
    if (fflush(stdout) != 0 || ferror(stdout) || status != 0) {
        diag_error("cannot write the report: %s", strerror(errno));
        return SEEP_EXIT_UNREADABLE;
    }
    return SEEP_EXIT_DONE;
}

/* Returns the exit status. */
static int report_trace(const struct options *o) {
    struct profile profile;
    struct progress progress;
    int status = SEEP_EXIT_UNREADABLE;
    progress_start(&progress);
    bool is_loaded = profile_load(&profile, o->path, o->pid, progress_update, &progress) == 0;
    progress_end(&progress);
    if (is_loaded) {
        report_warn_incomplete(&profile);
    }
    if (is_loaded && o->has_pid && !has_process(&profile, o->pid)) {
        diag_error("%s: no process %u in this trace", o->path, o->pid);
        status = SEEP_EXIT_USAGE;
    } else if (is_loaded) {
        status = render(o, &profile);
    }
    profile_free(&profile);
    return status;
}

int report_main(int argc, char **argv) {
    struct options o;
    int status = SEEP_EXIT_USAGE;
    if (parse_options(&o, argc, argv) == 0) {
        if (o.is_help) {
            fputs(help, stdout);
        }
        status = o.is_help ? SEEP_EXIT_DONE : report_trace(&o);
    }
    free(o.debug_dirs);
    blame_rules_free(&o.rules);
    return status;
}
