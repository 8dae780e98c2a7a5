/* modules.c - see modules.h. */
#include "modules.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cfi.h"
#include "clock.h"
#include "elf_note.h"
#include "elf_object.h"
#include "lifecycle.h"
#include "openssl.h"
#include "quiet.h"
#include "ring_file.h"
#include "source_tag.h"
#include "stack_intern.h"
#include "sys.h"
#include "text.h"

enum {
    TABLE_BITS = 14,
    BUILD_ID_MAX = 64,
    GONE_AT_ONCE = 64,
    PATH_BYTES = 8192,
    NT_GO_BUILD_ID = 4, /* cmd/link/internal/ld/elf.go of Go */
};

enum module_state { MODULE_FREE, MODULE_CLAIMED, MODULE_LIVE, MODULE_GONE };

/* A module as logged. Places are found by hash of the start and never given back, only taken over by a successor. */
struct module {
    _Atomic uint32_t state; /* release when LIVE, acquire by readers */
    uint32_t id;
    _Atomic uint64_t start;
    uint64_t end;
    uint64_t identity; /* of the loader's own record, to tell a successor at the same address */
    uint64_t name;     /* the loader's name, hashed: the record of a successor may stand at the same address, too */
};

static struct module *table;
static _Atomic uint32_t n_modules;
static _Atomic uint32_t n_entering; /* threads that are entering a module right now, or were killed doing it */
static _Atomic uint32_t epoch;
static char start_folder[PATH_BYTES / 2]; /* where hooks may not ask for the present one */

int modules_init(void) {
    table = sys_map_private(sizeof *table << TABLE_BITS);
    return table ? 0 : -ENOMEM;
}

static bool append_module(const void *head, uint32_t head_bytes, const char *path) {
    return ring_log_append(RING_LOG_MODULE, clock_before(), head, head_bytes, path, (uint32_t)strlen(path) + 1);
}

/* A name that the loader keeps relative to the directory of the time. */
static bool append_relative(const void *head, uint32_t head_bytes, const char *name) {
    char *path = sys_map_private(PATH_BYTES);
    if (!path) {
        return append_module(head, head_bytes, name);
    }
    int saved = errno;
    struct text text = text_over(path, PATH_BYTES);
    if (quiet_is_on) {
        text_add(&text, start_folder);
        text_add(&text, "/");
    } else if (getcwd(path, PATH_BYTES / 2)) {
        text.n = strlen(path);
        text_add(&text, "/");
    }
    errno = saved;
    text_add(&text, name[0] == '.' && name[1] == '/' ? name + 2 : name);
    bool is_logged = append_module(head, head_bytes, path);
    sys_unmap(path, PATH_BYTES);
    return is_logged;
}

static void log_module(const struct module *module, const struct elf_object *o, const uint8_t *id, uint32_t id_bytes) {
    bool is_relative = o->name[0] && o->name[0] != '/' && strchr(o->name, '/');
    struct {
        struct ring_log_module fixed;
        uint8_t id[BUILD_ID_MAX];
    } head = {.fixed = {.id = module->id,
                        .epoch = atomic_load(&epoch),
                        .bias = o->bias,
                        .start = o->start,
                        .end = o->end,
                        .build_id_bytes = id_bytes}};
    memcpy(head.id, id, id_bytes);
    uint32_t head_bytes = (uint32_t)sizeof head.fixed + id_bytes;
    head.fixed.is_path_guessed = is_relative && quiet_is_on;
    bool is_logged = !o->name[0]   ? append_module(&head, head_bytes, lifecycle_executable())
                     : is_relative ? append_relative(&head, head_bytes, o->name)
                                   : append_module(&head, head_bytes, o->name);
    if (!is_logged) {
        ring_count_lost(RING_LOST_MODULES, 1);
    }
}

static bool is_logged_as(const struct module *module, const struct elf_object *o) {
    return module->end == o->end && atomic_load_explicit(&module->state, memory_order_acquire) == MODULE_LIVE;
}

static void check_gone(const struct module *known);

/* Whether this is still what was entered: libc closes modules of its own (gconv) without calling dlclose through us. */
static bool is_same(const struct module *module, const struct elf_object *o) {
    return module->end == o->end && module->identity == o->identity && module->name == elf_name_hash(o->name);
}

