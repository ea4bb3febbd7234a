/* SPDX-License-Identifier: Apache-2.0 */
/* command: what a client asks a machine to do, and what it answers: the bodies of messages.
 *
 * Encoded and decoded by command_codec.c, in one form only (deterministic: equal structs give equal bytes).
 * Decoded slices borrow from the encoded bytes. Which groups a command goes to and what each of them has to do with
 * each key is derived from it in footprint.h. */
#ifndef KV_WIRE_COMMAND_H
#define KV_WIRE_COMMAND_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"
#include "multicast/base/status.h"

/* X(NAME, name, number, keys min, keys max, values per key, READ_ONLY, "meaning")
 * values: how many values accompany each key. */
#define WIRE_OP_MAP(X)                                                                             \
    X(GET, get, 1, 1, 1, 0, true, "the value of a key")                                            \
    X(PUT, put, 2, 1, 1, 1, false, "set a key")                                                    \
    X(PUT_IF_ABSENT, put_if_absent, 3, 1, 1, 1, false,                                             \
      "set a key that does not exist, else EXISTS with its value")                                 \
    X(DELETE, delete, 4, 1, KV_COMMAND_KEYS_MAX, 0, false,                                         \
      "remove keys; of each NOT_FOUND if there is none")                                           \
    X(CAS, cas, 5, 1, 1, 2, false, "values: expected, new; MISMATCH with the present value")       \
    X(INCR, incr, 6, 1, 1, 0, false,                                                               \
      "add number to a decimal 64-bit value; an absent key counts as 0")                           \
    X(APPEND, append, 7, 1, 1, 1, false, "append to a value; an absent key counts as empty")       \
    X(MGET, mget, 8, 1, KV_COMMAND_KEYS_MAX, 0, true, "several values at one moment")              \
    X(MPUT, mput, 9, 1, KV_COMMAND_KEYS_MAX, 1, false, "set several keys at one moment")           \
    X(SCAN, scan, 10, 2, 2, 0, true,                                                               \
      "keys: from (inclusive, may be empty), to (exclusive, empty: no end); limit rows")           \
    X(TXN, txn, 11, 1, KV_COMMAND_KEYS_MAX, 0, false,                                              \
      "if all guards hold do the one list of steps, else the other; all of it or nothing")         \
    X(CREATE, create, 12, 1, KV_COMMAND_KEYS_MAX, 1, false,                                        \
      "set keys that do not exist, at partition target; of each EXISTS if there is one")           \
    X(MOVE, move, 13, 1, KV_COMMAND_KEYS_MAX, 0, false,                                            \
      "bring keys to partition target; of each NOT_FOUND if there is none")                        \
    X(LOCK, lock, 14, 1, KV_COMMAND_KEYS_MAX, 0, false,                                            \
      "hold keys, for ttl_ms or until it is renewed; the token is its timestamp")                  \
    X(UNLOCK, unlock, 15, 0, 0, 0, false, "oracle: end the lock or session of this token")         \
    X(KEEPALIVE, keepalive, 16, 0, 0, 0, false,                                                    \
      "oracle: the lock or session of this token lasts for its ttl from now")                      \
    X(REVOKE, revoke, 17, 1, KV_COMMAND_KEYS_MAX, 0, false,                                        \
      "by the oracle alone: a lock ends, unless it was renewed more than `number` times")          \
    X(TICK, tick, 18, 0, 0, 0, false, "by a group to itself: `number` us of ordered time")         \
    X(EXPIRE, expire, 19, 1, 1, 0, false,                                                          \
      "by a partition alone: a key goes, if its version is `token` and its life is over")          \
    X(SESSION_OPEN, session_open, 20, 0, 0, 0, false,                                              \
      "oracle: register a client; the id of its messages is the timestamp")                        \
    X(SESSION_CLOSE, session_close, 21, 0, 0, 0, false,                                            \
      "oracle: the client of this message is gone; to all groups: the one of `token`")             \
    X(MAP, map, 22, 0, 0, 0, true, "oracle: bucket map version and partitions")                    \
    X(WHERE, where, 23, 1, KV_COMMAND_KEYS_MAX, 0, true,                                           \
      "oracle: the partition that each key is in, if it exists")                                   \
    X(PARTITIONS, partitions, 24, 0, 0, 0, true,                                                   \
      "oracle: a row for each partition: how many keys live there away from home")                 \
    X(HISTORY, history, 25, 0, 0, 0, true,                                                         \
      "oracle: the last changes of placement, newest first; limit rows")                           \
    X(LOCKS, locks, 26, 0, 0, 0, true,                                                             \
      "oracle: a row for each key that is locked, by its holders; limit rows")                     \
    X(SESSION_BEGIN, session_begin, 27, 0, 0, 0, false,                                            \
      "to all groups: a session for keys, for ttl_ms or until it is renewed; its timestamp is "    \
      "the token")                                                                                 \
    X(SESSION_END, session_end, 28, 0, 0, 0, false,                                                \
      "by the oracle alone, to all groups: it ends, unless it was renewed more than `number` "     \
      "times")                                                                                     \
    X(SESSIONS, sessions, 29, 0, 0, 0, true,                                                       \
      "oracle: a row for each session, then one for each client; limit rows")                      \
    X(MARK, mark, 30, 0, 0, 0, false,                                                              \
      "to all groups: a cut between what stands before it and what behind; changes nothing")

