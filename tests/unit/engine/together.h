/* SPDX-License-Identifier: Apache-2.0 */
/* together: the engines of a whole cluster, with an order that is given and a network that the test is.
 *
 * 1. together_order puts a message into the logs of its destinations, at the next timestamp. The logs are committed: a member
 *    executes an entry when the test says so. REMOTE entries get in behind what is there.
 * 2. Signals between groups wait as packets until the test delivers, drops or doubles them.
 * 3. Every answer is compared with those of the group's other members, and at the end all of it with a reference. */
#ifndef KV_TESTS_ENGINE_TOGETHER_H
#define KV_TESTS_ENGINE_TOGETHER_H

#include "multicast/base/prng.h"
#include "partition/engine/engine.h"
#include "tests/reference/reference.h"

#define TOGETHER_PARTITIONS 3
#define TOGETHER_GROUPS     (TOGETHER_PARTITIONS + 1)
#define TOGETHER_MEMBERS    2

struct together_member {
    kv_group_id group;
    uint32_t number;
    struct engine *engine;
    struct machine machine;
    struct engine_effects effects;
    uint32_t applied; /* entries of the log */
    uint64_t delivered;
};

/* Of a partition's changes (together_watch.h). */
struct together_watcher {
    uint64_t next;
    struct kv_buffer seen;
};

/* One group's answer to a message. */
struct together_answer {
    kv_message_id id; /* as the client knows it */
    kv_group_id group;
    bool complete;
    struct kv_buffer bytes;
};

struct together_read {
    kv_group_id group;
    const struct together_member *at;
    struct kv_buffer body;
    bool answered;
    kv_timestamp timestamp;
    struct kv_buffer answer;
};

struct together_packet {
    struct wire_message message;
    struct kv_buffer payload;
    struct together_member *to;
};

struct together {
    struct together_member members[TOGETHER_GROUPS][TOGETHER_MEMBERS];
    uint32_t leaders[TOGETHER_GROUPS];
    struct together_log {
        struct wire_entry **entries;
        uint32_t count, capacity;
    } logs[TOGETHER_GROUPS];
    struct wire_entry **messages; /* in the order of timestamps */
    uint32_t message_count, message_capacity;
    struct together_packet *packets;
    uint32_t packet_count, packet_capacity;
    struct together_answer *answers;
    uint32_t answer_count, answer_capacity;
    struct together_read *reads;
    uint32_t read_count, read_capacity;
    bool plain;                  /* without the reference, which knows no locks */
    struct reference *reference; /* that has run everything ordered so far */
    uint64_t clock;
    kv_instant now;
    struct together_watcher watchers[TOGETHER_GROUPS];
    uint32_t watched; /* changes that the last check has found */
    uint32_t submits; /* commands that the oracle has asked to have ordered */
    struct wire_command command;
    struct wire_answer answer;
};

struct together *together_new(void);
void together_close(struct together **together);

/* Order `command` under an id; owners and destinations are what the command says, or `alone` if that is set. Returns what the
 * reference answers. */
enum wire_verdict together_order(struct together *together, kv_message_id id, kv_group_set alone);

/* The same for any body, without the reference: together_check does not hold afterwards. */
void together_order_body(struct together *together, kv_message_id id, kv_group_set destinations,
                         uint64_t floor, kv_slice body);

/* Execute the next entry of a member's log; false: there is none. */
bool together_apply(struct together *together, struct together_member *member);

/* Deliver packet i and forget it, or only one of both. */
void together_deliver(struct together *together, uint32_t i);
void together_drop(struct together *together, uint32_t i);

void together_tick(struct together *together, struct together_member *member);

/* `number` leads the group from now on. */
void together_lead(struct together *together, kv_group_id group, uint32_t number);

/* A member goes on from its saved state. */
void together_restart(struct together *together, struct together_member *member);

/* A linearizable read of `command` at the leader of a group; returns its number. */
uint32_t together_read(struct together *together, kv_group_id group);

/* Let everything happen that can, packets and timers included. */
void together_settle(struct together *together);

/* The answer of the group that has the whole one, decoded into together->answer; NULL: there is none yet. */
const struct wire_answer *together_answer_to(struct together *together, kv_message_id id);

/* Everything is finished and forgotten, members agree, each key is where the reference has it and nowhere else, and every
 * answer is the reference's. */
void together_check(struct together *together);

/* Only that everything is finished and forgotten, and members agree. */
void together_check_members(struct together *together);

struct together_member *together_leader(struct together *together, unsigned group);
struct together_member *together_follower(struct together *together, unsigned group);

/* A key whose home is this partition; valid for ever. */
kv_slice together_key(unsigned home, unsigned number);

#endif
