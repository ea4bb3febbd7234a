/* SPDX-License-Identifier: Apache-2.0 */
/* message: everything that nodes and clients say to each other, as checked structs.
 *
 * The table below is the protocol; docs/protocol/messages.md carries the same table and a test compares them.
 * Slices and entries inside of a message borrow from whoever made it: see wire/codec.h for decoded ones. */
#ifndef KV_WIRE_MESSAGE_H
#define KV_WIRE_MESSAGE_H

#include "multicast/wire/entry.h"
#include "multicast/wire/message_backup.h"
#include "multicast/wire/message_order.h"
#include "multicast/wire/message_operator.h"
#include "multicast/wire/message_roll.h"
#include "multicast/wire/message_watch.h"

/* Version of everything on the network; a peer must share at least one of the range it names in its hello. */
#define WIRE_VERSION     2
#define WIRE_VERSION_MIN 2

/* X(NAME, name, number, FROM, TO, "purpose") */
#define WIRE_MESSAGE_MAP(X)                                                                        \
    X(VOTE_REQUEST, vote_request, 1, MEMBER, MEMBER,                                               \
      "asks for a vote, or whether one would be given")                                            \
    X(VOTE_REPLY, vote_reply, 2, MEMBER, MEMBER, "grants or denies it")                            \
    X(APPEND, append, 3, LEADER, MEMBER, "log entries, commit index, heartbeat, read round")       \
    X(APPEND_REPLY, append_reply, 4, MEMBER, LEADER, "what is synced, or where the logs differ")   \
    X(SNAPSHOT_CHUNK, snapshot_chunk, 5, LEADER, MEMBER, "a piece of a snapshot")                  \
    X(SNAPSHOT_REPLY, snapshot_reply, 6, MEMBER, LEADER, "how much of it has arrived")             \
    X(TIMEOUT_NOW, timeout_now, 7, LEADER, MEMBER, "take over: hold an election at once")          \
    X(SOFT, soft, 8, LEADER, MEMBER,                                                               \
      "a proposal of another group for a message, with the message")                               \
    X(FIX, fix, 9, MEMBER, MEMBER, "a proposal that is committed, for ever")                       \
    X(ACK, ack, 10, MEMBER, LEADER, "a proposal that this member of another group has synced")     \
    X(DONE_REQUEST, done_request, 11, MEMBER, MEMBER, "has your group resolved this message")      \
    X(DONE, done, 12, MEMBER, MEMBER, "this group has resolved it: it needs no more facts")        \
    X(FORGET, forget, 13, LEADER, MEMBER,                                                          \
      "every group has resolved it: only its id is to be kept")                                    \
    X(ASK, ask, 14, LEADER, MEMBER, "is this message of an old sequence still unresolved there")   \
    X(TELL, tell, 15, MEMBER, LEADER, "whether it is")                                             \
    X(SIGNAL, signal, 16, LEADER, MEMBER, "a group's vote on a message whose turn has come there") \
    X(SIGNAL_REQUEST, signal_request, 17, LEADER, MEMBER, "what is your group's vote on it")       \
    X(SIGNAL_ACK, signal_ack, 18, LEADER, MEMBER, "this group needs that vote no more")            \
    X(FORWARD, forward, 19, LEADER, LEADER,                                                        \
      "a message of this group's own, to be ordered by the oracle first")                          \
    X(HELLO, hello, 20, CLIENT, NODE, "opens a conversation: versions and cluster")                \
    X(WELCOME, welcome, 21, NODE, CLIENT, "answers it: limits, nodes, groups")                     \
    X(REQUEST, request, 22, CLIENT, NODE, "a command or a read for one group")                     \
    X(REPLY, reply, 23, NODE, CLIENT, "its outcome")                                               \
    X(STATUS_REQUEST, status_request, 24, CLIENT, NODE, "how the members of this node are")        \
    X(STATUS_REPLY, status_reply, 25, NODE, CLIENT, "roles, terms, indexes, digests")              \
    X(TRANSFER_REQUEST, transfer_request, 26, CLIENT, NODE, "hand the leadership of a group over") \
    X(TRANSFER_REPLY, transfer_reply, 27, NODE, CLIENT, "whether the hand-over has begun")         \
    X(REFUSAL, refusal, 28, NODE, CLIENT,                                                          \
      "why the conversation cannot go on: version, cluster, form")                                 \
    X(CHECKPOINT_REQUEST, checkpoint_request, 29, CLIENT, NODE,                                    \
      "write checkpoints of all members of this node")                                             \
    X(CHECKPOINT_REPLY, checkpoint_reply, 30, NODE, CLIENT, "they are due, or under way")          \
    X(COMPARE, compare, 31, MEMBER, MEMBER, "digests of the state at positions of the sequence")   \
    X(ROLL_CALL, roll_call, 40, MEMBER, MEMBER, "my disk is empty: who are you")                   \
    X(ROLL_REPLY, roll_reply, 41, MEMBER, MEMBER,                                                  \
      "mine is empty, too; or the group is founded, and by whom; or where its leader is")          \
    X(ADMITTED, admitted, 42, LEADER, MEMBER,                                                      \
      "what this member promised before its disk was emptied binds nobody: learn")                 \
    X(BACKUP_REQUEST, backup_request, 50, CLIENT, NODE,                                            \
      "a step of a backup: make ready, give a piece of an image, drop it")                         \
    X(BACKUP_REPLY, backup_reply, 51, NODE, CLIENT, "the piece, or how far the image is")          \
    X(WORKERS_REQUEST, workers_request, 60, CLIENT, NODE, "have so many threads that compute")     \
    X(WORKERS_REPLY, workers_reply, 61, NODE, CLIENT, "how many there are, and what they do")      \
    X(WATCH_REQUEST, watch_request, 62, CLIENT, NODE,                                              \
      "changes of keys from an index on, when there are any")                                      \
    X(WATCH_REPLY, watch_reply, 63, NODE, CLIENT,                                                  \
      "some of them, or where they are not known any more")

