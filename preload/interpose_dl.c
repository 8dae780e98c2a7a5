/* interpose_dl.c - libraries that come and go: dlclose, after which addresses may mean something else; dlopen and dlsym, by which copies of OpenSSL come
 * (openssl.h). The latter two look at who calls them, so they are jumped to. */
#include <dlfcn.h>
#include <errno.h>

#include "arch.h"
#include "interpose.h"
#include "modules.h"
#include "openssl.h"
#include "real.h"
#include "source_tag.h"
#include "thread_state.h"

EXPORT int dlclose(void *handle) {
    int result = REAL(dlclose)(handle);
    int saved = errno;
    real_forget();
    source_tag_forget();
    openssl_check_gone();
    if (thread_current) {
        modules_check_gone();
    }
    errno = saved;
    return result;
}

HIDDEN void *dl_choose_dlopen(void) __attribute__((used));
HIDDEN void *dl_choose_dlsym(void) __attribute__((used));
HIDDEN void *dl_choose_dlvsym(void) __attribute__((used));

static void look(void) {
    int saved = errno;
    openssl_look();
    errno = saved;
}

void *dl_choose_dlopen(void) {
    look();
    openssl_expect();
    return (void *)REAL(dlopen);
}

void *dl_choose_dlsym(void) {
    look();
    return (void *)REAL(dlsym);
}

void *dl_choose_dlvsym(void) {
    look();
    return (void *)REAL(dlvsym);
}

ARCH_DEFINE_JUMP(dlopen, dl_choose_dlopen);
ARCH_DEFINE_JUMP(dlsym, dl_choose_dlsym);
ARCH_DEFINE_JUMP(dlvsym, dl_choose_dlvsym);
