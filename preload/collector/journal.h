/* journal.h - a file beside the rings, FILE.seep.state, from which another collector goes on after this one was killed.
 *
 *   header | group | group | ...          group: head, records          record: head, content
 *
 * Groups are only ever appended. Each says what has changed since the one before; the first says everything. A group counts once its head is
 * there, which is written last, so a group that was being written when the collector was killed is as if it had never been. When the
 * changes take up more than a whole picture would, a new file with one group takes the place of the old one (rename).
 * Everything is written by write calls: no page of the file can raise a signal, and a kill between any two instructions leaves whole groups.
 * Every record has a check sum; what is found damaged is not used (journal_read.h). What is in the records: commit.h.
 *
 * The content is that of this program in this version on this machine: integers and structs as they lie in memory, padded to 8 bytes.
 */
#ifndef SEEP_COLLECTOR_JOURNAL_H
#define SEEP_COLLECTOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "memory.h"

#define JOURNAL_MAGIC "SEEPSTAT"

enum {
    JOURNAL_VERSION = 1, /* of all that is in the file */
    JOURNAL_NAME_BYTES = 24,
    JOURNAL_BOOT_BYTES = 40,
};

struct journal_header {
    char magic[8];
    uint32_t version;
    uint32_t record_bytes; /* sizes of structs, added up: another build of the same version may differ */
    char seep_version[JOURNAL_NAME_BYTES];
    char boot_id[JOURNAL_BOOT_BYTES]; /* the kernel's, of each start of the machine; "" = not known */
    uint64_t pid_namespace;           /* inode; 0 = not known */
    uint64_t check;                   /* of all before */
};

struct journal_group {
    uint32_t magic;
    uint32_t sequence; /* from 1 in each file */
    uint64_t bytes;    /* of the records */
    uint64_t check;    /* of all before */
};

#define JOURNAL_GROUP_MAGIC 0x50524753u /* "SGRP" */

struct journal_record {
    uint32_t type; /* enum commit_record */
    uint32_t target;
    uint64_t bytes; /* of the content, without padding */
    uint64_t check; /* of all before and the padded content */
};

struct journal {
    int fd;     /* -1 = none is kept */
    char *path; /* NULL = none is wanted */
    char *new_path;
    uint64_t end_off;        /* behind the last group */
    uint64_t snapshot_bytes; /* of the first one */
    uint32_t sequence;

    /* The group being built. */
    int group_fd;
    uint64_t group_off, at_off; /* where its head goes; where the buffered bytes go */
    struct byte_buf buf;
    int error; /* errno, 0 = none so far */
    bool is_snapshot;
};

/* A check sum of n bytes, n a multiple of 8, going on from `check`. */
uint64_t journal_check(uint64_t check, const void *bytes, size_t n);

/* The header that files of this program have. */
void journal_header_fill(struct journal_header *header);

/* Begin with no file; path: where it is to be.
 * Memory  journal_free(), which leaves the file where it is */
void journal_init(struct journal *j, const char *path);
void journal_free(struct journal *j);

/* Begin a group. is_snapshot: it says everything, and gets a file of its own; without a file there must be one first. */
void journal_begin(struct journal *j, bool is_snapshot);

/* Append a record to it. Empty ones are left out. */
void journal_add(struct journal *j, uint32_t type, uint32_t target, const void *bytes, size_t n);

/* End it. Returns 0: from here on it counts; or -1 with errno set: then all is as it was, and a snapshot may still fit; without one the
 * journal has to be dropped, since it tells of a state that is past. */
int journal_end(struct journal *j) MUST_CHECK;

/* Is it time for a snapshot? */
bool journal_is_long(const struct journal *j);

/* Remove the file: nothing is to be resumed. Where its folder does not allow that, it is left empty, which says the same. */
void journal_drop(struct journal *j);

#endif
