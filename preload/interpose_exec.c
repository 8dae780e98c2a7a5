/* interpose_exec.c - exec and posix_spawn: a program that is run with an environment of its own making still finds the tree.
 *
 * Many a server builds the environment of what it runs afresh (nginx when it is upgraded, cron, env -i), or passes on what it knows of. Where SEEP_OPTIONS is
 * missing, and LD_PRELOAD is missing or as it was, they are put in again. A SEEP_OPTIONS that is there, or another LD_PRELOAD, has been set on purpose
 * and stays. What is run is told to the collector, so that programs which do not come are counted.
 * Context  as the functions themselves: also in a vfork child, in its parent's memory; no allocation
 */
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec_watch.h"
#include "interpose.h"
#include "real.h"
#include "sys.h"
#include "tree.h"

enum { ARGUMENTS_MAX = 512 };

int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags); /* glibc 2.34 */

/* Run a program in this process: `call` with the environment `env`, made from envp. */
#define RUN(program, envp, call)                                                                                           \
    do {                                                                                                                   \
        char *room[TREE_ENVIRONMENT_MAX];                                                                                  \
        char *const *env = tree_environment(envp, room);                                                                   \
        struct ring_run *run = exec_watch_begin(program, env);                                                             \
        int result = (call);                                                                                               \
        exec_watch_failed(run);                                                                                            \
        return result;                                                                                                     \
    } while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[]) {
    RUN(path, envp, REAL(execve)(path, argv, env));
}

EXPORT int execv(const char *path, char *const argv[]) {
    RUN(path, environ, REAL(execve)(path, argv, env));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[]) {
    RUN(file, envp, REAL(execvpe)(file, argv, env));
}

EXPORT int execvp(const char *file, char *const argv[]) {
    RUN(file, environ, REAL(execvpe)(file, argv, env));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[]) {
    RUN(argv[0], envp, REAL(fexecve)(fd, argv, env));
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags) {
    RUN(*path ? path : argv[0], envp, REAL(execveat)(fd, path, argv, env, flags));
}

typedef int spawn_function(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

static int spawn(spawn_function *next, pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    char *const *env = tree_environment(envp, room);
    uint64_t since_ns = sys_mono_ns();
    pid_t child;
    int result = next(&child, name, actions, attributes, argv, env);
    if (result == 0) {
        exec_watch_spawned(name, env, child, since_ns);
        if (pid) {
            *pid = child;
        }
    }
    return result;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    return spawn(REAL(posix_spawn), pid, path, actions, attributes, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    return spawn(REAL(posix_spawnp), pid, file, actions, attributes, argv, envp);
}

/* libc runs the shell of these two by no function of those above, with the environment as it is. That is the program's own, and not to be changed
 * for others to see; so a shell that does not find the tree is counted. */
static void note_shell(void) {
    char *room[TREE_ENVIRONMENT_MAX];
    if (tree_environment(environ, room) != environ) {
        exec_watch_lost();
    }
}

EXPORT int system(const char *command) {
    int result = REAL(system)(command);
    if (command && result != -1) {
        note_shell();
    }
    return result;
}

EXPORT FILE *popen(const char *command, const char *mode) {
    FILE *stream = REAL(popen)(command, mode);
    if (stream) {
        note_shell();
    }
    return stream;
}

/* The arguments of the variadic ones. Returns false where there are more than fit; the last is NULL. */
static bool take_arguments(char *argv[ARGUMENTS_MAX], const char *first, va_list *rest) {
    argv[0] = (char *)(uintptr_t)first;
    for (int i = 1; argv[i - 1]; i++) {
        if (i == ARGUMENTS_MAX) {
            return false;
        }
        argv[i] = va_arg(*rest, char *);
    }
    return true;
}

static int too_many(void) {
    errno = E2BIG;
    return -1;
}

EXPORT int execl(const char *path, const char *arg, ...) {
    char *argv[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, arg);
    bool is_whole = take_arguments(argv, arg, &rest);
    va_end(rest);
    return is_whole ? execv(path, argv) : too_many();
}

EXPORT int execlp(const char *file, const char *arg, ...) {
    char *argv[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, arg);
    bool is_whole = take_arguments(argv, arg, &rest);
    va_end(rest);
    return is_whole ? execvp(file, argv) : too_many();
}

EXPORT int execle(const char *path, const char *arg, ...) {
    char *argv[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, arg);
    bool is_whole = take_arguments(argv, arg, &rest);
    char *const *envp = is_whole ? va_arg(rest, char *const *) : NULL;
    va_end(rest);
    return is_whole ? execve(path, argv, envp) : too_many();
}
