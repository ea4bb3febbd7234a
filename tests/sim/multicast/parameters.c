/* SPDX-License-Identifier: Apache-2.0 */
/* parameters: see the header. Each fault is off in a part of the seeds, so that it can also be seen what happens without it. */
#include "tests/sim/multicast/parameters.h"

#include <inttypes.h>

#include "multicast/base/prng.h"

#define MILLISECOND UINT64_C(1000)
#define SECOND      UINT64_C(1000000)

/* 0 in half of the seeds. */
static uint64_t sometimes(struct kv_prng *prng, uint64_t low, uint64_t high)
{
    return kv_prng_chance(prng, 1, 2) ? kv_prng_between(prng, low, high) : 0;
}

static void draw_cluster(struct kv_prng *prng, struct world_parameters *p)
{
    p->groups = kv_prng_between(prng, 2, 4);
    p->replicas = kv_prng_chance(prng, 1, 5) ? 5 : 3;
    uint64_t members = p->groups * p->replicas;
    p->nodes = kv_prng_chance(prng, 1, 2) ? members : p->replicas + kv_prng_below(prng, 3);
    p->election_us = kv_prng_between(prng, 300, 600) * MILLISECOND;
    p->heartbeat_us = p->election_us / 3;
    p->retry_us = kv_prng_between(prng, 60, 400) * MILLISECOND;
    const uint64_t ahead[] = {0, 5 * MILLISECOND, 50 * MILLISECOND, 3600 * SECOND};
    p->look_ahead_us = ahead[kv_prng_below(prng, 4)];
    p->fast_path = !kv_prng_chance(prng, 1, 6);
    p->clock_mode = kv_prng_chance(prng, 3, 10) ? 0 : kv_prng_between(prng, 1, 3);
    p->clock_skew_us = kv_prng_between(prng, 1, 2000) * MILLISECOND;
    p->loop_us = kv_prng_chance(prng, 1, 3) ? kv_prng_between(prng, 100, 5000) : 0;
    p->through_codec = kv_prng_chance(prng, 1, 16);
    p->news_us = sometimes(prng, 1, p->heartbeat_us - 1);
    p->safety_us = kv_prng_between(prng, 2 * SECOND, 5 * SECOND);
}

static void draw_clients(struct kv_prng *prng, struct world_parameters *p)
{
    p->clients = kv_prng_between(prng, 1, 4);
    p->operations = kv_prng_between(prng, 4, 14);
    p->window = kv_prng_between(prng, 1, 4);
    p->multi_percent = kv_prng_between(prng, 30, 90);
    p->reach_percent = kv_prng_chance(prng, 1, 2) ? 100 : kv_prng_between(prng, 30, 90);
    p->dies_percent = sometimes(prng, 1, 15);
    p->gives_up_percent = kv_prng_chance(prng, 1, 4) ? kv_prng_between(prng, 10, 60) : 0;
    p->client_us = kv_prng_between(prng, 10, 100) * MILLISECOND;
    p->resend_us = kv_prng_between(prng, 100, 800) * MILLISECOND;
}

static void draw_network(struct kv_prng *prng, struct world_parameters *p)
{
    p->delay_us_min = kv_prng_between(prng, 1, 5) * MILLISECOND;
    p->delay_us_max = p->delay_us_min + kv_prng_between(prng, 0, 40) * MILLISECOND;
    p->loss_permille = sometimes(prng, 1, 150);
    p->double_permille = sometimes(prng, 1, 100);
    p->straggle_permille = sometimes(prng, 1, 80);
    p->straggle_us_max = p->delay_us_max + kv_prng_between(prng, 0, 800) * MILLISECOND;
    p->replay_permille = sometimes(prng, 1, 40);
    p->replay_us_max = kv_prng_between(prng, 1, 6) * SECOND;
    p->cut_weight = sometimes(prng, 1, 4);
    p->one_way_weight = sometimes(prng, 1, 4);
    p->isolate_weight = sometimes(prng, 1, 4);
    p->own_group_weight = sometimes(prng, 1, 3);
    p->pair_weight = sometimes(prng, 1, 4);
    p->heal_weight = kv_prng_between(prng, 2, 8);
}

