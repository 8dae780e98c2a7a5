/* program_file.c - see program_file.h. */
#include "program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#endif

enum { SEGMENTS_MAX = 256 };

static bool has_interpreter(int fd, const Elf64_Ehdr *head) {
    for (unsigned i = 0; i < head->e_phnum && i < SEGMENTS_MAX; i++) {
        Elf64_Phdr segment;
        off_t off = (off_t)(head->e_phoff + (uint64_t)i * sizeof segment);
        if (pread(fd, &segment, sizeof segment, off) != (ssize_t)sizeof segment) {
            return true; /* who knows */
        }
        if (segment.p_type == PT_INTERP) {
            return true;
        }
    }
    return head->e_phnum > SEGMENTS_MAX;
}

static const char *obstacle_of(int fd) {
    Elf64_Ehdr head;
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return NULL;
    }
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != OWN_MACHINE) {
        return "it is built for another machine";
    }
    if (st.st_mode & (S_ISUID | S_ISGID)) {
        return "it is a set-user-ID program";
    }
    return head.e_phentsize == sizeof(Elf64_Phdr) && !has_interpreter(fd, &head) ? "it is a static program" : NULL;
}

const char *program_file_obstacle(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *obstacle = fd >= 0 ? obstacle_of(fd) : NULL;
    if (fd >= 0) {
        close(fd);
    }
    return obstacle;
}
