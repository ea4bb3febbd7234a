/* SPDX-License-Identifier: Apache-2.0 */
/* together: see the header. */
#include "tests/unit/engine/together.h"
#include "tests/unit/engine/together_watch.h"

#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/wire/footprint.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"

#define GROW(array, count, capacity)                                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 16 : 2 * (capacity);                                    \
            (array) = kv_realloc((array), (capacity) * sizeof((array)[0]));                        \
        }                                                                                          \
    } while (0)

#define SETTLE_ROUNDS_MAX 2000

static kv_group_id group_of(unsigned value)
{
    return (kv_group_id){(uint16_t)value};
}

static struct machine machine_of(kv_group_id group)
{
    return kv_group_equal(group, KV_GROUP_ORACLE) ? oracle_machine_new(TOGETHER_PARTITIONS, 0)
                                                  : kv_machine_new(group, TOGETHER_PARTITIONS);
}

static kv_node_id node_of(const struct together_member *member)
{
    return (kv_node_id){(uint16_t)(1u + member->group.value * TOGETHER_MEMBERS + member->number)};
}

struct together_member *together_leader(struct together *together, unsigned group)
{
    return &together->members[group][together->leaders[group]];
}

struct together_member *together_follower(struct together *together, unsigned group)
{
    return &together->members[group][1 - together->leaders[group]];
}

static bool leads(const struct together *together, const struct together_member *member)
{
    return together->leaders[member->group.value] == member->number;
}

struct together *together_new(void)
{
    struct together *together = kv_alloc_zero(1, sizeof(*together));
    together->now.us = 1000000;
    together->reference = reference_new(TOGETHER_PARTITIONS, 0);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            struct together_member *member = &together->members[g][m];
            *member = (struct together_member){
                .group = group_of(g), .number = m, .machine = machine_of(group_of(g))};
            member->engine = engine_new(member->group, member->machine, 0);
        }
    }
    return together;
}

static void close_packet(struct together_packet *packet)
{
    kv_buffer_close(&packet->payload);
}

void together_close(struct together **closed)
{
    struct together *together = *closed;
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            engine_destroy(&together->members[g][m].engine);
            engine_effects_close(&together->members[g][m].effects);
        }
        for (uint32_t i = 0; i < together->logs[g].count; i++) {
            wire_entry_drop(&together->logs[g].entries[i]);
        }
        kv_free(together->logs[g].entries);
        kv_buffer_close(&together->watchers[g].seen);
    }
    for (uint32_t i = 0; i < together->message_count; i++) {
        wire_entry_drop(&together->messages[i]);
    }
    for (uint32_t i = 0; i < together->packet_count; i++) {
        close_packet(&together->packets[i]);
    }
    for (uint32_t i = 0; i < together->answer_count; i++) {
        kv_buffer_close(&together->answers[i].bytes);
    }
    for (uint32_t i = 0; i < together->read_count; i++) {
        kv_buffer_close(&together->reads[i].body);
        kv_buffer_close(&together->reads[i].answer);
    }
    kv_free(together->messages);
    kv_free(together->packets);
    kv_free(together->answers);
    kv_free(together->reads);
    reference_close(&together->reference);
    kv_free(together);
    *closed = NULL;
}

/* ---- The order ---- */

static void append(struct together *together, unsigned group, struct wire_entry *entry)
{
    struct together_log *log = &together->logs[group];
    GROW(log->entries, log->count, log->capacity);
    log->entries[log->count++] = entry;
}

static struct wire_entry *new_message(const struct together *together, kv_message_id id,
                                      kv_group_set destinations, uint64_t floor, kv_slice body)
{
    struct wire_entry *entry = wire_entry_new(
        kv_group_set_count(destinations) > 1 ? WIRE_ENTRY_PROPOSE : WIRE_ENTRY_CMD, body);
    entry->id = id;
    entry->destinations = destinations;
    entry->floor = floor;
    entry->timestamp = (kv_timestamp){{together->clock}, {0}};
    return entry;
}

