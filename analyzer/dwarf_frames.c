/* dwarf_frames.c - see dwarf_frames.h. DWARF 5, sections 3.3 (functions), 3.3.8 (inlined) and 6.2 (lines). */
#include "dwarf_frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

enum { UNIT_BUCKETS = 1024, DEPTH_MAX = 512 }; /* DEPTH_MAX guards our recursion against damaged DWARF */

struct function_range {
    Dwarf_Addr start, end;
    Dwarf_Die entry;
};

struct dwarf_unit {
    struct dwarf_unit *next; /* in its bucket */
    Dwarf_Die entry;
    struct function_range *functions; /* by start */
    size_t n_functions, cap_functions;
};

struct unit_range {
    Dwarf_Addr start, end;
    Dwarf_Die entry;
};

static int by_function_start(const void *a, const void *b) {
    const struct function_range *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static int by_unit_start(const void *a, const void *b) {
    const struct unit_range *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void add_function(struct dwarf_unit *unit, Dwarf_Die *entry) {
    Dwarf_Addr base, start, end;
    for (ptrdiff_t off = 0; (off = dwarf_ranges(entry, off, &base, &start, &end)) > 0;) {
        if (start < end) {
            unit->functions = xgrow(unit->functions, unit->n_functions, &unit->cap_functions, sizeof *unit->functions);
            unit->functions[unit->n_functions++] = (struct function_range){.start = start, .end = end, .entry = *entry};
        }
    }
}

/* Functions are where names are: at the top, in namespaces and in types. Their own insides are left for later. */
static void collect_functions(struct dwarf_unit *unit, Dwarf_Die *parent, unsigned depth) {
    Dwarf_Die entry;
    if (depth > DEPTH_MAX || dwarf_child(parent, &entry) != 0) {
        return;
    }
    do {
        switch (dwarf_tag(&entry)) {
        case DW_TAG_subprogram:
            add_function(unit, &entry);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type: /* Rust has functions in those too */
            collect_functions(unit, &entry, depth + 1);
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(&entry, &entry) == 0);
}

static struct dwarf_unit *unit_of(struct dwarf_frames *d, Dwarf_Die *entry) {
    if (!d->units) {
        d->units = xcalloc(UNIT_BUCKETS, sizeof *d->units);
    }
    struct dwarf_unit **bucket = &d->units[((uintptr_t)entry->addr * 0x9E3779B97F4A7C15u >> 32) % UNIT_BUCKETS];
    for (struct dwarf_unit *unit = *bucket; unit; unit = unit->next) {
        if (unit->entry.addr == entry->addr) {
            return unit;
        }
    }
    struct dwarf_unit *unit = xcalloc(1, sizeof *unit);
    unit->entry = *entry;
    collect_functions(unit, entry, 0);
    if (unit->n_functions) {
        qsort(unit->functions, unit->n_functions, sizeof *unit->functions, by_function_start);
    }
    unit->next = *bucket;
    *bucket = unit;
    return unit;
}

static void read_all_ranges(struct dwarf_frames *d) {
    size_t cap = 0;
    d->has_ranges = true;
    for (Dwarf_Die *unit = NULL; (unit = dwfl_module_nextcu(d->module, unit, &d->ranges_bias));) {
        Dwarf_Addr base, start, end;
        for (ptrdiff_t off = 0; (off = dwarf_ranges(unit, off, &base, &start, &end)) > 0;) {
            if (start < end) {
                d->ranges = xgrow(d->ranges, d->n_ranges, &cap, sizeof *d->ranges);
                d->ranges[d->n_ranges++] = (struct unit_range){.start = start, .end = end, .entry = *unit};
            }
        }
    }
    if (d->n_ranges) {
        qsort(d->ranges, d->n_ranges, sizeof *d->ranges, by_unit_start);
    }
}

/* The unit that has the address, and what to take from the address to get the DWARF's own. */
static Dwarf_Die *find_unit(struct dwarf_frames *d, uint64_t address, Dwarf_Addr *bias) {
    Dwarf_Die *unit = d->has_ranges ? NULL : dwfl_module_addrdie(d->module, address, bias);
    /* An index may name a unit that has no such address (Go's linker leaves C units at 0 behind). */
    if (unit && dwarf_haspc(unit, address - *bias) != 1) {
        unit = NULL;
    }
    if (unit || !dwfl_module_getdwarf(d->module, bias)) {
        return unit;
    }
    if (!d->has_ranges) {
        read_all_ranges(d);
    }
    *bias = d->ranges_bias;
    Dwarf_Addr own = address - *bias;
    size_t low = 0, high = d->n_ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->ranges[middle].start <= own) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && own < d->ranges[low - 1].end ? &d->ranges[low - 1].entry : NULL;
}

static struct function_range *find_function(struct dwarf_unit *unit, Dwarf_Addr own) {
    size_t low = 0, high = unit->n_functions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (unit->functions[middle].start <= own) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && own < unit->functions[low - 1].end ? &unit->functions[low - 1] : NULL;
}

/* The chain of functions inlined at an address, outermost first, into chain[0..). Returns its length. */
static size_t find_inlined(Dwarf_Die *parent, Dwarf_Addr own, Dwarf_Die *chain, size_t n, unsigned depth) {
    Dwarf_Die entry;
    if (depth > DEPTH_MAX || n == DWARF_INLINED_MAX || dwarf_child(parent, &entry) != 0) {
        return n;
    }
    do {
        int tag = dwarf_tag(&entry);
        bool is_inlined = tag == DW_TAG_inlined_subroutine;
        if (!is_inlined && tag != DW_TAG_lexical_block && tag != DW_TAG_try_block && tag != DW_TAG_catch_block) {
            continue;
        }
        if (dwarf_haspc(&entry, own) == 1) {
            if (is_inlined) {
                chain[n++] = entry;
            }
            return find_inlined(&entry, own, chain, n, depth + 1);
        }
    } while (dwarf_siblingof(&entry, &entry) == 0);
    return n;
}

/* The linkage name, which carries namespaces and parameters, or else the plain one. */
static const char *function_name(Dwarf_Die *entry) {
    Dwarf_Attribute attribute;
    const char *name = NULL;
    if (dwarf_attr_integrate(entry, DW_AT_linkage_name, &attribute) ||
        dwarf_attr_integrate(entry, DW_AT_MIPS_linkage_name, &attribute)) {
        name = dwarf_formstring(&attribute);
    }
    return name ? name : dwarf_diename(entry);
}

static void set_call_place(Dwarf_Die *unit, Dwarf_Die *inlined, struct dwarf_frame *caller) {
    Dwarf_Attribute attribute;
    Dwarf_Word number;
    Dwarf_Files *files;
    size_t n_files;
    if (dwarf_attr(inlined, DW_AT_call_file, &attribute) && dwarf_formudata(&attribute, &number) == 0 &&
        dwarf_getsrcfiles(unit, &files, &n_files) == 0 && number < n_files) {
        caller->file = dwarf_filesrc(files, number, NULL, NULL);
    }
    if (dwarf_attr(inlined, DW_AT_call_line, &attribute) && dwarf_formudata(&attribute, &number) == 0) {
        caller->line = (uint32_t)number;
    }
}

static void set_line(Dwarf_Die *unit, Dwarf_Addr own, struct dwarf_frame *frame) {
    Dwarf_Line *line = dwarf_getsrc_die(unit, own);
    int number = 0;
    if (line) {
        frame->file = dwarf_linesrc(line, NULL, NULL);
        frame->line = dwarf_lineno(line, &number) == 0 && number > 0 ? (uint32_t)number : 0;
    }
}

size_t dwarf_frames_find(struct dwarf_frames *d, uint64_t address, struct dwarf_frame *frames) {
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit_entry = find_unit(d, address, &bias);
    if (!unit_entry) {
        return 0;
    }
    struct dwarf_unit *unit = unit_of(d, unit_entry);
    Dwarf_Addr own = address - bias;
    struct function_range *function = find_function(unit, own);
    Dwarf_Die chain[DWARF_INLINED_MAX];
    size_t n_inlined = function ? find_inlined(&function->entry, own, chain, 0, 0) : 0;

    memset(frames, 0, (n_inlined + 1) * sizeof *frames);
    for (size_t i = 0; i < n_inlined; i++) {
        /* chain[0] is the outermost and stands before the function itself. */
        frames[i].function = function_name(&chain[n_inlined - 1 - i]);
        set_call_place(&unit->entry, &chain[n_inlined - 1 - i], &frames[i + 1]);
    }
    frames[n_inlined].function = function ? function_name(&function->entry) : NULL;
    set_line(&unit->entry, own, &frames[0]);
    return n_inlined + 1;
}

void dwarf_frames_free(struct dwarf_frames *d) {
    for (size_t i = 0; d->units && i < UNIT_BUCKETS; i++) {
        for (struct dwarf_unit *unit = d->units[i], *next; unit; unit = next) {
            next = unit->next;
            free(unit->functions);
            free(unit);
        }
    }
    free(d->units);
    free(d->ranges);
    memset(d, 0, sizeof *d);
}
