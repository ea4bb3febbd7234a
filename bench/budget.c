/* SPDX-License-Identifier: Apache-2.0 */
/* budget: the work of one operation at client, leader and follower, without network, disk and clock, so that it can be counted.
 *
 * A client, and the three members of one partition, on the cores, codecs and record encoding that a real node runs. They take turns as nodes
 * do: whatever has come is handled, then encoded, "synced" and sent. All that is random or depends on time is missing, so a count of
 * instructions is the same in every run. bench/budget.sh counts; bench/BUDGET.md has the figures.
 *
 *   kvbudget put|get OPERATIONS IN_FLIGHT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/client.h"
#include "multicast/base/assert.h"
#include "multicast/node/node_records.h"
#include "multicast/order/order.h"
#include "multicast/wire/codec.h"
#include "partition/engine/engine.h"
#include "partition/kv/kv_machine.h"

#define MEMBERS     3
#define LEADER      1
#define PARTITION   ((kv_group_id){1})
#define CLUSTER     ((kv_cluster_id){7})
#define VALUE_BYTES 100
#define KEYS        10000
#define TURN_US     100

/* Counted by name. */
#define COUNTED __attribute__((noinline))

struct member {
    kv_node_id node;
    struct order *order;
    struct order_effects effects;
    struct engine *engine;
    struct engine_effects executed;
    struct wire_frame_reader reader;
    struct wire_frame_writer to_members[MEMBERS + 1], to_client;
    struct kv_buffer record;
    uint64_t record_bytes;
    struct budget_read {
        kv_message_id id;
        struct kv_buffer body;
    } reads[KV_SESSION_OUTSTANDING_MAX];
    uint32_t read_next;
};

static struct {
    struct wire_config groups[2];
    struct member members[MEMBERS + 1];
    struct client *client;
    struct client_effects effects;
    struct wire_frame_reader reader;
    struct wire_frame_writer to_leader;
    struct wire_command command;
    char value[VALUE_BYTES];
    bool reads;
    uint32_t slot; /* of the leader's node */
    uint64_t submitted, completed;
    kv_instant now;
} budget;

/* ---- Members ---- */

static void step(struct member *member, struct order_event event)
{
    event.raft.now = budget.now;
    event.physical.value = 1000000000 + budget.now.us;
    const enum status status = order_step(member->order, &event, &member->effects);
    KV_ASSERT(status == STATUS_OK);
}

static void step_raft(struct member *member, struct raft_event event)
{
    step(member, (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event});
}

static void reply(struct member *member, struct wire_reply reply)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .group = PARTITION};
    reply.outcome = WIRE_OUTCOME_ANSWERED;
    reply.leader = member->node;
    message.as.reply = reply;
    const enum status status = wire_frame_add(&member->to_client, &message);
    KV_ASSERT(status == STATUS_OK);
}

static void execute(struct member *member, struct engine_event event,
                    const struct budget_read *read)
{
    event.now = budget.now;
    event.leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    engine_step(member->engine, &event, &member->executed);
    for (uint32_t i = 0; event.leads && i < member->executed.reply_count; i++) {
        const struct engine_reply *done = &member->executed.replies[i];
        reply(member, (struct wire_reply){.id = done->id,
                                          .timestamp = done->timestamp,
                                          .index = done->index,
                                          .body = done->answer});
    }
    for (uint32_t i = 0; i < member->executed.read_count; i++) {
        const struct engine_read_answer *done = &member->executed.reads[i];
        reply(member, (struct wire_reply){
                          .id = read->id, .timestamp = done->timestamp, .body = done->answer});
    }
}

/* As node_effects.c: records, then sends, then deliveries and reads. */
static void carry_out(struct member *member)
{
    struct order_effects *effects = &member->effects;
    struct log_record record;
    for (uint32_t i = 0; i < effects->raft.persist_count; i++) {
        node_record_encode(&effects->raft.persists[i], PARTITION, &member->record, &record);
        member->record_bytes += record.payload.size;
    }
    for (uint32_t i = 0; i < effects->raft.send_count; i++) {
        const struct wire_message *message = &effects->raft.sends[i].message;
        const enum status status = wire_frame_add(&member->to_members[message->to.value], message);
        KV_ASSERT(status == STATUS_OK);
    }
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        execute(member,
                (struct engine_event){.kind = ENGINE_EVENT_DELIVER,
                                      .entry = effects->deliveries[i].entry,
                                      .timestamp = effects->deliveries[i].timestamp,
                                      .position = effects->deliveries[i].position},
                NULL);
    }
    for (uint32_t i = 0; i < effects->raft.read_count; i++) {
        const struct budget_read *read = &member->reads[effects->raft.reads[i].token];
        execute(member,
                (struct engine_event){.kind = ENGINE_EVENT_READ,
                                      .token = effects->raft.reads[i].token,
                                      .body = kv_buffer_slice(&read->body)},
                read);
    }
    order_effects_clear(effects);
}

