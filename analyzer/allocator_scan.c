/* allocator_scan.c - see allocator_scan.h. Everything is read by libelf, which checks offsets against the file's size; the file is not
 * mapped, since it may be cut while we read.
 *
 * Source: names of functions from jemalloc(3), tikv-jemalloc-sys (prefix _rjem_), gperftools/tcmalloc.h, mimalloc.h, rpmalloc.h,
 * oneTBB's scalable_allocator.h; sections of Go programs from cmd/link (.go.buildinfo, .note.go.buildid). */
#include "allocator_scan.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

enum { NEEDED_MAX = 4096 };

/* The functions that allocators are known by; a file that has several is known by the first. */
static const struct {
    const char *name;
    bool is_interposed; /* by libseep.so */
} functions[] = {
    {"malloc", true},         {"mallocx", true},    {"tc_malloc", true},
    {"mi_malloc", true},      {"je_malloc", false}, {"_rjem_malloc", false},
    {"__rjem_malloc", false}, {"rpmalloc", false},  {"scalable_malloc", false},
};

enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };

static const struct {
    const char *library, *function, *name;
} sanitizers[] = {{"libasan.so", "__asan_init", "AddressSanitizer"},
                  {"libhwasan.so", "__hwasan_init", "HWAddressSanitizer"},
                  {"libtsan.so", "__tsan_init", "ThreadSanitizer"},
                  {"liblsan.so", "__lsan_init", "LeakSanitizer"},
                  {"libmsan.so", "__msan_init", "MemorySanitizer"}};

/* What a stripped file still has. The first letter stands apart, so that this file has none of them itself. */
static const struct {
    char first;
    const char *rest, *name;
} messages[] = {{'<', "jemalloc>: ", "jemalloc"}, {'m', "imalloc: warning: ", "mimalloc"}};

/* Sets of functions: bit i is functions[i]. */
struct symbol_sets {
    unsigned exported, defined;
};

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), n_end = strlen(end);
    return n >= n_end && strcmp(s + n - n_end, end) == 0;
}

static unsigned function_bit(const char *name) {
    size_t n = strcspn(name, "@"); /* a version may follow */
    for (unsigned i = 0; i < N_FUNCTIONS; i++) {
        if (strncmp(functions[i].name, name, n) == 0 && !functions[i].name[n]) {
            return 1u << i;
        }
    }
    return 0;
}

/* name: of a library or a function. */
static void note_sanitizer(struct allocator_scan *scan, const char *name) {
    for (size_t i = 0; i < sizeof sanitizers / sizeof sanitizers[0]; i++) {
        if (strcmp(name, sanitizers[i].function) == 0 ||
            strncmp(name, sanitizers[i].library, strlen(sanitizers[i].library)) == 0) {
            scan->sanitizer = sanitizers[i].name;
        }
    }
}

static void note_symbol(struct allocator_scan *scan, struct symbol_sets *sets, const GElf_Sym *sym, const char *name,
                        bool is_dynamic) {
    unsigned type = GELF_ST_TYPE(sym->st_info);
    if (sym->st_shndx != SHN_UNDEF || GELF_ST_BIND(sym->st_info) != STB_WEAK) {
        note_sanitizer(scan, name);
    }
    if (sym->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)) {
        return;
    }
    *(is_dynamic ? &sets->exported : &sets->defined) |= function_bit(name);
    scan->has_rust_allocator |= ends_with(name, "__rg_alloc");
    scan->has_python |= strcmp(name, "PyObject_Malloc") == 0;
}

static void read_symbols(struct allocator_scan *scan, struct symbol_sets *sets, Elf *elf, Elf_Scn *section,
                         const GElf_Shdr *head) {
    Elf_Data *data = elf_getdata(section, NULL);
    size_t entry_bytes = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
    size_t n = data && data->d_buf && entry_bytes ? data->d_size / entry_bytes : 0;
    for (size_t i = 1; i < n && i <= INT32_MAX; i++) {
        GElf_Sym sym;
        const char *name = gelf_getsym(data, (int)i, &sym) ? elf_strptr(elf, head->sh_link, sym.st_name) : NULL;
        if (name) {
            note_symbol(scan, sets, &sym, name, head->sh_type == SHT_DYNSYM);
        }
    }
}

