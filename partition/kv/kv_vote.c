/* SPDX-License-Identifier: Apache-2.0 */
/* kv_vote: what this partition says of a command at its turn. [P3-P9, V1]
 *
 * Only keys that the command assigns to this partition are judged, from the state as it is; nobody else can change them before the
 * command is finished. */
#include "partition/kv/kv_internal.h"

static unsigned duties_of(const struct kv_machine *machine, uint32_t i, kv_group_id group)
{
    return wire_command_duties(&machine->command, i, group, machine->context.destinations,
                               machine->partitions);
}

static void vote_stale(struct kv_machine *machine, uint32_t i)
{
    const struct wire_place place = kv_place_of(machine, machine->command.keys[i]);
    struct placement_item *item = placement_vote_item(&machine->own, i, WIRE_VERDICT_STALE);
    item->group = place.group;
    item->version = place.version;
}

/* Whether another group has to know if key i exists: to keep stub and map right, or to execute on it. */
static bool existence_matters(const struct kv_machine *machine, uint32_t i)
{
    return machine->command.policy != WIRE_POLICY_EXCHANGE ||
           duties_of(machine, i, KV_GROUP_ORACLE) != 0;
}

/* Bytes of values that leave for the target. */
static size_t vote_presence(struct kv_machine *machine, enum wire_verdict *ret)
{
    const struct wire_command *command = &machine->command;
    size_t lent = 0;
    for (uint32_t i = 0; i < command->key_count; i++) {
        machine->mine[i] = (duties_of(machine, i, machine->group) & WIRE_DUTY_OWNER) != 0;
        if (!machine->mine[i]) {
            continue;
        }
        struct kv_state *state = kv_branch_state(machine, i);
        struct kv_state unused;
        if (!state->present && kv_presence_of(machine, command->keys[i], &unused) == KV_ELSEWHERE) {
            vote_stale(machine, i);
            *ret = WIRE_VERDICT_STALE;
        } else if (!state->present && existence_matters(machine, i)) {
            placement_vote_item(&machine->own, i, WIRE_VERDICT_OK)->present = false;
        }
        lent += state->present ? state->value.size : 0;
    }
    return lent;
}

/* Rows that whoever answers needs; of a step that cannot be done, too, if there is room. Returns what they take of it. */
static uint32_t vote_rows(struct kv_machine *machine, enum wire_branch branch, uint32_t room)
{
    const struct wire_command *command = &machine->command;
    const struct placement_branch *met = &machine->own.branches[branch];
    const uint32_t steps =
        met->verdict == WIRE_VERDICT_OK ? wire_command_steps(command, branch) : met->step + 1;
    uint32_t used = met->verdict == WIRE_VERDICT_OK ? met->bytes : 0;
    for (uint32_t s = met->verdict == WIRE_VERDICT_OK ? 0 : met->step; s < steps; s++) {
        const struct placement_result *result = &machine->results[branch][s];
        if (!machine->mine[wire_command_step(command, branch, s).key] || !result->present) {
            continue;
        }
        if (met->verdict != WIRE_VERDICT_OK) {
            used = (uint32_t)result->value.size;
            if (used > room) {
                return 0;
            }
        }
        machine->own.rows[machine->own.row_count++] = (struct placement_row){
            .branch = branch, .step = s, .present = true, .value = result->value};
    }
    return used;
}

static void vote_branches(struct kv_machine *machine)
{
    struct placement_vote *own = &machine->own;
    uint32_t room = KV_SIGNAL_BYTES_MAX;
    own->guards_hold = kv_branch_guards(machine, machine->mine);
    for (uint32_t b = 0; b < WIRE_BRANCHES; b++) {
        const enum wire_branch branch = (enum wire_branch)b;
        if (branch == WIRE_BRANCH_THEN && !own->guards_hold) {
            continue; /* it is not taken, whatever others say */
        }
        struct placement_branch *met = &own->branches[branch];
        kv_branch_run(machine, branch, machine->mine, true, machine->results[branch], met);
        if (met->verdict == WIRE_VERDICT_OK && met->bytes > room) {
            *met = (struct placement_branch){.verdict = WIRE_VERDICT_TOO_LARGE};
            continue;
        }
        room -= vote_rows(machine, branch, room);
    }
}

static enum wire_verdict vote_access(struct kv_machine *machine)
{
    enum wire_verdict verdict = WIRE_VERDICT_OK;
    const size_t lent = vote_presence(machine, &verdict);
    if (verdict != WIRE_VERDICT_OK) {
        return verdict;
    }
    if (machine->command.policy != WIRE_POLICY_EXCHANGE && lent > KV_SIGNAL_BYTES_MAX) {
        return WIRE_VERDICT_TOO_LARGE;
    }
    vote_branches(machine);
    return WIRE_VERDICT_OK;
}

