/* doctor_file.c - see doctor_checks.h: what one file says about tracing a program of it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor_checks.h"
#include "rooted_open.h"
#include "run_environment.h"
#include "text.h"

/* ---- seep's own files ---- */

static void check_loadable(struct findings *findings, const char *root, const char *shim) {
    char path[2 * PATH_MAX];
    struct statvfs fs;
    snprintf(path, sizeof path, "%s%s", root, shim);
    if (access(path, R_OK) != 0) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "libseep", "copy libseep.so and seep-collect to where it sees them",
                     "%s cannot be read %s: %s", shim, *root ? "in the file system that it sees" : "here", strerror(errno));
    } else if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "noexec", "copy libseep.so and seep-collect to another file system",
                     "%s is on a file system mounted noexec, so it cannot be loaded", shim);
    } else {
        findings_add(findings, FINDING_OK, "libseep", NULL, "%s can be loaded", shim);
    }
}

static void check_collector(struct findings *findings, const char *root, const char *shim) {
    char path[3 * PATH_MAX];
    int n_folder = (int)(strrchr(shim, '/') - shim);
    snprintf(path, sizeof path, "%s%.*s/seep-collect", root, n_folder, shim);
    if (access(path, X_OK) != 0) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "collector", "install seep-collect beside libseep.so",
                     "%s cannot be run, so no trace is written: %s", path, strerror(errno));
    }
}

void doctor_check_shim(struct findings *findings, const char *root) {
    char shim[PATH_MAX], why[2 * PATH_MAX];
    if (run_find_shim(shim, why, sizeof why) != 0) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "libseep", NULL, "%s", why);
        return;
    }
    check_loadable(findings, root, shim);
    check_collector(findings, root, shim);
}

/* ---- programs ---- */

void doctor_check_preload(struct findings *findings, const struct program_check *check) {
    char why[PATH_MAX];
    if (check->obstacle) {
        program_check_describe(check, why, sizeof why);
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, check->obstacle->key, check->obstacle->advice, "it %s", why);
    } else {
        findings_add(findings, FINDING_OK, "preload", NULL,
                     check->is_script ? "it is a script for %s, into which libseep.so can be loaded"
                                      : "libseep.so can be loaded into %s",
                     check->file);
    }
}

