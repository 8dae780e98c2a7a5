/* openssl_sums.h - where objects of a type are made, and by whom: noted for each stack, added up by sorting.
 *
 * openssl_objects -> [openssl_sums] -> report. Stacks are many, places and makers mostly few: what has been noted is added up whenever it has doubled, which takes n log n
 * where a search for each stack takes n^2.
 */
#ifndef SEEP_OPENSSL_SUMS_H
#define SEEP_OPENSSL_SUMS_H

#include "openssl_objects.h"

/* Note one. Memory: the type's */
void openssl_type_add_place(struct openssl_type *type, const struct openssl_place *place);
void openssl_type_add_maker(struct openssl_type *type, const struct openssl_maker *maker);

/* Leave each place and each maker once, most created and most alive first; of equal ones lines and addresses in order. */
void openssl_type_finish(struct openssl_type *type);

#endif
