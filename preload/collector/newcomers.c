/* newcomers.c - see newcomers.h. */
#include "newcomers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "facts.h"

enum {
    NS_PER_MS = 1000000,
    COPY_WAIT_NS = 2000 * NS_PER_MS, /* how long a fork child waits for its parent's events up to the fork */
    FIRST_TARGETS = 16,
    EXECS_AT_ONCE = 256,
    TURNS_MAX = 32, /* more than there are places */
};

static void add_target(struct collector *c, struct target *t) {
    if (c->n_targets == c->cap_targets) {
        uint32_t cap = c->cap_targets ? c->cap_targets * 2 : FIRST_TARGETS;
        c->targets = memory_grow(c->targets, c->cap_targets * sizeof(struct target *), cap * sizeof(struct target *));
        c->cap_targets = cap;
    }
    c->targets[c->n_targets++] = t;
}

struct target *newcomers_add(struct collector *c, const struct ring_map *ring, char *ring_path, uint32_t watched_pid) {
    struct target_space space = {
        .threads = &c->threads, .clock = &c->clock, .encoder = &c->encoder, .matchers = &c->matchers};
    struct target *t = memory_map(sizeof *t);
    target_init(t, ring, c->n_adopted++, watched_pid, &space);
    if (ring_path) {
        target_name_ring(t, ring_path);
    }
    add_target(c, t);
    return t;
}

void newcomers_start(struct collector *c, struct target *t) {
    target_start(t, c->n_processes++);
    log_reader_read(&t->log, &c->records, &c->clock, false);
}

struct target *newcomers_find(const struct collector *c, uint32_t id) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->id == id) {
            return c->targets[i];
        }
    }
    return NULL;
}

/* The one of that pid that is running, as far as is known, or was seen to have become another program that has not joined yet. */
static struct target *find_running(const struct collector *c, uint32_t pid) {
    for (uint32_t i = c->n_targets; i-- > 0;) {
        const struct target *t = c->targets[i];
        if (t->ring.pid == pid && ((!t->is_finished && !t->has_execed) || t->execed_ns != 0)) {
            return c->targets[i];
        }
    }
    return NULL;
}

/* Who comes, and by which place in whose joins. */
struct newcomer {
    struct ring_join join;
    struct target *by;
    uint32_t place;
};

/* The name of its ring. Returns NULL where nobody can come. */
static char *ring_path_of(const struct collector *c, const struct ring_join *join) {
    char *path = NULL;
    if (!c->ring_base || asprintf(&path, "%s.ring-%" PRIu32 "-%" PRIu64, c->ring_base, join->pid, join->ring_number) < 0) {
        return NULL;
    }
    return path;
}

/* A collector that was killed may have committed it and not given its place back. */
static bool is_known(const struct collector *c, const char *ring_path) {
    for (uint32_t i = 0; c->left_mono_ns != 0 && i < c->n_targets; i++) {
        if (c->targets[i]->ring_path && strcmp(c->targets[i]->ring_path, ring_path) == 0) {
            return true;
        }
    }
    return false;
}

/* Map the ring of a process that joins. Returns whether it is there, and what it should be. */
static bool attach_join(const struct collector *c, const struct ring_join *join, const char *path, struct ring_map *ring) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    const char *error = fd < 0 ? "" : ring_map_attach(ring, fd);
    if (fd >= 0) {
        close(fd);
    }
    if (!error && (ring->pid != join->pid || ring->is_clock_tsc != (int)c->clock.is_tsc)) {
        ring_map_detach(ring);
        error = "";
    }
    if (error) {
        unlink(path); /* nobody else will */
    }
    return error == NULL;
}

