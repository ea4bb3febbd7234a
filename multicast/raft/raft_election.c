/* SPDX-License-Identifier: Apache-2.0 */
/* raft_election: time, candidacy, and changes of role. [Raft thesis 3.4, 4.2.3, 9.6; 6.2 for
 * check-quorum]
 *
 *   FOLLOWER  -> CANDIDATE pre   [raft_on_tick]         patience ended: ask whether an election could be won
 *   CANDIDATE pre -> CANDIDATE   [raft_count_votes]     a majority says yes: new term, own vote
 *   FOLLOWER  -> CANDIDATE       [raft_on_timeout_now]  the leader hands over
 *   CANDIDATE -> LEADER          [raft_count_votes]     a majority has voted, ourselves durably
 *   any       -> FOLLOWER        [raft_become_follower] a higher term, a leader, or no majority heard
 *   FOLLOWER <-> LEARNER         [raft_settle_role]     the configuration in force says so
 *
 * 1. A pre-vote changes nothing anywhere, so a member that cannot win (cut off, removed, behind)
 *    does not raise terms.
 * 2. A voter that has heard from a leader within the election timeout refuses both kinds of vote,
 *    unless that leader asked for the election. A leader refuses likewise, and steps down itself
 *    when it has lost the majority.
 * 3. A group with one voter need not wait for anybody: it stands for election at its first tick. */
#include <string.h>

#include "multicast/raft/raft_internal.h"

bool raft_is_voter(const struct raft *raft)
{
    return raft->self_position >= 0 && raft->peers[raft->self_position].voter;
}

bool raft_may_stand(const struct raft *raft)
{
    /* [Raft thesis 4.2.2] Until the configuration that removes it is committed, a voter may be
     * needed as leader: it can be the only one that has that entry. It needs the votes of the
     * new configuration, its own does not count. */
    if (raft->blank) {
        return false; /* R11 */
    }
    bool may = false;
    uint32_t i = raft->config_count;
    do {
        const struct wire_config *config = &raft->configs[--i].config;
        for (uint32_t j = 0; j < config->count; j++) {
            may = may || (config->members[j].voter &&
                          kv_node_equal(config->members[j].node, raft->settings.self));
        }
    } while (i > 0 && !may && raft->configs[i].index.value > raft->commit.value);
    return may;
}

static uint32_t raft_voter_count(const struct raft *raft)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        count += raft->peers[i].voter ? 1 : 0;
    }
    return count;
}

bool raft_is_sole_voter(const struct raft *raft)
{
    return raft_is_voter(raft) && raft_voter_count(raft) == 1;
}

void raft_draw_patience(struct raft *raft)
{
    /* [Raft thesis 3.4] Randomised between one and two timeouts, so that votes are rarely split. */
    uint64_t timeout = raft->settings.election_timeout_us;
    raft->patience_us = timeout + kv_prng_below(&raft->prng, timeout);
    raft->election_at = kv_instant_add(raft->now, raft->patience_us);
}

void raft_settle_role(struct raft *raft)
{
    if (raft->role == RAFT_LEADER) {
        return; /* a leader that is no voter leads until that is committed: raft_config_committed */
    }
    if (!raft_may_stand(raft)) {
        raft->role = RAFT_LEARNER;
        raft->pre = false;
    } else if (raft->role == RAFT_LEARNER) {
        raft->role = RAFT_FOLLOWER;
        raft_draw_patience(raft);
    }
}

/* Enter a higher term, without a vote and with everything forgotten that was said in the old
 * one. */
static void raft_enter_term(struct raft *raft, kv_term term)
{
    KV_ASSERT(term.value > raft->term.value); /* R6 */
    raft->term = term;
    raft->vote = KV_NODE_NONE;
    raft->hard_dirty = true;
    raft->term_leader = KV_NODE_NONE;
    raft->told_round = 0;
    raft->told_match = (kv_index){0};
}

