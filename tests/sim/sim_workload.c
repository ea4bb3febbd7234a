/* SPDX-License-Identifier: Apache-2.0 */
/* sim_workload: what the clients ask: few keys, many conflicts, every operation of the machines, on any keys of any partitions.
 *
 * Keys come in families: what is only appended to, what is only incremented (check_once counts those at the end), what everything
 * but TXN is done to, and the rest. Every written value is unique, so a read tells which write it saw. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

static const char family_letter[SIM_FAMILIES] = {'a', 'n', 'r', 's'};

void sim_workload_keys(struct sim *sim)
{
    uint32_t partitions = (uint32_t)sim->parameters.partitions;
    for (uint32_t family = 0; family < SIM_FAMILIES; family++) {
        uint32_t found[SIM_GROUPS_MAX] = {0};
        uint32_t missing = partitions * SIM_KEYS_MAX;
        for (uint32_t n = 0; missing > 0; n++) {
            char name[16];
            snprintf(name, sizeof(name), "%c%u", family_letter[family], n);
            uint32_t group = wire_home_of(kv_slice_of_text(name), partitions).value;
            if (found[group] < SIM_KEYS_MAX) {
                memcpy(sim->work.keys[group][family][found[group]++], name, sizeof(name));
                missing--;
            }
        }
    }
}

static bool happens(struct sim *sim, uint64_t percent)
{
    return kv_prng_chance(&sim->workload, (uint32_t)percent, 100);
}

static uint32_t below(struct sim *sim, uint64_t bound)
{
    return (uint32_t)kv_prng_below(&sim->workload, bound);
}

static kv_group_id any_partition(struct sim *sim)
{
    return (kv_group_id){(uint16_t)(1 + below(sim, sim->parameters.partitions))};
}

static kv_slice any_key(struct sim *sim, enum sim_family family)
{
    return kv_slice_of_text(
        sim->work.keys[any_partition(sim).value][family][below(sim, sim->parameters.keys)]);
}

/* Up to `most` keys, ascending, none twice. */
static void draw_keys(struct sim *sim, enum sim_family family, uint32_t most)
{
    struct wire_command *command = &sim->work.command;
    for (uint32_t tries = 1 + below(sim, most); tries > 0; tries--) {
        const kv_slice key = any_key(sim, family);
        uint32_t at = 0;
        while (at < command->key_count && kv_slice_compare(command->keys[at], key) < 0) {
            at++;
        }
        if (at < command->key_count && kv_slice_equal(command->keys[at], key)) {
            continue;
        }
        memmove(&command->keys[at + 1], &command->keys[at],
                (command->key_count - at) * sizeof(command->keys[0]));
        command->keys[at] = key;
        command->key_count++;
    }
}

static kv_slice new_value(struct sim *sim, uint32_t text, char letter)
{
    KV_ASSERT(text < SIM_TEXTS);
    snprintf(sim->work.texts[text], sizeof(sim->work.texts[text]), "%c%" PRIu64, letter,
             ++sim->work.values);
    return kv_slice_of_text(sim->work.texts[text]);
}

/* ---- Commands on several keys ---- */

static void draw_policy(struct sim *sim, struct client_submit *ret)
{
    if (happens(sim, sim->parameters.policy_percent)) {
        ret->policy = happens(sim, 50) ? CLIENT_POLICY_MOVE : CLIENT_POLICY_BORROW;
        ret->target = happens(sim, 50) ? any_partition(sim) : (kv_group_id){0};
    }
}

static void draw_multi(struct sim *sim, bool read_only, struct client_submit *ret)
{
    struct wire_command *command = &sim->work.command;
    const enum sim_family family = happens(sim, 50) ? SIM_FAMILY_MIXED : SIM_FAMILY_SHARED;
    wire_command_begin(command, read_only ? WIRE_OP_MGET : WIRE_OP_MPUT);
    draw_keys(sim, family, 4);
    for (uint32_t i = 0; i < command->key_count && !read_only; i++) {
        command->values[command->value_count++] = new_value(sim, i, 'm');
    }
    draw_policy(sim, ret);
}

