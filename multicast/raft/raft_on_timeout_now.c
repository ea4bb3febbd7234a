/* SPDX-License-Identifier: Apache-2.0 */
/* TIMEOUT_NOW at a member: the leader hands over to it. [Raft thesis 3.10] */
#include "multicast/raft/raft_internal.h"

void raft_on_timeout_now(struct raft *raft, const struct wire_message *message)
{
    const struct wire_timeout_now *order = &message->as.timeout_now;
    if (order->term.value != raft->term.value || !kv_node_equal(message->from, raft->term_leader) ||
        raft->role != RAFT_FOLLOWER) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u of term %llu hands over -> not our leader or no voter, ignored",
                   message->from.value, (unsigned long long)order->term.value);
        return;
    }
    /* No pre-vote: the leader wants to go, and the voters are told so. */
    raft_become_candidate(raft, true /* transfer */);
}
