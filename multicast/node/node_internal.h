/* SPDX-License-Identifier: Apache-2.0 */
/* node_internal: what the files of the driver share. */
#ifndef KV_NODE_INTERNAL_H
#define KV_NODE_INTERNAL_H

#include "multicast/base/assert.h"
#include "multicast/log/log.h"
#include "multicast/net/net.h"
#include "multicast/node/node.h"
#include "multicast/node/node_backup.h"
#include "multicast/node/node_checkpoint.h"
#include "multicast/node/node_compare.h"
#include "multicast/node/node_crew.h"
#include "multicast/node/node_outbox.h"
#include "multicast/node/node_records.h"
#include "multicast/node/node_retention.h"
#include "multicast/node/node_space.h"
#include "multicast/node/node_staging.h"
#include "multicast/node/node_transfer.h"
#include "multicast/node/node_writer.h"
#include "multicast/node/node_waiters.h"
#include "multicast/node/node_watch.h"
#include "multicast/order/order.h"

/* Reads of one member that await confirmation or delivery: as many as its raft takes. */
#define NODE_READS_MAX RAFT_READS_MAX

/* A read that waits for messages to several groups gives up after this time, longer than any client's patience. */
#define NODE_READ_WAIT_US 30000000

/* Bytes of a path, with its final NUL. */
#define NODE_PATH_BYTES 4096

/* A read on its way: its slot is raft's token. */
struct node_read {
    bool used;
    struct net_route route;
    kv_message_id id;
    struct kv_buffer body;
    bool runs;          /* the application has it */
    kv_instant give_up; /* when it is answered BUSY */
    kv_index
        index; /* confirmed: everything up to here must be delivered first; 0: not confirmed yet */
    uint32_t next_free;
};

/* One group's member on this node. */
struct node_member {
    kv_group_id group;
    struct order *order;
    struct order_effects effects;
    struct order_effects handled; /* being carried out: what follows from it goes into `effects` */
    struct node_application application;
    struct trace trace;
    uint64_t appended; /* persist sequence handed to the log */
    uint64_t durable;  /* persist sequence synced and told to raft */
    bool touched;      /* had an event since the last flush */
    struct node_read *reads;
    uint32_t read_capacity;
    uint32_t read_free;     /* first free slot + 1; 0: none */
    uint32_t reads_parked;  /* confirmed, waiting for deliveries */
    uint32_t reads_running; /* the application has them */
    kv_index executed;      /* of the last delivery that was executed: what a stale read has seen */
    uint64_t position;      /* of the same in the delivered sequence */
    const struct order_delivery
        *coming; /* deliveries of this step that the application has not had yet */
    uint32_t coming_count;
    struct node_retention retention; /* where its records stand in the log */
    struct node_cut cut;             /* its checkpoints */
    struct node_compare compare;     /* digests of its state */
    uint64_t sampled;                /* position of the last one */
    struct node_image image;         /* of the last one, for others */
    struct node_incoming incoming;   /* an image of another member */
    struct node_backup backup;       /* an image for a client */
    char state_path[NODE_PATH_BYTES], image_path[NODE_PATH_BYTES], incoming_path[NODE_PATH_BYTES];
    char backup_path[NODE_PATH_BYTES];
    wire_tag tag;        /* of its life: who begins anew is somebody else */
    uint64_t held_bytes; /* of entries that its raft holds */
    uint64_t commands;
    uint64_t reads_served;
    uint64_t messages;        /* to other members, of this group and of others */
    enum raft_role told_role; /* last reported to the operator */
    kv_term told_term;
    kv_node_id told_leader;
};

