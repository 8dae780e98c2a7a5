/* call_target.c - see call_target.h. Source: Intel SDM 2, CALL and JMP; System V ABI x86-64, 5.2 (GOT and PLT). */
#include "call_target.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

enum { CALL_BYTES = 5, CALL_SLOT_BYTES = 6, STUB_BYTES = 12 };

static int by_address(const void *a, const void *b) {
    const struct got_slot *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static void read_slots(struct call_targets *targets, Elf_Scn *section, const GElf_Shdr *header, size_t *cap) {
    GElf_Shdr symbols_header;
    Elf_Scn *symbols_section = elf_getscn(targets->elf, header->sh_link);
    Elf_Data *data = elf_getdata(section, NULL);
    Elf_Data *symbols = symbols_section ? elf_getdata(symbols_section, NULL) : NULL;
    if (!data || !symbols || !gelf_getshdr(symbols_section, &symbols_header)) {
        return;
    }
    GElf_Rela rela;
    for (int i = 0; gelf_getrela(data, i, &rela); i++) {
        GElf_Sym symbol;
        unsigned type = (unsigned)GELF_R_TYPE(rela.r_info);
        if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) ||
            !gelf_getsym(symbols, (int)GELF_R_SYM(rela.r_info), &symbol)) {
            continue;
        }
        const char *name = elf_strptr(targets->elf, symbols_header.sh_link, symbol.st_name);
        if (name && name[0] != '\0') {
            targets->slots = xgrow(targets->slots, targets->n_slots, cap, sizeof *targets->slots);
            targets->slots[targets->n_slots++] = (struct got_slot){.address = rela.r_offset, .name = name};
        }
    }
}

void call_targets_read(struct call_targets *targets, Dwfl_Module *module) {
    *targets = (struct call_targets){0};
    GElf_Addr bias;
    GElf_Ehdr header;
    Elf *elf = dwfl_module_getelf(module, &bias);
    if (!elf || bias != 0 || !gelf_getehdr(elf, &header) || header.e_machine != EM_X86_64) {
        return;
    }
    targets->elf = elf;
    targets->image = (const uint8_t *)elf_rawfile(elf, &targets->image_bytes);
    Elf_Scn *section = NULL;
    size_t cap = 0;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr section_header;
        if (gelf_getshdr(section, &section_header) && section_header.sh_type == SHT_RELA) {
            read_slots(targets, section, &section_header, &cap);
        }
    }
    if (targets->n_slots) {
        qsort(targets->slots, targets->n_slots, sizeof *targets->slots, by_address);
    }
}

/* The code at an address; NULL = the file has not so many bytes of code there. */
static const uint8_t *code_at(const struct call_targets *targets, uint64_t address, size_t n_bytes) {
    size_t n_headers;
    if (!targets->image || elf_getphdrnum(targets->elf, &n_headers) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < n_headers; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(targets->elf, (int)i, &header) || header.p_type != PT_LOAD || !(header.p_flags & PF_X) ||
            address < header.p_vaddr || address - header.p_vaddr >= header.p_filesz) {
            continue;
        }
        uint64_t within = address - header.p_vaddr;
        if (n_bytes > header.p_filesz - within || header.p_offset > targets->image_bytes ||
            within > targets->image_bytes - header.p_offset || n_bytes > targets->image_bytes - header.p_offset - within) {
            return NULL;
        }
        return targets->image + header.p_offset + within;
    }
    return NULL;
}

/* The target of an instruction that ends in a displacement from its own end. */
static uint64_t target_of(uint64_t end, const uint8_t *displacement) {
    int32_t distance;
    memcpy(&distance, displacement, sizeof distance);
    return end + (uint64_t)(int64_t)distance;
}

static const char *slot_name(const struct call_targets *targets, uint64_t address) {
    const struct got_slot wanted = {.address = address};
    const struct got_slot *slot =
        targets->n_slots ? bsearch(&wanted, targets->slots, targets->n_slots, sizeof wanted, by_address) : NULL;
    return slot ? slot->name : NULL;
}

/* What a stub of the PLT jumps to: [endbr64] [bnd] jmp *slot(%rip). */
static const char *stub_name(const struct call_targets *targets, uint64_t address) {
    const uint8_t *code = code_at(targets, address, STUB_BYTES);
    size_t at = 0;
    if (!code) {
        return NULL;
    }
    if (memcmp(code, "\xf3\x0f\x1e\xfa", 4) == 0) {
        at = 4;
    }
    if (code[at] == 0xf2) {
        at++;
    }
    bool is_jump = code[at] == 0xff && code[at + 1] == 0x25;
    return is_jump ? slot_name(targets, target_of(address + at + 6, code + at + 2)) : NULL;
}

static const char *function_name(const struct call_targets *targets, const struct symbol_table *symbols, uint64_t address) {
    const struct symbol *symbol = symbol_table_find(symbols, address);
    return symbol && symbol->start == address ? symbol->name : stub_name(targets, address);
}

const char *call_target_name(const struct call_targets *targets, const struct symbol_table *symbols, uint64_t address) {
    const uint8_t *call = code_at(targets, address - CALL_BYTES, CALL_BYTES);
    if (call && call[0] == 0xe8) {
        const char *name = function_name(targets, symbols, target_of(address, call + 1));
        if (name) {
            return name;
        }
    }
    call = code_at(targets, address - CALL_SLOT_BYTES, CALL_SLOT_BYTES);
    return call && call[0] == 0xff && call[1] == 0x15 ? slot_name(targets, target_of(address, call + 2)) : NULL;
}

void call_targets_free(struct call_targets *targets) {
    free(targets->slots);
    *targets = (struct call_targets){0};
}
