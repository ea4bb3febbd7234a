/* SPDX-License-Identifier: Apache-2.0 */
/* client_internal: the state of a client, and what its files ask of each other. */
#ifndef KV_CLIENT_CLIENT_INTERNAL_H
#define KV_CLIENT_CLIENT_INTERNAL_H

#include <sys/queue.h>

#include "client/core/client.h"
#include "multicast/base/assert.h"
#include "multicast/base/prng.h"

/* Operations of every role. A read's sequence is (count << CLIENT_POOL_BITS | place in the pool). */
#define CLIENT_POOL_BITS 13
#define CLIENT_POOL_MAX  (1U << CLIENT_POOL_BITS)

/* Parts of scans in flight: 16 scans over all of 64 groups. */
#define CLIENT_PARTS_MAX 1024

/* Sessions being ended at the same time; one more is forgotten without a word. */
#define CLIENT_ENDING_MAX 64

/* Twice, because what a step has released can be used again only in the next one. */
_Static_assert(2 * (CLIENT_OUTSTANDING_MAX + CLIENT_ABANDONED_MAX + CLIENT_PARTS_MAX +
                    CLIENT_ENDING_MAX + 1) <=
                   CLIENT_POOL_MAX,
               "the pool has room for every operation of every role");

/* Nonces of registrations have this bit, sequences of reads do not: both live without a session. */
#define CLIENT_NONCE_BIT (UINT64_C(1) << 63)

/* Hints followed in a row without a pause: two members that name each other must not make us spin. */
#define CLIENT_HOPS_MAX 3

/* Pauses of one operation until the map is asked for again. */
#define CLIENT_PAUSES_REFRESH 3

/* A body buffer above this is given back when its operation is done. */
#define CLIENT_BODY_KEEP_BYTES (64 * 1024)

/* Bytes of the text of a refusal that are kept. */
#define CLIENT_REFUSAL_BYTES_MAX 160

/* Life of an operation.
 *
 *   FREE -> WAITING       [client_submit, client_route]    for the map, a session or room in its
 *   window FREE -> GATHERING     [client_scan_start]              a scan; its parts are sent FREE
 *   -> PAUSED, SENT  [client_send]                    parts, registrations and ends of sessions
 *   WAITING -> GATHERING  [client_scan_start]              the map has come WAITING -> SENT
 *   [client_send] SENT -> SENT          [client_send]                    a resend SENT -> PAUSED
 *   [client_pause]                   refused for now WAITING -> PAUSED     [client_pause]
 *   nobody to send to PAUSED -> SENT        [client_send] PAUSED, SENT -> WAITING [client_restart]
 *   a new id is needed any -> FREE           [client_release] */
enum client_operation_state {
    CLIENT_OPERATION_FREE,
    CLIENT_OPERATION_WAITING,
    CLIENT_OPERATION_SENT,
    CLIENT_OPERATION_PAUSED,
    CLIENT_OPERATION_GATHERING
};

enum client_operation_role {
    CLIENT_ROLE_USER,      /* submitted, not a scan */
    CLIENT_ROLE_ABANDONED, /* a write in doubt, resent for the sake of the floor */
    CLIENT_ROLE_SCAN,      /* submitted; its parts do the work */
    CLIENT_ROLE_PART,      /* of a scan, for one partition */
    CLIENT_ROLE_OPEN,      /* registers a session */
    CLIENT_ROLE_END        /* ends a session */
};

/* A node that this id was sent to, and how many of those sendings it has not refused. */
struct client_target {
    kv_node_id node;
    uint16_t unresolved;
};

