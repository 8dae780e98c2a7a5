/* command_gate.h - the options of `seep gate` and what they lead to, for that command and for `seep run --gate`. */
#ifndef SEEP_COMMAND_GATE_H
#define SEEP_COMMAND_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"
#include "gate.h"

struct gate_command {
    struct gate_options options;
    const char *junit, *sarif, *markdown; /* NULL = not wanted */
    bool is_github, is_help;
    char **files; /* what follows the options */
    size_t n_files;
};

/* Read options. argv[0] is not looked at.
 * Returns   0, or -1 after a message
 * Memory    gate_command_free(), also after -1 */
MUST_CHECK int gate_command_read(struct gate_command *command, int argc, char **argv);
void gate_command_free(struct gate_command *command);

/* Whether its output files have a chance to be written. Returns 0, or -1 after a message. */
MUST_CHECK int gate_command_check(const struct gate_command *command);

/* Judge these traces and write all that is wanted. Returns the exit status. */
int gate_command_judge(const struct gate_command *command, char *const *paths, size_t n);

#endif