static void flush(struct member *member)
{
    step_raft(member, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
    carry_out(member);
    step_raft(member,
              (struct raft_event){.kind = RAFT_EVENT_DURABLE,
                                  .sequence = raft_persist_sequence(order_raft(member->order))});
    step_raft(member, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
    carry_out(member);
}

static void on_request(struct member *member, const struct wire_request *request)
{
    if (request->mode == WIRE_REQUEST_READ) {
        struct budget_read *read = &member->reads[member->read_next];
        read->id = request->id;
        kv_buffer_clear(&read->body);
        kv_buffer_append(&read->body, request->body.data, request->body.size);
        step_raft(member, (struct raft_event){.kind = RAFT_EVENT_READ, .token = member->read_next});
        member->read_next = (member->read_next + 1) % KV_SESSION_OUTSTANDING_MAX;
        return;
    }
    struct engine_reply recorded;
    const bool fits =
        engine_fits(member->engine, request->body, request->id, request->destinations);
    const enum engine_admission admission =
        engine_admit(member->engine, request->id, request->floor, &recorded);
    KV_ASSERT(fits && admission == ENGINE_ADMIT);
    step(member, (struct order_event){.kind = ORDER_EVENT_SUBMIT,
                                      .submit = {.id = request->id,
                                                 .destinations = request->destinations,
                                                 .floor = request->floor,
                                                 .body = request->body}});
}

static void take_frame(struct member *member, struct wire_frame_writer *frame)
{
    struct wire_message message;
    const kv_slice bytes = wire_frame_finish(frame);
    enum status status = wire_frame_open(&member->reader, bytes);
    KV_ASSERT(status == STATUS_OK);
    while ((status = wire_frame_next(&member->reader, &message)) == STATUS_OK) {
        if (message.kind == WIRE_MESSAGE_REQUEST) {
            on_request(member, &message.as.request);
        } else {
            step_raft(member, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &message});
        }
    }
    KV_ASSERT(status == STATUS_END);
}

/* Everything that has come for it, from the client and from the other members. */
static void turn(struct member *member)
{
    bool any = false;
    if (member->node.value == LEADER && budget.to_leader.count > 0) {
        take_frame(member, &budget.to_leader);
        wire_frame_begin(&budget.to_leader, CLUSTER, KV_NODE_NONE, member->node);
        any = true;
    }
    for (uint16_t from = 1; from <= MEMBERS; from++) {
        struct wire_frame_writer *frame = &budget.members[from].to_members[member->node.value];
        if (frame->count > 0) {
            take_frame(member, frame);
            wire_frame_begin(frame, CLUSTER, (kv_node_id){from}, member->node);
            any = true;
        }
    }
    if (kv_instant_reached(order_deadline(member->order), budget.now)) {
        step_raft(member, (struct raft_event){.kind = RAFT_EVENT_TICK});
        any = true;
    }
    if (any) {
        flush(member);
    }
}

COUNTED void budget_leader(void);
COUNTED void budget_follower(struct member *member);
COUNTED void budget_client(uint32_t in_flight, uint64_t operations);

COUNTED void budget_leader(void)
{
    turn(&budget.members[LEADER]);
}

COUNTED void budget_follower(struct member *member)
{
    turn(member);
}

static void open_member(uint16_t number)
{
    struct member *member = &budget.members[number];
    struct order_settings settings = {
        .look_ahead_us = ORDER_LOOK_AHEAD_US, .group_count = 2, .groups = budget.groups};
    member->node = (kv_node_id){number};
    /* The leader is the one whose patience ends first. */
    settings.raft =
        (struct raft_settings){.group = PARTITION,
                               .self = member->node,
                               .election_timeout_us = number == LEADER ? 1000000 : 3000000,
                               .heartbeat_us = 100000,
                               .news_us = 3000,
                               .seed = number,
                               .bootstrap = budget.groups[1]};
    member->order = order_new(&settings, budget.now);
    member->engine = engine_new(PARTITION, kv_machine_new(PARTITION, 1), 0);
    for (uint16_t to = 1; to <= MEMBERS; to++) {
        wire_frame_begin(&member->to_members[to], CLUSTER, member->node, (kv_node_id){to});
    }
    wire_frame_begin(&member->to_client, CLUSTER, member->node, KV_NODE_NONE);
}

static void all_turns(void)
{
    budget_leader();
    for (uint16_t i = 1; i <= MEMBERS; i++) {
        if (i != LEADER) {
            budget_follower(&budget.members[i]);
        }
    }
}

/* ---- The client ---- */

static void on_effects(void)
{
    for (uint32_t i = 0; i < budget.effects.count; i++) {
        const struct client_effect *effect = &budget.effects.effects[i];
        if (effect->kind == CLIENT_EFFECT_COMPLETE) {
            KV_ASSERT(effect->as.complete.result == CLIENT_ANSWERED);
            budget.completed++;
        } else if (effect->kind == CLIENT_EFFECT_SEND &&
                   effect->as.send.kind == WIRE_MESSAGE_REQUEST &&
                   kv_group_equal(effect->as.send.group, PARTITION)) {
            struct wire_message message = {.kind = WIRE_MESSAGE_REQUEST, .group = PARTITION};
            message.as.request = effect->as.send.as.request;
            const enum status status = wire_frame_add(&budget.to_leader, &message);
            KV_ASSERT(status == STATUS_OK);
            budget.slot = effect->slot;
        }
    }
    client_effects_clear(&budget.effects);
}

static void client_event(struct client_event event)
{
    event.now = budget.now;
    const enum status status = client_step(budget.client, &event, &budget.effects);
    KV_ASSERT(status == STATUS_OK);
}

static void hear(uint32_t slot, struct wire_message *message)
{
    message->from = (kv_node_id){LEADER};
    client_event(
        (struct client_event){.kind = CLIENT_EVENT_MESSAGE, .slot = slot, .message = message});
}

static void submit(void)
{
    char key[32];
    const int size =
        snprintf(key, sizeof key, "key%08u", (unsigned)(budget.submitted * 7919 % KEYS));
    wire_command_begin(&budget.command, budget.reads ? WIRE_OP_GET : WIRE_OP_PUT);
    budget.command.keys[budget.command.key_count++] = kv_slice_of(key, (size_t)size);
    if (!budget.reads) {
        budget.command.values[budget.command.value_count++] =
            kv_slice_of(budget.value, sizeof budget.value);
    }
    client_event((struct client_event){
        .kind = CLIENT_EVENT_SUBMIT,
        .submit = {.command = &budget.command, .deadline = kv_instant_add(budget.now, 60000000)}});
    budget.submitted++;
}

/* Take the answers, keep `in_flight` operations under way until `operations` were begun. */
COUNTED void budget_client(uint32_t in_flight, uint64_t operations)
{
    struct wire_frame_writer *frame = &budget.members[LEADER].to_client;
    if (frame->count > 0) {
        struct wire_message message;
        enum status status = wire_frame_open(&budget.reader, wire_frame_finish(frame));
        KV_ASSERT(status == STATUS_OK);
        while ((status = wire_frame_next(&budget.reader, &message)) == STATUS_OK) {
            hear(budget.slot, &message);
        }
        wire_frame_begin(frame, CLUSTER, (kv_node_id){LEADER}, KV_NODE_NONE);
    }
    on_effects();
    while (budget.submitted < operations && budget.submitted - budget.completed < in_flight) {
        submit();
    }
    on_effects();
}

/* What the oracle's nodes would say: where everything is, and a session. */
static void welcome(void)
{
    static struct wire_node nodes[MEMBERS];
    static struct wire_group groups[2];
    for (uint16_t i = 0; i < MEMBERS; i++) {
        nodes[i] = (struct wire_node){{(uint16_t)(i + 1)}, kv_slice_of_text("tcp://node:7400")};
    }
    for (uint16_t g = 0; g < 2; g++) {
        groups[g] =
            (struct wire_group){.group = {g}, .leader = {LEADER}, .config = budget.groups[g]};
    }
    struct wire_message message = {.kind = WIRE_MESSAGE_WELCOME};
    message.as.welcome =
        (struct wire_welcome){.version = WIRE_VERSION,
                              .cluster_name = kv_slice_of_text("budget"),
                              .map_version = 1,
                              .partitions = 1,
                              .node_count = MEMBERS,
                              .nodes = nodes,
                              .group_count = 2,
                              .groups = groups,
                              .key_bytes_max = KV_KEY_BYTES_MAX,
                              .value_bytes_max = KV_VALUE_BYTES_MAX,
                              .command_keys_max = KV_COMMAND_KEYS_MAX,
                              .session_outstanding_max = KV_SESSION_OUTSTANDING_MAX};
    client_event((struct client_event){.kind = CLIENT_EVENT_TIME});
    on_effects();
    hear(0, &message);
}

/* The first operation asks the oracle for a session; it waits for that. */
static void open_session(void)
{
    static struct wire_answer answer;
    struct kv_buffer body = {0};
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    wire_answer_encode(&answer, &body);
    for (uint32_t i = 0; i < budget.effects.count; i++) {
        const struct client_effect *effect = &budget.effects.effects[i];
        if (effect->kind == CLIENT_EFFECT_SEND && effect->as.send.kind == WIRE_MESSAGE_REQUEST &&
            kv_group_equal(effect->as.send.group, KV_GROUP_ORACLE)) {
            struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .group = KV_GROUP_ORACLE};
            message.as.reply = (struct wire_reply){.id = effect->as.send.as.request.id,
                                                   .outcome = WIRE_OUTCOME_ANSWERED,
                                                   .leader = {LEADER},
                                                   .timestamp = {{1000000000}, KV_GROUP_ORACLE},
                                                   .index = {1},
                                                   .body = kv_buffer_slice(&body)};
            hear(effect->slot, &message);
            break;
        }
    }
    kv_buffer_close(&body);
}

