/* exec_watch.c - see exec_watch.h. */
#include "exec_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifecycle.h"
#include "ring_file.h"
#include "sys.h"
#include "tree.h"

static struct { uint64_t device, inode; } root;

/* Returns false where it cannot be told: nobody can then say that it is another one. */
static bool find_root(struct stat *st) {
    return stat("/", st) == 0;
}

void exec_watch_start(void) {
    struct stat st;
    if (find_root(&st)) {
        root.device = st.st_dev;
        root.inode = st.st_ino;
    }
}

static bool is_other_root(void) {
    struct stat st;
    return root.inode && find_root(&st) && (st.st_dev != root.device || st.st_ino != root.inode);
}

static bool is_secure(void) {
    return getuid() != geteuid() || getgid() != getegid();
}

/* The end of a long name says more than its start. */
static void copy_name(char *to, size_t cap, const char *name) {
    size_t n = name ? strlen(name) : 0;
    size_t skip = n < cap ? 0 : n - cap + 1;
    memcpy(to, name ? name + skip : "", n - skip);
    to[n - skip] = '\0';
}

static struct ring_run *note(const char *program, char *const *env, int pid, uint64_t since_ns) {
    int saved = errno;
    bool is_on = lifecycle_is_on(), is_wanted = is_on && tree_is_followed();
    struct ring_run *run = is_on ? ring_run_claim() : NULL;
    if (run) {
        run->pid = (uint32_t)pid;
        run->since_ns = since_ns;
        run->why = tree_why_not(env) | (geteuid() != ring->uid ? (uint32_t)RING_RUN_OTHER_USER : 0) |
                   (is_other_root() ? (uint32_t)RING_RUN_OTHER_ROOT : 0) | (is_secure() ? (uint32_t)RING_RUN_SECURE : 0) |
                   (is_wanted ? 0 : (uint32_t)RING_RUN_UNWANTED);
        copy_name(run->program, sizeof run->program, program);
        atomic_store_explicit(&run->state, RING_RUN_UNDER_WAY, memory_order_release);
    } else if (is_wanted) {
        ring_count_lost(RING_LOST_UNSEEN_EXECS, 1);
    }
    errno = saved;
    return run;
}

struct ring_run *exec_watch_begin(const char *program, char *const *env) {
    return note(program, env, sys_getpid(), sys_mono_ns());
}

void exec_watch_failed(struct ring_run *run) {
    if (run) {
        atomic_store_explicit(&run->state, RING_RUN_FREE, memory_order_release);
    } else if (lifecycle_is_on() && tree_is_followed()) {
        ring_count_lost(RING_LOST_UNSEEN_EXECS, -1ull);
    }
}

void exec_watch_spawned(const char *program, char *const *env, int pid, uint64_t since_ns) {
    note(program, env, pid, since_ns);
}

void exec_watch_lost(void) {
    if (lifecycle_is_on() && tree_is_followed()) {
        ring_count_lost(RING_LOST_UNTRACED_EXECS, 1);
    }
}
