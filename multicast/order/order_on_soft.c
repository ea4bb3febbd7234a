/* SPDX-License-Identifier: Apache-2.0 */
/* SOFT: another group has a proposal for a message, perhaps uncommitted. [rules 8, 10, 12, 15, X9] */
#include "multicast/order/order_internal.h"

/* A clock that is further ahead than this is broken: follow it in timestamps (safe), not in our idea of now. */
#define CLOCK_AHEAD_US_MAX (UINT64_C(60) * 60 * 1000000)

/* [rule 12] now = own clock + offset, lifted by what others say; the delay counts as 0, so clocks never run away. */
static void lift_clock(struct order *order, kv_clock theirs)
{
    uint64_t own = order->physical.value + order->clock_offset;
    if (theirs.value > own && theirs.value - own <= CLOCK_AHEAD_US_MAX) {
        order->clock_offset += theirs.value - own;
    }
}

/* [X9] The sequence is at or below the session's floor here: a late duplicate of something that everyone has forgotten,
 * or a message that its client gave up and another group waits for. Only the sender's group knows. */
static bool was_granted(struct order *order, const struct wire_message *message)
{
    struct order_question *question = order_question_of(order, message->as.soft.id);
    if (question != NULL && question->granted) {
        question->nonce = 0;
        return true;
    }
    if (question == NULL) {
        question = order_question_new(order, message->as.soft.id);
    }
    if (question == NULL) {
        return false; /* enough is being asked; the SOFT comes again */
    }
    ORDER_TRACE(order, TRACE_DECISION, "sequence %llu is below the floor -> ask group %u about it",
                (unsigned long long)message->as.soft.id.sequence,
                (unsigned)message->as.soft.speaker.group.value);
    order_send_ask(order, question, message->as.soft.speaker.group);
    return false;
}

static void propose_unknown(struct order *order, const struct wire_message *message)
{
    const struct wire_soft *soft = &message->as.soft;
    switch (order_sessions_look(order_sessions_of(order, soft->id), soft->id)) {
    case ORDER_ID_NEW:
        break;
    case ORDER_ID_FORGOTTEN:
        return; /* rules 10b, 36: nobody can need it */
    case ORDER_ID_BELOW_FLOOR:
        if (!was_granted(order, message)) {
            return;
        }
        break;
    }
    struct order_submit submit = {.id = soft->id,
                                  .destinations = soft->destinations,
                                  .floor = soft->floor,
                                  .body = soft->body};
    const kv_clock oracle =
        order_waits_for_oracle(order, soft->destinations) && soft->oracle.value < ORDER_CLOCK_MAX
            ? soft->oracle
            : (kv_clock){0};
    /* A full log refuses, and so is what group 0 has not committed; the SOFT comes again. */
    (void)order_propose(order, &submit, soft->lts.clock, oracle);
}

/* The sender knows what the oracle has committed, and so does this member from now on. */
static void learn_oracle(struct order *order, const struct wire_soft *soft)
{
    struct order_message *known = order_messages_find(&order->messages, soft->id);
    struct order_fact *fact = known == NULL ? NULL : order_message_fact(known, KV_GROUP_ORACLE);
    const kv_timestamp lts = {soft->oracle, KV_GROUP_ORACLE};
    if (soft->oracle.value == 0 || soft->oracle.value >= ORDER_CLOCK_MAX || fact == NULL ||
        known->has_final || (fact->fixed && kv_timestamp_compare(fact->lts, lts) != 0)) {
        return; /* nothing is said, it is not needed, or it contradicts what is known */
    }
    order_fact_fixed(order, known, fact, lts);
}

void order_on_soft(struct order *order, const struct wire_message *message)
{
    const struct wire_soft *soft = &message->as.soft;
    if (!kv_group_set_has(soft->destinations, order->group) ||
        !kv_group_set_has(soft->destinations, soft->speaker.group) ||
        soft->lts.clock.value >= ORDER_CLOCK_MAX) {
        ORDER_TRACE(order, TRACE_DECISION,
                    "a SOFT of group %u that cannot be meant for us -> ignore",
                    (unsigned)soft->speaker.group.value);
        return;
    }
    lift_clock(order, soft->now);
    struct order_message *known = order_messages_find(&order->messages, soft->id);
    if (known == NULL && order_leads(order)) {
        propose_unknown(order, message);
    } else if (known != NULL && known->entry->destinations.bits != soft->destinations.bits) {
        ORDER_TRACE(order, TRACE_DECISION, "sequence %llu has other destinations here -> ignore",
                    (unsigned long long)soft->id.sequence);
        return;
    } else if (known != NULL && known->committed) {
        order_send_fix(order, known, soft->speaker.group, message->from);
    }
    learn_oracle(order, soft);
    if (order_leads(order) && soft->lts.clock.value > order->soft_clock.value) {
        order->soft_clock =
            soft->lts.clock; /* rule 10c: one CLOCK for all SOFTs of a batch, at the flush */
    }
}
