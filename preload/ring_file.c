/* ring_file.c - see ring_file.h.
 *
 * Every region is backed in steps before anything is written there: a sparse page of a full disk would raise SIGBUS in the
 * host, MADV_POPULATE_WRITE fails with an error instead. `backed` marks how far each region is safe.
 */
#include "ring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quiet.h"
#include "sys.h"

enum {
    SLOTS_MAX = 32768,
    LOG_UNITS_MAX = 131072, /* 8 MiB: some 40,000 modules */
    NODES_MAX = 1 << 24,
    BACK_STEP_BYTES = 65536,
    EVENT_BYTES_MIN = 256 << 10,
    GENERATIONS = 4,
    QUIET_LOG_UNITS_MAX = 32768, /* 2 MiB: some 10,000 modules */
    QUIET_NODES_MAX = 1 << 20,   /* 16 MiB */
    JOIN_STEP_NS = 5000000,
    JOIN_STEPS_MAX = 100, /* half a second in all */
};

struct ring_header *ring;
struct ring_slot *ring_slots;
struct ring_node *ring_nodes;
struct ring_chunk *ring_chunks;

/* Kernels before 5.14 cannot populate: there a smaller file is allocated whole while its descriptor is open. */
static bool is_allocated_whole;

/* Hooks must make no system call: the file is backed whole when it is made. */
static bool is_backed_whole;

static uint64_t mapped_bytes;

/* In a fork child, until it has joined: the parent's ring. */
static struct ring_header *parent_ring;
static uint64_t parent_bytes;
static uint64_t events_wanted_bytes;

static _Atomic uint64_t backed_slots_bytes, backed_log_bytes, backed_nodes_bytes;

