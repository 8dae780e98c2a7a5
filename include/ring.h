/* ring.h - the shared file between the hooks in a traced process and its collector.
 *
 * One sparse file, mapped MAP_SHARED by both sides, so that whatever a hook has finished survives the death of the
 * process by any cause. It has seven regions; only what is used is ever backed by disk blocks.
 *
 *   header | joins, runs | slots            | log                | nodes              | chunks
 *          | who comes   | one per thread,  | rare facts:        | the call tree:     | the events, 16 KiB pieces that go round:
 *          | to it       | reused           | modules, epochs    | (parent, ip) by id | free list -> a thread -> collector -> free list
 *
 * Each process has a ring of its own, and one collector reads those of a whole tree. A process that begins enters itself into the joins of a ring
 * that is being read: a fork child into its parent's, which is still mapped there; a program started by exec into that of the first
 * process, whose name it finds in its environment (SEEP_OPTIONS, tree). The rings stand side by side: FILE.seep.ring-<pid>-<number>.
 * A collector that was killed can be resumed: a chunk goes back to the free list only when what it held is in the trace for good
 * (preload/collector/commit.h).
 * A fork child starts with a copy of its parent's nodes. Before fork() the parent puts a mark into its events, so that the collector knows which
 * blocks are alive in the child.
 *
 * A thread writes events into its own chunk and publishes each by a release store of the chunk's n_words; a full chunk
 * names its successor in `next`. The collector follows each slot's chain of chunks, gives read chunks back to the free
 * list, and never writes anything else that a hook waits for. Only two things are claimed by more than one thread: ids
 * (fetch_add) and chunks (tagged lock-free stack).
 *
 * Ordering between threads is by time stamp (the raw clock of the architecture). A thread raises its slot's `busy`
 * before it reads the clock and lowers it after publishing, so a collector that reads the clock, waits for the stores of
 * other cores to arrive, and then finds a slot idle knows that nothing older than its reading can still come from it.
 * Reading the clock is a third of the cost of an event. As long as there is one slot, there is nothing to order: its stamps
 * are the collector's latest reading (`recent_stamp`), plus one for each event since. A second slot ends that for good, before its
 * first event (`is_shared`): whoever then acts on what the other thread did, as by taking a block that it gave back, sees the flag, too.
 *
 * Hooks that must make no system call (`is_quiet`) do not read the clock at all, since strict seccomp forbids that as well. Each event's stamp is the
 * next number of one counter, `recent_stamp`; the collector raises it to the clock's reading before it looks at the slots, and never lowers it. So the
 * promise is the same: an idle slot will stamp nothing older than that reading. So do all hooks of a program that has forbidden itself the TSC, from then on.
 *
 * A mark of the program's is an event of the thread that makes it, and its name a record of the log, which marks of the same name share. One from outside is asked for
 * in the header (struct ring_request).
 *
 * Nothing here holds a pointer or a pthread type: both sides may be of different libcs. All numbers are little-endian.
 */
#ifndef SEEP_RING_H
#define SEEP_RING_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define RING_MAGIC "SEEPRING"

enum {
    RING_VERSION = 11,
    RING_CHUNK_BYTES = 16384,
    RING_LOG_UNIT_BYTES = 64,
    RING_JOINS = 4096, /* processes that may be on their way into the tree at once */
    RING_RUNS = 4096,  /* programs that this process may be running at once, until it is seen whether they come */
};

/* Why something could not be recorded; the index of ring_header.lost and the trace's LOST records.
 * X(name, key, is_events, text): is_events = 1 where the count is of events that are missing from the trace. */
