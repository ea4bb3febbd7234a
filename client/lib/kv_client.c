/* SPDX-License-Identifier: Apache-2.0 */
/* kv_client: opens, runs and closes a client: carries out the core's effects on connections and
 * frames.
 *
 * 1. Messages to one node are collected in one frame until the end of a turn: a pipeline of small
 *    operations costs one frame each way.
 * 2. Callbacks run while effects are carried out. What they submit appends effects to the same
 *    list, which is carried out in the same pass; they never step the core with anything else.
 * 3. A turn never waits. kv_client_run alternates turns with waiting. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/kv_internal.h"

uint64_t kv_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

kv_instant kv_now(void)
{
    return (kv_instant){kv_now_us()};
}

void kv_set_error(kv_client *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(client->error, sizeof client->error, format, arguments);
    va_end(arguments);
}

const char *kv_client_error(const kv_client *client)
{
    return client->error;
}

/* ---- Opening ---- */

/* One endpoint "host:port", with or without "tcp://", as "tcp://host:port" into ret. False: it has
 * another form. */
static bool kv_read_endpoint(const char *text, size_t size, char ret[WIRE_ENDPOINT_BYTES_MAX])
{
    static const char scheme[] = "tcp://";
    const size_t scheme_size = sizeof scheme - 1;
    if (size >= scheme_size && memcmp(text, scheme, scheme_size) == 0) {
        text += scheme_size;
        size -= scheme_size;
    }
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL || colon == text || size + scheme_size >= WIRE_ENDPOINT_BYTES_MAX) {
        return false;
    }
    uint32_t port = 0;
    for (const char *at = colon + 1; at < text + size; at++) {
        if (*at < '0' || *at > '9' || port > UINT16_MAX) {
            return false;
        }
        port = port * 10 + (uint32_t)(*at - '0');
    }
    (void)snprintf(ret, WIRE_ENDPOINT_BYTES_MAX, "%s%.*s", scheme, (int)size, text);
    return port >= 1 && port <= UINT16_MAX && strpbrk(ret, " \t\r\n;") == NULL;
}

struct kv_endpoint_texts {
    char texts[CLIENT_ENDPOINTS_MAX][WIRE_ENDPOINT_BYTES_MAX];
};

static bool kv_read_endpoints(const char *list, struct kv_endpoint_texts *texts,
                              struct client_settings *settings)
{
    char ignored[WIRE_ENDPOINT_BYTES_MAX];
    while (true) {
        const size_t size = strcspn(list, ",");
        char *text = settings->endpoint_count < CLIENT_ENDPOINTS_MAX
                         ? texts->texts[settings->endpoint_count]
                         : ignored;
        if (!kv_read_endpoint(list, size, text)) {
            return false;
        }
        if (text != ignored) {
            settings->endpoints[settings->endpoint_count++] = kv_slice_of_text(text);
        }
        if (list[size] == '\0') {
            return true;
        }
        list += size + 1;
    }
}

static enum wire_policy kv_policy_of(kv_policy policy)
{
    switch (policy) {
    case KV_POLICY_MOVE:
        return WIRE_POLICY_MOVE;
    case KV_POLICY_BORROW:
        return WIRE_POLICY_BORROW;
    case KV_POLICY_DEFAULT:
    case KV_POLICY_EXCHANGE:
        break;
    }
    return WIRE_POLICY_EXCHANGE;
}

/* What the caller's version of the struct says, zero for the rest. */
static bool kv_read_options(const kv_client_options *given, kv_client_options *ret)
{
    *ret = (kv_client_options){.struct_size = sizeof *ret};
    if (given != NULL) {
        if (given->struct_size < sizeof given->struct_size || given->struct_size > 4096) {
            return false;
        }
        memcpy(ret, given, given->struct_size < sizeof *ret ? given->struct_size : sizeof *ret);
    }
    if (ret->timeout_ms == 0) {
        ret->timeout_ms = KV_TIMEOUT_MS_DEFAULT;
    }
    if (ret->outstanding_max == 0) {
        ret->outstanding_max = CLIENT_OUTSTANDING_MAX;
    }
    if (ret->cluster_name == NULL) {
        ret->cluster_name = "";
    }
    return ret->outstanding_max <= CLIENT_OUTSTANDING_MAX &&
           (unsigned)ret->policy <= KV_POLICY_BORROW &&
           strlen(ret->cluster_name) <= WIRE_CLUSTER_NAME_BYTES_MAX;
}

