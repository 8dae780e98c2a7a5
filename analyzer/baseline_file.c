/* baseline_file.c - the reading and writing half of baseline.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline.h"
#include "diag.h"
#include "whole_file.h"

enum { FILE_VERSION = 1, MODE_BITS = 07777, BASELINE_FILE_BYTES_MAX = 64 << 20 };

static const char first_words[] = "seep baseline ";

struct reading {
    struct baseline *baseline;
    struct string_pool *pool;
    const char *path;
    size_t line;
    char *comment; /* lines gathered so far */
    bool has_version;
};

static int refuse(const struct reading *r, const char *why) {
    diag_error("%s:%zu: %s", r->path, r->line, why);
    return -1;
}

/* Put text behind *to, which may be NULL. */
static void append(char **to, const char *text) {
    size_t n = *to ? strlen(*to) : 0, n_text = strlen(text);
    *to = xrealloc(*to, n + n_text + 1, 1);
    memcpy(*to + n, text, n_text + 1);
}

static void append_line(char **to, const char *line) {
    append(to, line);
    append(to, "\n");
}

static int refuse_first_line(const struct reading *r) {
    return refuse(r, "no baseline: its first line must be \"seep baseline 1\"");
}

static int read_version(struct reading *r, const char *line) {
    char *end = NULL;
    size_t n = sizeof first_words - 1;
    if (strlen(line) <= n || strncmp(line, first_words, n) != 0 || !isdigit((unsigned char)line[n])) {
        return refuse_first_line(r);
    }
    if (strtoul(line + n, &end, 10) != FILE_VERSION || *end) {
        return refuse(r, "a baseline of another version; this seep knows 1");
    }
    r->has_version = true;
    return 0;
}

/* A whole number; *end is behind it. Returns -1 where there is none or it is too large. */
static int read_number(const char *s, uint64_t *value, char **end) {
    if (!isdigit((unsigned char)*s)) {
        return -1;
    }
    errno = 0;
    *value = strtoull(s, end, 10);
    return errno ? -1 : 0;
}

static int read_growth(const char *s, struct baseline_figures *f, char **end) {
    uint64_t whole, part = 0;
    if (f->has_growth || read_number(s, &whole, end) != 0 || whole > UINT64_MAX / 100 - 1) {
        return -1;
    }
    if (**end == '.') {
        const char *digits = *end + 1;
        if (!isdigit((unsigned char)digits[0])) {
            return -1;
        }
        bool has_two = isdigit((unsigned char)digits[1]);
        part = (uint64_t)(digits[0] - '0') * 10 + (has_two ? (uint64_t)(digits[1] - '0') : 0);
        *end += has_two ? 3 : 2;
    }
    f->has_growth = true;
    f->growth_hundredths = whole * 100 + part;
    return 0;
}

/* "bytes=1 blocks=2 growth=0.5". Returns 0, or -1. */
static int read_figures(const char *s, struct baseline_figures *f) {
    bool has_bytes = false, has_blocks = false;
    *f = (struct baseline_figures){0};
    while (*s) {
        char *end = NULL;
        int status = -1;
        if (strncmp(s, "bytes=", 6) == 0 && !has_bytes) {
            status = read_number(s + 6, &f->bytes, &end);
            has_bytes = true;
        } else if (strncmp(s, "blocks=", 7) == 0 && !has_blocks) {
            status = read_number(s + 7, &f->blocks, &end);
            has_blocks = true;
        } else if (strncmp(s, "growth=", 7) == 0) {
            status = read_growth(s + 7, f, &end);
        }
        if (status != 0 || (*end && *end != ' ')) {
            return -1;
        }
        s = end + strspn(end, " ");
    }
    return has_bytes && has_blocks ? 0 : -1;
}

/* "KEY: FIGURES": behind the key's ']', which no figure has. */
static int read_entry(struct reading *r, char *line) {
    struct baseline_entry entry = {0};
    char *colon = strrchr(line, ']');
    if (!colon || strncmp(colon, "]: ", 3) != 0) {
        return refuse(r, "not a site: it must be FUNCTION < CALLER < CALLER [MODULE]: bytes=N blocks=N");
    }
    if (read_figures(colon + 3 + strspn(colon + 3, " "), &entry.limit) != 0) {
        return refuse(r, "behind the site must stand bytes=N blocks=N and, if growth is limited, growth=BYTES-PER-MARK");
    }
    colon[1] = '\0';
    if (identity_parse(&entry.id, line, r->pool) != 0) {
        return refuse(r, "not a site: it must be FUNCTION < CALLER < CALLER [MODULE]");
    }
    entry.comment = r->comment;
    r->comment = NULL;
    struct baseline *b = r->baseline;
    b->entries = xgrow(b->entries, b->n, &b->cap, sizeof *b->entries);
    b->entries[b->n++] = entry;
    return 0;
}

static bool is_conflict(const char *line) {
    return strncmp(line, "<<<<<<< ", 8) == 0 || strncmp(line, ">>>>>>> ", 8) == 0 || strncmp(line, "||||||| ", 8) == 0 ||
           strcmp(line, "=======") == 0;
}