#define RING_LOST_KINDS(X)                                                                                                 \
    X(RING_FULL, "ring-full", 1, "events dropped because the ring was full")                                               \
    X(NO_SLOT, "no-thread-slot", 1, "events dropped because the thread could not get its own buffer")                      \
    X(NESTED, "nested", 1, "events of signal handlers that interrupted a hook and found its reserve full")                 \
    X(ABANDONED, "abandoned", 1, "events whose hook was left by a jump out of a signal handler")                           \
    X(STACKS, "stacks", 0, "allocations recorded without their call stack because the tree was full")                      \
    X(CUT_STACKS, "cut-stacks", 0,                                                                                         \
      "allocations whose outermost frames are missing (4096 frames deep, no memory for as many, behind code that "         \
      "cannot be unwound, or with seccomp=yes not on the thread's own stack)")                                             \
    X(MODULES, "modules", 0, "modules that could not be recorded")                                                         \
    X(SOURCE_FILES, "source-files", 0, "source file names of OpenSSL's that could not be recorded")                        \
    X(BACKING, "backing", 0, "refusals of the file system to back more of the ring")                                       \
    X(UNTRACED_FORKS, "untraced-forks", 0, "fork children that were not traced")                                           \
    X(UNTRACED_EXECS, "untraced-execs", 0, "programs that were run and not traced")                                        \
    X(UNSEEN_EXECS, "unseen-execs", 0, "programs that were run, too many at once to see whether they were traced")         \
    X(MARKS, "marks", 0, "marks that could not be recorded: a trace has 1048576 at most")                                  \
    X(MARK_NAMES, "mark-names", 0, "marks whose names could not be recorded")                                              \
    X(LATE, "late", 0, "events merged out of order because they were published too late")                                  \
    X(UNKNOWN_FREES, "unknown-frees", 0, "frees of blocks whose allocation was not seen")                                  \
    X(IMPLICIT_FREES, "implicit-frees", 0, "blocks ended by a later allocation at their address")                          \
    X(UNDOS, "undos", 0, "blocks that a failed realloc kept, counted as freed: a signal handler came between")

enum ring_lost {
#define X(name, key, is_events, text) RING_LOST_##name,
    RING_LOST_KINDS(X)
#undef X
        RING_N_LOST
};

/* A run of equal units in the file. */
struct ring_region {
    uint64_t off;        /* bytes from the start of the file, page aligned */
    uint32_t unit_bytes; /* size of one unit */
    uint32_t cap;        /* units */
};

enum ring_target_state {
    RING_TARGET_STARTING = 0, /* the constructor is not done */
    RING_TARGET_RUNNING = 1,
    RING_TARGET_EXITED = 2, /* exit(), _exit() or quick_exit() reached the shim; late events may still follow */
};

enum ring_collector_state {
    RING_COLLECTOR_NONE = 0,    /* not started yet */
    RING_COLLECTOR_RUNNING = 1, /* the trace is open */
    RING_COLLECTOR_DONE = 2,    /* the trace is complete */
    RING_COLLECTOR_FAILED = 3,  /* it gave up (disk full, ...); hooks must not wait for it */
};

/* What the allocator says of itself at exit; see coverage.h. Written before the state becomes EXITED. */
struct ring_coverage {
    _Atomic uint32_t result; /* enum coverage_result; release after the rest */
    uint32_t allocator;      /* enum coverage_allocator; set before the mark */
    uint64_t in_use_bytes;
    uint64_t n_mapped;        /* glibc: blocks with a mapping of their own, which ends at a page */
    uint64_t cache_blocks;    /* glibc: free blocks of a size that a thread may keep, which count as in use, */
    uint64_t cache_bytes_max; /* and how large they may be, as held */
    _Atomic uint64_t
        rounded_bytes; /* that calls for an alignment have been given beyond what they asked for, all together since the start */
};

/* A mark that is asked for from outside (`seep mark`), in the ring of a process that is traced. Whoever asks claims a free place, fills it in and waits; the
 * collector takes it, marks, and answers; the asker makes it free again, or the collector does when nobody fetches the answer. So that nobody takes an
 * answer for somebody else's, the state is the asker's ticket (CLOCK_MONOTONIC ns) and, in its lowest bits, the stage. */
