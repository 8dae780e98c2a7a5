/* mark_request.h - ask the collector of a running process for a mark: struct ring_request in the ring that the process has mapped.
 *
 * The process itself is neither attached to nor disturbed: what it has mapped is read from /proc, its ring is opened as a file.
 */
#ifndef SEEP_MARK_REQUEST_H
#define SEEP_MARK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attributes.h"

struct mark_answer {
    char *trace; /* the trace's path, as the process sees it; the caller frees it, also after an error */
    uint32_t number;
    uint64_t ns;  /* since the start of the trace */
    bool is_late; /* see struct ring_request */
};

/* Have that moment marked in the trace of a process.
 *
 * name, n_name  up to RING_MARK_NAME_MAX bytes
 * wait_ms       how long to wait for the answer
 * Returns       0, or -1 after one line on stderr: there is no such process, it is not traced, is somebody else's, nobody records it any more, or no
 *               answer came in time */
MUST_CHECK int mark_request(pid_t pid, const char *name, size_t n_name, unsigned wait_ms, struct mark_answer *answer);

#endif
