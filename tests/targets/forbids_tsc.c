/* forbids_tsc.c - reading the time stamp counter is made deadly, and everything goes on: four threads that free each other's blocks, before and after,
 * and a child that is forked afterwards; books are kept as ever. (A program that is run by exec then dies in glibc's own start, also untraced.) Ends with
 * its child's status, 5.
 */
#include "books.h"
#include <sys/prctl.h>
#include <sys/wait.h>

enum { THREADS = 4, PLACES = 64, ROUNDS = 30000 };

static struct block places[PLACES];
static pthread_mutex_t locks[PLACES];
static int s_block, s_child;

SITE void *site_block(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_child(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *exchange(void *number) {
    unsigned seed = (unsigned)(uintptr_t)number;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned at = seed >> 16 & (PLACES - 1);
        pthread_mutex_lock(&locks[at]);
        if (places[at].p) {
            void *p = places[at].p;
            book_free(&places[at]);
            free(p);
            places[at].p = NULL;
        } else {
            book_alloc(&places[at], s_block, site_block(24), 24);
        }
        pthread_mutex_unlock(&locks[at]);
    }
    return NULL;
}

static void run_threads(void) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, exchange, (void *)i) != 0) { /* NOLINT(performance-no-int-to-ptr) */
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(void) {
    books_open();
    s_block = book_site("site_block");
    s_child = book_site("site_child");
    books[s_block].is_temporary_unknown = 1;
    books[s_child].is_temporary_unknown = 1;
    for (int i = 0; i < PLACES; i++) {
        pthread_mutex_init(&locks[i], NULL);
    }
    run_threads();
    prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
    run_threads();
    struct block b;
    book_alloc(&b, s_child, site_child(100), 100); /* freed by the child alone */
    pid_t pid = fork();
    if (pid == 0) {
        free(b.p);
        exit(5);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    books_close();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