enum wire_message_kind {
#define X(NAME, name, number, from, to, purpose) WIRE_MESSAGE_##NAME = number,
    WIRE_MESSAGE_MAP(X)
#undef X
};

/* [Raft thesis 4.2.3, 9.6] pre: would you vote for me, changes nothing at the receiver. */
struct wire_vote_request {
    kv_term term; /* of the election; for pre-votes the term that it would have */
    kv_index last_index;
    kv_term last_term;
    bool pre;
    bool transfer; /* the old leader asked for it: do not protect that leader */
};

struct wire_vote_reply {
    kv_term term;
    bool pre;
    bool granted;
};

struct wire_append {
    kv_term term;
    kv_index previous_index;
    kv_term previous_term;
    kv_index commit;
    uint64_t round; /* read and check-quorum round, echoed in the reply */
    uint32_t count; /* at most KV_APPEND_ENTRIES_MAX */
    /* Indexes follow previous_index without a gap. No entry comes behind more than KV_APPEND_BYTES_MAX of bodies. */
    struct wire_entry **entries;
};

struct wire_append_reply {
    kv_term term;
    bool success;
    kv_index match;        /* success: the log is synced and equal up to here */
    kv_index conflict;     /* failure: try again from here at the latest */
    kv_term conflict_term; /* failure: term of the entry there, 0 if the log is shorter */
    uint64_t round;
};

struct wire_snapshot_chunk {
    kv_term term;
    kv_index index; /* the snapshot replaces the log up to here */
    kv_term index_term;
    kv_clock reach; /* of the entry at index */
    struct wire_config config;
    uint64_t total; /* bytes of the whole */
    uint64_t
        digest; /* of them: members' snapshots at one index may differ, and pieces of two are no snapshot */
    uint64_t offset;
    kv_slice bytes; /* at most KV_SNAPSHOT_CHUNK_BYTES_MAX */
    uint64_t round;
};

struct wire_snapshot_reply {
    kv_term term;
    kv_index index;
    uint64_t
        received; /* contiguous bytes stored so far; the whole is answered by APPEND_REPLY, once installed and synced */
    uint64_t round;
};

struct wire_timeout_now {
    kv_term term;
};

struct wire_hello {
    uint16_t version_min;
    uint16_t version_max;
};

/* Texts for people and addresses: bounded so that a WELCOME with all nodes stays small. */
#define WIRE_CLUSTER_NAME_BYTES_MAX 128
#define WIRE_ENDPOINT_BYTES_MAX     128
#define WIRE_REFUSAL_TEXT_BYTES_MAX 512

