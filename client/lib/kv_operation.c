/* SPDX-License-Identifier: Apache-2.0 */
/* kv_operation: submits operations, and waits for them. */
#include <string.h>

#include "client/lib/kv_internal.h"

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

void kv_call_free(kv_client *client, struct kv_call *call)
{
    kv_free(call->place_of);
    call->place_of = NULL;
    call->next = client->free_calls;
    client->free_calls = call;
}

/* What the answer is to be told by. */
static void kv_call_remember(kv_client *client, struct kv_call *call, const kv_op *op)
{
    call->each = op->code == KV_OP_CREATE || op->code == KV_OP_DELETE || op->code == KV_OP_MOVE;
    if (client->reordered) {
        call->key_count = op->count; /* a single key is in order */
        call->place_of = kv_alloc(call->key_count * sizeof *call->place_of);
        memcpy(call->place_of, client->place_of, call->key_count * sizeof *call->place_of);
    }
}

/* What a submission that the core did not take means to the caller. */
static kv_status kv_not_taken(kv_client *client, enum status status)
{
    if (status == STATUS_FULL) {
        kv_set_error(client, "%u operations are in flight", client_outstanding(client->core));
        return KV_BUSY;
    }
    if (status == STATUS_INVALID) {
        kv_set_error(client, "there is no such partition, or it is not for this operation");
        return KV_INVALID;
    }
    if (status == STATUS_TOO_LARGE) {
        kv_set_error(client, "the command leaves no room for the partitions of its keys");
        return KV_TOO_LARGE;
    }
    kv_set_error(client, "the client was closed");
    return KV_CLOSED;
}

_Static_assert((int)KV_POLICY_DEFAULT == (int)CLIENT_POLICY_DEFAULT &&
                   (int)KV_POLICY_EXCHANGE == (int)CLIENT_POLICY_EXCHANGE &&
                   (int)KV_POLICY_MOVE == (int)CLIENT_POLICY_MOVE &&
                   (int)KV_POLICY_BORROW == (int)CLIENT_POLICY_BORROW,
               "policies have the numbers of the core");

/* Its partition is part of what is asked. */
static bool kv_is_placement(kv_op_code code)
{
    return code == KV_OP_CREATE || code == KV_OP_MOVE;
}

kv_status kv_submit(kv_client *client, const kv_op *op, kv_done done, void *context)
{
    if (client == NULL || op == NULL) {
        return KV_INVALID;
    }
    const kv_status checked = kv_read_op(client, op);
    if (checked != KV_OK) {
        return checked;
    }
    const kv_instant now = kv_now();
    struct kv_call *call = kv_call_new(client, done, context);
    kv_call_remember(client, call, op);
    const struct client_event event = {
        .kind = CLIENT_EVENT_SUBMIT,
        .now = now,
        .submit = {.command = &client->command,
                   .deadline = op->deadline_us != 0
                                   ? (kv_instant){op->deadline_us}
                                   : kv_instant_add(now, client->timeout_ms * 1000),
                   .stale_ok = op->stale_ok,
                   .policy = (enum client_policy)op->policy,
                   .target = {kv_is_placement(op->code) ? (uint16_t)0 : (uint16_t)op->partition},
                   .least_loaded = op->least_loaded,
                   .context = call},
    };
    const enum status status = client_step(client->core, &event, &client->effects);
    if (status != STATUS_OK) {
        kv_call_free(client, call);
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

kv_status kv_txn(kv_client *client, const kv_step *guards, uint32_t guard_count,
                 const kv_step *steps, uint32_t step_count, const kv_step *otherwise,
                 uint32_t otherwise_count, kv_result **ret)
{
    return kv_execute(client,
                      &(kv_op){.code = KV_OP_TXN,
                               .guards = guards,
                               .guard_count = guard_count,
                               .steps = steps,
                               .step_count = step_count,
                               .otherwise = otherwise,
                               .otherwise_count = otherwise_count},
                      ret);
}

kv_status kv_create(kv_client *client, kv_bytes key, kv_bytes value, uint32_t partition)
{
    return kv_execute(
        client, &(kv_op){.code = KV_OP_CREATE, .key = key, .value = value, .partition = partition},
        NULL);
}

kv_status kv_move(kv_client *client, const kv_bytes *keys, uint32_t count, uint32_t partition,
                  kv_result **ret)
{
    return kv_execute(
        client, &(kv_op){.code = KV_OP_MOVE, .keys = keys, .count = count, .partition = partition},
        ret);
}

kv_status kv_where(kv_client *client, kv_bytes key, uint32_t *ret_partition)
{
    kv_result *result = NULL;
    const kv_status status = kv_execute(client, &(kv_op){.code = KV_OP_WHERE, .key = key}, &result);
    *ret_partition = kv_result_place(result, 0).partition;
    kv_result_free(result);
    return status;
}
