/* openssl.c - see openssl.h. */
#include "openssl.h"

#include <limits.h>
#include <link.h>
#include <stddef.h>

#include "clock.h"
#include "elf_find.h"
#include "elf_object.h"
#include "lifecycle.h"
#include "real.h"
#include "ring_file.h"
#include "text.h"

enum { NOTE_BYTES = PATH_MAX + 512, NOTES_MAX = 64 };

/* What OpenSSL_version_num() says: 0xMNNFFPPSL, and since 3.0 0xMNN00PP0L. LibreSSL says 2.0.0 for good. */
#define VERSION_FIRST    0x10100000ul
#define VERSION_LIBRESSL 0x20000000ul

typedef unsigned long openssl_version(void);

struct openssl_copy openssl_copies[OPENSSL_COPIES_MAX];
bool openssl_is_direct, openssl_is_realloc_direct;

static bool is_started;

/* Raised when objects may have come; a thread that has looked since need not again. */
static _Atomic uint32_t expected;
static __thread uint32_t seen __attribute__((tls_model("initial-exec")));

/* How many objects the loader had ever added when all of them had been looked at. */
static _Atomic uint64_t looked_adds;

/* ---- what is said ---- */

static const char *path_of(const struct dl_phdr_info *info) {
    return info->dlpi_name && *info->dlpi_name ? info->dlpi_name : lifecycle_executable();
}

/* Whether that has not been said of that file yet: it may be opened any number of times. What does not fit is not said. */
static bool is_news(const char *path, const char *what) {
    static uint64_t said[NOTES_MAX];
    static uint32_t n_said;
    uint64_t hash = elf_name_hash(path) ^ (uint64_t)what;
    for (uint32_t i = 0; i < n_said; i++) {
        if (said[i] == hash) {
            return false;
        }
    }
    if (n_said < NOTES_MAX) {
        said[n_said++] = hash;
        return true;
    }
    return false;
}

static void note(const struct dl_phdr_info *info, const char *what) {
    if (!is_news(path_of(info), what)) {
        return;
    }
    static char buf[NOTE_BYTES]; /* the loader lets one thread in at a time */
    struct text text = text_over(buf, sizeof buf);
    text_add(&text, "openssl: ");
    text_add(&text, path_of(info));
    text_add(&text, ": ");
    text_add(&text, what);
    ring_log_append(RING_LOG_NOTE, clock_before(), buf, (uint32_t)text.n + 1, NULL, 0);
}

static const char is_old[] = "older than OpenSSL 1.1.0: its blocks are seen as malloc's, without OpenSSL's file and line";
static const char is_libressl[] =
    "LibreSSL takes no allocation functions: its blocks are seen as malloc's, without file and line";
static const char is_aws_lc[] = "AWS-LC tells no file and line: its blocks are seen as malloc's";
static const char is_boringssl[] =
    "BoringSSL takes no allocation functions: its blocks are seen as malloc's, without file and line";
static const char is_late[] =
    "it had allocated before it could be asked for file and line: its blocks are seen as malloc's";
static const char is_set[] = "allocation functions had been set before it could be asked for file and line: its blocks are "
                             "seen as these functions ask for them";
static const char is_self_contained[] =
    "it has an allocator of its own inside, so it is not asked for file and line, and what that allocator does is not seen";
static const char is_one_too_many[] =
    "one copy of OpenSSL too many: its blocks are seen as malloc's, without file and line";
static const char is_replaced[] = "allocation functions were set in a way that libseep.so does not see: from then on "
                                  "blocks are seen as these functions ask for them";

/* ---- one copy ---- */

#define FUNCTION(type, info, name) ((type *)elf_function(elf_find_in(info, name)))

static struct openssl_functions now_set(const struct openssl_copy *copy) {
    struct openssl_functions now = {0};
    copy->get(&now.malloc, &now.realloc, &now.free);
    return now;
}

static bool are_same(const struct openssl_functions *a, const struct openssl_functions *b) {
    return a->malloc == b->malloc && a->realloc == b->realloc && a->free == b->free;
}

/* Before relocation there is an address in the file; generated code is in no object, but not as low. */
static bool is_relocated(uint64_t function, uint64_t object_bytes) {
    struct elf_object object;
    return function >= object_bytes || elf_object_at(function, &object, false);
}

/* Whether the loader has finished with it: another thread may just be opening it, and relocates one of the three after the other. */
static bool are_relocated(const struct openssl_copy *copy, const struct openssl_functions *f) {
    struct elf_object object;
    uint64_t bytes = elf_object_at(copy->start, &object, false) ? object.end - object.start : 0;
    return is_relocated((uint64_t)f->malloc, bytes) && is_relocated((uint64_t)f->realloc, bytes) &&
           is_relocated((uint64_t)f->free, bytes);
}

