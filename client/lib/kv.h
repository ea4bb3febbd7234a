/* SPDX-License-Identifier: Apache-2.0 */
/* kv.h: the C client library of the store. The only public header; C99, C11 and C++.
 *
 * A kv_client is one conversation with a cluster: connections, a session (exactly-once context), a
 * cache of who leads which group. Every operation is linearizable. A write takes effect exactly
 * once however often the library resends it.
 *
 * Three styles on one engine: blocking (kv_put ...), completion callbacks (kv_submit +
 * kv_client_run), or inside of a foreign event loop (kv_client_fd + kv_client_run with timeout 0).
 * There is no hidden thread.
 *
 * Threads.   A kv_client is used by one thread at a time; have one per thread. Callbacks run inside
 *            kv_client_run and the blocking calls of the same client; they may submit, but not run,
 *            block on or close the client.
 * Ownership. Inputs are copied before a call returns. A kv_result owns what its accessors return
 *            until kv_result_free. A callback borrows its result until it returns, unless it takes
 *            it with kv_result_keep.
 * Errors.    Every call returns a kv_status. KV_OK and the answers (KV_NOT_FOUND, KV_EXISTS,
 *            KV_MISMATCH, KV_NOT_A_NUMBER, KV_OVERFLOW, KV_TOO_LARGE) are definitive. Of the
 *            failures, kv_status_in_doubt tells those after which a write may have taken or may yet
 *            take effect from those after which it never will.
 * fork.      A client must not be used in a child process. */
#ifndef KV_H
#define KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All functions below, and nothing else, are visible in the shared library. */
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define KV_API_VERSION 1

/* X(NAME, code, "text") CROSS_PARTITION is not returned any more: commands may have keys on any partitions. */
#define KV_STATUS_MAP(X)                                                                           \
    X(OK, 0, "ok")                                                                                 \
    X(NOT_FOUND, 1, "no such key")                                                                 \
    X(EXISTS, 2, "the key exists")                                                                 \
    X(MISMATCH, 3, "the present value is not the expected one")                                    \
    X(NOT_A_NUMBER, 4, "the value is not a decimal 64-bit integer")                                \
    X(OVERFLOW, 5, "the sum does not fit 64 bits")                                                 \
    X(TOO_LARGE, 6, "a key, value or command exceeds its limit")                                   \
    X(LOCKED, 7, "a key is locked, and the command would not wait; not executed")                  \
    X(LOCK_LOST, 8, "the lock has ended, or does not hold the key; not executed")                  \
    X(SESSION_ENDED, 9, "there is no such session, or it has ended; not executed")                 \
    X(INVALID, -1, "an argument is not valid")                                                     \
    X(UNAVAILABLE, -2, "no answer before the deadline; not executed")                              \
    X(IN_DOUBT, -3, "no answer before the deadline; may have been executed, or may yet be")        \
    X(BUSY, -4, "too many operations in flight; not executed")                                     \
    X(CROSS_PARTITION, -5, "the keys live on several partitions; not executed")                    \
    X(REFUSED, -6, "the cluster does not accept this client or operation; not executed")           \
    X(CLOSED, -7, "the client was closed; not executed")                                           \
    X(NETWORK, -8, "a socket could not be made")                                                   \
    X(PROTOCOL, -9, "an answer could not be understood; may have been executed")                   \
    X(NO_SPACE, -10, "the disk of the group's leader is full; not executed")

typedef enum kv_status {
#define KV_STATUS_ENUM_(name, code, text) KV_##name = code,
    KV_STATUS_MAP(KV_STATUS_ENUM_)
#undef KV_STATUS_ENUM_
} kv_status;

const char *kv_status_name(kv_status status); /* "NOT_FOUND" */
const char *kv_status_text(kv_status status); /* "no such key" */
bool kv_status_in_doubt(kv_status status);    /* a write may have taken or may yet take effect */

