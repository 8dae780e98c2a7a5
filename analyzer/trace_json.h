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
 *   commands          that one and every other that the same pid ran afterwards, by exec
 *   pid               of that process
 *   start             when it began, seconds since 1970
 *   sample_bytes      interval of sampling: all figures of the report are then estimates, with standard errors; null = everything
 *                     was recorded
 *   runtime_seconds   from there to the last thing known
 *   complete          true if the recorder ended it in order
 *   recording         true if it was still being written
 *   events            events read, with the folded ones
 *   folded            {events, from_seconds, to_seconds} the oldest events, which a limit has made totals: how many, and when they were, since the start of
 *                     the trace; all figures have them. null = none
 *   events_missing    events that were in damaged parts, or could not be told whose they are
 *   lost_events       events that the recorder could not record
 *   lost              [{kind, count, text, events}] everything the recorder lost; events: true if counted in lost_events
 *   damage            [{offset, bytes, what}] stretches of the file that could not be read; bytes null = up to the end
 *   collector         {cpu_seconds, memory_bytes}: what recording cost outside the program
 *   notes             [{pid, text}]
 * process     pid, ppid, executable (a path), command, peak_rss_bytes; a process that calls exec becomes another one of the same pid
 *   origin            "start" (the first), "fork" or "exec"
 *   came_from         pid of the process that it was forked from, whose program it replaced, or (vfork) that ran it
 *   exit              exit status; a negative number is the signal that ended it; null = not seen
 *   end               "exit", "signal", "exec", or null
 *   start_seconds, end_seconds   since the start of the trace; end null = not seen
 *   inherited_blocks, inherited_bytes   alive in the parent at the fork: they stay in the parent's figures
 *   inherited_frees   how many of them this process freed
 *   inherited_unreleased_bytes   what it did not free of them
 *   coverage          how much of what its allocator had in use when it called exit() is accounted for; all null where that was not measured
 *     share             0 to 1; below 0.95 the text report warns
 *     allocator         "glibc malloc" or "jemalloc"
 *     in_use_bytes      as the allocator says
 *     traced_blocks, traced_bytes   alive in the trace at that very moment, inherited ones too; bytes as requested
 *     held_bytes        what the allocator holds for these (it rounds up)
 *     allowed_bytes     most that may be in use besides: before recording starts, tables, threads' caches; see coverage_judge.h
 *     uncovered_bytes   the rest of in_use_bytes: it passed seep by
 *     not_measured      why, a sentence for people; null where it was
 */
#ifndef SEEP_TRACE_JSON_H
#define SEEP_TRACE_JSON_H

#include "json_out.h"
#include "profile.h"

/* The key "trace" and its object. process: whose command and pid it names; NULL = none. */
void trace_json_put(struct json_out *j, const struct profile *p, const struct process *process);

/* The keys of a process, inside its object. */
void trace_json_put_process(struct json_out *j, const struct profile *p, const struct process *process);

#endif
