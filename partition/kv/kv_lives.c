/* SPDX-License-Identifier: Apache-2.0 */
/* kv_lives: how long keys last, as far as a command says so; and the beginning and end of sessions. [locks.md, K1-K7]
 *
 * 1. A command that binds to a session takes the session's own queue, for reading; beginning and end of the session take it for writing. So
 *    whoever was delivered before the end has bound its keys when the end executes, and nobody binds one behind it.
 * 2. A ttl is counted from the delivery of its command, in the ordered time of this partition. Two TICKs at most that come
 *    behind may tell of time from before it, so that much is added. */
#include <string.h>

#include "partition/kv/kv_internal.h"

#define SLACK_US (2 * MACHINE_TIME_COUNTED_US_MAX)

static void add_variable(struct kv_machine *machine, kv_timestamp session, bool write,
                         struct machine_footprint *footprint)
{
    memcpy(machine->session_variable, &session.clock.value, sizeof(session.clock.value));
    memcpy(machine->session_variable + sizeof(session.clock.value), &session.group.value,
           sizeof(session.group.value));
    footprint->variables[footprint->count++] = (struct machine_variable){
        .key = kv_slice_of(machine->session_variable, sizeof(machine->session_variable)),
        .write = write};
}

/* Ordered time at which it has lasted for `us`, at the least. */
static uint64_t time_after(const struct kv_machine *machine, uint64_t us)
{
    const uint64_t now = machine->context.time_us;
    return us < UINT64_MAX - SLACK_US - now ? now + us + SLACK_US : UINT64_MAX;
}

/* What changes a part of a value, brings it elsewhere, or ends it. */
static bool keeps_bonds(const struct wire_command *command)
{
    const uint64_t keeping = WIRE_OP_BIT(INCR) | WIRE_OP_BIT(APPEND) | WIRE_OP_BIT(TXN) |
                             WIRE_OP_BIT(MOVE) | WIRE_OP_BIT(EXPIRE);
    return wire_op_is_in(command->op, keeping) || command->policy != WIRE_POLICY_EXCHANGE;
}

void kv_lives_open(struct kv_machine *machine, struct machine_footprint *footprint)
{
    const struct wire_command *command = &machine->command;
    machine->given = (struct kv_bond){.session = command->session};
    machine->keeps = keeps_bonds(command);
    if (command->ttl_ms > 0 && wire_op_sets(command->op)) {
        machine->given.until_us = time_after(machine, UINT64_C(1000) * command->ttl_ms);
    }
    if (wire_command_has_session(command)) {
        add_variable(machine, command->session, false, footprint);
    } else if (command->op == WIRE_OP_SESSION_BEGIN) {
        add_variable(machine, machine->context.timestamp, true, footprint);
    } else if (command->op == WIRE_OP_SESSION_END) {
        add_variable(machine, command->token, true, footprint);
    } else if (command->op == WIRE_OP_TICK) {
        footprint->passes_us = (uint64_t)command->number;
        footprint->since = command->token;
    }
}

enum wire_verdict kv_lives_vote(const struct kv_machine *machine)
{
    const struct wire_command *command = &machine->command;
    return wire_command_has_session(command) && command->op != WIRE_OP_EXPIRE &&
                   !kv_session_is_alive(&machine->bonds, command->session)
               ? WIRE_VERDICT_SESSION_ENDED
               : WIRE_VERDICT_OK;
}

void kv_lives_execute(struct kv_machine *machine)
{
    if (machine->command.op == WIRE_OP_SESSION_BEGIN) {
        kv_session_begin(&machine->bonds, machine->context.timestamp);
    } else {
        kv_session_end(&machine->bonds, machine->command.token);
        kv_expires_ended(&machine->expires, machine->command.token);
    }
}

/* ---- Between partitions ---- */

struct placement_bond kv_bond_sent(const struct kv_machine *machine, const struct kv_bond *bond)
{
    const uint64_t now = machine->context.time_us;
    const uint64_t left = bond->until_us > now ? bond->until_us - now : 1;
    return (struct placement_bond){.session = bond->session,
                                   .left_us = bond->until_us == 0 ? 0 : left};
}

struct kv_bond kv_bond_received(const struct kv_machine *machine, const struct placement_bond *bond)
{
    return (struct kv_bond){.session = bond->session,
                            .until_us =
                                bond->left_us == 0 ? 0 : time_after(machine, bond->left_us)};
}
