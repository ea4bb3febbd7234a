/* SPDX-License-Identifier: Apache-2.0 */
/* command_codec: commands and answers <-> bytes, with every limit checked on the way in.
 *
 *   command    [op, [key ...], [value ...], number, limit]                          most of them
 *              [op, [key ...], [value ...], number, limit, placement, txn]          if one of the two is there
 *              [op, [key ...], [value ...], number, limit, placement, txn, lock]    if there is a lock
 *   placement  [exec, policy, target, owners] or nil, if all of that is zero; owners: one byte per key, or none
 *   txn        [guards, then, [step ...]] or nil; how many of the steps are guards and the first branch
 *   step       [kind, key, operand ...]
 *   lock       [token clock, token group, no wait, shared, ttl, session clock, session group]
 *   answer     [verdict, number, [[key, value or nil] ...], more, hint]             without places
 *              [verdict, number, [[key, value or nil] ...], more, hint, [place ...]]
 *   place      [key, verdict, group, version clock, version group]
 *
 * Both structs hold arrays for the largest case, so only what is used of them is ever touched. */
#include <stdlib.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command_internal.h"
#include "multicast/wire/footprint.h"
#include "multicast/wire/packer.h"
#include "multicast/wire/reader.h"

#define COMMAND_FIELDS      5
#define COMMAND_FIELDS_ALL  7
#define COMMAND_FIELDS_LOCK 8
#define LOCK_FIELDS         7
#define PLACEMENT_FIELDS    4
#define TXN_FIELDS          3
#define STEP_FIELDS         2 /* without operands */
#define ANSWER_FIELDS       5
#define ANSWER_FIELDS_ALL   6
#define ROW_FIELDS          2
#define PLACE_FIELDS        5

/* A hint names a group or counts partitions. */
#define HINT_MAX (KV_GROUPS_MAX - 1)

_Static_assert(KV_SCAN_ROWS_MAX <= KV_COMMAND_KEYS_MAX, "a page of a scan fits an answer");
_Static_assert(KV_TXN_STEPS_MAX <= KV_COMMAND_KEYS_MAX, "the rows of a txn fit an answer");
_Static_assert(2 <= KV_COMMAND_KEYS_MAX, "a cas has two values");

/* Whether a key of this size may stand in a command; only the bounds of a scan may be empty. */
static bool key_fits(enum wire_op op, kv_slice key)
{
    return key.size <= KV_KEY_BYTES_MAX && (key.size >= 1 || op == WIRE_OP_SCAN);
}

/* Keys that have a verdict, a place or steps of their own stand for themselves once. */
static bool keys_ascend(enum wire_op op)
{
    return op == WIRE_OP_TXN || wire_op_is_per_key(op) || wire_op_is_lock(op);
}

static int compare_keys(const void *left, const void *right)
{
    return kv_slice_compare(**(const kv_slice *const *)left, **(const kv_slice *const *)right);
}

/* No key comes twice. Nearly always they ascend. */
static bool keys_differ(const struct wire_command *command)
{
    uint32_t ascending = 1;
    while (ascending < command->key_count &&
           kv_slice_compare(command->keys[ascending - 1], command->keys[ascending]) < 0) {
        ascending++;
    }
    if (ascending >= command->key_count) {
        return true;
    }
    const kv_slice *sorted[KV_COMMAND_KEYS_MAX];
    for (uint32_t i = 0; i < command->key_count; i++) {
        sorted[i] = &command->keys[i];
    }
    qsort(sorted, command->key_count, sizeof(sorted[0]), compare_keys);
    bool differ = true;
    for (uint32_t i = 1; i < command->key_count; i++) {
        differ = differ && !kv_slice_equal(*sorted[i - 1], *sorted[i]);
    }
    return differ;
}

/* Numbers that an operation does not use are zero: equal commands have equal bytes. */
static bool numbers_fit(const struct wire_command *command)
{
    const bool limited = command->op == WIRE_OP_SCAN || command->op == WIRE_OP_HISTORY ||
                         command->op == WIRE_OP_LOCKS || command->op == WIRE_OP_SESSIONS;
    const bool counts = command->op == WIRE_OP_TICK || command->op == WIRE_OP_REVOKE ||
                        command->op == WIRE_OP_SESSION_END;
    return (command->number == 0 || command->op == WIRE_OP_INCR ||
            (counts && command->number > 0)) &&
           (limited ? command->limit >= 1 : command->limit == 0);
}

