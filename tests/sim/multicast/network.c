/* SPDX-License-Identifier: Apache-2.0 */
/* network: loss, doubling, reordering, straggling, replays, and cuts of links, of own groups and of pairs of groups. */
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/multicast/world.h"

#define CLUSTER ((kv_cluster_id){7})

static void put_bytes(struct world_packet *packet, kv_slice *slice)
{
    kv_buffer_clear(&packet->bytes);
    kv_buffer_append(&packet->bytes, slice->data, slice->size);
    *slice = kv_buffer_slice(&packet->bytes);
}

static void encode(struct world *world, struct world_packet *packet,
                   const struct wire_message *message)
{
    wire_frame_begin(&world->writer, CLUSTER, message->from, message->to);
    enum status status = wire_frame_add(&world->writer, message);
    KV_ASSERT(status == STATUS_OK);
    kv_slice frame = wire_frame_finish(&world->writer);
    put_bytes(packet, &frame);
    packet->encoded = true;
}

static void keep_entries(struct world_packet *packet, struct wire_append *append)
{
    if (append->count > packet->entry_capacity) {
        packet->entry_capacity = append->count + 16;
        packet->entries =
            kv_realloc(packet->entries, packet->entry_capacity * sizeof(struct wire_entry *));
    }
    for (uint32_t i = 0; i < append->count; i++) {
        packet->entries[i] = wire_entry_keep(append->entries[i]);
    }
    append->entries = packet->entries;
}

struct world_packet *world_packet_new(struct world *world, const struct wire_message *message)
{
    struct world_packet *packet = world->free_packets;
    if (packet != NULL) {
        world->free_packets = packet->next;
    } else {
        packet = kv_alloc_zero(1, sizeof *packet);
    }
    packet->message = *message;
    packet->references = 1;
    packet->encoded = false;
    if (world->parameters.through_codec) {
        encode(world, packet, message);
    } else if (message->kind == WIRE_MESSAGE_APPEND) {
        keep_entries(packet, &packet->message.as.append);
    } else if (message->kind == WIRE_MESSAGE_SOFT) {
        put_bytes(packet, &packet->message.as.soft.body);
    } else if (message->kind == WIRE_MESSAGE_SNAPSHOT_CHUNK) {
        put_bytes(packet, &packet->message.as.snapshot_chunk.bytes);
    }
    return packet;
}

void world_packet_drop(struct world *world, struct world_packet *packet)
{
    if (--packet->references > 0) {
        return;
    }
    if (!packet->encoded && packet->message.kind == WIRE_MESSAGE_APPEND) {
        for (uint32_t i = 0; i < packet->message.as.append.count; i++) {
            wire_entry_drop(&packet->entries[i]);
        }
    }
    packet->next = world->free_packets;
    world->free_packets = packet;
}

static kv_group_id speaker_group(const struct wire_message *message)
{
    bool between = message->kind >= WIRE_MESSAGE_SOFT && message->kind <= WIRE_MESSAGE_TELL;
    return between ? message->as.fix.speaker.group : message->group;
}

static bool is_cut(const struct world *world, const struct wire_message *message)
{
    uint32_t from = message->from.value, to = message->to.value;
    uint32_t source = speaker_group(message).value, target = message->group.value;
    if (((world->cut[from] >> to) & 1) != 0 || ((world->pair_cut[source] >> target) & 1) != 0) {
        return true;
    }
    return source == target &&
           (((world->own_group_cut[from] | world->own_group_cut[to]) >> target) & 1) != 0;
}

static bool chance(struct world *world, uint64_t permille)
{
    return permille > 0 && kv_prng_below(&world->prng, 1000) < permille;
}

static void arrive_in(struct world *world, struct world_packet *packet, uint64_t delay)
{
    packet->references++;
    world_push(world, (struct world_event){
                          .at = world->now + delay, .kind = WORLD_EVENT_PACKET, .payload = packet});
}

void world_send(struct world *world, struct world_packet *packet)
{
    const struct world_parameters *p = &world->parameters;
    const struct wire_message *message = &packet->message;
    if (kv_node_equal(message->from, message->to)) {
        arrive_in(world, packet, 1);
    } else if (!is_cut(world, message) && !(!world->mended && chance(world, p->loss_permille))) {
        bool straggles = !world->mended && chance(world, p->straggle_permille);
        uint64_t delay = kv_prng_between(&world->prng, p->delay_us_min,
                                         straggles ? p->straggle_us_max : p->delay_us_max);
        arrive_in(world, packet, delay);
        if (!world->mended && chance(world, p->double_permille)) {
            arrive_in(world, packet,
                      kv_prng_between(&world->prng, p->delay_us_min, p->straggle_us_max));
        }
        if (!world->mended && chance(world, p->replay_permille)) {
            arrive_in(world, packet,
                      kv_prng_between(&world->prng, p->delay_us_min, p->replay_us_max));
        }
    }
    world_packet_drop(world, packet);
}

static void give(struct world *world, const struct wire_message *message)
{
    int member = world->member_of[message->to.value][message->group.value];
    if (member >= 0 && world->members[member].order != NULL) {
        world_member_raft(world, &world->members[member],
                          (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = message});
    }
}

void world_packet_arrives(struct world *world, struct world_packet *packet)
{
    if (!packet->encoded) {
        give(world, &packet->message);
        return;
    }
    struct wire_message message;
    enum status status = wire_frame_open(&world->reader, kv_buffer_slice(&packet->bytes));
    if (status == STATUS_OK) {
        status = wire_frame_next(&world->reader, &message);
    }
    if (status != STATUS_OK) {
        check_fail(&world->report, "codec", "%s does not come out of the codec as it went in",
                   wire_message_kind_name(packet->message.kind));
        return;
    }
    give(world, &message);
}

void world_network_close(struct world *world)
{
    while (world->free_packets != NULL) {
        struct world_packet *packet = world->free_packets;
        world->free_packets = packet->next;
        kv_buffer_close(&packet->bytes);
        kv_free(packet->entries);
        kv_free(packet);
    }
    wire_frame_writer_close(&world->writer);
    wire_frame_reader_close(&world->reader);
}
