/* renewal.c - see renewal.h. */
#include "renewal.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

enum { RETRY_PARTS = 16 };

static uint64_t own_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

void renewal_init(struct renewal *r) {
    struct rlimit limit;
    *r = (struct renewal){0};
    if (getrlimit(RLIMIT_CPU, &limit) == 0 && limit.rlim_cur < UINT32_MAX) {
        r->limit_ns = limit.rlim_cur * NS_PER_SECOND;
        r->due_ns = r->limit_ns / 2; /* the next look may be some time away */
    }
}

bool renewal_is_due(const struct renewal *r) {
    return r->limit_ns != 0 && own_ns() >= r->due_ns;
}

pid_t renewal_fork(struct renewal *r) {
    uint64_t used_ns = own_ns();
    pid_t pid = fork();
    if (pid == 0) {
        r->earlier_ns += used_ns;
        r->due_ns = r->limit_ns / 2;
    } else if (pid < 0) {
        r->due_ns = used_ns + r->limit_ns / RETRY_PARTS;
    }
    return pid;
}

uint64_t renewal_processor_ns(const struct renewal *r) {
    return r->earlier_ns + own_ns();
}
