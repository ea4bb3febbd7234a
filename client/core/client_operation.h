/* SPDX-License-Identifier: Apache-2.0 */
/* client_operation: an operation, its legs, and the verdicts on its keys. For the files of the client core. */
#ifndef KV_CLIENT_CLIENT_OPERATION_H
#define KV_CLIENT_CLIENT_OPERATION_H

#include <sys/queue.h>

#include "client/core/client.h"
#include "multicast/wire/footprint.h"

/* Operations of every role. A read's sequence is (count << CLIENT_POOL_BITS | place in the pool). */
#define CLIENT_POOL_BITS 13
#define CLIENT_POOL_MAX  (1U << CLIENT_POOL_BITS)

/* Nonces of registrations have this bit, sequences of reads do not: both live without a session. */
#define CLIENT_NONCE_BIT (UINT64_C(1) << 63)

/* A body buffer above this is given back when its operation is done; and so is memory for more legs
 * than this, because few messages concern as many groups. */
#define CLIENT_BODY_KEEP_BYTES (64 * 1024)
#define CLIENT_LEGS_KEEP       7

/* Life of an operation. An attempt is one message: it is routed, given an id if it is to be ordered,
 * and then under way on its legs until it is answered.
 *
 *   FREE -> WAITING             [client_on_submit, client_start, client_loads_wait]
 *                               for the map; for a session or room in its window; for the loads
 *   FREE, WAITING -> GATHERING  [client_scan_start]   a scan; its parts are sent
 *   FREE, WAITING -> SENT       [client_launch]       an attempt begins
 *   SENT -> SENT, WAITING       [client_attempt]      the next one begins, or lacks an id
 *   SENT -> PAUSED              [client_pause_attempt] the next one is to come later
 *   PAUSED -> SENT, WAITING     [client_attempt]
 *   any -> FREE                 [client_release] */
enum client_operation_state {
    CLIENT_OPERATION_FREE,
    CLIENT_OPERATION_WAITING,
    CLIENT_OPERATION_SENT,
    CLIENT_OPERATION_PAUSED,
    CLIENT_OPERATION_GATHERING
};

enum client_operation_role {
    CLIENT_ROLE_USER,      /* submitted, not a scan */
    CLIENT_ROLE_ABANDONED, /* an ordered one in doubt, resent for the sake of the floor */
    CLIENT_ROLE_SCAN,      /* submitted; its parts do the work */
    CLIENT_ROLE_PART,      /* of a scan, for one partition */
    CLIENT_ROLE_OPEN,      /* registers a session */
    CLIENT_ROLE_GIVE_BACK, /* unlocks what was granted when its caller had given up */
    CLIENT_ROLE_END,       /* ends a session */
    CLIENT_ROLE_LOADS      /* asks the oracle how full the partitions are */
};

/* Where a CREATE is to put its keys. */
enum client_target_choice {
    CLIENT_TARGET_GIVEN,       /* the command says it */
    CLIENT_TARGET_HOME,        /* at home, once the map tells where that is */
    CLIENT_TARGET_LEAST_LOADED /* where the oracle says that the fewest are */
};

/* A node that this id was sent to, and how many of those sendings it has not refused. */
struct client_target {
    kv_node_id node;
    uint16_t unresolved;
};

/* Sending an attempt to one of its groups.
 *
 *   SENT -> SENT, PAUSED   [client_send, client_pause]  a resend; refused for now, or nobody to send to
 *   PAUSED -> SENT, PAUSED [client_send] */
enum client_leg_state { CLIENT_LEG_SENT, CLIENT_LEG_PAUSED };

struct client_leg {
    enum client_leg_state state;
    kv_group_id group;
    kv_node_id target; /* of the last sending */
    kv_node_id avoid;  /* not again right away */
    bool around;       /* all members in turn, because the believed leader let it time out */
    kv_instant wake;   /* SENT: resend; PAUSED: send */
    kv_instant sent_at;
    uint64_t timeout_us;
    uint32_t pauses;
    uint32_t busy;
    bool no_space; /* the last refusal said so */
    uint32_t
        unknown; /* sendings that were not ordered because its group does not know the session */
    uint32_t hops;
    uint32_t target_count;
    struct client_target targets[KV_MEMBERS_MAX];
};

