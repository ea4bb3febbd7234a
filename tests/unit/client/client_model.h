/* SPDX-License-Identifier: Apache-2.0 */
/* client_model: a cluster that misbehaves by a seed: an oracle and partitions between which keys move.
 *
 * An ordered message is known to all of its groups as soon as one of them has ordered it, and has its turn some time later: it
 * is then judged and executed for all of them at one moment. One group of it has the answer, the others say nothing. Answers
 * are remembered above the session's floor; what lies at or below it is refused. */
#ifndef KV_TESTS_CLIENT_MODEL_H
#define KV_TESTS_CLIENT_MODEL_H

#include "multicast/base/prng.h"
#include "tests/unit/client/client_fixture.h"

#define MODEL_OPERATIONS   120
#define MODEL_PARTITIONS   3
#define MODEL_SHARED_KEYS  8
#define MODEL_KEYS_MAX     1024
#define MODEL_ITEMS_MAX    8192
#define MODEL_MESSAGES_MAX 8192
#define MODEL_SESSIONS_MAX 256
#define MODEL_TICK_US      5000

/* What an answer says. */
struct model_answer {
    enum wire_verdict verdict;
    uint32_t row_count;
    uint32_t place_count;
    struct wire_place places[BENCH_KEYS_MAX];
};

enum model_item_kind { MODEL_NONE, MODEL_REQUEST, MODEL_TURN, MODEL_REPLY };

/* Something under way. */
struct model_item {
    enum model_item_kind kind;
    uint64_t at_us;
    struct bench_send send; /* REQUEST; REPLY: to it */
    uint32_t message;       /* TURN: whose */
    enum wire_outcome outcome;
    uint16_t hint;
    struct model_answer answer;
};

/* An ordered message, by its id. */
struct model_message {
    struct bench_send send; /* a sending of it */
    bool finished;
    bool recorded;
    struct model_answer answer;
    uint32_t waiter_count; /* sendings that the group with the answer has taken */
    struct bench_send waiters[16];
};

struct model_session {
    kv_session_id id;
    bool dropped;
    uint64_t floor;
};

/* "key-N" are shared, "mv-N-i" belong to the MOVE with number N, "new-N-i" to such a CREATE. */
struct model_key {
    char name[32];
    bool exists;
    uint16_t group;
    uint64_t version; /* 0: never moved */
};

/* An operation of the test, and what was done of it. */
struct model_operation {
    enum wire_op op; /* of a LOCK, the number of the operation is its ttl */
    uint32_t key_count;
    uint64_t deadline_us;
    uint32_t executed;
    uint32_t keys_done[BENCH_KEYS_MAX];
};

struct model {
    struct bench *bench;
    struct kv_prng prng;
    bool faults;
    uint16_t leaders[MODEL_PARTITIONS + 1];
    uint64_t version;
    uint32_t key_count;
    struct model_key keys[MODEL_KEYS_MAX];
    struct model_item items[MODEL_ITEMS_MAX];
    uint32_t message_count;
    struct model_message messages[MODEL_MESSAGES_MAX];
    uint32_t session_count;
    struct model_session sessions[MODEL_SESSIONS_MAX];
    struct model_operation operations[MODEL_OPERATIONS + 1];
    uint32_t unlocks; /* executed */
};

/* With faults, and a client that knows the map. */
struct model *model_new(uint32_t seed, uint32_t outstanding_max);
void model_destroy(struct model **model);

/* The key of this name; one that was not met before is at home, and exists unless a CREATE is to make it. */
struct model_key *model_key_of(struct model *model, const char *name);

/* Let MODEL_TICK_US pass. */
void model_tick(struct model *model);

#endif
