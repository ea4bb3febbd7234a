/* SPDX-License-Identifier: Apache-2.0 */
/* operation_internal: what the files that read requests share. */
#ifndef KVCTL_OPERATION_INTERNAL_H
#define KVCTL_OPERATION_INTERNAL_H

#include <stdio.h>

#include "client/kvctl/operation.h"

/* snprintf into error; evaluates to false. */
#define REFUSE(operation, ...)                                                                     \
    (snprintf((operation)->error, sizeof((operation)->error), __VA_ARGS__), false)

/* A string or {"hex": "..."}. Decoded bytes go behind operation->bytes, which has been made
 * large enough for all of them, so that it does not move. */
bool operation_bytes(struct kvctl_operation *operation, const char *field, const json_t *json,
                     kv_bytes *ret);

/* A JSON integer, or a string for those who have only doubles. */
bool operation_integer(struct kvctl_operation *operation, const char *field, const json_t *json,
                       int64_t min, int64_t max, int64_t *ret);

/* operation_txn.c: the guards and steps of a transaction, into operation->txn and op. */
bool operation_txn(struct kvctl_operation *operation);

#endif