static void draw_nodes(struct kv_prng *prng, struct world_parameters *p)
{
    p->sync_us_min = kv_prng_between(prng, 100, 3000);
    p->sync_us_max = p->sync_us_min + kv_prng_between(prng, 0, 20) * MILLISECOND;
    p->slow_sync_us_max = kv_prng_between(prng, 50, 500) * MILLISECOND;
    p->snapshot_us =
        kv_prng_chance(prng, 2, 3) ? kv_prng_between(prng, 100, 1500) * MILLISECOND : 0;
    p->save_us_max = kv_prng_between(prng, 1, 200) * MILLISECOND;
    p->chunk_bytes = kv_prng_between(prng, 100, 4000);
    p->fault_us = kv_prng_chance(prng, 9, 10) ? kv_prng_between(prng, 50, 600) * MILLISECOND : 0;
    p->crash_leader_weight = sometimes(prng, 1, 4);
    p->crash_weight = sometimes(prng, 1, 4);
    p->crash_group_weight = sometimes(prng, 1, 2);
    p->down_us_max = kv_prng_between(prng, 10, 1500) * MILLISECOND;
    p->pause_weight = sometimes(prng, 1, 3);
    p->pause_us_max = kv_prng_between(prng, 50, 1500) * MILLISECOND;
    p->slow_disk_weight = sometimes(prng, 1, 3);
    p->clock_jump_weight = sometimes(prng, 1, 2);
    p->transfer_weight = sometimes(prng, 1, 3);
}

static void calm(struct world_parameters *p)
{
    p->loss_permille = p->double_permille = p->straggle_permille = p->replay_permille = 0;
    p->dies_percent = p->gives_up_percent = p->fault_us = 0;
}

/* What a new leader takes over from older terms is at risk as long as its own first entry is not on its own disk: disks are
 * slow against the network, leaders fall often and come back soon. */
static void elections(struct kv_prng *prng, struct world_parameters *p)
{
    p->groups = 2;
    p->replicas = 3;
    p->nodes = 2 * p->replicas;
    p->fast_path = 1;
    p->safety_us = kv_prng_between(prng, 2, 5) * SECOND;
    p->delay_us_min = kv_prng_between(prng, 1, 3) * MILLISECOND;
    p->delay_us_max = p->delay_us_min + kv_prng_between(prng, 0, 5) * MILLISECOND;
    p->loss_permille = kv_prng_between(prng, 0, 20);
    p->sync_us_min = kv_prng_between(prng, 1, 10) * MILLISECOND;
    p->sync_us_max = p->sync_us_min + kv_prng_between(prng, 10, 60) * MILLISECOND;
    p->election_us = kv_prng_between(prng, 90, 150) * MILLISECOND;
    p->heartbeat_us = p->election_us / 3;
    p->news_us %= p->heartbeat_us;
    p->fault_us = kv_prng_between(prng, 200, 2000) * MILLISECOND;
    p->down_us_max = kv_prng_between(prng, 10, 300) * MILLISECOND;
    p->heal_weight = kv_prng_between(prng, 1, 10);
    p->isolate_weight = kv_prng_between(prng, 1, 6);
    p->own_group_weight = kv_prng_between(prng, 1, 6);
    p->crash_leader_weight = kv_prng_between(prng, 2, 8);
    p->crash_weight = kv_prng_between(prng, 0, 2);
    p->ambush_percent = kv_prng_between(prng, 30, 90);
    p->cut_weight = p->one_way_weight = p->pair_weight = p->pause_weight = p->crash_group_weight =
        0;
    p->snapshot_us = 0;
    p->multi_percent = 90;
    p->operations = 24;
    p->client_us = kv_prng_between(prng, 10, 40) * MILLISECOND;
}