enum wire_op {
#define X(NAME, name, number, min, max, values, read_only, meaning) WIRE_OP_##NAME = number,
    WIRE_OP_MAP(X)
#undef X
};

/* What a step of a TXN has beside its key. */
enum wire_operands {
    WIRE_OPERANDS_NONE,
    WIRE_OPERANDS_VALUE,
    WIRE_OPERANDS_NUMBER,
    WIRE_OPERANDS_TWO_VALUES /* expected, value */
};

/* X(NAME, name, number, OPERANDS, "meaning") What a TXN may ask of a key first. Values are compared as unsigned bytes; an
 * absent key holds only ABSENT and NE, but counts as 0 for AT_LEAST and AT_MOST. */
#define WIRE_GUARD_MAP(X)                                                                          \
    X(EXISTS, exists, 40, NONE, "there is a value")                                                \
    X(ABSENT, absent, 41, NONE, "there is none")                                                   \
    X(EQ, eq, 42, VALUE, "the value is this")                                                      \
    X(NE, ne, 43, VALUE, "the value is not this, or there is none")                                \
    X(LT, lt, 44, VALUE, "the value is less than this")                                            \
    X(GT, gt, 45, VALUE, "the value is greater than this")                                         \
    X(AT_LEAST, at_least, 46, NUMBER, "the value is a decimal number and not less than this")      \
    X(AT_MOST, at_most, 47, NUMBER, "the value is a decimal number and not greater than this")

/* X(NAME, name, number, OPERANDS, "meaning") What a TXN may do to a key; the numbers are those of the operations of the same
 * name. A step that ends with another verdict than OK gives that verdict to the whole TXN, and nothing is done. */
#define WIRE_STEP_MAP(X)                                                                           \
    X(GET, get, 1, NONE, "its value, or that there is none")                                       \
    X(PUT, put, 2, VALUE, "set it")                                                                \
    X(PUT_IF_ABSENT, put_if_absent, 3, VALUE, "set it; EXISTS if there is a value")                \
    X(DELETE, delete, 4, NONE, "remove it; its row says whether there was a value")                \
    X(CAS, cas, 5, TWO_VALUES, "set it; MISMATCH or NOT_FOUND unless it is the expected value")    \
    X(INCR, incr, 6, NUMBER, "add; its row is the sum")                                            \
    X(APPEND, append, 7, VALUE, "append")

enum wire_step_kind {
#define X(NAME, name, number, operands, meaning) WIRE_GUARD_##NAME = number,
    WIRE_GUARD_MAP(X)
#undef X
#define X(NAME, name, number, operands, meaning) WIRE_STEP_##NAME = number,
        WIRE_STEP_MAP(X)
#undef X
};

/* A guard or a step; unused operands are zero. */
struct wire_step {
    enum wire_step_kind kind;
    uint32_t key; /* which of the command's */
    kv_slice value;
    kv_slice expected;
    int64_t number;
};

/* The two lists of steps of a command. Every other command on keys has its steps in the first. */
enum wire_branch { WIRE_BRANCH_THEN, WIRE_BRANCH_ELSE };
#define WIRE_BRANCHES 2

/* How a command on keys of several partitions is executed (docs/protocol/placement.md). */
enum wire_policy {
    WIRE_POLICY_EXCHANGE = 0, /* [S-SMR] every owner executes its part */
    WIRE_POLICY_MOVE = 1,     /* [DS-SMR] the keys move to `target`, in the same ordered message */
    WIRE_POLICY_BORROW =
        2 /* [DynaStar] their values are lent to `target`, which executes and returns them */
};

