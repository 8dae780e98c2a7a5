/* attributes.h - the few compiler attributes that seep's code uses, named once. */
#ifndef SEEP_ATTRIBUTES_H
#define SEEP_ATTRIBUTES_H

#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define COLD          __attribute__((cold, noinline))
#define NOINLINE      __attribute__((noinline))
/* Of a variable declared here and defined elsewhere in the same library: reached directly, not through a table. */
#define HIDDEN                  __attribute__((visibility("hidden")))
#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#endif