kv_status kv_client_open(const char *endpoints, const kv_client_options *options, kv_client **ret)
{
    kv_client_options wanted;
    struct kv_endpoint_texts texts;
    struct client_settings settings = {.endpoint_count = 0};
    *ret = NULL;
    if (endpoints == NULL || !kv_read_options(options, &wanted) ||
        !kv_read_endpoints(endpoints, &texts, &settings)) {
        return KV_INVALID;
    }
    if (getrandom(&settings.seed, sizeof settings.seed, 0) != (ssize_t)sizeof settings.seed) {
        settings.seed = kv_now_us() ^ (uint64_t)getpid() << 32;
    }
    settings.outstanding_max = wanted.outstanding_max;
    settings.policy = kv_policy_of(wanted.policy);
    settings.cluster_name = kv_slice_of_text(wanted.cluster_name);

    kv_client *client = kv_alloc_zero(1, sizeof *client);
    if (net_client_open(&client->net) != STATUS_OK) {
        kv_free(client);
        return KV_NETWORK;
    }
    client->core = client_new(&settings, kv_now());
    client->timeout_ms = wanted.timeout_ms;
    client->process = getpid();
    if (settings.cluster_name.size > 0) {
        client->cluster = wire_cluster_id(settings.cluster_name);
    }
    *ret = client;
    return KV_OK;
}

/* ---- Frames ---- */

static kv_node_id kv_node_of_slot(uint32_t slot)
{
    return (kv_node_id){
        (uint16_t)(slot < CLIENT_ENDPOINTS_MAX ? 0 : slot - CLIENT_ENDPOINTS_MAX + 1)};
}

static void kv_begin_frame(kv_client *client, uint32_t slot)
{
    if (client->writers[slot] == NULL) {
        client->writers[slot] = kv_alloc_zero(1, sizeof *client->writers[slot]);
    }
    wire_frame_begin(client->writers[slot], client->cluster, KV_NODE_NONE, kv_node_of_slot(slot));
}

static void kv_finish_frame(kv_client *client, uint32_t slot)
{
    const kv_slice frame = wire_frame_finish(client->writers[slot]);
    if (net_client_send(client->net, slot, frame) == STATUS_OK) {
        client->frames_out++;
    } else {
        client->frames_dropped++; /* as if the network had lost it: the core sends again */
    }
}

void kv_send(kv_client *client, uint32_t slot, const struct wire_message *message)
{
    if (!client->dirty[slot]) {
        kv_begin_frame(client, slot);
        client->dirty[slot] = true;
        client->dirty_slots[client->dirty_count++] = slot;
    }
    if (wire_frame_add(client->writers[slot], message) == STATUS_OK) {
        return;
    }
    kv_finish_frame(client, slot);
    kv_begin_frame(client, slot);
    const enum status status = wire_frame_add(client->writers[slot], message);
    KV_ASSERT(status == STATUS_OK); /* one message always fits */
}

static void kv_flush(kv_client *client)
{
    for (uint32_t i = 0; i < client->dirty_count; i++) {
        client->dirty[client->dirty_slots[i]] = false;
        kv_finish_frame(client, client->dirty_slots[i]);
        client->active = true;
    }
    client->dirty_count = 0;
}

/* ---- Effects ---- */

