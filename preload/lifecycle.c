/* lifecycle.c - see lifecycle.h. The only constructor of the shim is here. */
#include "lifecycle.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "collector_start.h"
#include "config.h"
#include "modules.h"
#include "real.h"
#include "ring_file.h"
#include "sample.h"
#include "stack_intern.h"
#include "sys.h"
#include "text.h"
#include "thread_state.h"

enum { COMMAND_BYTES_MAX = 65536 };

static _Atomic uint32_t state;
static struct config config;
static char executable[PATH_MAX];
static char output[PATH_MAX];
static char ring_path[PATH_MAX];
static _Atomic uint32_t *sentinel; /* 1; wiped to 0 in a fork child */

const char *lifecycle_executable(void) {
    return executable;
}

/* A path in a buffer of its own, absolute where the current directory can be told. */
static struct text absolute_path(char *buf, size_t cap, const char *path) {
    struct text text = text_over(buf, cap);
    if (path[0] != '/' && getcwd(buf, cap)) {
        text.n = strlen(buf);
        text_add(&text, "/");
        path += path[0] == '.' && path[1] == '/' ? 2 : 0;
    }
    text_add(&text, path);
    return text;
}

/* Without /proc (a bare chroot) it is the name that the kernel was asked to run. */
static void read_executable(void) {
    ssize_t n = readlink("/proc/self/exe", executable, sizeof executable - 1);
    const char *asked = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
    executable[n > 0 ? n : 0] = '\0';
    if (n <= 0 && asked && absolute_path(executable, sizeof executable, asked).is_cut) {
        executable[0] = '\0';
    }
}

/* The log's first record: who is traced. */
static void log_process(void) {
    char *command = sys_map_private(COMMAND_BYTES_MAX);
    if (!command) {
        return;
    }
    struct ring_log_process head = {.pid = ring->pid, .ppid = (uint32_t)getppid()};
    size_t path_bytes = strlen(executable) + 1;
    memcpy(command, executable, path_bytes);
    ssize_t n = sys_read_file("/proc/self/cmdline", command + path_bytes, COMMAND_BYTES_MAX - path_bytes - 1);
    if (n <= 0) {
        memcpy(command + path_bytes, executable, path_bytes); /* no /proc: at least the program */
        n = (ssize_t)path_bytes;
    }
    size_t all = path_bytes + (size_t)(n > 0 ? n : 0);
    if (command[all - 1] != '\0') {
        command[all++] = '\0'; /* cut at the buffer's end */
    }
    ring_log_append(RING_LOG_PROCESS, ring->start_stamp, &head, sizeof head, command, (uint32_t)all);
    sys_unmap(command, COMMAND_BYTES_MAX);
}

static void stamp_start(void) {
    ring->start_stamp = clock_before();
    atomic_store_explicit(&ring->recent_stamp, ring->start_stamp, memory_order_relaxed);
    ring->start_mono_ns = sys_mono_ns();
    ring->start_real_ns = sys_real_ns();
    ring->sample_bytes = sample_interval;
}

/* Names of the trace and, beside it, the ring. */
static bool choose_paths(void) {
    uint32_t pid = (uint32_t)sys_getpid();
    if (!config_output_path(&config, executable, pid, output, sizeof output)) {
        sys_message("the name of the trace is too long; not tracing", NULL);
        return false;
    }
    /* The collector unlinks the ring at the end, from another directory. */
    struct text text = absolute_path(ring_path, sizeof ring_path, output);
    text_add(&text, ".ring-");
    text_add_number(&text, pid);
    text_add(&text, "-");
    text_add_number(&text, sys_mono_ns());
    return !text.is_cut;
}

/* fork() and _Fork() are seen here, so that a child that allocates nothing before it execs is counted too; clone() is seen by the wiped
 * memory alone (and before Linux 4.14 not at all). */
void lifecycle_in_fork_child(void) {
    if (ring && sentinel) {
        atomic_store(sentinel, 0);
        lifecycle_enter_child();
        ring_divert();
    }
}

bool lifecycle_is_fork_child(void) {
    return atomic_load_explicit(sentinel, memory_order_relaxed) == 0;
}

static bool prepare_sentinel(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    sentinel = sys_map_private(page);
    if (!sentinel) {
        return false;
    }
    sys_wipe_on_fork(sentinel, page);
    atomic_store(sentinel, 1);
    return true;
}

/* A trace is never overwritten. Under `seep run` nobody but an earlier program of this very process can have made it. */
static void refuse_existing_output(void) {
    struct stat st;
    if (stat(output, &st) == 0 && S_ISDIR(st.st_mode)) {
        sys_message("cannot write ", output, ": is a directory; not tracing (name a file in it with output=)", NULL);
    } else if (config.only_pid) {
        sys_message("the traced process goes on as ", executable, " (exec); ", output,
                    " covers what ran before, the new program is not traced: start it directly", NULL);
    } else {
        sys_message("cannot write ", output,
                    ": it exists and is never overwritten; not tracing (choose another name with output=, or have %p, the "
                    "process id, in it, and %n, the program's name, where programs turn into others by exec)",
                    NULL);
    }
}