/* CREATE, DELETE, MOVE: a verdict for each key that is this partition's to judge. */
static void vote_keys(struct kv_machine *machine)
{
    const struct wire_command *command = &machine->command;
    size_t room = KV_SIGNAL_BYTES_MAX;
    for (uint32_t i = 0; i < command->key_count; i++) {
        const unsigned duties = duties_of(machine, i, machine->group);
        const struct kv_state *state = kv_branch_state(machine, i);
        machine->mine[i] = (duties & WIRE_DUTY_OWNER) != 0;
        if (command->op == WIRE_OP_CREATE) {
            if ((duties & WIRE_DUTY_HOME) != 0 &&
                (state->present || kv_has_stub(machine, command->keys[i]))) {
                placement_vote_item(&machine->own, i, WIRE_VERDICT_EXISTS);
            }
            continue;
        }
        if (!machine->mine[i]) {
            continue;
        }
        struct kv_state unused;
        if (!state->present) {
            if (kv_presence_of(machine, command->keys[i], &unused) == KV_ABSENT) {
                placement_vote_item(&machine->own, i, WIRE_VERDICT_NOT_FOUND);
            } else {
                vote_stale(machine, i);
            }
        } else if (command->op == WIRE_OP_EXPIRE &&
                   (kv_timestamp_compare(state->version, command->token) != 0 ||
                    !kv_bond_is_over(&machine->bonds, &state->bond, machine->context.time_us))) {
            placement_vote_item(&machine->own, i, WIRE_VERDICT_NOT_FOUND); /* K5 */
        } else if (command->op == WIRE_OP_MOVE &&
                   !kv_group_equal(command->target, machine->group)) {
            if (state->value.size > room) {
                placement_vote_item(&machine->own, i, WIRE_VERDICT_DEFERRED);
            } else {
                room -= state->value.size;
            }
        }
    }
}

enum wire_verdict kv_vote(struct kv_machine *machine)
{
    enum wire_verdict verdict = WIRE_VERDICT_OK;
    placement_vote_begin(&machine->own);
    kv_branch_reset(machine);
    verdict = kv_lives_vote(machine);
    if (verdict != WIRE_VERDICT_OK) {
        machine->stale = true;
        return verdict;
    }
    if (wire_op_is_per_key(machine->command.op)) {
        vote_keys(machine);
    } else if (machine->command.op == WIRE_OP_LOCK) {
        (void)vote_presence(machine, &verdict); /* where the keys are is all that matters */
    } else if (machine->command.op != WIRE_OP_REVOKE && !wire_op_is_session(machine->command.op)) {
        verdict = vote_access(machine);
    }
    machine->stale = verdict != WIRE_VERDICT_OK;
    return verdict;
}

/* ---- What each receiver needs ---- */

/* Whether key i's value goes to the target with the vote. */
static bool value_leaves(const struct kv_machine *machine, uint32_t i)
{
    const struct wire_command *command = &machine->command;
    const bool brought = command->op == WIRE_OP_MOVE || command->policy != WIRE_POLICY_EXCHANGE;
    return brought && machine->mine[i] && !kv_group_equal(command->target, machine->group);
}

/* The state before any step: what was tried for the vote must not leave. */
static void send_values(struct kv_machine *machine, bool *spoken_of)
{
    struct placement_vote *sent = &machine->sent;
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        struct kv_state state;
        if (!value_leaves(machine, i) || spoken_of[i] ||
            kv_presence_of(machine, machine->command.keys[i], &state) != KV_OWNED) {
            continue;
        }
        struct placement_item *item = placement_vote_item(sent, i, WIRE_VERDICT_OK);
        item->has_value = true;
        item->value = state.value;
        item->version = state.version;
        item->bond = kv_bond_sent(machine, &state.bond);
    }
}

void kv_vote_payload(struct kv_machine *machine, kv_group_id to, struct kv_buffer *ret)
{
    const struct wire_command *command = &machine->command;
    const struct placement_vote *own = &machine->own;
    struct placement_vote *sent = &machine->sent;
    bool spoken_of[KV_COMMAND_KEYS_MAX] = {false};
    placement_vote_begin(sent);
    sent->guards_hold = own->guards_hold;
    sent->branches[WIRE_BRANCH_THEN] = own->branches[WIRE_BRANCH_THEN];
    sent->branches[WIRE_BRANCH_ELSE] = own->branches[WIRE_BRANCH_ELSE];
    for (uint32_t i = 0; i < own->item_count; i++) {
        sent->items[sent->item_count++] = own->items[i];
        spoken_of[own->items[i].key] = true;
    }
    const bool whole = !machine->stale; /* a NO has nothing to execute on */
    if (whole && command->target.value != 0 && kv_group_equal(to, command->target)) {
        send_values(machine, spoken_of);
    }
    const bool answers =
        kv_group_equal(to, wire_command_replier(command, machine->context.destinations));
    if (whole && answers && command->policy != WIRE_POLICY_BORROW) {
        for (uint32_t i = 0; i < own->row_count; i++) {
            sent->rows[sent->row_count++] = own->rows[i];
        }
    }
    placement_vote_encode(sent, ret);
}
