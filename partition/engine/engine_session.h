/* SPDX-License-Identifier: Apache-2.0 */
/* engine_session: the table of sessions, the records of each, and the judgement that rests on them alone. */
#ifndef KV_ENGINE_ENGINE_SESSION_H
#define KV_ENGINE_ENGINE_SESSION_H

#include <sys/queue.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"
#include "partition/engine/engine.h"

/* XXH3-64, for the digests. */
uint64_t engine_hash(const void *data, size_t size);

/* An answer up to this size lives inside of its record: every write's answer without a value, so
 * that recording one does not allocate. */
#define ENGINE_RECORD_NEAR_BYTES 32

/* Answers up to this size do not compete for KV_SESSION_RECORD_BYTES_MAX: those of all writes; a session's records hold a few MiB
 * of them at most. */
#define ENGINE_RECORD_FREE_BYTES (2 * KV_ANSWER_VALUE_BYTES_MAX)

/* Slots of a session that has records; a client with one operation in flight needs one. */
#define ENGINE_RECORD_SLOTS_MIN 4

/* ---- Sessions and records ---- */

/* A delivered message. */
struct engine_record {
    uint64_t sequence; /* 0: the slot is free */
    kv_timestamp timestamp;
    kv_index index;
    uint64_t hash; /* its share in the digest */
    uint64_t
        newer_bytes; /* of large answers of the session to messages delivered behind it: what it competes with */
    uint32_t attempt;
    uint32_t size; /* of the answer; 0: its body is lost */
    bool running;  /* no verdict yet; no share in the digest */
    bool complete; /* the answer is the client's */
    enum wire_verdict verdict;
    union {
        uint8_t near[ENGINE_RECORD_NEAR_BYTES];
        uint8_t *far; /* owned, if size > ENGINE_RECORD_NEAR_BYTES */
    } answer;
};

/* The records of one session: a ring with the record of sequence s in slot s % capacity. All
 * sequences are in (floor, highest], and capacity, a power of two, is never below highest - floor:
 * no two share a slot. */
struct engine_records {
    struct engine_record *slots;
    uint32_t capacity;
    uint32_t count;
    uint64_t highest;   /* no record is above it */
    uint64_t far_bytes; /* of answers outside of the slots */
};

/* As the bytes of a hash key: without padding. */
struct engine_session_key {
    uint64_t clock;
    uint64_t group;
};

/* The floor of a client that was ended: no sequence is above it. */
#define ENGINE_SESSION_ENDED UINT64_MAX

struct engine_session {
    struct engine_session_key key;
    uint64_t floor;    /* E2; ENGINE_SESSION_ENDED: nothing of it runs any more */
    kv_timestamp last; /* final timestamp of its last delivery: its age */
    uint64_t hash;     /* its share in the digest, its records' excluded */
    struct engine_records records;
    TAILQ_ENTRY(engine_session) by_age;
    UT_hash_handle hh;
};

TAILQ_HEAD(engine_session_list, engine_session);

struct engine_sessions {
    struct engine_session *by_id;      /* uthash */
    struct engine_session_list by_age; /* oldest delivery first */
    uint32_t count;
    uint32_t max;
    kv_session_id floor; /* the largest id that was ever dropped */
    uint64_t digest;     /* sum of the hashes of sessions and records, modulo 2^64 */
};

/* ---- engine_session.c ---- */

void engine_sessions_init(struct engine_sessions *sessions, uint32_t max);

/* Drop every session and forget the floor. */
void engine_sessions_clear(struct engine_sessions *sessions);

struct engine_session *engine_session_find(const struct engine_sessions *sessions,
                                           kv_session_id id);

/* Whether a message of a session that is not in the table may create it. */
bool engine_session_is_new(const struct engine_sessions *sessions, kv_session_id id);

/* Add a session that is not in the table, dropping the oldest if there is no room. */
struct engine_session *engine_session_add(struct engine_sessions *sessions, kv_session_id id);

/* A message of the session is delivered: raise its floor, prune its records (X5, X6), make it the
 * youngest. */
void engine_session_touch(struct engine_sessions *sessions, struct engine_session *session,
                          uint64_t floor, kv_timestamp timestamp);

/* A client ends, whether it is in the table or not: it stays there, as the youngest, with nothing above its floor. */
void engine_session_end(struct engine_sessions *sessions, kv_session_id id, kv_timestamp timestamp);

kv_session_id engine_session_id(const struct engine_session *session);

/* ---- engine_record.c ---- */

/* The record of a sequence, of whichever attempt; NULL if there is none. */
struct engine_record *engine_record_find(const struct engine_session *session, uint64_t sequence);

/* The answer in a record; empty if it has lost its body. */
kv_slice engine_record_answer(const struct engine_record *record);

/* Attempts in the order in which a client makes them, the oracle's executions behind the one that asked for them. */
uint32_t engine_attempt_rank(uint32_t attempt);

/* A message whose sequence is in (floor, floor + KV_SESSION_OUTSTANDING_MAX] is delivered and will execute later: it takes
 * the place of an older attempt of its sequence. */
void engine_record_begin(struct engine_sessions *sessions, struct engine_session *session,
                         const struct engine_reply *reply);

/* Remember a finished message: one that has begun, or one that does both at once. Nothing is remembered if the floor has passed it
 * or a later attempt has taken its place. An empty answer (loading only) is a lost body. Older
 * records lose their bodies if there are too many bytes. */
void engine_record_put(struct engine_sessions *sessions, struct engine_session *session,
                       const struct engine_reply *reply, enum wire_verdict verdict);

/* A saved record; verdict 0: it runs. */
void engine_record_load(struct engine_sessions *sessions, struct engine_session *session,
                        const struct engine_reply *reply, enum wire_verdict verdict,
                        uint64_t newer_bytes);

/* Drop all records up to `floor`, which becomes the session's. */
void engine_record_prune(struct engine_sessions *sessions, struct engine_session *session,
                         uint64_t floor);

/* ---- engine_judge.c ---- */

enum engine_judgement {
    ENGINE_JUDGED_EXECUTE,         /* unknown: goes on to its turn */
    ENGINE_JUDGED_RUNNING,         /* delivered before, not finished */
    ENGINE_JUDGED_RECORDED,        /* finished before, the record has its answer */
    ENGINE_JUDGED_REFUSED,         /* must not run (any more) */
    ENGINE_JUDGED_SESSION_UNKNOWN, /* the session has ended or was dropped */
    ENGINE_JUDGED_BEYOND           /* too far above the floor */
};

/* What becomes of a message, given its session (NULL: not in the table) and the floor in force for
 * it. *ret is its record for RECORDED, else NULL. Changes nothing; delivery and admission share it.
 */
enum engine_judgement engine_judge(const struct engine_sessions *sessions,
                                   const struct engine_session *session, kv_message_id id,
                                   uint64_t floor, struct engine_record **ret);

#endif
