/* doctor_process.c - see doctor_checks.h: a running process, looked at through /proc alone: it is neither attached to nor stopped.
 *
 * Source: proc(5), ld.so(8) "secure-execution mode", seccomp(2), dlmopen(3); PF_KTHREAD from include/linux/sched.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "doctor_checks.h"
#include "process_files.h"
#include "text.h"

enum { COMMAND_BYTES_MAX = 2048 };

static const unsigned long kernel_thread_flag = 0x00200000;

static const char shim_name[] = "libseep.so";

/* What is read of a process; the texts are owned. */
struct process_view {
    pid_t pid;
    char *status, *environment, *auxv;
    size_t n_environment, n_auxv;
    struct mapped_files files;
    bool has_shim; /* libseep.so is mapped */
};

/* ---- whether it can be looked at ---- */

/* The letter of its state, and its flags. Source: proc(5), /proc/PID/stat; the name before may hold anything. */
static char read_state(pid_t pid, unsigned long *flags) {
    char state = '?';
    char *stat = process_read(pid, "stat", NULL);
    const char *end_of_name = stat ? strrchr(stat, ')') : NULL;
    *flags = 0;
    if (end_of_name && sscanf(end_of_name + 1, " %c %*d %*d %*d %*d %*d %lu", &state, flags) < 1) {
        state = '?';
    }
    free(stat);
    return state;
}

static int refuse(const struct process_view *view, int error) {
    long owner = process_status_number(view->status, "Uid", -1);
    if (error != EACCES && error != EPERM) {
        diag_error("cannot look at process %d: %s", (int)view->pid, strerror(error));
    } else if (owner != (long)getuid()) {
        diag_error("cannot look at process %d: it belongs to user %ld; ask as that user or as root", (int)view->pid, owner);
    } else {
        diag_error("cannot look at process %d: it is protected (set-user-ID, not dumpable, or more privileged than we); "
                   "ask as root",
                   (int)view->pid);
    }
    return -1;
}

static int view_read(struct process_view *view) {
    view->status = process_read(view->pid, "status", NULL);
    if (!view->status) {
        diag_error("cannot look at process %d: %s", (int)view->pid, errno == ENOENT ? "there is none" : strerror(errno));
        return -1;
    }
    view->environment = process_read(view->pid, "environ", &view->n_environment);
    view->auxv = view->environment ? process_read(view->pid, "auxv", &view->n_auxv) : NULL;
    if (!view->auxv || mapped_files_read(&view->files, view->pid) != 0) {
        return refuse(view, errno);
    }
    view->has_shim = mapped_files_have(&view->files, shim_name);
    return 0;
}

static void view_free(struct process_view *view) {
    free(view->status);
    free(view->environment);
    free(view->auxv);
    mapped_files_free(&view->files);
}

/* ---- whether it is traced ---- */

/* Its command line as a shell takes it. */
static void read_command(pid_t pid, char *words, size_t cap) {
    size_t n = 0;
    char *arguments = process_read(pid, "cmdline", &n);
    struct text text = text_over(words, cap);
    for (size_t i = 0; arguments && i < n; i += strlen(arguments + i) + 1) {
        const char *word = arguments + i;
        bool is_plain =
            *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%")];
        text_add(&text, i ? is_plain ? " " : " '" : is_plain ? "" : "'");
        for (; *word; word++) {
            text_add(&text, *word == '\'' ? "'\\''" : (char[2]){*word});
        }
        text_add(&text, is_plain ? "" : "'");
    }
    if (text.is_cut) {
        snprintf(words + cap - sizeof "…", sizeof "…", "…");
    }
    free(arguments);
}

