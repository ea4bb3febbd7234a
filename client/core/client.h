/* SPDX-License-Identifier: Apache-2.0 */
/* client: routes operations to the groups that their keys concern, resends them, and says what became of them. A pure core.
 *
 * Model.      client_step(event) -> effects; one thread. Time and a seed are inputs.
 *
 * Map.        HELLO to one endpoint after the other until a WELCOME names nodes, groups and limits.
 * Legs.       An attempt is one message. It goes to each of its groups: the same id, destinations, floor and body on every
 *             leg, to the believed leader. NOT_LEADER with a hint is followed at once; without one the members take turns
 *             with a pause. BUSY and NO_SPACE back off. Silence resends to the next member. All that concerns one leg. One of the groups
 *             has the answer (footprint.h); whoever brings it, it is the operation's. What concerns the oracle is sent to
 *             the oracle alone (docs/decisions/0006). Of a message to one group, a node that said nothing since a sending
 *             that timed out is skipped for a while; of one to several, silence tells nothing about a node.
 * Places.     Where keys are that are not at home is remembered, and learnt from answers (client_places.h, client_learn.c).
 * Attempts.   STALE and PINNED are definitive NOs [X2]: the next attempt has the same sequence, the next attempt number, and
 *             the owners as they are known then; after PINNED it waits a while. After CLIENT_NOES_MAX of them the oracle is
 *             asked to run the command (EXEC, rule C1 of docs/protocol/placement.md). CREATE, DELETE and MOVE are tried again
 *             with the keys that have no final verdict yet. Answers to older attempts are not answers.
 * Policies.   A command on keys of several partitions is executed by all of them (EXCHANGE), or by a target that the keys
 *             move to (MOVE) or are lent to (BORROW). Of one partition it is always sent as EXCHANGE.
 * Sessions.   A session is registered with the oracle before the first message that is to be ordered: writes, and reads of
 *             several partitions. Each operation gets the next sequence and keeps it for all attempts and sendings. The
 *             floor is the largest f such that all sequences <= f have a definitive answer [X5]; it goes along with every
 *             message. A sequence with a further attempt to come has none yet. An operation that waits for long behind the locks
 *             of others holds the floor: when the window is full behind it, it keeps its session, and others get a new one.
 * In doubt.   At its deadline a write is UNAVAILABLE if no sending on any leg can have been ordered: never sent, or each
 *             answered by a refusal. Otherwise it is IN_DOUBT; also if some of its keys are done. Reads are UNAVAILABLE.
 *             What is in doubt is resent in the background for CLIENT_ABANDONED_US, so that the floor can pass it; after that
 *             the client takes a new session. The floor of the old one stands for ever, so nothing of it is forgotten too early.
 *             A LOCK that may wait is resent until it has been granted, and unlocked then, since nobody knows that it is held.
 * Unknown.    SESSION_UNKNOWN for a write of which no other sending can have been ordered means that it was not executed: it
 *             starts again, in a new session, under a new id. If another leg may still answer, that is awaited. Otherwise it
 *             is IN_DOUBT. A read starts again in any case.
 * Assumes.    A node answers with a refusal only what it has not ordered and will not order. The network may lose, delay and
 *             reorder sendings and replies, and repeat answers; it does not repeat sendings or refusals (TCP does not): a
 *             refusal does not say which sending to its node it means, so a repeated one could be booked on a later sending.
 *
 * Invariants. C1 Every sequence at or below a session's floor has a definitive answer, or was never ordered.
 *             C2 Two operations never share an id; an id, which has one attempt, has one body and one set of groups.
 *             C3 Sequences above the floor of a session that takes writes are at most its window.
 *             C4 Each submitted operation completes exactly once, at its deadline at the latest (as soon as time is told).
 *             C5 Operations outstanding <= outstanding_max, and CLIENT_RENEWALS_MAX KEEPALIVEs more; abandoned ones <= CLIENT_ABANDONED_MAX; places <=
 *                CLIENT_PLACES_MAX.
 *             Asserted in client_invariants.c.
 * Ownership.  Inputs are borrowed until the call returns. Effects are appended to the caller's struct; what they point to is
 *             valid until the next step that is not a SUBMIT. */
#ifndef KV_CLIENT_CLIENT_H
#define KV_CLIENT_CLIENT_H

#include "client/core/client_limits.h"
#include "multicast/base/trace.h"
#include "multicast/wire/command.h"
#include "multicast/wire/message.h"