static void draw_step(struct sim *sim, uint32_t number, struct wire_step *step)
{
    static const enum wire_step_kind kinds[] = {
        WIRE_STEP_GET,    WIRE_STEP_GET,           WIRE_STEP_PUT,  WIRE_STEP_PUT,
        WIRE_STEP_INCR,   WIRE_STEP_INCR,          WIRE_STEP_INCR, WIRE_STEP_APPEND,
        WIRE_STEP_DELETE, WIRE_STEP_PUT_IF_ABSENT, WIRE_STEP_CAS};
    step->kind = kinds[below(sim, sizeof(kinds) / sizeof(kinds[0]))];
    switch (wire_step_operands(step->kind)) {
    case WIRE_OPERANDS_NONE:
        return;
    case WIRE_OPERANDS_VALUE:
        step->value = new_value(sim, number, 't');
        return;
    case WIRE_OPERANDS_NUMBER:
        step->number = 1 + below(sim, 5);
        return;
    case WIRE_OPERANDS_TWO_VALUES:
        step->value = new_value(sim, number, 't');
        step->expected = kv_slice_of_text("1");
        return;
    }
}

/* A transfer between two keys, if the first has enough; else a look at both. */
static void draw_transfer(struct sim *sim)
{
    struct wire_command *command = &sim->work.command;
    const int64_t amount = 1 + below(sim, 3);
    const uint32_t from = below(sim, command->key_count);
    const uint32_t to = (from + 1) % command->key_count;
    command->guard_count = 1;
    command->branch_count[WIRE_BRANCH_THEN] = 2;
    command->branch_count[WIRE_BRANCH_ELSE] = command->key_count;
    command->steps[0] =
        (struct wire_step){.kind = WIRE_GUARD_AT_LEAST, .key = from, .number = amount - 5};
    command->steps[1] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = from, .number = -amount};
    command->steps[2] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = to, .number = amount};
    for (uint32_t i = 0; i < command->key_count; i++) {
        command->steps[3 + i] = (struct wire_step){.kind = WIRE_STEP_GET, .key = i};
    }
}

static void draw_steps(struct sim *sim)
{
    struct wire_command *command = &sim->work.command;
    command->guard_count = below(sim, 2);
    command->branch_count[WIRE_BRANCH_THEN] = command->key_count + below(sim, 2);
    command->branch_count[WIRE_BRANCH_ELSE] = command->guard_count == 0 ? 0 : below(sim, 3);
    const uint32_t all = command->guard_count + command->branch_count[WIRE_BRANCH_THEN] +
                         command->branch_count[WIRE_BRANCH_ELSE];
    for (uint32_t s = 0; s < all; s++) {
        struct wire_step *step = &command->steps[s];
        *step = (struct wire_step){.key = s % command->key_count};
        if (s < command->guard_count) {
            step->kind = happens(sim, 50) ? WIRE_GUARD_EXISTS : WIRE_GUARD_ABSENT;
        } else {
            step->key = (s - command->guard_count) % command->key_count;
            draw_step(sim, s, step);
        }
    }
}

static void draw_txn(struct sim *sim, struct client_submit *ret)
{
    struct wire_command *command = &sim->work.command;
    wire_command_begin(command, WIRE_OP_TXN);
    draw_keys(sim, SIM_FAMILY_SHARED, 3);
    if (command->key_count == 2 && happens(sim, 60)) {
        draw_transfer(sim);
    } else {
        draw_steps(sim);
    }
    wire_command_mark_uses(command);
    draw_policy(sim, ret);
}

/* ---- Placement ---- */

static void draw_move(struct sim *sim)
{
    struct wire_command *command = &sim->work.command;
    wire_command_begin(command, WIRE_OP_MOVE);
    draw_keys(sim, (enum sim_family)below(sim, SIM_FAMILIES), 3);
    command->target = any_partition(sim);
}

static void draw_create(struct sim *sim, struct client_submit *ret)
{
    struct wire_command *command = &sim->work.command;
    const bool one = happens(sim, 60);
    wire_command_begin(command, WIRE_OP_CREATE);
    draw_keys(sim, happens(sim, 50) ? SIM_FAMILY_MIXED : SIM_FAMILY_SHARED, one ? 1 : 3);
    for (uint32_t i = 0; i < command->key_count; i++) {
        command->values[command->value_count++] = new_value(sim, i, 'c');
    }
    command->target = any_partition(sim);
    if (one && happens(sim, 40)) {
        command->target = (kv_group_id){0};
        ret->least_loaded = happens(sim, 50);
    }
}

static void draw_placement(struct sim *sim, struct client_submit *ret)
{
    struct wire_command *command = &sim->work.command;
    const uint32_t dice = below(sim, 10);
    if (dice < 5) {
        draw_move(sim);
    } else if (dice < 8) {
        draw_create(sim, ret);
    } else {
        wire_command_begin(command, WIRE_OP_DELETE);
        draw_keys(sim, happens(sim, 50) ? SIM_FAMILY_MIXED : SIM_FAMILY_SHARED, 2);
    }
}

/* ---- Commands on one key ---- */

