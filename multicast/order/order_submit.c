/* SPDX-License-Identifier: Apache-2.0 */
/* order_submit: a message enters the log, from a client or because another group has proposed it.
 *
 * [rules 4, 6, 8] A leader appends CMD or PROPOSE with ts.clock = max(reach of the tail + 1, now): the tail includes
 * uncommitted entries, so no later entry can ever have a timestamp at or below an earlier promise. */
#include "multicast/order/order_internal.h"

bool order_knows_groups(const struct order *order, kv_group_set destinations)
{
    uint64_t existing = order->settings.group_count >= 64
                            ? UINT64_MAX
                            : (UINT64_C(1) << order->settings.group_count) - 1;
    return kv_group_set_has(destinations, order->group) && (destinations.bits & ~existing) == 0;
}

/* Without a session an id cannot be remembered (rule 36), so only messages to one group may have none. */
static bool is_valid(const struct order *order, const struct order_submit *submit)
{
    return order_knows_groups(order, submit->destinations) &&
           submit->body.size <= KV_BODY_BYTES_MAX &&
           (kv_group_set_count(submit->destinations) == 1 ||
            !kv_session_is_none(submit->id.session));
}

static struct wire_entry *make_entry(const struct order *order, const struct order_submit *submit,
                                     kv_clock at_least, kv_clock oracle)
{
    bool alone = kv_group_set_count(submit->destinations) == 1;
    struct wire_entry *entry =
        wire_entry_new(alone ? WIRE_ENTRY_CMD : WIRE_ENTRY_PROPOSE, submit->body);
    uint64_t above_tail = order_tail_reach(order).value + 1, now = order_now(order).value;
    entry->id = submit->id;
    entry->destinations = submit->destinations;
    entry->floor = submit->floor;
    entry->timestamp.clock.value = now > above_tail ? now : above_tail;
    entry->timestamp.group = order->group;
    entry->reach = entry->timestamp.clock;
    entry->oracle = oracle;
    if (!alone) {
        /* rule 4 and W5: look ahead, and cover the SOFT that caused it, so that it needs no CLOCK behind it */
        uint64_t ahead = now + order->settings.look_ahead_us;
        entry->reach.value = ahead > entry->reach.value ? ahead : entry->reach.value;
        entry->reach.value =
            at_least.value > entry->reach.value ? at_least.value : entry->reach.value;
    }
    return entry;
}

enum status order_propose(struct order *order, const struct order_submit *submit, kv_clock at_least,
                          kv_clock oracle)
{
    if (!order_leads(order)) {
        ORDER_TRACE(order, TRACE_DETAIL, "not the leader -> refuse");
        return STATUS_NOT_LEADER;
    }
    if (!is_valid(order, submit) ||
        (order_waits_for_oracle(order, submit->destinations) && oracle.value == 0)) {
        ORDER_TRACE(order, TRACE_DECISION, "destinations or size are not valid -> refuse");
        return STATUS_INVALID;
    }
    const struct order_message *known = order_messages_find(&order->messages, submit->id);
    if (known != NULL) {
        return known->delivered ? STATUS_NOT_FOUND : STATUS_EXISTS; /* O2 */
    }
    struct wire_entry *entry = make_entry(order, submit, at_least, oracle);
    KV_ASSERT(entry->timestamp.clock.value > order_tail_reach(order).value); /* O1 */
    ORDER_TRACE(order, TRACE_DETAIL, "sequence %llu is new -> %s with clock %llu, reach %llu",
                (unsigned long long)submit->id.sequence, wire_entry_kind_name(entry->kind),
                (unsigned long long)entry->timestamp.clock.value,
                (unsigned long long)entry->reach.value);
    return order_append(order, entry);
}

enum status order_on_submit(struct order *order, const struct order_submit *submit)
{
    const enum order_id_state state =
        order_messages_find(&order->messages, submit->id) != NULL
            ? ORDER_ID_NEW
            : order_sessions_look(order_sessions_of(order, submit->id), submit->id);
    const bool was_here =
        state == ORDER_ID_FORGOTTEN || (state == ORDER_ID_BELOW_FLOOR && !submit->by_application);
    if (order_leads(order) && was_here) {
        ORDER_TRACE(order, TRACE_DETAIL, "sequence %llu was here before -> never again",
                    (unsigned long long)submit->id.sequence);
        return STATUS_NOT_FOUND; /* rule 36, X8 */
    }
    return order_propose(order, submit, (kv_clock){0}, (kv_clock){0});
}

enum status order_on_remote(struct order *order, const struct order_remote *remote)
{
    if (!order_leads(order)) {
        return STATUS_NOT_LEADER;
    }
    KV_ASSERT(remote->body.size <= KV_BODY_BYTES_MAX);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_REMOTE, remote->body);
    entry->id = remote->id;
    entry->source = remote->source;
    entry->timestamp = remote->timestamp;
    entry->reach = order_tail_reach(order);
    return order_append(order, entry);
}