static struct wire_entry *order_body(struct together *together, kv_message_id id,
                                     kv_group_set destinations, uint64_t floor, kv_slice body)
{
    together->clock++;
    struct wire_entry *message = new_message(together, id, destinations, floor, body);
    GROW(together->messages, together->message_count, together->message_capacity);
    together->messages[together->message_count++] = message;
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        if (kv_group_set_has(destinations, group_of(g))) {
            struct wire_entry *entry = new_message(together, id, destinations, floor, body);
            entry->index.value = together->logs[g].count + 1;
            append(together, g, entry);
        }
    }
    return message;
}

void together_order_body(struct together *together, kv_message_id id, kv_group_set destinations,
                         uint64_t floor, kv_slice body)
{
    (void)order_body(together, id, destinations, floor, body);
}

static enum wire_verdict order_message(struct together *together, kv_message_id id,
                                       kv_group_set destinations, uint64_t floor, kv_slice body)
{
    const struct wire_entry *message = order_body(together, id, destinations, floor, body);
    if (together->plain) {
        return WIRE_VERDICT_OK;
    }
    const struct reference_message said = {
        id, destinations, message->timestamp, floor, wire_entry_body(message), NULL};
    return reference_run(together->reference, &said, &together->answer) == REFERENCE_ANSWERED
               ? together->answer.verdict
               : WIRE_VERDICT_OK;
}

enum wire_verdict together_order(struct together *together, kv_message_id id, kv_group_set alone)
{
    struct kv_buffer body = {0};
    const kv_group_set destinations =
        alone.bits != 0 ? alone
                        : wire_command_destinations(&together->command, TOGETHER_PARTITIONS);
    if (kv_group_set_count(destinations) == 1) {
        together->command.owner_count = 0;
    }
    wire_command_encode(&together->command, &body);
    const enum wire_verdict verdict = order_message(
        together, id, destinations, id.sequence > 8 ? id.sequence - 8 : 0, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    return verdict;
}

static bool is_ordered(const struct together *together, kv_message_id id)
{
    for (uint32_t i = 0; i < together->message_count; i++) {
        if (kv_message_id_equal(together->messages[i]->id, id)) {
            return true;
        }
    }
    return false;
}

/* ---- Effects ---- */

static void keep_answer(struct together *together, const struct together_member *member,
                        const struct engine_reply *reply)
{
    static struct wire_answer known, again;
    for (uint32_t i = 0; i < together->answer_count; i++) {
        struct together_answer *answer = &together->answers[i];
        if (!kv_message_id_equal(answer->id, reply->id) ||
            !kv_group_equal(answer->group, member->group)) {
            continue;
        }
        enum status status = wire_answer_decode(kv_buffer_slice(&answer->bytes), &known);
        KV_ASSERT(status == STATUS_OK);
        status = wire_answer_decode(reply->answer, &again);
        KV_ASSERT(status == STATUS_OK);
        KV_ASSERT(answer->complete == reply->complete);
        KV_ASSERT(known.verdict == WIRE_VERDICT_STALE ? again.verdict == WIRE_VERDICT_STALE
                                                      : reference_same(&known, &again));
        return;
    }
    GROW(together->answers, together->answer_count, together->answer_capacity);
    struct together_answer *answer = &together->answers[together->answer_count++];
    *answer = (struct together_answer){
        .id = reply->id, .group = member->group, .complete = reply->complete};
    kv_buffer_append(&answer->bytes, reply->answer.data, reply->answer.size);
}

static void send_to(struct together *together, const struct together_member *from,
                    struct together_member *to, const struct wire_message *message)
{
    GROW(together->packets, together->packet_count, together->packet_capacity);
    struct together_packet *packet = &together->packets[together->packet_count++];
    *packet = (struct together_packet){.message = *message, .to = to};
    packet->message.from = node_of(from);
    packet->message.to = node_of(to);
    packet->message.as.signal.speaker = (struct wire_speaker){from->group, {1}, node_of(from)};
    if (message->kind == WIRE_MESSAGE_FORWARD) {
        kv_buffer_append(&packet->payload, message->as.forward.body.data,
                         message->as.forward.body.size);
    }
    if (message->kind == WIRE_MESSAGE_SIGNAL) {
        kv_buffer_append(&packet->payload, message->as.signal.payload.data,
                         message->as.signal.payload.size);
    }
}

static void send(struct together *together, const struct together_member *from,
                 const struct engine_send *send)
{
    const unsigned group = send->message.group.value;
    for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
        struct together_member *to = &together->members[group][m];
        const bool meant = send->message.to.value != 0
                               ? kv_node_equal(send->message.to, node_of(to))
                               : send->everyone || leads(together, to);
        if (meant) {
            send_to(together, from, to, &send->message);
        }
    }
}