static uint64_t page_bytes(void) {
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct ring_region place(uint64_t *off, uint32_t unit_bytes, uint64_t cap) {
    uint64_t page = page_bytes();
    struct ring_region region = {.off = *off, .unit_bytes = unit_bytes, .cap = (uint32_t)cap};
    *off += (unit_bytes * cap + page - 1) / page * page;
    return region;
}

/* Lay the regions out; `shrink` halves the large ones that many times. Returns the size of the file. */
static uint64_t lay_out(struct ring_header *header, uint64_t event_bytes, unsigned shrink) {
    uint64_t off = page_bytes() > 4096 ? page_bytes() : 4096;
    event_bytes >>= shrink;
    if (event_bytes < EVENT_BYTES_MIN) {
        event_bytes = EVENT_BYTES_MIN;
    }
    header->joins = place(&off, sizeof(struct ring_join), RING_JOINS);
    header->runs = place(&off, sizeof(struct ring_run), shrink ? RING_RUNS / 4 : RING_RUNS);
    unsigned tree_shrink = is_allocated_whole && !is_backed_whole ? shrink + 4 : shrink;
    header->slots = place(&off, sizeof(struct ring_slot), is_backed_whole ? QUIET_THREADS_MAX : SLOTS_MAX >> (shrink / 2));
    header->log = place(&off, RING_LOG_UNIT_BYTES, (is_backed_whole ? QUIET_LOG_UNITS_MAX : LOG_UNITS_MAX) >> tree_shrink);
    header->nodes = place(&off, sizeof(struct ring_node), (is_backed_whole ? QUIET_NODES_MAX : NODES_MAX) >> tree_shrink);
    header->chunks = place(&off, sizeof(struct ring_chunk), event_bytes / RING_CHUNK_BYTES);
    header->file_bytes = off;
    return off;
}

/* Back a stretch of the mapping, unless all of it has been. */
static int back(void *p, uint64_t n) {
    return is_allocated_whole || is_backed_whole ? 0 : sys_populate(p, n);
}

/* Make bytes [0, n) of a region safe to write. Another thread may do the same at the same time. */
static bool back_up_to(_Atomic uint64_t *backed, const struct ring_region *region, uint64_t n) {
    uint64_t have = atomic_load_explicit(backed, memory_order_acquire);
    if (LIKELY(n <= have)) {
        return true;
    }
    uint64_t all = (uint64_t)region->unit_bytes * region->cap, page = page_bytes();
    uint64_t step = have < BACK_STEP_BYTES ? have : BACK_STEP_BYTES; /* few pages for a process that is soon over */
    uint64_t want = n > have + step ? n : have + step;
    want = (want + page - 1) / page * page;
    want = want < all ? want : all;
    if (back((char *)ring + region->off + have, want - have) < 0) {
        ring_count_lost(RING_LOST_BACKING, 1);
        return false;
    }
    while (have < want && !atomic_compare_exchange_weak(backed, &have, want)) {
    }
    return true;
}

static int map_file(int fd, const struct ring_header *layout) {
    if (is_allocated_whole) {
        int error = posix_fallocate(fd, 0, (off_t)layout->file_bytes);
        if (error) {
            return -error;
        }
    } else if (ftruncate(fd, (off_t)layout->file_bytes) < 0) {
        return -errno;
    }
    void *p = mmap(NULL, layout->file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) {
        return -errno;
    }
    madvise(p, layout->file_bytes,
            MADV_RANDOM); /* there is nothing to be read ahead, but the kernel would: 32 pages for one */
    int backed = is_allocated_whole ? 0 : sys_populate(p, is_backed_whole ? layout->file_bytes : page_bytes());
    if (backed < 0) {
        munmap(p, layout->file_bytes);
        return backed == -EINVAL ? -EINVAL : -ENOSPC;
    }
    ring = p;
    mapped_bytes = layout->file_bytes;
    memcpy(ring, layout, sizeof *layout);
    ring_slots = (struct ring_slot *)((char *)p + layout->slots.off);
    ring_nodes = (struct ring_node *)((char *)p + layout->nodes.off);
    ring_chunks = (struct ring_chunk *)((char *)p + layout->chunks.off);
    bool is_backed = back_up_to(&backed_slots_bytes, &layout->slots, 1) && back_up_to(&backed_log_bytes, &layout->log, 1) &&
                     back_up_to(&backed_nodes_bytes, &layout->nodes, 1);
    if (!is_backed) {
        ring = NULL;
        munmap(p, layout->file_bytes);
        return -ENOSPC;
    }
    return 0;
}

/* How large the ring may be. Files of this process may not grow past RLIMIT_FSIZE: going over it raises SIGXFSZ, which kills. What
 * RLIMIT_AS allows is the host's, of which the ring takes a small share. */
static uint64_t size_limit(void) {
    struct rlimit limit;
    uint64_t most = UINT64_MAX;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        most = limit.rlim_cur;
    }
    uint64_t share = sys_address_share();
    return share < most ? share : most;
}

int ring_create(const char *path, uint64_t event_bytes, bool is_tsc, bool is_quiet) {
    static struct ring_header layout; /* 4 KiB; not on the host's stack */
    events_wanted_bytes = event_bytes;
    layout.version = RING_VERSION;
    layout.is_clock_tsc = is_tsc;
    layout.is_quiet = is_backed_whole = is_quiet;
    atomic_store_explicit(&layout.is_shared, is_quiet,
                          memory_order_relaxed); /* every event takes a number, with one slot, too */
    layout.pid = (uint32_t)sys_getpid();
    layout.uid = (uint32_t)geteuid();
    atomic_store_explicit(&layout.n_nodes, 1, memory_order_relaxed);
    int low_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (low_fd < 0) {
        return -errno;
    }
    /* The host may have been started without 0, 1 or 2: what it opens there later must not meet ours. */
    int fd = fcntl(low_fd, F_DUPFD_CLOEXEC, 3);
    int result = fd < 0 ? -errno : -EFBIG;
    close(low_fd);
    uint64_t limit = size_limit();
    for (unsigned shrink = 0; fd >= 0 && shrink <= 10; shrink++) {
        if (lay_out(&layout, event_bytes, shrink) > limit) {
            continue;
        }
        result = map_file(fd, &layout);
        if (result == -EINVAL && !is_allocated_whole) {
            is_allocated_whole = true;
            shrink--; /* the same size again */
            continue;
        }
        if (result != -ENOMEM && result != -EFBIG) {
            break;
        }
    }
    if (result < 0) {
        if (fd >= 0) {
            close(fd);
        }
        unlink(path);
        return result;
    }
    return fd;
}

