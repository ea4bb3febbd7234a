/* SPDX-License-Identifier: Apache-2.0 */
/* sim_member: one member of one group on a simulated node: steps the cores and carries their
 * effects out.
 *
 * The order of effects is that of a real driver: records to the log, then sends (those whose
 * `after` is not durable wait), then deliveries, then reads, then pieces of snapshots. Everything
 * that leaves the node goes through leave(), where check_raft holds it against the disk. */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* Physical clocks begin here: far from 0, so that they can jump back. */
#define WALL_CLOCK_START_US UINT64_C(1000000000000)

static kv_clock wall_clock(const struct sim *sim, const struct sim_node *node)
{
    int64_t us = (int64_t)(WALL_CLOCK_START_US + sim->now) + node->wall_offset_us;
    return (kv_clock){us < 1 ? 1 : (uint64_t)us};
}

void sim_member_open(struct sim *sim, struct sim_node *node, kv_group_id group)
{
    struct sim_member *member = &node->members[group.value];
    struct order_settings settings = {.raft = {.group = group,
                                               .self = node->id,
                                               .election_timeout_us = sim->parameters.election_us,
                                               .heartbeat_us = sim->parameters.heartbeat_us,
                                               .news_us = sim->parameters.news_us,
                                               .seed = kv_prng_next(&sim->timing),
                                               .tag = {node->disk.tag},
                                               .bootstrap = sim->bootstrap[group.value]},
                                      .group_count = (uint32_t)sim->parameters.partitions + 1,
                                      .groups = sim->addressees,
                                      .oracle_first = true};
    member->group = group;
    if (sim->options.trace != NULL) {
        member->trace.level = TRACE_DECISION;
        settings.raft.trace = &member->trace;
    }
    member->order = order_new(&settings, sim_node_now(sim, node));
    member->machine = sim_machine_new(sim, group);
    member->engine = engine_new(group, member->machine, (uint32_t)sim->parameters.sessions_max);
    member->executed = 0;
    member->durable = 0;
    uint64_t every = sim->parameters.snapshot_us;
    member->snapshot_at =
        every == 0 ? UINT64_MAX : sim->now + kv_prng_below(&sim->timing, 2 * every);
}

void sim_member_close(struct sim_member *member)
{
    if (member->order == NULL) {
        return;
    }
    order_effects_close(&member->effects);
    order_effects_close(&member->handled);
    kv_buffer_close(&member->remote);
    order_destroy(&member->order);
    engine_destroy(&member->engine);
    memory_checkpoint_close(&member->checkpoint);
    engine_effects_close(&member->executions);
    for (uint32_t i = 0; i < member->held_count; i++) {
        sim_packet_drop(&member->held[i].packet);
    }
    kv_free(member->held);
    for (uint32_t i = 0; i < member->read_count; i++) {
        kv_buffer_close(&member->reads[i].body);
    }
    kv_buffer_close(&member->incoming.bytes);
    trace_close(&member->trace);
    memset(member, 0, sizeof(*member));
}

void sim_member_restore(struct sim *sim, struct sim_node *node, struct sim_member *member,
                        const struct raft_persist *record)
{
    enum status status = order_restore(member->order, record);
    if (status != STATUS_OK) {
        sim_report_fail(&sim->report, "restart", "group %u: node %u cannot restore its own log: %s",
                        member->group.value, node->id.value, status_text(status));
        return;
    }
    if (record->kind == RAFT_PERSIST_SNAPSHOT) {
        const struct sim_snapshot *snapshot =
            sim_disk_snapshot(&node->disk, member->group, record->point.index);
        if (snapshot == NULL) {
            return; /* superseded: the record of a later one, whose file is kept, follows */
        }
        sim_member_load(sim, node, member, snapshot);
        if (sim_member_load_order(member, snapshot) != STATUS_OK) {
            sim_report_fail(&sim->report, "restart",
                            "group %u: node %u cannot load the order of its own snapshot",
                            member->group.value, node->id.value);
        }
    }
}

/* ---- Steps ---- */

static void trace_step(struct sim *sim, struct sim_member *member)
{
    struct kv_buffer *text = &member->trace.text;
    if (text->size > 0) {
        fprintf(sim->options.trace, "%10.3f %.*s", (double)sim->now / 1000.0, (int)text->size,
                (const char *)text->data);
        kv_buffer_clear(text);
    }
}

enum status sim_member_step(struct sim *sim, struct sim_node *node, struct sim_member *member,
                            struct order_event event)
{
    event.raft.now = sim_node_now(sim, node);
    event.physical = wall_clock(sim, node);
    enum status status = order_step(member->order, &event, &member->effects);
    if (sim->options.trace != NULL) {
        trace_step(sim, member);
    }
    member->touched = true;
    if (sim_checks(sim, SIM_CHECK_RAFT)) {
        check_raft_observe(&sim->raft[member->group.value], &sim->report, node->id,
                           order_raft(member->order));
    }
    /* A piece of a snapshot borrows from the message, so it cannot wait. */
    if (sim->parameters.carry_each_step != 0 || member->effects.raft.has_chunk_received) {
        sim_member_carry_out(sim, node, member);
    }
    return status;
}

enum status sim_member_step_raft(struct sim *sim, struct sim_node *node, struct sim_member *member,
                                 struct raft_event event)
{
    return sim_member_step(sim, node, member,
                           (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event});
}

/* ---- Records ---- */

