/* SPDX-License-Identifier: Apache-2.0 */
/* raft_cluster: several raft cores, a bag of messages and disks that forget what was not synced, in
 * virtual time.
 *
 * We simulate  delay, reordering, loss, duplication and cuts of links; syncs that take time; crashes
 *              that keep any prefix of what was not yet synced; restarts through raft_restore;
 *              snapshots sent in pieces.
 * We check     on every step, and fail the running test with the seed:
 *              C1 one leader per term (R6, Election Safety)
 *              C2 the same entry at every index that anybody has committed (State Machine Safety)
 *              C3 a new leader has every entry that anybody has committed (Leader Completeness)
 *              C4 a vote, and an acknowledged match, are on the sender's disk when the message
 *                 leaves (R1, R7)
 *              C5 equal (index, term) in two logs implies equal entries before (Log Matching;
 *                 cluster_check_logs)
 *              C6 a read that is ready covers all that anybody had committed when it was asked for
 *              C7 an installed snapshot is the committed prefix, byte for byte
 * Everything is decided by the seed: the same seed gives the same run. */
#ifndef KV_TESTS_RAFT_CLUSTER_H
#define KV_TESTS_RAFT_CLUSTER_H

#include "multicast/raft/raft.h"

#define CLUSTER_GROUP         3
#define CLUSTER_NODES_MAX     7
#define CLUSTER_LOG_MAX       4096
#define CLUSTER_READS_MAX     4096
#define CLUSTER_SNAPSHOT_SIZE 1000 /* bytes of every snapshot */
#define CLUSTER_CHUNK_SIZE    300
#define CLUSTER_MS            1000u /* microseconds */
#define CLUSTER_ELECTION_US   (100 * CLUSTER_MS)
#define CLUSTER_HEARTBEAT_US  (20 * CLUSTER_MS)

/* One record as the disk holds it. */
struct cluster_record {
    struct raft_persist persist;
};

/* What of the records is durable, applied: what a restart would see. */
struct cluster_disk {
    kv_term term;
    kv_node_id vote;
    kv_index base;
    kv_index last;
    kv_term terms[CLUSTER_LOG_MAX];
};

struct cluster_member {
    struct raft *raft; /* NULL: down */
    struct raft_effects effects;
    struct cluster_record *records;
    uint32_t record_count, record_capacity;
    uint32_t durable_count; /* records [0, durable_count) are synced */
    uint32_t
        life_begin; /* records before it belong to earlier lives: sequence = position - life_begin + 1 */
    uint32_t syncing_count; /* what the running sync will cover */
    kv_instant sync_at;     /* when it ends; never: none runs */
    struct cluster_disk *disk;
    struct cluster_held *held; /* sends that wait for the disk */
    uint32_t held_count, held_capacity;
    uint64_t received; /* bytes of the incoming snapshot */
    kv_index incoming;
    uint64_t directory; /* number of the data directory, if they have tags */
    kv_index commit;    /* checked up to here */
    uint32_t reads_ready, reads_failed;
};

/* The part of a message that raft uses, owned. */
struct cluster_message {
    kv_instant at;
    uint64_t order;
    enum wire_message_kind kind;
    kv_group_id group;
    kv_node_id from, to;
    union {
        struct wire_vote_request vote_request;
        struct wire_vote_reply vote_reply;
        struct wire_append append; /* entries: own array, one reference each */
        struct wire_append_reply append_reply;
        struct wire_snapshot_chunk snapshot_chunk;
        struct wire_snapshot_reply snapshot_reply;
        struct wire_timeout_now timeout_now;
        struct wire_roll_call roll_call;
        struct wire_roll_reply roll_reply;
        struct wire_admitted admitted;
    } as;
};

struct cluster_held {
    struct cluster_message message;
    uint32_t durable_count; /* leaves when so many records are durable */
};

struct cluster_committed {
    kv_term term;
    uint64_t digest; /* of the entry and everything before it */
};

struct cluster_options {
    uint32_t voters;
    uint32_t learners; /* numbered behind the voters */
    uint32_t spare;    /* nodes that exist but are no members yet, numbered behind the learners */
    bool roll_calls;   /* data directories have tags: all members begin blank */
    uint64_t seed;
    uint64_t delay_min_us, delay_max_us;
    uint64_t sync_us; /* 0: at once; UINT64_MAX: only by cluster_sync */
    uint64_t news_us; /* as in the settings */
    uint32_t drop_permille, duplicate_permille;
    enum trace_level trace;
};

