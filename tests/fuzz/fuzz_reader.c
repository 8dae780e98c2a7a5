/* fuzz_reader.c - any bytes at all must give a profile or a refusal: never a crash, undefined behaviour or a hang.
 *
 * With clang -fsanitize=fuzzer,address,undefined -DSEEP_LIBFUZZER it is a libFuzzer target; start it on tests/fuzz/corpus. A
 * CRC in every file block would keep mutations out of all that comes behind it, so the first byte of an input may ask for
 * right ones: FUZZ_REPAIR = the input is mutated, then lengths stay and CRCs are made right.
 * Without it, a program: fuzz_reader FILE…             reads each file as it is
 *                        fuzz_reader --mutate N FILE…  each cut at every byte (files up to 64 KiB), N times with flipped bits (every
 *                                                      other time with repaired CRCs), and with file blocks doubled and swapped
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "profile.h"
#include "trace_format.h"

enum { CUT_BYTES_MAX = 65536, FLIPS_MAX = 8, BLOCKS_MAX = 256, FUZZ_REPAIR = 'R' };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint32_t get_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Bytes of the file block at off with its header; 0 if there is none. */
static size_t block_bytes(const uint8_t *bytes, size_t n, size_t off) {
    if (off > n || n - off < TRACE_BLOCK_HEADER_BYTES || get_u32(bytes + off) != TRACE_BLOCK_MAGIC) {
        return 0;
    }
    uint32_t stored = get_u32(bytes + off + 12);
    return stored <= n - off - TRACE_BLOCK_HEADER_BYTES ? TRACE_BLOCK_HEADER_BYTES + (size_t)stored : 0;
}

static void repair_crcs(uint8_t *bytes, size_t n) {
    for (size_t off = TRACE_HEADER_BYTES, step; (step = block_bytes(bytes, n, off)) != 0; off += step) {
        uLong crc = crc32(crc32(0, bytes + off, 16), bytes + off + 20, (uInt)(step - TRACE_BLOCK_HEADER_BYTES));
        for (int i = 0; i < 4; i++) {
            bytes[off + 16 + (size_t)i] = (uint8_t)(crc >> 8 * i);
        }
    }
}

/* What must hold of every profile, however it came about. */
static void check_profile(const struct profile *p) {
    struct cost sum = {0};
    for (size_t i = 0; i < p->n_stacks; i++) {
        const struct stack *s = &p->stacks[i];
        if ((i && s->parent >= i) || s->module > p->n_modules || s->cost >= p->n_costs) {
            abort();
        }
        const struct cost *cost = profile_cost(p, i);
        sum.calls += cost->calls;
        sum.unreleased_bytes += cost->unreleased_bytes;
        sum.peak_bytes += cost->peak_bytes;
    }
    if (sum.calls != p->total.calls || sum.unreleased_bytes != p->total.unreleased_bytes ||
        sum.peak_bytes != p->total.peak_bytes) {
        abort();
    }
}

static bool read_image(const uint8_t *bytes, size_t n) {
    struct profile p;
    bool is_read = profile_load_memory(&p, bytes, n, "fuzz") == 0;
    if (is_read) {
        check_profile(&p);
    }
    profile_free(&p);
    return is_read;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n && bytes[0] == FUZZ_REPAIR) {
        uint8_t *copy = malloc(n);
        memcpy(copy, bytes + 1, n - 1);
        repair_crcs(copy, n - 1);
        read_image(copy, n - 1);
        free(copy);
    } else {
        read_image(bytes, n);
    }
    return 0;
}

#ifndef SEEP_LIBFUZZER

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) { /* xorshift64 (Marsaglia 2003): the same numbers in every run */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Read a copy of exactly these bytes, so that the sanitizer sees any step beyond them. */
static void read_copy(const uint8_t *bytes, size_t n, bool is_repaired) {
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    if (is_repaired) {
        repair_crcs(copy, n);
    }
    read_image(copy, n);
    free(copy);
}

static void read_cuts(const uint8_t *bytes, size_t n) {
    for (size_t cut = 0; n <= CUT_BYTES_MAX && cut < n; cut++) {
        read_copy(bytes, cut, false);
    }
}

static void read_flips(const uint8_t *bytes, size_t n, unsigned long n_times) {
    uint8_t *copy = malloc(n);
    for (unsigned long i = 0; i < n_times; i++) {
        memcpy(copy, bytes, n);
        for (uint64_t flips = 1 + next_random() % FLIPS_MAX; flips > 0; flips--) {
            copy[next_random() % n] ^= (uint8_t)(1 << next_random() % 8);
        }
        read_copy(copy, n, i % 2);
    }
    free(copy);
}

/* File blocks in another order: i doubled, and i and j exchanged. */
static void read_shuffles(const uint8_t *bytes, size_t n) {
    size_t off[BLOCKS_MAX + 1] = {TRACE_HEADER_BYTES}, n_blocks = 0;
    for (size_t step; n_blocks < BLOCKS_MAX && (step = block_bytes(bytes, n, off[n_blocks])) != 0; n_blocks++) {
        off[n_blocks + 1] = off[n_blocks] + step;
    }
    uint8_t *copy = malloc(2 * n);
    for (size_t i = 0; i < n_blocks; i++) {
        for (size_t j = i; j < n_blocks; j++) {
            size_t order_end = TRACE_HEADER_BYTES;
            memcpy(copy, bytes, TRACE_HEADER_BYTES);
            for (size_t k = 0; k < n_blocks; k++) {
                size_t from = k == i ? j : k == j ? i : k;
                for (int times = i == j && k == i ? 2 : 1; times > 0; times--) {
                    memcpy(copy + order_end, bytes + off[from], off[from + 1] - off[from]);
                    order_end += off[from + 1] - off[from];
                }
            }
            read_copy(copy, order_end, false);
        }
    }
    free(copy);
}

static int run_file(const char *path, unsigned long n_mutations) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(n ? n : 1);
    bool is_whole = fread(bytes, 1, n, f) == n;
    fclose(f);
    printf("%s: %s\n", path, read_image(bytes, n) ? "read" : "refused");
    if (n_mutations && n && is_whole) {
        read_cuts(bytes, n);
        read_flips(bytes, n, n_mutations);
        read_shuffles(bytes, n);
    }
    free(bytes);
    return !is_whole;
}

int main(int argc, char **argv) {
    int first = 1, result = 0;
    unsigned long n_mutations = 0;
    if (argc > 3 && strcmp(argv[1], "--mutate") == 0) {
        n_mutations = strtoul(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++) {
        result |= run_file(argv[i], n_mutations);
    }
    return result;
}

#endif
