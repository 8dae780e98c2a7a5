/* report.h - what both renderings of a report are made from. */
#ifndef SEEP_REPORT_H
#define SEEP_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "growth.h"
#include "openssl_objects.h"
#include "profile.h"
#include "selection.h"
#include "sites.h"
#include "suppressions.h"
#include "symbolize.h"

struct report {
    const struct profile *profile;
    const struct sites *sites[SITE_N_ORDERS]; /* by order; in JSON only that of the document's */
    const struct openssl_objects *openssl;
    const struct selection_options *selection; /* NULL = everything */
    const struct growth *growth;               /* NULL = not asked for; in text only */
    const struct suppressions *suppressions;
    struct symbolizer *symbolizer;
    size_t top;            /* sites of a section, or of the whole JSON document */
    size_t stacks;         /* stacks of a site */
    enum site_order order; /* of the JSON document's sites; in text its section comes first. By default that of calls */
};

#endif
