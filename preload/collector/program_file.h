/* program_file.h - what of a program's file keeps a preloaded library out of it. The file may be anybody's: nothing in it is trusted. */
#ifndef SEEP_COLLECTOR_PROGRAM_FILE_H
#define SEEP_COLLECTOR_PROGRAM_FILE_H

/* Returns why, a static string, or NULL where the file is not there, is none of a program (a script), or says nothing. */
const char *program_file_obstacle(const char *path);

#endif
