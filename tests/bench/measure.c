/* measure.c - run one command and say what it cost: wall, CPU, peak memory, how it ended.
 *
 * A process that is started by an interpreter inherits the interpreter's peak memory (the kernel takes over the peak of the
 * memory that exec replaces), so a small program of its own stands between. What the command started and waited for counts
 * as its own. The command gets a process group; it is killed when the time is up, and when this program is told to end.
 *
 *   measure -o RESULT [-t SECONDS] [-m MEGABYTES] [-e NAME=VALUE]... -- COMMAND...
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t child, is_ended;

static void end_child(int number) {
    is_ended = number;
    if (child > 0) {
        kill(-(pid_t)child, SIGKILL);
    }
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_child(char **env, int n_env, long limit_mb, char **command) {
    setpgid(0, 0);
    if (limit_mb > 0) {
        struct rlimit limit = {(rlim_t)limit_mb << 20, (rlim_t)limit_mb << 20};
        setrlimit(RLIMIT_AS, &limit);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < n_env; i++) {
        putenv(env[i]);
    }
    execvp(command[0], command);
    fprintf(stderr, "measure: cannot run %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static void write_result(const char *path, double wall, int status, const struct rusage *use) {
    FILE *f = fopen(path, "we");
    if (!f) {
        fprintf(stderr, "measure: cannot write %s: %s\n", path, strerror(errno));
        exit(2);
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(f, "{\"wall\": %.6f, \"user\": %.6f, \"sys\": %.6f, \"peak_kb\": %ld, \"status\": %d, \"timed_out\": %s}\n",
            wall, seconds(use->ru_utime), seconds(use->ru_stime), use->ru_maxrss, code,
            is_ended == SIGALRM ? "true" : "false");
    fclose(f);
}

int main(int argc, char **argv) {
    const char *result = NULL;
    char *env[32];
    int n_env = 0, limit_s = 300;
    long limit_mb = 0;
    for (int c; (c = getopt(argc, argv, "+o:t:m:e:")) != -1;) {
        if (c == 'o') {
            result = optarg;
        } else if (c == 't') {
            limit_s = atoi(optarg);
        } else if (c == 'm') {
            limit_mb = atol(optarg);
        } else if (c == 'e' && n_env < 32) {
            env[n_env++] = optarg;
        } else {
            return 2;
        }
    }
    if (!result || !argv[optind]) {
        fputs("usage: measure -o RESULT [-t SECONDS] [-m MEGABYTES] [-e NAME=VALUE]... -- COMMAND...\n", stderr);
        return 2;
    }
    struct sigaction act = {.sa_handler = end_child};
    sigaction(SIGALRM, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    double start = now();
    child = fork();
    if (child == 0) {
        run_child(env, n_env, limit_mb, argv + optind);
    }
    setpgid((pid_t)child, (pid_t)child);
    alarm((unsigned)limit_s);
    int status = 0;
    struct rusage use;
    while (wait4((pid_t)child, &status, 0, &use) < 0 && errno == EINTR) {
    }
    write_result(result, now() - start, status, &use);
    return 0;
}
