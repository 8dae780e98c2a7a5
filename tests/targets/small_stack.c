/* small_stack.c - a signal handler that allocates on the smallest alternate stack: hooks must use little of it.
 *
 * The stack lies between canaries, and says how much of it was used; without seep that is the kernel's frame and malloc's.
 */
#include "books.h"
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum { FOR_MALLOC_AND_HOOKS = 8192 };

static int s_handler;

SITE void *site_in_handler(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void handler(int sig) {
    (void)sig;
    struct block b;
    book_alloc(&b, s_handler, site_in_handler(200), 200);
    void *p = b.p;
    book_free(&b);
    free(p);
}

int main(void) {
    books_open();
    s_handler = book_site("site_in_handler");
    size_t frame = getauxval(AT_MINSIGSTKSZ);
    size_t size = ((frame ? frame : 2048) + FOR_MALLOC_AND_HOOKS + 4095) & ~(size_t)4095;
    char *guarded = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded == MAP_FAILED || mprotect(guarded + 4096, size, PROT_READ | PROT_WRITE)) {
        return 1;
    }
    stack_t ss;
    memset(&ss, 0, sizeof ss);
    ss.ss_sp = guarded + 4096;
    ss.ss_size = size;
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_flags = SA_ONSTACK;
    if (sigaltstack(&ss, NULL) || sigaction(SIGUSR1, &sa, NULL)) {
        return 1;
    }
    for (int i = 0; i < 1000; i++) {
        raise(SIGUSR1);
    }
    books_close();
    return 0;
}
