/* elf_object.c - see elf_object.h. */
#include "elf_object.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "arch.h"
#include "fnv.h"

extern int _dl_find_object(void *address, struct dl_find_object *result) __attribute__((weak));

/* dl_iterate_phdr callback for libcs without _dl_find_object. */
struct search {
    uint64_t pc;
    struct elf_object *found;
};

static int match_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct search *search = context;
    struct elf_object o = {
        .start = UINT64_MAX, .bias = info->dlpi_addr, .identity = (uint64_t)info->dlpi_phdr, .name = info->dlpi_name};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_GNU_EH_FRAME) {
            o.eh_frame_hdr = (const uint8_t *)start; /* NOLINT(performance-no-int-to-ptr) */
        }
        if (segment->p_type == PT_LOAD) {
            o.start = start < o.start ? start : o.start;
            o.end = start + segment->p_memsz > o.end ? start + segment->p_memsz : o.end;
        }
    }
    if (search->pc < o.start || search->pc >= o.end) {
        return 0;
    }
    *search->found = o;
    return 1;
}

bool elf_object_at(uint64_t pc, struct elf_object *o, bool wants_name) {
    if (!_dl_find_object) {
        struct search search = {.pc = pc, .found = o};
        return dl_iterate_phdr(match_object, &search) == 1;
    }
    struct dl_find_object found;
    if (_dl_find_object((void *)pc, &found) != 0) { /* NOLINT(performance-no-int-to-ptr) */
        return false;
    }
    *o = (struct elf_object){
        .start = (uint64_t)found.dlfo_map_start,
        .end = (uint64_t)found.dlfo_map_end,
        .eh_frame_hdr = found.dlfo_eh_frame,
        .identity = (uint64_t)found.dlfo_link_map ^ (uint64_t)found.dlfo_eh_frame << 16,
        .name = "",
    };
    if (wants_name && found.dlfo_link_map) {
        o->bias = found.dlfo_link_map->l_addr;
        o->name = found.dlfo_link_map->l_name;
        o->map = found.dlfo_link_map;
    }
    return true;
}

/* ---- program headers ---- */

enum {
    MAP_BYTES = 1024, /* how much of the loader's record is looked through; it is larger */
    COUNT_BEHIND = 16,
};

/* Where in the loader's record of an object {program headers, entry, number of headers} stand; 0 = not known.
 * Source: glibc, include/link.h (l_phdr, l_entry, l_phnum), and elf/dl-find_object.c, which reads the headers of each object. */
static size_t headers_off;

static bool has_headers_at(const char *map, size_t off, const struct dl_phdr_info *info) {
    return *(const ElfW(Phdr) *const *)(map + off) == info->dlpi_phdr &&
           *(const ElfW(Half) *)(map + off + COUNT_BEHIND) == info->dlpi_phnum;
}

/* The first object says where, and all others must agree. */
static int learn_from(struct dl_phdr_info *info, size_t size, void *is_first) {
    (void)size;
    struct elf_object o;
    const ElfW(Phdr) *load = info->dlpi_phdr;
    while (load < info->dlpi_phdr + info->dlpi_phnum && load->p_type != PT_LOAD) {
        load++;
    }
    if (load == info->dlpi_phdr + info->dlpi_phnum || !elf_object_at(info->dlpi_addr + load->p_vaddr, &o, true) || !o.map) {
        return 0;
    }
    size_t off = *(bool *)is_first ? sizeof(struct link_map) : headers_off;
    while (*(bool *)is_first && off + COUNT_BEHIND < MAP_BYTES && !has_headers_at(o.map, off, info)) {
        off += sizeof(void *);
    }
    *(bool *)is_first = false;
    headers_off = off + COUNT_BEHIND < MAP_BYTES && has_headers_at(o.map, off, info) ? off : 0;
    return headers_off == 0;
}

void elf_object_learn(void) {
    bool is_first = true;
    dl_iterate_phdr(learn_from, &is_first);
}

uint32_t elf_object_headers(const struct elf_object *object, const ElfW(Phdr) * *headers) {
    if (headers_off == 0 || !object->map) {
        return 0;
    }
    const char *map = object->map;
    *headers = *(const ElfW(Phdr) *const *)(map + headers_off);
    return *(const ElfW(Half) *)(map + headers_off + COUNT_BEHIND);
}

void elf_object_code(const struct elf_object *object, uint64_t pc, uint64_t *start, uint64_t *end) {
    const ElfW(Phdr) * headers;
    uint32_t n = elf_object_headers(object, &headers);
    *start = n ? 0 : object->start;
    *end = n ? 0 : object->end;
    for (uint32_t i = 0; i < n; i++) {
        const ElfW(Phdr) *segment = &headers[i];
        uint64_t low = object->bias + segment->p_vaddr, high = low + segment->p_filesz;
        if (segment->p_type == PT_LOAD && (segment->p_flags & (PF_R | PF_X)) == (PF_R | PF_X) && pc >= low && pc < high) {
            *start = low;
            *end = (high + ARCH_PAGE_BYTES - 1) & ~(uint64_t)(ARCH_PAGE_BYTES - 1);
        }
    }
}

uint64_t elf_name_hash(const char *name) {
    return fnv64(name, strlen(name));
}
