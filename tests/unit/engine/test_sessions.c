/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of what the engine remembers: sessions, commands of a session, bytes of their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine/fixture.h"

#define SESSIONS_MAX 3

static int setup(void **state)
{
    *state = fixture_new(SESSIONS_MAX);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    engine_check(fixture->engine);
    fixture_destroy(&fixture);
    return 0;
}

static enum wire_verdict bump(struct fixture *fixture, kv_message_id id, uint64_t floor)
{
    fixture_incr(fixture, "n", 1);
    return fixture_deliver(fixture, id, floor);
}

static void the_session_with_the_oldest_delivery_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(30, 1, 1), 0);
    bump(fixture, fixture_id(10, 1, 1), 0);
    bump(fixture, fixture_id(20, 1, 1), 0);
    bump(fixture, fixture_id(30, 2, 1), 1); /* 10 is the oldest now */
    bump(fixture, fixture_id(40, 1, 1), 0);
    assert_int_equal(engine_sessions(fixture->engine), SESSIONS_MAX);
    assert_int_equal(fixture_admit(fixture, fixture_id(10, 1, 1), 0), ENGINE_SESSION_UNKNOWN);
    assert_int_equal(fixture_admit(fixture, fixture_id(20, 1, 1), 0), ENGINE_RECORDED);
    assert_int_equal(fixture_admit(fixture, fixture_id(30, 2, 1), 0), ENGINE_RECORDED);
}

static void a_late_duplicate_of_a_dropped_session_does_not_run(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t session = 10; session <= 50; session += 10) {
        bump(fixture, fixture_id(session, 1, 1), 0);
    }
    for (uint64_t session = 10; session <= 20; session += 10) {
        assert_int_equal(bump(fixture, fixture_id(session, 1, 1), 0), WIRE_VERDICT_SESSION_UNKNOWN);
        assert_int_equal(bump(fixture, fixture_id(session, 2, 1), 1), WIRE_VERDICT_SESSION_UNKNOWN);
    }
    assert_string_equal(fixture_value(fixture, "n"), "5");
    assert_int_equal(engine_sessions(fixture->engine), SESSIONS_MAX);
}

static void no_session_below_the_largest_dropped_one_is_created(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(100, 1, 1), 0);
    bump(fixture, fixture_id(20, 1, 1), 0);
    bump(fixture, fixture_id(30, 1, 1), 0);
    bump(fixture, fixture_id(200, 1, 1), 0); /* drops 100 */
    assert_int_equal(bump(fixture, fixture_id(99, 1, 1), 0), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(bump(fixture, fixture_id(100, 1, 1), 0), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(bump(fixture, fixture_id(20, 2, 1), 1), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(101, 1, 1), 0), WIRE_VERDICT_OK);
}

static void the_session_floor_does_not_sink_when_a_smaller_one_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(100, 1, 1), 0);
    bump(fixture, fixture_id(20, 1, 1), 0);
    bump(fixture, fixture_id(30, 1, 1), 0);
    bump(fixture, fixture_id(200, 1, 1), 0); /* drops 100 */
    bump(fixture, fixture_id(300, 1, 1), 0); /* drops 20 */
    assert_int_equal(bump(fixture, fixture_id(100, 1, 1), 0), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_string_equal(fixture_value(fixture, "n"), "5");
}

static void the_session_floor_and_the_age_survive_save_and_load(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t session = 10; session <= 40; session += 10) {
        bump(fixture, fixture_id(session, 1, 1), 0);
    }
    bump(fixture, fixture_id(20, 1, 1), 0); /* a duplicate makes it younger, too */
    fixture_reload(fixture, SESSIONS_MAX);
    assert_int_equal(bump(fixture, fixture_id(10, 1, 1), 0), WIRE_VERDICT_SESSION_UNKNOWN);
    bump(fixture, fixture_id(50, 1, 1), 0); /* drops 30 */
    assert_int_equal(fixture_admit(fixture, fixture_id(20, 1, 1), 0), ENGINE_RECORDED);
    assert_int_equal(fixture_admit(fixture, fixture_id(30, 1, 1), 0), ENGINE_SESSION_UNKNOWN);
}

static void a_session_may_have_the_most_commands_outstanding_and_not_one_more(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t floor = 1000000;
    bump(fixture, fixture_id(10, floor + KV_SESSION_OUTSTANDING_MAX, 1), floor);
    for (uint64_t i = 1; i < KV_SESSION_OUTSTANDING_MAX; i++) {
        assert_int_equal(bump(fixture, fixture_id(10, floor + i, 1), floor), WIRE_VERDICT_OK);
    }
    engine_check(fixture->engine);
    const kv_message_id next = fixture_id(10, floor + KV_SESSION_OUTSTANDING_MAX + 1, 1);
    assert_int_equal(fixture_admit(fixture, next, floor), ENGINE_SESSION_FULL);
    assert_int_equal(bump(fixture, next, floor), WIRE_VERDICT_REFUSED);
    assert_int_equal(fixture->answer.number, 0);
    for (uint64_t i = 1; i < KV_SESSION_OUTSTANDING_MAX; i++) {
        assert_int_equal(fixture_admit(fixture, fixture_id(10, floor + i, 1), floor),
                         ENGINE_RECORDED);
        assert_int_equal(fixture->answer.number, i + 1);
    }
    /* A floor that is one higher makes room for one. */
    assert_int_equal(fixture_admit(fixture, next, floor + 1), ENGINE_ADMIT);
    assert_int_equal(bump(fixture, next, floor + 1), WIRE_VERDICT_OK);
    assert_string_equal(fixture_value(fixture, "n"), "1025");
}

