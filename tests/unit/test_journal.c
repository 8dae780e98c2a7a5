/* test_journal.c - the journal: live maps told and taken again, groups that are cut, headers of other versions. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commit_records.h"
#include "journal_read.h"
#include "restore_blocks.h"
#include "tap.h"

enum { PLACES = 4000, ROUNDS = 60, STEPS = 3000, INFOS = 50, ID = 7 };

static char path[64];
static struct info_ids infos;

static uint64_t address_at(int i) {
    uint64_t base = i % 5 == 4 ? 0xff00000000000000u : 0x7f0000000000u;
    return base + (uint64_t)(i / 3) * 16 + (i % 3 == 0 ? 0 : i % 3 == 1 ? 8 : 0x1000003);
}

static void change(struct live_map *map, unsigned span) {
    for (int i = 0; i < STEPS; i++) {
        uint64_t address = address_at(rand() % (int)span);
        if (rand() % 2) {
            struct live_block block = {.info = 1 + (uint32_t)rand() % INFOS, .birth_ms = (uint32_t)rand()};
            live_map_put(map, address, infos.sizes[block.info], block);
        } else {
            live_map_take(map, address);
        }
    }
}

static void count(void *context, struct live_block block) {
    *(uint64_t *)context += 1 + block.info;
}

static bool is_same(const struct live_map *a, const struct live_map *b) {
    uint64_t sums[2] = {0};
    live_map_each(a, count, &sums[0]);
    live_map_each(b, count, &sums[1]);
    for (int i = 0; i < PLACES; i++) {
        struct live_block x = live_map_find(a, address_at(i)), y = live_map_find(b, address_at(i));
        if (memcmp(&x, &y, sizeof x) != 0) {
            return false;
        }
    }
    return sums[0] == sums[1];
}

/* What is told of a map makes the same map elsewhere, whichever way it is cut into commits. */
static void test_ops(void) {
    struct journal_ops ops = {.is_kept = true};
    struct live_map map;
    struct restored_all all = {.infos = &infos, .at = UINT32_MAX};
    bool is_ok = restored_add(&all, ID) != NULL;
    live_map_init(&map, true);
    map.ops = &ops;
    for (int i = 0; i < ROUNDS && is_ok; i++) {
        change(&map, i % 4 == 3 ? 60 : PLACES); /* few places: whole pages come and go */
        journal_ops_target(&ops, ID);
        if (i % 10 == 9) { /* a picture of everything, over what is there */
            journal_ops_clear(&ops);
            journal_ops_target(&ops, ID);
            journal_op(&ops, JOURNAL_OP_FORGET, 0);
            live_map_tell_all(&map, &ops);
        } else {
            live_map_tell_changes(&map);
        }
        /* The words of a round begin with what happened to others, which needs the target as well. */
        uint64_t target = (uint64_t)JOURNAL_OP_TARGET << JOURNAL_OP_SHIFT | ID;
        is_ok =
            restored_apply(&all, &target, 1) && restored_apply(&all, ops.words, ops.n) && is_same(&map, &all.items[0].live);
        journal_ops_clear(&ops);
    }
    tap_ok(is_ok, "changes told and done again make the same live map");
    live_map_free(&map);
    restored_free(&all);
    journal_ops_free(&ops);
}

static int open_again(char why[JOURNAL_WHY_BYTES], int *n_records) {
    struct journal_read r;
    struct journal_content content;
    size_t at = 0;
    int result = journal_read_open(&r, path, why);
    for (*n_records = 0; result == 0 && journal_read_next(&r, &at, &content);) {
        ++*n_records;
    }
    journal_read_close(&r);
    return result;
}

static void write_groups(struct journal *j, int n) {
    static uint8_t large[100000];
    journal_init(j, path);
    for (int i = 0; i < n; i++) {
        journal_begin(j, i == 0);
        journal_add(j, COMMIT_OPS, 0, "12345", 5);
        journal_add(j, COMMIT_OPS, 0, large, i == 2 ? sizeof large : 0);
        if (journal_end(j) != 0) {
            abort();
        }
    }
}

static void test_groups(void) {
    struct journal j;
    char why[JOURNAL_WHY_BYTES];
    int n_records, n_wrong = 0;
    write_groups(&j, 4);
    bool is_read = open_again(why, &n_records) == 0 && n_records == 5;
    tap_ok(is_read, "groups are read as they were written");
    for (uint64_t end = j.end_off - 1; end >= j.end_off - 56; end--) { /* within the last group */
        n_wrong += truncate(path, (off_t)end) != 0 || open_again(why, &n_records) != 0 || n_records != 4;
    }
    tap_ok(n_wrong == 0, "a last group that is cut does not count");
    journal_drop(&j);
    tap_ok(access(path, F_OK) != 0 && open_again(why, &n_records) == -1, "a journal that is dropped is gone");
    journal_free(&j);
}

static bool is_refused_as(size_t off, const void *bytes, size_t n, const char *text) {
    struct journal j;
    struct journal_header h;
    char why[JOURNAL_WHY_BYTES] = "";
    int n_records;
    write_groups(&j, 1);
    journal_header_fill(&h);
    memcpy((char *)&h + off, bytes, n);
    h.check = journal_check(0, &h, offsetof(struct journal_header, check));
    bool is_ok = pwrite(j.fd, &h, sizeof h, 0) == sizeof h && open_again(why, &n_records) == -1 && strstr(why, text);
    journal_drop(&j);
    journal_free(&j);
    if (!is_ok) {
        printf("# %s\n", why);
    }
    return is_ok;
}

static void test_headers(void) {
    uint32_t version = JOURNAL_VERSION + 1;
    tap_ok(is_refused_as(offsetof(struct journal_header, seep_version), "9.9.9", 6, "seep 9.9.9") &&
               is_refused_as(offsetof(struct journal_header, seep_version), "9.9.9", 6, "this is seep " SEEP_VERSION) &&
               is_refused_as(offsetof(struct journal_header, version), &version, sizeof version, "this is seep"),
           "another version is refused, and both are named");
    tap_ok(is_refused_as(offsetof(struct journal_header, boot_id), "x", 2, "started anew"),
           "so is a journal of before the last start of the machine");
    tap_ok(is_refused_as(0, "X", 1, "damaged"), "so is something else");
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/seep-journal-%d", (int)getpid());
    for (uint32_t i = 0; i < INFOS; i++) {
        info_ids_add(&infos, i % 7 == 0 ? 9000 : 16 + i);
    }
    srand(1);
    test_ops();
    test_groups();
    test_headers();
    info_ids_free(&infos);
    return tap_end();
}
