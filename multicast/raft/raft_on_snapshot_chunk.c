/* SPDX-License-Identifier: Apache-2.0 */
/* SNAPSHOT_CHUNK at a follower, and what its driver reports about snapshots. [Raft thesis 5]
 *
 * 1. A piece is offered to the driver only if it is the next one of the snapshot that is being
 *    received; otherwise the answer says from where to go on. A snapshot is known by its leader,
 *    term and index: images of two members at the same index may differ in their bytes, so nothing
 *    is mixed.
 * 2. SNAPSHOT_REPLY says how much is stored. The whole is answered by APPEND_REPLY, once it is
 *    installed and its record is durable: from then on it is a log prefix like any other.
 * 3. Entries behind the snapshot are kept if the log has its last entry, else the log is
 *    discarded (index continuity, R8). */
#include "multicast/raft/raft_internal.h"

static bool raft_is_chunk_sound(const struct wire_snapshot_chunk *chunk)
{
    return chunk->index.value > 0 && chunk->index.value <= RAFT_INDEX_MAX &&
           chunk->reach.value <= RAFT_REACH_MAX && chunk->index_term.value > 0 &&
           chunk->index_term.value <= chunk->term.value &&
           chunk->bytes.size <= KV_SNAPSHOT_CHUNK_BYTES_MAX && chunk->offset <= chunk->total &&
           chunk->bytes.size <= chunk->total - chunk->offset &&
           raft_config_is_valid(&chunk->config);
}

static void raft_send_snapshot_reply(struct raft *raft)
{
    const struct raft_incoming *incoming = &raft->incoming;
    raft_emit_hard_state(raft);
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_SNAPSHOT_REPLY, incoming->from, raft->hard_sequence);
    message->as.snapshot_reply = (struct wire_snapshot_reply){.term = raft->term,
                                                              .index = incoming->point.index,
                                                              .received = incoming->received,
                                                              .round = incoming->round};
}

/* The snapshot that the chunk belongs to becomes the one being received, unless it is already. */
static void raft_ensure_incoming(struct raft *raft, kv_node_id from,
                                 const struct wire_snapshot_chunk *chunk)
{
    struct raft_incoming *incoming = &raft->incoming;
    if (!kv_node_equal(incoming->from, from) || incoming->term.value != chunk->term.value ||
        incoming->point.index.value != chunk->index.value || incoming->total != chunk->total) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u sends snapshot %llu of %llu bytes, commit is %llu -> receive it", from.value,
                   (unsigned long long)chunk->index.value, (unsigned long long)chunk->total,
                   (unsigned long long)raft->commit.value);
        *incoming =
            (struct raft_incoming){.from = from, .term = chunk->term, .total = chunk->total};
    }
    incoming->point = (struct raft_snapshot_point){.index = chunk->index,
                                                   .term = chunk->index_term,
                                                   .reach = chunk->reach,
                                                   .config = chunk->config};
    incoming->round = chunk->round;
}

void raft_on_snapshot_chunk(struct raft *raft, const struct wire_message *message)
{
    const struct wire_snapshot_chunk *chunk = &message->as.snapshot_chunk;
    kv_node_id from = message->from;
    if (raft_ignore_leader(raft, from, chunk->term) || chunk->term.value < raft->term.value) {
        return;
    }
    if (!raft_is_chunk_sound(chunk)) {
        RAFT_TRACE(raft, TRACE_DECISION, "piece of snapshot %llu from %u is malformed -> ignored",
                   (unsigned long long)chunk->index.value, from.value);
        return;
    }

    raft_follow(raft, chunk->term, from);
    if (chunk->index.value <= raft->commit.value) {
        RAFT_TRACE(raft, TRACE_DECISION, "snapshot %llu, commit is %llu -> not needed",
                   (unsigned long long)chunk->index.value, (unsigned long long)raft->commit.value);
        raft_answer_append(raft, from, raft->commit, raft->told_round, true /* always */);
        return;
    }
    raft_ensure_incoming(raft, from, chunk);
    if (chunk->offset != raft->incoming.received) {
        raft_send_snapshot_reply(raft);
        return;
    }
    if (raft->effects->has_chunk_received) {
        return; /* one per batch; the leader sends it again */
    }

    raft->effects->has_chunk_received = true;
    raft->effects->chunk_received = (struct raft_chunk_received){.from = from, .chunk = *chunk};
}

