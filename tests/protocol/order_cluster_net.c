/* SPDX-License-Identifier: Apache-2.0 */
/* order_cluster_net: packets, and the rules that drop, hold and double them. */
#include <string.h>

#include "tests/protocol/order_cluster_internal.h"

static kv_slice copy_bytes(kv_slice bytes)
{
    uint8_t *copy = kv_alloc(bytes.size + 1);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return kv_slice_of(copy, bytes.size);
}

static void free_bytes(kv_slice bytes)
{
    kv_free((void *)(uintptr_t)bytes.data);
}

/* Of the kinds that point to anything: the slice. */
static kv_slice *slice_of(struct wire_message *message)
{
    return message->kind == WIRE_MESSAGE_SOFT             ? &message->as.soft.body
           : message->kind == WIRE_MESSAGE_REQUEST        ? &message->as.request.body
           : message->kind == WIRE_MESSAGE_SNAPSHOT_CHUNK ? &message->as.snapshot_chunk.bytes
                                                          : NULL;
}

struct cluster_packet cluster_packet_of(const struct wire_message *message)
{
    struct cluster_packet packet = {.message = *message};
    kv_slice *slice = slice_of(&packet.message);
    if (slice != NULL) {
        *slice = copy_bytes(*slice);
    }
    if (message->kind == WIRE_MESSAGE_APPEND) {
        const struct wire_append *append = &message->as.append;
        packet.message.as.append.entries =
            kv_alloc((append->count + 1) * sizeof(struct wire_entry *));
        for (uint32_t i = 0; i < append->count; i++) {
            packet.message.as.append.entries[i] = wire_entry_keep(append->entries[i]);
        }
    }
    return packet;
}

void cluster_packet_close(struct cluster_packet *packet)
{
    kv_slice *slice = slice_of(&packet->message);
    if (slice != NULL) {
        free_bytes(*slice);
    }
    if (packet->message.kind == WIRE_MESSAGE_APPEND) {
        for (uint32_t i = 0; i < packet->message.as.append.count; i++) {
            wire_entry_drop(&packet->message.as.append.entries[i]);
        }
        kv_free(packet->message.as.append.entries);
    }
}

void cluster_packets_add(struct cluster_packets *packets, struct cluster_packet packet)
{
    if (packets->count == packets->capacity) {
        packets->capacity = packets->capacity == 0 ? 64 : packets->capacity * 2;
        packets->items = kv_realloc(packets->items, packets->capacity * sizeof *packets->items);
    }
    packets->items[packets->count++] = packet;
}

/* Keeps the others in their order. */
struct cluster_packet cluster_packets_take(struct cluster_packets *packets, uint32_t position)
{
    struct cluster_packet taken = packets->items[position];
    packets->count--;
    memmove(&packets->items[position], &packets->items[position + 1],
            (packets->count - position) * sizeof *packets->items);
    return taken;
}

void cluster_packets_close(struct cluster_packets *packets)
{
    for (uint32_t i = 0; i < packets->count; i++) {
        cluster_packet_close(&packets->items[i]);
    }
    kv_free(packets->items);
    *packets = (struct cluster_packets){0};
}

static bool is_meant(uint32_t wanted, kv_node_id node)
{
    return wanted == 0 || wanted == node.value || (wanted < 10 && wanted == node.value / 10u);
}

static bool has_rule(const struct cluster *cluster, enum cluster_action action,
                     const struct wire_message *message)
{
    for (uint32_t i = 0; i < cluster->rule_count; i++) {
        const struct cluster_rule_item *rule = &cluster->rules[i];
        if (rule->action == action && (rule->kind == 0 || rule->kind == (int)message->kind) &&
            is_meant(rule->from, message->from) && is_meant(rule->to, message->to)) {
            return true;
        }
    }
    return false;
}

static void fly(struct cluster *cluster, struct cluster_packet packet, uint64_t extra_us)
{
    uint64_t jitter = cluster->settings.jitter_us;
    uint64_t delay = CLUSTER_UNIT_US + extra_us;
    if (jitter > 0) {
        delay = kv_prng_between(&cluster->prng, delay - jitter, delay + jitter);
    }
    packet.at = kv_instant_add(cluster->now, delay);
    packet.order = cluster->next_order++;
    cluster_packets_add(&cluster->flying, packet);
}

void cluster_post(struct cluster *cluster, const struct wire_message *message)
{
    KV_ASSERT((size_t)message->kind < sizeof cluster->sent / sizeof cluster->sent[0]);
    cluster->sent[message->kind]++;
    cluster_trace_send(cluster, message);
    if (has_rule(cluster, CLUSTER_DROP, message)) {
        return;
    }
    if (has_rule(cluster, CLUSTER_HOLD, message)) {
        cluster_packets_add(&cluster->held, cluster_packet_of(message));
        return;
    }
    fly(cluster, cluster_packet_of(message), 0);
    if (has_rule(cluster, CLUSTER_TWICE, message)) {
        fly(cluster, cluster_packet_of(message), 0);
        fly(cluster, cluster_packet_of(message), 3 * CLUSTER_UNIT_US); /* and once more, late */
    }
}

void cluster_rule(struct cluster *cluster, enum cluster_action action, int kind, uint32_t from,
                  uint32_t to)
{
    KV_ASSERT(cluster->rule_count < CLUSTER_RULES_MAX);
    cluster->rules[cluster->rule_count++] = (struct cluster_rule_item){action, kind, from, to};
}

void cluster_rules_clear(struct cluster *cluster)
{
    cluster->rule_count = 0;
}

void cluster_release(struct cluster *cluster)
{
    cluster_rules_clear(cluster);
    while (cluster->held.count > 0) {
        fly(cluster, cluster_packets_take(&cluster->held, 0), 0);
    }
}

void cluster_cut(struct cluster *cluster, uint32_t node)
{
    cluster_rule(cluster, CLUSTER_DROP, 0, node, 0);
    cluster_rule(cluster, CLUSTER_DROP, 0, 0, node);
}

uint64_t cluster_sent(struct cluster *cluster, int kind)
{
    return cluster->sent[kind];
}
