/* test_collector_rules.c - each rule of events on its own, with stamps that the test chooses; a dead target's ring. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "trace_books.h"

static const struct fake_ring_sizes sizes = {.slots = 8, .log_units = 64, .nodes = 4096, .chunks = 64};

static struct fake_ring ring;
static struct books books;
static struct fake_thread one, two;
static char trace[64];

static void begin(void) {
    fake_ring_make(&ring, sizes, true);
    books.n = 0;
    fake_thread_begin(&one, &ring, NULL);
    fake_thread_begin(&two, &ring, NULL);
    one.next_stamp = two.next_stamp = ring.header->start_stamp + 1000;
}

static void at(uint64_t ticks) {
    one.next_stamp = two.next_stamp = ring.header->start_stamp + ticks;
}

/* Write down what has to come out. */
static void expect(uint32_t node, uint64_t size, uint64_t allocated, uint64_t freed, uint64_t temporary) {
    struct books_row *row = books_find(&books, node, size);
    row->allocated += allocated;
    row->freed += freed;
    row->temporary += temporary;
}

/* Collect and compare, then look for some text in the JSON; one that begins with '!' must not be there. */
static void end(const char *text, const char *json_part) {
    bool is_ok = collect_dead(&ring, trace) == 0 && books_agree(&books, &ring, trace);
    char *json = trace_json(trace);
    bool is_unwanted = json_part && json_part[0] == '!';
    if (!json || (json_part && !strstr(json, json_part + is_unwanted) != is_unwanted)) {
        printf("# %s is not in: %s\n", json_part ? json_part : "JSON", json ? json : "(nothing)\n");
        is_ok = false;
    }
    tap_ok(is_ok, text);
    free(json);
    fake_ring_free(&ring);
}

static void test_temporary(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000), b = fake_ring_node(&ring, a, 0x402000);
    fake_alloc(&one, 0x10000, 32, b);
    fake_free(&one, 0x10000); /* temporary */
    fake_alloc(&one, 0x10000, 32, b);
    fake_alloc(&one, 0x10020, 32, b);
    fake_free(&one, 0x10000); /* not the last */
    fake_free(&one, 0x10020); /* the last, still */
    at(2000);
    fake_alloc(&one, 0x10000, 48, a);
    at(3000);
    fake_free(&two, 0x10000); /* of another thread */
    at(4000);
    fake_alloc(&one, 0x10000, 48, a);
    at(5000);
    fake_free(&two, 0x10000);
    fake_alloc(&two, 0x10000, 64, a);
    at(6000);
    fake_free(&one, 0x10000); /* at the place of the last, but another block */
    expect(b, 32, 3, 3, 2);
    expect(a, 48, 2, 2, 0);
    expect(a, 64, 1, 1, 0);
    end("temporary: the thread's last allocation only", "\"type\": \"END\"");
}

static void test_sizes_and_addresses(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x7fff00001000);
    static const uint64_t addresses[] = {0x10008, 0x10003, 0x7ffffffffff0, 0xffff800000001000, 0x123456789abcde0, 16, 0};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        fake_alloc(&one, addresses[i], 24 + i, a);
        fake_alloc(&one, addresses[i] + 0x100000, 0, a);
        fake_free(&one, addresses[i]);
        expect(a, 24 + i, 1, 1, 0);
        expect(a, 0, 1, 0, 0);
    }
    fake_alloc(&one, 0x200000000, 5ull << 32, a);
    fake_alloc(&one, 0x900000000, UINT64_MAX >> 1, a);
    fake_free(&one, 0x900000000);
    fake_alloc(&one, 0xa00000000, UINT32_MAX, a);
    expect(a, 5ull << 32, 1, 0, 0);
    expect(a, UINT64_MAX >> 1, 1, 1, 1);
    expect(a, UINT32_MAX, 1, 0, 0);
    end("sizes beyond 4 GiB, unaligned, wide and zero addresses", "\"live_bytes\": 25769803775");
}

static void test_undo(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000);
    fake_alloc(&one, 0x10000, 100, a);
    fake_free(&one, 0x10000);
    fake_undo(&one, 0x10000);
    fake_free(&one, 0x10000); /* and now really, and temporary again */
    fake_alloc(&one, 0x10000, 200, a);
    fake_alloc(&one, 0x20000, 5000, a);
    fake_alloc(&one, 0x30000, 64, a);
    fake_free(&one, 0x20000);
    fake_undo(&one, 0x20000);
    fake_undo(&one, 0x20000); /* nothing to undo any more */
    fake_undo(&one, 0x30000);
    fake_free(&one, 0x30000);
    fake_alloc(&one, 0x40000, 48, a); /* a handler's, between the free and its undoing */
    fake_undo(&one, 0x30000);
    expect(a, 100, 1, 1, 1);
    expect(a, 200, 1, 0, 0);
    expect(a, 5000, 1, 0, 0);
    expect(a, 64, 1, 1, 1);
    expect(a, 48, 1, 0, 0);
    end("undo brings a block back as it was, once", "\"key\": \"undos\", \"total\": 3");
}

