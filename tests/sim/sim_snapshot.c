/* SPDX-License-Identifier: Apache-2.0 */
/* sim_snapshot: a member's snapshots: made of its engine, written to its disk, handed to others in
 * pieces.
 *
 * The bytes that travel are a head of 32 bytes (cursor, position, size of the next part; little
 * endian), what order_save gives, and what engine_save gives. A file is written beside the loop and is durable at one moment; if the node
 * crashes before, there is no file. */
#include <inttypes.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

#define HEAD_BYTES 32

static void put_order(struct kv_buffer *bytes, const struct order *order)
{
    struct kv_buffer saved = {0};
    order_save(order, &saved);
    kv_timestamp cursor = order_cursor(order);
    const uint64_t head[4] = {cursor.clock.value, cursor.group.value, order_delivered(order),
                              saved.size};
    kv_buffer_append(bytes, head, sizeof(head));
    kv_buffer_append(bytes, saved.data, saved.size);
    kv_buffer_close(&saved);
}

/* The part of order, and behind it that of the engine. */
static kv_slice order_part(const struct sim_snapshot *snapshot)
{
    uint64_t head[4];
    memcpy(head, snapshot->bytes.data, sizeof(head));
    KV_ASSERT(head[3] <= snapshot->bytes.size - HEAD_BYTES);
    return kv_slice_of(snapshot->bytes.data + HEAD_BYTES, head[3]);
}

static kv_slice engine_part(const struct sim_snapshot *snapshot)
{
    kv_slice order = order_part(snapshot);
    const uint8_t *begin = order.data + order.size;
    return kv_slice_of(begin, (size_t)(snapshot->bytes.data + snapshot->bytes.size - begin));
}

static struct sim_snapshot *snapshot_new(const struct sim_member *member,
                                         struct raft_snapshot_point point, kv_slice bytes)
{
    uint64_t head[4];
    KV_ASSERT(bytes.size >= HEAD_BYTES);
    memcpy(head, bytes.data, sizeof(head));
    struct sim_snapshot *snapshot = kv_alloc_zero(1, sizeof(*snapshot));
    snapshot->group = member->group;
    snapshot->point = point;
    snapshot->cursor = (kv_timestamp){{head[0]}, {(uint16_t)head[1]}};
    snapshot->delivered = head[2];
    kv_buffer_append(&snapshot->bytes, bytes.data, bytes.size);
    snapshot->digest = XXH3_64bits(bytes.data, bytes.size);
    return snapshot;
}

/* The state of the engine behind the head. */
static void put_state(struct sim *sim, const struct sim_member *member, struct kv_buffer *bytes)
{
    if (sim->options.mutant == SIM_MUTANT_SNAPSHOT_WITHOUT_SESSIONS) {
        member->machine.ops->save(member->machine.state, /* rows */ true, bytes);
    } else {
        engine_save(member->engine, bytes);
    }
}

static enum status load_state(struct sim *sim, struct sim_member *member, kv_slice bytes)
{
    if (sim->options.mutant != SIM_MUTANT_SNAPSHOT_WITHOUT_SESSIONS) {
        return engine_load(member->engine, bytes);
    }
    engine_destroy(&member->engine);
    member->machine = sim_machine_new(sim, member->group);
    enum status status = member->machine.ops->load(member->machine.state, bytes, /* bases */ NULL);
    member->engine =
        engine_new(member->group, member->machine, (uint32_t)sim->parameters.sessions_max);
    return status;
}

void sim_member_load(struct sim *sim, struct sim_node *node, struct sim_member *member,
                     const struct sim_snapshot *snapshot)
{
    if (load_state(sim, member, engine_part(snapshot)) != STATUS_OK) {
        sim_report_fail(&sim->report, "snapshot",
                        "group %u: node %u cannot load a snapshot that it has saved",
                        member->group.value, node->id.value);
        return;
    }
    memory_checkpoint_close(&member->checkpoint); /* its rows came with the snapshot */
    member->executed = snapshot->delivered;
    member->executed_index = snapshot->point.index;
    sim_execute(sim, node, member, (struct engine_event){.kind = ENGINE_EVENT_TICK});
    engine_check(member->engine);
    if (sim_checks(sim, SIM_CHECK_DIGEST) && engine_unfinished(member->engine) == 0) {
        check_digest_at(&sim->states[member->group.value], &sim->report, node->id,
                        snapshot->delivered, engine_digest(member->engine));
    }
}

void sim_member_save(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    const struct raft *raft = order_raft(member->order);
    kv_index index = order_delivered_index(member->order);
    uint64_t every = sim->parameters.snapshot_us;
    member->snapshot_at = sim->now + every / 2 + kv_prng_below(&sim->timing, every);
    if (member->saving || index.value <= raft_snapshot_index(raft).value) {
        return;
    }
    struct kv_buffer bytes = {0};
    put_order(&bytes, member->order);
    put_state(sim, member, &bytes);
    struct sim_snapshot *snapshot =
        snapshot_new(member, raft_snapshot_point_at(raft, index), kv_buffer_slice(&bytes));
    kv_buffer_close(&bytes);
    member->saving = true;
    SIM_TRACE(sim, "node %u group %u: begins to save a snapshot up to %" PRIu64, node->id.value,
              member->group.value, index.value);
    sim_queue_push(
        &sim->queue,
        (struct sim_event){.at = sim->now +
                                 kv_prng_below(&sim->timing, sim->parameters.snapshot_save_us + 1),
                           .kind = SIM_EVENT_SAVED,
                           .actor = node->id.value,
                           .number = node->incarnation,
                           .payload = snapshot});
}

