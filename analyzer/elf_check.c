/* elf_check.c - see elf_check.h. Facts: ld.so(8) "secure-execution mode", execve(2) "interpreter scripts". */
#include "elf_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "allocator_scan.h"
#include "diag.h"
#include "text.h"

enum {
    SCRIPT_DEPTH_MAX = 4, /* a script's interpreter may be a script; Linux allows as many */
    PROGRAM_HEADERS_MAX = 512,
};

static const struct preload_obstacle privileged = {"set-user-id",
                                                   "is set-user-ID or set-group-ID, so the system ignores LD_PRELOAD",
                                                   "run it as its owner, or a copy without that bit", SEEP_EXIT_USAGE};
static const struct preload_obstacle capable = {"file-capabilities",
                                                "has file capabilities, so the system ignores LD_PRELOAD",
                                                "run it as root, or a copy without them", SEEP_EXIT_USAGE};
static const struct preload_obstacle narrow = {"32-bit", "is a 32-bit program", "seep traces 64-bit ones only",
                                               SEEP_EXIT_USAGE};
static const struct preload_obstacle foreign = {"machine", "is for another kind of processor than this seep",
                                                "use the seep built for that", SEEP_EXIT_USAGE};
static const struct preload_obstacle is_static = {"static", "is statically linked, so no library can be loaded into it",
                                                  "link it dynamically to trace it", SEEP_EXIT_USAGE};
static const struct preload_obstacle musl = {
    "musl", "is linked against musl, whose dynamic linker ends it because libseep.so needs glibc",
    "build it for glibc to trace it; reports of traces from elsewhere work", SEEP_EXIT_USAGE};
static const struct preload_obstacle sanitized = {
    "sanitizer", "is built with -fsanitize, whose allocator refuses libseep.so, goes past it, or ends the program for it",
    "trace a build without -fsanitize", SEEP_EXIT_USAGE};
static const struct preload_obstacle missing = {"no-interpreter", "does not exist", NULL, SEEP_EXIT_NOT_FOUND};
static const struct preload_obstacle forbidden = {"no-interpreter", "cannot be executed", NULL, SEEP_EXIT_NOT_EXECUTABLE};

/* is_there: set where a file of that name was met. */
static bool is_runnable_file(const char *path, bool *is_there) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return false;
    }
    *is_there = true;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int search_program(const char *name, char *path, size_t cap) {
    bool is_there = false;
    if (strchr(name, '/')) {
        snprintf(path, cap, "%s", name);
        return is_runnable_file(path, &is_there) ? 0
               : is_there || errno == EACCES     ? SEEP_EXIT_NOT_EXECUTABLE
                                                 : SEEP_EXIT_NOT_FOUND;
    }
    const char *dirs = getenv("PATH");
    dirs = dirs ? dirs : "/bin:/usr/bin"; /* as execvp of glibc does */
    for (const char *dir = dirs; *name; dir++) {
        size_t n = strcspn(dir, ":");
        /* An empty entry is the current directory. */
        int n_path = snprintf(path, cap, "%.*s%s%s", (int)n, dir, n ? "/" : "", name);
        if ((size_t)n_path < cap && is_runnable_file(path, &is_there)) {
            return 0;
        }
        dir += n;
        if (!*dir) {
            break;
        }
    }
    snprintf(path, cap, "%s", name);
    return is_there ? SEEP_EXIT_NOT_EXECUTABLE : SEEP_EXIT_NOT_FOUND;
}

int program_find(const char *name, char *path, size_t cap) {
    int status = search_program(name, path, cap);
    if (status != 0) {
        diag_error("cannot run %s: %s", path, status == SEEP_EXIT_NOT_FOUND ? "not found" : "not an executable file");
    }
    return status;
}

/* Does running it change who we are, so that the dynamic linker drops LD_PRELOAD? */
static const struct preload_obstacle *privilege_obstacle(int fd, const struct stat *st) {
    if ((st->st_mode & S_ISUID && st->st_uid != getuid()) ||
        (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getgid())) {
        return &privileged;
    }
    return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0 ? &capable : NULL;
}

