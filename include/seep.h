/* seep.h - what a program may tell seep about itself; C and C++. Nothing needs to be linked for it, and nothing happens without seep.
 *
 *   #include <seep.h>
 *   reload_configuration();
 *   seep_mark("reload");
 *
 * libseep.so, which `seep run` preloads, exports the function. Here it is a weak symbol, which is NULL in a program that is not traced: the macro of the
 * same name then does nothing. So it does in executables of every kind (PIE or not) and in shared libraries, with gcc and clang. Not in a program that is linked
 * statically: it cannot be traced, and the macro does nothing there.
 *
 * Other languages call it as a plain C function, if it is there:
 *
 *   Python   getattr(ctypes.CDLL(None), "seep_mark", lambda name: None)(b"reload")
 *   Rust     dlsym(RTLD_DEFAULT, "seep_mark") as Option<extern "C" fn(*const c_char)>
 *   Java     Linker.nativeLinker().defaultLookup().find("seep_mark"), of type FunctionDescriptor.ofVoid(ADDRESS)
 */
#ifndef SEEP_H
#define SEEP_H

#ifdef __cplusplus
extern "C" {
#endif

/* Mark this moment in the trace, of which there is one for all processes of a tree. Exact among the events of the calling process: what a thread has
 * allocated and freed before it called stands before the mark, what it does afterwards stands behind it, and so for other threads that wait for it. For
 * other processes it is exact to 20 ms (use `seep mark PID NAME` to mark all of them at one moment).
 *
 * name     ends with NUL; of a longer one the first 255 bytes count. NULL and one that cannot be read stand for "". Any bytes, but what is shown
 *          of control characters is an escape. Not needed after the call. The same name may be used again and again: marks of the same name are
 *          numbered when they are read (reload#1, reload#2, …)
 * Limits   1,048,576 marks in a trace; 8 to 16 MiB of different names in a process, of which a quarter is for marks: beyond it they are "". What is
 *          beyond a limit is counted, and told by each report
 * Context  any thread, signal handlers, fork children, with seccomp=yes; takes no lock, allocates nothing, keeps errno. Costs like an allocation; a new
 *          name some hundred nanoseconds more
 */
void seep_mark(const char *name) __attribute__((weak));

#ifdef __cplusplus
}
#endif

/* (seep_mark)(name), in parentheses, is the function itself. */
#define seep_mark(name) (seep_mark ? (seep_mark)(name) : (void)0)

#endif