void raft_become_follower(struct raft *raft, kv_term term, kv_node_id leader)
{
    if (raft->role == RAFT_LEADER) {
        raft_reads_fail(raft);
        raft->transfer_target = KV_NODE_NONE;
    }
    if (term.value > raft->term.value) {
        raft_enter_term(raft, term);
    }
    raft->role = RAFT_FOLLOWER;
    raft_settle_role(raft);
    raft->leader = leader;
    if (leader.value != 0) {
        raft->term_leader = leader;
    }
    raft_draw_patience(raft);
    RAFT_TRACE(raft, TRACE_DECISION, "term %llu, leader %u -> follow",
               (unsigned long long)term.value, leader.value);
}

bool raft_ignore_leader(struct raft *raft, kv_node_id from, kv_term term)
{
    if (term.value == 0 || term.value > RAFT_TERM_MAX) {
        RAFT_TRACE(raft, TRACE_DECISION, "term %llu from %u is out of range -> ignored",
                   (unsigned long long)term.value, from.value);
        return true;
    }
    if (term.value == raft->term.value && raft->term_leader.value != 0 &&
        !kv_node_equal(raft->term_leader, from)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u says that it leads, but %u leads this term -> ignored",
                   from.value, raft->term_leader.value);
        return true;
    }
    return false;
}

void raft_follow(struct raft *raft, kv_term term, kv_node_id leader)
{
    KV_ASSERT(term.value >= raft->term.value);
    KV_ASSERT(term.value > raft->term.value || raft->role != RAFT_LEADER);
    if (term.value > raft->term.value || raft->role == RAFT_CANDIDATE ||
        !kv_node_equal(raft->leader, leader)) {
        raft_become_follower(raft, term, leader);
    }
    raft->heard_at = raft->now;
    raft->election_at = kv_instant_add(raft->now, raft->patience_us);
}

bool raft_ignore_reply_term(struct raft *raft, kv_node_id from, kv_term term)
{
    if (raft_find_peer(raft, from) == NULL || term.value > RAFT_TERM_MAX) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "answer of term %llu from %u, no member or no term -> ignored",
                   (unsigned long long)term.value, from.value);
        return true;
    }
    if (term.value > raft->term.value) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u is in term %llu -> adopt it", from.value,
                   (unsigned long long)term.value);
        raft_become_follower(raft, term, KV_NODE_NONE);
        return true;
    }
    return term.value < raft->term.value;
}

/* Ask every other voter, for `term`. */
static void raft_send_vote_requests(struct raft *raft, kv_term term)
{
    raft_emit_hard_state(raft);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (!raft->peers[i].voter || (int)i == raft->self_position) {
            continue;
        }
        /* A candidacy must be durable before it is told, or a restart could vote twice in its
         * term (R1). */
        uint64_t after = raft->pre ? 0 : raft->hard_sequence;
        struct wire_message *message =
            raft_emit_message(raft, WIRE_MESSAGE_VOTE_REQUEST, raft->peers[i].node, after);
        message->as.vote_request =
            (struct wire_vote_request){.term = term,
                                       .last_index = raft->log.last,
                                       .last_term = raft_log_term(&raft->log, raft->log.last),
                                       .pre = raft->pre,
                                       .transfer = raft->candidacy_transfer};
    }
}

static void raft_begin_candidacy(struct raft *raft, bool pre)
{
    raft->role = RAFT_CANDIDATE;
    raft->pre = pre;
    raft->leader = KV_NODE_NONE;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].vote_granted = false;
    }
    raft_draw_patience(raft);
}

static void raft_become_pre_candidate(struct raft *raft)
{
    RAFT_TRACE(raft, TRACE_DECISION,
               "nothing heard from leader %u -> ask whether term %llu can be won",
               raft->leader.value, (unsigned long long)raft->term.value + 1);
    raft_begin_candidacy(raft, true /* pre */);
    raft->candidacy_transfer = false;
    raft_send_vote_requests(raft, (kv_term){raft->term.value + 1});
}

void raft_become_candidate(struct raft *raft, bool transfer)
{
    KV_ASSERT(raft->role != RAFT_LEADER && raft_may_stand(raft));
    raft_enter_term(raft, (kv_term){raft->term.value + 1});
    raft->vote = raft->settings.self;
    raft_begin_candidacy(raft, false /* pre */);
    raft->candidacy_transfer = transfer;
    RAFT_TRACE(raft, TRACE_DECISION, "last entry (%llu, term %llu)%s -> stand for election",
               (unsigned long long)raft->log.last.value,
               (unsigned long long)raft_log_term(&raft->log, raft->log.last).value,
               transfer ? ", leader hands over" : "");
    raft_send_vote_requests(raft, raft->term);
}

