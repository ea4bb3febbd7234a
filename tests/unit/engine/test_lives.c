/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that do not last for ever, and sessions, rule by rule (docs/protocol/locks.md, K1-K7), on the engines of a whole cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine/commands.h"

#define TTL_MS   1000
#define SHORT_US 100000

/* What may come on top of a ttl: two TICKs, one in which it ends, and the messages that follow. */
#define LATE_US 1000000

static kv_timestamp order_begin(struct together *together, kv_message_id id)
{
    command_begin(together, WIRE_OP_SESSION_BEGIN)->ttl_ms = TTL_MS;
    order(together, id);
    return last(together);
}

/* A put that binds; `ttl_ms` 0: to the session. */
static void order_bound(struct together *together, kv_message_id id, kv_slice key, unsigned at,
                        kv_timestamp session, uint32_t ttl_ms)
{
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->session = ttl_ms == 0 ? session : (kv_timestamp){0};
    command->ttl_ms = ttl_ms;
    command->keys[command->key_count++] = key;
    command_add_value(command, "bound");
    (void)together_order(together, id, kv_group_set_of(group_of(at)));
}

static void order_timed(struct together *together, kv_message_id id, kv_slice key, unsigned at)
{
    order_bound(together, id, key, at, (kv_timestamp){0}, TTL_MS);
}

/* ---- A ttl ---- */

static void a_key_lasts_for_its_ttl_and_not_much_longer(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_timed(together, command_id(1, 1), key, 1);
    run_for(together, TTL_MS * 1000);
    assert_string_equal(value_at(together, key, 1), "bound");
    run_for(together, LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_put_without_a_ttl_makes_a_key_last(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0), other = together_key(1, 1);
    order_timed(together, command_id(1, 1), key, 1);
    order_timed(together, command_id(2, 1), other, 1);
    order_put(together, command_id(3, 1), key, 1, "for ever");
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "for ever");
    assert_string_equal(value_at(together, other, 1), "");
}

