/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND at a follower: entries, commit index, heartbeat. [Raft thesis 3.5, figure 3.1; 5.3 for
 * conflict hints]
 *
 * 1. Judge the whole message before anything changes: is it well formed, does it contradict what is
 *    committed, does it continue our log, and from which entry on is it new.
 * 2. Entries that we have already are kept, however old the message is; the log is truncated only
 *    at an entry that differs (figure 3.1 step 3), so that a late duplicate never removes what came
 *    after it.
 * 3. An answer says what is durable (R7). Where something is not yet, one answer waits for it,
 *    and the read round, which needs no disk, is answered at once. An empty APPEND that teaches
 *    us nothing is not answered. */
#include "multicast/raft/raft_internal.h"
#include "multicast/wire/codec.h"

enum raft_append_verdict {
    RAFT_APPEND_IGNORE, /* malformed, or contradicts what is committed: never answered */
    RAFT_APPEND_REJECT, /* our log does not reach or differs before it */
    RAFT_APPEND_ACCEPT
};

struct raft_append_plan {
    enum raft_append_verdict verdict;
    uint32_t first_new; /* ACCEPT: entries[first_new..] are to be appended; count if none */
};

/* Well formed by itself: contiguous, of terms that do not go down and exist. */
static bool raft_is_append_sound(const struct wire_append *append)
{
    if (append->count > KV_APPEND_ENTRIES_MAX || append->previous_index.value > RAFT_INDEX_MAX ||
        append->previous_term.value > append->term.value) {
        return false;
    }
    uint64_t term = append->previous_term.value;
    uint64_t reach = 0;
    for (uint32_t i = 0; i < append->count; i++) {
        const struct wire_entry *entry = append->entries[i];
        if (entry->index.value != append->previous_index.value + 1 + i ||
            entry->term.value < term || entry->term.value == 0 ||
            entry->term.value > append->term.value || entry->reach.value < reach) {
            return false;
        }
        term = entry->term.value;
        reach = entry->reach.value;
    }
    return reach <= RAFT_REACH_MAX;
}

/* Do the entries from first_new on continue our log? Reach goes on from the entry before,
 * configurations can be read. */
static bool raft_can_append(const struct raft *raft, const struct wire_append *append,
                            uint32_t first_new)
{
    const struct wire_entry *first = append->entries[first_new];
    kv_index before = {first->index.value - 1};
    bool good = first->reach.value >= raft_log_reach(&raft->log, before).value &&
                first->term.value >= raft_log_term(&raft->log, before).value;
    for (uint32_t i = first_new; i < append->count && good; i++) {
        struct wire_config config;
        good = append->entries[i]->kind != WIRE_ENTRY_CONFIG ||
               wire_config_decode(wire_entry_body(append->entries[i]), &config) == STATUS_OK;
    }
    return good;
}

static struct raft_append_plan raft_plan_append(struct raft *raft, const struct wire_append *append)
{
    const struct raft_log *log = &raft->log;
    struct raft_append_plan ignore = {RAFT_APPEND_IGNORE, append->count};
    struct raft_append_plan plan = {RAFT_APPEND_ACCEPT, append->count};
    kv_index previous = append->previous_index;
    if (!raft_is_append_sound(append)) {
        return ignore;
    }
    if (previous.value > log->last.value) {
        return (struct raft_append_plan){RAFT_APPEND_REJECT, append->count};
    }
    if (previous.value >= log->base.value &&
        raft_log_term(log, previous).value != append->previous_term.value) {
        return previous.value <= raft->commit.value
                   ? ignore
                   : (struct raft_append_plan){RAFT_APPEND_REJECT, append->count};
    }
    for (uint32_t i = 0; i < append->count && plan.first_new == append->count; i++) {
        kv_index index = append->entries[i]->index;
        if (index.value < log->base.value) {
            continue; /* committed, and in the snapshot */
        }
        if (index.value <= log->last.value &&
            raft_log_term(log, index).value == append->entries[i]->term.value) {
            continue; /* R3: the same entry */
        }
        if (index.value <= raft->commit.value) {
            return ignore; /* no leader can have another entry here (Leader Completeness) */
        }
        plan.first_new = i;
    }
    if (plan.first_new < append->count && !raft_can_append(raft, append, plan.first_new)) {
        return ignore;
    }
    return plan;
}

/* Where the leader should try next: the first of the entries that cannot be right before
 * previous_index. */
static void raft_send_reject(struct raft *raft, kv_node_id to, const struct wire_append *append)
{
    const struct raft_log *log = &raft->log;
    kv_index conflict = {log->last.value + 1};
    kv_term conflict_term = {0};
    if (append->previous_index.value <= log->last.value) {
        /* The leader's log has no term above previous_term there, and may have nothing of ours
         * of this term: skip all of ours that are of the conflicting term, or of any above the
         * leader's. */
        kv_term ours = raft_log_term(log, append->previous_index);
        kv_term below = ours.value > append->previous_term.value ? append->previous_term
                                                                 : (kv_term){ours.value - 1};
        conflict.value =
            raft_log_last_with_term_at_most(log, append->previous_index, below).value + 1;
        if (conflict.value <= raft->commit.value) {
            conflict.value = raft->commit.value + 1; /* up to there the logs are equal */
        }
        conflict_term = raft_log_term(log, conflict);
    }
    raft_emit_hard_state(raft);
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_APPEND_REPLY, to, raft->hard_sequence);
    message->as.append_reply = (struct wire_append_reply){.term = raft->term,
                                                          .success = false,
                                                          .conflict = conflict,
                                                          .conflict_term = conflict_term,
                                                          .round = append->round};
    RAFT_TRACE(raft, TRACE_DECISION,
               "append after (%llu, term %llu), last is %llu -> refuse, hint (%llu, term %llu)",
               (unsigned long long)append->previous_index.value,
               (unsigned long long)append->previous_term.value, (unsigned long long)log->last.value,
               (unsigned long long)conflict.value, (unsigned long long)conflict_term.value);
}

