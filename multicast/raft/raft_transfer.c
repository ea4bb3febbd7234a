/* SPDX-License-Identifier: Apache-2.0 */
/* raft_transfer: the leader hands over to a voter of its or the operator's choice. [Raft thesis
 * 3.10]
 *
 * 1. It takes no more proposals, changes and reads, and brings the target up to date as it always
 *    does.
 * 2. When the target has the whole log, TIMEOUT_NOW tells it to hold an election at once; told
 *    again with each heartbeat.
 * 3. After an election timeout without a new leader it gives up and takes proposals again. */
#include "multicast/raft/raft_internal.h"

/* It follows closely: appends are pipelined to it, and it has answered within the election
 * timeout. */
static bool raft_is_caught_up(const struct raft *raft, const struct raft_peer *peer)
{
    kv_instant silent_at = kv_instant_add(peer->heard_at, raft->settings.election_timeout_us);
    return peer->voter && !kv_node_equal(peer->node, raft->settings.self) &&
           peer->progress == RAFT_PROGRESS_PIPELINE && !kv_instant_reached(silent_at, raft->now);
}

struct raft_peer *raft_best_successor(struct raft *raft)
{
    struct raft_peer *best = NULL;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (raft_is_caught_up(raft, peer) &&
            (best == NULL || peer->match.value > best->match.value)) {
            best = peer;
        }
    }
    return best;
}

void raft_send_timeout_now(struct raft *raft, kv_node_id target)
{
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_TIMEOUT_NOW, target, 0 /* after */);
    message->as.timeout_now = (struct wire_timeout_now){.term = raft->term};
}

enum status raft_on_transfer(struct raft *raft, kv_node_id target)
{
    if (raft->role != RAFT_LEADER || raft->transfer_target.value != 0) {
        return STATUS_NOT_LEADER;
    }
    struct raft_peer *peer =
        target.value == 0 ? raft_best_successor(raft) : raft_find_peer(raft, target);
    if (peer == NULL || !raft_is_caught_up(raft, peer)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u is no voter that keeps up -> no hand-over",
                   target.value);
        return STATUS_INVALID;
    }
    raft->transfer_target = peer->node;
    raft->transfer_until = kv_instant_add(raft->now, raft->settings.election_timeout_us);
    raft->transfer_told = false;
    RAFT_TRACE(raft, TRACE_DECISION, "%u has %llu of %llu -> hand over to it, no more proposals",
               peer->node.value, (unsigned long long)peer->match.value,
               (unsigned long long)raft->log.last.value);
    raft_transfer_progress(raft);
    return STATUS_OK;
}

void raft_transfer_progress(struct raft *raft)
{
    if (raft->transfer_target.value == 0 || raft->transfer_told) {
        return;
    }
    struct raft_peer *peer = raft_find_peer(raft, raft->transfer_target);
    if (peer != NULL && peer->match.value == raft->log.last.value) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u has the whole log -> it shall take over now",
                   peer->node.value);
        raft_send_timeout_now(raft, peer->node);
        raft->transfer_told = true;
    }
}

void raft_transfer_tick(struct raft *raft)
{
    if (raft->transfer_target.value == 0) {
        return;
    }
    if (kv_instant_reached(raft->transfer_until, raft->now)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u has not taken over in time -> go on leading",
                   raft->transfer_target.value);
        raft->transfer_target = KV_NODE_NONE;
        return;
    }
    raft->transfer_told = false;
    raft_transfer_progress(raft);
}
