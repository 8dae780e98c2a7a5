/* kept_infos.h - the infos of a trace as the replay leaves them, for who sums up a part of them; see selection.h. */
#ifndef SEEP_KEPT_INFOS_H
#define SEEP_KEPT_INFOS_H

#include "moments.h"
#include "profile.h"
#include "records.h"
#include "replay.h"

/* Fill in profile->kept_infos. Context: costs have been given out */
void kept_infos_build(struct profile *p, const struct replay *r, const struct moments *m, const struct records *records);

#endif
