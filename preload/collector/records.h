/* records.h - build RECORDS: type, length, payload (include/FORMAT.md).
 *
 * Records wait here until the next file block is due: they stand in the file before the EVENTS block that may need them.
 */
#ifndef SEEP_COLLECTOR_RECORDS_H
#define SEEP_COLLECTOR_RECORDS_H

#include <stdint.h>

#include "memory.h"
#include "trace_format.h"

struct records {
    struct byte_buf ready; /* whole records */
    struct byte_buf payload;
    enum trace_record_type type; /* of the one being built */
};

void records_free(struct records *r);

/* Build one record: begin, then its fields in order, then end. */
void records_begin(struct records *r, enum trace_record_type type);
void records_number(struct records *r, uint64_t v);
void records_bytes(struct records *r, const void *bytes, size_t n);
void records_string(struct records *r, const char *s);
void records_end(struct records *r);

#endif
