/* SPDX-License-Identifier: Apache-2.0 */
/* sim_execute: the engine at its member: what is delivered goes in, what it wants is carried out. The same as a real node's
 * application (oracle/kvd/application.c, multicast/node/node_port.c). */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_slow.h"

struct machine sim_machine_new(const struct sim *sim, kv_group_id group)
{
    const uint32_t partitions = (uint32_t)sim->parameters.partitions;
    if (kv_group_equal(group, KV_GROUP_ORACLE)) {
        return oracle_machine_new(partitions, 0);
    }
    const struct machine machine = kv_machine_new(group, partitions);
    return sim->parameters.jobs_max > 0 ? sim_slow_new(machine) : machine;
}

/* Without faults from the beginning, or when they have ended. Then the cluster has as long as for everything else to come to itself. */
static void check_lease(struct sim *sim, struct sim_member *member,
                        const struct engine_reply *reply)
{
    const struct sim_parameters *p = &sim->parameters;
    const struct check_leases_moment moment = {
        .now = sim->now,
        .quiet_from = p->lease_slack_us > 0 ? 0
                      : sim->healed         ? sim->healed_at
                                            : UINT64_MAX,
        .slack_us = p->lease_slack_us > 0 ? p->lease_slack_us : sim_liveness_us(sim),
        .rate_permille = p->clock_rate_permille};
    if (p->locks_percent > 0) {
        check_leases_answered(&sim->leases, member->group, reply, &moment, &sim->report);
    }
}

static void carry_replies(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct engine_effects *effects = &member->executions;
    for (uint32_t i = 0; i < effects->reply_count; i++) {
        const struct engine_reply *reply = &effects->replies[i];
        check_lease(sim, member, reply);
        if (sim_checks(sim, SIM_CHECK_ORDER)) {
            check_order_answered(&sim->order[member->group.value], &sim->report, node->id, reply);
        }
        if (reply->complete) {
            sim_serve_answer(sim, node, member, reply);
        }
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        sim_serve_read_answer(sim, node, member, &effects->reads[i]);
    }
}

static void carry_sends(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct engine_effects *effects = &member->executions;
    for (uint32_t i = 0; i < effects->send_count; i++) {
        struct wire_message message = effects->sends[i].message;
        kv_node_id to[KV_MEMBERS_MAX] = {message.to};
        uint32_t count = 1;
        if (message.to.value == 0) {
            count = order_receivers(member->order, message.group, effects->sends[i].everyone, to);
        }
        message.from = node->id;
        message.as.signal.speaker = order_speaker(member->order);
        for (uint32_t r = 0; r < count; r++) {
            message.to = to[r];
            sim_net_send(&sim->net, sim->now, node->id.value, to[r].value, &message);
        }
    }
}

/* Whether a message is delivered in this step, and the engine is about to hear of it. */
static bool is_coming(const struct sim_member *member, kv_message_id id)
{
    for (uint32_t i = 0; i < member->coming_count; i++) {
        if (kv_message_id_equal(member->coming[i].entry->id, id)) {
            return true;
        }
    }
    return false;
}

static void carry_proposals(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct engine_effects *effects = &member->executions;
    for (uint32_t i = 0; i < effects->append_count; i++) {
        const struct engine_append *append = &effects->appends[i];
        engine_append_body(append, &member->remote);
        (void)!sim_member_step(
            sim, node, member,
            (struct order_event){.kind = ORDER_EVENT_REMOTE,
                                 .remote = {append->id, append->source, append->timestamp,
                                            kv_buffer_slice(&member->remote)}});
    }
    for (uint32_t i = 0; i < effects->submit_count; i++) {
        const struct machine_dispatch *submit = &effects->submits[i];
        if (is_coming(member, submit->id)) {
            continue;
        }
        sim->counters.dispatches++;
        (void)!sim_member_step(
            sim, node, member,
            (struct order_event){.kind = ORDER_EVENT_SUBMIT,
                                 .submit = {.id = submit->id,
                                            .destinations = submit->destinations,
                                            .floor = submit->floor,
                                            .body = submit->body,
                                            .by_application = !submit->forwarded}});
    }
}