static void a_group_that_was_not_used_for_long_admits_by_the_floor_of_the_message(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(10, 1, 1), 0);
    assert_int_equal(fixture_admit(fixture, fixture_id(10, 500000, 1), 499999), ENGINE_ADMIT);
    assert_int_equal(bump(fixture, fixture_id(10, 500000, 1), 499999), WIRE_VERDICT_OK);
    assert_int_equal(fixture_admit(fixture, fixture_id(10, 1, 1), 0), ENGINE_REFUSED);
}

static void extreme_floors_and_sequences_are_harmless(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(bump(fixture, fixture_id(10, UINT64_MAX, 1), UINT64_MAX - 1), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(10, UINT64_MAX, 1), 0), WIRE_VERDICT_OK);
    fixture_reload(fixture, SESSIONS_MAX);
    assert_int_equal(fixture_admit(fixture, fixture_id(10, UINT64_MAX, 1), 0), ENGINE_RECORDED);
    assert_int_equal(
        bump(fixture, fixture_id(10, UINT64_MAX, KV_ATTEMPT_MAX), UINT64_MAX),
        WIRE_VERDICT_SESSION_UNKNOWN); /* nothing can be above this floor: it has ended */
    engine_check(fixture->engine);
    fixture_reload(fixture, SESSIONS_MAX);
    assert_int_equal(bump(fixture, fixture_id(20, UINT64_MAX, 1), 0), WIRE_VERDICT_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

#define LARGE_BYTES (1000 * 1000)
#define LARGE_KEYS  4

/* An ordered MGET with an answer of about LARGE_BYTES * LARGE_KEYS. */
static enum wire_verdict read_large(struct fixture *fixture, kv_message_id id)
{
    fixture_plain(fixture, WIRE_OP_MGET);
    fixture->command.key_count = LARGE_KEYS;
    for (uint32_t i = 0; i < LARGE_KEYS; i++) {
        fixture->command.keys[i] = kv_slice_of_text("large");
    }
    return fixture_deliver(fixture, id, 0);
}

static void put_large(struct fixture *fixture)
{
    static uint8_t value[LARGE_BYTES];
    memset(value, 'x', sizeof(value));
    fixture_put(fixture, "large", kv_slice_of(value, sizeof(value)));
    assert_int_equal(fixture_deliver(fixture, fixture_id(10, 1, 1), 0), WIRE_VERDICT_OK);
}

static void the_oldest_large_answers_lose_their_bodies(void **state)
{
    struct fixture *fixture = *state;
    put_large(fixture);
    /* Delivered in descending order: oldest means delivered first, not the smallest sequence. */
    for (uint64_t sequence = 10; sequence > 2; sequence--) {
        assert_int_equal(read_large(fixture, fixture_id(10, sequence, 1)), WIRE_VERDICT_OK);
        assert_int_equal(fixture->answer.row_count, LARGE_KEYS);
        engine_check(fixture->engine);
    }
    const uint64_t kept = KV_SESSION_RECORD_BYTES_MAX / (LARGE_BYTES * LARGE_KEYS);
    for (uint64_t sequence = 3; sequence <= 10; sequence++) {
        const enum engine_admission expected =
            sequence < 3 + kept ? ENGINE_RECORDED : ENGINE_REFUSED;
        assert_int_equal(fixture_admit(fixture, fixture_id(10, sequence, 1), 0), expected);
    }
    /* Small answers are not touched. */
    assert_int_equal(fixture_admit(fixture, fixture_id(10, 1, 1), 0), ENGINE_RECORDED);
}

static void a_record_without_its_body_still_keeps_its_command_from_running(void **state)
{
    struct fixture *fixture = *state;
    put_large(fixture);
    for (uint64_t sequence = 2; sequence <= 10; sequence++) {
        read_large(fixture, fixture_id(10, sequence, 1));
    }
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(bump(fixture, fixture_id(10, 2, 1), 0), WIRE_VERDICT_REFUSED);
        assert_string_equal(fixture_value(fixture, "n"), "(none)");
        const uint64_t digest = engine_digest(fixture->engine);
        fixture_reload(fixture, SESSIONS_MAX);
        engine_check(fixture->engine);
        assert_int_equal(engine_digest(fixture->engine), digest);
    }
}

static void a_burst_of_commands_comes_and_goes(void **state)
{
    struct fixture *fixture = *state;
    uint64_t sequence = 0;
    for (uint32_t burst = 1; burst <= KV_SESSION_OUTSTANDING_MAX; burst *= 2) {
        const uint64_t floor = sequence;
        for (uint32_t i = 0; i < burst; i++) {
            sequence++;
            assert_int_equal(bump(fixture, fixture_id(10, sequence, 1), floor), WIRE_VERDICT_OK);
            assert_int_equal(fixture->answer.number, sequence);
        }
        engine_check(fixture->engine);
        assert_int_equal(fixture_admit(fixture, fixture_id(10, floor + 1, 1), 0), ENGINE_RECORDED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_session_with_the_oldest_delivery_is_dropped),
        TEST(a_late_duplicate_of_a_dropped_session_does_not_run),
        TEST(no_session_below_the_largest_dropped_one_is_created),
        TEST(the_session_floor_does_not_sink_when_a_smaller_one_is_dropped),
        TEST(the_session_floor_and_the_age_survive_save_and_load),
        TEST(a_session_may_have_the_most_commands_outstanding_and_not_one_more),
        TEST(a_group_that_was_not_used_for_long_admits_by_the_floor_of_the_message),
        TEST(extreme_floors_and_sequences_are_harmless),
        TEST(the_oldest_large_answers_lose_their_bodies),
        TEST(a_record_without_its_body_still_keeps_its_command_from_running),
        TEST(a_burst_of_commands_comes_and_goes),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
