/* SPDX-License-Identifier: Apache-2.0 */
/* sim_client: see the header. */
#include "tests/sim/sim_client.h"

#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* Session ids are handed out in growing order, as the oracle's timestamps are. */
#define FIRST_SESSION 1000

/* A client that was told "not the leader" waits up to this before it asks again. */
#define REDIRECT_US_MAX 20000

static void new_session(struct sim *sim, struct sim_client *client)
{
    client->session = (kv_session_id){{{FIRST_SESSION + sim->work.sessions++}, KV_GROUP_ORACLE}};
    client->sequence = 0;
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
    wake(sim, client, client->next_at);
    wake(sim, client, client->death_at);
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        if (client->operations[i].used) {
            wake(sim, client, client->operations[i].resend_at);
        }
    }
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

void sim_clients_start(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->parameters.clients; i++) {
        struct sim_client *client = &sim->clients[i];
        client->number = i;
        client->endpoint = SIM_ENDPOINT_CLIENT + i;
        client->timer_at = UINT64_MAX;
        new_session(sim, client);
        draw_next(sim, client);
        draw_death(sim, client);
        wake_for_all(sim, client);
    }
}

/* ---- Sending ---- */

/* [X5] The largest sequence up to which every operation has been answered. */
static uint64_t floor_of(const struct sim *sim, const struct sim_client *client,
                         const struct sim_operation *current)
{
    if (sim->options.mutant == SIM_MUTANT_FLOOR_INCLUDES_CURRENT) {
        return current->id.sequence;
    }
    if (sim->options.mutant == SIM_MUTANT_FLOOR_UNANSWERED) {
        return current->id.sequence - 1;
    }
    uint64_t floor = client->sequence;
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        const struct sim_operation *operation = &client->operations[i];
        if (operation->used && operation->id.sequence <= floor) {
            floor = operation->id.sequence - 1;
        }
    }
    return floor;
}

static kv_node_id any_node(struct sim *sim)
{
    return (kv_node_id){(uint16_t)(1 + kv_prng_below(&sim->workload, sim->parameters.nodes))};
}

static void send_operation(struct sim *sim, struct sim_client *client,
                           struct sim_operation *operation)
{
    struct wire_message *message = &sim->reply;
    message->kind = WIRE_MESSAGE_REQUEST;
    message->group = operation->group;
    message->from = KV_NODE_NONE;
    message->to = operation->target;
    message->as.request = (struct wire_request){.id = operation->id,
                                                .mode = operation->mode,
                                                .destinations = kv_group_set_of(operation->group),
                                                .floor = floor_of(sim, client, operation),
                                                .budget_ms = 1000,
                                                .body = kv_buffer_slice(&operation->body)};
    sim_net_send(&sim->net, sim->now, client->endpoint, operation->target.value, message);
    operation->resend_at = sim->now + sim->parameters.resend_us +
                           kv_prng_below(&sim->workload, sim->parameters.resend_us);
}

static void resend_operation(struct sim *sim, struct sim_client *client,
                             struct sim_operation *operation)
{
    if (sim->options.mutant == SIM_MUTANT_RETRY_AS_NEW) {
        operation->id.sequence = ++client->sequence;
    }
    send_operation(sim, client, operation);
}

static struct sim_operation *free_slot(struct sim *sim, struct sim_client *client)
{
    for (uint32_t i = 0; i < sim->parameters.outstanding; i++) {
        if (!client->operations[i].used) {
            return &client->operations[i];
        }
    }
    return NULL;
}

static void ask(struct sim *sim, struct sim_client *client, struct sim_operation *operation,
                kv_group_id group, bool read_only)
{
    const struct sim_parameters *p = &sim->parameters;
    operation->used = true;
    operation->group = group;
    operation->mode = WIRE_REQUEST_ORDERED;
    if (read_only && !kv_prng_chance(&sim->workload, (uint32_t)p->ordered_reads_percent, 100)) {
        bool stale = kv_prng_chance(&sim->workload, (uint32_t)p->stale_reads_percent, 100);
        operation->mode = stale ? WIRE_REQUEST_STALE : WIRE_REQUEST_READ;
    }
    operation->id =
        (kv_message_id){.session = client->session, .sequence = ++client->sequence, .attempt = 1};
    operation->target =
        client->leaders[group.value].value != 0 ? client->leaders[group.value] : any_node(sim);
    operation->number = history_ask(&sim->history, client->number, group, operation->id,
                                    operation->mode, kv_buffer_slice(&operation->body));
    sim->counters.operations++;
    SIM_TRACE(sim,
              "client %u: asks sequence %" PRIu64 " of session %" PRIu64 " at group %u, mode %d",
              client->number, operation->id.sequence, client->session.registered.clock.value,
              group.value, (int)operation->mode);
    send_operation(sim, client, operation);
}

/* ---- The workload's turns ---- */

static void ask_next(struct sim *sim, struct sim_client *client)
{
    struct sim_operation *operation = free_slot(sim, client);
    draw_next(sim, client);
    if (operation == NULL || sim->work.asked >= sim->parameters.operations) {
        return;
    }
    sim->work.asked++;
    kv_group_id group = {(uint16_t)(1 + kv_prng_below(&sim->workload, sim->parameters.partitions))};
    kv_buffer_clear(&operation->body);
    bool read_only = sim_workload_draw(sim, group, &operation->body);
    ask(sim, client, operation, group, read_only);
}

/* The probes of a client count down: a write and a read of the last group, then of the one before
 * it. */