struct cluster {
    struct cluster_options options;
    struct kv_prng prng;
    struct trace trace;
    kv_instant now;
    uint64_t order;
    uint32_t node_count;
    struct wire_config bootstrap;
    struct cluster_member members[CLUSTER_NODES_MAX + 1];   /* by node id */
    bool cut[CLUSTER_NODES_MAX + 1][CLUSTER_NODES_MAX + 1]; /* [from][to] */
    struct cluster_message *bag;
    uint32_t bag_count, bag_capacity;
    /* Truth, collected from everybody. */
    struct cluster_committed committed[CLUSTER_LOG_MAX];
    kv_index committed_last;
    kv_node_id leaders[CLUSTER_LOG_MAX]; /* by term */
    kv_index read_floor[CLUSTER_READS_MAX];
    uint64_t read_count;
    uint64_t elections;
    uint64_t snapshots_installed;
    uint64_t pieces;
};

void cluster_open(struct cluster *cluster, const struct cluster_options *options);
void cluster_close(struct cluster *cluster);

/* `voters` voters on a network without faults; sync_us as in the options. */
void cluster_open_plain(struct cluster *cluster, uint32_t voters, uint64_t sync_us);

/* `node` restarts in `term` with entries 1..count of these terms, durable, and nothing else. */
void cluster_preset(struct cluster *cluster, uint32_t node, uint64_t term, const uint64_t *terms,
                    uint32_t count);

/* Feed an event to `node`, followed by FLUSH unless it is one, and carry the effects out. */
enum status cluster_step(struct cluster *cluster, uint32_t node, struct raft_event event);

/* Shorthands over cluster_step. */
enum status cluster_propose(struct cluster *cluster, uint32_t node, uint64_t value);
enum status cluster_change(struct cluster *cluster, uint32_t node,
                           const struct wire_config *config);
enum status cluster_read(struct cluster *cluster, uint32_t node);
enum status cluster_transfer(struct cluster *cluster, uint32_t node, uint32_t target);
void cluster_snapshot(struct cluster *cluster, uint32_t node); /* of all that is committed there */

/* Give `message` to its addressee now, as if it came from the network. */
void cluster_inject(struct cluster *cluster, const struct wire_message *message);

/* A cleared message to be filled and injected; one at a time. */
struct wire_message *cluster_forge(enum wire_message_kind kind, uint32_t from, uint32_t to);

/* An entry as cluster_preset makes them: equal (index, term) gives equal entries. The caller drops it. */
struct wire_entry *cluster_entry(uint64_t index, uint64_t term);

/* Inject an APPEND with entries behind `previous`, whose terms are `terms`. */
void cluster_inject_append(struct cluster *cluster, uint32_t from, uint32_t to,
                           const struct wire_append *append, const uint64_t *terms);

/* Make everything written at `node` durable. */
void cluster_sync(struct cluster *cluster, uint32_t node);

/* Let virtual time pass: messages, syncs and ticks happen when they are due. */
void cluster_run(struct cluster *cluster, uint64_t us);

/* Deliver what is in the bag and what that causes; time passes as needed for it, nobody ticks. */
void cluster_settle(struct cluster *cluster);

/* Only the clock of `node` advances: one TICK at its deadline. */
void cluster_tick(struct cluster *cluster, uint32_t node);

/* Loses the records that were not synced but for `kept` of them, and all its messages that wait for them. */
void cluster_crash(struct cluster *cluster, uint32_t node, uint32_t kept);
void cluster_restart(struct cluster *cluster, uint32_t node);

/* The member, which is down, gets an empty disk. */
void cluster_empty(struct cluster *cluster, uint32_t node);
wire_tag cluster_tag(const struct cluster *cluster, uint32_t node); /* of its directory of now */

/* Cut or mend both directions between a node and all others. */
void cluster_isolate(struct cluster *cluster, uint32_t node, bool cut);
void cluster_heal(struct cluster *cluster);

/* The first message of `kind` to `to` in the bag, or NULL. */
const struct cluster_message *cluster_find(const struct cluster *cluster,
                                           enum wire_message_kind kind, uint32_t to);
uint32_t cluster_count(const struct cluster *cluster, enum wire_message_kind kind, uint32_t to);
void cluster_drop_all(struct cluster *cluster); /* empty the bag */

/* The one alive member that leads the highest term, or 0. */
uint32_t cluster_leader(const struct cluster *cluster);

/* Run until somebody leads and has committed in its term; fails the test after a bounded time. */
uint32_t cluster_elect(struct cluster *cluster);
/* Stand for election at `node` now, undisturbed, and lead. */
void cluster_make_leader(struct cluster *cluster, uint32_t node);

struct raft *cluster_raft(struct cluster *cluster, uint32_t node);
/* A configuration of voters 1..voters and learners behind. */
struct wire_config cluster_config(uint32_t voters, uint32_t learners);

/* C5 over all pairs of members that are up, and raft_check_full of each. */
void cluster_check_logs(struct cluster *cluster);

/* The traces so far, NUL-terminated; they are forgotten. Borrowed until the next step. */
const char *cluster_take_trace(struct cluster *cluster);

#endif
