/* SPDX-License-Identifier: Apache-2.0 */
/* client_internal: the state of a client, and what its files ask of each other. */
#ifndef KV_CLIENT_CLIENT_INTERNAL_H
#define KV_CLIENT_CLIENT_INTERNAL_H

#include "client/core/client.h"
#include "client/core/client_operation.h"
#include "client/core/client_places.h"
#include "multicast/base/assert.h"
#include "multicast/base/prng.h"

/* Parts of scans in flight: 16 scans over all of 64 groups. */
#define CLIENT_PARTS_MAX 1024

/* Sessions being ended at the same time; one more is forgotten without a word. */
#define CLIENT_ENDING_MAX 64

/* Twice, because what a step has released can be used again only in the next one; one registration
 * and one question about loads. */
_Static_assert(2 * (CLIENT_OUTSTANDING_MAX + CLIENT_RENEWALS_MAX + CLIENT_ABANDONED_MAX +
                    CLIENT_PARTS_MAX + CLIENT_ENDING_MAX + 2) <=
                   CLIENT_POOL_MAX,
               "the pool has room for every operation of every role");

/* Hints followed in a row without a pause: two members that name each other must not make us spin. */
#define CLIENT_HOPS_MAX 3

/* Pauses of one leg until the map is asked for again. */
#define CLIENT_PAUSES_REFRESH 3

/* A group that says so often that it does not know the session of a message to several groups has forgotten what became of it, and
 * so may have the one that answers: with the pauses in between, a few seconds for the others to tell. */
#define CLIENT_UNKNOWN_MAX 16

/* Bytes of the text of a refusal that are kept. */
#define CLIENT_REFUSAL_BYTES_MAX 160

/* A session and its unanswered operations: ring[sequence % window] for sequences above the floor,
 * NULL once definitive. */
struct client_session {
    TAILQ_ENTRY(client_session) link;
    kv_session_id id;
    kv_instant opened;
    uint64_t next_sequence;
    uint64_t floor;
    uint32_t live; /* entries of ring that are not NULL */
    bool retired;  /* takes no more operations */
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

/* How many placed keys each partition has: the oracle's word, and what was created since. */
struct client_loads {
    kv_instant good_until; /* 0: never asked */
    uint64_t counts[KV_GROUPS_MAX];
};

/* A reply, and who gave it. */
struct client_response {
    kv_group_id group;
    kv_node_id from;
    const struct wire_reply *reply;
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
    kv_node_id hello_node; /* that was greeted last */
    char refusal[CLIENT_REFUSAL_BYTES_MAX];

    enum wire_policy policy;
    struct client_places places;
    struct client_loads loads;

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
    struct client_operation_list waiting_session; /* for an id, in order */
    struct client_operation_list waiting_loads;   /* creates */

    struct client_session *session; /* gives ids, or NULL */
    struct client_operation *opening;
    struct client_operation *asking; /* about loads */
    struct client_session_list sessions;

