/* interpose.h - what the files of interposed functions share. */
#ifndef SEEP_INTERPOSE_H
#define SEEP_INTERPOSE_H

#include "attributes.h"

#define EXPORT __attribute__((visibility("default")))

#endif
