/* SPDX-License-Identifier: Apache-2.0 */
/* sim_parameters: see the header. */
#include "tests/sim/sim_parameters.h"

#include <inttypes.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "partition/engine/engine.h"

#define MILLISECOND 1000u
#define SECOND      (1000u * MILLISECOND)

/* Half of the faults of each seed are off. */
static uint64_t sometimes(struct kv_prng *prng, uint64_t low, uint64_t high)
{
    uint64_t value = kv_prng_between(prng, low, high);
    return kv_prng_chance(prng, 1, 2) ? value : 0;
}

static void draw_cluster(struct kv_prng *prng, struct sim_parameters *p)
{
    p->nodes = kv_prng_chance(prng, 1, 3) ? 5 : 3;
    p->partitions = kv_prng_between(prng, 1, 3);
    p->members = kv_prng_chance(prng, 1, 2) ? p->nodes : 3;
    if (kv_prng_chance(prng, 1, 20)) {
        p->members = kv_prng_between(
            prng, 1, p->nodes); /* one member, and even numbers, must work as well */
    }
    p->election_us = kv_prng_between(prng, 80, 400) * MILLISECOND;
    p->heartbeat_us = p->election_us / kv_prng_between(prng, 3, 6);
    p->loop_us = kv_prng_chance(prng, 1, 3) ? 0 : kv_prng_between(prng, 10, 2000);
    p->through_codec = kv_prng_chance(prng, 1, 8);
    p->carry_each_step = kv_prng_chance(prng, 1, 2);
    p->sync_us_min = kv_prng_between(prng, 50, 500);
    p->sync_us_max = p->sync_us_min + kv_prng_between(prng, 0, 10 * MILLISECOND);
    p->sessions_max = kv_prng_chance(prng, 1, 10) ? kv_prng_between(prng, 1, 4) : 0;
    p->snapshot_us =
        kv_prng_chance(prng, 2, 3) ? kv_prng_between(prng, 100, 3000) * MILLISECOND : 0;
    p->snapshot_save_us = kv_prng_between(prng, 0, 100) * MILLISECOND;
    p->chunk_bytes = kv_prng_between(prng, 32, 2000);
    p->news_us = kv_prng_chance(prng, 1, 2) ? kv_prng_between(prng, 1, p->heartbeat_us - 1) : 0;
}

static void draw_workload(struct kv_prng *prng, struct sim_parameters *p)
{
    p->clients = kv_prng_between(prng, 1, 5);
    p->outstanding = kv_prng_between(prng, 1, 4);
    p->operations = kv_prng_between(prng, 40, 600);
    p->keys = kv_prng_between(prng, 1, 4);
    p->reads_percent = kv_prng_between(prng, 10, 60);
    p->multi_percent = kv_prng_chance(prng, 2, 3) ? kv_prng_between(prng, 0, 30) : 0;
    p->txn_percent = kv_prng_chance(prng, 2, 3) ? kv_prng_between(prng, 0, 30) : 0;
    p->place_percent = kv_prng_chance(prng, 3, 4) ? kv_prng_between(prng, 1, 40) : 0;
    p->policy_percent = kv_prng_chance(prng, 1, 2) ? kv_prng_between(prng, 10, 100) : 0;
    p->stale_reads_percent = kv_prng_chance(prng, 1, 3) ? kv_prng_between(prng, 0, 30) : 0;
    p->unadmitted_percent = sometimes(prng, 1, 100);
    p->patience_us = sometimes(prng, 300 * MILLISECOND, 5 * SECOND);
    p->client_crash_us = sometimes(prng, 500 * MILLISECOND, 5 * SECOND);
    p->safety_us = kv_prng_between(prng, 2 * SECOND, 12 * SECOND);
}

static void draw_network(struct kv_prng *prng, struct sim_parameters *p)
{
    p->delay_us_min = kv_prng_between(prng, 20, 1000);
    p->delay_us_max = p->delay_us_min + kv_prng_between(prng, 0, p->election_us / 8);
    p->loss_permille = sometimes(prng, 1, 200);
    p->double_permille = sometimes(prng, 1, 200);
    p->straggle_permille = sometimes(prng, 1, 100);
    p->straggle_us_max = p->delay_us_max + kv_prng_between(prng, 0, 2 * p->election_us);
    p->replay_permille = sometimes(prng, 1, 30);
    p->replay_us_max = kv_prng_between(prng, SECOND, 5 * SECOND);
    p->cut_weight = sometimes(prng, 1, 4);
    p->one_way_weight = sometimes(prng, 1, 4);
    p->isolate_weight = sometimes(prng, 1, 4);
    p->bridge_weight = sometimes(prng, 1, 4);
    p->heal_weight = kv_prng_between(prng, 1, 6);
    p->flap_us = kv_prng_chance(prng, 1, 2) ? kv_prng_between(prng, 50, 2000) * MILLISECOND : 0;
}