typedef struct kv_client kv_client;
typedef struct kv_result kv_result;

/* Bytes, borrowed; keys and values are binary. */
typedef struct kv_bytes {
    const void *data;
    size_t size;
} kv_bytes;

static inline kv_bytes kv_bytes_of(const void *data, size_t size)
{
    kv_bytes bytes = {data, size};
    return bytes;
}

/* How a command on keys of several partitions is executed. All are atomic and linearizable; they differ in what travels.
 * EXCHANGE: every partition does its part; they exchange whether the guards hold, and results.
 * MOVE:     the keys move to one partition, within the same command, and stay there: for keys that are used together again.
 * BORROW:   their values are lent to one partition, which executes, and returned. */
typedef enum kv_policy {
    KV_POLICY_DEFAULT = 0, /* of the operation: the client's; of the client: EXCHANGE */
    KV_POLICY_EXCHANGE,
    KV_POLICY_MOVE,
    KV_POLICY_BORROW
} kv_policy;

/* Zero is the default for every field. Set struct_size to sizeof(kv_client_options). */
typedef struct kv_client_options {
    size_t struct_size;
    uint64_t timeout_ms;      /* default deadline of an operation; 0: 5000 */
    uint32_t outstanding_max; /* operations in flight; 0: 1024, which is also the most */
    const char *cluster_name; /* refuse any other cluster; NULL: take what the endpoints say */
    kv_policy policy;         /* of commands on keys of several partitions */
} kv_client_options;

/* Prepare a client for the nodes at "host:port,host:port,..." (any subset of the cluster; the first
 * 16 are used to find the others; "tcp://" in front is fine). Connects in the background: a cluster
 * that is down shows in the first operation. options may be NULL. KV_INVALID, KV_NETWORK: *ret is
 * NULL. */
kv_status kv_client_open(const char *endpoints, const kv_client_options *options, kv_client **ret);

/* End the session if it can be done at once, and free. Operations in flight complete with KV_CLOSED
 * or, if they have been sent, KV_IN_DOUBT. NULL inside is fine; sets it to NULL. */
void kv_client_close(kv_client **client);

/* Absolute time for deadlines: microseconds of CLOCK_MONOTONIC. */
uint64_t kv_now_us(void);

/* The most specific text about the last failure of this client, "" if there was none; valid until
 * the next call. */
const char *kv_client_error(const kv_client *client);

/* ---- Operations ---- */

typedef enum kv_op_code {
    KV_OP_GET = 1,
    KV_OP_PUT,
    KV_OP_PUT_IF_ABSENT, /* KV_EXISTS: the result holds the present value if it is small */
    KV_OP_DELETE,        /* one key, or several: each on its own; KV_NOT_FOUND if there is none */
    KV_OP_CAS,           /* expect -> value; KV_MISMATCH with the present value if it is small,
                            KV_NOT_FOUND if there is none */
    KV_OP_INCR,          /* add number; result number is the sum; an absent key counts as 0 */
    KV_OP_APPEND,        /* append value; an absent key counts as empty */
    KV_OP_MGET,          /* keys of any partitions, at one moment */
    KV_OP_MPUT,          /* keys and values of any partitions, at one moment */
    KV_OP_SCAN,          /* rows of all partitions, merged, up to limit: see kv_op.from, kv_op.to */
    KV_OP_TXN,        /* if all guards hold do the steps, else the others; all of it or nothing */
    KV_OP_CREATE,     /* keys that do not exist, at a partition; each on its own; KV_EXISTS */
    KV_OP_MOVE,       /* keys to a partition, each on its own; KV_NOT_FOUND */
    KV_OP_WHERE,      /* ask the oracle which partitions keys are in, or would be created in */
    KV_OP_PARTITIONS, /* ask the oracle how many keys live in each partition away from home */
    KV_OP_HISTORY,    /* the last changes of placement, newest first, up to limit */
    KV_OP_MARK,       /* a point in the order of all commands: see kv_backup_read */
    KV_OP_LOCK,       /* hold keys: kv_op.ttl_ms, shared, no_wait; see kv_lock */
    KV_OP_UNLOCK,     /* end the lock or session kv_op.token */
    KV_OP_KEEPALIVE,  /* the lock or session kv_op.token lasts for its ttl from now */
    KV_OP_LOCKS,      /* ask the oracle who holds keys, or waits for them, up to limit */
    KV_OP_SESSION,    /* begin a session for keys: kv_op.ttl_ms; see kv_session_open */
    KV_OP_SESSIONS,   /* ask the oracle which sessions and clients there are, up to limit */
    KV_OP_CLIENT_END  /* no command of the client kv_op.token runs any more, at any partition */
} kv_op_code;

