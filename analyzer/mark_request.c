/* mark_request.c - see mark_request.h. */
#include "mark_request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"
#include "file_lock.h"
#include "process_files.h"
#include "ring.h"

enum { STEP_NS = 1000000, NS_PER_MS = 1000000, STAGE_MASK = (1 << RING_REQUEST_STAGE_BITS) - 1 };

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the ring of a process ---- */

static int refuse(pid_t pid, const char *status, int error) {
    long owner = process_status_number(status, "Uid", -1);
    if (error != EACCES && error != EPERM) {
        diag_error("cannot mark process %d: %s", (int)pid,
                   error == ENOENT || error == ESRCH ? "it has ended" : strerror(error));
    } else if (owner != (long)getuid()) {
        diag_error("cannot mark process %d: it belongs to user %ld; ask as that user or as root", (int)pid, owner);
    } else {
        diag_error(
            "cannot mark process %d: it is protected (set-user-ID, not dumpable, or more privileged than we); ask as "
            "root",
            (int)pid);
    }
    return -1;
}

/* Where its ring is, and the trace. Returns NULL after a message. */
static char *find_ring(pid_t pid, const char *status, char **trace) {
    struct mapped_files files;
    if (mapped_files_read(&files, pid) != 0) {
        refuse(pid, status, errno);
        return NULL;
    }
    char *ring = files.shared_ring ? xstrndup(files.shared_ring, strlen(files.shared_ring)) : NULL;
    *trace = ring ? xstrndup(ring, files.n_trace_bytes) : NULL;
    if (!ring && mapped_files_have(&files, "libseep.so")) {
        diag_error("cannot mark process %d: libseep.so is loaded there and records nothing; see seep doctor %d", (int)pid,
                   (int)pid);
    } else if (!ring) {
        diag_error("cannot mark process %d: it is not traced; start it with seep run", (int)pid);
    }
    mapped_files_free(&files);
    return ring;
}

