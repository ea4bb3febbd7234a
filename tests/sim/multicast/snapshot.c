/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: the application is the delivered sequence, so its state is a length and the last timestamp. */
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/multicast/world.h"

#define HEAD_BYTES 24

static struct world_snapshot *snapshot_new(struct world *world, struct raft_snapshot_point point)
{
    struct world_snapshot *snapshot = kv_alloc_zero(1, sizeof *snapshot);
    snapshot->point = point;
    snapshot->next = world->snapshots;
    world->snapshots =
        snapshot; /* until the end of the run: a restart may read any of them again */
    return snapshot;
}

void world_snapshot_begin(struct world *world, uint32_t number)
{
    struct world_member *member = &world->members[number];
    if (member->order == NULL || member->saving ||
        world->nodes[member->node].resume_at > world->now) {
        return;
    }
    kv_index index = order_delivered_index(member->order);
    const struct raft *raft = order_raft(member->order);
    if (index.value <= raft_snapshot_index(raft).value || raft_is_sending_snapshot(raft)) {
        return;
    }
    struct world_snapshot *snapshot = snapshot_new(world, raft_snapshot_point_at(raft, index));
    const uint64_t head[3] = {member->delivered, member->cursor.clock.value,
                              member->cursor.group.value};
    kv_buffer_append(&snapshot->bytes, head, sizeof head);
    order_save(member->order, &snapshot->bytes);
    member->saving = true;
    WORLD_TRACE(world, "node %u group %u: saves a snapshot at %llu with %llu deliveries",
                member->node, member->group.value, (unsigned long long)index.value,
                (unsigned long long)member->delivered);
    world_push(world,
               (struct world_event){
                   .at = world->now + kv_prng_below(&world->prng, world->parameters.save_us_max),
                   .kind = WORLD_EVENT_SAVED,
                   .actor = number,
                   .incarnation = world->nodes[member->node].incarnation,
                   .payload = snapshot});
}

static const struct world_snapshot *snapshot_at(const struct world *world,
                                                const struct world_member *member, kv_index index)
{
    const struct world_node *node = &world->nodes[member->node];
    uint32_t number = (uint32_t)(member - world->members);
    for (uint32_t i = node->record_count; i > 0; i--) {
        const struct world_record *record = &node->records[i - 1];
        if (record->member == number && record->snapshot != NULL &&
            record->snapshot->point.index.value == index.value) {
            return record->snapshot;
        }
    }
    return NULL;
}

void world_snapshot_saved(struct world *world, uint32_t number, struct world_snapshot *snapshot)
{
    struct world_member *member = &world->members[number];
    member->saving = false;
    if (snapshot->point.index.value <= raft_snapshot_index(order_raft(member->order)).value) {
        return; /* a newer one came from the leader meanwhile */
    }
    world->counters.snapshots++;
    member->recorded = snapshot;
    world_member_raft(
        world, member,
        (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &snapshot->point});
}

void world_snapshot_wanted(struct world *world, struct world_member *member,
                           const struct raft_chunk_wanted *wanted)
{
    struct wire_message message = wanted->message;
    struct wire_snapshot_chunk *chunk = &message.as.snapshot_chunk;
    const struct world_snapshot *snapshot = snapshot_at(world, member, chunk->index);
    if (snapshot == NULL || chunk->offset > snapshot->bytes.size) {
        return;
    }
    uint64_t left = snapshot->bytes.size - chunk->offset;
    chunk->total = snapshot->bytes.size;
    chunk->bytes =
        kv_slice_of(snapshot->bytes.data + chunk->offset,
                    left < world->parameters.chunk_bytes ? left : world->parameters.chunk_bytes);
    world_send(world, world_packet_new(world, &message));
}

kv_slice world_snapshot_load(struct world *world, struct world_member *member,
                             const struct world_snapshot *snapshot)
{
    uint64_t head[3];
    KV_ASSERT(snapshot->bytes.size >= sizeof head);
    memcpy(head, snapshot->bytes.data, sizeof head);
    kv_timestamp cursor = {{head[1]}, {(uint16_t)head[2]}};
    check_sequence_resume(&world->checks, member->group, head[0], cursor);
    member->delivered = head[0];
    member->cursor = cursor;
    return kv_slice_of(snapshot->bytes.data + HEAD_BYTES, snapshot->bytes.size - HEAD_BYTES);
}

/* The application that had delivered more keeps its own state. [rule 31] */
static void install(struct world *world, struct world_member *member)
{
    struct world_snapshot *snapshot = snapshot_new(world, member->incoming);
    kv_buffer_append(&snapshot->bytes, member->incoming_bytes.data, member->incoming_bytes.size);
    kv_buffer_clear(&member->incoming_bytes);
    member->incoming_total = 0;
    if (snapshot->point.index.value <= raft_commit(order_raft(member->order)).value) {
        return; /* ask before loading: the log may have gone past it */
    }
    uint64_t delivered = member->delivered;
    kv_timestamp cursor = member->cursor;
    kv_slice saved = world_snapshot_load(world, member, snapshot);
    bool ahead = delivered > member->delivered;
    if (ahead) {
        member->delivered = delivered;
        member->cursor = cursor;
    }
    WORLD_TRACE(world, "node %u group %u: installs a snapshot up to %llu%s", member->node,
                member->group.value, (unsigned long long)snapshot->point.index.value,
                ahead ? ", keeps its own application" : "");
    world->counters.installs++;
    world->counters.installs_behind += ahead;
    member->recorded = snapshot;
    enum status status =
        world_member_step(world, member,
                          (struct order_event){.kind = ORDER_EVENT_INSTALLED,
                                               .raft = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED,
                                                        .point = &snapshot->point},
                                               .snapshot = saved,
                                               .application_is_ahead = ahead});
    if (status != STATUS_OK) {
        check_fail(&world->report, "snapshot", "node %u group %u cannot install a snapshot: %s",
                   member->node, member->group.value, status_text(status));
    }
}

void world_snapshot_received(struct world *world, struct world_member *member,
                             const struct wire_snapshot_chunk *chunk)
{
    const struct raft_snapshot_point *point = &member->incoming;
    if (chunk->offset == 0 || member->incoming_total != chunk->total ||
        point->index.value != chunk->index.value || point->term.value != chunk->index_term.value) {
        kv_buffer_clear(&member->incoming_bytes);
        member->incoming_total = chunk->total;
        member->incoming = (struct raft_snapshot_point){chunk->index, chunk->index_term,
                                                        chunk->reach, chunk->config};
    }
    if (chunk->offset == member->incoming_bytes.size) {
        kv_buffer_append(&member->incoming_bytes, chunk->bytes.data, chunk->bytes.size);
    }
    if (member->incoming_bytes.size == member->incoming_total) {
        install(world, member);
        return;
    }
    struct raft_snapshot_point received = member->incoming;
    world_member_raft(world, member,
                      (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_RECEIVED,
                                          .point = &received,
                                          .offset = member->incoming_bytes.size});
}
