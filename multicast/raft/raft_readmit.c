/* SPDX-License-Identifier: Apache-2.0 */
/* raft_readmit: a leader gives a member whose disk was emptied its place back.
 * [docs/decisions/0009-roll-call.md; Raft thesis 4.1, 4.2.1]
 *
 *   voter or learner -> learner [raft_readmit]        a new configuration; what was known of it is forgotten
 *   learner, blank   -> learner [raft_on_admitted]    that configuration is committed: its old votes and
 *                                                     acknowledgements bind nobody any more
 *   learner          -> voter   [raft_maybe_promote]  it has the log
 *
 * 1. The configuration is a new entry even if the member is a learner already: only a commit behind
 *    the call shows that this is still the leader, and that no later one counts the member.
 * 2. A call counts if it names this term: it was sent by a life that had been told of it, so it is
 *    no packet of an earlier one. In the term, the tag tells lives apart.
 * 3. Acknowledgements of the former life may still be under way. They answer rounds of before the
 *    call, because that life had ended by then (R13). */
#include "multicast/raft/raft_internal.h"

static struct wire_config raft_config_with(const struct raft *raft, kv_node_id node, bool voter)
{
    struct wire_config config = *raft_config(raft);
    for (uint32_t i = 0; i < config.count; i++) {
        if (kv_node_equal(config.members[i].node, node)) {
            config.members[i].voter = voter; /* in its place: other groups know the order, too */
        }
    }
    return config;
}

/* What is known of a member is of a life that has ended. */
static void raft_forget_peer(struct raft *raft, kv_node_id node, wire_tag tag, bool was_voter)
{
    struct raft_peer *peer = raft_find_peer(raft, node);
    bool returns = was_voter || peer->returns;
    raft_peer_begin(raft, peer);
    peer->tag = tag;
    peer->admit_index = raft->configs[raft->config_count - 1].index;
    peer->round_first = ++raft->round;
    peer->returns = returns;
}

void raft_readmit(struct raft *raft, kv_node_id node, const struct wire_roll_call *call)
{
    struct raft_peer *peer = raft_find_peer(raft, node);
    if (peer == NULL || !raft_can_serve(raft) || call->term.value != raft->term.value ||
        !raft_config_is_settled(raft) || raft->transfer_target.value != 0) {
        return; /* it calls again */
    }
    bool same = peer->tag.value == call->tag.value;
    if (same && peer->match.value > 0) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u has entries in this life -> a late roll call, ignored",
                   node.value);
        return;
    }
    if (same && !peer->voter) {
        KV_ASSERT(peer->admit_index.value <= raft->commit.value); /* settled */
        raft_emit_message(raft, WIRE_MESSAGE_ADMITTED, node, 0 /* after: it is committed */)
            ->as.admitted = (struct wire_admitted){call->tag, raft->term, peer->admit_index};
        return;
    }
    bool was_voter = peer->voter;
    struct wire_config config = raft_config_with(raft, node, false /* voter */);
    if (raft_on_change(raft, &config) != STATUS_OK || raft->role != RAFT_LEADER) {
        return;
    }
    RAFT_TRACE(raft, TRACE_DECISION, "the disk of %u was emptied -> a learner", node.value);
    raft_forget_peer(raft, node, call->tag, was_voter);
}

/* Learners that were voters: as the bootstrap says, or as this leader has seen. */
static bool raft_is_to_return(const struct raft *raft, const struct raft_peer *peer)
{
    const struct wire_config *bootstrap = &raft->settings.bootstrap;
    bool returns = peer->returns;
    for (uint32_t i = 0; i < bootstrap->count; i++) {
        returns = returns || (bootstrap->members[i].voter &&
                              kv_node_equal(bootstrap->members[i].node, peer->node));
    }
    return returns && !peer->voter;
}

void raft_maybe_promote(struct raft *raft)
{
    if (raft->settings.tag.value == 0 || !raft_can_serve(raft) || !raft_config_is_settled(raft) ||
        raft->transfer_target.value != 0) {
        return;
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if ((int)i == raft->self_position || !raft_is_to_return(raft, peer) ||
            peer->progress != RAFT_PROGRESS_PIPELINE) {
            continue;
        }
        /* [Raft thesis 4.2.1] The last round of catching up took no longer than a beat. And it has the configuration in force, as
         * every change that makes a voter demands. */
        const kv_index in_force = raft->configs[raft->config_count - 1].index;
        if (peer->catch_up.value > 0 && peer->match.value >= peer->catch_up.value &&
            peer->match.value >= in_force.value) {
            struct wire_config config = raft_config_with(raft, peer->node, true /* voter */);
            peer->returns = false;
            RAFT_TRACE(raft, TRACE_DECISION, "%u has up to %llu -> a voter again", peer->node.value,
                       (unsigned long long)peer->match.value);
            enum status status = raft_on_change(raft, &config);
            KV_ASSERT(status == STATUS_OK);
            return; /* the peers are others now */
        }
        peer->catch_up = raft->commit;
    }
}
