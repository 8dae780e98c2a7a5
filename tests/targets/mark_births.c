/* mark_births.c - keeps blocks from between many marks, and knows from between which.
 *
 * usage: mark_births MARKS SEED
 *
 * Marks are called a, b and c in turn. Behind each, and before the first, each of three functions allocates a few blocks; older ones are freed at
 * random. Written to stdout when it ends: a line "FUNCTION NUMBER BLOCKS BYTES" for each function and mark (0 = before the first) of which anything is
 * still there.
 */
#include "../../include/seep.h"
#include <stdio.h>
#include <stdlib.h>

enum { MARKS_MAX = 500, A_TIME = 5, SITES = 3, BLOCKS_MAX = (MARKS_MAX + 1) * A_TIME * SITES };

static struct {
    void *block;
    size_t size;
    long mark;
    int site;
} kept[BLOCKS_MAX];
static unsigned seed;
static void *volatile sink;

static unsigned chance(void) {
    seed = seed * 1103515245u + 12345u;
    return seed >> 16 & 0x7fff;
}

__attribute__((noinline)) static void *site_first(size_t size) {
    return sink = malloc(size);
}

__attribute__((noinline)) static void *site_second(size_t size) {
    return sink = malloc(size);
}

__attribute__((noinline)) static void *site_third(size_t size) {
    return sink = calloc(1, size);
}

static void *(*const sites[SITES])(size_t) = {site_first, site_second, site_third};

int main(int argc, char **argv) {
    static const char *const names[] = {"a", "b", "c"}, *const functions[] = {"site_first", "site_second", "site_third"};
    static long blocks[SITES][MARKS_MAX + 1], bytes[SITES][MARKS_MAX + 1];
    long marks = argc == 3 ? atol(argv[1]) : -1, n = 0;
    if (marks < 0 || marks > MARKS_MAX) {
        return 2;
    }
    seed = (unsigned)atol(argv[2]);
    for (long mark = 0; mark <= marks; mark++) {
        if (mark > 0) {
            seep_mark(names[mark % 3]);
        }
        for (int i = 0; i < A_TIME * SITES; i++, n++) {
            kept[n].site = (int)(chance() % SITES), kept[n].size = 1 + chance() % 300, kept[n].mark = mark;
            kept[n].block = sites[kept[n].site](kept[n].size);
            long old = (long)(chance() * 32768u + chance()) % (n + 1);
            if (chance() % 10) {
                free(kept[old].block);
                kept[old].block = NULL;
            }
        }
    }
    for (long i = 0; i < n; i++) {
        blocks[kept[i].site][kept[i].mark] += kept[i].block != NULL;
        bytes[kept[i].site][kept[i].mark] += kept[i].block ? (long)kept[i].size : 0;
    }
    for (int site = 0; site < SITES; site++) {
        for (long mark = 0; mark <= marks; mark++) {
            if (blocks[site][mark]) {
                printf("%s %ld %ld %ld\n", functions[site], mark, blocks[site][mark], bytes[site][mark]);
            }
        }
    }
    return 0;
}
