/* module_file.c - see module_file.h. */
#include "module_file.h"

#include <elfutils/libdwelf.h>
#include <ftw.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "diag.h"
#include "rooted_open.h"

enum { BUILD_ID_MAX = 64 };

static char *concat(const char *a, const char *b, const char *c) {
    size_t n_bytes = strlen(a) + strlen(b) + strlen(c) + 1;
    char *s = xalloc(n_bytes);
    snprintf(s, n_bytes, "%s%s%s", a, b, c);
    return s;
}

static void add_place(struct file_finder *finder, const char *root, char *folder, bool is_given) {
    finder->places = xgrow(finder->places, finder->n_places, &finder->cap_places, sizeof *finder->places);
    finder->places[finder->n_places++] = (struct debug_place){.root = root, .folder = folder, .is_given = is_given};
}

void file_finder_init(struct file_finder *finder, const char *sysroot, const char *debug_dirs, uint64_t start_real_ns) {
    static const char debug[] = "/usr/lib/debug";
    *finder = (struct file_finder){.start_real_ns = start_real_ns};
    for (const char *dir = debug_dirs ? debug_dirs : ""; *dir;) {
        size_t n = strcspn(dir, ":");
        if (n) {
            char *folder = xstrndup(dir, n);
            add_place(finder, NULL, folder, true);
            add_place(finder, folder, xstrndup(debug, sizeof debug - 1), false);
        }
        dir += n + (dir[n] == ':');
    }
    if (sysroot) {
        finder->sysroot = xstrndup(sysroot, strlen(sysroot));
        add_place(finder, finder->sysroot, xstrndup(debug, sizeof debug - 1), false);
    }
    add_place(finder, NULL, xstrndup(debug, sizeof debug - 1), false);
}

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
    uint8_t found[BUILD_ID_MAX];
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

/* Has the file names that a stripped one has not? */
static bool has_names(int fd) {
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    size_t names = 0;
    bool result = false;
    Elf_Scn *section = elf && elf_getshdrstrndx(elf, &names) == 0 ? elf_nextscn(elf, NULL) : NULL;
    for (; section && !result; section = elf_nextscn(elf, section)) {
        GElf_Shdr head;
        const char *name = gelf_getshdr(section, &head) ? elf_strptr(elf, names, head.sh_name) : NULL;
        result = name && head.sh_type != SHT_NOBITS && (head.sh_type == SHT_SYMTAB || strcmp(name, ".debug_info") == 0);
    }
    elf_end(elf);
    return result;
}

/* nftw() hands nothing through to its callback. */
static struct file_finder *indexing;

static int index_file(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_F || !S_ISREG(st->st_mode)) {
        return 0;
    }
    int fd = rooted_open(NULL, path);
    if (fd < 0) {
        return 0;
    }
    uint8_t id[BUILD_ID_MAX];
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

static void index_given_places(struct file_finder *finder) {
    finder->is_indexed = true;
    indexing = finder;
    for (size_t i = 0; i < finder->n_places; i++) {
        const char *folder = finder->places[i].folder;
        if (finder->places[i].is_given && nftw(folder, index_file, 16, FTW_PHYS) != 0) {
            diag_warning("cannot read the debug directory: %s", folder);
        }
    }
}

static void reject(struct file_finder *finder, const char *path) {
    if (!finder->rejected) {
        finder->rejected = concat(path, "", "");
    }
}

/* The file that was expected at fd? By its build-id, or by its checksum where there is none. */
static bool is_right(struct file_finder *finder, const struct debug_wanted *wanted, int fd, const char *path) {
    bool is_same = wanted->id_bytes ? has_build_id(fd, wanted->id, wanted->id_bytes) : file_crc(fd) == wanted->crc;
    if (!is_same) {
        reject(finder, path);
    }
    return is_same && (!wanted->file || !wanted->id_bytes || has_names(fd));
}

/* Open the file of that name at a place if it is the right one. Returns a descriptor, or -1. */
static int open_if_right(struct file_finder *finder, const struct debug_place *place, const char *name,
                         const struct debug_wanted *wanted, char **path) {
    char *below = concat(place->folder, name, "");
    int fd = rooted_open(place->root, below);
    *path = concat(place->root ? place->root : "", below, "");
    free(below);
    if (fd >= 0 && !is_right(finder, wanted, fd, *path)) {
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        free(*path);
        *path = NULL;
    }
    return fd;
}

static int open_at_places(struct file_finder *finder, const char *name, const struct debug_wanted *wanted, char **path) {
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < finder->n_places; i++) {
        fd = open_if_right(finder, &finder->places[i], name, wanted, path);
    }
    return fd;
}

static int open_in_index(struct file_finder *finder, const struct debug_wanted *wanted, char **path) {
    if (!finder->is_indexed) {
        index_given_places(finder);
    }
    uint32_t slot = string_pool_id(&finder->build_ids, (const char *)wanted->id, wanted->id_bytes);
    if (slot >= finder->cap_paths || !finder->paths[slot]) {
        return -1;
    }
    const struct debug_place itself = {.folder = finder->paths[slot]};
    return open_if_right(finder, &itself, "", wanted, path);
}

/* A file that was deleted (replaced by an upgrade) is looked for under its old name; the build-id tells whether what is there
 * now is the same. */
static char *path_now(const char *recorded) {
    static const char deleted[] = " (deleted)";
    size_t n = strlen(recorded), n_deleted = sizeof deleted - 1;
    bool is_deleted = n > n_deleted && strcmp(recorded + n - n_deleted, deleted) == 0;
    return xstrndup(recorded, is_deleted ? n - n_deleted : n);
}

