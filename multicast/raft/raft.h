/* SPDX-License-Identifier: Apache-2.0 */
/* raft: the replicated log of one group, at one member. A pure core.
 *
 * Ongaro's Raft (thesis "Consensus: Bridging Theory and Practice", 2014) with what a production system has: pre-vote and
 * check-quorum (9.6, 6.2), batched and pipelined replication with conflict hints (10.2, 5.3), leader transfer (3.10),
 * ReadIndex (6.4), snapshots (5), learners and one-at-a-time membership change (4.1, 4.2.1; a change is proposed only
 * after an entry of the leader's own term is committed).
 *
 * Model.      raft_step(event) -> effects; no I/O, clock or randomness inside; one thread. Time is event.now; the random part
 *             of election timeouts comes from a seeded generator. Proposals of one batch only append to the log:
 *             RAFT_EVENT_FLUSH, given once behind each batch of events, sends what is new.
 * Durability. Every record in effects.persists has a sequence number, counted from 1 over the member's life in this process.
 *             The driver writes the records in order and reports RAFT_EVENT_DURABLE(sequence) once synced. A send
 *             with after > 0 may leave only when that sequence is durable. A leader's APPEND leaves at once (10.2.1): the
 *             leader counts itself only after its own DURABLE.
 * Invariants. R1  At most one vote per term, and the vote is durable before it is told.        (figure 3.2 Election Safety)
 *             R2  A leader never overwrites or deletes entries of its own log.                 (Leader Append-Only)
 *             R3  Equal (index, term) in two logs implies equal prefixes.                      (Log Matching)
 *             R4  commit never decreases, and commit <= last index.
 *             R5  A leader commits by counting only entries of its own term.                   (figure 3.7)
 *             R6  term never decreases; only a candidate of a term becomes its leader, and a term has one leader for ever.
 *             R7  An acknowledged match is durable: match <= durable index at the follower.
 *             R8  snapshot index <= commit; the log begins at snapshot index + 1.
 *             R9  At most one uncommitted CONFIG of its own term in a leader's log, and none above it of any other term.
 *             R10 reach never decreases along the log.
 *             R11 A blank member has promised nothing: term 0, no vote, no log, no role but learner; an admitted one votes only
 *                 when its log has the configuration that admitted it.                            (decision 0009)
 *             R12 A member stops being blank once, as a founder of a group whose members were all blank, or as a learner that the
 *                 leader of the group has admitted.
 *             R13 What a leader knows of a readmitted member is from rounds behind its readmission.
 *             Asserted in raft_invariants.c after every step; across members in tests/sim/check_raft.c.
 * Ownership.  Inputs are borrowed until the call returns (entries are kept by reference); effects are appended to the
 *             caller's struct and valid until raft_effects_clear or the next change of the log. */
#ifndef KV_RAFT_RAFT_H
#define KV_RAFT_RAFT_H

#include "multicast/base/prng.h"
#include "multicast/base/status.h"
#include "multicast/base/trace.h"
#include "multicast/wire/message.h"

struct raft;

enum raft_role {
    RAFT_FOLLOWER = WIRE_ROLE_FOLLOWER,
    RAFT_CANDIDATE = WIRE_ROLE_CANDIDATE, /* pre-candidate included */
    RAFT_LEADER = WIRE_ROLE_LEADER,
    RAFT_LEARNER = WIRE_ROLE_LEARNER
};

struct raft_settings {
    kv_group_id group;
    kv_node_id self;
    uint64_t election_timeout_us; /* a follower waits this plus up to as much again at random */
    uint64_t heartbeat_us;        /* at most a third of election_timeout_us */
    uint64_t
        news_us; /* a leader with nothing else to say tells a higher commit index so long after its last message; below heartbeat_us */
    uint64_t seed;
    wire_tag
        tag; /* of the data directory; 0: there is none, and the member is never blank (tests) */
    struct wire_config
        bootstrap;       /* members while neither a snapshot nor a CONFIG entry says otherwise */
    struct trace *trace; /* borrowed; NULL: none */
};

