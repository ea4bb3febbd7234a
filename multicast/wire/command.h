/* SPDX-License-Identifier: Apache-2.0 */
/* command: what a client asks a machine to do, and what it answers: the bodies of messages.
 *
 * Encoded and decoded by command_codec.c, in one form only (deterministic: equal structs give equal bytes).
 * Decoded slices borrow from the encoded bytes. */
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
    X(DELETE, delete, 4, 1, 1, 0, false, "remove a key, NOT_FOUND if there is none")               \
    X(CAS, cas, 5, 1, 1, 2, false, "values: expected, new; MISMATCH with the present value")       \
    X(INCR, incr, 6, 1, 1, 0, false,                                                               \
      "add number to a decimal 64-bit value; an absent key counts as 0")                           \
    X(APPEND, append, 7, 1, 1, 1, false, "append to a value; an absent key counts as empty")       \
    X(MGET, mget, 8, 1, KV_COMMAND_KEYS_MAX, 0, true, "several values at one moment")              \
    X(MPUT, mput, 9, 1, KV_COMMAND_KEYS_MAX, 1, false, "set several keys at one moment")           \
    X(SCAN, scan, 10, 2, 2, 0, true,                                                               \
      "keys: from (inclusive, may be empty), to (exclusive, empty: no end); limit rows")           \
    X(SESSION_OPEN, session_open, 20, 0, 0, 0, false,                                              \
      "oracle: register a session; its id is the timestamp")                                       \
    X(SESSION_CLOSE, session_close, 21, 0, 0, 0, false, "oracle: end the session of this message") \
    X(MAP, map, 22, 0, 0, 0, true, "oracle: bucket map version and partitions")

enum wire_op {
#define X(NAME, name, number, min, max, values, read_only, meaning) WIRE_OP_##NAME = number,
    WIRE_OP_MAP(X)
#undef X
};

struct wire_command {
    enum wire_op op;
    uint32_t key_count;
    kv_slice
        keys[KV_COMMAND_KEYS_MAX]; /* 1..KV_KEY_BYTES_MAX each; the bounds of a SCAN may be empty */
    uint32_t value_count;          /* key_count * values per key */
    kv_slice values[KV_COMMAND_KEYS_MAX]; /* at most KV_VALUE_BYTES_MAX each */
    int64_t number;                       /* INCR: what to add; else 0 */
    uint32_t limit;                       /* SCAN: rows wanted, 1..KV_SCAN_ROWS_MAX; else 0 */
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
    X(STALE, 8, "this group does not own the key; hint names the one that does")                   \
    X(REFUSED, 9, "the sequence is at or below the session's floor")                               \
    X(SESSION_UNKNOWN, 10, "the session has ended or never was")                                   \
    X(UNSUPPORTED, 11, "this group's machine does not know the operation")

enum wire_verdict {
#define X(NAME, number, text) WIRE_VERDICT_##NAME = number,
    WIRE_VERDICT_MAP(X)
#undef X
};

struct wire_answer {
    enum wire_verdict verdict;
    int64_t number;     /* INCR: the sum; MAP: version; SESSION_OPEN: 0; DELETE: 0 */
    uint32_t row_count; /* GET, EXISTS, MISMATCH: 0 or 1; MGET: one per key; SCAN: rows; MAP: 0 */
    struct wire_row {
        kv_slice key; /* SCAN only, else empty */
        kv_slice value;
        bool present; /* MGET: false for an absent key; else true */
    } rows[KV_COMMAND_KEYS_MAX];
    bool more;     /* SCAN: there are rows behind the last one */
    uint32_t hint; /* STALE: the group that owns; MAP: partitions; else 0 */
};

/* Bytes that an encoded command or answer has beyond its keys and values, at most: once, and for each key, value and
 * row. Whoever makes one counts with these before he encodes. */
#define WIRE_BODY_FIXED_BYTES_MAX 32
#define WIRE_BODY_ITEM_BYTES_MAX  12

/* Append the encoded command. It must obey the table and the limits, KV_BODY_BYTES_MAX included (asserted). */
void wire_command_encode(const struct wire_command *command, struct kv_buffer *ret);

/* Decode and check: the op is known, counts and sizes are within the limits, keys of MPUT may repeat (the last wins).
 * STATUS_CORRUPT or STATUS_TOO_LARGE: *ret is undefined. */
KV_MUST_CHECK enum status wire_command_decode(kv_slice bytes, struct wire_command *ret);

/* The same for an answer: at most KV_BODY_BYTES_MAX (asserted), so a machine answers TOO_LARGE before it comes to that. */
void wire_answer_encode(const struct wire_answer *answer, struct kv_buffer *ret);
KV_MUST_CHECK enum status wire_answer_decode(kv_slice bytes, struct wire_answer *ret);

const char *wire_op_name(enum wire_op op); /* "get" */
bool wire_op_is_read_only(enum wire_op op);
const char *wire_verdict_name(enum wire_verdict verdict); /* "NOT_FOUND" */
const char *wire_verdict_text(enum wire_verdict verdict);

/* The bucket of a key: XXH3-64 of it, modulo KV_BUCKETS. The same in every version. */
uint32_t wire_bucket_of(kv_slice key);

/* The home partition of a key under version 1 of the bucket map: 1 + bucket % partitions. */
kv_group_id wire_home_of(kv_slice key, uint32_t partitions);

#endif
