/* pace.c - see pace.h. */
#include "pace.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_MS = 1000000,
    SLEEP_LEAST_NS = 2 * NS_PER_MS,
    SLEEP_MOST_NS = 20 * NS_PER_MS,
    SLEEP_QUIET_NS = 5 * NS_PER_MS,
    POLL_EVENTS = 32768,   /* a poll should find as many: each starts with cold caches (cc1: 76 ns an event with polls
                            of 1,200 events, 65 with 5,000, 60 with 19,000), and what lies longer in the ring is cold, too */
    HURRY_EVENTS = 262144, /* a poll that finds as many is not followed by a sleep at all */
};

uint64_t pace_next_ns(uint64_t sleep_ns, uint64_t n_events, bool is_any_quiet) {
    uint64_t most = is_any_quiet ? SLEEP_QUIET_NS : SLEEP_MOST_NS;
    sleep_ns = sleep_ns ? sleep_ns : SLEEP_LEAST_NS;
    /* As long as it takes for POLL_EVENTS to come if they come as fast as the last ones did. */
    uint64_t ns = n_events != 0 ? sleep_ns * POLL_EVENTS / n_events : most;
    ns = ns < 2 * sleep_ns ? ns : 2 * sleep_ns;
    ns = ns > SLEEP_LEAST_NS ? ns : SLEEP_LEAST_NS;
    ns = ns < most ? ns : most;
    return n_events < HURRY_EVENTS ? ns : 0;
}

void pace_sleep(const _Atomic uint32_t *wake, uint32_t seen, uint64_t ns) {
    struct timespec timeout = {.tv_nsec = (long)ns};
    /* Not FUTEX_PRIVATE: the word is shared with the target. */
    if (ns != 0 && syscall(SYS_futex, wake, FUTEX_WAIT, seen, &timeout, NULL, 0) != 0 && errno == ENOSYS) {
        nanosleep(&timeout, NULL);
    }
}
