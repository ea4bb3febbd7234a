/* SPDX-License-Identifier: Apache-2.0 */
/* engine: executes delivered messages exactly once on a machine. A pure core, the same for oracle
 * and partitions.
 *
 * Sessions. A message belongs to a session (kv_session_id: final timestamp of its registration at
 * the oracle) and has a sequence number in it. For each session the engine keeps the floor (all
 * sequences up to it have been answered at the client) and a record {sequence, attempt, verdict,
 * answer} of every finished message above it (docs/execution.md, X3-X10). A group accepts an
 * unknown session if its id is above the session floor: the largest id that was ever dropped from
 * the table. When the table holds KV_SESSIONS_MAX, the session whose last delivery is oldest is
 * dropped. All of it is replicated, deterministic state.
 *
 * A message without a session (SESSION_OPEN) is deduplicated by the oracle machine through its
 * nonce.
 *
 * Invariants. E1 A message id is executed at most once.
 *             E2 The floor of a session never decreases.
 *             E3 Every record has a sequence above its session's floor.
 *             E4 The digest is a function of the delivered sequence.
 *             E5 Sessions <= KV_SESSIONS_MAX; records of a session <= KV_SESSION_OUTSTANDING_MAX.
 * Ownership.  Inputs are borrowed until the call returns; effects until the next call. */
#ifndef KV_ENGINE_ENGINE_H
#define KV_ENGINE_ENGINE_H

#include "multicast/wire/entry.h"
#include "partition/engine/machine.h"

struct engine;

/* The answer of an executed (or refused) message. */
struct engine_reply {
    kv_message_id id;
    kv_timestamp timestamp; /* final timestamp of the message */
    kv_index index;         /* of its entry in the group's log */
    kv_slice answer;        /* encoded wire_answer */
};

/* Takes over the machine: engine_destroy destroys it. sessions_max 0: KV_SESSIONS_MAX. */
struct engine *engine_new(kv_group_id group, struct machine machine, uint32_t sessions_max);
void engine_destroy(struct engine **engine);

/* Execute one delivered CMD; calls come in delivery order. Every delivery gives one reply: for a
 * message that had been executed before, the recorded one (nothing is executed). The reply's slice
 * is valid until the next call. */
void engine_deliver(struct engine *engine, const struct wire_entry *entry, kv_timestamp timestamp,
                    struct engine_reply *ret);

/* What is known about a message before it is ordered. */
enum engine_admission {
    ENGINE_ADMIT,    /* unknown: order it */
    ENGINE_RECORDED, /* finished: *ret is its reply */
    ENGINE_REFUSED,  /* sequence at or below the floor, or the record has lost its body: not ordered
                      */
    ENGINE_SESSION_UNKNOWN, /* the session has ended or was dropped: not ordered */
    ENGINE_SESSION_FULL     /* more than KV_SESSION_OUTSTANDING_MAX above the floor: not ordered */
};

/* Look a message up; changes nothing. `floor` is the one that the message carries: a group that has
 * not heard of a session for long knows an old floor and would otherwise refuse what delivery
 * accepts. A hint at a follower or a leader that lags, final at delivery. A message without a
 * session is always ENGINE_ADMIT. */
enum engine_admission engine_admit(const struct engine *engine, kv_message_id id, uint64_t floor,
                                   struct engine_reply *ret);

/* Run a read-only command on the state as it is. `bytes` is an encoded command: if it cannot be
 * decoded or is not read-only the answer is UNSUPPORTED. The answer is valid until the next call.
 */
kv_slice engine_read(struct engine *engine, kv_slice bytes, kv_timestamp cursor);

/* Digest of machine, sessions and records (E4). */
uint64_t engine_digest(const struct engine *engine);

uint64_t engine_keys(const struct engine *engine);
uint64_t engine_sessions(const struct engine *engine);

/* Append the whole state to ret; load replaces it. STATUS_CORRUPT: the engine is empty afterwards.
 */
void engine_save(const struct engine *engine, struct kv_buffer *ret);
KV_MUST_CHECK enum status engine_load(struct engine *engine, kv_slice bytes);

/* Assert E2, E3, E5 over the whole state; slow, for tests and the simulator. */
void engine_check(const struct engine *engine);

#endif
