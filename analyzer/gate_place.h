/* gate_place.h - the source line that a culprit is shown at, and the path by which others know the file. */
#ifndef SEEP_GATE_PLACE_H
#define SEEP_GATE_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gate.h"

struct gate_place {
    char *file; /* relative to the workspace if is_own, else as recorded; NULL = unknown */
    uint32_t line;
    bool is_own; /* the file lies in the workspace */
};

/* Where a culprit is best shown: the blamed frame's line, or that of the first frame further out whose file lies in the workspace.
 * Memory   the caller frees file */
struct gate_place gate_place_of(const struct gate_verdict *verdict, const struct gate_check *check,
                                const struct gate_culprit *culprit);

/* A file as seen from the workspace: GITHUB_WORKSPACE, else the current folder. "." and ".." are resolved by their letters.
 * Returns  the path relative to it, NULL where the file is not in there; the caller frees it */
char *gate_place_relative(const char *file);

/* The function of a place, or its address, with template arguments left out as in the report. */
void gate_place_put_function(FILE *f, const struct place *place);

#endif
