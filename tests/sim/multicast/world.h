/* SPDX-License-Identifier: Apache-2.0 */
/* world: a deterministic run of several groups of order cores, and of nothing else.
 *
 *   clients -> network -> members (order, raft) -> checks           applications are the delivered sequences themselves
 *                 ^          |
 *                 +----------+--> log of the node (durable up to a point; a crash loses a part of the rest)
 *
 * A run is a function of seed, profile and planted bug. First faults of all kinds, then everything is mended and what was begun
 * has to come to an end. One struct world is used for many runs, so that its memory is. */
#ifndef KV_MULTICAST_WORLD_H
#define KV_MULTICAST_WORLD_H

#include "multicast/base/prng.h"
#include "multicast/order/order.h"
#include "multicast/wire/codec.h"
#include "tests/sim/multicast/checks.h"
#include "tests/sim/multicast/parameters.h"

#define WORLD_GROUPS_MAX    CHECK_GROUPS_MAX
#define WORLD_REPLICAS_MAX  5
#define WORLD_MEMBERS_MAX   (WORLD_GROUPS_MAX * WORLD_REPLICAS_MAX)
#define WORLD_NODES_MAX     (WORLD_MEMBERS_MAX + 1) /* 0 is none */
#define WORLD_CLIENTS_MAX   5                       /* the last one comes when all is mended */
#define WORLD_SEQUENCES_MAX 32

/* A run that takes more is stuck in a loop. */
#define WORLD_EVENTS_MAX 300000

/* After the faults everything has to be done within this time. */
#define WORLD_LIVENESS_US UINT64_C(60000000)

enum world_event_kind {
    WORLD_EVENT_PACKET,   /* payload: a packet arrives */
    WORLD_EVENT_TICK,     /* actor: a member's deadline */
    WORLD_EVENT_FLUSH,    /* actor: a node's batch ends */
    WORLD_EVENT_SYNCED,   /* actor: a node's disk has finished a sync of `number` records */
    WORLD_EVENT_SAVED,    /* payload: a snapshot of member `actor` is durable */
    WORLD_EVENT_RESTART,  /* actor: a crashed node starts again */
    WORLD_EVENT_REQUEST,  /* actor: a member gets a client's message `number` */
    WORLD_EVENT_ANSWER,   /* actor: a client gets the answer to message `number` */
    WORLD_EVENT_CLIENT,   /* actor: a client looks at its messages */
    WORLD_EVENT_SNAPSHOT, /* a random member takes a snapshot */
    WORLD_EVENT_FAULT,    /* the next fault */
    WORLD_EVENT_AMBUSH,   /* actor: the node of a member crashes that was elected a moment ago */
    WORLD_EVENT_MEND,     /* the faults end */
    WORLD_EVENT_CHECK     /* is everything done? */
};

struct world_packet {
    struct wire_message message;
    struct kv_buffer bytes; /* a frame, or bodies that the message borrows */
    bool encoded;
    struct wire_entry **entries; /* of an APPEND; one reference each */
    uint32_t entry_capacity;
    uint32_t references;
    struct world_packet *next; /* free */
};

struct world_snapshot {
    struct raft_snapshot_point point;
    struct kv_buffer
        bytes; /* deliveries (8), cursor clock (8), cursor group (8), what order_save gave */
    struct world_snapshot *next;
};

struct world_event {
    uint64_t at, sequence;
    enum world_event_kind kind;
    uint32_t actor;
    uint32_t incarnation; /* of the node, where it matters */
    uint64_t number;
    void *payload;
};

struct world_record {
    uint32_t member;
    uint64_t sequence; /* 0: of an earlier life */
    struct raft_persist persist;
    struct world_snapshot *snapshot; /* SNAPSHOT */
};

struct world_held {
    struct world_packet *packet;
    uint32_t member;
    uint64_t after;
};

struct world_node {
    bool up;
    uint32_t incarnation;
    uint64_t resume_at;    /* paused until then */
    uint64_t slow_until;   /* the disk */
    int64_t clock_skew_us; /* of the wall clock */
    struct world_record *records;
    uint32_t record_count, record_capacity, durable;
    bool syncing;
    bool flush_due;
    struct world_held *held;
    uint32_t held_count, held_capacity;
};

struct world_member {
    kv_group_id group;
    uint32_t node; /* its number is also its id */
    struct order *order;
    struct order_effects effects;
    struct trace trace;
    uint64_t delivered; /* the application: so much of the group's sequence */
    kv_timestamp cursor;
    uint64_t checked; /* committed entries that were looked at */
    uint64_t durable;
    uint64_t tick_at; /* earliest TICK in the queue */
    bool saving;
    bool flush_due;
    struct world_snapshot *recorded;     /* the snapshot that the next SNAPSHOT record is about */
    struct raft_snapshot_point incoming; /* snapshot being received */
    uint64_t incoming_total;
    struct kv_buffer incoming_bytes;
};

