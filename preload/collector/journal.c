/* journal.c - see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commit_groups.h"
#include "proc_files.h"

enum {
    PADDING = 8,
    BUFFERED_MAX = 1 << 16,   /* larger contents are written from where they lie */
    CHANGES_BYTES = 16 << 20, /* groups of changes may take up as much, or twice the picture */
};

/* Four lanes: a single chain of multiplications would cost more than the event it protects. The constants are those of xxHash64. */
uint64_t journal_check(uint64_t check, const void *bytes, size_t n) {
    static const uint64_t primes[] = {0x9E3779B185EBCA87u, 0xC2B2AE3D27D4EB4Fu};
    const uint8_t *p = bytes;
    uint64_t lanes[4] = {check, check ^ primes[0], check + primes[1], ~check}, words[4];
    for (; n >= sizeof words; n -= sizeof words, p += sizeof words) {
        memcpy(words, p, sizeof words);
        for (int i = 0; i < 4; i++) {
            uint64_t mixed = (lanes[i] ^ words[i]) * primes[0];
            lanes[i] = mixed ^ mixed >> 29;
        }
    }
    for (int i = 0; n >= PADDING; i++, n -= PADDING, p += PADDING) {
        memcpy(words, p, PADDING);
        lanes[i] = (lanes[i] ^ words[0]) * primes[1];
    }
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum = (sum ^ lanes[i]) * primes[1];
        sum ^= sum >> 32;
    }
    return sum;
}

void journal_header_fill(struct journal_header *h) {
    *h = (struct journal_header){.magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION};
    h->record_bytes = commit_record_bytes();
    snprintf(h->seep_version, sizeof h->seep_version, "%s", SEEP_VERSION);
    proc_read_boot_id(h->boot_id, sizeof h->boot_id);
    h->pid_namespace = proc_pid_namespace();
    h->check = journal_check(0, h, offsetof(struct journal_header, check));
}

void journal_init(struct journal *j, const char *path) {
    *j = (struct journal){.fd = -1, .group_fd = -1};
    if (asprintf(&j->path, "%s", path) < 0 || asprintf(&j->new_path, "%s.new", path) < 0) {
        memory_die();
    }
}

void journal_free(struct journal *j) {
    if (j->path && j->fd >= 0) {
        close(j->fd);
    }
    free(j->path);
    free(j->new_path);
    byte_buf_free(&j->buf);
    *j = (struct journal){.fd = -1, .group_fd = -1};
}

/* ---- writing ---- */

static void write_at(struct journal *j, const void *bytes, size_t n, uint64_t off) {
    const uint8_t *p = bytes;
    while (n > 0 && j->error == 0) {
        ssize_t got = pwrite(j->group_fd, p, n, (off_t)off);
        if (got <= 0) {
            j->error = got == 0 ? ENOSPC : errno == EINTR ? 0 : errno;
            continue;
        }
        p += got;
        n -= (size_t)got;
        off += (uint64_t)got;
    }
}

static void write_buffer(struct journal *j) {
    write_at(j, j->buf.bytes, j->buf.n, j->at_off);
    j->at_off += j->buf.n;
    j->buf.n = 0;
}

static int make_file(const char *path) {
    unlink(path); /* of a collector that was killed meanwhile */
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void journal_begin(struct journal *j, bool is_snapshot) {
    static const struct journal_group no_head;
    j->is_snapshot = is_snapshot;
    j->error = 0;
    j->buf.n = 0;
    j->group_fd = is_snapshot ? make_file(j->new_path) : j->fd;
    j->at_off = is_snapshot ? 0 : j->end_off;
    if (j->group_fd < 0) {
        j->error = errno;
    }
    if (is_snapshot) {
        struct journal_header header;
        journal_header_fill(&header);
        byte_buf_append(&j->buf, &header, sizeof header);
    }
    j->group_off = j->at_off + j->buf.n;
    byte_buf_append(&j->buf, &no_head, sizeof no_head);
}

void journal_add(struct journal *j, uint32_t type, uint32_t target, const void *bytes, size_t n) {
    static const uint8_t zeros[PADDING];
    size_t whole = n / PADDING * PADDING;
    struct journal_record head = {.type = type, .target = target, .bytes = n};
    uint64_t last = 0;
    if (n == 0 || j->error != 0) {
        return;
    }
    head.check = journal_check(0, &head, offsetof(struct journal_record, check));
    head.check = journal_check(head.check, bytes, whole);
    if (whole != n) {
        memcpy(&last, (const uint8_t *)bytes + whole, n - whole);
        head.check = journal_check(head.check, &last, sizeof last);
    }
    byte_buf_append(&j->buf, &head, sizeof head);
    if (n < BUFFERED_MAX) {
        byte_buf_append(&j->buf, bytes, n);
    } else {
        write_buffer(j);
        write_at(j, bytes, n, j->at_off);
        j->at_off += n;
    }
    byte_buf_append(&j->buf, zeros, whole != n ? PADDING - (n - whole) : 0);
    if (j->buf.n >= BUFFERED_MAX) {
        write_buffer(j);
    }
}

/* The head of a group that went out in pieces is written when all else is there; that of a short one with it, in one call: a group that
 * is cut then ends with the file. */
static void write_head(struct journal *j) {
    uint64_t end_off = j->at_off + j->buf.n;
    struct journal_group head = {.magic = JOURNAL_GROUP_MAGIC,
                                 .sequence = j->is_snapshot ? 1 : j->sequence + 1,
                                 .bytes = end_off - j->group_off - sizeof head};
    head.check = journal_check(0, &head, offsetof(struct journal_group, check));
    if (j->at_off <= j->group_off) {
        memcpy(j->buf.bytes + (j->group_off - j->at_off), &head, sizeof head);
        write_buffer(j);
    } else {
        write_buffer(j);
        write_at(j, &head, sizeof head, j->group_off);
    }
}

int journal_end(struct journal *j) {
    write_head(j);
    if (j->is_snapshot && j->error == 0 && rename(j->new_path, j->path) != 0) {
        j->error = errno;
    }
    if (j->error != 0) {
        int cause = j->error;
        if (j->is_snapshot && j->group_fd >= 0) {
            close(j->group_fd);
            unlink(j->new_path);
        }
        errno = cause;
        return -1;
    }
    if (j->is_snapshot) {
        if (j->fd >= 0) {
            close(j->fd);
        }
        j->fd = j->group_fd;
        j->snapshot_bytes = j->at_off;
        j->sequence = 0;
    }
    j->end_off = j->at_off;
    j->sequence++;
    return 0;
}

bool journal_is_long(const struct journal *j) {
    uint64_t changes = j->end_off - j->snapshot_bytes;
    return changes > CHANGES_BYTES && changes > 2 * j->snapshot_bytes;
}

void journal_drop(struct journal *j) {
    if (j->path && unlink(j->path) != 0 && errno != ENOENT && truncate(j->path, 0) != 0) {
        /* Then it stays: a collector that reads it finds that the trace is complete, or does what was done once more. */
    }
    if (j->new_path) {
        unlink(j->new_path); /* of a collector that was killed while it wrote one */
    }
    if (j->fd >= 0) {
        close(j->fd);
    }
    j->fd = -1;
}