/* What is done to a key by a command: bits. */
enum wire_use { WIRE_USE_READ = 1, WIRE_USE_WRITE = 2, WIRE_USE_REMOVE = 4 };

struct wire_command {
    enum wire_op op;
    bool exec; /* for the oracle: find the owners, and run it */
    enum wire_policy policy;
    kv_group_id target; /* CREATE, MOVE, and policies other than EXCHANGE: a partition; else 0 */
    uint32_t key_count;
    /* 1..KV_KEY_BYTES_MAX each; the bounds of a SCAN may be empty. Those of TXN, CREATE, MOVE and DELETE ascend strictly; with owners,
     * a policy or `exec`, none comes twice. */
    kv_slice keys[KV_COMMAND_KEYS_MAX];
    /* The believed partition of each key, for ever part of the message (placement rule P3); 0 of them in a message to one group,
     * which is then that of all keys. */
    uint32_t owner_count;
    uint8_t owners[KV_COMMAND_KEYS_MAX];
    uint32_t value_count;                 /* key_count * values per key */
    kv_slice values[KV_COMMAND_KEYS_MAX]; /* at most KV_VALUE_BYTES_MAX each */
    int64_t
        number; /* INCR: what to add; TICK: us; REVOKE, SESSION_END: renewals that it knows of; else 0 */
    uint32_t limit; /* SCAN, HISTORY, LOCKS, SESSIONS: rows wanted, 1..KV_SCAN_ROWS_MAX; else 0 */
    /* [locks.md] The lock or session that it is about, or the lock under which it runs: then it touches only keys that this one
     * holds. {0,0}: none. TICK: what its leader had delivered when it began to measure. EXPIRE: a version. SESSION_CLOSE: a client. */
    kv_timestamp token;
    bool no_wait; /* LOCKED, rather than wait for a lock */
    bool shared;  /* LOCK: others may share the keys for reading */
    /* LOCK, SESSION_BEGIN: 1..KV_LOCK_TTL_MS_MAX. Of a command that sets keys: how long what it sets lasts; 0: for ever. Else 0. */
    uint32_t ttl_ms;
    kv_timestamp
        session; /* what it sets lasts as long as this session; EXPIRE: it has ended; {0,0}: none */
    /* TXN, else 0: the guards, then the steps of each branch; together 1..KV_TXN_STEPS_MAX. Each key is named by one at least. */
    uint32_t guard_count;
    uint32_t branch_count[WIRE_BRANCHES];
    struct wire_step steps[KV_TXN_STEPS_MAX];
    uint8_t uses
        [KV_COMMAND_KEYS_MAX]; /* TXN: bits of enum wire_use, made by decoding or wire_command_mark_uses */
};

/* X(NAME, number, "text") A definitive verdict of a machine on a command. Only OK may have changed anything. */
#define WIRE_VERDICT_MAP(X)                                                                        \
    X(OK, 1, "done")                                                                               \
    X(NOT_FOUND, 2, "no such key")                                                                 \
    X(EXISTS, 3, "the key exists")                                                                 \
    X(MISMATCH, 4, "the present value is not the expected one")                                    \
    X(NOT_A_NUMBER, 5, "the value is not a decimal 64-bit integer")                                \
    X(OVERFLOW, 6, "the sum does not fit 64 bits")                                                 \
    X(TOO_LARGE, 7, "the value would exceed the limit")                                            \
    X(STALE, 8, "a key is not where the command says; places may tell where")                      \
    X(REFUSED, 9, "the sequence is at or below the session's floor")                               \
    X(SESSION_UNKNOWN, 10, "the session has ended or never was")                                   \
    X(UNSUPPORTED, 11, "this group's machine does not know the operation")                         \
    X(PINNED, 12, "the oracle is about to run another command on the key: not moved now")          \
    X(DEFERRED, 13, "the message had no room for this key: it needs another one")                  \
    X(LOCKED, 14, "a key is locked, and the command would not wait")                               \
    X(LOCK_LOST, 15, "the lock has ended, or does not hold the key")                               \
    X(SESSION_ENDED, 16, "the session that keys were to be bound to has ended")

