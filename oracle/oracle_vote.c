/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_vote: the oracle's part in commands to it and partitions: it refuses to let pinned keys move, and keeps the map. [P5, P7,
 * P8, D3, D6] */
#include "oracle/oracle_internal.h"

static bool concerns(const struct oracle_machine *machine, uint32_t i)
{
    return wire_command_duties(&machine->command, i, KV_GROUP_ORACLE, machine->context.destinations,
                               machine->partitions) != 0;
}

/* Whether the oracle runs it in a client's name: then the pins are its own. */
static bool is_for_client(kv_message_id id)
{
    return kv_message_id_is_execution(id) && !kv_message_id_is_own(id);
}

static bool has_lease(enum wire_op op)
{
    return wire_op_is_lock(op) || wire_op_is_session(op);
}

enum wire_verdict oracle_vote(struct oracle_machine *machine)
{
    const struct wire_command *command = &machine->command;
    const bool per_key = wire_op_is_per_key(command->op);
    const bool execution = is_for_client(machine->context.id);
    enum wire_verdict verdict = WIRE_VERDICT_OK;
    placement_vote_begin(&machine->own);
    if (has_lease(command->op)) {
        return oracle_lease_vote(machine);
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (!concerns(machine, i)) {
            continue;
        }
        if (command->op == WIRE_OP_CREATE && oracle_is_placed(machine, command->keys[i])) {
            placement_vote_item(&machine->own, i, WIRE_VERDICT_EXISTS); /* home says the same */
        } else if (!execution && oracle_is_pinned(machine, command->keys[i])) {
            if (per_key) {
                placement_vote_item(&machine->own, i, WIRE_VERDICT_PINNED); /* D6 */
            } else {
                verdict = WIRE_VERDICT_PINNED;
            }
        }
    }
    return verdict;
}

void oracle_payload(struct oracle_machine *machine, struct kv_buffer *ret)
{
    placement_vote_encode(&machine->own, ret);
}

static void add_votes(struct oracle_machine *machine, const struct machine_vote *votes,
                      uint32_t count)
{
    bool said_no = false;
    for (uint32_t i = 0; i < count; i++) {
        said_no = said_no || kv_group_equal(votes[i].group, machine->context.group);
    }
    placement_tally_begin(&machine->tally, &machine->command);
    if (!said_no) {
        const enum wire_verdict verdict = oracle_vote(machine);
        KV_ASSERT(verdict ==
                  WIRE_VERDICT_OK); /* it was, at its turn, and nobody pinned anything since */
        placement_tally_add(&machine->tally, WIRE_VERDICT_OK, &machine->own);
    }
    for (uint32_t i = 0; i < count; i++) {
        placement_tally_add_payload(&machine->tally, &votes[i], &machine->others);
    }
}

static void place_keys(struct oracle_machine *machine)
{
    const struct wire_command *command = &machine->command;
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (machine->tally.keys[i].verdict == WIRE_VERDICT_OK && concerns(machine, i)) {
            oracle_place(machine, command->keys[i], command->target); /* DELETE: nowhere */
        }
    }
}

static bool exists_after(const struct oracle_machine *machine, uint32_t i)
{
    return machine->command.policy == WIRE_POLICY_BORROW
               ? machine->tally.keys[i].present /* as the target reports */
               : placement_present_after(&machine->tally, i);
}

static void place_accessed(struct oracle_machine *machine)
{
    const struct wire_command *command = &machine->command;
    for (uint32_t i = 0; i < command->key_count; i++) {
        const bool exists = exists_after(machine, i);
        const bool moves =
            command->policy == WIRE_POLICY_MOVE && command->owners[i] != command->target.value;
        if (!concerns(machine, i)) {
            continue;
        }
        if (!exists &&
            (machine->tally.keys[i].present || oracle_is_placed(machine, command->keys[i]))) {
            oracle_place(machine, command->keys[i], (kv_group_id){0});
        } else if (!exists) {
            continue; /* it was not there before either */
        } else if (moves) {
            oracle_place(machine, command->keys[i], command->target);
        }
    }
}

/* Who asked the oracle learns where the keys are: so it will not have to ask again. A key that does not concern the oracle is not
 * held here, so the map says nothing certain about it; but it is where the command says, or its owner would have said no. */
static void answer_places(struct oracle_machine *machine, struct wire_answer *ret)
{
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        struct wire_place *place = &ret->places[ret->place_count++];
        kv_timestamp version;
        *place = (struct wire_place){.key = i, .verdict = WIRE_VERDICT_OK};
        place->group = concerns(machine, i)
                           ? oracle_place_of(machine, machine->command.keys[i], &version)
                           : (kv_group_id){machine->command.owners[i]};
        place->version = machine->context.timestamp;
    }
}

enum machine_outcome oracle_execute_shared(struct oracle_machine *machine,
                                           const struct machine_vote *votes, uint32_t count,
                                           struct wire_answer *ret)
{
    add_votes(machine, votes, count);
    enum wire_verdict verdict = placement_verdict(&machine->tally);
    if (has_lease(machine->command.op)) {
        oracle_lease_execute(machine, verdict);
    }
    if (verdict != WIRE_VERDICT_OK) {
        placement_answer_no(&machine->tally, verdict, ret);
    } else if (has_lease(machine->command.op)) {
        answer_places(machine, ret);
    } else if (wire_op_is_per_key(machine->command.op)) {
        place_keys(machine);
        placement_answer_keys(&machine->tally, machine->context.timestamp, ret);
        verdict = ret->verdict;
    } else {
        place_accessed(machine);
        placement_answer_rows(&machine->tally, ret);
        if (ret->verdict == WIRE_VERDICT_OK) {
            answer_places(machine, ret);
        }
    }
    return is_for_client(machine->context.id) ? oracle_exec_end(machine, verdict) : MACHINE_DONE;
}
