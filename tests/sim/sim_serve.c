/* SPDX-License-Identifier: Apache-2.0 */
/* sim_serve: what a node does for clients: admission, answers to ordered commands, reads. The same
 * decisions as those of a real node (multicast/node/node_requests.c, node_reads.c). */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

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

static void add_waiter(struct sim_member *member, kv_message_id id, uint32_t client)
{
    for (uint32_t i = 0; i < member->waiter_count; i++) {
        if (kv_message_id_equal(member->waiters[i].id, id)) {
            return; /* sent again by the same client */
        }
    }
    member->waiters[member->waiter_count++] = (struct sim_waiter){id, client};
}

static void submit(struct sim *sim, struct sim_node *node, struct sim_member *member,
                   uint32_t client, const struct wire_request *request)
{
    if (member->waiter_count == SIM_WAITERS_MAX) {
        reply_outcome(sim, node, client, member->group, request->id, WIRE_OUTCOME_BUSY);
        return;
    }
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
        if (admission == ENGINE_RECORDED) {
            reply(sim, node, client, member->group,
                  &(struct wire_reply){.id = recorded.id,
                                       .outcome = WIRE_OUTCOME_ANSWERED,
                                       .timestamp = recorded.timestamp,
                                       .index = recorded.index,
                                       .body = recorded.answer});
        } else {
            reply_outcome(sim, node, client, member->group, request->id,
                          admission == ENGINE_SESSION_UNKNOWN ? WIRE_OUTCOME_SESSION_UNKNOWN
                                                              : WIRE_OUTCOME_BUSY);
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
    kv_slice answer = engine_read(member->engine, body, order_cursor(member->order));
    reply(sim, node, client, member->group,
          &(struct wire_reply){
              .id = id, .outcome = WIRE_OUTCOME_ANSWERED, .index = index, .body = answer});
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
    struct sim_read *read = &member->reads[member->read_count++];
    *read = (struct sim_read){.token = ++member->read_token, .client = client, .id = request->id};
    uint64_t token = read->token;
    kv_buffer_append(&read->body, request->body.data, request->body.size);
    enum status status = sim_member_step_raft(
        sim, node, member, (struct raft_event){.kind = RAFT_EVENT_READ, .token = token});
    if (status != STATUS_OK) {
        KV_ASSERT(member->reads[member->read_count - 1].token == token);
        kv_buffer_close(&member->reads[--member->read_count].body);
        reply_outcome(sim, node, client, member->group, request->id,
                      status == STATUS_FULL ? WIRE_OUTCOME_BUSY : WIRE_OUTCOME_NOT_LEADER);
    }
}

void sim_serve_read(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    const struct raft_read *decided)
{
    uint32_t i = 0;
    while (i < member->read_count && member->reads[i].token != decided->token) {
        i++;
    }
    KV_ASSERT(i < member->read_count);
    struct sim_read read = member->reads[i];
    member->reads[i] = member->reads[--member->read_count];
    if (!decided->ready) {
        reply_outcome(sim, node, read.client, member->group, read.id, WIRE_OUTCOME_NOT_LEADER);
    } else if (order_delivered_index(member->order).value < decided->index.value) {
        sim_report_fail(&sim->report, "read",
                        "group %u: node %u may read at %" PRIu64
                        " but has delivered up to %" PRIu64,
                        member->group.value, node->id.value, decided->index.value,
                        order_delivered_index(member->order).value);
    } else {
        /* The deliveries of these effects were executed before its reads. */
        read_now(sim, node, member, read.client, read.id, kv_buffer_slice(&read.body),
                 order_delivered_index(member->order));
    }
    kv_buffer_close(&read.body);
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
        read_now(sim, node, member, client, request->id, request->body, member->executed_index);
        return;
    }
}

/* ---- Deliveries ---- */

