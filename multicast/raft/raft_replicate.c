/* SPDX-License-Identifier: Apache-2.0 */
/* raft_replicate: how a leader feeds the members, and when an entry is committed. [Raft thesis 3.5,
 * 3.6.2, 10.2]
 *
 * 1. raft_flush is the only place that sends APPENDs. To a member whose log is known to be equal
 *    below `next` it pipelines all new entries, in messages of at most KV_APPEND_*, up to
 *    KV_APPEND_INFLIGHT_MAX of them; to one that is being probed it sends one and waits; to one
 *    that needs entries we no longer have it asks the driver for a piece of the snapshot.
 * 2. If there is nothing to send, but the round has risen since the last message to that member, an empty APPEND goes out at once.
 *    Heartbeats are rounds, too. If only the commit index has risen, it waits for the next entries, at most news_us: nobody needs a
 *    follower's delivery for an answer, and under load every second message would say nothing else.
 * 3. Entries leave before they are durable here (10.2.1): our own disk is one voter among
 *    others. */
#include "multicast/raft/raft_internal.h"

/* The entries of the last APPEND of one flush: followers that are equally far share one array. */
struct raft_range {
    kv_index first;
    uint32_t count;
    struct wire_entry **entries;
};

void raft_peer_begin(struct raft *raft, struct raft_peer *peer)
{
    *peer = (struct raft_peer){.node = peer->node,
                               .voter = peer->voter,
                               .progress = RAFT_PROGRESS_PROBE,
                               .next = {raft->log.last.value + 1},
                               .heard_at = raft->now};
}

void raft_replicate_begin(struct raft *raft)
{
    raft->round = 0;
    raft->chunk_round = 0;
    raft->transfer_target = KV_NODE_NONE;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft_peer_begin(raft, &raft->peers[i]);
    }
}

static void raft_send_append(struct raft *raft, struct raft_peer *peer, kv_index previous,
                             uint32_t count, struct wire_entry **entries)
{
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_APPEND, peer->node, 0 /* after */);
    message->as.append = (struct wire_append){.term = raft->term,
                                              .previous_index = previous,
                                              .previous_term = raft_log_term(&raft->log, previous),
                                              .commit = raft->commit,
                                              .round = raft->round,
                                              .count = count,
                                              .entries = entries};
    kv_index end = {previous.value + count};
    peer->commit_sent = raft->commit.value < end.value ? raft->commit : end;
    peer->round_sent = raft->round;
    peer->sent_at = raft->now;
    RAFT_TRACE(raft, TRACE_DETAIL, "%u has up to %llu -> send %u entries, commit %llu, round %llu",
               peer->node.value, (unsigned long long)previous.value, count,
               (unsigned long long)raft->commit.value, (unsigned long long)raft->round);
}

/* A heartbeat for a member whose log cannot be continued: it says that we lead and claims
 * nothing about the log. */
static void raft_send_bare_heartbeat(struct raft *raft, struct raft_peer *peer)
{
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_APPEND, peer->node, 0 /* after */);
    message->as.append = (struct wire_append){.term = raft->term, .round = raft->round};
    peer->round_sent = raft->round;
    peer->sent_at = raft->now;
}

/* As many entries from `first` on as one APPEND may hold, one at least. */
static struct raft_range raft_take_range(struct raft *raft, kv_index first,
                                         const struct raft_range *last)
{
    if (last->count > 0 && last->first.value == first.value) {
        return *last;
    }
    struct raft_range range = {.first = first};
    uint64_t bytes = 0;
    uint64_t left = raft->log.last.value - first.value + 1;
    while (range.count < left && range.count < KV_APPEND_ENTRIES_MAX) {
        bytes += RAFT_ENTRY_OVERHEAD_BYTES +
                 raft_log_entry(&raft->log, (kv_index){first.value + range.count})->body_size;
        if (range.count > 0 && bytes > KV_APPEND_BYTES_MAX) {
            break;
        }
        range.count++;
    }
    range.entries = raft_emit_entries(raft, first, range.count);
    return range;
}

