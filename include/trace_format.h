/* trace_format.h - names and numbers of the trace file. FORMAT.md beside this file describes every byte.
 *
 * Words used everywhere in seep, one word a concept:
 *   block      a piece of memory handed out by an allocator (a "file block" is always called so)
 *   event      one allocation, one free, or the undoing of a free
 *   frame      one return address, or one function inlined there
 *   tag        the source file and line that OpenSSL gives with an allocation or a free
 *   stack      a node of the call tree: an ip and the stack that called it
 *   info       a kind of block: (stack, requested size, mark); events name infos, never addresses
 *   module     a loaded object: the executable or a shared library
 *   site       where the report sums up: the leaf frame of stacks
 *   mark       a named moment
 *   process    a program image from its start, fork or exec to its end: a process that calls exec becomes another one here
 *   unreleased allocated and not freed; "leak" is only what the ranking decides
 */
#ifndef SEEP_TRACE_FORMAT_H
#define SEEP_TRACE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_MAGIC "SEEP\r\n\x1a\n" /* 8 bytes; the line ends tell of a transfer in text mode */

enum {
    TRACE_MAGIC_BYTES = 8,
    TRACE_VERSION_MAJOR = 3,  /* a reader refuses another major version */
    TRACE_VERSION_FOLDED = 4, /* but this: the same, and events of the beginning have been folded (TRACE_RECORD_FOLDED) */
    TRACE_VERSION_MINOR = 1,  /* and skips record and file block types that it does not know */
    TRACE_HEADER_BYTES = 16,  /* magic, u16 major, u16 minor, u32 zero */
    TRACE_BLOCK_HEADER_BYTES = 20,
    TRACE_BLOCK_STORED_MAX = 1 << 26, /* larger lengths are damage */
    TRACE_BLOCK_RAW_MAX = 1 << 26,
    TRACE_MARKS_MAX = 1 << 20,
    TRACE_BLOCK_EVENTS_MAX = 1 << 20, /* events of one file block; the writer aims at 131072 */
};

/* File block header: u32 magic, u8 type, u8 flags, u16 zero, u32 raw_bytes, u32 stored_bytes, u32 crc.
 * crc is zlib's CRC-32 over the 16 header bytes before it and then the stored bytes. */
#define TRACE_BLOCK_MAGIC 0x4b4c4253u /* "SBLK" */

enum trace_block_type {
    TRACE_BLOCK_RECORDS = 1, /* records, a zlib stream of its own (raw deflate) */
    TRACE_BLOCK_EVENTS = 2,  /* columns, one raw deflate stream from checkpoint to checkpoint */
    TRACE_BLOCK_INDEX = 3,   /* last in a complete file: where the checkpoints are */
};

enum trace_block_flags {
    TRACE_FLAG_CHECKPOINT = 1, /* EVENTS: the deflate stream, the prediction tables and the contexts start afresh here */
};

/* Columns of an EVENTS block, in this order. */
enum trace_column {
    TRACE_COLUMN_CONTROL = 0,    /* how well the tokens were predicted */
    TRACE_COLUMN_LITERALS = 1,   /* tokens that were not: the first bytes of their varints */
    TRACE_COLUMN_TAILS = 2,      /* the other bytes of these varints */
    TRACE_COLUMN_INTERLEAVE = 3, /* which thread, for how many events */
    TRACE_COLUMN_INFO_SIZES = 4,
    TRACE_COLUMN_INFO_STACKS = 5,
    TRACE_COLUMN_STACK_CODES = 6,
    TRACE_COLUMN_STACK_LITERALS = 7,
    TRACE_COLUMN_TIMES = 8,
    TRACE_N_COLUMNS = 9,
};

/* Records of a RECORDS block: varint type, varint payload bytes, payload. Numbers are varints unless named otherwise,
 * strings are a varint length and bytes. Times are nanoseconds since the start of the trace. */
