/* SPDX-License-Identifier: Apache-2.0 */
/* kv_operation: checks operations before anything is sent, submits them, and waits for them.
 *
 * What is beyond a limit is refused here with its numbers, not by the cluster: the limits in force
 * are the cluster's own as soon as a node has told them. */
#include <stdio.h>

#include "client/lib/kv_internal.h"

/* Bytes that the encoding of a command takes beside its keys and values, at most: a head and one
 * per item. */
#define KV_COMMAND_HEAD_BYTES 64
#define KV_COMMAND_ITEM_BYTES 8

static kv_slice kv_slice_of_bytes(kv_bytes bytes)
{
    return kv_slice_of(bytes.data, bytes.size);
}

static kv_status kv_check_bytes(kv_client *client, kv_bytes bytes, const char *what, size_t min,
                                size_t max)
{
    if (bytes.size < min || (bytes.size > 0 && bytes.data == NULL)) {
        kv_set_error(client, "a %s is missing", what);
        return KV_INVALID;
    }
    if (bytes.size > max) {
        kv_set_error(client, "a %s has %zu bytes, at most %zu are allowed", what, bytes.size, max);
        return KV_TOO_LARGE;
    }
    return KV_OK;
}

static kv_status kv_add_key(kv_client *client, kv_bytes key)
{
    const size_t min = client->command.op == WIRE_OP_SCAN ? 0 : 1; /* its bounds may be open */
    const kv_status status =
        kv_check_bytes(client, key, "key", min, client_limits(client->core).key_bytes_max);
    if (status == KV_OK) {
        client->command.keys[client->command.key_count++] = kv_slice_of_bytes(key);
    }
    return status;
}

static kv_status kv_add_value(kv_client *client, kv_bytes value)
{
    const kv_status status =
        kv_check_bytes(client, value, "value", 0, client_limits(client->core).value_bytes_max);
    if (status == KV_OK) {
        client->command.values[client->command.value_count++] = kv_slice_of_bytes(value);
    }
    return status;
}

static kv_status kv_add_many(kv_client *client, const kv_op *op, bool values)
{
    const uint32_t max = client_limits(client->core).command_keys_max;
    if (op->count == 0 || op->keys == NULL || (values && op->values == NULL)) {
        kv_set_error(client, "keys or values are missing");
        return KV_INVALID;
    }
    if (op->count > max) {
        kv_set_error(client, "the command has %u keys, at most %u are allowed", op->count, max);
        return KV_TOO_LARGE;
    }
    kv_status status = KV_OK;
    for (uint32_t i = 0; i < op->count && status == KV_OK; i++) {
        status = kv_add_key(client, op->keys[i]);
        if (status == KV_OK && values) {
            status = kv_add_value(client, op->values[i]);
        }
    }
    return status;
}

static kv_status kv_add_scan(kv_client *client, const kv_op *op)
{
    client->command.limit =
        op->limit == 0 || op->limit > KV_SCAN_ROWS_MAX ? KV_SCAN_ROWS_MAX : op->limit;
    const kv_status status = kv_add_key(client, op->from);
    return status != KV_OK ? status : kv_add_key(client, op->to);
}

/* The operation on one key with up to two values. */
static kv_status kv_add_one(kv_client *client, const kv_op *op)
{
    kv_status status = kv_add_key(client, op->key);
    if (status == KV_OK && op->code == KV_OP_CAS) {
        status = kv_add_value(client, op->expect);
    }
    const bool has_value = op->code == KV_OP_PUT || op->code == KV_OP_PUT_IF_ABSENT ||
                           op->code == KV_OP_CAS || op->code == KV_OP_APPEND;
    if (status == KV_OK && has_value) {
        status = kv_add_value(client, op->value);
    }
    client->command.number = op->code == KV_OP_INCR ? op->number : 0;
    return status;
}

static kv_status kv_read_op(kv_client *client, const kv_op *op)
{
    static const enum wire_op ops[] = {
        [KV_OP_GET] = WIRE_OP_GET,       [KV_OP_PUT] = WIRE_OP_PUT,
        [KV_OP_DELETE] = WIRE_OP_DELETE, [KV_OP_PUT_IF_ABSENT] = WIRE_OP_PUT_IF_ABSENT,
        [KV_OP_CAS] = WIRE_OP_CAS,       [KV_OP_INCR] = WIRE_OP_INCR,
        [KV_OP_APPEND] = WIRE_OP_APPEND, [KV_OP_MGET] = WIRE_OP_MGET,
        [KV_OP_MPUT] = WIRE_OP_MPUT,     [KV_OP_SCAN] = WIRE_OP_SCAN,
    };
    struct wire_command *command = &client->command;
    if ((unsigned)op->code < KV_OP_GET || (unsigned)op->code > KV_OP_SCAN) {
        kv_set_error(client, "there is no operation %d", (int)op->code);
        return KV_INVALID;
    }
    wire_command_begin(command, ops[op->code]);
    switch (op->code) {
    case KV_OP_GET:
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_DELETE:
    case KV_OP_CAS:
    case KV_OP_INCR:
    case KV_OP_APPEND:
        return kv_add_one(client, op);
    case KV_OP_MGET:
        return kv_add_many(client, op, false);
    case KV_OP_MPUT:
        return kv_add_many(client, op, true);
    case KV_OP_SCAN:
        return kv_add_scan(client, op);
    }
    return KV_INVALID;
}