static void persist(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    uint64_t sequence, const struct raft_persist *record)
{
    struct raft_persist written = *record;
    if (sim->options.mutant == SIM_MUTANT_VOTE_FORGOTTEN &&
        written.kind == RAFT_PERSIST_HARD_STATE) {
        written.vote = KV_NODE_NONE;
    }
    sim_disk_append(&node->disk, member->group, sequence, &written);
    if (sim->options.mutant == SIM_MUTANT_EXECUTE_UNCOMMITTED &&
        record->kind == RAFT_PERSIST_ENTRY && record->entry->kind == WIRE_ENTRY_CMD &&
        raft_role(order_raft(member->order)) == RAFT_LEADER &&
        kv_timestamp_compare(record->entry->timestamp, member->early) > 0) {
        struct order_delivery early = {.entry = record->entry,
                                       .timestamp = record->entry->timestamp,
                                       .position = member->executed + 1};
        member->early = early.timestamp;
        sim_execute_delivery(sim, node, member, &early);
    }
}

static void carry_persists(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct raft_effects *effects = &member->effects.raft;
    uint64_t last = raft_persist_sequence(order_raft(member->order));
    for (uint32_t i = 0; i < effects->persist_count; i++) {
        persist(sim, node, member, last - effects->persist_count + 1 + i, &effects->persists[i]);
    }
}

/* ---- Sends ---- */

/* A message leaves the node: from here on others may rely on it. */
static void leave(struct sim *sim, struct sim_node *node, const struct wire_message *message)
{
    if (sim_checks(sim, SIM_CHECK_RAFT)) {
        check_raft_leaves(&sim->raft[message->group.value], &sim->report, message,
                          &node->disk.views[message->group.value]);
    }
    sim_net_send(&sim->net, sim->now, node->id.value, message->to.value, message);
}

static void hold(struct sim *sim, struct sim_node *node, struct sim_member *member,
                 const struct raft_send *send)
{
    if (member->held_count == member->held_capacity) {
        member->held_capacity = member->held_capacity == 0 ? 32 : 2 * member->held_capacity;
        member->held = kv_realloc(member->held, member->held_capacity * sizeof(*member->held));
    }
    member->held[member->held_count++] =
        (struct sim_held){send->after, sim_packet_new(node->id.value, send->message.to.value,
                                                      &send->message, sim->net.settings.framed)};
}

static void carry_sends(struct sim *sim, struct sim_node *node, struct sim_member *member,
                        const struct raft_send *sends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_send *send = &sends[i];
        KV_ASSERT(kv_node_equal(send->message.from, node->id));
        if (send->after <= member->durable || sim->options.mutant == SIM_MUTANT_ACK_BEFORE_SYNC) {
            leave(sim, node, &send->message);
        } else {
            hold(sim, node, member, send);
        }
    }
}

void sim_member_durable(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    uint64_t sequence = sim_disk_durable_sequence(&node->disk, member->group);
    if (sequence <= member->durable) {
        return;
    }
    member->durable = sequence;
    uint32_t left = 0;
    for (uint32_t i = 0; i < member->held_count; i++) {
        struct sim_held *held = &member->held[i];
        if (held->after > member->durable) {
            member->held[left++] = *held;
            continue;
        }
        enum status status = sim_packet_open(held->packet, &sim->reader, &sim->message);
        KV_ASSERT(status == STATUS_OK);
        leave(sim, node, &sim->message);
        sim_packet_drop(&held->packet);
    }
    member->held_count = left;
    (void)sim_member_step_raft(
        sim, node, member, (struct raft_event){.kind = RAFT_EVENT_DURABLE, .sequence = sequence});
}

/* ---- All effects ---- */

static void carry_once(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct order_effects spare = member->handled;
    carry_persists(sim, node, member);
    carry_sends(sim, node, member, member->effects.raft.sends, member->effects.raft.send_count);
    carry_sends(sim, node, member, member->effects.sends, member->effects.send_count);
    member->handled = member->effects;
    member->effects = spare;
    const struct order_effects *effects = &member->handled;
    if (effects->raft.role_changed) {
        sim_execute(sim, node, member, (struct engine_event){.kind = ENGINE_EVENT_TICK});
    }
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        member->coming = &effects->deliveries[i] + 1;
        member->coming_count = effects->delivery_count - i - 1;
        sim_execute_delivery(sim, node, member, &effects->deliveries[i]);
    }
    for (uint32_t i = 0; i < effects->remote_count; i++) {
        sim_execute(
            sim, node, member,
            (struct engine_event){.kind = ENGINE_EVENT_REMOTE, .entry = effects->remotes[i]});
    }
    sim_serve_parked(sim, node, member);
    for (uint32_t i = 0; i < effects->raft.read_count; i++) {
        sim_serve_read(sim, node, member, &effects->raft.reads[i]);
    }
    for (uint32_t i = 0; i < effects->raft.chunk_wanted_count; i++) {
        sim_member_chunk_wanted(sim, node, member, &effects->raft.chunks_wanted[i]);
    }
}

/* Whether there is anything to carry out. */
static bool has_effects(const struct order_effects *effects)
{
    return effects->raft.persist_count + effects->raft.send_count + effects->send_count +
               effects->delivery_count + effects->remote_count + effects->raft.read_count >
           0;
}

/* What an execution appends or submits steps the order again; that is carried out behind what is being carried out. */
void sim_member_carry_out(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    if (member->carrying) {
        return;
    }
    member->carrying = true;
    bool received = false;
    struct raft_chunk_received chunk;
    do {
        carry_once(sim, node, member);
        if (member->handled.raft.has_chunk_received) {
            received = true;
            chunk = member->handled.raft.chunk_received;
        }
        order_effects_clear(&member->handled);
    } while (sim->parameters.carry_each_step != 0 && has_effects(&member->effects));
    member->carrying = false;
    if (received) {
        sim_member_chunk_received(sim, node, member, &chunk);
    }
}