void raft_on_snapshot_received(struct raft *raft, const struct raft_event *event)
{
    struct raft_incoming *incoming = &raft->incoming;
    if (incoming->from.value == 0 || !kv_node_equal(incoming->from, raft->leader) ||
        incoming->term.value != raft->term.value ||
        incoming->point.index.value != event->point->index.value ||
        event->offset > incoming->total) {
        RAFT_TRACE(raft, TRACE_DECISION, "%llu bytes of snapshot %llu stored -> no longer awaited",
                   (unsigned long long)event->offset,
                   (unsigned long long)event->point->index.value);
        return;
    }
    incoming->received = event->offset;
    if (incoming->received < incoming->total) {
        raft_send_snapshot_reply(raft);
    }
}

enum status raft_on_snapshot_installed(struct raft *raft, const struct raft_event *event)
{
    const struct raft_snapshot_point *point = event->point;
    struct raft_log *log = &raft->log;
    bool keeps_log = point->index.value <= log->last.value &&
                     point->index.value > log->base.value &&
                     raft_log_term(log, point->index).value == point->term.value &&
                     raft_log_reach(log, point->index).value == point->reach.value;
    if (point->index.value <= raft->commit.value || point->term.value > raft->term.value ||
        !raft_config_is_valid(&point->config) || (raft->role == RAFT_LEADER && !keeps_log)) {
        RAFT_TRACE(raft, TRACE_DECISION, "snapshot %llu, commit %llu -> too late to install",
                   (unsigned long long)point->index.value, (unsigned long long)raft->commit.value);
        return STATUS_INVALID;
    }
    RAFT_TRACE(raft, TRACE_DECISION,
               "snapshot %llu of term %llu, last is %llu -> install, %s the log",
               (unsigned long long)point->index.value, (unsigned long long)point->term.value,
               (unsigned long long)log->last.value, keeps_log ? "keep" : "discard");

    raft->snapshot_sequence = raft_emit_snapshot(raft, point, keeps_log);
    raft->incoming = (struct raft_incoming){0};
    if (keeps_log) {
        raft_set_commit(raft, point->index);
        raft_config_drop_prefix(raft, point->index);
        raft->configs[0].config = point->config;
        raft_log_drop_prefix(log, point->index, point->term, point->reach);
        raft_log_set_durable(log, raft->durable_sequence);
        raft_config_apply(raft);
    } else {
        if (log->last.value > raft->commit.value) {
            raft_remove_suffix(raft, (kv_index){raft->commit.value + 1});
        }
        raft_log_reset(log, point->index, point->term, point->reach);
        raft->commit = point->index;
        raft_config_reset(raft, point->index, &point->config);
        raft->told_match = (kv_index){0};
    }

    if (raft->role != RAFT_LEADER && raft->leader.value != 0) {
        raft_answer_append(raft, raft->leader, point->index, raft->told_round, true /* always */);
    }
    return STATUS_OK;
}

void raft_on_snapshot_saved(struct raft *raft, const struct raft_event *event)
{
    const struct raft_snapshot_point *point = event->point;
    struct raft_log *log = &raft->log;
    if (point->index.value <= log->base.value) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "own snapshot %llu, log begins behind %llu -> nothing to drop",
                   (unsigned long long)point->index.value, (unsigned long long)log->base.value);
        return;
    }
    KV_ASSERT(point->index.value <= raft->commit.value); /* R8 */
    KV_ASSERT(raft_log_term(log, point->index).value == point->term.value);
    KV_ASSERT(raft_log_reach(log, point->index).value == point->reach.value);
    RAFT_TRACE(raft, TRACE_DECISION, "own snapshot %llu is durable -> drop the log up to it",
               (unsigned long long)point->index.value);
    uint64_t sequence = raft_emit_snapshot(raft, point, true /* keeps_log */);
    if (point->index.value > log->durable.value) {
        /* Entries that it covers are not synced here yet: until its record is, a restart does
         * not find them. */
        raft->snapshot_sequence = sequence;
    }
    raft_config_drop_prefix(raft, point->index);
    raft_log_drop_prefix(log, point->index, point->term, point->reach);
}
