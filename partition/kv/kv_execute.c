/* SPDX-License-Identifier: Apache-2.0 */
/* kv_execute: carries a command out when all votes are in. [P3-P9, V2; S-SMR, DS-SMR, DynaStar by policy]
 *
 * 1. All votes are added up: verdict and branch come out the same at every destination.
 * 2. exchange: this partition runs the steps on its own keys. move: the target runs all of them on what was sent to it, and keeps
 *    the keys. borrow: the target does, and reports to the others what has become of their keys.
 * 3. Stubs follow: of keys whose home this is. */
#include "partition/kv/kv_internal.h"

static unsigned duties_here(const struct kv_machine *machine, uint32_t i)
{
    return wire_command_duties(&machine->command, i, machine->group, machine->context.destinations,
                               machine->partitions);
}

static bool is_target(const struct kv_machine *machine)
{
    return kv_group_equal(machine->command.target, machine->group);
}

/* The votes of all who have one, this partition's included. */
static void add_votes(struct kv_machine *machine, const struct machine_vote *votes, uint32_t count)
{
    bool said_no = false;
    for (uint32_t i = 0; i < count; i++) {
        said_no = said_no || kv_group_equal(votes[i].group, machine->group);
    }
    if (!said_no) {
        const enum wire_verdict verdict = kv_vote(machine);
        KV_ASSERT(verdict == WIRE_VERDICT_OK || kv_is_damaged(machine)); /* it was, at its turn, and
                                                                 nobody changed anything since */
    }
    placement_tally_begin(&machine->tally, &machine->command);
    if (!said_no) {
        placement_tally_add(&machine->tally, WIRE_VERDICT_OK, &machine->own);
    }
    for (uint32_t i = 0; i < count; i++) {
        placement_tally_add_payload(&machine->tally, &votes[i], &machine->others);
    }
}

/* ---- CREATE, DELETE, MOVE ---- */

static void take_in(struct kv_machine *machine, kv_slice key, kv_slice value, kv_timestamp version,
                    const struct kv_bond *bond)
{
    /* [P1] It is not here; another group that votes against the rules could make it come twice, and then the later one is it. */
    if (kv_timestamp_compare(version, machine->context.timestamp) == 0) {
        kv_put_row(machine, key, value, version, bond);
    } else { /* as it was elsewhere */
        store_put(machine->rows, key, value, version);
        kv_bind(machine, key, version, bond);
    }
    kv_moved_drop(&machine->moved, key);
}

static void let_go(struct kv_machine *machine, kv_slice key)
{
    (void)store_remove(machine->rows, key);
    kv_bind(machine, key, machine->context.timestamp, &KV_BOND_NONE);
    kv_moved_put(&machine->moved, key, machine->command.target, machine->context.timestamp);
}

/* The key is at the target now, or nowhere. */
static void follow_stub(struct kv_machine *machine, uint32_t i, bool exists)
{
    const kv_slice key = machine->command.keys[i];
    if (exists && !is_target(machine)) {
        kv_set_stub(machine, key, machine->command.target);
    } else {
        kv_drop_stub(machine, key);
    }
}

static void execute_key(struct kv_machine *machine, uint32_t i)
{
    const struct wire_command *command = &machine->command;
    const struct placement_key *known = &machine->tally.keys[i];
    const unsigned duties = duties_here(machine, i);
    const kv_slice key = command->keys[i];
    if (command->op == WIRE_OP_DELETE || command->op == WIRE_OP_EXPIRE) {
        if ((duties & WIRE_DUTY_OWNER) != 0) {
            (void)kv_remove_row(machine, key);
        }
        if ((duties & WIRE_DUTY_HOME) != 0) {
            kv_drop_stub(machine, key);
        }
        return;
    }
    if (command->op == WIRE_OP_MOVE && (duties & WIRE_DUTY_OWNER) != 0 && !is_target(machine)) {
        let_go(machine, key);
    }
    if ((duties & WIRE_DUTY_TARGET) != 0) {
        const bool created = command->op == WIRE_OP_CREATE;
        const struct kv_bond bond =
            created ? machine->given : kv_bond_received(machine, &known->bond);
        take_in(machine, key, created ? command->values[i] : known->value,
                created ? machine->context.timestamp : known->version, &bond);
    }
    if ((duties & WIRE_DUTY_HOME) != 0) {
        follow_stub(machine, i, true);
    }
}

void kv_execute_keys(struct kv_machine *machine)
{
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        if (machine->tally.keys[i].verdict == WIRE_VERDICT_OK) {
            execute_key(machine, i);
        }
    }
}

/* ---- exchange ---- */

static void execute_exchange(struct kv_machine *machine)
{
    struct placement_branch met;
    const enum wire_branch branch = placement_branch_of(&machine->tally);
    kv_branch_run(machine, branch, machine->mine, true, machine->results[branch], &met);
    KV_ASSERT(met.verdict == WIRE_VERDICT_OK); /* it was, for the vote */
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        const unsigned duties = duties_here(machine, i);
        if ((duties & WIRE_DUTY_OWNER) != 0) {
            kv_branch_apply(machine, i);
        }
        if ((duties & WIRE_DUTY_HOME) != 0 && !placement_present_after(&machine->tally, i)) {
            kv_drop_stub(machine, machine->command.keys[i]);
        }
    }
}

