/* run_environment.h - what `seep run` puts into a program's environment, and where its trace goes. */
#ifndef SEEP_RUN_ENVIRONMENT_H
#define SEEP_RUN_ENVIRONMENT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "attributes.h"

/* What the user asked for; NULL = nothing. */
struct run_options {
    const char *output;
    const char *ring;
    const char *sample;
    const char *limit;
    const char *unwinder;
    bool is_alone; /* --no-follow-exec */
    bool is_quiet; /* --seccomp */
    bool is_without_openssl;
};

/* A key's value in SEEP_OPTIONS as this process was given it, the last if there are several; "" for a key without one. Returns NULL if it is not there; the
 * caller frees it. */
char *run_environment_option(const char *key);

/* Find one of seep's own files: beside this executable, else in ../lib/seep. Returns 0, or -1 with errno set. */
MUST_CHECK int run_find_companion(const char *name, char path[PATH_MAX]);

/* Find libseep.so: beside this executable, else in ../lib/seep.
 *
 * why      receives the reason if it cannot be preloaded, and what to do: a message
 * Returns  0, or -1 */
MUST_CHECK int run_find_shim(char path[PATH_MAX], char *why, size_t cap);

/* The name of the trace of this process: as asked, with the pid for each "%p" and the program for each "%n", or seep.<program>.<pid>.seep.
 * Returns  0, or -1 after one line on stderr */
MUST_CHECK int run_trace_path(const struct run_options *options, const char *program, pid_t pid, char path[PATH_MAX]);

/* May a trace be made there? Neither does it exist already nor is its directory out of reach.
 * Returns  0, or -1 after one line on stderr */
MUST_CHECK int run_check_trace_path(const char *path);

/* Set LD_PRELOAD and SEEP_OPTIONS of this process for the program that it is about to become.
 * Returns  0, or -1 after one line on stderr */
MUST_CHECK int run_set_environment(const struct run_options *options, const char *shim, const char *trace);

#endif
