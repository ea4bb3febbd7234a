/* SPDX-License-Identifier: Apache-2.0 */
/* check_raft: see the header for the list of what is checked. */
#include "tests/sim/check_raft.h"

#include <inttypes.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"

#define FAIL(...) sim_report_fail(report, "raft", __VA_ARGS__)

void check_raft_close(struct check_raft *check)
{
    kv_free(check->committed);
    kv_free(check->leaders);
    memset(check, 0, sizeof(*check));
}

static uint64_t entry_hash(const struct wire_entry *entry)
{
    const uint64_t facts[] = {entry->kind,
                              entry->reach.value,
                              entry->timestamp.clock.value,
                              entry->timestamp.group.value,
                              entry->id.session.registered.clock.value,
                              entry->id.session.registered.group.value,
                              entry->id.sequence,
                              entry->id.attempt,
                              entry->destinations.bits,
                              entry->floor,
                              XXH3_64bits(entry->body, entry->body_size)};
    return XXH3_64bits(facts, sizeof(facts));
}

/* 1. Election safety. */
static void note_leader(struct check_raft *check, struct sim_report *report, kv_node_id node,
                        kv_term term)
{
    if (term.value >= CHECK_TERMS_MAX) {
        FAIL("group %u: term %" PRIu64 ": elections without end", check->group.value, term.value);
        return;
    }
    if (term.value >= check->leader_capacity) {
        uint64_t capacity = check->leader_capacity == 0 ? 64 : check->leader_capacity;
        while (capacity <= term.value) {
            capacity *= 2;
        }
        check->leaders = kv_realloc(check->leaders, capacity * sizeof(*check->leaders));
        memset(check->leaders + check->leader_capacity, 0,
               (capacity - check->leader_capacity) * sizeof(*check->leaders));
        check->leader_capacity = capacity;
    }
    kv_node_id *leader = &check->leaders[term.value];
    if (leader->value != 0 && !kv_node_equal(*leader, node)) {
        FAIL("group %u: nodes %u and %u both lead in term %" PRIu64, check->group.value,
             leader->value, node.value, term.value);
    }
    check->elections += leader->value == 0;
    *leader = node;
}

/* 3. Leader completeness. */
static void check_completeness(struct check_raft *check, struct sim_report *report, kv_node_id node,
                               const struct raft *raft)
{
    kv_term term = raft_term(raft);
    for (uint64_t i = raft_snapshot_index(raft).value + 1; i <= check->count; i++) {
        const struct check_raft_entry *committed = &check->committed[i - 1];
        if (committed->committed_in.value >= term.value) {
            continue;
        }
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        if (entry == NULL || entry->term.value != committed->term.value) {
            FAIL("group %u: node %u leads in term %" PRIu64 " without entry %" PRIu64
                 " of term %" PRIu64 ", which was committed",
                 check->group.value, node.value, term.value, i, committed->term.value);
            return;
        }
    }
}

/* 2. Log agreement on what the member has newly committed. */
static void check_committed(struct check_raft *check, struct sim_report *report, kv_node_id node,
                            const struct raft *raft)
{
    struct check_raft_promise *member = &check->members[node.value];
    kv_index commit = raft_commit(raft);
    uint64_t i = member->seen_commit.value;
    member->seen_commit = commit;
    if (i < raft_snapshot_index(raft).value) {
        i = raft_snapshot_index(raft).value;
    }
    while (++i <= commit.value) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        if (entry == NULL) {
            FAIL("group %u: node %u has no entry %" PRIu64 " but commits up to %" PRIu64,
                 check->group.value, node.value, i, commit.value);
            return;
        }
        struct check_raft_entry seen = {entry->term, raft_term(raft), entry->kind,
                                        entry_hash(entry)};
        if (i <= check->count) {
            const struct check_raft_entry *known = &check->committed[i - 1];
            if (known->term.value != seen.term.value || known->hash != seen.hash) {
                FAIL("group %u: entry %" PRIu64 ", committed as %s of term %" PRIu64
                     ", is committed at node %u as %s of term %" PRIu64,
                     check->group.value, i, wire_entry_kind_name(known->kind), known->term.value,
                     node.value, wire_entry_kind_name(seen.kind), seen.term.value);
                return;
            }
            continue;
        }
        if (i > check->count + 1) {
            FAIL("group %u: node %u commits entry %" PRIu64 ", nobody committed the one before",
                 check->group.value, node.value, i);
            return;
        }
        if (check->count == check->capacity) {
            check->capacity = check->capacity == 0 ? 128 : 2 * check->capacity;
            check->committed =
                kv_realloc(check->committed, check->capacity * sizeof(*check->committed));
        }
        check->committed[check->count++] = seen;
    }
}

