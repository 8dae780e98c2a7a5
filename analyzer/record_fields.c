/* record_fields.c - see record_fields.h. */
#include "record_fields.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

uint32_t record_u32(struct byte_reader *in) {
    uint64_t v = varint_get(in);
    if (v > UINT32_MAX) {
        in->is_failed = true;
        return 0;
    }
    return (uint32_t)v;
}

uint64_t record_ns(struct byte_reader *in) {
    uint64_t v = varint_get(in);
    if (v > INT64_MAX) {
        in->is_failed = true;
        return 0;
    }
    return v;
}

char *record_string(struct byte_reader *in) {
    uint64_t n = varint_get(in);
    const uint8_t *bytes = byte_reader_take(in, n);
    return bytes ? xstrndup((const char *)bytes, (size_t)n) : NULL;
}

char *record_strings(struct byte_reader *in) {
    uint64_t n = varint_get(in);
    char *text = xalloc(byte_reader_left(in) + 1); /* each string has a length byte in front: room for its space */
    size_t used = 0;
    for (uint64_t i = 0; i < n && !in->is_failed; i++) {
        uint64_t n_bytes = varint_get(in);
        const uint8_t *bytes = byte_reader_take(in, n_bytes);
        if (bytes) {
            if (i) {
                text[used++] = ' ';
            }
            memcpy(text + used, bytes, n_bytes);
            used += n_bytes;
        }
    }
    text[used] = '\0';
    if (in->is_failed) {
        free(text);
        return NULL;
    }
    return text;
}
