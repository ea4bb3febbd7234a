/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND_REPLY at a leader: what a member has on disk, or where its log differs. [Raft thesis
 * 3.5, 5.3] */
#include "multicast/raft/raft_internal.h"

/* The member is equal to us up to `match`, durably. */
static void raft_advance_peer(struct raft *raft, struct raft_peer *peer, kv_index match)
{
    if (match.value > peer->match.value) {
        peer->match = match;
    }
    if (peer->next.value <= peer->match.value) {
        peer->next.value = peer->match.value + 1;
    }
    while (peer->inflight_count > 0 &&
           peer->inflight[peer->inflight_first].value <= peer->match.value) {
        peer->inflight_first = (peer->inflight_first + 1) % KV_APPEND_INFLIGHT_MAX;
        peer->inflight_count--;
    }
    switch (peer->progress) {
    case RAFT_PROGRESS_PIPELINE:
        return;
    case RAFT_PROGRESS_SNAPSHOT:
        if (peer->next.value <= raft->log.base.value) {
            return; /* still in need of it */
        }
        break;
    case RAFT_PROGRESS_PROBE:
        break;
    }
    RAFT_TRACE(raft, TRACE_DECISION, "%u is equal up to %llu -> pipeline from %llu",
               peer->node.value, (unsigned long long)peer->match.value,
               (unsigned long long)peer->next.value);
    peer->progress = RAFT_PROGRESS_PIPELINE;
    peer->probing = false;
    peer->chunk_inflight = false;
    peer->inflight_count = 0;
}

/* [Raft thesis 5.3] The first entry to try instead: skip whole terms that cannot be equal. */
static kv_index raft_next_after_conflict(const struct raft *raft,
                                         const struct wire_append_reply *reply)
{
    const struct raft_log *log = &raft->log;
    kv_index conflict = reply->conflict;
    if (reply->conflict_term.value == 0 || conflict.value <= log->base.value + 1) {
        return conflict;
    }
    if (raft_log_term(log, conflict).value == reply->conflict_term.value) {
        /* R3: equal at `conflict`, and so are all of our entries of that term that it has. */
        return (kv_index){
            raft_log_last_with_term_at_most(log, log->last, reply->conflict_term).value + 1};
    }
    kv_index before = {conflict.value - 1};
    kv_index equal = raft_log_last_with_term_at_most(log, before, reply->conflict_term);
    return (kv_index){equal.value + 1};
}

/* A refusal counts only if it moves `next` back: older ones, answers to what was pipelined
 * behind a lost message, do not. */
static void raft_rewind_peer(struct raft *raft, struct raft_peer *peer,
                             const struct wire_append_reply *reply)
{
    if (peer->progress == RAFT_PROGRESS_SNAPSHOT || reply->conflict.value == 0 ||
        reply->conflict.value > raft->log.last.value || reply->conflict.value >= peer->next.value) {
        RAFT_TRACE(raft, TRACE_DETAIL, "%u refuses, hint %llu, next is %llu -> stale, ignored",
                   peer->node.value, (unsigned long long)reply->conflict.value,
                   (unsigned long long)peer->next.value);
        return;
    }
    kv_index next = raft_next_after_conflict(raft, reply);
    if (next.value <= peer->match.value) {
        next.value = peer->match.value + 1; /* durable there: it cannot differ */
    }
    if (next.value >= peer->next.value) {
        return;
    }
    RAFT_TRACE(raft, TRACE_DECISION,
               "%u refuses, hint (%llu, term %llu), next was %llu -> probe from %llu",
               peer->node.value, (unsigned long long)reply->conflict.value,
               (unsigned long long)reply->conflict_term.value, (unsigned long long)peer->next.value,
               (unsigned long long)next.value);
    peer->next = next;
    peer->progress = RAFT_PROGRESS_PROBE;
    peer->probing = false;
    peer->inflight_count = 0;
}

void raft_on_append_reply(struct raft *raft, const struct wire_message *message)
{
    const struct wire_append_reply *reply = &message->as.append_reply;
    if (raft_ignore_reply_term(raft, message->from, reply->term)) {
        return;
    }
    if (raft->role != RAFT_LEADER || reply->round > raft->round ||
        (reply->success && reply->match.value > raft->log.last.value)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%u has %llu in round %llu -> we never sent that, ignored",
                   message->from.value, (unsigned long long)reply->match.value,
                   (unsigned long long)reply->round);
        return;
    }

    struct raft_peer *peer = raft_find_peer(raft, message->from);
    if (reply->round < peer->round_first) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u answers round %llu, readmitted in round %llu -> a former life, ignored",
                   peer->node.value, (unsigned long long)reply->round,
                   (unsigned long long)peer->round_first);
        return; /* R13 */
    }
    peer->heard_at = raft->now;
    bool round_news = reply->round > peer->round_answered;
    if (round_news) {
        peer->round_answered = reply->round;
    }
    bool match_news = reply->success && reply->match.value > peer->match.value;
    if (reply->success) {
        raft_advance_peer(raft, peer, reply->match);
    } else {
        raft_rewind_peer(raft, peer, reply);
    }

    if (round_news) {
        raft_reads_serve(raft);
    }
    if (match_news) {
        raft_transfer_progress(raft);
        raft_maybe_commit(raft);
    }
}
