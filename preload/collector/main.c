/* main.c - start of seep-collect: take over the ring, create the trace, answer the shim, leave the host's surroundings.
 *
 * Whoever starts it is a copy of the traced process, so nothing of the host may stay behind in here: its descriptors are
 * closed, its session and folder left, its signals ignored. It ends when the target has ended, never because somebody pressed
 * Ctrl-C for the target. Exit status: 0 complete trace, 1 trace is not complete, 2 nothing could be started.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "collect.h"
#include "memory.h"
#include "options.h"
#include "proc_files.h"
#include "resume.h"
#include "surroundings.h"

enum { EXIT_INCOMPLETE = 1, EXIT_NOT_STARTED = 2, FIRST_FREE_FD = 3 };

static struct collector collector;
static struct ring_map ring;
static char *ring_base; /* see collect.h */
static int status_fd = -1;

static const char *new_output; /* while the trace has been made and recording has not begun; else NULL */

static void answer(const char *line);

static void tell_no_memory(void) {
    if (new_output) {
        unlink(new_output);
        answer("cannot start the collector: not enough memory (RLIMIT_AS, RLIMIT_DATA)\n");
    }
    if (ring.header) {
        atomic_store_explicit(&ring.header->collector_state, RING_COLLECTOR_FAILED, memory_order_release);
    }
    collector_give_up(&collector);
}

/* Say one line to whoever started us. */
static void answer(const char *line) {
    size_t n = strlen(line);
    while (n > 0) {
        ssize_t got = write(status_fd, line, n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return; /* nobody listens */
        }
        line += got;
        n -= (size_t)got;
    }
}

static _Noreturn void fail(const char *format, ...) PRINTF_LIKE(1, 2);

static _Noreturn void fail(const char *format, ...) {
    char line[8192];
    int n = status_fd < 0 ? snprintf(line, sizeof line, "seep-collect: ") : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + n, sizeof line - (size_t)n - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    if (status_fd < 0) {
        status_fd = STDERR_FILENO;
    }
    answer(line);
    tell_no_memory();
    exit(EXIT_NOT_STARTED);
}

static int create_output(const char *path) {
    int fd = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDWR, 0600);
    if (fd < 0) {
        fail(errno == EEXIST ? "cannot create %s: %s; choose another name with output=" : "cannot create %s: %s", path,
             strerror(errno));
    }
    /* Held for life: readers tell by it that the trace is being written. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno != EOPNOTSUPP && errno != ENOLCK) {
        fail("cannot lock %s: %s", path, strerror(errno));
    }
    return fd;
}

/* Where the trace is, for who has to put another file in its place later on, from another folder. */
static struct fold_place find_place(const struct options *o) {
    const char *slash = strrchr(o->output, '/');
    struct fold_place place = {.limit_bytes = o->limit_bytes, .dir_fd = -1, .name = slash ? slash + 1 : o->output};
    if (o->limit_bytes == 0) {
        return place;
    }
    char *dir = slash ? strndup(o->output, slash == o->output ? 1 : (size_t)(slash - o->output)) : strdup(".");
    place.dir_fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (place.dir_fd < 0) {
        fail("cannot open the folder of %s: %s", o->output, strerror(errno));
    }
    free(dir);
    return place;
}

static void attach(const char *name, int fd) {
    const char *error = ring_map_attach(&ring, fd);
    close(fd);
    if (error) {
        fail("cannot read ring %s: %s", name, error);
    }
}

/* What the names of all rings of the tree begin with. */
static void find_ring_base(const char *ring_path) {
    static const char mark[] = ".ring-";
    char *end = NULL;
    ring_base = strdup(ring_path ? ring_path : "");
    for (char *at = ring_base; at && (at = strstr(at, mark)); at++) {
        end = at;
    }
    if (end) {
        *end = '\0';
        collector.ring_base = ring_base;
    }
}

/* From here on another collector could go on. */
static void keep_journal(const struct options *o) {
    char *path = o->ring_path ? strdup(o->ring_path) : NULL, *journal_path;
    if (path) {
        target_name_ring(collector.targets[0], path);
    }
    if (collector.ring_base && asprintf(&journal_path, "%s.state", collector.ring_base) >= 0) {
        commit_begin(&collector, journal_path);
        free(journal_path);
    }
}

