/* blame_libraries.c - functions that each leak through libraries: GLib, OpenSSL, and zlib, which is no allocator.
 *
 * Declared here are only the functions that are called: the libraries' headers need not be installed. On stdout as blame_cxx.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAKS   __attribute__((noinline, noclone, used)) void
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")

void *g_malloc(size_t n);
char *g_strdup(const char *s);
char *g_strconcat(const char *s, ...);

struct array {
    char *data;
    unsigned n;
};
struct array *g_array_sized_new(int is_terminated, int is_cleared, unsigned element_bytes, unsigned n);
struct array *g_array_append_vals(struct array *a, const void *data, unsigned n);

void *BIO_s_mem(void);
void *BIO_new(void *method);
int BIO_write(void *bio, const void *data, int n);

void *gzopen(const char *path, const char *mode);

static void told(const char *function, size_t n, size_t slack) {
    printf("%s %zu %zu\n", function, n, slack);
}

void leaks_by_glib(void), leaks_by_garray(void), leaks_by_openssl(void), leaks_by_zlib(void);

LEAKS leaks_by_glib(void) {
    void *p = g_malloc(300000);
    char *s = g_strdup("hello"), *t = g_strconcat(s, ", ", "world", NULL);
    KEPT(p);
    KEPT(t);
    told("leaks_by_glib", 300000 + 6 + 13, 0);
}

LEAKS leaks_by_garray(void) {
    struct array *a = g_array_sized_new(0, 0, 1000, 8);
    char element[1000] = "";
    for (int i = 0; i < 20; i++) {
        a = g_array_append_vals(a, element, 1);
    }
    KEPT(a);
    told("leaks_by_garray", 20000, 20000); /* it doubles; and GArray's own slice */
}

LEAKS leaks_by_openssl(void) {
    static const char data[50000];
    void *bio = BIO_new(BIO_s_mem());
    BIO_write(bio, data, sizeof data);
    told("leaks_by_openssl", sizeof data, 30000); /* BUF_MEM takes a third more; the BIO itself */
}

LEAKS leaks_by_zlib(void) {
    void *file = gzopen("/dev/null", "r");
    KEPT(file);
    told("leaks_by_zlib", 1, 100000);
}

int main(void) {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    leaks_by_glib();
    leaks_by_garray();
    leaks_by_openssl();
    leaks_by_zlib();
    return 0;
}
