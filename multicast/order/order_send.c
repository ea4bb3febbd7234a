/* SPDX-License-Identifier: Apache-2.0 */
/* order_send: what a member says to members of other groups, and to its own about forgetting.
 *
 * A message goes to the believed leader of a group, or to all of its members when that is unknown or when a retry says that
 * the belief may be wrong (rules 9, 13, 17). All of it may be lost, doubled and reordered: rule 9 repairs. */
#include "multicast/order/order_internal.h"

#define SENDS_FIRST 64

static void grow_sends(struct order_effects *effects)
{
    if (effects->send_count == effects->send_capacity) {
        uint32_t capacity = effects->send_capacity == 0 ? SENDS_FIRST : effects->send_capacity * 2;
        effects->sends = kv_realloc(effects->sends, capacity * sizeof *effects->sends);
        effects->send_capacity = capacity;
    }
}

/* The body of a SOFT borrows from the entry: keep it until the effects are cleared. */
static void hold(struct order_effects *effects, struct wire_entry *entry)
{
    if (effects->held_count > 0 && effects->held[effects->held_count - 1] == entry) {
        return;
    }
    if (effects->held_count == effects->held_capacity) {
        uint32_t capacity = effects->held_capacity == 0 ? SENDS_FIRST : effects->held_capacity * 2;
        effects->held = kv_realloc(effects->held, capacity * sizeof(struct wire_entry *));
        effects->held_capacity = capacity;
    }
    effects->held[effects->held_count++] = wire_entry_keep(entry);
}

struct wire_speaker order_speaker(const struct order *order)
{
    return (struct wire_speaker){order->group, raft_term(order->raft), raft_leader(order->raft)};
}

struct wire_message *order_emit(struct order *order, enum wire_message_kind kind, kv_group_id group,
                                kv_node_id to, uint64_t after)
{
    grow_sends(order->effects);
    struct raft_send *send = &order->effects->sends[order->effects->send_count++];
    *send = (struct raft_send){
        .message = {.kind = kind, .group = group, .from = order->self, .to = to}, .after = after};
    /* Every message between groups begins with its speaker (wire/message.h). */
    send->message.as.fix.speaker = order_speaker(order);
    return &send->message;
}

/* A sum, so that the order of members does not matter; each term mixed as by splitmix64. */
uint64_t order_config_digest(const struct wire_config *config)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < config->count; i++) {
        uint64_t z =
            ((uint64_t)config->members[i].node.value << 1) | (config->members[i].voter ? 1 : 0);
        z = (z + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
        digest += z ^ (z >> 29);
    }
    return digest;
}

static const struct wire_config *members_of(const struct order *order, kv_group_id group)
{
    KV_ASSERT(group.value < order->settings.group_count);
    return &order->settings.groups[group.value];
}

uint32_t order_receivers(const struct order *order, kv_group_id group, bool everyone,
                         kv_node_id ret[KV_MEMBERS_MAX])
{
    const struct order_peer_group *peer = &order->peers[group.value];
    if (!everyone && peer->leader.value != 0) {
        ret[0] = peer->leader;
        return 1;
    }
    const struct wire_config *members = members_of(order, group);
    for (uint32_t i = 0; i < members->count; i++) {
        ret[i] = members->members[i].node;
    }
    return members->count;
}

/* What is known of the oracle's proposal; 0: nothing, or it has none. */
static kv_clock oracle_fact(const struct order *order, struct order_message *message)
{
    if (kv_group_equal(order->group, KV_GROUP_ORACLE)) {
        return message->committed ? message->entry->timestamp.clock : (kv_clock){0};
    }
    const struct order_fact *fact = order_message_fact(message, KV_GROUP_ORACLE);
    return fact != NULL && fact->fixed ? fact->lts.clock : (kv_clock){0};
}

