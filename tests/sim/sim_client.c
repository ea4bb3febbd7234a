/* SPDX-License-Identifier: Apache-2.0 */
/* sim_client: see the header. */
#include "tests/sim/sim_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* Longer than the liveness phase: then a client waits for its answers as long as it takes. */
#define FOREVER_US UINT64_C(3600000000)

const char *sim_endpoint_of(kv_node_id node)
{
    static const char names[][8] = {"", "sim://1", "sim://2", "sim://3", "sim://4", "sim://5"};
    KV_ASSERT(node.value >= 1 && node.value <= SIM_NODES_MAX);
    return names[node.value];
}

static kv_instant now_of(const struct sim *sim)
{
    return (kv_instant){sim->now + 1}; /* 0 is no moment */
}

/* ---- Timers ---- */

static void wake(struct sim *sim, struct sim_client *client, uint64_t at)
{
    at = at < sim->now ? sim->now : at;
    if (at >= client->timer_at) {
        return;
    }
    client->timer_at = at;
    sim_queue_push(&sim->queue,
                   (struct sim_event){.at = at, .kind = SIM_EVENT_CLIENT, .actor = client->number});
}

static void wake_for_all(struct sim *sim, struct sim_client *client)
{
    const kv_instant deadline = client_deadline(client->core);
    wake(sim, client, client->next_at);
    wake(sim, client, client->death_at);
    wake(sim, client, deadline.us == KV_INSTANT_NEVER.us ? UINT64_MAX : deadline.us);
}

static void draw_next(struct sim *sim, struct sim_client *client)
{
    const struct sim_parameters *p = &sim->parameters;
    uint64_t mean = p->safety_us * p->clients / p->operations;
    client->next_at = sim->now + kv_prng_below(&sim->workload, 2 * mean + 1);
}

static void draw_death(struct sim *sim, struct sim_client *client)
{
    uint64_t mean = sim->parameters.client_crash_us;
    client->death_at = mean == 0 ? UINT64_MAX : sim->now + kv_prng_below(&sim->workload, 2 * mean);
}

/* ---- Effects ---- */

static kv_node_id node_of(const struct sim *sim, kv_slice endpoint)
{
    for (uint16_t n = 1; n <= sim->parameters.nodes; n++) {
        if (kv_slice_equal(endpoint, kv_slice_of_text(sim_endpoint_of((kv_node_id){n})))) {
            return (kv_node_id){n};
        }
    }
    KV_UNREACHABLE(); /* nobody names others */
}

static void on_send(struct sim *sim, struct sim_client *client, uint32_t slot,
                    const struct client_send *send)
{
    struct wire_message *message = &sim->reply;
    const kv_node_id node = client->slots[slot];
    message->kind = send->kind;
    message->group = send->group;
    message->from = KV_NODE_NONE;
    message->to = node;
    if (send->kind == WIRE_MESSAGE_HELLO) {
        message->as.hello = send->as.hello;
    } else {
        message->as.request = send->as.request;
    }
    client->slot_of[node.value] = slot;
    sim_net_send(&sim->net, sim->now, client->endpoint, node.value, message);
}

static const char *result_text(enum client_result result)
{
    switch (result) {
    case CLIENT_ANSWERED:
        return "answered";
    case CLIENT_UNAVAILABLE:
        return "unavailable";
    case CLIENT_NO_SPACE:
        return "without space";
    case CLIENT_IN_DOUBT:
        return "in doubt";
    case CLIENT_REFUSED:
        return "refused";
    case CLIENT_CLOSED:
        return "closed";
    case CLIENT_PROTOCOL:
        return "not understood";
    }
    return "?";
}

