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
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "exec_watch.h"
#include "interpose.h"
#include "real.h"
#include "sys.h"
#include "tree.h"

enum { ARGUMENTS_MAX = 512 };

int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags); /* glibc 2.34 */

/* What the kernel would answer with EFAULT must not end the program here. A page that was found to be readable is not asked for again: `page`, at
 * first none. */
static const uint64_t no_page = UINT64_MAX;

static bool is_readable(const void *p, uint64_t *page) {
    uint64_t at = (uint64_t)p / ARCH_PAGE_BYTES;
    if (at != *page && !sys_is_readable((uint64_t)p & ~7ull)) {
        return false;
    }
    *page = at;
    return true;
}

static bool is_string(const char *s, uint64_t *page) {
    while (is_readable(s, page)) {
        size_t n = ARCH_PAGE_BYTES - (uint64_t)s % ARCH_PAGE_BYTES;
        if (memchr(s, '\0', n)) {
            return true;
        }
        s += n;
    }
    return false;
}

/* No environment is an empty one to the kernel. */
static bool is_environment(char *const *env) {
    uint64_t list_page = no_page, string_page = no_page;
    if (!env) {
        return true;
    }
    while (is_readable(env, &list_page)) {
        if (!*env) {
            return true;
        }
        if (!is_string(*env++, &string_page)) {
            return false;
        }
    }
    return false;
}

/* The name of a program that is run by its descriptor; "" if it has none. */
static const char *first_of(char *const argv[]) {
    uint64_t list_page = no_page, string_page = no_page;
    return is_readable(argv, &list_page) && is_string(argv[0], &string_page) ? argv[0] : "";
}

/* Run a program in this process: `call` with the environment `env`, made from envp. */
#define RUN(program, envp, call)                                                                                           \
    do {                                                                                                                   \
        char *room[TREE_ENVIRONMENT_MAX];                                                                                  \
        const char *name = (program);                                                                                      \
        char *const *env = (envp);                                                                                         \
        uint64_t page = no_page;                                                                                           \
        if (!is_string(name, &page) || !is_environment(env)) {                                                             \
            return (call);                                                                                                 \
        }                                                                                                                  \
        env = tree_environment(env, room);                                                                                 \
        struct ring_run *run = exec_watch_begin(name, env);                                                                \
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
    uint64_t list_page = no_page;
    if (!envp || !is_readable(argv, &list_page)) {
        return REAL(fexecve)(fd, argv, envp); /* says EINVAL where one is missing */
    }
    RUN(first_of(argv), envp, REAL(fexecve)(fd, argv, env));
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags) {
    uint64_t path_page = no_page;
    bool has_name = !is_string(path, &path_page) || *path;
    RUN(has_name ? path : first_of(argv), envp, REAL(execveat)(fd, path, argv, env, flags));
}

typedef int spawn_function(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

static int spawn(spawn_function *next, pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    uint64_t page = no_page;
    if (!is_string(name, &page) || !is_environment(envp)) {
        return next(pid, name, actions, attributes, argv, envp);
    }
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

/* The arguments of the variadic ones, NULL at the end: in `room`, or where they are more, in memory of their own. Returns NULL where there is none. */
static char **take_arguments(char *room[ARGUMENTS_MAX], const char *first, va_list *rest, size_t *n_mapped) {
    va_list count;
    va_copy(count, *rest);
    size_t n = 1;
    for (const char *at = first; at; n++) {
        at = va_arg(count, const char *);
    }
    va_end(count);
    *n_mapped = n > ARGUMENTS_MAX ? n : 0;
    char **argv = *n_mapped ? sys_map_private(n * sizeof *argv) : room;
    for (size_t i = 0; argv && i < n; i++) {
        argv[i] = i == 0 ? (char *)(uintptr_t)first : va_arg(*rest, char *);
    }
    return argv;
}

/* After an exec that failed. */
static int give_back(char **argv, size_t n_mapped, int result) {
    int saved = errno;
    if (n_mapped) {
        sys_unmap(argv, n_mapped * sizeof *argv);
    }
    errno = saved;
    return result;
}

static int no_memory(void) {
    errno = ENOMEM;
    return -1;
}

EXPORT int execl(const char *path, const char *arg, ...) {
    char *room[ARGUMENTS_MAX];
    size_t n_mapped;
    va_list rest;
    va_start(rest, arg);
    char **argv = take_arguments(room, arg, &rest, &n_mapped);
    va_end(rest);
    return argv ? give_back(argv, n_mapped, execv(path, argv)) : no_memory();
}

EXPORT int execlp(const char *file, const char *arg, ...) {
    char *room[ARGUMENTS_MAX];
    size_t n_mapped;
    va_list rest;
    va_start(rest, arg);
    char **argv = take_arguments(room, arg, &rest, &n_mapped);
    va_end(rest);
    return argv ? give_back(argv, n_mapped, execvp(file, argv)) : no_memory();
}

EXPORT int execle(const char *path, const char *arg, ...) {
    char *room[ARGUMENTS_MAX];
    size_t n_mapped;
    va_list rest;
    va_start(rest, arg);
    char **argv = take_arguments(room, arg, &rest, &n_mapped);
    char *const *envp = argv ? va_arg(rest, char *const *) : NULL;
    va_end(rest);
    return argv ? give_back(argv, n_mapped, execve(path, argv, envp)) : no_memory();
}
