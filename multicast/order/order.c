/* SPDX-License-Identifier: Apache-2.0 */
/* order: the door. Every event of a member comes through order_step.
 *
 * 1. The event goes to raft, to a handler of order's own messages, or becomes a proposal for raft.
 * 2. What raft did to the log is followed (order_log.c).
 * 3. What can be delivered is delivered (order_deliver.c). */
#include "multicast/order/order.h"

#include <stdio.h>

#include "multicast/order/order_internal.h"

struct order *order_new(const struct order_settings *settings, kv_instant now)
{
    KV_ASSERT(settings->group_count <= KV_GROUPS_MAX);
    KV_ASSERT(settings->raft.group.value < settings->group_count);
    struct order *order = kv_alloc_zero(1, sizeof *order);
    order->raft = raft_new(&settings->raft, now);
    order->settings = *settings;
    if (order->settings.retry_us == 0) {
        order->settings.retry_us = ORDER_RETRY_US;
    }
    order->group = settings->raft.group;
    order->self = settings->raft.self;
    order->now = now;
    order->wake = KV_INSTANT_NEVER;
    order->sessions.max = ORDER_SESSIONS_MAX;
    order->own.max = ORDER_OWN_MAX;
    order->trace = settings->raft.trace;
    kv_prng_init(&order->prng,
                 settings->raft.seed ^ UINT64_C(0x6f72646572)); /* "order": apart from raft's */
    snprintf(order->prefix, sizeof order->prefix, "[g%u n%u]", (unsigned)order->group.value,
             (unsigned)order->self.value);
    return order;
}

void order_destroy(struct order **order)
{
    if (*order == NULL) {
        return;
    }
    order_messages_close(&(*order)->messages);
    order_tail_close(&(*order)->tail);
    order_sessions_close(&(*order)->sessions);
    order_sessions_close(&(*order)->own);
    raft_destroy(&(*order)->raft);
    kv_free(*order);
    *order = NULL;
}

bool order_leads(const struct order *order)
{
    return raft_role(order->raft) == RAFT_LEADER;
}

kv_clock order_now(const struct order *order)
{
    return (kv_clock){order->physical.value + order->clock_offset};
}

kv_clock order_tail_reach(const struct order *order)
{
    return raft_tail_reach(order->raft);
}

enum status order_append(struct order *order, struct wire_entry *entry)
{
    KV_ASSERT(entry->reach.value >= order_tail_reach(order).value);
    struct raft_event propose = {.kind = RAFT_EVENT_PROPOSE, .now = order->now, .entry = entry};
    uint32_t from = order->effects->raft.persist_count;
    enum status status = raft_step(order->raft, &propose, &order->effects->raft);
    if (status == STATUS_OK) {
        order_follow_log(order, &order->effects->raft, from, false /* restoring */);
    }
    wire_entry_drop(&entry);
    return status;
}

/* Whether an entry keeps the promises that delivery relies on (rule 4); `before` is the reach in front of it. */
static bool keeps_promise(const struct order *order, const struct wire_entry *entry,
                          kv_clock before)
{
    bool above = entry->timestamp.clock.value > before.value;
    bool reaches = entry->reach.value >= entry->timestamp.clock.value;
    bool ours = kv_group_equal(entry->timestamp.group, order->group) &&
                order_knows_groups(order, entry->destinations);
    int groups = kv_group_set_count(entry->destinations);
    switch (entry->kind) {
    case WIRE_ENTRY_NOOP:
    case WIRE_ENTRY_CONFIG:
    case WIRE_ENTRY_CLOCK:
        return true;
    case WIRE_ENTRY_CMD:
        return above && ours && groups == 1 && entry->reach.value == entry->timestamp.clock.value;
    case WIRE_ENTRY_PROPOSE:
        return above && ours && groups > 1 && reaches;
    case WIRE_ENTRY_RESOLVE:
        return reaches;
    case WIRE_ENTRY_REMOTE:
        return entry->source.value < order->settings.group_count &&
               !kv_group_equal(entry->source, order->group);
    }
    return false;
}

