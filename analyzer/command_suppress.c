/* command_suppress.c - `seep suppress`: rules that hide what a trace has left unreleased, so that only what is new is seen from then on. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis.h"
#include "commands.h"
#include "diag.h"
#include "format_size.h"
#include "options.h"
#include "safe_text.h"
#include "suppress_writer.h"

static const char help[] =
    "usage: seep suppress [OPTIONS] FILE\n"
    "\n"
    "Write suppression rules for all that FILE has left unreleased, one for each way to a site.\n"
    "\n"
    "  seep suppress x.seep -o known.supp\n"
    "  seep report --suppressions known.supp y.seep\n"
    "\n"
    "  -o, --output OUT            write them there; it must not exist (standard output)\n" ANALYSIS_HELP
    "  -h, --help                  this\n"
    "\n"
    "What --suppressions hides gets no rule; the built-in ones do not count here unless asked for.\n"
    "exit status: 0 done, 2 usage, 3 unreadable trace or unwritable rules. seep(1) has the format.\n";

struct options {
    const char *path, *output;
    struct analysis_options analysis;
    bool is_help;
};

static int parse_option(struct options *o, int code, const char *value) {
    switch (code) {
    case 'o':
        o->output = value;
        return 0;
    case 'h':
        o->is_help = true;
        return 0;
    default:
        return analysis_option(&o->analysis, code, value);
    }
}

static int parse_options(struct options *o, int argc, char **argv) {
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'}, ANALYSIS_OPTIONS{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    *o = (struct options){.analysis.builtin = SUPPRESSION_BUILTIN_OFF};
    opterr = 0; /* our own words for it */
    for (int code; (code = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1;) {
        if (code == '?' || code == ':') {
            option_refuse("suppress", code, argv[optind - 1]);
        }
        if (parse_option(o, code, optarg) != 0) {
            return -1;
        }
    }
    if (!o->is_help && optind + 1 != argc) {
        diag_error("suppress: expected one trace file; see seep suppress --help");
        return -1;
    }
    o->path = argv[optind];
    return 0;
}

static void write_rules(FILE *f, const struct analysis *a, struct suppress_summary *summary) {
    fputs("# written by seep suppress from ", f);
    safe_text_put(f, a->profile.path);
    fputs("\n# Rules are of function names and modules, leaf first; delete those that are to be seen again.\n", f);
    suppress_write(f, &a->profile, a->symbolizer, a->blame, summary);
}

/* Returns the exit status. */
static int write_to(const struct options *o, const struct analysis *a, struct suppress_summary *summary) {
    FILE *f = stdout;
    if (o->output) {
        int fd = open(o->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        f = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (!f) {
            diag_error("cannot write %s: %s", o->output, strerror(errno));
            return SEEP_EXIT_USAGE;
        }
    }
    write_rules(f, a, summary);
    bool is_written = fflush(f) == 0 && !ferror(f);
    int error = errno;
    if (o->output) {
        is_written = fclose(f) == 0 && is_written;
    }
    if (!is_written) {
        diag_error("cannot write the rules: %s", strerror(error));
        return SEEP_EXIT_UNREADABLE;
    }
    return SEEP_EXIT_DONE;
}

/* Returns the exit status. */
static int suppress_trace(const struct options *o) {
    struct analysis a;
    struct suppress_summary summary;
    char size[FORMAT_BYTES_MAX];
    int status = analysis_open(&a, &o->analysis, o->path);
    if (status == SEEP_EXIT_DONE) {
        status = write_to(o, &a, &summary);
        if (status == SEEP_EXIT_DONE && summary.unnamed_blocks) {
            diag_warning("no rule can name %s in %" PRIu64 " blocks: they were recorded without a stack",
                         format_size(summary.unnamed_bytes, size), summary.unnamed_blocks);
        }
    }
    analysis_close(&a);
    return status;
}

int suppress_main(int argc, char **argv) {
    struct options o;
    int status = SEEP_EXIT_USAGE;
    if (parse_options(&o, argc, argv) == 0) {
        if (o.is_help) {
            fputs(help, stdout);
        }
        status = o.is_help ? SEEP_EXIT_DONE : suppress_trace(&o);
    }
    analysis_options_free(&o.analysis);
    return status;
}
