/* elf_object.c - see elf_object.h. */
#include "elf_object.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

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
    }
    return true;
}

uint64_t elf_name_hash(const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return h;
}