/* A process that has joined. */
static void adopt(struct collector *c, const struct newcomer *newcomer) {
    const struct ring_join *join = &newcomer->join;
    struct target *by = newcomer->by;
    struct ring_map ring;
    char *path = ring_path_of(c, join);
    if (path && is_known(c, path)) {
        free(path);
        return;
    }
    if (!path || !attach_join(c, join, path, &ring)) {
        ring_map_count_lost(&by->ring, RING_LOST_UNTRACED_FORKS, 1);
        free(path);
        return;
    }
    bool is_forked = join->fork_serial != 0;
    struct target *before = is_forked ? NULL : find_running(c, join->pid);
    const struct target *parent = is_forked ? by : before ? before : find_running(c, join->ppid);
    if (before) {
        before->has_execed = true;
        before->execed_ns = 0;
        before->end_mono_ns = ring.start_mono_ns;
    }
    if (is_forked) {
        forks_promise(&by->matcher.forks, join->fork_serial, fork_cuts_latest(&ring));
    } else {
        runs_add_comer(&c->comers, join->pid, ring.start_mono_ns);
    }
    struct target *t = newcomers_add(c, &ring, path, join->pid);
    /* What it took over from its parent may be the id that was before a renewal. */
    atomic_store_explicit(&ring.header->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
    t->log.origin.kind = is_forked ? TRACE_ORIGIN_FORK : TRACE_ORIGIN_EXEC;
    t->parent = parent ? parent->id : TARGET_NONE;
    t->fork_serial = join->fork_serial;
    t->waits_since_ns = clock_mono_ns();
    commit_newcomer(c, t, before);
}

/* Its place is given back when nobody would have to look there again. */
static void take_in(struct collector *c, const struct newcomer *newcomer) {
    adopt(c, newcomer);
    if (!c->is_trial) {
        joins_release(&newcomer->by->ring, newcomer->place);
    }
}

/* A fork child starts once its parent's events have been read up to the fork. */
static void start_when_ready(struct collector *c, struct target *t) {
    struct target *parent = newcomers_find(c, t->parent);
    if (parent && (!parent->is_started || target_must_wait(t, parent, COPY_WAIT_NS))) {
        return; /* its number is wanted, and what it has to hand on */
    }
    const char *lack = t->fork_serial ? target_inherit(t, parent, c->threads.n) : NULL;
    t->log.origin.process = parent ? parent->index : TRACE_NO_PROCESS;
    newcomers_start(c, t);
    if (lack) {
        facts_note(c, t, lack);
    }
}

static void take_joins_of(struct collector *c, struct target *t, struct newcomer *by_exec, uint32_t *n_by_exec) {
    struct newcomer newcomer = {.by = t};
    joins_refresh(&t->joins, &t->ring);
    while (*n_by_exec < EXECS_AT_ONCE && joins_take(&t->joins, &t->ring, &newcomer.join, &newcomer.place)) {
        if (newcomer.join.state == RING_JOIN_READY && newcomer.join.fork_serial != 0) {
            take_in(c, &newcomer);
        } else if (newcomer.join.state == RING_JOIN_READY) {
            newcomer.by = c->targets[0];
            by_exec[(*n_by_exec)++] = newcomer;
        } else { /* it has failed, and counted itself */
            joins_release(&t->ring, newcomer.place);
        }
    }
}

/* Programs started by exec come after the fork children that they were, whose places may be in other rings. Returns false where there were too many. */
static bool take_some(struct collector *c) {
    struct newcomer by_exec[EXECS_AT_ONCE];
    uint32_t n_by_exec = 0, n_adopted = 0, at = 0;
    while (at < c->n_targets || n_adopted < n_by_exec) {
        if (at < c->n_targets) {
            take_joins_of(c, c->targets[at++], by_exec, &n_by_exec);
        } else {
            take_in(c, &by_exec[n_adopted++]); /* and its own children, before the next */
        }
    }
    return n_by_exec < EXECS_AT_ONCE;
}

bool newcomers_take(struct collector *c) {
    bool are_all_taken = false;
    for (uint32_t turns = 0; turns < TURNS_MAX && !are_all_taken; turns++) {
        are_all_taken = take_some(c);
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (!c->targets[i]->is_started) {
            start_when_ready(c, c->targets[i]);
        }
    }
    return are_all_taken;
}
