/* run.c - `seep run`: start a program with the shim preloaded, wait for it, and end as it does.
 *
 * All that can be known to go wrong is checked before anything starts. The child is forked early, because the trace's name
 * holds its pid, and waits at a pipe until the checks are done.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command_gate.h"
#include "commands.h"
#include "diag.h"
#include "elf_check.h"
#include "file_lock.h"
#include "option_syntax.h"
#include "options.h"
#include "profile.h"
#include "recording.h"
#include "run_environment.h"

enum {
    COLLECTOR_WAIT_MS = 60000, /* to finish writing after the end of the last process */
    FIRST_WAIT_MS = 1000,      /* by then a process that lives on stands in the trace */
    TRACE_WAIT_MS = 1000,      /* for a trace to appear: the collector of a very short program may just be starting */
    TRACE_POLL_MS = 20,
};

static const char help[] =
    "usage: seep run [OPTIONS] [--] COMMAND [ARGUMENTS]\n"
    "\n"
    "Run a program and record its allocations. Ends with the program's exit status.\n"
    "\n"
    "  seep run -o x.seep -- ./server --port 8080\n"
    "\n"
    "  -o, --output FILE           the trace; %p in it stands for the process id, %n for the program's\n"
    "                              name; never overwritten\n"
    "                              (seep.<program>.<process id>.seep in the current directory)\n"
    "      --ring SIZE             most memory for events on their way to the file, 256K to 16G (64M; with --seccomp 32M)\n"
    "      --sample SIZE           record only one point in SIZE allocated bytes on average, and estimate; up to 1G\n"
    "                              (0: record every allocation)\n"
    "      --limit SIZE            keep the trace below SIZE, 1M to 1024G: its oldest events become totals, exact but no\n"
    "                              longer to be looked at by time (0: no limit)\n"
    "      --seccomp               for programs with a seccomp filter: record without a system call once they run\n"
    "      --no-openssl            do not have OpenSSL say where it allocates and frees\n"
    "      --no-follow-exec        do not trace programs that the program runs (fork children are traced)\n"
    "      --unwinder NAME         reuse, cfi, libunwind, or verify: reuse compared with libunwind (reuse)\n"
    "      --gate [OPTIONS] --     judge the trace as seep gate does, by all options up to the --; ends with the "
    "program's\n"
    "                              status, or where that is 0 with the gate's\n"
    "  -h, --help                  this\n"
    "\n"
    "To trace without seep run: LD_PRELOAD=…/libseep.so SEEP_OPTIONS=output=FILE COMMAND\n";

struct run {
    struct run_options options;
    struct gate_command gate;
    bool has_gate;
    char **command;
    char shim[PATH_MAX];
    char trace[PATH_MAX];
};

/* ---- options and checks ---- */

/* Whether an option's value is one that the shim takes. */
static bool is_value(int option, const char *s) {
    uint64_t size;
    enum option_unwinder unwinder;
    switch (option) {
    case 'r':
        return option_size(s, OPTION_RING_BYTES_MIN, OPTION_RING_BYTES_MAX, &size);
    case 's':
        return option_size(s, 0, OPTION_SAMPLE_BYTES_MAX, &size);
    case 'l':
        return option_limit(s, &size);
    case 'u':
        return option_unwinder(s, &unwinder);
    default:
        return *s != '\0';
    }
}

/* What stands between --gate and -- is the gate's, what follows is the command. Returns 0, or -1 after a message. */
static int read_gate(struct run *run, char **argv) {
    int n = 1;
    while (argv[n] && strcmp(argv[n], "--") != 0) {
        n++;
    }
    if (!argv[n]) {
        diag_error("run: --gate takes all options up to a --, and the command behind it; see seep run --help");
        return -1;
    }
    run->command = argv + n + 1;
    run->has_gate = true;
    if (gate_command_read(&run->gate, n, argv) != 0) {
        return -1;
    }
    if (run->gate.n_files || run->gate.is_help) {
        diag_error("run: --gate: %s; see seep gate --help",
                   run->gate.is_help ? "its options have their own help" : "only options stand before the --");
        return -1;
    }
    return gate_command_check(&run->gate);
}

