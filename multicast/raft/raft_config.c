/* SPDX-License-Identifier: Apache-2.0 */
/* raft_config: who the members are. [Raft thesis 4.1, 4.2.1]
 *
 * 1. A configuration is in force from the moment its entry is in the log, and no longer once that
 *    entry is truncated; so all configurations of the log are kept, oldest first, on top of the one
 *    of the snapshot (or the bootstrap).
 * 2. One voter more or less per change: any majority of the old voters meets any majority of the
 *    new ones. Learners count nowhere, so any number of them may come and go in the same change.
 * 3. A change waits until the leader has committed an entry of its own term, or a deposed
 *    leader's uncommitted change and ours could both win majorities that do not meet (the
 *    correction to the thesis by Ongaro, raft-dev 2015). */
#include <string.h>

#include "multicast/raft/raft_internal.h"
#include "multicast/wire/codec.h"

bool raft_config_is_valid(const struct wire_config *config)
{
    bool has_voter = false;
    if (config->count == 0 || config->count > KV_MEMBERS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        uint16_t node = config->members[i].node.value;
        if (node == 0 || node > KV_NODES_MAX) {
            return false;
        }
        has_voter = has_voter || config->members[i].voter;
        for (uint32_t j = 0; j < i; j++) {
            if (kv_node_equal(config->members[i].node, config->members[j].node)) {
                return false;
            }
        }
    }
    return has_voter;
}

struct raft_peer *raft_find_peer(struct raft *raft, kv_node_id node)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (kv_node_equal(raft->peers[i].node, node)) {
            return &raft->peers[i];
        }
    }
    return NULL;
}

void raft_config_apply(struct raft *raft)
{
    const struct wire_config *config = raft_config(raft);
    struct raft_peer old[KV_MEMBERS_MAX];
    uint32_t old_count = raft->peer_count;
    memcpy(old, raft->peers, sizeof old);
    raft->peer_count = config->count;
    raft->self_position = -1;
    for (uint32_t i = 0; i < config->count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        bool known = false;
        for (uint32_t j = 0; j < old_count && !known; j++) {
            if (kv_node_equal(old[j].node, config->members[i].node)) {
                *peer = old[j];
                known = true;
            }
        }
        if (!known) {
            *peer = (struct raft_peer){.node = config->members[i].node};
            raft_peer_begin(raft, peer);
        }
        peer->voter = config->members[i].voter;
        if (kv_node_equal(peer->node, raft->settings.self)) {
            raft->self_position = (int)i;
        }
    }
    raft_settle_role(raft);
}

void raft_config_push(struct raft *raft, kv_index index, const struct wire_config *config)
{
    if (raft->config_count == raft->config_capacity) {
        raft->config_capacity = raft->config_capacity == 0 ? 4 : raft->config_capacity * 2;
        raft->configs = kv_realloc(raft->configs, raft->config_capacity * sizeof *raft->configs);
    }
    raft->configs[raft->config_count++] = (struct raft_config_point){index, *config};
    raft_config_apply(raft);
}

void raft_config_truncate(struct raft *raft, kv_index from)
{
    uint32_t count = raft->config_count;
    while (count > 1 && raft->configs[count - 1].index.value >= from.value) {
        count--;
    }
    if (count != raft->config_count) {
        raft->config_count = count;
        RAFT_TRACE(raft, TRACE_DECISION,
                   "log truncated from %llu -> configuration of %llu is in force again",
                   (unsigned long long)from.value,
                   (unsigned long long)raft->configs[count - 1].index.value);
        raft_config_apply(raft);
    }
}

void raft_config_drop_prefix(struct raft *raft, kv_index index)
{
    uint32_t first = 0;
    while (first + 1 < raft->config_count && raft->configs[first + 1].index.value <= index.value) {
        first++;
    }
    memmove(raft->configs, raft->configs + first,
            (raft->config_count - first) * sizeof *raft->configs);
    raft->config_count -= first;
}

void raft_config_reset(struct raft *raft, kv_index index, const struct wire_config *config)
{
    raft->config_count = 0;
    raft_config_push(raft, index, config);
}

