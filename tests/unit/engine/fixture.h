/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: an engine that is fed from a script: fill in `command`, deliver it under an id, look at
 * `answer`.
 *
 * Final timestamps and log indexes count the deliveries, like those of a group that orders nothing
 * else; index_offset sets them apart. */
#ifndef KV_TESTS_ENGINE_FIXTURE_H
#define KV_TESTS_ENGINE_FIXTURE_H

#include "partition/engine/engine.h"

struct fixture {
    struct engine *engine;
    struct machine machine; /* the engine's */
    kv_group_id group;
    struct engine_effects effects; /* of the last step */
    uint64_t clock;                /* of the last delivery */
    uint64_t index_offset;         /* what log indexes are ahead of it */
    struct wire_command command;
    struct wire_answer answer; /* borrows from the engine, like reply */
    struct engine_reply reply;
    struct kv_buffer body;
};

/* An engine of partition 1 of 1; sessions_max as in engine_new. */
struct fixture *fixture_new(uint32_t sessions_max);

/* An engine with another machine. */
struct fixture *fixture_new_with(kv_group_id group, struct machine machine, uint32_t sessions_max);
void fixture_destroy(struct fixture **fixture);

/* A new engine of partition 1 of 1 that has loaded what the fixture's engine saves. Own it. */
struct engine *fixture_copy(const struct fixture *fixture, uint32_t sessions_max);

/* The fixture goes on with a copy of its engine. */
void fixture_reload(struct fixture *fixture, uint32_t sessions_max);

kv_session_id fixture_session(uint64_t clock);
kv_message_id fixture_id(uint64_t session, uint64_t sequence, uint32_t attempt);

/* Deliver the command; returns the verdict of the answer, 0: there is none yet. */
enum wire_verdict fixture_deliver(struct fixture *fixture, kv_message_id id, uint64_t floor);

/* Deliver any bytes. */
enum wire_verdict fixture_deliver_bytes(struct fixture *fixture, kv_message_id id, uint64_t floor,
                                        kv_slice body);

/* The command, encoded; valid until the next one. */
kv_slice fixture_body(struct fixture *fixture);

/* The command as a read. */
enum wire_verdict fixture_read(struct fixture *fixture);

/* Ask for admission; the answer of a recorded message is decoded. */
enum engine_admission fixture_admit(struct fixture *fixture, kv_message_id id, uint64_t floor);

/* Commands; texts are borrowed. */
void fixture_get(struct fixture *fixture, const char *key);
void fixture_put(struct fixture *fixture, const char *key, kv_slice value);
void fixture_put_text(struct fixture *fixture, const char *key, const char *value);
void fixture_put_if_absent(struct fixture *fixture, const char *key, const char *value);
void fixture_incr(struct fixture *fixture, const char *key, int64_t number);
void fixture_plain(struct fixture *fixture, enum wire_op op);

/* The value of a key by a read; "(none)" if it is absent. Valid until the next call. */
const char *fixture_value(struct fixture *fixture, const char *key);

#endif