static bool prepare_ring(int *fd) {
    if (access(output, F_OK) == 0) {
        refuse_existing_output();
        return false;
    }
    clock_is_tsc = arch_has_stable_tsc();
    *fd = ring_create(ring_path, config.ring_bytes, clock_is_tsc);
    if (*fd < 0) {
        sys_message("cannot write ", output, ": making the ring beside it failed: ", sys_error_text(*fd), "; not tracing",
                    NULL);
        return false;
    }
    if (!prepare_sentinel() || sample_init(config.sample_bytes) < 0 || stack_intern_init() < 0 || modules_init() < 0 ||
        thread_states_init() < 0) {
        sys_message("cannot get memory for tracing; not tracing", NULL);
        ring_discard(ring_path);
        close(*fd);
        return false;
    }
    return true;
}

static void at_exit(int status, void *unused) {
    (void)unused;
    if (atomic_load(&state) != LIFECYCLE_TRACING || (uint32_t)sys_getpid() != ring->pid) {
        return;
    }
    thread_count_abandoned();
    modules_count_unfinished();
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        atomic_store(&ring->max_rss_bytes, (uint64_t)usage.ru_maxrss * 1024);
    }
    atomic_store(&ring->exit_status, (uint32_t)status & 0xff);
    atomic_store_explicit(&ring->target_state, RING_TARGET_EXITED, memory_order_release);
}

extern int on_exit(void (*function)(int status, void *arg), void *arg) __attribute__((weak));

/* Orphans become children of process 1 and of subreapers: the collector would turn up in the host's own wait(), and a host that waits for
 * its last child would wait for ever, since the collector waits for the host. */
static bool would_inherit_collector(void) {
    int is_subreaper = 0;
    if (sys_getpid() != 1 && (prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) < 0 || !is_subreaper)) {
        return false;
    }
    sys_message(
        executable, is_subreaper ? " is a subreaper" : " is process 1 of its container",
        ", and the collector would become its child; not tracing (start it below an init, as docker run --init does)",
        NULL);
    return true;
}

static bool begin(void) {
    sys_start();
    config_read(&config);
    if (config.is_off || (config.only_pid && config.only_pid != (uint32_t)sys_getpid())) {
        return false;
    }
    read_executable();
    if (would_inherit_collector()) {
        return false;
    }
    int fd;
    if (!choose_paths() || !prepare_ring(&fd)) {
        return false;
    }
    stamp_start();
    memcpy(ring->magic, RING_MAGIC, sizeof ring->magic);
    log_process();
    bool is_collected = collector_start(fd, ring_path, output, config.options);
    close(fd); /* a host that closes or reuses descriptors must not meet ours */
    if (!is_collected) {
        ring_discard(ring_path);
        return false;
    }
    atomic_store(&ring->target_state, RING_TARGET_RUNNING);
    return true;
}

static COLD bool start(void) {
    uint32_t expected = LIFECYCLE_NEW;
    /* Before libc has its environment there is no telling what is wanted; the dynamic linker's own few calls pass by. */
    if (!environ || !atomic_compare_exchange_strong(&state, &expected, LIFECYCLE_STARTING)) {
        return atomic_load(&state) == LIFECYCLE_TRACING;
    }
    bool is_tracing = begin();
    atomic_store(&state, is_tracing ? LIFECYCLE_TRACING : LIFECYCLE_OFF);
    return is_tracing;
}

bool lifecycle_is_tracing(void) {
    uint32_t now = atomic_load_explicit(&state, memory_order_acquire);
    return now == LIFECYCLE_TRACING || (now == LIFECYCLE_NEW && start());
}

void lifecycle_enter_child(void) {
    uint32_t expected = LIFECYCLE_TRACING;
    if (atomic_compare_exchange_strong(&state, &expected, LIFECYCLE_OFF)) {
        ring_count_lost(RING_LOST_UNTRACED_FORKS, 1);
    }
    thread_current = NULL;
}

static void tell_bypassed(void) {
    static const char text[] = "an allocator linked into the program, or preloaded earlier, stands before libseep.so: only "
                               "what it passes on to the next one is seen";
    sys_message(text, NULL);
    ring_log_append(RING_LOG_NOTE, clock_before(), text, sizeof text, NULL, 0);
}

__attribute__((constructor)) static void construct(void) {
    real_resolve();
    if (!lifecycle_is_tracing()) {
        return;
    }
    if (real_is_bypassed) {
        tell_bypassed();
    }
    struct thread_state *t = thread_current ? thread_current : thread_attach();
    if (!t) {
        return;
    }
    atomic_store(&t->phase, THREAD_IGNORE); /* what these allocate is not the host's */
    if (on_exit) {
        on_exit(at_exit, NULL);
    }
    pthread_atfork(NULL, NULL, lifecycle_in_fork_child);
    capture_choose(config.unwinder);
    atomic_store(&t->phase, THREAD_READY);
}
