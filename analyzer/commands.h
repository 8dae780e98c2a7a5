/* commands.h - the commands of `seep`, one file each; main.c finds them by name.
 *
 * argv[0] is the command's name ("report"), so getopt_long works as in a program of its own. Each prints its own --help
 * and returns the exit status of seep (enum seep_exit, or the command's for `run`).
 */
#ifndef SEEP_COMMANDS_H
#define SEEP_COMMANDS_H

int run_main(int argc, char **argv);
int report_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int info_main(int argc, char **argv);
int suppress_main(int argc, char **argv);
int mark_main(int argc, char **argv);
int gate_main(int argc, char **argv);
int doctor_main(int argc, char **argv);

#endif
