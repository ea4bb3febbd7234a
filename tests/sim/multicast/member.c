/* SPDX-License-Identifier: Apache-2.0 */
/* member: one order core, and the carrying out of what it wants. */
#include <stdio.h>

#include "multicast/base/assert.h"
#include "multicast/order/order_internal.h"
#include "tests/sim/multicast/world.h"

/* A timer is not finer than this: what is due waits for the flush of its batch. */
#define TICK_US_MIN 1000

static kv_clock wall_clock(const struct world *world, const struct world_member *member)
{
    int64_t skew = world->nodes[member->node].clock_skew_us;
    uint64_t base = UINT64_C(10000000);
    switch (world->parameters.clock_mode) {
    case 0:
        return (kv_clock){0};
    case 3:
        return (kv_clock){(uint64_t)((int64_t)base + skew)};
    default:
        return (kv_clock){(uint64_t)((int64_t)(base + world->now) + skew)};
    }
}

void world_member_new(struct world *world, struct world_member *member)
{
    const struct world_parameters *p = &world->parameters;
    struct order_settings settings = {
        .raft = {.group = member->group,
                 .self = {(uint16_t)member->node},
                 .election_timeout_us = p->election_us,
                 .heartbeat_us = p->heartbeat_us,
                 .news_us = p->news_us,
                 .seed = kv_prng_next(&world->prng),
                 .bootstrap = world->configs[member->group.value],
                 .trace = &member->trace},
        .look_ahead_us = p->look_ahead_us,
        .retry_us = p->retry_us,
        .group_count = (uint32_t)p->groups,
        .groups = world->configs,
        .no_fast_path = !p->fast_path,
        .oracle_first = p->oracle_first != 0,
    };
    member->trace.level = world->options.trace ? TRACE_DETAIL : TRACE_NONE;
    member->order = order_new(&settings, (kv_instant){world->now});
    member->delivered = 0;
    member->cursor = (kv_timestamp){{0}, {0}};
    member->checked = member->durable = 0;
    member->tick_at = UINT64_MAX;
    member->saving = member->flush_due = false;
    member->incoming_total = 0;
    kv_buffer_clear(&member->incoming_bytes);
}

void world_member_close(struct world_member *member)
{
    order_effects_clear(&member->effects);
    order_destroy(&member->order);
}

bool world_member_leads(const struct world_member *member)
{
    return member->order != NULL && raft_role(order_raft(member->order)) == RAFT_LEADER;
}

static void tick_later(struct world *world, struct world_member *member)
{
    uint64_t due = order_deadline(member->order).us;
    due = due > world->now + TICK_US_MIN ? due : world->now + TICK_US_MIN;
    if (due >= member->tick_at || due == UINT64_MAX) {
        return;
    }
    member->tick_at = due;
    world_push(world, (struct world_event){.at = due,
                                           .kind = WORLD_EVENT_TICK,
                                           .actor = (uint32_t)(member - world->members),
                                           .incarnation = world->nodes[member->node].incarnation});
}

void world_member_restored(struct world *world, struct world_member *member)
{
    member->checked = raft_commit(order_raft(member->order)).value;
    tick_later(world, member);
}

/* FIX: what this member believes of other groups. */
void world_member_facts(struct world *world, const struct world_member *member)
{
    for (const struct order_message *m = member->order->messages.first; m != NULL; m = m->next) {
        for (uint32_t i = 0; i < m->fact_count; i++) {
            if (m->facts[i].fixed) {
                check_facts_claim(&world->checks, world_message_number(m->id), m->facts[i].group,
                                  m->facts[i].lts);
            }
        }
    }
}

static void write_records(struct world *world, struct world_member *member)
{
    const struct raft_effects *effects = &member->effects.raft;
    uint64_t last = raft_persist_sequence(order_raft(member->order));
    for (uint32_t i = 0; i < effects->persist_count; i++) {
        const struct raft_persist *persist = &effects->persists[i];
        struct world_snapshot *snapshot =
            persist->kind == RAFT_PERSIST_SNAPSHOT ? member->recorded : NULL;
        world_node_append(world, member->node,
                          (struct world_record){.member = (uint32_t)(member - world->members),
                                                .sequence = last - (effects->persist_count - 1 - i),
                                                .persist = *persist,
                                                .snapshot = snapshot});
    }
}