static int run(const struct options *o) {
    find_ring_base(o->ring_path);
    if (!o->is_offline) {
        keep_journal(o);
    }
    int result = collector_run(&collector);
    if (result == 0 || collector.journal.fd < 0) {
        commit_end(&collector);
    } /* else what is missing can be written when there is room again */
    ring.header = NULL;
    int output_fd = collector.writer.fd;
    collector_free(&collector);
    free(ring_base);
    close(output_fd);
    return result == 0 ? 0 : EXIT_INCOMPLETE;
}

static int run_online(const struct options *o) {
    surroundings_ignore_signals();
    status_fd = o->status_fd >= 0 ? fcntl(o->status_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD) : -1;
    attach(o->ring_path ? o->ring_path : "given", o->ring_fd);
    surroundings_fill_standard_fds();
    struct fold_place place = find_place(o);
    int fd = create_output(o->output);
    new_output = o->output;
    if (collector_init(&collector, &ring, fd, &place, o->pid ? o->pid : ring.pid, o->text) != 0) {
        int cause = errno;
        new_output = NULL;
        unlink(o->output);
        fail("cannot write %s: %s", o->output, strerror(cause));
    }
    new_output = NULL;
    atomic_store_explicit(&ring.header->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
    atomic_store_explicit(&ring.header->collector_state, RING_COLLECTOR_RUNNING, memory_order_release);
    if (status_fd >= 0) {
        answer("ok\n");
    }
    struct process_watch *watch = &collector.targets[0]->watch;
    process_watch_close(watch); /* it is among what gets closed */
    surroundings_close_all_but(fd, place.dir_fd);
    process_watch_open(watch, o->pid ? o->pid : ring.pid);
    surroundings_leave();
    surroundings_raise_limits();
    renewal_init(&collector.renewal);
    return run(o);
}

/* Is the process that has the target's pid the target? Not if it has been started after the ring. */
static bool is_target_alive(void) {
    struct process_watch watch;
    process_watch_open(&watch, ring.pid);
    bool is_alive = process_watch_is_alive(&watch);
    process_watch_close(&watch);
    struct proc_stat stat;
    struct timespec now, since_boot;
    if (!is_alive || !proc_read_stat(ring.pid, &stat)) {
        return is_alive;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    double started = (double)(now.tv_sec - since_boot.tv_sec) + (double)stat.start_ticks / (double)sysconf(_SC_CLK_TCK);
    return started < (double)ring.start_real_ns / 1e9 + 2; /* both are rounded */
}

static int run_offline(const struct options *o) {
    int ring_fd = open(o->ring_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (ring_fd < 0) {
        fail("cannot open %s: %s", o->ring_path, strerror(errno));
    }
    attach(o->ring_path, ring_fd);
    uint32_t state = atomic_load_explicit(&ring.header->collector_state, memory_order_acquire);
    if (state != RING_COLLECTOR_NONE) {
        ring.header = NULL; /* not ours to mark as failed */
        fail("%s has been collected, or is being collected: look for its trace", o->ring_path);
    }
    if (!o->is_dead && is_target_alive()) {
        uint32_t pid = ring.pid;
        ring.header = NULL;
        fail("process %u is still running; --dead if that is another one", pid);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct fold_place place = find_place(o);
    int fd = open(o->output, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDWR, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ring.header = NULL;
        fail("cannot create %s: %s", o->output, strerror(errno));
    }
    if (collector_init(&collector, &ring, fd, &place, 0, o->text) != 0) {
        ring.header = NULL;
        fail("cannot write %s: %s", o->output, strerror(errno));
    }
    int result = run(o);
    if (result != 0) {
        fprintf(stderr, "seep-collect: %s is not complete: not everything could be written\n", o->output);
    }
    return result;
}

int main(int argc, char **argv) {
    struct options options;
    enum options_result parsed = options_parse(&options, argc, argv);
    if (parsed != OPTIONS_RUN) {
        return parsed == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_NOT_STARTED;
    }
    memory_on_failure(tell_no_memory);
    if (options.resumed) {
        return resume_run(&options);
    }
    return options.is_offline ? run_offline(&options) : run_online(&options);
}
