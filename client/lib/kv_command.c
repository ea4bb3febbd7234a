/* SPDX-License-Identifier: Apache-2.0 */
/* kv_command: from an operation as the caller says it to a command as it is sent: checked, keys in order.
 *
 * What is beyond a limit is refused here with its numbers, not by the cluster: the limits in force
 * are the cluster's own as soon as a node has told them. */
#include <stdlib.h>
#include <string.h>

#include "multicast/wire/footprint.h"
#include "client/lib/kv_internal.h"

/* Bytes that the encoding of a command takes beside its keys and values, at most: a head and one
 * per item and step. */
#define KV_COMMAND_HEAD_BYTES 64
#define KV_COMMAND_ITEM_BYTES 8
#define KV_COMMAND_STEP_BYTES WIRE_BODY_STEP_BYTES_MAX

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

static kv_status kv_check_key(kv_client *client, kv_bytes key)
{
    const size_t min = client->command.op == WIRE_OP_SCAN ? 0 : 1; /* its bounds may be open */
    return kv_check_bytes(client, key, "key", min, client_limits(client->core).key_bytes_max);
}

static kv_status kv_check_value(kv_client *client, kv_bytes value)
{
    return kv_check_bytes(client, value, "value", 0, client_limits(client->core).value_bytes_max);
}

static kv_status kv_add_key(kv_client *client, kv_bytes key)
{
    const kv_status status = kv_check_key(client, key);
    if (status == KV_OK) {
        client->command.keys[client->command.key_count++] = kv_slice_of_bytes(key);
    }
    return status;
}

static kv_status kv_add_value(kv_client *client, kv_bytes value)
{
    const kv_status status = kv_check_value(client, value);
    if (status == KV_OK) {
        client->command.values[client->command.value_count++] = kv_slice_of_bytes(value);
    }
    return status;
}

static kv_status kv_check_count(kv_client *client, uint32_t count)
{
    const uint32_t max = client_limits(client->core).command_keys_max;
    if (count > max) {
        kv_set_error(client, "the command has %u keys, at most %u are allowed", count, max);
        return KV_TOO_LARGE;
    }
    return KV_OK;
}

static kv_status kv_add_many(kv_client *client, const kv_op *op, bool values)
{
    if (op->count == 0 || op->keys == NULL || (values && op->values == NULL)) {
        kv_set_error(client, "keys or values are missing");
        return KV_INVALID;
    }
    kv_status status = kv_check_count(client, op->count);
    for (uint32_t i = 0; i < op->count && status == KV_OK; i++) {
        status = kv_add_key(client, op->keys[i]);
        if (status == KV_OK && values) {
            status = kv_add_value(client, op->values[i]);
        }
    }
    return status;
}

/* ---- Keys in order ---- */

static int kv_compare_named(const void *left, const void *right)
{
    const struct kv_named *a = left;
    const struct kv_named *b = right;
    const int order = kv_slice_compare(a->key, b->key);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static bool kv_is_ascending(const struct wire_command *command)
{
    for (uint32_t i = 1; i < command->key_count; i++) {
        if (kv_slice_compare(command->keys[i - 1], command->keys[i]) >= 0) {
            return false;
        }
    }
    return true;
}

/* Commands name their keys in ascending order, none twice; the caller need not. If `repeat`, a key may come twice: its last value is
 * the one. */
static kv_status kv_sort_keys(kv_client *client, bool repeat)
{
    struct wire_command *command = &client->command;
    const uint32_t per_key =
        command->key_count == 0 ? 0 : command->value_count / command->key_count;
    client->reordered = !kv_is_ascending(command);
    if (!client->reordered) {
        return KV_OK;
    }
    struct kv_named *named = kv_alloc(command->key_count * sizeof *named);
    for (uint32_t i = 0; i < command->key_count; i++) {
        named[i] = (struct kv_named){command->keys[i],
                                     per_key > 0 ? command->values[i] : (kv_slice){0}, i};
    }
    qsort(named, command->key_count, sizeof *named, kv_compare_named);
    uint32_t count = 0;
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (i == 0 || !kv_slice_equal(named[i - 1].key, named[i].key)) {
            count++;
        }
        command->keys[count - 1] = named[i].key;
        if (per_key > 0) {
            command->values[count - 1] = named[i].value;
        }
        client->place_of[named[i].place] = count - 1;
    }
    kv_free(named);
    if (count < command->key_count && !repeat) {
        kv_set_error(client, "a key is named twice");
        return KV_INVALID;
    }
    command->key_count = count;
    command->value_count = count * per_key;
    return KV_OK;
}