/* Whether the commit index is higher than this member knows, as far as its log goes; and then when it is told. */
static bool raft_has_news(const struct raft *raft, const struct raft_peer *peer)
{
    const uint64_t end = peer->next.value - 1;
    return peer->progress == RAFT_PROGRESS_PIPELINE &&
           peer->commit_sent.value < (raft->commit.value < end ? raft->commit.value : end);
}

static kv_instant raft_news_at(const struct raft *raft, const struct raft_peer *peer)
{
    return kv_instant_add(peer->sent_at, raft->settings.news_us);
}

/* Returns whether anything was sent. */
static bool raft_flush_entries(struct raft *raft, struct raft_peer *peer, struct raft_range *last)
{
    bool sent = false;
    bool pipeline = peer->progress == RAFT_PROGRESS_PIPELINE;
    while (peer->next.value <= raft->log.last.value &&
           (pipeline ? peer->inflight_count < KV_APPEND_INFLIGHT_MAX : !peer->probing)) {
        *last = raft_take_range(raft, peer->next, last);
        raft_send_append(raft, peer, (kv_index){peer->next.value - 1}, last->count, last->entries);
        sent = true;
        if (pipeline) {
            peer->next.value += last->count;
            uint32_t slot =
                (peer->inflight_first + peer->inflight_count++) % KV_APPEND_INFLIGHT_MAX;
            peer->inflight[slot].value = peer->next.value - 1;
        } else {
            peer->probing = true;
        }
    }
    return sent;
}

static void raft_flush_snapshot(struct raft *raft, struct raft_peer *peer)
{
    if (peer->snapshot.value != raft->log.base.value) {
        /* Begun, or replaced by a later snapshot of ours meanwhile: the old one may be gone. */
        peer->snapshot = raft->log.base;
        peer->offset = 0;
        peer->chunk_inflight = false;
    }
    if (peer->round_sent < raft->round) {
        raft_send_bare_heartbeat(raft, peer);
    }
    /* To a member that is away nothing is sent but heartbeats: the driver would make an image for nobody. */
    const kv_instant silent_at = kv_instant_add(peer->heard_at, raft->settings.election_timeout_us);
    if (peer->chunk_inflight || kv_instant_reached(silent_at, raft->now)) {
        return;
    }
    peer->chunk_inflight = true;
    peer->chunk_at = raft->now;
    peer->chunk_round = ++raft->chunk_round;
    const struct raft_log *log = &raft->log;
    struct wire_message *message = raft_emit_chunk_wanted(raft, peer->node);
    message->as.snapshot_chunk = (struct wire_snapshot_chunk){.term = raft->term,
                                                              .index = log->base,
                                                              .index_term = log->base_term,
                                                              .reach = log->base_reach,
                                                              .config = raft->configs[0].config,
                                                              .offset = peer->offset,
                                                              .round = peer->chunk_round};
    RAFT_TRACE(raft, TRACE_DECISION, "%u has %llu bytes of snapshot %llu -> send the next piece",
               peer->node.value, (unsigned long long)peer->offset,
               (unsigned long long)log->base.value);
}

static void raft_flush_peer(struct raft *raft, struct raft_peer *peer, struct raft_range *last)
{
    if (peer->progress != RAFT_PROGRESS_SNAPSHOT && peer->next.value <= raft->log.base.value) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u needs entry %llu, log begins behind %llu -> send the snapshot",
                   peer->node.value, (unsigned long long)peer->next.value,
                   (unsigned long long)raft->log.base.value);
        peer->progress = RAFT_PROGRESS_SNAPSHOT;
        peer->snapshot = (kv_index){0};
        peer->inflight_count = 0;
    }
    if (peer->progress == RAFT_PROGRESS_SNAPSHOT) {
        raft_flush_snapshot(raft, peer);
        return;
    }
    if (raft_flush_entries(raft, peer, last)) {
        return;
    }
    const bool tell =
        raft_has_news(raft, peer) && kv_instant_reached(raft_news_at(raft, peer), raft->now);
    if (tell || peer->round_sent < raft->round) {
        raft_send_append(raft, peer, (kv_index){peer->next.value - 1}, 0 /* count */,
                         NULL /* entries */);
    }
}