static int open_by_build_id(struct file_finder *finder, const struct debug_wanted *wanted, char **path) {
    char name[sizeof "/.build-id/" + 2 * (BUILD_ID_MAX + 1) + sizeof ".debug"];
    *path = NULL;
    if (wanted->id_bytes < 2 || wanted->id_bytes > BUILD_ID_MAX) {
        return -1;
    }
    int n = snprintf(name, sizeof name, "/.build-id/%02x/", wanted->id[0]);
    for (size_t i = 1; i < wanted->id_bytes; i++) {
        n += snprintf(name + n, sizeof name - (size_t)n, "%02x", wanted->id[i]);
    }
    strcpy(name + n, ".debug");
    int fd = open_at_places(finder, name, wanted, path);
    name[n] = '\0';
    if (fd < 0) {
        fd = open_at_places(finder, name, wanted, path);
    }
    if (fd < 0) {
        char *now = path_now(wanted->module->path), *of_path = concat(now, ".debug", "");
        fd = open_at_places(finder, of_path, wanted, path);
        free(of_path);
        free(now);
    }
    return fd >= 0 ? fd : open_in_index(finder, wanted, path);
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}

/* file: found below the sysroot it is looked at there again, so that symlinks lead to the same folder. */
static int open_beside(struct file_finder *finder, const struct debug_wanted *wanted, const char *link, char **path) {
    char *recorded = folder_of(wanted->module->path), *found = folder_of(wanted->file);
    const struct debug_place folders[] = {{.root = finder->sysroot, .folder = recorded}, {.folder = found}};
    char *below = concat("/.debug", link, "");
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < sizeof folders / sizeof folders[0]; i++) {
        fd = open_if_right(finder, &folders[i], link, wanted, path);
        if (fd < 0) {
            fd = open_if_right(finder, &folders[i], below, wanted, path);
        }
    }
    free(below);
    free(found);
    free(recorded);
    return fd;
}

static int open_by_debug_link(struct file_finder *finder, const struct debug_wanted *wanted, char **path) {
    char *link = concat("/", wanted->link, ""), *folder = folder_of(wanted->module->path);
    char *name = concat(folder, link, "");
    int fd = open_beside(finder, wanted, link, path);
    if (fd < 0) {
        fd = open_at_places(finder, name, wanted, path);
    }
    free(name);
    free(folder);
    free(link);
    return fd;
}

static void forget_rejected(struct file_finder *finder) {
    free(finder->rejected);
    finder->rejected = NULL;
}

int module_file_open_debug(struct file_finder *finder, const struct debug_wanted *wanted, char **path) {
    forget_rejected(finder);
    int fd = open_by_build_id(finder, wanted, path);
    if (fd < 0 && wanted->link && wanted->file) {
        fd = open_by_debug_link(finder, wanted, path);
    }
    return fd;
}

/* Files below a sysroot are copies, whose times say nothing. */
static bool is_newer(const struct file_finder *finder, int fd) {
    struct stat st;
    return finder->start_real_ns && !finder->sysroot && fstat(fd, &st) == 0 &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec > finder->start_real_ns;
}

/* The file at the recorded path. Returns a descriptor, or -1. */
static int open_recorded(struct file_finder *finder, const struct module *module, enum module_file_state *state,
                         char **path) {
    char *now = path_now(module->path);
    int fd = rooted_open(finder->sysroot, now);
    *path = concat(finder->sysroot ? finder->sysroot : "", now, "");
    free(now);
    if (fd < 0) {
        *state = MODULE_FILE_MISSING;
    } else if (module->build_id_bytes > 0) {
        *state = has_build_id(fd, module->build_id, module->build_id_bytes) ? MODULE_FILE_FOUND : MODULE_FILE_OTHER_BUILD;
    } else {
        *state = is_newer(finder, fd) ? MODULE_FILE_NEWER : MODULE_FILE_FOUND;
    }
    if (fd >= 0 && *state != MODULE_FILE_FOUND) {
        close(fd);
        fd = -1;
    }
    return fd;
}

enum module_file_state module_file_open(struct file_finder *finder, const struct module *module, int *fd, char **path) {
    *fd = -1;
    *path = NULL;
    forget_rejected(finder);
    if (!module->path || module->path[0] != '/') {
        return MODULE_FILE_NONE; /* "linux-vdso.so.1", "[vdso]" */
    }
    enum module_file_state state;
    *fd = open_recorded(finder, module, &state, path);
    if (*fd < 0) {
        const struct debug_wanted wanted = {.module = module, .id = module->build_id, .id_bytes = module->build_id_bytes};
        char *elsewhere;
        *fd = open_by_build_id(finder, &wanted, &elsewhere);
        if (*fd >= 0) {
            state = MODULE_FILE_FOUND;
            free(*path);
            *path = elsewhere;
        }
    }
    return state;
}

void file_finder_free(struct file_finder *finder) {
    for (size_t i = 0; i < finder->cap_paths; i++) {
        free(finder->paths[i]);
    }
    for (size_t i = 0; i < finder->n_places; i++) {
        free(finder->places[i].folder);
    }
    free(finder->paths);
    free(finder->places);
    string_pool_free(&finder->build_ids);
    free(finder->sysroot);
    free(finder->rejected);
    memset(finder, 0, sizeof *finder);
}