static void restarts(struct kv_prng *prng, struct world_parameters *p)
{
    p->crash_leader_weight = kv_prng_between(prng, 1, 6);
    p->crash_group_weight = kv_prng_between(prng, 1, 6);
    p->crash_weight = kv_prng_between(prng, 1, 6);
    p->slow_disk_weight = kv_prng_between(prng, 1, 4);
    p->fault_us = kv_prng_between(prng, 40, 300) * MILLISECOND;
    p->sync_us_max = p->sync_us_min + kv_prng_between(prng, 10, 80) * MILLISECOND;
    p->down_us_max = kv_prng_between(prng, 1, 300) * MILLISECOND;
}

static void forgetting(struct kv_prng *prng, struct world_parameters *p)
{
    p->pair_weight = kv_prng_between(prng, 2, 8);
    p->crash_group_weight = kv_prng_between(prng, 1, 4);
    p->own_group_weight = kv_prng_between(prng, 1, 4);
    p->snapshot_us = kv_prng_between(prng, 50, 400) * MILLISECOND;
    p->fault_us = kv_prng_between(prng, 100, 400) * MILLISECOND;
    p->loss_permille = kv_prng_between(prng, 50, 250);
    p->multi_percent = 90;
    p->gives_up_percent = 0;
}

static void floors(struct kv_prng *prng, struct world_parameters *p)
{
    p->multi_percent = 80;
    p->window = kv_prng_between(prng, 1, 2);
    p->gives_up_percent = kv_prng_chance(prng, 1, 2) ? kv_prng_between(prng, 20, 80) : 0;
    p->resend_us = kv_prng_between(prng, 60, 300) * MILLISECOND;
    p->reach_percent = kv_prng_between(prng, 40, 100);
    p->replay_permille = kv_prng_between(prng, 30, 150);
    p->replay_us_max = kv_prng_between(prng, 500, 4000) * MILLISECOND;
    p->own_group_weight = kv_prng_between(prng, 2, 8);
    p->crash_weight = kv_prng_between(prng, 1, 4);
    p->pause_weight = kv_prng_between(prng, 1, 4);
    p->heal_weight = kv_prng_between(prng, 1, 4);
    p->fault_us = kv_prng_between(prng, 50, 400) * MILLISECOND;
}

static void oracle(struct kv_prng *prng, struct world_parameters *p)
{
    p->oracle_first = 1;
    p->multi_percent = kv_prng_between(prng, 50, 90);
    p->crash_leader_weight = kv_prng_between(prng, 1, 6);
    p->crash_group_weight = kv_prng_between(prng, 1, 6);
    p->own_group_weight = kv_prng_between(prng, 1, 6);
    p->pair_weight = kv_prng_between(prng, 0, 4);
    p->fault_us = kv_prng_between(prng, 50, 400) * MILLISECOND;
    p->sync_us_max = p->sync_us_min + kv_prng_between(prng, 10, 80) * MILLISECOND;
}

void world_parameters_draw(uint64_t seed, enum world_profile profile, struct world_parameters *ret)
{
    struct kv_prng prng;
    kv_prng_init(&prng, seed ^ UINT64_C(0x706172616d)); /* "param": apart from the run's own */
    *ret = (struct world_parameters){0};
    draw_cluster(&prng, ret);
    draw_clients(&prng, ret);
    draw_network(&prng, ret);
    draw_nodes(&prng, ret);
    switch (profile) {
    case WORLD_PROFILE_ALL:
        return;
    case WORLD_PROFILE_CALM:
        calm(ret);
        return;
    case WORLD_PROFILE_ELECTIONS:
        elections(&prng, ret);
        return;
    case WORLD_PROFILE_RESTARTS:
        restarts(&prng, ret);
        return;
    case WORLD_PROFILE_FORGETTING:
        forgetting(&prng, ret);
        return;
    case WORLD_PROFILE_FLOORS:
        floors(&prng, ret);
        return;
    case WORLD_PROFILE_ORACLE:
        oracle(&prng, ret);
        return;
    }
}

void world_parameters_print(const struct world_parameters *parameters, FILE *out)
{
#define X(name, meaning)                                                                           \
    fprintf(out, "  %-20s %10" PRIu64 "  %s\n", #name, parameters->name, meaning);
    WORLD_PARAMETER_MAP(X)
#undef X
}