static void draw_nodes(struct kv_prng *prng, struct sim_parameters *p)
{
    p->crash_weight = sometimes(prng, 1, 6);
    p->crash_all_weight = sometimes(prng, 1, 2);
    p->down_us_max = kv_prng_between(prng, 1, 2000) * MILLISECOND;
    p->pause_weight = sometimes(prng, 1, 4);
    p->pause_us_max = kv_prng_between(prng, 10, 2000) * MILLISECOND;
    p->slow_disk_weight = sometimes(prng, 1, 3);
    p->slow_sync_us_max = kv_prng_between(prng, 20, 1000) * MILLISECOND;
    p->clock_jump_weight = sometimes(prng, 1, 2);
    p->clock_skew_us = sometimes(prng, 1, 3600) * SECOND;
    p->clock_rate_permille = sometimes(prng, 1, 500);
    p->transfer_weight = sometimes(prng, 1, 3);
    p->change_weight = kv_prng_chance(prng, 1, 4) ? kv_prng_between(prng, 1, 4) : 0;
    /* Not together: which members are a minority is known only where the voters stay the same. */
    p->empty_weight = p->change_weight == 0 ? sometimes(prng, 1, 4) : 0;
}

static void clear_network(struct sim_parameters *p)
{
    p->loss_permille = p->double_permille = p->straggle_permille = p->replay_permille = 0;
    p->cut_weight = p->one_way_weight = p->isolate_weight = p->bridge_weight = 0;
}

static void clear_nodes(struct sim_parameters *p)
{
    p->crash_weight = p->crash_all_weight = p->empty_weight = p->pause_weight =
        p->slow_disk_weight = 0;
    p->clock_jump_weight = p->clock_skew_us = p->clock_rate_permille = 0;
}

/* Nothing fails but clients, so it can be told how long others are delayed by them. From the moment at which the ttl is over: three
 * TICKs [locks.md, "What it costs others"], two ordered messages with their votes, and what stands before the REVOKE inside of the lock. */
static void draw_healthy(struct kv_prng *prng, struct sim_parameters *p)
{
    clear_network(p);
    clear_nodes(p);
    p->transfer_weight = p->change_weight = p->fault_us = p->marks_percent = 0;
    p->client_crash_us = kv_prng_between(prng, 300, 3000) * MILLISECOND;
    p->delay_us_max = p->delay_us_min + kv_prng_below(prng, 2 * MILLISECOND);
    p->sync_us_max = p->sync_us_min + kv_prng_below(prng, 2 * MILLISECOND);
    p->job_us_max = p->job_us_max < 20 * MILLISECOND ? p->job_us_max : 20 * MILLISECOND;
    const uint64_t hop = p->delay_us_max + p->sync_us_max + p->loop_us;
    p->lease_slack_us =
        UINT64_C(3) * ENGINE_TIME_US + 40 * hop + p->outstanding * (p->job_us_max + 8 * hop);
}

static void apply_profile(enum sim_profile profile, struct sim_parameters *p)
{
    switch (profile) {
    case SIM_PROFILE_ALL:
        return;
    case SIM_PROFILE_CALM:
        clear_network(p);
        clear_nodes(p);
        p->transfer_weight = p->change_weight = p->fault_us = p->client_crash_us = 0;
        return;
    case SIM_PROFILE_NETWORK:
        clear_nodes(p);
        return;
    case SIM_PROFILE_CRASH:
        clear_network(p);
        return;
    case SIM_PROFILE_MEMBERSHIP:
        p->nodes = 5;
        p->change_weight = 4;
        p->empty_weight = 0;
        return;
    case SIM_PROFILE_LIVES:
        p->lives_percent = 50;
        p->marks_percent =
            0; /* a mark's state is compared with the reference, which knows no ttl */
        return;
    case SIM_PROFILE_LOCKS:
        p->locks_percent = 40;
        return;
    }
}

void sim_parameters_draw(uint64_t seed, enum sim_profile profile, struct sim_parameters *ret)
{
    struct kv_prng prng;
    kv_prng_init(&prng, seed);
    memset(ret, 0, sizeof(*ret));
    draw_cluster(&prng, ret);
    draw_workload(&prng, ret);
    draw_network(&prng, ret);
    draw_nodes(&prng, ret);
    ret->fault_us = kv_prng_between(&prng, 50, 1500) * MILLISECOND;
    ret->marks_percent = kv_prng_chance(&prng, 1, 4) ? kv_prng_between(&prng, 1, 6) : 0;
    if (kv_prng_chance(&prng, 1, 2)) {
        ret->jobs_max = kv_prng_chance(&prng, 1, 4) ? 1 : kv_prng_between(&prng, 2, 64);
        ret->job_us_max =
            kv_prng_between(&prng, 0, kv_prng_chance(&prng, 1, 4) ? 1000 : 50) * MILLISECOND;
    }
    apply_profile(profile, ret);
    if (profile == SIM_PROFILE_LOCKS && kv_prng_chance(&prng, 1, 3)) {
        draw_healthy(&prng, ret);
    }
}

void sim_parameters_print(const struct sim_parameters *parameters, FILE *out)
{
#define X(name, meaning)                                                                           \
    fprintf(out, "  %-22s %10" PRIu64 "  %s\n", #name, parameters->name, meaning);
    SIM_PARAMETER_MAP(X)
#undef X
}
