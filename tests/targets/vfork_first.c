/* vfork_first.c - threads whose first allocation happens in a vfork child, which shares their memory and is gone at once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 10, N_THREADS = 8, CALLS = 5000 };

static void *work(void *unused) {
    (void)unused;
    pid_t pid = vfork();
    if (pid == 0) {
        void *volatile p = malloc(10);
        free(p);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    for (int i = 0; i < CALLS; i++) {
        void *volatile p = malloc(32);
        free(p);
    }
    return NULL;
}

int main(void) {
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[N_THREADS];
        for (int i = 0; i < N_THREADS; i++) {
            pthread_create(&threads[i], NULL, work, NULL);
        }
        for (int i = 0; i < N_THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    fprintf(stderr, "calls %d\n", ROUNDS * N_THREADS * CALLS);
    puts("ok");
    return 0;
}
