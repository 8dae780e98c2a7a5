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

#include "diag.h"
#include "text.h"

enum {
    SCRIPT_DEPTH_MAX = 4, /* a script's interpreter may be a script; Linux allows as many */
    PROGRAM_HEADERS_MAX = 512,
};

/* is_there: set where a file of that name was met. */
static bool is_runnable_file(const char *path, bool *is_there) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return false;
    }
    *is_there = true;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int program_find(const char *name, char *path, size_t cap) {
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

/* Does running it change who we are, so that the dynamic linker drops LD_PRELOAD? */
static bool is_privileged(int fd, const struct stat *st, char *why, size_t cap) {
    if ((st->st_mode & S_ISUID && st->st_uid != getuid()) ||
        (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getgid())) {
        snprintf(why, cap,
                 "is set-user-ID or set-group-ID, so the system ignores LD_PRELOAD; run it as its owner, or a copy without "
                 "that bit");
        return true;
    }
    if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0) {
        snprintf(why, cap,
                 "has file capabilities, so the system ignores LD_PRELOAD; run it as root, or a copy without them");
        return true;
    }
    return false;
}

/* The dynamic linker of a 64-bit program. Returns false if it has none; cut to cap. */
static bool read_interpreter(int fd, const Elf64_Ehdr *head, char *path, size_t cap) {
    for (unsigned i = 0; i < head->e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
        Elf64_Phdr segment;
        off_t off = (off_t)(head->e_phoff + (Elf64_Off)i * head->e_phentsize);
        if (pread(fd, &segment, sizeof segment, off) != (ssize_t)sizeof segment) {
            break;
        }
        if (segment.p_type == PT_INTERP) {
            ssize_t n = pread(fd, path, segment.p_filesz < cap ? segment.p_filesz : cap - 1, (off_t)segment.p_offset);
            path[n > 0 ? n : 0] = '\0';
            return true;
        }
    }
    return false;
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

static bool elf_takes_preload(int fd, const Elf64_Ehdr *head, char *why, size_t cap) {
    unsigned machine = our_machine();
    char interpreter[PATH_MAX];
    if (head->e_ident[EI_CLASS] != ELFCLASS64) {
        snprintf(why, cap, "is a 32-bit program; seep traces 64-bit ones only");
        return false;
    }
    if (machine != EM_NONE && head->e_machine != machine) {
        snprintf(why, cap, "is for another kind of processor than this seep; use the seep built for that");
        return false;
    }
    if (!read_interpreter(fd, head, interpreter, sizeof interpreter)) {
        snprintf(why, cap, "is statically linked, so no library can be loaded into it; link it dynamically to trace it");
        return false;
    }
    if (strncmp(text_base_name(interpreter), "ld-musl-", 8) == 0) {
        snprintf(why, cap, "is built for musl, and libseep.so for glibc; build it for glibc to trace it");
        return false;
    }
    return true;
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

/* One file. Returns false if a preloaded library cannot get in; next = the interpreter of a script, else "". */
static bool file_takes_preload(const char *path, char next[PATH_MAX], char *why, size_t cap) {
    union {
        Elf64_Ehdr elf;
        char text[PATH_MAX];
    } head = {0};
    struct stat st;
    bool result = true;
    next[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return true; /* executable and not readable: the kernel may still run it */
    }
    ssize_t n = pread(fd, &head, sizeof head, 0);
    if (n > 0 && fstat(fd, &st) == 0) {
        if ((size_t)n >= sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0) {
            result = !is_privileged(fd, &st, why, cap) && elf_takes_preload(fd, &head.elf, why, cap);
        } else if (!script_interpreter(head.text, (size_t)n, next, PATH_MAX)) {
            next[0] = '\0';
        }
    }
    close(fd);
    return result;
}

int program_check_preload(const char *path, char *why, size_t cap) {
    char at[PATH_MAX], next[PATH_MAX], reason[256];
    snprintf(at, sizeof at, "%s", path);
    for (int depth = 0; depth <= SCRIPT_DEPTH_MAX; depth++) {
        if (!file_takes_preload(at, next, reason, sizeof reason)) {
            if (depth) {
                snprintf(why, cap, "is a script for %.200s, which %s", at, reason);
            } else {
                snprintf(why, cap, "%s", reason);
            }
            return SEEP_EXIT_USAGE;
        }
        if (!next[0]) {
            break;
        }
        if (access(next, X_OK) != 0) {
            int error = errno;
            snprintf(why, cap, "is a script for %.200s, which %s", next,
                     error == ENOENT ? "does not exist" : "cannot be executed");
            return error == ENOENT ? SEEP_EXIT_NOT_FOUND : SEEP_EXIT_NOT_EXECUTABLE;
        }
        memcpy(at, next, sizeof at);
    }
    return 0;
}
