/* SPDX-License-Identifier: Apache-2.0 */
/* client: one door: dispatches events, keeps effects and time.
 *
 * 1. next_wake is a lower bound of all times at which anything is due. Scheduling only lowers it;
 *    when it is reached, one pass over the pool does what is due and computes it anew. So an
 *    operation that is answered in time costs no timer at all.
 * 2. Operations released in a step are recycled at the start of the next one: effects may point to
 *    their bodies. */
#include "client/core/client_internal.h"

#include <string.h>

/* Effects that one step is likely to have; more is fine. */
#define CLIENT_EFFECTS_INITIAL 32

void client_effects_clear(struct client_effects *effects)
{
    effects->count = 0;
}

void client_effects_close(struct client_effects *effects)
{
    kv_free(effects->effects);
    *effects = (struct client_effects){.effects = NULL};
}

struct client_effect *client_emit(struct client *client, enum client_effect_kind kind,
                                  uint32_t slot)
{
    struct client_effects *effects = client->effects;
    KV_ASSERT(effects != NULL);
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? CLIENT_EFFECTS_INITIAL : 2 * effects->capacity;
        effects->effects =
            kv_realloc(effects->effects, effects->capacity * sizeof *effects->effects);
    }
    struct client_effect *effect = &effects->effects[effects->count++];
    effect->kind = kind;
    effect->slot = slot;
    return effect;
}

void client_wake_at(struct client *client, kv_instant at)
{
    client->next_wake = kv_instant_min(client->next_wake, at);
}

static kv_slice client_copy(kv_slice bytes)
{
    uint8_t *copy = kv_alloc(bytes.size + 1);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return kv_slice_of(copy, bytes.size);
}

struct client *client_new(const struct client_settings *settings, kv_instant now)
{
    KV_ASSERT(settings->endpoint_count >= 1 && settings->endpoint_count <= CLIENT_ENDPOINTS_MAX);
    KV_ASSERT(settings->outstanding_max >= 1);
    KV_ASSERT(settings->outstanding_max <= CLIENT_OUTSTANDING_MAX);
    struct client *client = kv_alloc_zero(1, sizeof *client);
    client->now = now;
    client->next_wake = now;
    client->hello_at = now;
    client->hello_us = CLIENT_HELLO_US;
    client->trace = settings->trace;
    client->policy = settings->policy;
    client->outstanding_max = settings->outstanding_max;
    client->limits =
        (struct client_limits){KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, KV_COMMAND_KEYS_MAX};
    client->window = CLIENT_OUTSTANDING_MAX;
    kv_prng_init(&client->prng, settings->seed);
    kv_buffer_append(&client->cluster_name, settings->cluster_name.data,
                     settings->cluster_name.size);
    client->endpoint_count = settings->endpoint_count;
    for (uint32_t i = 0; i < settings->endpoint_count; i++) {
        KV_ASSERT(settings->endpoints[i].size <= WIRE_ENDPOINT_BYTES_MAX);
        client->endpoints[i].text = client_copy(settings->endpoints[i]);
    }
    client->hello_turn = (uint32_t)kv_prng_below(&client->prng, settings->endpoint_count);
    client->merged = kv_alloc_zero(KV_SCAN_ROWS_MAX, sizeof *client->merged);
    TAILQ_INIT(&client->free_operations);
    TAILQ_INIT(&client->released);
    TAILQ_INIT(&client->waiting_map);
    TAILQ_INIT(&client->waiting_session);
    TAILQ_INIT(&client->waiting_loads);
    TAILQ_INIT(&client->sessions);
    return client;
}

void client_destroy(struct client **client_ref)
{
    struct client *client = *client_ref;
    if (client == NULL) {
        return;
    }
    for (uint32_t i = 0; i < client->pool_end; i++) {
        client_free_operation(client->pool[i]);
    }
    struct client_session *session;
    while ((session = TAILQ_FIRST(&client->sessions)) != NULL) {
        client_session_free(client, session);
    }
    for (uint32_t i = 0; i < client->endpoint_count; i++) {
        union {
            const uint8_t *given;
            uint8_t *owned;
        } text = {client->endpoints[i].text.data};
        kv_free(text.owned);
    }
    client_places_clear(&client->places);
    kv_buffer_close(&client->cluster_name);
    kv_free(client->merged);
    kv_free(client);
    *client_ref = NULL;
}

/* What is due of one operation. */
static void client_on_operation_time(struct client *client, struct client_operation *operation)
{
    const bool alive = operation->state != CLIENT_OPERATION_FREE &&
                       operation->state != CLIENT_OPERATION_GATHERING; /* its parts keep the time */
    if (!alive) {
        return;
    }
    if (kv_instant_reached(operation->deadline, client->now)) {
        client_give_up(client, operation);
        return;
    }
    client_wake_at(client, operation->deadline);
    switch (operation->state) {
    case CLIENT_OPERATION_SENT:
        if (operation->role == CLIENT_ROLE_LOADS && TAILQ_EMPTY(&client->waiting_loads)) {
            client_release(client, operation); /* nobody wants to know any more */
            return;
        }
        client_on_legs_time(client, operation);
        return;
    case CLIENT_OPERATION_PAUSED:
        if (kv_instant_reached(operation->wake, client->now)) {
            client_attempt(client, operation);
        } else {
            client_wake_at(client, operation->wake);
        }
        return;
    case CLIENT_OPERATION_WAITING:
    case CLIENT_OPERATION_FREE:
    case CLIENT_OPERATION_GATHERING:
        return;
    }
}