static void append_remote(struct together *together, unsigned group,
                          const struct engine_append *remote)
{
    struct kv_buffer body = {0};
    engine_append_body(remote, &body);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_REMOTE, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    entry->id = remote->id;
    entry->source = remote->source;
    entry->timestamp = remote->timestamp;
    entry->index.value = together->logs[group].count + 1;
    append(together, group, entry);
}

static void step(struct together *together, struct together_member *member,
                 struct engine_event event)
{
    event.now = together->now;
    event.leads = leads(together, member);
    engine_step(member->engine, &event, &member->effects);
    engine_check(member->engine);
    const struct engine_effects *effects = &member->effects;
    for (uint32_t i = 0; i < effects->reply_count; i++) {
        keep_answer(together, member, &effects->replies[i]);
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        struct together_read *read = &together->reads[effects->reads[i].token];
        KV_ASSERT(!read->answered);
        read->answered = true;
        read->timestamp = effects->reads[i].timestamp;
        kv_buffer_append(&read->answer, effects->reads[i].answer.data,
                         effects->reads[i].answer.size);
    }
    for (uint32_t i = 0; i < effects->send_count; i++) {
        send(together, member, &effects->sends[i]);
    }
    together_watch_step(together, member);
    KV_ASSERT(event.leads || (effects->append_count == 0 && effects->submit_count == 0));
    for (uint32_t i = 0; i < effects->append_count; i++) {
        append_remote(together, member->group.value, &effects->appends[i]);
    }
    for (uint32_t i = 0; i < effects->submit_count; i++) {
        const struct machine_dispatch *submit = &effects->submits[i];
        together->submits++;
        KV_ASSERT(member->group.value == 0 || /* the order would refuse it (decision 0006) */
                  !kv_group_set_has(submit->destinations, KV_GROUP_ORACLE));
        if (!is_ordered(together, submit->id)) {
            (void)order_message(together, submit->id, submit->destinations, submit->floor,
                                submit->body);
        }
    }
}

/* ---- What the test does ---- */

bool together_apply(struct together *together, struct together_member *member)
{
    const struct together_log *log = &together->logs[member->group.value];
    if (member->applied == log->count) {
        return false;
    }
    struct wire_entry *entry = log->entries[member->applied++];
    member->delivered += entry->kind == WIRE_ENTRY_REMOTE ? 0 : 1;
    step(together, member,
         (struct engine_event){.kind = entry->kind == WIRE_ENTRY_REMOTE ? ENGINE_EVENT_REMOTE
                                                                        : ENGINE_EVENT_DELIVER,
                               .entry = entry,
                               .timestamp = entry->timestamp,
                               .position = member->delivered});
    return true;
}

void together_drop(struct together *together, uint32_t i)
{
    close_packet(&together->packets[i]);
    together->packets[i] = together->packets[--together->packet_count];
}

void together_deliver(struct together *together, uint32_t i)
{
    /* A step sends packets, which may move this one. */
    struct together_packet packet = together->packets[i];
    struct kv_buffer payload = {0};
    kv_buffer_append(&payload, packet.payload.data, packet.payload.size);
    if (packet.message.kind == WIRE_MESSAGE_FORWARD) {
        packet.message.as.forward.body = kv_buffer_slice(&payload);
    }
    if (packet.message.kind == WIRE_MESSAGE_SIGNAL) {
        packet.message.as.signal.payload = kv_buffer_slice(&payload);
    }
    step(together, packet.to,
         (struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .message = &packet.message});
    kv_buffer_close(&payload);
}

