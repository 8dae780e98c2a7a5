/* test_stack_intern.c - threads intern random stacks at the same time; every id must lead back to exactly the stack it was given for,
 * equal stacks must nearly always share an id (the table may give a second one while it grows), distinct ones never. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring_file.h"
#include "stack_intern.h"
#include "support_shim.h"

enum { N_THREADS = 4, N_STACKS = 100000, DEPTH_MAX = 40, N_IPS = 12 };

struct worker {
    pthread_t thread;
    uint64_t seed;
    uint64_t n_wrong;
};

static uint64_t next_random(uint64_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A stack from a seed: few distinct ips, so that prefixes are shared. */
static uint32_t make_stack(uint64_t seed, uint64_t *ip) {
    uint64_t x = seed * 2654435761u + 88172645463325252u;
    uint32_t n = 1 + (uint32_t)(next_random(&x) % DEPTH_MAX);
    for (uint32_t i = 0; i < n; i++) {
        ip[i] = 0x400000 + next_random(&x) % N_IPS * 16;
    }
    return n;
}

static bool leads_back(uint32_t id, const uint64_t *ip, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (id == 0 || ring_nodes[id].ip != ip[i]) {
            return false;
        }
        id = ring_nodes[id].parent;
    }
    return id == 0;
}

static void *work(void *context) {
    struct worker *w = context;
    uint64_t ip[DEPTH_MAX];
    for (uint64_t i = 0; i < N_STACKS; i++) {
        uint32_t n = make_stack(next_random(&w->seed) % N_STACKS, ip);
        uint32_t id = stack_intern(stack_root(), ip, n);
        w->n_wrong += !leads_back(id, ip, n);
    }
    return NULL;
}

/* With the table at rest, two lookups of one stack agree. */
static uint64_t count_unstable(void) {
    uint64_t ip[DEPTH_MAX];
    uint64_t n_unstable = 0;
    for (uint64_t seed = 0; seed < N_STACKS; seed++) {
        uint32_t n = make_stack(seed, ip);
        n_unstable += stack_intern(0, ip, n) != stack_intern(0, ip, n);
    }
    return n_unstable;
}

int main(void) {
    support_make_ring();
    if (stack_intern_init() < 0) {
        return 1;
    }
    static struct worker workers[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        workers[i].seed = 88172645463325252u + (uint64_t)i * 7919;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    uint64_t n_wrong = 0;
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        n_wrong += workers[i].n_wrong;
    }
    uint64_t n_unstable = count_unstable();
    uint32_t node = 0;
    uint32_t epoch = stack_next_epoch(&node);
    stack_enter_epoch(node);
    uint64_t ip[DEPTH_MAX];
    uint32_t n = make_stack(1, ip);
    uint32_t before = stack_intern(0, ip, n);
    uint32_t after = stack_intern(stack_root(), ip, n);
    bool is_epoch_right = epoch == 1 && ring_nodes[node].ip == 1 && ring_nodes[node].parent == 0 && before != after;
    printf("1..3\n");
    printf("%s 1 - every id leads back to its stack (%lu do not)\n", n_wrong ? "not ok" : "ok", (unsigned long)n_wrong);
    printf("%s 2 - a stack has one id (%lu have two)\n", n_unstable ? "not ok" : "ok", (unsigned long)n_unstable);
    printf("%s 3 - a new epoch has stacks of its own\n", is_epoch_right ? "ok" : "not ok");
    return n_wrong || n_unstable || !is_epoch_right;
}
