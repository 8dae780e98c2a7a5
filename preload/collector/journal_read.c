/* journal_read.c - see journal_read.h. */
#include "journal_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t padded(uint64_t n) {
    return (size_t)(n + 7) / 8 * 8;
}

static int refuse(char why[JOURNAL_WHY_BYTES], const char *text) {
    snprintf(why, JOURNAL_WHY_BYTES, "%s", text);
    return -1;
}

static int read_whole(struct journal_read *r, int fd, char why[JOURNAL_WHY_BYTES]) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return refuse(why, "it is not a regular file");
    }
    if (st.st_size == 0) {
        return 1;
    }
    r->cap = (size_t)st.st_size;
    r->bytes = memory_try_map(r->cap);
    if (!r->bytes) {
        return refuse(why, strerror(ENOMEM));
    }
    while (r->n < r->cap) {
        ssize_t got = pread(fd, r->bytes + r->n, r->cap - r->n, (off_t)r->n);
        if (got < 0 && errno != EINTR) {
            return refuse(why, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        r->n += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int check_header(struct journal_read *r, char why[JOURNAL_WHY_BYTES]) {
    struct journal_header own, *h = &r->header;
    if (r->n < sizeof *h) {
        return refuse(why, "it is damaged");
    }
    memcpy(h, r->bytes, sizeof *h);
    journal_header_fill(&own);
    if (memcmp(h->magic, own.magic, sizeof h->magic) != 0 ||
        h->check != journal_check(0, h, offsetof(struct journal_header, check))) {
        return refuse(why, "it is damaged");
    }
    h->seep_version[sizeof h->seep_version - 1] = '\0';
    if (h->version != own.version || h->record_bytes != own.record_bytes ||
        strcmp(h->seep_version, own.seep_version) != 0) {
        snprintf(why, JOURNAL_WHY_BYTES,
                 "seep %s (format %" PRIu32 ".%" PRIu32 ") wrote it, this is seep %s (format %" PRIu32 ".%" PRIu32 ")",
                 h->seep_version, h->version, h->record_bytes, own.seep_version, own.version, own.record_bytes);
        return -1;
    }
    if (memcmp(h->boot_id, own.boot_id, sizeof h->boot_id) != 0) {
        return refuse(why, "the machine has been started anew since: what had not reached the disk is lost");
    }
    return 0;
}

static bool check_records(const struct journal_read *r, size_t at, size_t end) {
    while (at < end) {
        struct journal_record head;
        if (end - at < sizeof head) {
            return false;
        }
        memcpy(&head, r->bytes + at, sizeof head);
        at += sizeof head;
        if (head.bytes > end - at || padded(head.bytes) > end - at) {
            return false;
        }
        uint64_t check = journal_check(0, &head, offsetof(struct journal_record, check));
        size_t whole = head.bytes / 8 * 8;
        check = journal_check(check, r->bytes + at, whole);
        if (whole != head.bytes) {
            check = journal_check(check, r->bytes + at + whole, 8);
        }
        if (check != head.check) {
            return false;
        }
        at += padded(head.bytes);
    }
    return true;
}

static bool is_blank(const struct journal_group *g) {
    static const struct journal_group blank;
    return memcmp(g, &blank, sizeof blank) == 0;
}

/* Find the end of the last whole group. */
static int check_groups(struct journal_read *r, char why[JOURNAL_WHY_BYTES]) {
    r->end = sizeof r->header;
    for (uint32_t sequence = 1; r->n - r->end >= sizeof(struct journal_group); sequence++) {
        struct journal_group g;
        memcpy(&g, r->bytes + r->end, sizeof g);
        if (is_blank(&g)) {
            break; /* its records came first */
        }
        size_t at = r->end + sizeof g;
        if (g.magic != JOURNAL_GROUP_MAGIC || g.check != journal_check(0, &g, offsetof(struct journal_group, check)) ||
            g.sequence != sequence) {
            return refuse(why, "it is damaged");
        }
        if (g.bytes > r->n - at) {
            break; /* cut short */
        }
        if (!check_records(r, at, at + (size_t)g.bytes)) {
            return refuse(why, "it is damaged");
        }
        r->end = at + (size_t)g.bytes;
    }
    return r->end > sizeof r->header ? 0 : refuse(why, "there is nothing in it yet");
}

int journal_read_open(struct journal_read *r, const char *path, char why[JOURNAL_WHY_BYTES]) {
    *r = (struct journal_read){0};
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return refuse(why, strerror(errno));
    }
    int result = read_whole(r, fd, why);
    close(fd);
    if (result == 0) {
        result = check_header(r, why);
    }
    if (result == 0) {
        result = check_groups(r, why);
    }
    return result;
}

void journal_read_close(struct journal_read *r) {
    memory_unmap(r->bytes, r->cap);
    *r = (struct journal_read){0};
}

bool journal_read_next(const struct journal_read *r, size_t *at, struct journal_content *content) {
    struct journal_group group;
    struct journal_record head;
    *at = *at ? *at : sizeof r->header;
    while (*at < r->end) {
        memcpy(&group.magic, r->bytes + *at, sizeof group.magic);
        if (group.magic == JOURNAL_GROUP_MAGIC) {
            *at += sizeof group; /* a record's type is a small number */
            continue;
        }
        memcpy(&head, r->bytes + *at, sizeof head);
        *content = (struct journal_content){
            .type = head.type, .target = head.target, .bytes = r->bytes + *at + sizeof head, .n = (size_t)head.bytes};
        *at += sizeof head + padded(head.bytes);
        return true;
    }
    return false;
}