enum wire_verdict {
#define X(NAME, number, text) WIRE_VERDICT_##NAME = number,
    WIRE_VERDICT_MAP(X)
#undef X
};

/* Where a key is, or why not: by which the client learns. */
struct wire_place {
    uint32_t key; /* which of the command's */
    enum wire_verdict verdict;
    kv_group_id group; /* 0: not known */
    kv_timestamp
        version; /* of the change that brought it there; {0,0}: it is at home, or nobody knows better */
};

struct wire_answer {
    enum wire_verdict verdict;
    int64_t number; /* INCR: the sum; TXN: 1 if the guards held, else 0; MAP: version; else 0 */
    uint32_t
        row_count; /* GET, EXISTS, MISMATCH: 0 or 1; MGET: one per key; TXN: one per step of the branch; SCAN, PARTITIONS, HISTORY: rows; else 0 */
    struct wire_row {
        kv_slice key; /* SCAN, PARTITIONS and HISTORY, else empty */
        kv_slice value;
        bool
            present; /* MGET, TXN: false for an absent key, and for steps that give nothing; else true */
    } rows[KV_COMMAND_KEYS_MAX];
    bool more;     /* SCAN: there are rows behind the last one */
    uint32_t hint; /* MAP: partitions; SESSION_OPEN, EXISTS: group of the id; else 0 */
    /* CREATE, DELETE, MOVE, WHERE: one per key. STALE: of keys that are elsewhere, as far as known. HISTORY: one per row. OK to
     * a command that went through the oracle: one per key. Else 0. */
    uint32_t place_count;
    struct wire_place places[KV_COMMAND_KEYS_MAX];
};

/* Bytes that an encoded command or answer has beyond its keys and values, at most: once; for each key, value and row; for
 * each step and place. Whoever makes one counts with these before he encodes. */
#define WIRE_BODY_FIXED_BYTES_MAX 64
#define WIRE_BODY_ITEM_BYTES_MAX  12
#define WIRE_BODY_STEP_BYTES_MAX  24

/* Append the encoded command. It must obey the table and the limits, KV_BODY_BYTES_MAX included (asserted). */
void wire_command_encode(const struct wire_command *command, struct kv_buffer *ret);

/* Decode and check: the op is known, counts and sizes are within the limits, keys of an MPUT without owners
 * may repeat (the last wins).
 * STATUS_CORRUPT or STATUS_TOO_LARGE: *ret is undefined. */
KV_MUST_CHECK enum status wire_command_decode(kv_slice bytes, struct wire_command *ret);

/* The same for an answer: at most KV_BODY_BYTES_MAX (asserted), so a machine answers TOO_LARGE before it comes to that. */
void wire_answer_encode(const struct wire_answer *answer, struct kv_buffer *ret);
KV_MUST_CHECK enum status wire_answer_decode(kv_slice bytes, struct wire_answer *ret);

/* Fill command->uses of a TXN from its steps. */
void wire_command_mark_uses(struct wire_command *command);

/* Whether it runs under a token or is about one. */
bool wire_command_has_token(const struct wire_command *command);

/* Whether what it sets is bound to a session. */
bool wire_command_has_session(const struct wire_command *command);

/* An answer without rows and places. Both structs hold arrays for the largest case, so nobody clears them. */
void wire_answer_begin(struct wire_answer *answer, enum wire_verdict verdict);

/* A command of this op without keys and everything else. */
void wire_command_begin(struct wire_command *command, enum wire_op op);

const char *wire_op_name(enum wire_op op); /* "get" */
bool wire_op_is_read_only(enum wire_op op);
bool wire_is_verdict(uint64_t number);
const char *wire_verdict_name(enum wire_verdict verdict); /* "NOT_FOUND" */
const char *wire_verdict_text(enum wire_verdict verdict);
const char *wire_step_name(enum wire_step_kind kind); /* "at_least" */
enum wire_operands wire_step_operands(enum wire_step_kind kind);
bool wire_step_is_guard(enum wire_step_kind kind);

/* The kind of this name among the guards, or among the steps; 0: there is none. */
unsigned wire_step_by_name(kv_slice name, bool guard);

/* The bucket of a key: XXH3-64 of it, modulo KV_BUCKETS. The same in every version. */
uint32_t wire_bucket_of(kv_slice key);

/* The home partition of a key under version 1 of the bucket map: 1 + bucket % partitions. */
kv_group_id wire_home_of(kv_slice key, uint32_t partitions);

#endif
