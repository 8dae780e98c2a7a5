/* children.c - fork, vfork and posix_spawn in the middle of threads' allocations; the parent's books stay exact.
 *
 * Children allocate, free what the parent made, and end with a status that the parent checks.
 */
#include "books.h"
#include <spawn.h>
#include <sys/wait.h>

enum { N_CHILDREN = 30 };

extern char **environ;
static int s_parent, s_thread, s_child;
static volatile int is_over;

SITE void *site_parent(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_thread(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_child(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *work(void *arg) {
    (void)arg;
    struct block b;
    for (size_t i = 0; !is_over; i++) {
        size_t n = 1 + i % 400;
        book_alloc(&b, s_thread, site_thread(n), n);
        void *p = b.p;
        book_free(&b);
        free(p);
        if (i % 512 == 0) {
            usleep(200);
        }
    }
    return NULL;
}

static int child(void **of_parent, int n) {
    for (int i = 0; i < n; i++) {
        free(of_parent[i]);
    }
    for (size_t i = 0; i < 2000; i++) {
        struct block b;
        book_alloc(&b, s_child, site_child(i + 1), i + 1);
        void *p = b.p;
        if (!p) {
            return 1;
        }
        memset(p, 1, i + 1);
        if (i % 100) {
            book_free(&b);
            free(p);
        }
    }
    return 42;
}

static int ended(pid_t pid) {
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

int main(void) {
    books_open();
    s_parent = book_site("site_parent");
    s_thread = book_site("site_thread");
    s_child = book_site("site_child");
    books_share();
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    static void *kept[N_CHILDREN];
    int n_bad = 0;
    for (int i = 0; i < N_CHILDREN; i++) {
        struct block b, c;
        book_alloc(&b, s_parent, site_parent(1000), 1000);
        kept[i] = b.p;
        book_alloc(&c, s_parent, site_parent(20), 20);
        pid_t pid;
        char *argv[] = {(char *)(uintptr_t) "true", NULL};
        switch (i % 3) {
        case 0:
            pid = fork();
            if (pid == 0) {
                _exit(child(kept, i + 1));
            }
            n_bad += ended(pid) != 42;
            break;
        case 1:
            pid = vfork();
            if (pid == 0) {
                execv("/bin/true", argv);
                _exit(1);
            }
            n_bad += ended(pid) != 0;
            break;
        default:
            n_bad += posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) || ended(pid) != 0;
            break;
        }
        void *p = c.p;
        book_free(&c);
        free(p);
    }
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        n_bad += 100; /* a tracer's own child must not show up here */
    }
    is_over = 1;
    pthread_join(thread, NULL);
    books_close();
    return n_bad;
}