void raft_flush(struct raft *raft)
{
    if (raft->role != RAFT_LEADER) {
        return;
    }
    if (raft_reads_need_round(raft)) {
        raft->round++;
    }
    struct raft_range last = {0};
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if ((int)i != raft->self_position) {
            raft_flush_peer(raft, &raft->peers[i], &last);
        }
    }
    raft_reads_serve(raft); /* a sole voter confirms itself */
}

void raft_replicate_tick(struct raft *raft)
{
    bool beat = false;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if ((int)i == raft->self_position) {
            continue;
        }
        beat = beat || kv_instant_reached(
                           kv_instant_add(peer->sent_at, raft->settings.heartbeat_us), raft->now);
        kv_instant silent_at = kv_instant_add(peer->heard_at, raft->settings.election_timeout_us);
        if (peer->progress == RAFT_PROGRESS_PIPELINE && kv_instant_reached(silent_at, raft->now)) {
            RAFT_TRACE(raft, TRACE_DECISION, "%u is silent -> probe behind %llu until it answers",
                       peer->node.value, (unsigned long long)peer->match.value);
            peer->progress = RAFT_PROGRESS_PROBE;
            peer->probing = true; /* heartbeats are the probes: no entries into the void */
            peer->next.value = peer->match.value + 1;
            peer->inflight_count = 0;
        }
        kv_instant chunk_until = kv_instant_add(peer->chunk_at, raft->settings.election_timeout_us);
        if (peer->chunk_inflight && kv_instant_reached(chunk_until, raft->now)) {
            peer->chunk_inflight = false; /* lost, or slow: send it again */
        }
    }
    if (beat) {
        raft->round++;
    }
}

kv_instant raft_replicate_deadline(const struct raft *raft)
{
    kv_instant deadline =
        raft->transfer_target.value != 0 ? raft->transfer_until : KV_INSTANT_NEVER;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if ((int)i != raft->self_position) {
            deadline = kv_instant_min(
                deadline, raft_has_news(raft, peer)
                              ? raft_news_at(raft, peer)
                              : kv_instant_add(peer->sent_at, raft->settings.heartbeat_us));
        }
    }
    return deadline;
}

uint64_t raft_quorum_value(const struct raft *raft, const uint64_t values[KV_MEMBERS_MAX])
{
    /* Insertion into descending order; there are at most KV_MEMBERS_MAX. */
    uint64_t sorted[KV_MEMBERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (!raft->peers[i].voter) {
            continue;
        }
        uint32_t at = count++;
        while (at > 0 && sorted[at - 1] < values[i]) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = values[i];
    }
    KV_ASSERT(count > 0);
    return sorted[count / 2];
}

void raft_maybe_commit(struct raft *raft)
{
    KV_ASSERT(raft->role == RAFT_LEADER);
    uint64_t match[KV_MEMBERS_MAX];
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        match[i] =
            (int)i == raft->self_position ? raft->log.durable.value : raft->peers[i].match.value;
    }
    kv_index commit = {raft_quorum_value(raft, match)};
    /* [Raft thesis 3.6.2, figure 3.7] R5: counting commits entries of the own term only; those
     * before come along. */
    if (commit.value <= raft->commit.value || commit.value < raft->term_start.value) {
        return;
    }
    KV_ASSERT(raft_log_term(&raft->log, commit).value == raft->term.value); /* R5 */
    raft_set_commit(raft, commit);
    RAFT_TRACE(raft, TRACE_DETAIL, "a majority has it -> commit %llu",
               (unsigned long long)commit.value);
    raft_reads_serve(raft);
    raft_config_committed(raft);
}
