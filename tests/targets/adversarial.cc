/* adversarial.cc - everything that makes an unwinder stumble, with an allocation at each point.
 *
 * Run with unwinder=verify: the report must say that not one frame differed from libunwind's. Prints one line that must
 * be the same with and without seep.
 */
#include <alloca.h>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <pthread.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define OUT_OF_LINE __attribute__((noinline, noclone))
#define HERE(p)     asm volatile("" : : "r"(p) : "memory")

static unsigned long rng = 88172645463325252ul;
static unsigned roll(unsigned n) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned)(rng >> 20) % n;
}

OUT_OF_LINE static void allocate(unsigned n) {
    void *p = malloc(n & 255);
    HERE(p);
    free(p);
    HERE(0l);
}

/* A frame of unknown size: everything is found through rbp. */
OUT_OF_LINE static void with_alloca(int depth) {
    char *p = static_cast<char *>(alloca(16 + roll(512)));
    HERE(p);
    allocate(depth);
    if (depth > 0) {
        with_alloca(depth - 1);
    }
    allocate(depth + 1);
    HERE(p);
}

/* Over-aligned locals beside alloca: the argument pointer is kept elsewhere (DRAP), CFI expressions. */
struct alignas(64) aligned_block {
    char bytes[64];
};
OUT_OF_LINE static void realigned(int depth, ...) {
    aligned_block block[2];
    HERE(block);
    char *p = static_cast<char *>(alloca(8 + roll(64)));
    HERE(p);
    allocate(depth);
    if (depth > 0) {
        realigned(depth - 1, 1, 2);
    }
    allocate(depth);
    HERE(block);
}

OUT_OF_LINE static void throws(int depth) {
    allocate(depth);
    if (depth == 0) {
        if (roll(2)) {
            throw std::runtime_error("thrown on purpose");
        }
        return;
    }
    throws(depth - 1);
    allocate(depth);
}
OUT_OF_LINE static void catches(int depth) {
    if (depth > 0) {
        catches(depth - 1);
        allocate(1);
    }
    try {
        throws(5 + static_cast<int>(roll(4)));
    } catch (const std::exception &) {
        allocate(2);
        with_alloca(2);
    }
}

static jmp_buf jump_target;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Winfinite-recursion" /* it ends by longjmp */
OUT_OF_LINE static void jumps(int depth) {
    allocate(depth);
    if (depth <= 0) {
        longjmp(jump_target, 1);
    } else {
        jumps(depth - 1);
    }
    allocate(depth);
}
#pragma GCC diagnostic pop
OUT_OF_LINE static void jump() {
    if (setjmp(jump_target) == 0) {
        jumps(3 + static_cast<int>(roll(8)));
    }
    allocate(3);
}

/* Callers with frames of one size around the same callee: equal stack pointers, different stacks. */
OUT_OF_LINE static void leaf() {
    allocate(1);
    HERE(0l);
}
OUT_OF_LINE static void middle() {
    leaf();
    HERE(0l);
}
OUT_OF_LINE static void twin_a() {
    middle();
    HERE(1l);
}
OUT_OF_LINE static void twin_b() {
    middle();
    HERE(2l);
}
OUT_OF_LINE static void twin_c() {
    middle();
    HERE(3l);
}
OUT_OF_LINE static void pick() {
    switch (roll(3)) {
    case 0:
        twin_a();
        break;
    case 1:
        twin_b();
        break;
    default:
        twin_c();
        break;
    }
    HERE(0l);
}

OUT_OF_LINE static void tail_calls(int depth) {
    allocate(depth);
    if (depth > 0) {
        if (roll(2)) {
            return tail_calls(depth - 1);
        }
        pick();
        return tail_calls(depth - 1);
    }
}