static bool has_lock(const struct wire_command *command)
{
    return wire_command_has_token(command) || command->no_wait || command->shared ||
           command->ttl_ms != 0 || wire_command_has_session(command);
}

static bool has_tail(const struct wire_command *command)
{
    return has_lock(command) || command->op == WIRE_OP_TXN;
}

/* How long something lasts: a lock, a session, or what a command sets. */
static bool life_fits(const struct wire_command *command)
{
    const bool has_session = wire_command_has_session(command);
    if (command->op == WIRE_OP_LOCK || command->op == WIRE_OP_SESSION_BEGIN) {
        return command->ttl_ms >= 1 && command->ttl_ms <= KV_LOCK_TTL_MS_MAX && !has_session;
    }
    const bool sets =
        wire_op_sets(command->op) && !(has_session && wire_command_has_token(command));
    return (command->ttl_ms == 0 || (sets && !has_session)) &&
           (has_session ? sets || command->op == WIRE_OP_EXPIRE
                        : command->session.group.value == 0);
}

/* Keys that are held stay where they are, so a command under a token brings none anywhere. */
static bool lock_fits(const struct wire_command *command)
{
    const enum wire_op op = command->op;
    const bool on_keys = wire_op_is_access(op) || wire_op_is_per_key(op);
    const bool about =
        wire_op_is_in(op, WIRE_OP_BIT(UNLOCK) | WIRE_OP_BIT(KEEPALIVE) | WIRE_OP_BIT(REVOKE) |
                              WIRE_OP_BIT(TICK) | WIRE_OP_BIT(EXPIRE) | WIRE_OP_BIT(SESSION_END));
    const bool under =
        (wire_op_is_access(op) || op == WIRE_OP_DELETE) && command->policy == WIRE_POLICY_EXCHANGE;
    const bool may_have = about || under || op == WIRE_OP_SESSION_CLOSE;
    const bool has_token = wire_command_has_token(command);
    return (has_token ? may_have : !about && command->token.group.value == 0) &&
           (!command->no_wait || (!has_token && (on_keys || op == WIRE_OP_LOCK))) &&
           (!command->shared || op == WIRE_OP_LOCK) && life_fits(command);
}

static bool has_placement(const struct wire_command *command)
{
    return command->exec || command->policy != WIRE_POLICY_EXCHANGE || command->target.value != 0 ||
           command->owner_count > 0;
}

/* Who names a target has a use for it; owners and the oracle's search for them exclude each other. */
static bool placement_fits(const struct wire_command *command)
{
    const bool on_keys = wire_op_is_access(command->op) || wire_op_is_per_key(command->op) ||
                         wire_op_is_lock(command->op);
    const bool needs_target = command->op == WIRE_OP_CREATE || command->op == WIRE_OP_MOVE ||
                              command->policy != WIRE_POLICY_EXCHANGE;
    return (on_keys || !has_placement(command)) &&
           (command->policy == WIRE_POLICY_EXCHANGE || wire_op_is_access(command->op)) &&
           needs_target == (command->target.value != 0) &&
           (command->owner_count == 0 ||
            (command->owner_count == command->key_count && !command->exec));
}

static uint32_t step_count(const struct wire_command *command)
{
    return command->guard_count + command->branch_count[WIRE_BRANCH_THEN] +
           command->branch_count[WIRE_BRANCH_ELSE];
}

/* A TXN does something, and to each of its keys. */
static bool txn_fits(const struct wire_command *command)
{
    if (command->op != WIRE_OP_TXN) {
        return step_count(command) == 0;
    }
    bool fits = step_count(command) >= 1;
    for (uint32_t i = 0; i < command->key_count; i++) {
        fits = fits && command->uses[i] != 0;
    }
    return fits;
}

/* ---- Encoding ---- */

