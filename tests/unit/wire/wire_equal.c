/* SPDX-License-Identifier: Apache-2.0 */
/* wire_equal: compares structs field by field, written out so that a field the codec forgets
 * shows. */
#include "tests/unit/wire/wire_random.h"

#define SAME(field)           (a->field == b->field)
#define SAME_ID(field)        (kv_message_id_equal(a->field, b->field))
#define SAME_TIMESTAMP(field) (kv_timestamp_compare(a->field, b->field) == 0)
#define SAME_BYTES(field)     (kv_slice_equal(a->field, b->field))

bool wire_config_equal(const struct wire_config *a, const struct wire_config *b)
{
    bool same = SAME(count);
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = SAME(members[i].node.value) && SAME(members[i].voter);
    }
    return same;
}

bool wire_entry_equal(const struct wire_entry *a, const struct wire_entry *b)
{
    return SAME(kind) && SAME(term.value) && SAME(index.value) && SAME(reach.value) &&
           SAME_TIMESTAMP(timestamp) && SAME_ID(id) && SAME(destinations.bits) && SAME(floor) &&
           SAME(source.value) && SAME(oracle.value) &&
           kv_slice_equal(wire_entry_body(a), wire_entry_body(b));
}

static bool equal_vote_request(const struct wire_vote_request *a, const struct wire_vote_request *b)
{
    return SAME(term.value) && SAME(last_index.value) && SAME(last_term.value) && SAME(pre) &&
           SAME(transfer);
}

static bool equal_vote_reply(const struct wire_vote_reply *a, const struct wire_vote_reply *b)
{
    return SAME(term.value) && SAME(pre) && SAME(granted);
}

static bool equal_append(const struct wire_append *a, const struct wire_append *b)
{
    bool same = SAME(term.value) && SAME(previous_index.value) && SAME(previous_term.value) &&
                SAME(commit.value) && SAME(round) && SAME(count);
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = wire_entry_equal(a->entries[i], b->entries[i]);
    }
    return same;
}

static bool equal_append_reply(const struct wire_append_reply *a, const struct wire_append_reply *b)
{
    return SAME(term.value) && SAME(success) && SAME(match.value) && SAME(conflict.value) &&
           SAME(conflict_term.value) && SAME(round);
}

static bool equal_snapshot_chunk(const struct wire_snapshot_chunk *a,
                                 const struct wire_snapshot_chunk *b)
{
    return SAME(term.value) && SAME(index.value) && SAME(index_term.value) && SAME(reach.value) &&
           wire_config_equal(&a->config, &b->config) && SAME(total) && SAME(digest) &&
           SAME(offset) && SAME_BYTES(bytes) && SAME(round);
}

static bool equal_snapshot_reply(const struct wire_snapshot_reply *a,
                                 const struct wire_snapshot_reply *b)
{
    return SAME(term.value) && SAME(index.value) && SAME(received) && SAME(round);
}

static bool equal_timeout_now(const struct wire_timeout_now *a, const struct wire_timeout_now *b)
{
    return SAME(term.value);
}

static bool equal_roll_call(const struct wire_roll_call *a, const struct wire_roll_call *b)
{
    return SAME(tag.value) && SAME(term.value);
}

static bool equal_roll_reply(const struct wire_roll_reply *a, const struct wire_roll_reply *b)
{
    bool same = SAME(founders.count);
    for (uint32_t i = 0; same && i < a->founders.count; i++) {
        same = SAME(founders.members[i].node.value) && SAME(founders.members[i].tag.value);
    }
    return same && SAME(tag.value) && SAME(asked.value) && SAME(state) && SAME(term.value) &&
           SAME(leader.value);
}

static bool equal_admitted(const struct wire_admitted *a, const struct wire_admitted *b)
{
    return SAME(tag.value) && SAME(term.value) && SAME(index.value);
}

#define SAME_SPEAKER                                                                               \
    (SAME(speaker.group.value) && SAME(speaker.term.value) && SAME(speaker.leader.value))

static bool equal_soft(const struct wire_soft *a, const struct wire_soft *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME(destinations.bits) && SAME(floor) &&
           SAME_TIMESTAMP(lts) && SAME(now.value) && SAME(oracle.value) && SAME_BYTES(body);
}

static bool equal_fix(const struct wire_fix *a, const struct wire_fix *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME_TIMESTAMP(lts);
}

static bool equal_ack(const struct wire_ack *a, const struct wire_ack *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME_TIMESTAMP(lts) && SAME(index.value) &&
           SAME(config_digest);
}

static bool equal_done_request(const struct wire_done_request *a, const struct wire_done_request *b)
{
    return SAME_SPEAKER && SAME_ID(id);
}

