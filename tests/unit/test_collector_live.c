/* test_collector_live.c - several threads write while the collector drains, through a ring that is far too small.
 *
 * Real blocks from the real allocator, so that addresses are reused at once by other threads: frees across threads, realloc
 * as take and give, failed reallocs. Stamped as the shim does: a free before, an allocation after. Every count must come
 * out exactly, with no free of a dead block and no allocation over a live one.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect.h"
#include "tap.h"
#include "trace_books.h"

enum { THREADS = 4, STEPS = 60000, EXCHANGE = 256, NODES = 16, SIZES = 8 };

static const struct fake_ring_sizes sizes = {.slots = 32, .log_units = 64, .nodes = 4096, .chunks = 24};
static const uint64_t block_sizes[SIZES] = {16, 24, 40, 100, 512, 3000, 5000, 70000};

/* A block on its way to another thread; it carries its row. */
struct block {
    struct books_row *row;
    void *memory;
    struct block *next; /* of those that a worker has lost */
};

static struct fake_ring ring;
static struct books books;
static _Atomic(struct block *) exchange[EXCHANGE];
static struct books_row *rows[THREADS][NODES][SIZES];
static char trace[64];

struct worker {
    struct fake_thread thread;
    unsigned index, seed;
    struct block *last; /* this thread's last allocation, while it is this thread's to free */
    struct block *lost;
    pthread_t id;
};

static unsigned dice(struct worker *w) {
    w->seed = w->seed * 1103515245 + 12345;
    return w->seed >> 8;
}

static uint64_t address_of(const struct block *b) {
    return (uint64_t)(uintptr_t)b->memory;
}

static struct block *give(struct worker *w) {
    struct books_row *row = rows[w->index][dice(w) % NODES][dice(w) % SIZES];
    struct block *b = malloc(sizeof *b);
    *b = (struct block){.row = row, .memory = malloc(row->size), .next = NULL};
    fake_alloc(&w->thread, address_of(b), row->size, row->node);
    atomic_fetch_add(&row->allocated, 1);
    w->last = b;
    return b;
}

static void take(struct worker *w, struct block *b) {
    atomic_fetch_add(&b->row->freed, 1);
    if (w->last == b) {
        atomic_fetch_add(&b->row->temporary, 1);
        w->last = NULL;
    }
    fake_free(&w->thread, address_of(b));
    free(b->memory);
    free(b);
}

/* Move a block as realloc does; now and then it fails. */
static void move(struct worker *w, struct block *b) {
    fake_free(&w->thread, address_of(b));
    if (dice(w) % 4 == 0) {
        fake_undo(&w->thread, address_of(b));
        return;
    }
    struct books_row *old = b->row;
    atomic_fetch_add(&old->freed, 1);
    atomic_fetch_add(&old->temporary, w->last == b);
    b->row = rows[w->index][dice(w) % NODES][dice(w) % SIZES];
    b->memory = realloc(b->memory, b->row->size);
    fake_alloc(&w->thread, address_of(b), b->row->size, b->row->node);
    atomic_fetch_add(&b->row->allocated, 1);
    w->last = b;
}

static struct worker first[THREADS], second[THREADS];

static void *work(void *argument) {
    struct worker *w = argument;
    for (int i = 0; i < STEPS; i++) {
        struct block *b = give(w);
        unsigned what = dice(w) % 8;
        if (what == 0) {
            take(w, b);
            continue;
        }
        if (what < 3) {
            move(w, b);
        }
        if (what == 7 && dice(w) % 64 == 0) {
            b->next = w->lost; /* alive for the trace; freed after it */
            w->lost = b;
            continue;
        }
        w->last =
            NULL; /* another thread may free it from now on; each thread has rows of its own, so no token 1 by chance */
        struct block *other = atomic_exchange(&exchange[dice(w) % EXCHANGE], b);
        w->last = other == b ? b : w->last;
        if (other) {
            take(w, other);
        }
    }
    return NULL;
}

