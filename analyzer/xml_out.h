/* xml_out.h - text in XML 1.0, whatever bytes it has.
 *
 * Only names and text are made here, a writer knows its own elements. libxml2 would be one more library that each machine with seep needs, for
 * forty lines.
 */
#ifndef SEEP_XML_OUT_H
#define SEEP_XML_OUT_H

#include <stdio.h>

/* Write s as text or within an attribute's quotes. What XML 1.0 does not allow (control characters, U+FFFE, U+FFFF) and what is no UTF-8 becomes U+FFFD;
 * line breaks and tabs are written by their numbers in attributes, else they would be read as blanks. */
void xml_put_text(FILE *f, const char *s);
void xml_put_value(FILE *f, const char *s);

/* Write name="s" with a blank before it. */
void xml_put_attribute(FILE *f, const char *name, const char *s);

#endif
