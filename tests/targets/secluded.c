/* secluded.c - forbids itself system calls and allocates on; books are kept as ever.
 *
 * strict               seccomp's strict mode (read, write, exit and sigreturn are left, and no TSC); ends by exit itself
 * filter PLUGIN LATE   four threads, started before, and a filter that kills for all but write, futex, sigreturn and exit; ends by exit()
 * nested PLUGIN LATE   the same, and signal handlers allocate in the middle of everything (with an allocator that allows it)
 * refused COMMAND…     runs the command below a filter that refuses new processes (EPERM)
 *
 * All memory is had from the kernel before. Allocates below 1 to 3000 frames, in signal handlers on an alternate stack, on a stack made by hand, and by a
 * plugin that is opened before and called after. Tells on stderr how many allocations were made on other stacks than a thread's own.
 */
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "books.h"
#include "switch_stack.h"

enum { HEAP_BYTES = 64 << 20, ROUNDS = 20000, BLOCKS = 200, THREADS = 4, SIGNALS = 20, STACK_BYTES = 64 << 10 };

static int s_prepare, s_block, s_zeroed, s_moved, s_handler, s_elsewhere, s_plugin, s_plugin_again, s_late;
static bool is_nested;
static uint32_t n_signals, n_elsewhere, n_ready, n_done, may_go;

SITE void *site_prepare(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_block(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_zeroed(size_t n) {
    void *p = calloc(1, n);
    KEPT(p);
    return p;
}
SITE void *site_moved(void *old, size_t n) {
    void *p = realloc(old, n);
    KEPT(p);
    return p;
}
SITE void *site_handler(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_elsewhere(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void release(struct block *b) {
    void *p = b->p;
    book_free(b);
    free(p);
}

static void one(struct block *b, uint64_t random) {
    size_t size = 1 + random % 900;
    if (!b->p) {
        random >> 59 & 1 ? book_alloc(b, s_block, site_block(size), size)
                         : book_alloc(b, s_zeroed, site_zeroed(size), size);
    } else if (random >> 59 & 1) {
        void *old = b->p;
        book_free(b);
        book_alloc(b, s_moved, site_moved(old, size), size);
    } else {
        release(b);
    }
}

__attribute__((noinline)) static void below(unsigned depth, struct block *b, uint64_t random) {
    char local[16];
    KEPT(local);
    if (depth > 0) {
        below(depth - 1, b, random);
    } else {
        one(b, random);
    }
    KEPT(local);
}

/* Leaves some blocks. */
__attribute__((noinline)) static void allocate(uint64_t seed) {
    static __thread struct block blocks[BLOCKS];
    uint64_t random = seed;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned depth = i % 500 == 499 ? 3000 : (unsigned)(books_random(&random) % 60);
        below(depth, &blocks[books_random(&random) % BLOCKS], books_random(&random) << 12);
    }
}

/* ---- other stacks ---- */

static char other_stack[STACK_BYTES] __attribute__((aligned(4096))), signal_stack[STACK_BYTES];
static void *here, *there;

static void leave(void) {
    switch_stack(&there, here);
    abort();
}

__attribute__((noinline)) static void below_elsewhere(unsigned depth) {
    char room[512];
    KEPT(room);
    if (depth > 0) {
        below_elsewhere(depth - 1);
    } else {
        struct block b = {0};
        book_alloc(&b, s_elsewhere, site_elsewhere(10), 10);
        BOOK_ADD(n_elsewhere, 1);
        release(&b);
    }
    KEPT(room);
}

static void on_other_stack(void) {
    for (unsigned depth = 0; depth < 40; depth += 2) { /* from one page to six */
        below_elsewhere(depth);
    }
    leave();
}

__attribute__((noinline)) static void go_elsewhere(void) {
    there = switch_prepare(other_stack + sizeof other_stack - 64, on_other_stack, leave);
    switch_stack(&here, there);
}

static void on_signal(int number) {
    struct block b = {0};
    size_t size = (size_t)number;
    if (!is_nested && __atomic_load_n(&n_signals, __ATOMIC_SEQ_CST) >= SIGNALS) {
        return; /* from here on they may interrupt malloc */
    }
    book_alloc(&b, s_handler, site_handler(size), size);
    BOOK_ADD(n_elsewhere, 1);
    release(&b);
    BOOK_ADD(n_signals, 1);
}

static void take_signals(void) {
    static const struct itimerval often = {{0, 1000}, {0, 1000}};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
    sigaltstack(&(stack_t){.ss_sp = signal_stack, .ss_size = sizeof signal_stack}, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

static void wait_for(uint32_t *counter, uint32_t wanted) {
    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < wanted) {
    }
}

/* ---- seclusion ---- */

static void prepare(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    struct block b = {0};
    book_alloc(&b, s_prepare, site_prepare(HEAP_BYTES), HEAP_BYTES);
    release(&b);
}

static void tell(void) {
    char line[64];
    int n = snprintf(line, sizeof line, "elsewhere %u\n", n_elsewhere);
    if (write(STDERR_FILENO, line, (size_t)n) != n) {
        abort();
    }
}

static void be_strict(void) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        abort();
    }
    allocate(1);
    go_elsewhere();
    allocate(2);
    tell();
    books_close();
    syscall(SYS_exit, 0);
}

#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void set_filter(struct sock_filter *filter, size_t n) {
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
        abort();
    }
}

