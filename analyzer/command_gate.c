/* command_gate.c - `seep gate`: passes or fails, for CI. */
#include "command_gate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diag.h"
#include "gate_format.h"
#include "options.h"
#include "whole_file.h"

static const char help[] =
    "usage: seep gate [OPTIONS] FILE…\n"
    "\n"
    "Pass or fail: does each trace keep its limits? Names the culprits' stacks first.\n"
    "  seep gate --max-unreleased 64K --max-peak site:1M --junit gate.xml x.seep\n"
    "\n"
    "Limits, of the total or, as site:LIMIT, of each site; may be repeated. K, M, G: 1000, as in reports; KiB: 1024.\n"
    "      --max-unreleased SIZE   not released at the end; or 3blocks (0, where no limit is given at all)\n"
    "      --max-growth SIZE       what growing sites gain at each mark; 1M/hour: of a trace without marks; or 3blocks\n"
    "      --max-peak SIZE         alive at the moment of the highest total\n"
    "      --max-calls N           allocations\n"
    "      --max-temporary-ratio N percent of the allocations are temporary\n"
    "      --baseline FILE         nothing beyond what FILE lets each site keep; without another limit this is the only "
    "one\n"
    "      --new-sites-only        let the sites of the baseline keep what they like; only new ones fail\n"
    "      --update-baseline       write FILE anew: without sites that are gone, with lower limits; all if it is not "
    "there\n"
    "      --allow-loosen          and with new sites and higher limits\n"
    "      --allow-incomplete      judge traces that are cut, damaged, still recorded, or lack what passed seep by\n"
    "      --allow-lost N          let so many events be lost (0)\n"
    "      --junit FILE            write JUnit XML; - is standard output, here and below\n"
    "      --sarif FILE            write SARIF 2.1.0\n"
    "      --markdown FILE         append a summary to FILE, as for $GITHUB_STEP_SUMMARY\n"
    "      --github                print annotations of source lines for GitHub Actions\n"
    "      --top N, --stacks N     culprits of each check (3), stacks of each of them (1)\n" ANALYSIS_HELP
    "  -h, --help                  this\n"
    "\n"
    "exit status: 0 passed, 1 failed, 2 usage, 3 unreadable trace or unwritable output; of several, the highest.\n";

enum {
    CODE_JUNIT = GATE_LIMIT_END,
    CODE_SARIF,
    CODE_MARKDOWN,
    CODE_GITHUB,
    CODE_TOP,
    CODE_STACKS,
    CODE_INCOMPLETE,
    CODE_LOST,
    CODE_BASELINE,
    CODE_NEW_ONLY,
    CODE_UPDATE,
    CODE_LOOSEN
};

static int add_limit(struct gate_options *o, int code, const char *value) {
    struct gate_limit limit;
    if (gate_limit_read(&limit, (enum gate_limit_code)code, value) != 0) {
        return -1;
    }
    o->limits = xgrow(o->limits, o->n_limits, &o->cap_limits, sizeof *o->limits);
    o->limits[o->n_limits++] = limit;
    return 0;
}

static int read_number(const char *option, const char *text, uint64_t max, uint64_t *value) {
    unsigned long long number = 0;
    int status = option_number(option, text, max, &number);
    *value = status == 0 ? number : *value;
    return status;
}

static int read_file(const char *option, const char *text, const char **path) {
    *path = text;
    if (!*text) {
        diag_error("--%s: an empty file name", option);
        return -1;
    }
    return 0;
}

static int read_option(struct gate_command *c, int code, const char *value) {
    switch (code) {
    case GATE_MAX_UNRELEASED:
    case GATE_MAX_GROWTH:
    case GATE_MAX_PEAK:
    case GATE_MAX_CALLS:
    case GATE_MAX_TEMPORARY:
        return add_limit(&c->options, code, value);
    case CODE_INCOMPLETE:
        c->options.is_incomplete_allowed = true;
        return 0;
    case CODE_LOST:
        return read_number("allow-lost", value, UINT64_MAX, &c->options.lost_max);
    case CODE_JUNIT:
        return read_file("junit", value, &c->junit);
    case CODE_SARIF:
        return read_file("sarif", value, &c->sarif);
    case CODE_MARKDOWN:
        return read_file("markdown", value, &c->markdown);
    case CODE_BASELINE:
        return read_file("baseline", value, &c->options.baseline);
    case CODE_NEW_ONLY:
        c->options.is_new_only = true;
        return 0;
    case CODE_UPDATE:
        c->options.is_updating = true;
        return 0;
    case CODE_LOOSEN:
        c->options.may_loosen = true;
        return 0;
    case CODE_GITHUB:
        c->is_github = true;
        return 0;
    case CODE_TOP:
        return option_count("top", value, &c->options.top);
    case CODE_STACKS:
        return option_count("stacks", value, &c->options.stacks);
    case 'h':
        c->is_help = true;
        return 0;
    default:
        return analysis_option(&c->options.analysis, code, value);
    }
}

static bool is_stdout(const char *path) {
    return path && strcmp(path, "-") == 0;
}

/* How many documents go to standard output in place of the text. */
static int n_on_stdout(const struct gate_command *c) {
    return is_stdout(c->junit) + is_stdout(c->sarif) + is_stdout(c->markdown);
}

static int check_baseline_options(const struct gate_options *o) {
    const char *needs = !o->baseline && o->is_new_only     ? "--new-sites-only needs --baseline FILE"
                        : !o->baseline && o->is_updating   ? "--update-baseline needs --baseline FILE"
                        : !o->is_updating && o->may_loosen ? "--allow-loosen needs --update-baseline"
                                                           : NULL;
    if (needs) {
        diag_error("gate: %s", needs);
        return -1;
    }
    return 0;
}

