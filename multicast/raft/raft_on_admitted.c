/* SPDX-License-Identifier: Apache-2.0 */
/* ADMITTED at a blank member: it learns from now on. [docs/decisions/0009-roll-call.md] */
#include "multicast/raft/raft_internal.h"

void raft_on_admitted(struct raft *raft, const struct wire_message *message)
{
    const struct wire_admitted *admitted = &message->as.admitted;
    if (!raft->blank || admitted->tag.value != raft->settings.tag.value ||
        admitted->term.value == 0 || admitted->term.value > RAFT_TERM_MAX ||
        admitted->index.value == 0 || admitted->index.value > RAFT_INDEX_MAX) {
        RAFT_TRACE(raft, TRACE_DETAIL, "%u admits another life -> ignored", message->from.value);
        return;
    }
    KV_ASSERT(raft->term.value == 0 && raft->log.last.value == 0); /* R11 */

    raft->blank = false;
    raft->roll.origin = RAFT_ORIGIN_ADMITTED;
    raft->roll.admitted = admitted->index;
    raft_roll_restore(raft);
    raft_become_follower(raft, admitted->term, message->from);
    /* It may have voted in this term before its disk was emptied. Now it has voted for the leader
     * that the term has; in later terms it votes when its log has what admitted it. */
    raft->vote = message->from;
    raft->hard_dirty = true;
    RAFT_TRACE(raft, TRACE_DECISION, "leader %u of term %llu has made it a learner -> learn",
               message->from.value, (unsigned long long)admitted->term.value);
    raft_emit_hard_state(raft);
}