static void add_needed(struct allocator_scan *scan, size_t *cap, const char *name) {
    if (scan->n_needed < NEEDED_MAX) {
        scan->needed = xgrow(scan->needed, scan->n_needed, cap, sizeof *scan->needed);
        scan->needed[scan->n_needed++] = xstrndup(name, strlen(name));
    }
    note_sanitizer(scan, name);
}

static void read_dynamic(struct allocator_scan *scan, Elf *elf, Elf_Scn *section, const GElf_Shdr *head) {
    Elf_Data *data = elf_getdata(section, NULL);
    size_t entry_bytes = gelf_fsize(elf, ELF_T_DYN, 1, EV_CURRENT), cap = scan->n_needed;
    size_t n = data && data->d_buf && entry_bytes ? data->d_size / entry_bytes : 0;
    for (size_t i = 0; i < n && i <= INT32_MAX; i++) {
        GElf_Dyn entry;
        if (!gelf_getdyn(data, (int)i, &entry) || entry.d_tag == DT_NULL) {
            break;
        }
        bool is_path = entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH;
        const char *text = is_path || entry.d_tag == DT_NEEDED ? elf_strptr(elf, head->sh_link, entry.d_un.d_val) : NULL;
        if (text && is_path && !scan->search_path) {
            scan->search_path = xstrndup(text, strlen(text));
        } else if (text && !is_path) {
            add_needed(scan, &cap, text);
        }
        scan->is_symbolic |=
            entry.d_tag == DT_SYMBOLIC || (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_SYMBOLIC) != 0);
    }
}

static bool has_message(const char *bytes, size_t n, char first, const char *rest) {
    const char *end = bytes + n, *at = bytes;
    while ((at = memmem(at, (size_t)(end - at), rest, strlen(rest)))) {
        if (at > bytes && at[-1] == first) {
            return true;
        }
        at++;
    }
    return false;
}

static void read_constants(struct allocator_scan *scan, Elf_Scn *section) {
    Elf_Data *data = elf_getdata(section, NULL);
    for (size_t i = 0; data && data->d_buf && i < sizeof messages / sizeof messages[0]; i++) {
        if (has_message(data->d_buf, data->d_size, messages[i].first, messages[i].rest)) {
            scan->by_messages = messages[i].name;
        }
    }
}

static const char *first_of(unsigned set) {
    return set ? functions[__builtin_ctz(set)].name : NULL;
}

static void conclude(struct allocator_scan *scan, const struct symbol_sets *sets) {
    unsigned interposed = 0;
    for (unsigned i = 0; i < N_FUNCTIONS; i++) {
        interposed |= functions[i].is_interposed ? 1u << i : 0;
    }
    scan->interposable = first_of(sets->exported & interposed);
    scan->hidden = first_of((sets->exported | sets->defined) & ~(sets->exported & interposed));
}

static void read_sections(struct allocator_scan *scan, Elf *elf) {
    struct symbol_sets sets = {0};
    size_t names = 0;
    if (elf_getshdrstrndx(elf, &names) != 0) {
        names = 0;
    }
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr head;
        if (!gelf_getshdr(section, &head)) {
            continue;
        }
        const char *name = elf_strptr(elf, names, head.sh_name);
        scan->is_go |= name && (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0);
        if (head.sh_type == SHT_SYMTAB || head.sh_type == SHT_DYNSYM) {
            scan->has_symbols |= head.sh_type == SHT_SYMTAB;
            read_symbols(scan, &sets, elf, section, &head);
        } else if (head.sh_type == SHT_DYNAMIC && !scan->n_needed) {
            read_dynamic(scan, elf, section, &head);
        } else if (head.sh_type == SHT_PROGBITS && name && strcmp(name, ".rodata") == 0) {
            read_constants(scan, section);
        }
    }
    conclude(scan, &sets);
}

int allocator_scan_file(struct allocator_scan *scan, int fd) {
    size_t n_sections = 0;
    *scan = (struct allocator_scan){0};
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    bool is_elf = elf && elf_kind(elf) == ELF_K_ELF && elf_getshdrnum(elf, &n_sections) == 0 && n_sections > 0;
    if (is_elf) {
        read_sections(scan, elf);
    }
    elf_end(elf);
    return is_elf ? 0 : -1;
}

void allocator_scan_free(struct allocator_scan *scan) {
    for (size_t i = 0; i < scan->n_needed; i++) {
        free(scan->needed[i]);
    }
    free(scan->needed);
    free(scan->search_path);
    *scan = (struct allocator_scan){0};
}
