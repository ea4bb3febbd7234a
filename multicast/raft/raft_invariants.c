/* SPDX-License-Identifier: Apache-2.0 */
/* raft_invariants: R1-R13 of raft.h.
 *
 * raft_check_step runs after every step, in release builds too: it costs the same whatever the
 * length of the log. What concerns each new entry or message is asserted where it is made: R10
 * and contiguity in raft_log_append, R5 in raft_maybe_commit, R7 in raft_send_success, R1
 * (durable before told) in the vote handlers through raft->hard_sequence. */
#include "multicast/raft/raft_internal.h"
#include "multicast/wire/codec.h"

struct raft_before raft_check_before(const struct raft *raft)
{
    return (struct raft_before){.blank = raft->blank,
                                .term = raft->term,
                                .vote = raft->vote,
                                .role = raft->role,
                                .pre = raft->pre,
                                .term_leader = raft->term_leader,
                                .leader = raft->leader,
                                .commit = raft->commit,
                                .last = raft->log.last,
                                .base = raft->log.base,
                                .truncations = raft->log.truncations};
}

/* What may have changed in one step. */
static void raft_check_delta(const struct raft *raft, const struct raft_before *before)
{
    KV_ASSERT(raft->term.value >= before->term.value);     /* R6 */
    KV_ASSERT(raft->commit.value >= before->commit.value); /* R4 */
    KV_ASSERT(raft->log.base.value >= before->base.value); /* R8 */
    if (raft->term.value == before->term.value) {
        KV_ASSERT(before->vote.value == 0 || kv_node_equal(raft->vote, before->vote)); /* R1 */
        KV_ASSERT(before->term_leader.value == 0 ||
                  kv_node_equal(raft->term_leader, before->term_leader)); /* R6 */
        bool was_candidate = before->role == RAFT_CANDIDATE && !before->pre;
        KV_ASSERT(raft->role != RAFT_LEADER || before->role == RAFT_LEADER ||
                  was_candidate); /* R6 */
    } else {
        KV_ASSERT(raft->role !=
                  RAFT_LEADER); /* R6: a term is won in a later step than it is entered */
    }
    KV_ASSERT(before->blank || !raft->blank);                                          /* R12 */
    KV_ASSERT(!before->blank || raft->blank || raft->roll.origin != RAFT_ORIGIN_NONE); /* R12 */
    if (before->role == RAFT_LEADER && raft->role == RAFT_LEADER) {
        KV_ASSERT(raft->log.last.value >= before->last.value);   /* R2 */
        KV_ASSERT(raft->log.truncations == before->truncations); /* R2 */
    }
}

static void raft_check_leader(const struct raft *raft)
{
    KV_ASSERT(kv_node_equal(raft->vote, raft->settings.self));
    KV_ASSERT(kv_node_equal(raft->term_leader, raft->settings.self));
    KV_ASSERT(raft->term_start.value <= raft->log.last.value);
    KV_ASSERT(raft->durable_sequence >=
              raft->hard_sequence); /* R1: it acts in a term that is durable */
    KV_ASSERT(raft->read_count <= RAFT_READS_MAX);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        KV_ASSERT(peer->match.value < peer->next.value);
        KV_ASSERT(peer->next.value <= raft->log.last.value + 1);
        KV_ASSERT(peer->inflight_count <= KV_APPEND_INFLIGHT_MAX);
        KV_ASSERT(peer->round_answered <= raft->round);
        KV_ASSERT(peer->match.value == 0 || peer->round_answered >= peer->round_first); /* R13 */
    }
    /* R9: once an own change is in the log, every other one below it is committed. */
    if (raft->config_count >= 2) {
        const struct raft_config_point *last = &raft->configs[raft->config_count - 1];
        const struct raft_config_point *before = &raft->configs[raft->config_count - 2];
        KV_ASSERT(last->index.value < raft->term_start.value ||
                  before->index.value <= raft->commit.value);
    }
}

