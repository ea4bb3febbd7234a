/* SPDX-License-Identifier: Apache-2.0 */
/* ACK: a member of another group has synced its group's proposal: the fast path to a fact. [rules 16-18]
 *
 * A majority of that group's voters stored the entry of term T while in term T: that is Raft's own commit condition,
 * evaluated here, one message delay before the other leader could tell. */
#include "multicast/order/order_internal.h"

/* Position of a voter in its group's configuration, or -1. */
static int voter_position(const struct wire_config *members, kv_node_id node)
{
    for (uint32_t i = 0; i < members->count; i++) {
        if (kv_node_equal(members->members[i].node, node)) {
            return members->members[i].voter ? (int)i : -1;
        }
    }
    return -1;
}

static uint32_t voters_of(const struct wire_config *members)
{
    uint32_t voters = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        voters += members->members[i].voter ? 1 : 0;
    }
    return voters;
}

void order_on_ack(struct order *order, const struct wire_message *message)
{
    const struct wire_ack *ack = &message->as.ack;
    struct order_message *known = order_messages_find(&order->messages, ack->id);
    struct order_fact *fact = known == NULL ? NULL : order_message_fact(known, ack->speaker.group);
    if (fact == NULL || fact->fixed || known->has_final || order->settings.no_fast_path) {
        return;
    }
    const struct wire_config *members = &order->settings.groups[ack->speaker.group.value];
    int position = voter_position(members, message->from);
    if (position < 0 || ack->config_digest != order_config_digest(members) ||
        !kv_group_equal(ack->lts.group, ack->speaker.group) ||
        ack->lts.clock.value >= ORDER_CLOCK_MAX || ack->speaker.term.value < fact->ack_term.value) {
        return; /* another configuration, or an older term: FIX will tell (rule 18) */
    }

    bool same = ack->speaker.term.value == fact->ack_term.value &&
                ack->index.value == fact->ack_index.value &&
                kv_timestamp_compare(ack->lts, fact->ack_lts) == 0;
    if (!same) {
        fact->ack_term = ack->speaker.term;
        fact->ack_index = ack->index;
        fact->ack_lts = ack->lts;
        fact->acks = 0;
    }
    fact->acks |= (uint16_t)(1u << position);
    if ((uint32_t)__builtin_popcount(fact->acks) > voters_of(members) / 2) {
        order_fact_fixed(order, known, fact, fact->ack_lts);
    }
}