static kv_status kv_add_each(kv_client *client, const kv_op *op, bool values)
{
    kv_status status;
    if (op->count > 0) {
        status = kv_add_many(client, op, values);
    } else {
        status = kv_add_key(client, op->key);
        if (status == KV_OK && values) {
            status = kv_add_value(client, op->value);
        }
    }
    return status == KV_OK ? kv_sort_keys(client, /*repeat*/ false) : status;
}

static kv_status kv_add_all(kv_client *client, const kv_op *op)
{
    const kv_status status = kv_add_many(client, op, op->code == KV_OP_MPUT);
    return status == KV_OK ? kv_sort_keys(client, /*repeat*/ true) : status;
}

/* ---- Transactions ---- */

static bool kv_is_guard(kv_step_code code)
{
    return code >= KV_GUARD_EXISTS && code <= KV_GUARD_AT_MOST;
}

static bool kv_is_step(kv_step_code code)
{
    return code >= KV_STEP_GET && code <= KV_STEP_APPEND;
}

_Static_assert((int)KV_STEP_GET == (int)WIRE_STEP_GET && (int)KV_STEP_PUT == (int)WIRE_STEP_PUT &&
                   (int)KV_STEP_PUT_IF_ABSENT == (int)WIRE_STEP_PUT_IF_ABSENT &&
                   (int)KV_STEP_DELETE == (int)WIRE_STEP_DELETE &&
                   (int)KV_STEP_CAS == (int)WIRE_STEP_CAS &&
                   (int)KV_STEP_INCR == (int)WIRE_STEP_INCR &&
                   (int)KV_STEP_APPEND == (int)WIRE_STEP_APPEND,
               "steps have the numbers of the wire");
_Static_assert((int)KV_GUARD_EXISTS == (int)WIRE_GUARD_EXISTS &&
                   (int)KV_GUARD_ABSENT == (int)WIRE_GUARD_ABSENT &&
                   (int)KV_GUARD_EQ == (int)WIRE_GUARD_EQ &&
                   (int)KV_GUARD_NE == (int)WIRE_GUARD_NE &&
                   (int)KV_GUARD_LT == (int)WIRE_GUARD_LT &&
                   (int)KV_GUARD_GT == (int)WIRE_GUARD_GT &&
                   (int)KV_GUARD_AT_LEAST == (int)WIRE_GUARD_AT_LEAST &&
                   (int)KV_GUARD_AT_MOST == (int)WIRE_GUARD_AT_MOST,
               "and so have guards");

/* Check a step and append it; its key's number is not known yet. */
static kv_status kv_add_step(kv_client *client, const kv_step *given, bool guard,
                             struct wire_step *ret)
{
    kv_status status = kv_check_key(client, given->key);
    if (!(guard ? kv_is_guard(given->code) : kv_is_step(given->code))) {
        kv_set_error(client, "there is no %s %d", guard ? "guard" : "step", (int)given->code);
        return KV_INVALID;
    }
    *ret = (struct wire_step){.kind = (enum wire_step_kind)given->code};
    switch (wire_step_operands(ret->kind)) {
    case WIRE_OPERANDS_NONE:
        break;
    case WIRE_OPERANDS_NUMBER:
        ret->number = given->number;
        break;
    case WIRE_OPERANDS_TWO_VALUES:
        status = status == KV_OK ? kv_check_value(client, given->expect) : status;
        ret->expected = kv_slice_of_bytes(given->expect);
        status = status == KV_OK ? kv_check_value(client, given->value) : status;
        ret->value = kv_slice_of_bytes(given->value);
        break;
    case WIRE_OPERANDS_VALUE:
        status = status == KV_OK ? kv_check_value(client, given->value) : status;
        ret->value = kv_slice_of_bytes(given->value);
        break;
    }
    return status;
}