/* Returns -1 to go on, or the status to end with. */
static int read_options(struct run *run, int argc, char **argv) {
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"ring", required_argument, NULL, 'r'},
                                            {"sample", required_argument, NULL, 's'},
                                            {"limit", required_argument, NULL, 'l'},
                                            {"unwinder", required_argument, NULL, 'u'},
                                            {"no-follow-exec", no_argument, NULL, 'n'},
                                            {"seccomp", no_argument, NULL, 'c'},
                                            {"no-openssl", no_argument, NULL, 'p'},
                                            {"gate", no_argument, NULL, 'g'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    opterr = 0; /* our own words for it */
    for (int c; (c = getopt_long(argc, argv, "+:o:h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return SEEP_EXIT_DONE;
        }
        if (c == 'g') {
            if (read_gate(run, argv + optind - 1) != 0) {
                return SEEP_EXIT_USAGE;
            }
            break;
        }
        if (c == 'n' || c == 'c' || c == 'p') {
            *(c == 'n'   ? &run->options.is_alone
              : c == 'c' ? &run->options.is_quiet
                         : &run->options.is_without_openssl) = true;
            continue;
        }
        if (c == ':' || c == '?') {
            option_refuse("run", c, argv[optind - 1]);
            return SEEP_EXIT_USAGE;
        }
        if (!is_value(c, optarg)) {
            diag_error("run: cannot make sense of '%s'%s; see seep run --help", argv[optind - 1],
                       c == 'r'   ? " (--ring wants a size from 256K to 16G)"
                       : c == 's' ? " (--sample wants a size up to 1G, or 0)"
                       : c == 'l' ? " (--limit wants a size from 1M to 1024G, or 0)"
                       : c == 'u' ? " (--unwinder wants reuse, cfi, libunwind or verify)"
                                  : " (-o wants a file name)");
            return SEEP_EXIT_USAGE;
        }
        *(c == 'o'   ? &run->options.output
          : c == 'r' ? &run->options.ring
          : c == 's' ? &run->options.sample
          : c == 'l' ? &run->options.limit
                     : &run->options.unwinder) = optarg;
    }
    if (!run->options.output) {
        run->options.output = run_environment_option("output"); /* never freed: needed to the end */
    }
    run->command = run->has_gate ? run->command : argv + optind;
    if (!run->command[0]) {
        diag_error("run: which command? See seep run --help");
        return SEEP_EXIT_USAGE;
    }
    return -1;
}

/* Returns -1 to go on, or the status to end with. */
static int check_command(struct run *run) {
    char program[PATH_MAX], why[PATH_MAX];
    struct program_check check;
    int status = program_find(run->command[0], program, sizeof program);
    if (status != 0) {
        return status;
    }
    status = program_check_preload(program, &check);
    if (status != 0) {
        program_refuse(program, &check);
        return status;
    }
    if (run_find_shim(run->shim, why, sizeof why) != 0) {
        diag_error("%s", why);
        return SEEP_EXIT_USAGE;
    }
    return -1;
}

/* ---- signals ---- */

static volatile sig_atomic_t child_pid;

static const int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
static const int shared[] = {SIGINT, SIGQUIT}; /* a terminal sends these to the child as well */

enum { N_FORWARDED = sizeof forwarded / sizeof forwarded[0], N_SHARED = sizeof shared / sizeof shared[0] };

static void forward_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    bool is_shared = number == SIGINT || number == SIGQUIT;
    if (!is_shared || info->si_code != SI_KERNEL) {
        kill((pid_t)child_pid, number);
    }
    errno = saved;
}

static void fill_signal_set(sigset_t *set) {
    sigemptyset(set);
    for (size_t i = 0; i < N_FORWARDED; i++) {
        sigaddset(set, forwarded[i]);
    }
    for (size_t i = 0; i < N_SHARED; i++) {
        sigaddset(set, shared[i]);
    }
}

