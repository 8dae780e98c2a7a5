/* symbolize.c - see symbolize.h. */
#include "symbolize.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call_target.h"
#include "demangle.h"
#include "diag.h"
#include "dwarf_frames.h"
#include "module_file.h"
#include "string_pool.h"
#include "symbol_table.h"
#include "text.h"

enum { ID_HEX_BYTES = 129, PLACES_BYTES = 1024 };

/* A file that one or more modules are. */
struct object {
    const struct module *first; /* the module that was met first */
    Dwfl *dwfl;                 /* NULL = not opened, or nothing to read */
    struct symbol_table symbols;
    struct dwarf_frames dwarf;
    struct call_targets calls; /* read when the first call is asked about */
    bool is_opened, has_calls;
    bool is_told; /* a file of another build has been warned of */
};

struct cached {
    uint32_t object;
    uint64_t offset;
    struct location *location; /* NULL = free slot */
};

struct symbolizer {
    const struct profile *profile;
    struct file_finder finder;
    struct string_pool strings;
    struct demangler demangler;
    Dwfl_Callbacks callbacks; /* libdwfl keeps a pointer to them */

    struct string_pool object_keys; /* path, NUL, build-id; the id is the object's number */
    struct object *objects;         /* by number; 0 is "none" */
    size_t cap_objects;
    uint32_t *module_objects; /* by module index: object number */

    struct cached *cache; /* open addressing */
    size_t n_cached, n_slots;
};

/* libdwfl calls back without a context; one symbolizer at a time asks. */
static struct symbolizer *asking;

/* Without a server named there libdebuginfod has nothing to ask, and loading it costs more than a small report. */
static bool has_debuginfod(void) {
    const char *urls = getenv("DEBUGINFOD_URLS");
    return urls && urls[0] != '\0';
}

static void format_id(const struct module *m, char *hex, size_t cap) {
    hex[0] = '\0';
    for (size_t i = 0; i < m->build_id_bytes && 2 * i + 2 < cap; i++) {
        snprintf(hex + 2 * i, 3, "%02x", m->build_id[i]);
    }
}

static void warn_rejected(struct object *o, const char *rejected) {
    char hex[ID_HEX_BYTES];
    if (!o->is_told) {
        o->is_told = true;
        format_id(o->first, hex, sizeof hex);
        diag_warning("fewer names for %s: %s is of another build and not used: the build-id must be %s", o->first->path,
                     rejected, hex[0] ? hex : "none, but the checksum that the file names");
    }
}

/* Find a separate debug file. libdwfl's own search would do but for two things: it ends in loading libdebuginfod in any case,
 * and it does not know --sysroot and --debug-dir. A link without checksum is a dwz file's: those are left to it. */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                          const char *link, GElf_Word crc, char **debug_path) {
    struct object *o = *userdata;
    bool is_dwz = link && crc == 0;
    int fd = -1;
    if (!is_dwz && o) {
        const unsigned char *id = NULL;
        GElf_Addr where;
        int n = dwfl_module_build_id(module, &id, &where);
        const struct debug_wanted wanted = {
            .module = o->first, .file = file, .id = id, .id_bytes = n > 0 ? (size_t)n : 0, .link = link, .crc = crc};
        fd = module_file_open_debug(&asking->finder, &wanted, debug_path);
    }
    if (fd < 0 && (has_debuginfod() || is_dwz)) {
        fd = dwfl_standard_find_debuginfo(module, userdata, name, base, file, link, crc, debug_path);
    }
    if (fd < 0 && !is_dwz && o && asking->finder.rejected) {
        warn_rejected(o, asking->finder.rejected);
    }
    return fd;
}

static void number_objects(struct symbolizer *s) {
    const struct profile *p = s->profile;
    s->objects = xgrow(NULL, 0, &s->cap_objects, sizeof *s->objects);
    memset(s->objects, 0, s->cap_objects * sizeof *s->objects);
    s->module_objects = xcalloc(p->n_modules, sizeof *s->module_objects);
    for (size_t i = 0; i < p->n_modules; i++) {
        const struct module *m = &p->modules[i];
        const char *path = m->path ? m->path : "";
        size_t n_path = strlen(path) + 1;
        char *key = xalloc(n_path + m->build_id_bytes);
        memcpy(key, path, n_path);
        memcpy(key + n_path, m->build_id, m->build_id_bytes);
        uint32_t number = string_pool_id(&s->object_keys, key, n_path + m->build_id_bytes);
        free(key);
        size_t cap = s->cap_objects;
        s->objects = xgrow(s->objects, number, &s->cap_objects, sizeof *s->objects);
        memset(s->objects + cap, 0, (s->cap_objects - cap) * sizeof *s->objects);
        if (!s->objects[number].first) {
            s->objects[number].first = m;
        }
        s->module_objects[i] = number;
    }
}

