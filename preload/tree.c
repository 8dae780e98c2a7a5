/* tree.c - see tree.h. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_buf.h"
#include "hook.h"
#include "mark_name.h"
#include "modules.h"
#include "option_syntax.h"
#include "ring_file.h"
#include "source_tag.h"
#include "stack_intern.h"
#include "sys.h"
#include "thread_state.h"

static __thread struct ring_join *place
    __attribute__((tls_model("initial-exec"))); /* for the child that this thread is about to fork */

static __thread uint64_t mark_stamp __attribute__((tls_model("initial-exec"))); /* of the mark for it */

/* Of the fork that has just returned. */
static __thread struct ring_join *last_place __attribute__((tls_model("initial-exec")));
static __thread uint32_t last_serial __attribute__((tls_model("initial-exec")));

/* ---- fork ---- */

bool tree_is_read(const struct ring_header *header) {
    uint32_t pid = atomic_load_explicit(&header->collector_pid, memory_order_relaxed);
    return atomic_load_explicit(&header->collector_state, memory_order_acquire) == RING_COLLECTOR_RUNNING && pid != 0 &&
           sys_process_exists((int)pid);
}

void tree_before_fork(void) {
    int saved = errno;
    struct thread_state *t = thread_current;
    place = NULL;
    if (!t) {
        t = thread_attach();
    }
    if (hook_is_ready(t) && tree_is_read(ring)) {
        uint32_t serial = atomic_fetch_add_explicit(&ring->n_forks, 1, memory_order_relaxed) + 1;
        place = ring_join_claim(ring);
        if (place) {
            place->fork_serial = serial;
            atomic_store_explicit(&place->child, ring_join_child(serial, 0), memory_order_release);
            hook_enter(t, (uint64_t)__builtin_frame_address(0));
            event_put_fork(t, serial);
            mark_stamp = t->last_stamp;
            hook_leave(t, THREAD_READY);
        }
    }
    errno = saved;
}

void tree_after_fork(void) {
    last_place = place;
    last_serial = place ? place->fork_serial : 0;
    place = NULL;
}

/* Only while nobody has joined by it, or it has been given to somebody else: then `child` says something else. Where the fork failed the mark stays;
 * without the place nothing is kept for it. */
void tree_fork_returned(long result) {
    struct ring_join *join = last_place;
    uint64_t unknown = ring_join_child(last_serial, 0);
    last_place = NULL;
    if (join && result > 0) {
        atomic_compare_exchange_strong(&join->child, &unknown, ring_join_child(last_serial, (uint32_t)result));
    } else if (join && atomic_compare_exchange_strong(&join->child, &unknown, 0)) {
        atomic_store_explicit(&join->state, RING_JOIN_FAILED, memory_order_release);
    }
}

bool tree_has_place(void) {
    return place != NULL;
}

/* Returns false where the place has been given to somebody else: that takes ten seconds between fork() and here. */
static bool fill(struct ring_join *join, uint64_t number, uint32_t state) {
    uint32_t claimed = RING_JOIN_CLAIMED;
    if (atomic_load_explicit(&join->state, memory_order_acquire) != RING_JOIN_CLAIMED) {
        return false;
    }
    join->pid = (uint32_t)sys_getpid();
    join->ppid = (uint32_t)getppid();
    join->ring_number = number;
    return atomic_compare_exchange_strong_explicit(&join->state, &claimed, state, memory_order_release,
                                                   memory_order_relaxed);
}

void tree_give_place_back(void) {
    if (place && fill(place, 0, RING_JOIN_FAILED)) {
        place = NULL;
    }
}

int tree_join_as_child(const char *ring_path, uint64_t number, void (*fill_ring)(bool is_forked)) {
    struct ring_join *join = place;
    place = NULL;
    int result = ring_replace(ring_path);
    if (result == 0) {
        atomic_store_explicit(&ring->collector_pid, ring_parent_collector(), memory_order_relaxed);
        thread_states_begin_child();
        modules_begin_child();
        stack_begin_child();
        mark_names_begin_child();
        fill_ring(true);
        source_tag_log_again();
        thread_states_log_cuts(mark_stamp);
        atomic_store(&ring->collector_state, RING_COLLECTOR_RUNNING);
    }
    if (!fill(join, number, result == 0 ? RING_JOIN_READY : RING_JOIN_FAILED) && result == 0) {
        unlink(ring_path);
        result = -ETIMEDOUT;
    }
    ring_forget_parent();
    return result;
}

/* ---- exec ---- */

/* In another one the collector's id is nobody's, or somebody else's. */
static bool is_other_namespace(const struct ring_header *header) {
    uint64_t own = header->pid_namespace ? sys_pid_namespace() : 0;
    return own && own != header->pid_namespace;
}

/* Its joins lie within the file, and what is said of them can be. */
static bool has_joins(const struct ring_header *header, uint64_t file_bytes) {
    const struct ring_region *joins = &header->joins;
    return memcmp(header->magic, RING_MAGIC, sizeof header->magic) == 0 && header->version == RING_VERSION &&
           joins->unit_bytes == sizeof(struct ring_join) && joins->cap && joins->cap <= RING_JOINS &&
           joins->off < file_bytes && (file_bytes - joins->off) / joins->unit_bytes >= joins->cap;
}