static void a_change_of_a_part_leaves_the_ttl_as_it_is(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    struct wire_command *command = command_begin(together, WIRE_OP_INCR);
    command->keys[command->key_count++] = key;
    command->number = 1;
    command->ttl_ms = TTL_MS;
    (void)together_order(together, command_id(1, 1), kv_group_set_of(group_of(1)));
    run_for(together, TTL_MS * 1000 / 2);
    order_incr(together, command_id(2, 1), key, 1);
    run_for(together, SHORT_US);
    assert_string_equal(value_at(together, key, 1), "2");
    run_for(together, TTL_MS * 1000 / 2 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_new_ttl_counts_from_its_command(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    for (unsigned i = 1; i <= 8; i++) {
        order_timed(together, command_id(i, 1), key, 1);
        run_for(together, TTL_MS * 1000 * 3 / 4);
        assert_string_equal(value_at(together, key, 1), "bound");
    }
    run_for(together, TTL_MS * 1000 / 4 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_change_of_leaders_never_shortens_a_ttl(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_timed(together, command_id(1, 1), key, 1);
    run_for(together, SHORT_US);
    for (unsigned i = 1; i <= 20; i++) {
        together_lead(together, group_of(1), i % 2);
        together_tick(together, together_follower(together, 1));
        together_tick(together, together_leader(together, 1));
        run_for(together, ENGINE_TIME_US - 2 * ENGINE_RETRY_US);
        assert_string_equal(value_at(together, key, 1), "bound");
    }
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_leader_that_was_stopped_counts_little_of_it(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_timed(together, command_id(1, 1), key, 1);
    run_for(together, SHORT_US);
    together->now.us += UINT64_C(3600000000);
    run_for(together, TTL_MS * 1000 / 2);
    assert_string_equal(value_at(together, key, 1), "bound");
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_ttl_goes_on_behind_a_restart(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_timed(together, command_id(1, 1), key, 1);
    run_for(together, TTL_MS * 1000 / 2);
    for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
        together_restart(together, &together->members[1][m]);
    }
    together_lead(together, group_of(1), 1);
    together_tick(together, together_leader(together, 1));
    run_for(together, TTL_MS * 1000 / 2 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void what_is_left_of_a_ttl_moves_with_its_key(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_timed(together, command_id(1, 1), key, 1);
    run_for(together, TTL_MS * 1000 / 2);
    order_move(together, command_id(2, 1), key, 1, 2);
    run_for(together, TTL_MS * 1000 / 2);
    assert_string_equal(value_at(together, key, 2), "bound");
    run_for(together, LATE_US);
    assert_string_equal(value_at(together, key, 2), "");
    /* Home knows, and the oracle. */
    order_create(together, command_id(3, 1), key, 3, "again");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, key, 3), "again");
}

static void a_value_that_is_borrowed_keeps_its_ttl(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0);
    order_timed(together, command_id(1, 1), a, 1);
    order_put(together, command_id(2, 1), b, 2, "b");
    run_for(together, SHORT_US);
    order_borrow_two(together, command_id(3, 1), a, 1, b, 2);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, a, 1), "");
    assert_string_equal(value_at(together, b, 2), "b");
}

/* By a partition that borrows it: as the owner would. */
static void order_borrowed_incr(struct together *together, kv_message_id id, kv_slice key)
{
    struct wire_command *command = command_begin(together, WIRE_OP_INCR);
    command_add_key(command, key, 1);
    command->number = 1;
    command->policy = WIRE_POLICY_BORROW;
    command->target = group_of(2);
    order(together, id);
}

static void a_number_that_is_borrowed_often_goes_all_the_same(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->ttl_ms = TTL_MS;
    command->keys[command->key_count++] = key;
    command_add_value(command, "1");
    (void)together_order(together, command_id(1, 1), kv_group_set_of(group_of(1)));
    for (unsigned i = 0; i < 5; i++) {
        run_for(together, TTL_MS * 1000 / 5 - SHORT_US / 2);
        order_borrowed_incr(together, command_id(2 + i, 1), key);
    }
    run_for(together, LATE_US);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(verdict_of(together, command_id(2 + i, 1)), WIRE_VERDICT_OK);
    }
    assert_string_equal(value_at(together, key, 1), "");
}

/* ---- Sessions ---- */

static void keys_go_with_their_session_wherever_they_are(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0), c = together_key(3, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    order_bound(together, command_id(2, 1), a, 1, session, 0);
    order_bound(together, command_id(3, 1), b, 2, session, 0);
    order_put(together, command_id(4, 1), c, 3, "for ever");
    order_move(together, command_id(5, 1), b, 2, 3);
    run_for(together, SHORT_US);
    assert_string_equal(value_at(together, a, 1), "bound");
    assert_string_equal(value_at(together, b, 3), "bound");
    order_about(together, command_id(6, 1), WIRE_OP_UNLOCK, session);
    run_for(together, SHORT_US);
    assert_string_equal(value_at(together, a, 1), "");
    assert_string_equal(value_at(together, b, 3), "");
    assert_string_equal(value_at(together, c, 3), "for ever");
    order_create(together, command_id(7, 1), b, 1, "again");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(7, 1)), WIRE_VERDICT_OK);
}

static void a_session_lasts_while_it_is_renewed_and_ends_with_its_lease(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    order_bound(together, command_id(2, 1), key, 1, session, 0);
    for (unsigned i = 0; i < 10; i++) {
        run_for(together, TTL_MS * 1000 / 3);
        order_about(together, command_id(10 + i, 1), WIRE_OP_KEEPALIVE, session);
    }
    run_for(together, SHORT_US);
    assert_string_equal(value_at(together, key, 1), "bound");
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
    order_about(together, command_id(20, 1), WIRE_OP_KEEPALIVE, session);
    order_bound(together, command_id(21, 1), key, 1, session, 0);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(20, 1)), WIRE_VERDICT_LOCK_LOST);
    assert_int_equal(verdict_of(together, command_id(21, 1)), WIRE_VERDICT_SESSION_ENDED);
    assert_string_equal(value_at(together, key, 1), "");
}

