/* sys.h - what the shim asks of the kernel: raw, bounded, with errno untouched unless said.
 *
 * Context  all of it: any thread, inside malloc, async-signal-safe, no lock, no libc state. Results are the kernel's: a
 *          negative error number on failure.
 */
#ifndef SEEP_SYS_H
#define SEEP_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attributes.h"

/* Zeroed private memory straight from the kernel; pages are taken when touched. NULL on failure. When hooks must be quiet (quiet.h) it comes
 * from their reserve. */
MUST_CHECK void *sys_map_private(size_t size_bytes);

/* Give back what sys_map_private gave. */
void sys_unmap(void *p, size_t size_bytes);

/* Have the kernel clear this memory in a fork child. Returns false where it cannot (before Linux 4.14). */
bool sys_wipe_on_fork(void *p, size_t size_bytes);

/* Back a stretch of a shared file mapping with disk blocks now, so that writing there later cannot raise SIGBUS.
 * fd is used where the kernel is older than 5.14 (-1: not open any more). Returns 0 or a negative error. */
MUST_CHECK int sys_populate(void *p, size_t size_bytes);

int sys_gettid(void);
int sys_getpid(void);

/* A number for the pid namespace that this process is in, its inode; 0 where /proc does not tell. */
uint64_t sys_pid_namespace(void);

/* End the process, by the system call itself. */
_Noreturn void sys_exit(int status);

/* Whether a process of that id exists, as seen from here. */
bool sys_process_exists(int pid);

/* Whether thread tid of process pid exists. */
bool sys_thread_exists(int pid, int tid);

/* Whether the 8 bytes at address can be read, without reading them: the kernel says so. */
bool sys_is_readable(uint64_t address);

/* Copy memory of this process that may be gone. Returns the bytes that could be copied from the start on, or a negative error. */
ssize_t sys_copy(void *to, uint64_t from, size_t size_bytes);

/* Sleep up to ns or until *word changes from expected, and wake sleepers on it; the word may be shared by processes. */
void sys_futex_wait(const void *word, uint32_t expected, uint64_t ns);
void sys_futex_wake(const void *word);

/* Reading the TSC may kill this process (PR_SET_TSC), and so may the kernel's vDSO, which reads it. */
extern HIDDEN bool sys_is_tsc_barred;

/* Whether it does so in the calling thread. */
bool sys_asks_tsc_barred(void);

/* Allow it, or forbid it again, to the calling thread. */
void sys_allow_tsc(bool is_allowed);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns. */
uint64_t sys_mono_ns(void);
uint64_t sys_real_ns(void);

/* Whether the thread runs on its alternate signal stack right now. */
bool sys_on_alternate_stack(void);

/* What the shim may take of the address space for one purpose: a small share of RLIMIT_AS, for that is the host's. */
uint64_t sys_address_share(void);

/* Whether a seccomp filter is on, as far as /proc says. */
bool sys_has_filter(void);

/* Read a small file (of /proc) whole. Returns its length, at most cap, or a negative error. */
ssize_t sys_read_file(const char *path, void *buf, size_t cap);

/* Start a program as a grandchild that the process's own wait() never sees: no SIGCHLD, no zombie.
 *
 * keep_fd, other_fd   descriptors that stay open in it, all others are its own business to close
 * Returns             0 once the intermediate process is gone (exec may still fail), or a negative error
 */
MUST_CHECK int sys_spawn_detached(const char *path, char *const argv[], int keep_fd, int other_fd);

/* Have `answer` run in a copy of the process: memory that is not shared, no exit signal, no fork handlers, all signals blocked, no stderr, no core.
 * What it makes of it is told by shared memory alone. One that takes longer than ns is killed.
 *
 * Returns  0 once the copy is gone, however it ended, or a negative error: there was none */
MUST_CHECK int sys_ask_copy(void (*answer)(void *context), void *context, uint64_t ns);

/* Print one line on stderr: "seep: " and the parts up to a NULL. Only before the program's own code has run: later descriptor 2 may
 * be somebody's data file. */
void sys_message(const char *part, ...);

/* The text of a negative error number, as strerror has it for those that files and memory can meet. */
const char *sys_error_text(int error);

/* Descriptor 2 as the process was started with it is open: noted by sys_start(), before the shim opens anything. */
void sys_start(void);

#endif
