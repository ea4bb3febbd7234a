/* SPDX-License-Identifier: Apache-2.0 */
/* sim_serve: what a node does for clients: greetings, admission, answers to ordered commands, reads. The same
 * decisions as those of a real node (multicast/node/node_requests.c, node_reads.c, oracle/kvd/application.c). */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* Scans for a hundred reads. */
#define SCAN_PERCENT 10

static void reply(struct sim *sim, struct sim_node *node, uint32_t client, kv_group_id group,
                  const struct wire_reply *body)
{
    struct wire_message *message = &sim->reply;
    message->kind = WIRE_MESSAGE_REPLY;
    message->group = group;
    message->from = node->id;
    message->to = KV_NODE_NONE;
    message->as.reply = *body;
    sim_net_send(&sim->net, sim->now, node->id.value, client, message);
}

static void reply_outcome(struct sim *sim, struct sim_node *node, uint32_t client,
                          kv_group_id group, kv_message_id id, enum wire_outcome outcome)
{
    const struct sim_member *member = &node->members[group.value];
    kv_node_id leader =
        member->order == NULL ? KV_NODE_NONE : raft_leader(order_raft(member->order));
    reply(sim, node, client, group,
          &(struct wire_reply){.id = id, .outcome = outcome, .leader = leader});
}

static kv_node_id believed_leader(const struct sim_node *node, kv_group_id group)
{
    const struct sim_member *member = &node->members[group.value];
    return member->order == NULL ? KV_NODE_NONE : raft_leader(order_raft(member->order));
}

/* Names of nodes as a real cluster has them. */
static void make_nodes(struct sim *sim, struct wire_welcome *welcome)
{
    for (uint32_t n = 0; n < sim->parameters.nodes; n++) {
        sim->welcome_nodes[n] =
            (struct wire_node){{(uint16_t)(n + 1)},
                               kv_slice_of_text(sim_endpoint_of((kv_node_id){(uint16_t)(n + 1)}))};
    }
    welcome->node_count = (uint32_t)sim->parameters.nodes;
    welcome->nodes = sim->welcome_nodes;
}

void sim_serve_hello(struct sim *sim, struct sim_node *node, uint32_t client,
                     const struct wire_hello *hello)
{
    struct wire_message *message = &sim->reply;
    struct wire_welcome *welcome = &message->as.welcome;
    (void)hello;
    message->kind = WIRE_MESSAGE_WELCOME;
    message->group = (kv_group_id){0};
    message->from = node->id;
    message->to = KV_NODE_NONE;
    *welcome = (struct wire_welcome){
        .version = WIRE_VERSION,
        .cluster_name = kv_slice_of_text("sim"),
        .map_version = 1,
        .partitions = (uint32_t)sim->parameters.partitions,
        .group_count = (uint32_t)sim->parameters.partitions + 1,
        .groups = sim->welcome_groups,
        .key_bytes_max = KV_KEY_BYTES_MAX,
        .value_bytes_max = KV_VALUE_BYTES_MAX,
        .command_keys_max = KV_COMMAND_KEYS_MAX,
        .session_outstanding_max = KV_SESSION_OUTSTANDING_MAX,
    };
    make_nodes(sim, welcome);
    for (uint32_t g = 0; g < welcome->group_count; g++) {
        const kv_group_id group = {(uint16_t)g};
        const struct sim_member *member = &node->members[g];
        sim->welcome_groups[g] = (struct wire_group){
            .group = group,
            .config =
                member->order == NULL ? sim->bootstrap[g] : *raft_config(order_raft(member->order)),
            .leader = believed_leader(node, group),
        };
    }
    sim_net_send(&sim->net, sim->now, node->id.value, client, message);
}

static void add_waiter(struct sim_member *member, kv_message_id id, uint32_t client)
{
    for (uint32_t i = 0; i < member->waiter_count; i++) {
        if (kv_message_id_equal(member->waiters[i].id, id)) {
            return; /* sent again by the same client */
        }
    }
    if (member->waiter_count == SIM_WAITERS_MAX) {
        member->waiter_count--; /* the oldest is forgotten, and its client resends */
        memmove(&member->waiters[0], &member->waiters[1],
                member->waiter_count * sizeof(member->waiters[0]));
    }
    member->waiters[member->waiter_count++] = (struct sim_waiter){id, client};
}