static bool is_one_of(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

void doctor_check_wrapper(struct findings *findings, const char *path, bool is_script) {
    static const char *const wrappers[] = {"ash",     "bash",    "busybox", "chrt",  "dash",   "dumb-init", "env",
                                           "ionice",  "ksh",     "nice",    "nohup", "setsid", "sh",        "stdbuf",
                                           "taskset", "timeout", "tini",    "xargs", "zsh"};
    static const char *const changers[] = {"chroot", "runuser", "setpriv", "su", "sudo", "unshare"};
    const char *base = text_base_name(path);
    if (is_one_of(base, changers, sizeof changers / sizeof changers[0])) {
        findings_add(
            findings, FINDING_PROBLEM, "wrapper-changes", "put seep behind it, before the program itself",
            "%s starts another program as another user or in another place, from where it cannot enter itself in a "
            "trace that began here: it is not traced then",
            base);
    } else if (is_one_of(base, wrappers, sizeof wrappers / sizeof wrappers[0]) && is_script) {
        findings_add(
            findings, FINDING_NOTE, "wrapper", "ask about the program that it runs as well: seep doctor -- PROGRAM",
            "it is a script: what is examined here is its interpreter, %s; the programs that it runs or becomes are "
            "followed into the same trace, and were not looked at",
            path);
    } else if (is_one_of(base, wrappers, sizeof wrappers / sizeof wrappers[0])) {
        findings_add(findings, FINDING_NOTE, "wrapper", "ask about that program as well",
                     "%s starts other programs or becomes one: they come into the same trace, and were not looked at",
                     base);
    }
}

static int scan_path(const char *path, struct allocator_scan *scan) {
    *scan = (struct allocator_scan){0};
    int fd = rooted_open(NULL, path);
    if (fd < 0) {
        return -1;
    }
    int result = allocator_scan_file(scan, fd);
    close(fd);
    return result;
}

static bool starts_with_any(const char *name, const char *const *starts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* What a program and a library have in common. */
static void check_runtimes(struct findings *findings, const char *name, const struct allocator_scan *scan) {
    if (scan->is_go) {
        findings_add(findings, FINDING_PROBLEM, "go", "use Go's own pprof for its heap",
                     "%s is built by Go, whose heap never goes through malloc: only what C code called by cgo allocates is "
                     "seen",
                     name);
    }
    if (scan->sanitizer && !findings_has(findings, "sanitizer")) {
        findings->is_out = true;
        findings_add(findings, FINDING_PROBLEM, "sanitizer", "trace a build without -fsanitize",
                     "%s has %s, whose allocator goes past libseep.so or refuses it", name, scan->sanitizer);
    }
    if (scan->has_python) {
        findings_add(findings, FINDING_NOTE, "python", "set PYTHONMALLOC=malloc to see each object",
                     "%s is the Python interpreter, which takes objects up to 512 bytes from arenas of its own, mapped and "
                     "not allocated",
                     name);
    }
    if (scan->has_rust_allocator && !scan->hidden) {
        findings_add(findings, FINDING_NOTE, "rust-allocator", NULL,
                     "%s is Rust with a #[global_allocator] of its own: seen as far as that calls malloc", name);
    }
}

/* The launcher needs libjli, which opens libjvm. */
static void check_jvm(struct findings *findings, const char *name) {
    static const char *const names[] = {"libjvm.so", "libjli.so"};
    const char *base = text_base_name(name);
    if (starts_with_any(base, names, sizeof names / sizeof names[0]) && !findings_has(findings, "jvm")) {
        findings_add(
            findings, FINDING_NOTE, "jvm", "use -XX:NativeMemoryTracking=summary and jcmd for the rest",
            "it is a Java VM (%s): seen is what the VM, its native libraries and direct buffers take by malloc; the "
            "Java heap, metaspace, compiled code and thread stacks are mapped and not seen",
            base);
    }
}

static const char hidden_advice[] = "link that allocator as a shared library, or use the system's to trace";

static void check_program_allocator(struct findings *findings, const struct allocator_scan *scan) {
    if (scan->interposable) {
        findings_add(
            findings, FINDING_PROBLEM, "exported-allocator",
            "link that allocator as a shared library, or leave it out to trace",
            "it defines and exports %s, which stands before libseep.so: only what that passes on to the next one is "
            "seen",
            scan->interposable);
    }
    if (scan->hidden) {
        findings_add(findings, FINDING_PROBLEM, "hidden-allocator", hidden_advice,
                     "it has an allocator linked into it: what it allocates by calling %s goes past libseep.so and is not "
                     "seen",
                     scan->hidden);
    }
    if (scan->by_messages && !scan->interposable && !scan->hidden) {
        findings_add(findings, FINDING_PROBLEM, "hidden-allocator", hidden_advice,
                     "it has %s's messages in it, so probably that allocator too: what it allocates by that goes past "
                     "libseep.so and is not seen",
                     scan->by_messages);
    }
    if (scan->interposable || scan->hidden || scan->by_messages) {
        return;
    }
    if (!scan->has_symbols) {
        findings_add(findings, FINDING_NOTE, "stripped", "ask its unstripped build if in doubt",
                     "it is stripped: it exports no allocator, and one linked into it without that has no names to be "
                     "known by");
    } else if (!scan->is_go && !scan->sanitizer) {
        findings_add(findings, FINDING_OK, "allocator", NULL, "it has no allocator of its own");
    }
}

void doctor_check_executable(struct findings *findings, const char *path, struct allocator_scan *scan) {
    if (scan_path(path, scan) != 0) {
        findings_add(findings, FINDING_NOTE, "unreadable", NULL,
                     "%s cannot be read as an ELF file with sections: an allocator linked into it would not be noticed",
                     path);
        return;
    }
    check_runtimes(findings, "it", scan);
    for (size_t i = 0; i < scan->n_needed; i++) {
        check_jvm(findings, scan->needed[i]);
    }
    if (!findings->is_out) { /* else none of its allocators matters */
        check_program_allocator(findings, scan);
    }
}

/* ---- libraries ---- */

/* The C library's own files and ours define malloc and are no allocators besides. */
static bool is_system_allocator(const char *base) {
    static const char *const names[] = {"libc.so", "libc-2.", "ld-linux", "ld-2.", "libc_malloc_debug.so", "libseep.so"};
    return starts_with_any(base, names, sizeof names / sizeof names[0]);
}

static bool is_known_allocator(const char *base) {
    static const char *const names[] = {"libjemalloc.so", "libtcmalloc", "libmimalloc"};
    return starts_with_any(base, names, sizeof names / sizeof names[0]);
}

static void check_library_allocator(struct findings *findings, const char *name, bool is_start_up,
                                    const struct allocator_scan *scan) {
    if (scan->interposable && scan->is_symbolic) {
        findings_add(findings, FINDING_PROBLEM, "symbolic-allocator", "link that library without -Bsymbolic",
                     "%s defines %s and is linked with -Bsymbolic: what it allocates itself is not seen", name,
                     scan->interposable);
    } else if (scan->interposable && (is_start_up || is_known_allocator(text_base_name(name)))) {
        findings_add(findings, FINDING_OK, "shared-allocator", NULL,
                     "%s defines %s; libseep.so stands before it, and calls are seen", name, scan->interposable);
    } else if (scan->interposable) {
        findings_add(findings, FINDING_NOTE, "library-malloc", NULL,
                     "%s defines %s itself: seen, unless it was opened later with RTLD_DEEPBIND, which cannot be told",
                     name, scan->interposable);
    } else if (scan->hidden || scan->by_messages) {
        findings_add(findings, FINDING_PROBLEM, "library-allocator",
                     "build that library with the system's allocator to trace",
                     "%s has an allocator of its own: what it allocates by %s is not seen", name,
                     scan->hidden ? scan->hidden : scan->by_messages);
    }
}

int doctor_check_library(struct findings *findings, const char *path, const char *name, bool is_start_up,
                         struct allocator_scan *scan) {
    if (scan_path(path, scan) != 0) {
        return -1;
    }
    if (!is_system_allocator(text_base_name(name))) {
        check_jvm(findings, name);
        check_runtimes(findings, name, scan);
        check_library_allocator(findings, name, is_start_up, scan);
    }
    return 0;
}