/* What a transaction asks of a key first. Values are compared as unsigned bytes. An absent key holds only ABSENT and NE, but
 * counts as 0 for AT_LEAST and AT_MOST. */
typedef enum kv_step_code {
    KV_STEP_GET = 1,           /* row: its value, or that there is none */
    KV_STEP_PUT = 2,           /* value */
    KV_STEP_PUT_IF_ABSENT = 3, /* value; KV_EXISTS ends the transaction */
    KV_STEP_DELETE = 4,        /* row: present if there was a value */
    KV_STEP_CAS = 5,           /* expect, value; KV_MISMATCH and KV_NOT_FOUND end the transaction */
    KV_STEP_INCR = 6,          /* number; row: the sum as text */
    KV_STEP_APPEND = 7,        /* value */
    KV_GUARD_EXISTS = 40,
    KV_GUARD_ABSENT = 41,
    KV_GUARD_EQ = 42,       /* value */
    KV_GUARD_NE = 43,       /* value */
    KV_GUARD_LT = 44,       /* value */
    KV_GUARD_GT = 45,       /* value */
    KV_GUARD_AT_LEAST = 46, /* number */
    KV_GUARD_AT_MOST = 47   /* number */
} kv_step_code;

/* A guard or a step. Steps of one transaction see what the ones before them have done. */
typedef struct kv_step {
    kv_step_code code;
    kv_bytes key;
    kv_bytes value;
    kv_bytes expect;
    int64_t number;
} kv_step;

static inline kv_step kv_step_of(kv_step_code code, kv_bytes key, kv_bytes value)
{
    kv_step step = {code, key, value, {NULL, 0}, 0};
    return step;
}

static inline kv_step kv_step_number(kv_step_code code, kv_bytes key, int64_t number)
{
    kv_step step = {code, key, {NULL, 0}, {NULL, 0}, number};
    return step;
}

/* A lock or a session. Tokens of locks of the same key ascend: whoever sees a larger one knows that the smaller one is lost. {0,0}: none. */
typedef struct kv_token {
    uint64_t clock;
    uint32_t group;
} kv_token;

/* One operation. Only the fields of its code are read. */
typedef struct kv_op {
    kv_op_code code;
    kv_bytes key;
    kv_bytes value;
    kv_bytes expect;
    int64_t number;
    const kv_bytes *keys;   /* MGET, MPUT */
    const kv_bytes *values; /* MPUT */
    uint32_t count;
    /* SCAN: from (inclusive) to (exclusive; empty: no end). Each partition's part is linearizable by
     * itself. While there are more rows, the next page begins behind the last one. */
    kv_bytes from;
    kv_bytes to;
    uint32_t limit;       /* SCAN, HISTORY: rows; 0: 1000, which is also the most of one page */
    uint64_t deadline_us; /* of kv_now_us; 0: now + timeout_ms; UINT64_MAX: never */
    bool stale_ok;        /* reads of one partition: any member's state will do; fast, may be old */
    /* TXN: without guards `steps` are done. At most 1024 of all three together. */
    const kv_step *guards;
    const kv_step *steps;
    const kv_step *otherwise;
    uint32_t guard_count, step_count, otherwise_count;
    /* GET to MPUT, DELETE and TXN: run under this lock, on keys that it holds; else KV_LOCK_LOST and nothing is done. */
    kv_token token;
    bool no_wait;     /* of commands on keys, and LOCK: KV_LOCKED instead of waiting for a lock */
    bool shared;      /* LOCK: for reading; others may share it */
    uint32_t ttl_ms;  /* LOCK, SESSION: without KEEPALIVE; 1 to a day. Keys: 0: for ever */
    kv_token session; /* the keys that are set last until this session ends; then no ttl_ms */
    kv_policy policy; /* GET to MPUT and TXN, on keys of several partitions */
    /* CREATE: partition; 0: the key's home. MOVE: partition. Policies MOVE and BORROW: where it is executed; 0: where most of the
     * keys are. */
    uint32_t partition;
    bool
        least_loaded; /* CREATE of one key with partition 0: where the fewest keys live away from home */
} kv_op;