enum ring_request_stage {
    RING_REQUEST_FREE = 0, /* with ticket 0 */
    RING_REQUEST_CLAIMED = 1,
    RING_REQUEST_ASKED = 2, /* release after the name; may be taken back by the asker */
    RING_REQUEST_TAKEN = 3, /* the mark is coming */
    RING_REQUEST_ANSWERED = 4,
};

enum { RING_REQUESTS = 4, RING_REQUEST_STAGE_BITS = 3 };

struct ring_request {
    alignas(64) _Atomic uint64_t state;
    uint64_t ns;         /* the answer: when, since the start of the trace */
    uint32_t number;     /* the answer: of the mark; 0 = the trace has all it can have */
    uint32_t name_bytes; /* up to RING_MARK_NAME_MAX */
    uint32_t is_late; /* the answer: 1 = a thread stood still inside a hook; what it had under way comes behind the mark */
    char name[256];
};

static inline uint64_t ring_request_state(uint64_t ticket, enum ring_request_stage stage) {
    return ticket << RING_REQUEST_STAGE_BITS | stage;
}

struct ring_header {
    char magic[8];         /* RING_MAGIC without its terminator; written last, so a ring without it is not ready */
    uint32_t version;      /* RING_VERSION */
    uint32_t is_clock_tsc; /* 1: stamps are the TSC; 0: stamps are CLOCK_MONOTONIC nanoseconds */
    uint64_t file_bytes;
    struct ring_region joins;  /* struct ring_join */
    struct ring_region runs;   /* struct ring_run */
    struct ring_region slots;  /* struct ring_slot */
    struct ring_region log;    /* RING_LOG_UNIT_BYTES each */
    struct ring_region nodes;  /* struct ring_node; id 0 is never used: it is the root of epoch 0 */
    struct ring_region chunks; /* struct ring_chunk */
    uint32_t pid;
    uint32_t uid;
    uint64_t start_stamp;   /* the three clocks read together at the start */
    uint64_t start_mono_ns; /* CLOCK_MONOTONIC */
    uint64_t start_real_ns; /* CLOCK_REALTIME */
    uint64_t
        pid_namespace; /* in which the tree's process ids mean something, the inode of /proc/self/ns/pid; 0 = not known */
    uint64_t sample_bytes; /* 0 = every allocation is recorded, else one point in so many bytes; see preload/sample.h */
    uint64_t shim_start,
        shim_end;      /* where libseep.so is mapped: frames in there are not the program's; both 0 = not known */
    uint32_t is_quiet; /* hooks make no system call: they wake nobody, and count instead of reading a clock */

    /* Claimed by hooks of any thread. */
    alignas(64) _Atomic uint32_t n_slots; /* slots ever used; they are reused by later threads */
    _Atomic uint32_t n_nodes;             /* next node id to hand out, starts at 1 */
    _Atomic uint32_t n_chunks;            /* chunks ever taken from the never-used end */
    _Atomic uint32_t n_log_units;         /* log units ever claimed */
    _Atomic uint32_t n_thread_serials;    /* threads ever seen; serials start at 1 */
    _Atomic uint32_t next_join;           /* where to look for a free place first */
    _Atomic uint32_t n_runs;              /* runs ever used: the first free one is taken */
    _Atomic uint32_t n_forks;             /* marks ever put into the events; serials start at 1 */
    _Atomic uint32_t are_joins_stalled;   /* a wait for a free place was in vain: nobody waits until there is one again */
    _Atomic uint32_t n_joins_refused;     /* processes that found none */
    alignas(64) _Atomic uint64_t
        free_chunks; /* stack of recycled chunks: tag << 32 | index + 1; 0 in the low half = empty */
    alignas(64) _Atomic uint64_t
        lost[RING_N_LOST]; /* the kinds up to MARK_NAMES are the shim's or both sides', the rest the collector's */