/* What we are told to ignore (nohup) stays ignored. */
static void set_handler(int number, bool is_running) {
    struct sigaction before, action = {.sa_handler = SIG_DFL};
    if (is_running) {
        action = (struct sigaction){.sa_sigaction = forward_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    }
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(number, &action, NULL);
    }
}

static void handle_signals(bool is_running) {
    for (size_t i = 0; i < N_FORWARDED; i++) {
        set_handler(forwarded[i], is_running);
    }
    for (size_t i = 0; i < N_SHARED; i++) {
        set_handler(shared[i], is_running);
    }
}

/* ---- the child ---- */

static _Noreturn void become_command(struct run *run, int gate, const sigset_t *mask) {
    char go;
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (read(gate, &go, 1) != 1 || run_trace_path(&run->options, run->command[0], getpid(), run->trace) != 0 ||
        run_set_environment(&run->options, run->shim, run->trace) != 0) {
        _exit(SEEP_EXIT_USAGE);
    }
    execvp(run->command[0], run->command);
    int status = errno == ENOENT ? SEEP_EXIT_NOT_FOUND : SEEP_EXIT_NOT_EXECUTABLE;
    diag_error("cannot run %s: %s", run->command[0], strerror(errno));
    _exit(status);
}

/* Start the command, stopped at the gate. Returns its pid, or -1 after one line on stderr. */
static pid_t fork_child(struct run *run, int *gate) {
    int ends[2];
    sigset_t held, mask;
    if (pipe(ends) != 0) {
        diag_error("cannot run %s: %s", run->command[0], strerror(errno));
        return -1;
    }
    fill_signal_set(&held);
    sigprocmask(SIG_BLOCK, &held, &mask); /* until there is a child to forward them to */
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        become_command(run, ends[0], &mask);
    }
    if (child > 0) {
        child_pid = child;
        signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would take the child's status away */
        handle_signals(true);
    } else {
        diag_error("cannot run %s: %s", run->command[0], strerror(errno));
        close(ends[1]);
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(ends[0]);
    *gate = ends[1];
    return child;
}

/* Wait for the child's end and leave it as it is: the collector reads there how it ended. */
static void wait_for_end(pid_t child) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    handle_signals(false); /* soon its pid can be another's */
}

static int wait_status_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* ---- the trace ---- */