static void raft_become_leader(struct raft *raft)
{
    KV_ASSERT(raft->role == RAFT_CANDIDATE && !raft->pre); /* R6 */
    KV_ASSERT(kv_node_equal(raft->vote, raft->settings.self));
    KV_ASSERT(raft->term_leader.value == 0);
    raft->role = RAFT_LEADER;
    raft->leader = raft->settings.self;
    raft->term_leader = raft->settings.self;
    raft->incoming = (struct raft_incoming){0};
    raft_replicate_begin(raft);

    /* [Raft thesis 6.4, 3.6.2] An entry of the own term: committing it commits everything before
     * it. */
    struct wire_entry *noop = wire_entry_new(WIRE_ENTRY_NOOP, (kv_slice){0});
    noop->term = raft->term;
    noop->index.value = raft->log.last.value + 1;
    noop->reach = raft_log_reach(&raft->log, raft->log.last);
    raft->term_start = noop->index;
    raft_append_entry(raft, noop);
    wire_entry_drop(&noop);
    RAFT_TRACE(raft, TRACE_DECISION, "majority of votes -> lead, term begins at %llu",
               (unsigned long long)raft->term_start.value);
}

void raft_count_votes(struct raft *raft)
{
    KV_ASSERT(raft->role == RAFT_CANDIDATE);
    uint32_t granted = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        bool yes = (int)i == raft->self_position || raft->peers[i].vote_granted;
        granted += raft->peers[i].voter && yes ? 1 : 0;
    }
    if (granted <= raft_voter_count(raft) / 2) {
        return;
    }
    if (raft->pre) {
        raft_become_candidate(raft, false /* transfer */);
    } else if (raft->durable_sequence >= raft->hard_sequence) {
        /* R1: our own vote counts when it is durable, as anybody else's; and even if the others
         * alone are a majority, the term has to be durable before we act as its leader. */
        raft_become_leader(raft);
    }
}

/* Too few voters have been heard within the election timeout: somebody else may lead by now. */
static bool raft_has_lost_majority(const struct raft *raft)
{
    uint64_t heard[KV_MEMBERS_MAX];
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        heard[i] = (int)i == raft->self_position ? raft->now.us : raft->peers[i].heard_at.us;
    }
    kv_instant majority_at = {raft_quorum_value(raft, heard)};
    return kv_instant_reached(kv_instant_add(majority_at, raft->settings.election_timeout_us),
                              raft->now);
}

void raft_on_tick(struct raft *raft)
{
    if (raft->blank) {
        raft_roll_tick(raft);
        return;
    }
    if (raft->role == RAFT_LEADER) {
        if (raft_has_lost_majority(raft)) {
            RAFT_TRACE(raft, TRACE_DECISION,
                       "no majority heard for an election timeout -> step down");
            raft_become_follower(raft, raft->term, KV_NODE_NONE);
            return;
        }
        raft_transfer_tick(raft);
        raft_replicate_tick(raft);
        raft_maybe_promote(raft);
        return;
    }
    if (!kv_instant_reached(raft_election_deadline(raft), raft->now)) {
        return;
    }
    if (raft->role == RAFT_CANDIDATE && !raft->pre &&
        raft->durable_sequence < raft->hard_sequence) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "own vote is not durable yet -> wait, another term would not help");
        raft_draw_patience(raft);
    } else if (raft_is_sole_voter(raft)) {
        raft_become_candidate(raft, false /* transfer */);
    } else {
        raft_become_pre_candidate(raft);
    }
}

kv_instant raft_election_deadline(const struct raft *raft)
{
    if (raft->blank) {
        return raft->caller.call_at;
    }
    if (raft->role == RAFT_LEARNER) {
        return KV_INSTANT_NEVER;
    }
    if (raft->role == RAFT_FOLLOWER && raft_is_sole_voter(raft)) {
        return (kv_instant){0};
    }
    return raft->election_at;
}