    /* State of either side. */
    alignas(64) _Atomic uint32_t target_state;    /* enum ring_target_state */
    _Atomic uint32_t exit_status;                 /* the argument, valid with RING_TARGET_EXITED */
    _Atomic uint64_t max_rss_bytes;               /* getrusage at exit, 0 = not known */
    alignas(64) _Atomic uint32_t collector_state; /* enum ring_collector_state */
    _Atomic uint32_t collector_pid;
    _Atomic uint32_t wake;         /* futex: a hook adds 1 and wakes it when half of the chunks are taken */
    _Atomic uint32_t n_chunks_out; /* chunks held by threads or waiting to be read; a hint for `wake` */
    _Atomic uint64_t n_given_back; /* the collector's: 2 for each chunk put on the free list, the first before, the second
                                      after; a collector that takes over from a killed one goes on from there */
    alignas(64) _Atomic uint64_t
        recent_stamp; /* the clock at the collector's last poll, never lowered; never ahead of the clock. As a counter: see above */
    _Atomic uint32_t is_shared;              /* 1: more than one slot has been used, so every event needs the clock */
    alignas(64) _Atomic uint64_t n_verified; /* unwinder=verify: captures compared with libunwind, and those that differ */
    _Atomic uint64_t n_differing;
    struct ring_coverage coverage;
    struct ring_request requests[RING_REQUESTS];
};

/* A thread's place. The owner writes, the collector reads. One cache line. */
struct ring_slot {
    alignas(64) _Atomic uint32_t busy; /* 1 from before the clock is read until the event is published */
    _Atomic uint32_t first_chunk;      /* index + 1 of the first chunk ever used here; 0 = none yet. Never changes after */
    _Atomic uint32_t tid;              /* kernel thread id of the owner; stale after its death until the slot is reused */
    _Atomic uint32_t pid;
    _Atomic uint32_t
        gone_tid; /* when quiet, by the collector: the owner is gone if it has this id, and the slot free to be taken over */
};

enum ring_join_state {
    RING_JOIN_FREE = 0,
    RING_JOIN_CLAIMED = 1, /* by a process that is about to fork, or to join */
    RING_JOIN_READY = 2,   /* the new process has its ring; the collector makes the place free again */
    RING_JOIN_FAILED =
        3, /* it could not have one, or there is no new process: nobody comes; the collector makes the place free */
};

/* A process that comes to the tree. */
struct ring_join {
    alignas(64) _Atomic uint32_t state; /* enum ring_join_state; release when READY */
    uint32_t pid;
    uint32_t fork_serial; /* of the mark in the parent's events; 0 = it comes by exec */
    uint32_t ppid;
    uint64_t ring_number;   /* the second one in its ring's name */
    _Atomic uint64_t child; /* see ring_join_child(); whoever makes the place free sets it to 0 before */
};

/* Who is to fill a place: fork_serial, and the pid that fork() has returned in the parent, 0 = it has not yet. By exchanging the whole the parent does not
 * write into a place that has been given to somebody else meanwhile. A process of this pid that is dead will not come any more. */
static inline uint64_t ring_join_child(uint32_t fork_serial, uint32_t pid) {
    return (uint64_t)fork_serial << 32 | pid;
}

enum ring_run_state {
    RING_RUN_FREE = 0,
    RING_RUN_CLAIMED = 1,
    RING_RUN_UNDER_WAY =
        2, /* from before exec, or from after posix_spawn, until exec has failed or the collector knows what became of it */
};

/* What the process that runs a program can tell of why it may not come to the tree. */
enum ring_run_why {
    RING_RUN_NO_PRELOAD = 1,    /* its environment has no LD_PRELOAD, or one without this library */
    RING_RUN_OTHER_OPTIONS = 2, /* its SEEP_OPTIONS is not the tree's */
    RING_RUN_OTHER_USER = 4,    /* the user is not the one that this ring belongs to */
    RING_RUN_OTHER_ROOT = 8,    /* chroot() has been called */
    RING_RUN_SECURE = 16, /* real and effective user or group differ: LD_PRELOAD is ignored, as of a set-user-ID program */
    RING_RUN_UNWANTED = 32, /* follow_exec=no: that it does not come is no loss */
};

