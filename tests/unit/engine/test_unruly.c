/* SPDX-License-Identifier: Apache-2.0 */
/* What clients that keep no rules, and unlucky ones, can do to the engines of a cluster: nothing to anybody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/engine/commands.h"

static int setup(void **state)
{
    *state = together_new();
    return 0;
}

static int teardown(void **state)
{
    struct together *together = *state;
    together_settle(together);
    for (unsigned group = 0; group < TOGETHER_GROUPS; group++) {
        const struct engine *leader = together_leader(together, group)->engine;
        const struct engine *follower = together_follower(together, group)->engine;
        assert_int_equal(engine_unfinished(leader), 0);
        assert_int_equal(engine_digest(leader), engine_digest(follower)); /* E4 */
    }
    together_close(&together);
    return 0;
}

/* X10, E5: the first message raises the floor at partition 1 alone, so the second is within the window there and beyond it at 2. */
static void a_sequence_beyond_the_window_of_one_group_is_refused_by_all(void **state)
{
    struct together *together = *state;
    struct kv_buffer body = {0};
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->keys[command->key_count++] = together_key(1, 0);
    command_add_value(command, "v");
    wire_command_encode(command, &body);
    together_order_body(together, command_id(5001, 1), kv_group_set_of(group_of(1)), 5000,
                        kv_buffer_slice(&body));
    command = command_begin(together, WIRE_OP_MPUT);
    const bool swapped = kv_slice_compare(together_key(1, 1), together_key(2, 1)) > 0;
    command_add_key(command, together_key(swapped ? 2 : 1, 1), swapped ? 2 : 1);
    command_add_key(command, together_key(swapped ? 1 : 2, 1), swapped ? 1 : 2);
    command_add_value(command, "v");
    command_add_value(command, "v");
    kv_buffer_clear(&body);
    wire_command_encode(command, &body);
    together_order_body(together, command_id(5002, 1), (kv_group_set){6}, 0,
                        kv_buffer_slice(&body));
    kv_buffer_close(&body);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(5002, 1)), WIRE_VERDICT_REFUSED);
    assert_int_equal(engine_keys(together_leader(together, 2)->engine), 0);
}

/* X1: an id has one set of destinations. */
static void an_id_with_two_sets_of_destinations_blocks_nobody(void **state)
{
    struct together *together = *state;
    order_put(together, command_id(1, 1), together_key(1, 0), 1, "first");
    together_settle(together);
    order_put_two(together, command_id(1, 1), together_key(1, 1), 1, together_key(2, 0), 2, "x");
    order_put(together, command_id(2, 1), together_key(2, 0), 2, "behind it");
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(engine_keys(together_leader(together, 1)->engine), 1);
}

/* A vote that is on its way into the log is not put there again at the first retry. */
static void a_vote_is_appended_once_while_the_log_is_only_slow(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 2, 1);
    const uint32_t entries = together->logs[1].count;
    together->now.us += ENGINE_RETRY_US;
    together_tick(together, together_leader(together, 1));
    assert_int_equal(together->logs[1].count, entries);
}

/* V3, C7: the NO of the partition that executes for others is its own, not what an earlier command left. */
static void the_target_of_a_loan_that_lacks_its_own_key_says_so(void **state)
{
    struct together *together = *state;
    order_borrow_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2);
    order_move(together, command_id(2, 1), together_key(2, 0), 2, 2);
    order_create(together, command_id(3, 1), together_key(2, 1), 3, "away");
    together_settle(together);
    order_borrow_two(together, command_id(4, 1), together_key(1, 0), 1, together_key(2, 1), 2);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_STALE);
    assert_int_equal(together->answer.place_count, 1);
    assert_int_equal(together->answer.places[0].group.value, 3);
    /* And so does an owner that lends. */
    order_create(together, command_id(5, 1), together_key(1, 1), 3, "away");
    order_borrow_two(together, command_id(6, 1), together_key(1, 1), 1, together_key(2, 0), 2);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(6, 1)), WIRE_VERDICT_STALE);
    uint32_t answers = 0;
    for (uint32_t i = 0; i < together->answer_count; i++) {
        const struct together_answer *answer = &together->answers[i];
        if (kv_message_id_equal(answer->id,
                                command_id(6, 1))) { /* each of them may reach the client first */
            assert_int_equal(wire_answer_decode(kv_buffer_slice(&answer->bytes), &together->answer),
                             STATUS_OK);
            assert_int_equal(together->answer.place_count, 1);
            assert_int_equal(together->answer.places[0].group.value, 3);
            answers++;
        }
    }
    assert_int_equal(answers, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_sequence_beyond_the_window_of_one_group_is_refused_by_all),
        TEST(an_id_with_two_sets_of_destinations_blocks_nobody),
        TEST(a_vote_is_appended_once_while_the_log_is_only_slow),
        TEST(the_target_of_a_loan_that_lacks_its_own_key_says_so),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