static bool equal_done(const struct wire_done *a, const struct wire_done *b)
{
    return SAME_SPEAKER && SAME_ID(id);
}

static bool equal_forget(const struct wire_forget *a, const struct wire_forget *b)
{
    return SAME_SPEAKER && SAME_ID(id);
}

static bool equal_ask(const struct wire_ask *a, const struct wire_ask *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME(nonce);
}

static bool equal_tell(const struct wire_tell *a, const struct wire_tell *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME(nonce) && SAME(unresolved);
}

static bool equal_signal(const struct wire_signal *a, const struct wire_signal *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME_TIMESTAMP(timestamp) && SAME(verdict) &&
           SAME_BYTES(payload);
}

static bool equal_signal_request(const struct wire_signal_request *a,
                                 const struct wire_signal_request *b)
{
    return SAME_SPEAKER && SAME_ID(id);
}

static bool equal_signal_ack(const struct wire_signal_ack *a, const struct wire_signal_ack *b)
{
    return SAME_SPEAKER && SAME_ID(id);
}

static bool equal_forward(const struct wire_forward *a, const struct wire_forward *b)
{
    return SAME_SPEAKER && SAME_ID(id) && SAME(destinations.bits) && SAME_BYTES(body);
}

static bool equal_hello(const struct wire_hello *a, const struct wire_hello *b)
{
    return SAME(version_min) && SAME(version_max);
}

static bool equal_welcome(const struct wire_welcome *a, const struct wire_welcome *b)
{
    bool same = SAME(version) && SAME_BYTES(cluster_name) && SAME(map_version) &&
                SAME(partitions) && SAME(node_count) && SAME(group_count) && SAME(key_bytes_max) &&
                SAME(value_bytes_max) && SAME(command_keys_max) && SAME(session_outstanding_max);
    for (uint32_t i = 0; same && i < a->node_count; i++) {
        same = SAME(nodes[i].node.value) && SAME_BYTES(nodes[i].endpoint);
    }
    for (uint32_t i = 0; same && i < a->group_count; i++) {
        same = SAME(groups[i].group.value) && SAME(groups[i].leader.value) &&
               wire_config_equal(&a->groups[i].config, &b->groups[i].config);
    }
    return same;
}

static bool equal_request(const struct wire_request *a, const struct wire_request *b)
{
    return SAME_ID(id) && SAME(mode) && SAME(destinations.bits) && SAME(floor) && SAME(budget_ms) &&
           SAME_BYTES(body);
}

static bool equal_reply(const struct wire_reply *a, const struct wire_reply *b)
{
    return SAME_ID(id) && SAME(outcome) && SAME(leader.value) && SAME_TIMESTAMP(timestamp) &&
           SAME(index.value) && SAME_BYTES(body);
}

static bool equal_status_request(const struct wire_status_request *a,
                                 const struct wire_status_request *b)
{
    return SAME(detail);
}

static bool equal_workers_reply(const struct wire_workers_reply *a,
                                const struct wire_workers_reply *b)
{
    return SAME(workers) && SAME(automatic) && SAME(state) && SAME(jobs) && SAME(out) &&
           SAME(wait_us) && SAME(work_us);
}

static bool equal_status_reply(const struct wire_status_reply *a, const struct wire_status_reply *b)
{
    bool same = SAME(node.value) && SAME(uptime_ms) && SAME(log_syncs) && SAME(log_bytes) &&
                SAME(frames_dropped) && SAME(disk_free) && SAME(no_space) && SAME(member_count) &&
                equal_workers_reply(&a->workers, &b->workers);
    for (uint32_t i = 0; same && i < a->member_count; i++) {
        same = SAME(members[i].group.value) && SAME(members[i].role) &&
               SAME(members[i].term.value) && SAME(members[i].leader.value) &&
               SAME(members[i].last.value) && SAME(members[i].commit.value) &&
               SAME(members[i].applied.value) && SAME(members[i].delivered) &&
               SAME(members[i].digest) && SAME(members[i].keys) && SAME(members[i].sessions) &&
               SAME(members[i].commands) && SAME(members[i].reads) &&
               SAME(members[i].checkpoint.value);
    }
    return same;
}

static bool equal_transfer_request(const struct wire_transfer_request *a,
                                   const struct wire_transfer_request *b)
{
    return SAME(target.value);
}

static bool equal_backup_request(const struct wire_backup_request *a,
                                 const struct wire_backup_request *b)
{
    return a->step == b->step && a->cut == b->cut && a->offset == b->offset;
}

