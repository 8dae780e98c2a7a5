/* process_files.c - see process_files.h. Source: proc(5). */
#include "process_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "text.h"

enum { FILE_BYTES_MAX = 16 << 20, FILES_MAX = 4096 };

char *process_read(pid_t pid, const char *name, size_t *n_bytes) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    char *text = NULL;
    size_t n = 0, cap = 0;
    ssize_t n_read = 0;
    do {
        cap = cap ? 2 * cap : 4096;
        text = xrealloc(text, cap, 1);
        while (n + 1 < cap && (n_read = read(fd, text + n, cap - 1 - n)) > 0) {
            n += (size_t)n_read;
        }
    } while (n + 1 == cap && cap < FILE_BYTES_MAX);
    int error = errno;
    close(fd);
    if (n_read < 0) {
        free(text);
        errno = error;
        return NULL;
    }
    text[n] = '\0';
    if (n_bytes) {
        *n_bytes = n;
    }
    return text;
}

long process_status_number(const char *status, const char *key, long missing) {
    size_t n_key = strlen(key);
    for (const char *line = status; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n_key) == 0 && line[n_key] == ':') {
            return strtol(line + n_key + 1, NULL, 10);
        }
    }
    return missing;
}

bool process_is_dead(const char *status) {
    const char *state = strstr(status, "\nState:\t");
    return state && strchr("ZX", state[sizeof "\nState:\t" - 1]);
}

const char *process_environment(const char *environment, size_t n_bytes, const char *name) {
    size_t n_name = strlen(name);
    for (size_t i = 0; i < n_bytes; i += strlen(environment + i) + 1) {
        if (strncmp(environment + i, name, n_name) == 0 && environment[i + n_name] == '=') {
            return environment + i + n_name + 1;
        }
    }
    return NULL;
}

uint64_t process_auxiliary(const char *auxv, size_t n_bytes, uint64_t type) {
    uint64_t pair[2];
    for (size_t i = 0; i + sizeof pair <= n_bytes; i += sizeof pair) {
        memcpy(pair, auxv + i, sizeof pair);
        if (pair[0] == type) {
            return pair[1];
        }
    }
    return 0;
}

static struct mapped_file *find_file(struct mapped_files *files, uint64_t inode, const char *path) {
    for (size_t i = 0; i < files->n; i++) {
        if (files->items[i].inode == inode && strcmp(files->items[i].path, path) == 0) {
            return &files->items[i];
        }
    }
    return NULL;
}

static void add_code(struct mapped_files *files, uint64_t inode, uint64_t off, const char *path) {
    struct mapped_file *file = find_file(files, inode, path);
    if (file) {
        file->n_loads += file->code_off == off;
    } else if (files->n < FILES_MAX) {
        files->items = xgrow(files->items, files->n, &files->cap, sizeof *files->items);
        files->items[files->n++] =
            (struct mapped_file){.path = xstrndup(path, strlen(path)), .inode = inode, .code_off = off, .n_loads = 1};
    }
}

/* FILE of "FILE.ring-NUMBER-NUMBER", which a deleted one has " (deleted)" behind: how long it is, 0 where the path is not so. */
static size_t trace_of_ring(const char *path) {
    static const char mark[] = ".ring-", digits[] = "0123456789";
    const char *last = NULL;
    for (const char *at = path; (at = strstr(at, mark)); at++) {
        last = at;
    }
    if (!last) {
        return 0;
    }
    const char *pid = last + sizeof mark - 1, *dash = pid + strspn(pid, digits);
    if (dash == pid || *dash != '-') {
        return 0;
    }
    const char *end = dash + 1 + strspn(dash + 1, digits);
    return end > dash + 1 && (*end == '\0' || *end == ' ') ? (size_t)(last - path) : 0;
}

/* "START-END PERMISSIONS OFFSET DEVICE INODE   PATH" */
static void add_line(struct mapped_files *files, const char *line) {
    char permissions[5];
    unsigned long long off, inode;
    int n_head = 0;
    if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %4s %llx %*s %llu %n", permissions, &off, &inode, &n_head) != 3 ||
        n_head == 0 || line[n_head] != '/') {
        return;
    }
    const char *path = line + n_head;
    if (permissions[2] == 'x') {
        add_code(files, inode, off, path);
    } else if (permissions[3] == 's' && !files->shared_ring && trace_of_ring(path)) {
        files->shared_ring = xstrndup(path, strlen(path));
        files->n_trace_bytes = trace_of_ring(path);
    }
}

int mapped_files_read(struct mapped_files *files, pid_t pid) {
    *files = (struct mapped_files){0};
    char *text = process_read(pid, "maps", NULL);
    if (!text) {
        return -1;
    }
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        add_line(files, line);
    }
    free(text);
    return 0;
}

bool mapped_files_have(const struct mapped_files *files, const char *name) {
    for (size_t i = 0; i < files->n; i++) {
        if (strcmp(text_base_name(files->items[i].path), name) == 0) {
            return true;
        }
    }
    return false;
}

void mapped_files_free(struct mapped_files *files) {
    for (size_t i = 0; i < files->n; i++) {
        free(files->items[i].path);
    }
    free(files->items);
    free(files->shared_ring);
    *files = (struct mapped_files){0};
}
