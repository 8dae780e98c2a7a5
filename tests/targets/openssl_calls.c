/* openssl_calls.c - each way to allocate and free through OpenSSL, with its own books of where and what.
 *
 * usage: openssl_calls [own] [fork] [random=N]
 *   own    with allocation functions of its own, which put 16 bytes in front of each block
 *   fork   do it all in a child as well
 *   random=N   only N blocks of random sizes, from 64 lines, in random order, without books: all but 1000 are freed
 *
 * The file BOOKS has lines "alloc LINE BYTES" and "free LINE-OF-ALLOCATION LINE" for each call from here that allocates or frees, bytes as they are asked of
 * malloc; a reallocation is both. The child's go to BOOKS.child, with what it frees of its parent's left out.
 */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEADER = 16, ROUNDS = 50, BLOCKS_MAX = 64 };

static size_t header_bytes;
static int books = -1;

/* No allocation of its own: write straight away. */
static void book(const char *format, int a, size_t b) {
    char line[64];
    int n = snprintf(line, sizeof line, format, a, b);
    if (write(books, line, (size_t)n) != n) {
        abort();
    }
}

static void *own_malloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    char *p = malloc(size + HEADER);
    return p ? p + HEADER : NULL;
}
static void *own_realloc(void *old, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    char *p = realloc(old ? (char *)old - HEADER : NULL, size + HEADER);
    return p ? p + HEADER : NULL;
}
static void own_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p ? (char *)p - HEADER : NULL);
}

static struct {
    void *p;
    int line;
} blocks[BLOCKS_MAX];
static int n_blocks;

static void *keep(void *p, int line, size_t size) {
    if (!p) {
        abort();
    }
    book("alloc %d %zu\n", line, size + header_bytes);
    blocks[n_blocks].p = p;
    blocks[n_blocks++].line = line;
    return p;
}

static int line_of(const void *p) {
    int i = n_blocks - 1;
    while (i >= 0 && blocks[i].p != p) {
        i--;
    }
    if (i < 0) {
        abort();
    }
    int line = blocks[i].line;
    blocks[i] = blocks[--n_blocks];
    return line;
}

static void *drop(void *p, int line) {
    book("free %d %zu\n", line_of(p), (size_t)line);
    return p;
}

#define KEEP(call, size)    keep(call, __LINE__, size)
#define FREE(call, p)       (drop(p, __LINE__), call)
#define MOVE(call, p, size) (drop(p, __LINE__), keep(call, __LINE__, size))

static void one_round(int i) {
    char text[] = "twelve chars";
    void *a = KEEP(OPENSSL_malloc(100), 100);
    void *b = KEEP(OPENSSL_zalloc(200), 200);
    void *c = KEEP(OPENSSL_strdup(text), 13);
    void *d = KEEP(OPENSSL_strndup(text, 6), 7);
    void *e = KEEP(OPENSSL_memdup(text, 10), 10);
    void *f = KEEP(OPENSSL_secure_malloc(33), 33);
    void *g = KEEP(OPENSSL_secure_zalloc(44), 44);
    if (strcmp(c, text) != 0 || memcmp(d, "twelve", 7) != 0 || memcmp(e, text, 10) != 0 || ((char *)b)[199] != 0) {
        abort();
    }
    a = MOVE(OPENSSL_realloc(a, 3000), a, 3000);
    void *h = KEEP(OPENSSL_realloc(NULL, 60), 60);
    b = MOVE(OPENSSL_clear_realloc(b, 200, 500), b, 500);
    b = OPENSSL_clear_realloc(b, 500, 400); /* stays where it is */
    FREE(OPENSSL_free(a), a);
    FREE(OPENSSL_clear_free(b, 400), b);
    FREE(OPENSSL_free(c), c);
    FREE(OPENSSL_secure_free(f), f);
    FREE(OPENSSL_secure_clear_free(g, 44), g);
    if (!header_bytes && FREE(OPENSSL_realloc(h, 0), h)) {
        abort();
    } else if (header_bytes) {
        FREE(OPENSSL_free(h), h);
    }
    if (i % 10) {
        FREE(OPENSSL_free(d), d);
        FREE(OPENSSL_free(e), e);
    } else {
        n_blocks -= 2; /* they stay */
    }
    OPENSSL_free(NULL);
    OPENSSL_clear_free(NULL, 0);
    if (!header_bytes && (OPENSSL_malloc(0) || OPENSSL_zalloc(0) || OPENSSL_realloc(NULL, 0))) {
        abort();
    }
    /* What has not come from there, and what does not go back there. */
    void *foreign = malloc(70 + (size_t)i);
    if (header_bytes) {
        free(foreign);
    } else {
        OPENSSL_free(foreign);
        void *p = KEEP(OPENSSL_malloc(80), 80);
        n_blocks--;
        free(p);
    }
    /* A name that cannot be believed is not read, and the line is kept. */
    char name[32] = "on the stack";
    CRYPTO_free(CRYPTO_malloc(90, name, 90001), NULL, 90002);
    CRYPTO_free(CRYPTO_malloc(91, (const char *)8, 90003), "", 90004);
    CRYPTO_free(CRYPTO_malloc(92, NULL, -7), "", 1 << 30);
}

static void be_random(int n) {
    enum { KEPT = 1000 };
    static void *kept[KEPT];
    for (int i = 0; i < n; i++) {
        void **place = &kept[rand() % KEPT];
        CRYPTO_free(*place, __FILE__, 2000 + rand() % 8);
        *place = CRYPTO_malloc((size_t)(1 + rand() % 500), __FILE__, 1000 + rand() % 64);
    }
    for (int i = 0; i < KEPT; i++) {
        if (!kept[i]) {
            abort(); /* else fewer are left */
        }
    }
}

int main(int argc, char **argv) {
    const char *path = getenv("BOOKS");
    char child_path[4096];
    int must_fork = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "own") == 0) {
            header_bytes = HEADER;
            if (!CRYPTO_set_mem_functions(own_malloc, own_realloc, own_free)) {
                return 2;
            }
        }
        must_fork |= strcmp(argv[i], "fork") == 0;
        if (strncmp(argv[i], "random=", 7) == 0) {
            be_random(atoi(argv[i] + 7));
            return 0;
        }
    }
    books = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < ROUNDS; i++) {
        one_round(i);
    }
    if (must_fork) {
        pid_t child = fork();
        if (child == 0) {
            snprintf(child_path, sizeof child_path, "%s.child", path ? path : "/dev/null");
            books = open(path ? child_path : path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
            for (int i = 0; i < ROUNDS; i++) {
                one_round(i);
            }
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            return 3;
        }
    }
    return 0;
}
