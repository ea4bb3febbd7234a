/* SPDX-License-Identifier: Apache-2.0 */
/* raft_internal: what the files of the raft core share. Only they and its tests include it.
 *
 * Every handler has four paragraphs: guard (refuse, with a trace that says why), plan, change,
 * emit. Effects go to raft->effects, the struct given to the step that is running. */
#ifndef KV_RAFT_RAFT_INTERNAL_H
#define KV_RAFT_RAFT_INTERNAL_H

#include "multicast/base/assert.h"
#include "multicast/raft/raft.h"
#include "multicast/raft/raft_log.h"

/* What a peer says above these is refused: no cluster lives long enough to reach them (2^62
 * elections, entries, microseconds), and below them no sum of this code or its users overflows. */
#define RAFT_TERM_MAX  (UINT64_C(1) << 62)
#define RAFT_INDEX_MAX (UINT64_C(1) << 62)
#define RAFT_REACH_MAX (UINT64_C(1) << 62)

/* Bytes of an entry in an APPEND beside its body; an upper estimate, for KV_APPEND_BYTES_MAX. */
#define RAFT_ENTRY_OVERHEAD_BYTES 128

/* How a leader feeds one member.
 *
 *   PROBE -> PIPELINE -> PROBE,  PROBE <-> SNAPSHOT
 *
 *   PROBE    -> PIPELINE [raft_on_append_reply]  an append was accepted: the logs are equal below `next`
 *   PIPELINE -> PROBE    [raft_on_append_reply]  an append was refused
 *   PIPELINE -> PROBE    [raft_replicate_tick]   nothing was heard for an election timeout
 *   any      -> SNAPSHOT [raft_flush]            the entry before `next` is no longer in the log
 *   SNAPSHOT -> PIPELINE [raft_on_append_reply]  installed, or the member had more than we knew */
enum raft_progress { RAFT_PROGRESS_PROBE, RAFT_PROGRESS_PIPELINE, RAFT_PROGRESS_SNAPSHOT };

/* A member, as a candidate or leader sees it; parallel to the configuration in force. */
struct raft_peer {
    kv_node_id node;
    bool voter;
    bool vote_granted; /* in the running election or pre-election */
    /* Leader. */
    enum raft_progress progress;
    bool probing;   /* PROBE: one append is under way, wait for its answer or the next heartbeat */
    kv_index next;  /* the first entry to send; match < next */
    kv_index match; /* durable there and equal to ours up to here; never decreases in a term */
    kv_index commit_sent; /* the commit index it can know from what was sent */
    uint64_t round_sent;
    uint64_t round_answered;
    kv_instant sent_at;
    kv_instant heard_at; /* last answer in this term, or when we began to lead or to know it */
    /* Readmission of a member whose disk was emptied (raft_readmit.c). */
    wire_tag tag; /* of the life that was readmitted in this term; 0: none was */
    kv_index
        admit_index; /* of the configuration that makes it a learner; committed: it may learn */
    uint64_t round_first; /* answers of earlier rounds may be of a former life (R13) */
    kv_index catch_up;    /* learner: when this matches, it is as far as we were a beat ago */
    bool returns;         /* it was a voter when it was readmitted */
    /* Ring: the last index of each append that has no answer yet. */
    uint32_t inflight_first, inflight_count;
    kv_index inflight[KV_APPEND_INFLIGHT_MAX];
    /* SNAPSHOT: one piece at a time, so that heartbeats and appends to others pass between pieces. */
    kv_index snapshot; /* index of the snapshot that is being sent */
    uint64_t offset;   /* bytes of it that have arrived there */
    bool chunk_inflight;
    uint64_t chunk_round; /* number of the last piece: only its answer may lower the offset */
    kv_instant chunk_at;
};

/* A configuration and the index of its entry; 0 for the bootstrap. */
struct raft_config_point {
    kv_index index;
    struct wire_config config;
};

/* A read that waits. It may be served once a majority has answered `round`, which began after
 * the read arrived. */
struct raft_read_waiting {
    uint64_t token;
    kv_index index; /* commit index when it arrived */
    uint64_t round;
};

/* The snapshot that this member is receiving. */
struct raft_incoming {
    kv_node_id from; /* none: nothing is being received */
    kv_term term;
    struct raft_snapshot_point point;
    uint64_t total;
    uint64_t received; /* contiguous bytes stored */
    uint64_t round;    /* of the last piece that came */
};

/* A blank member: what it has been told (raft_roll_call.c). */
struct raft_caller {
    struct wire_roll heard; /* other members that were blank in this life of ours */
    kv_node_id leader;      /* of `term`, as far as we were told */
    kv_term term;           /* the highest that was named */
    kv_instant call_at;
    uint64_t pause_us;
};

