/* sites.h - where go_stress allocates in C. */
#ifndef GO_STRESS_SITES_H
#define GO_STRESS_SITES_H

#include <stddef.h>

void *site_passed(size_t n);   /* freed by another goroutine */
void *site_deep(size_t n);     /* at the end of a deep recursion, which has the goroutine's stack grow */
void *site_callback(size_t n); /* Go - C - Go - C */
void *site_told(size_t n);     /* below functions whose names the program prints */
void *site_locked(size_t n);   /* on a thread that ends with its goroutine */

/* Call goCallback(n) of Go's. Returns what that returns. */
long call_back(long n);

#endif
