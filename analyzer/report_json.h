/* report_json.h - the report for programs: one JSON object.
 *
 * Keys are a contract: they may be added to, never changed. What is not known is null. Sizes are bytes as the program
 * requested them, addresses are numbers unless said otherwise.
 *
 * trace       about the trace
 *   version           of the seep that recorded it (string)
 *   format            "major.minor" of the file
 *   file              its path as given; file_bytes: its size
 *   command           of the first process, arguments joined by single spaces
 *   pid               of the first process (or the one of --pid)
 *   start             when it began, seconds since 1970
 *   sample_bytes      interval of sampling: all figures below are then estimates, with standard errors; null = everything
 *                     was recorded
 *   runtime_seconds   from there to the last thing known
 *   complete          true if the recorder ended it in order
 *   recording         true if it was still being written
 *   events            events read
 *   events_missing    events that were in damaged parts, or could not be told whose they are
 *   lost_events       events that the recorder could not record
 *   lost              [{kind, count, text, events}] everything the recorder lost; events: true if counted in lost_events
 *   damage            [{offset, bytes, what}] stretches of the file that could not be read; bytes null = up to the end
 *   collector         {cpu_seconds, memory_bytes}: what recording cost outside the program
 *   notes             [{pid, text}]
 * totals      allocations, frees, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary
 *                       frees is null with --pid
 *   samples, standard_errors   only of a sampled trace: allocations recorded, and the standard error of each figure
 *                       {calls, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary}
 * processes   [{pid, ppid, command, exit, peak_rss_bytes, totals}]
 *   exit              exit status; a negative number is the signal that ended it; null = not seen
 *   totals            as above; null where a trace holds several processes
 * sites       [{function, file, line, module, <figures>, n_stacks, stacks}] by --sort, the first --top of them
 *   <figures>         calls            allocations; each successful realloc is one more
 *                     allocated_bytes  sum of their sizes
 *                     peak_bytes       bytes alive when the process's total was highest
 *                     unreleased_bytes, unreleased_blocks   never freed
 *                     temporary        freed with no other allocation of that thread in between
 *                     samples, standard_errors   as in totals
 *                     oldest_seconds   age of the oldest unreleased block at the end of the trace
 *   n_stacks          distinct stacks of the site
 *   stacks            [{<figures>, frames}] the first --stacks of them, by the same order
 *     frames          [{function, file, line, module, offset, address, inlined}] leaf first, all of them
 *       offset        of the call (return address - 1) as the module file's own address, as addr2line takes it; null if
 *                     in no module
 *       address       of the call in the process, a string "0x..."
 *       inlined       true if the function is inlined into that of the next frame (which has the same address)
 */
#ifndef SEEP_REPORT_JSON_H
#define SEEP_REPORT_JSON_H

#include "attributes.h"
#include "report.h"

/* Write the document. Returns 0, or -1 if it could not be written in full. */
MUST_CHECK int report_json(FILE *f, const struct report *report);

#endif
