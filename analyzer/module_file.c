/* module_file.c - see module_file.h. */
#include "module_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <ftw.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "diag.h"
#include "regular_file.h"

/* Copy the build-id of an open ELF file. Returns its bytes, 0 if it has none or is no ELF file. */
static size_t read_build_id(int fd, uint8_t *id, size_t cap) {
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *found = NULL;
    ssize_t n = elf && elf_kind(elf) == ELF_K_ELF ? dwelf_elf_gnu_build_id(elf, &found) : 0;
    size_t n_bytes = n > 0 && (size_t)n <= cap ? (size_t)n : 0;
    if (n_bytes) {
        memcpy(id, found, n_bytes);
    }
    elf_end(elf);
    return n_bytes;
}

static bool has_build_id(int fd, const uint8_t *id, size_t n_bytes) {
    uint8_t found[64];
    return read_build_id(fd, found, sizeof found) == n_bytes && memcmp(found, id, n_bytes) == 0;
}

/* CRC-32 of the whole file, which .gnu_debuglink names; 0 if it cannot be read. */
static uint32_t file_crc(int fd) {
    unsigned char buf[16384];
    uLong crc = crc32(0, NULL, 0);
    for (off_t off = 0;;) {
        ssize_t n = pread(fd, buf, sizeof buf, off);
        if (n <= 0) {
            return n == 0 ? (uint32_t)crc : 0;
        }
        crc = crc32(crc, buf, (uInt)n);
        off += n;
    }
}

/* nftw() hands nothing through to its callback. */
static struct file_finder *indexing;

static int index_file(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_F || !S_ISREG(st->st_mode)) {
        return 0;
    }
    int fd = regular_file_open(path);
    if (fd < 0) {
        return 0;
    }
    uint8_t id[64];
    size_t n_bytes = read_build_id(fd, id, sizeof id);
    close(fd);
    if (n_bytes) {
        uint32_t slot = string_pool_id(&indexing->build_ids, (const char *)id, n_bytes);
        while (slot >= indexing->cap_paths) {
            size_t cap = indexing->cap_paths;
            indexing->paths = xgrow(indexing->paths, cap, &indexing->cap_paths, sizeof *indexing->paths);
            memset(indexing->paths + cap, 0, (indexing->cap_paths - cap) * sizeof *indexing->paths);
        }
        /* A stripped program and its debug file share an id; the debug file has all names. */
        bool is_debug = strlen(path) > 6 && strcmp(path + strlen(path) - 6, ".debug") == 0;
        if (!indexing->paths[slot] || is_debug) {
            free(indexing->paths[slot]);
            indexing->paths[slot] = xstrndup(path, strlen(path));
        }
    }
    return 0;
}

static void index_debug_dir(struct file_finder *finder) {
    finder->is_indexed = true;
    indexing = finder;
    if (nftw(finder->debug_dir, index_file, 16, FTW_PHYS) != 0) {
        diag_warning("cannot read the debug directory: %s", finder->debug_dir);
    }
}

enum { N_DEBUG_ROOTS = 3 };

/* The places of debug files in order, as "%s%s"; NULL = not given. */
static void debug_roots(const struct file_finder *finder, const char *roots[N_DEBUG_ROOTS][2]) {
    roots[0][0] = finder->debug_dir;
    roots[0][1] = "";
    roots[1][0] = finder->sysroot;
    roots[1][1] = "/usr/lib/debug";
    roots[2][0] = "/usr/lib/debug";
    roots[2][1] = "";
}