struct raft {
    struct raft_settings settings;
    struct kv_prng prng;
    kv_instant now; /* largest event.now so far */
    struct raft_effects *effects;
    char trace_prefix[64];

    /* Persistent state. Term and vote are written together by the next emission if hard_dirty. */
    kv_term term;
    kv_node_id vote;
    struct raft_roll roll;
    bool hard_dirty;
    struct raft_log log;

    /* Durability. */
    uint64_t sequence;          /* last persist sequence given out */
    uint64_t durable_sequence;  /* last one reported as synced */
    uint64_t hard_sequence;     /* of the last HARD_STATE */
    uint64_t snapshot_sequence; /* of the last installed SNAPSHOT: answers build on it and wait */

    bool blank;
    struct raft_caller caller; /* while blank */

    /* Volatile state. */
    enum raft_role role;
    bool pre;                /* CANDIDATE: asks only whether it would win */
    bool candidacy_transfer; /* CANDIDATE: the old leader asked for this election */
    kv_node_id leader;       /* believed */
    kv_node_id term_leader;  /* whoever led or leads this term, once known; never another one */
    kv_index commit;
    uint64_t uncommitted_bytes; /* bodies of the entries above commit */
    kv_instant heard_at;        /* follower: last message from the leader */
    kv_instant election_at;     /* follower, candidate: when patience ends */
    uint64_t patience_us; /* election timeout and a random part; drawn per term and candidacy */

    /* Configurations: those of the log, oldest first; the last one is in force. */
    struct raft_config_point *configs;
    uint32_t config_count, config_capacity;
    struct raft_peer peers[KV_MEMBERS_MAX];
    uint32_t peer_count;
    int self_position; /* in the configuration; -1: not a member */

    /* Follower: what the leader of this term was told, so that nothing is said twice. */
    uint64_t told_round;
    kv_index told_match;
    struct raft_incoming incoming;

    /* Leader. */
    kv_index term_start; /* its NOOP; nothing is served before it is committed */
    uint64_t round;
    uint64_t chunk_round;       /* numbers the pieces of snapshots sent */
    kv_node_id transfer_target; /* none: not handing over */
    kv_instant transfer_until;
    bool transfer_told;              /* TIMEOUT_NOW was sent since the last heartbeat */
    struct raft_read_waiting *reads; /* ring */
    uint32_t read_first, read_count, read_capacity;
};

#define RAFT_TRACE(raft_, level_, ...)                                                             \
    TRACE_LINE((raft_)->settings.trace, level_, raft_trace_prefix(raft_), __VA_ARGS__)

/* raft.c */
const char *raft_trace_prefix(struct raft *raft); /* "time group/node role term" */
/* Append to the own log, with its record; takes its own references. */
void raft_append_entry(struct raft *raft, struct wire_entry *entry);
/* Remove entries at and above `from` from the log, and the configurations they brought. */
void raft_remove_suffix(struct raft *raft, kv_index from);
void raft_set_commit(struct raft *raft, kv_index commit);

/* raft_effects.c */
void raft_emit_hard_state(struct raft *raft); /* does nothing unless term or vote changed */
uint64_t raft_emit_entry(struct raft *raft, struct wire_entry *entry);
uint64_t raft_emit_snapshot(struct raft *raft, const struct raft_snapshot_point *point,
                            bool keeps_log);
/* A message to `to`, header set; the caller assigns the part of the union that belongs to kind. */
struct wire_message *raft_emit_message(struct raft *raft, enum wire_message_kind kind,
                                       kv_node_id to, uint64_t after);
struct wire_message *raft_emit_chunk_wanted(struct raft *raft, kv_node_id to);
void raft_emit_read(struct raft *raft, uint64_t token, kv_index index, bool ready);
/* `count` entries of the log from `first` on, referenced until the effects are cleared. */
struct wire_entry **raft_emit_entries(struct raft *raft, kv_index first, uint32_t count);

/* raft_election.c */
bool raft_is_voter(const struct raft *raft);
/* May this member hold an election: a voter, or one whose removal is not known to be committed? */
bool raft_may_stand(const struct raft *raft);
bool raft_is_sole_voter(const struct raft *raft);
void raft_draw_patience(struct raft *raft);
/* Follower or learner: what the configurations in the log make of a member that does not lead. */
void raft_settle_role(struct raft *raft);
void raft_become_follower(struct raft *raft, kv_term term, kv_node_id leader);
void raft_become_candidate(struct raft *raft, bool transfer);
void raft_count_votes(struct raft *raft);
void raft_on_tick(struct raft *raft);
kv_instant raft_election_deadline(const struct raft *raft);
/* The leader of `term` has spoken: follow it. */
void raft_follow(struct raft *raft, kv_term term, kv_node_id leader);
/* A message from somebody who says that it leads `term`: true if another one is known to. */
bool raft_ignore_leader(struct raft *raft, kv_node_id from, kv_term term);
/* A reply that carries a term: true if it is of another term; a higher one is adopted. */
bool raft_ignore_reply_term(struct raft *raft, kv_node_id from, kv_term term);

