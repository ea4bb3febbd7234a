/* SPDX-License-Identifier: Apache-2.0 */
/* node: a process that hosts members, with one log for all of them.
 *
 * Records become durable in the order in which they were written; a crash keeps a random part of those that were not synced.
 * What has to wait for a record is held until the sync that covers it. */
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/multicast/world.h"

void world_node_append(struct world *world, uint32_t node, struct world_record record)
{
    struct world_node *n = &world->nodes[node];
    if (n->record_count == n->record_capacity) {
        n->record_capacity = n->record_capacity == 0 ? 128 : 2 * n->record_capacity;
        n->records = kv_realloc(n->records, n->record_capacity * sizeof *n->records);
    }
    if (record.persist.entry != NULL) {
        wire_entry_keep(record.persist.entry);
    }
    n->records[n->record_count++] = record;
}

void world_node_hold(struct world *world, uint32_t node, struct world_held held)
{
    struct world_node *n = &world->nodes[node];
    if (n->held_count == n->held_capacity) {
        n->held_capacity = n->held_capacity == 0 ? 64 : 2 * n->held_capacity;
        n->held = kv_realloc(n->held, n->held_capacity * sizeof *n->held);
    }
    n->held[n->held_count++] = held;
}

void world_node_sync(struct world *world, uint32_t node)
{
    const struct world_parameters *p = &world->parameters;
    struct world_node *n = &world->nodes[node];
    if (n->syncing || n->durable == n->record_count) {
        return;
    }
    n->syncing = true;
    bool slow = world->now < n->slow_until && !world->mended;
    uint64_t time =
        kv_prng_between(&world->prng, p->sync_us_min, slow ? p->slow_sync_us_max : p->sync_us_max);
    world_push(world, (struct world_event){.at = world->now + time,
                                           .kind = WORLD_EVENT_SYNCED,
                                           .actor = node,
                                           .incarnation = n->incarnation,
                                           .number = n->record_count});
}

static void release(struct world *world, struct world_node *n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->held_count; i++) {
        if (n->held[i].after <= world->members[n->held[i].member].durable) {
            world_send(world, n->held[i].packet);
        } else {
            n->held[kept++] = n->held[i];
        }
    }
    n->held_count = kept;
}

void world_node_synced(struct world *world, uint32_t node, uint64_t records)
{
    struct world_node *n = &world->nodes[node];
    uint64_t durable[WORLD_MEMBERS_MAX] = {0};
    n->syncing = false;
    for (uint32_t i = n->durable; i < records; i++) {
        durable[n->records[i].member] = n->records[i].sequence;
    }
    n->durable = (uint32_t)records;
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (durable[m] != 0) {
            world->members[m].durable = durable[m];
        }
    }
    release(world, n);
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (durable[m] != 0) {
            world_member_raft(
                world, &world->members[m],
                (struct raft_event){.kind = RAFT_EVENT_DURABLE, .sequence = durable[m]});
        }
    }
    world_node_sync(world, node);
}

static void drop_records(struct world_node *n, uint32_t from)
{
    for (uint32_t i = from; i < n->record_count; i++) {
        wire_entry_drop(&n->records[i].persist.entry);
    }
    n->record_count = from;
}

void world_node_crash(struct world *world, uint32_t node)
{
    const struct world_parameters *p = &world->parameters;
    struct world_node *n = &world->nodes[node];
    if (!n->up) {
        return;
    }
    n->up = false;
    world->counters.crashes++;
    uint32_t unsynced = n->record_count - n->durable;
    drop_records(n, n->durable + (uint32_t)kv_prng_below(&world->prng, unsynced + 1));
    n->durable = n->record_count;
    WORLD_TRACE(world, "node %u crashes and keeps %u records", node, n->record_count);
    for (uint32_t i = 0; i < n->record_count; i++) {
        n->records[i].sequence = 0;
    }
    for (uint32_t i = 0; i < n->held_count; i++) {
        world_packet_drop(world, n->held[i].packet);
    }
    n->held_count = 0;
    n->syncing = n->flush_due = false;
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (world->members[m].node == node) {
            world_member_facts(world, &world->members[m]);
            world_member_close(&world->members[m]);
        }
    }
    world_push(world, (struct world_event){.at = world->now +
                                                 kv_prng_below(&world->prng, p->down_us_max + 1),
                                           .kind = WORLD_EVENT_RESTART,
                                           .actor = node});
}

static void restore(struct world *world, const struct world_record *record)
{
    struct world_member *member = &world->members[record->member];
    enum status status = order_restore(member->order, &record->persist);
    if (status == STATUS_OK && record->persist.kind == RAFT_PERSIST_SNAPSHOT) {
        status = order_load(member->order, world_snapshot_load(world, member, record->snapshot));
    }
    if (status != STATUS_OK) {
        check_fail(&world->report, "restart",
                   "node %u cannot restore what it wrote for group %u: %s", member->node,
                   member->group.value, status_text(status));
    }
}

void world_node_start(struct world *world, uint32_t node)
{
    struct world_node *n = &world->nodes[node];
    if (n->up) {
        return;
    }
    n->up = true;
    n->incarnation++;
    n->resume_at = 0;
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (world->members[m].node == node) {
            world_member_new(world, &world->members[m]);
        }
    }
    for (uint32_t i = 0; i < n->record_count && !world->report.failed; i++) {
        restore(world, &n->records[i]);
    }
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (world->members[m].node == node) {
            world_member_restored(world, &world->members[m]);
        }
    }
}

void world_node_close(struct world_node *node)
{
    drop_records(node, 0);
    kv_free(node->records);
    kv_free(node->held);
    *node = (struct world_node){0};
}
