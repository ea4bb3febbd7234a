/* SPDX-License-Identifier: Apache-2.0 */
/* message_operator: what an operator asks a node, and what members tell each other about their states: the parts of message.h that no
 * command depends on. */
#ifndef KV_WIRE_MESSAGE_OPERATOR_H
#define KV_WIRE_MESSAGE_OPERATOR_H

#include "multicast/base/ids.h"

/* Numbers of enum raft_role, in the order of a member's life. */
enum wire_role {
    WIRE_ROLE_FOLLOWER = 1,
    WIRE_ROLE_CANDIDATE = 2,
    WIRE_ROLE_LEADER = 3,
    WIRE_ROLE_LEARNER = 4
};

struct wire_status_request {
    uint8_t detail; /* 0; room for more */
};

enum wire_workers_change {
    WIRE_WORKERS_SHOW = 0, /* nothing: only tell */
    WIRE_WORKERS_SET = 1,  /* so many, until it is changed again */
    WIRE_WORKERS_AUTO = 2  /* as many as measurements suggest, from now on */
};

struct wire_workers_request {
    enum wire_workers_change change;
    uint32_t workers; /* SET: at most KV_WORKERS_MAX; else 0 */
};

/* Numbers of enum node_tuner_state. */
enum wire_workers_state {
    WIRE_WORKERS_IDLE = 0,
    WIRE_WORKERS_STEADY = 1,
    WIRE_WORKERS_MORE = 2,
    WIRE_WORKERS_FEWER = 3
};

struct wire_workers_reply {
    uint32_t workers;
    bool automatic;
    enum wire_workers_state state; /* what the last sample meant; also without `automatic` */
    uint64_t jobs;                 /* done since start */
    uint64_t out;                  /* under way */
    uint64_t wait_us, work_us;     /* of all jobs: until they began, and from there to their ends */
};

struct wire_member_status {
    kv_group_id group;
    enum wire_role role;
    kv_term term;
    kv_node_id leader;
    kv_index last;
    kv_index commit;
    kv_index applied;
    uint64_t delivered; /* length of the delivered sequence */
    uint64_t digest;    /* of the state after it */
    uint64_t keys;
    uint64_t sessions;
    uint64_t commands;   /* ordered commands executed since start */
    uint64_t reads;      /* reads served since start */
    uint64_t messages;   /* sent to other members, of this group and others, since start */
    uint64_t waiting;    /* delivered commands that wait for other groups */
    kv_index checkpoint; /* of the last one that is durable */
};

struct wire_status_reply {
    kv_node_id node;
    uint64_t uptime_ms;
    uint64_t log_syncs;      /* since start */
    uint64_t log_bytes;      /* written since start */
    uint64_t frames_dropped; /* malformed, foreign or misdelivered frames since start */
    uint64_t log_files;      /* that there are */
    uint64_t disk_free;      /* bytes */
    bool no_space;           /* so few that orders of clients are refused */
    struct wire_workers_reply workers;
    uint32_t member_count;                    /* at most KV_GROUPS_MAX */
    const struct wire_member_status *members; /* borrowed */
};

struct wire_transfer_request {
    kv_node_id target; /* none: any caught-up voter */
};

struct wire_transfer_reply {
    bool started;
    kv_node_id leader; /* believed, when not started */
};

struct wire_checkpoint_request {
    uint8_t detail; /* 0 */
};

struct wire_checkpoint_reply {
    uint32_t members; /* that have checkpoints */
};

/* Digests in one message: the newest ones; the next message has the next. */
#define WIRE_COMPARE_SAMPLES_MAX 12

struct wire_compare {
    uint32_t count;
    struct wire_sample {
        uint64_t position; /* in the delivered sequence, from 1 */
        uint64_t digest;   /* of the state behind it, when nothing waits */
    } samples[WIRE_COMPARE_SAMPLES_MAX];
};

#endif
