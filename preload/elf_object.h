/* elf_object.h - the loaded object around an address. */
#ifndef SEEP_ELF_OBJECT_H
#define SEEP_ELF_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* What the loader says of an object. */
struct elf_object {
    uint64_t start, end, bias;
    const uint8_t *eh_frame_hdr; /* NULL: it has none */
    const void *map;             /* the loader's own record; NULL without wants_name */
    uint64_t identity;           /* of the loader's own record, to tell a successor at the same address */
    const char
        *name; /* the loader's: only to be looked at while the object cannot go, because it has a frame on this stack */
};

/* Find the object around pc. Without wants_name nothing of the loader's is dereferenced (another thread may be closing it), and bias and name
 * stay empty.
 *
 * Returns  false if pc is in none (generated code)
 * Context  any thread, inside malloc, async-signal-safe: _dl_find_object takes no lock (glibc >= 2.35); before that dl_iterate_phdr, which
 *          takes the loader's
 */
bool elf_object_at(uint64_t pc, struct elf_object *object, bool wants_name);

/* Find out where the loader keeps what elf_object_headers() returns; without it nothing is. Context: once, at the start */
void elf_object_learn(void);

/* The program headers of an object found with wants_name, without asking the kernel whether they can be read: the loader has read them there itself. Returns their
 * number, 0 where that is not known. */
uint32_t elf_object_headers(const struct elf_object *object, const ElfW(Phdr) * *headers);

/* The code of an object found with wants_name around pc: the pages of an executable segment that can be read. Between the segments of a library nothing
 * can. Both 0 if pc is in none; the whole object where its headers are not known. */
void elf_object_code(const struct elf_object *object, uint64_t pc, uint64_t *start, uint64_t *end);

/* A hash of a name. */
uint64_t elf_name_hash(const char *name);

#endif