/* What is known of each key of a CREATE, DELETE or MOVE that needed more than one attempt. */
struct client_verdicts {
    uint32_t count;
    struct wire_place places[]; /* in the order of the command; not final: to be tried again */
};

TAILQ_HEAD(client_operation_list, client_operation);
struct client_operation {
    TAILQ_ENTRY(client_operation) link; /* WAITING: in `list`; FREE: in the free or released ones */
    struct client_operation_list *list; /* WAITING: where */
    enum client_operation_state state;
    enum client_operation_role role;
    void *context;

    /* What was submitted. */
    enum wire_op op;
    bool in_order;  /* ordered even if it only reads: it is about a lock, or runs under one */
    bool read_only; /* changes no value: never in doubt for its caller */
    bool stale_ok;
    enum wire_policy policy;
    kv_group_id target; /* of the policy; 0: choose */
    enum client_target_choice choice;
    kv_instant deadline;

    /* The attempt. */
    enum wire_request_mode mode;
    kv_group_set destinations;
    bool exec;
    bool recoded; /* its body is `body`; else it is `command` itself */
    kv_message_id id;
    struct client_session *session; /* of the id; NULL: a read, or not given one yet */
    kv_instant began;               /* with this session */
    bool doubt;         /* a sending may have been ordered whatever the bookings of the legs say */
    uint32_t leg_count; /* SENT: at least 1 */
    struct client_leg leg; /* the first */

    /* Of all attempts together. */
    kv_instant wake;   /* PAUSED: the next one */
    uint32_t sendings; /* all legs */
    uint32_t noes;     /* answers STALE and PINNED [placement C1] */
    uint32_t pauses;
    uint32_t restarts;
    bool several; /* counted as one to several partitions */
    bool changed; /* some of its keys are done: it can no longer not have been executed */
    struct client_verdicts *verdicts; /* or NULL */
    kv_group_id answered_by;

    struct client_scan *scan;        /* SCAN */
    struct client_operation *parent; /* PART */
    uint32_t part;                   /* PART: which of the scan */

    /* What stays when it is used again: all of this is behind all of that. */
    uint32_t place;           /* in the pool */
    uint32_t more_capacity;   /* legs */
    struct client_leg *more;  /* all but the first; allocated for messages to several groups only */
    struct kv_buffer command; /* encoded as it was submitted, without owners */
    struct kv_buffer body;    /* of the attempt, if it is another one */
};

/* Leg i of leg_count. */
static inline struct client_leg *client_leg_at(struct client_operation *operation, uint32_t i)
{
    return i == 0 ? &operation->leg : &operation->more[i - 1];
}

static inline const struct client_leg *client_leg_see(const struct client_operation *operation,
                                                      uint32_t i)
{
    return i == 0 ? &operation->leg : &operation->more[i - 1];
}

/* The body of the attempt. */
static inline kv_slice client_body_of(const struct client_operation *operation)
{
    return kv_buffer_slice(operation->recoded ? &operation->body : &operation->command);
}

/* The attempt concerns one group, and does what it does there. */
static inline bool client_is_alone(const struct client_operation *operation)
{
    return (operation->destinations.bits & (operation->destinations.bits - 1)) == 0 &&
           !operation->exec;
}

/* A LOCK that waits for as long as somebody else has one of its keys. */
static inline bool client_may_wait(const struct client_operation *operation)
{
    return operation->op == WIRE_OP_LOCK && !operation->in_order; /* no_wait is in order */
}

static inline bool client_is_ordered(const struct client_operation *operation)
{
    return operation->mode == WIRE_REQUEST_ORDERED;
}

#endif
