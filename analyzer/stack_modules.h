/* stack_modules.h - which module each stack's ip was in, at its time.
 *
 * An address means different things before and after a dlclose; a stack's epoch (that of the root it descends from) tells which.
 */
#ifndef SEEP_STACK_MODULES_H
#define SEEP_STACK_MODULES_H

#include "profile.h"

/* Fill in `module` of all stacks of the profile, from its modules. */
void stack_modules_assign(struct profile *profile);

#endif
