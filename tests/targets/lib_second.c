/* lib_second.c - lib_first under another name. */
#define LIB_SITE site_second
#include "lib_first.c"