/* What holds at any time. */
static void raft_check_state(const struct raft *raft)
{
    const struct raft_log *log = &raft->log;
    KV_ASSERT(log->base.value <= raft->commit.value &&
              raft->commit.value <= log->last.value); /* R4, R8 */
    KV_ASSERT(log->base.value <= log->durable.value &&
              log->durable.value <= log->last.value); /* R7 */
    KV_ASSERT(raft_log_term(log, log->last).value <= raft->term.value);
    KV_ASSERT(raft->commit.value != log->last.value || raft->uncommitted_bytes == 0);
    KV_ASSERT(!raft->hard_dirty);
    KV_ASSERT(raft->hard_sequence <= raft->sequence && raft->durable_sequence <= raft->sequence);
    KV_ASSERT(raft->config_count > 0 && raft->peer_count == raft_config(raft)->count);
    KV_ASSERT(raft->configs[raft->config_count - 1].index.value <= log->last.value);
    KV_ASSERT(raft->role == RAFT_LEADER || raft_may_stand(raft) == (raft->role != RAFT_LEARNER));
    KV_ASSERT(raft->role != RAFT_CANDIDATE || raft->leader.value == 0);
    KV_ASSERT(raft->role == RAFT_LEADER || raft->read_count == 0);
    KV_ASSERT(raft->role == RAFT_LEADER || raft->transfer_target.value == 0);
    KV_ASSERT((raft->role == RAFT_LEADER) == kv_node_equal(raft->leader, raft->settings.self));
}

/* R11 */
static void raft_check_blank(const struct raft *raft)
{
    KV_ASSERT(raft->role == RAFT_LEARNER);
    KV_ASSERT(raft->term.value == 0 && raft->vote.value == 0);
    KV_ASSERT(raft->log.last.value == 0 && raft->sequence == 0);
    KV_ASSERT(raft->roll.origin == RAFT_ORIGIN_NONE);
}

void raft_check_step(const struct raft *raft, const struct raft_before *before)
{
    raft_check_delta(raft, before);
    raft_check_state(raft);
    if (raft->blank) {
        raft_check_blank(raft);
    }
    if (raft->role == RAFT_LEADER) {
        raft_check_leader(raft);
    }
}

void raft_check_full(const struct raft *raft)
{
    const struct raft_log *log = &raft->log;
    uint64_t term = log->base_term.value;
    uint64_t reach = log->base_reach.value;
    uint64_t sequence = 0;
    uint64_t uncommitted = 0;
    uint32_t config = 1;
    for (uint64_t i = log->base.value + 1; i <= log->last.value; i++) {
        const struct raft_slot *slot = raft_log_slot(log, i);
        const struct wire_entry *entry = slot->entry;
        KV_ASSERT(entry->references > 0);
        KV_ASSERT(entry->index.value == i); /* R8: no gap */
        KV_ASSERT(entry->term.value >= term && entry->term.value <= raft->term.value);
        KV_ASSERT(entry->reach.value >= reach); /* R10 */
        KV_ASSERT(slot->sequence == 0 || slot->sequence > sequence);
        KV_ASSERT((i <= log->durable.value) == (slot->sequence <= raft->durable_sequence) ||
                  i <= log->durable.value); /* R7 */
        term = entry->term.value;
        reach = entry->reach.value;
        sequence = slot->sequence;
        uncommitted += i > raft->commit.value ? entry->body_size : 0;
        if (entry->kind == WIRE_ENTRY_CONFIG) {
            struct wire_config decoded;
            KV_ASSERT(config < raft->config_count && raft->configs[config].index.value == i);
            KV_ASSERT(wire_config_decode(wire_entry_body(entry), &decoded) == STATUS_OK);
            KV_ASSERT(decoded.count == raft->configs[config].config.count);
            config++;
        }
    }
    KV_ASSERT(uncommitted == raft->uncommitted_bytes);
    KV_ASSERT(config == raft->config_count);
    KV_ASSERT(raft->configs[0].index.value <= log->base.value);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        KV_ASSERT(kv_node_equal(raft->peers[i].node, raft_config(raft)->members[i].node));
        KV_ASSERT(raft->peers[i].voter == raft_config(raft)->members[i].voter);
    }
}
