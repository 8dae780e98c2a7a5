/* brief_threads.c - threads made and joined one after the other: `brief_threads COUNT PER_SECOND [child]` (0: as fast as can be; child: in a child made by the
 * bare system call, of which libc does not know the id). Tells on stdout by how many KiB its
 * memory has grown since the first tenth of them. */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "books.h"

static int s_thread, s_main;

SITE void *site_thread(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_main(size_t n) {
    char room[8192]; /* its caller is on another page */
    KEPT(room);
    void *p = malloc(n);
    KEPT(p);
    KEPT(room);
    return p;
}

static void *work(void *number) {
    struct block b;
    size_t n = 1 + (uintptr_t)number % 200;
    for (int i = 0; i < 10; i++) {
        book_alloc(&b, s_thread, site_thread(n), n);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    return NULL;
}

/* Private memory in KiB: what is shared is the ring, which has a size of its own. */
static long private_kib(void) {
    static char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *p = strstr(text, "\nRssAnon:");
    return p ? atol(p + 9) : -1;
}

static void wait_until(const struct timespec *start, uint64_t ns) {
    struct timespec t = *start;
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv) {
    uint64_t count = argc > 2 ? strtoull(argv[1], NULL, 10) : 0, per_second = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    struct timespec start;
    long before = 0;
    if (count < 10) {
        return 2;
    }
    books_open();
    s_thread = book_site("site_thread");
    s_main = book_site("site_main");
    pid_t child = argc > 3 ? (pid_t)syscall(SYS_fork) : 0;
    if (child != 0) {
        int status;
        return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; i < count; i++) {
        pthread_t thread;
        struct block b;
        book_alloc(&b, s_main, site_main(20), 20);
        void *p = b.p;
        book_free(&b);
        free(p);
        if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)i) != 0 || pthread_join(thread, NULL) != 0) {
            return 1;
        }
        if (i == count / 10) {
            before = private_kib();
        }
        if (per_second != 0) {
            wait_until(&start, i * 1000000000 / per_second);
        }
    }
    printf("%ld\n", private_kib() - before);
    fflush(stdout);
    books_close();
    return 0;
}
