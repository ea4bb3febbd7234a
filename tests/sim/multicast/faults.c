/* SPDX-License-Identifier: Apache-2.0 */
/* faults: what is done to a cluster while it works. */
#include <string.h>

#include "tests/sim/multicast/world.h"

static uint32_t random_node(struct world *world)
{
    return 1 + (uint32_t)kv_prng_below(&world->prng, world->parameters.nodes);
}

static uint32_t random_group(struct world *world)
{
    return (uint32_t)kv_prng_below(&world->prng, world->parameters.groups);
}

/* The member that leads a random group, or a random member of it. */
static struct world_member *random_leader(struct world *world)
{
    uint32_t replicas = (uint32_t)world->parameters.replicas;
    uint32_t first = random_group(world) * replicas;
    struct world_member *chosen = &world->members[first + kv_prng_below(&world->prng, replicas)];
    for (uint32_t r = 0; r < replicas; r++) {
        if (world_member_leads(&world->members[first + r])) {
            chosen = &world->members[first + r];
        }
    }
    return chosen;
}

static void cut(struct world *world)
{
    uint32_t side = (uint32_t)kv_prng_below(&world->prng, UINT64_C(1) << world->parameters.nodes)
                    << 1;
    for (uint32_t n = 1; n <= world->parameters.nodes; n++) {
        world->cut[n] |= ((side >> n) & 1) != 0 ? ~side : side;
    }
}

static void cut_one_way(struct world *world)
{
    for (uint64_t links = 1 + kv_prng_below(&world->prng, world->parameters.nodes); links > 0;
         links--) {
        world->cut[random_node(world)] |= 1u << random_node(world);
    }
}

static void isolate(struct world *world)
{
    uint32_t node = random_leader(world)->node;
    uint64_t way = kv_prng_below(&world->prng, 3); /* nothing gets out, nothing gets in, both */
    world->cut[node] |= way != 1 ? ~0u : 0;
    for (uint32_t n = 1; n <= world->parameters.nodes && way != 0; n++) {
        world->cut[n] |= 1u << node;
    }
}

static void cut_own_group(struct world *world)
{
    const struct world_member *leader = random_leader(world);
    world->own_group_cut[leader->node] |= 1u << leader->group.value;
}

static void cut_pair(struct world *world)
{
    uint32_t from = random_group(world), to = random_group(world);
    if (from != to) {
        world->pair_cut[from] |= 1u << to;
        world->pair_cut[to] |= kv_prng_chance(&world->prng, 2, 3) ? 1u << from : 0;
    }
}

static void heal(struct world *world)
{
    memset(world->cut, 0, sizeof world->cut);
    memset(world->own_group_cut, 0, sizeof world->own_group_cut);
    memset(world->pair_cut, 0, sizeof world->pair_cut);
}

static void crash_some(struct world *world)
{
    for (uint64_t some = 1 + kv_prng_below(&world->prng, world->parameters.replicas / 2); some > 0;
         some--) {
        world_node_crash(world, random_node(world));
    }
}

static void crash_group(struct world *world)
{
    uint32_t first = random_group(world) * (uint32_t)world->parameters.replicas;
    for (uint32_t r = 0; r < world->parameters.replicas; r++) {
        world_node_crash(world, world->members[first + r].node);
    }
}

static void pause_one(struct world *world)
{
    struct world_node *node =
        &world->nodes[kv_prng_chance(&world->prng, 1, 2) ? random_leader(world)->node
                                                         : random_node(world)];
    node->resume_at = world->now + kv_prng_below(&world->prng, world->parameters.pause_us_max + 1);
}

static void slow_disk(struct world *world)
{
    world->nodes[random_node(world)].slow_until = world->now + kv_prng_below(&world->prng, 2000000);
}

static void clock_jump(struct world *world)
{
    int64_t skew = (int64_t)world->parameters.clock_skew_us;
    world->nodes[random_node(world)].clock_skew_us =
        (int64_t)kv_prng_below(&world->prng, 2 * (uint64_t)skew + 1) - skew;
}

static void transfer(struct world *world)
{
    struct world_member *leader = random_leader(world);
    if (world_member_leads(leader) && world->nodes[leader->node].resume_at <= world->now) {
        world_member_raft(world, leader, (struct raft_event){.kind = RAFT_EVENT_TRANSFER});
    }
}

static void crash_leader(struct world *world)
{
    world_node_crash(world, random_leader(world)->node);
}

void world_fault(struct world *world)
{
    const struct world_parameters *p = &world->parameters;
    const struct {
        uint64_t weight;
        const char *name;
        void (*run)(struct world *world);
    } faults[] = {
        {p->cut_weight, "cut", cut},
        {p->one_way_weight, "one-way cut", cut_one_way},
        {p->isolate_weight, "leader isolated", isolate},
        {p->own_group_weight, "leader cut off from its group", cut_own_group},
        {p->pair_weight, "pair of groups cut", cut_pair},
        {p->heal_weight, "heal", heal},
        {p->crash_leader_weight, "leader crashes", crash_leader},
        {p->crash_weight, "nodes crash", crash_some},
        {p->crash_group_weight, "group crashes", crash_group},
        {p->pause_weight, "pause", pause_one},
        {p->slow_disk_weight, "slow disk", slow_disk},
        {p->clock_jump_weight, "clock jumps", clock_jump},
        {p->transfer_weight, "transfer", transfer},
    };
    uint64_t sum = 0;
    uint32_t count = sizeof faults / sizeof faults[0];
    for (uint32_t i = 0; i < count; i++) {
        sum += faults[i].weight;
    }
    uint64_t drawn = kv_prng_below(&world->prng, sum); /* heal_weight is never 0 */
    uint32_t chosen = 0;
    while (drawn >= faults[chosen].weight) {
        drawn -= faults[chosen++].weight;
    }
    WORLD_TRACE(world, "fault: %s", faults[chosen].name);
    faults[chosen].run(world);
}

/* The others of its group can talk to each other again: they will elect a leader. */
static void cut_off_alone(struct world *world, const struct world_member *member)
{
    for (uint32_t n = 1; n <= world->parameters.nodes; n++) {
        world->own_group_cut[n] &= ~(1u << member->group.value);
    }
    world->own_group_cut[member->node] |= 1u << member->group.value;
}

void world_ambush(struct world *world, const struct world_member *leader)
{
    const struct world_parameters *p = &world->parameters;
    if (world->mended || kv_prng_below(&world->prng, 100) >= p->ambush_percent) {
        return;
    }
    if (kv_prng_chance(&world->prng, 1, 2)) {
        cut_off_alone(world, leader);
        return;
    }
    world_push(world, (struct world_event){.at = world->now +
                                                 kv_prng_below(&world->prng, 2 * p->sync_us_max),
                                           .kind = WORLD_EVENT_AMBUSH,
                                           .actor = (uint32_t)(leader - world->members)});
}

void world_ambush_crash(struct world *world, uint32_t member)
{
    uint64_t replicas = world->parameters.replicas;
    if (world->mended) {
        return;
    }
    world_node_crash(world, world->members[member].node);
    cut_off_alone(
        world, &world->members[member - member % replicas + kv_prng_below(&world->prng, replicas)]);
}

void world_mend(struct world *world)
{
    world->mended = true;
    heal(world);
    for (uint32_t n = 1; n <= world->parameters.nodes; n++) {
        world->nodes[n].resume_at = 0;
        world_node_start(world, n);
    }
}
