/* SPDX-License-Identifier: Apache-2.0 */
/* Locks, rule by rule (docs/protocol/locks.md), on the engines of a whole cluster: grants, tokens, leases, and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine/commands.h"

#define SHORT_US 100000

static void order_under(struct together *together, kv_message_id id, kv_timestamp token,
                        kv_slice key, unsigned at, const char *value)
{
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->token = token;
    command->keys[command->key_count++] = key;
    command_add_value(command, value);
    (void)together_order(together, id, kv_group_set_of(group_of(at)));
}

/* ---- Grants ---- */

static void others_wait_for_a_lock_and_its_holder_does_not(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "other");
    order_under(together, command_id(3, 1), token, key, 1, "holder");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, key, 1), "holder");
    order_about(together, command_id(4, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, key, 1), "other");
}

static void locks_are_granted_in_the_order_of_their_deliveries(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    kv_timestamp tokens[5];
    for (unsigned i = 0; i < 5; i++) {
        tokens[i] = order_lock(together, command_id(i + 1, 1), key, 1);
    }
    for (unsigned i = 0; i < 5; i++) {
        run_for(together, SHORT_US);
        assert_int_equal(verdict_of(together, command_id(i + 1, 1)), WIRE_VERDICT_OK);
        assert_true(i == 4 || verdict_of(together, command_id(i + 2, 1)) == 0);
        order_about(together, command_id(10 + i, 1), WIRE_OP_UNLOCK, tokens[i]);
    }
}

static void readers_share_and_may_not_write(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    lock_begin(together, key, 1)->shared = true;
    order(together, command_id(1, 1));
    const kv_timestamp first = last(together);
    lock_begin(together, key, 1)->shared = true;
    order(together, command_id(2, 1));
    order_under(together, command_id(3, 1), first, key, 1, "not allowed");
    const uint32_t read = read_one(together, key, 1);
    (void)order_lock(together, command_id(4, 1), key, 1);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_LOCK_LOST);
    assert_int_equal(read_verdict(together, read), WIRE_VERDICT_NOT_FOUND);
    assert_int_equal(verdict_of(together, command_id(4, 1)), 0);
}

static void a_lock_of_several_partitions_is_one(void **state)
{
    struct together *together = *state;
    const kv_timestamp first =
        order_lock_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2);
    (void)order_lock_two(together, command_id(2, 1), together_key(1, 0), 1, together_key(2, 0), 2);
    run_for(together, SHORT_US);
    struct wire_command *command = command_begin(together, WIRE_OP_MPUT);
    command->token = first;
    command_add_key(command, together_key(1, 0), 1);
    command_add_key(command, together_key(2, 0), 2);
    command_add_value(command, "both");
    command_add_value(command, "both");
    order(together, command_id(3, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, together_key(2, 0), 2), "both");
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    order_about(together, command_id(4, 1), WIRE_OP_UNLOCK, first);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

static void who_would_not_wait_is_told_so(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "waits");
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->no_wait = true;
    command->keys[command->key_count++] = key;
    command_add_value(command, "would not wait");
    (void)together_order(together, command_id(3, 1), kv_group_set_of(group_of(1)));
    lock_begin(together, key, 1)->no_wait = true;
    order(together, command_id(4, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_LOCKED);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_LOCKED);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    order_about(together, command_id(5, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    lock_begin(together, key, 1)->no_wait = true;
    order(together, command_id(6, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(6, 1)), WIRE_VERDICT_OK);
}

static void a_move_waits_for_a_lock_or_is_refused(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_put(together, command_id(1, 1), key, 1, "v");
    const kv_timestamp token = order_lock(together, command_id(2, 1), key, 1);
    order_move(together, command_id(3, 1), key, 1, 2);
    struct wire_command *command = command_begin(together, WIRE_OP_MOVE);
    command->no_wait = true;
    command->target = group_of(3);
    command_add_key(command, key, 1);
    order(together, command_id(4, 1));
    order_under(together, command_id(5, 1), token, key, 1, "still here");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), 0);
    assert_int_equal(verdict_of(together, command_id(5, 1)), WIRE_VERDICT_OK);
    order_about(together, command_id(6, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_LOCKED);
    assert_string_equal(value_at(together, key, 2), "still here");
}

/* ---- Through the oracle ---- */