/* Whether its calls of malloc go where those of any library go. */
static bool takes_malloc_from_outside(const struct dl_phdr_info *info) {
    static const char *const names[] = {"malloc", "realloc", "free"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *defined = elf_function(elf_find_in(info, names[i]));
        if (!elf_imports(info, names[i]) && (!defined || defined != real_program_table[i == 0   ? REAL_malloc
                                                                                       : i == 1 ? REAL_realloc
                                                                                                : REAL_free])) {
            return false;
        }
    }
    return true;
}

/* Why it cannot be asked, or NULL. */
static const char *why_not(const struct dl_phdr_info *info) {
    if (elf_find_in(info, "awslc_version_string").address || elf_find_in(info, "OPENSSL_malloc").address) {
        return is_aws_lc;
    }
    openssl_version *version_num = FUNCTION(openssl_version, info, "OpenSSL_version_num");
    unsigned long version = version_num ? version_num() : VERSION_FIRST;
    if (version == VERSION_LIBRESSL) {
        return is_libressl;
    }
    /* A program with OpenSSL inside has of it what it uses; these two came with 1.1.0, in the same file as the call for functions. */
    bool is_new = elf_find_in(info, "CRYPTO_zalloc").address || elf_find_in(info, "CRYPTO_clear_free").address;
    return version < VERSION_FIRST || !is_new ? is_old : takes_malloc_from_outside(info) ? NULL : is_self_contained;
}

enum outcome { DONE, NOT_READY };

/* Have the copy allocate with ours, or say why it does not. */
static enum outcome hook(struct openssl_copy *copy, const struct dl_phdr_info *info) {
    const char *why = why_not(info);
    copy->own = (struct openssl_functions){.malloc = FUNCTION(openssl_malloc, info, "CRYPTO_malloc"),
                                           .realloc = FUNCTION(openssl_realloc, info, "CRYPTO_realloc"),
                                           .free = FUNCTION(openssl_free, info, "CRYPTO_free")};
    if (!why && copy->get) {
        struct openssl_functions now = now_set(copy);
        if (!are_relocated(copy, &now)) {
            return NOT_READY;
        }
        why = are_same(&now, &copy->own) ? NULL : is_set;
    }
    const struct openssl_functions *ours = &openssl_ours[copy - openssl_copies];
    atomic_store(&copy->is_plain, 0);
    atomic_store(&copy->has_served, 0);
    atomic_store(&copy->program_malloc, NULL);
    atomic_store(&copy->program_realloc, NULL);
    atomic_store(&copy->program_free, NULL);
    atomic_store_explicit(&copy->state, OPENSSL_HOOKED, memory_order_release); /* it may be used as soon as it is set */
    if (!why && !copy->set(ours->malloc, ours->realloc, ours->free)) {
        why = is_late;
    }
    if (why) {
        atomic_store_explicit(&copy->state, OPENSSL_PLAIN, memory_order_release);
        note(info, why);
    }
    return DONE;
}

/* One that is known. It may be another one at the same place, or somebody may have set functions past us. */
static enum outcome check(struct openssl_copy *copy, const struct dl_phdr_info *info) {
    const struct openssl_functions *ours = &openssl_ours[copy - openssl_copies];
    if (atomic_load(&copy->state) != OPENSSL_HOOKED || !copy->get) {
        return DONE;
    }
    struct openssl_functions now = now_set(copy);
    if (are_same(&now, ours)) {
        return DONE;
    }
    if (are_same(&now, &copy->own) || !are_relocated(copy, &now)) {
        return hook(copy, info);
    }
    atomic_store_explicit(&copy->state, OPENSSL_REPLACED, memory_order_release);
    note(info, is_replaced);
    return DONE;
}

/* ---- all of them ---- */

struct look {
    uint64_t adds;
    bool is_all_ready;
};

/* A free place for the copy, or its own if it has one. */
static struct openssl_copy *place_for(openssl_set *set, uint64_t start) {
    struct openssl_copy *place = NULL;
    for (int i = OPENSSL_COPIES_MAX; i-- > 0;) {
        struct openssl_copy *copy = &openssl_copies[i];
        uint32_t state = atomic_load_explicit(&copy->state, memory_order_acquire);
        if (state != OPENSSL_FREE && copy->set == set && copy->start == start) {
            return copy;
        }
        place = state == OPENSSL_FREE ? copy : place;
    }
    return place;
}

static enum outcome take(const struct dl_phdr_info *info, openssl_set *set, uint64_t inside) {
    struct elf_object object;
    if (!elf_object_at(inside, &object, false)) {
        return NOT_READY; /* the loader has not finished with it */
    }
    struct openssl_copy *copy = place_for(set, object.start);
    if (!copy) {
        note(info, is_one_too_many);
        return DONE;
    }
    if (atomic_load(&copy->state) != OPENSSL_FREE && copy->identity == object.identity) {
        return check(copy, info);
    }
    /* Another one may lie where one was that somebody has closed and is about to find gone. */
    atomic_store_explicit(&copy->state, OPENSSL_FREE, memory_order_release);
    copy->set = set;
    copy->get = FUNCTION(openssl_get, info, "CRYPTO_get_mem_functions");
    copy->start = object.start;
    copy->identity = object.identity;
    if (set) {
        return hook(copy, info);
    }
    atomic_store_explicit(&copy->state, OPENSSL_PLAIN, memory_order_release);
    note(info, is_boringssl);
    return DONE;
}

