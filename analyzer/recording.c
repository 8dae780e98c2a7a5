/* recording.c - see recording.h. */
#include "recording.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file_lock.h"
#include "process_files.h"
#include "profile.h"
#include "records.h"
#include "trace_format.h"
#include "trace_reader.h"

enum {
    END_OF_RECORDING_MS = 2000, /* how long the collector of a dead process may still be writing */
    START_BLOCKS_MAX = 16,      /* the first PROCESS record is in one of these: mostly that process is the one alive */
};

/* Only the processes of a trace, as far as its first blocks tell. */
static void load_processes(struct profile *p, const char *path, uint64_t n_blocks) {
    struct trace_reader reader;
    struct trace_block block;
    struct records records;
    *p = (struct profile){0};
    records_init(&records, p);
    if (trace_reader_open(&reader, path) == 0) {
        reader.is_growing = true;
        for (uint64_t i = 0; i < n_blocks && trace_reader_next(&reader, &block); i++) {
            if (block.type == TRACE_BLOCK_RECORDS) {
                records_read(&records, &reader, &block);
            }
        }
    }
    trace_reader_close(&reader);
    records_free(&records);
}

/* Is there such a process? A zombie is none. */
static bool is_alive(uint32_t pid) {
    if (pid == 0 || pid > INT32_MAX || (kill((pid_t)pid, 0) != 0 && errno != EPERM)) {
        return false;
    }
    char *status = process_read((pid_t)pid, "status", NULL);
    bool is_dead = status && process_is_dead(status);
    free(status);
    return !is_dead;
}

/* An exec makes another process of the same pid. */
static bool is_last_of_pid(const struct profile *p, size_t i) {
    for (size_t later = i + 1; later < p->n_processes; later++) {
        if (p->processes[later].pid == p->processes[i].pid) {
            return false;
        }
    }
    return true;
}

static size_t count_alive(const char *path, uint64_t n_blocks) {
    struct profile p;
    size_t n = 0;
    load_processes(&p, path, n_blocks);
    for (size_t i = 0; i < p.n_processes; i++) {
        n += p.processes[i].end_ns == 0 && is_alive(p.processes[i].pid) && is_last_of_pid(&p, i);
    }
    profile_free(&p);
    return n;
}

size_t recording_count_alive(const char *path) {
    return count_alive(path, UINT64_MAX);
}

bool recording_goes_on(const char *path) {
    if (file_lock_wait(path, 0)) {
        return false;
    }
    return count_alive(path, START_BLOCKS_MAX) > 0 || recording_count_alive(path) > 0 ||
           !file_lock_wait(path, END_OF_RECORDING_MS);
}
