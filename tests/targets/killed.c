/* killed.c - allocates for ever and counts beside each call, in a file that outlives it.
 *
 * usage: killed ORACLE [OPERATIONS HOW]. HOW, after so many operations: kill (SIGKILL to itself), abort, _exit, segv, memory (more and
 * more of it, until somebody ends this).
 * ORACLE holds two numbers of 8 bytes: allocations done, and those given back.
 */
#include "books.h"
#include <signal.h>
#include <sys/mman.h>

SITE void *site_until_killed(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        return 2;
    }
    int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096)) {
        return 2;
    }
    volatile uint64_t *oracle = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (oracle == MAP_FAILED) {
        return 2;
    }
    close(fd);
    uint64_t last = argc > 3 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;
    for (uint64_t i = 1; i <= last; i++) {
        void *p = site_until_killed(32);
        oracle[0]++;
        if (i % 64) {
            free(p);
            oracle[1]++;
        }
    }
    if (!strcmp(argv[3], "kill")) {
        kill(getpid(), SIGKILL);
    } else if (!strcmp(argv[3], "abort")) {
        abort();
    } else if (!strcmp(argv[3], "segv")) {
        raise(SIGSEGV);
    }
    while (!strcmp(argv[3], "memory")) {
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *page = 1;
    }
    _exit(5);
}
