/* resume.h - go on with a trace whose collector was killed (seep-collect --resume).
 *
 * If all processes are dead, the trace is completed at once; nothing that it is made from is touched before that, so it can be tried again
 * where there was no room. If some are alive, a process in the background goes on as a collector does, and what had gathered in the
 * rings is in the trace when the one that was started ends.
 */
#ifndef SEEP_COLLECTOR_RESUME_H
#define SEEP_COLLECTOR_RESUME_H

#include "options.h"

/* Returns the exit status: 0 done, or going on in the background; 2 it cannot be resumed, and a line on stderr has said why. */
int resume_run(const struct options *o);

#endif