static bool accepts_append(const struct order *order, const struct wire_append *append)
{
    kv_clock before = {
        0}; /* in front of the first entry: raft compares reaches, which suffices for what is in the log */
    for (uint32_t i = 0; i < append->count; i++) {
        if (!keeps_promise(order, append->entries[i], before)) {
            return false;
        }
        before = append->entries[i]->reach;
    }
    return true;
}

enum status order_restore(struct order *order, const struct raft_persist *record)
{
    if (record->kind == RAFT_PERSIST_ENTRY && !keeps_promise(order, record->entry, (kv_clock){0})) {
        return STATUS_VERSION;
    }
    enum status status = raft_restore(order->raft, record);
    if (status != STATUS_OK) {
        return status;
    }
    struct raft_effects restored = {.persists = (struct raft_persist *)(uintptr_t)record,
                                    .persist_count = 1};
    order_follow_log(order, &restored, 0, true /* restoring */);
    return STATUS_OK;
}

/* Who leads the other group, as far as a message tells (rule 38). False: the message cannot be genuine. */
static bool hear_speaker(struct order *order, const struct wire_message *message,
                         bool from_own_group)
{
    const struct wire_speaker *speaker =
        &message->as.fix.speaker; /* in front of every such message */
    bool own = kv_group_equal(speaker->group, order->group);
    if (own != from_own_group || speaker->group.value >= order->settings.group_count ||
        !kv_group_equal(message->group, order->group)) {
        ORDER_TRACE(order, TRACE_DECISION, "%s speaks for group %u -> ignore",
                    wire_message_kind_name(message->kind), (unsigned)speaker->group.value);
        return false;
    }
    struct order_peer_group *peer = &order->peers[speaker->group.value];
    if (!own && (speaker->term.value > peer->term.value ||
                 (speaker->term.value == peer->term.value && peer->leader.value == 0))) {
        peer->term = speaker->term;
        peer->leader = speaker->leader;
    }
    return true;
}

bool order_hear(struct order *order, const struct wire_message *message)
{
    return hear_speaker(order, message, false);
}

/* order's own messages; false: it is one of raft's. */
static bool on_own_message(struct order *order, const struct wire_message *message)
{
    switch (message->kind) {
    case WIRE_MESSAGE_SOFT:
        if (hear_speaker(order, message, false)) {
            order_on_soft(order, message);
        }
        return true;
    case WIRE_MESSAGE_FIX:
        if (hear_speaker(order, message, false)) {
            order_on_fix(order, message);
        }
        return true;
    case WIRE_MESSAGE_ACK:
        if (hear_speaker(order, message, false)) {
            order_on_ack(order, message);
        }
        return true;
    case WIRE_MESSAGE_DONE_REQUEST:
        if (hear_speaker(order, message, false)) {
            order_on_done_request(order, message);
        }
        return true;
    case WIRE_MESSAGE_DONE:
        if (hear_speaker(order, message, false)) {
            order_on_done(order, message);
        }
        return true;
    case WIRE_MESSAGE_FORGET:
        if (hear_speaker(order, message, true)) {
            order_on_forget(order, message);
        }
        return true;
    case WIRE_MESSAGE_ASK:
        if (hear_speaker(order, message, false)) {
            order_on_ask(order, message);
        }
        return true;
    case WIRE_MESSAGE_TELL:
        if (hear_speaker(order, message, false)) {
            order_on_tell(order, message);
        }
        return true;
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
        return true; /* for the application, whose driver asks order_hear; nothing is ordered by them */
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND:
    case WIRE_MESSAGE_APPEND_REPLY:
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
    case WIRE_MESSAGE_TIMEOUT_NOW:
    case WIRE_MESSAGE_ROLL_CALL:
    case WIRE_MESSAGE_ROLL_REPLY:
    case WIRE_MESSAGE_ADMITTED:
    case WIRE_MESSAGE_HELLO:
    case WIRE_MESSAGE_WELCOME:
    case WIRE_MESSAGE_REQUEST:
    case WIRE_MESSAGE_REPLY:
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_REFUSAL:
        return false;
    }
    return false;
}

