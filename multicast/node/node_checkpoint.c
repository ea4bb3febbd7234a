/* SPDX-License-Identifier: Apache-2.0 */
/* node_checkpoint: see the header. */
#include "multicast/node/node_checkpoint.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "multicast/node/node_internal.h"
#include "multicast/wire/codec.h"

/* A checkpoint that could not be written is tried again after this time: the disk may have room then. */
#define CHECKPOINT_RETRY_US 5000000

/* A quiet member's few entries would keep all segments of the log behind them: when there are so many, it writes one, too. */
#define SEGMENTS_BEHIND_MAX 2

/* ---- Marks ----
 *
 *   u64 index  u64 term  u64 reach  u32 bytes of the configuration  configuration  state of the order, to the end
 *                                                                                                   all little endian */

#define MARK_HEAD_BYTES 28

static void append_number(struct kv_buffer *ret, uint64_t number, size_t bytes)
{
    const uint64_t little = htole64(number);
    kv_buffer_append(ret, &little, bytes);
}

static uint64_t number_at(kv_slice bytes, size_t at, size_t size)
{
    uint64_t little = 0;
    memcpy(&little, bytes.data + at, size);
    return le64toh(little);
}

void node_mark_encode(const struct raft_snapshot_point *point, kv_slice order,
                      struct kv_buffer *ret)
{
    struct kv_buffer config = {0};
    wire_config_encode(&point->config, &config);
    append_number(ret, point->index.value, 8);
    append_number(ret, point->term.value, 8);
    append_number(ret, point->reach.value, 8);
    append_number(ret, config.size, 4);
    kv_buffer_append(ret, config.data, config.size);
    kv_buffer_append(ret, order.data, order.size);
    kv_buffer_close(&config);
}

bool node_mark_decode(kv_slice mark, struct raft_snapshot_point *ret_point, kv_slice *ret_order)
{
    if (mark.size < MARK_HEAD_BYTES) {
        return false;
    }
    ret_point->index.value = number_at(mark, 0, 8);
    ret_point->term.value = number_at(mark, 8, 8);
    ret_point->reach.value = number_at(mark, 16, 8);
    const size_t config = (size_t)number_at(mark, 24, 4);
    const size_t left = mark.size - MARK_HEAD_BYTES;
    if (config > left || wire_config_decode(kv_slice_of(mark.data + MARK_HEAD_BYTES, config),
                                            &ret_point->config) != STATUS_OK) {
        return false;
    }
    *ret_order = kv_slice_of(mark.data + MARK_HEAD_BYTES + config, left - config);
    return ret_point->index.value > 0;
}

/* ---- Beginning ---- */

bool node_checkpoint_can_begin(const struct node_member *member)
{
    const struct raft *raft = order_raft(member->order);
    /* What the order has delivered must have gone to the application. */
    const bool between = !member->touched && member->effects.delivery_count == 0 &&
                         member->effects.remote_count == 0;
    return member->application.ops->freeze != NULL && between &&
           order_delivered_index(member->order).value > raft_snapshot_index(raft).value &&
           !raft_is_sending_snapshot(raft);
}

static bool is_due(const struct node *node, const struct node_member *member)
{
    const struct node_cut *cut = &member->cut;
    const struct raft *raft = order_raft(member->order);
    if (node->now.us < cut->not_before.us || !node_checkpoint_can_begin(member) ||
        node_backup_holds(node, member)) {
        return false;
    }
    const uint64_t first = node_retention_first(&member->retention, raft_snapshot_index(raft));
    const bool pins =
        first != UINT64_MAX && log_segment_now(node->log) >= first + SEGMENTS_BEHIND_MAX;
    return cut->wanted || pins || cut->log_bytes >= node->settings.checkpoint_bytes ||
           (cut->log_bytes > 0 &&
            kv_instant_reached(kv_instant_add(cut->at, node->settings.checkpoint_us), node->now));
}

void node_checkpoint_freeze(struct node *node, struct node_member *member)
{
    struct node_cut *cut = &member->cut;
    struct kv_buffer order = {0}, mark = {0};
    cut->point =
        raft_snapshot_point_at(order_raft(member->order), order_delivered_index(member->order));
    order_save(member->order, &order);
    node_mark_encode(&cut->point, kv_buffer_slice(&order), &mark);
    member->application.ops->freeze(member->application.state, kv_buffer_slice(&mark));
    kv_buffer_close(&order);
    kv_buffer_close(&mark);
    cut->wanted = false;
    cut->at = node->now;
    cut->log_bytes = 0;
}

