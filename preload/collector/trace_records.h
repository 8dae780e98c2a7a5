/* trace_records.h - build RECORDS: type, length, payload (include/FORMAT.md).
 *
 * Records wait here until the next file block is due: they stand in the file before the EVENTS block that may need them.
 */
#ifndef SEEP_COLLECTOR_TRACE_RECORDS_H
#define SEEP_COLLECTOR_TRACE_RECORDS_H

#include <stdint.h>

#include "memory.h"
#include "trace_format.h"

struct trace_records {
    struct byte_buf ready; /* whole records */
    struct byte_buf payload;
    enum trace_record_type type; /* of the one being built */
};

void trace_records_free(struct trace_records *r);

/* Build one record: begin, then its fields in order, then end. */
void trace_records_begin(struct trace_records *r, enum trace_record_type type);
void trace_records_number(struct trace_records *r, uint64_t v);
void trace_records_bytes(struct trace_records *r, const void *bytes, size_t n);
void trace_records_string(struct trace_records *r, const char *s);
void trace_records_end(struct trace_records *r);

#endif