/* A program that this process, or a vfork child of it, is running; it is to join by exec. */
struct ring_run {
    alignas(64) _Atomic uint32_t state; /* enum ring_run_state; release when UNDER_WAY */
    uint32_t pid;
    uint64_t since_ns; /* CLOCK_MONOTONIC: whoever joins under this pid later is that program */
    uint32_t why;      /* bits of enum ring_run_why */
    char program[108]; /* as exec was told, NUL terminated; a longer one is cut at its start */
};

/* A piece of one thread's events. The header is one cache line, words follow. */
struct ring_chunk {
    alignas(64) _Atomic uint32_t n_words; /* words published; release by the owner, acquire by the collector */
    _Atomic uint32_t
        next; /* index + 1 of the chunk that continues this slot, set (release) after the last word; 0 = still open */
    _Atomic uint32_t free_next; /* index + 1 of the next free chunk while on the free list */
    uint32_t thread_serial;     /* who wrote it; a slot's new owner always starts a new chunk */
    uint32_t tid;
    uint32_t pid;
    uint64_t base_stamp; /* the first word's time is relative to this */
    uint64_t words[(RING_CHUNK_BYTES - 64) / 8];
};

enum { RING_CHUNK_WORDS = (RING_CHUNK_BYTES - 64) / 8 };

static_assert(sizeof(struct ring_slot) == 64, "a slot is one cache line");
static_assert(sizeof(struct ring_join) == 64, "a join is one cache line");
static_assert(sizeof(struct ring_run) == 128, "a run is two cache lines");
static_assert(sizeof(struct ring_chunk) == RING_CHUNK_BYTES, "a chunk has its stated size");
static_assert(sizeof(struct ring_header) <= 4096, "the header fits the first page");

/* A node of the call tree: the stack `parent` called from return address ip. Written before any event that uses it is
 * published, so a reader that has an event's id may read that node and all its ancestors. Ids of ancestors are smaller.
 * A node with parent 0 and ip < RING_EPOCHS_MAX is the root of the epoch numbered ip (see RING_LOG_EPOCH).
 * ip is a return address: look up ip - 1. For a frame that a signal interrupted it is the interrupted pc + 1.
 * A node may be a tag and no frame (trace_format.h), with a file id of RING_LOG_FILE: a leaf, below the stack of the call. */
struct ring_node {
    uint64_t ip;
    uint32_t parent; /* node id, 0 = root of epoch 0 */
    uint32_t unused;
};

enum { RING_FRAMES_MAX = 4096 }; /* of one stack; what is further out is cut off */

enum { RING_COVERAGE_SERIAL = 0 }; /* those of forks start at 1 */

enum { RING_EPOCHS_MAX = 65536 }; /* below every address that code can have (vm.mmap_min_addr) */

/* Event words: kind in bits 0-2, time since the previous event of the thread in bits 3-19 (clock ticks), address >> 3 in
 * bits 20-63. Events never straddle chunks. */
enum ring_kind {
    RING_FORK = 0, /* bits 63 and 62 clear: the process is about to fork; in the place of an address the serial of the mark.
                            RING_COVERAGE_SERIAL: no fork, the moment that ring_header.coverage is of.
                            bit 62 set: a mark of the program's; bits 20-51: 1 + the log unit of its RING_LOG_MARK, 0 = it has no name */
    RING_ALLOC = 1,      /* + word: size (low 32 bits) | node id << 32 */
    RING_FREE = 2,       /* taken back, stamped before the allocator sees it */
    RING_TIME = 3,       /* one word, no event: the bits above the kind are ticks to add (61 bits) */
    RING_ALLOC_WIDE = 4, /* + words: address, size, node id; address bits of the first word are 0 */
    RING_FREE_WIDE = 5,  /* + word: address */
    RING_FREE_LATER =
        7, /* as RING_FREE, when sampling: the thread has made other allocations since, though they are not here */
    RING_TAG =
        0, /* bit 63 set, 40 bits of a tag from bit 20 on (file << 24 | line): the words of a free follow, without a time step, and are
                      one event with this; where OpenSSL frees */
    RING_UNDO = 6, /* + word: address. The thread's last free did not happen (a realloc that failed) */
};