static void pack_placement(struct kv_buffer *packer, const struct wire_command *command)
{
    if (!has_placement(command)) {
        wire_pack_nil(packer);
        return;
    }
    wire_pack_array(packer, PLACEMENT_FIELDS);
    wire_pack_bool(packer, command->exec);
    wire_pack_uint(packer, command->policy);
    wire_pack_uint(packer, command->target.value);
    wire_pack_bytes(packer, kv_slice_of(command->owners, command->owner_count));
}

static void pack_step(struct kv_buffer *packer, const struct wire_step *step)
{
    switch (wire_step_operands(step->kind)) {
    case WIRE_OPERANDS_NONE:
        wire_pack_array(packer, STEP_FIELDS);
        break;
    case WIRE_OPERANDS_VALUE:
    case WIRE_OPERANDS_NUMBER:
        wire_pack_array(packer, STEP_FIELDS + 1);
        break;
    case WIRE_OPERANDS_TWO_VALUES:
        wire_pack_array(packer, STEP_FIELDS + 2);
        break;
    }
    wire_pack_uint(packer, step->kind);
    wire_pack_uint(packer, step->key);
    KV_ASSERT(step->value.size <= KV_VALUE_BYTES_MAX && step->expected.size <= KV_VALUE_BYTES_MAX);
    switch (wire_step_operands(step->kind)) {
    case WIRE_OPERANDS_NONE:
        return;
    case WIRE_OPERANDS_VALUE:
        wire_pack_bytes(packer, step->value);
        return;
    case WIRE_OPERANDS_NUMBER:
        wire_pack_int(packer, step->number);
        return;
    case WIRE_OPERANDS_TWO_VALUES:
        wire_pack_bytes(packer, step->expected);
        wire_pack_bytes(packer, step->value);
        return;
    }
}

static void pack_txn(struct kv_buffer *packer, const struct wire_command *command)
{
    if (command->op != WIRE_OP_TXN) {
        wire_pack_nil(packer);
        return;
    }
    wire_pack_array(packer, TXN_FIELDS);
    wire_pack_uint(packer, command->guard_count);
    wire_pack_uint(packer, command->branch_count[WIRE_BRANCH_THEN]);
    wire_pack_array(packer, step_count(command));
    for (uint32_t i = 0; i < step_count(command); i++) {
        const struct wire_step *step = &command->steps[i];
        KV_ASSERT(step->key < command->key_count);
        KV_ASSERT(wire_step_is_guard(step->kind) == (i < command->guard_count));
        pack_step(packer, step);
    }
}

static void pack_lock(struct kv_buffer *packer, const struct wire_command *command)
{
    wire_pack_array(packer, LOCK_FIELDS);
    wire_pack_uint(packer, command->token.clock.value);
    wire_pack_uint(packer, command->token.group.value);
    wire_pack_bool(packer, command->no_wait);
    wire_pack_bool(packer, command->shared);
    wire_pack_uint(packer, command->ttl_ms);
    wire_pack_uint(packer, command->session.clock.value);
    wire_pack_uint(packer, command->session.group.value);
}

void wire_command_encode(const struct wire_command *command, struct kv_buffer *ret)
{
    const struct wire_op_shape *shape = wire_op_shape_of(command->op);
    KV_ASSERT(shape != NULL);
    KV_ASSERT(command->key_count >= shape->keys_min && command->key_count <= shape->keys_max);
    KV_ASSERT(command->value_count == command->key_count * shape->values_per_key);
    KV_ASSERT(numbers_fit(command) && command->limit <= KV_SCAN_ROWS_MAX);
    KV_ASSERT(placement_fits(command) && step_count(command) <= KV_TXN_STEPS_MAX);
    KV_ASSERT((command->op == WIRE_OP_TXN) == (step_count(command) > 0));
    KV_ASSERT(!has_placement(command) || keys_differ(command));
    KV_ASSERT(lock_fits(command));
    const bool lock = has_lock(command);
    const bool all = has_placement(command) || has_tail(command);
    size_t before = ret->size;
    wire_pack_array(ret, lock ? COMMAND_FIELDS_LOCK : all ? COMMAND_FIELDS_ALL : COMMAND_FIELDS);
    wire_pack_uint(ret, command->op);
    wire_pack_array(ret, command->key_count);
    for (uint32_t i = 0; i < command->key_count; i++) {
        KV_ASSERT(key_fits(command->op, command->keys[i]));
        KV_ASSERT(i == 0 || !keys_ascend(command->op) ||
                  kv_slice_compare(command->keys[i - 1], command->keys[i]) < 0);
        wire_pack_bytes(ret, command->keys[i]);
    }
    wire_pack_array(ret, command->value_count);
    for (uint32_t i = 0; i < command->value_count; i++) {
        KV_ASSERT(command->values[i].size <= KV_VALUE_BYTES_MAX);
        wire_pack_bytes(ret, command->values[i]);
    }
    wire_pack_int(ret, command->number);
    wire_pack_uint(ret, command->limit);
    if (all) {
        pack_placement(ret, command);
        pack_txn(ret, command);
    }
    if (lock) {
        pack_lock(ret, command);
    }
    KV_ASSERT(ret->size - before <= KV_BODY_BYTES_MAX);
}

