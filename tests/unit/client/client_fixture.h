/* SPDX-License-Identifier: Apache-2.0 */
/* client_fixture: a client core on a bench: feeds it events, keeps what it sends and completes.
 *
 * The cluster of the bench has three nodes, 1 to 3, at "tcp://node-N:7400", each a member of every
 * group. Node 1 is what WELCOME names as the leader. Every step is followed by client_check, and
 * every ordered request is compared with all others of its id (C2). */
#ifndef KV_TESTS_CLIENT_FIXTURE_H
#define KV_TESTS_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/core/client.h"

#define BENCH_SENDS_MAX       4096
#define BENCH_COMPLETIONS_MAX 4096
#define BENCH_NODES           3
#define BENCH_KEYS_MAX        8 /* of a command or an answer that are kept */
#define BENCH_IDS_MAX         (1 << 18)

/* A message that the client has sent. */
struct bench_send {
    uint32_t slot;
    enum wire_message_kind kind;
    kv_node_id to;
    kv_group_id group;
    kv_message_id id;
    enum wire_request_mode mode;
    uint64_t floor;
    uint32_t budget_ms;
    kv_group_set destinations;
    enum wire_op op;
    int64_t number;
    kv_timestamp token;
    uint32_t ttl_ms;
    bool exec;
    enum wire_policy policy;
    uint16_t target;
    uint32_t key_count;
    uint32_t owner_count;
    uint8_t owners[BENCH_KEYS_MAX];
    char keys[BENCH_KEYS_MAX][32];
    char values[BENCH_KEYS_MAX][32];
    uint64_t at_us;
};

struct bench_completion {
    uintptr_t tag;
    uint64_t at_us;
    enum client_result result;
    enum wire_verdict verdict;
    int64_t number;
    uint32_t rows;
    bool more;
    uint32_t attempts;
    uint32_t partitions;
    bool via_oracle;
    uint16_t group;
    uint32_t place_count;
    enum wire_verdict verdicts[BENCH_KEYS_MAX]; /* of the places, by key */
    uint16_t groups[BENCH_KEYS_MAX];
    char first_key[32];
    char first_value[32];
    char last_key[32];
    char why[128];
};

/* What an ordered id was first sent with. */
struct bench_id {
    bool used;
    kv_message_id id;
    kv_group_set destinations;
    uint64_t body;
};

struct bench {
    struct client *client;
    struct client_effects effects;
    struct trace trace;
    kv_instant now;
    uint64_t next_session;
    uint32_t send_count, send_next;
    struct bench_send sends[BENCH_SENDS_MAX];
    uint32_t connects, disconnects;
    uint32_t completion_count;
    struct bench_completion completions[BENCH_COMPLETIONS_MAX];
    struct kv_buffer answer;
    struct bench_id *ids; /* BENCH_IDS_MAX, by hash */
};

struct bench *bench_new(uint64_t seed, uint32_t outstanding_max);
void bench_destroy(struct bench **bench);

/* Advance time by so much, through every deadline on the way. */
void bench_advance(struct bench *bench, uint64_t us);

/* Step a message from a node (through its slot; node 0: through endpoint `slot`). */
void bench_message(struct bench *bench, uint32_t slot, uint16_t from, struct wire_message *message);
void bench_welcome(struct bench *bench, uint32_t partitions, uint32_t window);
void bench_welcome_named(struct bench *bench, uint32_t slot, const char *name);

/* Say hello and be welcomed by a cluster of so many partitions. */
void bench_begin(struct bench *bench, uint32_t partitions);

/* The same, with a session: one write is done, so sequences go on from 2. */
kv_session_id bench_begin_session(struct bench *bench, uint32_t partitions);

/* Submit; deadline_us from now. `tag` comes back with the completion. */
enum status bench_submit(struct bench *bench, uintptr_t tag, enum wire_op op, const char *key,
                         uint64_t deadline_us);
enum status bench_submit_command(struct bench *bench, uintptr_t tag,
                                 const struct wire_command *command, uint64_t deadline_us,
                                 bool stale_ok);

/* The same with all that can be said; submit->deadline is replaced. */
enum status bench_submit_as(struct bench *bench, uintptr_t tag, struct client_submit submit,
                            uint64_t deadline_us);

/* A command on these keys (ending with NULL); where the table wants values, they are all `value`. Valid until the next call. */
struct wire_command *bench_command(enum wire_op op, const char *const *keys, const char *value);

/* The next message sent; fails the test if there is none. */
struct bench_send bench_expect_send(struct bench *bench);
void bench_expect_nothing(struct bench *bench);
/* Forget what has been sent so far. */
void bench_skip(struct bench *bench);

/* Replies to a sending, from the node that it went to. */
void bench_answer(struct bench *bench, const struct bench_send *send, enum wire_verdict verdict);
void bench_answer_with(struct bench *bench, const struct bench_send *send,
                       const struct wire_answer *answer);
void bench_refuse(struct bench *bench, const struct bench_send *send, enum wire_outcome outcome,
                  uint16_t hint);

/* A STALE or PINNED answer that tells of one key where it is; group 0: of none. */
void bench_say_no(struct bench *bench, const struct bench_send *send, enum wire_verdict verdict,
                  uint32_t key, uint16_t group, uint64_t version);

/* Answers with a place for each of the keys: verdicts and groups, version 0 if group is home. */
void bench_answer_places(struct bench *bench, const struct bench_send *send, uint32_t count,
                         const enum wire_verdict *verdicts, const uint16_t *groups,
                         uint64_t version);

/* The next request, passing over greetings; waits up to so long for it. */
struct bench_send bench_next_request(struct bench *bench, uint64_t patience_us);

/* Take the registration that was sent next and answer it; returns the session. */
kv_session_id bench_open_session(struct bench *bench);

/* The completion of a tag, or NULL. Fails if there are two. */
const struct bench_completion *bench_completion(const struct bench *bench, uintptr_t tag);
void bench_assert_completed(const struct bench *bench, uintptr_t tag, enum client_result result);
void bench_assert_open(const struct bench *bench, uintptr_t tag);

/* A key that lives on this partition of so many; valid until the next call. bench_keep_key copies it. */
const char *bench_key_on(uint32_t partition, uint32_t partitions, uint32_t nth);
const char *bench_keep_key(char ret[32], uint32_t partition, uint32_t partitions, uint32_t nth);

#endif
