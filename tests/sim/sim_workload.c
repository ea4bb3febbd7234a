/* SPDX-License-Identifier: Apache-2.0 */
/* sim_workload: what the clients ask: few keys, many conflicts, every operation of the machine.
 *
 * Keys come in families: what is only appended to, what is only incremented (check_once counts
 * those at the end), and what everything is done to. Every written value is unique, so a read tells
 * which write it saw. */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

static const char family_letter[SIM_FAMILIES] = {'a', 'n', 'r'};

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

static uint32_t draw_key(struct sim *sim)
{
    return (uint32_t)kv_prng_below(&sim->workload, sim->parameters.keys);
}

/* Several distinct keys of a group: a run of its mixed keys. */
static void draw_multi(struct sim *sim, kv_group_id group, bool read_only)
{
    struct wire_command *command = &sim->work.command;
    char(*values)[24] = sim->work.texts;
    uint32_t keys = (uint32_t)sim->parameters.keys;
    uint32_t first = draw_key(sim);
    command->op = read_only ? WIRE_OP_MGET : WIRE_OP_MPUT;
    command->key_count = 1 + (uint32_t)kv_prng_below(&sim->workload, keys);
    command->value_count = read_only ? 0 : command->key_count;
    for (uint32_t i = 0; i < command->key_count; i++) {
        uint32_t key = (first + i) % keys;
        command->keys[i] = kv_slice_of_text(sim->work.keys[group.value][SIM_FAMILY_MIXED][key]);
        snprintf(values[i], sizeof(values[i]), "m%" PRIu64, ++sim->work.values);
        command->values[i] = kv_slice_of_text(values[i]);
    }
}

/* One change of a key to which everything is done. */
static void draw_mixed(struct sim *sim, kv_group_id group, uint32_t key)
{
    static const enum wire_op operations[] = {WIRE_OP_PUT,    WIRE_OP_PUT,   WIRE_OP_PUT_IF_ABSENT,
                                              WIRE_OP_DELETE, WIRE_OP_CAS,   WIRE_OP_CAS,
                                              WIRE_OP_INCR,   WIRE_OP_APPEND};
    char *value = sim->work.texts[0];
    char *expected = sim->work.texts[1];
    struct wire_command *command = &sim->work.command;
    char *guess = sim->work.guesses[group.value][key];
    command->op =
        operations[kv_prng_below(&sim->workload, sizeof(operations) / sizeof(operations[0]))];
    bool numeric = kv_prng_chance(&sim->workload, 1, 4);
    snprintf(value, sizeof(sim->work.texts[0]), "%s%" PRIu64, numeric ? "" : "v",
             ++sim->work.values);
    if (command->op == WIRE_OP_DELETE || command->op == WIRE_OP_INCR) {
        command->number = command->op == WIRE_OP_INCR ? 1 : 0;
        return;
    }
    command->value_count = 1;
    command->values[0] = kv_slice_of_text(value);
    if (command->op == WIRE_OP_CAS) {
        memcpy(expected, guess, sizeof(sim->work.texts[0]));
        command->value_count = 2;
        command->values[0] = kv_slice_of_text(expected);
        command->values[1] = kv_slice_of_text(value);
    }
    memcpy(guess, value, sizeof(sim->work.texts[0]));
}

/* A read of one key, or the change that its family allows. */
static void draw_single(struct sim *sim, kv_group_id group, bool read_only)
{
    char *token = sim->work.texts[0];
    struct wire_command *command = &sim->work.command;
    uint32_t key = draw_key(sim);
    uint64_t dice = kv_prng_below(&sim->workload, 10);
    enum sim_family family = dice < 2   ? SIM_FAMILY_APPEND
                             : dice < 4 ? SIM_FAMILY_COUNTER
                                        : SIM_FAMILY_MIXED;
    command->key_count = 1;
    command->value_count = 0;
    command->keys[0] = kv_slice_of_text(sim->work.keys[group.value][family][key]);
    if (read_only) {
        command->op = WIRE_OP_GET;
        return;
    }
    switch (family) {
    case SIM_FAMILY_APPEND:
        snprintf(token, sizeof(sim->work.texts[0]), "[%" PRIu64 "]", ++sim->work.values);
        command->op = WIRE_OP_APPEND;
        command->value_count = 1;
        command->values[0] = kv_slice_of_text(token);
        return;
    case SIM_FAMILY_COUNTER:
        command->op = WIRE_OP_INCR;
        command->number = (int64_t)kv_prng_between(&sim->workload, 1, 3);
        return;
    case SIM_FAMILY_MIXED:
        draw_mixed(sim, group, key);
        return;
    case SIM_FAMILIES:
        break;
    }
    KV_UNREACHABLE();
}

bool sim_workload_draw(struct sim *sim, kv_group_id group, struct kv_buffer *ret)
{
    const struct sim_parameters *p = &sim->parameters;
    bool read_only = kv_prng_chance(&sim->workload, (uint32_t)p->reads_percent, 100);
    sim->work.command.number = 0;
    sim->work.command.limit = 0;
    if (kv_prng_chance(&sim->workload, (uint32_t)p->multi_percent, 100)) {
        draw_multi(sim, group, read_only);
    } else {
        draw_single(sim, group, read_only);
    }
    wire_command_encode(&sim->work.command, ret);
    return read_only;
}

void sim_workload_probe(struct sim *sim, kv_group_id group, bool read, struct kv_buffer *ret)
{
    struct wire_command *command = &sim->work.command;
    command->op = read ? WIRE_OP_GET : WIRE_OP_INCR;
    command->key_count = 1;
    command->value_count = 0;
    command->number = read ? 0 : 1;
    command->limit = 0;
    command->keys[0] = kv_slice_of_text(sim->work.keys[group.value][SIM_FAMILY_COUNTER][0]);
    wire_command_encode(command, ret);
}
