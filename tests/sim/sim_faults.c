/* SPDX-License-Identifier: Apache-2.0 */
/* sim_faults: see the header. */
#include "tests/sim/sim_faults.h"

#include <inttypes.h>

#include "multicast/base/assert.h"

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return kv_prng_below(&sim->faults, bound);
}

static struct sim_node *any_node(struct sim *sim)
{
    return &sim->nodes[1 + below(sim, sim->parameters.nodes)];
}

/* A node that leads a random group, or NULL. */
static struct sim_node *any_leader(struct sim *sim, struct sim_member **ret)
{
    uint64_t group = below(sim, sim->parameters.partitions + 1);
    for (uint64_t n = 1; n <= sim->parameters.nodes; n++) {
        struct sim_node *node = &sim->nodes[n];
        struct sim_member *member = &node->members[group];
        if (node->state == SIM_NODE_UP && member->order != NULL &&
            raft_role(order_raft(member->order)) == RAFT_LEADER) {
            *ret = member;
            return node;
        }
    }
    return NULL;
}

/* ---- Links ---- */

/* Clients hang on the first endpoints behind SIM_ENDPOINT_CLIENT and are cut like nodes. */
static uint32_t endpoint_count(const struct sim *sim)
{
    return (uint32_t)(sim->parameters.nodes + sim->parameters.clients);
}

static uint32_t endpoint(const struct sim *sim, uint32_t n)
{
    return n < sim->parameters.nodes ? n + 1
                                     : SIM_ENDPOINT_CLIENT + n - (uint32_t)sim->parameters.nodes;
}

static void mend(struct sim *sim)
{
    for (uint32_t n = 0; n < SIM_ENDPOINTS_MAX; n++) {
        sim->net.cut[n] = 0;
    }
}

static void cut_two_sides(struct sim *sim)
{
    uint64_t side = kv_prng_next(&sim->faults);
    SIM_TRACE(sim, "fault: two sides, nodes of one side %" PRIx64, side & 31);
    for (uint32_t a = 0; a < endpoint_count(sim); a++) {
        for (uint32_t b = 0; b < endpoint_count(sim); b++) {
            if (((side >> a) & 1) != ((side >> b) & 1)) {
                sim_net_set_cut(&sim->net, endpoint(sim, a), endpoint(sim, b), true);
            }
        }
    }
}

static void cut_one_way(struct sim *sim)
{
    SIM_TRACE(sim, "fault: single directions of links are cut");
    for (uint32_t a = 0; a < endpoint_count(sim); a++) {
        for (uint32_t b = 0; b < sim->parameters.nodes; b++) {
            if (a != b && kv_prng_chance(&sim->faults, 1, 3)) {
                sim_net_set_cut(&sim->net, endpoint(sim, a), endpoint(sim, b), true);
            }
        }
    }
}

/* From the nodes only: clients still reach the leader that nobody follows, which is the dangerous
 * case. */
static void isolate_leader(struct sim *sim)
{
    struct sim_member *member = NULL;
    struct sim_node *leader = any_leader(sim, &member);
    if (leader == NULL) {
        return;
    }
    bool hears = below(sim, 3) == 0;
    bool speaks = !hears && below(sim, 3) == 0;
    SIM_TRACE(sim, "fault: node %u is cut off%s%s", leader->id.value, hears ? ", but hears" : "",
              speaks ? ", but speaks" : "");
    for (uint32_t n = 1; n <= sim->parameters.nodes; n++) {
        if (n != leader->id.value) {
            sim_net_set_cut(&sim->net, leader->id.value, n, !speaks);
            sim_net_set_cut(&sim->net, n, leader->id.value, !hears);
        }
    }
}

static void cut_bridge(struct sim *sim)
{
    uint32_t a = any_node(sim)->id.value;
    uint32_t b = any_node(sim)->id.value;
    if (a != b) {
        SIM_TRACE(sim, "fault: nodes %u and %u cannot talk", a, b);
        sim_net_set_cut(&sim->net, a, b, true);
        sim_net_set_cut(&sim->net, b, a, true);
    }
}

static void cut(struct sim *sim, void (*how)(struct sim *))
{
    how(sim);
    sim->counters.cuts++;
    sim->cut_number++;
    if (sim->parameters.flap_us > 0) {
        sim_queue_push(&sim->queue,
                       (struct sim_event){.at = sim->now + below(sim, sim->parameters.flap_us),
                                          .kind = SIM_EVENT_MEND,
                                          .number = sim->cut_number});
    }
}

void sim_faults_on_mend(struct sim *sim, uint64_t number)
{
    if (number == sim->cut_number) {
        mend(sim);
    }
}

/* ---- Nodes ---- */

static void crash(struct sim *sim, struct sim_node *node)
{
    if (node->state == SIM_NODE_DOWN) {
        return;
    }
    sim_node_crash(sim, node);
    sim_queue_push(&sim->queue,
                   (struct sim_event){.at = sim->now + below(sim, sim->parameters.down_us_max + 1),
                                      .kind = SIM_EVENT_RESTART,
                                      .actor = node->id.value,
                                      .number = node->incarnation});
}

