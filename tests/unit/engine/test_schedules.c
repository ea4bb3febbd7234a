/* SPDX-License-Identifier: Apache-2.0 */
/* The schedules on which published protocols of this family went wrong, one by one. */
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
    together_check(together);
    together_close(&together);
    return 0;
}

static void assert_row(const struct together *together, const char *value)
{
    const struct wire_answer *answer = &together->answer;
    assert_int_equal(answer->row_count, 1);
    assert_int_equal(answer->rows[0].value.size, strlen(value));
    assert_memory_equal(answer->rows[0].value.data, value, strlen(value));
}

/* ---- Real time ---- */

/* z1 = {a@1, b@2}, z2 = {b@2, c@3}. A group that votes at delivery lets z2 finish at 3 while z1 has not begun at 1: whoever reads
 * the new c and then the old a has seen z2 before z1, and b ends as z2 left it. */
static void who_waits_in_a_queue_has_not_voted(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0), c = together_key(3, 0);
    order_put_two(together, command_id(1, 1), a, 1, b, 2, "z1");
    order_put_two(together, command_id(2, 1), b, 2, c, 3, "z2");
    apply_all(together, together_leader(together, 2));
    apply_all(together, together_leader(together, 3));
    deliver_from_to(together, 2, 3);
    const uint32_t new_c = read_one(together, c, 3);
    assert_int_equal(read_verdict(together, new_c), 0);
    /* 1 reaches z1, and with it z2 finishes. */
    apply_all(together, together_leader(together, 1));
    deliver_from_to(together, 1, 2);
    deliver_from_to(together, 2, 3);
    assert_int_equal(read_verdict(together, new_c), WIRE_VERDICT_OK);
    assert_row(together, "z2");
}

/* C_xy between a command at x, before which it is ordered, and one at y, which is ordered before it: when that at x has
 * finished, nobody may yet begin that at y. */
static void who_finishes_has_begun_everywhere(void **state)
{
    struct together *together = *state;
    const kv_slice x = together_key(1, 0), y = together_key(2, 0);
    order_put(together, command_id(1, 1), y, 2, "y");
    order_put_two(together, command_id(2, 1), x, 1, y, 2, "xy");
    order_put(together, command_id(3, 1), x, 1, "x");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(3, 1)), 0);
    apply_all(together, together_leader(together, 2));
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    deliver_from_to(together, 2, 1);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

/* C reads x@1 for the owner of y@2. If 1 let go of x as soon as its value is sent, then C2 = put x could finish before C3 = put y
 * begins, and C3 is ordered before C: C has seen C3 and not C2. */
static void who_lends_a_value_keeps_it_until_all_have_voted(void **state)
{
    struct together *together = *state;
    const kv_slice x = together_key(1, 0), y = together_key(2, 0);
    order_put(together, command_id(1, 1), x, 1, "old");
    order_put(together, command_id(2, 1), y, 2, "c3");
    order_borrow_two(together, command_id(3, 1), x, 1, y, 2);
    order_put(together, command_id(4, 1), x, 1, "c2");
    apply_all(together, together_leader(together, 1));
    deliver_from_to(together, 1, 2);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(4, 1)), 0);
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 2, 1);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
}

/* ---- Existence ---- */

static void nobody_reads_a_deleted_key_where_it_once_was(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "old");
    together_settle(together);
    order_delete(together, command_id(2, 1), key, 2);
    /* All but the owner have it: it is not yet deleted, and who knows the owner still reads the value. */
    apply_all(together, together_leader(together, 0));
    apply_all(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    const uint32_t before = read_one(together, key, 2);
    assert_int_equal(read_verdict(together, before), WIRE_VERDICT_OK);
    assert_row(together, "old");
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    const uint32_t after = read_one(together, key, 2);
    assert_int_equal(read_verdict(together, after), WIRE_VERDICT_STALE);
}

static void of_two_creations_on_two_partitions_one_succeeds(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "two");
    order_create(together, command_id(2, 1), key, 3, "three");
    /* The loser's partition hears of both before the winner's does of any. */
    apply_all(together, together_leader(together, 3));
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 0));
    deliver_from_to(together, 3, 0);
    deliver_from_to(together, 1, 0);
    deliver_from_to(together, 1, 3);
    deliver_from_to(together, 0, 3);
    assert_int_equal(engine_keys(together_leader(together, 3)->engine), 0);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_EXISTS);
    assert_int_equal(engine_keys(together_leader(together, 2)->engine), 1);
    assert_int_equal(engine_keys(together_leader(together, 3)->engine), 0);
}

/* A version that begins again with the key would let the stale one pass. */
static void a_command_from_an_earlier_life_of_a_key_is_stale(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "first");
    order_delete(together, command_id(2, 1), key, 2);
    order_create(together, command_id(3, 1), key, 3, "second");
    order_move(together, command_id(4, 1), key, 2, 1); /* also of the first life */
    order_put(together, command_id(5, 1), key, 2, "stale");
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_STALE);
    assert_int_equal(verdict_of(together, command_id(5, 1)), WIRE_VERDICT_STALE);
    const uint32_t read = read_one(together, key, 3);
    assert_int_equal(read_verdict(together, read), WIRE_VERDICT_OK);
    assert_row(together, "second");
}