/* An empty line: what was said so far is about the file, not about the next site. */
static void end_paragraph(struct reading *r) {
    if (r->comment) {
        append_line(&r->comment, "");
        append(&r->baseline->head, r->comment);
        free(r->comment);
        r->comment = NULL;
    }
}

static int read_line(struct reading *r, char *line) {
    if (is_conflict(line)) {
        return refuse(
            r, "a merge conflict stands there: keep the lines of both sides, of each site once, with the lower figures");
    }
    if (!r->has_version) {
        return read_version(r, line);
    }
    if (line[strspn(line, " \t")] == '\0') {
        end_paragraph(r);
        return 0;
    }
    if (*line == '#') {
        append_line(&r->comment, line);
        return 0;
    }
    return read_entry(r, line);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct baseline_entry *)a)->id.key, ((const struct baseline_entry *)b)->id.key);
}

static int check_entries(const struct reading *r) {
    struct baseline *b = r->baseline;
    if (b->n) {
        qsort(b->entries, b->n, sizeof *b->entries, by_key);
    }
    for (size_t i = 1; i < b->n; i++) {
        if (strcmp(b->entries[i - 1].id.key, b->entries[i].id.key) == 0) {
            diag_error("%s: the same site twice: %s; keep the line with the lower figures", r->path, b->entries[i].id.key);
            return -1;
        }
    }
    return 0;
}

static int read_lines(struct reading *r, const char *bytes, size_t n_bytes) {
    int status = 0;
    for (size_t at = 0; status == 0 && at < n_bytes;) {
        const char *newline = memchr(bytes + at, '\n', n_bytes - at);
        size_t n = newline ? (size_t)(newline - bytes) - at : n_bytes - at;
        r->line++;
        if (memchr(bytes + at, '\0', n)) {
            status = refuse(r, "a byte that is 0: this is no text");
            continue;
        }
        char *line = xstrndup(bytes + at, n);
        at += n + 1;
        while (n > 0 && strchr("\r \t", line[n - 1])) {
            line[--n] = '\0';
        }
        status = read_line(r, line);
        free(line);
    }
    if (status == 0 && !r->has_version) {
        r->line = 1;
        status = refuse_first_line(r);
    }
    return status;
}

int baseline_read(struct baseline *b, const char *path, struct string_pool *pool) {
    struct reading r = {.baseline = b, .pool = pool, .path = path};
    *b = (struct baseline){0};
    size_t n;
    char *bytes = whole_file_read(path, BASELINE_FILE_BYTES_MAX, &n);
    if (!bytes && errno == ENOENT) {
        b->is_new = true;
        return 0;
    }
    if (!bytes) {
        diag_error("cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    int status = read_lines(&r, bytes, n);
    b->tail = r.comment;
    free(bytes);
    return status != 0 ? -1 : check_entries(&r);
}

static void put_entry(FILE *f, const struct baseline_entry *entry) {
    const struct baseline_figures *limit = &entry->limit;
    fprintf(f, "%s%s: bytes=%" PRIu64 " blocks=%" PRIu64, entry->comment ? entry->comment : "", entry->id.key, limit->bytes,
            limit->blocks);
    if (limit->has_growth) {
        fprintf(f, " growth=%" PRIu64, limit->growth_hundredths / 100);
        if (limit->growth_hundredths % 100) {
            fprintf(f, ".%02" PRIu64, limit->growth_hundredths % 100);
        }
    }
    fputc('\n', f);
}

/* Returns 0, or -1 with errno. */
static int write_to(int fd, const struct baseline *b) {
    FILE *f = fdopen(fd, "w");
    if (!f) {
        close(fd);
        return -1;
    }
    fprintf(f, "%s%d\n\n%s", first_words, FILE_VERSION, b->head ? b->head : "");
    for (size_t i = 0; i < b->n; i++) {
        put_entry(f, &b->entries[i]);
    }
    fputs(b->tail ? b->tail : "", f);
    int status = fflush(f) == 0 && !ferror(f) ? fsync(fd) : -1;
    int error = errno;
    status |= fclose(f);
    errno = status && error ? error : errno;
    return status ? -1 : 0;
}

/* Returns 0, or -1 with errno. */
static int replace(const struct baseline *b, const char *path) {
    struct stat old;
    char *temporary = NULL;
    append(&temporary, path);
    append(&temporary, ".XXXXXX");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        free(temporary);
        return -1;
    }
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & MODE_BITS : 0666 & ~mask;
    int status = fchmod(fd, mode);
    status = write_to(fd, b) | status;
    if (status != 0 || rename(temporary, path) != 0) {
        int error = errno;
        unlink(temporary);
        errno = error;
        status = -1;
    }
    free(temporary);
    return status;
}

int baseline_write(const struct baseline *b, const char *path) {
    char *real = realpath(path, NULL); /* of a symlink, what it leads to */
    int status = replace(b, real ? real : path);
    if (status != 0) {
        diag_error("cannot write %s: %s", path, strerror(errno));
    }
    free(real);
    return status;
}
