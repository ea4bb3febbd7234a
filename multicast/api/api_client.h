/* SPDX-License-Identifier: Apache-2.0 */
/* api_client: a multicast_client from inside. */
#ifndef KV_API_CLIENT_H
#define KV_API_CLIENT_H

#include "multicast/multicast.h"
#include "multicast/net/net.h"
#include "multicast/wire/codec.h"

/* Endpoints that a client is opened with; it learns the others from these. */
#define API_SEEDS_MAX (NET_CLIENT_SLOTS_MAX - KV_NODES_MAX)

/* What is known of a group. */
struct api_group {
    struct wire_config members;
    kv_node_id leader;    /* believed; none: unknown */
    uint32_t next_member; /* to be tried when no leader is known */
};

struct multicast_client {
    struct net_client *net;
    struct wire_frame_writer writer;
    struct wire_frame_reader reader;
    uint32_t seed_count;
    char endpoints[KV_NODES_MAX + 1][WIRE_ENDPOINT_BYTES_MAX]; /* by node id; "": not known */
    bool connected[KV_NODES_MAX + 1];
    kv_cluster_id cluster; /* 0: not known yet */
    uint32_t group_count;
    struct api_group groups[KV_GROUPS_MAX];
    kv_session_id session;
    uint64_t sequence;
    bool refused; /* by a node, for good: error says why */
    char error[MULTICAST_ERROR_BYTES];
};

/* One group's part of a call. */
struct api_part {
    kv_group_id group;
    bool answered;
    kv_timestamp timestamp;
    struct kv_buffer body;
    uint32_t sent,
        not_ordered; /* sendings, and those of them that are known to have had no effect */
    kv_instant send_at;
    uint64_t pause_us;
};

/* A call on its way: a message or a read. */
struct api_call {
    struct wire_request request;
    struct api_part *parts;
    uint32_t part_count;
    uint32_t answered;
    bool malformed; /* the service or the cluster cannot take it */
    bool session_refused;
};

struct multicast_result {
    uint32_t count;
    struct api_part parts[];
};

/* api_connection.c */
kv_instant api_now(void);
void api_fail(struct multicast_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Run until the cluster is known. OK, UNAVAILABLE, REFUSED. */
multicast_status api_find_cluster(struct multicast_client *client, kv_instant until);
/* Send a request to a group: to its believed leader, or to its members in turn. */
void api_send(struct multicast_client *client, kv_group_id group,
              const struct wire_request *request);
/* Handle what has arrived; call may be NULL. */
void api_receive(struct multicast_client *client, struct api_call *call);

/* api_client.c */
void api_on_reply(struct multicast_client *client, struct api_call *call, kv_group_id group,
                  const struct wire_reply *reply);

#endif
