/* mapped_file.c - see mapped_file.h. The file is the traced process's: nothing in it is believed.
 *
 * Source: proc(5), /proc/PID/maps and /proc/PID/root; System V gABI, chapter 5 (notes).
 */
#include "mapped_file.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADERS_MAX = 64, NOTES_BYTES = 4096 };

/* A line of maps: start-end flags offset device inode path. Returns whether it is of a file that begins at start. */
static bool is_line_of(const char *line, uint64_t start, uint64_t *inode, char path[MAPPED_FILE_NAME_MAX]) {
    char *end;
    int at = 0;
    if (strtoull(line, &end, 16) != start || *end != '-' ||
        sscanf(line, "%*s %*s %*s %*s %" SCNu64 " %n", inode, &at) != 1 || line[at] != '/') {
        return false;
    }
    size_t n = strcspn(line + at, "\n");
    if (n >= MAPPED_FILE_NAME_MAX) {
        return false;
    }
    memcpy(path, line + at, n);
    path[n] = '\0';
    return true;
}

static bool find_path(uint32_t pid, uint64_t start, uint64_t *inode, char path[MAPPED_FILE_NAME_MAX]) {
    char name[64], *line = NULL;
    size_t cap = 0;
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/maps", pid);
    FILE *maps = fopen(name, "re");
    bool is_found = false;
    while (maps && !is_found && getline(&line, &cap, maps) > 0) {
        is_found = is_line_of(line, start, inode, path);
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return is_found;
}

/* Look for the GNU build-id among notes. Returns its length. */
static uint32_t build_id_of(const uint8_t *notes, uint64_t n, uint8_t id[MAPPED_FILE_ID_MAX]) {
    Elf64_Nhdr note;
    while (n >= sizeof note) {
        memcpy(&note, notes, sizeof note);
        uint64_t at = sizeof note + ((note.n_namesz + 3ull) & ~3ull), all = at + ((note.n_descsz + 3ull) & ~3ull);
        if (all > n) {
            break;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + sizeof note, "GNU", 4) &&
            note.n_descsz <= MAPPED_FILE_ID_MAX) {
            memcpy(id, notes + at, note.n_descsz);
            return note.n_descsz;
        }
        notes += all;
        n -= all;
    }
    return 0;
}

static uint32_t read_build_id(int fd, uint8_t id[MAPPED_FILE_ID_MAX]) {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdr;
    uint8_t notes[NOTES_BYTES];
    uint32_t n = 0;
    if (pread(fd, &ehdr, sizeof ehdr, 0) != sizeof ehdr || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0) {
        return 0;
    }
    for (uint64_t i = 0; i < ehdr.e_phnum && i < HEADERS_MAX && n == 0; i++) {
        if (pread(fd, &phdr, sizeof phdr, (off_t)(ehdr.e_phoff + i * sizeof phdr)) != sizeof phdr) {
            break;
        }
        uint64_t bytes = phdr.p_filesz < sizeof notes ? phdr.p_filesz : sizeof notes;
        ssize_t got = phdr.p_type == PT_NOTE ? pread(fd, notes, bytes, (off_t)phdr.p_offset) : 0;
        n = got > 0 ? build_id_of(notes, (uint64_t)got, id) : 0;
    }
    return n;
}

bool mapped_file_find(uint32_t pid, uint64_t start, struct mapped_file *file) {
    static char name[MAPPED_FILE_NAME_MAX + 64];
    uint64_t inode;
    struct stat st;
    *file = (struct mapped_file){0};
    if (!find_path(pid, start, &inode, file->path)) {
        return false;
    }
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/root%s", pid, file->path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return true;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == inode) { /* not one that was put in its place */
        file->build_id_bytes = read_build_id(fd, file->build_id);
    }
    close(fd);
    return true;
}
