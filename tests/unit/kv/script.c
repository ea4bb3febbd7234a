/* SPDX-License-Identifier: Apache-2.0 */
/* script: see script.h. */
#include "tests/unit/kv/script.h"

#include "multicast/base/assert.h"
#include "partition/kv/kv_machine.h"

struct script *script_new(uint16_t group, uint32_t partitions)
{
    struct script *script = kv_alloc_zero(1, sizeof(*script));
    script->machine = kv_machine_new((kv_group_id){group}, partitions);
    return script;
}

void script_destroy(struct script **script)
{
    (*script)->machine.ops->destroy((*script)->machine.state);
    kv_free(*script);
    *script = NULL;
}

void script_command(struct script *script, enum wire_op op)
{
    script->command.op = op;
    script->command.key_count = 0;
    script->command.value_count = 0;
    script->command.number = 0;
    script->command.limit = 0;
}

void script_key(struct script *script, kv_slice key)
{
    KV_ASSERT(script->command.key_count < KV_COMMAND_KEYS_MAX);
    script->command.keys[script->command.key_count] = key;
    script->command.key_count++;
}

void script_value(struct script *script, kv_slice value)
{
    KV_ASSERT(script->command.value_count < KV_COMMAND_KEYS_MAX);
    script->command.values[script->command.value_count] = value;
    script->command.value_count++;
}

enum wire_verdict script_execute(struct script *script)
{
    script->clock++;
    const struct machine_context context = {.group = {1}, .timestamp = {{script->clock}, {1}}};
    script->machine.ops->execute(script->machine.state, &context, &script->command,
                                 &script->answer);
    return script->answer.verdict;
}

enum wire_verdict script_read(struct script *script)
{
    const struct machine_context context = {.group = {1}, .timestamp = {{script->clock}, {1}}};
    script->machine.ops->read(script->machine.state, &context, &script->command, &script->answer);
    return script->answer.verdict;
}

enum wire_verdict script_run(struct script *script, enum wire_op op, const char *key,
                             const char *value, const char *second)
{
    script_command(script, op);
    script_key(script, kv_slice_of_text(key));
    if (value != NULL) {
        script_value(script, kv_slice_of_text(value));
    }
    if (second != NULL) {
        script_value(script, kv_slice_of_text(second));
    }
    return script_execute(script);
}

enum wire_verdict script_incr(struct script *script, const char *key, int64_t number)
{
    script_command(script, WIRE_OP_INCR);
    script_key(script, kv_slice_of_text(key));
    script->command.number = number;
    return script_execute(script);
}

uint64_t script_digest(const struct script *script)
{
    return script->machine.ops->digest(script->machine.state);
}
