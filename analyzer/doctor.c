/* doctor.c - `seep doctor`: what will not be seen of a program, and why, before anybody traces it.
 *
 * Nothing is run, attached to or written: files and /proc are read.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diag.h"
#include "doctor_checks.h"
#include "options.h"

static const char help[] = "usage: seep doctor [OPTIONS] PID\n"
                           "       seep doctor [OPTIONS] -- COMMAND [ARGUMENTS]\n"
                           "\n"
                           "Say what seep will not see of a program, and why, without running or disturbing it.\n"
                           "\n"
                           "  seep doctor -- ./server --port 8080\n"
                           "\n"
                           "  -f, --format text|json      how to print it (text)\n"
                           "  -h, --help                  this\n"
                           "\n"
                           "Each line is `ok`, `note` or `problem`: something that will not be seen.\n"
                           "Exit status: 0 no problem, 1 a problem, 2 it cannot be looked at, 126 or 127 the command\n"
                           "cannot be run or is not found.\n";

struct doctor {
    bool is_json;
    pid_t pid;        /* 0 = a command */
    const char *name; /* the command, or the process id as it was written */
};

/* Returns -1 to go on, or the status to end with. */
static int read_target(struct doctor *doctor, int argc, char **argv) {
    bool is_command = optind > 0 && strcmp(argv[optind - 1], "--") == 0;
    if (optind == argc) {
        diag_error("doctor: which PID or -- COMMAND? See seep doctor --help");
        return SEEP_EXIT_USAGE;
    }
    doctor->name = argv[optind];
    if (is_command) {
        return -1;
    }
    doctor->pid = option_pid(doctor->name);
    if (!doctor->pid || argc - optind > 1) {
        diag_error("doctor: %s; see seep doctor --help",
                   doctor->pid ? "one PID at a time" : "wants a process id, or -- before a command");
        return SEEP_EXIT_USAGE;
    }
    return -1;
}

/* Returns -1 to go on, or the status to end with. */
static int read_options(struct doctor *doctor, int argc, char **argv) {
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    opterr = 0; /* our own words for it */
    for (int c; (c = getopt_long(argc, argv, "+:f:h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return SEEP_EXIT_DONE;
        }
        if (c != 'f') {
            option_refuse("doctor", c, argv[optind - 1]);
            return SEEP_EXIT_USAGE;
        }
        if (option_format(optarg, &doctor->is_json) != 0) {
            return SEEP_EXIT_USAGE;
        }
    }
    return read_target(doctor, argc, argv);
}

/* Returns -1 to go on, or the status to end with. */
static int check_command(struct findings *findings, const char *name, char program[PATH_MAX]) {
    struct program_check check;
    struct allocator_scan scan;
    int status = program_find(name, program, PATH_MAX);
    if (status != 0) {
        return status;
    }
    status = program_check_preload(program, &check);
    if (status == SEEP_EXIT_NOT_FOUND || status == SEEP_EXIT_NOT_EXECUTABLE) {
        program_refuse(program, &check);
        return status;
    }
    doctor_check_preload(findings, &check);
    doctor_check_wrapper(findings, check.file, check.is_script);
    doctor_check_executable(findings, check.file, &scan);
    doctor_check_needed(findings, check.file, &scan);
    allocator_scan_free(&scan);
    doctor_check_shim(findings, "");
    return -1;
}

static int print_findings(const struct doctor *doctor, const struct findings *findings, const char *target) {
    int result = doctor->is_json ? findings_print_json(findings, target) : findings_print(findings);
    if (result != 0) {
        diag_error("cannot write the output");
        return SEEP_EXIT_UNREADABLE;
    }
    return findings_has_problem(findings) ? SEEP_EXIT_GATE_FAILED : SEEP_EXIT_DONE;
}

int doctor_main(int argc, char **argv) {
    struct doctor doctor = {0};
    struct findings findings = {0};
    char program[PATH_MAX];
    int status = read_options(&doctor, argc, argv);
    if (status >= 0) {
        return status;
    }
    if (doctor.pid) {
        status = doctor_check_process(&findings, doctor.pid) == 0 ? -1 : SEEP_EXIT_USAGE;
    } else {
        status = check_command(&findings, doctor.name, program);
    }
    if (status < 0) {
        status = print_findings(&doctor, &findings, doctor.pid ? doctor.name : program);
    }
    findings_free(&findings);
    return status;
}
