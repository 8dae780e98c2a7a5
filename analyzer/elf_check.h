/* elf_check.h - can a preloaded library reach this program?
 *
 * Asked before anything is started, so that `seep run` says what stands in the way instead of leaving no trace and no reason.
 */
#ifndef SEEP_ELF_CHECK_H
#define SEEP_ELF_CHECK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

/* Find the program that execvp(name) would run.
 *
 * path     receives it
 * Returns  0, or after one line on stderr the exit status that a shell would give: 127 not found, 126 found but not executable */
MUST_CHECK int program_find(const char *name, char *path, size_t cap);

/* What keeps a preloaded library out of a program. */
struct preload_obstacle {
    const char *key;    /* one word, for programs */
    const char *what;   /* "is statically linked, so …" */
    const char *advice; /* what to do; NULL: nothing to say */
    int status;         /* to end with: 2, or 126 and 127 where the program cannot be run anyway */
};

struct program_check {
    char file[PATH_MAX]; /* what runs in the end: the program, or the interpreter of the script that it is */
    bool is_script;
    const struct preload_obstacle *obstacle; /* NULL: none, or that cannot be found out */
};

/* Would the dynamic linker load a preloaded library into this program? For a script this asks about its interpreter.
 *
 * Returns  0 if it would, or if that cannot be found out; else the obstacle's status */
MUST_CHECK int program_check_preload(const char *path, struct program_check *check);

/* Print the line on stderr that says why and what to do. */
void program_refuse(const char *path, const struct program_check *check);

/* Say the obstacle: part of a line, "is a script for /bin/x, which is statically linked, so …". */
void program_check_describe(const struct program_check *check, char *words, size_t cap);

#endif
