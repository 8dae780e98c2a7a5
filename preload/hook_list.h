/* hook_list.h - every function that the shim interposes, once. The enum of real.h, the export map, the lint and the tests are made
 * from this list; an entry needs a definition in an interpose_*.c and nothing else.
 *
 * vfree and reallocf of other systems are not here: no libc of Linux has them, and a library may have functions of its own by such names,
 * which an exported one of ours would take over.
 *
 * malloc_usable_size is not here: it asks, it changes nothing, and reaches the real one by itself.
 */
#ifndef SEEP_HOOK_LIST_H
#define SEEP_HOOK_LIST_H

/* clang-format off */
#define HOOK_LIST(X) \
    /* C; looked up first, malloc to pvalloc at once */ \
    X(malloc) \
    X(free) \
    X(calloc) \
    X(realloc) \
    X(posix_memalign) \
    X(aligned_alloc) \
    X(memalign) \
    X(valloc) \
    X(pvalloc) \
    X(reallocarray) \
    X(cfree) \
    X(free_sized) \
    X(free_aligned_sized) \
    /* C++ operator new: plain, array, nothrow, aligned */ \
    X(_Znwm) \
    X(_Znam) \
    X(_ZnwmRKSt9nothrow_t) \
    X(_ZnamRKSt9nothrow_t) \
    X(_ZnwmSt11align_val_t) \
    X(_ZnamSt11align_val_t) \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t) \
    X(_ZnamSt11align_val_tRKSt9nothrow_t) \
    /* C++ operator delete: plain, sized, nothrow, aligned */ \
    X(_ZdlPv) \
    X(_ZdaPv) \
    X(_ZdlPvm) \
    X(_ZdaPvm) \
    X(_ZdlPvRKSt9nothrow_t) \
    X(_ZdaPvRKSt9nothrow_t) \
    X(_ZdlPvSt11align_val_t) \
    X(_ZdaPvSt11align_val_t) \
    X(_ZdlPvmSt11align_val_t) \
    X(_ZdaPvmSt11align_val_t) \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t) \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t) \
    /* jemalloc's own */ \
    X(mallocx) \
    X(rallocx) \
    X(xallocx) \
    X(dallocx) \
    X(sdallocx) \
    /* tcmalloc's own */ \
    X(tc_malloc) \
    X(tc_malloc_skip_new_handler) \
    X(tc_free) \
    X(tc_free_sized) \
    X(tc_cfree) \
    X(tc_calloc) \
    X(tc_realloc) \
    X(tc_memalign) \
    X(tc_posix_memalign) \
    X(tc_valloc) \
    X(tc_pvalloc) \
    X(tc_new) \
    X(tc_newarray) \
    X(tc_new_nothrow) \
    X(tc_newarray_nothrow) \
    X(tc_new_aligned) \
    X(tc_newarray_aligned) \
    X(tc_delete) \
    X(tc_deletearray) \
    X(tc_delete_sized) \
    X(tc_deletearray_sized) \
    X(tc_delete_nothrow) \
    X(tc_deletearray_nothrow) \
    X(tc_delete_aligned) \
    X(tc_deletearray_aligned) \
    /* mimalloc's own; not mi_heap_*: a heap may be destroyed with all its blocks in one call */ \
    X(mi_malloc) \
    X(mi_malloc_small) \
    X(mi_zalloc) \
    X(mi_zalloc_small) \
    X(mi_calloc) \
    X(mi_mallocn) \
    X(mi_realloc) \
    X(mi_reallocn) \
    X(mi_reallocf) \
    X(mi_rezalloc) \
    X(mi_recalloc) \
    X(mi_malloc_aligned) \
    X(mi_malloc_aligned_at) \
    X(mi_zalloc_aligned) \
    X(mi_zalloc_aligned_at) \
    X(mi_calloc_aligned) \
    X(mi_realloc_aligned) \
    X(mi_strdup) \
    X(mi_strndup) \
    X(mi_free) \
    X(mi_free_size) \
    X(mi_free_aligned) \
    X(mi_free_size_aligned) \
    X(mi_cfree) \
    X(mi_posix_memalign) \
    X(mi_memalign) \
    X(mi_valloc) \
    X(mi_pvalloc) \
    X(mi_aligned_alloc) \
    X(mi_reallocarray) \
    X(mi_new) \
    X(mi_new_n) \
    X(mi_new_nothrow) \
    X(mi_new_aligned) \
    X(mi_new_aligned_nothrow) \
    X(mi_new_realloc) \
    /* OpenSSL's: who allocates for it */ \
    X(CRYPTO_set_mem_functions) \
    X(CRYPTO_get_mem_functions) \
    /* not allocators: modules come and leave, children are made */ \
    X(dlclose) \
    X(dlopen) \
    X(dlsym) \
    X(dlvsym) \
    X(fork) \
    X(_Fork) \
    X(clone) \
    X(syscall) \
    /* programs are run */ \
    X(execve) \
    X(execv) \
    X(execvpe) \
    X(execvp) \
    X(fexecve) \
    X(execveat) \
    X(posix_spawn) \
    X(posix_spawnp) \
    X(execl) \
    X(execlp) \
    X(execle) \
    X(system) \
    X(popen) \
    /* the status of an end that exit() has no part in */ \
    X(_exit) \
    X(_Exit) \
    X(quick_exit) \
    /* the clock may be forbidden */ \
    X(prctl) \
    /* seep's own (include/seep.h) */ \
    X(seep_mark)
/* clang-format on */

#endif
