/* elf_find.c - see elf_find.h. */
#include "elf_find.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "arch.h"
#include "attributes.h"
#include "elf_object.h"
#include "quiet.h"
#include "sys.h"
#include "text.h"

enum { OBJECTS_MAX = 4096, DYNAMIC_MAX = 256, TEXT_BYTES = 1024, VERSION_HIDDEN = 0x8000, TURNS_MAX = 1 << 20 };

/* This library's own. */
extern const ElfW(Dyn) own_dynamic[] __asm__("_DYNAMIC") HIDDEN;

/* A loaded object, as its dynamic section tells. Valid while the object cannot go. */
struct object {
    uint64_t bias;
    const char *strings;
    const ElfW(Sym) * symbols;
    const uint16_t *versions; /* NULL = none */
    const uint32_t *gnu_hash; /* NULL = none */
    const uint32_t *sysv_hash;
    const ElfW(Dyn) * dynamic;
};

/* Addresses in a dynamic section have been relocated in place, but for those that cannot be written (the vdso's). */
static const void *pointer(const struct object *o, uint64_t address) {
    return (const void *)(address < o->bias ? address + o->bias : address); /* NOLINT(performance-no-int-to-ptr) */
}

/* Returns false where there is nothing to look in. */
static bool read_dynamic(struct object *o) {
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
    return o->strings && o->symbols && (o->gnu_hash || o->sysv_hash);
}

static bool read_object(const struct dl_phdr_info *info, struct object *o) {
    *o = (struct object){.bias = info->dlpi_addr};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            o->dynamic =
                (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr); /* NOLINT(performance-no-int-to-ptr) */
        }
    }
    return read_dynamic(o);
}

static bool is_own(const struct object *o) {
    return o->dynamic == own_dynamic;
}

/* Whether symbol number i is a function of that name that others may use. */
static bool is_wanted(const struct object *o, uint32_t i, const char *name) {
    const ElfW(Sym) *s = &o->symbols[i];
    unsigned type = ELF64_ST_TYPE(s->st_info), binding = ELF64_ST_BIND(s->st_info);
    return s->st_shndx != SHN_UNDEF && s->st_value && (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC) &&
           (binding == STB_GLOBAL || binding == STB_WEAK) && !(o->versions && (o->versions[i] & VERSION_HIDDEN)) &&
           strcmp(o->strings + s->st_name, name) == 0;
}

/* Whether it is one of that name that others have to define. */
static bool is_import(const struct object *o, uint32_t i, const char *name) {
    return o->symbols[i].st_shndx == SHN_UNDEF && strcmp(o->strings + o->symbols[i].st_name, name) == 0;
}

typedef bool is_right(const struct object *o, uint32_t i, const char *name);

static uint32_t find_by_gnu_hash(const struct object *o, const char *name, is_right *is_it) {
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
        if ((found | 1) == (hash | 1) && is_it(o, i, name)) {
            return i;
        }
        if (found & 1) { /* the last of its bucket */
            break;
        }
    }
    return 0;
}

static uint32_t find_by_sysv_hash(const struct object *o, const char *name, is_right *is_it) {
    const uint32_t *table = o->sysv_hash;
    uint32_t n_buckets = table[0], n_symbols = table[1], hash = 0;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        hash = (hash << 4) + *p;
        hash = (hash ^ (hash & 0xf0000000) >> 24) & 0x0fffffff;
    }
    const uint32_t *chain = table + 2 + n_buckets;
    for (uint32_t i = n_buckets ? table[2 + hash % n_buckets] : 0, n = 0; i != 0 && n < n_symbols; i = chain[i], n++) {
        if (is_it(o, i, name)) {
            return i;
        }
    }
    return 0;
}

static struct elf_definition define_in(const struct object *o, const char *name) {
    uint32_t i = o->gnu_hash ? find_by_gnu_hash(o, name, is_wanted) : find_by_sysv_hash(o, name, is_wanted);
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
    return define_in(o, name);
}

void *elf_function(struct elf_definition d) {
    void *(*choose)(void);
    memcpy(&choose, &d.address, sizeof choose);
    return d.address && d.is_chooser ? choose() : d.address;
}

/* ---- in one object ---- */