static void nothing_is_bound_to_a_session_that_never_was(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0);
    order_bound(together, command_id(1, 1), a, 1, (kv_timestamp){{12345}, {1}}, 0);
    struct wire_command *command = command_begin(together, WIRE_OP_MPUT);
    command->session = (kv_timestamp){{12345}, {1}};
    command_add_key(command, a, 1);
    command_add_key(command, b, 2);
    command_add_value(command, "a");
    command_add_value(command, "b");
    order(together, command_id(2, 1));
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_SESSION_ENDED);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_SESSION_ENDED);
    assert_string_equal(value_at(together, a, 1), "");
    assert_string_equal(value_at(together, b, 2), "");
}

/* The end is delivered while the put waits for others' votes: it is bound, then gone, at every member. */
static void what_was_delivered_before_the_end_is_bound_and_goes(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    run_for(together, SHORT_US);
    struct wire_command *command = command_begin(together, WIRE_OP_MPUT);
    command->session = session;
    command_add_key(command, a, 1);
    command_add_key(command, b, 2);
    command_add_value(command, "a");
    command_add_value(command, "b");
    order(together, command_id(2, 1));
    command_begin(together, WIRE_OP_SESSION_END)->token = session;
    order(together, (kv_message_id){{session}, 1, KV_ATTEMPT_OWN});
    apply_all(together, &together->members[1][0]);
    apply_all(together, &together->members[1][1]);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, a, 1), "");
    assert_string_equal(value_at(together, b, 2), "");
}

/* At the target the session has not begun yet, when the key arrives. */
static void a_key_may_arrive_before_its_session_has_begun(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    order_bound(together, command_id(2, 1), key, 1, session, 0);
    order_move(together, command_id(3, 1), key, 1, 2);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            apply_all(together, &together->members[g][m]);
        }
    }
    deliver_from_to(together, 0, 1);
    deliver_from_to(together, 1, 2);
    deliver_from_to(together, 2, 1);
    apply_all(together, &together->members[1][0]);
    apply_all(together, &together->members[2][0]);
    apply_all(together, &together->members[2][1]);
    deliver_from_to(together, 1, 2);
    apply_all(together, &together->members[2][0]);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_string_equal(value_at(together, key, 2), "bound");
}

/* A group that refuses the beginning, since it does not know the client any more, speaks for all. */
static void a_session_begins_everywhere_or_nowhere(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(2, 0);
    command_begin(together, WIRE_OP_SESSION_BEGIN)->ttl_ms = TTL_MS;
    const kv_message_id id = {{{{7}, {1}}}, 1, 1};
    order(together, id);
    const kv_timestamp session = last(together);
    command_begin(together, WIRE_OP_SESSION_CLOSE)->token = id.session.registered;
    order(together, command_id(1, 1));
    command_begin(together, WIRE_OP_SESSION_BEGIN)->ttl_ms = TTL_MS;
    order(together, (kv_message_id){id.session, 2, 1});
    const kv_timestamp refused = last(together);
    order_bound(together, command_id(2, 1), key, 2, refused, 0);
    order_bound(together, command_id(3, 1), together_key(2, 1), 2, session, 0);
    apply_all(together, &together->members[2][0]); /* no votes yet */
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_SESSION_ENDED);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

/* ---- Keys that cannot go now ---- */

