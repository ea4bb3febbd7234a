/* SPDX-License-Identifier: Apache-2.0 */
/* kv_alone: commands to this partition alone. Nearly all commands, so the ones on one key take the shortest way. */
#include "partition/kv/kv_internal.h"

/* An operation on one key: look, decide, change. */
static void alone_single(struct kv_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    const struct wire_step step = wire_command_step(command, WIRE_BRANCH_THEN, 0);
    struct kv_state before;
    struct kv_outcome outcome;
    if (kv_presence_of(machine, command->keys[0], &before) == KV_ELSEWHERE) {
        wire_answer_begin(ret, WIRE_VERDICT_STALE);
        ret->places[ret->place_count++] = kv_place_of(machine, command->keys[0]);
        return;
    }
    kv_arena_reset(&machine->arena);
    kv_step_run(machine, &step, &before, &outcome);
    ret->verdict = outcome.verdict;
    ret->number = outcome.number;
    if (outcome.row_present && command->op != WIRE_OP_INCR) {
        ret->rows[0] = (struct wire_row){.value = outcome.row, .present = true};
        ret->row_count = 1;
    }
    if (outcome.changed) {
        kv_put_row(machine, command->keys[0], outcome.after.value, machine->context.timestamp,
                   &outcome.after.bond);
    }
}

/* Several keys or steps: the same as a command to several groups, with no votes but the own one. */
static void alone_several(struct kv_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    struct placement_tally *tally = &machine->tally;
    struct placement_branch met;
    placement_tally_begin(tally, command);
    for (uint32_t i = 0; i < command->key_count; i++) {
        struct kv_state state;
        if (kv_presence_of(machine, command->keys[i], &state) == KV_ELSEWHERE) {
            tally->verdict = WIRE_VERDICT_STALE;
            tally->keys[i].has_hint = true;
            tally->keys[i].hint = kv_place_of(machine, command->keys[i]);
            tally->keys[i].hint.key = i;
        }
    }
    if (tally->verdict != WIRE_VERDICT_OK) {
        placement_answer_no(tally, tally->verdict, ret);
        return;
    }
    tally->guards_hold = kv_branch_guards(machine, NULL);
    const enum wire_branch branch = placement_branch_of(tally);
    kv_branch_run(machine, branch, NULL, true, tally->rows[branch], &met);
    tally->branches[branch] = met;
    if (met.verdict != WIRE_VERDICT_OK) {
        placement_answer_no(tally, met.verdict, ret);
        return;
    }
    if (met.bytes + KV_ANSWER_OVERHEAD_MAX > KV_BODY_BYTES_MAX) {
        placement_answer_no(tally, WIRE_VERDICT_TOO_LARGE, ret);
        return;
    }
    placement_answer_rows(tally, ret);
    for (uint32_t i = 0; i < command->key_count; i++) {
        kv_branch_apply(machine, i);
    }
}

static void alone_delete(struct kv_machine *machine, struct wire_answer *ret)
{
    const kv_slice key = machine->command.keys[0];
    if (kv_remove_row(machine, key)) {
        return;
    }
    struct kv_state unused;
    if (kv_presence_of(machine, key, &unused) == KV_ABSENT) {
        wire_answer_begin(ret, WIRE_VERDICT_NOT_FOUND);
        return;
    }
    wire_answer_begin(ret, WIRE_VERDICT_STALE); /* P6 */
    ret->places[ret->place_count++] = kv_place_of(machine, key);
}

void kv_alone_execute(struct kv_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    const enum wire_verdict verdict = kv_lives_vote(machine);
    if (verdict != WIRE_VERDICT_OK) {
        wire_answer_begin(ret, verdict);
    } else if (command->op == WIRE_OP_DELETE && command->key_count == 1) {
        alone_delete(machine, ret);
    } else if (wire_op_is_per_key(command->op)) {
        (void)kv_vote(machine);
        placement_tally_begin(&machine->tally, command);
        placement_tally_add(&machine->tally, WIRE_VERDICT_OK, &machine->own);
        kv_execute_keys(machine);
        if (command->op == WIRE_OP_EXPIRE) {
            kv_expires_done(machine);
        }
        placement_answer_keys(&machine->tally, machine->context.timestamp, ret);
    } else if (command->op == WIRE_OP_TXN || command->op == WIRE_OP_MGET ||
               command->op == WIRE_OP_MPUT) {
        alone_several(machine, ret);
    } else {
        alone_single(machine, ret);
    }
}
