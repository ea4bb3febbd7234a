/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of short runs of a group under random faults, each from its seed; the checks are those
 * of raft_cluster.h.
 *
 * Safety phase: loss, duplication, reordering, cuts of links and members, crashes that keep any
 * prefix of the unsynced records, restarts, snapshots, hand-overs, changes of the members, reads at
 * everybody who believes to lead. Progress phase: all is mended; a leader must be elected and
 * commit, and every member must follow, in bounded time.
 *
 * KV_RAFT_SEED=n runs seed n alone and prints its trace; KV_RAFT_RUNS=n changes the number of
 * runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/assert.h"
#include "tests/unit/raft/raft_cluster.h"

#define RANDOM_RUNS        5000
#define RANDOM_ACTIONS     120
#define RANDOM_PROGRESS_US (20 * CLUSTER_ELECTION_US)

/* What a run does, and how often: every seed leaves some of it out, so that others get room. */
struct random_plan {
    uint32_t crash, restart, cut, heal, snapshot, transfer, change, read, propose;
};

struct random_totals {
    uint64_t elections, commits, snapshots, reads_ready, reads_failed, crashes, changes, transfers;
};

static struct cluster random_cluster;
static struct random_totals random_totals;

static uint32_t random_weight(struct kv_prng *prng, uint32_t weight)
{
    return kv_prng_chance(prng, 1, 3) ? 0 : weight;
}

static struct random_plan random_plan_draw(struct kv_prng *prng)
{
    return (struct random_plan){.crash = random_weight(prng, 6),
                                .restart = 12,
                                .cut = random_weight(prng, 8),
                                .heal = 6,
                                .snapshot = random_weight(prng, 6),
                                .transfer = random_weight(prng, 4),
                                .change = random_weight(prng, 6),
                                .read = random_weight(prng, 20),
                                .propose = 40};
}

static struct cluster_options random_options_draw(struct kv_prng *prng, uint64_t seed)
{
    static const uint32_t voters[] = {1, 2, 3, 3, 3, 4, 5};
    static const uint64_t syncs[] = {0, 100, 3 * CLUSTER_MS, 40 * CLUSTER_MS};
    static const uint64_t delays[] = {200, 2 * CLUSTER_MS, 15 * CLUSTER_MS, 60 * CLUSTER_MS};
    return (struct cluster_options){
        .voters = voters[kv_prng_below(prng, 7)],
        .learners = (uint32_t)kv_prng_below(prng, 2),
        .spare = (uint32_t)kv_prng_below(prng, 2),
        .seed = seed,
        .delay_min_us = 50,
        .delay_max_us = delays[kv_prng_below(prng, 4)],
        .sync_us = syncs[kv_prng_below(prng, 4)],
        .drop_permille = kv_prng_chance(prng, 1, 2) ? (uint32_t)kv_prng_below(prng, 200) : 0,
        .duplicate_permille = kv_prng_chance(prng, 1, 2) ? (uint32_t)kv_prng_below(prng, 200) : 0,
        .trace = TRACE_NONE};
}

static uint32_t random_node(struct cluster *cluster)
{
    return 1 + (uint32_t)kv_prng_below(&cluster->prng, cluster->node_count);
}

/* Add, remove, promote or demote somebody; what is not one step is refused, which is fine, too. */
static void random_change(struct cluster *cluster, uint32_t leader)
{
    struct wire_config config = *raft_config(cluster_raft(cluster, leader));
    kv_node_id node = {(uint16_t)random_node(cluster)};
    uint32_t at = 0;
    while (at < config.count && !kv_node_equal(config.members[at].node, node)) {
        at++;
    }
    if (at == config.count) {
        config.members[config.count].node = node;
        config.members[config.count++].voter = kv_prng_chance(&cluster->prng, 1, 2);
    } else if (kv_prng_chance(&cluster->prng, 1, 2)) {
        config.members[at].voter = !config.members[at].voter;
    } else {
        config.members[at] = config.members[--config.count];
    }
    if (cluster_change(cluster, leader, &config) == STATUS_OK) {
        random_totals.changes++;
    }
}

