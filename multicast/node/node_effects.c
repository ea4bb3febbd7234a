/* SPDX-License-Identifier: Apache-2.0 */
/* node_effects: carries out what the cores want, in the order in which it must happen.
 *
 * 1. Records go to the log's batch before anything that depends on them is even queued.
 * 2. Sends are encoded at once: into the frame that leaves now, or into the one that waits for the sync.
 * 3. The application takes deliveries, and answers them; what is delivered is committed, so its answer need not wait for our
 *    sync.
 * 4. Reads that raft has decided run after the deliveries that they must see. */
#include <stdio.h>

#include "multicast/node/node_internal.h"

static void fail(struct node *node, enum status status)
{
    if (node->failure == STATUS_OK) {
        node->failure = status;
    }
}

/* What is known of a record beside its bytes. */
static void note_record(struct node *node, struct node_member *member,
                        const struct raft_persist *persist)
{
    const uint64_t segment = log_segment_now(node->log);
    if (persist->kind == RAFT_PERSIST_HARD_STATE) {
        node_retention_hard_state(&member->retention, segment);
    } else if (persist->kind == RAFT_PERSIST_ENTRY) {
        const uint64_t bytes = persist->entry->body_size + sizeof *persist->entry;
        node_retention_entry(&member->retention, segment, persist->entry->index);
        node->entry_bytes += bytes;
        member->held_bytes += bytes;
        member->cut.log_bytes += bytes;
    }
}

static void append_records(struct node *node, struct node_member *member)
{
    const struct raft_effects *effects = &member->effects.raft;
    for (uint32_t i = 0; i < effects->persist_count; i++) {
        struct log_record record;
        const struct raft_persist *persist = &effects->persists[i];
        node_record_encode(persist, member->group, &node->record, &record);
        note_record(node, member, persist);
        enum status status = log_append(node->log, &record);
        if (status != STATUS_OK) {
            snprintf(node->failure_text.text, sizeof node->failure_text.text,
                     "the log in %s cannot be written: %s", node->settings.directory,
                     status_text(status));
            fail(node, status);
            return;
        }
    }
    member->appended = raft_persist_sequence(order_raft(member->order));
}

/* A frame is full of what waits for the sync: sync now. The cores learn of it at the usual place. */
static void sync_and_send(struct node *node)
{
    struct log_error error = {{0}};
    enum status status = log_sync(node->log, &error);
    if (status != STATUS_OK) {
        node->failure_text = error;
        fail(node, status);
        return;
    }
    node_outbox_send(&node->outbox, true);
}

static void queue_sends(struct node *node, struct node_member *member,
                        const struct raft_send *sends, uint32_t count)
{
    member->messages += count;
    for (uint32_t i = 0; i < count && node->failure == STATUS_OK; i++) {
        const struct wire_message *message = &sends[i].message;
        bool waits = sends[i].after > member->durable;
        bool full = node_outbox_add(&node->outbox, message, waits) == STATUS_FULL;
        if (full && !kv_node_equal(message->to, node->self)) {
            sync_and_send(node);
            if (node->failure == STATUS_OK) {
                enum status status = node_outbox_add(&node->outbox, message, false);
                KV_ASSERT(status == STATUS_OK);
            }
        }
    }
}

void node_sample_state(struct node_member *member, uint64_t position)
{
    const struct node_application_status status =
        member->application.ops->status(member->application.state);
    if (status.waiting == 0 && position > member->sampled) {
        member->sampled = position;
        node_compare_sample(&member->compare, position, status.digest);
    }
}

static void execute_deliveries(struct node *node, struct node_member *member,
                               const struct order_effects *effects)
{
    const struct node_port port = node_port_of(node, member);
    const struct node_application_ops *ops = member->application.ops;
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        const struct order_delivery *delivery = &effects->deliveries[i];
        member->commands++;
        member->executed = delivery->entry->index;
        member->coming = delivery + 1;
        member->coming_count = effects->delivery_count - i - 1;
        member->position = delivery->position;
        ops->deliver(member->application.state, &port, delivery->entry, delivery->timestamp,
                     delivery->position);
        if (delivery->position % NODE_COMPARE_EVERY == 0) {
            node_sample_state(member, delivery->position);
        }
    }
    for (uint32_t i = 0; i < effects->remote_count && ops->remote != NULL; i++) {
        ops->remote(member->application.state, &port, effects->remotes[i]);
    }
}