/* At once, or in the middle of the node's next sync: at a random moment there is rarely something
 * to lose. */
static void crash_soon(struct sim *sim, struct sim_node *node)
{
    if (kv_prng_chance(&sim->faults, 1, 2)) {
        node->doomed = true;
    } else {
        crash(sim, node);
    }
}

void sim_faults_on_crash(struct sim *sim, struct sim_node *node, uint64_t number)
{
    if (node->incarnation == number && !sim->healed) {
        crash(sim, node);
    } else if (node->incarnation == number) {
        sim_node_on_synced(sim, node);
    }
}

static void crash_all(struct sim *sim)
{
    for (uint32_t n = 1; n <= sim->parameters.nodes; n++) {
        crash(sim, &sim->nodes[n]);
    }
}

/* Whether the member has learned of a configuration that was made behind the emptying: that it was a voter is in older ones, too,
 * which it may have got with a snapshot. */
static bool knows_readmission(const struct sim *sim, uint64_t group, const struct raft *raft)
{
    const struct check_raft *check = &sim->raft[group];
    bool knows = raft_roll(raft)->origin == RAFT_ORIGIN_FOUNDED;
    for (uint64_t i = sim->emptied_at[group]; i < raft_commit(raft).value && i < check->count;
         i++) {
        knows = knows || check->committed[i].kind == WIRE_ENTRY_CONFIG;
    }
    return knows;
}

/* Whether the node is a voter of all of its groups that remembers. */
static bool is_back(const struct sim *sim, const struct sim_node *node)
{
    bool back = node->state != SIM_NODE_DOWN;
    for (uint64_t group = 0; back && group <= sim->parameters.partitions; group++) {
        const struct order *order = node->members[group].order;
        if (order == NULL) {
            continue;
        }
        const struct raft *raft = order_raft(order);
        const struct wire_config *config = raft_config(raft);
        back = !raft_is_blank(raft) && raft_config_is_settled(raft) &&
               knows_readmission(sim, group, raft);
        for (uint32_t i = 0; i < config->count; i++) {
            back = back &&
                   (config->members[i].voter || !kv_node_equal(config->members[i].node, node->id));
        }
    }
    return back;
}

/* Never more than a minority of any group at a time: one node, and none in groups of one or two. */
static void empty_disk(struct sim *sim, struct sim_node *node)
{
    if (sim->parameters.members < 3 ||
        (sim->emptied.value != 0 && !is_back(sim, &sim->nodes[sim->emptied.value]))) {
        return;
    }
    crash(sim, node);
    sim_disk_empty(&node->disk, kv_prng_next(&sim->faults) | 1);
    sim->emptied = node->id;
    sim->counters.emptied++;
    for (uint64_t group = 0; group <= sim->parameters.partitions; group++) {
        sim->emptied_at[group] = sim->raft[group].count;
        check_raft_emptied(&sim->raft[group], node->id);
    }
    SIM_TRACE(sim, "fault: the disk of node %u is emptied", node->id.value);
}

static void pause_node(struct sim *sim, struct sim_node *node)
{
    if (node->state != SIM_NODE_UP) {
        return;
    }
    uint64_t until = sim->now + below(sim, sim->parameters.pause_us_max + 1);
    sim_node_pause(sim, node, until);
    sim_queue_push(&sim->queue, (struct sim_event){.at = until,
                                                   .kind = SIM_EVENT_RESUME,
                                                   .actor = node->id.value,
                                                   .number = node->incarnation});
}

/* Slow or healthy again. */
static void change_disk(struct sim *sim, struct sim_node *node)
{
    bool slow = kv_prng_chance(&sim->faults, 1, 2);
    node->sync_us_max =
        slow ? 1 + below(sim, sim->parameters.slow_sync_us_max) : sim->parameters.sync_us_max;
    SIM_TRACE(sim, "fault: node %u syncs in up to %" PRIu64 " us", node->id.value,
              node->sync_us_max);
}

static void jump_clock(struct sim *sim, struct sim_node *node)
{
    int64_t hour = INT64_C(3600000000);
    node->wall_offset_us = (int64_t)below(sim, (uint64_t)(2 * hour)) - hour;
    SIM_TRACE(sim, "fault: the wall clock of node %u is off by %" PRId64 " us", node->id.value,
              node->wall_offset_us);
}

void sim_faults_on_restart(struct sim *sim, struct sim_node *node, uint64_t number)
{
    if (node->state == SIM_NODE_DOWN && node->incarnation == number) {
        sim_node_restart(sim, node);
    }
}

void sim_faults_on_resume(struct sim *sim, struct sim_node *node, uint64_t number)
{
    if (node->state == SIM_NODE_PAUSED && node->incarnation == number) {
        sim_node_resume(sim, node);
    }
}

/* ---- Operators ---- */