/* Coroutines on mapped stacks that go away again. */
enum { N_COROUTINES = 4, COROUTINE_BYTES = 128 << 10 };
static ucontext_t scheduler, coroutines[N_COROUTINES];
static int running;
OUT_OF_LINE static void yield_back() {
    swapcontext(&coroutines[running], &scheduler);
}
static void coroutine() {
    for (int i = 0; i < 20; i++) {
        with_alloca(static_cast<int>(roll(4)));
        yield_back();
        pick();
        catches(1);
        yield_back();
    }
}
OUT_OF_LINE static void run_coroutines() {
    void *stacks[N_COROUTINES];
    for (int i = 0; i < N_COROUTINES; i++) {
        stacks[i] = mmap(nullptr, COROUTINE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        getcontext(&coroutines[i]);
        coroutines[i].uc_stack.ss_sp = stacks[i];
        coroutines[i].uc_stack.ss_size = COROUTINE_BYTES;
        coroutines[i].uc_link = &scheduler;
        makecontext(&coroutines[i], coroutine, 0);
    }
    for (int k = 0; k < 30; k++) {
        for (running = 0; running < N_COROUTINES; running++) {
            swapcontext(&scheduler, &coroutines[running]);
            allocate(9);
            pick();
        }
    }
    for (void *stack : stacks) {
        munmap(stack, COROUTINE_BYTES);
    }
    allocate(1);
}

/* Handlers, on the thread's stack and on an alternate one, raised synchronously so that malloc is never interrupted. */
OUT_OF_LINE static void in_handler() {
    allocate(11);
    with_alloca(1);
}
static void handler(int) {
    in_handler();
}
OUT_OF_LINE static void raises(int depth) {
    if (depth > 0) {
        raises(depth - 1);
        HERE(0l);
        return;
    }
    raise(SIGUSR1);
    allocate(4);
    raise(SIGUSR2);
    pick();
}

/* A fault at the first byte of an instruction inside a leaf: the frame below the handler is not at a call. */
static sigjmp_buf fault_target;
static char *volatile nowhere;
static void fault_handler(int) {
    in_handler();
    siglongjmp(fault_target, 1);
}
OUT_OF_LINE static void faults() {
    if (sigsetjmp(fault_target, 1) == 0) {
        *nowhere = 1;
    }
    allocate(5);
}

static __thread char thread_data[4000];
static pthread_key_t key;
static void destroy(void *p) {
    allocate(5);
    free(p);
}
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* roll() and the jump target are shared */
static void *work(void *arg) {
    pthread_setspecific(key, malloc(100));
    thread_data[0] = 1;
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&one_at_a_time);
        with_alloca(static_cast<int>(roll(8)));
        pick();
        catches(2);
        jump();
        pthread_mutex_unlock(&one_at_a_time);
    }
    return arg;
}

/* Static initialisers and exit handlers allocate too. */
struct at_both_ends {
    at_both_ends() {
        allocate(20);
    }
    ~at_both_ends() {
        allocate(21);
    }
};
static at_both_ends ends;

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 100;
    pthread_key_create(&key, destroy);
    stack_t alternate = {};
    alternate.ss_size = 64 << 10;
    alternate.ss_sp = malloc(alternate.ss_size);
    sigaltstack(&alternate, nullptr);
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(SIGUSR1, &action, nullptr);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, nullptr);
    action.sa_handler = fault_handler;
    sigaction(SIGSEGV, &action, nullptr);
    for (int i = 0; i < n; i++) {
        with_alloca(static_cast<int>(roll(16)));
        realigned(static_cast<int>(roll(8)));
        catches(3);
        jump();
        for (int k = 0; k < 8; k++) {
            pick();
        }
        tail_calls(6);
        if (i % 10 == 0) {
            run_coroutines();
        }
        raises(static_cast<int>(roll(4)));
        faults();
    }
    for (int k = 0; k < 10; k++) {
        pthread_t threads[4];
        for (pthread_t &t : threads) {
            pthread_create(&t, nullptr, work, nullptr);
        }
        for (pthread_t &t : threads) {
            pthread_join(t, nullptr);
        }
    }
    for (int i = 0; i < 20; i++) {
        void *library = dlopen(i & 1 ? "libz.so.1" : "libdl.so.2", RTLD_NOW | RTLD_LOCAL);
        allocate(1);
        pick();
        if (library) {
            dlclose(library);
        }
    }
    pid_t child = fork();
    if (child == 0) {
        allocate(1);
        pick();
        _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("adversarial: done, child %d\n", WEXITSTATUS(status));
    return 0;
}
