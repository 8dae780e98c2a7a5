/* fold.c - see fold.h. */
#include "fold.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_format.h"

enum {
    PIECE_BYTES = 256 << 10,
    PIECES_OF_APPENDED = 8, /* half of the limit is copied before the last eighth of it is full */
    BLOCK_STACKS = 1 << 16, /* definitions of a block */
    BLOCK_INFOS = 1 << 16,
    STRETCH_BLOCKS = 32,
    ATTEMPTS = 16, /* names */
};

void fold_init(struct fold *f, const struct fold_place *place, struct trace_writer *writer, struct matcher_space *matchers,
               uint64_t sample_bytes) {
    *f = (struct fold){.place = *place, .to.fd = -1};
    f->from = (struct fold_sources){.writer = writer, .infos = &matchers->infos, .stacks = &matchers->stacks};
    totals_init(&f->totals, sample_bytes);
    matchers->totals = place->limit_bytes ? &f->totals : NULL;
    matchers->stacks.are_kept = place->limit_bytes != 0;
}

/* Drop the file that is being made, as far as it is. */
static void drop(struct fold *f) {
    if (f->phase == FOLD_IDLE) {
        return;
    }
    if (f->to.fd >= 0) {
        unlinkat(f->place.dir_fd, f->name, 0);
        close(f->to.fd);
        f->to.fd = -1;
    }
    trace_writer_free(&f->to);
    fold_records_close(&f->records);
    encoder_free(&f->encoder);
    f->phase = FOLD_IDLE;
}

void fold_free(struct fold *f) {
    drop(f);
    byte_buf_free(&f->head);
    trace_records_free(&f->boundary.totals);
    totals_free(&f->totals);
}

/* ---- when ---- */

/* How large the file may become before it is folded. */
static uint64_t trigger_bytes(const struct fold *f) {
    uint64_t limit = f->place.limit_bytes, folded = f->folded_bytes;
    uint64_t room = folded / 4 > limit / 8 ? folded / 4 : limit / 8;
    return limit - limit / 8 > folded + room ? limit - limit / 8 : folded + room;
}

uint64_t fold_bytes_over(const struct fold *f) {
    return trigger_bytes(f) > f->place.limit_bytes ? f->folded_bytes : 0;
}

static bool wants_boundary(const struct fold *f) {
    uint64_t middle = f->folded_bytes + (trigger_bytes(f) - f->folded_bytes) / 2;
    return f->place.limit_bytes != 0 && f->boundary.off == 0 && f->from.writer->end_off >= middle;
}

static void set_boundary(struct fold *f, uint64_t end_ns, uint64_t n_unwritten) {
    struct fold_boundary *b = &f->boundary;
    b->off = f->from.writer->end_off;
    b->n_infos = f->totals.n_infos;
    b->n_stacks = f->from.stacks->n;
    b->n_unwritten = n_unwritten;
    b->totals.ready.n = 0;
    totals_write(&f->totals, (struct totals_span){.from_ns = f->first_ns, .to_ns = end_ns}, &b->totals);
}

bool fold_end_block(struct fold *f, const struct encoder *e, uint64_t n_unwritten, bool has_records) {
    enum { NS_PER_MS = 1000000 };
    f->first_ns = f->has_first ? f->first_ns : e->start_ns;
    f->has_first = true;
    if (has_records || !wants_boundary(f)) {
        return false;
    }
    set_boundary(f, e->clock_ms * NS_PER_MS, n_unwritten);
    return true;
}

static bool is_due(const struct fold *f) {
    uint64_t end_off = f->from.writer->end_off;
    return f->boundary.is_committed && end_off >= trigger_bytes(f) && end_off >= f->retry_off;
}

/* ---- the new file ---- */