void node_checkpoint_begin_due(struct node *node, struct node_member *member)
{
    struct node_cut *cut = &member->cut;
    if (is_due(node, member)) {
        node_checkpoint_freeze(node, member);
        node_writer_start(node, member, NODE_JOB_WRITE);
    } else if (member->application.ops->scrub != NULL && !node_backup_holds(node, member) &&
               kv_instant_reached(cut->scrub_at, node->now)) {
        cut->scrub_at = kv_instant_add(node->now, node->settings.scrub_us);
        node_writer_start(node, member, NODE_JOB_SCRUB);
    }
}

/* ---- Ending ---- */

static void fail(struct node *node, const struct node_member *member, enum status status)
{
    if (status == STATUS_CORRUPT) {
        node_distrust(node, member, "its checkpoint is damaged");
        return;
    }
    if (node->failure == STATUS_OK) {
        node->failure = status;
        snprintf(node->failure_text.text, sizeof node->failure_text.text,
                 "the checkpoint of group %u in %s: %s", (unsigned)member->group.value,
                 node->settings.directory, status_text(status));
    }
}

void node_checkpoint_on_scrubbed(struct node *node, struct node_member *member, enum status result)
{
    if (result != STATUS_OK) {
        fail(node, member, result);
    }
}

void node_checkpoint_moved(struct node *node, struct node_member *member,
                           const struct raft_snapshot_point *point)
{
    const struct raft *raft = order_raft(member->order);
    uint64_t held = 0;
    for (uint64_t i = raft_snapshot_index(raft).value + 1; i <= raft_last(raft).value; i++) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        held += entry->body_size + sizeof *entry;
    }
    node->entry_bytes -= member->held_bytes - held;
    member->held_bytes = held;
    member->cut.last = point->index;
}

void node_checkpoint_on_written(struct node *node, struct node_member *member, enum status result)
{
    struct node_cut *cut = &member->cut;
    const bool no_room = result == STATUS_NO_SPACE || result == STATUS_FULL;
    const bool written = result == STATUS_OK;
    if (!written && !no_room) {
        fail(node, member, result);
        return;
    }
    node_backup_on_written(node, member, written);
    const enum status status = member->application.ops->thaw(member->application.state, written);
    if (status != STATUS_OK) {
        fail(node, member, status);
        return;
    }
    if (written) {
        cut->count++;
        node_transfer_forget(member);
        (void)node_step_raft(
            node, member,
            (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &cut->point});
        node_checkpoint_moved(node, member, &cut->point);
        node_writer_start(node, member, NODE_JOB_SWEEP);
        return;
    }
    cut->not_before = kv_instant_add(node->now, CHECKPOINT_RETRY_US);
    cut->wanted = true;
    node_report(node, "group %u: no room for a checkpoint (%s); the log grows",
                (unsigned)member->group.value, status_text(result));
}

/* ---- Pruning ---- */

/* A hard state that stands in front is written again: the last one of each member is always behind it. */
static enum status move_hard_state(struct node *node, struct node_member *member, uint64_t first)
{
    if (member->retention.hard_state >= first || member->retention.hard_state == 0) {
        return STATUS_OK;
    }
    const struct raft *raft = order_raft(member->order);
    struct log_record record;
    node_record_encode(&(struct raft_persist){.kind = RAFT_PERSIST_HARD_STATE,
                                              .term = raft_term(raft),
                                              .vote = raft_vote(raft),
                                              .roll = *raft_roll(raft)},
                       member->group, &node->record, &record);
    node_retention_hard_state(&member->retention, log_segment_now(node->log));
    return log_append(node->log, &record);
}

void node_checkpoint_prune(struct node *node)
{
    const uint64_t now = log_segment_now(node->log);
    uint64_t first = now;
    for (uint32_t i = 0; i < node->member_count; i++) {
        const struct node_member *member = &node->members[i];
        if (raft_is_blank(order_raft(member->order))) {
            return; /* the record that made it so must stay */
        }
        const uint64_t needed = node_retention_first(
            &member->retention, raft_snapshot_index(order_raft(member->order)));
        first = needed < first ? needed : first;
    }
    if (first <= log_segment_first(node->log) || node->failure != STATUS_OK) {
        return;
    }
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < node->member_count && status == STATUS_OK; i++) {
        status = move_hard_state(node, &node->members[i], first);
    }
    struct log_error error = {{0}};
    if (status == STATUS_OK) {
        status = log_prune(node->log, first, &error);
    }
    if (status != STATUS_OK) {
        node->failure = status;
        node->failure_text = error;
        return;
    }
    for (uint32_t i = 0; i < node->member_count; i++) {
        node_retention_forget(&node->members[i].retention, first);
    }
}