void ring_discard(const char *path) {
    struct ring_header *mapped = ring;
    ring = NULL;
    unlink(path);
    if (mapped) {
        munmap(mapped, mapped->file_bytes);
    }
}

uint32_t ring_own_pid(void) {
    return quiet_is_on ? ring->pid : (uint32_t)sys_getpid();
}

void ring_count_lost(enum ring_lost kind, uint64_t n) {
    if (ring) {
        atomic_fetch_add_explicit(&ring->lost[kind], n, memory_order_relaxed);
    }
}

/* Put memory of this process's own in the place of a ring. */
static void divert(struct ring_header *header, uint64_t bytes) {
    int saved = errno;
    void *diverted = mmap(header, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                          0); /* shared: private memory would count against the child's RLIMIT_DATA */
    (void)diverted;           /* refused: one event of the parent may be overwritten; the child goes on either way */
    errno = saved;
}

void ring_divert(void) {
    divert(ring, mapped_bytes);
}

/* Copy the parent's nodes. Those that another thread of the parent was just making are of no use here, and copied as they stand. */
static bool copy_nodes(const struct ring_header *from, int fd) {
    uint32_t n = atomic_load_explicit(&from->n_nodes, memory_order_acquire);
    uint64_t bytes = (uint64_t)n * sizeof(struct ring_node), page = page_bytes(), done = 0;
    if (n > ring->nodes.cap || n > from->nodes.cap) {
        return false;
    }
    bytes = (bytes + page - 1) / page *
            page; /* written, not mapped in page by page: a hundred times as fast; and backed by it */
    while (done < bytes) {
        ssize_t got =
            pwrite(fd, (const char *)from + from->nodes.off + done, bytes - done, (off_t)(ring->nodes.off + done));
        if (got <= 0) {
            return false;
        }
        done += (uint64_t)got;
    }
    atomic_store(&backed_nodes_bytes, bytes);
    atomic_store_explicit(&ring->n_nodes, n, memory_order_relaxed);
    return true;
}

/* Everything of ring_create() that the parent has left here. */
static void use_ring(struct ring_header *header, uint64_t bytes) {
    ring = header;
    mapped_bytes = bytes;
    ring_slots = (struct ring_slot *)((char *)header + header->slots.off);
    ring_nodes = (struct ring_node *)((char *)header + header->nodes.off);
    ring_chunks = (struct ring_chunk *)((char *)header + header->chunks.off);
}

int ring_replace(const char *path) {
    int saved = errno;
    struct ring_header *parent = ring;
    uint64_t bytes = mapped_bytes, backed[] = {backed_slots_bytes, backed_log_bytes, backed_nodes_bytes};
    atomic_store(&backed_slots_bytes, 0);
    atomic_store(&backed_log_bytes, 0);
    atomic_store(&backed_nodes_bytes, 0);
    int fd = ring_create(path, events_wanted_bytes, parent->is_clock_tsc, parent->is_quiet);
    int result = fd < 0 ? fd : copy_nodes(parent, fd) ? 0 : -ENOSPC;
    if (fd >= 0) {
        close(fd);
    }
    if (result == 0) {
        parent_ring = parent;
        parent_bytes = bytes;
    } else {
        if (fd >= 0) {
            ring_discard(path);
        }
        use_ring(parent, bytes);
        atomic_store(&backed_slots_bytes, backed[0]);
        atomic_store(&backed_log_bytes, backed[1]);
        atomic_store(&backed_nodes_bytes, backed[2]);
    }
    errno = saved;
    return result;
}

uint32_t ring_parent_collector(void) {
    return atomic_load_explicit(&parent_ring->collector_pid, memory_order_relaxed);
}

uint32_t ring_parent_slots(void) {
    uint32_t n = atomic_load_explicit(&parent_ring->n_slots, memory_order_acquire);
    return n < ring->slots.cap ? n : ring->slots.cap;
}

/* A signal handler may have forked when the hook that it interrupted had just looked up its thread's state: that hook goes on in the child, with
 * what lies in the parent's ring. So that stays there, as memory of the child's own, for some more generations. */
