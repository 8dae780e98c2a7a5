/* commit.c - see commit.h. */
#include "commit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect.h"
#include "commit_groups.h"
#include "facts.h"

enum {
    AGAIN_DOUBLED_MAX = 6,
    HELD_SHARE = 4,       /* of the ring's chunks one such part may be held back for a commit, */
    HELD_FULL_SHARE = 16, /* and where all are taken, such a part */
};

#define AGAIN_NS         1000000000ull
#define COPIED_BYTES_MAX (2ull << 30) /* by forks since the last snapshot: half a second to do them again */

static bool is_kept(const struct collector *c) {
    return c->journal.fd >= 0;
}

static void set_kept(struct collector *c, bool is_kept_now) {
    c->matchers.ops.is_kept = c->matchers.infos.is_kept = c->matchers.stacks.is_kept = is_kept_now;
}

static void forget_changes(struct collector *c) {
    journal_ops_clear(&c->matchers.ops);
    c->matchers.infos.added.n = 0;
    c->matchers.stacks.added.n = 0;
    c->n_committed_threads = c->threads.n;
    c->n_committed_index = c->writer.index.n;
    c->n_committed_names = c->matchers.stacks.names.text.n;
}

static void remove_gone(struct collector *c) {
    while (c->n_gone_rings > 0) {
        char *path = c->gone_rings[--c->n_gone_rings];
        unlink(path);
        free(path);
    }
}

/* What had to wait for the commit. */
static void release(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        ring_reader_recycle(&c->targets[i]->reader);
    }
    remove_gone(c);
}

void commit_gone(struct collector *c, struct target *t) {
    enum { FIRST_GONE = 64 };
    if (!t->ring_path) {
        return;
    }
    if (c->n_gone_rings == c->cap_gone_rings) {
        uint32_t cap = c->cap_gone_rings ? c->cap_gone_rings * 2 : FIRST_GONE;
        c->gone_rings = memory_grow(c->gone_rings, c->cap_gone_rings * sizeof(char *), cap * sizeof(char *));
        c->cap_gone_rings = cap;
    }
    c->gone_rings[c->n_gone_rings++] = t->ring_path;
    t->ring_path = NULL;
}

static void note_no_journal(struct collector *c, int cause) {
    char text[160];
    journal_drop(&c->journal);
    c->n_journal_failures += c->n_journal_failures < AGAIN_DOUBLED_MAX;
    set_kept(c, false);
    if (!c->is_journal_noted) {
        snprintf(
            text, sizeof text,
            "for some time what a killed collector leaves behind could not be kept (%s): then up to a second would have "
            "been lost",
            strerror(cause));
        facts_note(c, c->targets[0], text);
        c->is_journal_noted = true;
    }
}

/* A fold puts another file in the trace's place, with another index. */
static uint64_t trace_inode(const struct collector *c) {
    struct stat st = {0};
    fstat(c->writer.fd, &st);
    return st.st_ino;
}

static void write_group(struct collector *c) {
    uint64_t now_ns = clock_mono_ns();
    uint64_t inode = trace_inode(c);
    bool is_snapshot = !is_kept(c) || inode != c->committed_inode || journal_is_long(&c->journal) ||
                       c->matchers.ops.copied_bytes > COPIED_BYTES_MAX;
    if (!is_kept(c) && c->journal_tried_ns != 0 && now_ns - c->journal_tried_ns < AGAIN_NS << c->n_journal_failures) {
        return;
    }
    c->journal_tried_ns = now_ns;
    /* Where there is no room for changes, there may be for less: a picture of what is left of them. */
    bool is_written = (!is_snapshot && commit_write_changes(c) == 0) || commit_write_snapshot(c) == 0;
    if (is_written) {
        c->n_journal_failures = 0;
        c->committed_inode = inode;
        set_kept(c, true);
    } else {
        note_no_journal(c, errno);
    }
    forget_changes(c);
}

void commit(struct collector *c) {
    if (c->is_trial) {
        return;
    }
    if (c->journal.path) {
        write_group(c);
    }
    c->n_uncommitted_blocks = 0;
    c->must_commit = false;
    fold_committed(&c->fold);
    release(c);
}

void commit_move(void *context, const struct trace_writer *to, const struct fold_boundary *boundary) {
    struct collector *c = context;
    if (is_kept(c) && commit_write_move(c, to, boundary) != 0) {
        note_no_journal(c, errno);
    }
}

void commit_begin(struct collector *c, const char *path) {
    journal_init(&c->journal, path);
    write_group(c);
}

void commit_newcomer(struct collector *c, const struct target *t, const struct target *before) {
    if (is_kept(c) && commit_write_newcomer(c, t, before) != 0) {
        note_no_journal(c, errno);
    }
}

void commit_passed(const struct collector *c, struct target *t) {
    if (!is_kept(c) && !c->is_trial) {
        ring_reader_recycle(&t->reader);
    }
}

bool commit_is_urgent(const struct collector *c, const struct target *t, bool is_drained) {
    const struct ring_header *h = t->ring.header;
    uint32_t n = t->reader.n_finished;
    if (n == 0 || c->is_trial) {
        return false;
    }
    bool is_full = atomic_load_explicit(&h->n_chunks, memory_order_relaxed) >= t->ring.cap_chunks &&
                   (uint32_t)atomic_load_explicit(&h->free_chunks, memory_order_relaxed) == 0;
    return n > t->ring.cap_chunks / HELD_SHARE || (is_full && (is_drained || n > t->ring.cap_chunks / HELD_FULL_SHARE));
}

/* Rings of processes that were killed before they had joined, in which there is nothing, or that a killed collector had no time to remove: nobody
 * else knows of them. */
static void remove_orphans(const char *ring_base) {
    const char *slash = strrchr(ring_base, '/'), *name = slash ? slash + 1 : ring_base;
    char *folder = strndup(ring_base, slash ? (size_t)(slash - ring_base) + 1 : 0);
    DIR *dir = folder ? opendir(*folder ? folder : ".") : NULL;
    size_t n = strlen(name);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        static const char mark[] = ".ring-", made[] = ".fold-"; /* the latter was to take the trace's place */
        const char *rest = e->d_name + n;
        if (strncmp(e->d_name, name, n) == 0 &&
            (strncmp(rest, mark, sizeof mark - 1) == 0 || strncmp(rest, made, sizeof made - 1) == 0) &&
            rest[sizeof mark - 1 + strspn(rest + sizeof mark - 1, "0123456789-")] == '\0') {
            unlinkat(dirfd(dir), e->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
    free(folder);
}

void commit_end(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->ring_path) {
            unlink(c->targets[i]->ring_path);
        }
    }
    remove_gone(c);
    if (c->journal.path) {
        commit_clean(&c->journal, c->ring_base);
    }
}

void commit_clean(struct journal *journal, const char *ring_base) {
    if (ring_base) {
        remove_orphans(ring_base);
    }
    journal_drop(journal); /* last: by it those that were not removed are found */
}