struct elf_definition elf_find_in(const struct dl_phdr_info *info, const char *name) {
    struct object o;
    return read_object(info, &o) ? define_in(&o, name) : (struct elf_definition){0};
}

bool elf_is_own(const struct dl_phdr_info *info) {
    struct object o;
    return read_object(info, &o) && is_own(&o);
}

/* What is not defined stands in front of what the GNU table finds, unless its address is taken by code that is not position-independent. */
bool elf_imports(const struct dl_phdr_info *info, const char *name) {
    struct object o;
    if (!read_object(info, &o)) {
        return false;
    }
    uint32_t n = o.gnu_hash ? o.gnu_hash[1] : 0;
    bool is_found = false;
    for (uint32_t i = 1; i < n && !is_found; i++) {
        is_found = is_import(&o, i, name);
    }
    return is_found || (o.gnu_hash ? find_by_gnu_hash(&o, name, is_import) : find_by_sysv_hash(&o, name, is_import)) != 0;
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
            *d = define_in(&o, around->names[i]);
        }
    }
    return 0;
}

void elf_find(const char *const *names, uint32_t n, struct elf_places *places) {
    struct around around = {.names = names, .places = places, .n = n};
    dl_iterate_phdr(look_around, &around);
}

/* ---- from a caller on ---- */

/* An object of the loader's list, copied from there without its lock: others may be gone by the time that they are looked at, but what the caller
 * needs is kept for it. Nothing else is read in place. */
struct link {
    uint64_t bias, dynamic;
    uint64_t name; /* what others need it by, hashed */
    bool is_visited;
};

struct list {
    struct link links[OBJECTS_MAX];
    uint32_t queue[OBJECTS_MAX]; /* links to look in, by index */
    uint32_t n, n_queued;
    ElfW(Dyn) dynamic[DYNAMIC_MAX]; /* of the link that is being copied */
    char text[TEXT_BYTES];
};

/* Whether the loader is changing its list right now. */
static bool is_changing(void) {
    return __atomic_load_n(&_r_debug.r_state, __ATOMIC_ACQUIRE) != RT_CONSISTENT;
}

/* When hooks must be quiet, what can be read cannot be asked: it is read in place, up to its end, while the list does not change. */

static ssize_t copy_text_in_place(char *to, const char *from, size_t cap) {
    size_t n = 0;
    while (n < cap && !is_changing() && from[n]) {
        to[n] = from[n];
        n++;
    }
    return (ssize_t)n;
}

static ssize_t copy_dynamic_in_place(ElfW(Dyn) * to, const ElfW(Dyn) * from) {
    size_t n = 0;
    while (n < DYNAMIC_MAX && !is_changing()) {
        to[n] = from[n];
        if (to[n++].d_tag == DT_NULL) {
            break;
        }
    }
    return (ssize_t)(n * sizeof *to);
}

static bool copy_link(struct link_map *to, uint64_t from) {
    if (!quiet_is_on) {
        return sys_copy(to, from, sizeof *to) == sizeof *to;
    }
    if (is_changing()) {
        return false;
    }
    *to = *(const struct link_map *)from; /* NOLINT(performance-no-int-to-ptr) */
    return true;
}

/* Copy what text can be read. */
static const char *copy_text(struct list *list, uint64_t address) {
    size_t cap = sizeof list->text - 1;
    ssize_t n = quiet_is_on
                    ? copy_text_in_place(list->text, (const char *)address, cap) /* NOLINT(performance-no-int-to-ptr) */
                    : sys_copy(list->text, address, cap);
    list->text[n > 0 ? n : 0] = 0;
    return list->text;
}

static uint64_t copy_name(struct list *list, const struct link_map *map) {
    ssize_t bytes = quiet_is_on ? copy_dynamic_in_place(list->dynamic, map->l_ld)
                                : sys_copy(list->dynamic, (uint64_t)map->l_ld, sizeof list->dynamic);
    uint64_t strings = 0, name = 0;
    bool is_named = false;
    for (const ElfW(Dyn) *d = list->dynamic; (ssize_t)((d - list->dynamic + 1) * sizeof *d) <= bytes && d->d_tag != DT_NULL;
         d++) {
        if (d->d_tag == DT_STRTAB) {
            strings = d->d_un.d_ptr < map->l_addr ? d->d_un.d_ptr + map->l_addr : d->d_un.d_ptr;
        } else if (d->d_tag == DT_SONAME) {
            name = d->d_un.d_val;
            is_named = true;
        }
    }
    return elf_name_hash(is_named ? copy_text(list, strings + name)
                                  : text_base_name(copy_text(list, (uint64_t)map->l_name)));
}

