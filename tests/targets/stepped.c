/* stepped.c - a signal handler that allocates and frees at every instruction of the hooks, one after the other.
 *
 * Each operation is single-stepped (the trap flag) and strikes when the k-th instruction inside libseep.so comes up, for k from 0 until
 * the operation has no more. There the allocator itself is not at work, so the handler may use it. Untraced, nothing strikes.
 *
 * usage: stepped STRIDE [onstack]   every STRIDE-th instruction; handlers on an alternate stack
 */
#include "books.h"
#include "single_step.h"
#include <link.h>
#include <signal.h>
#include <ucontext.h>

enum { MISSES_MAX = 5, OLD_BYTES = 40, NEW_BYTES = 60 };

static uint64_t code_start, code_end; /* of libseep.so */
static long strike_at, n_steps;
static volatile int has_struck;
static int s_alloc, s_zeroed, s_old, s_resized, s_handler;

static int find_code(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    for (int i = 0; strstr(info->dlpi_name, "libseep.so") && i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            code_start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            code_end = code_start + info->dlpi_phdr[i].p_memsz;
        }
    }
    return 0;
}

SITE void *site_in_handler(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

/* One block is given back, of the other two of three. */
static void strike(void) {
    struct block a, b;
    book_alloc(&a, s_handler, site_in_handler(30), 30);
    book_alloc(&b, s_handler, site_in_handler(31), 31);
    void *p = a.p;
    book_free(&a);
    free(p);
    if (strike_at % 3) {
        p = b.p;
        book_free(&b);
        free(p);
    }
}

static void on_step(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t ip = (uint64_t)registers[REG_RIP];
    if (ip < code_start || ip >= code_end || n_steps++ != strike_at) {
        return;
    }
    int saved = errno;
    registers[REG_EFL] &= ~TRAP_FLAG;
    has_struck = 1;
    strike();
    errno = saved;
}

SITE void *site_alloc(size_t n) {
    STEP_BEGIN();
    void *p = malloc(n);
    STEP_END();
    KEPT(p);
    return p;
}

SITE void *site_zeroed(size_t n) {
    STEP_BEGIN();
    void *p = calloc(1, n);
    STEP_END();
    KEPT(p);
    return p;
}

SITE void *site_old(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_resized(void *old, size_t n) {
    STEP_BEGIN();
    void *p = realloc(old, n);
    STEP_END();
    KEPT(p);
    return p;
}

static void release(struct block *b) {
    void *p = b->p;
    book_free(b);
    free(p);
}

static void allocate(void) {
    struct block b;
    book_alloc(&b, s_alloc, site_alloc(50), 50);
    if (strike_at % 2) {
        release(&b);
    }
}

static void zero(void) {
    struct block b;
    book_alloc(&b, s_zeroed, site_zeroed(50), 50);
    release(&b);
}

static void give_back(void) {
    struct block b;
    book_alloc(&b, s_old, site_old(OLD_BYTES), OLD_BYTES);
    void *p = b.p;
    book_free(&b);
    STEP_BEGIN();
    free(p);
    STEP_END();
}

static void resize(void) {
    struct block b;
    book_alloc(&b, s_old, site_old(OLD_BYTES), OLD_BYTES);
    void *p = b.p;
    book_free(&b);
    book_alloc(&b, s_resized, site_resized(p, NEW_BYTES), NEW_BYTES);
    if (strike_at % 2) {
        release(&b);
    }
}

/* Run an operation again and again, struck one instruction later each time. Returns how often it was. */
static long step_through(void (*operation)(void), long stride) {
    long n_struck = 0;
    int n_misses = 0;
    for (strike_at = 0; n_misses < MISSES_MAX; strike_at += stride) {
        n_steps = has_struck = 0;
        operation();
        n_struck += has_struck;
        n_misses += !has_struck;
    }
    return n_struck;
}

int main(int argc, char **argv) {
    static char stack_bytes[65536];
    long stride = argc > 1 ? atol(argv[1]) : 1;
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes};
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | (argc > 2 ? SA_ONSTACK : 0)};
    books_open();
    s_alloc = book_site("site_alloc");
    s_zeroed = book_site("site_zeroed");
    s_old = book_site("site_old");
    s_resized = book_site("site_resized");
    s_handler = book_site("site_in_handler");
    for (int i = 0; i < n_books; i++) {
        books[i].is_temporary_unknown = 1;
    }
    dl_iterate_phdr(find_code, NULL);
    sigaltstack(&stack, NULL);
    sigaction(SIGTRAP, &action, NULL);
    void (*const operations[])(void) = {allocate, zero, give_back, resize};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        long n = step_through(operations[i], stride);
        fprintf(stderr, "operation %zu was struck %ld times\n", i, n);
        if (code_end && n < 20) {
            return 1; /* nothing was tried */
        }
    }
    books_close();
    return 0;
}
