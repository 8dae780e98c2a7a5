/* report_openssl.h - OpenSSL's objects in the two reports. */
#ifndef SEEP_REPORT_OPENSSL_H
#define SEEP_REPORT_OPENSSL_H

#include <stdio.h>

#include "json_out.h"
#include "report.h"

/* Write the section OPENSSL OBJECTS; nothing where OpenSSL has not been met. */
void report_openssl_text(FILE *f, const struct report *report);

/* Behind a leak's other lines: which objects are among its blocks. */
void report_openssl_text_site(FILE *f, const struct report *report, const struct site *site);

/* Write the key "openssl". */
void report_openssl_json(struct json_out *j, const struct report *report);

/* And "openssl_objects" of a site. */
void report_openssl_json_site(struct json_out *j, const struct report *report, const struct site *site);

#endif
