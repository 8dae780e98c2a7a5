/* lib_opens_plugin.c - a library whose constructor opens a plugin, uses it and closes it again, before the program's own code runs. Nothing can
 * be called any more where the plugin was. */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>

__attribute__((constructor)) static void start(void) {
    enum { PAGE_BYTES = 4096 };
    void *plugin = dlopen("./plugin1.so", RTLD_NOW | RTLD_GLOBAL);
    void (*allocate)(void);
    *(void **)&allocate = plugin ? dlsym(plugin, "plugin_allocate") : 0;
    if (allocate) {
        allocate();
        dlclose(plugin);
        mmap((void *)((uintptr_t)allocate & ~(uintptr_t)(PAGE_BYTES - 1)), PAGE_BYTES, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
}