static void ask_probe(struct sim *sim, struct sim_client *client)
{
    struct sim_operation *operation = free_slot(sim, client);
    if (operation == NULL || client->probes == 0) {
        return;
    }
    client->probes--;
    kv_group_id group = {(uint16_t)(1 + client->probes / 2)};
    bool read_only = client->probes % 2 == 0;
    kv_buffer_clear(&operation->body);
    sim_workload_probe(sim, group, read_only, &operation->body);
    ask(sim, client, operation, group, read_only);
    client->next_at = sim->now;
}

static void leave_all(struct sim *sim, struct sim_client *client)
{
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        if (client->operations[i].used) {
            history_leave(&sim->history, client->operations[i].number);
            client->operations[i].used = false;
            sim->counters.unknown++;
        }
    }
    new_session(sim, client);
    if (sim->healed) {
        client->next_at = sim->now;
    }
}

void sim_client_on_timer(struct sim *sim, struct sim_client *client, uint64_t at)
{
    if (at != client->timer_at) {
        return; /* this timer was put forward */
    }
    client->timer_at = UINT64_MAX;
    if (sim->now >= client->death_at) {
        SIM_TRACE(sim, "client %u: dies and comes back with a new session", client->number);
        leave_all(sim, client);
        draw_death(sim, client);
    }
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        struct sim_operation *operation = &client->operations[i];
        if (operation->used && sim->now >= operation->resend_at) {
            operation->target =
                any_node(sim); /* nobody answered: the believed leader may be gone */
            resend_operation(sim, client, operation);
        }
    }
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

/* ---- Answers ---- */

static enum wire_verdict verdict_of(struct sim *sim, kv_slice body)
{
    if (wire_answer_decode(body, &sim->work.answer) != STATUS_OK) {
        sim_report_fail(&sim->report, "client", "an answer cannot be decoded");
        return WIRE_VERDICT_OK;
    }
    return sim->work.answer.verdict;
}

static void on_answered(struct sim *sim, struct sim_client *client, struct sim_operation *operation,
                        const struct wire_reply *reply)
{
    enum wire_verdict verdict = verdict_of(sim, reply->body);
    if (verdict == WIRE_VERDICT_SESSION_UNKNOWN && sim->parameters.sessions_max != 0) {
        leave_all(sim, client); /* it was executed before the session was dropped, or never */
        return;
    }
    if (model_is_refusal(verdict)) {
        sim_report_fail(&sim->report, "client",
                        "client %u: sequence %" PRIu64
                        " got the verdict %s, it was never answered before",
                        client->number, operation->id.sequence, wire_verdict_name(verdict));
        return;
    }
    SIM_TRACE(sim, "client %u: sequence %" PRIu64 " is answered %s at index %" PRIu64,
              client->number, operation->id.sequence, wire_verdict_name(verdict),
              reply->index.value);
    history_answer(&sim->history, operation->number, reply);
    sim_note(sim, operation->number, reply->index.value, verdict);
    operation->used = false;
    sim->counters.answered++;
    if (sim->healed) {
        client->next_at = sim->now;
    }
}

static void on_not_answered(struct sim *sim, struct sim_client *client,
                            struct sim_operation *operation, const struct wire_reply *reply,
                            kv_node_id from)
{
    switch (reply->outcome) {
    case WIRE_OUTCOME_NOT_LEADER:
    case WIRE_OUTCOME_WRONG_GROUP: {
        bool named = reply->leader.value != 0 && !kv_node_equal(reply->leader, from);
        operation->target = named ? reply->leader : any_node(sim);
        client->leaders[operation->group.value] = named ? reply->leader : KV_NODE_NONE;
        operation->resend_at = sim->now + kv_prng_below(&sim->workload, REDIRECT_US_MAX);
        return;
    }
    case WIRE_OUTCOME_BUSY:
        return; /* the timer sends it again */
    case WIRE_OUTCOME_SESSION_UNKNOWN:
        if (sim->parameters.sessions_max != 0) {
            leave_all(sim, client);
            return;
        }
        break;
    case WIRE_OUTCOME_REFUSED:
    case WIRE_OUTCOME_MALFORMED:
    case WIRE_OUTCOME_ANSWERED:
        break;
    }
    sim_report_fail(&sim->report, "client",
                    "client %u: sequence %" PRIu64 " got outcome %d, it was never answered",
                    client->number, operation->id.sequence, (int)reply->outcome);
}

void sim_client_on_packet(struct sim *sim, struct sim_client *client,
                          const struct wire_message *message)
{
    KV_ASSERT(message->kind == WIRE_MESSAGE_REPLY);
    const struct wire_reply *reply = &message->as.reply;
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        struct sim_operation *operation = &client->operations[i];
        if (!operation->used || !kv_message_id_equal(operation->id, reply->id)) {
            continue;
        }
        if (reply->outcome == WIRE_OUTCOME_ANSWERED) {
            if (operation->mode != WIRE_REQUEST_STALE) {
                client->leaders[operation->group.value] = message->from;
            }
            on_answered(sim, client, operation, reply);
        } else {
            on_not_answered(sim, client, operation, reply, message->from);
        }
        wake_for_all(sim, client);
        return;
    }
}

/* ---- The end ---- */

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
        const struct sim_client *client = &sim->clients[i];
        if (client->probes > 0) {
            return false;
        }
        for (uint32_t o = 0; o < SIM_OUTSTANDING_MAX; o++) {
            if (client->operations[o].used) {
                return false;
            }
        }
    }
    return true;
}

void sim_client_close(struct sim_client *client)
{
    for (uint32_t i = 0; i < SIM_OUTSTANDING_MAX; i++) {
        kv_buffer_close(&client->operations[i].body);
    }
}
