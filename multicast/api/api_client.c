/* SPDX-License-Identifier: Apache-2.0 */
/* api_client: one message or read at a time, sent again until it is answered or its time is over.
 *
 * 1. A message goes to the believed leader of each of its groups. Each answers for itself.
 * 2. A sending that a node has said not to have ordered had no effect. If that is so for all of them the message did not happen;
 *    otherwise nobody can tell, and the session is left behind with it, so that its floor never passes the message.
 * 3. Any answer means that the message is ordered in all of its groups, so the floor may pass it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "multicast/api/api_client.h"
#include "multicast/base/assert.h"

/* First and longest pause before a sending that nobody answered is repeated: longer than an election of default settings would be
 * impolite, shorter would be a storm. */
#define RESEND_US     500000
#define RESEND_US_MAX 2000000

/* Pause after a node has said that it cannot take it now: an election or a full queue. */
#define AGAIN_US 20000

/* Random bits of a session, below its time in microseconds, and those in its group. */
#define SESSION_CLOCK_BITS 12

static void new_session(struct multicast_client *client)
{
    struct timespec now;
    uint32_t bits = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits) {
        bits = (uint32_t)now.tv_nsec; /* no entropy: better than nothing */
    }
    uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    client->session.registered.clock.value =
        us << SESSION_CLOCK_BITS | (bits & ((1u << SESSION_CLOCK_BITS) - 1));
    client->session.registered.group.value = (uint16_t)((bits >> 16) % KV_GROUPS_MAX);
    client->sequence = 0;
}