void ring_forget_parent(void) {
    static struct {
        void *start;
        uint64_t bytes;
    } diverted[GENERATIONS];
    static unsigned next;
    if (parent_ring) {
        if (diverted[next].start) {
            munmap(diverted[next].start, diverted[next].bytes);
        }
        divert(parent_ring, parent_bytes);
        diverted[next].start = parent_ring;
        diverted[next].bytes = parent_bytes;
        next =
            sys_address_share() != UINT64_MAX ? next : (next + 1) % GENERATIONS; /* what RLIMIT_AS leaves is the host's */
        parent_ring = NULL;
    }
}

/* is_full: whether it is worth trying again. */
static struct ring_join *claim_free_join(struct ring_header *of, bool *is_full) {
    struct ring_join *joins = (struct ring_join *)((char *)of + of->joins.off);
    for (uint32_t tries = 0; tries < of->joins.cap; tries++) {
        uint32_t at = atomic_fetch_add_explicit(&of->next_join, 1, memory_order_acq_rel) % of->joins.cap,
                 free_place = RING_JOIN_FREE;
        if (atomic_load_explicit(&joins[at].state, memory_order_relaxed) != RING_JOIN_FREE) {
            continue;
        }
        if (back((void *)((uintptr_t)&joins[at] & ~(page_bytes() - 1)), page_bytes()) < 0) {
            *is_full = false;
            return NULL;
        }
        if (atomic_compare_exchange_strong(&joins[at].state, &free_place, RING_JOIN_CLAIMED)) {
            return &joins[at];
        }
    }
    *is_full = true;
    return NULL;
}

struct ring_join *ring_join_claim(struct ring_header *of) {
    bool is_full = false;
    struct ring_join *join = claim_free_join(of, &is_full);
    for (int i = 0; i < JOIN_STEPS_MAX && !join && is_full && !quiet_is_on; i++) {
        if (atomic_load_explicit(&of->are_joins_stalled, memory_order_relaxed) ||
            atomic_load_explicit(&of->collector_state, memory_order_acquire) != RING_COLLECTOR_RUNNING) {
            break;
        }
        ring_wait_for_collector(of, JOIN_STEP_NS);
        join = claim_free_join(of, &is_full);
    }
    if (!join) {
        atomic_fetch_add_explicit(&of->n_joins_refused, 1, memory_order_relaxed);
    }
    if (join || is_full) {
        atomic_store_explicit(&of->are_joins_stalled, join == NULL, memory_order_relaxed);
    }
    return join;
}

struct ring_run *ring_run_claim(void) {
    struct ring_run *runs = (struct ring_run *)((char *)ring + ring->runs.off);
    for (uint32_t i = 0; i < ring->runs.cap; i++) {
        uint32_t n = atomic_load_explicit(&ring->n_runs, memory_order_relaxed), free_place = RING_RUN_FREE;
        if (i < n && atomic_load_explicit(&runs[i].state, memory_order_relaxed) != RING_RUN_FREE) {
            continue;
        }
        if (back((void *)((uintptr_t)&runs[i] & ~(page_bytes() - 1)), page_bytes()) < 0) {
            return NULL;
        }
        if (atomic_compare_exchange_strong(&runs[i].state, &free_place, RING_RUN_CLAIMED)) {
            while (n <= i && !atomic_compare_exchange_weak(&ring->n_runs, &n, i + 1)) {
            }
            return &runs[i];
        }
    }
    return NULL;
}

void ring_wait_for_collector(struct ring_header *of, uint64_t ns) {
    static const uint32_t never_woken = 0; /* only the collector waits on `wake` */
    sys_futex_wake(&of->wake);
    sys_futex_wait(&never_woken, 0, ns);
}

/* Ask the collector to come now when half of the chunks are taken. */
static void note_chunk_out(void) {
    uint32_t out = atomic_fetch_add_explicit(&ring->n_chunks_out, 1, memory_order_relaxed) + 1;
    if (out > ring->chunks.cap / 2 && !quiet_is_on) {
        atomic_fetch_add_explicit(&ring->wake, 1, memory_order_relaxed);
        sys_futex_wake(&ring->wake);
    }
}