/* How a member has stopped being blank; part of its hard state from then on. */
enum raft_origin {
    RAFT_ORIGIN_NONE,    /* it is blank, or of a time before roll calls */
    RAFT_ORIGIN_FOUNDED, /* all members of the bootstrap were blank: `founders` */
    RAFT_ORIGIN_ADMITTED /* by a leader: a learner, until the log says otherwise */
};

struct raft_roll {
    enum raft_origin origin;
    struct wire_roll founders; /* FOUNDED; else empty */
    kv_index
        admitted; /* ADMITTED: the configuration that did it; else 0. No vote before the log has it (R11) */
};

/* Where a snapshot stands in the log; all of it is carried by the snapshot and written with SNAPSHOT records. */
struct raft_snapshot_point {
    kv_index index;
    kv_term term;
    kv_clock reach;
    struct wire_config config;
};

enum raft_event_kind {
    RAFT_EVENT_TICK,    /* time has passed: at the latest at raft_deadline() */
    RAFT_EVENT_MESSAGE, /* a raft message for this group and node */
    RAFT_EVENT_DURABLE, /* records up to `sequence` are synced */
    RAFT_EVENT_PROPOSE, /* leader: append `entry` (kind, reach, ... set; index and term are set here) */
    RAFT_EVENT_CHANGE, /* leader: append a CONFIG entry with `config`: one voter more or less, or learners; a learner votes only with the one in force */
    RAFT_EVENT_READ,   /* leader: confirm leadership for read `token` */
    RAFT_EVENT_TRANSFER,       /* leader: hand over to `node`, or to the best voter if none */
    RAFT_EVENT_FLUSH,          /* end of a batch: send what is new */
    RAFT_EVENT_SNAPSHOT_SAVED, /* a local snapshot at `point` is durable: drop the log up to it */
    RAFT_EVENT_SNAPSHOT_RECEIVED, /* `offset` contiguous bytes of the incoming snapshot `point.index` are stored */
    RAFT_EVENT_SNAPSHOT_INSTALLED /* the incoming snapshot is complete, verified, durable and loaded */
};

struct raft_event {
    enum raft_event_kind kind;
    kv_instant now;
    const struct wire_message *message;
    struct wire_entry *entry;
    uint64_t sequence;
    uint64_t token;
    uint64_t offset;
    kv_node_id node;
    const struct wire_config *config;
    const struct raft_snapshot_point *point;
};

enum raft_persist_kind { RAFT_PERSIST_HARD_STATE, RAFT_PERSIST_ENTRY, RAFT_PERSIST_SNAPSHOT };

/* A record to be written, in order. An ENTRY at index i removes every entry at or above i that was written before; a
 * SNAPSHOT removes entries up to its index, and those above too unless `keeps_log`. */
struct raft_persist {
    enum raft_persist_kind kind;
    kv_term term; /* HARD_STATE */
    kv_node_id vote;
    struct raft_roll roll;
    struct wire_entry *entry; /* ENTRY: one reference, dropped by raft_effects_clear */
    struct raft_snapshot_point point;
    bool keeps_log;
};

struct raft_send {
    struct wire_message message;
    uint64_t after; /* persist sequence that must be durable first; 0: send at once */
};

/* A piece of the local snapshot is to be sent: the driver sets chunk.total and chunk.bytes and sends the message. */
struct raft_chunk_wanted {
    struct wire_message message;
};

/* A piece of a snapshot has arrived: the driver stores it and answers with SNAPSHOT_RECEIVED or, when the whole is there
 * and good, installs it and answers with SNAPSHOT_INSTALLED. A snapshot at or below commit is never offered. */
struct raft_chunk_received {
    kv_node_id from;
    struct wire_snapshot_chunk chunk; /* bytes borrowed from the event's message */
};

struct raft_read {
    uint64_t token;
    kv_index
        index;  /* everything up to here must be delivered before the read runs; 0 with !ready */
    bool ready; /* false: leadership could not be confirmed, ask elsewhere */
};