static void submit(struct sim *sim, struct sim_node *node, struct sim_member *member,
                   uint32_t client, const struct wire_request *request)
{
    /* Before the step: it may deliver at once, e.g. with a single member. */
    add_waiter(member, request->id, client);
    enum status status =
        sim_member_step(sim, node, member,
                        (struct order_event){.kind = ORDER_EVENT_SUBMIT,
                                             .submit = {.id = request->id,
                                                        .destinations = request->destinations,
                                                        .floor = request->floor,
                                                        .body = request->body}});
    if (status == STATUS_OK || status == STATUS_EXISTS) {
        return;
    }
    if (status ==
        STATUS_NOT_FOUND) { /* it was ordered before: the engine knows its answer, or refuses it */
        struct engine_reply recorded;
        enum engine_admission admission =
            engine_admit(member->engine, request->id, request->floor, &recorded);
        if (admission == ENGINE_RUNNING) {
            add_waiter(member, request->id, client);
        } else if (admission == ENGINE_ELSEWHERE) {
            return; /* another group has the answer */
        } else if (admission == ENGINE_RECORDED) {
            reply(sim, node, client, member->group,
                  &(struct wire_reply){.id = recorded.id,
                                       .outcome = WIRE_OUTCOME_ANSWERED,
                                       .timestamp = recorded.timestamp,
                                       .index = recorded.index,
                                       .body = recorded.answer});
        } else {
            /* It would take it: then it is the order that no longer knows the ids of this session. */
            reply_outcome(sim, node, client, member->group, request->id,
                          admission == ENGINE_ADMIT || admission == ENGINE_SESSION_UNKNOWN
                              ? WIRE_OUTCOME_SESSION_UNKNOWN
                              : WIRE_OUTCOME_REFUSED);
        }
        return;
    }
    reply_outcome(sim, node, client, member->group, request->id,
                  status == STATUS_NOT_LEADER ? WIRE_OUTCOME_NOT_LEADER : WIRE_OUTCOME_BUSY);
}

static void on_ordered(struct sim *sim, struct sim_node *node, struct sim_member *member,
                       uint32_t client, const struct wire_request *request)
{
    struct engine_reply recorded;
    const bool oracles = kv_group_set_has(request->destinations, KV_GROUP_ORACLE);
    if ((oracles && !kv_group_equal(member->group, KV_GROUP_ORACLE)) ||
        request->id.attempt >= KV_ATTEMPT_MAX ||
        !engine_fits(member->engine, request->body, request->id, request->destinations)) {
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_MALFORMED);
        return;
    }
    enum engine_admission admission =
        engine_admit(member->engine, request->id, request->floor, &recorded);
    if (kv_prng_chance(&sim->timing, (uint32_t)sim->parameters.unadmitted_percent, 100) ||
        sim->options.mutant == SIM_MUTANT_DEDUP_SKIPPED) {
        admission = ENGINE_ADMIT;
    }
    bool leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    if (admission != ENGINE_RECORDED && !leads) {
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_NOT_LEADER);
        return;
    }
    switch (admission) {
    case ENGINE_ADMIT:
        submit(sim, node, member, client, request);
        return;
    case ENGINE_RECORDED:
        reply(sim, node, client, member->group,
              &(struct wire_reply){.id = recorded.id,
                                   .outcome = WIRE_OUTCOME_ANSWERED,
                                   .timestamp = recorded.timestamp,
                                   .index = recorded.index,
                                   .body = recorded.answer});
        return;
    case ENGINE_RUNNING:
        add_waiter(member, request->id, client);
        return;
    case ENGINE_ELSEWHERE:
        return;
    case ENGINE_REFUSED:
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_REFUSED);
        return;
    case ENGINE_SESSION_UNKNOWN:
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_SESSION_UNKNOWN);
        return;
    case ENGINE_SESSION_FULL:
    case ENGINE_BUSY:
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_BUSY);
        return;
    }
}

/* Answer a read from the state as it is, which is that behind `index`. */
static void read_now(struct sim *sim, struct sim_node *node, struct sim_member *member,
                     uint32_t client, kv_message_id id, kv_slice body, kv_index index)
{
    kv_slice answer = engine_read(member->engine, body);
    reply(sim, node, client, member->group,
          &(struct wire_reply){.id = id,
                               .outcome = WIRE_OUTCOME_ANSWERED,
                               .timestamp = engine_cursor(member->engine),
                               .index = index,
                               .body = answer});
}

static struct sim_read *add_read(struct sim_member *member, uint32_t client, kv_message_id id,
                                 kv_slice body)
{
    struct sim_read *read = &member->reads[member->read_count++];
    *read = (struct sim_read){.token = ++member->read_token, .client = client, .id = id};
    kv_buffer_append(&read->body, body.data, body.size);
    return read;
}