static void check_untraced(struct findings *findings, const struct process_view *view) {
    char command[COMMAND_BYTES_MAX], advice[COMMAND_BYTES_MAX + 64];
    const char *preload = process_environment(view->environment, view->n_environment, "LD_PRELOAD");
    read_command(view->pid, command, sizeof command);
    snprintf(advice, sizeof advice, "start it anew: seep run -- %s", command);
    if (preload && strstr(preload, shim_name)) {
        findings_add(
            findings, FINDING_PROBLEM, "preload-dropped", "see what its stderr said at the start",
            "it was started with LD_PRELOAD=%s, but libseep.so is not loaded: dropped by the system, not found, or "
            "not fit for it",
            preload);
    }
    findings_add(findings, FINDING_NOTE, "not-traced", advice,
                 "it is not traced, and a running process cannot be: LD_PRELOAD must be there at its start");
}

static void check_traced(struct findings *findings, const struct process_view *view) {
    char *ring = view->files.shared_ring;
    if (!view->has_shim) {
        check_untraced(findings, view);
    } else if (!ring) {
        findings_add(findings, FINDING_PROBLEM, "not-recording",
                     "see what its stderr said; have the trace where it may write",
                     "libseep.so is loaded and records nothing: SEEP_OPTIONS names another process or has off, its parent "
                     "was not recorded or it cannot write where the trace is, or its recorder did not start");
    } else {
        findings_add(findings, FINDING_OK, "traced", NULL, "it is traced; the trace is %.*s",
                     (int)view->files.n_trace_bytes, ring);
    }
}

/* ---- how it was started ---- */

static void check_secure(struct findings *findings, const struct process_view *view) {
    if (process_auxiliary(view->auxv, view->n_auxv, AT_SECURE)) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "secure", "start it as its owner, without extra privileges",
                     "it runs in secure-execution mode (set-user-ID, file capabilities, or a security module), in which "
                     "LD_PRELOAD is ignored");
    }
}

/* The last number of "NSpid:" is its number where it lives. */
static bool is_init(const char *status) {
    const char *line = strstr(status, "\nNSpid:");
    if (!line) {
        return false;
    }
    const char *end = line + 1 + strcspn(line + 1, "\n");
    while (end[-1] >= '0' && end[-1] <= '9') {
        end--;
    }
    return strtol(end, NULL, 10) == 1;
}

static void check_init(struct findings *findings, const struct process_view *view) {
    if (is_init(view->status)) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "init", "start it below an init (tini, docker run --init)",
                     "it is process 1 of its container, which libseep.so does not trace");
    }
}

static void check_seccomp(struct findings *findings, const struct process_view *view) {
    long mode = process_status_number(view->status, "Seccomp", 0);
    if (mode == 1) {
        findings_add(findings, FINDING_PROBLEM, "seccomp", "start it with seep run --seccomp (SEEP_OPTIONS=seccomp=yes)",
                     "seccomp's strict mode is on, which kills it at the first system call of libseep.so");
    } else if (mode == 2) {
        findings_add(findings, FINDING_NOTE, "seccomp",
                     "start it with seep run --seccomp (SEEP_OPTIONS=seccomp=yes), or allow madvise, futex, getpid and "
                     "gettid; if the "
                     "filter is on before it starts, allow clone and execve",
                     "a seccomp filter is on: what it refuses to libseep.so costs events, which the report counts, and "
                     "one that kills for it ends the program");
    }
    if (process_status_number(view->status, "NoNewPrivs", 0) == 1) {
        findings_add(findings, FINDING_OK, "no-new-privileges", NULL,
                     "it can gain no privileges by exec (no_new_privs), so LD_PRELOAD is not dropped for that");
    }
}

static void check_user(struct findings *findings, const struct process_view *view) {
    long owner = process_status_number(view->status, "Uid", -1);
    if (owner != (long)getuid()) {
        findings_add(findings, FINDING_NOTE, "user", "name a folder for the trace that it may write to",
                     "it runs as user %ld and not as %ld: libseep.so must be readable for that user", owner,
                     (long)getuid());
    }
}

