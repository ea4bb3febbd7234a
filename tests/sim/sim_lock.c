/* SPDX-License-Identifier: Apache-2.0 */
/* sim_lock: clients that lock keys, do something under the lock, renew it, give it back, or go on with a token that they have lost:
 * because they were slow, because they died and woke up, or because they have given it back already. */
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

#define TTL_MS_MIN 300
#define TTL_MS_MAX 2000

/* Of what is asked for under a lock. */
#define ASKS_MAX 12

static bool happens(struct sim *sim, uint32_t percent)
{
    return kv_prng_chance(&sim->workload, percent, 100);
}

static uint32_t below(struct sim *sim, uint64_t bound)
{
    return (uint32_t)kv_prng_below(&sim->workload, bound);
}

static void draw_lock(struct sim *sim)
{
    struct wire_command *command = &sim->work.command;
    wire_command_begin(command, WIRE_OP_LOCK);
    command->ttl_ms = (uint32_t)kv_prng_between(&sim->workload, TTL_MS_MIN, TTL_MS_MAX);
    command->shared = happens(sim, 25);
    command->no_wait = happens(sim, 25);
    for (uint32_t i = 1 + below(sim, SIM_LOCK_KEYS_MAX); i > 0; i--) {
        const uint32_t group = 1 + below(sim, sim->parameters.partitions);
        const enum sim_family family = happens(sim, 50) ? SIM_FAMILY_MIXED : SIM_FAMILY_SHARED;
        const kv_slice key =
            kv_slice_of_text(sim->work.keys[group][family][below(sim, sim->parameters.keys)]);
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

static void draw_under(struct sim *sim, struct sim_lock *lock)
{
    struct wire_command *command = &sim->work.command;
    const bool reads = lock->shared ? !happens(sim, 10) : happens(sim, 25);
    const bool all = lock->count > 1 && happens(sim, 50);
    wire_command_begin(command, all ? (reads ? WIRE_OP_MGET : WIRE_OP_MPUT)
                                    : (reads ? WIRE_OP_GET : WIRE_OP_PUT));
    command->token = lock->token;
    const uint32_t first = all ? 0 : below(sim, lock->count);
    const uint32_t count = all ? lock->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        command->keys[command->key_count++] = kv_slice_of_text(lock->keys[first + i]);
        if (!reads) {
            snprintf(sim->work.texts[i], sizeof(sim->work.texts[i]), "l%llu",
                     (unsigned long long)++sim->work.values);
            command->values[command->value_count++] = kv_slice_of_text(sim->work.texts[i]);
        }
    }
}

bool sim_lock_draw(struct sim *sim, struct sim_client *client)
{
    struct sim_lock *lock = &client->lock;
    if (sim->parameters.locks_percent == 0 ||
        !happens(sim, (uint32_t)sim->parameters.locks_percent)) {
        return false;
    }
    if (lock->count == 0 || lock->asks == 0) {
        draw_lock(sim);
        return true;
    }
    lock->asks--;
    const uint32_t dice = below(sim, 10);
    if (dice < 7) {
        draw_under(sim, lock);
    } else {
        wire_command_begin(&sim->work.command, dice < 9 ? WIRE_OP_KEEPALIVE : WIRE_OP_UNLOCK);
        sim->work.command.token = lock->token;
    }
    return true;
}

uint64_t sim_lock_death(struct sim *sim)
{
    const struct sim_parameters *p = &sim->parameters;
    const struct wire_command *command = &sim->work.command;
    const bool about = command->op == WIRE_OP_LOCK || command->op == WIRE_OP_UNLOCK ||
                       command->op == WIRE_OP_KEEPALIVE || wire_command_has_token(command);
    if (p->locks_percent == 0 || p->client_crash_us == 0 || !about ||
        !happens(sim, command->op == WIRE_OP_KEEPALIVE ? 15 : 5)) {
        return UINT64_MAX;
    }
    return sim->now + kv_prng_below(&sim->workload, 8 * (p->delay_us_max + p->sync_us_max));
}

void sim_lock_granted(struct sim *sim, struct sim_client *client, uint32_t number)
{
    const struct history_operation *operation = &sim->history.operations[number];
    struct wire_command *command = &sim->work.command;
    if (sim->parameters.locks_percent == 0 ||
        wire_command_decode(kv_buffer_slice(&operation->body), command) != STATUS_OK ||
        command->op != WIRE_OP_LOCK) {
        return;
    }
    struct sim_lock *lock = &client->lock;
    *lock = (struct sim_lock){.token = operation->timestamp,
                              .asks = below(sim, ASKS_MAX),
                              .count = command->key_count,
                              .shared = command->shared};
    for (uint32_t i = 0; i < command->key_count; i++) {
        memcpy(lock->keys[i], command->keys[i].data, command->keys[i].size);
    }
}