/* ---- move and borrow ---- */

/* Run the branch on all keys: those that are here, and those whose values came with the votes. */
static void run_for_all(struct kv_machine *machine, struct placement_branch *ret)
{
    struct placement_tally *tally = &machine->tally;
    const enum wire_branch branch = placement_branch_of(tally);
    kv_branch_reset(machine);
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        const struct placement_key *key = &tally->keys[i];
        if (!machine->mine[i]) {
            kv_branch_lend(machine, i,
                           &(struct kv_state){.present = key->present,
                                              .value = key->value,
                                              .version = key->version,
                                              .bond = kv_bond_received(machine, &key->bond)});
        }
    }
    kv_branch_run(machine, branch, NULL, false, tally->rows[branch], ret);
}

static void execute_move(struct kv_machine *machine)
{
    struct placement_branch met;
    if (is_target(machine)) {
        run_for_all(machine, &met);
    }
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        const unsigned duties = duties_here(machine, i);
        const kv_slice key = machine->command.keys[i];
        const bool exists = placement_present_after(&machine->tally, i);
        if ((duties & WIRE_DUTY_TARGET) != 0) {
            const struct kv_state *state = &machine->pending[i].state;
            if (exists) {
                take_in(machine, key, state->value, state->version, &state->bond);
            } else if (machine->tally.keys[i].present) {
                kv_note_removed(machine, key); /* while it was on its way */
            }
        } else if ((duties & WIRE_DUTY_OWNER) != 0 && is_target(machine)) {
            kv_branch_apply(machine, i);
        } else if ((duties & WIRE_DUTY_OWNER) != 0) {
            let_go(machine, key);
        }
        if ((duties & WIRE_DUTY_HOME) != 0) {
            follow_stub(machine, i, exists);
        }
    }
}

/* Bytes of what has become of others' keys. */
static size_t bytes_to_return(const struct kv_machine *machine)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        const struct kv_pending *pending = &machine->pending[i];
        if (!machine->mine[i] && pending->changed && pending->state.present) {
            bytes += pending->state.value.size;
        }
    }
    return bytes;
}

/* The target of borrowed keys. False: what it would have to return is too large. */
static bool execute_borrow(struct kv_machine *machine)
{
    struct placement_branch met;
    run_for_all(machine, &met);
    if (bytes_to_return(machine) > KV_SIGNAL_BYTES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        if (machine->mine[i]) {
            kv_branch_apply(machine, i);
        }
        if ((duties_here(machine, i) & WIRE_DUTY_HOME) != 0 &&
            !placement_present_after(&machine->tally, i)) {
            kv_drop_stub(machine, machine->command.keys[i]);
        }
    }
    return true;
}

/* [K3] A bond that nobody changed goes back as it came: to its own time, without anything added. */
static struct placement_bond bond_returned(const struct kv_machine *machine, uint32_t i)
{
    const struct kv_bond lent = kv_bond_received(machine, &machine->tally.keys[i].bond);
    const struct kv_bond *after = &machine->pending[i].state.bond;
    if (!kv_bond_is_none(after) && kv_timestamp_compare(lent.session, after->session) == 0 &&
        lent.until_us == after->until_us) {
        return (struct placement_bond){.kept = true};
    }
    return kv_bond_sent(machine, after);
}

void kv_execute_report(struct kv_machine *machine, kv_group_id to, struct kv_buffer *ret)
{
    const struct wire_command *command = &machine->command;
    const struct placement_tally *tally = &machine->tally;
    const enum wire_branch branch = placement_branch_of(tally);
    struct placement_vote *sent = &machine->sent;
    placement_vote_begin(sent);
    sent->guards_hold = tally->guards_hold;
    for (uint32_t i = 0; i < command->key_count && machine->executed; i++) {
        const unsigned duties =
            wire_command_duties(command, i, to, machine->context.destinations, machine->partitions);
        const struct kv_pending *pending = &machine->pending[i];
        const bool removed = pending->changed && !pending->state.present;
        if (!pending->changed || (duties == 0) || ((duties & WIRE_DUTY_OWNER) == 0 && !removed)) {
            continue;
        }
        struct placement_item *item = placement_vote_item(sent, i, WIRE_VERDICT_OK);
        item->present = pending->state.present;
        item->has_value = pending->state.present && (duties & WIRE_DUTY_OWNER) != 0;
        item->value = item->has_value ? pending->state.value : (kv_slice){0};
        item->version = pending->state.version;
        item->bond = bond_returned(machine, i);
    }
    if (machine->executed && kv_group_equal(to, KV_GROUP_ORACLE)) {
        for (uint32_t s = 0; s < wire_command_steps(command, branch); s++) {
            const struct placement_result *result = &tally->rows[branch][s];
            if (result->present) {
                sent->rows[sent->row_count++] = (struct placement_row){
                    .branch = branch, .step = s, .present = true, .value = result->value};
            }
        }
    }
    placement_vote_encode(sent, ret);
}

