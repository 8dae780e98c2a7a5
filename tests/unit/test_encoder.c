/* test_encoder.c - random tokens through small blocks and many checkpoints, read back by trace_read.py. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder.h"
#include "tap.h"
#include "trace_books.h"
#include "trace_writer.h"

enum { BLOCKS = 60, CHECKPOINT_BLOCKS = 7, THREADS = 7, INFOS = 300 };

static struct encoder encoder;
static struct trace_writer writer;
static struct byte_buf head, expected;
static uint32_t n_infos;
static uint64_t ms;

static uint64_t ip_of(uint32_t stack) {
    return 0x400000 + stack % 5;
}

/* The next token: a few sequences that repeat, some noise, now and then a new info. */
static uint32_t next_token(uint32_t i) {
    if (n_infos == 0 || (n_infos < INFOS && rand() % 40 == 0)) {
        n_infos++;
        uint32_t parent = n_infos > 2 ? (uint32_t)rand() % (n_infos - 1) : 0;
        encoder_define_stack(&encoder, n_infos, parent, parent ? ip_of(parent) : 0, ip_of(n_infos));
        encoder_define_info(&encoder, n_infos, (uint64_t)rand() << (rand() % 33), (uint32_t)rand() % (n_infos + 1));
        return token_alloc(n_infos);
    }
    uint32_t info = 1 + (rand() % 10 ? i / 2 % 6 : (uint32_t)rand()) % n_infos;
    return i % 2 ? token_free(info) : token_alloc(info);
}

static void write_block(bool is_checkpoint) {
    uint32_t tokens[8], threads[8];
    encoder_set_start(&encoder, ms * 1000000 + 999999);
    for (uint32_t left = 1 + (uint32_t)rand() % 200; left > 0; left--) {
        uint32_t n = 1 + (uint32_t)rand() % 8;
        if (rand() % 5 == 0) {
            encoder_set_clock(&encoder, encoder.n_events, ms += (uint64_t)rand() % 300);
        }
        for (uint32_t i = 0; i < n; i++) {
            tokens[i] = next_token(encoder.n_events + i);
            threads[i] = rand() % 3 ? 0 : (uint32_t)rand() % THREADS;
            char text[80];
            int length = snprintf(text, sizeof text, "[%u, %u, %llu], ", threads[i], tokens[i], (unsigned long long)ms);
            byte_buf_append(&expected, text, (size_t)length);
        }
        encoder_add(&encoder, tokens, threads, n);
    }
    if (trace_writer_events(&writer, &encoder, &head, is_checkpoint) != 0) {
        abort();
    }
}

/* Events in a trace with --events are printed in this very form, by Python's json. */
static bool is_read_back(const char *trace) {
    const char *root = getenv("SEEP_ROOT");
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && python3 -c 'import sys; sys.path.insert(0, \"tests/lib\"); import json, trace_read; "
             "print(json.dumps(trace_read.read_trace(\"%s\")[\"events\"]))'",
             root ? root : ".", trace);
    FILE *f = popen(command, "r");
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = f ? getline(&text, &cap, f) : -1;
    /* "[" the events "]\n", the last without its ", " */
    bool is_same = n > 0 && (size_t)n == expected.n + 1 && memcmp(text + 1, expected.bytes, expected.n - 2) == 0;
    is_same = f && pclose(f) == 0 && is_same;
    free(text);
    return is_same;
}

int main(void) {
    char trace[64];
    snprintf(trace, sizeof trace, "/tmp/seep-test-encoder.%d.seep", (int)getpid());
    int fd = open(trace, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (trace_writer_init(&writer, fd, TRACE_VERSION_MAJOR) != 0) {
        return 1;
    }
    encoder_init(&encoder);
    srand(3);
    for (int i = 0; i < BLOCKS; i++) {
        write_block(i % CHECKPOINT_BLOCKS == 0);
        encoder_begin_block(&encoder, (i + 1) % CHECKPOINT_BLOCKS == 0);
    }
    tap_ok(trace_writer_index(&writer) == 0, "blocks, checkpoints and the index are written");
    tap_ok(is_read_back(trace), "and read back: every thread, token and millisecond");
    encoder_free(&encoder);
    trace_writer_free(&writer);
    byte_buf_free(&head);
    byte_buf_free(&expected);
    close(fd);
    unlink(trace);
    return tap_end();
}