TAILQ_HEAD(client_operation_list, client_operation);
struct client_operation {
    TAILQ_ENTRY(client_operation) link; /* WAITING: in `list`; FREE: in the free or released ones */
    struct client_operation_list *list; /* WAITING: where */
    enum client_operation_state state;
    enum client_operation_role role;
    uint32_t place; /* in the pool */
    void *context;
    enum wire_op op;
    enum wire_request_mode mode;
    kv_group_id group;
    kv_message_id id;
    struct client_session *session; /* of the id; NULL: a read, or a write without id */
    kv_instant deadline;
    kv_instant wake; /* SENT: resend; PAUSED: send */
    kv_instant sent_at;
    uint64_t timeout_us;
    kv_node_id target; /* of the last sending */
    kv_node_id avoid;  /* not again right away */
    uint32_t attempts;
    uint32_t pauses;
    uint32_t busy;
    uint32_t hops;
    uint32_t restarts;
    bool doubt; /* a sending may have been ordered whatever the targets say */
    uint32_t target_count;
    struct client_target targets[KV_MEMBERS_MAX];
    struct kv_buffer body;
    struct client_scan *scan;        /* SCAN */
    struct client_operation *parent; /* PART */
    uint32_t part;                   /* PART: which of the scan */
};

/* A session and its unanswered writes: ring[sequence % window] for sequences above the floor, NULL
 * once definitive. */
struct client_session {
    TAILQ_ENTRY(client_session) link;
    kv_session_id id;
    kv_instant opened;
    uint64_t next_sequence;
    uint64_t floor;
    uint32_t live; /* entries of ring that are not NULL */
    bool retired;  /* takes no more writes */
    bool
        frozen; /* an operation was left without a definitive answer: the floor stands still (C1) */
    bool ending;     /* its END is in flight */
    uint32_t window; /* a power of two */
    struct client_operation **ring;
};
TAILQ_HEAD(client_session_list, client_session);

struct client_endpoint {
    bool connected;
    bool refused;
    kv_slice text;
};

struct client_node {
    bool known;
    bool connected;
    kv_instant heard;
    kv_instant silent_until;
    uint32_t endpoint_size;
    uint8_t endpoint[WIRE_ENDPOINT_BYTES_MAX];
};

struct client_group {
    struct wire_config config; /* count 0: not known */
    kv_node_id leader;
    uint32_t rotation;
};

struct client {
    kv_instant now;
    kv_instant next_wake; /* not after the earliest time at which anything is due */
    struct kv_prng prng;
    struct trace *trace;
    struct client_counters counters;
    struct client_effects *effects; /* of the step that runs */
    bool closed;

    bool map_known;
    uint32_t partitions;
    uint64_t map_version;
    uint32_t window; /* of new sessions */
    struct client_limits limits;
    struct kv_buffer cluster_name;
    struct client_node nodes[KV_NODES_MAX + 1];
    struct client_group groups[KV_GROUPS_MAX];
    uint32_t endpoint_count;
    struct client_endpoint endpoints[CLIENT_ENDPOINTS_MAX];
    kv_instant hello_at; /* say hello again */
    kv_instant hello_last;
    uint64_t hello_us; /* patience with the next one */
    uint32_t hello_turn;
    char refusal[CLIENT_REFUSAL_BYTES_MAX];

    uint32_t outstanding_max;
    uint32_t outstanding;
    uint32_t abandoned;
    uint32_t parts;
    uint32_t ending;
    uint64_t read_count;
    struct client_operation *pool[CLIENT_POOL_MAX];
    uint32_t pool_end; /* places in use or used before */
    struct client_operation_list free_operations;
    struct client_operation_list released;    /* free, but their memory is borrowed by effects */
    struct client_operation_list waiting_map; /* for the first WELCOME */
    struct client_operation_list waiting_session; /* writes, in order */

    struct client_session *session; /* takes writes, or NULL */
    struct client_operation *opening;
    struct client_session_list sessions;

    struct wire_command command; /* scratch */
    struct wire_answer answer;   /* of the completion of this step */
    struct wire_row *merged;     /* scratch of the merge, KV_SCAN_ROWS_MAX */
};

#define CLIENT_TRACE(client, level, ...) TRACE_LINE((client)->trace, level, "client", __VA_ARGS__)