static void order_exec(struct together *together, kv_message_id id, enum wire_op op,
                       kv_timestamp token, kv_slice key)
{
    struct wire_command *command = command_begin(together, op);
    command->exec = true;
    command->token = token;
    command->keys[command->key_count++] = key;
    if (op == WIRE_OP_LOCK) {
        command->ttl_ms = COMMAND_TTL_MS;
    } else {
        command_add_value(command, "through the oracle");
    }
    order(together, id);
}

static void the_oracle_finds_the_keys_of_a_lock(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "v");
    order_exec(together, command_id(2, 1), WIRE_OP_LOCK, (kv_timestamp){0}, key);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.places[0].group.value, 2);
    const kv_timestamp token = last(together);
    /* Others wait at the oracle, too: the holder passes them. */
    order_move(together, command_id(3, 1), key, 2, 3);
    order_exec(together, command_id(4, 1), WIRE_OP_PUT, (kv_timestamp){0}, key);
    order_exec(together, command_id(5, 1), WIRE_OP_PUT, token, key);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(5, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(4, 1)), 0);
    order_about(together, command_id(6, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
}

#define MANY_KEYS 4 /* whose values of the greatest size make the greatest command */

/* An EXEC of new values for all of them, which leaves just as much room for owners as it has to. */
static void order_greatest_exec(struct together *together, kv_message_id id, kv_timestamp token)
{
    static uint8_t value[KV_VALUE_BYTES_MAX];
    struct kv_buffer body = {0};
    struct wire_command *command = command_begin(together, WIRE_OP_MPUT);
    command->exec = true;
    command->token = token;
    for (unsigned i = 0; i < MANY_KEYS; i++) {
        command->keys[command->key_count++] = together_key(1, i);
        command->values[command->value_count++] = kv_slice_of(value, sizeof value);
    }
    command->values[0].size -= 4096; /* less than there may be */
    wire_command_encode(command, &body);
    const size_t most = KV_BODY_BYTES_MAX - MANY_KEYS - WIRE_BODY_FIXED_BYTES_MAX;
    assert_true(body.size <= most && most - body.size <= 4096);
    command->values[0].size += most - body.size;
    kv_buffer_close(&body);
    order(together, id);
}

/* Under a token what is kept has its owners already, and needs no room for them any more. */
static void the_greatest_command_under_a_token_is_kept_over_a_restart_of_the_oracle(void **state)
{
    struct together *together = *state;
    struct wire_command *lock = command_begin(together, WIRE_OP_LOCK);
    lock->ttl_ms = COMMAND_TTL_MS;
    for (unsigned i = 0; i < MANY_KEYS; i++) {
        command_add_key(lock, together_key(1, i), 1);
    }
    order(together, command_id(1, 1));
    const kv_timestamp token = last(together);
    run_for(together, SHORT_US);
    order_greatest_exec(together, command_id(2, 1), token);
    apply_all(together, together_leader(together, 0));
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    together_restart(together, together_leader(together, 0));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

/* ---- Tokens ---- */

static void a_token_that_is_not_held_changes_nothing(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    order_under(together, command_id(2, 1), (kv_timestamp){{12345}, {0}}, key, 1, "forged");
    order_under(together, command_id(3, 1), token, together_key(1, 1), 1, "not held");
    order_about(together, command_id(4, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    order_under(together, command_id(5, 1), token, key, 1, "late");
    order_about(together, command_id(6, 1), WIRE_OP_KEEPALIVE, token);
    order_about(together, command_id(7, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    for (unsigned i = 2; i <= 7; i++) {
        assert_int_equal(verdict_of(together, command_id(i, 1)),
                         i == 4 ? WIRE_VERDICT_OK : WIRE_VERDICT_LOCK_LOST);
    }
    assert_string_equal(value_at(together, key, 1), "");
    assert_string_equal(value_at(together, together_key(1, 1), 1), "");
}

static void nobody_but_the_oracle_revokes(void **state)
{
    struct together *together = *state;
    const kv_timestamp token = order_lock(together, command_id(1, 1), together_key(1, 0), 1);
    struct wire_command *command = command_begin(together, WIRE_OP_REVOKE);
    command->token = token;
    command_add_key(command, together_key(1, 0), 1);
    order(together, command_id(2, 1));
    command_begin(together, WIRE_OP_TICK)->number = 3600000000;
    together->command.token = last(together);
    (void)together_order(together, command_id(3, 1), kv_group_set_of(KV_GROUP_ORACLE));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_UNSUPPORTED);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_UNSUPPORTED);
    order_about(together, command_id(4, 1), WIRE_OP_KEEPALIVE, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
}

/* ---- Leases ---- */

static void a_lock_ends_with_its_lease(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "other");
    run_for(together, COMMAND_TTL_MS * 1000 - SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    run_for(together, 1000000);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    order_under(together, command_id(3, 1), token, key, 1, "late");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_LOCK_LOST);
    assert_string_equal(value_at(together, key, 1), "other");
}

static void a_lock_lasts_while_it_is_renewed(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "other");
    for (unsigned i = 0; i < 10; i++) {
        run_for(together, COMMAND_TTL_MS * 1000 / 3);
        order_about(together, command_id(10 + i, 1), WIRE_OP_KEEPALIVE, token);
    }
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    assert_int_equal(verdict_of(together, command_id(19, 1)), WIRE_VERDICT_OK);
}

/* The revoke is on its way when the renewal is ordered in front of it. */
static void a_renewal_beats_a_late_revoke(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    run_for(together, SHORT_US);
    order_about(together, command_id(2, 1), WIRE_OP_KEEPALIVE, token);
    struct wire_command *command = command_begin(together, WIRE_OP_REVOKE);
    command->token = token;
    command_add_key(command, key, 1);
    const kv_message_id own = {{token}, 1, KV_ATTEMPT_OWN};
    order(together, own);
    run_for(together, SHORT_US);
    order_under(together, command_id(3, 1), token, key, 1, "still mine");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

static void a_change_of_leaders_never_shortens_a_lease(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    (void)order_lock(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "other");
    run_for(together, SHORT_US);
    for (unsigned i = 1; i <= 8; i++) { /* what the first one measures is lost with its office */
        together_lead(together, KV_GROUP_ORACLE, i % 2);
        together_tick(together, together_follower(together, 0));
        together_tick(together, together_leader(together, 0));
        run_for(together, ENGINE_TIME_US - 2 * ENGINE_RETRY_US);
        assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    }
    run_for(together, COMMAND_TTL_MS * 1000 + 1000000);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

static void a_leader_that_was_stopped_counts_little_of_it(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    struct wire_command *command = lock_begin(together, key, 1);
    command->ttl_ms = 10000;
    order(together, command_id(1, 1));
    order_put(together, command_id(2, 1), key, 1, "other");
    run_for(together, SHORT_US);
    together->now.us += UINT64_C(3600000000);
    run_for(together, 1000000);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
}

static void time_from_before_a_grant_does_not_count(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 1);
    lock_begin(together, together_key(1, 0), 1)->ttl_ms = 10000;
    order(together, command_id(1, 1));
    run_for(together, SHORT_US);
    together->now.us += 900000; /* the leader says so when the next lock has been delivered */
    lock_begin(together, key, 1)->ttl_ms = 500;
    order(together, command_id(2, 1));
    run_for(together, SHORT_US);
    lock_begin(together, key, 1)->no_wait = true;
    order(together, command_id(3, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_LOCKED);
    run_for(together, 1000000);
    lock_begin(together, key, 1)->no_wait = true;
    order(together, command_id(4, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
}

/* ---- Saved ---- */

static void locks_survive_a_restart(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), key, 1);
    (void)order_lock(together, command_id(2, 1), key, 1);
    order_put(together, command_id(3, 1), key, 1, "other");
    run_for(together, SHORT_US);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            together_restart(together, &together->members[g][m]);
        }
    }
    order_under(together, command_id(4, 1), token, key, 1, "holder");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    order_about(together, command_id(5, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(3, 1)), 0);
}

/* ---- At random ---- */

#define RANDOM_RUNS   150
#define RANDOM_STEPS  250
#define RANDOM_TOKENS 4

static void order_any(struct together *together, struct kv_prng *prng, kv_timestamp *tokens,
                      uint64_t sequence)
{
    const unsigned at = (unsigned)kv_prng_between(prng, 1, 2);
    const kv_slice key = together_key(at, (unsigned)kv_prng_below(prng, 2));
    kv_timestamp *token = &tokens[kv_prng_below(prng, RANDOM_TOKENS)];
    const kv_message_id id = command_id(sequence, 1);
    struct wire_command *command;
    switch (kv_prng_below(prng, 8)) {
    case 0:
        *token = order_lock_two(together, id, together_key(1, 0), 1, together_key(2, 0), 2);
        return;
    case 1:
        command = lock_begin(together, key, at);
        command->no_wait = kv_prng_chance(prng, 1, 2);
        command->shared = kv_prng_chance(prng, 1, 2);
        order(together, id);
        *token = last(together);
        return;
    case 2:
        order_about(together, id, WIRE_OP_UNLOCK, *token);
        return;
    case 3:
        order_about(together, id, WIRE_OP_KEEPALIVE, *token);
        return;
    case 4:
        command = command_begin(together, WIRE_OP_MPUT);
        command->token = kv_prng_chance(prng, 1, 2) ? *token : (kv_timestamp){0};
        command->no_wait = command->token.clock.value == 0 && kv_prng_chance(prng, 1, 2);
        command_add_key(command, together_key(1, 0), 1);
        command_add_key(command, together_key(2, 0), 2);
        command_add_value(command, "a");
        command_add_value(command, "b");
        order(together, id);
        return;
    case 5:
        order_under(together, id, *token, key, at, "under");
        return;
    case 6:
        order_exec(together, id, WIRE_OP_PUT,
                   kv_prng_chance(prng, 1, 2) ? *token : (kv_timestamp){0}, key);
        return;
    default:
        command = command_begin(together, WIRE_OP_PUT);
        command->no_wait = kv_prng_chance(prng, 1, 2);
        command->keys[command->key_count++] = key;
        command_add_value(command, "free");
        (void)together_order(together, id, kv_group_set_of(group_of(at)));
    }
}

/* Members apply at their own pace, votes are late or lost, members restart: answers and states come out the same. together compares
 * the answers of members, and the check at the end their digests. */
static void members_agree_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RANDOM_RUNS; seed++) {
        struct together *together = together_new();
        struct kv_prng prng;
        kv_prng_init(&prng, seed);
        kv_timestamp tokens[RANDOM_TOKENS] = {{{1}, {0}}, {{1}, {0}}, {{1}, {0}}, {{1}, {0}}};
        uint64_t sequence = 0;
        together->plain = true;
        for (unsigned i = 0; i < RANDOM_STEPS; i++) {
            const unsigned group = (unsigned)kv_prng_below(&prng, 3);
            const unsigned number = (unsigned)kv_prng_below(&prng, TOGETHER_MEMBERS);
            struct together_member *member = &together->members[group][number];
            switch (kv_prng_below(&prng, 20)) {
            case 0:
                together_restart(together, member);
                break;
            case 1:
                together_lead(together, group_of(group), number);
                together_tick(together, together_follower(together, group));
                together_tick(together, together_leader(together, group));
                break;
            case 2:
                run_for(together, kv_prng_below(&prng, 400000));
                break;
            case 3:
            case 4:
            case 5:
            case 6:
                order_any(together, &prng, tokens, ++sequence);
                break;
            case 7:
            case 8:
                if (together->packet_count > 0) {
                    together_drop(together, (uint32_t)kv_prng_below(&prng, together->packet_count));
                }
                break;
            case 9:
            case 10:
            case 11:
            case 12:
                if (together->packet_count > 0) {
                    const uint32_t packet = (uint32_t)kv_prng_below(&prng, together->packet_count);
                    together_deliver(together, packet);
                    together_drop(together, packet);
                }
                break;
            default:
                (void)together_apply(together, member);
            }
        }
        together_settle(together);
        together_check_members(together);
        together_close(&together);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, command_setup, command_teardown)
        TEST(others_wait_for_a_lock_and_its_holder_does_not),
        TEST(locks_are_granted_in_the_order_of_their_deliveries),
        TEST(readers_share_and_may_not_write),
        TEST(a_lock_of_several_partitions_is_one),
        TEST(who_would_not_wait_is_told_so),
        TEST(a_move_waits_for_a_lock_or_is_refused),
        TEST(the_oracle_finds_the_keys_of_a_lock),
        TEST(the_greatest_command_under_a_token_is_kept_over_a_restart_of_the_oracle),
        TEST(a_token_that_is_not_held_changes_nothing),
        TEST(nobody_but_the_oracle_revokes),
        TEST(a_lock_ends_with_its_lease),
        TEST(a_lock_lasts_while_it_is_renewed),
        TEST(a_renewal_beats_a_late_revoke),
        TEST(a_change_of_leaders_never_shortens_a_lease),
        TEST(a_leader_that_was_stopped_counts_little_of_it),
        TEST(time_from_before_a_grant_does_not_count),
        TEST(locks_survive_a_restart),
        cmocka_unit_test(members_agree_whatever_happens),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
