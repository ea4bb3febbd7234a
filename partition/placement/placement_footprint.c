/* SPDX-License-Identifier: Apache-2.0 */
/* placement_footprint: from the duties of a group to its queues, and to whose votes it waits for.
 *
 * exchange, move, and changes of placement: everybody tells everybody. borrow: everybody tells the target, which reports back. */
#include "multicast/base/assert.h"
#include "partition/placement/placement.h"

static void footprint_variables(const struct wire_command *command,
                                const struct machine_context *context, uint32_t partitions,
                                struct machine_footprint *ret)
{
    const bool all = kv_group_equal(context->group, KV_GROUP_ORACLE) &&
                     kv_message_id_is_execution(context->id) &&
                     !wire_command_has_token(command); /* [locks.md, L6] */
    for (uint32_t i = 0; i < command->key_count; i++) {
        const unsigned duties =
            wire_command_duties(command, i, context->group, context->destinations, partitions);
        if (duties != 0 || all) {
            ret->variables[ret->count++] = (struct machine_variable){
                .key = command->keys[i],
                .write = all || wire_command_writes(command, i, context->group,
                                                    context->destinations, partitions),
            };
        }
    }
}

void placement_footprint(const struct wire_command *command, const struct machine_context *context,
                         uint32_t partitions, struct machine_footprint *ret)
{
    const kv_group_set others = kv_group_set_without(context->destinations, context->group);
    ret->count = 0;
    ret->everything = false;
    ret->awaits = ret->tells = others;
    ret->reports = (kv_group_set){0};
    ret->cuts = command->op == WIRE_OP_MARK;
    ret->answers = true;
    const bool holder = !kv_group_equal(context->group, KV_GROUP_ORACLE);
    ret->holds = holder && command->op == WIRE_OP_LOCK;
    ret->mere = command->op == WIRE_OP_LOCK;
    ret->ends = (kv_session_id){0};
    ret->passes_us = 0;
    ret->releases = holder && command->op == WIRE_OP_REVOKE;
    ret->no_wait = holder && (command->no_wait || command->op == WIRE_OP_EXPIRE);
    ret->token = holder && wire_command_is_inside(command) ? command->token : (kv_timestamp){0};
    if (command->op == WIRE_OP_MARK || command->op == WIRE_OP_SESSION_CLOSE) {
        ret->awaits = ret->tells = (kv_group_set){0}; /* there is nothing to agree on */
        ret->ends = (kv_session_id){command->token};
    }
    if (others.bits == 0) {
        for (uint32_t i = 0; i < command->key_count; i++) {
            ret->variables[i] = (struct machine_variable){
                .key = command->keys[i],
                .write = wire_command_use(command, i) != WIRE_USE_READ,
            };
        }
        ret->count = command->key_count;
        return;
    }
    footprint_variables(command, context, partitions, ret);
    ret->answers =
        kv_group_equal(wire_command_replier(command, context->destinations), context->group);
    if (command->policy == WIRE_POLICY_BORROW) {
        const bool executes = kv_group_equal(command->target, context->group);
        ret->awaits = executes ? others : kv_group_set_of(command->target);
        ret->tells = executes ? (kv_group_set){0} : ret->awaits;
        ret->reports = executes ? others : (kv_group_set){0};
    }
}