static void on_complete(struct sim *sim, struct sim_client *client,
                        const struct client_completion *completion)
{
    const uint32_t number = (uint32_t)((uintptr_t)completion->context - 1);
    const bool answered = completion->result == CLIENT_ANSWERED;
    client->outstanding--;
    SIM_TRACE(sim,
              "client %u: operation %u, session %" PRIu64 " sequence %" PRIu64
              " attempt %u, is %s: %s %s, timestamp %" PRIu64,
              client->number, number, completion->id.session.registered.clock.value,
              completion->id.sequence, completion->id.attempt, result_text(completion->result),
              completion->why, answered ? wire_verdict_name(completion->answer->verdict) : "",
              completion->timestamp.clock.value);
    if (completion->result == CLIENT_PROTOCOL || completion->result == CLIENT_REFUSED) {
        sim_report_fail(&sim->report, "client", "client %u: operation %u is %s: %s", client->number,
                        number, result_text(completion->result), completion->why);
        return;
    }
    history_complete(&sim->history, number, completion);
    sim->history.operations[number].answered_us = sim->now;
    if (answered && completion->answer->verdict == WIRE_VERDICT_OK) {
        sim_lock_granted(sim, client, number);
        sim_life_begun(sim, client, number);
    }
    sim_note(sim, number, completion->timestamp.clock.value, (uint64_t)completion->result);
    sim->counters.answered += answered ? 1 : 0;
    sim->counters.unknown += answered ? 0 : 1;
    if (sim->healed) {
        client->next_at = sim->now;
    }
}

static void carry_out(struct sim *sim, struct sim_client *client)
{
    struct client_effects *effects = &client->effects;
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct client_effect *effect = &effects->effects[i];
        switch (effect->kind) {
        case CLIENT_EFFECT_CONNECT:
            client->slots[effect->slot] = node_of(sim, effect->as.endpoint);
            break;
        case CLIENT_EFFECT_DISCONNECT:
            break;
        case CLIENT_EFFECT_SEND:
            on_send(sim, client, effect->slot, &effect->as.send);
            break;
        case CLIENT_EFFECT_COMPLETE:
            on_complete(sim, client, &effect->as.complete);
            break;
        }
    }
    client_effects_clear(effects);
}

static enum status step(struct sim *sim, struct sim_client *client, struct client_event event)
{
    event.now = now_of(sim);
    const enum status status = client_step(client->core, &event, &client->effects);
    carry_out(sim, client);
    return status;
}

/* ---- Life ---- */

static void begin_life(struct sim *sim, struct sim_client *client)
{
    struct client_settings settings = {
        .seed = kv_prng_next(&sim->workload),
        .outstanding_max = (uint32_t)sim->parameters.outstanding,
        .endpoint_count = (uint32_t)sim->parameters.nodes,
    };
    for (uint16_t n = 1; n <= sim->parameters.nodes; n++) {
        settings.endpoints[n - 1] = kv_slice_of_text(sim_endpoint_of((kv_node_id){n}));
    }
    client->lives++;
    client->endpoint = SIM_ENDPOINT_CLIENT + client->number + client->lives * SIM_ENDPOINT_LIFE;
    memset(client->slots, 0, sizeof(client->slots));
    memset(client->slot_of, 0, sizeof(client->slot_of));
    client->outstanding = 0;
    client->core = client_new(&settings, now_of(sim));
}

static void end_life(struct sim *sim, struct sim_client *client)
{
    client_destroy(&client->core);
    client_effects_clear(&client->effects);
    for (uint32_t i = 0; i < sim->history.count; i++) {
        const struct history_operation *operation = &sim->history.operations[i];
        if (operation->client == client->number && operation->state == HISTORY_PENDING) {
            history_leave(&sim->history, i);
            sim->counters.unknown++;
        }
    }
}

void sim_clients_start(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->parameters.clients; i++) {
        struct sim_client *client = &sim->clients[i];
        client->number = i;
        client->timer_at = UINT64_MAX;
        begin_life(sim, client);
        draw_next(sim, client);
        draw_death(sim, client);
        wake_for_all(sim, client);
    }
}

/* ---- The workload's turns ---- */

static uint64_t draw_patience(struct sim *sim)
{
    const uint64_t patience = sim->parameters.patience_us;
    return sim->healed || patience == 0 ? FOREVER_US
                                        : patience / 2 + kv_prng_below(&sim->workload, patience);
}