static void test_undo_of_unknown(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000);
    fake_alloc(&one, 0x10000, 100, a);
    fake_free(&one, 0x77770); /* unknown, and taken back */
    fake_undo(&one, 0x77770);
    expect(a, 100, 1, 0, 0);
    end("a free of an unknown block, undone, is not counted", "!unknown-frees");
}

static void test_unseen(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000);
    fake_free(&one, 0x50000); /* before the trace began */
    fake_alloc(&one, 0x10000, 10, a);
    fake_alloc(&one, 0x10000, 20, a); /* over a small one */
    fake_alloc(&one, 0x20000, 9000, a);
    fake_alloc(&one, 0x20000, 30, a);   /* a small one over a large one */
    fake_alloc(&one, 0x20000, 9000, a); /* and the other way round */
    fake_free(&one, 0x20000);
    fake_free(&one, 0x20000);
    expect(a, 10, 1, 1, 0);
    expect(a, 20, 1, 0, 0);
    expect(a, 9000, 2, 2, 1);
    expect(a, 30, 1, 1, 0);
    end("unseen frees end the old block, unknown ones are counted", "\"key\": \"unknown-frees\", \"total\": 2");
}

static void test_ties(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000), b = fake_ring_node(&ring, 0, 0x402000);
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t p = 0x10000 + i * 32;
        at(1000 + i * 100);
        fake_alloc(&one, p, 10, a);
        at(1050 + i * 100); /* all of this at one moment: two frees what one allocated, one gets the place again */
        fake_alloc(&one, p, 20, b);
        fake_alloc(&two, p + 0x100000, 30, b);
        fake_free(&two, p);
        at(1060 + i * 100);
        fake_alloc(&two, p + 0x200000, 40, b);
        at(1070 + i * 100);
        fake_free(&one, p + 0x300000 + 16);
        fake_alloc(&two, p + 0x300000 + 16, 50, b);
    }
    expect(a, 10, 100, 100, 0);
    expect(b, 20, 100, 0, 0);
    expect(b, 30, 100, 0, 0);
    expect(b, 40, 100, 0, 0);
    expect(b, 50, 100, 100, 0);
    end("equal stamps: what is alive decides", "\"undone\": 0");
}

static void test_chunks(void) {
    begin();
    uint32_t a = fake_ring_node(&ring, 0, 0x401000);
    for (uint64_t i = 0; i < 20000; i++) {
        at(1000 + i * 1000 + (i % 100 == 0 ? 50000000 * (i / 100) : 0) % 3000000);
        one.next_stamp = one.next_stamp > one.last_stamp ? one.next_stamp : one.last_stamp;
        fake_alloc(&one, 0x100000 + i % 512 * 16, 16, a);
        if (i % 777 == 5) {
            fake_end_chunk(&one);
        }
        fake_free(&one, 0x100000 + i % 512 * 16);
    }
    expect(a, 16, 20000, 20000, 20000);
    struct fake_thread next;
    fake_thread_begin(&next, &ring, &one);
    next.next_stamp = one.last_stamp + 5;
    fake_alloc(&next, 0x100000, 32, a);
    expect(a, 32, 1, 0, 0);
    end("chunk chains, chunks ended early, long times, a slot's next owner", "\"tid\": 1003");
}

