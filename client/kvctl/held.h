/* SPDX-License-Identifier: Apache-2.0 */
/* held: what commands about locks and sessions have in common: above all, a command that runs while kvctl renews one for it. */
#ifndef KVCTL_HELD_H
#define KVCTL_HELD_H

#include "client/kvctl/options.h"
#include "client/kvctl/report.h"

#define KVCTL_TOKEN_BYTES_MAX 32

/* As in 1732700000000.1 */
void kvctl_token_text(kv_token token, char text[KVCTL_TOKEN_BYTES_MAX]);

/* Run words (ending with NULL) with the token in the environment; `variable`: its name there, `name`: "lock" or "session", for
 * what is told when it is lost. Returns the command's exit code, as a shell would tell it. */
int kvctl_run_held(const struct kvctl_options *options, kv_client *client, const char *name,
                   const char *variable, kv_token token, const char *const *words);

/* Print rows to stdout in the form of -o: the table, or the list of the same. Takes both. */
void kvctl_print_rows(const struct kvctl_options *options, struct kvctl_table *table, json_t *list);

/* Ask a question and print its answer; `name`: of the command, for what is told of a failure. */
enum kvctl_exit kvctl_ask(const struct kvctl_options *options, const kv_op *op, const char *name,
                          void (*print)(const struct kvctl_options *options,
                                        const kv_result *result));

#endif