    struct wire_command command;         /* scratch */
    uint8_t owners[KV_COMMAND_KEYS_MAX]; /* scratch of routing */
    struct wire_answer answer;           /* of the completion of this step */
    struct wire_row *merged;             /* scratch of the merge, KV_SCAN_ROWS_MAX */
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
void client_free_operation(struct client_operation *operation);
/* The operation whose attempt of this id is under way. */
struct client_operation *client_find(const struct client *client, kv_message_id id);
/* The operation that has gone on to a later attempt than this one. */
struct client_operation *client_find_later(const struct client *client, kv_message_id id);
void client_set_state(struct client_operation *operation, enum client_operation_state state);
/* WAITING, at the end of this list. */
void client_wait(struct client_operation *operation, struct client_operation_list *list);
/* Tell the caller and count; the operation is released by whoever calls. */
void client_tell(struct client *client, struct client_operation *operation,
                 enum client_result result, const struct wire_reply *reply, const char *why);
/* End at the deadline: what is in doubt is abandoned, anything else was not executed. */
void client_give_up(struct client *client, struct client_operation *operation);
/* Unlock what a LOCK has got whose caller had given up. */
void client_give_back(struct client *client, kv_timestamp token);
/* End with this result: tell the user, if there is one, and release. */
void client_fail(struct client *client, struct client_operation *operation,
                 enum client_result result, const char *why);

/* client_submit.c */
enum status client_on_submit(struct client *client, const struct client_submit *submit);

/* client_route.c: where an attempt goes, and what it says */
/* Begin an attempt with what is known now. `command` is the operation's own. */
void client_route(struct client *client, struct client_operation *operation,
                  const struct wire_command *command);
/* An attempt that is its command as it is, to one group. */
void client_route_alone(struct client_operation *operation, kv_group_id group);
/* Send the attempt that was routed, or let it wait for an id. */
void client_start(struct client *client, struct client_operation *operation);
/* The command of an operation, or of its attempt, into client->command. */
struct wire_command *client_decode(struct client *client, kv_slice body);

/* client_attempt.c: from one attempt to the next */
/* Begin one now, or after a pause. */
void client_attempt(struct client *client, struct client_operation *operation);
/* The oracle runs only what is done to keys. */
bool client_can_exec(const struct client_operation *operation);
void client_pause_attempt(struct client *client, struct client_operation *operation);
/* The present one has a definitive answer, in client->answer, that says NO. */
void client_on_no(struct client *client, struct client_operation *operation,
                  struct client_leg *leg);
/* Go on from a definitive answer that is not the last: `no` counts towards EXEC. */
void client_try_again(struct client *client, struct client_operation *operation, bool no,
                      bool pause);
/* Start again under a new id; the present one has been given up. */
void client_restart(struct client *client, struct client_operation *operation);

/* client_verdicts.c: commands with a verdict for each key */
/* True: client->answer was a definitive answer to such an operation, and is dealt with. */
bool client_verdicts_on_answer(struct client *client, struct client_operation *operation,
                               const struct wire_reply *reply);
bool client_verdict_is_final(enum wire_verdict verdict);

/* client_learn.c: what answers, in client->answer, teach about places */
void client_learn_no(struct client *client, const struct client_operation *operation);
void client_learn_yes(struct client *client, const struct client_operation *operation);
/* The places are those of all keys of the attempt, each with its verdict. */
void client_learn_verdicts(struct client *client, const struct client_operation *operation);
void client_learn_late(struct client *client, const struct client_operation *operation);

/* client_loads.c: CREATE at the least loaded partition */
/* Choose, or wait for the oracle's word. True: the command now has its target. */
bool client_loads_choose(struct client *client, struct client_operation *operation);
void client_on_loads(struct client *client, struct client_operation *operation);
/* Write the target of a CREATE into the operation's command. */
void client_fix_target(struct client *client, struct client_operation *operation,
                       kv_group_id target);

/* client_send.c: whom to ask, and when again */
/* Begin to send the attempt on its legs. */
void client_launch(struct client *client, struct client_operation *operation);
void client_send(struct client *client, struct client_operation *operation, struct client_leg *leg);
void client_pause(struct client *client, struct client_operation *operation,
                  struct client_leg *leg);
void client_pause_busy(struct client *client, struct client_operation *operation,
                       struct client_leg *leg);
void client_pause_for(struct client *client, struct client_operation *operation,
                      struct client_leg *leg, uint64_t pause_us);
/* What is due on the legs. */
void client_on_legs_time(struct client *client, struct client_operation *operation);
struct client_leg *client_leg_of(struct client_operation *operation, kv_group_id group);
/* The sending to `node` was refused; and whether any on this leg was not. */
void client_resolve(struct client_leg *leg, kv_node_id node);
bool client_is_unresolved(const struct client_leg *leg);
/* The attempt has a definitive answer: no other sending of it does anything any more. */
void client_resolve_all(struct client_operation *operation);
/* A sending of an ordered attempt may have been ordered, and nothing definitive is known. */
bool client_is_in_doubt(const struct client_operation *operation);
uint64_t client_backoff(uint64_t first_us, uint64_t max_us, uint32_t times);

/* client_on_reply.c */
void client_on_reply(struct client *client, const struct client_response *response);

/* client_session.c */
/* Give waiting operations their ids and send them, as far as session and window allow. */
void client_pump(struct client *client);
void client_on_opened(struct client *client, struct client_operation *operation,
                      const struct wire_reply *reply);
/* The operation's id has a definitive answer or was never ordered: the floor may pass it. */
void client_settle(struct client *client, struct client_operation *operation);
/* The operation's id goes without a definitive answer: its session is left and the floor stands
 * still. */
void client_leave(struct client *client, struct client_operation *operation);
/* The session takes no more operations; it is ended when its last one is gone. */
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