static void send_all(struct world *world, struct world_member *member,
                     const struct raft_send *sends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct wire_message *message = &sends[i].message;
        if (message->kind == WIRE_MESSAGE_FIX) {
            check_facts_claim(&world->checks, world_message_number(message->as.fix.id),
                              message->as.fix.speaker.group, message->as.fix.lts);
        }
        if (world->options.trace && message->kind >= WIRE_MESSAGE_SOFT &&
            message->kind <= WIRE_MESSAGE_TELL) {
            /* The id stands behind the speaker in all of them. */
            world_trace(world, "node %u group %u: %s about message %u to node %u of group %u",
                        member->node, member->group.value, wire_message_kind_name(message->kind),
                        world_message_number(message->as.fix.id), message->to.value,
                        message->group.value);
        }
        struct world_packet *packet = world_packet_new(world, message);
        if (sends[i].after > member->durable) {
            world_node_hold(
                world, member->node,
                (struct world_held){packet, (uint32_t)(member - world->members), sends[i].after});
        } else {
            world_send(world, packet);
        }
    }
}

static void look_at_commits(struct world *world, struct world_member *member)
{
    const struct raft *raft = order_raft(member->order);
    uint64_t commit = raft_commit(raft).value;
    uint64_t base = raft_snapshot_index(raft).value;
    member->checked = member->checked > base ? member->checked : base;
    for (; member->checked < commit && !world->report.failed; member->checked++) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){member->checked + 1});
        check_log_commit(&world->checks, member->group, world_message_number(entry->id), entry);
        world->counters.commits++;
    }
}

static void execute(struct world *world, struct world_member *member)
{
    for (uint32_t i = 0; i < member->effects.delivery_count && !world->report.failed; i++) {
        const struct order_delivery *delivery = &member->effects.deliveries[i];
        uint32_t message = world_message_number(delivery->entry->id);
        WORLD_TRACE(
            world, "node %u group %u: delivers message %u at %llu with %llu.%u", member->node,
            member->group.value, message, (unsigned long long)delivery->position,
            (unsigned long long)delivery->timestamp.clock.value, delivery->timestamp.group.value);
        check_sequence_delivery(&world->checks, member->group, message, member->delivered,
                                delivery);
        member->delivered++;
        member->cursor = delivery->timestamp;
        world->counters.deliveries++;
        world_member_delivered(world, member, message);
    }
}

static void print_trace(struct world *world, struct world_member *member)
{
    if (member->trace.text.size > 0) {
        printf("%.*s", (int)member->trace.text.size, (const char *)member->trace.text.data);
        kv_buffer_clear(&member->trace.text);
    }
    (void)world;
}

static void carry_out(struct world *world, struct world_member *member)
{
    struct order_effects *effects = &member->effects;
    print_trace(world, member);
    if (effects->raft.role_changed && world_member_leads(member)) {
        world->counters.elections++;
        world_ambush(world, member);
    }
    write_records(world, member);
    send_all(world, member, effects->raft.sends, effects->raft.send_count);
    send_all(world, member, effects->sends, effects->send_count);
    look_at_commits(world, member);
    execute(world, member);
    for (uint32_t i = 0; i < effects->raft.chunk_wanted_count; i++) {
        world_snapshot_wanted(world, member, &effects->raft.chunks_wanted[i]);
    }
    bool received = effects->raft.has_chunk_received;
    struct wire_snapshot_chunk chunk =
        effects->raft.chunk_received.chunk; /* borrows from the packet */
    order_effects_clear(effects);
    if (received && !world->report.failed) {
        world_snapshot_received(world, member, &chunk);
    }
}

static void flush_later(struct world *world, struct world_member *member)
{
    struct world_node *node = &world->nodes[member->node];
    member->flush_due = true;
    if (node->flush_due) {
        return;
    }
    node->flush_due = true;
    uint64_t pause = kv_prng_below(&world->prng, world->parameters.loop_us + 1);
    world_push(world, (struct world_event){.at = world->now + pause,
                                           .kind = WORLD_EVENT_FLUSH,
                                           .actor = member->node,
                                           .incarnation = node->incarnation});
}

enum status world_member_step(struct world *world, struct world_member *member,
                              struct order_event event)
{
    bool flush = event.kind == ORDER_EVENT_RAFT && event.raft.kind == RAFT_EVENT_FLUSH;
    event.raft.now.us = world->now;
    event.physical = wall_clock(world, member);
    enum status status = order_step(member->order, &event, &member->effects);
    carry_out(world, member);
    if (world->report.failed || flush) {
        world_node_sync(world, member->node);
        return status;
    }
    if (world_member_leads(member)) {
        if (world->parameters.loop_us > 0) {
            flush_later(world, member);
        } else {
            world_member_raft(world, member, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
        }
    }
    world_node_sync(world, member->node);
    tick_later(world, member);
    return status;
}

void world_member_raft(struct world *world, struct world_member *member, struct raft_event event)
{
    (void)world_member_step(world, member,
                            (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event});
}