static bool equal_backup_reply(const struct wire_backup_reply *a, const struct wire_backup_reply *b)
{
    return a->state == b->state && kv_timestamp_compare(a->cut, b->cut) == 0 &&
           a->total == b->total && a->digest == b->digest && a->offset == b->offset &&
           kv_slice_equal(a->bytes, b->bytes);
}

static bool equal_transfer_reply(const struct wire_transfer_reply *a,
                                 const struct wire_transfer_reply *b)
{
    return SAME(started) && SAME(leader.value);
}

static bool equal_workers_request(const struct wire_workers_request *a,
                                  const struct wire_workers_request *b)
{
    return SAME(change) && SAME(workers);
}

static bool equal_watch_request(const struct wire_watch_request *a,
                                const struct wire_watch_request *b)
{
    return SAME(number) && SAME_BYTES(prefix) && SAME(from) && SAME(bytes);
}

static bool equal_watch_reply(const struct wire_watch_reply *a, const struct wire_watch_reply *b)
{
    return SAME(number) && SAME(state) && SAME(first) && SAME(next) && SAME_BYTES(changes);
}

static bool equal_checkpoint_request(const struct wire_checkpoint_request *a,
                                     const struct wire_checkpoint_request *b)
{
    return SAME(detail);
}

static bool equal_checkpoint_reply(const struct wire_checkpoint_reply *a,
                                   const struct wire_checkpoint_reply *b)
{
    return SAME(members);
}

static bool equal_compare(const struct wire_compare *a, const struct wire_compare *b)
{
    bool same = SAME(count);
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = SAME(samples[i].position) && SAME(samples[i].digest);
    }
    return same;
}

static bool equal_refusal(const struct wire_refusal *a, const struct wire_refusal *b)
{
    return SAME(reason) && SAME(version_min) && SAME(version_max) && SAME_BYTES(text);
}

bool wire_message_equal(const struct wire_message *a, const struct wire_message *b)
{
    if (!SAME(kind) || !SAME(group.value) || !SAME(from.value) || !SAME(to.value)) {
        return false;
    }
    switch (a->kind) {
#define X(NAME, name, number, from, to, purpose)                                                   \
    case WIRE_MESSAGE_##NAME:                                                                      \
        return equal_##name(&a->as.name, &b->as.name);
        WIRE_MESSAGE_MAP(X)
#undef X
    }
    return false;
}

static bool equal_step(const struct wire_step *a, const struct wire_step *b)
{
    return SAME(kind) && SAME(key) && SAME_BYTES(value) && SAME_BYTES(expected) && SAME(number);
}

bool wire_command_equal(const struct wire_command *a, const struct wire_command *b)
{
    bool same = SAME(op) && SAME(key_count) && SAME(value_count) && SAME(number) && SAME(limit) &&
                SAME(exec) && SAME(policy) && SAME(target.value) && SAME(owner_count) &&
                SAME(token.clock.value) && SAME(token.group.value) && SAME(session.clock.value) &&
                SAME(session.group.value) && SAME(no_wait) && SAME(shared) && SAME(ttl_ms) &&
                SAME(guard_count) && SAME(branch_count[0]) && SAME(branch_count[1]);
    for (uint32_t i = 0; same && i < a->owner_count; i++) {
        same = SAME(owners[i]);
    }
    const uint32_t steps = a->guard_count + a->branch_count[0] + a->branch_count[1];
    for (uint32_t i = 0; same && i < steps; i++) {
        same = equal_step(&a->steps[i], &b->steps[i]);
    }
    for (uint32_t i = 0; same && steps > 0 && i < a->key_count; i++) {
        same = SAME(uses[i]);
    }
    for (uint32_t i = 0; same && i < a->key_count; i++) {
        same = SAME_BYTES(keys[i]);
    }
    for (uint32_t i = 0; same && i < a->value_count; i++) {
        same = SAME_BYTES(values[i]);
    }
    return same;
}

static bool equal_place(const struct wire_place *a, const struct wire_place *b)
{
    return SAME(key) && SAME(verdict) && SAME(group.value) && SAME_TIMESTAMP(version);
}

bool wire_answer_equal(const struct wire_answer *a, const struct wire_answer *b)
{
    bool same = SAME(verdict) && SAME(number) && SAME(row_count) && SAME(more) && SAME(hint) &&
                SAME(place_count);
    for (uint32_t i = 0; same && i < a->place_count; i++) {
        same = equal_place(&a->places[i], &b->places[i]);
    }
    for (uint32_t i = 0; same && i < a->row_count; i++) {
        same = SAME_BYTES(rows[i].key) && SAME(rows[i].present) && SAME_BYTES(rows[i].value);
    }
    return same;
}
