/* unwind_libunwind.c - libunwind as a backend of its own and as the oracle of unwinder=verify.
 *
 * It is loaded by dlopen only when asked for: the shim itself needs nothing but libc. Both modes are for checking, not for production:
 * libunwind takes locks and kilobytes of stack.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "capture.h"
#include "cfi.h"
#include "ring_file.h"
#include "stack_intern.h"
#include "sys.h"
#include "text.h"

static int (*backtrace_of)(void **ip, int cap);

static int init(void) {
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "unw_backtrace") : NULL;
    memcpy(&backtrace_of, &symbol, sizeof symbol);
    return symbol ? 0 : -ENOENT;
}

/* libunwind's frames from the hook's caller outwards. Returns their number; 0 if the caller is not among them.
 * What it allocates itself (its thread-local cache, at a thread's first call) is not the host's. */
static uint32_t unwind(struct thread_state *t, uint64_t *ip, uint32_t cap, struct arch_caller caller) {
    int saved = errno;
    atomic_store_explicit(&t->phase, THREAD_IGNORE, memory_order_relaxed);
    int got = backtrace_of((void **)ip, (int)cap);
    atomic_store_explicit(&t->phase, THREAD_BUSY, memory_order_relaxed);
    t->is_libunwind_ready = true;
    errno = saved;
    uint32_t n = got > 0 ? (uint32_t)got : 0;
    uint32_t first = 0;
    while (first < n && ip[first] != caller.ip) {
        first++; /* the shim's own frames */
    }
    while (n > first && ip[n - 1] == 0) {
        n--;
    }
    memmove(ip, ip + first, (n - first) * sizeof *ip);
    return n - first;
}

static uint32_t capture(struct thread_state *t, struct arch_caller caller) {
    uint64_t *ip = thread_frame_ips(t);
    if (!ip) {
        ring_count_lost(RING_LOST_STACKS, 1);
        return stack_root();
    }
    uint32_t n = unwind(t, ip, RING_FRAMES_MAX, caller);
    for (uint32_t i = 0; i < n; i++) {
        cfi_rule(ip[i]); /* has the module logged */
    }
    if (n == RING_FRAMES_MAX) {
        ring_count_lost(RING_LOST_CUT_STACKS, 1);
    }
    return stack_intern(stack_root(), ip, n);
}

enum { VERIFY_FRAMES = 512, DIFFERENCES_SHOWN = 8, NOTE_BYTES = 1024 };

/* One frame more than the prefix that both have; a signal's interrupted ip is one higher in ours. */
static bool is_same_frame(uint64_t ours, uint64_t theirs) {
    return ours == theirs || ours == theirs + 1;
}

/* Two stacks to compare. */
struct pair {
    const uint64_t *ours, *theirs;
    uint32_t n_ours, n_theirs;
};

static void note_difference(const struct pair *p, uint32_t at) {
    char *note = sys_map_private(NOTE_BYTES);
    if (!note) {
        return;
    }
    struct text text = text_over(note, NOTE_BYTES);
    text_add(&text, "unwinder=verify: frame ");
    text_add_number(&text, at);
    text_add(&text, " of ours ");
    text_add_number(&text, p->n_ours);
    text_add(&text, ", libunwind ");
    text_add_number(&text, p->n_theirs);
    for (uint32_t i = at ? at - 1 : 0; i < at + 3; i++) {
        text_add(&text, "; ours 0x");
        text_add_hex(&text, i < p->n_ours ? p->ours[i] : 0);
        text_add(&text, " theirs 0x");
        text_add_hex(&text, i < p->n_theirs ? p->theirs[i] : 0);
    }
    ring_log_append(RING_LOG_NOTE, 0, note, (uint32_t)text.n + 1, NULL, 0);
    sys_unmap(note, NOTE_BYTES);
}

/* Compare, count, and describe the first few differences. */
static void compare(const struct pair *p) {
    uint32_t n = p->n_ours < p->n_theirs ? p->n_ours : p->n_theirs;
    uint32_t at = 0;
    while (at < n && is_same_frame(p->ours[at], p->theirs[at])) {
        at++;
    }
    atomic_fetch_add_explicit(&ring->n_verified, 1, memory_order_relaxed);
    bool is_cut = p->n_theirs >= VERIFY_FRAMES - 16; /* the shim's frames took a few places */
    if (at == n && (p->n_ours == p->n_theirs || is_cut)) {
        return;
    }
    if (atomic_fetch_add_explicit(&ring->n_differing, 1, memory_order_relaxed) < DIFFERENCES_SHOWN) {
        note_difference(p, at);
    }
}

/* The default backend's stack, read back from the tree: what is compared is what is recorded. */
static uint32_t list_frames(uint32_t stack, uint64_t *ip, uint32_t cap) {
    uint32_t n = 0;
    for (uint32_t root = stack_root(); stack != root && stack && n < cap; stack = ring_nodes[stack].parent) {
        ip[n++] = ring_nodes[stack].ip;
    }
    return n;
}

static uint32_t capture_verified(struct thread_state *t, struct arch_caller caller) {
    uint32_t stack = capture_by_reuse(t, caller);
    uint64_t *ip = thread_frame_ips(t);
    if (ip) {
        uint64_t *theirs = &ip[RING_FRAMES_MAX - VERIFY_FRAMES];
        struct pair pair = {
            .ours = ip, .theirs = theirs, .n_ours = list_frames(stack, ip, RING_FRAMES_MAX - VERIFY_FRAMES)};
        pair.n_theirs = unwind(t, theirs, VERIFY_FRAMES, caller);
        compare(&pair);
    }
    return stack;
}

const struct unwinder_ops unwinder_libunwind = {.name = "libunwind", .init = init, .capture = capture};
const struct unwinder_ops unwinder_verify = {.name = "verify", .init = init, .capture = capture_verified};
