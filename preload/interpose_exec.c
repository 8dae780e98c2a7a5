/* interpose_exec.c - exec and posix_spawn: a program that is run with an environment of its own making still finds the tree.
 *
 * Many a server builds the environment of what it runs afresh (nginx when it is upgraded, cron, env -i). Where both LD_PRELOAD and SEEP_OPTIONS are
 * missing they are put in again. An LD_PRELOAD or SEEP_OPTIONS that is there has been set on purpose and stays.
 * Context  as the functions themselves: also in a vfork child, in its parent's memory; no allocation
 */
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "interpose.h"
#include "real.h"
#include "tree.h"

enum { ARGUMENTS_MAX = 512 };

int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags); /* glibc 2.34 */

EXPORT int execve(const char *path, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(execve)(path, argv, tree_environment(envp, room));
}

EXPORT int execv(const char *path, char *const argv[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(execve)(path, argv, tree_environment(environ, room));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(execvpe)(file, argv, tree_environment(envp, room));
}

EXPORT int execvp(const char *file, char *const argv[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(execvpe)(file, argv, tree_environment(environ, room));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(fexecve)(fd, argv, tree_environment(envp, room));
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(execveat)(fd, path, argv, tree_environment(envp, room), flags);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(posix_spawn)(pid, path, actions, attributes, argv, tree_environment(envp, room));
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    char *room[TREE_ENVIRONMENT_MAX];
    return REAL(posix_spawnp)(pid, file, actions, attributes, argv, tree_environment(envp, room));
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