void check_raft_observe(struct check_raft *check, struct sim_report *report, kv_node_id node,
                        const struct raft *raft)
{
    KV_ASSERT(node.value < CHECK_NODES_MAX);
    struct check_raft_promise *member = &check->members[node.value];
    if (raft_role(raft) == RAFT_LEADER) {
        kv_term term = raft_term(raft);
        if (!member->led || member->led_term.value != term.value) {
            member->led = true;
            member->led_term = term;
            note_leader(check, report, node, term);
            check_completeness(check, report, node, raft);
        }
    }
    if (raft_commit(raft).value != member->seen_commit.value) {
        check_committed(check, report, node, raft);
    }
}

static void check_vote(struct check_raft *check, struct sim_report *report,
                       const struct wire_message *message, const struct sim_disk_view *view)
{
    const struct wire_vote_reply *vote = &message->as.vote_reply;
    struct check_raft_promise *member = &check->members[message->from.value];
    if (member->vote_term.value == vote->term.value && !kv_node_equal(member->vote, message->to)) {
        FAIL("group %u: node %u votes for %u and for %u in term %" PRIu64, check->group.value,
             message->from.value, member->vote.value, message->to.value, vote->term.value);
    }
    if (vote->term.value > member->vote_term.value) {
        member->vote_term = vote->term;
        member->vote = message->to;
    }
    /* A later term on the disk is a stronger promise: this vote only says so late. */
    if (view->term.value < vote->term.value ||
        (view->term.value == vote->term.value && !kv_node_equal(view->vote, message->to))) {
        FAIL("group %u: node %u tells its vote for %u in term %" PRIu64
             ", its disk holds vote %u in term %" PRIu64,
             check->group.value, message->from.value, message->to.value, vote->term.value,
             view->vote.value, view->term.value);
    }
}

static void check_ack(struct check_raft *check, struct sim_report *report,
                      const struct wire_message *message, kv_term term, kv_index match,
                      const struct sim_disk_view *view)
{
    struct check_raft_promise *member = &check->members[message->from.value];
    if (view->term.value > term.value) {
        return; /* told late: a newer leader may have replaced the entries since */
    }
    if (view->term.value < term.value || sim_disk_view_last(view).value < match.value) {
        FAIL("group %u: node %u acknowledges %" PRIu64 " in term %" PRIu64
             ", its disk ends at %" PRIu64 " in term %" PRIu64,
             check->group.value, message->from.value, match.value, term.value,
             sim_disk_view_last(view).value, view->term.value);
        return;
    }
    if (member->match_term.value != term.value || member->match.value < match.value) {
        member->match_term = term;
        member->match = match;
    }
}

void check_raft_leaves(struct check_raft *check, struct sim_report *report,
                       const struct wire_message *message, const struct sim_disk_view *view)
{
    if (message->kind == WIRE_MESSAGE_VOTE_REPLY && message->as.vote_reply.granted &&
        !message->as.vote_reply.pre) {
        check_vote(check, report, message, view);
    } else if (message->kind == WIRE_MESSAGE_APPEND_REPLY && message->as.append_reply.success) {
        check_ack(check, report, message, message->as.append_reply.term,
                  message->as.append_reply.match, view);
    }
}

void check_raft_emptied(struct check_raft *check, kv_node_id node)
{
    check->members[node.value] = (struct check_raft_promise){0};
}

void check_raft_restarted(struct check_raft *check, struct sim_report *report, kv_node_id node,
                          const struct raft *raft, const struct sim_disk_view *view)
{
    struct check_raft_promise *member = &check->members[node.value];
    kv_term term = raft_term(raft);
    member->seen_commit = (kv_index){0};
    member->led = false;
    if (term.value < member->vote_term.value || term.value < member->match_term.value) {
        FAIL("group %u: node %u restarts in term %" PRIu64 ", having voted in %" PRIu64
             " and acknowledged in %" PRIu64,
             check->group.value, node.value, term.value, member->vote_term.value,
             member->match_term.value);
    }
    if (term.value == member->vote_term.value && !kv_node_equal(view->vote, member->vote)) {
        FAIL("group %u: node %u restarts with vote %u in term %" PRIu64 ", having voted for %u",
             check->group.value, node.value, view->vote.value, term.value, member->vote.value);
    }
    if (term.value == member->match_term.value && raft_last(raft).value < member->match.value) {
        FAIL("group %u: node %u restarts with a log up to %" PRIu64
             ", having acknowledged %" PRIu64,
             check->group.value, node.value, raft_last(raft).value, member->match.value);
    }
}