/* Number the keys of the steps: ascending, each once. */
static kv_status kv_number_keys(kv_client *client, struct kv_named *named, uint32_t count)
{
    struct wire_command *command = &client->command;
    const uint32_t max = client_limits(client->core).command_keys_max;
    qsort(named, count, sizeof *named, kv_compare_named);
    for (uint32_t i = 0; i < count; i++) {
        const bool same =
            i > 0 && kv_slice_equal(command->keys[command->key_count - 1], named[i].key);
        if (!same && command->key_count == max) {
            kv_set_error(client, "the transaction has more than %u keys", max);
            return KV_TOO_LARGE;
        }
        if (!same) {
            command->keys[command->key_count++] = named[i].key;
        }
        command->steps[named[i].place].key = command->key_count - 1;
    }
    return KV_OK;
}

static kv_status kv_add_txn(kv_client *client, const kv_op *op)
{
    struct wire_command *command = &client->command;
    const kv_step *const lists[] = {op->guards, op->steps, op->otherwise};
    const uint32_t counts[] = {op->guard_count, op->step_count, op->otherwise_count};
    const uint64_t all = (uint64_t)counts[0] + counts[1] + counts[2];
    if (all == 0 || all > KV_TXN_STEPS_MAX) {
        kv_set_error(client, "the transaction has %llu guards and steps, 1 to %d are allowed",
                     (unsigned long long)all, KV_TXN_STEPS_MAX);
        return all == 0 ? KV_INVALID : KV_TOO_LARGE;
    }
    for (uint32_t list = 0; list < 3; list++) {
        if (counts[list] > 0 && lists[list] == NULL) {
            kv_set_error(client, "steps are missing");
            return KV_INVALID;
        }
    }
    command->guard_count = counts[0];
    command->branch_count[WIRE_BRANCH_THEN] = counts[1];
    command->branch_count[WIRE_BRANCH_ELSE] = counts[2];
    struct kv_named *named = kv_alloc((size_t)all * sizeof *named);
    kv_status status = KV_OK;
    uint32_t at = 0;
    for (uint32_t list = 0; list < 3 && status == KV_OK; list++) {
        for (uint32_t i = 0; i < counts[list] && status == KV_OK; i++, at++) {
            status = kv_add_step(client, &lists[list][i], list == 0, &command->steps[at]);
            named[at] =
                (struct kv_named){.key = kv_slice_of_bytes(lists[list][i].key), .place = at};
        }
    }
    if (status == KV_OK) {
        status = kv_number_keys(client, named, at);
    }
    kv_free(named);
    if (status == KV_OK) {
        wire_command_mark_uses(command);
    }
    return status;
}

/* ---- All operations ---- */

static kv_status kv_add_scan(kv_client *client, const kv_op *op)
{
    const kv_status status = kv_add_key(client, op->from);
    return status != KV_OK ? status : kv_add_key(client, op->to);
}

