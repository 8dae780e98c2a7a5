/* elf_find.c - see elf_find.h. */
#include "elf_find.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "attributes.h"
#include "sys.h"

enum { OBJECTS_MAX = 4096, VERSION_HIDDEN = 0x8000 };

/* A loaded object, as its dynamic section tells. Valid while dl_iterate_phdr() is running. */
struct object {
    uint64_t bias, start, end;
    const char *path; /* the loader's; "" for the program */
    const char *strings;
    const ElfW(Sym) * symbols;
    const uint16_t *versions; /* NULL = none */
    const uint32_t *gnu_hash; /* NULL = none */
    const uint32_t *sysv_hash;
    const ElfW(Dyn) * dynamic;
    bool is_visited;
};

/* Addresses in a dynamic section have been relocated in place, but for those that cannot be written (the vdso's). */
static const void *pointer(const struct object *o, uint64_t address) {
    return (const void *)(address < o->bias ? address + o->bias : address); /* NOLINT(performance-no-int-to-ptr) */
}

static void read_dynamic(struct object *o) {
    for (const ElfW(Dyn) *d = o->dynamic; d && d->d_tag != DT_NULL; d++) {
        switch (d->d_tag) {
        case DT_STRTAB:
            o->strings = pointer(o, d->d_un.d_ptr);
            break;
        case DT_SYMTAB:
            o->symbols = pointer(o, d->d_un.d_ptr);
            break;
        case DT_VERSYM:
            o->versions = pointer(o, d->d_un.d_ptr);
            break;
        case DT_GNU_HASH:
            o->gnu_hash = pointer(o, d->d_un.d_ptr);
            break;
        case DT_HASH:
            o->sysv_hash = pointer(o, d->d_un.d_ptr);
            break;
        default:
            break;
        }
    }
}

static bool read_object(const struct dl_phdr_info *info, struct object *o) {
    *o = (struct object){.bias = info->dlpi_addr, .start = UINT64_MAX, .path = info->dlpi_name ? info->dlpi_name : ""};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_DYNAMIC) {
            o->dynamic = (const ElfW(Dyn) *)start; /* NOLINT(performance-no-int-to-ptr) */
        } else if (segment->p_type == PT_LOAD) {
            o->start = start < o->start ? start : o->start;
            o->end = start + segment->p_memsz > o->end ? start + segment->p_memsz : o->end;
        }
    }
    read_dynamic(o);
    return o->strings && o->symbols && (o->gnu_hash || o->sysv_hash);
}

static bool is_inside(const struct object *o, uint64_t address) {
    return address >= o->start && address < o->end;
}

static bool is_own(const struct object *o) {
    return is_inside(o, (uint64_t)&elf_find);
}

/* Whether symbol number i is a function of that name that others may use. */
static bool is_wanted(const struct object *o, uint32_t i, const char *name) {
    const ElfW(Sym) *s = &o->symbols[i];
    unsigned type = ELF64_ST_TYPE(s->st_info), binding = ELF64_ST_BIND(s->st_info);
    return s->st_shndx != SHN_UNDEF && s->st_value && (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC) &&
           (binding == STB_GLOBAL || binding == STB_WEAK) && !(o->versions && (o->versions[i] & VERSION_HIDDEN)) &&
           strcmp(o->strings + s->st_name, name) == 0;
}

static uint32_t find_by_gnu_hash(const struct object *o, const char *name) {
    const uint32_t *table = o->gnu_hash;
    uint32_t n_buckets = table[0], first = table[1], n_bloom = table[2], hash = 5381;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        hash = hash * 33 + *p;
    }
    const uint64_t *bloom = (const uint64_t *)(table + 4);
    uint64_t bits = 1ull << (hash % 64) | 1ull << ((hash >> table[3]) % 64);
    const uint32_t *buckets = (const uint32_t *)(bloom + n_bloom), *chain = buckets + n_buckets;
    if (n_buckets == 0 || n_bloom == 0 || (bloom[hash / 64 % n_bloom] & bits) != bits) {
        return 0;
    }
    for (uint32_t i = buckets[hash % n_buckets]; i >= first && i != 0; i++) {
        uint32_t found = chain[i - first];
        if ((found | 1) == (hash | 1) && is_wanted(o, i, name)) {
            return i;
        }
        if (found & 1) { /* the last of its bucket */
            break;
        }
    }
    return 0;
}

static uint32_t find_by_sysv_hash(const struct object *o, const char *name) {
    const uint32_t *table = o->sysv_hash;
    uint32_t n_buckets = table[0], n_symbols = table[1], hash = 0;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        hash = (hash << 4) + *p;
        hash = (hash ^ (hash & 0xf0000000) >> 24) & 0x0fffffff;
    }
    const uint32_t *chain = table + 2 + n_buckets;
    for (uint32_t i = n_buckets ? table[2 + hash % n_buckets] : 0, n = 0; i != 0 && n < n_symbols; i = chain[i], n++) {
        if (is_wanted(o, i, name)) {
            return i;
        }
    }
    return 0;
}

