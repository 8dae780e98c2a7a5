/* lib_leaks_python.c - what an extension of Python's leaks by its allocators. Its functions are found in the interpreter. */
#include <stddef.h>

#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")

void *PyMem_Malloc(size_t n);
void *PyMem_RawCalloc(size_t n, size_t bytes);
void *PyObject_Malloc(size_t n);
void *PyMem_Realloc(void *p, size_t n);
void leaks_by_python(void);

__attribute__((noinline, noclone)) void leaks_by_python(void) {
    void *p = PyMem_Malloc(3000000);
    KEPT(p);
    p = PyMem_RawCalloc(10, 1000);
    KEPT(p);
    p = PyObject_Malloc(2000);
    KEPT(p);
    p = PyMem_Realloc(PyMem_Malloc(3000), 4000);
    KEPT(p);
}
