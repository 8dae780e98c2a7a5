/* filtered.c - restricts itself, says so and waits: "filter" by a seccomp filter that allows everything, "strict" by seccomp's
 * strict mode, "secret" by not being dumpable. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &allow};
    if (argc > 1 && strcmp(argv[1], "filter") == 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)) {
        perror("prctl");
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "secret") == 0 && prctl(PR_SET_DUMPABLE, 0) != 0) {
        perror("prctl");
        return 1;
    }
    int ends[2];
    char byte;
    bool is_strict = argc > 1 && strcmp(argv[1], "strict") == 0;
    if (pipe(ends) != 0 || (is_strict && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) || write(1, "ready\n", 6) != 6) {
        return 1;
    }
    while (read(ends[0], &byte, 1) != 0) {
        /* nobody writes */
    }
    return 0;
}