struct world_operation {
    uint64_t destinations;
    uint64_t resend_at; /* 0: not under way */
    bool answered;
    bool given_up;
};

struct world_client {
    bool alive;
    uint64_t reach; /* groups that it can send to */
    uint32_t planned, begun;
    uint64_t floor;
    struct world_operation operations[WORLD_SEQUENCES_MAX]; /* by sequence, from 1 */
};

struct world_options {
    uint64_t seed;
    enum world_profile profile;
    bool print;
    bool trace;
    bool no_fact_check;
};

struct world_counters {
    uint64_t events, deliveries, deliveries_behind, elections, crashes, installs, installs_behind,
        snapshots, commits;
};

struct world {
    struct world_options options;
    struct world_parameters parameters;
    struct check_report report;
    struct checks checks;
    struct world_counters counters;
    struct kv_prng prng;
    uint64_t now, digest;
    bool mended;
    struct world_event *heap;
    uint32_t event_count, event_capacity;
    uint64_t event_sequence;
    struct world_packet *free_packets;
    struct world_snapshot *snapshots;
    struct wire_config configs[WORLD_GROUPS_MAX];
    struct world_node nodes[WORLD_NODES_MAX];
    struct world_member members[WORLD_MEMBERS_MAX];
    uint32_t member_count;
    int8_t member_of[WORLD_NODES_MAX][WORLD_GROUPS_MAX]; /* -1: none */
    uint32_t cut[WORLD_NODES_MAX];                       /* bit n: packets to node n are lost */
    uint32_t own_group_cut
        [WORLD_NODES_MAX]; /* bit g: packets within group g, from and to this node, are lost */
    uint32_t pair_cut[WORLD_GROUPS_MAX]; /* bit h: packets to group h are lost */
    struct world_client clients[WORLD_CLIENTS_MAX];
    struct wire_frame_writer writer;
    struct wire_frame_reader reader;
};

#define WORLD_TRACE(world_, ...)                                                                   \
    do {                                                                                           \
        if ((world_)->options.trace) {                                                             \
            world_trace(world_, __VA_ARGS__);                                                      \
        }                                                                                          \
    } while (0)

/* run.c */
void world_run(struct world *world,
               const struct world_options *options); /* report, counters, digest */
void world_close(struct world *world);
void world_trace(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world_push(struct world *world, struct world_event event);

/* network.c */
void world_send(struct world *world, struct world_packet *packet); /* takes the packet over */
struct world_packet *world_packet_new(struct world *world, const struct wire_message *message);
void world_packet_drop(struct world *world, struct world_packet *packet);
void world_packet_arrives(struct world *world, struct world_packet *packet);
void world_network_close(struct world *world);

/* node.c: a process with its log. */
void world_node_start(struct world *world, uint32_t node);
void world_node_crash(struct world *world, uint32_t node);
void world_node_append(struct world *world, uint32_t node, struct world_record record);
void world_node_hold(struct world *world, uint32_t node, struct world_held held);
void world_node_sync(struct world *world, uint32_t node);
void world_node_synced(struct world *world, uint32_t node, uint64_t records);
void world_node_close(struct world_node *node);

/* member.c */
void world_member_new(struct world *world, struct world_member *member);
void world_member_close(struct world_member *member);
enum status world_member_step(struct world *world, struct world_member *member,
                              struct order_event event);
void world_member_raft(struct world *world, struct world_member *member, struct raft_event event);
void world_member_restored(struct world *world, struct world_member *member);
void world_member_facts(struct world *world, const struct world_member *member);
bool world_member_leads(const struct world_member *member);

/* snapshot.c */
void world_snapshot_begin(struct world *world, uint32_t member);
void world_snapshot_saved(struct world *world, uint32_t member, struct world_snapshot *snapshot);
void world_snapshot_wanted(struct world *world, struct world_member *member,
                           const struct raft_chunk_wanted *wanted);
void world_snapshot_received(struct world *world, struct world_member *member,
                             const struct wire_snapshot_chunk *chunk);
/* The application goes on from a snapshot; the rest of its bytes is for order_load. */
kv_slice world_snapshot_load(struct world *world, struct world_member *member,
                             const struct world_snapshot *snapshot);

/* client.c */
void world_clients_begin(struct world *world);
void world_clients_mended(struct world *world);
void world_client_looks(struct world *world, uint32_t client);
void world_client_answered(struct world *world, uint32_t client, uint64_t message);
void world_request_arrives(struct world *world, uint32_t member, uint64_t number);
void world_member_delivered(struct world *world, struct world_member *member, uint32_t message);
bool world_clients_done(const struct world *world, char *text, size_t size);
uint32_t world_message_number(kv_message_id id);

/* faults.c */
void world_fault(struct world *world);
void world_ambush(struct world *world, const struct world_member *leader); /* it was just elected */
void world_ambush_crash(struct world *world, uint32_t member);
void world_mend(struct world *world);

#endif
