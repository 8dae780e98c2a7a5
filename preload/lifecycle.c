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
#include "elf_object.h"
#include "exec_watch.h"
#include "heap_ask.h"
#include "left_hooks.h"
#include "modules.h"
#include "openssl.h"
#include "quiet.h"
#include "real.h"
#include "ring_file.h"
#include "sample.h"
#include "stack_intern.h"
#include "sys.h"
#include "text.h"
#include "thread_state.h"
#include "tree.h"

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
static void log_process(bool is_forked) {
    char *command = sys_map_private(COMMAND_BYTES_MAX);
    if (!command) {
        return;
    }
    struct ring_log_process head = {
        .pid = ring->pid, .ppid = (uint32_t)getppid(), .is_forked = is_forked, .epoch = is_forked ? modules_epoch() : 0};
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

static uint64_t read_tsc(void) {
    if (!sys_is_tsc_barred) {
        return arch_tsc_before();
    }
    bool is_barred = sys_asks_tsc_barred(); /* perhaps to other threads alone */
    sys_allow_tsc(true);
    uint64_t stamp = arch_tsc_before();
    sys_allow_tsc(!is_barred);
    return stamp;
}

/* Frames in here are not the program's. */
static void note_own_place(void) {
    struct elf_object own;
    if (elf_object_at((uint64_t)note_own_place, &own, false)) {
        ring->shim_start = own.start;
        ring->shim_end = own.end;
    }
}

static void note_start(void) {
    ring->start_stamp = ring->is_clock_tsc ? read_tsc() : sys_mono_ns(); /* also where hooks read no clock */
    atomic_store_explicit(&ring->recent_stamp, ring->start_stamp, memory_order_relaxed);
    ring->start_mono_ns = sys_mono_ns();
    ring->start_real_ns = sys_real_ns();
    ring->sample_bytes = sample_interval;
    ring->pid_namespace = sys_pid_namespace();
    note_own_place();
    exec_watch_start();
}

/* The name of this process's ring, beside the trace. */
static bool name_ring(uint64_t number) {
    struct text text = text_over(ring_path, sizeof ring_path);
    text_add(&text, output);
    text_add(&text, ".ring-");
    text_add_number(&text, (uint32_t)sys_getpid());
    text_add(&text, "-");
    text_add_number(&text, number);
    return !text.is_cut;
}

/* The name of the trace, in full: the collector works in another directory, and the program may change to one. */
static bool choose_output(void) {
    static char name[PATH_MAX];
    bool is_whole = config_output_path(&config, executable, (uint32_t)sys_getpid(), name, sizeof name);
    if (!is_whole || absolute_path(output, sizeof output, name).is_cut || !name_ring(sys_mono_ns())) {
        sys_message("the name of the trace is too long; not tracing", NULL);
        return false;
    }
    return true;
}

/* That of the tree which this program belongs to. */
static bool take_output_of_tree(uint64_t number) {
    static const char mark[] = ".ring-";
    char *end = NULL;
    memcpy(output, config.tree, sizeof output);
    for (char *at = output; (at = strstr(at, mark)); at++) {
        end = at;
    }
    if (!end) {
        return false;
    }
    *end = '\0';
    return name_ring(number);
}

/* The ring is there: say who is in it. */
static void fill_ring(bool is_forked) {
    note_start();
    log_process(is_forked);
    atomic_store(&ring->target_state, RING_TARGET_RUNNING);
    memcpy(ring->magic, RING_MAGIC, sizeof ring->magic);
}

static bool is_parent(void) {
    return ring && sentinel && atomic_load(&state) == LIFECYCLE_TRACING;
}

bool lifecycle_is_on(void) {
    return is_parent();
}

/* vfork children share all memory: what they start is not theirs to prepare. */
void lifecycle_before_fork(void) {
    if (is_parent() && (uint32_t)sys_getpid() == ring->pid) {
        tree_before_fork();
    }
}

void lifecycle_after_fork(void) {
    tree_after_fork();
}

void lifecycle_fork_returned(long result) {
    tree_fork_returned(result);
}

/* A child whose parent is not to be seen is process 1 of a pid namespace of its own, or another one in there: its pid means something else to
 * the collector. */
static bool is_in_parents_namespace(void) {
    return getppid() != 0;
}

/* Into its parent's log, and of the first one only: a server may fork without end. */
static void tell_untraced_child(int error) {
    char note[192];
    struct text text = text_over(note, sizeof note);
    if (atomic_load(&ring->lost[RING_LOST_UNTRACED_FORKS]) == 0) {
        text_add(&text, "fork: a child is not traced: making its ring beside the trace failed: ");
        text_add(&text, sys_error_text(error));
        text_add(&text, "; have the trace where it may write and there is room");
        ring_log_append(RING_LOG_NOTE, clock_before(), note, (uint32_t)text.n + 1, NULL, 0);
    }
}

/* All that come by a function are seen here, so that a child that allocates nothing before it execs is there too; what is cloned by an instruction
 * is seen by the wiped memory alone (and before Linux 4.14 not at all). */
void lifecycle_in_fork_child(void) {
    if (!is_parent()) {
        return;
    }
    if ((uint32_t)sys_getpid() == ring->pid && !lifecycle_is_fork_child()) {
        return; /* a hook was here first: a handler of the host's that runs before this one allocated */
    }
    uint64_t number = sys_mono_ns();
    bool is_wanted = tree_has_place() && is_in_parents_namespace() && tree_is_read(ring) && name_ring(number);
    int error = is_wanted ? tree_join_as_child(ring_path, number, fill_ring) : 0;
    if (is_wanted && error == 0) {
        atomic_store(sentinel, 1);
        return;
    }
    if (error != 0) {
        tell_untraced_child(error);
    }
    tree_give_place_back();
    atomic_store(sentinel, 0);
    lifecycle_enter_child();
    ring_divert();
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

/* A trace is never overwritten. */
static void refuse_existing_output(void) {
    struct stat st;
    if (stat(output, &st) == 0 && S_ISDIR(st.st_mode)) {
        sys_message("cannot write ", output, ": is a directory; not tracing (name a file in it with output=)", NULL);
    } else {
        sys_message("cannot write ", output,
                    ": it exists and is never overwritten; not tracing (choose another name with output=, or have %p, the "
                    "process id, in it, and %n, the program's name)",
                    NULL);
    }
}

static bool prepare_ring(int *fd) {
    bool has_tsc = arch_has_stable_tsc();
    clock_is_tsc = has_tsc && !config.is_quiet;
    *fd = ring_create(ring_path, config.ring_bytes, has_tsc, config.is_quiet);
    if (*fd < 0) {
        sys_message("cannot write ", output, ": making the ring beside it failed: ", sys_error_text(*fd), "; not tracing",
                    NULL);
        return false;
    }
    if (!prepare_sentinel() || sample_init(config.sample_bytes) < 0 || stack_intern_init() < 0 || modules_init() < 0 ||
        thread_states_init(config.is_quiet) < 0) {
        sys_message("cannot get memory for tracing; not tracing", NULL);
        ring_discard(ring_path);
        close(*fd);
        return false;
    }
    return true;
}

/* And not a vfork child of it (which, when quiet, cannot be told). */
static bool is_traced_process(void) {
    return atomic_load(&state) == LIFECYCLE_TRACING && !lifecycle_is_fork_child() && ring_own_pid() == ring->pid;
}

static void note_exit(int status) {
    struct rusage usage;
    if (!quiet_is_on && getrusage(RUSAGE_SELF, &usage) == 0) {
        atomic_store(&ring->max_rss_bytes, (uint64_t)usage.ru_maxrss * 1024);
    }
    atomic_store(&ring->exit_status, (uint32_t)status & 0xff);
    atomic_store_explicit(&ring->target_state, RING_TARGET_EXITED, memory_order_release);
}

void lifecycle_note_exit(int status) {
    if (!quiet_is_on && is_traced_process()) { /* when quiet: vfork children end in this way, too */
        note_exit(status);
    }
}

/* In a copy that only answers: no hook is to join the tree there. */
static void leave_tree(void) {
    atomic_store(&state, LIFECYCLE_OFF);
    thread_current = NULL;
}

static void at_exit(int status, void *unused) {
    (void)unused;
    if (is_traced_process()) {
        openssl_finish();
        heap_ask(leave_tree);
        left_hooks_count(ARCH_CALLER());
        modules_count_unfinished();
        note_exit(status);
    }
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

/* The first process: the collector is started. */
static bool begin_tree(void) {
    int fd;
    if (!choose_output()) {
        return false;
    }
    if (access(output, F_OK) == 0) {
        refuse_existing_output();
        return false;
    }
    if (!prepare_ring(&fd)) {
        return false;
    }
    fill_ring(false);
    bool is_collected = collector_start(fd, ring_path, output, config.limit_bytes, config.options);
    close(fd); /* a host that closes or reuses descriptors must not meet ours */
    if (!is_collected) {
        ring_discard(ring_path);
        return false;
    }
    tree_export(ring_path, !config.is_alone);
    return true;
}

/* A program started by exec. Where its tree is not collected any more, or cannot be reached from here, it goes untraced. */
static bool begin_in_tree(void) {
    uint64_t number = sys_mono_ns();
    int fd;
    if (!tree_is_open(config.tree) || !take_output_of_tree(number) || !prepare_ring(&fd)) {
        return false;
    }
    close(fd);
    fill_ring(false);
    atomic_store(&ring->collector_state, RING_COLLECTOR_RUNNING);
    if (!tree_join_by_exec(config.tree, number)) {
        ring_discard(ring_path);
        return false;
    }
    tree_remember();
    return true;
}

/* What the mode without system calls needs beforehand. */
static bool prepare_quiet(void) {
    const char *why = config.is_quiet ? quiet_prepare() : NULL;
    if (why) {
        sys_message("seccomp=yes cannot be had: ", why, "; not tracing", NULL);
    }
    return !why;
}

static bool begin(void) {
    sys_start();
    config_read(&config);
    if (config.is_off || (config.only_pid && config.only_pid != (uint32_t)sys_getpid())) {
        return false;
    }
    read_executable();
    if (would_inherit_collector() || !prepare_quiet()) {
        return false;
    }
    return *config.tree ? begin_in_tree() : begin_tree();
}

static COLD bool start(void) {
    uint32_t expected = LIFECYCLE_NEW;
    /* Before libc has its environment there is no telling what is wanted; the dynamic linker's own few calls pass by. */
    if (!environ || !atomic_compare_exchange_strong(&state, &expected, LIFECYCLE_STARTING)) {
        return atomic_load(&state) == LIFECYCLE_TRACING;
    }
    bool is_tracing = begin();
    if (is_tracing) {
        elf_object_learn();
    }
    if (is_tracing && config.is_quiet) {
        modules_prepare_quiet();
        quiet_is_on = true;
    }
    atomic_store(&state, is_tracing ? LIFECYCLE_TRACING : LIFECYCLE_OFF);
    if (is_tracing && !config.has_no_openssl) {
        openssl_start();
    }
    return is_tracing;
}

bool lifecycle_is_tracing(void) {
    uint32_t now = atomic_load_explicit(&state, memory_order_acquire);
    return now == LIFECYCLE_TRACING || (now == LIFECYCLE_NEW && start());
}

void lifecycle_meet_child(void) {
    if (tree_has_place() && quiet_is_on) {
        ring_count_lost(RING_LOST_NO_SLOT, 1); /* the handler is soon to come, and no hook may make a ring */
    } else if (tree_has_place()) {
        lifecycle_in_fork_child();
    } else {
        lifecycle_enter_child();
    }
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

static void choose_unwinder(void) {
    bool is_foreign = config.unwinder == OPTION_UNWINDER_LIBUNWIND || config.unwinder == OPTION_UNWINDER_VERIFY;
    if (is_foreign && config.is_quiet) {
        sys_message("libunwind makes system calls; with seccomp=yes unwinder=reuse is used instead", NULL);
    } else {
        capture_choose(config.unwinder);
    }
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
    pthread_atfork(lifecycle_before_fork, lifecycle_after_fork, lifecycle_in_fork_child);
    choose_unwinder();
    heap_ask_init(&config);
    atomic_store(&t->phase, THREAD_READY);
}