static void carry_images(struct node *node, struct node_member *member,
                         const struct raft_effects *effects)
{
    for (uint32_t i = 0; i < effects->chunk_wanted_count; i++) {
        node_transfer_send(node, member, &effects->chunks_wanted[i].message);
    }
}

static const char *role_text(enum raft_role role)
{
    switch (role) {
    case RAFT_FOLLOWER:
        return "follows";
    case RAFT_CANDIDATE:
        return "stands for election";
    case RAFT_LEADER:
        return "leads";
    case RAFT_LEARNER:
        return "learns";
    }
    return "?";
}

/* What an operator wants to see in the log: who leads, not every heartbeat. */
static void report_role(struct node *node, struct node_member *member)
{
    const struct raft *raft = order_raft(member->order);
    enum raft_role role = raft_role(raft);
    kv_node_id leader = raft_leader(raft);
    kv_term term = raft_term(raft);
    bool same = role == member->told_role && kv_node_equal(leader, member->told_leader) &&
                (term.value == member->told_term.value || role == RAFT_CANDIDATE);
    bool in_between =
        role == RAFT_FOLLOWER && leader.value == 0; /* the next step says whom it follows */
    if (same || in_between) {
        return;
    }
    member->told_role = role;
    member->told_leader = leader;
    member->told_term = term;
    node_report(node, "group %u: %s in term %llu, leader %u", (unsigned)member->group.value,
                role_text(role), (unsigned long long)term.value, (unsigned)leader.value);
}

static void report_trace(struct node *node, struct node_member *member)
{
    if (member->trace.text.size > 0) {
        kv_buffer_append(&member->trace.text, "", 1);
        node->settings.report((const char *)member->trace.text.data, node->settings.report_context);
        kv_buffer_clear(&member->trace.text);
    }
}

/* Effects are set aside while they are carried out: an application that appends or submits something steps the order, whose
 * new effects are carried out when the member is flushed next. */
void node_carry_out(struct node *node, struct node_member *member)
{
    const struct order_effects spare = member->handled;
    append_records(node, member);
    if (node->failure == STATUS_OK) {
        queue_sends(node, member, member->effects.raft.sends, member->effects.raft.send_count);
        queue_sends(node, member, member->effects.sends, member->effects.send_count);
    }
    member->handled = member->effects;
    member->effects = spare;
    const struct order_effects *effects = &member->handled;
    if (node->failure == STATUS_OK) {
        if (effects->raft.role_changed) {
            report_role(node, member);
            node_tick_application(node, member);
        }
        carry_images(node, member, &effects->raft);
        execute_deliveries(node, member, effects);
        node_reads_unpark(node, member);
        for (uint32_t i = 0; i < effects->raft.read_count; i++) {
            node_read_decided(node, member, &effects->raft.reads[i]);
        }
    }
    report_trace(node, member);
    order_effects_clear(&member->handled);
}

void node_sync(struct node *node)
{
    if (node->failure == STATUS_OK) {
        struct log_error error = {{0}};
        enum status status = log_sync(node->log, &error);
        if (status != STATUS_OK) {
            node->failure_text = error;
            fail(node, status);
        }
    }
    if (node->failure != STATUS_OK) {
        return;
    }
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        if (member->appended > member->durable) {
            node_retention_entry(&member->retention, log_segment_now(node->log),
                                 raft_last(order_raft(member->order)));
            member->durable = member->appended;
            (void)node_step_raft(
                node, member,
                (struct raft_event){.kind = RAFT_EVENT_DURABLE, .sequence = member->durable});
        }
    }
}