/* A driver takes the state of a cut at some time behind its mark, or too late. */
static void take_cut(struct sim *sim, struct sim_member *member)
{
    const struct engine_cut cut = engine_cut(member->engine);
    if (cut.state == ENGINE_CUT_REACHED && kv_prng_chance(&sim->layers, 1, 2)) {
        check_cut_keep(&sim->cuts, cut.timestamp, member->group, member->engine);
        engine_cut_end(member->engine, true);
    }
}

void sim_execute(struct sim *sim, struct sim_node *node, struct sim_member *member,
                 struct engine_event event)
{
    const bool inside = member->carrying;
    event.now = sim_node_now(sim, node);
    event.leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    event.jobs_max = sim_jobs_max(sim);
    engine_step(member->engine, &event, &member->executions);
    sim_jobs_begin(sim, node, member);
    take_cut(sim, member);
    member->carrying =
        true; /* proposals step the order, but nothing comes back before this is done */
    carry_replies(sim, node, member);
    carry_sends(sim, node, member);
    carry_proposals(sim, node, member);
    member->carrying = inside;
    if (sim_checks(sim, SIM_CHECK_DIGEST) && engine_unfinished(member->engine) == 0) {
        check_digest_at(&sim->states[member->group.value], &sim->report, node->id, member->executed,
                        engine_digest(member->engine));
    }
    if (!inside) {
        sim_layers_step(sim, node, member);
    }
    if (!inside && sim->parameters.carry_each_step != 0) {
        sim_member_carry_out(sim, node, member);
    }
}

void sim_execute_message(struct sim *sim, struct sim_node *node, struct sim_member *member,
                         const struct wire_message *message)
{
    if (order_hear(member->order, message)) {
        sim_execute(sim, node, member,
                    (struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .message = message});
    }
}

/* The delivery as it is, or what a mutant makes of it. */
static void deliver(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    const struct order_delivery *delivery)
{
    struct engine_event event = {
        .kind = ENGINE_EVENT_DELIVER, .entry = delivery->entry, .timestamp = delivery->timestamp};
    if (sim->options.mutant == SIM_MUTANT_EXECUTION_DIFFERS && node->id.value == 2) {
        event.timestamp.group.value++;
    }
    const bool alone = kv_group_set_count(delivery->entry->destinations) == 1;
    if (sim->options.mutant != SIM_MUTANT_DEDUP_SKIPPED || !alone ||
        kv_group_equal(member->group, KV_GROUP_ORACLE)) {
        sim_execute(sim, node, member, event);
        return;
    }
    struct wire_entry *unheard =
        wire_entry_new(delivery->entry->kind, wire_entry_body(delivery->entry));
    unheard->term = delivery->entry->term;
    unheard->index = delivery->entry->index;
    unheard->timestamp = event.timestamp;
    unheard->destinations = delivery->entry->destinations;
    unheard->id = (kv_message_id){.session = {event.timestamp}, .sequence = 1};
    event.entry = unheard;
    sim_execute(sim, node, member, event);
    wire_entry_drop(&unheard);
}

void sim_execute_delivery(struct sim *sim, struct sim_node *node, struct sim_member *member,
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
    const struct wire_entry *entry = executed.entry;
    member->executed = executed.position;
    member->executed_index = entry->index;
    sim->counters.deliveries++;
    sim->counters.shared += kv_group_set_count(entry->destinations) > 1 ? 1 : 0;
    sim_note(sim, member->group.value, executed.position, executed.timestamp.clock.value);
    SIM_TRACE(sim,
              "node %u group %u: delivers position %" PRIu64 ", index %" PRIu64
              ", timestamp %" PRIu64 ".%u, session %" PRIu64 " sequence %" PRIu64
              " attempt %x to %" PRIx64,
              node->id.value, member->group.value, executed.position, entry->index.value,
              executed.timestamp.clock.value, executed.timestamp.group.value,
              entry->id.session.registered.clock.value, entry->id.sequence, entry->id.attempt,
              entry->destinations.bits);
    if (sim->parameters.locks_percent > 0) {
        check_leases_delivered(&sim->leases, &executed);
    }
    if (sim_checks(sim, SIM_CHECK_ORDER)) {
        check_order_delivered(&sim->order[member->group.value], &sim->report, node->id, &executed);
    }
    deliver(sim, node, member, &executed);
    sim_note(sim, member->group.value, executed.position, engine_digest(member->engine));
}