static void random_crash(struct cluster *cluster, uint32_t node)
{
    if (cluster_raft(cluster, node) != NULL) {
        cluster_crash(cluster, node, (uint32_t)kv_prng_below(&cluster->prng, 4));
        random_totals.crashes++;
    }
}

static void random_at_leaders(struct cluster *cluster, const struct random_plan *plan,
                              uint32_t node)
{
    if (cluster_raft(cluster, node) == NULL ||
        raft_role(cluster_raft(cluster, node)) != RAFT_LEADER) {
        return;
    }
    uint64_t count = kv_prng_below(&cluster->prng, plan->propose / 8 + 1);
    for (uint64_t i = 0; i < count; i++) {
        (void)cluster_propose(cluster, node, cluster->order);
    }
    if (kv_prng_chance(&cluster->prng, plan->read, 40)) {
        (void)cluster_read(cluster, node);
    }
    if (kv_prng_chance(&cluster->prng, plan->transfer, 100)) {
        uint32_t target = kv_prng_chance(&cluster->prng, 1, 2) ? 0 : random_node(cluster);
        random_totals.transfers += cluster_transfer(cluster, node, target) == STATUS_OK ? 1 : 0;
    }
    if (kv_prng_chance(&cluster->prng, plan->change, 60)) {
        random_change(cluster, node);
    }
}

static void random_act(struct cluster *cluster, const struct random_plan *plan)
{
    struct kv_prng *prng = &cluster->prng;
    uint32_t node = random_node(cluster);
    if (kv_prng_chance(prng, plan->crash, 100)) {
        random_crash(cluster, node);
    }
    node = random_node(cluster);
    if (kv_prng_chance(prng, plan->restart, 100) && cluster_raft(cluster, node) == NULL) {
        cluster_restart(cluster, node);
    }
    if (kv_prng_chance(prng, plan->cut, 100)) {
        if (kv_prng_chance(prng, 1, 3)) {
            cluster_isolate(cluster, node, true);
        } else {
            cluster->cut[node][random_node(cluster)] = true; /* one way */
        }
    }
    if (kv_prng_chance(prng, plan->heal, 100)) {
        cluster_heal(cluster);
    }
    node = random_node(cluster);
    if (kv_prng_chance(prng, plan->snapshot, 100) && cluster_raft(cluster, node) != NULL) {
        cluster_snapshot(cluster, node);
    }
    for (node = 1; node <= cluster->node_count; node++) {
        random_at_leaders(cluster, plan, node);
    }
}

static bool random_is_member(const struct wire_config *config, uint32_t node)
{
    bool found = false;
    for (uint32_t i = 0; i < config->count; i++) {
        found = found || config->members[i].node.value == node;
    }
    return found;
}

/* Everybody in the leader's configuration has committed what it has. */
static bool random_is_settled(struct cluster *cluster, uint64_t value_index)
{
    uint32_t leader = cluster_leader(cluster);
    if (leader == 0 || raft_commit(cluster_raft(cluster, leader)).value < value_index) {
        return false;
    }
    bool settled = true;
    const struct raft *lead = cluster_raft(cluster, leader);
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        settled =
            settled && (!random_is_member(raft_config(lead), node) ||
                        raft_commit(cluster_raft(cluster, node)).value == raft_last(lead).value);
    }
    return settled;
}

static void random_progress(struct cluster *cluster)
{
    cluster_heal(cluster);
    cluster->options.drop_permille = 0;
    cluster->options.duplicate_permille = 0;
    cluster->options.delay_max_us = 2 * CLUSTER_MS;
    cluster->options.sync_us = 100;
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if (cluster_raft(cluster, node) == NULL) {
            cluster_restart(cluster, node);
        }
    }
    kv_instant until = kv_instant_add(cluster->now, RANDOM_PROGRESS_US);
    uint64_t target = 0;
    uint64_t target_term = 0; /* a leader may be deposed with the entry: ask the next one again */
    while (!random_is_settled(cluster, target) || target == 0) {
        uint32_t leader = cluster_leader(cluster);
        const struct raft *lead = leader == 0 ? NULL : cluster_raft(cluster, leader);
        if (lead != NULL && raft_can_serve(lead) && raft_term(lead).value > target_term &&
            cluster_propose(cluster, leader, UINT64_MAX) == STATUS_OK) {
            target = raft_last(lead).value;
            target_term = raft_term(lead).value;
        }
        if (cluster->now.us >= until.us) {
            print_error("seed %llu: no progress after the faults have ended\n",
                        (unsigned long long)cluster->options.seed);
            fprintf(stderr, "%s", cluster_take_trace(cluster));
        }
        assert_true(cluster->now.us < until.us);
        cluster_run(cluster, 10 * CLUSTER_MS);
    }
    cluster_check_logs(cluster);
}

