/* record_fields.h - the fields of a record's payload. Where one is not there, or is not what it can be, the reader fails. */
#ifndef SEEP_RECORD_FIELDS_H
#define SEEP_RECORD_FIELDS_H

#include <stdint.h>

#include "varint.h"

uint32_t record_u32(struct byte_reader *in);

/* A time. Those that would not fit in a sum with others are not believed. */
uint64_t record_ns(struct byte_reader *in);

/* A string; NULL where the payload has failed. Memory: the caller frees it */
char *record_string(struct byte_reader *in);

/* A number of strings and these, with a space in between; NULL if they are not there. Memory: as above */
char *record_strings(struct byte_reader *in);

#endif
