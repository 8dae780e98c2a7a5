/* signal_alloc.c - a handler that allocates and frees, run by a fast timer, also in the middle of the hooks.
 *
 * The program's allocator (lib_bump) may be called from handlers, so that whatever goes wrong is the tracer's. Books are
 * exact; what the tracer could not record it has to count. Which block was a thread's last is not known here.
 */
#include "books.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static int s_handler, s_main;
static volatile int n_signals;

SITE void *site_in_handler(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_in_main(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void handler(int sig) {
    (void)sig;
    int kept_errno = errno;
    n_signals++;
    for (int i = 0; i < 3; i++) {
        struct block b;
        book_alloc(&b, s_handler, site_in_handler(100), 100);
        if (i) {
            void *p = b.p;
            book_free(&b);
            free(p);
        }
    }
    errno = kept_errno;
}

int main(void) {
    books_open();
    s_handler = book_site("site_in_handler");
    s_main = book_site("site_in_main");
    books[s_handler].is_temporary_unknown = books[s_main].is_temporary_unknown = 1;
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &sa, NULL);
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer;
    struct itimerspec every = {{0, 40000}, {0, 40000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &every, NULL)) {
        return 1;
    }
    struct block b;
    for (int i = 0; i < 1000000; i++) {
        book_alloc(&b, s_main, site_in_main(50), 50);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    memset(&every, 0, sizeof every);
    timer_settime(timer, 0, &every, NULL);
    signal(SIGUSR1, SIG_IGN);
    books_close();
    return n_signals > 10 ? 0 : 1;
}
