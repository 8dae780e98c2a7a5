/* interpose_dl.c - dlclose: addresses may mean something else afterwards. dlopen needs no hook; see modules.h. */
#include <dlfcn.h>
#include <errno.h>

#include "interpose.h"
#include "modules.h"
#include "real.h"
#include "thread_state.h"

EXPORT int dlclose(void *handle) {
    int result = REAL(dlclose)(handle);
    int saved = errno;
    real_forget();
    if (thread_current) {
        modules_check_gone();
    }
    errno = saved;
    return result;
}
