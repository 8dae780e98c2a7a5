/* resume.h - traces whose collector was killed: have another one go on before they are read. */
#ifndef SEEP_RESUME_H
#define SEEP_RESUME_H

/* If a killed collector has left something beside the trace that is not in it yet, say so in one line on stderr and run seep-collect --resume.
 * When this returns, all that the hooks had finished is in the trace, or another line has said why not. Else nothing happens, at the cost of
 * one stat(). */
void resume_abandoned(const char *path);

#endif