struct symbolizer *symbolizer_open(const struct profile *profile, const char *sysroot, const char *debug_dirs) {
    struct symbolizer *s = xcalloc(1, sizeof *s);
    s->profile = profile;
    s->demangler.pool = &s->strings;
    file_finder_init(&s->finder, sysroot, debug_dirs, profile->start_real_ns);
    s->callbacks = (Dwfl_Callbacks){.find_elf = dwfl_build_id_find_elf, .find_debuginfo = find_debuginfo};
    elf_version(EV_CURRENT);
    number_objects(s);
    return s;
}

/* "A, B, C": where the file was looked for by its build-id. */
static void list_places(const struct file_finder *finder, char *list, size_t cap) {
    struct text text = text_over(list, cap);
    for (size_t i = 0; i < finder->n_places; i++) {
        const struct debug_place *place = &finder->places[i];
        text_add(&text, i ? ", " : "");
        text_add(&text, place->root ? place->root : "");
        text_add(&text, place->folder);
    }
}

/* path: where it should have been. What stands at the places and is another build is named as well. */
static void warn_unusable(const struct symbolizer *s, const struct module *m, enum module_file_state state,
                          const char *path) {
    char hex[ID_HEX_BYTES], places[PLACES_BYTES];
    const char *rejected = s->finder.rejected;
    format_id(m, hex, sizeof hex);
    list_places(&s->finder, places, sizeof places);
    if (state == MODULE_FILE_NEWER) {
        diag_warning("no names for %s: it has been written since the trace began and has no build-id to tell whether it is "
                     "the same; give the old file's directory with --sysroot",
                     m->path);
    } else if (!hex[0]) {
        diag_warning("no names for %s: cannot read %s, and there is no build-id to find it by; give its directory with "
                     "--sysroot",
                     m->path, path);
    } else {
        bool is_other = state == MODULE_FILE_OTHER_BUILD;
        diag_warning("no names for %s: %s%s, and nothing with build-id %s in %s%s%s%s; give its directory with "
                     "--debug-dir%s",
                     m->path, is_other ? path : "cannot read ", is_other ? " has changed since the trace" : path, hex,
                     places, rejected ? " (" : "", rejected ? rejected : "", rejected ? " is of another build)" : "",
                     is_other ? "" : " or --sysroot");
    }
}

/* The file itself may be out of reach and its build-id known to debuginfod. */
static Dwfl_Module *report_by_build_id(struct object *o) {
    const struct module *m = o->first;
    if (!has_debuginfod() || m->build_id_bytes == 0 || m->start < m->bias || m->end <= m->start) {
        return NULL;
    }
    Dwfl_Module *module = dwfl_report_module(o->dwfl, m->path, m->start - m->bias, m->end - m->bias);
    GElf_Addr bias;
    if (!module || dwfl_module_report_build_id(module, m->build_id, m->build_id_bytes, 0) != 0) {
        return NULL;
    }
    return dwfl_module_getelf(module, &bias) ? module : NULL;
}