static multicast_status add_seeds(struct multicast_client *client, const char *endpoints)
{
    char endpoint[WIRE_ENDPOINT_BYTES_MAX];
    for (const char *at = endpoints; *at != '\0';) {
        size_t size = strcspn(at, ",");
        bool has_scheme = strncmp(at, "tcp://", 6) == 0;
        if (size == 0 || size + 7 > sizeof endpoint || client->seed_count == API_SEEDS_MAX) {
            return MULTICAST_INVALID;
        }
        snprintf(endpoint, sizeof endpoint, "%s%.*s", has_scheme ? "" : "tcp://", (int)size, at);
        enum status status =
            net_client_connect(client->net, KV_NODES_MAX + client->seed_count, endpoint);
        if (status != STATUS_OK) {
            return status == STATUS_NETWORK ? MULTICAST_NETWORK : MULTICAST_INVALID;
        }
        client->seed_count++;
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return client->seed_count > 0 ? MULTICAST_OK : MULTICAST_INVALID;
}

multicast_status multicast_client_open(const char *endpoints, multicast_client **ret)
{
    *ret = NULL;
    if (endpoints == NULL) {
        return MULTICAST_INVALID;
    }
    multicast_client *client = kv_alloc_zero(1, sizeof *client);
    multicast_status status = net_client_open(&client->net) == STATUS_OK
                                  ? add_seeds(client, endpoints)
                                  : MULTICAST_NETWORK;
    if (status != MULTICAST_OK) {
        multicast_client_close(client);
        return status;
    }
    new_session(client);
    *ret = client;
    return MULTICAST_OK;
}

void multicast_client_close(multicast_client *client)
{
    if (client == NULL) {
        return;
    }
    net_client_close(&client->net);
    wire_frame_writer_close(&client->writer);
    wire_frame_reader_close(&client->reader);
    kv_free(client);
}

const char *multicast_client_error(const multicast_client *client)
{
    return client->error;
}

uint32_t multicast_client_groups(const multicast_client *client)
{
    return client->group_count;
}

/* ---- Replies ---- */

static struct api_part *part_of(struct api_call *call, kv_group_id group)
{
    for (uint32_t i = 0; i < call->part_count; i++) {
        if (kv_group_equal(call->parts[i].group, group)) {
            return &call->parts[i];
        }
    }
    return NULL;
}

static void try_again(struct multicast_client *client, struct api_part *part, kv_node_id leader)
{
    struct api_group *group = &client->groups[part->group.value];
    bool news = leader.value != 0 && !kv_node_equal(leader, group->leader);
    group->leader = leader;
    part->send_at = kv_instant_add(api_now(), news ? 0 : AGAIN_US);
    part->not_ordered++;
}

void api_on_reply(struct multicast_client *client, struct api_call *call, kv_group_id group,
                  const struct wire_reply *reply)
{
    struct api_part *part = part_of(call, group);
    if (part == NULL || part->answered || !kv_message_id_equal(reply->id, call->request.id)) {
        return; /* of an earlier call, or said twice */
    }
    switch (reply->outcome) {
    case WIRE_OUTCOME_ANSWERED:
        part->answered = true;
        part->timestamp = reply->timestamp;
        kv_buffer_append(&part->body, reply->body.data, reply->body.size);
        call->answered++;
        if (reply->leader.value != 0) {
            client->groups[group.value].leader = reply->leader;
        }
        return;
    case WIRE_OUTCOME_NOT_LEADER:
        try_again(client, part, reply->leader);
        return;
    case WIRE_OUTCOME_BUSY:
    case WIRE_OUTCOME_NO_SPACE:
        try_again(client, part, client->groups[group.value].leader);
        return;
    case WIRE_OUTCOME_WRONG_GROUP:
        try_again(client, part, KV_NODE_NONE);
        return;
    case WIRE_OUTCOME_SESSION_UNKNOWN:
    case WIRE_OUTCOME_REFUSED:
        call->session_refused = true;
        part->not_ordered++;
        return;
    case WIRE_OUTCOME_MALFORMED:
        call->malformed = true;
        part->not_ordered++;
        return;
    }
}

/* ---- Calls ---- */

static void send_due(struct multicast_client *client, struct api_call *call, kv_instant until)
{
    kv_instant now = api_now();
    for (uint32_t i = 0; i < call->part_count; i++) {
        struct api_part *part = &call->parts[i];
        if (part->answered || !kv_instant_reached(part->send_at, now)) {
            continue;
        }
        if (part->sent > part->not_ordered) {
            client->groups[part->group.value].leader = KV_NODE_NONE; /* it does not answer */
        }
        call->request.budget_ms = (uint32_t)((until.us - now.us) / 1000);
        api_send(client, part->group, &call->request);
        part->sent++;
        part->send_at = kv_instant_add(now, part->pause_us);
        part->pause_us = part->pause_us * 2 < RESEND_US_MAX ? part->pause_us * 2 : RESEND_US_MAX;
    }
}

static kv_instant next_sending(const struct api_call *call)
{
    kv_instant at = KV_INSTANT_NEVER;
    for (uint32_t i = 0; i < call->part_count; i++) {
        if (!call->parts[i].answered) {
            at = kv_instant_min(at, call->parts[i].send_at);
        }
    }
    return at;
}

/* Whether no sending can have had an effect. */
static bool never_happened(const struct api_call *call)
{
    for (uint32_t i = 0; i < call->part_count; i++) {
        if (call->parts[i].answered || call->parts[i].sent > call->parts[i].not_ordered) {
            return false;
        }
    }
    return true;
}

/* Until `wanted` groups have answered, nobody can, or time is over. */
static void run_call(struct multicast_client *client, struct api_call *call, uint32_t wanted,
                     kv_instant until)
{
    while (call->answered < wanted && !client->refused) {
        bool hopeless = (call->malformed || call->session_refused) && never_happened(call);
        kv_instant now = api_now();
        if (kv_instant_reached(until, now) || hopeless) {
            return;
        }
        send_due(client, call, until);
        kv_instant wake = kv_instant_min(next_sending(call), until);
        net_client_wait(client->net, wake.us > now.us ? wake.us - now.us : 0);
        api_receive(client, call);
    }
}

static multicast_status check_groups(multicast_client *client, const uint32_t *groups,
                                     uint32_t group_count, kv_group_set *ret)
{
    *ret = (kv_group_set){0};
    for (uint32_t i = 0; i < group_count; i++) {
        kv_group_set one = groups[i] < client->group_count
                               ? kv_group_set_of((kv_group_id){(uint16_t)groups[i]})
                               : (kv_group_set){0};
        if (one.bits == 0 || (ret->bits & one.bits) != 0) {
            api_fail(client, "group %u does not exist or is named twice", groups[i]);
            return MULTICAST_INVALID;
        }
        ret->bits |= one.bits;
    }
    return group_count > 0 ? MULTICAST_OK : MULTICAST_INVALID;
}

static multicast_result *result_new(const uint32_t *groups, uint32_t count)
{
    multicast_result *result = kv_alloc_zero(1, sizeof *result + count * sizeof(struct api_part));
    result->count = count;
    for (uint32_t i = 0; i < count; i++) {
        result->parts[i].group.value = (uint16_t)groups[i];
        result->parts[i].pause_us = RESEND_US;
    }
    return result;
}

static struct api_call call_of(multicast_client *client, multicast_result *result,
                               kv_group_set destinations, enum wire_request_mode mode,
                               multicast_bytes body)
{
    client->sequence++;
    client->refused = false;
    return (struct api_call){
        .request = {.id = {.session = client->session, .sequence = client->sequence},
                    .mode = mode,
                    .destinations = destinations,
                    .floor = client->sequence - 1,
                    .body = kv_slice_of(body.data, body.size)},
        .parts = result->parts,
        .part_count = result->count,
    };
}

/* What became of a message. The session is left behind unless the floor may pass the message. */
static multicast_status verdict_of(multicast_client *client, const struct api_call *call,
                                   uint32_t wanted)
{
    if (call->answered > 0) {
        if (call->answered < wanted) {
            api_fail(client, "%u of %u groups have answered", call->answered, wanted);
        }
        return call->answered >= wanted ? MULTICAST_OK : MULTICAST_PARTIAL;
    }
    if (!never_happened(call)) {
        new_session(client);
        api_fail(client, "no group has answered in time");
        return MULTICAST_UNKNOWN;
    }
    if (call->malformed) {
        api_fail(client, "a group does not understand the message");
        return MULTICAST_INVALID;
    }
    if (client->refused) {
        return MULTICAST_REFUSED;
    }
    api_fail(client, "no group had a leader that could take the message");
    return MULTICAST_UNAVAILABLE;
}

static multicast_status begin(multicast_client *client, const uint32_t *groups,
                              uint32_t group_count, multicast_bytes body, kv_instant until,
                              kv_group_set *ret_destinations)
{
    client->error[0] = '\0';
    if (body.size > MULTICAST_BODY_BYTES_MAX) {
        api_fail(client, "a body has at most %d bytes", MULTICAST_BODY_BYTES_MAX);
        return MULTICAST_TOO_LARGE;
    }
    multicast_status status = api_find_cluster(client, until);
    return status != MULTICAST_OK ? status
                                  : check_groups(client, groups, group_count, ret_destinations);
}

multicast_status multicast_submit(multicast_client *client, const uint32_t *groups,
                                  uint32_t group_count, multicast_bytes body, multicast_wait wait,
                                  uint64_t timeout_ms, multicast_result **ret_result)
{
    kv_instant until = kv_instant_add(api_now(), timeout_ms * 1000);
    kv_group_set destinations = {0};
    if (ret_result != NULL) {
        *ret_result = NULL;
    }
    multicast_status status = begin(client, groups, group_count, body, until, &destinations);
    if (status != MULTICAST_OK) {
        return status;
    }
    uint32_t wanted = wait == MULTICAST_WAIT_ALL ? group_count : 1;
    for (;;) {
        multicast_result *result = result_new(groups, group_count);
        struct api_call call = call_of(client, result, destinations, WIRE_REQUEST_ORDERED, body);
        run_call(client, &call, wanted, until);
        if (call.session_refused && never_happened(&call)) {
            multicast_result_free(result); /* too old for the groups: as a new message */
            new_session(client);
            continue;
        }
        status = verdict_of(client, &call, wanted);
        if (ret_result != NULL && call.answered > 0) {
            *ret_result = result;
        } else {
            multicast_result_free(result);
        }
        return status;
    }
}

multicast_status multicast_read(multicast_client *client, uint32_t group, multicast_bytes question,
                                uint64_t timeout_ms, multicast_result **ret_result)
{
    kv_instant until = kv_instant_add(api_now(), timeout_ms * 1000);
    kv_group_set destinations = {0};
    *ret_result = NULL;
    multicast_status status = begin(client, &group, 1, question, until, &destinations);
    if (status != MULTICAST_OK) {
        return status;
    }
    multicast_result *result = result_new(&group, 1);
    struct api_call call = call_of(client, result, destinations, WIRE_REQUEST_READ, question);
    run_call(client, &call, 1, until);
    if (call.answered == 1) {
        *ret_result = result;
        return MULTICAST_OK;
    }
    multicast_result_free(result);
    if (client->refused) {
        return MULTICAST_REFUSED;
    }
    api_fail(client, call.malformed ? "the group does not understand the question"
                                    : "the group has not answered in time");
    return call.malformed ? MULTICAST_INVALID : MULTICAST_UNAVAILABLE;
}

/* ---- Results ---- */

uint32_t multicast_result_count(const multicast_result *result)
{
    return result->count;
}

multicast_answer multicast_result_get(const multicast_result *result, uint32_t i)
{
    KV_ASSERT(i < result->count);
    const struct api_part *part = &result->parts[i];
    return (multicast_answer){.group = part->group.value,
                              .answered = part->answered,
                              .clock = part->timestamp.clock.value,
                              .clock_group = part->timestamp.group.value,
                              .body = {part->body.data, part->body.size}};
}

void multicast_result_free(multicast_result *result)
{
    if (result == NULL) {
        return;
    }
    for (uint32_t i = 0; i < result->count; i++) {
        kv_buffer_close(&result->parts[i].body);
    }
    kv_free(result);
}

const char *multicast_status_text(multicast_status status)
{
    switch (status) {
    case MULTICAST_OK:
        return "ok";
    case MULTICAST_INVALID:
        return "an argument is wrong; nothing happened";
    case MULTICAST_TOO_LARGE:
        return "too large; nothing happened";
    case MULTICAST_UNAVAILABLE:
        return "unavailable; nothing happened";
    case MULTICAST_UNKNOWN:
        return "no answer; it may have happened, or may happen later, once";
    case MULTICAST_PARTIAL:
        return "it happened; not all groups have answered";
    case MULTICAST_REFUSED:
        return "refused; nothing happened";
    case MULTICAST_NETWORK:
        return "a socket could not be used";
    case MULTICAST_STORAGE:
        return "files could not be used";
    }
    return "unknown status";
}