enum {
    RING_KIND_BITS = 3,
    RING_DELTA_BITS = 17,
    RING_ADDRESS_SHIFT = 20,
    RING_EVENT_WORDS_MAX = 5, /* a time word and the widest event */
    RING_TAG_SHIFT = 20,
};

#define RING_MARK_BIT (1ull << 62)
#define RING_TAG_BIT  (1ull << 63)
#define RING_TAG_MASK ((1ull << 40) - 1)

/* The log: records of whole units, in the order claimed. `commit` is written last (release); at the death of the target
 * a record that was claimed and not committed is skipped by scanning on in units. */
struct ring_log_record {
    _Atomic uint32_t commit; /* RING_LOG_COMMITTED */
    uint16_t type;           /* enum ring_log_type */
    uint16_t n_units;        /* this record's units, 1.. */
    uint32_t payload_bytes;  /* what follows this head */
    uint32_t pid;
    uint64_t stamp;
    uint8_t payload[];
};

#define RING_LOG_COMMITTED 0x474f4c53u /* "SLOG" */

enum ring_log_type {
    RING_LOG_PROCESS = 1, /* struct ring_log_process, then executable path NUL, then the arguments, each with its NUL */
    RING_LOG_MODULE = 2,  /* struct ring_log_module, then build_id_bytes of build-id, then the path NUL */
    RING_LOG_EPOCH = 3,   /* struct ring_log_epoch, then n_gone module ids (uint32_t each) that are unmapped from here on */
    RING_LOG_NOTE = 4,    /* a line of text for the report, NUL terminated, e.g. which unwinder runs */
    RING_LOG_FORK =
        5, /* in a fork child: struct ring_log_cut of each thread of its parent's that had gone on after the mark */
    RING_LOG_FILE =
        6, /* struct ring_log_file, then the name NUL; before the first event that has a tag with it. A fork child has its parent's, and
                          tells of them anew */
    RING_LOG_MARK = 7, /* the name of a mark, without a NUL; marks of the same name may share one */
};

enum { RING_MARK_NAME_MAX = 255 }; /* bytes */

struct ring_log_file {
    uint32_t id; /* dense, from 1 */
};

struct ring_log_process {
    uint32_t pid;
    uint32_t ppid;
    uint32_t is_forked; /* 1: it goes on with its parent's nodes and modules, from that epoch on; ids of modules go on */
    uint32_t epoch;
};

/* What a thread of the parent had recorded when its memory was copied: the events up to that stamp came with the fork, those behind it did not. Of
 * threads that are not named, nothing behind the mark did. */
struct ring_log_cut {
    uint32_t serial; /* of the thread; more than once where it has several slots: the latest counts */
    uint32_t unused;
    uint64_t stamp;
};

struct ring_log_module {
    uint32_t id;    /* dense, from 1 */
    uint32_t epoch; /* the epoch in which it was first seen */
    uint64_t bias;  /* what to subtract from an address to get the file's own virtual address */
    uint64_t start; /* mapped range */
    uint64_t end;
    uint32_t build_id_bytes; /* 0 = has none */
    /* 1: the path's directory is the one that the process started in, since the hook could not ask; the collector may know better */
    uint32_t is_path_guessed;
};

/* After a dlclose: addresses may mean something else now, so stacks start at a new root. */
struct ring_log_epoch {
    uint32_t epoch; /* 1.. */
    uint32_t n_gone;
};

#endif
