/* command_mark.c - `seep mark`: mark a moment in the trace of a running process, from outside. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diag.h"
#include "mark_request.h"
#include "options.h"
#include "ring.h"
#include "safe_text.h"

enum { WAIT_S = 5, WAIT_MAX_S = 3600, NS_PER_S = 1000000000, MS_PER_S = 1000 };

static const char help[] =
    "usage: seep mark [OPTIONS] PID NAME\n"
    "\n"
    "Mark this moment in the trace of a running process that seep records, and of its whole tree.\n"
    "\n"
    "  seep mark $(pidof nginx | cut -d' ' -f1) reload\n"
    "\n"
    "  -w, --wait SECONDS          how long to wait for the answer, 1 to 3600 (5)\n"
    "  -h, --help                  this\n"
    "\n"
    "PID is any process of the tree. NAME is up to 255 bytes; marks of the same name are numbered\n"
    "when they are read (reload#1, reload#2, …). The process is neither stopped nor signalled; what\n"
    "all processes had done before the call stands before the mark, what they do after it behind.\n"
    "Exit status: 0 the mark is in the trace, 2 wrong usage, 3 there is no mark and why, or none\n"
    "within the time: then the line says whether it may still come.\n";

static int usage(const char *what) {
    diag_error("mark: %s; see seep mark --help", what);
    return SEEP_EXIT_USAGE;
}

static int mark(pid_t pid, const char *name, unsigned long long wait_s) {
    struct mark_answer answer;
    int result = mark_request(pid, name, strlen(name), (unsigned)wait_s * MS_PER_S, &answer);
    if (result == 0) {
        fputs("mark ", stdout);
        safe_text_put(stdout, name);
        printf(", number %" PRIu32 ", at %.3f s of ", answer.number, (double)answer.ns / NS_PER_S);
        safe_text_put(stdout, answer.trace);
        putchar('\n');
        if (answer.is_late) {
            diag_warning("process %d: a thread stood still inside an allocation or a free: what it had under way comes "
                         "behind the mark",
                         (int)pid);
        }
    }
    free(answer.trace);
    return result == 0 && fflush(stdout) == 0 ? SEEP_EXIT_DONE : SEEP_EXIT_UNREADABLE;
}

int mark_main(int argc, char **argv) {
    static const struct option long_options[] = {
        {"wait", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {0}};
    unsigned long long wait_s = WAIT_S;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":w:h", long_options, NULL)) != -1;) {
        switch (option) {
        case 'w':
            if (option_number("wait", optarg, WAIT_MAX_S, &wait_s) != 0) {
                return SEEP_EXIT_USAGE;
            }
            break;
        case 'h':
            fputs(help, stdout);
            return fflush(stdout) == 0 ? SEEP_EXIT_DONE : SEEP_EXIT_UNREADABLE;
        default:
            option_refuse("mark", option, argv[optind - 1]);
            return SEEP_EXIT_USAGE;
        }
    }
    if (argc - optind != 2) {
        return usage(argc - optind < 2 ? "wants a process id and a name" : "one PID and one NAME");
    }
    pid_t pid = option_pid(argv[optind]);
    const char *name = argv[optind + 1];
    if (!pid) {
        return usage("wants a process id first");
    }
    if (wait_s == 0) {
        return usage("--wait must be at least 1");
    }
    if (!*name || strlen(name) > RING_MARK_NAME_MAX) {
        return usage(*name ? "a name has 255 bytes at most" : "the name is empty");
    }
    return mark(pid, name, wait_s);
}
