/* trace_json.h - what the JSON of `seep report` and of `seep info` have in common: the key "trace", and the head of each process.
 *
 * Keys are a contract: they may be added to, never changed. What is not known is null.
 *
 * trace       about the trace
 *   version           of the seep that recorded it (string)
 *   format            "major.minor" of the file
 *   options           of the recorder, as SEEP_OPTIONS had them
 *   file              its path as given; file_bytes: its size
 *   command           of the first process (or the one of --pid), arguments joined by single spaces
 *   pid               of that process
 *   start             when it began, seconds since 1970
 *   sample_bytes      interval of sampling: all figures of the report are then estimates, with standard errors; null = everything
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
 * process     pid, ppid, executable (a path), command, exit, peak_rss_bytes
 *   exit              exit status; a negative number is the signal that ended it; null = not seen
 */
#ifndef SEEP_TRACE_JSON_H
#define SEEP_TRACE_JSON_H

#include "json_out.h"
#include "profile.h"

/* The key "trace" and its object. process: whose command and pid it names; NULL = none. */
void trace_json_put(struct json_out *j, const struct profile *p, const struct process *process);

/* The keys of a process, inside its object. */
void trace_json_put_process(struct json_out *j, const struct process *process);

#endif
