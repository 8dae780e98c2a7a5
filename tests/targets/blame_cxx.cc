/* blame_cxx.cc - functions that each leak through what C++ puts between them and the allocator.
 *
 * On stdout one line for each: its name, the bytes that it leaks, and how many more its containers may have taken; "lambda" is all lambdas. Sizes of
 * nodes are those of libstdc++'s ABI.
 */
#include <algorithm>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#define LEAKS extern "C" __attribute__((noinline, noclone, used)) void

/* The result is used: the allocation is neither left out nor a tail call. */
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")

struct over_aligned {
    char bytes[128];
} __attribute__((aligned(64)));

struct pooled {
    char bytes[200];
    static __attribute__((noinline)) void *operator new(size_t n) {
        void *p = ::operator new(n);
        KEPT(p);
        return p;
    }
};

static void told(const char *function, size_t n, size_t slack = 0) {
    char line[100]; /* stdout must not allocate inside the functions */
    int bytes = snprintf(line, sizeof line, "%s %zu %zu\n", function, n, slack);
    fwrite(line, 1, static_cast<size_t>(bytes), stdout);
}

LEAKS leaks_new() {
    int *p = new int[100000];
    KEPT(p);
    told("leaks_new", 400000);
}

LEAKS leaks_nothrow() {
    void *p = ::operator new[](30000, std::nothrow), *q = ::operator new(1000, std::nothrow);
    KEPT(p);
    KEPT(q);
    told("leaks_nothrow", 31000);
}

LEAKS leaks_aligned() {
    over_aligned *p = new over_aligned[20];
    void *q = ::operator new (512, std::align_val_t{128}, std::nothrow);
    KEPT(p);
    KEPT(q);
    told("leaks_aligned", 20 * sizeof *p + 512);
}

LEAKS leaks_by_own_operator() {
    pooled *p = new pooled;
    KEPT(p);
    told("leaks_by_own_operator", sizeof *p);
}

LEAKS leaks_vectors() {
    auto *all = new std::vector<std::vector<int>>;
    size_t n = sizeof *all;
    for (int i = 0; i < 50; i++) {
        all->emplace_back();
        for (int k = 0; k < i * 100; k++) {
            all->back().push_back(k);
        }
    }
    for (auto &v : *all) {
        n += v.capacity() * sizeof v[0];
    }
    KEPT(all);
    told("leaks_vectors", n + all->capacity() * sizeof(std::vector<int>));
}

LEAKS leaks_strings() {
    auto *p = new std::string;
    for (int i = 0; i < 5000; i++) {
        *p += "0123456789";
    }
    KEPT(p);
    told("leaks_strings", sizeof *p + p->capacity() + 1);
}

LEAKS leaks_maps() {
    auto *p = new std::map<int, long>;
    for (int i = 0; i < 300; i++) {
        (*p)[i] = i;
    }
    auto *q = new std::list<long>(100, 1);
    KEPT(p);
    KEPT(q);
    told("leaks_maps", sizeof *p + p->size() * (32 + 16) + sizeof *q + q->size() * (16 + 8));
}

LEAKS leaks_hashes() {
    auto *p = new std::unordered_map<int, long>;
    for (int i = 0; i < 1000; i++) {
        (*p)[i] = i;
    }
    KEPT(p);
    told("leaks_hashes", sizeof *p + p->size() * (8 + 16) + p->bucket_count() * sizeof(void *));
}

LEAKS leaks_shared() {
    auto *p = new std::shared_ptr<pooled>(std::make_shared<pooled>());
    KEPT(p);
    told("leaks_shared", sizeof *p + 16 + sizeof(pooled));
}

LEAKS leaks_by_lambda() {
    static const size_t sizes[] = {100, 200, 300};
    std::for_each(sizes, sizes + 3, [](size_t n) {
        char *p = new char[n];
        KEPT(p);
    });
}

/* The lambda is inlined into a function of std::thread's, where no other function of ours is in the stack. */
LEAKS leaks_in_thread() {
    std::thread([] {
        char *p = new char[7000];
        KEPT(p);
    }).join();
    told("leaks_in_thread", 0, 1000);
    told("lambda", 600 + 7000);
}

int main() {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    leaks_new();
    leaks_nothrow();
    leaks_aligned();
    leaks_by_own_operator();
    leaks_vectors();
    leaks_strings();
    leaks_maps();
    leaks_hashes();
    leaks_shared();
    leaks_by_lambda();
    leaks_in_thread();
    return 0;
}
