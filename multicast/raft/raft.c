/* SPDX-License-Identifier: Apache-2.0 */
/* raft: life of the core, the switch over its events, and the questions it answers.
 *
 * 1. raft_restore rebuilds log, vote and configuration from the records of an earlier life; commit
 *    begins at the snapshot.
 * 2. raft_step runs one handler, writes term and vote if they changed, and checks the invariants.
 * 3. What a message does stands in raft_on_<message>.c; docs/protocol/raft.md numbers the steps. */
#include "multicast/raft/raft.h"

#include <stdio.h>
#include <string.h>

#include "multicast/raft/raft_internal.h"
#include "multicast/wire/codec.h"

struct raft *raft_new(const struct raft_settings *settings, kv_instant now)
{
    KV_ASSERT(settings->self.value != 0);
    KV_ASSERT(settings->heartbeat_us > 0);
    KV_ASSERT(settings->heartbeat_us <= settings->election_timeout_us / 3);
    KV_ASSERT(settings->news_us < settings->heartbeat_us);
    KV_ASSERT(settings->bootstrap.count == 0 || raft_config_is_valid(&settings->bootstrap));

    struct raft *raft = kv_alloc_zero(1, sizeof *raft);
    raft->settings = *settings;
    raft->now = now;
    raft->role = RAFT_LEARNER;
    raft->blank = settings->tag.value != 0;
    raft_log_init(&raft->log);
    /* Members often share one configured seed: their time-outs must differ all the same. */
    kv_prng_init(&raft->prng, settings->seed ^ ((uint64_t)settings->self.value << 16) ^
                                  ((uint64_t)settings->group.value << 32));
    raft_draw_patience(raft);
    raft_config_reset(raft, (kv_index){0}, &settings->bootstrap);
    raft_settle_role(raft);
    return raft;
}

void raft_destroy(struct raft **raft)
{
    if (*raft == NULL) {
        return;
    }
    raft_log_close(&(*raft)->log);
    kv_free((*raft)->configs);
    kv_free((*raft)->reads);
    kv_free(*raft);
    *raft = NULL;
}

static const char *raft_role_letter(const struct raft *raft)
{
    switch (raft->role) {
    case RAFT_FOLLOWER:
        return "f";
    case RAFT_CANDIDATE:
        return raft->pre ? "p" : "c";
    case RAFT_LEADER:
        return "L";
    case RAFT_LEARNER:
        return "l";
    }
    KV_UNREACHABLE();
}

const char *raft_trace_prefix(struct raft *raft)
{
    (void)snprintf(raft->trace_prefix, sizeof raft->trace_prefix, "[%6llu] %u/%u %s%llu",
                   (unsigned long long)raft->now.us, raft->settings.group.value,
                   raft->settings.self.value, raft_role_letter(raft),
                   (unsigned long long)raft->term.value);
    return raft->trace_prefix;
}

static enum status raft_restore_hard_state(struct raft *raft, const struct raft_persist *record)
{
    bool same_term = record->term.value == raft->term.value;
    if (record->term.value < raft->term.value || record->term.value > RAFT_TERM_MAX ||
        (same_term && raft->vote.value != 0 && !kv_node_equal(record->vote, raft->vote))) {
        return STATUS_CORRUPT;
    }
    raft->term = record->term;
    raft->vote = record->vote;
    raft->roll = record->roll;
    raft_roll_restore(raft);
    return STATUS_OK;
}

static enum status raft_restore_entry(struct raft *raft, struct wire_entry *entry)
{
    struct raft_log *log = &raft->log;
    struct wire_config config;
    if (entry->index.value <= log->base.value || entry->index.value > log->last.value + 1 ||
        entry->term.value > raft->term.value) {
        return STATUS_CORRUPT;
    }
    kv_index before = {entry->index.value - 1};
    if (entry->term.value < raft_log_term(log, before).value ||
        entry->reach.value < raft_log_reach(log, before).value) {
        return STATUS_CORRUPT;
    }
    if (entry->kind == WIRE_ENTRY_CONFIG &&
        wire_config_decode(wire_entry_body(entry), &config) != STATUS_OK) {
        return STATUS_CORRUPT;
    }
    if (entry->index.value <= log->last.value) {
        raft_remove_suffix(raft, entry->index);
    }
    raft_log_append(log, entry, 0 /* sequence */);
    raft->uncommitted_bytes += entry->body_size;
    if (entry->kind == WIRE_ENTRY_CONFIG) {
        raft_config_push(raft, entry->index, &config);
    }
    return STATUS_OK;
}