/* ---- Decoding ---- */

static void read_keys(struct wire_reader *reader, const struct wire_op_shape *shape,
                      struct wire_command *ret)
{
    ret->key_count = wire_read_array(reader, KV_COMMAND_KEYS_MAX);
    wire_reader_require(reader,
                        ret->key_count >= shape->keys_min && ret->key_count <= shape->keys_max);
    for (uint32_t i = 0; i < ret->key_count && reader->status == STATUS_OK; i++) {
        ret->keys[i] = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
        wire_reader_require(reader, key_fits(ret->op, ret->keys[i]));
        wire_reader_require(reader, i == 0 || !keys_ascend(ret->op) ||
                                        kv_slice_compare(ret->keys[i - 1], ret->keys[i]) < 0);
    }
}

static void read_placement(struct wire_reader *reader, struct wire_command *ret)
{
    if (wire_read_nil(reader)) {
        return;
    }
    wire_read_arity(reader, PLACEMENT_FIELDS);
    ret->exec = wire_read_bool(reader);
    ret->policy = (enum wire_policy)wire_read_uint(reader, WIRE_POLICY_BORROW);
    ret->target.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    const kv_slice owners = wire_read_bytes(reader, KV_COMMAND_KEYS_MAX);
    ret->owner_count = (uint32_t)owners.size;
    for (uint32_t i = 0; i < ret->owner_count; i++) {
        ret->owners[i] = owners.data[i];
        wire_reader_require(reader, owners.data[i] >= 1 && owners.data[i] < KV_GROUPS_MAX);
    }
    wire_reader_require(reader, has_placement(ret)); /* else it is a nil */
}

static bool is_step(uint64_t number)
{
    switch ((enum wire_step_kind)number) {
#define X(NAME, name, number_, operands, meaning) case WIRE_GUARD_##NAME:
        WIRE_GUARD_MAP(X)
#undef X
#define X(NAME, name, number_, operands, meaning) case WIRE_STEP_##NAME:
        WIRE_STEP_MAP(X)
#undef X
        return true;
    }
    return false;
}

static void read_step(struct wire_reader *reader, const struct wire_command *command, bool guard,
                      struct wire_step *ret)
{
    const uint32_t fields = wire_read_array(reader, STEP_FIELDS + 2);
    const uint64_t kind = wire_read_uint(reader, UINT8_MAX);
    wire_reader_require(reader, is_step(kind));
    if (reader->status != STATUS_OK) {
        return;
    }
    *ret = (struct wire_step){.kind = (enum wire_step_kind)kind};
    wire_reader_require(reader, wire_step_is_guard(ret->kind) == guard);
    ret->key = (uint32_t)wire_read_uint(reader, command->key_count - 1);
    uint32_t operands = 0;
    switch (wire_step_operands(ret->kind)) {
    case WIRE_OPERANDS_NONE:
        break;
    case WIRE_OPERANDS_VALUE:
        ret->value = wire_read_bytes(reader, KV_VALUE_BYTES_MAX);
        operands = 1;
        break;
    case WIRE_OPERANDS_NUMBER:
        ret->number = wire_read_int(reader);
        operands = 1;
        break;
    case WIRE_OPERANDS_TWO_VALUES:
        ret->expected = wire_read_bytes(reader, KV_VALUE_BYTES_MAX);
        ret->value = wire_read_bytes(reader, KV_VALUE_BYTES_MAX);
        operands = 2;
        break;
    }
    wire_reader_require(reader, fields == STEP_FIELDS + operands);
}

