/* confined.c - gives up rights while it runs, as servers do, and allocates on, in new threads and below many frames too.
 *
 * chroot FOLDER   that is its root from then on
 * setuid          it is user 65534 from then on
 * limits          it may open no file, make none longer, and have little more memory
 *
 * Its books are open from the start.
 */
#include <grp.h>
#include <sys/resource.h>

#include "books.h"

enum { ROUNDS = 200000, BLOCKS = 500, THREADS = 8, DATA_BYTES = 512 << 20, CPU_SECONDS = 100 };

static int s_before, s_after, s_in_thread;

SITE void *site_before(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_after(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_in_thread(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void put(struct block *b, int site, void *(*allocate)(size_t n), size_t n) {
    void *p = b->p;
    if (p) {
        book_free(b);
        free(p);
    } else {
        book_alloc(b, site, allocate(n), n);
    }
}

__attribute__((noinline)) static void below(int depth, struct block *b, size_t n) {
    char room[16];
    KEPT(room);
    if (depth > 0) {
        below(depth - 1, b, n);
    } else {
        put(b, s_after, site_after, n);
    }
    KEPT(room);
}

static void *work(void *seed) {
    struct block b = {0};
    for (size_t i = 0; i < 1001; i++) {
        put(&b, s_in_thread, site_in_thread, 1 + (i + (size_t)(uintptr_t)seed) % 300);
    }
    return NULL;
}

static int limit(int resource, rlim_t least) {
    struct rlimit now;
    return getrlimit(resource, &now) | setrlimit(resource, &(struct rlimit){least, now.rlim_max});
}

static int confine(const char *how, const char *folder) {
    if (strcmp(how, "chroot") == 0 && folder) {
        return chroot(folder) | chdir("/");
    }
    if (strcmp(how, "setuid") == 0) {
        return setgroups(0, NULL) | setgid(65534) | setuid(65534);
    }
    return limit(RLIMIT_NOFILE, 0) | limit(RLIMIT_FSIZE, 0) | limit(RLIMIT_DATA, DATA_BYTES) |
           limit(RLIMIT_CPU, CPU_SECONDS);
}

int main(int argc, char **argv) {
    static struct block blocks[BLOCKS];
    static pthread_t threads[THREADS];
    uint64_t random = 7;
    if (argc < 2) {
        return 2;
    }
    books_open();
    s_before = book_site("site_before");
    s_after = book_site("site_after");
    s_in_thread = book_site("site_in_thread");
    for (int i = 0; i < BLOCKS; i += 2) {
        put(&blocks[i], s_before, site_before, 10);
    }
    books_open_file();
    if (confine(argv[1], argv[2]) != 0) {
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        below(i % 5000 ? (int)(books_random(&random) % 40) : 2000, &blocks[books_random(&random) % BLOCKS],
              1 + books_random(&random) % 500);
    }
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            return 3;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    if (limit(RLIMIT_FSIZE, RLIM_INFINITY) != 0) { /* the books are a file, too */
        return 4;
    }
    books_close();
    return 0;
}
