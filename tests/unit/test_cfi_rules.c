/* test_cfi_rules.c - every rule that cfi.c makes from .eh_frame against elfutils' reading of the same table.
 *
 * For each loaded object, each FDE, each byte of its code: where is the CFA, where the saved frame pointer, is there a caller.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "cfi.h"

enum { FDE_BYTES_LOOKED_AT = 1 << 14 };

struct object {
    const char *path;
    uint64_t bias;
    const uint8_t *hdr;
};

struct tally {
    uint64_t n_pcs, n_differing, n_complex, n_fdes;
    uint64_t n_kind[8];
};

/* libdw's answer for one register: -1 = elsewhere, 0 = same, 1 = undefined, 2 = at CFA + *offset. */
static int place_of(Dwarf_Frame *frame, int reg, int64_t *offset) {
    Dwarf_Op mem[3];
    Dwarf_Op *ops;
    size_t n;
    if (dwarf_frame_register(frame, reg, mem, &ops, &n) != 0) {
        return -1;
    }
    if (n == 0) {
        return ops == mem ? 1 : 0;
    }
    if (ops[0].atom == DW_OP_call_frame_cfa && (n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst))) {
        *offset = n == 2 ? (int64_t)ops[1].number : 0;
        return 2;
    }
    return -1;
}

/* libdw's answer as a rule of ours, CFI_COMPLEX where our words cannot hold it. */
static uint32_t rule_by_libdw(Dwarf_CFI *cfi, uint64_t vaddr) {
    Dwarf_Frame *frame;
    if (dwarf_cfi_addrframe(cfi, vaddr, &frame) != 0) {
        return CFI_NO_ENTRY;
    }
    bool is_signal = false;
    Dwarf_Addr start, end;
    dwarf_frame_info(frame, &start, &end, &is_signal);
    Dwarf_Op *ops;
    size_t n;
    uint32_t rule = CFI_COMPLEX;
    int64_t ra_at = 0;
    int64_t fp_at = 0;
    int ra = place_of(frame, ARCH_DWARF_RA, &ra_at);
    int fp = place_of(frame, ARCH_DWARF_FP, &fp_at);
    if (is_signal) {
        rule = CFI_SIGNAL;
    } else if (ra == 1) {
        rule = CFI_END;
    } else if (ra == 2 && ra_at == -ARCH_RA_BELOW_CFA && dwarf_frame_cfa(frame, &ops, &n) == 0) {
        bool is_plain =
            n == 1 && (ops[0].atom == DW_OP_bregx || (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31));
        uint64_t reg = is_plain ? (ops[0].atom == DW_OP_bregx ? ops[0].number : ops[0].atom - (uint64_t)DW_OP_breg0) : 99;
        int64_t offset = is_plain ? (int64_t)(ops[0].atom == DW_OP_bregx ? ops[0].number2 : ops[0].number) : 0;
        uint64_t slot = fp == 2 ? (uint64_t)-fp_at : 0;
        if ((reg == ARCH_DWARF_SP || reg == ARCH_DWARF_FP) && fp >= 0 && offset > 0 && offset % 8 == 0) {
            rule = (reg == ARCH_DWARF_SP ? CFI_SP : CFI_FP) | (uint32_t)(offset / 8) << CFI_KIND_BITS |
                   (uint32_t)(slot / 8) << CFI_FP_SLOT_SHIFT;
        }
    }
    free(frame);
    return rule;
}

/* The rule for FP_DEREF and procedure linkage tables is an expression: what libdw calls complex may be one of those. */
static bool agrees(uint32_t ours, uint32_t theirs) {
    return ours == theirs ||
           (theirs == CFI_COMPLEX && (cfi_rule_kind(ours) == CFI_FP_DEREF || cfi_rule_kind(ours) == CFI_SP));
}

/* The hand-written code of libcrypto and of the loader's lazy binding keeps its CFA in registers that are not followed. */
static bool is_assembly(const char *path) {
    return strstr(path, "libcrypto") || strstr(path, "ld-linux");
}

static void check_object(const struct object *o, struct tally *tally) {
    int fd = open(o->path, O_RDONLY);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Dwarf_CFI *cfi = elf ? dwarf_getcfi_elf(elf) : NULL;
    if (!cfi) {
        return;
    }
    uint32_t n_fdes;
    memcpy(&n_fdes, o->hdr + 8, sizeof n_fdes);
    const int32_t *pairs = (const int32_t *)(o->hdr + 12);
    for (uint32_t i = 0; i + 1 < n_fdes; i++) {
        uint64_t start = (uint64_t)o->hdr + (uint64_t)(int64_t)pairs[(size_t)i * 2];
        uint64_t next = (uint64_t)o->hdr + (uint64_t)(int64_t)pairs[(size_t)i * 2 + 2];
        tally->n_fdes++;
        for (uint64_t pc = start; pc < next && pc < start + FDE_BYTES_LOOKED_AT; pc++) {
            uint32_t ours = cfi_compute(o->hdr, pc);
            uint32_t theirs = rule_by_libdw(cfi, pc - o->bias);
            tally->n_pcs++;
            tally->n_kind[cfi_rule_kind(ours)]++;
            tally->n_complex += ours == CFI_COMPLEX && !is_assembly(o->path);
            if (!agrees(ours, theirs) && tally->n_differing++ < 5) {
                printf("# %s pc %#lx: ours %#x, libdw %#x\n", o->path, (unsigned long)(pc - o->bias), ours, theirs);
            }
        }
    }
    dwarf_cfi_end(cfi);
    elf_end(elf);
    close(fd);
}

static int visit(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    static unsigned n;
    struct object o = {.path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe", .bias = info->dlpi_addr};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME) {
            o.hdr = (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        }
    }
    if (o.hdr && n++ < 16) {
        check_object(&o, context);
    }
    return 0;
}

int main(void) {
    struct tally tally = {0};
    elf_version(EV_CURRENT);
    dl_iterate_phdr(visit, &tally);
    printf("# %lu pcs of %lu FDEs; sp %lu fp %lu deref %lu signal %lu end %lu complex %lu\n", (unsigned long)tally.n_pcs,
           (unsigned long)tally.n_fdes, (unsigned long)tally.n_kind[CFI_SP], (unsigned long)tally.n_kind[CFI_FP],
           (unsigned long)tally.n_kind[CFI_FP_DEREF], (unsigned long)tally.n_kind[CFI_SIGNAL],
           (unsigned long)tally.n_kind[CFI_END], (unsigned long)tally.n_complex);
    bool is_same = tally.n_differing == 0;
    bool is_enough = tally.n_fdes > 1000 && tally.n_kind[CFI_SP] > 100000 && tally.n_kind[CFI_SIGNAL] > 0;
    bool is_rarely_complex = tally.n_complex * 1000 < tally.n_pcs;
    printf("1..3\n");
    printf("%s 1 - no rule differs from libdw's (%lu do)\n", is_same ? "ok" : "not ok", (unsigned long)tally.n_differing);
    printf("%s 2 - libc and others were covered\n", is_enough ? "ok" : "not ok");
    printf("%s 3 - under 0.1 %% of all pcs are beyond a rule word\n", is_rarely_complex ? "ok" : "not ok");
    return !(is_same && is_enough && is_rarely_complex);
}
