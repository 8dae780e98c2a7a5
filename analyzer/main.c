/* main.c - `seep`: finds the command and hands over; see commands.h. To add a command, add a line to the table. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "diag.h"

struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *arguments;
    const char *what;
};

static const struct command commands[] = {
    {"run", run_main, "[-o FILE] -- CMD…", "run a program and record what it allocates"},
    {"report", report_main, "FILE", "say which call sites hold memory that was never released"},
    {"diff", diff_main, "BASE FILE", "say what has changed from one trace to another"},
    {"info", info_main, "FILE", "say what is in a trace, and what is missing from it"},
    {"suppress", suppress_main, "[-o OUT] FILE", "write rules that hide what is unreleased there"},
    {"mark", mark_main, "PID NAME", "mark a moment in the trace of a running process"},
    {"gate", gate_main, "FILE…", "pass or fail by limits, for CI"},
    {"doctor", doctor_main, "PID | -- CMD…", "say what of a program will not be seen, and why"},
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0], ARGUMENTS_COLUMN = 11, HELP_COLUMN = 30 };

/* From the end of the arguments to the column in which descriptions stand, here and in the help of each command. An ellipsis is one column of
 * three bytes. */
static int padding(const char *arguments) {
    int width = 0;
    for (const char *c = arguments; *c; c++) {
        width += (*c & 0xc0) != 0x80;
    }
    return HELP_COLUMN - ARGUMENTS_COLUMN - width;
}

static int print_help(void) {
    puts("usage: seep COMMAND [OPTIONS] …\n"
         "\n"
         "Find the memory that a native program never gives back.\n"
         "\n"
         "  seep run -o x.seep -- ./server --port 8080\n"
         "  seep report x.seep\n"
         "\n"
         "Commands (each has --help):");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        printf("  %-8s %s%*s%s\n", commands[i].name, commands[i].arguments, padding(commands[i].arguments), "",
               commands[i].what);
    }
    puts("\n"
         "Also: seep help COMMAND, seep --version.\n"
         "Exit status: 0 done, 1 a gate failed or doctor found problems, 2 wrong usage, 3 unreadable trace; of `run`: the "
         "program's.");
    return fflush(stdout) == 0 ? SEEP_EXIT_DONE : SEEP_EXIT_UNREADABLE;
}

static int print_version(void) {
    puts("seep " SEEP_VERSION);
    return fflush(stdout) == 0 ? SEEP_EXIT_DONE : SEEP_EXIT_UNREADABLE;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        diag_error("which command? See seep --help");
        return SEEP_EXIT_USAGE;
    }
    bool is_help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (is_help && argc == 2)) {
        return print_help();
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return print_version();
    }
    const char *name = argv[is_help ? 2 : 1];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            static char help[] = "--help";
            char *asking[] = {argv[argc > 2 ? 2 : 1], help, NULL};
            return is_help ? commands[i].main(2, asking) : commands[i].main(argc - 1, argv + 1);
        }
    }
    diag_error("no command '%s'; see seep --help", name);
    return SEEP_EXIT_USAGE;
}