typedef void (*kv_done)(void *context, kv_status status, kv_result *result);

/* Start an operation. KV_OK: done (may be NULL) will be called exactly once, at the deadline at the
 * latest, with NULL for the result unless there is an answer. KV_BUSY, KV_INVALID, KV_TOO_LARGE,
 * KV_CLOSED: done will never be called. Operations in flight at the same time may take effect in
 * any order; wait for one before starting another that must come after it. */
kv_status kv_submit(kv_client *client, const kv_op *op, kv_done done, void *context);

/* Run the client's work until something completes, for up to timeout_ms (0: without waiting;
 * negative: without end, but not if nothing is in flight). Returns the number of operations
 * completed. */
int kv_client_run(kv_client *client, int timeout_ms);

/* Operations in flight. */
uint32_t kv_client_outstanding(const kv_client *client);

/* For a foreign event loop: a descriptor to watch for reading, and the longest time in ms until
 * kv_client_run must be called anyway (-1: none). The descriptor stays the same; ask for the time
 * after each call into the client. */
int kv_client_fd(kv_client *client);
int kv_client_timeout_ms(const kv_client *client);

/* Submit and wait. *ret (may be NULL) is set for every status that has an answer, else to NULL;
 * free it. */
kv_status kv_execute(kv_client *client, const kv_op *op, kv_result **ret);

/* Short forms of kv_execute with the default deadline. */
kv_status kv_get(kv_client *client, kv_bytes key, kv_result **ret);
kv_status kv_put(kv_client *client, kv_bytes key, kv_bytes value);
kv_status kv_put_if_absent(kv_client *client, kv_bytes key, kv_bytes value, kv_result **ret);
kv_status kv_delete(kv_client *client, kv_bytes key);
kv_status kv_cas(kv_client *client, kv_bytes key, kv_bytes expect, kv_bytes value, kv_result **ret);
kv_status kv_incr(kv_client *client, kv_bytes key, int64_t by, int64_t *ret_sum);
kv_status kv_append(kv_client *client, kv_bytes key, kv_bytes value);
kv_status kv_mget(kv_client *client, const kv_bytes *keys, uint32_t count, kv_result **ret);
kv_status kv_mput(kv_client *client, const kv_bytes *keys, const kv_bytes *values, uint32_t count);
kv_status kv_scan(kv_client *client, kv_bytes from, kv_bytes to, uint32_t limit, kv_result **ret);

/* *ret has a row for each step that was done; kv_result_number is 1 if the guards held, else 0. */
kv_status kv_txn(kv_client *client, const kv_step *guards, uint32_t guard_count,
                 const kv_step *steps, uint32_t step_count, const kv_step *otherwise,
                 uint32_t otherwise_count, kv_result **ret);

/* partition 0: the key's home. */
kv_status kv_create(kv_client *client, kv_bytes key, kv_bytes value, uint32_t partition);
/* Each key on its own; of one that failed *ret says why. */
kv_status kv_move(kv_client *client, const kv_bytes *keys, uint32_t count, uint32_t partition,
                  kv_result **ret);
