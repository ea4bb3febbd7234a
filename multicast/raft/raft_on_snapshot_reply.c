/* SPDX-License-Identifier: Apache-2.0 */
/* SNAPSHOT_REPLY at a leader: how much of the snapshot a member has stored. [Raft thesis 5] */
#include "multicast/raft/raft_internal.h"

void raft_on_snapshot_reply(struct raft *raft, const struct wire_message *message)
{
    const struct wire_snapshot_reply *reply = &message->as.snapshot_reply;
    if (raft_ignore_reply_term(raft, message->from, reply->term)) {
        return;
    }
    struct raft_peer *peer = raft_find_peer(raft, message->from);
    if (raft->role != RAFT_LEADER) {
        return;
    }
    peer->heard_at = raft->now;
    if (peer->progress != RAFT_PROGRESS_SNAPSHOT || reply->index.value != peer->snapshot.value) {
        RAFT_TRACE(raft, TRACE_DETAIL,
                   "%u has %llu bytes of snapshot %llu -> not the one being sent, ignored",
                   peer->node.value, (unsigned long long)reply->received,
                   (unsigned long long)reply->index.value);
        return;
    }
    /* Forward always; back only if it answers the last piece sent, so that a late answer does
     * not send pieces twice. */
    bool forward = reply->received > peer->offset;
    bool back = reply->received < peer->offset && reply->round == peer->chunk_round;
    if (!forward && !back) {
        return;
    }

    peer->offset = reply->received;
    peer->chunk_inflight = false; /* the next flush sends the next piece */
}