/* Copy the loader's list, as far as it can be read. */
static void copy_links(struct list *list) {
    struct link_map map;
    for (uint64_t at = (uint64_t)_r_debug.r_map; at && list->n < OBJECTS_MAX; at = (uint64_t)map.l_next) {
        if (!copy_link(&map, at)) {
            return;
        }
        list->links[list->n++] =
            (struct link){.bias = map.l_addr, .dynamic = (uint64_t)map.l_ld, .name = copy_name(list, &map)};
    }
}

static void enqueue(struct list *list, struct link *link) {
    if (!link->is_visited) {
        link->is_visited = true;
        list->queue[list->n_queued++] = (uint32_t)(link - list->links);
    }
}

static void enqueue_needed(struct list *list, const struct object *o) {
    for (const ElfW(Dyn) *d = o->dynamic; d->d_tag != DT_NULL; d++) {
        uint64_t name = d->d_tag == DT_NEEDED ? elf_name_hash(text_base_name(o->strings + d->d_un.d_val)) : 0;
        for (uint32_t i = 0; d->d_tag == DT_NEEDED && i < list->n; i++) {
            if (list->links[i].name == name) {
                enqueue(list, &list->links[i]);
                break;
            }
        }
    }
}

/* When hooks must be quiet: wait, bounded, until the list can be read; the lock that its changes are made under must not be asked for. */
static void copy_links_quietly(struct list *list) {
    for (int turns = 0; turns < TURNS_MAX && is_changing(); turns++) {
        arch_pause();
    }
    copy_links(list);
}

static struct elf_definition look_everywhere(const struct list *list, const char *name) {
    struct elf_definition found = {0};
    for (uint32_t i = 0; i < list->n && !found.address && !is_changing(); i++) {
        struct object o = {.bias = list->links[i].bias,
                           .dynamic = (const ElfW(Dyn) *)list->links[i].dynamic}; /* NOLINT(performance-no-int-to-ptr) */
        found = read_dynamic(&o) ? find_elsewhere(&o, name) : found;
    }
    return found;
}

/* Look in the object of a caller and in those it needs: breadth first, as the loader's own order. */
static struct elf_definition search_from(struct list *list, uint64_t bias, const char *name) {
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->links[i].bias == bias) {
            enqueue(list, &list->links[i]);
        }
    }
    for (uint32_t at = 0; at < list->n_queued; at++) {
        const struct link *link = &list->links[list->queue[at]];
        struct object o = {.bias = link->bias,
                           .dynamic = (const ElfW(Dyn) *)link->dynamic}; /* NOLINT(performance-no-int-to-ptr) */
        if (!read_dynamic(&o)) {
            continue;
        }
        struct elf_definition found = find_elsewhere(&o, name);
        if (found.address) {
            return found;
        }
        enqueue_needed(list, &o);
    }
    return (struct elf_definition){0};
}

/* Look everywhere. */
struct anywhere {
    const char *name;
    struct elf_definition found;
};

static int look_anywhere(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct anywhere *anywhere = context;
    struct object o;
    if (read_object(info, &o)) {
        anywhere->found = find_elsewhere(&o, anywhere->name);
    }
    return anywhere->found.address != NULL;
}

void *elf_find_for(uint64_t ip, const char *name) {
    struct anywhere anywhere = {.name = name};
    struct elf_object caller;
    struct list *list = sys_map_private(sizeof *list);
    if (list) {
        quiet_is_on ? copy_links_quietly(list) : copy_links(list);
    }
    if (list && elf_object_at(ip, &caller, true)) {
        anywhere.found = search_from(list, caller.bias, name);
    }
    if (list && quiet_is_on && !anywhere.found.address) {
        anywhere.found = look_everywhere(list, name);
    }
    if (list) {
        sys_unmap(list, sizeof *list);
    }
    if (!anywhere.found.address && !quiet_is_on) {
        dl_iterate_phdr(look_anywhere, &anywhere);
    }
    return elf_function(anywhere.found);
}