static void *collect(void *argument) {
    struct collector *c = argument;
    return collector_run(c) == 0 ? c : NULL;
}

static void make_rows(void) {
    for (unsigned t = 0; t < THREADS; t++) {
        for (unsigned n = 0; n < NODES; n++) {
            uint32_t node = fake_ring_node(&ring, fake_ring_node(&ring, 0, 0x400000 + t), 0x500000 + n);
            for (unsigned s = 0; s < SIZES; s++) {
                rows[t][n][s] = books_find(&books, node, block_sizes[s]);
            }
        }
    }
}

static void free_block(struct block *b) {
    if (b) {
        free(b->memory);
        free(b);
    }
}

/* Free what the trace has as unreleased, for the leak checkers; when nothing is traced any more. */
static void free_lost(struct worker *w) {
    while (w->lost) {
        struct block *b = w->lost;
        w->lost = b->next;
        free_block(b);
    }
}

/* Two generations of threads; the second continues the slots of the first. */
static uint64_t run_workers(void) {
    uint64_t n_waits = 0;
    for (unsigned g = 0; g < 2; g++) {
        struct worker *workers = g ? second : first;
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){.index = i, .seed = 77 + i * 13 + g};
            fake_thread_begin(&workers[i].thread, &ring, g ? &first[i].thread : NULL);
            pthread_create(&workers[i].id, NULL, work, &workers[i]);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_join(workers[i].id, NULL);
            n_waits += workers[i].thread.n_waits;
        }
    }
    return n_waits;
}

/* A process whose life stands for that of the target. */
static pid_t start_target(void) {
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

int main(void) {
    static struct collector collector;
    struct ring_map map;
    snprintf(trace, sizeof trace, "/tmp/seep-test-live.%d.seep", (int)getpid());
    fake_ring_make(&ring, sizes, getenv("SEEP_TEST_NO_TSC") == NULL);
    make_rows();
    pid_t target = start_target();
    int fd = open(trace, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (ring_map_attach(&map, ring.fd) ||
        collector_init(&collector, &map, fd, &(struct fold_place){0}, (uint32_t)target, "ring=1") != 0) {
        return 1;
    }
    pthread_t collecting;
    pthread_create(&collecting, NULL, collect, &collector);
    uint64_t n_waits = run_workers();
    kill(target, SIGKILL);
    void *is_complete = NULL;
    pthread_join(collecting, &is_complete);
    waitpid(target, NULL, 0);
    printf("# %llu waits for a chunk\n", (unsigned long long)n_waits);

    tap_ok(is_complete != NULL, "the trace is complete");
    const struct matcher_counts *n = &collector.targets[0]->matcher.counts;
    printf("# late %llu unknown %llu implicit %llu\n", (unsigned long long)collector.targets[0]->merge.n_late,
           (unsigned long long)n->unknown_frees, (unsigned long long)n->implicit_frees);
    tap_ok(n->unknown_frees == 0 && n->implicit_frees == 0, "no free of a dead block, no allocation over a live one");
    tap_ok(collector.targets[0]->reader.n_damaged == 0, "the ring made sense everywhere");
    tap_ok(atomic_load(&ring.header->n_chunks_out) <= THREADS, "all chunks but the open ones have been given back");
    tap_ok(atomic_load(&ring.header->collector_state) == RING_COLLECTOR_DONE, "the ring says that the collector is done");
    tap_ok(books_agree(&books, &ring, trace), "calls, frees, temporaries and live bytes are the threads' own");
    char *json = trace_json(trace);
    tap_ok(json && strstr(json, "\"kind\": 2, \"value\": 9"), "the target ended by SIGKILL");
    free(json);
    for (int i = 0; i < EXCHANGE; i++) {
        free_block(atomic_load(&exchange[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        free_lost(&first[i]);
        free_lost(&second[i]);
    }
    collector_free(&collector);
    unlink(trace);
    return tap_end();
}