/* The loader lets one thread in at a time, and no object go meanwhile. */
static int look_at(struct dl_phdr_info *info, size_t size, void *context) {
    struct look *look = context;
    if (size >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof info->dlpi_adds) {
        look->adds = info->dlpi_adds;
        if (look->adds == atomic_load(&looked_adds)) {
            return 1;
        }
    }
    if (elf_is_own(info)) {
        return 0;
    }
    struct elf_definition set = elf_find_in(info, "CRYPTO_set_mem_functions");
    uint64_t inside = (uint64_t)(set.address ? set.address : elf_find_in(info, "OPENSSL_malloc").address);
    if (inside && take(info, (openssl_set *)elf_function(set), inside) == NOT_READY) {
        look->is_all_ready = false;
    }
    return 0;
}

void openssl_expect(void) {
    atomic_fetch_add_explicit(&expected, 1, memory_order_relaxed);
}

void openssl_look(void) {
    uint32_t now = atomic_load_explicit(&expected, memory_order_relaxed);
    if (LIKELY(seen == now) || !is_started) {
        return;
    }
    seen = now;
    struct look look = {.is_all_ready = true};
    dl_iterate_phdr(look_at, &look);
    if (look.is_all_ready && look.adds) {
        atomic_store(&looked_adds, look.adds);
    }
}

void openssl_start(void) {
    openssl_is_direct = !real_is_bypassed && !real_is_layered;
    openssl_is_realloc_direct = openssl_is_direct && real_is_libc;
    is_started = true;
    openssl_expect();
    openssl_look();
}

void openssl_finish(void) {
    atomic_store(&looked_adds, 0);
    openssl_expect();
    openssl_look();
}

/* Copies come and go with the loader's lock held, all of them: this is the callback of a walk that ends at its first object. */
static int forget_gone(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)info;
    (void)size;
    (void)unused;
    for (int i = 0; i < OPENSSL_COPIES_MAX; i++) {
        struct openssl_copy *copy = &openssl_copies[i];
        struct elf_object object;
        if (atomic_load_explicit(&copy->state, memory_order_acquire) != OPENSSL_FREE &&
            (!elf_object_at(copy->start, &object, false) || object.start != copy->start ||
             object.identity != copy->identity)) {
            atomic_store_explicit(&copy->state, OPENSSL_FREE, memory_order_release);
        }
    }
    return 1;
}

void openssl_check_gone(void) {
    if (is_started) {
        dl_iterate_phdr(forget_gone, NULL);
    }
}

/* ---- what the program is told ---- */

struct openssl_copy *openssl_find_set(openssl_set *set) {
    for (int i = 0; i < OPENSSL_COPIES_MAX; i++) {
        struct openssl_copy *copy = &openssl_copies[i];
        if (atomic_load_explicit(&copy->state, memory_order_acquire) == OPENSSL_HOOKED && copy->set == set) {
            return copy;
        }
    }
    return NULL;
}

struct openssl_copy *openssl_find_get(openssl_get *get) {
    for (int i = 0; i < OPENSSL_COPIES_MAX; i++) {
        struct openssl_copy *copy = &openssl_copies[i];
        if (atomic_load_explicit(&copy->state, memory_order_acquire) == OPENSSL_HOOKED && copy->get == get) {
            return copy;
        }
    }
    return NULL;
}

int openssl_answer_set(struct openssl_copy *copy, const struct openssl_functions *wanted) {
    if (atomic_load(&copy->has_served)) {
        return 0;
    }
    if (wanted->malloc) {
        atomic_store(&copy->program_malloc, wanted->malloc == copy->own.malloc ? NULL : wanted->malloc);
    }
    if (wanted->realloc) {
        atomic_store(&copy->program_realloc, wanted->realloc == copy->own.realloc ? NULL : wanted->realloc);
    }
    if (wanted->free) {
        atomic_store(&copy->program_free, wanted->free == copy->own.free ? NULL : wanted->free);
    }
    return 1;
}

struct openssl_functions openssl_answer_get(const struct openssl_copy *copy) {
    struct openssl_functions set = {.malloc = atomic_load(&copy->program_malloc),
                                    .realloc = atomic_load(&copy->program_realloc),
                                    .free = atomic_load(&copy->program_free)};
    return (struct openssl_functions){.malloc = set.malloc ? set.malloc : copy->own.malloc,
                                      .realloc = set.realloc ? set.realloc : copy->own.realloc,
                                      .free = set.free ? set.free : copy->own.free};
}
