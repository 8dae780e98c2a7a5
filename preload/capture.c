/* capture.c - choosing a backend; see capture.h. */
#include "capture.h"

#include "sys.h"

const struct unwinder_ops *capture_ops = &unwinder_reuse;

void capture_choose(enum option_unwinder wanted) {
    static const struct unwinder_ops *const backends[] = {
        [OPTION_UNWINDER_REUSE] = &unwinder_reuse,
        [OPTION_UNWINDER_CFI] = &unwinder_cfi,
        [OPTION_UNWINDER_LIBUNWIND] = &unwinder_libunwind,
        [OPTION_UNWINDER_VERIFY] = &unwinder_verify,
    };
    const struct unwinder_ops *ops = backends[wanted];
    if (ops->init && ops->init() < 0) {
        sys_message("cannot load libunwind.so.8 for unwinder=", ops->name, "; using reuse (install libunwind8)", NULL);
        return;
    }
    capture_ops = ops;
}
