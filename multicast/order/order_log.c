/* SPDX-License-Identifier: Apache-2.0 */
/* order_log: follows what a raft step did to the log.
 *
 * 1. Every ENTRY record first undoes what it truncates: messages and RESOLVEs at or above its index.
 * 2. Then it adds what it brings. A RESOLVE tells the final timestamp before it is committed (rule 20). A PROPOSE of the
 *    current term is acknowledged to the other groups once it is durable (rule 17).
 * 3. What has become committed makes candidates, facts for others (rule 13), and DONEs (rule 34). */
#include "multicast/order/order_internal.h"

static void undo_from(struct order *order, kv_index index)
{
    struct order_tail_item *item;
    while ((item = order_tail_last(&order->tail)) != NULL && item->index.value >= index.value) {
        if (item->kind == WIRE_ENTRY_REMOTE) {
            wire_entry_drop(&item->remote);
        } else if (item->kind == WIRE_ENTRY_RESOLVE) {
            if (item->message != NULL && item->message->resolve.value == item->index.value) {
                item->message->resolve = (kv_index){0}; /* the knowledge stays (rule 20) */
            }
        } else {
            order_messages_remove(&order->messages, item->message);
        }
        order_tail_pop_last(&order->tail);
    }
}

static void on_message_entry(struct order *order, struct wire_entry *entry, bool restoring,
                             uint64_t sequence)
{
    /* Of ids without a session nobody knows what was delivered: that must not depend on what is still waiting. */
    const bool repeatable = entry->kind == WIRE_ENTRY_CMD && kv_session_is_none(entry->id.session);
    if (!repeatable && order_messages_find(&order->messages, entry->id) != NULL) {
        /* O2 is broken by whoever appended it: never deliver it twice. tests/sim/check_order.c looks at logs. */
        ORDER_TRACE(order, TRACE_DECISION, "sequence %llu is in the log twice -> ignore the second",
                    (unsigned long long)entry->id.sequence);
        return;
    }
    struct order_message *message = order_messages_add(&order->messages, entry, order->group);
    order_take_oracle(order, message);
    order_question_settled(order, entry->id);
    order_tail_push(
        &order->tail,
        (struct order_tail_item){.index = entry->index, .kind = entry->kind, .message = message});
    if (entry->kind != WIRE_ENTRY_PROPOSE || restoring) {
        return;
    }
    /* rule 17: the entry's term is the own current one, and no configuration is on its way */
    bool own_term = entry->term.value == raft_term(order->raft).value;
    if (own_term && !order->settings.no_fast_path && raft_config_is_settled(order->raft) &&
        !order_waits_for_commit(order)) {
        order_send_acks(order, entry, sequence);
    }
    if (order_leads(order)) {
        order_send_soft(order, message, false); /* rule 8: at once, before the local sync */
        order_schedule(order, message, order->settings.retry_us);
    }
}

static void on_resolve_entry(struct order *order, const struct wire_entry *entry)
{
    struct order_message *message = order_messages_find(&order->messages, entry->id);
    if (message != NULL && (message->resolve.value != 0 || message->resolve_committed ||
                            order_message_is_command(message))) {
        message = NULL; /* a second RESOLVE says the same (rule 11) */
    }
    order_tail_push(
        &order->tail,
        (struct order_tail_item){.index = entry->index, .kind = entry->kind, .message = message});
    if (message != NULL) {
        message->resolve = entry->index;
        order_final_known(order, message, entry->timestamp);
    }
}

static void on_entry(struct order *order, struct wire_entry *entry, bool restoring,
                     uint64_t sequence)
{
    undo_from(order, entry->index);
    switch (entry->kind) {
    case WIRE_ENTRY_CMD:
    case WIRE_ENTRY_PROPOSE:
        on_message_entry(order, entry, restoring, sequence);
        return;
    case WIRE_ENTRY_RESOLVE:
        on_resolve_entry(order, entry);
        return;
    case WIRE_ENTRY_REMOTE:
        order_tail_push(&order->tail, (struct order_tail_item){.index = entry->index,
                                                               .kind = entry->kind,
                                                               .remote = wire_entry_keep(entry)});
        return;
    case WIRE_ENTRY_NOOP:
    case WIRE_ENTRY_CONFIG:
    case WIRE_ENTRY_CLOCK:
        return;
    }
}

void order_follow_entry(struct order *order, struct wire_entry *entry)
{
    on_entry(order, entry, true /* restoring */, 0 /* sequence */);
}

void order_follow_log(struct order *order, const struct raft_effects *effects, uint32_t from,
                      bool restoring)
{
    uint64_t first = raft_persist_sequence(order->raft) - (effects->persist_count - from) + 1;
    for (uint32_t i = from; i < effects->persist_count; i++) {
        const struct raft_persist *record = &effects->persists[i];
        switch (record->kind) {
        case RAFT_PERSIST_HARD_STATE:
            break;
        case RAFT_PERSIST_ENTRY:
            on_entry(order, record->entry, restoring, first + (i - from));
            break;
        case RAFT_PERSIST_SNAPSHOT:
            if (!record->keeps_log) {
                undo_from(order, (kv_index){0});
            }
            break;
        }
    }
}

static void commit_message(struct order *order, struct order_message *message)
{
    message->committed = true;
    if (order_message_is_command(message)) {
        order_candidates_insert(&order->candidates, message, message->final);
        return;
    }
    order_candidates_insert(&order->candidates, message,
                            message->has_final ? message->final : message->entry->timestamp);
    if (order_leads(order) && !message->has_final) {
        if (order_waits_for_commit(order)) {
            order_send_soft(order, message, false); /* with its own proposal as a fact */
        } else {
            order_send_fixes(order, message); /* rule 13 */
        }
    }
    order_maybe_know_final(order, message);
}

static void commit_resolve(struct order *order, struct order_message *message)
{
    message->resolve_committed = true;
    if (order_leads(order)) {
        order_send_dones(order, message); /* rule 34, unasked */
    }
    order_schedule(order, message,
                   order_leads(order) ? order->settings.retry_us : ORDER_FOLLOWER_DONE_US);
    message->retries = 0;
    order_maybe_forget(order, message);
}

void order_scan_committed(struct order *order)
{
    kv_index commit = raft_commit(order->raft);
    if (order->scanned.value == commit.value) {
        return;
    }
    struct order_tail_item *item;
    while ((item = order_tail_first(&order->tail)) != NULL && item->index.value <= commit.value) {
        struct order_tail_item settled = *item;
        order_tail_pop_first(&order->tail);
        if (settled.kind == WIRE_ENTRY_REMOTE) {
            order_emit_remote(order->effects, settled.remote);
        } else if (settled.kind != WIRE_ENTRY_RESOLVE) {
            commit_message(order, settled.message);
        } else if (settled.message != NULL) {
            commit_resolve(order, settled.message);
        }
    }
    const struct wire_entry *last = raft_entry(order->raft, commit);
    if (last != NULL) {
        order->scanned_reach = last->reach; /* rule 22 */
    }
    order->scanned = commit;
}
