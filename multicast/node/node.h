/* SPDX-License-Identifier: Apache-2.0 */
/* node: the driver of one kvd process: the only code with clocks, sockets and files around the pure cores.
 *
 * Hosts one member of each group assigned to the node, one write-ahead log and one endpoint for all of them. One thread
 * does everything, in turns (docs/architecture.md):
 *   1. receive what has arrived, feed it to the cores; tick those whose time has come; flush;
 *   2. carry out effects: append records to the log, send what may leave at once, execute deliveries, answer;
 *   3. sync the log once for all members, tell the cores, carry out what follows, send what waited for the sync;
 *   4. sleep until something arrives or the next deadline.
 * While a sync runs nothing else does: what arrives meanwhile is the next batch (docs/decisions/0003-inline-sync.md).
 *
 * What messages mean is the application's business: one node_application per member.
 *
 * What applications compute may be done by other threads (node_crew.h): as many as there is use for, none at first.
 *
 * Threads. A node is opened, run and closed by one thread. */
#ifndef KV_NODE_NODE_H
#define KV_NODE_NODE_H

#include "multicast/base/trace.h"
#include "multicast/node/node_config.h"
#include "multicast/node/node_workers.h"
#include "multicast/order/order.h"

struct node;
struct node_member;

/* Exit status of a process whose disk failed (log.h, Failure). */
#define KV_EXIT_DISK     74

#define NODE_ERROR_BYTES 640

struct node_error {
    char text[NODE_ERROR_BYTES];
};

/* What an application says of a request before it is ordered. */
enum node_admission {
    NODE_ADMIT,           /* order it */
    NODE_RECORDED,        /* it has been executed: *ret is its answer */
    NODE_RUNNING,         /* it is delivered, and answered when it has executed */
    NODE_ELSEWHERE,       /* it has been executed, and another group answers */
    NODE_REFUSED,         /* sequence at or below the session's floor */
    NODE_SESSION_UNKNOWN, /* the session has ended */
    NODE_SESSION_FULL,    /* too many above the session's floor */
    NODE_BUSY,            /* too many messages wait for others */
    NODE_MALFORMED        /* the body is not a valid command, or may not go to these destinations */
};

/* The answer to an executed message. */
struct node_answer {
    kv_message_id id;
    kv_timestamp timestamp;
    kv_index index;
    kv_slice body;
};

/* The answer to a read. */
struct node_read_answer {
    uint64_t token;
    kv_timestamp timestamp; /* of the last message that it has seen */
    kv_slice body;
};

/* What a member's application says of its state. */
struct node_application_status {
    uint64_t digest;
    uint64_t keys;
    uint64_t sessions;
    uint64_t waiting; /* delivered messages that have not executed */
};

/* A mark cuts what is delivered before it from what is delivered behind, in all groups at one timestamp. */
enum node_order_mark_state {
    NODE_MARK_NONE,    /* nothing to do */
    NODE_MARK_WAITING, /* something before it has not executed */
    NODE_MARK_REACHED, /* here and now is the state of the cut */
    NODE_MARK_MISSED   /* it was not reached in time, or not taken */
};

struct node_order_mark {
    enum node_order_mark_state state;
    kv_timestamp timestamp; /* final, of the mark */
};

/* Who watches the changes of keys (wire/message_watch.h), and what there is for him. */
struct node_watching {
    kv_slice prefix;
    uint64_t from;  /* index; 0: what would be next */
    uint32_t bytes; /* of changes, beyond which there is at most one in the answer */
};

struct node_changes {
    bool gap; /* what is before `first` is not known here any more */
    uint64_t first, next;
    bool more; /* what is behind `next` has not been looked at */
};

/* Where a slot of an application runs: its member, at this moment. Valid while the slot runs. */
struct node_port {
    struct node *node;
    struct node_member *member;
    kv_instant now;
    bool leads;
};

/* What an application says through its port; inputs are borrowed until the call returns. */

/* Answer a message, if somebody waits for it here. */
void node_port_answer(const struct node_port *port, const struct node_answer *answer);
void node_port_answer_read(const struct node_port *port, const struct node_read_answer *answer);
void node_port_refuse_read(const struct node_port *port,
                           uint64_t token); /* the body is no valid read */