/* Voters that are in one of the two configurations only. */
static uint32_t raft_config_distance(const struct wire_config *a, const struct wire_config *b)
{
    uint32_t distance = 0;
    const struct wire_config *sides[2][2] = {{a, b}, {b, a}};
    for (int side = 0; side < 2; side++) {
        const struct wire_config *here = sides[side][0];
        const struct wire_config *there = sides[side][1];
        for (uint32_t i = 0; i < here->count; i++) {
            bool in_both = !here->members[i].voter;
            for (uint32_t j = 0; j < there->count; j++) {
                in_both = in_both || (there->members[j].voter &&
                                      kv_node_equal(there->members[j].node, here->members[i].node));
            }
            distance += in_both ? 0 : 1;
        }
    }
    return distance;
}

/* A learner that is to vote has the configuration in force, and so the one that admitted it: without that it would vote for nobody (R11), and
 * its majority would have one less than it seems. */
static bool raft_learners_are_ready(struct raft *raft, const struct wire_config *config)
{
    const kv_index in_force = raft->configs[raft->config_count - 1].index;
    for (uint32_t i = 0; i < config->count; i++) {
        const struct raft_peer *peer = raft_find_peer(raft, config->members[i].node);
        if (config->members[i].voter && peer != NULL && !peer->voter &&
            !kv_node_equal(peer->node, raft->settings.self) && peer->match.value < in_force.value) {
            RAFT_TRACE(raft, TRACE_DECISION, "%u has up to %llu of %llu -> no voter yet, refused",
                       peer->node.value, (unsigned long long)peer->match.value,
                       (unsigned long long)in_force.value);
            return false;
        }
    }
    return true;
}

enum status raft_on_change(struct raft *raft, const struct wire_config *config)
{
    if (raft->role != RAFT_LEADER || raft->transfer_target.value != 0) {
        return STATUS_NOT_LEADER;
    }
    if (!raft_config_is_valid(config) || raft_config_distance(config, raft_config(raft)) > 1) {
        RAFT_TRACE(raft, TRACE_DECISION, "change by more than one voter, or malformed -> refused");
        return STATUS_INVALID;
    }
    if (!raft_can_serve(raft) ||
        raft->configs[raft->config_count - 1].index.value > raft->commit.value) {
        RAFT_TRACE(raft, TRACE_DECISION,
                   "commit %llu, own term begins at %llu, last change at %llu -> refused: open",
                   (unsigned long long)raft->commit.value,
                   (unsigned long long)raft->term_start.value,
                   (unsigned long long)raft->configs[raft->config_count - 1].index.value);
        return STATUS_FULL;
    }
    if (!raft_learners_are_ready(raft, config)) {
        return STATUS_FULL;
    }

    struct kv_buffer body = {0};
    wire_config_encode(config, &body);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CONFIG, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    entry->term = raft->term;
    entry->index.value = raft->log.last.value + 1;
    entry->reach = raft_log_reach(&raft->log, raft->log.last);
    raft_append_entry(raft, entry);
    raft_config_push(raft, entry->index, config);
    RAFT_TRACE(raft, TRACE_DECISION, "one step to %u members -> configuration %llu is in force",
               config->count, (unsigned long long)entry->index.value);
    wire_entry_drop(&entry);

    /* Fewer voters may need less for a majority. */
    raft_maybe_commit(raft);
    return STATUS_OK;
}

void raft_config_committed(struct raft *raft)
{
    const struct raft_config_point *current = &raft->configs[raft->config_count - 1];
    if (raft->role != RAFT_LEADER || raft_is_voter(raft) ||
        current->index.value > raft->commit.value) {
        return;
    }
    /* [Raft thesis 4.2.2] The leader has managed the group without counting itself; now it is no
     * member. DEVIATION: it asks the best voter to take over at once, which saves the group the
     * election timeout. */
    RAFT_TRACE(raft, TRACE_DECISION,
               "configuration %llu without this member is committed -> step down",
               (unsigned long long)current->index.value);
    struct raft_peer *successor = raft_best_successor(raft);
    raft_flush(raft); /* the commit index, before the leadership goes */
    if (successor != NULL) {
        raft_send_timeout_now(raft, successor->node);
    }
    raft_become_follower(raft, raft->term, KV_NODE_NONE);
}