static void a_locked_key_goes_when_the_lock_has_ended(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0), other = together_key(1, 1);
    order_timed(together, command_id(1, 1), key, 1);
    order_timed(together, command_id(2, 1), other, 1);
    struct wire_command *command = command_begin(together, WIRE_OP_LOCK);
    command->ttl_ms = 3 * TTL_MS;
    command_add_key(command, key, 1);
    order(together, command_id(3, 1));
    run_for(together, TTL_MS * 1000 + LATE_US);
    assert_string_equal(value_at(together, key, 1), "bound");
    assert_string_equal(value_at(together, other, 1), "");
    run_for(together, 2 * TTL_MS * 1000 + 2 * LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

/* Two sessions without keys end, one right behind the other. */
static void end_two_others(struct together *together, uint64_t sequence)
{
    const kv_timestamp first = order_begin(together, command_id(sequence, 1));
    const kv_timestamp second = order_begin(together, command_id(sequence + 1, 1));
    run_for(together, SHORT_US);
    order_about(together, command_id(sequence + 2, 1), WIRE_OP_UNLOCK, first);
    run_for(together, SHORT_US / 4);
    order_about(together, command_id(sequence + 3, 1), WIRE_OP_UNLOCK, second);
    run_for(together, SHORT_US / 4);
}

/* A key that is locked when it should go, while others' ends have it looked for again and again, or have others looked for. */
static void check_locked_key(struct together *together, kv_slice key)
{
    const kv_timestamp lock = order_lock(together, command_id(4, 1), key, 1);
    for (unsigned i = 0; i < 16; i++) {
        end_two_others(together, 10 + 10 * i);
        order_about(together, command_id(15 + 10 * i, 1), WIRE_OP_KEEPALIVE, lock);
    }
    assert_string_equal(value_at(together, key, 1), "bound");
    run_for(together, TTL_MS * 1000 + 2 * LATE_US);
    assert_string_equal(value_at(together, key, 1), "");
}

static void a_bound_key_that_could_not_go_is_not_forgotten_when_other_sessions_end(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    order_bound(together, command_id(2, 1), key, 1, session, 0);
    run_for(together, SHORT_US);
    check_locked_key(together, key);
}

static void a_key_is_tried_again_also_in_the_moment_in_which_it_could_not_go(void **state)
{
    struct together *together = *state;
    order_timed(together, command_id(1, 1), together_key(1, 0), 1);
    run_for(together, SHORT_US);
    check_locked_key(together, together_key(1, 0));
}

#define MANY 150

/* Keys whose home is partition 1. */
static kv_slice many_key(unsigned number)
{
    static char texts[MANY][16];
    static unsigned made = 0, tried = 0;
    while (made <= number) {
        snprintf(texts[made], sizeof(texts[made]), "many%u", tried++);
        made += wire_home_of(kv_slice_of_text(texts[made]), TOGETHER_PARTITIONS).value == 1 ? 1 : 0;
    }
    return kv_slice_of_text(texts[number]);
}

static void many_keys_go_a_list_at_a_time(void **state)
{
    struct together *together = *state;
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    for (unsigned i = 0; i < MANY; i++) {
        order_bound(together, command_id(2 + i, 1), many_key(i), 1, session, 0);
    }
    run_for(together, SHORT_US);
    const uint32_t before = together->submits;
    order_about(together, command_id(900, 1), WIRE_OP_UNLOCK, session);
    run_for(together, LATE_US);
    for (unsigned i = 0; i < MANY; i++) {
        assert_string_equal(value_at(together, many_key(i), 1), "");
    }
    assert_in_range(together->submits - before, 151, 180); /* each once, and TICKs */
}

/* ---- Nobody else ---- */

static void nobody_but_a_group_itself_expires_or_ends(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    const kv_timestamp session = order_begin(together, command_id(1, 1));
    order_bound(together, command_id(2, 1), key, 1, session, 0);
    const kv_timestamp version = last(together);
    struct wire_command *command = command_begin(together, WIRE_OP_EXPIRE);
    command->token = version;
    command->keys[command->key_count++] = key;
    (void)together_order(together, command_id(3, 1), kv_group_set_of(group_of(1)));
    command_begin(together, WIRE_OP_SESSION_END)->token = session;
    order(together, command_id(4, 1));
    command_begin(together, WIRE_OP_TICK)->number = 3600000000;
    together->command.token = last(together);
    (void)together_order(together, command_id(5, 1), kv_group_set_of(group_of(1)));
    /* And what it does itself must be so: this one's life is not over. */
    command = command_begin(together, WIRE_OP_EXPIRE);
    command->token = version;
    command->session = session;
    command->keys[command->key_count++] = key;
    (void)together_order(together, (kv_message_id){{version}, 1, KV_ATTEMPT_OWN},
                         kv_group_set_of(group_of(1)));
    run_for(together, SHORT_US);
    for (unsigned i = 3; i <= 5; i++) {
        assert_int_equal(verdict_of(together, command_id(i, 1)), WIRE_VERDICT_UNSUPPORTED);
    }
    assert_string_equal(value_at(together, key, 1), "bound");
}

/* ---- Clients ---- */

static void no_command_runs_of_a_client_that_was_ended(void **state)
{
    struct together *together = *state;
    const kv_message_id first = {{{{5}, {0}}}, 1, 1}, second = {{{{5}, {0}}}, 2, 1};
    const kv_message_id never = {{{{6}, {0}}}, 1, 1};
    order_put(together, first, together_key(1, 0), 1, "before");
    run_for(together, SHORT_US);
    command_begin(together, WIRE_OP_SESSION_CLOSE)->token = first.session.registered;
    order(together, command_id(1, 1));
    command_begin(together, WIRE_OP_SESSION_CLOSE)->token = never.session.registered;
    order(together, command_id(2, 1));
    run_for(together, SHORT_US);
    for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
        together_restart(together, &together->members[1][m]);
    }
    order_put(together, second, together_key(1, 0), 1, "behind");
    order_put(together, never, together_key(2, 0), 2, "behind");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, second), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(verdict_of(together, never), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_string_equal(value_at(together, together_key(1, 0), 1), "before");
    assert_string_equal(value_at(together, together_key(2, 0), 2), "");
}

