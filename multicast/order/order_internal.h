/* SPDX-License-Identifier: Apache-2.0 */
/* order_internal: what the files of order share.
 *
 * A message in the log is an order_message from the moment its CMD or PROPOSE is appended until nobody can need it any
 * more; after that only its id is remembered (order_sessions.h). */
#ifndef KV_ORDER_INTERNAL_H
#define KV_ORDER_INTERNAL_H

#include "multicast/base/assert.h"
#include "multicast/order/order.h"
#include "multicast/order/order_messages.h"
#include "multicast/order/order_sessions.h"
#include "multicast/order/order_tail.h"

/* Sequences at or below a floor that another group still wants proposed: asked about with a nonce (X9). */
#define ORDER_QUESTIONS_MAX 64

/* Clocks of other groups at or above this are refused: no real clock in microseconds gets there, and below it no sum of
 * ours overflows or exceeds what raft takes for a reach. */
#define ORDER_CLOCK_MAX (UINT64_C(1) << 61)

struct order_question {
    kv_message_id id;
    uint64_t nonce; /* 0: free */
    kv_instant asked_at;
    bool granted; /* answered yes: the next SOFT is proposed */
};

/* What others asked and only a confirmed leader may answer; beyond it the oldest are dropped, and asked again. */
#define ORDER_DOUBTS_MAX 256

struct order_doubt {
    uint64_t token;              /* of the read that confirms the leadership; 0: free */
    enum wire_message_kind kind; /* ASK or DONE_REQUEST */
    kv_message_id id;
    kv_group_id group; /* who asks */
    kv_node_id from;
    uint64_t nonce; /* ASK */
};

struct order {
    struct raft *raft;
    struct order_settings settings;
    kv_group_id group;
    kv_node_id self;
    struct order_messages
        messages; /* by id; CMDs until delivered, PROPOSEs until every group is done */
    struct order_candidates candidates; /* committed and undelivered, by key */
    struct order_tail tail;             /* uncommitted CMD, PROPOSE, RESOLVE entries, by index */
    struct order_sessions sessions;     /* ids whose records are gone */
    struct order_sessions own;          /* those of the application's own messages; not saved */
    kv_index scanned;                   /* commit index that was looked at */
    kv_clock scanned_reach;             /* F (rule 22) */
    kv_timestamp cursor;                /* final timestamp of the last delivery (O3) */
    uint64_t delivered;                 /* length of the delivered sequence */
    kv_instant now;
    kv_clock physical;
    uint64_t clock_offset; /* rule 12: how far other groups' clocks are ahead of ours */
    kv_clock soft_clock;   /* highest lts of a SOFT since the last flush (rule 10c) */
    kv_instant wake;       /* earliest retry of any message */
    bool led;              /* was leader at the end of the last step */
    struct order_peer_group {
        kv_term term;      /* highest heard of */
        kv_node_id leader; /* believed; none: unknown */
    } peers[KV_GROUPS_MAX];
    struct order_question questions[ORDER_QUESTIONS_MAX];
    uint32_t question_next;
    bool questions_open; /* some may be in use: saves the search for most messages */
    struct order_doubt doubts[ORDER_DOUBTS_MAX];
    uint64_t doubt_next;
    struct kv_prng prng;
    struct order_effects *effects; /* of the running step */
    struct trace *trace;
    char prefix[32];
};

#define ORDER_TRACE(order_, level_, ...)                                                           \
    TRACE_LINE((order_)->trace, level_, (order_)->prefix, __VA_ARGS__)

/* Where an id is remembered when its record is gone. */
static inline struct order_sessions *order_sessions_of(struct order *order, kv_message_id id)
{
    return kv_message_id_is_own(id) ? &order->own : &order->sessions;
}

/* order.c: append an entry at the leader; takes over the reference. The reach is set by the caller. */
enum status order_append(struct order *order, struct wire_entry *entry);
bool order_leads(const struct order *order);
kv_clock order_now(const struct order *order); /* physical clock plus offset */
kv_clock order_tail_reach(const struct order *order);

/* order_submit.c */
enum status order_on_submit(struct order *order, const struct order_submit *submit);
/* The same without the look at forgotten ids; the reach covers at_least (W5). `oracle`: group 0's proposal, 0: not known. */
enum status order_propose(struct order *order, const struct order_submit *submit, kv_clock at_least,
                          kv_clock oracle);

