/* resume.c - see resume.h.
 *
 * The process that works is a child from the start: it alone takes the lock, and its id is what hooks are told.
 */
#include "resume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "catch_up.h"
#include "facts.h"
#include "memory.h"
#include "restore.h"
#include "surroundings.h"

enum { EXIT_NOT_RESUMED = 2, NS_PER_MS = 1000000, LOCK_TRIES = 20, LOCK_STEP_NS = 5000000 };

static struct collector collector;
static char trace_path[PATH_MAX];
static char *journal_path;
static uint64_t good_bytes; /* of the trace */

static _Noreturn void fail(const char *format, ...) PRINTF_LIKE(1, 2);

static _Noreturn void fail(const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "seep-collect: cannot resume %s: ", trace_path);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(EXIT_NOT_RESUMED);
}

static void tell_no_memory(void) {
    collector_give_up(&collector);
    fprintf(stderr, "seep-collect: cannot resume %s: not enough memory\n", trace_path);
}

/* What was written since the last commit goes: it will be written again. */
static void give_up_trial(int cause) {
    if (ftruncate(collector.writer.fd, (off_t)good_bytes) != 0) {
        /* Then it stays; the next attempt cuts it off. */
    }
    fail("%s; what the killed collector left behind is still there: try again", strerror(cause));
}

static int open_trace(void) {
    int fd = open(trace_path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        fail("%s", strerror(errno));
    }
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK || tries == LOCK_TRIES) {
            fail("%s", errno == EWOULDBLOCK ? "it is being written" : strerror(errno));
        }
        nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_NS}, NULL); /* somebody looks whether it is locked */
    }
    return fd;
}

/* Returns how many processes are alive. */
static int restore_all(const struct restore_given *given) {
    char why[JOURNAL_WHY_BYTES];
    struct journal_read journal;
    int result = journal_read_open(&journal, journal_path, why);
    if (result == 1 || (result < 0 && access(journal_path, F_OK) != 0)) {
        fail("there is nothing to go on with: %s %s", journal_path, result == 1 ? "is empty" : "is not there");
    }
    if (result == 0) {
        result = restore(&collector, &journal, given, why);
    }
    if (result < 0) {
        fail("%s: %s", journal_path, why);
    }
    journal_read_close(&journal);
    return result;
}

static void note_resumed(struct collector *c) {
    char text[160];
    uint64_t now_ns = clock_mono_ns();
    uint64_t ms = now_ns > c->left_mono_ns ? (now_ns - c->left_mono_ns) / NS_PER_MS : 0;
    snprintf(text, sizeof text,
             "the collector was killed, and another one went on with what it left behind %" PRIu64 ".%03u s later",
             ms / 1000, (unsigned)(ms % 1000));
    facts_note(c, c->targets[0], text);
    if (c->left_limit_bytes != 0) {
        facts_note(c, c->targets[0],
                   "from there on the trace may grow beyond its limit: what folding needs was lost with the collector");
    }
}

static void take_over_rings(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct ring_header *h = c->targets[i]->ring.header;
        atomic_store_explicit(&h->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
        atomic_store_explicit(&h->collector_state, RING_COLLECTOR_RUNNING, memory_order_release);
    }
}

/* All that was left to do is to tidy up. */
static int clean(void) {
    struct journal journal;
    journal_init(&journal, journal_path);
    commit_clean(&journal, trace_path);
    journal_free(&journal);
    return EXIT_SUCCESS;
}

/* Read what has gathered; answer; go on to the end. */
static int work(const struct options *o, int answer_fd) {
    struct restore_given given = {.is_dead = o->is_dead, .trace_fd = open_trace()};
    given.ring_base = trace_path;
    if (access(journal_path, F_OK) == 0 && trace_is_complete(given.trace_fd)) {
        return clean();
    }
    memory_on_failure(tell_no_memory);
    int n_alive = restore_all(&given);
    struct collector *c = &collector;
    good_bytes = c->writer.end_off;
    uint64_t earlier_ns = c->renewal.earlier_ns;
    renewal_init(&c->renewal);
    c->renewal.earlier_ns = earlier_ns;
    if (trace_writer_cut(&c->writer) != 0) {
        fail("%s", strerror(errno));
    }
    c->is_trial = n_alive == 0;
    c->renewal.limit_ns = c->is_trial ? 0 : c->renewal.limit_ns; /* somebody waits for this very process */
    c->on_trial_failure = give_up_trial;
    if (c->is_trial) {
        c->stopped_mono_ns = c->left_mono_ns;
        journal_init(&c->journal, journal_path);
    } else {
        commit_begin(c, journal_path);
        take_over_rings(c);
    }
    note_resumed(c);
    catch_up(c);
    if (!c->is_trial) {
        if (write(answer_fd, "", 1) != 1) {
            /* Nobody waits for it. */
        }
        close(answer_fd);
        surroundings_leave();
    }
    int result = collector_run(c);
    if (c->is_trial && result != 0) {
        give_up_trial(errno);
    }
    if (result == 0 || c->journal.fd < 0) {
        commit_end(c);
    }
    return result == 0 ? EXIT_SUCCESS : EXIT_NOT_RESUMED;
}

static int status_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NOT_RESUMED;
}

int resume_run(const struct options *o) {
    int ends[2];
    char byte;
    if (!realpath(o->resumed, trace_path)) {
        snprintf(trace_path, sizeof trace_path, "%s", o->resumed);
        fail("%s", strerror(errno));
    }
    surroundings_fill_standard_fds();
    if (asprintf(&journal_path, "%s.state", trace_path) < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        fail("%s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid < 0) {
        fail("%s", strerror(errno));
    }
    if (pid == 0) {
        close(ends[0]);
        setsid();
        surroundings_ignore_signals();
        surroundings_raise_limits();
        _exit(work(o, ends[1]));
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 1) {
        printf("recording goes on in %s\n", trace_path);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_NOT_RESUMED;
    }
    return status_of(pid);
}