/* As the process sees it, as in a container, or by the path as it stands: who has called chroot() has it from before. Returns a descriptor or -1. */
static int open_ring(pid_t pid, const char *ring) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "/proc/%d/root%s", (int)pid, ring);
    int fd = n < (int)sizeof path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    return fd >= 0 ? fd : open(ring, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* Returns NULL after a message. */
static struct ring_header *map_header(pid_t pid, const char *status, const char *ring) {
    struct stat st;
    struct ring_header *header = MAP_FAILED;
    int fd = open_ring(pid, ring);
    if (fd < 0 && errno == ENOENT) {
        diag_error("cannot mark process %d: nobody records it any more (its ring is gone)", (int)pid);
        return NULL;
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= sizeof *header) {
        header = mmap(NULL, sizeof *header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    int error = fd < 0 || header == MAP_FAILED ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    if (header == MAP_FAILED) {
        refuse(pid, status, error ? error : EINVAL);
        return NULL;
    }
    if (memcmp(header->magic, RING_MAGIC, sizeof header->magic) == 0 && header->version == RING_VERSION) {
        return header;
    }
    diag_error(
        "cannot mark process %d: it is recorded by another build of seep (its ring is of version %u, this seep's %d)",
        (int)pid, header->version, RING_VERSION);
    munmap(header, sizeof *header);
    return NULL;
}

/* ---- the request ---- */

struct asking {
    pid_t pid;
    struct ring_header *header;
    struct ring_request *request; /* NULL: none was free yet */
    uint64_t ticket;
    const char *trace;
};

/* Why nobody answers, NULL if somebody may. */
static const char *why_not(const struct asking *a) {
    switch (atomic_load_explicit(&a->header->collector_state, memory_order_acquire)) {
    case RING_COLLECTOR_NONE:
        return "its collector has not started yet";
    case RING_COLLECTOR_DONE:
        return "its trace is complete";
    case RING_COLLECTOR_FAILED:
        return "its collector has given up";
    default:
        return NULL;
    }
}

/* Claim a place and post it. Returns false where all are taken. */
static bool post(struct asking *a, const char *name, size_t n_name) {
    for (int i = 0; i < RING_REQUESTS; i++) {
        struct ring_request *request = &a->header->requests[i];
        uint64_t ticket = now_ns(), empty = 0;
        if (atomic_compare_exchange_strong(&request->state, &empty, ring_request_state(ticket, RING_REQUEST_CLAIMED))) {
            memcpy(request->name, name, n_name);
            request->name_bytes = (uint32_t)n_name;
            atomic_store_explicit(&request->state, ring_request_state(ticket, RING_REQUEST_ASKED), memory_order_release);
            a->request = request;
            a->ticket = ticket;
            atomic_fetch_add(&a->header->wake, 1);
            syscall(SYS_futex, &a->header->wake, FUTEX_WAKE, 1, NULL, NULL, 0);
            return true;
        }
    }
    return false;
}

static bool is_answered(const struct asking *a) {
    return a->request && atomic_load_explicit(&a->request->state, memory_order_acquire) ==
                             ring_request_state(a->ticket, RING_REQUEST_ANSWERED);
}

/* Returns false where it is too late for that: the collector has begun. */
static bool take_back(struct asking *a) {
    uint64_t asked = ring_request_state(a->ticket, RING_REQUEST_ASKED);
    return !a->request || atomic_compare_exchange_strong(&a->request->state, &asked, 0);
}

/* Who was killed said nothing. */
static const char *why_silent(const struct asking *a) {
    char root[PATH_MAX];
    int n = snprintf(root, sizeof root, "/proc/%d/root%s", (int)a->pid, a->trace);
    bool is_locked = n < (int)sizeof root && !file_lock_wait(root, 0);
    return is_locked || !file_lock_wait(a->trace, 0)
               ? NULL
               : "its collector was killed; seep info or report of the trace starts another one";
}

static int give_up(struct asking *a, const char *why, unsigned wait_ms) {
    bool is_taken_back = take_back(a);
    if (!is_taken_back && is_answered(a)) {
        return 0; /* just now */
    }
    if (why) {
        diag_error("cannot mark process %d: %s%s", (int)a->pid, why,
                   is_taken_back ? "" : "; whether the mark is there is not known");
    } else if (is_taken_back) {
        diag_error("cannot mark process %d: %s within %u s; there is no mark", (int)a->pid,
                   a->request ? "its collector did not answer" : "others ask, too, and none of their places was free",
                   wait_ms / 1000);
    } else {
        diag_error("process %d: its collector did not answer within %u s; the mark may still come: see seep info",
                   (int)a->pid, wait_ms / 1000);
    }
    return -1;
}

/* Returns 0 when it is answered, or -1 after a message. */
static int ask(struct asking *a, const char *name, size_t n_name, unsigned wait_ms) {
    uint64_t since_ns = now_ns();
    const char *why = why_not(a);
    if (!why) {
        why = why_silent(a);
    }
    while (!why && now_ns() - since_ns < (uint64_t)wait_ms * NS_PER_MS) {
        if (!a->request) {
            post(a, name, n_name);
        }
        if (is_answered(a)) {
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
        why = why_not(a);
    }
    return give_up(a, why ? why : why_silent(a), wait_ms);
}

static int take_answer(struct asking *a, struct mark_answer *answer) {
    uint64_t answered = ring_request_state(a->ticket, RING_REQUEST_ANSWERED);
    answer->number = a->request->number;
    answer->ns = a->request->ns;
    answer->is_late = a->request->is_late != 0;
    if (!atomic_compare_exchange_strong(&a->request->state, &answered, 0)) {
        diag_error("process %d: the answer came while we stood still and is gone; whether the mark is there: see seep info",
                   (int)a->pid);
        return -1;
    }
    if (answer->number == 0) {
        diag_error("cannot mark process %d: its trace has as many marks as it can have", (int)a->pid);
        return -1;
    }
    return 0;
}

int mark_request(pid_t pid, const char *name, size_t n_name, unsigned wait_ms, struct mark_answer *answer) {
    *answer = (struct mark_answer){0};
    struct asking a = {.pid = pid};
    int result = -1;
    char *status = process_read(pid, "status", NULL);
    if (!status) {
        diag_error("cannot mark process %d: %s", (int)pid,
                   errno == ENOENT || errno == ESRCH ? "there is none" : strerror(errno));
        return -1;
    }
    char *ring = NULL;
    if (process_is_dead(status)) {
        diag_error("cannot mark process %d: it has ended", (int)pid);
    } else {
        ring = find_ring(pid, status, &answer->trace);
    }
    a.header = ring ? map_header(pid, status, ring) : NULL;
    if (a.header) {
        a.trace = answer->trace;
        result = ask(&a, name, n_name, wait_ms) == 0 ? take_answer(&a, answer) : -1;
        munmap(a.header, sizeof *a.header);
    }
    free(ring);
    free(status);
    return result;
}