/* Enter an object into the table, unless it is there or somebody else is entering it right now. */
static COLD void note_object(const struct elf_object *o) {
    uint64_t mask = (1u << TABLE_BITS) - 1;
    uint64_t at = (o->start >> 12) * 0x9E3779B97F4A7C15u >> (64 - TABLE_BITS);
    for (uint64_t tries = 0; tries <= mask; tries++, at = (at + 1) & mask) {
        struct module *module = &table[at];
        uint32_t state = atomic_load_explicit(&module->state, memory_order_acquire);
        uint64_t start = atomic_load_explicit(&module->start, memory_order_relaxed);
        if (state == MODULE_LIVE && start == o->start && !is_same(module, o)) {
            check_gone(module);
            state = atomic_load_explicit(&module->state, memory_order_acquire);
        }
        if (state == MODULE_CLAIMED || (state == MODULE_LIVE && start == o->start)) {
            return;
        }
        if (state == MODULE_LIVE || (state == MODULE_GONE && start != o->start)) {
            continue;
        }
        if (!atomic_compare_exchange_strong(&module->state, &state, MODULE_CLAIMED)) {
            return;
        }
        atomic_fetch_add(&n_entering, 1);
        uint8_t id[BUILD_ID_MAX];
        uint32_t id_bytes = elf_note(o, "GNU", NT_GNU_BUILD_ID, id, sizeof id);
        id_bytes = id_bytes <= sizeof id ? id_bytes : 0;
        atomic_store_explicit(&module->start, o->start, memory_order_relaxed);
        module->end = o->end;
        module->identity = o->identity;
        module->name = elf_name_hash(o->name);
        module->id = atomic_fetch_add(&n_modules, 1) + 1;
        openssl_expect(); /* libc opens libraries of its own without a word */
        log_module(module, o, id, id_bytes);
        atomic_store_explicit(&module->state, MODULE_LIVE, memory_order_release);
        atomic_fetch_sub(&n_entering, 1);
        return;
    }
    ring_count_lost(RING_LOST_MODULES, 1);
}

bool module_find(uint64_t pc, struct module_view *view) {
    struct elf_object o;
    if (!elf_object_at(pc, &o, true)) {
        return false;
    }
    note_object(&o);
    *view = (struct module_view){.eh_frame_hdr = o.eh_frame_hdr};
    elf_object_code(&o, pc, &view->code_start, &view->code_end);
    return true;
}

bool module_is_go(uint64_t pc) {
    struct elf_object o;
    uint8_t build_id[8];
    return elf_object_at(pc, &o, true) && elf_note(&o, "Go", NT_GO_BUILD_ID, build_id, sizeof build_id) > 0;
}

static int note_loaded(struct dl_phdr_info *info, size_t size, void *unused) {
    struct module_view view;
    (void)size;
    (void)unused;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            module_find(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, &view);
            break;
        }
    }
    return 0;
}

void modules_prepare_quiet(void) {
    if (!getcwd(start_folder, sizeof start_folder)) {
        start_folder[0] = '\0';
    }
    dl_iterate_phdr(note_loaded, NULL);
}

static bool is_still_there(const struct module *module) {
    struct elf_object o;
    uint64_t start = atomic_load_explicit(&module->start, memory_order_relaxed);
    return elf_object_at(start, &o, false) && o.start == start && o.identity == module->identity &&
           is_logged_as(module, &o);
}

static void log_epoch(uint32_t number, const uint32_t *gone, uint32_t n_gone) {
    struct ring_log_epoch head = {.epoch = number, .n_gone = n_gone};
    if (!ring_log_append(RING_LOG_EPOCH, clock_before(), &head, sizeof head, gone, n_gone * (uint32_t)sizeof *gone)) {
        ring_count_lost(RING_LOST_MODULES, n_gone);
    }
}

/* known: a module that is gone, though another is in its place; NULL = none. */
static void check_gone(const struct module *known) {
    uint32_t gone[GONE_AT_ONCE];
    uint32_t n_gone = 0;
    uint32_t node = 0;
    uint32_t number = 0;
    bool is_any_gone = false;
    for (uint32_t i = 0; i < 1u << TABLE_BITS; i++) {
        struct module *module = &table[i];
        uint32_t live = MODULE_LIVE;
        if (atomic_load_explicit(&module->state, memory_order_acquire) != MODULE_LIVE ||
            (!(known && module == known) && is_still_there(module)) ||
            !atomic_compare_exchange_strong(&module->state, &live, MODULE_GONE)) {
            continue;
        }
        if (!is_any_gone) {
            is_any_gone = true;
            number = stack_next_epoch(&node);
        }
        if (!number) { /* stacks through what comes to lie there next will name this one */
            ring_count_lost(RING_LOST_MODULES, 1);
            continue;
        }
        gone[n_gone++] = module->id;
        if (n_gone == GONE_AT_ONCE) {
            log_epoch(number, gone, n_gone);
            n_gone = 0;
        }
    }
    if (number) {
        log_epoch(number, gone, n_gone);
        atomic_store(&epoch, number);
    }
    if (is_any_gone) {
        cfi_forget();
        source_tag_forget();
    }
    if (number) {
        stack_enter_epoch(node);
    }
}

void modules_check_gone(void) {
    check_gone(NULL);
}

void modules_begin_child(void) {
    if (atomic_exchange(&n_entering, 0) == 0) {
        return;
    }
    for (uint32_t i = 0; i < 1u << TABLE_BITS; i++) {
        uint32_t claimed = MODULE_CLAIMED;
        atomic_compare_exchange_strong(&table[i].state, &claimed, MODULE_FREE);
    }
}

uint32_t modules_epoch(void) {
    return atomic_load(&epoch);
}

void modules_count_unfinished(void) {
    bool were_left = atomic_load_explicit(&ring->lost[RING_LOST_ABANDONED], memory_order_relaxed) > 0;
    for (uint32_t i = 0; were_left && i < 1u << TABLE_BITS; i++) {
        if (atomic_load_explicit(&table[i].state, memory_order_relaxed) == MODULE_CLAIMED) {
            ring_count_lost(RING_LOST_MODULES, 1);
        }
    }
}
