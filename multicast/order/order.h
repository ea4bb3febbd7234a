/* SPDX-License-Identifier: Apache-2.0 */
/* order: genuine atomic multicast among replicated groups: Skeen timestamps on Raft logs, with reach. A pure core.
 *
 * One member of one group. Owns the group's raft core; turns its log, and what other groups tell, into a sequence of delivered
 * messages with final timestamps. Numbered steps, diagrams and latencies: docs/protocol/multicast.md. "Rule n" below and in
 * the code is rule n of that page.
 *
 * Model.      order_step(event) -> effects. Every raft event passes through here. One thread.
 * Invariants. O1  A CMD or PROPOSE has ts.clock > the reach of everything before it in the log, uncommitted entries included. (rule 4)
 *             O2  A message of a session is at most once in a log.                                               (rule 6)
 *             O3  Deliveries of a member are in strictly increasing final timestamp.                            (rule 24)
 *             O4  A delivered message is committed, its timestamp final, and key.clock <= F, the reach of the
 *                 committed prefix.                                                                          (rules 22-24)
 *             O5  The delivered sequences of two members of a group are prefixes of one another.
 *             O6  A fact (the committed proposal of a group) and a final timestamp never change.          (rules 15, 16, 19)
 *             O7  A message has the same final timestamp at all of its groups, and all deliveries are acyclic.
 *             Asserted in order_deliver.c, order_facts.c and order_invariants.c; O5-O7 in tests/sim/check_order.c.
 * Ownership.  Inputs are borrowed until the call returns; effects are appended to the caller's struct and valid until
 *             order_effects_clear. */
#ifndef KV_ORDER_ORDER_H
#define KV_ORDER_ORDER_H

#include "multicast/raft/raft.h"

struct order;

/* How far the reach of a PROPOSE looks ahead of now: more than the largest one-way delay plus the spread of clocks. Buys
 * speed when groups' clocks differ, costs nothing when not needed, never affects safety. (rule 12) */
#define ORDER_LOOK_AHEAD_US 5000

/* First and longest pause between two SOFTs, or two questions for DONE, about one message. (rules 9, 34, 37) */
#define ORDER_RETRY_US     50000
#define ORDER_RETRY_US_MAX 2000000

/* A follower asks for DONE itself when its leader has not told it to forget for this long. */
#define ORDER_FOLLOWER_DONE_US 3000000

/* Sessions whose delivered ids are remembered; beyond it the one used least recently is dropped and ids of unknown older
 * sessions are treated as late duplicates. */
#define ORDER_SESSIONS_MAX KV_SESSIONS_MAX

/* The application's own messages (kv_message_id_is_own) have no session that anybody uses again, so their ids have a table of their own
 * and displace no client. It needs to be no larger than what comes between an own message and its last late SOFT, seconds at most: ids that
 * it has dropped are asked about (X9), which costs an exchange and a retry, and is as safe. */
#define ORDER_OWN_MAX 16384

/* The members of a group that others multicast to; their quorum makes a fast fact. */
struct order_settings {
    struct raft_settings raft;
    uint64_t look_ahead_us; /* 0: none; usually ORDER_LOOK_AHEAD_US */
    uint64_t retry_us;      /* 0: ORDER_RETRY_US */
    uint32_t group_count;   /* of `groups` */
    const struct wire_config
        *groups;       /* borrowed while the core lives; [g] are the members of group g */
    bool no_fast_path; /* facts by FIX only; for measurements */
    /* A message to group 0 and others is submitted to group 0 alone, which tells the others when it has committed it, and then
     * its proposal is a fact that they tell each other: they never wait for a group 0 that has lost its quorum. */
    bool oracle_first;
};

/* A message on its way into the order. */
struct order_submit {
    kv_message_id id;
    kv_group_set destinations; /* this group is one of them */
    uint64_t floor;
    kv_slice body;
    bool
        by_application; /* not a client's: the application has not seen it delivered, so a floor says nothing about it */
};

/* What another group has told about a message that this group shares with it; becomes a REMOTE entry. */
struct order_remote {
    kv_message_id id;
    kv_group_id source;
    kv_timestamp timestamp; /* final, of the message */
    kv_slice body;
};

enum order_event_kind {
    ORDER_EVENT_RAFT, /* `raft`: any raft event but PROPOSE; a message may also be one of order's own */
    ORDER_EVENT_SUBMIT, /* leader: order `submit` */
    ORDER_EVENT_REMOTE, /* leader: log `remote`; it comes back as an effect when it is committed */
    ORDER_EVENT_INSTALLED /* a snapshot was loaded: `raft` is SNAPSHOT_INSTALLED, `snapshot` what order_save gave there */
};

