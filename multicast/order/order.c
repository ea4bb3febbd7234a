/* SPDX-License-Identifier: Apache-2.0 */
/* order: the door. Every event of a member comes through order_step.
 *
 * 1. The event goes to raft, or becomes a proposal for raft.
 * 2. What raft did to the log is followed: the set of undelivered messages.
 * 3. What can be delivered is delivered. */
#include "multicast/order/order.h"

#include <stdio.h>

#include "multicast/order/order_internal.h"

struct order *order_new(const struct order_settings *settings, kv_instant now)
{
    struct order *order = kv_alloc_zero(1, sizeof *order);
    order->raft = raft_new(&settings->raft, now);
    order->group = settings->raft.group;
    order->trace = settings->raft.trace;
    snprintf(order->prefix, sizeof order->prefix, "[g%u n%u]", (unsigned)settings->raft.group.value,
             (unsigned)settings->raft.self.value);
    return order;
}

void order_destroy(struct order **order)
{
    if (*order == NULL) {
        return;
    }
    order_pending_close(&(*order)->pending);
    raft_destroy(&(*order)->raft);
    kv_free(*order);
    *order = NULL;
}

/* Kinds that this version can deliver; anything else in a log or an append was written by a newer one. */
static bool order_admits(const struct wire_entry *entry)
{
    switch (entry->kind) {
    case WIRE_ENTRY_NOOP:
    case WIRE_ENTRY_CONFIG:
    case WIRE_ENTRY_CMD:
    case WIRE_ENTRY_CLOCK:
        return true;
    case WIRE_ENTRY_PROPOSE:
    case WIRE_ENTRY_RESOLVE:
    case WIRE_ENTRY_REMOTE:
        return false;
    }
    return false;
}

/* A CMD whose promise is broken never enters the log: delivery relies on it (O1, O4). */
static bool order_accepts_message(const struct order *order, const struct wire_message *message)
{
    if (message->kind != WIRE_MESSAGE_APPEND) {
        return true;
    }
    for (uint32_t i = 0; i < message->as.append.count; i++) {
        const struct wire_entry *entry = message->as.append.entries[i];
        if (!order_admits(entry)) {
            return false;
        }
        if (entry->kind == WIRE_ENTRY_CMD &&
            (entry->reach.value != entry->timestamp.clock.value ||
             !kv_group_equal(entry->timestamp.group, order->group))) {
            return false;
        }
        if (entry->kind == WIRE_ENTRY_CMD && i > 0 &&
            entry->timestamp.clock.value <= message->as.append.entries[i - 1]->reach.value) {
            return false;
        }
    }
    return true;
}

enum status order_restore(struct order *order, const struct raft_persist *record)
{
    if (record->kind == RAFT_PERSIST_ENTRY && !order_admits(record->entry)) {
        return STATUS_VERSION;
    }
    enum status status = raft_restore(order->raft, record);
    if (status != STATUS_OK) {
        return status;
    }
    struct raft_effects restored = {.persists = (struct raft_persist *)record, .persist_count = 1};
    order_follow_log(order, &restored, 0);
    return STATUS_OK;
}

void order_restore_cursor(struct order *order, kv_timestamp cursor, uint64_t delivered)
{
    order->scanned = raft_snapshot_index(order->raft);
    order->cursor = cursor;
    order->delivered = delivered;
}

static enum status order_on_raft(struct order *order, const struct order_event *event,
                                 struct order_effects *effects)
{
    KV_ASSERT(event->raft.kind != RAFT_EVENT_PROPOSE);
    if (event->raft.kind == RAFT_EVENT_MESSAGE &&
        !order_accepts_message(order, event->raft.message)) {
        TRACE_LINE(order->trace, TRACE_DECISION, order->prefix,
                   "an entry breaks its promise or is of a newer version -> ignore the message");
        return STATUS_OK;
    }
    if (event->raft.kind == RAFT_EVENT_SNAPSHOT_SAVED) {
        KV_ASSERT(event->raft.point->index.value <= order->scanned.value);
    }
    uint32_t from = effects->raft.persist_count;
    enum status status = raft_step(order->raft, &event->raft, &effects->raft);
    order_follow_log(order, &effects->raft, from);
    return status;
}

static enum status order_on_installed(struct order *order, const struct order_event *event,
                                      struct order_effects *effects)
{
    KV_ASSERT(event->raft.kind == RAFT_EVENT_SNAPSHOT_INSTALLED);
    uint32_t from = effects->raft.persist_count;
    enum status status = raft_step(order->raft, &event->raft, &effects->raft);
    order_follow_log(order, &effects->raft, from);
    if (status == STATUS_OK && order->scanned.value < raft_snapshot_index(order->raft).value) {
        order_restore_cursor(order, event->cursor, event->delivered);
    }
    return status;
}

enum status order_step(struct order *order, const struct order_event *event,
                       struct order_effects *effects)
{
    enum status status = STATUS_OK;
    switch (event->kind) {
    case ORDER_EVENT_RAFT:
        status = order_on_raft(order, event, effects);
        break;
    case ORDER_EVENT_SUBMIT:
        status = order_on_submit(order, event, effects);
        break;
    case ORDER_EVENT_INSTALLED:
        status = order_on_installed(order, event, effects);
        break;
    }
    order_deliver(order, effects);
    order_check(order);
    return status;
}

const struct raft *order_raft(const struct order *order)
{
    return order->raft;
}

kv_timestamp order_cursor(const struct order *order)
{
    return order->cursor;
}

uint64_t order_delivered(const struct order *order)
{
    return order->delivered;
}

kv_index order_delivered_index(const struct order *order)
{
    return order->scanned;
}
