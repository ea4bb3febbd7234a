/* SPDX-License-Identifier: Apache-2.0 */
/* request: the words of a command as one kv_op, and what is said of its answer.
 *
 * 1. kvctl_request_new and _build: arguments are decoded into buffers that live as long as the
 *    request.
 * 2. kvctl_request_execute: the operation runs; SIGINT ends it with exit code 130.
 * 3. A status other than OK becomes one line on stderr and an exit code, kvctl_request_fail; a result
 *    is printed by the command. kvctl_run_request is all of it. */
#ifndef KVCTL_REQUEST_H
#define KVCTL_REQUEST_H

#include "client/kvctl/command.h"
#include "client/kvctl/report.h"
#include "client/kvctl/txn.h"
#include "multicast/base/limits.h"

struct kvctl_request {
    const struct kvctl_command *command;
    const struct kvctl_options *options;
    kv_op op;
    struct kv_buffer buffers[KVCTL_ARGUMENTS_MAX]; /* one for each word, or the end of a prefix */
    uint32_t buffer_count;
    kv_bytes keys[KV_COMMAND_KEYS_MAX];
    kv_bytes values[KV_COMMAND_KEYS_MAX];
    struct kvctl_txn txn;
    bool stdin_used;
};

struct kvctl_request *kvctl_request_new(const struct kvctl_command *command,
                                        const struct kvctl_options *options);
void kvctl_request_destroy(struct kvctl_request **request);

/* Read the arguments. A failure has been reported. */
enum kvctl_exit kvctl_request_build(struct kvctl_request *request);

/* Print the result of an operation that ended well, or that has a verdict for each key. */
typedef enum kvctl_exit (*kvctl_print_result)(const struct kvctl_request *request, kv_status status,
                                              const kv_result *result);

/* Submit, wait, and print or report. The client is NULL afterwards if it was interrupted. */
enum kvctl_exit kvctl_request_execute(const struct kvctl_request *request, kv_client **client,
                                      kvctl_print_result print);

/* Build, connect, execute. */
enum kvctl_exit kvctl_run_request(const struct kvctl_command *command,
                                  const struct kvctl_options *options, kvctl_print_result print);

/* Report a status that has no result to print. */
enum kvctl_exit kvctl_request_fail(const struct kvctl_request *request, const kv_client *client,
                                   kv_status status, const kv_result *result);

/* The answer as JSON, with the keys that the user gave. */
json_t *kvctl_request_json(const struct kvctl_request *request, kv_status status,
                           const kv_result *result);

/* Bytes in the encoding that was asked for, on stdout. */
void kvctl_print_bytes(const struct kvctl_options *options, kv_bytes bytes);

/* Add a cell of bytes. In a table of utf8 what would break the columns is escaped. */
void kvctl_table_add_bytes(struct kvctl_table *table, const struct kvctl_options *options,
                           kv_bytes bytes);

#endif