static void a_key_that_comes_back_is_the_same_for_who_knew_it_here(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "1");
    order_move(together, command_id(2, 1), key, 2, 3);
    order_move(together, command_id(3, 1), key, 3, 2);
    order_incr(together, command_id(4, 1), key, 2);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.number, 2);
}

/* ---- Exactly once ---- */

/* The order delivers a message that it has forgotten again, and a client that has heard nothing asks again. */
static void assert_done_once(struct together *together, uint64_t sequence, unsigned group,
                             enum wire_verdict verdict)
{
    struct together_member *member = together_leader(together, group);
    const uint64_t keys = engine_keys(member->engine);
    struct engine_reply reply;
    assert_int_equal(engine_admit(member->engine, command_id(sequence, 1), 0, &reply),
                     ENGINE_RECORDED);
    static struct wire_answer answer;
    assert_int_equal(wire_answer_decode(reply.answer, &answer), STATUS_OK);
    assert_int_equal(answer.verdict, verdict);
    order_incr(together, command_id(sequence, 1), together_key(1, 0), group);
    together_settle(together);
    assert_int_equal(engine_keys(member->engine), keys);
}

static void a_duplicate_after_a_move_gets_the_first_answer(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_incr(together, command_id(1, 1), key, 1);
    order_move(together, command_id(2, 1), key, 1, 3);
    together_settle(together);
    assert_done_once(together, 1, 1, WIRE_VERDICT_OK);
    order_incr(together, command_id(3, 1), key, 3);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.number, 2);
}

static void a_duplicate_after_a_deletion_and_a_creation_gets_the_first_answer(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_incr(together, command_id(1, 1), key, 1);
    order_delete(together, command_id(2, 1), key, 1);
    order_create(together, command_id(3, 1), key, 1, "10");
    together_settle(together);
    assert_done_once(together, 1, 1, WIRE_VERDICT_OK);
    const uint32_t read = read_one(together, key, 1);
    assert_int_equal(read_verdict(together, read), WIRE_VERDICT_OK);
    assert_row(together, "10");
}

static void a_duplicate_of_what_found_nothing_finds_nothing_again(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_delete(together, command_id(1, 1), key, 1);
    order_put(together, command_id(2, 1), key, 1, "10");
    together_settle(together);
    assert_done_once(together, 1, 1, WIRE_VERDICT_NOT_FOUND);
    const uint32_t read = read_one(together, key, 1);
    assert_int_equal(read_verdict(together, read), WIRE_VERDICT_OK);
    assert_row(together, "10");
}

/* ---- Termination ---- */

static void a_sender_that_dies_between_two_votes_holds_nobody_up(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "v"); /* 0, 1 and 2 take part */
    apply_all(together, together_leader(together, 1));
    deliver_from_to(together, 1, 2);
    drop_all(together); /* what it said to the oracle is lost with it */
    together_lead(together, group_of(1), 1);
    apply_all(together, together_leader(together, 2));
    apply_all(together, together_leader(together, 0));
    deliver_from_to(together, 2, 0);
    deliver_from_to(together, 0, 2);
    assert_int_equal(engine_unfinished(together_leader(together, 2)->engine), 0);
    assert_int_equal(engine_unfinished(together_leader(together, 0)->engine), 1);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
}

/* Each message of one stream waits for one of the other, at one group of the two each time; the groups run as far as they can
 * in turn, the last one first. */
static void overlapping_streams_both_come_to_an_end(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0), c = together_key(3, 0);
    enum { LENGTH = 32 };
    for (uint64_t i = 1; i <= LENGTH; i += 2) {
        order_put_two(together, command_id(i, 1), a, 1, b, 2, "left");
        order_put_two(together, command_id(i + 1, 1), b, 2, c, 3, "right");
    }
    apply_all(together, together_leader(together, 3));
    apply_all(together, together_leader(together, 2));
    assert_int_equal(engine_unfinished(together_leader(together, 2)->engine), LENGTH);
    apply_all(together, together_leader(together, 1));
    for (uint64_t i = 1; i <= LENGTH; i++) {
        deliver_from_to(together, 3, 2);
        deliver_from_to(together, 2, 1);
        deliver_from_to(together, 2, 3);
        deliver_from_to(together, 1, 2);
    }
    for (unsigned group = 1; group <= 3; group++) {
        assert_int_equal(engine_unfinished(together_leader(together, group)->engine), 0);
    }
    assert_int_equal(verdict_of(together, command_id(LENGTH, 1)), WIRE_VERDICT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(who_waits_in_a_queue_has_not_voted),
        TEST(who_finishes_has_begun_everywhere),
        TEST(who_lends_a_value_keeps_it_until_all_have_voted),
        TEST(nobody_reads_a_deleted_key_where_it_once_was),
        TEST(of_two_creations_on_two_partitions_one_succeeds),
        TEST(a_command_from_an_earlier_life_of_a_key_is_stale),
        TEST(a_key_that_comes_back_is_the_same_for_who_knew_it_here),
        TEST(a_duplicate_after_a_move_gets_the_first_answer),
        TEST(a_duplicate_after_a_deletion_and_a_creation_gets_the_first_answer),
        TEST(a_duplicate_of_what_found_nothing_finds_nothing_again),
        TEST(a_sender_that_dies_between_two_votes_holds_nobody_up),
        TEST(overlapping_streams_both_come_to_an_end),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