static struct elf_definition find_in(const struct object *o, const char *name) {
    uint32_t i = o->gnu_hash ? find_by_gnu_hash(o, name) : find_by_sysv_hash(o, name);
    if (i == 0) {
        return (struct elf_definition){0};
    }
    const ElfW(Sym) *s = &o->symbols[i];
    uint64_t bias = s->st_shndx == SHN_ABS ? 0 : o->bias;
    return (struct elf_definition){.address = (void *)(bias + s->st_value), /* NOLINT(performance-no-int-to-ptr) */
                                   .is_chooser = ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC};
}

/* The same, with nothing in this library. */
static struct elf_definition find_elsewhere(const struct object *o, const char *name) {
    if (is_own(o)) {
        return (struct elf_definition){0};
    }
    return find_in(o, name);
}

void *elf_function(struct elf_definition d) {
    void *(*choose)(void);
    memcpy(&choose, &d.address, sizeof choose);
    return d.address && d.is_chooser ? choose() : d.address;
}

/* ---- around this library ---- */

struct around {
    const char *const *names;
    struct elf_places *places;
    uint32_t n;
    bool is_behind;
};

static int look_around(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct around *around = context;
    struct object o;
    if (!read_object(info, &o)) {
        return 0;
    }
    if (is_own(&o)) {
        around->is_behind = true;
        return 0;
    }
    for (uint32_t i = 0; i < around->n; i++) {
        struct elf_definition *d = around->is_behind ? &around->places[i].next : &around->places[i].before;
        if (!d->address) {
            *d = find_in(&o, around->names[i]);
        }
    }
    return 0;
}

void elf_find(const char *const *names, uint32_t n, struct elf_places *places) {
    struct around around = {.names = names, .places = places, .n = n};
    dl_iterate_phdr(look_around, &around);
}

/* ---- from a caller on ---- */

struct list {
    struct object *objects;
    uint32_t *queue; /* objects to look in, by index */
    uint32_t n, n_queued;
    uint64_t ip;
    const char *name;
    struct elf_definition found;
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether a name that is needed is that object's. */
static bool is_called(const struct object *o, const char *needed) {
    for (const ElfW(Dyn) *d = o->dynamic; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SONAME) {
            return strcmp(o->strings + d->d_un.d_val, needed) == 0;
        }
    }
    return strcmp(base_name(o->path), base_name(needed)) == 0;
}

static void enqueue(struct list *list, uint32_t i) {
    if (!list->objects[i].is_visited) {
        list->objects[i].is_visited = true;
        list->queue[list->n_queued++] = i;
    }
}

static void enqueue_needed(struct list *list, const struct object *o) {
    for (const ElfW(Dyn) *d = o->dynamic; d->d_tag != DT_NULL; d++) {
        for (uint32_t i = 0; d->d_tag == DT_NEEDED && i < list->n; i++) {
            if (is_called(&list->objects[i], o->strings + d->d_un.d_val)) {
                enqueue(list, i);
            }
        }
    }
}

/* Breadth first, as the loader's own order. */
static struct elf_definition search(struct list *list) {
    for (uint32_t i = 0; i < list->n; i++) {
        if (is_inside(&list->objects[i], list->ip)) {
            enqueue(list, i);
        }
    }
    for (uint32_t at = 0; at < list->n_queued; at++) {
        const struct object *o = &list->objects[list->queue[at]];
        struct elf_definition found = find_elsewhere(o, list->name);
        if (found.address) {
            return found;
        }
        enqueue_needed(list, o);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        struct elf_definition found = find_elsewhere(&list->objects[i], list->name);
        if (found.address) {
            return found;
        }
    }
    return (struct elf_definition){0};
}

static int collect(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct list *list = context;
    if (list->n < OBJECTS_MAX && read_object(info, &list->objects[list->n])) {
        list->n++;
    }
    return 0;
}

/* Called for the first object, with the list locked; the inner walk is over all of them, and none can go before the search is done. */
static int collect_and_search(struct dl_phdr_info *info, size_t size, void *context) {
    (void)info;
    (void)size;
    struct list *list = context;
    dl_iterate_phdr(collect, list);
    list->found = search(list);
    return 1;
}

void *elf_find_for(uint64_t ip, const char *name) {
    struct list list = {.ip = ip, .name = name};
    size_t bytes = OBJECTS_MAX * (sizeof *list.objects + sizeof *list.queue);
    list.objects = sys_map_private(bytes);
    if (!list.objects) {
        return NULL;
    }
    list.queue = (uint32_t *)(list.objects + OBJECTS_MAX);
    dl_iterate_phdr(collect_and_search, &list);
    sys_unmap(list.objects, bytes);
    return elf_function(list.found);
}

/* ---- addresses ---- */

struct address {
    uint64_t address, start;
};

static int look_inside(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct address *wanted = context;
    struct object o;
    read_object(info, &o);
    if (is_inside(&o, wanted->address)) {
        wanted->start = o.start;
    }
    return wanted->start != 0;
}

uint64_t elf_object_of(const void *address) {
    struct address wanted = {.address = (uint64_t)address};
    dl_iterate_phdr(look_inside, &wanted);
    return wanted.start;
}
