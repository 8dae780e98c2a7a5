/* go_rule.h - how to leave a frame of Go's code, which has no CFI in memory.
 *
 * A call of C's from Go (cgo) runs on the thread's own stack, its callers on a goroutine's; a call of Go's from C goes back from a goroutine's
 * stack to the thread's. Compiled Go code keeps frame pointers, whose chain leads on:
 *
 *    malloc <- C … <- runtime.asmcgocall     on the thread's stack; keeps which goroutine called it, and how deep in its stack
 *    <- runtime.cgocall <- main.f <- main.g … <- runtime.goexit      on the goroutine's; the outermost fp is 0
 *                    … <- main.f <- … <- runtime.cgocallback <- crosscall2 <- C …      its frame is on the thread's stack again
 *
 * While C is called, its goroutine's stack stays where it is (runtime/stack.go, isShrinkStackSafe), but for a C function that calls Go, which may need a larger
 * one: then the fp that C preserves leads to where the stack was. So behind runtime.asmcgocall fp must lie right above the place that asmcgocall itself
 * will return to, or is taken to lie as far above it as in other calls. Elsewhere the chain goes upwards, except through runtime.systemstack, whose caller waits. runtime.mcall and runtime.morestack leave
 * their caller, which another thread may be running by now: there the stack ends.
 *
 * The chain says nothing of C's callers of Go, C keeps no frame pointers; but assembly that C calls returns in a straight line, which can be
 * read: instructions that load registers from the stack, move the stack pointer, and return.
 *
 * Source: runtime/asm_amd64.s, runtime/cgo/asm_amd64.s and gcc_amd64.S, cmd/internal/obj/x86/obj6.go (frame pointers) of Go 1.19; since 1.21 the runtime
 * walks the same chain itself (runtime/tracefpunwindoff.go). Rejected: .gopclntab, whose layout changes with versions.
 */
#ifndef SEEP_GO_RULE_H
#define SEEP_GO_RULE_H

#include <stdint.h>

/* The rule (cfi.h) for return address ip in code without CFI of a module with Go in it, the pages of which that can be read are [start, end). */
uint32_t go_rule(uint64_t ip, uint64_t start, uint64_t end);

#endif