/* The verdict that the target reports, and in machine->others what it says of keys. */
static enum wire_verdict returned_verdict(struct kv_machine *machine,
                                          const struct machine_vote *votes, uint32_t count)
{
    enum wire_verdict verdict = WIRE_VERDICT_UNSUPPORTED;
    bool said_no = false;
    for (uint32_t v = 0; v < count; v++) {
        if (kv_group_equal(votes[v].group, machine->group)) {
            said_no = true;
        } else if (wire_is_verdict(votes[v].verdict) &&
                   (votes[v].verdict != WIRE_VERDICT_OK ||
                    placement_vote_decode(votes[v].payload, &machine->command, &machine->others) ==
                        STATUS_OK)) {
            verdict = votes[v].verdict;
        }
    }
    /* Nobody may say OK against a NO. */
    return said_no && verdict == WIRE_VERDICT_OK ? WIRE_VERDICT_UNSUPPORTED : verdict;
}

/* What the own NO says of places: the client hears of this answer, too. */
static void returned_hints(struct kv_machine *machine, const struct machine_vote *votes,
                           uint32_t count, struct wire_answer *ret)
{
    struct placement_tally *tally = &machine->tally;
    placement_tally_begin(tally, &machine->command);
    for (uint32_t v = 0; v < count; v++) {
        if (kv_group_equal(votes[v].group, machine->group)) {
            placement_tally_add_payload(tally, &votes[v], &machine->others);
        }
    }
    placement_answer_no(tally, WIRE_VERDICT_STALE, ret);
}

/* An owner of borrowed keys, or the home of one, takes back what the target reports. */
static void execute_returned(struct kv_machine *machine, const struct machine_vote *votes,
                             uint32_t count, struct wire_answer *ret)
{
    const enum wire_verdict verdict = returned_verdict(machine, votes, count);
    const struct placement_vote *report = &machine->others;
    wire_answer_begin(ret, verdict);
    if (verdict == WIRE_VERDICT_STALE) {
        returned_hints(machine, votes, count, ret);
    }
    for (uint32_t i = 0; verdict == WIRE_VERDICT_OK && i < report->item_count; i++) {
        const struct placement_item *item = &report->items[i];
        const kv_slice key = machine->command.keys[item->key];
        const unsigned duties = duties_here(machine, item->key);
        if ((duties & WIRE_DUTY_OWNER) != 0 && item->has_value) {
            const struct kv_bond bond = item->bond.kept ? kv_bond_of(&machine->bonds, key)
                                                        : kv_bond_received(machine, &item->bond);
            kv_put_row(machine, key, item->value, item->version, &bond);
        } else if ((duties & WIRE_DUTY_OWNER) != 0 && !item->present) {
            (void)kv_remove_row(machine, key);
        }
        if ((duties & WIRE_DUTY_HOME) != 0 && !item->present) {
            kv_drop_stub(machine, key);
        }
    }
}

/* ---- All of them ---- */

static void execute_access(struct kv_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    struct placement_tally *tally = &machine->tally;
    enum wire_verdict verdict = placement_verdict(tally);
    if (verdict == WIRE_VERDICT_OK && command->policy == WIRE_POLICY_BORROW &&
        !execute_borrow(machine)) {
        verdict = WIRE_VERDICT_TOO_LARGE;
    }
    if (verdict != WIRE_VERDICT_OK) {
        placement_answer_no(tally, verdict, ret);
        return;
    }
    machine->executed = true;
    if (command->policy == WIRE_POLICY_MOVE) {
        execute_move(machine);
    } else if (command->policy == WIRE_POLICY_EXCHANGE) {
        execute_exchange(machine);
    }
    placement_answer_rows(tally, ret);
}

void kv_execute(struct kv_machine *machine, const struct machine_vote *votes, uint32_t count,
                struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    if (command->policy == WIRE_POLICY_BORROW && !is_target(machine)) {
        execute_returned(machine, votes, count, ret);
        return;
    }
    add_votes(machine, votes, count);
    if (wire_op_is_per_key(command->op)) {
        if (machine->tally.verdict == WIRE_VERDICT_OK) {
            kv_execute_keys(machine);
            placement_answer_keys(&machine->tally, machine->context.timestamp, ret);
        } else {
            placement_answer_no(&machine->tally, machine->tally.verdict, ret);
        }
        if (command->op == WIRE_OP_EXPIRE) {
            kv_expires_done(machine);
        }
    } else if (wire_op_is_lock(command->op) || wire_op_is_session(command->op)) {
        const enum wire_verdict verdict = placement_verdict(&machine->tally);
        if (verdict != WIRE_VERDICT_OK) {
            placement_answer_no(&machine->tally, verdict, ret);
        } else if (wire_op_is_session(command->op)) {
            kv_lives_execute(machine);
        }
    } else {
        execute_access(machine, ret);
    }
    const bool answers = kv_group_equal(
        machine->group, wire_command_replier(command, machine->context.destinations));
    if (!answers && ret->verdict == WIRE_VERDICT_OK) {
        wire_answer_begin(ret, WIRE_VERDICT_OK); /* another group has the whole answer */
    }
}
