/* reloads.c - a server that loads its configuration anew at SIGHUP, and forgets the one before.
 *
 * usage: reloads [fixed]
 *
 * Each configuration is 3 blocks, of 1000, 500 and 116 bytes. fixed: it frees the one before. It writes how many it has loaded to the file
 * "loaded" in the current folder, and how many bytes it has forgotten to "forgotten" when it ends, which SIGTERM makes it do with status 0.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t sizes[] = {1000, 500, 116};
enum { N_BLOCKS = sizeof sizes / sizeof sizes[0] };

static char *blocks[N_BLOCKS];

static void write_number(const char *file, long number) {
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", number);
    int fd = open("written", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, (size_t)n) != n || close(fd) != 0 || rename("written", file) != 0) {
        exit(2);
    }
}

__attribute__((noinline)) void load_configuration(void) {
    for (int i = 0; i < N_BLOCKS; i++) {
        blocks[i] = malloc(sizes[i]);
        memset(blocks[i], 1, sizes[i]);
    }
}

__attribute__((noinline)) void free_configuration(void) {
    for (int i = 0; i < N_BLOCKS; i++) {
        free(blocks[i]);
    }
}

int main(int argc, char **argv) {
    int is_fixed = argc > 1 && strcmp(argv[1], "fixed") == 0, number = 0;
    long n_loaded = 0, forgotten = 0;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    alarm(50);
    do {
        if (n_loaded && is_fixed) {
            free_configuration();
        }
        for (int i = 0; n_loaded && !is_fixed && i < N_BLOCKS; i++) {
            forgotten += (long)sizes[i];
        }
        load_configuration();
        write_number("loaded", ++n_loaded);
    } while (sigwait(&set, &number) == 0 && number == SIGHUP);
    free_configuration();
    write_number("forgotten", forgotten);
    return 0;
}
