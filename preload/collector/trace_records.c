/* trace_records.c - see trace_records.h. */
#include "trace_records.h"

void trace_records_free(struct trace_records *r) {
    byte_buf_free(&r->ready);
    byte_buf_free(&r->payload);
}

void trace_records_begin(struct trace_records *r, enum trace_record_type type) {
    r->type = type;
    r->payload.n = 0;
}

void trace_records_number(struct trace_records *r, uint64_t v) {
    byte_buf_varint(&r->payload, v);
}

void trace_records_bytes(struct trace_records *r, const void *bytes, size_t n) {
    byte_buf_varint(&r->payload, n);
    byte_buf_append(&r->payload, bytes, n);
}

void trace_records_string(struct trace_records *r, const char *s) {
    trace_records_bytes(r, s, strlen(s));
}

void trace_records_end(struct trace_records *r) {
    byte_buf_varint(&r->ready, (uint64_t)r->type);
    byte_buf_varint(&r->ready, r->payload.n);
    byte_buf_append(&r->ready, r->payload.bytes, r->payload.n);
}
