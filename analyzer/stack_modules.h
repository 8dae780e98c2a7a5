/* stack_modules.h - which module each stack's ip was in, at its time.
 *
 * An address means different things in different processes, and before and after a dlclose; the root that a stack descends from tells which.
 */
#ifndef SEEP_STACK_MODULES_H
#define SEEP_STACK_MODULES_H

#include "profile.h"

/* Fill in `module` of all stacks of the profile, from its modules. */
void stack_modules_assign(struct profile *profile);

#endif