static void deliver(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    struct wire_entry *entry, kv_timestamp timestamp, struct engine_reply *ret)
{
    const struct engine_event event = {
        .kind = ENGINE_EVENT_DELIVER,
        .now = sim_node_now(sim, node),
        .leads = raft_role(order_raft(member->order)) == RAFT_LEADER,
        .entry = entry,
        .timestamp = timestamp,
    };
    engine_step(member->engine, &event, &member->executions);
    KV_ASSERT(member->executions.reply_count == 1);
    *ret = member->executions.replies[0];
}

/* The engine, or what a mutant makes of it. */
static void execute(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    const struct order_delivery *delivery, struct engine_reply *ret)
{
    kv_timestamp timestamp = delivery->timestamp;
    if (sim->options.mutant == SIM_MUTANT_EXECUTION_DIFFERS && node->id.value == 2) {
        timestamp.group.value++;
    }
    if (sim->options.mutant != SIM_MUTANT_DEDUP_SKIPPED) {
        deliver(sim, node, member, delivery->entry, timestamp, ret);
        return;
    }
    struct wire_entry *unheard =
        wire_entry_new(delivery->entry->kind, wire_entry_body(delivery->entry));
    unheard->term = delivery->entry->term;
    unheard->index = delivery->entry->index;
    unheard->timestamp = timestamp;
    unheard->destinations = delivery->entry->destinations;
    unheard->id = (kv_message_id){.session = {timestamp}, .sequence = 1};
    deliver(sim, node, member, unheard, timestamp, ret);
    ret->id = delivery->entry->id;
    wire_entry_drop(&unheard);
}

static void answer_waiter(struct sim *sim, struct sim_node *node, struct sim_member *member,
                          const struct engine_reply *executed)
{
    for (uint32_t i = 0; i < member->waiter_count; i++) {
        if (kv_message_id_equal(member->waiters[i].id, executed->id)) {
            uint32_t client = member->waiters[i].client;
            member->waiters[i] = member->waiters[--member->waiter_count];
            reply(sim, node, client, member->group,
                  &(struct wire_reply){.id = executed->id,
                                       .outcome = WIRE_OUTCOME_ANSWERED,
                                       .timestamp = executed->timestamp,
                                       .index = executed->index,
                                       .body = executed->answer});
            return;
        }
    }
}

void sim_serve_delivery(struct sim *sim, struct sim_node *node, struct sim_member *member,
                        const struct order_delivery *delivery)
{
    struct order_delivery executed = *delivery;
    if (sim->options.mutant == SIM_MUTANT_EXECUTE_UNCOMMITTED) {
        if (kv_timestamp_compare(delivery->timestamp, member->early) < 0 ||
            (kv_timestamp_compare(delivery->timestamp, member->early) == 0 &&
             member->executed + 1 != delivery->position)) {
            return; /* executed when it was appended */
        }
        executed.position = member->executed + 1;
    }
    uint32_t group = member->group.value;
    struct engine_reply ret;
    execute(sim, node, member, &executed, &ret);
    member->executed = executed.position;
    member->executed_index = executed.entry->index;
    sim->counters.deliveries++;
    sim_note(sim, group, executed.position, engine_digest(member->engine));
    SIM_TRACE(sim,
              "node %u group %u: delivers position %" PRIu64 ", index %" PRIu64 ", session %" PRIu64
              " sequence %" PRIu64,
              node->id.value, group, executed.position, executed.entry->index.value,
              executed.entry->id.session.registered.clock.value, executed.entry->id.sequence);
    if (sim_checks(sim, SIM_CHECK_ORDER)) {
        check_order_delivered(&sim->order[group], &sim->report, node->id, &executed, ret.answer);
    }
    if (sim_checks(sim, SIM_CHECK_DIGEST)) {
        check_digest_at(&sim->states[group], &sim->report, node->id, executed.position,
                        engine_digest(member->engine));
    }
    answer_waiter(sim, node, member, &ret);
}
