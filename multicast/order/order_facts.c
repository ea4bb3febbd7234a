/* SPDX-License-Identifier: Apache-2.0 */
/* order_facts: from the facts of all groups to the final timestamp, its RESOLVE, and forgetting.
 *
 * 1. A fact is the committed proposal of another group: by FIX (rule 15) or by a majority of acks (rule 16).
 * 2. With the own proposal committed and a fact from every other group the final timestamp is their maximum (rule 19).
 * 3. The leader appends RESOLVE, and nothing waits for it (rule 11).
 * 4. Delivered, RESOLVE committed, and every group done: the record goes, the id stays (rules 33-36). */
#include "multicast/order/order_internal.h"

void order_fact_fixed(struct order *order, struct order_message *message, struct order_fact *fact,
                      kv_timestamp lts)
{
    if (fact->fixed) {
        KV_ASSERT(kv_timestamp_compare(fact->lts, lts) == 0); /* O6 */
        return;
    }
    fact->fixed = true;
    fact->lts = lts;
    ORDER_TRACE(order, TRACE_DETAIL, "sequence %llu: group %u proposed clock %llu -> fact",
                (unsigned long long)message->id.sequence, (unsigned)fact->group.value,
                (unsigned long long)lts.clock.value);
    order_maybe_know_final(order, message);
}

/* What group 0 has committed stands in the PROPOSE: this group needs it from nobody, whoever leads. */
void order_take_oracle(struct order *order, struct order_message *message)
{
    const kv_clock clock = message->entry->oracle;
    struct order_fact *fact = order_message_fact(message, KV_GROUP_ORACLE);
    if (order_waits_for_oracle(order, message->entry->destinations) && fact != NULL &&
        clock.value != 0 && clock.value < ORDER_CLOCK_MAX) {
        order_fact_fixed(order, message, fact, (kv_timestamp){clock, KV_GROUP_ORACLE});
    }
}

void order_maybe_know_final(struct order *order, struct order_message *message)
{
    if (message->has_final || !message->committed) {
        return; /* rule 19: the own proposal never counts before the own commit */
    }
    kv_timestamp final = message->entry->timestamp;
    for (uint32_t i = 0; i < message->fact_count; i++) {
        if (!message->facts[i].fixed) {
            return;
        }
        if (kv_timestamp_compare(message->facts[i].lts, final) > 0) {
            final = message->facts[i].lts;
        }
    }
    order_final_known(order, message, final);
    order_maybe_resolve(order, message);
}

void order_final_known(struct order *order, struct order_message *message, kv_timestamp final)
{
    if (message->has_final) {
        KV_ASSERT(kv_timestamp_compare(message->final, final) == 0); /* O6 */
        return;
    }
    KV_ASSERT(kv_timestamp_compare(message->entry->timestamp, final) <= 0);
    message->has_final = true;
    message->final = final;
    if (message->is_candidate) {
        order_candidates_rekey(&order->candidates, message, final);
    }
    ORDER_TRACE(order, TRACE_DETAIL, "sequence %llu: final clock %llu of group %u",
                (unsigned long long)message->id.sequence, (unsigned long long) final.clock.value,
                (unsigned) final.group.value);
}

void order_maybe_resolve(struct order *order, struct order_message *message)
{
    if (!order_leads(order) || !message->has_final || message->resolve.value != 0 ||
        message->resolve_committed || order_message_is_command(message)) {
        return;
    }
    struct wire_entry *resolve = wire_entry_new(WIRE_ENTRY_RESOLVE, kv_slice_of(NULL, 0));
    kv_clock tail = order_tail_reach(order);
    resolve->id = message->id;
    resolve->timestamp = message->final;
    resolve->reach =
        tail.value > message->final.clock.value ? tail : message->final.clock; /* rule 4 */
    if (order_append(order, resolve) != STATUS_OK) {
        order_schedule(
            order, message,
            order->settings.retry_us); /* a full log or a hand-over: later, or the next leader */
    }
}

void order_maybe_forget(struct order *order, struct order_message *message)
{
    if (!message->delivered || !message->resolve_committed || !order_message_all_done(message)) {
        return; /* rule 35: a group that is not done may still need the fact */
    }
    if (order_leads(order)) {
        order_send_forget(order, message->id);
    }
    ORDER_TRACE(order, TRACE_DETAIL, "sequence %llu: every group is done -> forget its record",
                (unsigned long long)message->id.sequence);
    order_sessions_forget(order_sessions_of(order, message->id), message->id);
    order_messages_remove(&order->messages, message);
}