static struct ring_header *map_start(int fd, size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Map the start of the first process's ring, header and joins: all of it may be more than RLIMIT_AS allows here. NULL if it is not there, or nobody
 * reads it any more. */
static struct ring_header *map_first(const char *path, size_t *bytes) {
    struct ring_header *header = NULL;
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= sizeof *header) {
        header = map_start(fd, sizeof *header);
    }
    if (header) {
        const struct ring_region *joins = &header->joins;
        bool is_good = has_joins(header, (uint64_t)st.st_size);
        *bytes = is_good ? joins->off + (size_t)joins->unit_bytes * joins->cap : 0;
        munmap(header, sizeof *header);
        header = is_good ? map_start(fd, *bytes) : NULL;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (header && (is_other_namespace(header) || !tree_is_read(header))) {
        munmap(header, *bytes);
        header = NULL;
    }
    return header;
}

bool tree_is_open(const char *first_ring) {
    size_t bytes;
    struct ring_header *first = map_first(first_ring, &bytes);
    if (first) {
        munmap(first, bytes);
    }
    return first != NULL;
}

bool tree_join_by_exec(const char *first_ring, uint64_t number) {
    size_t bytes;
    struct ring_header *first = map_first(first_ring, &bytes);
    struct ring_join *join = first ? ring_join_claim(first) : NULL;
    bool has_joined = false;
    if (join) {
        join->fork_serial = 0;
        atomic_store_explicit(&join->child, ring_join_child(0, (uint32_t)sys_getpid()), memory_order_relaxed);
        atomic_store_explicit(&ring->collector_pid, atomic_load_explicit(&first->collector_pid, memory_order_relaxed),
                              memory_order_relaxed);
        has_joined = fill(join, number, RING_JOIN_READY);
        atomic_fetch_add_explicit(&first->wake, 1, memory_order_relaxed);
        sys_futex_wake(&first->wake);
    }
    if (first) {
        munmap(first, bytes);
    }
    return has_joined;
}

/* ---- environment ---- */

enum { ENTRIES_MAX = 1 << 16 };

static bool is_followed;

/* A place in environ for another entry. */
static char **add_entry(void) {
    size_t n = 0;
    while (environ[n] && n < ENTRIES_MAX) {
        n++;
    }
    char **larger = sys_map_private((n + 2) * sizeof *larger);
    if (!larger) {
        return NULL;
    }
    memcpy(larger, environ, n * sizeof *larger);
    environ = larger;
    return &larger[n];
}

void tree_export(const char *first_ring, bool follow) {
    static const char name[] = "SEEP_OPTIONS=";
    char **entry = environ;
    while (*entry && strncmp(*entry, name, sizeof name - 1) != 0) {
        entry++;
    }
    entry = *entry ? entry : add_entry();
    char *value = entry ? sys_map_private(sizeof name + OPTIONS_BYTES_MAX) : NULL;
    if (!value) {
        return;
    }
    struct text text = text_over(value, sizeof name + OPTIONS_BYTES_MAX - 1);
    text_add(&text, *entry ? *entry : name);
    text_add(&text, text.start[text.n - 1] == '=' ? "" : ":");
    text_add(&text, follow ? "tree=" : "off");
    option_escape(&text, follow ? first_ring : "");
    if (!text.is_cut) {
        *entry = value;
    }
    tree_remember();
    is_followed = follow;
}

static const char *find_entry(char *const *env, const char *name, size_t n) {
    for (; *env; env++) {
        if (strncmp(*env, name, n) == 0) {
            return *env;
        }
    }
    return NULL;
}

static const char preload_name[] = "LD_PRELOAD=", options_name[] = "SEEP_OPTIONS=";

/* As they stand in the environment now: some programs write over it later. NULL = not to be put in anywhere. */
static char *our_preload, *our_options;

static char *copy_of(const char *entry) {
    size_t n = entry ? strlen(entry) + 1 : 0;
    char *copy = n ? sys_map_private(n) : NULL;
    return copy ? memcpy(copy, entry, n) : NULL;
}

void tree_remember(void) {
    is_followed = true;
    our_preload = copy_of(find_entry(environ, preload_name, sizeof preload_name - 1));
    our_options = copy_of(find_entry(environ, options_name, sizeof options_name - 1));
}

/* Whether an LD_PRELOAD names what ours names: one that leaves this library out, or has another, has been made on purpose. */
static bool is_our_preload(const char *entry) {
    return entry && our_preload && strcmp(entry, our_preload) == 0;
}

uint32_t tree_why_not(char *const *env) {
    const char *preload = env ? find_entry(env, preload_name, sizeof preload_name - 1) : NULL;
    const char *options = env ? find_entry(env, options_name, sizeof options_name - 1) : NULL;
    bool has_library = preload && our_preload && strstr(preload, our_preload + sizeof preload_name - 1);
    bool has_tree = options && our_options && strcmp(options, our_options) == 0;
    return (has_library || !our_preload ? 0 : RING_RUN_NO_PRELOAD) | (has_tree ? 0 : RING_RUN_OTHER_OPTIONS);
}

bool tree_is_followed(void) {
    return is_followed;
}

char *const *tree_environment(char *const *env, char *room[TREE_ENVIRONMENT_MAX]) {
    const char *preload = env ? find_entry(env, preload_name, sizeof preload_name - 1) : NULL;
    bool has_options = env && find_entry(env, options_name, sizeof options_name - 1);
    if (!our_preload || !our_options || has_options || (preload && !is_our_preload(preload))) {
        return env;
    }
    size_t n = 0;
    for (; env && env[n]; n++) {
        if (n + 3 >= TREE_ENVIRONMENT_MAX) {
            return env;
        }
        room[n] = env[n];
    }
    if (!preload) {
        room[n++] = our_preload;
    }
    room[n++] = our_options;
    room[n] = NULL;
    return room;
}