void sim_node_on_saved(struct sim *sim, struct sim_node *node, uint64_t incarnation,
                       struct sim_snapshot *snapshot)
{
    struct sim_member *member = &node->members[snapshot->group.value];
    if (node->state == SIM_NODE_DOWN || node->incarnation != incarnation) {
        sim_snapshot_destroy(&snapshot); /* the process ended before the file was complete */
        return;
    }
    if (node->state == SIM_NODE_PAUSED) {
        sim_queue_push(&sim->queue, (struct sim_event){.at = node->resume_at,
                                                       .kind = SIM_EVENT_SAVED,
                                                       .actor = node->id.value,
                                                       .number = incarnation,
                                                       .payload = snapshot});
        return;
    }
    member->saving = false;
    if (sim->options.mutant == SIM_MUTANT_SNAPSHOT_POINT_LATE) {
        snapshot->point =
            raft_snapshot_point_at(order_raft(member->order), order_delivered_index(member->order));
    }
    if (snapshot->point.index.value <= raft_snapshot_index(order_raft(member->order)).value) {
        sim_snapshot_destroy(&snapshot); /* a newer one came from the leader meanwhile */
        return;
    }
    sim->counters.snapshots++;
    sim_disk_put_snapshot(&node->disk, snapshot);
    enum status status = sim_member_step_raft(
        sim, node, member,
        (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &snapshot->point});
    KV_ASSERT(status == STATUS_OK);
    sim_node_wake(sim, node, sim->now); /* to carry out and sync */
}

void sim_member_chunk_wanted(struct sim *sim, struct sim_node *node, struct sim_member *member,
                             const struct raft_chunk_wanted *wanted)
{
    struct wire_message message = wanted->message;
    struct wire_snapshot_chunk *chunk = &message.as.snapshot_chunk;
    const struct sim_snapshot *snapshot =
        sim_disk_snapshot(&node->disk, member->group, chunk->index);
    if (snapshot == NULL || chunk->offset > snapshot->bytes.size) {
        return; /* of a snapshot that was replaced: the follower will say where it stands */
    }
    size_t left = snapshot->bytes.size - chunk->offset;
    chunk->total = snapshot->bytes.size;
    chunk->digest = snapshot->digest;
    chunk->bytes =
        kv_slice_of(snapshot->bytes.data + chunk->offset,
                    left < sim->parameters.chunk_bytes ? left : sim->parameters.chunk_bytes);
    sim_net_send(&sim->net, sim->now, node->id.value, message.to.value, &message);
}

static void install(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    struct sim_incoming *incoming = &member->incoming;
    struct sim_snapshot *snapshot =
        snapshot_new(member, incoming->point, kv_buffer_slice(&incoming->bytes));
    sim->counters.installs++;
    SIM_TRACE(sim, "node %u group %u: installs a snapshot up to %" PRIu64, node->id.value,
              member->group.value, incoming->point.index.value);
    sim_disk_put_snapshot(&node->disk, snapshot);
    sim_member_load(sim, node, member, snapshot);
    if (sim_checks(sim, SIM_CHECK_ORDER)) {
        check_order_goes_on(&sim->order[member->group.value], &sim->report, node->id,
                            snapshot->delivered, snapshot->cursor);
    }
    struct raft_snapshot_point point = incoming->point;
    kv_buffer_close(&incoming->bytes);
    memset(incoming, 0, sizeof(*incoming));
    enum status status = sim_member_step(
        sim, node, member,
        (struct order_event){.kind = ORDER_EVENT_INSTALLED,
                             .raft = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED, .point = &point},
                             .snapshot = order_part(snapshot)});
    KV_ASSERT(status == STATUS_OK);
}

void sim_member_chunk_received(struct sim *sim, struct sim_node *node, struct sim_member *member,
                               const struct raft_chunk_received *received)
{
    const struct wire_snapshot_chunk *chunk = &received->chunk;
    struct sim_incoming *incoming = &member->incoming;
    if (incoming->total != chunk->total || incoming->digest != chunk->digest ||
        incoming->point.index.value != chunk->index.value ||
        incoming->point.term.value != chunk->index_term.value) {
        kv_buffer_clear(&incoming->bytes);
        incoming->total = chunk->total;
        incoming->digest = chunk->digest;
        incoming->point = (struct raft_snapshot_point){chunk->index, chunk->index_term,
                                                       chunk->reach, chunk->config};
    }
    if (chunk->offset == incoming->bytes.size) {
        kv_buffer_append(&incoming->bytes, chunk->bytes.data, chunk->bytes.size);
    }
    if (incoming->bytes.size == incoming->total && incoming->total >= HEAD_BYTES) {
        install(sim, node, member);
        return;
    }
    struct raft_snapshot_point point = incoming->point;
    (void)sim_member_step_raft(sim, node, member,
                               (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_RECEIVED,
                                                   .point = &point,
                                                   .offset = incoming->bytes.size});
}

enum status sim_member_load_order(struct sim_member *member, const struct sim_snapshot *snapshot)
{
    return order_load(member->order, order_part(snapshot));
}
