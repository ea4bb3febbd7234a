/* SPDX-License-Identifier: Apache-2.0 */
/* command: the table of commands, and what is made from it: dispatch, help, completion. */
#ifndef KVCTL_COMMAND_H
#define KVCTL_COMMAND_H

#include <stdio.h>

#include "client/kvctl/options.h"

struct kvctl_command {
    const char *name;      /* one or two words: "get", "cluster start" */
    const char *arguments; /* for the synopsis: "KEY VALUE" */
    uint32_t arguments_min, arguments_max;
    uint64_t options; /* set of the options it knows, beside those that all know */
    int detail;       /* for commands that share a function */
    enum kvctl_exit (*run)(const struct kvctl_command *command,
                           const struct kvctl_options *options);
    const char *summary; /* one line */
    const char *text;    /* paragraphs and examples */
};

/* The first word behind the name of the command, and how many there are. */
struct kvctl_arguments {
    const char *const *words;
    uint32_t count;
};
struct kvctl_arguments kvctl_arguments_of(const struct kvctl_command *command,
                                          const struct kvctl_options *options);

/* All commands, in the order of the help text. */
const struct kvctl_command *kvctl_commands(uint32_t *ret_count);

/* The command that the first words name. NULL if there is none. */
const struct kvctl_command *kvctl_command_find(const char *const *words, uint32_t count);

/* Options that every command knows. */
#define KVCTL_OPTIONS_ALL                                                                          \
    (KVCTL_BIT(OUTPUT) | KVCTL_BIT(QUIET) | KVCTL_BIT(VERBOSE) | KVCTL_BIT(HELP))

/* The whole of kvctl behind main: parse, check, run. */
enum kvctl_exit kvctl_main(int argc, char *const *argv);

/* help.c */
void kvctl_help_all(FILE *file);
void kvctl_help_command(const struct kvctl_command *command, FILE *file);
void kvctl_completion_bash(FILE *file);

/* The functions of the table; detail is a kv_op_code for data, else nothing or an act. */
enum kvctl_exit kvctl_run_data(const struct kvctl_command *command,
                               const struct kvctl_options *options);
enum kvctl_exit kvctl_run_pipe(const struct kvctl_command *command,
                               const struct kvctl_options *options);
enum kvctl_exit kvctl_run_status(const struct kvctl_command *command,
                                 const struct kvctl_options *options);
enum kvctl_exit kvctl_run_txn(const struct kvctl_command *command,
                              const struct kvctl_options *options);
enum kvctl_exit kvctl_run_watch(const struct kvctl_command *command,
                                const struct kvctl_options *options);
enum kvctl_exit kvctl_run_where(const struct kvctl_command *command,
                                const struct kvctl_options *options);
enum kvctl_exit kvctl_run_move(const struct kvctl_command *command,
                               const struct kvctl_options *options);
enum kvctl_exit kvctl_run_partition_list(const struct kvctl_command *command,
                                         const struct kvctl_options *options);
enum kvctl_exit kvctl_run_partition_history(const struct kvctl_command *command,
                                            const struct kvctl_options *options);
enum kvctl_exit kvctl_run_lock(const struct kvctl_command *command,
                               const struct kvctl_options *options);
enum kvctl_exit kvctl_run_unlock(const struct kvctl_command *command,
                                 const struct kvctl_options *options);
enum kvctl_exit kvctl_run_session_open(const struct kvctl_command *command,
                                       const struct kvctl_options *options);
enum kvctl_exit kvctl_run_session_list(const struct kvctl_command *command,
                                       const struct kvctl_options *options);
enum kvctl_exit kvctl_run_session_end(const struct kvctl_command *command,
                                      const struct kvctl_options *options);
enum kvctl_exit kvctl_run_locks(const struct kvctl_command *command,
                                const struct kvctl_options *options);
enum kvctl_exit kvctl_run_checkpoint(const struct kvctl_command *command,
                                     const struct kvctl_options *options);
enum kvctl_exit kvctl_run_workers(const struct kvctl_command *command,
                                  const struct kvctl_options *options);
enum kvctl_exit kvctl_run_leader_transfer(const struct kvctl_command *command,
                                          const struct kvctl_options *options);
enum kvctl_exit kvctl_run_backup(const struct kvctl_command *command,
                                 const struct kvctl_options *options);
enum kvctl_exit kvctl_run_restore(const struct kvctl_command *command,
                                  const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_start(const struct kvctl_command *command,
                                        const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_stop(const struct kvctl_command *command,
                                       const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_status(const struct kvctl_command *command,
                                         const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_restart(const struct kvctl_command *command,
                                          const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_signal(const struct kvctl_command *command,
                                         const struct kvctl_options *options);
enum kvctl_exit kvctl_run_cluster_destroy(const struct kvctl_command *command,
                                          const struct kvctl_options *options);
enum kvctl_exit kvctl_run_version(const struct kvctl_command *command,
                                  const struct kvctl_options *options);
enum kvctl_exit kvctl_run_help(const struct kvctl_command *command,
                               const struct kvctl_options *options);
enum kvctl_exit kvctl_run_completion(const struct kvctl_command *command,
                                     const struct kvctl_options *options);

#endif
