/* books.h - a target's own account of what it allocates, to hold against what seep reports.
 *
 * Truth comes from outside the code under test: a target tells book_alloc() of each block right after it got it and
 * book_free() right before it gives it back, and at the end books_close() writes one line for each function:
 *
 *   site FUNCTION calls N bytes N unreleased_bytes N unreleased_blocks N temporary N peak N
 *   total calls N … peak N
 *
 * into the file that the environment variable BOOKS names (read at books_open, for some targets wipe their environment).
 * A field is `-` where the program cannot know it. The books themselves allocate nothing: static arrays, snprintf into a
 * static buffer, write(). FUNCTION is the function that called the allocator: keep it out of line and out of tail
 * position (SITE, KEPT).
 *
 * temporary: freed with no other allocation of that thread in between. peak: only where a target runs everything under
 * books_lock(), for only then is the order of events known.
 */
#ifndef BOOKS_H
#define BOOKS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __cplusplus
#define BOOKS_C extern "C"
#else
#define BOOKS_C
#endif

/* A function that allocates: never inlined, and its name is what the report must say. */
#ifdef __clang__
#define SITE BOOKS_C __attribute__((noinline, used))
#else
#define SITE BOOKS_C __attribute__((noinline, noclone, used))
#endif

/* Use a result, so that the call before it is neither dropped nor a tail call. */
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")

enum { BOOK_SITES_MAX = 64 };

struct book {
    const char *function;
    uint64_t calls, bytes, unreleased_bytes, unreleased_blocks, temporary, peak;
    int is_temporary_unknown; /* print `-` */
};

/* A block that the target holds. */
struct block {
    void *p;
    size_t size;
    int site;
    uint64_t serial; /* thread number << 40 | count; 0 = none */
};

static struct book books_own[BOOK_SITES_MAX], *books = books_own;
static int n_books;
static uint64_t books_live, books_peak; /* only kept when books_ordered */
static int books_ordered;
static int books_fd = -1;
static char books_path[4096];
static pthread_mutex_t books_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t books_threads;
static __thread uint64_t book_thread, book_count, book_last;

#define BOOK_ADD(field, n) __atomic_add_fetch(&(field), (uint64_t)(n), __ATOMIC_RELAXED)

static inline void books_lock(void) {
    if (books_ordered) {
        pthread_mutex_lock(&books_mutex);
    }
}

static inline void books_unlock(void) {
    if (books_ordered) {
        pthread_mutex_unlock(&books_mutex);
    }
}

/* From here on fork children write into the same books. */
static inline void books_share(void) {
    void *shared = mmap(NULL, sizeof books_own, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        _exit(97);
    }
    memcpy(shared, books, sizeof books_own);
    books = (struct book *)shared;
}

static inline int book_site(const char *function) {
    books[n_books].function = function;
    return n_books++;
}

static inline void books_open(void) {
    const char *path = getenv("BOOKS");
    if (path && strlen(path) < sizeof books_path) {
        strcpy(books_path, path);
    }
}

static inline void book_alloc(struct block *b, int site, void *p, size_t size) {
    b->p = p;
    if (!p) {
        b->serial = 0;
        return;
    }
    if (!book_thread) {
        book_thread = BOOK_ADD(books_threads, 1);
    }
    b->size = size;
    b->site = site;
    b->serial = book_last = book_thread << 40 | ++book_count;
    struct book *book = &books[site];
    BOOK_ADD(book->calls, 1);
    BOOK_ADD(book->bytes, size);
    BOOK_ADD(book->unreleased_bytes, size);
    BOOK_ADD(book->unreleased_blocks, 1);
    if (books_ordered) {
        books_live += size;
        if (books_live > books_peak) {
            books_peak = books_live;
            for (int i = 0; i < n_books; i++) {
                books[i].peak = books[i].unreleased_bytes;
            }
        }
    }
}

static inline void book_free(struct block *b) {
    if (!b->p) {
        return;
    }
    struct book *book = &books[b->site];
    BOOK_ADD(book->unreleased_bytes, -b->size);
    BOOK_ADD(book->unreleased_blocks, -1);
    if (b->serial == book_last) {
        BOOK_ADD(book->temporary, 1);
        book_last = 0;
    }
    if (books_ordered) {
        books_live -= b->size;
    }
    b->p = NULL;
}

static inline void books_write(const char *text, int n) {
    while (n > 0) {
        ssize_t done = write(books_fd, text, (size_t)n);
        if (done <= 0) {
            if (done < 0 && errno == EINTR) {
                continue;
            }
            _exit(99);
        }
        text += done;
        n -= (int)done;
    }
}

static inline void books_line(const char *kind, const struct book *b) {
    static char line[512];
    char peak[24] = "-", temporary[24] = "-";
    if (books_ordered) {
        snprintf(peak, sizeof peak, "%lu", (unsigned long)b->peak);
    }
    if (!b->is_temporary_unknown) {
        snprintf(temporary, sizeof temporary, "%lu", (unsigned long)b->temporary);
    }
    books_write(line, snprintf(line, sizeof line,
                               "%s%s calls %lu bytes %lu unreleased_bytes %lu unreleased_blocks %lu temporary %s peak %s\n",
                               kind, b->function, (unsigned long)b->calls, (unsigned long)b->bytes,
                               (unsigned long)b->unreleased_bytes, (unsigned long)b->unreleased_blocks, temporary, peak));
}

/* Open the file now, for programs that cannot do so at the end, nor close it. */
static inline void books_open_file(void) {
    if (books_path[0]) {
        books_fd = open(books_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (books_fd < 0) {
            _exit(98);
        }
    }
}

/* Write the books. Nothing may be booked afterwards. Sites that were never used are left out. */
static inline void books_close(void) {
    struct book total;
    int is_open = books_fd >= 0;
    memset(&total, 0, sizeof total);
    total.function = "";
    if (!books_path[0]) {
        return;
    }
    if (!is_open) {
        books_open_file();
    }
    for (int i = 0; i < n_books; i++) {
        struct book *b = &books[i];
        if (!b->calls) {
            continue;
        }
        books_line("site ", b);
        total.calls += b->calls;
        total.bytes += b->bytes;
        total.unreleased_bytes += b->unreleased_bytes;
        total.unreleased_blocks += b->unreleased_blocks;
        total.temporary += b->temporary;
        total.is_temporary_unknown |= b->is_temporary_unknown;
    }
    total.peak = books_peak;
    books_line("total", &total);
    if (!is_open) {
        close(books_fd);
    }
}

static inline uint64_t books_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545f4914f6cdd1dull >> 16;
}

#endif
