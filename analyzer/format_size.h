/* format_size.h - figures as heaptrack_print writes them, so that eyes and scripts need not learn anew. */
#ifndef SEEP_FORMAT_SIZE_H
#define SEEP_FORMAT_SIZE_H

#include <stdint.h>

/* Holds any text that the functions below write. */
enum { FORMAT_BYTES_MAX = 32 };

/* "0B", "1000B", "1.00K", "10.49M": units of 1000, a larger unit only above 1000 of the smaller one, two digits after the
 * point except for bytes. Returns buf. */
const char *format_size(uint64_t n_bytes, char buf[FORMAT_BYTES_MAX]);

/* "12.3s", "5m10s", "3h02m", "4d07h": two units at most. Returns buf. */
const char *format_age(uint64_t ns, char buf[FORMAT_BYTES_MAX]);

/* n per second of runtime_ns, rounded down; 0 if there was no time. */
uint64_t per_second(uint64_t n, uint64_t runtime_ns);

#endif
