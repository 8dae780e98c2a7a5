/* seep.h - what a program may tell seep about itself; C and C++. Nothing needs to be linked for it, and nothing happens without seep.
 *
 *   #include <seep.h>
 *   reload_configuration();
 *   seep_mark("reload");
 *
 * libseep.so, which `seep run` preloads, exports the function. In a program that is not traced there is none, and the macro of the same name does nothing. How it is
 * found: in code for a PIE or a shared library, which is what compilers make by default, as a weak symbol; in code for a fixed address (-fno-pie) by dlsym() at
 * the start of the program, since linkers take a weak symbol for 0 there (libc before glibc 2.34: link with -ldl). Tried with gcc, g++, clang and clang++. A
 * program that is linked statically cannot be traced: there the macro does nothing.
 *
 * Other languages call it as a plain C function, if it is there:
 *
 *   Python   getattr(ctypes.CDLL(None), "seep_mark", lambda name: None)(b"reload")
 *   Rust     dlsym(RTLD_DEFAULT, "seep_mark") as Option<extern "C" fn(*const c_char)>
 *   Java     dlsym(NULL, "seep_mark"), itself found by Linker.nativeLinker().defaultLookup(), which does not know libraries that were preloaded; of type
 *            FunctionDescriptor.ofVoid(ADDRESS) (Java 22 and later; before, JNI)
 */
#ifndef SEEP_H
#define SEEP_H

/* Mark this moment in the trace, of which there is one for all processes of a tree. Exact among the events of the calling process: what a thread has
 * allocated and freed before it called stands before the mark, what it does afterwards stands behind it, and so for other threads that wait for it. For
 * other processes it is exact to 20 ms (use `seep mark PID NAME` to mark all of them at one moment).
 *
 * name     ends with NUL; of a longer one the first 255 bytes count. NULL and one that cannot be read stand for "" (with seccomp=yes nobody can be
 *          asked what can be read: there it must be NULL or a string). Any bytes, but control characters are shown as '?'. Not needed after the
 *          call. The same name may be used again and again: marks of the same name are numbered when they are read (reload#1, reload#2, …)
 * Limits   1,048,576 marks in a trace; in a process at least 6,000 different names (30,000 of up to 40 bytes; a quarter of that with seccomp=yes), beyond
 *          which marks have the name "". What is beyond a limit is counted, and told by each report
 * Context  any thread, signal handlers, fork children, with seccomp=yes; takes no lock, allocates nothing, keeps errno. Costs like an allocation; a new
 *          name some hundred nanoseconds more
 */
#if defined __PIC__ || defined __PIE__

#ifdef __cplusplus
extern "C" {
#endif
void seep_mark(const char *name) __attribute__((weak));
#ifdef __cplusplus
}
#endif

#define seep_mark(name) (seep_mark ? (seep_mark)(name) : (void)0)

#else

#include <dlfcn.h>

static void (*seep_mark_found)(const char *name);

__attribute__((constructor(101), unused)) static void seep_mark_find(void) {
    *(void **)&seep_mark_found = dlsym((void *)0 /* RTLD_DEFAULT */, "seep_mark");
}

#define seep_mark(name) (seep_mark_found ? seep_mark_found(name) : (void)0)

#endif

#endif
