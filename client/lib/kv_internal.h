/* SPDX-License-Identifier: Apache-2.0 */
/* kv_internal: a kv_client from inside: the client core, its connections, and the frames being
 * written. */
#ifndef KV_LIB_KV_INTERNAL_H
#define KV_LIB_KV_INTERNAL_H

#include <sys/types.h>

#include "client/core/client.h"
#include "client/lib/kv.h"
#include "multicast/base/assert.h"
#include "multicast/net/net.h"
#include "multicast/wire/codec.h"

_Static_assert(CLIENT_SLOTS_MAX <= NET_CLIENT_SLOTS_MAX, "each slot of the core is one of net");

/* Default deadline of an operation. */
#define KV_TIMEOUT_MS_DEFAULT 5000

/* Frames received in one turn, so that a flood of answers cannot keep time from passing. */
#define KV_TURN_FRAMES_MAX 1024

/* How long closing waits for the end of the session to be confirmed. */
#define KV_CLOSE_WAIT_US   (50 * 1000)

#define KV_ERROR_BYTES_MAX 256
#define KV_STATS_BYTES_MAX 2048

struct kv_held;

/* An operation in flight as the caller sees it. */
struct kv_call {
    kv_done done;
    void *context;
    bool each;            /* it has a verdict for each key */
    uint32_t key_count;   /* of the caller, if there is a place_of */
    uint32_t *place_of;   /* where the caller's key i stands in the command; NULL: there, too */
    struct kv_call *next; /* free list */
};

/* A key of an operation while its keys are put in order. */
struct kv_named {
    kv_slice key, value;
    uint32_t place; /* where the caller has it */
};

struct kv_result {
    uint32_t count;
    bool more;
    int64_t number;
    uint32_t group;
    uint64_t index;
    uint64_t timestamp;
    uint32_t timestamp_group;
    uint32_t attempts;
    uint32_t partitions;
    bool via_oracle;
    uint32_t place_count;
    const struct wire_row *rows; /* in a kept result behind the struct itself, bytes behind them */
    const kv_place *places;      /* and these in between */
};

/* Answers to questions about the cluster, while one is being asked. */
struct kv_listener {
    void (*hear)(struct kv_listener *listener, uint32_t slot, const struct wire_message *message);
};

struct kv_client {
    struct client *core;
    struct net_client *net;
    struct client_effects effects;
    struct wire_frame_writer *writers[CLIENT_SLOTS_MAX]; /* NULL: never sent to */
    bool dirty[CLIENT_SLOTS_MAX];                        /* a frame is being written */
    uint32_t dirty_slots[CLIENT_SLOTS_MAX];
    uint32_t dirty_count;
    bool active; /* the last turn received or sent: ask the sockets again before sleeping */
    struct wire_frame_reader reader;
    struct wire_message message_in;
    struct wire_message message_out;
    struct wire_command command;
    bool reordered; /* the keys of `command` are not in the caller's order */
    uint32_t place_of[KV_COMMAND_KEYS_MAX];    /* then, where the caller's key i is */
    kv_place places[KV_COMMAND_KEYS_MAX];      /* of `result` */
    struct wire_row rows[KV_COMMAND_KEYS_MAX]; /* of `result`, if the keys were reordered */
    struct wire_row row_none;
    struct kv_result result; /* given to callbacks */
    struct kv_call *free_calls;
    struct kv_held *held; /* locks that it has: kv_lock.c */
    struct kv_listener *listener;
    struct kv_listener *watcher; /* of changes; NULL: none */
    uint64_t watch_questions; /* of all watches: an answer to an earlier one is no answer to this */
    struct kv_buffer piece;   /* of an image */
    kv_node_id imagers[KV_GROUPS_MAX]; /* who had the last piece of a group's; none: not known */
    kv_cluster_id cluster;             /* 0: not known yet */
    uint64_t timeout_ms;
    int completed; /* since the run began */
    bool in_callback;
    pid_t process;
    uint64_t frames_in, frames_out, frames_dropped;
    char error[KV_ERROR_BYTES_MAX];
    char stats[KV_STATS_BYTES_MAX];
};

/* kv_command.c: check an operation and make it client->command. */
kv_status kv_read_op(kv_client *client, const kv_op *op);

/* kv_lock.c: renew what is due; when the next one is; forget them all. */
void kv_locks_turn(kv_client *client);
uint64_t kv_locks_deadline(const kv_client *client);
void kv_locks_close(kv_client *client);

/* kv_operation.c */
void kv_call_free(kv_client *client, struct kv_call *call);

/* kv_cluster.c */
/* Run until the map is known; false: not in time, and why not. */
bool kv_find_cluster(kv_client *client, uint64_t until_us);
/* Send a question to a node and return the slot that its answer will come from. */
uint32_t kv_ask(kv_client *client, kv_node_id node, const struct wire_message *question);
/* The node to ask after `last`: by number, around. */
kv_node_id kv_next_node(const kv_client *client, kv_node_id last);

/* kv_watch.c: whether a round over all nodes, by number, ends with the step from one to the next: that passes the node at which it began,
 * which may have left the map meanwhile, or reaches it. */
bool kv_is_round_over(kv_node_id from, kv_node_id to, kv_node_id began);

/* kv_client.c */
/* Remember why the last failure happened. */
void kv_set_error(kv_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Carry out the effects of a step; callbacks run here. */
void kv_carry_out(kv_client *client);
/* Put a message into the frame for a slot. `message->to` names the node, or none. */
void kv_send(kv_client *client, uint32_t slot, const struct wire_message *message);
/* Receive, let time pass, send: once, without waiting. */
void kv_turn(kv_client *client);
/* Wait for something to happen, at most until this time of kv_now_us. */
void kv_wait(kv_client *client, uint64_t until_us);
kv_instant kv_now(void);

/* kv_result.c */
void kv_complete(kv_client *client, const struct client_completion *completion);

#endif
