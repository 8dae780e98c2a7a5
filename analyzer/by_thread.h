/* by_thread.h - what of each info some threads have allocated: those that --thread asks for.
 *
 * Events have no identity of blocks. Which thread allocates is known, and so are calls, and whether a thread freed what it had allocated last. Any other free takes one
 * of the blocks that the info has alive, and whose that is is known only if all of them are of these threads, or none. So the blocks of these threads that are
 * alive are held between two bounds: both move by what is certain, and apart by what is not. They meet again when nothing of the info is alive. Of an info that
 * only these threads allocate, as of most, both are the same all the time. Rejected: bounds from the sums at the end (alive less all calls of others), which never
 * meet again.
 *
 *   replay -> [by_thread] -> kept_infos. Only if asked for: the loop of the replay that counts this is another one.
 */
#ifndef SEEP_BY_THREAD_H
#define SEEP_BY_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one info. */
struct by_thread_info {
    uint64_t calls, temporary;
    uint64_t low, high; /* unreleased, at least and at most */
    uint64_t low_at_peak, high_at_peak;
    uint64_t folded_calls; /* of any thread: it is not known which */
};

struct by_thread {
    const uint8_t *is_chosen; /* by thread, for those below n_threads; others are not */
    size_t n_threads;
    struct by_thread_info *infos;
    size_t n_infos, cap_infos;
};

/* Whose the block was that a thread freed last. */
enum by_thread_whose { BY_THREAD_OTHER, BY_THREAD_MAYBE, BY_THREAD_CHOSEN };

/* Memory  by_thread_free() */
void by_thread_reserve(struct by_thread *b, size_t n_infos);
void by_thread_free(struct by_thread *b);

/* The info's blocks so far are of folded events: all may be of these threads, or none. */
void by_thread_fold(struct by_thread_info *part, uint64_t calls, uint64_t unreleased, uint64_t live_at_peak);

static inline bool by_thread_is_chosen(const struct by_thread *b, uint32_t thread) {
    return thread < b->n_threads && b->is_chosen[thread];
}

static inline void by_thread_note_peak(struct by_thread_info *part) {
    part->low_at_peak = part->low;
    part->high_at_peak = part->high;
}

static inline void by_thread_note_alloc(struct by_thread_info *part, bool is_chosen) {
    part->calls += is_chosen;
    part->low += is_chosen;
    part->high += is_chosen;
}

/* is_chosen: the thread that frees. n_left: unreleased of the info behind it. */
static inline enum by_thread_whose by_thread_note_free(struct by_thread_info *part, bool is_temporary, bool is_chosen,
                                                       uint64_t n_left) {
    enum by_thread_whose whose = is_temporary         ? (is_chosen ? BY_THREAD_CHOSEN : BY_THREAD_OTHER)
                                 : part->low > n_left ? BY_THREAD_CHOSEN
                                 : part->high == 0    ? BY_THREAD_OTHER
                                                      : BY_THREAD_MAYBE;
    part->low -= whose != BY_THREAD_OTHER && part->low;
    part->high -= whose == BY_THREAD_CHOSEN && part->high;
    part->high = part->high < n_left ? part->high : n_left;
    part->temporary += is_temporary && is_chosen;
    return whose;
}

static inline void by_thread_note_undo(struct by_thread_info *part, bool was_temporary, enum by_thread_whose whose) {
    part->low += whose == BY_THREAD_CHOSEN;
    part->high += whose != BY_THREAD_OTHER;
    part->temporary -= was_temporary && whose == BY_THREAD_CHOSEN;
}

#endif