static void sleep_ms(unsigned ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static bool wait_for_trace(const char *path) {
    for (unsigned waited_ms = 0; access(path, F_OK) != 0; waited_ms += TRACE_POLL_MS) {
        if (waited_ms >= TRACE_WAIT_MS) {
            return false;
        }
        sleep_ms(TRACE_POLL_MS);
    }
    return true;
}

static bool has_untraced_children(const struct profile *p) {
    for (size_t i = 0; i < p->n_lost; i++) {
        bool is_process = strcmp(p->lost[i].key, "untraced-forks") == 0 || strcmp(p->lost[i].key, "untraced-execs") == 0;
        if (is_process && p->lost[i].count) {
            return true;
        }
    }
    return false;
}

static void print_summary(const char *trace, const struct profile *p) {
    uint64_t n_lost = p->lost_events + p->n_events_missing;
    diag_error("trace in %s: %s%" PRIu64 " allocations, %" PRIu64 " B unreleased in %" PRIu64 " blocks, %s%" PRIu64
               " events lost%s%s; read it with: seep report %s",
               trace, p->sample_bytes ? "about " : "", p->total.calls, p->total.unreleased_bytes,
               p->total.unreleased_blocks, p->is_complete ? "" : "at least ", n_lost,
               p->is_complete ? "" : ", its end is missing", has_untraced_children(p) ? ", child processes not traced" : "",
               trace);
}

/* Wait for the recorder to finish, unless processes of the trace live on: those may be servers. Asked for them ever more seldom,
 * since that reads the file. Returns how many live on, 0 once the recorder is done or has taken too long. */
static size_t wait_for_recorder(const char *trace) {
    unsigned waited_ms = 0, wait_ms = FIRST_WAIT_MS;
    while (!file_lock_wait(trace, wait_ms)) {
        size_t n_alive = recording_count_alive(trace);
        waited_ms += wait_ms;
        if (n_alive || waited_ms >= COLLECTOR_WAIT_MS) {
            return n_alive;
        }
        wait_ms = waited_ms < COLLECTOR_WAIT_MS - waited_ms ? waited_ms : COLLECTOR_WAIT_MS - waited_ms;
    }
    return 0;
}

/* Say on one line what became of the trace. Returns whether there is one. */
static bool tell_trace(const char *trace) {
    if (run_environment_option("off")) {
        diag_error("no trace was written: SEEP_OPTIONS has \"off\"");
        return false;
    }
    if (!wait_for_trace(trace)) {
        diag_error(
            "no trace was written: %s did not appear; unless a line above says why, the program has dropped LD_PRELOAD or "
            "refuses new processes",
            trace);
        return false;
    }
    size_t n_alive = wait_for_recorder(trace);
    if (n_alive) {
        diag_error("recording goes on in %s with %zu process%s that live%s on; read it at any time with: seep report %s",
                   trace, n_alive, n_alive == 1 ? "" : "es", n_alive == 1 ? "s" : "", trace);
        return true;
    }
    struct profile p;
    int result = profile_load(&p, trace, NULL, NULL, NULL);
    if (result == 0 && !p.is_complete && !p.is_recording) {
        /* Between its creation and its lock a trace looks abandoned. */
        sleep_ms(TRACE_WAIT_MS);
        profile_free(&p);
        result = profile_load(&p, trace, NULL, NULL, NULL);
    }
    if (result == 0) {
        print_summary(trace, &p);
    }
    profile_free(&p);
    return result == 0;
}

/* End as the child did, so that the caller sees the same. */
static int end_like(int status) {
    if (!WIFSIGNALED(status)) {
        return WEXITSTATUS(status);
    }
    int number = WTERMSIG(status);
    sigset_t set;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* the core dump worth having is the child's */
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return 128 + number;
}

/* Judge the trace. Returns the status to end with: the child's own failure comes first, and is said, since the verdict may be another. */
static int end_by_gate(struct run *run, bool has_trace, int status) {
    char *paths[] = {run->trace};
    run->gate.options.is_of_failure = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    int verdict =
        gate_command_judge(&run->gate, paths, 1); /* also of no trace: else outputs of an earlier run would stay */
    verdict = has_trace || verdict > SEEP_EXIT_UNREADABLE ? verdict : SEEP_EXIT_UNREADABLE;
    if (!run->gate.options.is_of_failure) {
        return verdict;
    }
    if (WIFSIGNALED(status)) {
        diag_error("ends by signal %d, as the command did; the gate's own status is %d", WTERMSIG(status), verdict);
    } else {
        diag_error("ends with the command's status %d; the gate's own is %d", WEXITSTATUS(status), verdict);
    }
    return end_like(status);
}

static int run_command(struct run *run, int argc, char **argv) {
    int gate;
    int status = read_options(run, argc, argv);
    if (status < 0) {
        status = check_command(run);
    }
    if (status >= 0) {
        return status;
    }
    pid_t child = fork_child(run, &gate);
    if (child < 0) {
        return SEEP_EXIT_USAGE;
    }
    bool is_ready =
        run_trace_path(&run->options, run->command[0], child, run->trace) == 0 && run_check_trace_path(run->trace) == 0;
    if (is_ready && write(gate, "", 1) != 1) {
        is_ready = false;
    }
    close(gate);
    wait_for_end(child);
    if (!is_ready) {
        return SEEP_EXIT_USAGE;
    }
    fflush(stdout);
    bool has_trace = tell_trace(run->trace);
    status = wait_status_of(child);
    return run->has_gate ? end_by_gate(run, has_trace, status) : end_like(status);
}

int run_main(int argc, char **argv) {
    struct run run = {0};
    int status = run_command(&run, argc, argv);
    gate_command_free(&run.gate);
    return status;
}