/* [rule 10c] One CLOCK for all SOFTs of a batch: F passes their timestamps without waiting for a RESOLVE. */
static void maybe_raise_clock(struct order *order)
{
    kv_clock wanted = order->soft_clock;
    order->soft_clock = (kv_clock){0};
    if (!order_leads(order) || wanted.value <= order_tail_reach(order).value) {
        return;
    }
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CLOCK, kv_slice_of(NULL, 0));
    kv_clock now = order_now(order);
    entry->reach = now.value > wanted.value ? now : wanted;
    (void)order_append(order, entry); /* speed only: a full log may do without */
}

static enum status on_raft(struct order *order, const struct order_event *event)
{
    const struct raft_event *raft_event = &event->raft;
    KV_ASSERT(raft_event->kind != RAFT_EVENT_PROPOSE);
    if (raft_event->kind == RAFT_EVENT_MESSAGE) {
        const struct wire_message *message = raft_event->message;
        if (on_own_message(order, message)) {
            return STATUS_OK;
        }
        if (message->kind == WIRE_MESSAGE_APPEND && !accepts_append(order, &message->as.append)) {
            ORDER_TRACE(order, TRACE_DECISION, "an entry breaks its promise -> ignore the message");
            return STATUS_OK;
        }
    }
    if (raft_event->kind == RAFT_EVENT_FLUSH) {
        maybe_raise_clock(order);
    }
    if (raft_event->kind == RAFT_EVENT_TICK) {
        order_on_tick(order);
    }
    uint32_t from = order->effects->raft.persist_count;
    enum status status = raft_step(order->raft, raft_event, &order->effects->raft);
    order_follow_log(order, &order->effects->raft, from, false /* restoring */);
    return status;
}

/* [rule 31] */
static enum status on_installed(struct order *order, const struct order_event *event)
{
    KV_ASSERT(event->raft.kind == RAFT_EVENT_SNAPSHOT_INSTALLED);
    kv_index before = raft_commit(order->raft);
    kv_timestamp cursor = order->cursor;
    uint64_t delivered = order->delivered;
    uint32_t from = order->effects->raft.persist_count;
    enum status status = raft_step(order->raft, &event->raft, &order->effects->raft);
    order_follow_log(order, &order->effects->raft, from, false /* restoring */);
    if (status != STATUS_OK || raft_commit(order->raft).value == before.value) {
        return status; /* it was not newer */
    }
    status = order_load(order, event->snapshot);
    order->led = false; /* a leader, too, begins anew with what it has to say about the records */
    if (status == STATUS_OK && event->application_is_ahead) {
        order->cursor = cursor;
        order->delivered = delivered;
    }
    return status;
}

enum status order_step(struct order *order, const struct order_event *event,
                       struct order_effects *effects)
{
    enum status status = STATUS_OK;
    uint32_t reads = effects->raft.read_count;
    order->effects = effects;
    order->now = event->raft.now.us > order->now.us ? event->raft.now : order->now;
    order->physical = event->physical;
    switch (event->kind) {
    case ORDER_EVENT_RAFT:
        status = on_raft(order, event);
        break;
    case ORDER_EVENT_SUBMIT:
        status = order_on_submit(order, &event->submit);
        break;
    case ORDER_EVENT_REMOTE:
        status = order_on_remote(order, &event->remote);
        break;
    case ORDER_EVENT_INSTALLED:
        status = on_installed(order, event);
        if (status == STATUS_CORRUPT) {
            order->effects = NULL;
            return status; /* half loaded: nothing of it is delivered, the caller destroys it */
        }
        break;
    }
    bool leads = order_leads(order);
    if (leads && !order->led) {
        order_on_elected(order);
    }
    order->led = leads;
    order_scan_committed(order);
    order_deliver(order);
    order_take_confirmed(order, reads);
    order_check(order);
    order->effects = NULL;
    return status;
}

kv_instant order_deadline(const struct order *order)
{
    return kv_instant_min(raft_deadline(order->raft), order->wake);
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

uint32_t order_undelivered(const struct order *order)
{
    return order->candidates.count;
}

uint32_t order_records(const struct order *order)
{
    return order->messages.count;
}

bool order_has_delivered(const struct order *order, kv_index index)
{
    const struct order_message *earliest = order->candidates.earliest;
    return order->scanned.value >= index.value &&
           (earliest == NULL || earliest->entry->index.value > index.value);
}