static enum status raft_restore_snapshot(struct raft *raft, const struct raft_persist *record)
{
    const struct raft_snapshot_point *point = &record->point;
    struct raft_log *log = &raft->log;
    if (point->index.value < log->base.value || point->index.value > RAFT_INDEX_MAX ||
        point->term.value > raft->term.value || !raft_config_is_valid(&point->config)) {
        return STATUS_CORRUPT;
    }
    bool in_log = point->index.value <= log->last.value;
    if (in_log && record->keeps_log &&
        (raft_log_term(log, point->index).value != point->term.value ||
         raft_log_reach(log, point->index).value != point->reach.value)) {
        return STATUS_CORRUPT;
    }
    if (in_log && record->keeps_log) {
        raft_config_drop_prefix(raft, point->index);
        raft->configs[0].config = point->config;
        raft_config_apply(raft);
        raft_log_drop_prefix(log, point->index, point->term, point->reach);
    } else {
        raft_log_reset(log, point->index, point->term, point->reach);
        raft_config_reset(raft, point->index, &point->config);
    }
    raft->commit = point->index;
    raft->uncommitted_bytes = 0;
    for (uint64_t i = log->base.value + 1; i <= log->last.value; i++) {
        raft->uncommitted_bytes += raft_log_entry(log, (kv_index){i})->body_size;
    }
    return STATUS_OK;
}

enum status raft_restore(struct raft *raft, const struct raft_persist *record)
{
    KV_ASSERT(raft->sequence == 0); /* before the first step */
    enum status status = STATUS_CORRUPT;
    raft->blank = false;
    switch (record->kind) {
    case RAFT_PERSIST_HARD_STATE:
        status = raft_restore_hard_state(raft, record);
        break;
    case RAFT_PERSIST_ENTRY:
        status = raft_restore_entry(raft, record->entry);
        break;
    case RAFT_PERSIST_SNAPSHOT:
        status = raft_restore_snapshot(raft, record);
        break;
    }
    raft_log_set_durable(&raft->log, 0 /* sequence */);
    raft_settle_role(raft);
    return status;
}

void raft_append_entry(struct raft *raft, struct wire_entry *entry)
{
    uint64_t sequence = raft_emit_entry(raft, entry);
    raft_log_append(&raft->log, entry, sequence);
    raft->uncommitted_bytes += entry->body_size;
}

void raft_remove_suffix(struct raft *raft, kv_index from)
{
    KV_ASSERT(from.value > raft->commit.value); /* what is committed stays */
    for (uint64_t i = from.value; i <= raft->log.last.value; i++) {
        raft->uncommitted_bytes -= raft_log_entry(&raft->log, (kv_index){i})->body_size;
    }
    raft_log_truncate(&raft->log, from);
    raft_config_truncate(raft, from);
    struct raft_effects *effects = raft->effects;
    if (effects != NULL &&
        (effects->truncated_from.value == 0 || effects->truncated_from.value > from.value)) {
        effects->truncated_from = from;
    }
}

void raft_set_commit(struct raft *raft, kv_index commit)
{
    KV_ASSERT(commit.value >= raft->commit.value && commit.value <= raft->log.last.value); /* R4 */
    for (uint64_t i = raft->commit.value + 1; i <= commit.value; i++) {
        raft->uncommitted_bytes -= raft_log_entry(&raft->log, (kv_index){i})->body_size;
    }
    bool settles = raft->configs[raft->config_count - 1].index.value > raft->commit.value;
    raft->commit = commit;
    if (settles) {
        raft_settle_role(raft); /* a removal may be final now */
    }
}