enum trace_record_type {
    TRACE_RECORD_START =
        1, /* version of seep, CLOCK_REALTIME ns at the start, options, ticks per second of the clock, sampling interval */
    TRACE_RECORD_PROCESS =
        2, /* process (dense, from 0), pid, enum trace_origin, process it came from, that one's epoch, blocks and
                                 bytes that it has of it, parent's pid, start time, executable, number of arguments, arguments */
    TRACE_RECORD_PROCESS_END = 3, /* process, time, enum trace_end_kind, value */
    TRACE_RECORD_THREAD = 4,      /* thread index (dense, from 0), process, tid, start time, name */
    TRACE_RECORD_MODULE = 5,      /* module id (dense, from 1), process, epoch, bias, start, end, build-id bytes, path */
    TRACE_RECORD_EPOCH = 6,       /* process, epoch, number of gone modules, their ids */
    TRACE_RECORD_MARK = 7,        /* mark number (from 1), time, name, events before it */
    TRACE_RECORD_MEMORY = 8,      /* process, time, resident bytes, peak resident bytes */
    TRACE_RECORD_LOST = 9,        /* process, key (string), total so far, text, is_events; see RING_LOST_KINDS in ring.h */
    TRACE_RECORD_SURVIVORS =
        10, /* number of infos, then for each: info - previous info, blocks, birth of the oldest in ms */
    TRACE_RECORD_END =
        11, /* time, events, allocations, frees, undone frees, collector's CPU ns, its peak resident bytes, frees of
                              blocks that came with a fork and were not undone (not among the frees) */
    TRACE_RECORD_NOTE = 12,        /* process, text */
    TRACE_RECORD_THREAD_NAME = 13, /* thread index, name: a later name of a thread */
    TRACE_RECORD_COVERAGE =
        14, /* process, enum coverage_result, enum coverage_allocator (coverage.h), bytes that it has in use, blocks with a mapping
                              of their own, threads at once, blocks of a size and largest block in a thread's cache, bytes
                              that alignments have added; traced and alive then: blocks, requested bytes, bytes held for them */
    TRACE_RECORD_FOLDED =
        15, /* events folded, time of the first, time of the last, frees undone, frees that found no block */
    TRACE_RECORD_FOLDED_INFOS =
        16, /* first info, number of infos, then for each: allocations, blocks alive (or left by a process that is over), temporary, alive
               at the highest total, alive at that of its own process less that (zigzag) */
    TRACE_RECORD_FOLDED_PROCESSES =
        17, /* first process, number of them, then for each: highest total with inherited blocks, inherited blocks freed, their bytes */
    TRACE_RECORD_FOLDED_THREADS =
        18, /* number of threads, then for each: index less the one before, info of its last allocation (0 = none), of its last
               free << 2 | enum trace_last_free */
    TRACE_RECORD_SOURCE_FILE = 19, /* id (dense, from 1), name: what tags say */
    TRACE_RECORD_FREED_AT =
        20, /* number of entries, then for each: info less the one before, file id << 24 | line, frees there since the last such record */
};

enum trace_last_free {
    TRACE_FREE_WAS_TEMPORARY = 1, /* of the thread's last allocation */
    TRACE_FREE_WAS_INHERITED = 2, /* of a block that came with the fork */
};

enum trace_end_kind {
    TRACE_END_UNKNOWN = 0, /* it is gone; how is not known */
    TRACE_END_EXIT = 1,    /* value = exit status */
    TRACE_END_SIGNAL = 2,  /* value = signal number */
    TRACE_END_EXEC = 3,    /* it goes on as another program */
};

enum trace_origin {
    TRACE_ORIGIN_START = 0, /* the first */
    TRACE_ORIGIN_FORK = 1,  /* starts with the stacks, modules and blocks of the process it came from */
    TRACE_ORIGIN_EXEC = 2,  /* starts with nothing; came from: the one of the same pid before, or its parent's */
};

enum { TRACE_EPOCH_BITS = 16, TRACE_NO_PROCESS = 0xffffffff /* came from one that is not in the trace */ };

/* The ip of the root of a process's stacks, a different one for each epoch; its parent is stack 0. No code has such an address. That of process 0,
 * epoch 0, is stack 0 itself. */
#define TRACE_ROOT_BIT (1ull << 63)

static inline uint64_t trace_root_ip(uint32_t process, uint32_t epoch) {
    return TRACE_ROOT_BIT | (uint64_t)process << TRACE_EPOCH_BITS | epoch;
}

static inline bool trace_is_root(uint64_t ip) {
    return (ip & TRACE_ROOT_BIT) != 0;
}

static inline uint32_t trace_root_process(uint64_t ip) {
    return (uint32_t)(ip >> TRACE_EPOCH_BITS);
}

static inline uint32_t trace_root_epoch(uint64_t ip) {
    return (uint32_t)ip & ((1u << TRACE_EPOCH_BITS) - 1);
}

/* A stack that is no frame but a tag: its parent is the stack of the call. No code has such an address, and a root has a larger one. In the ring tags look the
 * same, with the process's own numbers of files. */
#define TRACE_TAG_IP (1ull << 62)

enum { TRACE_TAG_LINE_BITS = 24, TRACE_TAG_FILE_BITS = 16, TRACE_FILES_MAX = 1 << TRACE_TAG_FILE_BITS };

/* file: its id, 0 = none is known. line: 0 = none; more than fits stands for the most that does. */
static inline uint64_t trace_tag(uint32_t file, uint32_t line) {
    uint32_t most = (1u << TRACE_TAG_LINE_BITS) - 1;
    return TRACE_TAG_IP | (uint64_t)file << TRACE_TAG_LINE_BITS | (line < most ? line : most);
}

static inline bool trace_is_tag(uint64_t ip) {
    return ip >> (TRACE_TAG_LINE_BITS + TRACE_TAG_FILE_BITS) == TRACE_TAG_IP >> (TRACE_TAG_LINE_BITS + TRACE_TAG_FILE_BITS);
}

static inline uint32_t trace_tag_file(uint64_t ip) {
    return (uint32_t)(ip >> TRACE_TAG_LINE_BITS) & (TRACE_FILES_MAX - 1);
}

static inline uint32_t trace_tag_line(uint64_t ip) {
    return (uint32_t)ip & ((1u << TRACE_TAG_LINE_BITS) - 1);
}

/* File and line as one number, as FREED_AT has them. */
static inline uint64_t trace_tag_place(uint64_t ip) {
    return ip & (TRACE_TAG_IP - 1);
}

#endif