static void read_txn(struct wire_reader *reader, struct wire_command *ret)
{
    if (wire_read_nil(reader)) {
        return;
    }
    wire_read_arity(reader, TXN_FIELDS);
    const uint32_t guards = (uint32_t)wire_read_uint(reader, KV_TXN_STEPS_MAX);
    const uint32_t then = (uint32_t)wire_read_uint(reader, KV_TXN_STEPS_MAX);
    const uint32_t count = wire_read_array(reader, KV_TXN_STEPS_MAX);
    wire_reader_require(reader, guards + then <= count && ret->op == WIRE_OP_TXN);
    for (uint32_t i = 0; i < count && reader->status == STATUS_OK; i++) {
        read_step(reader, ret, i < guards, &ret->steps[i]);
    }
    if (reader->status == STATUS_OK) {
        ret->guard_count = guards;
        ret->branch_count[WIRE_BRANCH_THEN] = then;
        ret->branch_count[WIRE_BRANCH_ELSE] = count - guards - then;
        wire_command_mark_uses(ret);
    }
}

static void read_lock(struct wire_reader *reader, struct wire_command *ret)
{
    wire_read_arity(reader, LOCK_FIELDS);
    ret->token.clock.value = wire_read_uint(reader, UINT64_MAX);
    ret->token.group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    ret->no_wait = wire_read_bool(reader);
    ret->shared = wire_read_bool(reader);
    ret->ttl_ms = (uint32_t)wire_read_uint(reader, KV_KEY_TTL_MS_MAX);
    ret->session.clock.value = wire_read_uint(reader, UINT64_MAX);
    ret->session.group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    wire_reader_require(reader, has_lock(ret)); /* else the field is not there */
}

enum status wire_command_decode(kv_slice bytes, struct wire_command *ret)
{
    if (bytes.size > KV_BODY_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct wire_reader reader = wire_reader_of(bytes);
    const uint32_t fields = wire_read_array(&reader, COMMAND_FIELDS_LOCK);
    wire_reader_require(&reader, fields == COMMAND_FIELDS || fields >= COMMAND_FIELDS_ALL);
    uint64_t op = wire_read_uint(&reader, UINT8_MAX);
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    if (shape == NULL) {
        return STATUS_CORRUPT;
    }
    wire_command_begin(ret, (enum wire_op)op);
    read_keys(&reader, shape, ret);
    ret->value_count = wire_read_array(&reader, KV_COMMAND_KEYS_MAX);
    wire_reader_require(&reader, ret->value_count == ret->key_count * shape->values_per_key);
    for (uint32_t i = 0; i < ret->value_count && reader.status == STATUS_OK; i++) {
        ret->values[i] = wire_read_bytes(&reader, KV_VALUE_BYTES_MAX);
    }
    ret->number = wire_read_int(&reader);
    ret->limit = (uint32_t)wire_read_uint(&reader, UINT32_MAX);
    wire_reader_require(&reader, numbers_fit(ret));
    if (ret->limit > KV_SCAN_ROWS_MAX) {
        wire_reader_fail(&reader, STATUS_TOO_LARGE);
    }
    if (fields >= COMMAND_FIELDS_ALL && reader.status == STATUS_OK) {
        read_placement(&reader, ret);
        read_txn(&reader, ret);
        if (fields == COMMAND_FIELDS_LOCK) {
            read_lock(&reader, ret);
        }
        wire_reader_require(&reader, has_placement(ret) || has_tail(ret));
    }
    wire_reader_require(&reader, reader.status != STATUS_OK ||
                                     (placement_fits(ret) && txn_fits(ret) && lock_fits(ret) &&
                                      (!has_placement(ret) || keys_differ(ret))));
    return wire_reader_finish(&reader);
}

/* ---- Answers ---- */

static void pack_places(struct kv_buffer *packer, const struct wire_answer *answer)
{
    wire_pack_array(packer, answer->place_count);
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const struct wire_place *place = &answer->places[i];
        KV_ASSERT(place->key < KV_COMMAND_KEYS_MAX && place->group.value < KV_GROUPS_MAX);
        KV_ASSERT(place->version.group.value < KV_GROUPS_MAX);
        wire_pack_array(packer, PLACE_FIELDS);
        wire_pack_uint(packer, place->key);
        wire_pack_uint(packer, place->verdict);
        wire_pack_uint(packer, place->group.value);
        wire_pack_uint(packer, place->version.clock.value);
        wire_pack_uint(packer, place->version.group.value);
    }
}