static void open_object(struct symbolizer *s, struct object *o) {
    o->is_opened = true;
    asking = s;

    int fd;
    char *path;
    enum module_file_state state = module_file_open(&s->finder, o->first, &fd, &path);
    if (state == MODULE_FILE_NONE) {
        return;
    }
    o->dwfl = dwfl_begin(&s->callbacks);
    Dwfl_Module *module = NULL;
    if (o->dwfl) {
        dwfl_report_begin(o->dwfl);
        module = fd >= 0 ? dwfl_report_elf(o->dwfl, path, path, fd, 0, true) : report_by_build_id(o);
        if (module) {
            fd = -1; /* libdwfl's now */
        }
        dwfl_report_end(o->dwfl, NULL, NULL);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (module) {
        void **userdata;
        dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
        *userdata = o;
        symbol_table_read(&o->symbols, module);
        o->dwarf.module = module;
    } else {
        warn_unusable(s, o->first, state, path);
    }
    free(path);
}

static struct object *opened_object(struct symbolizer *s, uint32_t number) {
    struct object *o = &s->objects[number];
    if (number && !o->is_opened) {
        open_object(s, o);
    }
    return o;
}

/* Fill in the frames of a file address. */
static struct location *look_up(struct symbolizer *s, uint32_t object_number, uint64_t offset) {
    struct object *o = opened_object(s, object_number);
    struct dwarf_frame found[DWARF_INLINED_MAX + 1];
    asking = s;
    size_t n_found = o->dwarf.module ? dwarf_frames_find(&o->dwarf, offset, found) : 0;
    size_t n_frames = n_found ? n_found : 1;
    struct location *location = xcalloc(1, sizeof *location + n_frames * sizeof location->frames[0]);
    location->module = object_number ? string_pool_intern(&s->strings, o->first->path) : NULL;
    location->object = object_number;
    location->offset = offset;
    location->n_frames = (uint32_t)n_frames;
    for (size_t i = 0; i < n_found; i++) {
        struct frame *f = &location->frames[i];
        f->function = found[i].function ? demangle(&s->demangler, found[i].function) : NULL;
        f->symbol = found[i].function;
        f->file = string_pool_intern(&s->strings, found[i].file);
        f->line = found[i].line;
    }
    /* The function that exists as code goes by its symbol: the same name whether or not there is DWARF. */
    const struct symbol *symbol = symbol_table_find(&o->symbols, offset);
    if (symbol) {
        location->frames[n_frames - 1].function = demangle(&s->demangler, symbol->name);
        location->frames[n_frames - 1].symbol = symbol->name;
    }
    return location;
}

static struct cached *find_slot(struct cached *cache, size_t n_slots, uint32_t object, uint64_t offset) {
    size_t i = ((offset ^ (uint64_t)object << 48) * 0x9E3779B97F4A7C15u >> 20) & (n_slots - 1);
    while (cache[i].location && (cache[i].object != object || cache[i].offset != offset)) {
        i = (i + 1) & (n_slots - 1);
    }
    return &cache[i];
}

static void grow_cache(struct symbolizer *s) {
    size_t n_slots = s->n_slots ? s->n_slots * 2 : 1024;
    struct cached *cache = xcalloc(n_slots, sizeof *cache);
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->cache[i].location) {
            *find_slot(cache, n_slots, s->cache[i].object, s->cache[i].offset) = s->cache[i];
        }
    }
    free(s->cache);
    s->cache = cache;
    s->n_slots = n_slots;
}

uint32_t symbolizer_object(const struct symbolizer *s, uint32_t module) {
    return module && module <= s->profile->n_modules ? s->module_objects[module - 1] : 0;
}

/* The call is what is asked about, and one that never returns may be the last thing in its function. */
static uint64_t call_offset(const struct symbolizer *s, uint32_t object, uint32_t module, uint64_t ip) {
    return ip - 1 - (object ? s->profile->modules[module - 1].bias : 0);
}

struct frame symbolize_function(struct symbolizer *s, uint32_t module, uint64_t ip) {
    uint32_t object = symbolizer_object(s, module);
    struct object *o = opened_object(s, object);
    const struct symbol *symbol = symbol_table_find(&o->symbols, call_offset(s, object, module, ip));
    if (!symbol) {
        return (struct frame){0};
    }
    return (struct frame){.function = demangle(&s->demangler, symbol->name), .symbol = symbol->name};
}

const char *symbolize_callee(struct symbolizer *s, uint32_t module, uint64_t ip) {
    uint32_t object = symbolizer_object(s, module);
    struct object *o = opened_object(s, object);
    if (!o->dwarf.module) {
        return NULL;
    }
    if (!o->has_calls) {
        o->has_calls = true;
        call_targets_read(&o->calls, o->dwarf.module);
    }
    return call_target_name(&o->calls, &o->symbols, call_offset(s, object, module, ip) + 1);
}

const struct location *symbolize(struct symbolizer *s, uint32_t module, uint64_t ip) {
    uint32_t object = symbolizer_object(s, module);
    uint64_t offset = call_offset(s, object, module, ip);
    if (s->n_cached * 2 >= s->n_slots) {
        grow_cache(s);
    }
    struct cached *slot = find_slot(s->cache, s->n_slots, object, offset);
    if (!slot->location) {
        *slot = (struct cached){.object = object, .offset = offset, .location = look_up(s, object, offset)};
        s->n_cached++;
    }
    return slot->location;
}

void symbolizer_close(struct symbolizer *s) {
    for (size_t i = 0; i < s->n_slots; i++) {
        free(s->cache[i].location);
    }
    for (size_t i = 1; i < s->cap_objects; i++) {
        symbol_table_free(&s->objects[i].symbols);
        call_targets_free(&s->objects[i].calls);
        dwarf_frames_free(&s->objects[i].dwarf);
        if (s->objects[i].dwfl) {
            dwfl_end(s->objects[i].dwfl);
        }
    }
    free(s->cache);
    free(s->objects);
    free(s->module_objects);
    file_finder_free(&s->finder);
    demangler_free(&s->demangler);
    string_pool_free(&s->object_keys);
    string_pool_free(&s->strings);
    free(s);
}