struct wire_node {
    kv_node_id node;
    kv_slice endpoint; /* "tcp://host:port", at most WIRE_ENDPOINT_BYTES_MAX */
};

struct wire_group {
    kv_group_id group;
    struct wire_config config;
    kv_node_id leader; /* believed, or none */
};

struct wire_welcome {
    uint16_t version;      /* chosen */
    kv_slice cluster_name; /* at most WIRE_CLUSTER_NAME_BYTES_MAX */
    uint64_t
        map_version; /* of the bucket map: home of bucket b is partition 1 + b % partitions at version 1 */
    uint32_t partitions;           /* 1..KV_GROUPS_MAX-1 */
    uint32_t node_count;           /* at most KV_NODES_MAX */
    const struct wire_node *nodes; /* borrowed: a message stays small, because effects hold many */
    uint32_t group_count;          /* at most KV_GROUPS_MAX */
    const struct wire_group *groups;
    uint32_t key_bytes_max; /* the limits in force */
    uint32_t value_bytes_max;
    uint32_t command_keys_max;
    uint32_t session_outstanding_max;
};

/* How a request is to be served. */
enum wire_request_mode {
    WIRE_REQUEST_ORDERED = 1, /* multicast, exactly once */
    WIRE_REQUEST_READ =
        2, /* linearizable read without the log; safe to repeat; id only matches the reply */
    WIRE_REQUEST_STALE = 3 /* from this member's state as it is */
};

struct wire_request {
    kv_message_id id;
    enum wire_request_mode mode;
    kv_group_set destinations; /* one group for reads */
    uint64_t floor;
    uint32_t
        budget_ms; /* the client has given up after this; the server may drop the request then */
    kv_slice body; /* a command: wire/command.h */
};

/* What became of a request. All but ANSWERED are no verdicts (placement rule X2): nothing is said about whether
 * an earlier sending of the same id has taken or will take effect. */
enum wire_outcome {
    WIRE_OUTCOME_ANSWERED = 1, /* body holds the answer: wire/command.h */
    WIRE_OUTCOME_NOT_LEADER =
        2,                 /* this sending was not ordered; leader: the believed one or none */
    WIRE_OUTCOME_BUSY = 3, /* this sending was not ordered: a queue is full */
    WIRE_OUTCOME_SESSION_UNKNOWN = 4, /* this sending was not ordered: the session has ended */
    WIRE_OUTCOME_REFUSED = 5,   /* this sending was not ordered: sequence at or below the floor */
    WIRE_OUTCOME_MALFORMED = 6, /* this sending was not ordered: the body is not a valid command */
    WIRE_OUTCOME_WRONG_GROUP =
        7,                    /* this sending was not ordered: no member of that group is here */
    WIRE_OUTCOME_NO_SPACE = 8 /* this sending was not ordered: the disk is almost full */
};

struct wire_reply {
    kv_message_id id;
    enum wire_outcome outcome;
    kv_node_id leader;
    kv_timestamp timestamp; /* ANSWERED to an ordered request: gts */
    kv_index index;         /* ANSWERED: log index of the command, or up to which a read has read */
    kv_slice body;
};

enum wire_refusal_reason {
    WIRE_REFUSAL_VERSION = 1,
    WIRE_REFUSAL_CLUSTER = 2,
    WIRE_REFUSAL_MALFORMED = 3
};

struct wire_refusal {
    enum wire_refusal_reason reason;
    uint16_t version_min;
    uint16_t version_max;
    kv_slice text; /* at most WIRE_REFUSAL_TEXT_BYTES_MAX */
};

struct wire_message {
    enum wire_message_kind kind;
    kv_group_id group; /* of the member spoken to; oracle (0) where none is meant */
    kv_node_id from;   /* none: a client; on the network both are those of the frame */
    kv_node_id to;     /* none: whichever node the client reached */
    union {
#define X(NAME, name, number, from, to, purpose) struct wire_##name name;
        WIRE_MESSAGE_MAP(X)
#undef X
    } as;
};

_Static_assert(sizeof(struct wire_message) <= 256, "messages are copied by value into effects");

/* "APPEND" etc.; never NULL. */
const char *wire_message_kind_name(enum wire_message_kind kind);

#endif