static void transfer(struct sim *sim)
{
    struct sim_member *member = NULL;
    struct sim_node *leader = any_leader(sim, &member);
    if (leader == NULL) {
        return;
    }
    kv_node_id target = kv_prng_chance(&sim->faults, 1, 2) ? KV_NODE_NONE : any_node(sim)->id;
    sim->counters.transfers++;
    SIM_TRACE(sim, "fault: group %u at node %u is asked to hand over to %u", member->group.value,
              leader->id.value, target.value);
    (void)sim_member_step_raft(sim, leader, member,
                               (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .node = target});
    sim_node_wake(sim, leader, sim->now);
}

/* One step from the present configuration: a node goes, comes as a learner, or changes between
 * voter and learner. */
static struct wire_config next_config(struct sim *sim, kv_group_id group,
                                      const struct wire_config *present)
{
    struct wire_config config = *present;
    kv_node_id node = any_node(sim)->id;
    /* An operator makes a voter of nobody who does not answer: a blank member learns first. */
    const struct order *order = sim->nodes[node.value].members[group.value].order;
    bool can_vote = order != NULL && !raft_is_blank(order_raft(order));
    for (uint32_t i = 0; i < config.count; i++) {
        if (!kv_node_equal(config.members[i].node, node)) {
            continue;
        }
        if (config.members[i].voter && kv_prng_chance(&sim->faults, 1, 2)) {
            config.members[i] = config.members[--config.count];
        } else {
            config.members[i].voter = !config.members[i].voter && can_vote;
        }
        return config;
    }
    config.members[config.count++] =
        (struct wire_config_member){node, kv_prng_chance(&sim->faults, 1, 2) && can_vote};
    return config;
}

static void change_members(struct sim *sim)
{
    struct sim_member *member = NULL;
    struct sim_node *leader = any_leader(sim, &member);
    if (leader == NULL) {
        return;
    }
    struct wire_config config =
        next_config(sim, member->group, raft_config(order_raft(member->order)));
    uint32_t voters = 0;
    for (uint32_t i = 0; i < config.count; i++) {
        voters += config.members[i].voter;
    }
    if (voters == 0) {
        return;
    }
    enum status status = sim_member_step_raft(
        sim, leader, member, (struct raft_event){.kind = RAFT_EVENT_CHANGE, .config = &config});
    sim->counters.changes += status == STATUS_OK;
    SIM_TRACE(sim, "fault: group %u at node %u is asked for %u members, %u of them voters: %s",
              member->group.value, leader->id.value, config.count, voters, status_name(status));
    sim_node_wake(sim, leader, sim->now);
}

/* ---- The dice ---- */

/* X(weight, what to do) */
#define FAULT_MAP(X)                                                                               \
    X(cut_weight, cut(sim, cut_two_sides))                                                         \
    X(one_way_weight, cut(sim, cut_one_way))                                                       \
    X(isolate_weight, cut(sim, isolate_leader))                                                    \
    X(bridge_weight, cut(sim, cut_bridge))                                                         \
    X(heal_weight, mend(sim))                                                                      \
    X(crash_weight, crash_soon(sim, any_node(sim)))                                                \
    X(crash_all_weight, crash_all(sim))                                                            \
    X(empty_weight, empty_disk(sim, any_node(sim)))                                                \
    X(pause_weight, pause_node(sim, any_node(sim)))                                                \
    X(slow_disk_weight, change_disk(sim, any_node(sim)))                                           \
    X(clock_jump_weight, jump_clock(sim, any_node(sim)))                                           \
    X(transfer_weight, transfer(sim))                                                              \
    X(change_weight, change_members(sim))

static void break_one(struct sim *sim)
{
    const struct sim_parameters *p = &sim->parameters;
    uint64_t total = 0;
#define X(weight, action) total += p->weight;
    FAULT_MAP(X)
#undef X
    if (total == 0) {
        return;
    }
    uint64_t dice = below(sim, total);
#define X(weight, action)                                                                          \
    if (dice < p->weight) {                                                                        \
        action;                                                                                    \
        return;                                                                                    \
    }                                                                                              \
    dice -= p->weight;
    FAULT_MAP(X)
#undef X
    KV_UNREACHABLE();
}

static void schedule(struct sim *sim)
{
    if (sim->parameters.fault_us > 0) {
        sim_queue_push(&sim->queue,
                       (struct sim_event){.at = sim->now + below(sim, 2 * sim->parameters.fault_us),
                                          .kind = SIM_EVENT_FAULT});
    }
}

void sim_faults_start(struct sim *sim)
{
    schedule(sim);
}

void sim_faults_on_event(struct sim *sim)
{
    if (!sim->healed) {
        break_one(sim);
        schedule(sim);
    }
}

void sim_faults_heal(struct sim *sim)
{
    sim_net_heal(&sim->net);
    for (uint32_t n = 1; n <= sim->parameters.nodes; n++) {
        struct sim_node *node = &sim->nodes[n];
        node->sync_us_max = sim->parameters.sync_us_max;
        node->doomed = false;
        if (node->state == SIM_NODE_DOWN) {
            sim_node_restart(sim, node);
        } else if (node->state == SIM_NODE_PAUSED) {
            sim_node_resume(sim, node);
        }
        sim_node_set_rate(sim, node, 0);
    }
}
