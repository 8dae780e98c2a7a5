/* source_tag.c - see source_tag.h. */
#include "source_tag.h"

#include <link.h>
#include <string.h>

#include "clock.h"
#include "elf_object.h"
#include "fnv.h"
#include "ring_file.h"

enum {
    NAMES_MAX = 4096, /* OpenSSL 3 has 1,300 files */
    PLACES = 2 * NAMES_MAX,
    NAME_BYTES_MAX = 255, /* of a longer one the end is kept */
    LOOK_BYTES_MAX = 4096,
    TEXT_BYTES = 1 << 18,
};

_Atomic uint64_t source_cache[1 << SOURCE_CACHE_BITS];

/* Written once each: texts, one after the other, each with its NUL; where each name's is, + 1, by id; the ids by hash of the name. */
static char texts[TEXT_BYTES];
static _Atomic uint32_t n_text_bytes;
static _Atomic uint32_t text_of[NAMES_MAX + 1];
static _Atomic uint32_t n_names;
static _Atomic uint32_t ids[PLACES];

/* Find the name at an address, if it can be believed. Returns its length, 0 = it cannot, or is empty; *name is then its part that is kept. */
static size_t read_name(const char **name) {
    uint64_t at = (uint64_t)*name;
    struct elf_object o;
    const ElfW(Phdr) * headers;
    if (!at || !elf_object_at(at, &o, true)) {
        return 0;
    }
    for (uint32_t n = elf_object_headers(&o, &headers); n > 0; n--, headers++) {
        uint64_t off = at - o.bias - headers->p_vaddr;
        if (headers->p_type != PT_LOAD || (headers->p_flags & (PF_R | PF_W)) != PF_R || off >= headers->p_filesz) {
            continue;
        }
        uint64_t most = headers->p_filesz - off < LOOK_BYTES_MAX ? headers->p_filesz - off : LOOK_BYTES_MAX;
        size_t length = strnlen(*name, most);
        size_t kept = length < NAME_BYTES_MAX ? length : NAME_BYTES_MAX;
        *name += length - kept;
        return length < most ? kept : 0;
    }
    return 0;
}

static void log_name(uint32_t id, const char *text) {
    struct ring_log_file head = {.id = id};
    if (!ring_log_append(RING_LOG_FILE, clock_before(), &head, sizeof head, text, (uint32_t)strlen(text) + 1)) {
        ring_count_lost(RING_LOST_SOURCE_FILES, 1);
    }
}

static const char *text_at(uint32_t id) {
    uint32_t at = atomic_load_explicit(&text_of[id], memory_order_acquire);
    return at ? &texts[at - 1] : "";
}

static bool is_name(uint32_t id, const char *name, size_t length) {
    const char *text = text_at(id);
    return strncmp(text, name, length) == 0 && text[length] == '\0';
}

/* Make a new id, and log it. Returns 0 where there is no room. */
static uint32_t add_name(const char *name, size_t length) {
    uint32_t at = atomic_fetch_add(&n_text_bytes, (uint32_t)length + 1);
    uint32_t id = at <= TEXT_BYTES - length - 1 ? atomic_fetch_add(&n_names, 1) + 1 : NAMES_MAX + 1;
    if (id > NAMES_MAX) {
        atomic_store(&n_text_bytes, TEXT_BYTES); /* so that neither count ever wraps */
        ring_count_lost(RING_LOST_SOURCE_FILES, 1);
        return 0;
    }
    memcpy(&texts[at], name, length); /* what follows is zero */
    atomic_store_explicit(&text_of[id], at + 1, memory_order_release);
    log_name(id, &texts[at]);
    return id;
}

/* Another thread may enter the same name at the same time: then it has two ids, which the collector tells by their names. */
static uint32_t intern(const char *name, size_t length) {
    uint32_t place = fnv32(name, length), added = 0;
    for (uint32_t tries = 0; tries < PLACES; tries++, place++) {
        _Atomic uint32_t *slot = &ids[place % PLACES];
        uint32_t id = atomic_load_explicit(slot, memory_order_acquire);
        if (!id) {
            added = added ? added : add_name(name, length);
            if (!added ||
                atomic_compare_exchange_strong_explicit(slot, &id, added, memory_order_acq_rel, memory_order_acquire)) {
                return added;
            }
        }
        if (is_name(id, name, length)) {
            return id;
        }
    }
    return added;
}

COLD uint32_t source_file_slow(const char *name) {
    uint64_t at = (uint64_t)name;
    size_t length = at >> SOURCE_POINTER_BITS ? 0 : read_name(&name);
    uint32_t id = length ? intern(name, length) : 0;
    if (id) { /* what cannot be believed now may be another time */
        uint64_t place = at * 0x9E3779B97F4A7C15u >> (64 - SOURCE_CACHE_BITS);
        atomic_store_explicit(&source_cache[place], at << SOURCE_ID_BITS | id, memory_order_relaxed);
    }
    return id;
}

void source_tag_forget(void) {
    for (uint32_t i = 0; atomic_load_explicit(&n_names, memory_order_relaxed) && i < 1u << SOURCE_CACHE_BITS; i++) {
        atomic_store_explicit(&source_cache[i], 0, memory_order_relaxed);
    }
}

void source_tag_log_again(void) {
    uint32_t n = atomic_load(&n_names);
    for (uint32_t id = 1; id <= n && id <= NAMES_MAX; id++) {
        if (*text_at(id)) {
            log_name(id, text_at(id));
        }
    }
}