/* A message of the kinds SIGNAL, SIGNAL_REQUEST, SIGNAL_ACK or FORWARD: to `to` if that is set, else to the leader of its group or to
 * all of its members. Sender and speaker are filled in. It may be lost. */
void node_port_send(const struct node_port *port, const struct wire_message *message,
                    bool everyone);

/* Log what another group has told, or order a message. It may fail without a trace: the application sees what is committed. */
void node_port_append(const struct node_port *port, const struct order_remote *remote);
void node_port_submit(const struct node_port *port, const struct order_submit *submit);

/* A computation, for the workers of the node or for its own thread. It comes back through the slot `worked`, once, or is dropped when
 * the node ends; `owner` is filled in. */
void node_port_work(const struct node_port *port, const struct node_work *work);

/* Slots are called by the node's thread, never block, and keep no pointer to their inputs, but may keep entries by reference. */
struct node_application_ops {
    /* Look a request up; changes nothing. *ret is set for NODE_RECORDED only, and valid until the next call. */
    enum node_admission (*admit)(void *state, const struct wire_request *request,
                                 struct node_answer *ret);
    /* Take a delivered message; calls come in the order of delivery. It is answered now or later. `position`: in the delivered
     * sequence. */
    void (*deliver)(void *state, const struct node_port *port, struct wire_entry *entry,
                    kv_timestamp timestamp, uint64_t position);
    /* A REMOTE entry is committed. NULL: the application logs none. */
    void (*remote)(void *state, const struct node_port *port, struct wire_entry *entry);
    /* The application of another group says something. NULL: they say nothing. */
    void (*message)(void *state, const struct node_port *port, const struct wire_message *message);
    /* A computation has been done; in any order. NULL: there are none. */
    void (*worked)(void *state, const struct node_port *port, uint64_t number, void *job);
    /* Run a read that must see everything delivered so far; it is answered now or later. */
    void (*read)(void *state, const struct node_port *port, uint64_t token, kv_slice body);
    /* A read is not wanted any more. NULL: reads are always answered at once. */
    void (*drop_read)(void *state, uint64_t token);
    /* Run a read on the state as it is; false: the body is not a valid read-only command. *ret is valid until the next call. */
    bool (*stale_read)(void *state, kv_slice body, struct node_read_answer *ret);
    /* Append changes of keys to *ret_bytes; `position` is that of the last delivery, here or in what was opened or adopted. False: it cannot
     * say, now or ever. NULL: nobody can watch. */
    bool (*changes)(const void *state, uint64_t position, const struct node_watching *watching,
                    struct kv_buffer *ret_bytes, struct node_changes *ret);
    /* Time has passed, or the member's role has changed. NULL: neither matters. */
    void (*tick)(void *state, const struct node_port *port);
    /* When the next tick is due. NULL: never. */
    kv_instant (*deadline)(const void *state);
    struct node_application_status (*status)(const void *state);
    void (*destroy)(void *state);

    /* Checkpoints (node_checkpoint.c). All of the slots below, or none: then the log is kept for ever. */

    /* Go on from the last checkpoint in `directory`, which is made if it is missing; before all other slots. Append to *ret_mark
     * what `freeze` was given for it, nothing if there is none. A failure is told to a person in error->text. */
    enum status (*open)(void *state, const char *directory, struct kv_buffer *ret_mark,
                        struct node_error *error);
    /* The state of now is to be written, with `mark`, while it goes on changing. */
    void (*freeze)(void *state, kv_slice mark);
    /* [on another thread, beside all slots but freeze and thaw] Make it durable, and read back what was written. NO_SPACE, FULL: the
     * checkpoint before is the last one; anything else: the disk cannot be trusted. */
    enum status (*write)(void *state);
    /* It was written; or it was not, and is part of the next one. STATUS_CORRUPT: it is not what was frozen. */
    enum status (*thaw)(void *state, bool written);
    /* [as write] Free what the last thaw left. */
    void (*sweep)(void *state);
    /* [as write] Read all of the last checkpoint and compare it with its checksums. */
    enum status (*scrub)(void *state);
    /* OK, or the damage on disk that a slot has met: what it answered has not left, and the state is of no use. */
    enum status (*health)(const void *state);

    /* State transfer (node_transfer.c). */