static void test_stacks(void) {
    begin();
    uint32_t parent = 0;
    for (uint64_t i = 0; i < 300; i++) {
        parent = fake_ring_node(&ring, parent, 0x401000 + i * 7);
    }
    uint32_t epoch = fake_ring_node(&ring, 0, 3), late = fake_ring_node(&ring, epoch, 0x401000);
    /* The same ips under other parents: predicted from the parent's ip. */
    for (uint64_t i = 0; i < 20; i++) {
        uint32_t root = fake_ring_node(&ring, 0, 0x500000 + i), middle = fake_ring_node(&ring, root, 0x401000);
        uint32_t leaf = fake_ring_node(&ring, middle, i % 3 ? 0x402000 : 0x403000);
        fake_alloc(&one, 0x20000 + i * 16, 7, leaf);
        expect(leaf, 7, 1, 0, 0);
    }
    uint32_t bad = fake_ring_node(&ring, 4000, 0x999);
    uint32_t forward = fake_ring_node(&ring, bad + 2, 0x999); /* its parent comes after it */
    fake_ring_node(&ring, 0, 0x888);
    fake_alloc(&one, 0x10050, 5, forward);
    expect(0, 5, 1, 0, 0);
    fake_alloc(&one, 0x10000, 1, parent);
    fake_alloc(&one, 0x10010, 1, late);
    fake_alloc(&one, 0x10020, 2, bad);
    fake_alloc(&one, 0x10030, 3, 4000000);
    fake_alloc(&one, 0x10040, 4, 0);
    expect(parent, 1, 1, 0, 0);
    expect(late, 1, 1, 0, 0);
    expect(0, 2, 1, 0, 0);
    expect(0, 3, 1, 0, 0);
    expect(0, 4, 1, 0, 0);
    end("deep stacks, epochs, ids out of range and parents that make no sense", NULL);
}

static void test_log(void) {
    begin();
    struct {
        struct ring_log_process head;
        char text[32];
    } process = {{42, 7, 0, 0}, "/bin/server\0server\0-v\0\0x"};
    fake_ring_log(&ring, RING_LOG_PROCESS, &process, sizeof process.head + 25);
    struct {
        struct ring_log_module head;
        char text[32];
    } module = {{1, 0, 0x400000, 0x401000, 0x402000, 4, 0}, "\1\2\3\4/lib/libx.so"};
    fake_ring_log(&ring, RING_LOG_MODULE, &module, sizeof module.head + 17);
    atomic_fetch_add(&ring.header->n_log_units, 2); /* claimed by a thread that died */
    struct {
        struct ring_log_epoch head;
        uint32_t gone[2];
    } epoch = {{1, 2}, {1, 5}};
    fake_ring_log(&ring, RING_LOG_EPOCH, &epoch, sizeof epoch);
    epoch.head.n_gone = 1000; /* more than there are: dropped */
    fake_ring_log(&ring, RING_LOG_EPOCH, &epoch, sizeof epoch);
    fake_ring_log(&ring, RING_LOG_NOTE, "unwinder cfi", 13);
    atomic_store(&ring.header->lost[RING_LOST_STACKS], 9);
    atomic_store(&ring.header->exit_status, 3);
    atomic_store(&ring.header->target_state, RING_TARGET_EXITED);
    atomic_fetch_add(&ring.header->n_log_units, 1000000); /* overwritten */
    end("log: processes, modules, epochs, notes; what is not committed is skipped",
        "\"arguments\": [\"server\", \"-v\", \"\", \"x\"], \"type\": \"PROCESS\"}, {\"id\": 1, \"process\": 0");
}

static void mark_thrice(void) {
    begin();
    uint32_t node = fake_ring_node(&ring, 0, 0x401000);
    fake_ring_log(&ring, RING_LOG_MARK, "reload", 6);
    expect(node, 32, 2, 1, 0);
    at(10);
    fake_alloc(&one, 0x1000, 32, node);
    at(20);
    fake_mark(&one, 1);
    at(30);
    fake_free(&two, 0x1000);
    at(40);
    fake_mark(&one, 999); /* has no name there */
    at(50);
    fake_mark(&two, 0);
    at(60);
    fake_alloc(&one, 0x1000, 32, node);
}

static void test_marks(void) {
    mark_thrice();
    end("a mark stands among the events of all threads", "\"name\": \"reload\", \"first_event\": 1,");
    mark_thrice();
    end("one without a name as well", "\"name\": \"\", \"first_event\": 2,");
    mark_thrice();
    end("one whose name is nowhere is damage", "!{\"number\": 3,");
}

static void test_empty(void) {
    begin();
    atomic_store(&ring.header->exit_status, 3);
    atomic_store(&ring.header->target_state, RING_TARGET_EXITED);
    end("an empty trace is complete and tells the exit status", "\"kind\": 1, \"value\": 3");
}

int main(void) {
    snprintf(trace, sizeof trace, "/tmp/seep-test-rules.%d.seep", (int)getpid());
    test_empty();
    test_temporary();
    test_sizes_and_addresses();
    test_undo();
    test_undo_of_unknown();
    test_unseen();
    test_ties();
    test_chunks();
    test_stacks();
    test_log();
    test_marks();
    unlink(trace);
    return tap_end();
}
