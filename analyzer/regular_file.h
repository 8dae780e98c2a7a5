/* regular_file.h - open files whose names come from others. */
#ifndef SEEP_REGULAR_FILE_H
#define SEEP_REGULAR_FILE_H

/* Open for reading, if it is a regular file: a FIFO must not make us wait and a device must not be read. Returns a descriptor, or -1. */
int regular_file_open(const char *path);

#endif
