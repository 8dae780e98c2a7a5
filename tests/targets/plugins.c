/* plugins.c - plugins opened and closed again, each with functions that nothing else defines. What a tracer does to find those must neither wait for the
 * loader, nor go by what it found in a plugin that is gone, nor take the program's dlerror() away.
 *
 * usage: plugins [held] PLUGIN…
 *
 * held  use them while a callback of dl_iterate_phdr() waits for it, in another thread and in its child */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plugin {
    void (*allocate)(void);
    void (*allocate_again)(void);
    int status; /* of the child */
};

static void *use(void *context) {
    struct plugin *plugin = context;
    plugin->allocate();
    pid_t child = fork();
    if (child == 0) {
        plugin->allocate_again();
        _exit(7);
    }
    waitpid(child, &plugin->status, 0);
    return NULL;
}

static int wait_for_use(struct dl_phdr_info *info, size_t size, void *plugin) {
    (void)info;
    (void)size;
    pthread_t thread;
    if (pthread_create(&thread, NULL, use, plugin) == 0) {
        pthread_join(thread, NULL);
    }
    return 1;
}

int main(int argc, char **argv) {
    bool is_held = argc > 1 && strcmp(argv[1], "held") == 0;
    for (int i = 1 + is_held; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL);
        struct plugin plugin = {0};
        if (!library) {
            puts(dlerror());
            return 1;
        }
        *(void **)&plugin.allocate = dlsym(library, "plugin_allocate");
        *(void **)&plugin.allocate_again = dlsym(library, "plugin_allocate_again");
        if (dlopen("./there-is-no-such-plugin.so", RTLD_NOW)) {
            return 2;
        }
        if (is_held) {
            dl_iterate_phdr(wait_for_use, &plugin);
            printf("status of the child %d\n", WEXITSTATUS(plugin.status));
        } else {
            plugin.allocate();
        }
        puts(dlerror() ? "dlerror is told" : "dlerror is lost");
        dlclose(library);
    }
    return 0;
}