/* Scans are asked for where they are served: a client would put together what several partitions say. */
static void maybe_scan(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    if (member->read_count == SIM_READS_MAX || kv_group_equal(member->group, KV_GROUP_ORACLE) ||
        !kv_prng_chance(&sim->timing, SCAN_PERCENT, 100)) {
        return;
    }
    struct wire_command *command = &sim->work.command;
    struct kv_buffer body = {0};
    wire_command_begin(command, WIRE_OP_SCAN);
    command->limit = (uint32_t)kv_prng_between(&sim->timing, 1, 20);
    command->key_count = 2;
    command->keys[0] = command->keys[1] = (kv_slice){0}; /* no bounds */
    wire_command_encode(command, &body);
    struct sim_read *read =
        add_read(member, SIM_NOBODY, (kv_message_id){0}, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    read->asked = ++sim->history.moment;
    const uint64_t token = read->token;
    if (sim_member_step_raft(sim, node, member,
                             (struct raft_event){.kind = RAFT_EVENT_READ, .token = token}) !=
        STATUS_OK) {
        kv_buffer_close(&member->reads[--member->read_count].body);
    }
}

static void on_read(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    uint32_t client, const struct wire_request *request)
{
    bool leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    if ((sim->options.mutant == SIM_MUTANT_READ_UNCONFIRMED && leads) ||
        sim->options.mutant == SIM_MUTANT_READ_ANYWHERE) {
        read_now(sim, node, member, client, request->id, request->body, member->executed_index);
        return;
    }
    if (member->read_count == SIM_READS_MAX) {
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_BUSY);
        return;
    }
    const uint64_t token = add_read(member, client, request->id, request->body)->token;
    enum status status = sim_member_step_raft(
        sim, node, member, (struct raft_event){.kind = RAFT_EVENT_READ, .token = token});
    if (status != STATUS_OK) {
        KV_ASSERT(member->reads[member->read_count - 1].token == token);
        kv_buffer_close(&member->reads[--member->read_count].body);
        reply_outcome(sim, node, client, member->group, request->id,
                      status == STATUS_FULL ? WIRE_OUTCOME_BUSY : WIRE_OUTCOME_NOT_LEADER);
    } else {
        maybe_scan(sim, node, member);
    }
}

static struct sim_read *find_read(struct sim_member *member, uint64_t token)
{
    uint32_t i = 0;
    while (i < member->read_count && member->reads[i].token != token) {
        i++;
    }
    KV_ASSERT(i < member->read_count);
    return &member->reads[i];
}

static void end_read(struct sim_member *member, struct sim_read *read)
{
    kv_buffer_close(&read->body);
    *read = member->reads[--member->read_count];
}

/* Hand over to the engine whatever may run now. */
static void run_reads(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    for (uint32_t i = 0; i < member->read_count; i++) {
        struct sim_read *read = &member->reads[i];
        if (read->confirmed && !read->runs && order_has_delivered(member->order, read->index)) {
            read->runs = true;
            sim_execute(sim, node, member,
                        (struct engine_event){.kind = ENGINE_EVENT_READ,
                                              .token = read->token,
                                              .body = kv_buffer_slice(&read->body)});
            i = UINT32_MAX; /* answers have moved the others: once more from the beginning */
        }
    }
}

void sim_serve_read(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    const struct raft_read *decided)
{
    struct sim_read *read = find_read(member, decided->token);
    if (!decided->ready) {
        if (read->client != SIM_NOBODY) {
            reply_outcome(sim, node, read->client, member->group, read->id,
                          WIRE_OUTCOME_NOT_LEADER);
        }
        end_read(member, read);
        return;
    }
    read->confirmed = true;
    read->index = decided->index;
    run_reads(sim, node, member);
}

void sim_serve_parked(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    run_reads(sim, node, member);
}

void sim_serve_read_answer(struct sim *sim, struct sim_node *node, struct sim_member *member,
                           const struct engine_read_answer *answer)
{
    struct sim_read *read = find_read(member, answer->token);
    if (read->client == SIM_NOBODY) {
        history_scan(&sim->history, read->asked, kv_buffer_slice(&read->body), member->group,
                     answer->timestamp, answer->answer);
        sim->counters.scans++;
        end_read(member, read);
        return;
    }
    reply(sim, node, read->client, member->group,
          &(struct wire_reply){.id = read->id,
                               .outcome = WIRE_OUTCOME_ANSWERED,
                               .timestamp = answer->timestamp,
                               .index = order_delivered_index(member->order),
                               .body = answer->answer});
    end_read(member, read);
}

void sim_serve_answer(struct sim *sim, struct sim_node *node, struct sim_member *member,
                      const struct engine_reply *answer)
{
    for (uint32_t i = 0; i < member->waiter_count; i++) {
        if (kv_message_id_equal(member->waiters[i].id, answer->id)) {
            const uint32_t client = member->waiters[i].client;
            member->waiters[i] = member->waiters[--member->waiter_count];
            reply(sim, node, client, member->group,
                  &(struct wire_reply){.id = answer->id,
                                       .outcome = WIRE_OUTCOME_ANSWERED,
                                       .timestamp = answer->timestamp,
                                       .index = answer->index,
                                       .body = answer->answer});
            return;
        }
    }
}

void sim_serve_request(struct sim *sim, struct sim_node *node, uint32_t client, kv_group_id group,
                       const struct wire_request *request)
{
    struct sim_member *member = &node->members[group.value];
    if (member->order == NULL) {
        reply_outcome(sim, node, client, group, request->id, WIRE_OUTCOME_WRONG_GROUP);
        return;
    }
    switch (request->mode) {
    case WIRE_REQUEST_ORDERED:
        on_ordered(sim, node, member, client, request);
        return;
    case WIRE_REQUEST_READ:
        on_read(sim, node, member, client, request);
        return;
    case WIRE_REQUEST_STALE:
        if (raft_is_blank(order_raft(member->order))) {
            reply_outcome(sim, node, client, group, request->id, WIRE_OUTCOME_NOT_LEADER);
            return; /* as in node_requests.c */
        }
        read_now(sim, node, member, client, request->id, request->body, member->executed_index);
        return;
    }
}
