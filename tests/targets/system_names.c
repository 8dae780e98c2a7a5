/* system_names.c - a program whose own functions are named like those of built-in suppressions, or are called from where these look: none of its blocks may be
 * hidden. Keeps books; all blocks are left. */
#include <netdb.h>
#include <pwd.h>
#include <search.h>

#include "books.h"

static int own_site;

/* Allocate for `function`, once. */
#define LEAK(function, size)                                                                                               \
    do {                                                                                                                   \
        struct block block;                                                                                                \
        book_alloc(&block, book_site(function), malloc(size), size);                                                       \
        KEPT(block.p);                                                                                                     \
    } while (0)

SITE static void _dl_new_object(void) {
    LEAK("_dl_new_object", 101);
    KEPT(0);
}

SITE static void allocate_dtv(void) {
    LEAK("allocate_dtv", 102);
    KEPT(0);
}

SITE static void _dl_allocate_tls(void) {
    allocate_dtv();
    KEPT(0);
}

SITE static void __nss_module_allocate(void) {
    LEAK("__nss_module_allocate", 103);
    KEPT(0);
}

SITE static void call_init(void) {
    LEAK("call_init", 104);
    KEPT(0);
}

SITE static void init_globals(void) {
    LEAK("init_globals", 105);
    KEPT(0);
}

SITE static void init(void) {
    LEAK("init", 106);
    KEPT(0);
}

SITE static void tzset_internal(void) {
    LEAK("tzset_internal", 107);
    KEPT(0);
}

/* Called by ld.so before main. */
__attribute__((constructor)) SITE static void own_constructor(void) {
    books_open();
    own_site = book_site("own_constructor");
    struct block block;
    book_alloc(&block, own_site, malloc(108), 108);
    KEPT(block.p);
}

/* Called by libc. */
SITE static int own_compare(const void *a, const void *b) {
    static int is_done;
    if (!is_done) {
        is_done = 1;
        LEAK("own_compare", 109);
    }
    KEPT(a);
    KEPT(b);
    return 0;
}

SITE static void own_exit(void) {
    LEAK("own_exit", 110);
    books_close();
    KEPT(0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

SITE static void own_once(void) {
    LEAK("own_once", 111);
    KEPT(0);
}

/* Named like what sets OpenSSL up, which is in libcrypto. */
SITE static int OPENSSL_init_crypto(void) {
    pthread_once(&once, own_once);
    LEAK("OPENSSL_init_crypto", 112);
    KEPT(0);
    return 1;
}

SITE static void *own_thread(void *argument) {
    LEAK("own_thread", 113);
    KEPT(argument);
    return NULL;
}

int main(void) {
    pthread_t thread;
    int numbers[] = {3, 1, 2};
    atexit(own_exit);
    _dl_new_object();
    _dl_allocate_tls();
    __nss_module_allocate();
    call_init();
    init_globals();
    init();
    tzset_internal();
    qsort(numbers, 3, sizeof numbers[0], own_compare);
    OPENSSL_init_crypto();
    if (pthread_create(&thread, NULL, own_thread, NULL) == 0) {
        pthread_join(thread, NULL);
    }
    KEPT(getpwnam("root")); /* libc's own, which rules do hide */
    return 0;
}
