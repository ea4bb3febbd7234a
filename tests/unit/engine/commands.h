/* SPDX-License-Identifier: Apache-2.0 */
/* commands: the usual commands of the tests of a whole cluster, written on together->command and ordered. */
#ifndef KV_TESTS_ENGINE_COMMANDS_H
#define KV_TESTS_ENGINE_COMMANDS_H

#include "tests/unit/engine/together.h"

#define COMMAND_TTL_MS  1000
#define COMMAND_SESSION 7

kv_group_id group_of(unsigned value);

/* Of the client that most tests are. */
kv_message_id command_id(uint64_t sequence, uint32_t attempt);

struct wire_command *command_begin(struct together *together, enum wire_op op);
void command_add_key(struct wire_command *command, kv_slice key, unsigned owner);
void command_add_value(struct wire_command *command, const char *value);

/* Order together->command for the groups that it names. */
void order(struct together *together, kv_message_id id);

void order_put(struct together *together, kv_message_id id, kv_slice key, unsigned at,
               const char *value);
void order_incr(struct together *together, kv_message_id id, kv_slice key, unsigned at);

/* mput of the same value; the keys in any order. */
void order_put_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                   kv_slice b, unsigned at_b, const char *value);

/* mget, with the owner of the second key to execute on what it borrows. */
void order_borrow_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                      kv_slice b, unsigned at_b);

void order_move(struct together *together, kv_message_id id, kv_slice key, unsigned from,
                unsigned to);
void order_create(struct together *together, kv_message_id id, kv_slice key, unsigned to,
                  const char *value);
void order_delete(struct together *together, kv_message_id id, kv_slice key, unsigned at);

/* EXEC of an increment by one. */
void order_exec_incr(struct together *together, kv_message_id id, kv_slice key);

/* The timestamp of what was ordered last. */
kv_timestamp last(const struct together *together);

/* Locks, for COMMAND_TTL_MS: the token is last(). And what goes to the oracle about one. */
struct wire_command *lock_begin(struct together *together, kv_slice key, unsigned at);
kv_timestamp order_lock(struct together *together, kv_message_id id, kv_slice key, unsigned at);
kv_timestamp order_lock_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                            kv_slice b, unsigned at_b);
void order_about(struct together *together, kv_message_id id, enum wire_op op, kv_timestamp token);

/* Let happen what happens within a time, timers included. */
void run_for(struct together *together, uint64_t us);

/* What a client has been told; 0: nothing yet. Its answer is together->answer. */
enum wire_verdict verdict_of(struct together *together, kv_message_id id);

/* A linearizable read of one key; returns the number of the read. */
uint32_t read_one(struct together *together, kv_slice key, unsigned at);

/* Its answer is decoded into together->answer; 0: it waits. */
enum wire_verdict read_verdict(struct together *together, uint32_t number);

/* All that is in the log of a member. */
void apply_all(struct together *together, struct together_member *member);

/* Deliver every packet from one group's members to another's; or lose them. */
void deliver_from_to(struct together *together, unsigned from, unsigned to);
void drop_all(struct together *together);

/* The timestamp of what was ordered last. */
kv_timestamp last(const struct together *together);

/* UNLOCK or KEEPALIVE. */
void order_about(struct together *together, kv_message_id id, enum wire_op op, kv_timestamp token);

/* Let happen what happens within a time, timers included. */
void run_for(struct together *together, uint64_t us);

/* What the leader of a partition says; "" if there is no such key; valid until the next call. */
const char *value_at(struct together *together, kv_slice key, unsigned at);

/* For tests without the reference: a cluster whose clients have registered; and that nothing is left of what they did. Whatever is held
 * ends with its lease. */
int command_setup(void **state);
int command_teardown(void **state);

#endif
