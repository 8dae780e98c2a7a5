/* records.c - see records.h. */
#include "records.h"

void records_free(struct records *r) {
    byte_buf_free(&r->ready);
    byte_buf_free(&r->payload);
}

void records_begin(struct records *r, enum trace_record_type type) {
    r->type = type;
    r->payload.n = 0;
}

void records_number(struct records *r, uint64_t v) {
    byte_buf_varint(&r->payload, v);
}

void records_bytes(struct records *r, const void *bytes, size_t n) {
    byte_buf_varint(&r->payload, n);
    byte_buf_append(&r->payload, bytes, n);
}

void records_string(struct records *r, const char *s) {
    records_bytes(r, s, strlen(s));
}

void records_end(struct records *r) {
    byte_buf_varint(&r->ready, (uint64_t)r->type);
    byte_buf_varint(&r->ready, r->payload.n);
    byte_buf_append(&r->ready, r->payload.bytes, r->payload.n);
}
