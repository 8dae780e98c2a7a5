/* openssl_set.c - a program that gives OpenSSL allocation functions: early, late, twice, none, some; what it is answered, and what is called.
 *
 * usage: openssl_set early|late|twice|null|some_malloc|some_realloc|zero|restore|realloc_first|given|threads|errno
 *
 * Prints the same with and without seep.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_mine[3], n_other[3];
static CRYPTO_malloc_fn default_malloc;
static CRYPTO_realloc_fn default_realloc;
static CRYPTO_free_fn default_free;

#define FUNCTIONS(name)                                                                                                    \
    static void *name##_malloc(size_t size, const char *file, int line) {                                                  \
        n_##name[0] += file && line > 0;                                                                                   \
        return malloc(size);                                                                                               \
    }                                                                                                                      \
    static void *name##_realloc(void *old, size_t size, const char *file, int line) {                                      \
        n_##name[1] += file && line > 0;                                                                                   \
        return realloc(old, size);                                                                                         \
    }                                                                                                                      \
    static void name##_free(void *p, const char *file, int line) {                                                         \
        n_##name[2] += file && line > 0;                                                                                   \
        free(p);                                                                                                           \
    }
FUNCTIONS(mine)
FUNCTIONS(other)

static void set(const char *what, CRYPTO_malloc_fn m, CRYPTO_realloc_fn r, CRYPTO_free_fn f) {
    printf("set %s: %d\n", what, CRYPTO_set_mem_functions(m, r, f));
}

#define NAME(fn, kind)                                                                                                     \
    ((fn) == mine_##kind ? "mine" : (fn) == other_##kind ? "other" : (fn) == default_##kind ? "default" : "unknown")

static void get(void) {
    CRYPTO_malloc_fn m = NULL;
    CRYPTO_realloc_fn r = NULL;
    CRYPTO_free_fn f = NULL;
    CRYPTO_get_mem_functions(NULL, NULL, NULL);
    CRYPTO_get_mem_functions(&m, NULL, NULL);
    CRYPTO_get_mem_functions(NULL, &r, NULL);
    CRYPTO_get_mem_functions(NULL, NULL, &f);
    printf("get: %s %s %s\n", NAME(m, malloc), NAME(r, realloc), NAME(f, free));
}

/* One of each kind of call, and how often which functions were asked. */
static void use(void) {
    void *p = OPENSSL_malloc(100), *q = OPENSSL_zalloc(10);
    p = OPENSSL_realloc(p, 5000);
    void *r = OPENSSL_realloc(NULL, 30);
    OPENSSL_free(p);
    OPENSSL_clear_free(q, 10);
    printf("realloc to 0: %s\n", OPENSSL_realloc(r, 0) ? "a block" : "NULL");
    OPENSSL_free(NULL);
    printf("malloc(0): %s\n", OPENSSL_malloc(0) ? "a block" : "NULL");
    printf("mine %d %d %d, other %d %d %d\n", n_mine[0], n_mine[1], n_mine[2], n_other[0], n_other[1], n_other[2]);
}

#define MINE  mine_malloc, mine_realloc, mine_free
#define OTHER other_malloc, other_realloc, other_free

static void *allocate(void *unused) {
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        OPENSSL_free(OPENSSL_malloc((size_t)(i % 200 + 1)));
    }
    return NULL;
}

static void from_threads(void) {
    pthread_t threads[4];
    int n_set = 0;
    OPENSSL_free(OPENSSL_malloc(1));
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&threads[i], NULL, allocate, NULL) != 0) {
            abort();
        }
    }
    for (int i = 0; i < 20000; i++) {
        n_set += CRYPTO_set_mem_functions(MINE);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("set while threads run: %d\n", n_set);
}

static void keep_errno(void) {
    errno = 77;
    void *p = OPENSSL_malloc(10);
    printf("malloc: %d\n", errno);
    p = OPENSSL_realloc(p, 100000);
    printf("realloc: %d\n", errno);
    OPENSSL_free(p);
    printf("free: %d\n", errno);
    void *volatile none = CRYPTO_malloc(SIZE_MAX / 2, NULL, 0);
    printf("too much: %s %d\n", none ? "a block" : "NULL", errno);
    p = OPENSSL_malloc(10);
    errno = 77;
    none = CRYPTO_realloc(p, SIZE_MAX / 2, NULL, 0);
    printf("too much: %s %d\n", none ? "a block" : "NULL", errno);
    OPENSSL_free(p);
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "early";
    CRYPTO_get_mem_functions(&default_malloc, &default_realloc, &default_free);
    get();
    if (strcmp(how, "early") == 0) {
        set("mine", MINE);
        get();
        use();
        set("other", OTHER);
        get();
    } else if (strcmp(how, "late") == 0) {
        use();
        set("mine", MINE);
        get();
    } else if (strcmp(how, "twice") == 0) {
        set("mine", MINE);
        set("other", OTHER);
        get();
        use();
        set("mine", MINE);
    } else if (strcmp(how, "null") == 0) {
        set("none", NULL, NULL, NULL);
        get();
        use();
        set("none", NULL, NULL, NULL);
    } else if (strcmp(how, "some_malloc") == 0) {
        set("malloc", mine_malloc, NULL, NULL);
        get();
        use();
        set("free", NULL, NULL, other_free);
        get();
    } else if (strcmp(how, "some_realloc") == 0) {
        set("realloc", NULL, mine_realloc, NULL);
        get();
        use();
        set("other", OTHER);
        get();
    } else if (strcmp(how, "zero") == 0) {
        printf("malloc(0): %s\n", OPENSSL_malloc(0) ? "a block" : "NULL");
        set("mine", MINE);
        get();
    } else if (strcmp(how, "restore") == 0) {
        set("mine", MINE);
        set("default", default_malloc, default_realloc, default_free);
        get();
        use();
        set("mine", MINE);
    } else if (strcmp(how, "realloc_first") == 0) {
        OPENSSL_free(OPENSSL_realloc(NULL, 10));
        set("mine", MINE);
        get();
    } else if (strcmp(how, "given") == 0) {
        void *p = malloc(10);
        p = OPENSSL_realloc(p, 20);
        OPENSSL_free(p);
        set("mine", MINE);
        get();
    } else if (strcmp(how, "threads") == 0) {
        from_threads();
    } else if (strcmp(how, "errno") == 0) {
        keep_errno();
    }
    use();
    get();
    return 0;
}
