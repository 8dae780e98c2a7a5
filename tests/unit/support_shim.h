/* support_shim.h - what the shim's modules need around them in a unit test: a ring of their own and a lifecycle that is on. */
#ifndef SEEP_TESTS_SUPPORT_SHIM_H
#define SEEP_TESTS_SUPPORT_SHIM_H

/* Make a ring in the temporary directory, unlinked at once. Ends the test if that fails. */
void support_make_ring(void);

#endif