/* order_submit.c */
enum status order_on_remote(struct order *order, const struct order_remote *remote);

/* order_effects.c: takes over the reference. */
void order_emit_remote(struct order_effects *effects, struct wire_entry *entry);

/* Whether a message with these destinations is to be ordered by group 0 first, and this is another group. */
static inline bool order_waits_for_oracle(const struct order *order, kv_group_set destinations)
{
    return order->settings.oracle_first && !kv_group_equal(order->group, KV_GROUP_ORACLE) &&
           kv_group_set_has(destinations, KV_GROUP_ORACLE);
}

/* Whether this group tells the others of its proposals only when they are committed. */
static inline bool order_waits_for_commit(const struct order *order)
{
    return order->settings.oracle_first && kv_group_equal(order->group, KV_GROUP_ORACLE);
}

/* Whether this group is among the destinations and all of them exist. */
bool order_knows_groups(const struct order *order, kv_group_set destinations);

/* one message, one file */
void order_on_soft(struct order *order, const struct wire_message *message);
void order_on_fix(struct order *order, const struct wire_message *message);
void order_on_ack(struct order *order, const struct wire_message *message);
void order_on_done_request(struct order *order, const struct wire_message *message);
void order_on_done(struct order *order, const struct wire_message *message);
void order_on_forget(struct order *order, const struct wire_message *message);
void order_on_ask(struct order *order, const struct wire_message *message);
void order_on_tell(struct order *order, const struct wire_message *message);

/* order_confirm.c: answer once the group has confirmed that this member leads; silently not, if it does not. */
void order_confirm(struct order *order, const struct order_doubt *doubt);
void order_take_confirmed(struct order *order, uint32_t from); /* reads of this step */
void order_answer_ask(struct order *order, const struct order_doubt *doubt);
void order_answer_done_request(struct order *order, const struct order_doubt *doubt);

/* order_on_ask.c: own questions. */
struct order_question *order_question_of(struct order *order, kv_message_id id); /* NULL: none */
struct order_question *order_question_new(struct order *order,
                                          kv_message_id id);        /* NULL: no slot */
void order_question_settled(struct order *order, kv_message_id id); /* its message is in the log */
void order_questions_drop(struct order *order);

/* order_log.c: follow what a step did to the log, and what has become committed. */
void order_follow_entry(struct order *order,
                        struct wire_entry *entry); /* when rebuilding from the log */
void order_follow_log(struct order *order, const struct raft_effects *effects, uint32_t from,
                      bool restoring);
void order_scan_committed(struct order *order);

/* order_facts.c */
void order_fact_fixed(struct order *order, struct order_message *message, struct order_fact *fact,
                      kv_timestamp lts);
void order_take_oracle(struct order *order, struct order_message *message);
void order_maybe_know_final(struct order *order, struct order_message *message);
void order_final_known(struct order *order, struct order_message *message, kv_timestamp gts);
void order_maybe_resolve(struct order *order, struct order_message *message);
void order_maybe_forget(struct order *order, struct order_message *message);

/* order_send.c */
struct wire_message *order_emit(struct order *order, enum wire_message_kind kind, kv_group_id group,
                                kv_node_id to, uint64_t after);
/* Names a configuration to other groups: acks count only under the one that the receiver knows. */
uint64_t order_config_digest(const struct wire_config *config);
void order_send_soft(struct order *order, struct order_message *message, bool everyone);
void order_send_fix(struct order *order, struct order_message *message, kv_group_id to_group,
                    kv_node_id to);
void order_send_fixes(struct order *order, struct order_message *message);
void order_send_acks(struct order *order, const struct wire_entry *entry, uint64_t after);
void order_send_done(struct order *order, kv_message_id id, kv_group_id to_group, kv_node_id to);
void order_send_dones(struct order *order, struct order_message *message);
void order_send_done_requests(struct order *order, struct order_message *message);
void order_send_forget(struct order *order, kv_message_id id);
void order_send_ask(struct order *order, const struct order_question *question, kv_group_id group);

/* order_timer.c */
void order_on_tick(struct order *order);
void order_on_elected(struct order *order);
void order_schedule(struct order *order, struct order_message *message, uint64_t after_us);

/* order_deliver.c */
void order_deliver(struct order *order);
void order_emit_delivery(struct order_effects *effects, const struct order_delivery *delivery);

/* order_invariants.c */
void order_check(const struct order *order);

#endif