kv_status kv_where(kv_client *client, kv_bytes key, uint32_t *ret_partition);

/* ---- Locks ----
 *
 * A lock of keys that one client holds while others wait, in the order in which they came; renewed by kv_client_run until kv_unlock. Give
 * its token to commands that must not take effect when it is lost (kv_op.token): the cluster checks it. Locks of one
 * call never wait for each other in a circle. */
#define KV_LOCK_TTL_MS_DEFAULT 10000
typedef struct kv_lock_options {
    uint32_t ttl_ms; /* how long others wait when this client dies; 0: KV_LOCK_TTL_MS_DEFAULT */
    bool shared;     /* for reading */
    bool no_wait;    /* KV_LOCKED instead of waiting */
    uint64_t
        wait_ms; /* longest wait; 0: the client's timeout; UINT64_MAX: for ever. KV_IN_DOUBT: it may yet be granted; it is unlocked then
                  * as soon as the client hears of it, and ends by its ttl if it is closed or not run any more */
} kv_lock_options;
/* KV_LOCK_LOST, of both: it had ended before this client heard of it. */
kv_status kv_lock(kv_client *client, const kv_bytes *keys, uint32_t count,
                  const kv_lock_options *options, kv_token *ret);
kv_status kv_unlock(kv_client *client, kv_token token);
/* Whether a lock of this client is lost, or may be for all that it knows: a hint. */
bool kv_lock_is_lost(const kv_client *client, kv_token token);
/* For keys that are to be gone with their owner (kv_op.session): renewed by kv_client_run until kv_session_close; KV_SESSION_ENDED:
 * it had ended before. kv_session_is_lost: a hint, as above. */
kv_status kv_session_open(kv_client *client, uint32_t ttl_ms, kv_token *ret);
kv_status kv_session_close(kv_client *client, kv_token session);
bool kv_session_is_lost(const kv_client *client, kv_token session);

/* ---- Results ---- */

/* Accessors take NULL for a result without anything in it, and any row number.
 * Rows: GET, EXISTS, MISMATCH 0 or 1; MGET one per key, in order; SCAN the rows found. */
uint32_t kv_result_count(const kv_result *result);
bool kv_result_present(const kv_result *result,
                       uint32_t row); /* MGET, TXN: false for an absent key */
kv_bytes kv_result_key(const kv_result *result, uint32_t row); /* GET, MGET, TXN, SCAN, HISTORY */
kv_bytes kv_result_value(const kv_result *result, uint32_t row);
int64_t kv_result_number(const kv_result *result); /* INCR: the sum; TXN: 1 if the guards held */
bool kv_result_more(
    const kv_result *result); /* SCAN, HISTORY: there are rows behind the last one */

/* CREATE, DELETE, MOVE, WHERE: one for each key, in the order of the operation. The status of the operation is KV_OK if that of
 * every key is, else the first other one. HISTORY: one for each row. PARTITIONS rows have numbers of partitions as keys and counts
 * as values, HISTORY rows keys and "create 2", "move 1 2" or "delete 2". */
typedef struct kv_place {
    kv_status status;
    uint32_t partition;
    uint64_t version; /* timestamp of the change that brought the key there; 0: it is at home */
} kv_place;
uint32_t kv_result_places(const kv_result *result);
kv_place kv_result_place(const kv_result *result, uint32_t i);

/* Where and when: the group that answered (partition 1..k), the log index of the command (or up to
 * which a read has read), and for writes the final timestamp's clock, which orders all commands of
 * the cluster. 0 where there is none. */
uint32_t kv_result_group(const kv_result *result);
uint64_t kv_result_index(const kv_result *result);
uint64_t kv_result_timestamp(const kv_result *result);
kv_token kv_result_token(const kv_result *result);    /* LOCK, SESSION */
uint32_t kv_result_attempts(const kv_result *result); /* sendings it took, to all partitions */