/* client.c */
struct client_effect *client_emit(struct client *client, enum client_effect_kind kind,
                                  uint32_t slot);
void client_wake_at(struct client *client, kv_instant at);

/* client_operation.c: the pool, and how operations end */
struct client_operation *client_acquire(struct client *client, enum client_operation_role role);
void client_release(struct client *client, struct client_operation *operation);
void client_recycle(struct client *client);
struct client_operation *client_find(const struct client *client, kv_message_id id);
void client_set_state(struct client_operation *operation, enum client_operation_state state);
/* WAITING, at the end of this list. */
void client_wait(struct client_operation *operation, struct client_operation_list *list);
bool client_is_write(const struct client_operation *operation);
bool client_is_in_doubt(const struct client_operation *operation);
/* Tell the caller and count; the operation is released by whoever calls. */
void client_tell(struct client *client, struct client_operation *operation,
                 enum client_result result, const struct wire_reply *reply, const char *why);
/* End at the deadline: a user's write in doubt is told so and abandoned, anything else was not
 * executed. */
void client_give_up(struct client *client, struct client_operation *operation);
/* End with this result: tell the user, if there is one, and release. */
void client_fail(struct client *client, struct client_operation *operation,
                 enum client_result result, const char *why);
enum status client_on_submit(struct client *client, const struct client_submit *submit);
/* Find the group of an operation and send it, or let it wait for a session. `command` is its body. */
void client_route(struct client *client, struct client_operation *operation,
                  const struct wire_command *command);
/* True and *ret: all keys live there. */
bool client_group_of(const struct client *client, const struct wire_command *command,
                     kv_group_id *ret);

/* client_send.c: whom to ask, and when again */
void client_send(struct client *client, struct client_operation *operation);
void client_pause(struct client *client, struct client_operation *operation);
void client_pause_busy(struct client *client, struct client_operation *operation);
void client_pause_for(struct client *client, struct client_operation *operation, uint64_t pause_us);
void client_resume(struct client *client, struct client_operation *operation);
void client_on_timeout(struct client *client, struct client_operation *operation);
/* The sending to `node` was refused. */
void client_resolve(struct client_operation *operation, kv_node_id node);
uint64_t client_backoff(uint64_t first_us, uint64_t max_us, uint32_t times);

/* client_on_reply.c */
void client_on_reply(struct client *client, kv_node_id from, const struct wire_reply *reply);

/* client_session.c */
/* Give waiting writes their ids and send them, as far as session and window allow. */
void client_pump(struct client *client);
void client_on_opened(struct client *client, struct client_operation *operation,
                      const struct wire_reply *reply);
/* The operation's id has a definitive answer or was never ordered: the floor may pass it. */
void client_settle(struct client *client, struct client_operation *operation);
/* The operation's id goes without a definitive answer: its session is left and the floor stands
 * still. */
void client_leave(struct client *client, struct client_operation *operation);
/* The session takes no more writes; it is ended when its last one is gone. */
void client_retire(struct client *client, struct client_session *session);
void client_session_free(struct client *client, struct client_session *session);
struct client_session *client_session_of(const struct client *client, kv_session_id id);

/* client_map.c */
void client_say_hello(struct client *client);
void client_refresh(struct client *client);
void client_on_welcome(struct client *client, uint32_t slot, kv_node_id from,
                       const struct wire_welcome *welcome);
void client_on_refusal(struct client *client, uint32_t slot, const struct wire_refusal *refusal);
bool client_is_silent(const struct client *client, kv_node_id node);
void client_heard(struct client *client, kv_node_id node);
uint32_t client_connect_node(struct client *client, kv_node_id node);

/* client_scan.c */
void client_scan_start(struct client *client, struct client_operation *scan);
void client_scan_on_part(struct client *client, struct client_operation *part,
                         const struct wire_reply *reply);
/* Release the parts that are left and the merge. */
void client_scan_drop(struct client *client, struct client_operation *scan);
void client_scan_free(struct client_operation *scan);

#endif
