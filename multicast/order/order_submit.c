/* SPDX-License-Identifier: Apache-2.0 */
/* order_submit: a message enters the order.
 *
 * [verdict rules 4, 6, 8] A leader appends CMD(m, ts) with ts.clock = max(reach of the tail + 1, physical now): the tail
 * includes uncommitted entries, so no later entry can ever have a timestamp at or below an earlier one's. */
#include "multicast/order/order_internal.h"

static kv_clock clock_for_next(const struct order *order, kv_clock physical)
{
    uint64_t above_tail = raft_tail_reach(order->raft).value + 1;
    return (kv_clock){physical.value > above_tail ? physical.value : above_tail};
}

enum status order_on_submit(struct order *order, const struct order_event *event,
                            struct order_effects *effects)
{
    const struct order_submit *submit = &event->submit;
    if (raft_role(order->raft) != RAFT_LEADER) {
        TRACE_LINE(order->trace, TRACE_DETAIL, order->prefix, "not the leader -> refuse");
        return STATUS_NOT_LEADER;
    }
    if (submit->destinations.bits != kv_group_set_of(order->group).bits ||
        submit->body.size > KV_BODY_BYTES_MAX) {
        TRACE_LINE(order->trace, TRACE_DECISION, order->prefix,
                   "destinations or size are not valid -> refuse");
        return STATUS_INVALID;
    }
    if (order_pending_has(&order->pending, submit->id)) {
        TRACE_LINE(order->trace, TRACE_DETAIL, order->prefix,
                   "sequence %llu is in the log -> nothing to do",
                   (unsigned long long)submit->id.sequence);
        return STATUS_EXISTS;
    }

    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, submit->body);
    entry->id = submit->id;
    entry->destinations = submit->destinations;
    entry->floor = submit->floor;
    entry->timestamp.clock = clock_for_next(order, event->physical);
    entry->timestamp.group = order->group;
    entry->reach = entry->timestamp.clock;
    KV_ASSERT(entry->timestamp.clock.value > raft_tail_reach(order->raft).value); /* O1 */

    struct raft_event propose = {
        .kind = RAFT_EVENT_PROPOSE, .now = event->raft.now, .entry = entry};
    uint32_t from = effects->raft.persist_count;
    enum status status = raft_step(order->raft, &propose, &effects->raft);
    if (status == STATUS_OK) {
        TRACE_LINE(order->trace, TRACE_DETAIL, order->prefix,
                   "sequence %llu is new -> CMD at index %llu with clock %llu",
                   (unsigned long long)submit->id.sequence, (unsigned long long)entry->index.value,
                   (unsigned long long)entry->timestamp.clock.value);
        order_follow_log(order, &effects->raft, from);
    }
    wire_entry_drop(&entry);
    return status;
}