static void client_on_time(struct client *client)
{
    if (!kv_instant_reached(client->next_wake, client->now)) {
        return;
    }
    client->next_wake = KV_INSTANT_NEVER;
    /* By place, not by list: what one operation does may end others. One that begins meanwhile is
     * scheduled anyway. */
    for (uint32_t i = 0; i < client->pool_end; i++) {
        client_on_operation_time(client, client->pool[i]);
    }
    if (client->closed) {
        return;
    }
    client_pump(client); /* a window may have been full for too long */
    if (kv_instant_reached(client->hello_at, client->now)) {
        client_say_hello(client);
    }
}

static void client_on_message(struct client *client, uint32_t slot,
                              const struct wire_message *message)
{
    client_heard(client, message->from);
    /* Enumerated so that a new kind makes the compiler ask whether clients hear it. */
    switch (message->kind) {
    case WIRE_MESSAGE_WELCOME:
        client_on_welcome(client, slot, message->from, &message->as.welcome);
        return;
    case WIRE_MESSAGE_REFUSAL:
        client_on_refusal(client, slot, &message->as.refusal);
        return;
    case WIRE_MESSAGE_REPLY:
        client_on_reply(client, &(struct client_response){.group = message->group,
                                                          .from = message->from,
                                                          .reply = &message->as.reply});
        return;
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND:
    case WIRE_MESSAGE_APPEND_REPLY:
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
    case WIRE_MESSAGE_TIMEOUT_NOW:
    case WIRE_MESSAGE_ROLL_CALL:
    case WIRE_MESSAGE_ROLL_REPLY:
    case WIRE_MESSAGE_ADMITTED:
    case WIRE_MESSAGE_SOFT:
    case WIRE_MESSAGE_FIX:
    case WIRE_MESSAGE_ACK:
    case WIRE_MESSAGE_DONE_REQUEST:
    case WIRE_MESSAGE_DONE:
    case WIRE_MESSAGE_FORGET:
    case WIRE_MESSAGE_ASK:
    case WIRE_MESSAGE_TELL:
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
    case WIRE_MESSAGE_HELLO:
    case WIRE_MESSAGE_REQUEST:
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
        client->counters.unmatched++;
        return;
    }
}

static void client_on_close(struct client *client)
{
    client->closed = true;
    client->hello_at = KV_INSTANT_NEVER;
    for (uint32_t i = 0; i < client->pool_end; i++) {
        struct client_operation *operation = client->pool[i];
        if (operation->state == CLIENT_OPERATION_FREE) {
            continue;
        }
        switch (operation->role) {
        case CLIENT_ROLE_USER:
            client_fail(client, operation,
                        client_is_in_doubt(operation) ? CLIENT_IN_DOUBT : CLIENT_CLOSED,
                        "the client was closed");
            break;
        case CLIENT_ROLE_SCAN:
            client_fail(client, operation, CLIENT_CLOSED, "the client was closed");
            break;
        case CLIENT_ROLE_ABANDONED:
        case CLIENT_ROLE_GIVE_BACK:
        case CLIENT_ROLE_OPEN:
        case CLIENT_ROLE_LOADS:
            client_release(client, operation);
            break;
        case CLIENT_ROLE_PART: /* released with its scan */
        case CLIENT_ROLE_END:
            break;
        }
    }
    if (client->session != NULL) {
        client_retire(client, client->session);
    }
}

enum status client_step(struct client *client, const struct client_event *event,
                        struct client_effects *effects)
{
    KV_ASSERT(client->effects == NULL);
    enum status status = STATUS_OK;
    if (event->now.us > client->now.us) {
        client->now = event->now;
    }
    client->effects = effects;
    switch (event->kind) {
    case CLIENT_EVENT_SUBMIT:
        status = client_on_submit(client, &event->submit);
        break;
    case CLIENT_EVENT_MESSAGE:
        client_recycle(client);
        client_on_message(client, event->slot, event->message);
        break;
    case CLIENT_EVENT_TIME:
        client_recycle(client);
        client_on_time(client);
        break;
    case CLIENT_EVENT_CLOSE:
        client_recycle(client);
        client_on_close(client);
        break;
    }
    client_wake_at(client, client->hello_at);
    client->effects = NULL;
    return status;
}

kv_instant client_deadline(const struct client *client)
{
    return client->next_wake;
}

uint32_t client_outstanding(const struct client *client)
{
    return client->outstanding;
}

bool client_is_idle(const struct client *client)
{
    for (uint32_t i = 0; i < client->pool_end; i++) {
        if (client->pool[i]->state != CLIENT_OPERATION_FREE) {
            return false;
        }
    }
    return true;
}

struct client_counters client_counters(const struct client *client)
{
    return client->counters;
}