/* A leader of an older term learns the present one from this, even if it cannot be reached by a
 * vote request. */
static void raft_send_stale_reply(struct raft *raft, kv_node_id to, uint64_t round)
{
    struct wire_message *message =
        raft_emit_message(raft, WIRE_MESSAGE_APPEND_REPLY, to, raft->hard_sequence);
    message->as.append_reply = (struct wire_append_reply){.term = raft->term,
                                                          .success = false,
                                                          .conflict = {raft->log.last.value + 1},
                                                          .round = round};
}

static void raft_send_success(struct raft *raft, kv_node_id to, kv_index match, uint64_t round,
                              uint64_t after)
{
    raft_emit_hard_state(raft); /* the answer speaks in a term that must be durable first */
    uint64_t floor = raft->hard_sequence > raft->snapshot_sequence ? raft->hard_sequence
                                                                   : raft->snapshot_sequence;
    after = after > floor ? after : floor;
    KV_ASSERT(match.value <= raft->log.durable.value ||
              after >= raft_log_slot(&raft->log, match.value)->sequence); /* R7 */
    struct wire_message *message = raft_emit_message(raft, WIRE_MESSAGE_APPEND_REPLY, to, after);
    message->as.append_reply = (struct wire_append_reply){
        .term = raft->term, .success = true, .match = match, .round = round};
    RAFT_TRACE(raft, TRACE_DETAIL,
               "equal up to %llu, durable up to %llu, round %llu -> answer after record %llu",
               (unsigned long long)match.value, (unsigned long long)raft->log.durable.value,
               (unsigned long long)round, (unsigned long long)after);
}

void raft_answer_append(struct raft *raft, kv_node_id to, kv_index equal, uint64_t round,
                        bool always)
{
    /* What is committed is in every later leader's log, so it is equal whatever the message
     * said. */
    kv_index match = equal.value > raft->commit.value ? equal : raft->commit;
    bool durable = match.value <= raft->log.durable.value;
    bool new_round = round > raft->told_round;
    if (!always && !new_round && match.value <= raft->told_match.value) {
        return;
    }
    if (new_round && !durable) {
        raft_send_success(raft, to, raft->log.durable, round, 0 /* after */);
    }
    if (durable) {
        raft_send_success(raft, to, match, round, 0 /* after */);
    } else {
        raft_send_success(raft, to, match, round, raft_log_slot(&raft->log, match.value)->sequence);
    }
    raft->told_round = new_round ? round : raft->told_round;
    raft->told_match = match.value > raft->told_match.value ? match : raft->told_match;
}

static void raft_append_new(struct raft *raft, const struct wire_append *append, uint32_t first_new)
{
    kv_index first = append->entries[first_new]->index;
    if (first.value <= raft->log.last.value) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "entry %llu is of term %llu, leader's of term %llu -> truncate",
                   (unsigned long long)first.value,
                   (unsigned long long)raft_log_term(&raft->log, first).value,
                   (unsigned long long)append->entries[first_new]->term.value);
        raft_remove_suffix(raft, first);
    }
    for (uint32_t i = first_new; i < append->count; i++) {
        struct wire_entry *entry = append->entries[i];
        raft_append_entry(raft, entry);
        if (entry->kind == WIRE_ENTRY_CONFIG) {
            struct wire_config config;
            enum status status = wire_config_decode(wire_entry_body(entry), &config);
            KV_ASSERT(status == STATUS_OK); /* raft_can_append has tried it */
            raft_config_push(raft, entry->index, &config);
        }
    }
}

void raft_on_append(struct raft *raft, const struct wire_message *message)
{
    const struct wire_append *append = &message->as.append;
    kv_node_id from = message->from;
    if (raft_ignore_leader(raft, from, append->term)) {
        return;
    }
    if (append->term.value < raft->term.value) {
        RAFT_TRACE(raft, TRACE_DECISION, "append of old term %llu from %u -> say the present one",
                   (unsigned long long)append->term.value, from.value);
        raft_send_stale_reply(raft, from, append->round);
        return;
    }
    struct raft_append_plan plan = raft_plan_append(raft, append);
    if (plan.verdict == RAFT_APPEND_IGNORE) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "%u entries after (%llu, term %llu) from %u are malformed or contradict commit "
                   "%llu -> ignored",
                   append->count, (unsigned long long)append->previous_index.value,
                   (unsigned long long)append->previous_term.value, from.value,
                   (unsigned long long)raft->commit.value);
        return;
    }

    raft_follow(raft, append->term, from);
    if (plan.verdict == RAFT_APPEND_REJECT) {
        raft_send_reject(raft, from, append);
        raft->told_round = append->round > raft->told_round ? append->round : raft->told_round;
        return;
    }

    if (plan.first_new < append->count) {
        raft_append_new(raft, append, plan.first_new);
    }
    /* Only what this message has verified may be committed: behind it our log may still differ. */
    kv_index equal = {append->previous_index.value + append->count};
    kv_index commit = append->commit.value < equal.value ? append->commit : equal;
    if (commit.value > raft->commit.value) {
        RAFT_TRACE(raft, TRACE_DETAIL,
                   "leader has committed %llu, logs equal up to %llu -> commit %llu",
                   (unsigned long long)append->commit.value, (unsigned long long)equal.value,
                   (unsigned long long)commit.value);
        raft_set_commit(raft, commit);
    }

    raft_answer_append(raft, from, equal, append->round, append->count > 0 /* always */);
}
