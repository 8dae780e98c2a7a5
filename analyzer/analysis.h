/* analysis.h - what the commands that judge a trace have in common: the options that say what is looked at and how, and the way from a file to names.
 *
 *   profile -> symbolize -> blame -> what the command is about
 */
#ifndef SEEP_ANALYSIS_H
#define SEEP_ANALYSIS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "blame.h"
#include "blame_rules.h"
#include "profile.h"
#include "selection.h"
#include "suppressions.h"
#include "symbolize.h"

struct analysis_options {
    const char *sysroot;
    char *debug_dirs; /* separated by colons */
    struct blame_rules rules;
    struct suppression_rules suppressions;
    struct selection_options selection;
    enum suppression_builtin builtin; /* commands may set it before they read options */
    uint32_t pid;
    bool has_pid;
};

enum analysis_code { /* what getopt_long() returns for them */
                     ANALYSIS_WRAPPER = 1000,
                     ANALYSIS_OWNER_SKIP,
                     ANALYSIS_PID,
                     ANALYSIS_SYSROOT,
                     ANALYSIS_DEBUG_DIR,
                     ANALYSIS_SUPPRESSIONS,
                     ANALYSIS_BUILTIN,
                     ANALYSIS_NO_BUILTIN,
                     ANALYSIS_SINCE,
                     ANALYSIS_UNTIL,
                     ANALYSIS_ALIVE_AT,
                     ANALYSIS_THREAD,
                     ANALYSIS_OLDER,
                     ANALYSIS_MIN_BYTES,
                     ANALYSIS_MATCH,
                     ANALYSIS_OWN,
                     ANALYSIS_END,
};

/* Rows for a command's table of long options. */
#define ANALYSIS_OPTIONS                                                                                                   \
    {"wrapper", required_argument, NULL, ANALYSIS_WRAPPER}, {"owner-skip", required_argument, NULL, ANALYSIS_OWNER_SKIP},  \
        {"pid", required_argument, NULL, ANALYSIS_PID}, {"sysroot", required_argument, NULL, ANALYSIS_SYSROOT},            \
        {"debug-dir", required_argument, NULL, ANALYSIS_DEBUG_DIR},                                                        \
        {"suppressions", required_argument, NULL, ANALYSIS_SUPPRESSIONS},                                                  \
        {"builtin-suppressions", no_argument, NULL, ANALYSIS_BUILTIN},                                                     \
        {"no-builtin-suppressions", no_argument, NULL, ANALYSIS_NO_BUILTIN},                                               \
        {"since", required_argument, NULL, ANALYSIS_SINCE}, {"until", required_argument, NULL, ANALYSIS_UNTIL},            \
        {"alive-at", required_argument, NULL, ANALYSIS_ALIVE_AT}, {"thread", required_argument, NULL, ANALYSIS_THREAD},    \
        {"older", required_argument, NULL, ANALYSIS_OLDER}, {"min-bytes", required_argument, NULL, ANALYSIS_MIN_BYTES},    \
        {"match", required_argument, NULL, ANALYSIS_MATCH}, {"own", required_argument, NULL, ANALYSIS_OWN},

/* Their lines of --help. */
#define ANALYSIS_HELP                                                                                                      \
    "      --wrapper NAME          pass over this function, it allocates for its callers; * and ?; may be repeated\n"      \
    "      --owner-skip MODULE     pass over this library (libpool.so*), likewise; may be repeated\n"                      \
    "      --pid PID               only this process, with all programs that it ran by exec\n"                             \
    "      --thread NAME           only what threads of that name (* and ?) or number allocated\n"                         \
    "      --since MARK, --until MARK, --alive-at MARK\n"                                                                  \
    "                              only what was allocated behind, before, is alive at it: its name, NAME#2, or number\n"  \
    "      --older AGE             only blocks that are certainly so old at the end: 10s, 5m, 2h, 1d\n"                    \
    "      --min-bytes SIZE        only blocks of that size or larger\n"                                                   \
    "      --match REGEX           only stacks with a frame whose function, file or module matches\n"                      \
    "      --own GLOB              only what is owned by this module or source file; may be repeated\n"                    \
    "      --sysroot DIR           look for the program and its libraries below DIR, the root that they had\n"             \
    "      --debug-dir DIR[:DIR…]  look there for files and debug files, by their build-id; may be repeated\n"           \
    "      --suppressions FILE     hide the leaks that its rules name, LeakSanitizer's or valgrind's; may be repeated\n"   \
    "      --builtin-suppressions, --no-builtin-suppressions\n"                                                            \
    "                              hide, or do not, what systems are known to keep for the life of a process\n"

/* Take one of them. Returns 0, or -1 after a message. */
MUST_CHECK int analysis_option(struct analysis_options *o, int code, const char *value);

void analysis_options_free(struct analysis_options *o);

struct analysis {
    struct profile profile;
    struct symbolizer *symbolizer;
    struct blame *blame;
    struct suppressions suppressions;
    const struct selection_options *selection;
};

/* Read a trace and get ready to name what is in it. The options are used until analysis_close(). What is missing from the trace, and rules of
 * suppressions that hide nothing, are said on stderr.
 * Returns   SEEP_EXIT_DONE; SEEP_EXIT_UNREADABLE, or SEEP_EXIT_USAGE where the trace has no such process or mark, after a message
 * Memory    analysis_close(), also after a failure */
MUST_CHECK int analysis_open(struct analysis *a, const struct analysis_options *o, const char *path);
void analysis_close(struct analysis *a);

#endif
