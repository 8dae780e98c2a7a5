/* options.h - the command line of seep-collect. */
#ifndef SEEP_COLLECTOR_OPTIONS_H
#define SEEP_COLLECTOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"

struct options {
    int ring_fd;   /* the ring, open; -1 = none */
    int status_fd; /* where to answer; -1 = stderr */
    uint32_t pid;  /* of the target; 0 = as the ring says */
    const char *ring_path;
    const char *output;
    const char *text;     /* for the START record */
    uint64_t limit_bytes; /* of the trace; 0 = none */
    bool is_offline;      /* drain the ring of a dead target */
    bool is_dead;         /* believe that it is dead */
    const char *resumed;  /* the trace to go on with; NULL = none */
};

enum options_result { OPTIONS_RUN = 0, OPTIONS_DONE = 1, OPTIONS_WRONG = 2 };

/* Read the arguments. OPTIONS_DONE: help or version has been printed; OPTIONS_WRONG: what is wrong has been. */
enum options_result options_parse(struct options *o, int argc, char **argv) MUST_CHECK;

#endif