static void open_all(void)
{
    for (uint32_t g = 0; g < 2; g++) {
        budget.groups[g].count = MEMBERS;
        for (uint16_t i = 0; i < MEMBERS; i++) {
            budget.groups[g].members[i] = (struct wire_config_member){{(uint16_t)(i + 1)}, true};
        }
    }
    for (uint16_t i = 1; i <= MEMBERS; i++) {
        open_member(i);
    }
    while (raft_role(order_raft(budget.members[LEADER].order)) != RAFT_LEADER) {
        budget.now.us += TURN_US;
        all_turns();
    }
    struct client_settings settings = {
        .seed = 1, .outstanding_max = CLIENT_OUTSTANDING_MAX, .endpoint_count = 1};
    settings.endpoints[0] = kv_slice_of_text("tcp://node:7400");
    budget.client = client_new(&settings, budget.now);
    wire_frame_begin(&budget.to_leader, CLUSTER, KV_NODE_NONE, (kv_node_id){LEADER});
    welcome();
    submit();
    open_session();
}

static void close_all(void)
{
    client_destroy(&budget.client);
    client_effects_close(&budget.effects);
    wire_frame_reader_close(&budget.reader);
    wire_frame_writer_close(&budget.to_leader);
    for (uint16_t i = 1; i <= MEMBERS; i++) {
        struct member *member = &budget.members[i];
        order_effects_close(&member->effects);
        engine_effects_close(&member->executed);
        order_destroy(&member->order);
        engine_destroy(&member->engine);
        wire_frame_reader_close(&member->reader);
        wire_frame_writer_close(&member->to_client);
        for (uint16_t to = 1; to <= MEMBERS; to++) {
            wire_frame_writer_close(&member->to_members[to]);
        }
        for (uint32_t r = 0; r < KV_SESSION_OUTSTANDING_MAX; r++) {
            kv_buffer_close(&member->reads[r].body);
        }
        kv_buffer_close(&member->record);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[1], "put") != 0 && strcmp(argv[1], "get") != 0)) {
        fprintf(stderr, "usage: kvbudget put|get OPERATIONS IN_FLIGHT\n");
        return 2;
    }
    const uint64_t operations = strtoull(argv[2], NULL, 10);
    const uint32_t in_flight = (uint32_t)strtoul(argv[3], NULL, 10);
    budget.now.us = 1000000;
    memset(budget.value, 'v', sizeof budget.value);
    open_all();
    budget.reads = strcmp(argv[1], "get") == 0;
    while (budget.completed < operations) {
        budget_client(in_flight, operations);
        all_turns();
        budget.now.us += TURN_US;
    }
    printf("%llu operations, %llu bytes of records at the leader\n",
           (unsigned long long)budget.completed,
           (unsigned long long)budget.members[LEADER].record_bytes);
    close_all();
    return 0;
}