/* Open a file if it is the right one: by its build-id, or by its checksum where there is none. Returns a descriptor, or -1. */
static int open_if_right(const char *path, const uint8_t *id, size_t n_bytes, uint32_t crc) {
    int fd = regular_file_open(path);
    if (fd >= 0 && (n_bytes ? !has_build_id(fd, id, n_bytes) : file_crc(fd) != crc)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_in_index(struct file_finder *finder, const uint8_t *id, size_t n_bytes, char **path) {
    if (!finder->debug_dir) {
        return -1;
    }
    if (!finder->is_indexed) {
        index_debug_dir(finder);
    }
    uint32_t slot = string_pool_id(&finder->build_ids, (const char *)id, n_bytes);
    if (slot >= finder->cap_paths || !finder->paths[slot]) {
        return -1;
    }
    *path = xstrndup(finder->paths[slot], strlen(finder->paths[slot]));
    return regular_file_open(*path);
}

int module_file_by_build_id(struct file_finder *finder, const uint8_t *id, size_t n_bytes, char **path) {
    *path = NULL;
    if (n_bytes < 2 || n_bytes > 64) {
        return -1;
    }
    char hex[2 * 64 + 1];
    for (size_t i = 0; i < n_bytes; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    const char *roots[N_DEBUG_ROOTS][2];
    debug_roots(finder, roots);
    for (size_t i = 0; i < N_DEBUG_ROOTS; i++) {
        if (!roots[i][0] || asprintf(path, "%s%s/.build-id/%.2s/%s.debug", roots[i][0], roots[i][1], hex, hex + 2) < 0) {
            *path = NULL;
            continue;
        }
        int fd = open_if_right(*path, id, n_bytes, 0);
        if (fd >= 0) {
            return fd;
        }
        free(*path);
        *path = NULL;
    }
    return open_in_index(finder, id, n_bytes, path);
}

int module_file_by_debug_link(struct file_finder *finder, const char *file, const char *link, const uint8_t *id,
                              size_t n_bytes, uint32_t crc, char **path) {
    const char *slash = strrchr(file, '/');
    int n_folder = slash ? (int)(slash - file) : 0;
    const char *roots[N_DEBUG_ROOTS][2];
    debug_roots(finder, roots);
    for (int i = 0; i < N_DEBUG_ROOTS + 2; i++) {
        const char *root = i < 2 ? "" : roots[i - 2][0];
        const char *below = i < 2 ? "" : roots[i - 2][1];
        if (!root || asprintf(path, "%s%s%.*s%s/%s", root, below, n_folder, file, i == 1 ? "/.debug" : "", link) < 0) {
            continue;
        }
        int fd = open_if_right(*path, id, n_bytes, crc);
        if (fd >= 0) {
            return fd;
        }
        free(*path);
    }
    *path = NULL;
    return -1;
}

/* The recorded path below the sysroot. A file that was deleted (replaced by an upgrade) is looked for under its old name;
 * the build-id tells whether what is there now is the same. */
static char *path_now(const struct file_finder *finder, const char *recorded) {
    static const char deleted[] = " (deleted)";
    size_t n = strlen(recorded);
    if (n >= sizeof deleted && strcmp(recorded + n - (sizeof deleted - 1), deleted) == 0) {
        n -= sizeof deleted - 1;
    }
    const char *root = finder->sysroot ? finder->sysroot : "";
    char *path = xalloc(strlen(root) + n + 1);
    memcpy(path, root, strlen(root));
    memcpy(path + strlen(root), recorded, n);
    path[strlen(root) + n] = '\0';
    return path;
}

/* Files below a sysroot are copies, whose times say nothing. */
static bool is_newer(const struct file_finder *finder, int fd) {
    struct stat st;
    return finder->start_real_ns && !finder->sysroot && fstat(fd, &st) == 0 &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec > finder->start_real_ns;
}

enum module_file_state module_file_open(struct file_finder *finder, const struct module *module, int *fd, char **path) {
    *fd = -1;
    *path = NULL;
    if (!module->path || module->path[0] != '/') {
        return MODULE_FILE_NONE; /* "linux-vdso.so.1", "[vdso]" */
    }
    char *wanted = path_now(finder, module->path);
    enum module_file_state state = MODULE_FILE_MISSING;
    *fd = regular_file_open(wanted);
    if (*fd >= 0 && module->build_id_bytes > 0) {
        state = has_build_id(*fd, module->build_id, module->build_id_bytes) ? MODULE_FILE_FOUND : MODULE_FILE_OTHER_BUILD;
    } else if (*fd >= 0) {
        state = is_newer(finder, *fd) ? MODULE_FILE_NEWER : MODULE_FILE_FOUND;
    }
    if (*fd >= 0 && state != MODULE_FILE_FOUND) {
        close(*fd);
        *fd = -1;
    }
    if (*fd < 0) {
        char *elsewhere;
        *fd = module_file_by_build_id(finder, module->build_id, module->build_id_bytes, &elsewhere);
        if (elsewhere) {
            free(wanted);
            wanted = elsewhere;
        }
    }
    *path = wanted;
    return *fd >= 0 ? MODULE_FILE_FOUND : state;
}

void file_finder_free(struct file_finder *finder) {
    for (size_t i = 0; i < finder->cap_paths; i++) {
        free(finder->paths[i]);
    }
    free(finder->paths);
    string_pool_free(&finder->build_ids);
    free(finder->sysroot);
    free(finder->debug_dir);
    memset(finder, 0, sizeof *finder);
}
