/* ring_file.h - this process's end of the ring: made, mapped, its pieces claimed. Layout and rules: include/ring.h.
 *
 * Context  unless said otherwise: any thread, inside malloc, async-signal-safe, no lock; system calls only where pieces are used
 *          for the first time.
 */
#ifndef SEEP_RING_FILE_H
#define SEEP_RING_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "ring.h"

/* The mapped ring, or NULL before ring_create() has succeeded. Written once. */
extern HIDDEN struct ring_header *ring;

/* The regions, as addresses in this process. */
extern HIDDEN struct ring_slot *ring_slots;
extern HIDDEN struct ring_node *ring_nodes;
extern HIDDEN struct ring_chunk *ring_chunks;

/* Make the ring file at path (0600, must not exist) and map it.
 *
 * event_bytes  size of the chunk region; made smaller if the limits of the process (RLIMIT_FSIZE, RLIMIT_AS) ask for it
 * is_tsc       stamps are the TSC
 * is_quiet     hooks must make no system call: the regions are smaller, and all of the file is backed now
 * Returns      a descriptor above 2, close-on-exec, that the caller closes once the collector has it; or a negative error
 * Context      once, at the start
 */
MUST_CHECK int ring_create(const char *path, uint64_t event_bytes, bool is_tsc, bool is_quiet);

/* Take back what ring_create() did, when no collector could be started. */
void ring_discard(const char *path);

/* In a fork child that is not traced: put private memory in the ring's place. */
void ring_divert(void);

/* In a fork child: make a ring of its own at path, of the same size, with the nodes of its parent's, and go on with that. The parent's stays mapped
 * until ring_forget_parent(). Returns 0, or a negative error with nothing changed. Context: no other thread, async-signal-safe */
MUST_CHECK int ring_replace(const char *path);
void ring_forget_parent(void);

/* Of the parent's ring: its collector, and its slots in use. Context: between the two */
uint32_t ring_parent_collector(void);
uint32_t ring_parent_slots(void);

/* Claim a place among the joins of a ring, this process's or the first one's of the tree. Where all are taken it waits for the collector, up to half a
 * second; not when quiet. Returns NULL if there is none then. */
struct ring_join *ring_join_claim(struct ring_header *of);

/* Ask the collector to come, and sleep for that long. Context: not when quiet */
void ring_wait_for_collector(struct ring_header *of, uint64_t ns);

/* Claim a place among this ring's runs. Returns NULL if all are taken. */
struct ring_run *ring_run_claim(void);

/* The process's id. When quiet, of the ring's: of a vfork child its parent's. */
uint32_t ring_own_pid(void);

/* Count what could not be recorded. */
void ring_count_lost(enum ring_lost kind, uint64_t n);

/* Take a chunk out of the free list or the never-used end, backed by disk.
 * Returns its index + 1, or 0 if all are in use. */
MUST_CHECK uint32_t ring_chunk_take(void);

/* Claim a slot that no thread has used before, backed by disk. Returns its index, or ring->slots.cap if there is none. */
MUST_CHECK uint32_t ring_slot_take(void);

/* Claim the next node id, backed by disk. Returns 0 if the region is full. */
MUST_CHECK uint32_t ring_node_take(void);

/* Append a record to the log: head bytes, then tail bytes. Returns 1 + its first unit, 0 if there is no room. */
uint32_t ring_log_append(enum ring_log_type type, uint64_t stamp, const void *head, uint32_t head_bytes, const void *tail,
                         uint32_t tail_bytes);

#endif
