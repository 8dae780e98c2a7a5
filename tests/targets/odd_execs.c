/* odd_execs.c - exec and posix_spawn with arguments that the kernel refuses, takes for empty, or that are very many. Says what each returns, or how the
 * program that was run ended: with seep the same as without. usage: odd_execs
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags); /* glibc 2.34 */

static char *arguments[] = {(char *)"true", NULL}, *nothing[] = {NULL}, *unreadable_entry[] = {(char *)0x1230, NULL};
static char *environment[] = {(char *)"A=b", NULL};
static char *cut_string; /* its page is the last that can be read, and it does not end there */
static const char *volatile no_name;
static char *const *volatile no_list;
static const char *volatile unreadable;
static char *const *volatile unreadable_list;

static int status_of(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

#define TRY(call)                                                                                                          \
    do {                                                                                                                   \
        pid_t pid = fork();                                                                                                \
        if (pid == 0) {                                                                                                    \
            errno = 0;                                                                                                     \
            int result = (call);                                                                                           \
            printf("%s: %d, errno %d\n", #call, result, errno);                                                            \
            _exit(3);                                                                                                      \
        }                                                                                                                  \
        printf("%s: status %#x\n", #call, (unsigned)status_of(pid));                                                       \
    } while (0)

static void try_spawn(const char *what, const char *path, char *const *list) {
    pid_t pid = -7;
    int result = posix_spawn(&pid, path, NULL, NULL, arguments, list);
    printf("posix_spawn with %s: %d, status %#x\n", what, result, result == 0 ? (unsigned)status_of(pid) : 0);
}

#define TEN         "x", "x", "x", "x", "x", "x", "x", "x", "x", "x"
#define HUNDRED     TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN
#define SIX_HUNDRED HUNDRED, HUNDRED, HUNDRED, HUNDRED, HUNDRED, HUNDRED

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    unreadable = pages + 4096;
    unreadable_list = (char *const *)unreadable;
    cut_string = pages + 4095;
    *cut_string = 'x';
    char *cut_entry[] = {cut_string, NULL};
    char **cut_list = (char **)(pages + 4096 - sizeof(char *));
    TRY(execve(no_name, arguments, environment));
    TRY(execve(unreadable, arguments, environment));
    TRY(execve(cut_string, arguments, environment));
    TRY(execve("/bin/true", no_list, environment));
    TRY(execve("/bin/true", arguments, NULL));
    TRY(execve("/bin/true", arguments, nothing));
    TRY(execve("/bin/true", arguments, unreadable_list));
    TRY(execve("/bin/true", arguments, unreadable_entry));
    TRY(execve("/bin/true", arguments, cut_entry));
    *cut_list = environment[0];
    TRY(execve("/bin/true", arguments, cut_list));
    TRY(execv(no_name, arguments));
    TRY(execvp("true", no_list));
    TRY(execvp("", arguments));
    TRY(execvpe("true", arguments, unreadable_list));
    TRY(fexecve(fd, no_list, environment));
    TRY(fexecve(fd, arguments, NULL));
    TRY(fexecve(fd, nothing, environment));
    TRY(fexecve(fd, unreadable_entry, environment));
    TRY(fexecve(-1, arguments, environment));
    TRY(fexecve(fd, arguments, environment));
    TRY(execveat(fd, "", no_list, environment, AT_EMPTY_PATH));
    TRY(execveat(fd, "", unreadable_list, environment, AT_EMPTY_PATH));
    TRY(execveat(fd, "", arguments, environment, AT_EMPTY_PATH));
    TRY(execveat(fd, no_name, arguments, environment, AT_EMPTY_PATH));
    TRY(execveat(fd, unreadable, arguments, environment, AT_EMPTY_PATH));
    try_spawn("no name", no_name, environment);
    try_spawn("an unreadable name", unreadable, environment);
    try_spawn("no environment", "/bin/true", NULL);
    try_spawn("an unreadable environment", "/bin/true", unreadable_list);
    try_spawn("an unreadable entry", "/bin/true", unreadable_entry);
    TRY(execl("/bin/sh", "sh", "-c", "echo $#", SIX_HUNDRED, (char *)NULL));
    TRY(execlp("sh", "sh", "-c", "echo $#", SIX_HUNDRED, (char *)NULL));
    TRY(execle("/bin/sh", "sh", "-c", "echo $# $A", SIX_HUNDRED, (char *)NULL, environment));
    TRY(execl("/no/such/program", "x", SIX_HUNDRED, (char *)NULL));
    TRY(execle("/bin/true", "true", (char *)NULL, (char **)NULL));
    return 0;
}
