/* closes_files.c - a daemon's start: close everything from 3 up, then open own files under the numbers that are now free.
 *
 * usage: closes_files FOLDER [range]. With "range" by close_range(), to the last there can be. Whatever is in the files in the end must be the program's own.
 */
#include "books.h"
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { N_FILES = 200 };

SITE void *site_after_close(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

int main(int argc, char **argv) {
    static char path[N_FILES][4096];
    static int fds[N_FILES];
    bool is_range = argc == 3 && strcmp(argv[2], "range") == 0;
    if (argc != 2 && !is_range) {
        return 2;
    }
    books_open();
    int site = book_site("site_after_close");
    struct block b;
    for (size_t i = 0; i < 100; i++) {
        book_alloc(&b, site, site_after_close(i), i);
    }
    if (is_range && syscall(SYS_close_range, 3u, ~0u, 0u) != 0) {
        return 5;
    }
    for (int fd = 3; fd < 1024 && !is_range; fd++) {
        close(fd);
    }
    for (int i = 0; i < N_FILES; i++) {
        snprintf(path[i], sizeof path[i], "%s/file.%d", argv[1], i);
        fds[i] = open(path[i], O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fds[i] != 3 + i) {
            return 3; /* a number that should be free is not */
        }
    }
    for (size_t i = 0; i < 300000; i++) {
        book_alloc(&b, site, site_after_close(i % 700), i % 700);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    for (int i = 0; i < N_FILES; i++) {
        struct stat st;
        if (fstat(fds[i], &st) || st.st_size != 0 || lseek(fds[i], 0, SEEK_CUR) != 0) {
            return 4; /* somebody wrote into it */
        }
        close(fds[i]);
        unlink(path[i]);
    }
    books_close();
    return 0;
}
