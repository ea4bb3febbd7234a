/* SPDX-License-Identifier: Apache-2.0 */
/* VOTE_REPLY at a candidate. [Raft thesis 3.4, 9.6] */
#include "multicast/raft/raft_internal.h"

void raft_on_vote_reply(struct raft *raft, const struct wire_message *message)
{
    const struct wire_vote_reply *reply = &message->as.vote_reply;
    kv_node_id from = message->from;
    struct raft_peer *peer = raft_find_peer(raft, from);

    /* A granted pre-vote names the term asked about, which is no term of anybody yet. */
    if (reply->pre && reply->granted) {
        if (peer == NULL || raft->role != RAFT_CANDIDATE || !raft->pre ||
            reply->term.value != raft->term.value + 1) {
            RAFT_TRACE(raft, TRACE_DETAIL, "pre-vote of %u for term %llu -> not awaited, ignored",
                       from.value, (unsigned long long)reply->term.value);
            return;
        }
    } else if (raft_ignore_reply_term(raft, from, reply->term)) {
        return;
    }
    if (raft->role != RAFT_CANDIDATE || raft->pre != reply->pre) {
        RAFT_TRACE(raft, TRACE_DETAIL, "vote of %u -> no such election runs, ignored", from.value);
        return;
    }
    RAFT_TRACE(raft, TRACE_DECISION, "%s of %u is %s -> count", reply->pre ? "pre-vote" : "vote",
               from.value, reply->granted ? "yes" : "no");
    if (!reply->granted) {
        return;
    }

    peer->vote_granted = true;
    raft_count_votes(raft);
}