    /* [as write] Write the last checkpoint, its mark included, into a file, and say how many bytes it has and what their XXH3-64 is. */
    enum status (*dump)(void *state, const char *path, uint64_t *ret_bytes, uint64_t *ret_digest);
    /* [as write] Make a checkpoint of such a file, of its bytes from `offset` on, beside the own one. STATUS_CORRUPT: they are no
     * whole image of this group. */
    enum status (*prepare)(void *state, const char *path, uint64_t offset, uint64_t digest);
    /* The state becomes that of the checkpoint that was prepared, durably; append its mark. Whatever else was there is gone. */
    enum status (*adopt)(void *state, struct kv_buffer *ret_mark);

    /* Backups (node_backup.c). */

    /* The last mark. While it is REACHED the rows are those of its cut, whatever else is delivered. */
    struct node_order_mark (*marked)(const void *state);
    /* The state of a mark that is REACHED has been frozen (taken), or cannot be: go on. */
    void (*pass_mark)(void *state, bool taken);
};

struct node_application {
    const struct node_application_ops *ops;
    void *state;
};

struct node_settings {
    const struct node_config *config; /* must outlive the node */
    kv_node_id self;
    const char *directory; /* made if it does not exist */
    bool unsafe_no_sync;   /* answers before data is durable; for measuring everything else */
    int stop_fd;           /* readable when the node is to end; -1: never */
    enum trace_level trace;
    uint64_t election_timeout_us; /* 0: NODE_ELECTION_TIMEOUT_US */
    uint64_t log_bytes_max;       /* of entries held; 0: NODE_LOG_BYTES_MAX */
    uint64_t checkpoint_bytes;    /* 0: NODE_CHECKPOINT_BYTES */
    uint64_t checkpoint_us;       /* 0: NODE_CHECKPOINT_US */
    uint64_t scrub_us;            /* 0: NODE_SCRUB_US */
    uint64_t segment_bytes;       /* of the log; 0: LOG_SEGMENT_BYTES */
    uint64_t reserve_bytes;       /* node_space.h; 0: NODE_RESERVE_BYTES */
    int (*free_bytes)(const char *directory,
                      uint64_t *ret); /* NULL: node_space_of; tests say what they want */
    bool oracle_first;                /* order.h */
    bool workers_fixed; /* else the node begins with none and finds out itself (node_tuner.h) */
    uint32_t workers;   /* fixed: threads that compute; 0: the node's own thread does */
    struct node_application (*application)(kv_group_id group,
                                           void *context); /* makes one per hosted group */
    void *application_context;
    void (*report)(const char *line, void *context); /* one line for the operator's log; required */
    void *report_context;
};

/* A follower waits this long, and up to as much again, for its leader: several times what a loaded two-core machine or
 * a slow sync takes, so that only a real failure moves the leader. */
#define NODE_ELECTION_TIMEOUT_US 1000000

/* Entries' bytes of all members that a node holds; beyond it its leaders answer BUSY: checkpoints cannot keep up, or cannot be
 * written. */
#define NODE_LOG_BYTES_MAX (UINT64_C(8) * 1024 * 1024 * 1024)

/* A member writes a checkpoint when this many bytes of log are behind the last one: they bound the log and the time of a restart.
 * And after this time, if anything has changed, so that a quiet node restarts as fast. */
#define NODE_CHECKPOINT_BYTES (UINT64_C(32) * 1024 * 1024)
#define NODE_CHECKPOINT_US    60000000

/* Each member's checkpoint is read through once in this time: bits rot in places that nobody asks for. */
#define NODE_SCRUB_US UINT64_C(3600000000)

/* Bytes of the disk that are kept for what must go on when it is almost full: some segments of the log, and what a busy disk takes
 * between two looks. */
#define NODE_RESERVE_BYTES (UINT64_C(256) * 1024 * 1024)

/* Open the log, recover every member, bind the endpoint. Statuses of log_open and net_server_open; *ret is NULL then. */
KV_MUST_CHECK enum status node_open(const struct node_settings *settings, struct node **ret,
                                    struct node_error *error);

/* Serve until stop_fd is readable, hand leaderships over, sync, and return STATUS_OK; or the status of a failed disk, at once. */
KV_MUST_CHECK enum status node_run(struct node *node, struct node_error *error);

void node_close(struct node **node);

#endif