int gate_command_read(struct gate_command *c, int argc, char **argv) {
    static const struct option longs[] = {{"max-unreleased", required_argument, NULL, GATE_MAX_UNRELEASED},
                                          {"max-growth", required_argument, NULL, GATE_MAX_GROWTH},
                                          {"max-peak", required_argument, NULL, GATE_MAX_PEAK},
                                          {"max-calls", required_argument, NULL, GATE_MAX_CALLS},
                                          {"max-temporary-ratio", required_argument, NULL, GATE_MAX_TEMPORARY},
                                          {"allow-incomplete", no_argument, NULL, CODE_INCOMPLETE},
                                          {"allow-lost", required_argument, NULL, CODE_LOST},
                                          {"baseline", required_argument, NULL, CODE_BASELINE},
                                          {"new-sites-only", no_argument, NULL, CODE_NEW_ONLY},
                                          {"update-baseline", no_argument, NULL, CODE_UPDATE},
                                          {"allow-loosen", no_argument, NULL, CODE_LOOSEN},
                                          {"junit", required_argument, NULL, CODE_JUNIT},
                                          {"sarif", required_argument, NULL, CODE_SARIF},
                                          {"markdown", required_argument, NULL, CODE_MARKDOWN},
                                          {"github", no_argument, NULL, CODE_GITHUB},
                                          {"top", required_argument, NULL, CODE_TOP},
                                          {"stacks", required_argument, NULL, CODE_STACKS},
                                          ANALYSIS_OPTIONS{"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *c = (struct gate_command){.options = {.top = 3, .stacks = 1}};
    opterr = 0; /* our own words for it */
    optind = 0; /* from the start: `seep run` has read its own options before */
    for (int code; (code = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (code == '?' || code == ':') {
            option_refuse("gate", code, argv[optind - 1]);
        }
        if (read_option(c, code, optarg) != 0) {
            return -1;
        }
    }
    if (n_on_stdout(c) + (n_on_stdout(c) && c->is_github) > 1) {
        diag_error("gate: only one of the outputs can go to standard output");
        return -1;
    }
    if (check_baseline_options(&c->options) != 0) {
        return -1;
    }
    c->options.has_identities = c->sarif != NULL;
    if (c->options.n_limits == 0 && !c->options.baseline && add_limit(&c->options, GATE_MAX_UNRELEASED, "0") != 0) {
        return -1;
    }
    c->files = argv + optind;
    c->n_files = (size_t)(argc - optind);
    return 0;
}

void gate_command_free(struct gate_command *c) {
    free(c->options.limits);
    analysis_options_free(&c->options.analysis);
}

int gate_command_check(const struct gate_command *c) {
    const char *const paths[] = {c->junit, c->sarif, c->markdown};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int status = paths[i] && !is_stdout(paths[i]) ? whole_file_check(paths[i]) : 0;
        if (status != 0) {
            diag_error("cannot write %s: %s", paths[i], strerror(-status));
            return -1;
        }
    }
    return 0;
}

/* An output must be neither what is read nor another output. Returns 0, or -1 after a message. */
static int check_apart(const struct gate_command *c, char *const *paths, size_t n) {
    const char *const files[] = {c->junit, c->sarif, c->markdown, c->options.baseline};
    enum { N_FILES = sizeof files / sizeof files[0] };
    const char *taken = NULL;
    for (size_t i = 0; i < N_FILES && !taken; i++) {
        if (!files[i] || is_stdout(files[i])) {
            continue;
        }
        for (size_t k = 0; k < n && !taken; k++) {
            taken = whole_file_is_same(files[i], paths[k]) ? files[i] : NULL;
        }
        for (size_t k = i + 1; k < N_FILES && !taken; k++) {
            taken = files[k] && whole_file_is_same(files[i], files[k]) ? files[i] : NULL;
        }
    }
    if (taken) {
        diag_error("gate: %s is named twice: the traces, the baseline and each output must be files of their own", taken);
        return -1;
    }
    return 0;
}

int gate_command_judge(const struct gate_command *c, char *const *paths, size_t n) {
    const struct {
        const struct gate_format *format;
        const char *path;
    } outputs[] = {{&gate_text, n_on_stdout(c) ? NULL : "-"},
                   {&gate_github, c->is_github ? "-" : NULL},
                   {&gate_junit, c->junit},
                   {&gate_sarif, c->sarif},
                   {&gate_markdown, c->markdown}};
    struct gate gate;
    if (check_apart(c, paths, n) != 0) {
        return SEEP_EXIT_USAGE;
    }
    gate_judge(&gate, &c->options, paths, n);
    int status = gate.status;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (outputs[i].path && gate_format_write(outputs[i].format, &gate, outputs[i].path) != 0) {
            status = SEEP_EXIT_UNREADABLE;
        }
    }
    if (c->options.is_updating && n == 1 && gate.verdicts[0].is_read) {
        int updated = gate_update_baseline(&gate.verdicts[0], &c->options);
        status = updated > status ? updated : status;
    }
    gate_free(&gate);
    return status;
}

int gate_main(int argc, char **argv) {
    struct gate_command c;
    int status = SEEP_EXIT_USAGE;
    if (gate_command_read(&c, argc, argv) == 0) {
        if (c.is_help) {
            fputs(help, stdout);
            status = SEEP_EXIT_DONE;
        } else if (c.n_files == 0) {
            diag_error("gate: expected trace files; see seep gate --help");
        } else if (c.options.is_updating && c.n_files != 1) {
            diag_error("gate: --update-baseline takes one trace file");
        } else {
            status = gate_command_judge(&c, c.files, c.n_files);
        }
    }
    gate_command_free(&c);
    return status;
}
