/* SPDX-License-Identifier: Apache-2.0 */
/* VOTE_REQUEST at a member: may `from` lead? [Raft thesis 3.4, 3.6.1, 4.2.3, 9.6] */
#include "multicast/raft/raft_internal.h"

/* [Raft thesis 4.2.3] A member that believes in a live leader does not help to depose it; a
 * leader judges by its own check-quorum. The old leader's own wish (transfer) overrides that. */
static bool raft_protects_leader(const struct raft *raft)
{
    if (raft->role == RAFT_LEADER) {
        return true;
    }
    kv_instant until = kv_instant_add(raft->heard_at, raft->settings.election_timeout_us);
    return raft->leader.value != 0 && !kv_instant_reached(until, raft->now);
}

/* [Raft thesis 3.6.1] Its log has at least what ours has: later last term, or equal terms and no
 * shorter. */
static bool raft_is_up_to_date(const struct raft *raft, const struct wire_vote_request *request)
{
    kv_term last_term = raft_log_term(&raft->log, raft->log.last);
    return request->last_term.value > last_term.value ||
           (request->last_term.value == last_term.value &&
            request->last_index.value >= raft->log.last.value);
}

/* It would elect who does not know that its old promises do not count: as long as its log lacks the
 * configuration that admitted it, it is none of those who remember that. (R11) */
static bool raft_is_forgetful(const struct raft *raft)
{
    return raft->log.last.value < raft->roll.admitted.value;
}

static void raft_send_vote_reply(struct raft *raft, kv_node_id to, kv_term term, bool pre,
                                 bool granted)
{
    /* R1: a vote, and any term we are in, is durable before it is told. A pre-vote promises
     * nothing, but names our term. */
    raft_emit_hard_state(raft);
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_VOTE_REPLY, to, raft->hard_sequence);
    message->as.vote_reply = (struct wire_vote_reply){.term = term, .pre = pre, .granted = granted};
    KV_ASSERT(pre || !granted || kv_node_equal(raft->vote, to));
}

static void raft_on_pre_vote_request(struct raft *raft, kv_node_id from,
                                     const struct wire_vote_request *request)
{
    bool protects = raft_protects_leader(raft) && !request->transfer;
    bool newer = request->term.value > raft->term.value ||
                 (request->term.value == raft->term.value && raft->term_leader.value == 0 &&
                  (raft->vote.value == 0 || kv_node_equal(raft->vote, from)));
    bool granted =
        !protects && newer && !raft_is_forgetful(raft) && raft_is_up_to_date(raft, request);
    RAFT_TRACE(raft, TRACE_DECISION, "%u asks before term %llu, last (%llu, term %llu)%s%s%s -> %s",
               from.value, (unsigned long long)request->term.value,
               (unsigned long long)request->last_index.value,
               (unsigned long long)request->last_term.value, protects ? ", leader alive" : "",
               newer ? "" : ", old term", raft_is_up_to_date(raft, request) ? "" : ", log behind",
               granted ? "yes" : "no");
    raft_send_vote_reply(raft, from, granted ? request->term : raft->term, true /* pre */, granted);
}

void raft_on_vote_request(struct raft *raft, const struct wire_message *message)
{
    const struct wire_vote_request *request = &message->as.vote_request;
    kv_node_id from = message->from;
    if (request->term.value == 0 || request->term.value > RAFT_TERM_MAX ||
        request->last_term.value >= request->term.value) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u asks for term %llu with last term %llu -> malformed, ignored", from.value,
                   (unsigned long long)request->term.value,
                   (unsigned long long)request->last_term.value);
        return;
    }
    if (request->pre) {
        raft_on_pre_vote_request(raft, from, request);
        return;
    }
    if (request->term.value > raft->term.value && !request->transfer &&
        raft_protects_leader(raft)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u asks for term %llu, leader %u is alive -> ignored",
                   from.value, (unsigned long long)request->term.value, raft->leader.value);
        return;
    }

    if (request->term.value > raft->term.value) {
        raft_become_follower(raft, request->term, KV_NODE_NONE);
    }

    /* At most one vote per term (R1), none against a known leader of it. */
    bool free =
        kv_node_equal(raft->vote, from) || (raft->vote.value == 0 && raft->term_leader.value == 0);
    bool granted = request->term.value == raft->term.value && free && !raft_is_forgetful(raft) &&
                   raft_is_up_to_date(raft, request);
    if (granted && raft->vote.value == 0) {
        raft->vote = from;
        raft->hard_dirty = true;
    }
    if (granted) {
        raft->election_at = kv_instant_add(raft->now, raft->patience_us);
    }
    RAFT_TRACE(raft, TRACE_DECISION,
               "%u asks for term %llu, last (%llu, term %llu), vote of this term %u -> %s",
               from.value, (unsigned long long)request->term.value,
               (unsigned long long)request->last_index.value,
               (unsigned long long)request->last_term.value, raft->vote.value,
               granted ? "granted" : "denied");
    raft_send_vote_reply(raft, from, raft->term, false /* pre */, granted);
}