void order_send_soft(struct order *order, struct order_message *message, bool everyone)
{
    kv_node_id to[KV_MEMBERS_MAX];
    if (order_waits_for_commit(order) && !message->committed) {
        return;
    }
    for (uint32_t f = 0; f < message->fact_count; f++) {
        kv_group_id group = message->facts[f].group;
        uint32_t count = order_receivers(order, group, everyone, to);
        for (uint32_t i = 0; i < count; i++) {
            struct wire_soft *soft =
                &order_emit(order, WIRE_MESSAGE_SOFT, group, to[i], 0)->as.soft;
            soft->id = message->id;
            soft->destinations = message->entry->destinations;
            soft->floor = message->entry->floor;
            soft->lts = message->entry->timestamp;
            soft->now = order_now(order);
            soft->oracle = oracle_fact(order, message);
            soft->body = wire_entry_body(message->entry);
        }
    }
    hold(order->effects, message->entry);
}

void order_send_fix(struct order *order, struct order_message *message, kv_group_id to_group,
                    kv_node_id to)
{
    KV_ASSERT(message->committed); /* rule 15: never from an uncommitted entry */
    struct wire_fix *fix = &order_emit(order, WIRE_MESSAGE_FIX, to_group, to, 0)->as.fix;
    fix->id = message->id;
    fix->lts = message->entry->timestamp;
}

void order_send_fixes(struct order *order, struct order_message *message)
{
    kv_node_id to[KV_MEMBERS_MAX];
    for (uint32_t f = 0; f < message->fact_count; f++) {
        uint32_t count = order_receivers(order, message->facts[f].group, false, to);
        for (uint32_t i = 0; i < count; i++) {
            order_send_fix(order, message, message->facts[f].group, to[i]);
        }
    }
}

void order_send_acks(struct order *order, const struct wire_entry *entry, uint64_t after)
{
    kv_node_id to[KV_MEMBERS_MAX];
    uint64_t others = entry->destinations.bits & ~kv_group_set_of(order->group).bits;
    for (; others != 0; others &= others - 1) {
        kv_group_id group = {(uint16_t)__builtin_ctzll(others)};
        uint32_t count = order_receivers(order, group, false, to);
        for (uint32_t i = 0; i < count; i++) {
            struct wire_ack *ack =
                &order_emit(order, WIRE_MESSAGE_ACK, group, to[i], after)->as.ack;
            ack->id = entry->id;
            ack->lts = entry->timestamp;
            ack->index = entry->index;
            ack->config_digest = order_config_digest(raft_config(order->raft));
        }
    }
}

void order_send_done(struct order *order, kv_message_id id, kv_group_id to_group, kv_node_id to)
{
    order_emit(order, WIRE_MESSAGE_DONE, to_group, to, 0)->as.done.id = id;
}

void order_send_dones(struct order *order, struct order_message *message)
{
    kv_node_id to[KV_MEMBERS_MAX];
    for (uint32_t f = 0; f < message->fact_count; f++) {
        uint32_t count = order_receivers(order, message->facts[f].group, false, to);
        for (uint32_t i = 0; i < count; i++) {
            order_send_done(order, message->id, message->facts[f].group, to[i]);
        }
    }
}

void order_send_done_requests(struct order *order, struct order_message *message)
{
    kv_node_id to[KV_MEMBERS_MAX];
    for (uint32_t f = 0; f < message->fact_count; f++) {
        if (message->facts[f].done) {
            continue;
        }
        uint32_t count = order_receivers(order, message->facts[f].group, true, to);
        for (uint32_t i = 0; i < count; i++) {
            order_emit(order, WIRE_MESSAGE_DONE_REQUEST, message->facts[f].group, to[i], 0)
                ->as.done_request.id = message->id;
        }
    }
}

void order_send_forget(struct order *order, kv_message_id id)
{
    const struct wire_config *members = raft_config(order->raft);
    for (uint32_t i = 0; i < members->count; i++) {
        if (!kv_node_equal(members->members[i].node, order->self)) {
            order_emit(order, WIRE_MESSAGE_FORGET, order->group, members->members[i].node, 0)
                ->as.forget.id = id;
        }
    }
}

void order_send_ask(struct order *order, const struct order_question *question, kv_group_id group)
{
    kv_node_id to[KV_MEMBERS_MAX];
    uint32_t count = order_receivers(order, group, true, to);
    for (uint32_t i = 0; i < count; i++) {
        struct wire_ask *ask = &order_emit(order, WIRE_MESSAGE_ASK, group, to[i], 0)->as.ask;
        ask->id = question->id;
        ask->nonce = question->nonce;
    }
}
