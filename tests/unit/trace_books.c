/* trace_books.c - see trace_books.h. */
#include "trace_books.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect.h"

enum { LINE_BYTES = 4096 };

struct books_row *books_find(struct books *b, uint32_t node, uint64_t size) {
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->rows[i].node == node && b->rows[i].size == size) {
            return &b->rows[i];
        }
    }
    if (b->n == BOOKS_ROWS) {
        abort();
    }
    b->rows[b->n] = (struct books_row){.node = node, .size = size};
    return &b->rows[b->n++];
}

static FILE *read_trace_open(const char *option, const char *trace) {
    const char *root = getenv("SEEP_ROOT");
    char command[LINE_BYTES];
    snprintf(command, sizeof command, "python3 %s/tests/lib/trace_read.py %s '%s'", root ? root : ".", option, trace);
    return popen(command, "r");
}

char *trace_json(const char *trace) {
    FILE *f = read_trace_open("", trace);
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = f ? getline(&text, &cap, f) : -1;
    if ((f && pclose(f) != 0) || n <= 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The line that trace_read.py --sums has to print for a row. */
static void row_line(const struct fake_ring *r, const struct books_row *row, char *line) {
    int n = 0;
    for (uint32_t node = row->node; node != 0; node = r->nodes[node].parent) {
        n += snprintf(line + n, (size_t)(LINE_BYTES - n), "%s%" PRIx64, n ? "," : "", r->nodes[node].ip);
    }
    if (n == 0) {
        n = snprintf(line, LINE_BYTES, "-");
    }
    snprintf(line + n, (size_t)(LINE_BYTES - n), " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", row->size,
             row->allocated, row->freed, row->temporary);
}

static uint64_t live_bytes(const struct books *b) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        sum += (b->rows[i].allocated - b->rows[i].freed) * b->rows[i].size;
    }
    return sum;
}

/* Is the line one of the rows with allocations? Marks it as seen. */
static bool is_in_books(const struct books *b, const struct fake_ring *r, const char *line, bool *seen) {
    static char expected[LINE_BYTES];
    for (uint32_t i = 0; i < b->n; i++) {
        row_line(r, &b->rows[i], expected);
        if (!seen[i] && strcmp(line, expected) == 0) {
            return seen[i] = true;
        }
    }
    snprintf(expected, sizeof expected, "live %" PRIu64 "\n", live_bytes(b));
    return strcmp(line, expected) == 0;
}

bool books_agree(const struct books *b, const struct fake_ring *r, const char *trace) {
    static char line[LINE_BYTES];
    bool seen[BOOKS_ROWS] = {false}, is_same = true, has_lines = false;
    FILE *f = read_trace_open("--sums", trace);
    while (f && fgets(line, sizeof line, f)) {
        has_lines = true;
        if (!is_in_books(b, r, line, seen)) {
            printf("# not in the books: %s", line);
            is_same = false;
        }
    }
    for (uint32_t i = 0; i < b->n; i++) {
        if (!seen[i] && b->rows[i].allocated != 0) {
            row_line(r, &b->rows[i], line);
            printf("# not in the trace: %s", line);
            is_same = false;
        }
    }
    return f && pclose(f) == 0 && is_same && has_lines;
}

int collect_dead(struct fake_ring *r, const char *trace) {
    static struct collector c;
    struct ring_map ring;
    unlink(trace);
    int fd = open(trace, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || ring_map_attach(&ring, r->fd) != NULL ||
        collector_init(&c, &ring, fd, &(struct fold_place){0}, 0, "") != 0) {
        abort();
    }
    int result = collector_run(&c);
    collector_free(&c);
    close(fd);
    return result;
}