void together_tick(struct together *together, struct together_member *member)
{
    step(together, member, (struct engine_event){.kind = ENGINE_EVENT_TICK});
}

void together_lead(struct together *together, kv_group_id group, uint32_t number)
{
    /* A leader has everything that is committed. */
    while (together_apply(together, &together->members[group.value][number])) {
    }
    together->leaders[group.value] = number;
}

void together_restart(struct together *together, struct together_member *member)
{
    struct kv_buffer saved = {0};
    struct kv_buffer again = {0};
    engine_save(member->engine, &saved);
    engine_destroy(&member->engine);
    member->machine = machine_of(member->group);
    member->engine = engine_new(member->group, member->machine, 0);
    enum status status = engine_load(member->engine, kv_buffer_slice(&saved));
    KV_ASSERT(status == STATUS_OK);
    engine_save(member->engine, &again);
    KV_ASSERT(kv_slice_equal(kv_buffer_slice(&saved), kv_buffer_slice(&again)));
    kv_buffer_close(&saved);
    kv_buffer_close(&again);
    for (uint32_t i = 0; i < together->read_count; i++) {
        struct together_read *read = &together->reads[i];
        if (read->at == member) {
            read->answered = true; /* those that were parked are lost with the process */
        }
    }
    together_tick(together, member); /* whoever waited for one of those has his turn now */
}

uint32_t together_read(struct together *together, kv_group_id group)
{
    GROW(together->reads, together->read_count, together->read_capacity);
    const uint32_t number = together->read_count++;
    struct together_read *read = &together->reads[number];
    *read = (struct together_read){.group = group, .at = together_leader(together, group.value)};
    wire_command_encode(&together->command, &read->body);
    step(together, together_leader(together, group.value),
         (struct engine_event){
             .kind = ENGINE_EVENT_READ, .token = number, .body = kv_buffer_slice(&read->body)});
    return number;
}

void together_settle(struct together *together)
{
    for (uint32_t round = 0; round < SETTLE_ROUNDS_MAX; round++) {
        bool any = false;
        for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
            for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
                struct together_member *member = &together->members[g][m];
                while (together_apply(together, member)) {
                    any = true;
                }
                if (kv_instant_reached(engine_deadline(member->engine), together->now)) {
                    together_tick(together, member);
                }
                any = any || engine_deadline(member->engine).us != KV_INSTANT_NEVER.us;
            }
        }
        while (together->packet_count > 0) {
            together_deliver(together, 0);
            together_drop(together, 0);
            any = true;
        }
        if (!any) {
            return;
        }
        together->now.us += ENGINE_RETRY_US / 2;
    }
    KV_UNREACHABLE(); /* it goes round in circles */
}

const struct wire_answer *together_answer_to(struct together *together, kv_message_id id)
{
    for (uint32_t i = 0; i < together->answer_count; i++) {
        const struct together_answer *answer = &together->answers[i];
        if (answer->complete && kv_message_id_equal(answer->id, id)) {
            const enum status status =
                wire_answer_decode(kv_buffer_slice(&answer->bytes), &together->answer);
            KV_ASSERT(status == STATUS_OK);
            return &together->answer;
        }
    }
    return NULL;
}

kv_slice together_key(unsigned home, unsigned number)
{
    static char names[TOGETHER_GROUPS][8][8];
    for (unsigned i = 0; names[home][number][0] == '\0'; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%c%u", (int)('a' + number), i);
        if (wire_home_of(kv_slice_of_text(name), TOGETHER_PARTITIONS).value == home) {
            memcpy(names[home][number], name, sizeof(name));
        }
    }
    return kv_slice_of_text(names[home][number]);
}