static void kv_connect(kv_client *client, uint32_t slot, kv_slice endpoint)
{
    char text[WIRE_ENDPOINT_BYTES_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s", (int)endpoint.size, (const char *)endpoint.data);
    if (net_client_connect(client->net, slot, text) != STATUS_OK) {
        kv_set_error(client, "cannot connect to %s: %s", text, strerror(errno));
    }
}

static void kv_send_effect(kv_client *client, uint32_t slot, const struct client_send *send)
{
    struct wire_message *message = &client->message_out;
    message->kind = send->kind;
    message->group = send->group;
    message->from = KV_NODE_NONE;
    message->to = send->to;
    if (send->kind == WIRE_MESSAGE_HELLO) {
        message->as.hello = send->as.hello;
    } else {
        KV_ASSERT(send->kind == WIRE_MESSAGE_REQUEST);
        message->as.request = send->as.request;
    }
    kv_send(client, slot, message);
}

void kv_carry_out(kv_client *client)
{
    if (client->in_callback) {
        return; /* the pass that runs the callback goes on with these */
    }
    for (uint32_t i = 0; i < client->effects.count; i++) {
        const struct client_effect effect =
            client->effects.effects[i]; /* the array may move meanwhile */
        switch (effect.kind) {
        case CLIENT_EFFECT_CONNECT:
            kv_connect(client, effect.slot, effect.as.endpoint);
            break;
        case CLIENT_EFFECT_DISCONNECT:
            net_client_disconnect(client->net, effect.slot);
            break;
        case CLIENT_EFFECT_SEND:
            kv_send_effect(client, effect.slot, &effect.as.send);
            break;
        case CLIENT_EFFECT_COMPLETE:
            kv_complete(client, &effect.as.complete);
            break;
        }
    }
    client_effects_clear(&client->effects);
}

static void kv_feed(kv_client *client, const struct client_event *event)
{
    const enum status status = client_step(client->core, event, &client->effects);
    KV_ASSERT(status == STATUS_OK); /* only submitting can fail */
    kv_carry_out(client);
}

/* ---- Turns ---- */

static void kv_on_message(kv_client *client, uint32_t slot)
{
    const struct wire_message *message = &client->message_in;
    const bool is_foreign =
        client->cluster.value != 0 && client->reader.cluster.value != client->cluster.value;
    if (is_foreign && message->kind != WIRE_MESSAGE_WELCOME &&
        message->kind != WIRE_MESSAGE_REFUSAL) {
        client->frames_dropped++;
        return;
    }
    if (message->kind == WIRE_MESSAGE_STATUS_REPLY ||
        message->kind == WIRE_MESSAGE_TRANSFER_REPLY ||
        message->kind == WIRE_MESSAGE_CHECKPOINT_REPLY ||
        message->kind == WIRE_MESSAGE_WORKERS_REPLY || message->kind == WIRE_MESSAGE_BACKUP_REPLY) {
        if (client->listener != NULL) {
            client->listener->hear(client->listener, slot, message);
        }
        return;
    }
    if (message->kind == WIRE_MESSAGE_WATCH_REPLY) {
        if (client->watcher != NULL) {
            client->watcher->hear(client->watcher, slot, message);
        }
        return;
    }
    kv_feed(client,
            &(struct client_event){
                .kind = CLIENT_EVENT_MESSAGE, .now = kv_now(), .slot = slot, .message = message});
    if (client->cluster.value == 0 && client_cluster_name(client->core).size > 0) {
        client->cluster = wire_cluster_id(client_cluster_name(client->core));
    }
}

static void kv_on_frame(kv_client *client, uint32_t slot, kv_slice frame)
{
    struct wire_frame_reader *reader = &client->reader;
    enum status status = wire_frame_open(reader, frame);
    if (status == STATUS_OK) {
        client->frames_in++;
        while ((status = wire_frame_next(reader, &client->message_in)) == STATUS_OK) {
            kv_on_message(client, slot);
        }
    }
    if (status != STATUS_END) {
        client->frames_dropped++;
        kv_set_error(client, "a frame could not be understood: %s", status_text(status));
    }
}

void kv_turn(kv_client *client)
{
    uint32_t slot;
    kv_slice frame;
    client->active = false;
    if (client->held != NULL && !client->in_callback) {
        kv_locks_turn(client);
    }
    kv_flush(client);
    for (uint32_t i = 0; i < KV_TURN_FRAMES_MAX; i++) {
        if (net_client_receive(client->net, &slot, &frame) != STATUS_OK) {
            break;
        }
        client->active = true;
        kv_on_frame(client, slot, frame);
    }
    const kv_instant now = kv_now();
    if (kv_instant_reached(client_deadline(client->core), now)) {
        kv_feed(client, &(struct client_event){.kind = CLIENT_EVENT_TIME, .now = now});
    }
    kv_flush(client);
}

void kv_wait(kv_client *client, uint64_t until_us)
{
    const uint64_t wake_us =
        kv_instant_min(kv_instant_min(client_deadline(client->core), (kv_instant){until_us}),
                       (kv_instant){kv_locks_deadline(client)})
            .us;
    const uint64_t now_us = kv_now_us();
    if (wake_us > now_us) {
        net_client_wait(client->net, wake_us - now_us);
    }
}

int kv_client_run(kv_client *client, int timeout_ms)
{
    if (client->in_callback) {
        return 0;
    }
    const uint64_t until_us =
        timeout_ms < 0 ? UINT64_MAX : kv_now_us() + (uint64_t)timeout_ms * 1000;
    client->completed = 0;
    kv_turn(client);
    while (client->completed == 0 && timeout_ms != 0 && kv_now_us() < until_us &&
           (timeout_ms > 0 || client_outstanding(client->core) > 0)) {
        kv_wait(client, until_us);
        kv_turn(client);
    }
    return client->completed;
}

int kv_client_fd(kv_client *client)
{
    return net_client_fd(client->net);
}

int kv_client_timeout_ms(const kv_client *client)
{
    /* Sending may have swallowed the signal of a frame that came: one more turn tells. */
    if (client->active || client->dirty_count > 0) {
        return 0;
    }
    const kv_instant at =
        kv_instant_min(client_deadline(client->core), (kv_instant){kv_locks_deadline(client)});
    const uint64_t now_us = kv_now_us();
    if (at.us == KV_INSTANT_NEVER.us) {
        return -1;
    }
    const uint64_t left_ms = at.us > now_us ? (at.us - now_us + 999) / 1000 : 0;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

uint32_t kv_client_outstanding(const kv_client *client)
{
    return client_outstanding(client->core);
}

uint32_t kv_client_partition_of(const kv_client *client, kv_bytes key)
{
    return client_partition_of(client->core, kv_slice_of(key.data, key.size)).value;
}

/* ---- Closing ---- */

static void kv_free_client(kv_client *client)
{
    for (uint32_t slot = 0; slot < CLIENT_SLOTS_MAX; slot++) {
        if (client->writers[slot] != NULL) {
            wire_frame_writer_close(client->writers[slot]);
            kv_free(client->writers[slot]);
        }
    }
    while (client->free_calls != NULL) {
        struct kv_call *call = client->free_calls;
        client->free_calls = call->next;
        kv_free(call);
    }
    kv_locks_close(client);
    wire_frame_reader_close(&client->reader);
    client_effects_close(&client->effects);
    client_destroy(&client->core);
    kv_buffer_close(&client->piece);
    kv_free(client);
}

void kv_client_close(kv_client **client_ref)
{
    kv_client *client = *client_ref;
    if (client == NULL || client->in_callback) {
        return;
    }
    *client_ref = NULL;
    if (client->process != getpid()) {
        kv_free_client(
            client); /* the connections belong to the parent: ZeroMQ must not be touched here */
        return;
    }
    const uint64_t until_us = kv_now_us() + KV_CLOSE_WAIT_US;
    kv_feed(client, &(struct client_event){.kind = CLIENT_EVENT_CLOSE, .now = kv_now()});
    kv_turn(client);
    while (!client_is_idle(client->core) && kv_now_us() < until_us) {
        kv_wait(client, until_us);
        kv_turn(client);
    }
    net_client_close(&client->net);
    kv_free_client(client);
}
