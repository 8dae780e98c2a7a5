/* report_json.h - the report for programs: one JSON object.
 *
 * Keys are a contract: they may be added to, never changed. What is not known is null. Sizes are bytes as the program
 * requested them, addresses are numbers unless said otherwise.
 *
 * trace       see trace_json.h
 * totals      allocations, frees, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary, suppressed_bytes, suppressed_blocks
 *                       of all processes, or of those of --pid; frees are with those of inherited blocks
 *   samples, standard_errors   only of a sampled trace: allocations recorded, and the standard error of each figure
 *                       {calls, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary}
 * processes   [{pid, …, totals}], see trace_json.h
 *   totals            of its own blocks, as above; but peak_bytes is with the inherited ones, and frees without
 * group_by    "leaf", "blame", "module" or "owner": what makes up a site
 * sites       [{function, file, line, module, blamed, <figures>, n_stacks, stacks}] by --sort, the first --top of them
 *   function, …       of the leaf; where the group is another, of the leaf that most of the site is of: by the figure of --sort, by calls where that is 0
 *   blamed            {function, file, line, module}, see blame.h; where the group is another, the one that most of the site is of
 *   owner             {function, file, module}, only by owner
 *   <figures>         calls            allocations; each successful realloc is one more
 *                     allocated_bytes  sum of their sizes
 *                     peak_bytes       bytes alive when the process's total was highest
 *                     unreleased_bytes, unreleased_blocks   never freed
 *                     temporary        freed with no other allocation of that thread in between
 *                     suppressed_bytes, suppressed_blocks   never freed, too, but hidden by suppressions, and not in unreleased_*
 *                     samples, standard_errors   as in totals
 *                     oldest_seconds   age of the oldest unreleased block at the end of the trace
 *   allocated_behind  [{mark, name, unreleased_bytes, unreleased_blocks}] behind which marks what is unreleased was allocated, most first; mark 0: before the
 *                     first, name null. Only in a trace with marks
 *   processes         only of several processes: [{process, pid, unreleased_bytes, unreleased_blocks}] who holds what is unreleased, most first;
 *                     process: the place in the document's processes, from 0
 *   openssl_objects   only where OpenSSL's objects were met: {TYPE: n, …} how many of the site's unreleased blocks are such objects
 *   n_stacks          distinct stacks of the site
 *   stacks            [{<figures>, openssl, frames, blamed}] the first --stacks of them, by the same order
 *     openssl         only of blocks that OpenSSL allocated or freed: {file, line, freed}, what it says of itself: where it allocated them, and where
 *                     it freed some, [{file, line, blocks}], most first; null where it said nothing. File names begin at OpenSSL's own folder
 *                     (crypto, ssl, providers, engines). blocks is as recorded, also in a sampled trace
 *     frames          [{function, file, line, module, offset, address, inlined}] leaf first, all of them
 *       offset        of the call (return address - 1) as the module file's own address, as addr2line takes it; null if
 *                     in no module
 *       address       of the call in the process, a string "0x..."
 *       inlined       true if the function is inlined into that of the next frame (which has the same address)
 *     blamed, owner   place in frames, from 0; null where there are none. owner only by owner
 * openssl     {calls, objects}
 *   calls             allocations that OpenSSL made, of objects and of anything else
 *   objects           [{type, created, freed, alive, alive_bytes, held_bytes, temporary, places, alive_from}] one for each type that was met
 *     type            as in OpenSSL's headers, "SSL_CTX"; or "ASN.1 item": other structures that ASN.1 describes
 *     alive_bytes     of the objects' own blocks
 *     held_bytes      unreleased, of these blocks and of all that was allocated while creating objects of that type
 *     places          [{file, line, size_bytes, created, alive}] where OpenSSL allocates them, most created first: its own file and line, null where
 *                     it has not told them
 *     alive_from      [{function, file, line, module, alive, alive_bytes}] the owners (as by owner) of those alive, most first, --stacks of them
 * growth      {not_judged, unit, folded_marks, and where not_judged is null: sites_of_class, points, total, group_by, sites}; growth.h and growth_judge.h say how
 *   not_judged        why there is no verdict; null where there is one
 *   unit              "mark" or "hour": what the slopes are per
 *   folded_marks      marks without figures, since they are among folded events
 *   sites_of_class    {flat, one-off, bounded, growing, unknown}: how many sites, of those that change
 *   points            [{mark, name, seconds}] the marks that are looked at, name with its number where several have it ("reload#7"), null if lost; without
 *                     marks [{seconds}], the ends of equal slices
 *   total             {class, n_judged, n_warmup, bytes_per_unit, bytes_per_unit_low, bytes_per_unit_high, blocks_per_unit, p, last_bytes, last_blocks, bytes, blocks}
 *                     of all blocks together
 *     class           "flat" (nothing alive), "one-off" (rose once and stayed), "bounded" (fills up, or goes up and down), "growing", "unknown" (too few points)
 *     n_judged, n_warmup   points: behind the warm-up, and of it
 *     bytes_per_unit, …_low, …_high   slope and its 95 % interval, null where the points are too few for one
 *     p               of as strong a trend by chance, null likewise
 *     last_bytes, last_blocks   alive at the last point
 *     bytes, blocks   alive at each point
 *   group_by          of these sites: "blame" unless --group-by says otherwise
 *   sites             [{function, …, blamed, owner, address, and the keys of total}] those that grow first, most bytes first, then those of class unknown: the first --top;
 *                     bytes and blocks of these two classes only
 * suppressions {bytes, blocks, builtin_rules, builtin_bytes, builtin_blocks, rules}
 *   bytes, blocks     hidden: the same as totals.suppressed_*
 *   builtin_rules     "on", "off", or "told": by default the built-in rules hide nothing in JSON, and what they would hide is told
 *   builtin_bytes, builtin_blocks   what they hide or would hide
 *   rules             [{text, file, line, builtin, used, bytes, blocks, calls}] all of --suppressions in their order, then the built-in ones that match anything
 *     text            the line, or the name of the block; file and line: where it stands, null for built-in ones
 *     used            it matches something unreleased, maybe something that a rule before it hides
 *     bytes, …        unreleased that it hides (or would); calls: of these stacks
 * selection   {since, until, older_seconds, min_bytes, match, own, alive_at, thread, thread_unsure} what the report is limited to, as it was asked for; null where it was not, and null as a whole if it was
 *             limited by none of them
 *   thread_unsure     {allocations, peak_bytes, unreleased_bytes, unreleased_blocks} beyond the totals, what may be of these threads or of others: all 0 where that is certain;
 *                     null without thread
 */
#ifndef SEEP_REPORT_JSON_H
#define SEEP_REPORT_JSON_H

#include "attributes.h"
#include "json_out.h"
#include "report.h"

/* A site's leaf, blamed frame and owner, as keys of an object. */
void report_json_put_places(struct json_out *j, const struct sites *sites, const struct site *site, enum site_order order);

const char *report_json_group_name(enum site_group group);

/* Write the document. Returns 0, or -1 if it could not be written in full. */
MUST_CHECK int report_json(FILE *f, const struct report *report);

#endif