static void submit(struct sim *sim, struct sim_client *client, struct client_submit submit)
{
    const uint32_t number = sim->history.count;
    struct kv_buffer body = {0};
    submit.command = &sim->work.command;
    submit.deadline = kv_instant_add(now_of(sim), draw_patience(sim));
    submit.context = (void *)((uintptr_t)number + 1);
    const kv_group_id target = sim->work.command.target;
    if (sim->work.command.op == WIRE_OP_CREATE && target.value == 0) {
        sim->work.command.target.value = 1; /* a message names one; the client will find it */
    }
    wire_command_encode(submit.command, &body);
    sim->work.command.target = target;
    (void)history_ask(&sim->history, client->number, submit.stale_ok, kv_buffer_slice(&body));
    sim->history.operations[number].asked_us = sim->now;
    kv_buffer_close(&body);
    sim->counters.operations++;
    client->outstanding++;
    SIM_TRACE(sim,
              "client %u: asks operation %u: %s of %u keys, %.*s first%s, policy %d, target %u",
              client->number, number, wire_op_name(submit.command->op), submit.command->key_count,
              submit.command->key_count == 0 ? 0 : (int)submit.command->keys[0].size,
              submit.command->key_count == 0 ? "" : (const char *)submit.command->keys[0].data,
              submit.stale_ok ? ", stale" : "", (int)submit.policy,
              submit.command->target.value + submit.target.value);
    if (step(sim, client, (struct client_event){.kind = CLIENT_EVENT_SUBMIT, .submit = submit}) !=
        STATUS_OK) {
        sim_report_fail(&sim->report, "client", "client %u does not take operation %u",
                        client->number, number);
    }
}

static void ask_next(struct sim *sim, struct sim_client *client)
{
    struct client_submit drawn = {0};
    draw_next(sim, client);
    if (client->outstanding >= sim->parameters.outstanding ||
        sim->work.asked >= sim->parameters.operations) {
        return;
    }
    sim->work.asked++;
    if (!sim_lock_draw(sim, client) && !sim_life_draw(sim, client)) {
        sim_workload_draw(sim, &drawn);
    }
    const uint64_t death = sim_lock_death(sim);
    client->death_at = death < client->death_at ? death : client->death_at;
    submit(sim, client, drawn);
}

/* The probes of a client count down: a write and a read of the last group, then of the one before
 * it. */
static void ask_probe(struct sim *sim, struct sim_client *client)
{
    struct client_submit drawn = {0};
    if (client->outstanding >= sim->parameters.outstanding || client->probes == 0) {
        return;
    }
    client->probes--;
    const kv_group_id home = {(uint16_t)(1 + client->probes / 2)};
    sim_workload_probe(sim, home, client->probes % 2 == 0, &drawn);
    submit(sim, client, drawn);
    client->next_at = sim->now;
}

void sim_client_on_timer(struct sim *sim, struct sim_client *client, uint64_t at)
{
    if (at != client->timer_at) {
        return; /* this timer was put forward */
    }
    client->timer_at = UINT64_MAX;
    if (sim->now >= client->death_at) {
        SIM_TRACE(sim, "client %u: dies and comes back as another", client->number);
        end_life(sim, client);
        begin_life(sim, client);
        draw_death(sim, client);
    }
    (void)step(sim, client, (struct client_event){.kind = CLIENT_EVENT_TIME});
    if (sim->now >= client->next_at) {
        client->next_at = UINT64_MAX;
        if (sim->healed) {
            ask_probe(sim, client);
        } else {
            ask_next(sim, client);
        }
    }
    wake_for_all(sim, client);
}

void sim_client_on_packet(struct sim *sim, struct sim_client *client, kv_node_id from,
                          const struct wire_message *message)
{
    (void)step(sim, client,
               (struct client_event){.kind = CLIENT_EVENT_MESSAGE,
                                     .slot = client->slot_of[from.value],
                                     .message = message});
    wake_for_all(sim, client);
}

void sim_clients_heal(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->parameters.clients; i++) {
        struct sim_client *client = &sim->clients[i];
        client->death_at = UINT64_MAX;
        client->probes = 2 * (uint32_t)sim->parameters.partitions;
        client->next_at = sim->now;
        wake_for_all(sim, client);
    }
}

bool sim_clients_idle(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->parameters.clients; i++) {
        if (sim->clients[i].outstanding > 0 || sim->clients[i].probes > 0) {
            return false;
        }
    }
    return true;
}

void sim_client_close(struct sim_client *client)
{
    if (client->core != NULL) {
        client_destroy(&client->core);
    }
    client_effects_close(&client->effects);
}
