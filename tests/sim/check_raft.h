/* SPDX-License-Identifier: Apache-2.0 */
/* check_raft: what must hold across the members of one group, whatever happens (raft.h, R1-R10, is
 * about one member).
 *
 * We check:
 *   1. Election safety: at most one member leads in a term.
 *   2. Log agreement: an index that two members hold committed has the same entry at both (State
 *      Machine Safety).
 *   3. Leader completeness: a new leader's log has every entry that was committed in an earlier
 *      term.
 *   4. Durable promises: when an ack leaves a node, its disk holds what is acknowledged; when a
 *      vote leaves, its disk holds the vote.
 *   5. No promise is taken back: a member votes for one candidate a term, and comes back from a
 *      restart with at least the term, the vote and the log that it had told others about; unless
 *      its disk was emptied: then 1 to 3 show whether that was noticed.
 * It looks at logs and disks directly, so it finds a broken rule before a client could suffer from
 * it. */
#ifndef KV_SIM_CHECK_RAFT_H
#define KV_SIM_CHECK_RAFT_H

#include "multicast/raft/raft.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_report.h"

#define CHECK_NODES_MAX 8u

/* Terms beyond this are an election storm: a million elections in seconds of virtual time. */
#define CHECK_TERMS_MAX (1u << 20)

struct check_raft_entry {
    kv_term term;
    kv_term committed_in; /* at the latest: the term of the first member seen to commit it */
    enum wire_entry_kind kind;
    uint64_t hash;
};

/* What one member has told others. */
struct check_raft_promise {
    kv_term vote_term;
    kv_node_id vote;
    kv_term match_term;
    kv_index match;
    kv_index seen_commit; /* checked up to here in this life */
    bool led;             /* observed as the leader of led_term */
    kv_term led_term;
};

struct check_raft {
    kv_group_id group;
    struct check_raft_entry *committed; /* of index i: committed[i - 1] */
    uint64_t count, capacity;
    kv_node_id *leaders; /* by term */
    uint64_t leader_capacity;
    uint64_t elections;
    struct check_raft_promise members[CHECK_NODES_MAX];
};

void check_raft_close(struct check_raft *check);

/* After each step of a member. */
void check_raft_observe(struct check_raft *check, struct sim_report *report, kv_node_id node,
                        const struct raft *raft);

/* A message leaves a node; view is what the node's disk holds of the group. */
void check_raft_leaves(struct check_raft *check, struct sim_report *report,
                       const struct wire_message *message, const struct sim_disk_view *view);

/* A node's disk was emptied while it was down: its promises are gone. */
void check_raft_emptied(struct check_raft *check, kv_node_id node);

/* A member was restored from its disk. */
void check_raft_restarted(struct check_raft *check, struct sim_report *report, kv_node_id node,
                          const struct raft *raft, const struct sim_disk_view *view);

#endif
