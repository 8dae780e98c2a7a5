/* json_out.h - JSON, streamed: a thin layer over yajl_gen that cannot produce an invalid document from odd strings.
 *
 * Nothing is kept in memory but a small buffer, so a report of a million sites costs no more than one of ten. Strings come
 * from traced programs and need not be UTF-8: each invalid byte becomes U+FFFD. Whatever goes wrong is remembered and told
 * once, by json_close().
 */
#ifndef SEEP_JSON_OUT_H
#define SEEP_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "attributes.h"

struct json_out;

/* Start a document on f.
 * Memory   json_close() frees it; f stays open and the caller's */
struct json_out *json_open(FILE *f) MUST_CHECK;

void json_object_begin(struct json_out *j);
void json_object_end(struct json_out *j);
void json_array_begin(struct json_out *j);
void json_array_end(struct json_out *j);
void json_key(struct json_out *j, const char *key);

void json_string(struct json_out *j, const char *s); /* NULL is written as null */
void json_uint(struct json_out *j, uint64_t v);
void json_int(struct json_out *j, int64_t v);
void json_double(struct json_out *j, double v); /* nine significant digits at most; null where v is not a number */
void json_bool(struct json_out *j, bool v);
void json_null(struct json_out *j);

/* A key and its value. */
void json_put_string(struct json_out *j, const char *key, const char *s);
void json_put_uint(struct json_out *j, const char *key, uint64_t v);
void json_put_known(struct json_out *j, const char *key, uint64_t v, bool is_known); /* null unless it is */
void json_put_double(struct json_out *j, const char *key, double v);
void json_put_bool(struct json_out *j, const char *key, bool v);

/* Finish the document: newline, flush, free.
 * Returns  0, or -1 if anything could not be written or the calls did not make up one document */
MUST_CHECK int json_close(struct json_out *j);

#endif