struct node {
    struct node_settings settings;
    const struct node_config *config;
    kv_node_id self;
    kv_cluster_id cluster;
    struct log *log;
    struct net_server *net;
    struct node_outbox outbox;
    struct node_waiters waiters;
    struct node_watches watches;
    struct node_space space;
    struct node_crew crew;
    struct wire_frame_reader reader;
    struct wire_frame_writer local; /* what members of this node say to each other, being read */
    struct node_member members[KV_GROUPS_MAX]; /* hosted ones, dense */
    uint32_t member_count;
    uint8_t member_of[KV_GROUPS_MAX]; /* group -> position in members + 1; 0: not hosted */
    struct kv_buffer record;
    struct wire_node welcome_nodes[KV_NODES_MAX];
    kv_instant now;
    kv_instant started;
    kv_instant stop_by;         /* KV_INSTANT_NEVER until told to stop */
    kv_instant compare_at;      /* when digests are told next */
    struct kv_buffer piece;     /* of an image */
    struct node_writer *writer; /* of checkpoints; NULL: no member has any */
    uint32_t writer_next;       /* the member that is looked at first */
    kv_instant hold_until;      /* no checkpoint begins before: a mark is about to come */
    kv_instant hold_next;       /* when that may be asked for again */
    uint64_t entry_bytes;       /* that the members' rafts hold */
    uint64_t frames_dropped;
    enum status failure; /* of the log; the node ends */
    struct log_error failure_text;
};

/* Microseconds of CLOCK_MONOTONIC, and of CLOCK_REALTIME for timestamps. */
kv_instant node_clock(void);
kv_clock node_clock_physical(void);

/* One line to the operator. */
void node_report(struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The member of a group, or NULL. */
struct node_member *node_member_of(struct node *node, kv_group_id group);

/* Feed a member one raft event (kind and arguments set; now is filled in). */
enum status node_step_raft(struct node *node, struct node_member *member, struct raft_event event);

/* node_recover.c: make the hosted members, and bring them to what the disk says. */
enum status node_recover(struct node *node, struct node_error *error);

/* node_recover.c: the member's checkpoint is not to be used again; it is kept under another name. IO: it still has its name. */
enum status node_set_aside(struct node *node, const struct node_member *member);

/* Nothing that this member says may be believed any more: the node ends. */
void node_distrust(struct node *node, const struct node_member *member, const char *why);

/* node_turn.c: one turn; returns whether anything happened. */
bool node_turn(struct node *node);

/* node_turn.c: when the next turn is due. */
kv_instant node_deadline(const struct node *node);

/* node_effects.c: the member has executed everything up to this position: its digest is remembered, if nothing waits. */
void node_sample_state(struct node_member *member, uint64_t position);

/* node_effects.c: carry out and clear what the cores want: records, sends, deliveries, reads. */
void node_carry_out(struct node *node, struct node_member *member);

/* node_effects.c: make everything appended durable and tell the cores. A failure is kept in node->failure. */
void node_sync(struct node *node);

/* node_space.c: look at the disk, if it is time. */
void node_look_at_space(struct node *node);

/* node_port.c: where the member's application runs now. */
struct node_port node_port_of(struct node *node, struct node_member *member);

/* node_port.c: let its application have a look at the time and the member's role. */
void node_tick_application(struct node *node, struct node_member *member);

/* node_requests.c: one message from a client. */
void node_on_client(struct node *node, const struct net_route *route,
                    const struct wire_message *message);

/* node_requests.c: answer with an outcome that is no verdict. */
void node_answer_outcome(struct node *node, const struct net_route *route, kv_group_id group,
                         kv_message_id id, enum wire_outcome outcome);

/* node_reads.c: start a linearizable read; answer what raft has decided. */
void node_read_begin(struct node *node, struct node_member *member, const struct net_route *route,
                     const struct wire_request *request);
void node_read_decided(struct node *node, struct node_member *member,
                       const struct raft_read *decided);
void node_reads_unpark(struct node *node, struct node_member *member);  /* after deliveries */
void node_reads_give_up(struct node *node, struct node_member *member); /* now and then */
void node_reads_close(struct node_member *member);

/* node_status.c */
void node_on_hello(struct node *node, const struct net_route *route,
                   const struct wire_hello *hello);
void node_on_status_request(struct node *node, const struct net_route *route);
void node_refuse(struct node *node, const struct net_route *route, enum wire_refusal_reason reason,
                 const char *text);

#endif