struct order_event {
    enum order_event_kind kind;
    struct raft_event
        raft; /* now is read from here for every kind; the top bit of READ tokens is order's own */
    kv_clock
        physical; /* wall clock in microseconds, for every kind; affects speed only, never safety (rule 12) */
    struct order_submit submit;
    struct order_remote remote;
    kv_slice snapshot;
    bool
        application_is_ahead; /* INSTALLED: the own application had delivered more than the snapshot's and is kept (rule 31) */
};

/* One delivered message. */
struct order_delivery {
    struct wire_entry *entry; /* CMD or PROPOSE; one reference, dropped by order_effects_clear */
    kv_timestamp timestamp;   /* final */
    uint64_t position;        /* in this group's delivered sequence, from 1 */
};

struct order_effects {
    struct raft_effects raft;
    struct order_delivery *deliveries;
    uint32_t delivery_count, delivery_capacity;
    struct wire_entry **
        remotes; /* REMOTE entries that have become committed, in the order of the log; one reference each */
    uint32_t remote_count, remote_capacity;
    struct raft_send *sends; /* order's own messages, to members of other groups and of this one */
    uint32_t send_count, send_capacity;
    struct wire_entry **held; /* entries whose bodies sends borrow */
    uint32_t held_count, held_capacity;
};

void order_effects_clear(struct order_effects *effects);
void order_effects_close(struct order_effects *effects);

struct order *order_new(const struct order_settings *settings, kv_instant now);
void order_destroy(struct order **order);

/* As raft_restore. A SNAPSHOT record is followed by order_load. */
KV_MUST_CHECK enum status order_restore(struct order *order, const struct raft_persist *record);

/* Feed one event; effects are appended.
 * Statuses of raft_step, for REMOTE those of a proposal; for SUBMIT also
 * STATUS_EXISTS     the message is known and will be delivered; nothing changed.
 * STATUS_NOT_FOUND  the message was delivered before and its record is gone, or its session's ids are no longer known: the
 *                   application knows its answer or refuses it; nothing changed.
 * STATUS_INVALID    destinations do not hold this group, name one that does not exist, or, with oracle_first, have group 0 among
 *                   them, and this is another one; or the body is too large. */
KV_MUST_CHECK enum status order_step(struct order *order, const struct order_event *event,
                                     struct order_effects *effects);

/* A message between groups that is not order's own (SIGNAL and its kin) has come: learn who leads the other group. False: it
 * cannot be genuine. */
bool order_hear(struct order *order, const struct wire_message *message);

/* Who speaks, in front of a message to another group. */
struct wire_speaker order_speaker(const struct order *order);

/* The nodes that a message to another group goes to: its believed leader, or all of its members. Returns how many. */
uint32_t order_receivers(const struct order *order, kv_group_id group, bool everyone,
                         kv_node_id ret[KV_MEMBERS_MAX]);

/* When the next TICK is due: raft's deadline or an own retry. */
kv_instant order_deadline(const struct order *order);

/* Append the ordering state at the committed prefix (rule 28): to be stored with the application's state of this moment and
 * raft_snapshot_point_at(order_delivered_index). */
void order_save(const struct order *order, struct kv_buffer *ret);

/* Append the state of an order that begins behind `cut`: nothing is under way, everything up to it counts as delivered, and messages of
 * sessions up to it are not ordered. It goes with a point whose reach is cut.clock. */
void order_save_clean(kv_timestamp cut, struct kv_buffer *ret);

/* The state that goes on from a snapshot: what order_save gave. STATUS_CORRUPT: *order must be destroyed. */
KV_MUST_CHECK enum status order_load(struct order *order, kv_slice bytes);

/* The raft core, for questions only. */
const struct raft *order_raft(const struct order *order);

kv_timestamp order_cursor(const struct order *order); /* final timestamp of the last delivery */
uint64_t order_delivered(const struct order *order);  /* length of the delivered sequence */
kv_index order_delivered_index(
    const struct order *order); /* the committed prefix that was looked at: the commit index */
uint32_t
order_undelivered(const struct order *order); /* committed messages that wait for their turn */
uint32_t
order_records(const struct order *order); /* messages that are remembered with timestamps */

/* Whether every message of the committed prefix at or below `index` has been delivered: what a read at `index` waits for. */
bool order_has_delivered(const struct order *order, kv_index index);

#endif