/* Does it see other files under the same names? */
static bool is_elsewhere(pid_t pid) {
    char path[64], ours[64], its[64];
    struct stat root, its_root;
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    ssize_t n = readlink("/proc/self/ns/mnt", ours, sizeof ours), n_its = readlink(path, its, sizeof its);
    if (n > 0 && n_its > 0 && (n != n_its || memcmp(ours, its, (size_t)n) != 0)) {
        return true;
    }
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    return stat("/", &root) == 0 && stat(path, &its_root) == 0 &&
           (root.st_dev != its_root.st_dev || root.st_ino != its_root.st_ino);
}

static bool read_link(char target[PATH_MAX], pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t n = readlink(path, target, PATH_MAX - 1);
    target[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Has it called chroot() itself, as servers do to lock themselves up? Then its program, which is older, lies outside of its root. */
static bool has_left_for(char root[PATH_MAX], pid_t pid) {
    char executable[PATH_MAX], ours[PATH_MAX], its[PATH_MAX];
    if (!read_link(root, pid, "root") || !read_link(executable, pid, "exe") || !read_link(ours, getpid(), "ns/mnt") ||
        !read_link(its, pid, "ns/mnt") || strcmp(ours, its) != 0) {
        return false;
    }
    size_t n = strlen(root);
    return n > 1 && (strncmp(executable, root, n) != 0 || executable[n] != '/');
}

static void check_place(struct findings *findings, const struct process_view *view) {
    char left_for[PATH_MAX], root[64] = "";
    if (has_left_for(left_for, view->pid)) {
        findings_add(
            findings, FINDING_NOTE, "mount-namespace", NULL,
            "it has called chroot() since its start (its root is %s): libseep.so is loaded and the trace made before",
            left_for);
    } else if (is_elsewhere(view->pid)) {
        findings_add(findings, FINDING_NOTE, "mount-namespace",
                     "start it anew from where it lives, with seep's files there",
                     "it lives in another mount namespace or behind chroot, as in a container");
        snprintf(root, sizeof root, "/proc/%d/root", (int)view->pid);
    }
    doctor_check_shim(findings, root);
}

/* Do two processes run the same file? */
static bool is_same_program(pid_t a, pid_t b) {
    char path_a[64], path_b[64];
    struct stat st_a, st_b;
    snprintf(path_a, sizeof path_a, "/proc/%d/exe", (int)a);
    snprintf(path_b, sizeof path_b, "/proc/%d/exe", (int)b);
    return stat(path_a, &st_a) == 0 && stat(path_b, &st_b) == 0 && st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

/* Known to be there without a ring of its own. */
static bool is_untraced(pid_t pid) {
    struct mapped_files files;
    if (mapped_files_read(&files, pid) != 0) {
        return false;
    }
    bool has_ring = files.shared_ring != NULL;
    mapped_files_free(&files);
    return !has_ring;
}

/* Children of its first thread; a kernel may not list them. */
static void check_children(struct findings *findings, const struct process_view *view) {
    char name[64];
    unsigned n_forks = 0, n_untraced = 0;
    snprintf(name, sizeof name, "task/%d/children", (int)view->pid);
    char *children = process_read(view->pid, name, NULL);
    char *rest = children;
    for (char *word; (word = strsep(&rest, " "));) {
        pid_t child = (pid_t)strtol(word, NULL, 10);
        if (child > 0 && is_same_program(view->pid, child)) {
            n_forks++;
            n_untraced += is_untraced(child);
        }
    }
    free(children);
    if (view->files.shared_ring && n_untraced) {
        findings_add(
            findings, FINDING_PROBLEM, "fork-children", "have the trace where they may write",
            "%u of its %u children that run the same program are not traced: made without fork(), or after it had lost "
            "the right to write where the trace is",
            n_untraced, n_forks);
    } else if (n_forks) {
        findings_add(findings, FINDING_OK, "fork-children", NULL,
                     "%u of its children run the same program: children made by fork come into the same trace", n_forks);
    }
}

/* ---- its files ---- */

static int check_executable(struct findings *findings, const struct process_view *view) {
    char path[64], executable[PATH_MAX];
    struct program_check check;
    struct allocator_scan scan;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)view->pid);
    ssize_t n = readlink(path, executable, sizeof executable - 1);
    if (n < 0) {
        return refuse(view, errno);
    }
    executable[n] = '\0';
    int status = program_check_preload(path, &check);
    snprintf(check.file, sizeof check.file, "%s", executable);
    if (status != 0 || !view->has_shim) {
        doctor_check_preload(findings, &check);
    }
    doctor_check_wrapper(findings, executable, false);
    doctor_check_executable(findings, path, &scan);
    allocator_scan_free(&scan);
    return 0;
}

/* Files that are none: memory shared under a name. */
static bool is_nameless(const char *path) {
    return strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/SYSV", 5) == 0;
}

/* Where a mapped file can be opened: below the root of the process, as in a container; or, of one that has called chroot(), by the path as it stands,
 * since /proc/PID/maps has that from our root where it can be reached from there. */
static bool find_mapped_file(char path[PATH_MAX], const struct process_view *view, const struct mapped_file *file) {
    struct stat st;
    int n = snprintf(path, PATH_MAX, "/proc/%d/root%s", (int)view->pid, file->path);
    if (n < PATH_MAX && stat(path, &st) == 0 && st.st_ino == file->inode) {
        return true;
    }
    n = snprintf(path, PATH_MAX, "%s", file->path);
    return n < PATH_MAX && stat(path, &st) == 0 && st.st_ino == file->inode;
}

static void check_mapped_file(struct findings *findings, const struct process_view *view, const struct mapped_file *file) {
    char path[PATH_MAX];
    struct allocator_scan scan;
    if (!find_mapped_file(path, view, file)) {
        findings_add(findings, FINDING_NOTE, "library-gone", NULL,
                     "%s was replaced or removed since it was loaded, and not looked at", file->path);
        return;
    }
    if (doctor_check_library(findings, path, file->path, false, &scan) == 0 && file->n_loads > 1 &&
        !findings_has(findings, "namespaces")) {
        findings_add(findings, FINDING_PROBLEM, "namespaces", "run it without dlmopen or LD_AUDIT to see all",
                     "%s is loaded %u times, so there is another link-map namespace (dlmopen, LD_AUDIT): libseep.so is not "
                     "in that, and "
                     "what is allocated there is not seen",
                     file->path, file->n_loads);
    }
    allocator_scan_free(&scan);
}

static void check_libraries(struct findings *findings, const struct process_view *view) {
    char path[64];
    struct stat executable = {0};
    snprintf(path, sizeof path, "/proc/%d/exe", (int)view->pid);
    if (stat(path, &executable) != 0) {
        executable.st_ino = 0;
    }
    for (size_t i = 0; i < view->files.n; i++) {
        const struct mapped_file *file = &view->files.items[i];
        if (file->inode != executable.st_ino && !is_nameless(file->path)) {
            check_mapped_file(findings, view, file);
        }
    }
}

static int check_view(struct findings *findings, struct process_view *view) {
    if (view_read(view) != 0) {
        return -1;
    }
    check_traced(findings, view);
    if (check_executable(findings, view) != 0) {
        return -1;
    }
    check_libraries(findings, view);
    check_secure(findings, view);
    check_init(findings, view);
    check_children(findings, view);
    check_seccomp(findings, view);
    if (!view->has_shim) {
        check_user(findings, view);
        check_place(findings, view);
    }
    return 0;
}

int doctor_check_process(struct findings *findings, pid_t pid) {
    unsigned long flags;
    char state = read_state(pid, &flags);
    if (flags & kernel_thread_flag) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "kernel-thread", NULL, "it is a thread of the kernel, which has no malloc");
        return 0;
    }
    if (state == 'Z' || state == 'X') {
        diag_error("cannot look at process %d: it has ended", (int)pid);
        return -1;
    }
    struct process_view view = {.pid = pid};
    int result = check_view(findings, &view);
    view_free(&view);
    return result;
}
