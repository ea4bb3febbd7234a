/* SPDX-License-Identifier: Apache-2.0 */
/* order_cluster_internal: what the files of the fixture share. */
#ifndef KV_TESTS_ORDER_CLUSTER_INTERNAL_H
#define KV_TESTS_ORDER_CLUSTER_INTERNAL_H

#include "multicast/base/assert.h"
#include "tests/protocol/order_cluster.h"

#define CLUSTER_RULES_MAX 32
#define CLUSTER_NODES_MAX (10 * CLUSTER_GROUPS_MAX + CLUSTER_MEMBERS + 1)

/* A message on its way; owns what it points to. A client's is a REQUEST from node 0. */
struct cluster_packet {
    kv_instant at;
    uint64_t order;
    uint64_t
        after; /* while it waits for the sender's disk: how many of its records must be durable */
    struct wire_message message;
};

struct cluster_packets {
    struct cluster_packet *items;
    uint32_t count, capacity;
};

struct cluster_member {
    kv_node_id node;
    kv_group_id group;
    struct order *order; /* NULL: down */
    struct order_effects effects;
    bool touched;
    bool led;
    kv_index commit_told;
    /* the disk */
    struct raft_persist *records;
    uint32_t record_count, record_capacity;
    uint32_t durable_count;
    uint32_t life_begin; /* records before it are of earlier lives */
    uint32_t syncing_count;
    kv_instant sync_at;
    struct cluster_packets waiting; /* for the disk */
    /* the application */
    struct cluster_delivery *delivered;
    uint32_t delivered_count, delivered_capacity;
    bool has_snapshot;
    struct kv_buffer snapshot; /* of order, and then the deliveries */
    struct raft_snapshot_point point;
};

struct cluster_rule_item {
    enum cluster_action action;
    int kind;
    uint32_t from, to;
};

struct cluster {
    struct cluster_settings settings;
    struct wire_config configs[CLUSTER_GROUPS_MAX + 1];
    struct cluster_member members[CLUSTER_NODES_MAX]; /* by node id */
    kv_instant now;
    kv_instant epoch;
    bool started;
    struct kv_prng prng;
    uint64_t next_order;
    struct cluster_packets flying;
    struct cluster_packets held;
    struct cluster_rule_item rules[CLUSTER_RULES_MAX];
    uint32_t rule_count;
    uint32_t leaders[CLUSTER_GROUPS_MAX + 1]; /* as clients believe */
    uint64_t floor;
    uint64_t sent[64];     /* by kind */
    kv_instant *submitted; /* by sequence */
    kv_timestamp *finals;  /* by sequence; {0} unknown */
    uint64_t sequence_capacity;
    struct cluster_delivery *sequence_of[CLUSTER_GROUPS_MAX + 1]; /* the longest delivered one */
    uint32_t sequence_count[CLUSTER_GROUPS_MAX + 1];
    uint32_t sequence_room[CLUSTER_GROUPS_MAX + 1];
    /* the trace */
    int view;
    struct kv_buffer text;
    char line[192]; /* of `text`, without its receivers: repeated sends are one line */
    char letters[256];
};

/* order_cluster_net.c */
void cluster_post(struct cluster *cluster, const struct wire_message *message);
void cluster_packet_close(struct cluster_packet *packet);
struct cluster_packet cluster_packet_of(const struct wire_message *message);
void cluster_packets_add(struct cluster_packets *packets, struct cluster_packet packet);
struct cluster_packet cluster_packets_take(struct cluster_packets *packets, uint32_t position);
void cluster_packets_close(struct cluster_packets *packets);

/* order_cluster_trace.c */
void cluster_trace_append(struct cluster *cluster, const struct cluster_member *member,
                          const struct wire_entry *entry);
void cluster_trace_commit(struct cluster *cluster, struct cluster_member *member);
void cluster_trace_send(struct cluster *cluster, const struct wire_message *message);
void cluster_trace_delivery(struct cluster *cluster, const struct cluster_member *member,
                            const struct order_delivery *delivery);
void cluster_trace_line(struct cluster *cluster, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* order_cluster.c */
bool cluster_is_scripted(kv_message_id id); /* of the test, not of the preparation */
void cluster_room_for(struct cluster *cluster, uint64_t sequence);

#endif
