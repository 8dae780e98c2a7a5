/* options.h - what the commands' options have in common. Messages are one line on stderr. */
#ifndef SEEP_OPTIONS_H
#define SEEP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attributes.h"

/* Read a --format. Returns 0, or -1 after a message. */
MUST_CHECK int option_format(const char *text, bool *is_json);

/* Read a number of at most max. Returns 0, or -1 after a message. */
MUST_CHECK int option_number(const char *option, const char *text, unsigned long long max, unsigned long long *value);

/* A process id, 0 if it is none. No message. */
pid_t option_pid(const char *text);
/* The same as a size_t, up to 2^32 - 1. */
MUST_CHECK int option_count(const char *option, const char *text, size_t *value);

/* Read digits with an optional fraction. Returns what follows, NULL if there is no number. */
const char *option_figure(const char *s, double *value);

/* Take a multiplier: K, M, G and T are of 1000, as in reports, so that a figure can be copied from one; KiB, MiB, GiB and TiB are of 1024. Returns what follows, which
 * may be s itself. */
const char *option_multiplier(const char *s, double *value);

#define OPTION_FIGURE_MAX 9007199254740992. /* 2^53: up to there each whole number is exact */

/* Read a size in bytes, with a multiplier or without. Returns 0, or -1 after a message. */
MUST_CHECK int option_bytes(const char *option, const char *text, uint64_t *bytes);

/* Read an age: a number and one of s, m, h, d. Returns 0, or -1 after a message. */
MUST_CHECK int option_age(const char *option, const char *text, uint64_t *ns);

/* Find a word among n. Returns its place, or -1 after a message that has them as `list`. */
MUST_CHECK int option_word(const char *option, const char *text, const char *const *names, int n, const char *list);

/* Take a --sysroot or one of its kind. Returns 0, or -1 after a message: it must be a directory. */
MUST_CHECK int option_sysroot(const char *option, const char *text, const char **sysroot);

/* Add the directories of a --debug-dir, separated by colons, to those given before. Returns 0, or -1 after a message.
 * Memory   *dirs starts as NULL; the caller frees it */
MUST_CHECK int option_debug_dirs(const char *text, char **dirs);

/* Say what is wrong with the argument that getopt_long() has just refused; code is what it returned: ':' for a value that is missing. */
void option_refuse(const char *command, int code, const char *argument);

#endif
