/* SPDX-License-Identifier: Apache-2.0 */
/* command: names and properties of operations and verdicts from their tables, and where a key
 * lives. */
#include "multicast/wire/command.h"

#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command_internal.h"

const struct wire_op_shape *wire_op_shape_of(uint64_t op)
{
#define X(NAME, name, number, min, max, values, read_only, meaning)                                \
    static const struct wire_op_shape shape_##name = {#name, min, max, values, read_only};
    WIRE_OP_MAP(X)
#undef X
    switch (op) {
#define X(NAME, name, number, min, max, values, read_only, meaning)                                \
    case WIRE_OP_##NAME:                                                                           \
        return &shape_##name;
        WIRE_OP_MAP(X)
#undef X
    default:
        return NULL; /* a number, not an enum: any is possible */
    }
}

const char *wire_op_name(enum wire_op op)
{
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    return shape == NULL ? "unknown" : shape->name;
}

bool wire_op_is_read_only(enum wire_op op)
{
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    KV_ASSERT(shape != NULL);
    return shape->read_only;
}

const char *wire_step_name(enum wire_step_kind kind)
{
    switch (kind) {
#define X(NAME, name, number, operands, meaning)                                                   \
    case WIRE_GUARD_##NAME:                                                                        \
        return #name;
        WIRE_GUARD_MAP(X)
#undef X
#define X(NAME, name, number, operands, meaning)                                                   \
    case WIRE_STEP_##NAME:                                                                         \
        return #name;
        WIRE_STEP_MAP(X)
#undef X
    }
    return "unknown";
}

enum wire_operands wire_step_operands(enum wire_step_kind kind)
{
    switch (kind) {
#define X(NAME, name, number, operands, meaning)                                                   \
    case WIRE_GUARD_##NAME:                                                                        \
        return WIRE_OPERANDS_##operands;
        WIRE_GUARD_MAP(X)
#undef X
#define X(NAME, name, number, operands, meaning)                                                   \
    case WIRE_STEP_##NAME:                                                                         \
        return WIRE_OPERANDS_##operands;
        WIRE_STEP_MAP(X)
#undef X
    }
    KV_UNREACHABLE();
}

bool wire_step_is_guard(enum wire_step_kind kind)
{
    return kind >= WIRE_GUARD_EXISTS;
}

unsigned wire_step_by_name(kv_slice name, bool guard)
{
    static const struct {
        const char *name;
        unsigned kind;
        bool guard;
    } kinds[] = {
#define X(NAME, name_, number, operands, meaning) {#name_, number, true},
        WIRE_GUARD_MAP(X)
#undef X
#define X(NAME, name_, number, operands, meaning) {#name_, number, false},
            WIRE_STEP_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].guard == guard && kv_slice_equal(kv_slice_of_text(kinds[i].name), name)) {
            return kinds[i].kind;
        }
    }
    return 0;
}

static uint8_t use_of_step(enum wire_step_kind kind)
{
    if (wire_step_is_guard(kind) || kind == WIRE_STEP_GET) {
        return WIRE_USE_READ;
    }
    return kind == WIRE_STEP_DELETE ? WIRE_USE_WRITE | WIRE_USE_REMOVE : WIRE_USE_WRITE;
}

void wire_command_mark_uses(struct wire_command *command)
{
    const uint32_t count =
        command->guard_count + command->branch_count[0] + command->branch_count[1];
    for (uint32_t i = 0; i < command->key_count; i++) {
        command->uses[i] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        command->uses[command->steps[i].key] |= use_of_step(command->steps[i].kind);
    }
}

void wire_command_begin(struct wire_command *command, enum wire_op op)
{
    command->op = op;
    command->exec = false;
    command->policy = WIRE_POLICY_EXCHANGE;
    command->target = KV_GROUP_ORACLE;
    command->key_count = 0;
    command->owner_count = 0;
    command->value_count = 0;
    command->number = 0;
    command->limit = 0;
    command->token = (kv_timestamp){0};
    command->no_wait = false;
    command->shared = false;
    command->ttl_ms = 0;
    command->session = (kv_timestamp){0};
    command->guard_count = 0;
    command->branch_count[WIRE_BRANCH_THEN] = 0;
    command->branch_count[WIRE_BRANCH_ELSE] = 0;
}

bool wire_command_has_token(const struct wire_command *command)
{
    return command->token.clock.value != 0;
}

bool wire_command_has_session(const struct wire_command *command)
{
    return command->session.clock.value != 0;
}

void wire_answer_begin(struct wire_answer *answer, enum wire_verdict verdict)
{
    answer->verdict = verdict;
    answer->number = 0;
    answer->row_count = 0;
    answer->more = false;
    answer->hint = 0;
    answer->place_count = 0;
}

bool wire_is_verdict(uint64_t number)
{
    switch ((enum wire_verdict)number) {
#define X(NAME, number_, text) case WIRE_VERDICT_##NAME:
        WIRE_VERDICT_MAP(X)
#undef X
        return true;
    }
    return false;
}

const char *wire_verdict_name(enum wire_verdict verdict)
{
    switch (verdict) {
#define X(NAME, number, text)                                                                      \
    case WIRE_VERDICT_##NAME:                                                                      \
        return #NAME;
        WIRE_VERDICT_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

const char *wire_verdict_text(enum wire_verdict verdict)
{
    switch (verdict) {
#define X(NAME, number, text)                                                                      \
    case WIRE_VERDICT_##NAME:                                                                      \
        return text;
        WIRE_VERDICT_MAP(X)
#undef X
    }
    return "no verdict of this version";
}

uint32_t wire_bucket_of(kv_slice key)
{
    return (uint32_t)(XXH3_64bits(key.data, key.size) % KV_BUCKETS);
}

kv_group_id wire_home_of(kv_slice key, uint32_t partitions)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    return (kv_group_id){(uint16_t)(1 + wire_bucket_of(key) % partitions)};
}
