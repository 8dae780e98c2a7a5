/* restore_rings.c - see restore_rings.h. */
#include "restore_rings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum held { HELD_NO, HELD_YES, HELD_UNKNOWN };

/* Has anybody the file open for writing, or mapped? A lease for reading is refused then (fcntl(2), F_SETLEASE). */
static enum held is_held(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum held held = HELD_UNKNOWN;
    if (fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        held = HELD_NO;
    } else if (fd >= 0 && errno == EAGAIN) {
        held = HELD_YES;
    }
    if (fd >= 0) {
        close(fd);
    }
    return held;
}

static bool is_same_process(const struct commit_newcomer *n, bool *is_alive) {
    struct proc_stat stat;
    if (!proc_read_stat(n->pid, &stat) || stat.start_ticks != n->start_ticks) {
        return false;
    }
    *is_alive = !((stat.state == 'Z' || stat.state == 'X') && stat.n_threads <= 1);
    return true;
}

static const char *find_process(struct restored_ring *ring, const struct restored *from, const char *path, bool has_ids) {
    bool is_finished = from->state.flags & COMMIT_TARGET_FINISHED;
    if (is_finished) {
        return NULL;
    }
    if (has_ids && from->newcomer.start_ticks != 0) {
        ring->is_there = is_same_process(&from->newcomer, &ring->is_alive);
        return NULL;
    }
    switch (is_held(path)) {
    case HELD_NO:
        return NULL;
    case HELD_YES:
        ring->is_there = ring->is_alive = has_ids;
        return has_ids ? NULL : "its processes are alive in another container: resume it there";
    default:
        return "whether its processes are alive cannot be told from here: resume it where they were, or with --dead if "
               "they are not";
    }
}

static const char *open_ring(struct restored_ring *ring, const struct restored *from, const char *path, bool is_clock_tsc) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    const char *error = fd < 0 ? strerror(errno) : ring_map_attach(&ring->map, fd);
    if (fd >= 0) {
        close(fd);
    }
    if (!error && (ring->map.pid != from->newcomer.pid || ring->map.is_clock_tsc != (int)is_clock_tsc)) {
        error = "is of another process";
    }
    return error;
}

int restored_rings_open(struct restored_ring *rings, const struct restored_all *all, const struct restore_given *given,
                        bool is_clock_tsc, uint64_t pid_namespace, char why[JOURNAL_WHY_BYTES]) {
    bool has_ids = pid_namespace != 0 && pid_namespace == proc_pid_namespace();
    for (uint32_t i = 0; i < all->n; i++) {
        const struct restored *from = &all->items[i];
        char *path;
        if (asprintf(&path, "%s.ring-%s", given->ring_base, from->newcomer.ring) < 0) {
            memory_die();
        }
        const char *error = given->is_dead ? NULL : find_process(&rings[i], from, path, has_ids);
        if (error) {
            snprintf(why, JOURNAL_WHY_BYTES, "%s", error);
        } else if ((error = open_ring(&rings[i], from, path, is_clock_tsc)) != NULL) {
            snprintf(why, JOURNAL_WHY_BYTES, "the ring of process %" PRIu32 ": %s", from->newcomer.pid, error);
        }
        free(path);
        if (error) {
            return -1;
        }
    }
    return 0;
}

void restored_rings_close(struct restored_ring *rings, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        ring_map_detach(&rings[i].map);
    }
}

bool restored_give_back(struct target *t, const struct restored *from) {
    enum { STEPS = 2 }; /* before and after each */
    struct ring_reader *r = &t->reader;
    const uint32_t *chunks = (const uint32_t *)(const void *)from->finished.bytes;
    size_t n = from->finished.n / sizeof *chunks;
    uint64_t now = atomic_load_explicit(&t->ring.header->n_given_back, memory_order_relaxed);
    uint64_t steps = now - from->state.n_given_back;
    if (steps > STEPS * (uint64_t)n) {
        return false;
    }
    r->n_given_back = now + steps % STEPS;
    for (size_t i = (size_t)(steps + 1) / STEPS; i < n; i++) {
        if (chunks[i] == 0 || chunks[i] > t->ring.cap_chunks) {
            return false;
        }
        ring_reader_finish(r, chunks[i]);
    }
    return true;
}