static enum status raft_on_propose(struct raft *raft, struct wire_entry *entry)
{
    KV_ASSERT(entry->kind != WIRE_ENTRY_NOOP && entry->kind != WIRE_ENTRY_CONFIG);
    if (raft->role != RAFT_LEADER || raft->transfer_target.value != 0) {
        return STATUS_NOT_LEADER;
    }
    if (raft->log.last.value - raft->commit.value >= KV_UNCOMMITTED_ENTRIES_MAX ||
        raft->uncommitted_bytes + entry->body_size > KV_UNCOMMITTED_BYTES_MAX) {
        RAFT_TRACE(raft, TRACE_DETAIL, "uncommitted entries %llu, bytes %llu -> full",
                   (unsigned long long)(raft->log.last.value - raft->commit.value),
                   (unsigned long long)raft->uncommitted_bytes);
        return STATUS_FULL;
    }
    entry->term = raft->term;
    entry->index.value = raft->log.last.value + 1;
    raft_append_entry(raft, entry);
    RAFT_TRACE(raft, TRACE_DETAIL, "%s -> append at %llu", wire_entry_kind_name(entry->kind),
               (unsigned long long)entry->index.value);
    return STATUS_OK;
}

static void raft_on_durable(struct raft *raft, uint64_t sequence)
{
    KV_ASSERT(sequence <= raft->sequence); /* the driver cannot have synced what it was not given */
    if (sequence <= raft->durable_sequence) {
        return;
    }
    raft->durable_sequence = sequence;
    raft_log_set_durable(&raft->log, sequence);
    if (raft->role == RAFT_CANDIDATE && !raft->pre) {
        raft_count_votes(raft); /* our own vote may count now */
    } else if (raft->role == RAFT_LEADER) {
        raft_maybe_commit(raft);
    }
}

static void raft_on_message(struct raft *raft, const struct wire_message *message)
{
    if (!kv_group_equal(message->group, raft->settings.group) ||
        !kv_node_equal(message->to, raft->settings.self) || message->from.value == 0 ||
        kv_node_equal(message->from, raft->settings.self)) {
        RAFT_TRACE(raft, TRACE_DECISION, "%s for %u/%u from %u -> not ours, ignored",
                   wire_message_kind_name(message->kind), message->group.value, message->to.value,
                   message->from.value);
        return;
    }
    if (raft->blank && raft_ignore_while_blank(raft, message)) {
        return;
    }
    switch (message->kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
        raft_on_vote_request(raft, message);
        return;
    case WIRE_MESSAGE_VOTE_REPLY:
        raft_on_vote_reply(raft, message);
        return;
    case WIRE_MESSAGE_APPEND:
        raft_on_append(raft, message);
        return;
    case WIRE_MESSAGE_APPEND_REPLY:
        raft_on_append_reply(raft, message);
        return;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        raft_on_snapshot_chunk(raft, message);
        return;
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
        raft_on_snapshot_reply(raft, message);
        return;
    case WIRE_MESSAGE_TIMEOUT_NOW:
        raft_on_timeout_now(raft, message);
        return;
    case WIRE_MESSAGE_ROLL_CALL:
        raft_on_roll_call(raft, message);
        return;
    case WIRE_MESSAGE_ROLL_REPLY:
        raft_on_roll_reply(raft, message);
        return;
    case WIRE_MESSAGE_ADMITTED:
        raft_on_admitted(raft, message);
        return;
    case WIRE_MESSAGE_SOFT:
    case WIRE_MESSAGE_FIX:
    case WIRE_MESSAGE_ACK:
    case WIRE_MESSAGE_DONE_REQUEST:
    case WIRE_MESSAGE_DONE:
    case WIRE_MESSAGE_FORGET:
    case WIRE_MESSAGE_ASK:
    case WIRE_MESSAGE_TELL:
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
    case WIRE_MESSAGE_HELLO:
    case WIRE_MESSAGE_WELCOME:
    case WIRE_MESSAGE_REQUEST:
    case WIRE_MESSAGE_REPLY:
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_REFUSAL:
        break;
    }
    RAFT_TRACE(raft, TRACE_DECISION, "%s from %u -> no message of this protocol, ignored",
               wire_message_kind_name(message->kind), message->from.value);
}