/* The dynamic linker of a 64-bit program; false if it has none. */
static bool read_interpreter(int fd, const Elf64_Ehdr *head, char path[PATH_MAX]) {
    for (unsigned i = 0; i < head->e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
        Elf64_Phdr segment;
        off_t off = (off_t)(head->e_phoff + (Elf64_Off)i * head->e_phentsize);
        if (pread(fd, &segment, sizeof segment, off) != (ssize_t)sizeof segment) {
            break;
        }
        if (segment.p_type == PT_INTERP) {
            size_t n = segment.p_filesz < PATH_MAX ? segment.p_filesz : PATH_MAX - 1;
            ssize_t n_read = pread(fd, path, n, (off_t)segment.p_offset);
            path[n_read > 0 ? n_read : 0] = '\0';
            return true;
        }
    }
    return false;
}

static bool has_sanitizer(int fd) {
    struct allocator_scan scan;
    bool result = allocator_scan_file(&scan, fd) == 0 && scan.sanitizer;
    allocator_scan_free(&scan);
    return result;
}

/* The machine that seep was built for, and so libseep.so. */
static unsigned our_machine(void) {
    Elf64_Ehdr head = {0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
            head.e_machine = EM_NONE;
        }
        close(fd);
    }
    return head.e_machine;
}

static const struct preload_obstacle *elf_obstacle(int fd, const Elf64_Ehdr *head) {
    static const char of_musl[] = "ld-musl-";
    char interpreter[PATH_MAX];
    unsigned machine = our_machine();
    if (head->e_ident[EI_CLASS] != ELFCLASS64) {
        return &narrow;
    }
    if (machine != EM_NONE && head->e_machine != machine) {
        return &foreign;
    }
    if (!read_interpreter(fd, head, interpreter)) {
        return &is_static;
    }
    if (strncmp(text_base_name(interpreter), of_musl, sizeof of_musl - 1) == 0) {
        return &musl;
    }
    return has_sanitizer(fd) ? &sanitized : NULL;
}

/* Take the interpreter's path out of "#! /bin/sh -e\n". Returns false if this is no such line. */
static bool script_interpreter(const char *line, size_t n, char *path, size_t cap) {
    if (n < 3 || memcmp(line, "#!", 2) != 0) {
        return false;
    }
    const char *p = line + 2, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    size_t n_path = 0;
    while (p + n_path < end && !strchr(" \t\n", p[n_path])) {
        n_path++;
    }
    if (n_path == 0 || n_path >= cap) {
        return false;
    }
    memcpy(path, p, n_path);
    path[n_path] = '\0';
    return true;
}

/* One file. Returns what keeps a preloaded library out, or NULL; next = the interpreter of a script, else "". */
static const struct preload_obstacle *file_obstacle(const char *path, char next[PATH_MAX]) {
    union {
        Elf64_Ehdr elf;
        char text[PATH_MAX];
    } head = {0};
    struct stat st;
    const struct preload_obstacle *result = NULL;
    next[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return NULL; /* executable and not readable: the kernel may still run it */
    }
    ssize_t n = pread(fd, &head, sizeof head, 0);
    if (n > 0 && fstat(fd, &st) == 0) {
        if ((size_t)n >= sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0) {
            result = privilege_obstacle(fd, &st);
            result = result ? result : elf_obstacle(fd, &head.elf);
        } else if (!script_interpreter(head.text, (size_t)n, next, PATH_MAX)) {
            next[0] = '\0';
        }
    }
    close(fd);
    return result;
}

int program_check_preload(const char *path, struct program_check *check) {
    char next[PATH_MAX];
    *check = (struct program_check){0};
    snprintf(check->file, sizeof check->file, "%s", path);
    for (int depth = 0; depth <= SCRIPT_DEPTH_MAX; depth++) {
        check->obstacle = file_obstacle(check->file, next);
        if (check->obstacle || !next[0]) {
            break;
        }
        check->is_script = true;
        memcpy(check->file, next, sizeof next);
        if (access(next, X_OK) != 0) {
            check->obstacle = errno == ENOENT ? &missing : &forbidden;
            break;
        }
    }
    return check->obstacle ? check->obstacle->status : 0;
}

void program_check_describe(const struct program_check *check, char *words, size_t cap) {
    const char *what = check->obstacle ? check->obstacle->what : "";
    if (check->is_script) {
        snprintf(words, cap, "is a script for %.200s, which %s", check->file, what);
    } else {
        snprintf(words, cap, "%s", what);
    }
}

void program_refuse(const char *path, const struct program_check *check) {
    char why[PATH_MAX];
    const char *advice = check->obstacle->advice;
    program_check_describe(check, why, sizeof why);
    diag_error("cannot trace %s: it %s%s%s", path, why, advice ? "; " : "", advice ? advice : "");
}