/* X(name, "meaning") Counters since client_new. */
#define CLIENT_COUNTER_MAP(X)                                                                      \
    X(submitted, "operations accepted")                                                            \
    X(answered, "completed with an answer")                                                        \
    X(unavailable, "completed as not executed at their deadline")                                  \
    X(in_doubt, "writes completed in doubt")                                                       \
    X(sendings, "requests sent, on all legs, resends included")                                    \
    X(timeouts, "sendings that were not answered in time")                                         \
    X(redirects, "answers that this node does not lead the group")                                 \
    X(busy, "answers that a queue or the disk is full")                                            \
    X(hellos, "greetings sent to find or refresh the map")                                         \
    X(sessions_opened, "sessions registered")                                                      \
    X(sessions_unknown, "answers that the session has ended")                                      \
    X(restarted, "operations that started again under a new id")                                   \
    X(sessions_left, "sessions left to an operation in doubt, or that waits for long")             \
    X(given_back, "locks that came when nobody waited for them any more")                          \
    X(unmatched, "replies to nothing in flight")                                                   \
    X(stale, "answers that a key is elsewhere")                                                    \
    X(pinned, "answers that the oracle is about to run another command on a key")                  \
    X(execs, "attempts handed to the oracle to run")                                               \
    X(oracle_requests, "requests sent to the oracle, of every kind, resends included")             \
    X(places_hit, "keys whose place was remembered when they were routed")                         \
    X(places_missed, "keys that were routed to their home")                                        \
    X(multi_partition, "operations sent to several partitions")

struct client_counters {
#define X(name, meaning) uint64_t name;
    CLIENT_COUNTER_MAP(X)
#undef X
};

struct client;

/* How an operation on keys of several partitions is executed: as the client's settings say, or as wire_policy of this name. */
enum client_policy {
    CLIENT_POLICY_DEFAULT = 0,
    CLIENT_POLICY_EXCHANGE,
    CLIENT_POLICY_MOVE,
    CLIENT_POLICY_BORROW
};

struct client_settings {
    uint64_t seed;
    enum wire_policy policy;  /* of operations that do not say another */
    uint32_t outstanding_max; /* 1..CLIENT_OUTSTANDING_MAX */
    kv_slice cluster_name;    /* refuse any other cluster; empty: the first one that answers */
    uint32_t endpoint_count;  /* 1..CLIENT_ENDPOINTS_MAX */
    kv_slice
        endpoints[CLIENT_ENDPOINTS_MAX]; /* "tcp://host:port", at most WIRE_ENDPOINT_BYTES_MAX */
    struct trace *trace;                 /* may be NULL */
};

/* An operation to start. */
struct client_submit {
    /* Obeys table and limits of command.h; no SESSION_ one. It says what is wanted: without owners, exec and policy. A CREATE
     * may have target 0 if it has one key (then it goes home), or with least_loaded. */
    const struct wire_command *command;
    kv_instant deadline;
    bool stale_ok;             /* read-only: any member's state will do, if one group has it all */
    enum client_policy policy; /* of an ACCESS command (footprint.h) on several partitions */
    kv_group_id
        target; /* of MOVE and BORROW; 0: the partition with most of the keys, or the lowest of those */
    bool
        least_loaded; /* CREATE with target 0: the partition with the fewest placed keys, as the oracle counts */
    void *context; /* given back with the completion */
};

enum client_event_kind {
    CLIENT_EVENT_SUBMIT,
    CLIENT_EVENT_MESSAGE, /* `message` came in through `slot` */
    CLIENT_EVENT_TIME,    /* `now` has come */
    CLIENT_EVENT_CLOSE    /* complete everything now, end the session */
};

struct client_event {
    enum client_event_kind kind;
    kv_instant now;
    struct client_submit submit;
    uint32_t slot;
    const struct wire_message *message;
};

/* What became of an operation. */
enum client_result {
    CLIENT_ANSWERED,    /* `answer` holds the verdict */
    CLIENT_UNAVAILABLE, /* no answer before the deadline; not executed */
    CLIENT_IN_DOUBT,    /* a write that may have been or may yet be executed, or was in part */
    CLIENT_REFUSED,  /* the cluster does not accept this client or this operation; not executed */
    CLIENT_CLOSED,   /* not executed */
    CLIENT_NO_SPACE, /* at its deadline, the disk of the group's leader was full; not executed */
    CLIENT_PROTOCOL  /* an answer that could not be understood; may have been executed */
};