/* Pop from the stack of recycled chunks. The tag in the upper half changes with every pop, so that a head seen before others
 * popped and pushed it back is not mistaken for unchanged (ABA; Treiber, IBM RJ 5118, 1986). */
static uint32_t pop_free_chunk(void) {
    uint64_t head = atomic_load_explicit(&ring->free_chunks, memory_order_acquire);
    for (;;) {
        uint32_t index_plus_1 = (uint32_t)head;
        if (index_plus_1 == 0 || index_plus_1 > ring->chunks.cap) {
            return 0;
        }
        uint32_t next = atomic_load_explicit(&ring_chunks[index_plus_1 - 1].free_next, memory_order_relaxed);
        uint64_t popped = ((head >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(&ring->free_chunks, &head, popped, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            return index_plus_1;
        }
    }
}

uint32_t ring_chunk_take(void) {
    uint32_t taken = pop_free_chunk();
    if (!taken) {
        uint32_t used = atomic_load_explicit(&ring->n_chunks, memory_order_relaxed);
        do {
            if (used >= ring->chunks.cap) {
                return 0;
            }
        } while (!atomic_compare_exchange_weak_explicit(&ring->n_chunks, &used, used + 1, memory_order_relaxed,
                                                        memory_order_relaxed));
        /* A chunk that cannot be backed stays claimed and unused. */
        if (back(&ring_chunks[used], RING_CHUNK_BYTES) < 0) {
            ring_count_lost(RING_LOST_BACKING, 1);
            return 0;
        }
        taken = used + 1;
    }
    note_chunk_out();
    return taken;
}

/* Claim n units of a region that is handed out from its start and never taken back.
 * Returns the first unit, or the region's cap if they do not fit or cannot be backed. */
static uint32_t take_units(const struct ring_region *region, _Atomic uint32_t *used, _Atomic uint64_t *backed, uint32_t n) {
    uint32_t first = atomic_load_explicit(used, memory_order_relaxed);
    do {
        if (first + (uint64_t)n > region->cap) {
            return region->cap;
        }
    } while (!atomic_compare_exchange_weak_explicit(used, &first, first + n, memory_order_acq_rel, memory_order_relaxed));
    return back_up_to(backed, region, (uint64_t)(first + n) * region->unit_bytes) ? first : region->cap;
}

uint32_t ring_slot_take(void) {
    return take_units(&ring->slots, &ring->n_slots, &backed_slots_bytes, 1);
}

uint32_t ring_node_take(void) {
    uint32_t id = take_units(&ring->nodes, &ring->n_nodes, &backed_nodes_bytes, 1);
    return id < ring->nodes.cap ? id : 0;
}

uint32_t ring_log_append(enum ring_log_type type, uint64_t stamp, const void *head, uint32_t head_bytes, const void *tail,
                         uint32_t tail_bytes) {
    uint64_t bytes = sizeof(struct ring_log_record) + head_bytes + tail_bytes;
    uint32_t n_units = (uint32_t)((bytes + RING_LOG_UNIT_BYTES - 1) / RING_LOG_UNIT_BYTES);
    if (n_units > UINT16_MAX) {
        return 0;
    }
    uint32_t first = take_units(&ring->log, &ring->n_log_units, &backed_log_bytes, n_units);
    if (first >= ring->log.cap) {
        return 0;
    }
    struct ring_log_record *record =
        (struct ring_log_record *)((char *)ring + ring->log.off + (uint64_t)first * RING_LOG_UNIT_BYTES);
    record->type = (uint16_t)type;
    record->n_units = (uint16_t)n_units;
    record->payload_bytes = head_bytes + tail_bytes;
    record->pid = ring_own_pid();
    record->stamp = stamp;
    if (head_bytes) {
        memcpy(record->payload, head, head_bytes);
    }
    if (tail_bytes) {
        memcpy(record->payload + head_bytes, tail, tail_bytes);
    }
    atomic_store_explicit(&record->commit, RING_LOG_COMMITTED, memory_order_release);
    return first + 1;
}
