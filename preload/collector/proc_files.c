/* proc_files.c - see proc_files.h. */
#include "proc_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES = 4096, KIB = 1024 };

/* Read the start of a file as a string. Returns its length, 0 on any failure. */
static size_t read_file(const char *path, char *text, size_t cap) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, cap - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* The number in the field that comes n fields after the one at p. */
static uint64_t field_number(const char *p, int n) {
    for (; p && n > 0; n--) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

bool proc_read_stat(uint32_t pid, struct proc_stat *stat) {
    enum { STATE = 3, N_THREADS = 20, START = 22, START_STACK = 28, EXIT_CODE = 52 };
    char path[64], text[FILE_BYTES];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", pid);
    if (read_file(path, text, sizeof text) == 0) {
        return false;
    }
    /* The name in field 2 may hold anything, ") " too: fields count from its last parenthesis. */
    const char *p = strrchr(text, ')');
    if (!p || p[1] != ' ') {
        return false;
    }
    p += 2;
    *stat = (struct proc_stat){
        .state = *p,
        .n_threads = (uint32_t)field_number(p, N_THREADS - STATE),
        .start_ticks = field_number(p, START - STATE),
        .start_stack = field_number(p, START_STACK - STATE),
        .exit_code = (int)field_number(p, EXIT_CODE - STATE),
    };
    return true;
}

static uint64_t status_kib(const char *text, const char *key) {
    const char *p = strstr(text, key);
    return p ? strtoull(p + strlen(key), NULL, 10) * KIB : 0;
}

bool proc_read_memory(uint32_t pid, uint64_t *resident_bytes, uint64_t *peak_bytes) {
    char path[64], text[FILE_BYTES];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/status", pid);
    if (read_file(path, text, sizeof text) == 0) {
        return false;
    }
    *peak_bytes = status_kib(text, "\nVmHWM:");
    *resident_bytes = status_kib(text, "\nVmRSS:");
    return *peak_bytes != 0;
}

/* A line of maps: start-end flags offset device inode path. Returns the path where it is of a file that begins at start, else NULL. */
static const char *path_of_line(const char *line, uint64_t start) {
    enum { FIELDS_BEFORE_PATH = 5 };
    char *p;
    if (strtoull(line, &p, 16) != start || *p != '-') {
        return NULL;
    }
    for (int i = 0; i < FIELDS_BEFORE_PATH; i++) {
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    return *p == '/' ? p : NULL;
}

bool proc_find_mapped(uint32_t pid, uint64_t start, char *path, size_t cap) {
    static const char deleted[] = " (deleted)";
    char name[64], *line = NULL;
    size_t line_bytes = 0;
    const char *found = NULL;
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/maps", pid);
    FILE *maps = fopen(name, "re");
    while (maps && !found && getline(&line, &line_bytes, maps) > 0) {
        found = path_of_line(line, start);
    }
    size_t n = found ? strcspn(found, "\n") : 0;
    if (n > sizeof deleted && !strncmp(found + n - (sizeof deleted - 1), deleted, sizeof deleted - 1)) {
        n -= sizeof deleted - 1;
    }
    bool is_found = n > 0 && n < cap;
    if (is_found) {
        memcpy(path, found, n);
        path[n] = '\0';
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return is_found;
}

bool proc_has_unmapped(uint32_t pid, const char *text) {
    char name[64], *line = NULL;
    size_t line_bytes = 0, n_lines = 0;
    bool is_there = false;
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/maps", pid);
    FILE *maps = fopen(name, "re");
    while (maps && !is_there && getline(&line, &line_bytes, maps) > 0) {
        is_there = strstr(line, text) != NULL;
        n_lines++;
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return n_lines > 0 && !is_there;
}

void proc_read_boot_id(char *id, size_t cap) {
    size_t n = read_file("/proc/sys/kernel/random/boot_id", id, cap);
    id[n && id[n - 1] == '\n' ? n - 1 : n] = '\0';
}

uint64_t proc_pid_namespace(void) {
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void proc_read_thread_name(uint32_t pid, uint32_t tid, char name[PROC_NAME_BYTES]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/task/%" PRIu32 "/comm", pid, tid);
    size_t n = read_file(path, name, PROC_NAME_BYTES);
    name[n && name[n - 1] == '\n' ? n - 1 : n] = '\0';
}