static kv_status kv_check_total(kv_client *client)
{
    const struct wire_command *command = &client->command;
    size_t size = KV_COMMAND_HEAD_BYTES;
    for (uint32_t i = 0; i < command->key_count; i++) {
        size += KV_COMMAND_ITEM_BYTES + command->keys[i].size;
    }
    for (uint32_t i = 0; i < command->value_count; i++) {
        size += KV_COMMAND_ITEM_BYTES + command->values[i].size;
    }
    if (size > KV_BODY_BYTES_MAX) {
        kv_set_error(client, "the command has %zu bytes, at most %d are allowed", size,
                     KV_BODY_BYTES_MAX);
        return KV_TOO_LARGE;
    }
    return KV_OK;
}

static struct kv_call *kv_call_new(kv_client *client, kv_done done, void *context)
{
    struct kv_call *call = client->free_calls;
    if (call == NULL) {
        call = kv_alloc(sizeof *call);
    } else {
        client->free_calls = call->next;
    }
    *call = (struct kv_call){.done = done, .context = context};
    return call;
}

/* What a submission that the core did not take means to the caller. */
static kv_status kv_not_taken(kv_client *client, enum status status)
{
    if (status == STATUS_FULL) {
        kv_set_error(client, "%u operations are in flight", client_outstanding(client->core));
        return KV_BUSY;
    }
    if (status == STATUS_INVALID) { /* no operation of kv_op can be: it names no partition */
        kv_set_error(client, "there is no such partition");
        return KV_INVALID;
    }
    if (status == STATUS_TOO_LARGE) {
        kv_set_error(client, "the command leaves no room for the partitions of its keys");
        return KV_TOO_LARGE;
    }
    kv_set_error(client, "the client was closed");
    return KV_CLOSED;
}

kv_status kv_submit(kv_client *client, const kv_op *op, kv_done done, void *context)
{
    if (client == NULL || op == NULL) {
        return KV_INVALID;
    }
    kv_status checked = kv_read_op(client, op);
    if (checked == KV_OK) {
        checked = kv_check_total(client);
    }
    if (checked != KV_OK) {
        return checked;
    }
    const kv_instant now = kv_now();
    struct kv_call *call = kv_call_new(client, done, context);
    const struct client_event event = {
        .kind = CLIENT_EVENT_SUBMIT,
        .now = now,
        .submit = {.command = &client->command,
                   .deadline = op->deadline_us != 0
                                   ? (kv_instant){op->deadline_us}
                                   : kv_instant_add(now, client->timeout_ms * 1000),
                   .stale_ok = op->stale_ok,
                   .context = call},
    };
    const enum status status = client_step(client->core, &event, &client->effects);
    if (status != STATUS_OK) {
        call->next = client->free_calls;
        client->free_calls = call;
        return kv_not_taken(client, status);
    }
    kv_carry_out(client);
    return KV_OK;
}

/* ---- Blocking ---- */

struct kv_waiter {
    bool done;
    bool wants_result;
    kv_status status;
    kv_result *result;
};

static void kv_on_done(void *context, kv_status status, kv_result *result)
{
    struct kv_waiter *waiter = context;
    waiter->done = true;
    waiter->status = status;
    waiter->result = waiter->wants_result ? kv_result_keep(result) : NULL;
}

kv_status kv_execute(kv_client *client, const kv_op *op, kv_result **ret)
{
    struct kv_waiter waiter = {.wants_result = ret != NULL};
    if (ret != NULL) {
        *ret = NULL;
    }
    if (client == NULL || client->in_callback) {
        return KV_INVALID;
    }
    const kv_status status = kv_submit(client, op, kv_on_done, &waiter);
    if (status != KV_OK) {
        return status;
    }
    while (!waiter.done) { /* ends: the core completes everything at its deadline */
        (void)kv_client_run(client, -1);
    }
    if (ret != NULL) {
        *ret = waiter.result;
    }
    return waiter.status;
}

kv_status kv_get(kv_client *client, kv_bytes key, kv_result **ret)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_GET, .key = key}, ret);
}

kv_status kv_put(kv_client *client, kv_bytes key, kv_bytes value)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_PUT, .key = key, .value = value}, NULL);
}

kv_status kv_put_if_absent(kv_client *client, kv_bytes key, kv_bytes value, kv_result **ret)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_PUT_IF_ABSENT, .key = key, .value = value},
                      ret);
}

kv_status kv_delete(kv_client *client, kv_bytes key)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_DELETE, .key = key}, NULL);
}

kv_status kv_cas(kv_client *client, kv_bytes key, kv_bytes expect, kv_bytes value, kv_result **ret)
{
    return kv_execute(
        client, &(kv_op){.code = KV_OP_CAS, .key = key, .expect = expect, .value = value}, ret);
}

kv_status kv_incr(kv_client *client, kv_bytes key, int64_t by, int64_t *ret_sum)
{
    kv_result *result = NULL;
    const kv_status status =
        kv_execute(client, &(kv_op){.code = KV_OP_INCR, .key = key, .number = by}, &result);
    if (status == KV_OK && ret_sum != NULL) {
        *ret_sum = kv_result_number(result);
    }
    kv_result_free(result);
    return status;
}

kv_status kv_append(kv_client *client, kv_bytes key, kv_bytes value)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_APPEND, .key = key, .value = value}, NULL);
}

kv_status kv_mget(kv_client *client, const kv_bytes *keys, uint32_t count, kv_result **ret)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_MGET, .keys = keys, .count = count}, ret);
}

kv_status kv_mput(kv_client *client, const kv_bytes *keys, const kv_bytes *values, uint32_t count)
{
    return kv_execute(
        client, &(kv_op){.code = KV_OP_MPUT, .keys = keys, .values = values, .count = count}, NULL);
}

kv_status kv_scan(kv_client *client, kv_bytes from, kv_bytes to, uint32_t limit, kv_result **ret)
{
    return kv_execute(client, &(kv_op){.code = KV_OP_SCAN, .from = from, .to = to, .limit = limit},
                      ret);
}