struct raft_effects {
    struct raft_persist *persists;
    uint32_t persist_count, persist_capacity;
    struct raft_send *sends;
    uint32_t send_count, send_capacity;
    struct raft_read *reads;
    uint32_t read_count, read_capacity;
    struct raft_chunk_wanted *chunks_wanted;
    uint32_t chunk_wanted_count, chunk_wanted_capacity;
    bool has_chunk_received;
    struct raft_chunk_received chunk_received;
    bool commit_advanced;
    bool role_changed; /* role, term or leader */
    kv_index
        truncated_from; /* 0, or the lowest index whose entry was removed from the log since the last clear */
    /* APPEND messages borrow their entry arrays from here: references are held until the clear. */
    struct raft_entry_block *blocks;
};

/* Drop references, forget everything, keep the memory. */
void raft_effects_clear(struct raft_effects *effects);

/* Free; zero-initialised structs and cleared ones are fine. */
void raft_effects_close(struct raft_effects *effects);

/* A member with an empty log, at `now`: blank, if it has a tag and nothing is restored. Asserts the relations between settings. */
struct raft *raft_new(const struct raft_settings *settings, kv_instant now);
void raft_destroy(struct raft **raft);

/* Restore what was persisted, in the order it was written, before the first step; everything restored is durable.
 * STATUS_CORRUPT: the record does not continue what was restored before (a gap in the log, reach or term going down). */
KV_MUST_CHECK enum status raft_restore(struct raft *raft, const struct raft_persist *record);

/* Feed one event; effects are appended.
 * STATUS_OK          carry the effects out: persists in order, sends as `after` allows.
 * STATUS_NOT_LEADER  PROPOSE, CHANGE, READ, TRANSFER at a member that does not lead (or is handing over); nothing changed.
 * STATUS_FULL        PROPOSE beyond KV_UNCOMMITTED_*, READ beyond RAFT_READS_MAX, a CHANGE while one is open; nothing changed.
 * STATUS_INVALID     CHANGE that is more than one step, TRANSFER to a node that is not a caught-up voter; SNAPSHOT_INSTALLED at
 *                    or below raft_commit (ask before loading it: the log may have gone past it meanwhile); nothing changed. */
KV_MUST_CHECK enum status raft_step(struct raft *raft, const struct raft_event *event,
                                    struct raft_effects *effects);

/* When the next TICK is due. */
kv_instant raft_deadline(const struct raft *raft);

/* Reads that await confirmation at one time: one batch of a busy node. */
#define RAFT_READS_MAX 16384

/* Questions. */
enum raft_role raft_role(const struct raft *raft);
kv_term raft_term(const struct raft *raft);
kv_node_id raft_vote(const struct raft *raft);              /* in that term; none: not yet */
const struct raft_roll *raft_roll(const struct raft *raft); /* written with term and vote */
bool raft_is_blank(const struct raft *raft);     /* nothing on its disk: it only calls the roll */
kv_node_id raft_leader(const struct raft *raft); /* believed; none if unknown */
kv_index raft_commit(const struct raft *raft);
kv_index raft_last(const struct raft *raft); /* uncommitted entries included */
kv_index raft_snapshot_index(const struct raft *raft);
kv_clock raft_tail_reach(const struct raft *raft); /* reach of the last entry, or of the snapshot */
uint64_t raft_persist_sequence(const struct raft *raft); /* last one given out */
const struct wire_config *
raft_config(const struct raft *raft);                 /* latest in the log, committed or not */
bool raft_config_is_settled(const struct raft *raft); /* that configuration is committed */
bool raft_can_serve(const struct raft *raft); /* leads, and an entry of its own term is committed */
bool raft_is_sending_snapshot(
    const struct raft *raft); /* a later SNAPSHOT_SAVED would make a member start anew */

/* The entry at index, borrowed; NULL unless snapshot index < index <= last. */
struct wire_entry *raft_entry(const struct raft *raft, kv_index index);

/* What a snapshot of this member at `index` has to carry; index is committed and above the last snapshot's. */
struct raft_snapshot_point raft_snapshot_point_at(const struct raft *raft, kv_index index);

/* Assert what raft_step cannot check in constant time: the whole log, its configurations and sizes. For tests. */
void raft_check_full(const struct raft *raft);

#endif
