/* plugins.c - plugins opened and closed again, each with functions that nothing else defines. What a tracer does to find those must neither wait for the
 * loader, nor go by what it found in a plugin that is gone, nor take the program's dlerror() away.
 *
 * usage: plugins PLUGIN… */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL);
        void (*allocate)(void);
        if (!plugin) {
            puts(dlerror());
            return 1;
        }
        *(void **)&allocate = dlsym(plugin, "plugin_allocate");
        if (dlopen("./there-is-no-such-plugin.so", RTLD_NOW)) {
            return 2;
        }
        allocate();
        puts(dlerror() ? "dlerror is told" : "dlerror is lost");
        dlclose(plugin);
    }
    return 0;
}
