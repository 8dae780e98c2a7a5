/* elf_note.c - see elf_note.h. Source: System V gABI, chapter 5 (note section). */
#include "elf_note.h"

#include <string.h>

#include "quiet.h"
#include "sys.h"

enum { NAME_BYTES = 4, HEADERS_BYTES_MAX = 4096 };

/* What is looked for, and where it goes. */
struct wanted {
    char name[NAME_BYTES];
    uint32_t type, cap;
    uint8_t *text;
};

/* Look in one note segment. */
static uint32_t look_in(const uint8_t *notes, uint64_t n, const struct wanted *wanted) {
    while (n > sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)notes;
        uint64_t name_bytes = (note->n_namesz + 3ull) & ~3ull;
        uint64_t text_bytes = (note->n_descsz + 3ull) & ~3ull;
        uint64_t all = sizeof *note + name_bytes + text_bytes;
        if (all > n) {
            break;
        }
        if (note->n_type == wanted->type && name_bytes == NAME_BYTES && !memcmp(note + 1, wanted->name, NAME_BYTES)) {
            memcpy(wanted->text, notes + sizeof *note + name_bytes,
                   note->n_descsz < wanted->cap ? note->n_descsz : wanted->cap);
            return note->n_descsz;
        }
        notes += all;
        n -= all;
    }
    return 0;
}

/* Whether the file's own bytes of that segment are loaded and can be read, as far as the headers say. */
static bool is_loaded(const ElfW(Phdr) * headers, uint32_t n, const ElfW(Phdr) * segment) {
    for (uint32_t i = 0; i < n; i++) {
        const ElfW(Phdr) *load = &headers[i];
        if (load->p_type == PT_LOAD && (load->p_flags & PF_R) && segment->p_vaddr >= load->p_vaddr &&
            segment->p_vaddr - load->p_vaddr <= load->p_filesz &&
            segment->p_filesz <= load->p_filesz - (segment->p_vaddr - load->p_vaddr)) {
            return true;
        }
    }
    return false;
}

/* When the kernel must not be asked. */
static uint32_t look_quietly(const struct elf_object *o, const struct wanted *wanted) {
    const ElfW(Phdr) * headers;
    uint32_t n = elf_object_headers(o, &headers), bytes = 0;
    for (uint32_t i = 0; i < n && bytes == 0; i++) {
        if (headers[i].p_type == PT_NOTE && is_loaded(headers, n, &headers[i])) {
            const uint8_t *notes = (const uint8_t *)(o->bias + headers[i].p_vaddr); /* NOLINT(performance-no-int-to-ptr) */
            bytes = look_in(notes, headers[i].p_filesz, wanted);
        }
    }
    return bytes;
}

static uint32_t look(const struct elf_object *o, const struct wanted *wanted) {
    const uint8_t *base = (const uint8_t *)o->start; /* NOLINT(performance-no-int-to-ptr) */
    const ElfW(Ehdr) *ehdr = (const ElfW(Ehdr) *)base;
    if (o->end - o->start < HEADERS_BYTES_MAX || !sys_is_readable(o->start) ||
        memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 ||
        ehdr->e_phoff + (uint64_t)ehdr->e_phnum * sizeof(ElfW(Phdr)) > HEADERS_BYTES_MAX) {
        return 0;
    }
    const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)(base + ehdr->e_phoff);
    uint32_t bytes = 0;
    for (unsigned i = 0; i < ehdr->e_phnum && bytes == 0; i++) {
        uint64_t start = o->bias + phdr[i].p_vaddr;
        if (phdr[i].p_type == PT_NOTE && start >= o->start && start < o->end && phdr[i].p_memsz <= o->end - start &&
            sys_is_readable(start) && sys_is_readable(start + phdr[i].p_memsz - 8)) {
            bytes = look_in((const uint8_t *)start, phdr[i].p_memsz, wanted); /* NOLINT(performance-no-int-to-ptr) */
        }
    }
    return bytes;
}

uint32_t elf_note(const struct elf_object *object, const char *name, uint32_t type, uint8_t *text, uint32_t cap) {
    struct wanted wanted = {.type = type, .cap = cap, .text = text};
    memcpy(wanted.name, name, strlen(name)); /* the rest stays NULs, as the note's */
    return quiet_is_on ? look_quietly(object, &wanted) : look(object, &wanted);
}
