/* SPDX-License-Identifier: Apache-2.0 */
/* sim_life: clients that set keys that do not last, by a ttl or by a session that they renew, end or forget; that look for them, and move
 * them. Each key is set once. */
#include <stdio.h>

#include "tests/sim/check_lives.h"
#include "tests/sim/sim.h"

#define TTL_MS_MIN 300
#define TTL_MS_MAX 2000

/* Keys that are looked for and moved: the youngest. */
#define RECENT 12

static bool happens(struct sim *sim, uint32_t percent)
{
    return kv_prng_chance(&sim->workload, percent, 100);
}

static uint32_t ttl(struct sim *sim)
{
    return (uint32_t)kv_prng_between(&sim->workload, TTL_MS_MIN, TTL_MS_MAX);
}

static kv_slice name(struct sim *sim, uint32_t at, uint64_t number)
{
    char *text = sim->work.texts[at];
    snprintf(text, sizeof(sim->work.texts[at]), CHECK_LIVES_PREFIX "%llu",
             (unsigned long long)number);
    return kv_slice_of_text(text);
}

static kv_slice recent(struct sim *sim)
{
    const uint64_t back = kv_prng_below(&sim->workload, RECENT);
    const uint64_t last = sim->work.brief_keys;
    return name(sim, 0, back < last ? last - back : last);
}

/* How long what it sets lasts. */
static void give_life(struct sim *sim, const struct sim_client *client)
{
    struct wire_command *command = &sim->work.command;
    if (client->session.clock.value != 0 && happens(sim, 60)) {
        command->session = client->session;
    } else {
        command->ttl_ms = ttl(sim);
    }
}

static void draw_set(struct sim *sim, const struct sim_client *client)
{
    struct wire_command *command = &sim->work.command;
    const bool two = happens(sim, 30);
    const bool creates = !two && happens(sim, 30);
    wire_command_begin(command, two ? WIRE_OP_MPUT : creates ? WIRE_OP_CREATE : WIRE_OP_PUT);
    for (uint32_t i = 0; i < (two ? 2u : 1u); i++) {
        command->keys[command->key_count++] = name(sim, i, ++sim->work.brief_keys);
        command->values[command->value_count++] = kv_slice_of_text("v");
    }
    if (creates) {
        command->target.value =
            (uint16_t)(1 + kv_prng_below(&sim->workload, sim->parameters.partitions));
    }
    give_life(sim, client);
}

bool sim_life_draw(struct sim *sim, const struct sim_client *client)
{
    struct wire_command *command = &sim->work.command;
    if (!happens(sim, (uint32_t)sim->parameters.lives_percent)) {
        return false;
    }
    const bool has = client->session.clock.value != 0;
    const uint64_t dice = kv_prng_below(&sim->workload, 20);
    if (!has && dice < 8) {
        wire_command_begin(command, WIRE_OP_SESSION_BEGIN);
        command->ttl_ms = ttl(sim);
    } else if (has && dice < 4) {
        wire_command_begin(command, dice < 3 ? WIRE_OP_KEEPALIVE : WIRE_OP_UNLOCK);
        command->token = client->session;
    } else if (sim->work.brief_keys == 0 || dice < 11) {
        draw_set(sim, client);
    } else if (dice < 17) {
        wire_command_begin(command, WIRE_OP_GET);
        command->keys[command->key_count++] = recent(sim);
    } else {
        wire_command_begin(command, WIRE_OP_MOVE);
        command->keys[command->key_count++] = recent(sim);
        command->target.value =
            (uint16_t)(1 + kv_prng_below(&sim->workload, sim->parameters.partitions));
    }
    return true;
}

void sim_life_begun(struct sim *sim, struct sim_client *client, uint32_t number)
{
    const struct history_operation *operation = &sim->history.operations[number];
    struct wire_command *command = &sim->work.command;
    if (sim->parameters.lives_percent == 0 ||
        wire_command_decode(kv_buffer_slice(&operation->body), command) != STATUS_OK) {
        return;
    }
    if (command->op == WIRE_OP_SESSION_BEGIN) {
        client->session = operation->timestamp;
    } else if (command->op == WIRE_OP_UNLOCK && happens(sim, 50)) {
        client->session = (kv_timestamp){0}; /* else it goes on as if it were there */
    }
}

bool sim_lives_are_over(struct sim *sim, struct engine *const *engines)
{
    struct wire_command *command = &sim->work.command;
    bool over = true;
    for (uint32_t group = 1; group <= sim->parameters.partitions; group++) {
        struct kv_buffer body = {0};
        wire_command_begin(command, WIRE_OP_SCAN);
        command->keys[0] = kv_slice_of_text(CHECK_LIVES_PREFIX);
        command->keys[1] = kv_slice_of_text(CHECK_LIVES_PREFIX ":");
        command->key_count = 2;
        command->limit = 1;
        wire_command_encode(command, &body);
        const kv_slice answer = engine_read(engines[group], kv_buffer_slice(&body));
        over = over && wire_answer_decode(answer, &sim->work.answer) == STATUS_OK &&
               sim->work.answer.row_count == 0;
        kv_buffer_close(&body);
    }
    return over;
}