static void forbid_all(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_futex),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    set_filter(filter, sizeof filter / sizeof filter[0]);
}

static void *work(void *seed) {
    BOOK_ADD(n_ready, 1);
    wait_for(&may_go, 1);
    allocate((uint64_t)(uintptr_t)seed);
    BOOK_ADD(n_done, 1);
    for (uint32_t never = 0;;) {
        syscall(SYS_futex, &never, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    return NULL;
}

static void *(*late)(size_t n);

static void call_late(void) {
    struct block b = {0};
    book_alloc(&b, s_late, late(40), 40);
    release(&b);
}

static void call_plugin(void (*function)(void), int site, size_t size) {
    struct block b = {0};
    function();
    book_alloc(&b, site, &b, size);
    book_free(&b);
}

static void be_filtered(const char *plugin_name, const char *late_name) {
    void *plugin = dlopen(plugin_name, RTLD_NOW | RTLD_LOCAL), *library = dlopen(late_name, RTLD_NOW | RTLD_LOCAL);
    void (*allocates[])(void) = {NULL, NULL};
    pthread_t thread;
    sigset_t alarm_alone;
    if (!plugin || !library) {
        abort();
    }
    *(void **)&allocates[0] = dlsym(plugin, "plugin_allocate");
    *(void **)&allocates[1] = dlsym(plugin, "plugin_allocate_again");
    *(void **)&late = dlsym(library, "late_allocate");
    sigemptyset(&alarm_alone);
    sigaddset(&alarm_alone, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_alone, NULL);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, work, (void *)(i + 3)) != 0) {
            abort();
        }
    }
    wait_for(&n_ready, THREADS);
    take_signals();
    pthread_sigmask(SIG_UNBLOCK, &alarm_alone, NULL);
    forbid_all();
    wait_for(&n_signals, SIGNALS); /* they interrupt nothing but this */

    __atomic_store_n(&may_go, 1, __ATOMIC_SEQ_CST);
    allocate(2);
    call_plugin(allocates[0], s_plugin, 20);
    call_plugin(allocates[1], s_plugin_again, 30);
    call_late();
    go_elsewhere();
    wait_for(&n_done, THREADS);
    tell();
    books_close();
}

static void refuse_processes(char **command) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    set_filter(filter, sizeof filter / sizeof filter[0]);
    execvp(command[0], command);
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "refused") == 0) {
        refuse_processes(argv + 2);
        return 126;
    }
    books_open();
    s_prepare = book_site("site_prepare");
    s_block = book_site("site_block");
    s_zeroed = book_site("site_zeroed");
    s_moved = book_site("site_moved");
    s_handler = book_site("site_handler");
    s_elsewhere = book_site("site_elsewhere");
    s_plugin = book_site("plugin_allocate");
    s_plugin_again = book_site("plugin_allocate_again");
    s_late = book_site("late_allocate");
    books_open_file();
    prepare();
    is_nested = argc > 2 && strcmp(argv[1], "nested") == 0;
    for (int i = 0; i < n_books; i++) {
        books[i].is_temporary_unknown = is_nested;
    }
    if (argc > 3 && (is_nested || strcmp(argv[1], "filter") == 0)) {
        be_filtered(argv[2], argv[3]);
    } else if (argc > 1 && strcmp(argv[1], "strict") == 0) {
        be_strict();
    } else {
        return 2;
    }
    return 0;
}