/* If `ret_trace` is given, the run is traced and its text appended there. */
static void random_run(uint64_t seed, struct kv_buffer *ret_trace)
{
    struct cluster *cluster = &random_cluster;
    struct kv_prng prng;
    kv_prng_init(&prng, seed);
    struct cluster_options options = random_options_draw(&prng, seed);
    struct random_plan plan = random_plan_draw(&prng);
    options.trace = ret_trace != NULL ? TRACE_DETAIL : TRACE_NONE;
    cluster_open(cluster, &options);
    for (uint32_t i = 0; i < RANDOM_ACTIONS; i++) {
        cluster_run(cluster, 1 + kv_prng_below(&cluster->prng, 30 * CLUSTER_MS));
        random_act(cluster, &plan);
        if (i % 16 == 0) {
            cluster_check_logs(cluster);
        }
    }
    random_progress(cluster);
    random_totals.elections += cluster->elections;
    random_totals.commits += cluster->committed_last.value;
    random_totals.snapshots += cluster->snapshots_installed;
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        random_totals.reads_ready += cluster->members[node].reads_ready;
        random_totals.reads_failed += cluster->members[node].reads_failed;
    }
    if (ret_trace != NULL) {
        const char *text = cluster_take_trace(cluster);
        kv_buffer_append(ret_trace, text, strlen(text));
    }
    cluster_close(cluster);
}

static void random_faults_break_no_promise_and_the_group_recovers(void **state)
{
    (void)state;
    const char *seed = getenv("KV_RAFT_SEED");
    const char *runs = getenv("KV_RAFT_RUNS");
    if (seed != NULL) {
        struct kv_buffer trace = {0};
        random_run(strtoull(seed, NULL, 10), &trace);
        fprintf(stderr, "%.*s", (int)trace.size, (const char *)trace.data);
        kv_buffer_close(&trace);
        return;
    }
    uint64_t count = runs != NULL ? strtoull(runs, NULL, 10) : RANDOM_RUNS;
    for (uint64_t i = 1; i <= count; i++) {
        random_run(i, NULL /* ret_trace */);
    }
    print_message(
        "%llu runs: %llu elections, %llu commits, %llu crashes, %llu changes, %llu hand-overs, "
        "%llu snapshots installed, %llu reads, %llu failed reads\n",
        (unsigned long long)count, (unsigned long long)random_totals.elections,
        (unsigned long long)random_totals.commits, (unsigned long long)random_totals.crashes,
        (unsigned long long)random_totals.changes, (unsigned long long)random_totals.transfers,
        (unsigned long long)random_totals.snapshots, (unsigned long long)random_totals.reads_ready,
        (unsigned long long)random_totals.reads_failed);
    /* The faults must really have happened. */
    assert_true(random_totals.elections > 2 * count);
    assert_true(random_totals.snapshots > count / 100);
    assert_true(random_totals.changes > count / 10);
    assert_true(random_totals.reads_ready > count / 10);
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kv_buffer first = {0};
        struct kv_buffer second = {0};
        random_run(seed, &first);
        random_run(seed, &second);
        assert_true(first.size > 0);
        assert_true(kv_slice_equal(kv_buffer_slice(&first), kv_buffer_slice(&second)));
        kv_buffer_close(&first);
        kv_buffer_close(&second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(random_faults_break_no_promise_and_the_group_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