/* one message, one file */
void raft_on_vote_request(struct raft *raft, const struct wire_message *message);
void raft_on_vote_reply(struct raft *raft, const struct wire_message *message);
void raft_on_append(struct raft *raft, const struct wire_message *message);
void raft_on_append_reply(struct raft *raft, const struct wire_message *message);
void raft_on_snapshot_chunk(struct raft *raft, const struct wire_message *message);
void raft_on_snapshot_reply(struct raft *raft, const struct wire_message *message);
void raft_on_timeout_now(struct raft *raft, const struct wire_message *message);

/* raft_on_append.c */
void raft_answer_append(struct raft *raft, kv_node_id to, kv_index equal, uint64_t round,
                        bool always);
/* raft_on_snapshot_chunk.c */
void raft_on_snapshot_received(struct raft *raft, const struct raft_event *event);
enum status raft_on_snapshot_installed(struct raft *raft, const struct raft_event *event);
void raft_on_snapshot_saved(struct raft *raft, const struct raft_event *event);

/* raft_replicate.c */
void raft_replicate_begin(struct raft *raft); /* a term of leadership begins */
void raft_peer_begin(struct raft *raft, struct raft_peer *peer);
void raft_flush(struct raft *raft);
void raft_replicate_tick(struct raft *raft);
kv_instant raft_replicate_deadline(const struct raft *raft);
void raft_maybe_commit(struct raft *raft);
/* The largest value that a majority of the voters has reached; parallel to the members. */
uint64_t raft_quorum_value(const struct raft *raft, const uint64_t values[KV_MEMBERS_MAX]);

/* raft_read.c */
enum status raft_on_read(struct raft *raft, uint64_t token);
bool raft_reads_need_round(const struct raft *raft);
void raft_reads_serve(struct raft *raft);
void raft_reads_fail(struct raft *raft);

/* raft_config.c */
bool raft_config_is_valid(const struct wire_config *config);
struct raft_peer *raft_find_peer(struct raft *raft, kv_node_id node); /* NULL: no member */
void raft_config_push(struct raft *raft, kv_index index, const struct wire_config *config);
void raft_config_truncate(struct raft *raft, kv_index from);
void raft_config_drop_prefix(struct raft *raft, kv_index index);
void raft_config_reset(struct raft *raft, kv_index index, const struct wire_config *config);
/* Make the peers those of the configuration in force. */
void raft_config_apply(struct raft *raft);
enum status raft_on_change(struct raft *raft, const struct wire_config *config);
/* After a commit: a leader that is no voter any more hands over and steps down. */
void raft_config_committed(struct raft *raft);

/* raft_transfer.c */
enum status raft_on_transfer(struct raft *raft, kv_node_id target);
void raft_transfer_progress(struct raft *raft);
void raft_transfer_tick(struct raft *raft);
struct raft_peer *raft_best_successor(struct raft *raft);
void raft_send_timeout_now(struct raft *raft, kv_node_id target);

/* raft_roll_call.c */
const struct wire_roll_member *raft_roll_find(const struct wire_roll *roll, kv_node_id node);
/* A blank member is deaf to what would make it promise something. */
bool raft_ignore_while_blank(struct raft *raft, const struct wire_message *message);
/* The configuration in front of the log, for a member that was admitted. */
void raft_roll_restore(struct raft *raft);
void raft_roll_tick(struct raft *raft);
/* Found the group, if all others were blank. */
void raft_maybe_found(struct raft *raft);
void raft_found(struct raft *raft, const struct wire_roll *founders);
void raft_on_roll_call(struct raft *raft, const struct wire_message *message);
void raft_on_roll_reply(struct raft *raft, const struct wire_message *message);
void raft_on_admitted(struct raft *raft, const struct wire_message *message);

/* raft_readmit.c */
void raft_readmit(struct raft *raft, kv_node_id node, const struct wire_roll_call *call);
void raft_maybe_promote(struct raft *raft);

/* raft_invariants.c */
struct raft_before {
    bool blank;
    kv_term term;
    kv_node_id vote;
    enum raft_role role;
    bool pre;
    kv_node_id leader;
    kv_node_id term_leader;
    kv_index commit;
    kv_index last;
    kv_index base;
    uint64_t truncations;
};
struct raft_before raft_check_before(const struct raft *raft);
void raft_check_step(const struct raft *raft, const struct raft_before *before);

#endif
