/* SPDX-License-Identifier: Apache-2.0 */
/* reference: a whole cluster in the plainest form: one map of keys, commands one after the other in the order of final
 * timestamps. What it answers is what every correct execution answers.
 *
 * Written from docs/protocol/placement.md and docs/execution.md, without the engine, the machines or wire/footprint.h, so that an
 * error there does not hide here. Values must be small: limits of size are not modelled. */
#ifndef KV_TESTS_REFERENCE_H
#define KV_TESTS_REFERENCE_H

#include "multicast/wire/command.h"

struct reference;

/* A delivered message. */
struct reference_message {
    kv_message_id id;
    kv_group_set destinations;
    kv_timestamp timestamp; /* final */
    uint64_t floor;
    kv_slice body;
    const uint64_t *
        floors; /* by group, if not the same everywhere: legs are sent at different times; else NULL */
};

enum reference_outcome {
    REFERENCE_ANSWERED, /* *ret is the whole answer */
    REFERENCE_PENDING,  /* an EXEC: its execution will have the answer */
    REFERENCE_REPEATED, /* known already: nothing happens */
    REFERENCE_UNKNOWN   /* the registry of sessions: not modelled */
};

/* Where a key is, and what it holds. */
struct reference_key {
    kv_slice key;
    bool present;
    kv_group_id group;
    kv_slice value;
    kv_timestamp version;
};

/* sessions_max: of each group, as in engine_new; 0: none is ever dropped. */
struct reference *reference_new(uint32_t partitions, uint32_t sessions_max);
void reference_close(struct reference **reference);

/* The next message in the order of timestamps. */
enum reference_outcome reference_run(struct reference *reference,
                                     const struct reference_message *message,
                                     struct wire_answer *ret);

/* A read or a scan at a partition, or a read of places at the oracle, of the state as it is. False: it is none. */
bool reference_read(struct reference *reference, kv_group_id group, kv_slice body,
                    struct wire_answer *ret);

/* An execution that was late all the same, or came out of turn (D7). */
uint32_t reference_alarms(const struct reference *reference);

/* Commands that the oracle is to run and has not. */
uint32_t reference_pending(const struct reference *reference);

/* The state of a key; an absent one is at its home. */
struct reference_key reference_find(const struct reference *reference, kv_slice key);
uint32_t reference_present(const struct reference *reference);
/* Key number i, of all that were ever written. False: there are not so many. */
bool reference_at(const struct reference *reference, uint32_t i, struct reference_key *ret);

/* Whether an answer is the expected one; hints are nobody's promise, and not compared. */
bool reference_same(const struct wire_answer *expected, const struct wire_answer *actual);

/* ---- reference_sessions.c: exactly once, group by group ---- */

enum reference_judgement { REFERENCE_RUN, REFERENCE_KNOWN, REFERENCE_REFUSE, REFERENCE_NO_SESSION };

struct reference_sessions;
struct reference_sessions *reference_sessions_new(uint32_t sessions_max);
void reference_sessions_close(struct reference_sessions **sessions);
enum reference_judgement reference_judge(struct reference_sessions *sessions,
                                         const struct reference_message *message, uint64_t floor);

#endif