/* What it cost: partitions that took part, and whether the oracle did. */
uint32_t kv_result_partitions(const kv_result *result);
bool kv_result_via_oracle(const kv_result *result);

/* In a callback: keep the result beyond it. Free it later. */
kv_result *kv_result_keep(kv_result *result);
void kv_result_free(kv_result *result); /* NULL is fine */

/* ---- The cluster ---- */

/* What the nodes say of themselves. One entry per member of each group on each node that answered. */
typedef struct kv_member_status {
    uint32_t node;
    uint32_t group;   /* 0: the oracle */
    const char *role; /* "leader", "follower", "candidate", "learner" */
    uint64_t term, leader, last, commit, applied, delivered, digest;
    uint64_t keys, sessions, commands,
        reads;           /* keys of the oracle: those that live away from home */
    uint64_t messages;   /* sent to other members since start */
    uint64_t waiting;    /* delivered commands that wait for other groups */
    uint64_t checkpoint; /* log index of the last checkpoint */
} kv_member_status;

typedef struct kv_node_status {
    uint32_t node;
    const char *endpoint;
    bool reachable;
    uint64_t uptime_ms, log_syncs, log_bytes, frames_dropped;
    uint64_t log_files; /* of 64 MiB, that there are */
    uint64_t disk_free; /* bytes */
    bool no_space;      /* so few that it refuses what it would have to log */
    uint32_t workers;   /* threads that compute for commands that take long; 0: its own does */
    bool workers_automatic;
    const char *workers_state;           /* "idle", "steady", "wants more", "wants fewer" */
    uint64_t jobs, jobs_out;             /* done since start; under way */
    uint64_t jobs_wait_us, jobs_work_us; /* of all jobs: until they began, and until they ended */
} kv_node_status;

typedef struct kv_cluster_status kv_cluster_status;

/* Ask every node, up to timeout_ms; nodes that do not answer are listed as not reachable.
 * KV_UNAVAILABLE: none answered. */
kv_status kv_cluster_status_get(kv_client *client, uint64_t timeout_ms, kv_cluster_status **ret);
const char *kv_cluster_status_name(const kv_cluster_status *status);
uint32_t kv_cluster_status_partitions(const kv_cluster_status *status);
uint32_t kv_cluster_status_nodes(const kv_cluster_status *status);
kv_node_status kv_cluster_status_node(const kv_cluster_status *status, uint32_t i);
uint32_t kv_cluster_status_members(const kv_cluster_status *status);
kv_member_status kv_cluster_status_member(const kv_cluster_status *status, uint32_t i);
void kv_cluster_status_free(kv_cluster_status *status);

/* Ask the leader of a group to hand over to `node` (0: any). KV_OK: the hand-over has begun.
 * KV_UNAVAILABLE: no leader was found, or it could not. KV_INVALID: there is no such group. */
kv_status kv_transfer_leader(kv_client *client, uint32_t group, uint32_t node, uint64_t timeout_ms);

/* Have every member on a node (0: on all nodes) write a checkpoint of its state, and wait until all of them have one that
 * holds what they had when this was called. KV_UNAVAILABLE: a node does not answer, or not all of them have one in time. */
kv_status kv_checkpoint(kv_client *client, uint32_t node, uint64_t timeout_ms);

/* Have so many workers on a node (0: on all nodes), or as many as it finds useful itself. Answers and states are the same with any
 * number. KV_INVALID: more than 64. KV_UNAVAILABLE: not every node has answered. */
#define KV_WORKERS_AUTOMATIC UINT32_MAX
kv_status kv_set_workers(kv_client *client, uint32_t node, uint32_t workers, uint64_t timeout_ms);