static enum status raft_dispatch(struct raft *raft, const struct raft_event *event)
{
    switch (event->kind) {
    case RAFT_EVENT_TICK:
        raft_on_tick(raft);
        return STATUS_OK;
    case RAFT_EVENT_MESSAGE:
        raft_on_message(raft, event->message);
        return STATUS_OK;
    case RAFT_EVENT_DURABLE:
        raft_on_durable(raft, event->sequence);
        return STATUS_OK;
    case RAFT_EVENT_PROPOSE:
        return raft_on_propose(raft, event->entry);
    case RAFT_EVENT_CHANGE:
        return raft_on_change(raft, event->config);
    case RAFT_EVENT_READ:
        return raft_on_read(raft, event->token);
    case RAFT_EVENT_TRANSFER:
        return raft_on_transfer(raft, event->node);
    case RAFT_EVENT_FLUSH:
        raft_flush(raft);
        return STATUS_OK;
    case RAFT_EVENT_SNAPSHOT_SAVED:
        raft_on_snapshot_saved(raft, event);
        return STATUS_OK;
    case RAFT_EVENT_SNAPSHOT_RECEIVED:
        raft_on_snapshot_received(raft, event);
        return STATUS_OK;
    case RAFT_EVENT_SNAPSHOT_INSTALLED:
        return raft_on_snapshot_installed(raft, event);
    }
    KV_UNREACHABLE();
}

enum status raft_step(struct raft *raft, const struct raft_event *event,
                      struct raft_effects *effects)
{
    struct raft_before before = raft_check_before(raft);
    raft->effects = effects;
    if (event->now.us > raft->now.us) {
        raft->now = event->now;
    }

    enum status status = raft_dispatch(raft, event);
    raft_emit_hard_state(raft);

    raft_check_step(raft, &before);
    if (raft->commit.value > before.commit.value) {
        effects->commit_advanced = true;
    }
    if (raft->role != before.role || raft->term.value != before.term.value ||
        !kv_node_equal(raft->leader, before.leader)) {
        effects->role_changed = true;
    }
    raft->effects = NULL;
    return status;
}

kv_instant raft_deadline(const struct raft *raft)
{
    return raft->role == RAFT_LEADER ? raft_replicate_deadline(raft) : raft_election_deadline(raft);
}

enum raft_role raft_role(const struct raft *raft)
{
    return raft->role;
}

kv_term raft_term(const struct raft *raft)
{
    return raft->term;
}

kv_node_id raft_vote(const struct raft *raft)
{
    return raft->vote;
}

const struct raft_roll *raft_roll(const struct raft *raft)
{
    return &raft->roll;
}

bool raft_is_blank(const struct raft *raft)
{
    return raft->blank;
}

kv_node_id raft_leader(const struct raft *raft)
{
    return raft->leader;
}

kv_index raft_commit(const struct raft *raft)
{
    return raft->commit;
}

kv_index raft_last(const struct raft *raft)
{
    return raft->log.last;
}

kv_index raft_snapshot_index(const struct raft *raft)
{
    return raft->log.base;
}

kv_clock raft_tail_reach(const struct raft *raft)
{
    return raft_log_reach(&raft->log, raft->log.last);
}

uint64_t raft_persist_sequence(const struct raft *raft)
{
    return raft->sequence;
}

const struct wire_config *raft_config(const struct raft *raft)
{
    return &raft->configs[raft->config_count - 1].config;
}

bool raft_config_is_settled(const struct raft *raft)
{
    return raft->configs[raft->config_count - 1].index.value <= raft->commit.value;
}

bool raft_can_serve(const struct raft *raft)
{
    return raft->role == RAFT_LEADER && raft->commit.value >= raft->term_start.value;
}

bool raft_is_sending_snapshot(const struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count && raft->role == RAFT_LEADER; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (peer->progress == RAFT_PROGRESS_SNAPSHOT &&
            !kv_instant_reached(kv_instant_add(peer->heard_at, raft->settings.election_timeout_us),
                                raft->now)) {
            return true;
        }
    }
    return false;
}

struct wire_entry *raft_entry(const struct raft *raft, kv_index index)
{
    return index.value > raft->log.base.value && index.value <= raft->log.last.value
               ? raft_log_entry(&raft->log, index)
               : NULL;
}

struct raft_snapshot_point raft_snapshot_point_at(const struct raft *raft, kv_index index)
{
    KV_ASSERT(index.value > raft->log.base.value && index.value <= raft->commit.value);
    uint32_t position = raft->config_count - 1;
    while (raft->configs[position].index.value > index.value) {
        position--; /* ends at the first one, whose index is at most the snapshot's */
    }
    return (struct raft_snapshot_point){.index = index,
                                        .term = raft_log_term(&raft->log, index),
                                        .reach = raft_log_reach(&raft->log, index),
                                        .config = raft->configs[position].config};
}