/* Not even by the table that it fills: a floor above it would shut everybody out. */
static void a_client_that_is_still_to_come_is_not_ended(void **state)
{
    struct together *together = *state;
    const kv_message_id id = {{{{1000000}, {0}}}, 1, 1};
    command_begin(together, WIRE_OP_SESSION_CLOSE)->token = id.session.registered;
    order(together, command_id(1, 1));
    order_put(together, id, together_key(1, 0), 1, "behind");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, id), WIRE_VERDICT_OK);
}

static void a_client_may_end_itself(void **state)
{
    struct together *together = *state;
    command_begin(together, WIRE_OP_SESSION_CLOSE)->token = command_id(1, 1).session.registered;
    order(together, command_id(1, 1));
    order_put(together, command_id(2, 1), together_key(1, 0), 1, "behind");
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_SESSION_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_setup, command_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_lasts_for_its_ttl_and_not_much_longer),
        TEST(a_put_without_a_ttl_makes_a_key_last),
        TEST(a_change_of_a_part_leaves_the_ttl_as_it_is),
        TEST(a_new_ttl_counts_from_its_command),
        TEST(a_change_of_leaders_never_shortens_a_ttl),
        TEST(a_leader_that_was_stopped_counts_little_of_it),
        TEST(a_ttl_goes_on_behind_a_restart),
        TEST(what_is_left_of_a_ttl_moves_with_its_key),
        TEST(a_value_that_is_borrowed_keeps_its_ttl),
        TEST(a_number_that_is_borrowed_often_goes_all_the_same),
        TEST(keys_go_with_their_session_wherever_they_are),
        TEST(a_session_lasts_while_it_is_renewed_and_ends_with_its_lease),
        TEST(nothing_is_bound_to_a_session_that_never_was),
        TEST(what_was_delivered_before_the_end_is_bound_and_goes),
        TEST(a_key_may_arrive_before_its_session_has_begun),
        TEST(a_session_begins_everywhere_or_nowhere),
        TEST(a_locked_key_goes_when_the_lock_has_ended),
        TEST(a_bound_key_that_could_not_go_is_not_forgotten_when_other_sessions_end),
        TEST(a_key_is_tried_again_also_in_the_moment_in_which_it_could_not_go),
        TEST(many_keys_go_a_list_at_a_time),
        TEST(nobody_but_a_group_itself_expires_or_ends),
        TEST(no_command_runs_of_a_client_that_was_ended),
        TEST(a_client_that_is_still_to_come_is_not_ended),
        TEST(a_client_may_end_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