void wire_answer_encode(const struct wire_answer *answer, struct kv_buffer *ret)
{
    KV_ASSERT(answer->row_count <= KV_COMMAND_KEYS_MAX);
    KV_ASSERT(answer->place_count <= KV_COMMAND_KEYS_MAX);
    KV_ASSERT(answer->hint <= HINT_MAX);
    size_t before = ret->size;
    wire_pack_array(ret, answer->place_count > 0 ? ANSWER_FIELDS_ALL : ANSWER_FIELDS);
    wire_pack_uint(ret, answer->verdict);
    wire_pack_int(ret, answer->number);
    wire_pack_array(ret, answer->row_count);
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct wire_row *row = &answer->rows[i];
        KV_ASSERT(row->key.size <= KV_KEY_BYTES_MAX && row->value.size <= KV_VALUE_BYTES_MAX);
        KV_ASSERT(row->present || row->value.size == 0);
        wire_pack_array(ret, ROW_FIELDS);
        wire_pack_bytes(ret, row->key);
        if (row->present) {
            wire_pack_bytes(ret, row->value);
        } else {
            wire_pack_nil(ret);
        }
    }
    wire_pack_bool(ret, answer->more);
    wire_pack_uint(ret, answer->hint);
    if (answer->place_count > 0) {
        pack_places(ret, answer);
    }
    KV_ASSERT(ret->size - before <= KV_BODY_BYTES_MAX);
}

static enum wire_verdict read_verdict(struct wire_reader *reader)
{
    const uint64_t verdict = wire_read_uint(reader, UINT8_MAX);
    wire_reader_require(reader, wire_is_verdict(verdict));
    return (enum wire_verdict)verdict;
}

static void read_row(struct wire_reader *reader, struct wire_row *ret)
{
    wire_read_arity(reader, ROW_FIELDS);
    ret->key = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
    ret->present = !wire_read_nil(reader);
    ret->value = ret->present ? wire_read_bytes(reader, KV_VALUE_BYTES_MAX) : (kv_slice){0};
}

static void read_place(struct wire_reader *reader, struct wire_place *ret)
{
    wire_read_arity(reader, PLACE_FIELDS);
    ret->key = (uint32_t)wire_read_uint(reader, KV_COMMAND_KEYS_MAX - 1);
    ret->verdict = read_verdict(reader);
    ret->group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    ret->version.clock.value = wire_read_uint(reader, UINT64_MAX);
    ret->version.group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
}

enum status wire_answer_decode(kv_slice bytes, struct wire_answer *ret)
{
    if (bytes.size > KV_BODY_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct wire_reader reader = wire_reader_of(bytes);
    const uint32_t fields = wire_read_array(&reader, ANSWER_FIELDS_ALL);
    wire_reader_require(&reader, fields == ANSWER_FIELDS || fields == ANSWER_FIELDS_ALL);
    ret->verdict = read_verdict(&reader);
    ret->number = wire_read_int(&reader);
    ret->row_count = wire_read_array(&reader, KV_COMMAND_KEYS_MAX);
    for (uint32_t i = 0; i < ret->row_count && reader.status == STATUS_OK; i++) {
        read_row(&reader, &ret->rows[i]);
    }
    ret->more = wire_read_bool(&reader);
    ret->hint = (uint32_t)wire_read_uint(&reader, HINT_MAX);
    ret->place_count = 0;
    if (fields == ANSWER_FIELDS_ALL && reader.status == STATUS_OK) {
        ret->place_count = wire_read_array(&reader, KV_COMMAND_KEYS_MAX);
        wire_reader_require(&reader, ret->place_count > 0); /* else the field is not there */
        for (uint32_t i = 0; i < ret->place_count && reader.status == STATUS_OK; i++) {
            read_place(&reader, &ret->places[i]);
        }
    }
    return wire_reader_finish(&reader);
}
