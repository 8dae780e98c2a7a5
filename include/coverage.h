/* coverage.h - how much of what an allocator has in use the traced blocks account for: what both sides need.
 *
 * At exit the shim asks the allocator how many bytes are in use (preload/heap_ask.c); the collector adds up the blocks that are alive in the
 * trace at that very event, as many bytes as the allocator holds for them; the analyzer judges (analyzer/coverage_judge.c).
 */
#ifndef SEEP_COVERAGE_H
#define SEEP_COVERAGE_H

#include <stdint.h>

enum coverage_allocator {
    COVERAGE_OTHER = 0, /* none that can be asked */
    COVERAGE_GLIBC = 1,
    COVERAGE_JEMALLOC = 2,
};

/* What came of asking. X(name, number, text): text = why there is no figure. Numbers stand in traces. */
#define COVERAGE_RESULTS(X)                                                                                                \
    X(NOT_ASKED, 0, "the process did not end by exit()")                                                                   \
    X(MEASURED, 1, "")                                                                                                     \
    X(NO_ANSWER, 2, "the allocator did not answer: a thread that will not go on may be in it, or its heap be corrupt")     \
    X(BUSY, 3, "exit() was called in the middle of an allocation")                                                         \
    X(FILTERED, 4, "a seccomp filter may forbid to ask (or there is no /proc to tell)")                                    \
    X(OTHER_ALLOCATOR, 5, "the allocator is none that can be asked (glibc's and jemalloc can)")                            \
    X(NO_STATISTICS, 6, "the allocator was built without statistics")                                                      \
    X(NO_COPY, 7, "the process could not be copied to ask its allocator")                                                  \
    X(LARGE, 8, "the process was too large to be copied to ask its allocator (over 2 GiB resident)")                       \
    X(NO_MARK, 9, "the event of that moment is lost")

enum coverage_result {
#define X(name, number, text) COVERAGE_##name = number,
    COVERAGE_RESULTS(X)
#undef X
};

/* Bytes that glibc's malloc holds for a request: 8 of its own, rounded up to 16, at least 32. What it maps for a single block is up to a page and 16
 * bytes more. Source: glibc, malloc/malloc.c (request2size). */
static inline uint64_t coverage_held_by_glibc(uint64_t size_bytes) {
    uint64_t held = size_bytes < UINT64_MAX / 2 ? (size_bytes + 8 + 15) / 16 * 16 : size_bytes;
    return held < 32 ? 32 : held;
}

/* The same of jemalloc: its size classes, of which there are four in each doubling. Source: jemalloc(3), "size classes". */
static inline uint64_t coverage_held_by_jemalloc(uint64_t size_bytes) {
    if (size_bytes <= 8 || size_bytes >= UINT64_MAX / 2) {
        return size_bytes <= 8 ? 8 : size_bytes;
    }
    uint64_t step = 16;
    if (size_bytes > 128) {
        step = 1ull << (61 - __builtin_clzll(size_bytes - 1));
    }
    return (size_bytes + step - 1) / step * step;
}

static inline uint64_t coverage_held(enum coverage_allocator allocator, uint64_t size_bytes) {
    return allocator == COVERAGE_JEMALLOC ? coverage_held_by_jemalloc(size_bytes) : coverage_held_by_glibc(size_bytes);
}

#endif
