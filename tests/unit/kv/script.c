/* SPDX-License-Identifier: Apache-2.0 */
/* script: see script.h. */
#include "tests/unit/kv/script.h"

#include "multicast/base/assert.h"
#include "partition/kv/kv_machine.h"

struct script *script_new(uint16_t group, uint32_t partitions)
{
    struct script *script = kv_alloc_zero(1, sizeof(*script));
    script->group.value = group;
    script->machine = kv_machine_new((kv_group_id){group}, partitions);
    return script;
}

void script_destroy(struct script **script)
{
    (*script)->machine.ops->destroy((*script)->machine.state);
    kv_buffer_close(&(*script)->body);
    kv_free(*script);
    *script = NULL;
}

void script_command(struct script *script, enum wire_op op)
{
    wire_command_begin(&script->command, op);
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

/* Open the command; false: the machine does not take it. */
static bool script_open(struct script *script, bool read)
{
    const struct machine_context context = {.group = script->group,
                                            .destinations = kv_group_set_of(script->group),
                                            .timestamp = {{script->clock}, script->group},
                                            .id = {.session = {{{1}, {0}}}, .sequence = 1},
                                            .read = read};
    kv_buffer_clear(&script->body);
    wire_command_encode(&script->command, &script->body);
    wire_answer_begin(&script->answer, WIRE_VERDICT_OK);
    return script->machine.ops->open(script->machine.state, &context,
                                     kv_buffer_slice(&script->body), &script->footprint);
}

enum wire_verdict script_execute(struct script *script)
{
    script->clock++;
    if (!script_open(script, false)) {
        return WIRE_VERDICT_UNSUPPORTED;
    }
    const enum machine_outcome outcome =
        script->machine.ops->execute(script->machine.state, NULL, 0, &script->answer);
    KV_ASSERT(outcome == MACHINE_DONE);
    return script->answer.verdict;
}

enum wire_verdict script_read(struct script *script)
{
    if (!script_open(script, true) ||
        !script->machine.ops->read(script->machine.state, &script->answer)) {
        return WIRE_VERDICT_UNSUPPORTED;
    }
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