/* ---- Backup ----
 *
 * A backup is the state of all groups at one mark: kv_backup_prepare, then KV_OP_MARK, whose timestamp names the cut, then the image of
 * each group (0 to the number of partitions) in pieces, then kv_backup_drop. Commands go on meanwhile. */

/* Ask the leaders to begin no checkpoints for some seconds, and wait until none is under way: a state that is being written cannot be
 * cut. KV_BUSY: not in time. */
kv_status kv_backup_prepare(kv_client *client, uint64_t timeout_ms);

typedef struct kv_backup_piece {
    uint64_t cut_clock; /* of the cut; the same of all groups */
    uint32_t cut_group;
    uint64_t total;  /* bytes of the group's image */
    uint64_t digest; /* of them all: XXH3-64 */
    uint64_t offset;
    kv_bytes bytes; /* valid until the next call */
} kv_backup_piece;

/* The piece of a group's image at `offset`; none at its end. Ask again for what did not come. KV_BUSY: the image is being made.
 * KV_UNAVAILABLE: no node has it, or says so. KV_REFUSED: the cut has failed at this group. */
kv_status kv_backup_read(kv_client *client, uint64_t cut, uint32_t group, uint64_t offset,
                         uint64_t timeout_ms, kv_backup_piece *ret);

/* The nodes need not keep images of this cut any more; as far as it is heard. */
void kv_backup_drop(kv_client *client, uint64_t cut);

/* ---- Watching ----
 *
 * A watch gives every change of the keys with a prefix once, across failures and changes of leaders: those of each partition in the order
 * in which that partition's log has them. Between partitions there is no order; of two changes of a key that has moved (which is no change)
 * the one with the greater `version` is later. A kv_client has one watch at a time, and may do anything else beside it; close the watch first. */

typedef struct kv_watch kv_watch;

/* Where a watch goes on: the index that the next change of the partition (group) has at least. Indexes ascend, with holes, and belong to
 * one cluster: one that was restored from a backup counts anew, and does not notice. 0: from now on. */
typedef struct kv_watch_position {
    uint32_t group;
    uint64_t index;
} kv_watch_position;

typedef enum kv_change_kind {
    KV_CHANGE_PUT = 1, /* the key has another value */
    KV_CHANGE_DELETED, /* the key has gone */
    KV_CHANGE_GAP      /* nobody knows the changes from `index` to before `first` any more */
} kv_change_kind;

typedef struct kv_change {
    kv_change_kind kind;
    uint32_t group;
    uint64_t index;
    uint64_t first;
    uint64_t
        version; /* timestamp of the command that made the change; then of the group behind it */
    uint32_t version_group;
    kv_bytes key, value; /* valid until the next call */
} kv_change;

/* Watch the keys that begin with `prefix` (all, if it is empty), from the given positions on; partitions that are not among them
 * from now on: what begins when this has returned is seen. KV_INVALID: there is no such partition. KV_BUSY: there is a
 * watch. KV_UNAVAILABLE: not all partitions were found in time; *ret is NULL then. */
kv_status kv_watch_open(kv_client *client, kv_bytes prefix, const kv_watch_position *positions,
                        uint32_t count, uint64_t timeout_ms, kv_watch **ret);

/* The next change, or gap. False: there was none in the time (negative: without end). Runs the client's other work as well. */
bool kv_watch_next(kv_watch *watch, int timeout_ms, kv_change *ret);

/* Where to go on behind what kv_watch_next has given, one for each partition; returns how many there are, of which the first `capacity`
 * are filled in. */
uint32_t kv_watch_positions(const kv_watch *watch, kv_watch_position *ret, uint32_t capacity);

void kv_watch_close(kv_watch **watch);

/* The partition that a key is in, as far as this client knows; 0 if it has not heard from the
 * cluster yet. */
uint32_t kv_client_partition_of(const kv_client *client, kv_bytes key);

/* Counters since open, as one JSON object; the text is valid until the next call. */
const char *kv_client_stats_json(kv_client *client);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
