/* surroundings.h - what the collector keeps of the surroundings of whoever started it: nothing that can be helped. */
#ifndef SEEP_COLLECTOR_SURROUNDINGS_H
#define SEEP_COLLECTOR_SURROUNDINGS_H

/* It ends when its targets have ended, never because somebody pressed Ctrl-C for them. */
void surroundings_ignore_signals(void);

/* Files opened from here on must not become somebody's standard output. */
void surroundings_fill_standard_fds(void);

/* Keep nothing of the host but the output and, if it is there, the folder that it is in (-1 = none). */
void surroundings_close_all_but(int fd, int dir_fd);

/* Leave the host's session, folder and terminal. */
void surroundings_leave(void);

/* A descriptor and some address space for each process, of which there may be many; and the host's limits are not meant for the collector. */
void surroundings_raise_limits(void);

#endif