enum client_effect_kind {
    CLIENT_EFFECT_CONNECT,    /* connect `slot` to `endpoint` */
    CLIENT_EFFECT_DISCONNECT, /* `slot` is no longer needed */
    CLIENT_EFFECT_SEND,       /* send `send` through `slot` */
    CLIENT_EFFECT_COMPLETE    /* tell the caller */
};

struct client_send {
    enum wire_message_kind kind; /* HELLO or REQUEST */
    kv_group_id group;
    kv_node_id to; /* none: whoever answers at that endpoint */
    union {
        struct wire_hello hello;
        struct wire_request request;
    } as;
};

struct client_completion {
    void *context;
    enum client_result result;
    /* ANSWERED, else NULL. Rows of GET, MGET and TXN carry their keys. CREATE, DELETE and MOVE have a place with a verdict for
     * each key, in the order of the command; the verdict of the whole is that of a single key, else OK. */
    const struct wire_answer *answer;
    kv_message_id id;  /* of the last attempt; without sequence if there was none */
    bool read;         /* that attempt was not ordered */
    kv_group_id group; /* that answered; 0 for a SCAN of several */
    kv_index index;
    kv_timestamp timestamp;
    uint32_t attempts;   /* sendings, on all legs */
    uint32_t partitions; /* that the last attempt went to */
    bool via_oracle;     /* it went to the oracle, too, or to it alone */
    const char *why;     /* a fixed text; "" when answered */
};

struct client_effect {
    enum client_effect_kind kind;
    uint32_t slot;
    union {
        kv_slice endpoint;
        struct client_send send;
        struct client_completion complete;
    } as;
};

struct client_effects {
    struct client_effect *effects;
    uint32_t count, capacity;
};

void client_effects_clear(struct client_effects *effects);
void client_effects_close(struct client_effects *effects);

/* A client that knows nothing yet; the first TIME event makes it say hello. */
struct client *client_new(const struct client_settings *settings, kv_instant now);
void client_destroy(struct client **client);

/* Feed one event. Only SUBMIT can fail, and then nothing has changed; it never completes anything at once.
 * STATUS_OK           effects are to be carried out in order.
 * STATUS_FULL         outstanding_max operations are in flight (of a KEEPALIVE: CLIENT_RENEWALS_MAX more), or too many parts of scans.
 * STATUS_INVALID      a target that is no partition; a CREATE without one (see client_submit), or with one and least_loaded.
 * STATUS_TOO_LARGE    the body leaves no room for the owners of the keys: a byte for each, and CLIENT_PLACEMENT_BYTES_MAX.
 * STATUS_UNAVAILABLE  the client was closed. */
KV_MUST_CHECK enum status client_step(struct client *client, const struct client_event *event,
                                      struct client_effects *effects);

/* When the next TIME event is due at the latest. */
kv_instant client_deadline(const struct client *client);

/* Operations submitted and not yet completed. */
uint32_t client_outstanding(const struct client *client);

/* After CLOSE: nothing is in flight any more, the end of the session included. */
bool client_is_idle(const struct client *client);

/* The cluster's name; empty until it is set or learnt. */
kv_slice client_cluster_name(const struct client *client);

/* Partitions of the cluster, 0 until a node has answered; and where a key is, as far as this client knows. */
uint32_t client_partitions(const struct client *client);
kv_group_id client_partition_of(const struct client *client, kv_slice key);

/* The limits in force: the cluster's, or the compiled ones until a node has answered. */
struct client_limits {
    uint32_t key_bytes_max, value_bytes_max, command_keys_max;
};
struct client_limits client_limits(const struct client *client);

/* Node with this id (1..KV_NODES_MAX): its endpoint, empty if there is none. */
kv_slice client_node_endpoint(const struct client *client, kv_node_id node);

/* The slot of a node; appends a CONNECT if it is not connected yet. The node must have an endpoint. */
uint32_t client_node_slot(struct client *client, kv_node_id node, struct client_effects *effects);

/* The believed leader of a group, or none. */
kv_node_id client_leader_of(const struct client *client, kv_group_id group);

struct client_counters client_counters(const struct client *client);

/* Why a node refused this client last: fixed or learnt text, "" if none did. */
const char *client_refusal(const struct client *client);

/* Assert C1-C5 over the whole state; slow, for tests. */
void client_check(const struct client *client);

#endif