/* Is the file of the trace's name the one that is being written? It may have been moved, or removed. */
static bool is_in_place(const struct fold *f) {
    struct stat here, there;
    if (fstat(f->from.writer->fd, &here) != 0 ||
        fstatat(f->place.dir_fd, f->place.name, &there, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    errno = ENOENT;
    return here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* A file that nobody else has, with the rights of the trace, which may have been changed. Returns its descriptor, or -1. */
static int create(struct fold *f) {
    int fd = -1;
    for (int i = 0; i < ATTEMPTS && fd < 0 && (i == 0 || errno == EEXIST); i++) {
        int n = snprintf(f->name, sizeof f->name, "%s.fold-%d-%" PRIu32, f->place.name, (int)getpid(), f->n_names++);
        if (n >= (int)sizeof f->name) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = openat(f->place.dir_fd, f->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDWR, 0600);
    }
    if (fd < 0) {
        return -1;
    }
    struct stat st;
    bool is_locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == EOPNOTSUPP || errno == ENOLCK;
    if (is_locked && fstat(f->from.writer->fd, &st) == 0) {
        if (fchown(fd, st.st_uid, st.st_gid) != 0) {
            /* Only root may: then it is ours, as the trace was before somebody else gave it away. */
        }
        if (fchmod(fd, st.st_mode & 0777) == 0) {
            return fd;
        }
    }
    int cause = errno;
    unlinkat(f->place.dir_fd, f->name, 0);
    close(fd);
    errno = cause;
    return -1;
}

static int begin(struct fold *f) {
    int fd = is_in_place(f) ? create(f) : -1;
    if (fd < 0) {
        return -1;
    }
    f->phase = FOLD_RECORDS;
    fold_records_open(&f->records);
    encoder_init(&f->encoder);
    f->read_off = TRACE_HEADER_BYTES;
    f->appended_off = f->from.writer->end_off;
    f->totals_at = 0;
    f->id = 1;
    f->n_blocks = 0;
    return trace_writer_init(&f->to, fd, TRACE_VERSION_FOLDED);
}

/* ---- its parts, a piece at a time: each returns 0, or -1 with errno set ---- */

static int write_kept_records(struct fold *f) {
    struct byte_buf *ready = &f->records.kept.ready;
    int result = ready->n ? trace_writer_records(&f->to, ready->bytes, ready->n) : 0;
    ready->n = 0;
    return result;
}

static int step_records(struct fold *f) {
    if (f->read_off < f->boundary.off) {
        if (fold_records_read(&f->records, f->from.writer->fd, &f->read_off) != 0) {
            return -1;
        }
        return f->records.kept.ready.n >= PIECE_BYTES ? write_kept_records(f) : 0;
    }
    fold_records_end(&f->records);
    f->phase = FOLD_STACKS;
    return write_kept_records(f);
}

/* End a block of definitions, of which the first is a checkpoint and begins a stretch. */
static int write_definitions(struct fold *f) {
    uint32_t n_block = f->n_blocks++;
    bool is_checkpoint = n_block % STRETCH_BLOCKS == 0;
    int result = trace_writer_events(&f->to, &f->encoder, &f->head, is_checkpoint);
    encoder_begin_block(&f->encoder, (n_block + 1) % STRETCH_BLOCKS == 0);
    return result;
}

static int step_stacks(struct fold *f) {
    const struct stack_definition *all = f->from.stacks->definitions;
    uint32_t first = f->id, end = f->boundary.n_stacks + 1;
    for (; f->id < end && f->id - first < BLOCK_STACKS; f->id++) {
        const struct stack_definition *stack = &all[f->id];
        encoder_define_stack(&f->encoder, f->id, stack->parent, stack->parent ? all[stack->parent].ip : 0, stack->ip);
    }
    if (f->id > first) {
        return write_definitions(f);
    }
    f->phase = FOLD_INFOS;
    f->id = 1;
    return 0;
}

/* Where the infos of the next mark begin, as far as they are folded: the head of a block says which mark its infos are of. */
static uint32_t end_of_interval(struct fold *f) {
    const struct marks *m = f->from.marks;
    uint32_t n = m ? m->n : 0, end = f->boundary.n_infos + 1, mark = f->encoder.mark;
    while (mark < n && m->first_infos[mark] <= f->id) {
        mark++;
    }
    f->encoder.mark = mark;
    return mark < n && m->first_infos[mark] < end ? m->first_infos[mark] : end;
}

static int step_infos(struct fold *f) {
    uint32_t first = f->id, end = end_of_interval(f);
    for (; f->id < end && f->id - first < BLOCK_INFOS; f->id++) {
        encoder_define_info(&f->encoder, f->id, f->from.infos->sizes[f->id], f->totals.infos[f->id].stack);
    }
    if (f->id > first) {
        return write_definitions(f);
    }
    f->phase = FOLD_TOTALS;
    return 0;
}

static int step_totals(struct fold *f) {
    const struct byte_buf *totals = &f->boundary.totals.ready;
    struct byte_reader in = byte_reader_over(totals->bytes + f->totals_at, totals->n - f->totals_at);
    const uint8_t *from = in.p;
    while (byte_reader_left(&in) && in.p - from < PIECE_BYTES) {
        varint_get(&in); /* type */
        byte_reader_take(&in, varint_get(&in));
    }
    f->totals_at += (size_t)(in.p - from);
    if (trace_writer_records(&f->to, from, (size_t)(in.p - from)) != 0) {
        return -1;
    }
    if (f->totals_at == totals->n) {
        f->read_off = f->boundary.off;
        f->phase = FOLD_KEPT;
    }
    return 0;
}

/* Take the trace's place. */
static int complete(struct fold *f) {
    if (!is_in_place(f)) {
        return -1;
    }
    if (f->before_move) {
        f->before_move(f->context, &f->to, &f->boundary);
    }
    if (renameat(f->place.dir_fd, f->name, f->place.dir_fd, f->place.name) != 0) {
        return -1;
    }
    int before = f->from.writer->fd;
    f->folded_bytes = f->to.end_off - (f->from.writer->end_off - f->boundary.off);
    trace_writer_move(f->from.writer, f->to.fd, f->to.end_off, f->boundary.off);
    f->to.fd = -1; /* the trace's now */
    close(before);
    f->boundary.off = 0;
    f->boundary.is_committed = false;
    f->retry_off = 0;
    drop(f);
    return 0;
}

static int step_kept(struct fold *f) {
    uint64_t left = f->from.writer->end_off - f->read_off;
    uint64_t n = left < PIECE_BYTES ? left : PIECE_BYTES;
    if (trace_writer_copy(&f->to, f->from.writer->fd, f->read_off, n) != 0) {
        return -1;
    }
    f->read_off += n;
    return n == left ? complete(f) : 0;
}

static int step(struct fold *f) {
    switch (f->phase) {
    case FOLD_RECORDS:
        return step_records(f);
    case FOLD_STACKS:
        return step_stacks(f);
    case FOLD_INFOS:
        return step_infos(f);
    case FOLD_TOTALS:
        return step_totals(f);
    case FOLD_KEPT:
        return step_kept(f);
    default:
        return begin(f);
    }
}

/* Read and written so far, so that a step has a measure. */
static uint64_t progress(const struct fold *f) {
    return f->phase == FOLD_IDLE ? UINT64_MAX : f->to.end_off + (f->phase == FOLD_RECORDS ? f->read_off : f->boundary.off);
}

static void fail(struct fold *f, int cause) {
    uint64_t limit = f->place.limit_bytes;
    f->n_failed++;
    f->failed_errno = cause;
    f->retry_off = f->from.writer->end_off + limit / 16;
    drop(f);
}

/* The disk is full: the events come first. */
static bool give_way(void *context) {
    struct fold *f = context;
    bool is_under_way = f->phase != FOLD_IDLE;
    if (is_under_way) {
        fail(f, ENOSPC);
    }
    return is_under_way;
}

/* Go on for so many bytes at least. */
static uint64_t advance(struct fold *f, uint64_t n_bytes) {
    f->from.writer->make_room = give_way;
    f->from.writer->context = f;
    uint64_t until = f->phase == FOLD_IDLE ? n_bytes : progress(f) + n_bytes;
    do {
        if (step(f) != 0) {
            fail(f, errno);
            return 0;
        }
    } while (progress(f) < until);
    return f->phase == FOLD_IDLE ? f->boundary.n_unwritten : 0;
}

uint64_t fold_step(struct fold *f) {
    if (f->place.limit_bytes == 0 || (f->phase == FOLD_IDLE && !is_due(f))) {
        return 0;
    }
    uint64_t end_off = f->from.writer->end_off;
    uint64_t n_appended = f->phase == FOLD_IDLE ? 0 : end_off - f->appended_off;
    f->appended_off = end_off;
    return advance(f, PIECE_BYTES + n_appended * PIECES_OF_APPENDED);
}

uint64_t fold_finish(struct fold *f) {
    bool is_needed = f->place.limit_bytes != 0 && (f->phase != FOLD_IDLE || is_due(f));
    return is_needed ? advance(f, UINT64_MAX / 2) : 0;
}