/* One change of a key to which everything is done. */
static void draw_mixed(struct sim *sim, uint32_t group, uint32_t key)
{
    static const enum wire_op operations[] = {WIRE_OP_PUT,    WIRE_OP_PUT,   WIRE_OP_PUT_IF_ABSENT,
                                              WIRE_OP_DELETE, WIRE_OP_CAS,   WIRE_OP_CAS,
                                              WIRE_OP_INCR,   WIRE_OP_APPEND};
    struct wire_command *command = &sim->work.command;
    char *guess = sim->work.guesses[group][key];
    const enum wire_op op = operations[below(sim, sizeof(operations) / sizeof(operations[0]))];
    wire_command_begin(command, op);
    command->key_count = 1;
    if (op == WIRE_OP_DELETE || op == WIRE_OP_INCR) {
        command->number = op == WIRE_OP_INCR ? 1 : 0;
        return;
    }
    command->value_count = 1;
    command->values[0] = new_value(sim, 0, happens(sim, 25) ? '1' : 'v');
    if (op == WIRE_OP_CAS) {
        memcpy(sim->work.texts[1], guess, sizeof(sim->work.texts[1]));
        command->value_count = 2;
        command->values[1] = command->values[0];
        command->values[0] = kv_slice_of_text(sim->work.texts[1]);
    }
    memcpy(guess, sim->work.texts[0], sizeof(sim->work.texts[0]));
}

/* The change that a family allows. */
static void draw_change(struct sim *sim, enum sim_family family, uint32_t group, uint32_t key)
{
    struct wire_command *command = &sim->work.command;
    switch (family) {
    case SIM_FAMILY_APPEND:
        wire_command_begin(command, WIRE_OP_APPEND);
        snprintf(sim->work.texts[0], sizeof(sim->work.texts[0]), "[%" PRIu64 "]",
                 ++sim->work.values);
        command->value_count = 1;
        command->values[0] = kv_slice_of_text(sim->work.texts[0]);
        return;
    case SIM_FAMILY_COUNTER:
        wire_command_begin(command, WIRE_OP_INCR);
        command->number = 1 + below(sim, 3);
        return;
    case SIM_FAMILY_MIXED:
    case SIM_FAMILY_SHARED:
        draw_mixed(sim, group, key);
        return;
    case SIM_FAMILIES:
        break;
    }
    KV_UNREACHABLE();
}

static void draw_single(struct sim *sim, bool read_only)
{
    struct wire_command *command = &sim->work.command;
    const uint32_t group = any_partition(sim).value;
    const uint32_t key = below(sim, sim->parameters.keys);
    const uint32_t dice = below(sim, 10);
    const enum sim_family family = dice < 2   ? SIM_FAMILY_APPEND
                                   : dice < 4 ? SIM_FAMILY_COUNTER
                                   : dice < 8 ? SIM_FAMILY_MIXED
                                              : SIM_FAMILY_SHARED;
    if (read_only) {
        wire_command_begin(command, happens(sim, 5) ? WIRE_OP_WHERE : WIRE_OP_GET);
    } else {
        draw_change(sim, family, group, key);
    }
    command->key_count = 1;
    command->keys[0] = kv_slice_of_text(sim->work.keys[group][family][key]);
}

void sim_workload_draw(struct sim *sim, struct client_submit *ret)
{
    const struct sim_parameters *p = &sim->parameters;
    if (p->marks_percent > 0 && happens(sim, p->marks_percent)) {
        wire_command_begin(&sim->work.command, WIRE_OP_MARK);
        return;
    }
    const bool read_only = happens(sim, p->reads_percent);
    const uint32_t dice = below(sim, 100);
    if (dice < p->place_percent) {
        draw_placement(sim, ret);
    } else if (dice < p->place_percent + p->txn_percent) {
        draw_txn(sim, ret);
    } else if (dice < p->place_percent + p->txn_percent + p->multi_percent) {
        draw_multi(sim, read_only, ret);
    } else {
        draw_single(sim, read_only);
    }
    ret->stale_ok = read_only && wire_op_is_read_only(sim->work.command.op) &&
                    sim->work.command.op != WIRE_OP_WHERE && happens(sim, p->stale_reads_percent);
}

void sim_workload_probe(struct sim *sim, kv_group_id home, bool read, struct client_submit *ret)
{
    struct wire_command *command = &sim->work.command;
    (void)ret;
    wire_command_begin(command, read ? WIRE_OP_GET : WIRE_OP_INCR);
    command->number = read ? 0 : 1;
    command->key_count = 1;
    command->keys[0] = kv_slice_of_text(sim->work.keys[home.value][SIM_FAMILY_COUNTER][0]);
}
