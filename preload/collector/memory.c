/* memory.c - see memory.h. */
#include "memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_NO_MEMORY = 2, BYTE_BUF_FIRST = 1024, HUGE_BYTES = 2 << 20 };

static void (*failure_tell)(void);

void memory_on_failure(void (*tell)(void)) {
    failure_tell = tell;
}

void memory_die(void) {
    if (failure_tell) {
        failure_tell();
    }
    _exit(EXIT_NO_MEMORY);
}

void *memory_try_map(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void *memory_map(size_t bytes) {
    void *p = memory_try_map(bytes);
    if (!p) {
        memory_die();
    }
    return p;
}

void *memory_map_spread(size_t bytes) {
    if (bytes < HUGE_BYTES) {
        return memory_map(bytes);
    }
    /* Only what is aligned can be a huge page: map more and cut off both ends. */
    uint8_t *p = memory_map(bytes + HUGE_BYTES);
    size_t before = -(uintptr_t)p & (HUGE_BYTES - 1);
    if (before) {
        munmap(p, before);
    }
    munmap(p + before + bytes, HUGE_BYTES - before);
    madvise(p + before, bytes, MADV_HUGEPAGE);
    return p + before;
}

void *memory_grow(void *old, size_t old_bytes, size_t new_bytes) {
    if (old_bytes == 0) {
        return memory_map(new_bytes);
    }
    void *p = mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
    if (p == MAP_FAILED) {
        memory_die();
    }
    return p;
}

void memory_unmap(void *p, size_t bytes) {
    if (p) {
        munmap(p, bytes);
    }
}

void byte_buf_grow(struct byte_buf *b, size_t room) {
    size_t cap = b->cap ? b->cap * 2 : BYTE_BUF_FIRST;
    while (cap - b->n < room) {
        cap *= 2;
    }
    uint8_t *bytes = realloc(b->bytes, cap);
    if (!bytes) {
        memory_die();
    }
    b->bytes = bytes;
    b->cap = cap;
}

void byte_buf_append(struct byte_buf *b, const void *bytes, size_t n) {
    if (n != 0) {
        memcpy(byte_buf_reserve(b, n), bytes, n);
        b->n += n;
    }
}

void byte_buf_free(struct byte_buf *b) {
    free(b->bytes);
    *b = (struct byte_buf){0};
}
