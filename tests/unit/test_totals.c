/* test_totals.c - what the collector's running totals say of a few tokens, against figures counted by hand; and which records of a folded part stay. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fold_records.h"
#include "tap.h"
#include "token_model.h"
#include "totals.h"
#include "trace_format.h"
#include "trace_writer.h"

/* The payload of the n-th record of that type, from 0. */
static struct byte_reader find_record(const struct byte_buf *records, enum trace_record_type type, int n) {
    struct byte_reader in = byte_reader_over(records->bytes, records->n);
    while (byte_reader_left(&in)) {
        uint64_t here = varint_get(&in), bytes = varint_get(&in);
        const uint8_t *payload = byte_reader_take(&in, bytes);
        if (here == type && n-- == 0) {
            return byte_reader_over(payload, (size_t)bytes);
        }
    }
    return byte_reader_over(NULL, 0);
}

static bool has_numbers(struct byte_reader in, const uint64_t *numbers, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (varint_get(&in) != numbers[i] || in.is_failed) {
            return false;
        }
    }
    return byte_reader_left(&in) == 0;
}

#define HAS(in, ...)                                                                                                       \
    has_numbers(in, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void add(struct totals *t, uint32_t process, uint32_t thread, uint32_t token) {
    totals_add(t, process, &token, &thread, 1);
}

/* Process 0 allocates and ends, while 1, forked from it, lives on and reaches the highest total of all. */
static void check_tree(void) {
    struct totals t;
    struct trace_records records = {0};
    totals_init(&t, 0);
    totals_define_info(&t, 1, 100, 1, 0);
    totals_define_info(&t, 2, 7, 1, 0);
    add(&t, 0, 0, token_alloc(1));
    add(&t, 0, 0, token_alloc(1));
    add(&t, 0, 0, TOKEN_FREE_LAST);
    add(&t, 0, 0, token_alloc(2));
    totals_start_process(&t, 1, 107);
    add(&t, 1, 1, token_free(1)); /* its copy of the block */
    add(&t, 0, 0, token_free(2)); /* temporary for nobody: spelt out */
    add(&t, 0, 0, TOKEN_UNDO);
    totals_end_process(&t, 0);
    totals_define_info(&t, 3, 1000, 2, 1);
    add(&t, 1, 1, token_alloc(3));
    add(&t, 1, 1, token_alloc(3));
    add(&t, 1, 1, token_free(3));
    totals_write(&t, (struct totals_span){.from_ns = 5, .to_ns = 6}, &records);
    const struct byte_buf *all = &records.ready;
    tap_ok(HAS(find_record(all, TRACE_RECORD_FOLDED, 0), 10, 5, 6, 1, 0), "events, times, undone frees");
    /* allocations, left, temporary, at the highest total, zigzag of at the own highest less that */
    tap_ok(HAS(find_record(all, TRACE_RECORD_FOLDED_INFOS, 0), 1, 3, 2, 1, 1, 0, 4, 1, 1, 0, 0, 0, 2, 1, 0, 2, 0),
           "infos: what a process has left was not alive at a later peak, but at its own");
    tap_ok(HAS(find_record(all, TRACE_RECORD_FOLDED_PROCESSES, 0), 0, 2, 200, 0, 0, 2007, 1, 100),
           "processes: highest totals with inherited blocks, less those freed");
    tap_ok(HAS(find_record(all, TRACE_RECORD_FOLDED_THREADS, 0), 1, 1, 3, 3 << 2), "threads: only those that may go on");
    trace_records_free(&records);
    totals_free(&t);
}

static void put(struct trace_records *r, enum trace_record_type type, const uint64_t *numbers, size_t n) {
    trace_records_begin(r, type);
    for (size_t i = 0; i < n; i++) {
        trace_records_number(r, numbers[i]);
    }
    trace_records_end(r);
}

static void put_lost(struct trace_records *r, uint64_t process, const char *key, uint64_t n) {
    trace_records_begin(r, TRACE_RECORD_LOST);
    trace_records_number(r, process);
    trace_records_string(r, key);
    trace_records_number(r, n);
    trace_records_string(r, "text");
    trace_records_number(r, 0);
    trace_records_end(r);
}

enum { LOST_KEYS = 500 };

static void check_records(void) {
    FILE *f = tmpfile();
    struct trace_writer w;
    struct trace_records r = {0};
    struct fold_records kept;
    if (!f || trace_writer_init(&w, fileno(f), TRACE_VERSION_MAJOR) != 0) {
        abort();
    }
    for (uint64_t i = 0; i < 3; i++) {
        put(&r, TRACE_RECORD_MEMORY, (const uint64_t[]){1, 10 + i, 50 - i, 60}, 4);
        put(&r, TRACE_RECORD_FOLDED, (const uint64_t[]){1, 2, 3, 4, 5}, 5);
        put(&r, TRACE_RECORD_EPOCH, (const uint64_t[]){0, i, 0}, 3);
        for (uint64_t k = 0; k < LOST_KEYS; k++) {
            put_lost(&r, k / 2, k % 2 ? "one" : "other", k + i);
        }
        if (trace_writer_records(&w, r.ready.bytes, r.ready.n) != 0) {
            abort();
        }
        r.ready.n = 0;
    }
    fold_records_open(&kept);
    uint64_t off = TRACE_HEADER_BYTES;
    bool is_read = true;
    while (off < w.end_off && is_read) {
        is_read = fold_records_read(&kept, fileno(f), &off) == 0;
    }
    fold_records_end(&kept);
    const struct byte_buf *all = &kept.kept.ready;
    tap_ok(is_read && HAS(find_record(all, TRACE_RECORD_EPOCH, 2), 0, 2, 0), "other records stay, in order");
    tap_ok(HAS(find_record(all, TRACE_RECORD_MEMORY, 0), 1, 12, 48, 60) && !find_record(all, TRACE_RECORD_MEMORY, 1).p &&
               !find_record(all, TRACE_RECORD_FOLDED, 0).p,
           "of MEMORY one, of totals none");
    uint64_t n_right = 0;
    for (int k = 0; k < LOST_KEYS; k++) {
        struct byte_reader in = find_record(all, TRACE_RECORD_LOST, k);
        uint64_t process = varint_get(&in), n_key = varint_get(&in);
        byte_reader_take(&in, n_key);
        n_right += varint_get(&in) == 2 * process + (n_key == 3) + 2;
    }
    tap_ok(n_right == LOST_KEYS && !find_record(all, TRACE_RECORD_LOST, LOST_KEYS).p,
           "of LOST the latest of each process and key");
    ftruncate(fileno(f), (off_t)w.end_off - 1);
    off = TRACE_HEADER_BYTES;
    is_read = true;
    while (off < w.end_off && is_read) {
        is_read = fold_records_read(&kept, fileno(f), &off) == 0;
    }
    tap_ok(!is_read, "a file that somebody has cut is refused");
    fold_records_close(&kept);
    trace_writer_free(&w);
    trace_records_free(&r);
    fclose(f);
}

int main(void) {
    check_tree();
    check_records();
    return tap_end();
}
