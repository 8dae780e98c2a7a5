/* blame_names.cc - functions that each leak through wrappers of the names that well-known allocators have.
 *
 * The table of wrappers knows names, not programs, so a program of those names is as good as the JVM. On stdout as blame_cxx.
 * usage: blame_names [only-wrappers]: leak from a thread in which no function is anything but a wrapper.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>

#define FUNCTION __attribute__((noinline, noclone, used))
#define WRAPPER  extern "C" FUNCTION void *
#define LEAKS    extern "C" FUNCTION void
#define KEPT(p)  __asm__ volatile("" : : "r"(p) : "memory")

/* A wrapper around another: NAME(n) { return INNER(n); }, not as a tail call. */
#define WRAPS(name, inner)                                                                                                 \
    WRAPPER name(size_t n) {                                                                                               \
        void *p = inner(n);                                                                                                \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }

namespace os {
FUNCTION void *malloc(size_t n, int flag) {
    void *p = ::malloc(n);
    KEPT(flag);
    KEPT(p);
    return p;
}
} // namespace os

FUNCTION char *AllocateHeap(size_t n, int flag) {
    void *p = os::malloc(n, flag);
    KEPT(p);
    return static_cast<char *>(p);
}

WRAPPER Unsafe_AllocateMemory0(void *, void *, size_t n) {
    void *p = AllocateHeap(n, 1);
    KEPT(p);
    return p;
}

WRAPS(zmalloc, malloc)
WRAPS(ngx_alloc, malloc)
WRAPS(ngx_palloc, ngx_alloc)
WRAPS(AllocSetAlloc, malloc)
WRAPS(MemoryContextAllocZero, AllocSetAlloc)
WRAPS(palloc0, MemoryContextAllocZero)
WRAPS(av_malloc, malloc)
WRAPS(av_mallocz, av_malloc)
WRAPS(sqlite3MemMalloc, malloc)
WRAPS(sqlite3Malloc, sqlite3MemMalloc)
WRAPS(sqlite3DbMallocRawNN, sqlite3Malloc)
WRAPS(CRYPTO_malloc, malloc)
WRAPS(CRYPTO_zalloc, CRYPTO_malloc)
WRAPS(ossl_ssl_ctx_fill, CRYPTO_zalloc)
WRAPS(SSL_CTX_new, ossl_ssl_ctx_fill)
WRAPS(allocator_alloc, malloc)
WRAPS(apr_palloc, allocator_alloc)
WRAPS(apr_pcalloc, apr_palloc)
WRAPS(_PyMem_RawMalloc, malloc)
WRAPS(_PyObject_Malloc, _PyMem_RawMalloc)
WRAPS(PyObject_GC_New, _PyObject_Malloc)
WRAPS(g_malloc, malloc)
WRAPS(g_slice_alloc, g_malloc)
WRAPS(g_object_newv, g_slice_alloc)
WRAPS(SSL_looks_like_it, malloc)
WRAPS(pool_get, malloc)

WRAPPER xmalloc(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

extern "C" FUNCTION char *xstrdup(const char *s) {
    char *p = strcpy(static_cast<char *>(xmalloc(strlen(s) + 1)), s);
    KEPT(p);
    return p;
}

static void told(const char *function, size_t n) {
    printf("%s %zu 0\n", function, n);
}

#define LEAKS_BY(name, call, n)                                                                                            \
    LEAKS name() {                                                                                                         \
        void *p = call;                                                                                                    \
        KEPT(p);                                                                                                           \
        told(#name, n);                                                                                                    \
    }

LEAKS_BY(leaks_jvm, Unsafe_AllocateMemory0(nullptr, nullptr, 250000), 250000)
LEAKS_BY(leaks_xstrdup, xstrdup("0123456789"), 11)
LEAKS_BY(leaks_redis, zmalloc(1200), 1200)
LEAKS_BY(leaks_nginx, ngx_palloc(1300), 1300)
LEAKS_BY(leaks_postgresql, palloc0(1400), 1400)
LEAKS_BY(leaks_ffmpeg, av_mallocz(1500), 1500)
LEAKS_BY(leaks_sqlite, sqlite3DbMallocRawNN(1600), 1600)
LEAKS_BY(leaks_openssl, SSL_CTX_new(1700), 1700)
LEAKS_BY(leaks_apr, apr_pcalloc(1710), 1710)
LEAKS_BY(leaks_python, PyObject_GC_New(1720), 1720)
LEAKS_BY(leaks_glib, g_object_newv(1730), 1730)
LEAKS_BY(leaks_libc, strdup("abc"), 4)
LEAKS_BY(leaks_pool, pool_get(1800), 1800)
/* Named like OpenSSL's, but nothing of OpenSSL's is called by it: it is whoever wrote it that leaks. */
LEAKS SSL_server_setup() {
    void *p = SSL_looks_like_it(1900);
    KEPT(p);
    told("SSL_looks_like_it", 1900);
}

extern "C" FUNCTION void *xmalloc_in_thread(void *) {
    void *p = xmalloc(5555);
    KEPT(p);
    return nullptr;
}

int main(int argc, char **) {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (argc > 1) {
        pthread_t thread;
        pthread_create(&thread, nullptr, xmalloc_in_thread, nullptr);
        pthread_join(thread, nullptr);
        told("xmalloc_in_thread", 5555);
        return 0;
    }
    leaks_jvm();
    leaks_xstrdup();
    leaks_redis();
    leaks_nginx();
    leaks_postgresql();
    leaks_ffmpeg();
    leaks_sqlite();
    leaks_openssl();
    leaks_apr();
    leaks_python();
    leaks_glib();
    leaks_libc();
    leaks_pool();
    SSL_server_setup();
    return 0;
}