static uint32_t kv_limit_of(const kv_op *op)
{
    return op->limit == 0 || op->limit > KV_SCAN_ROWS_MAX ? KV_SCAN_ROWS_MAX : op->limit;
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

static kv_status kv_add_place(kv_client *client, const kv_op *op)
{
    client->command.target.value = (uint16_t)op->partition;
    if (op->partition >= KV_GROUPS_MAX || (op->code == KV_OP_MOVE && op->partition == 0)) {
        kv_set_error(client, "there is no partition %u", op->partition);
        return KV_INVALID;
    }
    return kv_add_each(client, op, op->code == KV_OP_CREATE);
}

static kv_status kv_read_fields(kv_client *client, const kv_op *op)
{
    switch (op->code) {
    case KV_OP_GET:
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_CAS:
    case KV_OP_INCR:
    case KV_OP_APPEND:
        return kv_add_one(client, op);
    case KV_OP_DELETE:
        return kv_add_each(client, op, false);
    case KV_OP_MGET:
    case KV_OP_MPUT:
        return kv_add_all(client, op);
    case KV_OP_SCAN:
        client->command.limit = kv_limit_of(op);
        return kv_add_scan(client, op);
    case KV_OP_TXN:
        return kv_add_txn(client, op);
    case KV_OP_CREATE:
    case KV_OP_MOVE:
        return kv_add_place(client, op);
    case KV_OP_WHERE:
        return op->count > 0 ? kv_add_many(client, op, false) : kv_add_key(client, op->key);
    case KV_OP_PARTITIONS:
    case KV_OP_MARK:
        return KV_OK;
    case KV_OP_HISTORY:
    case KV_OP_LOCKS:
    case KV_OP_SESSIONS:
        client->command.limit = kv_limit_of(op);
        return KV_OK;
    case KV_OP_LOCK:
        client->command.shared = op->shared;
        return kv_add_each(client, op, false);
    case KV_OP_SESSION:
    case KV_OP_CLIENT_END:
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
        return KV_OK;
    }
    return KV_INVALID;
}

static kv_status kv_check_total(kv_client *client)
{
    const struct wire_command *command = &client->command;
    const uint32_t steps = command->guard_count + command->branch_count[WIRE_BRANCH_THEN] +
                           command->branch_count[WIRE_BRANCH_ELSE];
    size_t size = KV_COMMAND_HEAD_BYTES;
    for (uint32_t i = 0; i < command->key_count; i++) {
        size += KV_COMMAND_ITEM_BYTES + command->keys[i].size;
    }
    for (uint32_t i = 0; i < command->value_count; i++) {
        size += KV_COMMAND_ITEM_BYTES + command->values[i].size;
    }
    for (uint32_t i = 0; i < steps; i++) {
        size +=
            KV_COMMAND_STEP_BYTES + command->steps[i].value.size + command->steps[i].expected.size;
    }
    if (size > KV_BODY_BYTES_MAX) {
        kv_set_error(client, "the command has %zu bytes, at most %d are allowed", size,
                     KV_BODY_BYTES_MAX);
        return KV_TOO_LARGE;
    }
    return KV_OK;
}

/* What may be said of locks, with which operation. */
static bool kv_read_lock(kv_client *client, const kv_op *op)
{
    const enum wire_op code = client->command.op;
    const bool about =
        op->code == KV_OP_UNLOCK || op->code == KV_OP_KEEPALIVE || op->code == KV_OP_CLIENT_END;
    const bool under = (wire_op_is_access(code) || op->code == KV_OP_DELETE) &&
                       (op->policy == KV_POLICY_DEFAULT || op->policy == KV_POLICY_EXCHANGE);
    const bool waits =
        wire_op_is_access(code) || wire_op_is_per_key(code) || op->code == KV_OP_LOCK;
    const bool has_token = op->token.clock != 0;
    if ((has_token && !about && !under) || (about && !has_token) ||
        op->token.group >= KV_GROUPS_MAX || (op->token.group != 0 && !has_token)) {
        kv_set_error(client, "this operation needs a token, or may not have one");
        return false;
    }
    if (op->no_wait && (has_token || !waits)) {
        kv_set_error(client, "this operation waits for no lock");
        return false;
    }
    client->command.token.clock.value = op->token.clock;
    client->command.token.group.value = (uint16_t)op->token.group;
    client->command.no_wait = op->no_wait;
    return true;
}

/* How long it lasts: a lock, a session, or the keys that are set. */
static bool kv_read_life(kv_client *client, const kv_op *op)
{
    struct wire_command *command = &client->command;
    if (op->code == KV_OP_LOCK || op->code == KV_OP_SESSION) {
        command->ttl_ms = op->ttl_ms;
        if (op->ttl_ms == 0 || op->ttl_ms > KV_LOCK_TTL_MS_MAX) {
            kv_set_error(client, "it lasts for 1 to %d ms without being renewed",
                         KV_LOCK_TTL_MS_MAX);
            return false;
        }
        return true;
    }
    if (!wire_op_sets(command->op)) {
        return true;
    }
    const bool has_session = op->session.clock != 0;
    if (has_session && op->ttl_ms != 0) {
        kv_set_error(client, "keys last for a time or as long as a session, not both");
        return false;
    }
    if (has_session && op->token.clock != 0) {
        kv_set_error(client, "keys cannot be bound to a session under a lock");
        return false;
    }
    if (op->session.group >= KV_GROUPS_MAX || (op->session.group != 0 && !has_session)) {
        kv_set_error(client, "there is no such session");
        return false;
    }
    command->ttl_ms = op->ttl_ms;
    command->session.clock.value = op->session.clock;
    command->session.group.value = (uint16_t)op->session.group;
    return true;
}

kv_status kv_read_op(kv_client *client, const kv_op *op)
{
    static const enum wire_op ops[] = {
        [KV_OP_GET] = WIRE_OP_GET,
        [KV_OP_PUT] = WIRE_OP_PUT,
        [KV_OP_DELETE] = WIRE_OP_DELETE,
        [KV_OP_PUT_IF_ABSENT] = WIRE_OP_PUT_IF_ABSENT,
        [KV_OP_CAS] = WIRE_OP_CAS,
        [KV_OP_INCR] = WIRE_OP_INCR,
        [KV_OP_APPEND] = WIRE_OP_APPEND,
        [KV_OP_MGET] = WIRE_OP_MGET,
        [KV_OP_MPUT] = WIRE_OP_MPUT,
        [KV_OP_SCAN] = WIRE_OP_SCAN,
        [KV_OP_TXN] = WIRE_OP_TXN,
        [KV_OP_CREATE] = WIRE_OP_CREATE,
        [KV_OP_MOVE] = WIRE_OP_MOVE,
        [KV_OP_WHERE] = WIRE_OP_WHERE,
        [KV_OP_PARTITIONS] = WIRE_OP_PARTITIONS,
        [KV_OP_HISTORY] = WIRE_OP_HISTORY,
        [KV_OP_MARK] = WIRE_OP_MARK,
        [KV_OP_LOCK] = WIRE_OP_LOCK,
        [KV_OP_UNLOCK] = WIRE_OP_UNLOCK,
        [KV_OP_KEEPALIVE] = WIRE_OP_KEEPALIVE,
        [KV_OP_LOCKS] = WIRE_OP_LOCKS,
        [KV_OP_SESSION] = WIRE_OP_SESSION_BEGIN,
        [KV_OP_SESSIONS] = WIRE_OP_SESSIONS,
        [KV_OP_CLIENT_END] = WIRE_OP_SESSION_CLOSE,
    };
    if ((unsigned)op->code < KV_OP_GET || (unsigned)op->code > KV_OP_CLIENT_END) {
        kv_set_error(client, "there is no operation %d", (int)op->code);
        return KV_INVALID;
    }
    if ((unsigned)op->policy > KV_POLICY_BORROW || op->partition >= KV_GROUPS_MAX) {
        kv_set_error(client, "there is no policy %d, or no partition %u", (int)op->policy,
                     op->partition);
        return KV_INVALID;
    }
    client->reordered = false;
    wire_command_begin(&client->command, ops[op->code]);
    const bool valid = kv_read_lock(client, op) && kv_read_life(client, op);
    const kv_status status = valid ? kv_read_fields(client, op) : KV_INVALID;
    return status == KV_OK ? kv_check_total(client) : status;
}
