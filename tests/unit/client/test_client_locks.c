/* SPDX-License-Identifier: Apache-2.0 */
/* What a client does for its locks while it waits for others, and with those that come too late. */
#include "tests/unit/client/client_fixture.h"

#define SECOND (1000 * 1000)

/* How long waiting for a lock may take. */
#define FOR_LONG (3600 * (uint64_t)SECOND)

static int open_bench(void **state)
{
    *state = bench_new(42, CLIENT_OUTSTANDING_MAX);
    return 0;
}

static int close_bench(void **state)
{
    bench_destroy((struct bench **)state);
    return 0;
}

static enum status submit_lock(struct bench *bench, uintptr_t tag, bool no_wait,
                               uint64_t deadline_us)
{
    static const char *const keys[] = {"held by another", NULL};
    struct wire_command *command = bench_command(WIRE_OP_LOCK, keys, "");
    command->ttl_ms = 1000;
    command->no_wait = no_wait;
    return bench_submit_command(bench, tag, command, deadline_us, false);
}

static enum status submit_keepalive(struct bench *bench, uintptr_t tag)
{
    static const char *const keys[] = {NULL};
    struct wire_command *command = bench_command(WIRE_OP_KEEPALIVE, keys, "");
    command->token.clock.value = 7;
    command->token.group.value = 1;
    return bench_submit_command(bench, tag, command, SECOND, false);
}

static void grant(struct bench *bench, const struct bench_send *lock)
{
    const enum wire_verdict verdict = WIRE_VERDICT_OK;
    const uint16_t group = 1;
    bench_answer_places(bench, lock, 1, &verdict, &group, 0);
}

/* Answer so many writes, one after the other. */
static void write_many(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uintptr_t tag = 1000 + i;
        assert_int_equal(bench_submit(bench, tag, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
        const struct bench_send send = bench_next_request(bench, 0);
        assert_int_equal(send.op, WIRE_OP_PUT);
        bench_answer(bench, &send, WIRE_VERDICT_OK);
        bench_assert_completed(bench, tag, CLIENT_ANSWERED);
    }
}

/* ---- Waiting ---- */

static void locks_are_renewed_while_it_waits_for_another_one(void **state)
{
    struct bench *bench = *state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(submit_lock(bench, 1, false, FOR_LONG), STATUS_OK);
    const struct bench_send lock = bench_expect_send(bench);
    write_many(bench, CLIENT_OUTSTANDING_MAX - 1); /* all the room behind it */
    assert_int_equal(submit_keepalive(bench, 2), STATUS_OK);
    const kv_session_id fresh = bench_open_session(bench);
    const struct bench_send renewal = bench_expect_send(bench);
    assert_int_equal(renewal.op, WIRE_OP_KEEPALIVE);
    assert_int_equal(kv_session_compare(renewal.id.session, fresh), 0);
    bench_answer(bench, &renewal, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 2, CLIENT_ANSWERED);
    bench_assert_open(bench, 1);

    grant(bench, &lock);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    const struct bench_send end = bench_expect_send(bench);
    assert_int_equal(end.op, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(kv_session_compare(end.id.session, lock.id.session), 0);
    assert_int_equal(end.floor, CLIENT_OUTSTANDING_MAX + 1);
}

static void a_write_that_waits_for_long_does_not_stop_others(void **state)
{
    struct bench *bench = *state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "held by another", FOR_LONG), STATUS_OK);
    (void)bench_expect_send(bench);
    write_many(bench, CLIENT_OUTSTANDING_MAX - 1);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_PUT, "k", FOR_LONG), STATUS_OK);
    bench_expect_nothing(bench); /* an answer may be on the way */
    struct bench_send send = bench_next_request(bench, CLIENT_PINNED_US);
    while (send.op == WIRE_OP_PUT) { /* the resends of the one that waits */
        send = bench_next_request(bench, CLIENT_PINNED_US);
    }
    assert_int_equal(send.op, WIRE_OP_SESSION_OPEN);
    assert_true(send.at_us <= bench->now.us);
}

static void a_renewal_has_room_when_everything_in_flight_waits(void **state)
{
    struct bench *bench = bench_new(1, /*outstanding_max*/ 1);
    (void)state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(submit_lock(bench, 1, false, FOR_LONG), STATUS_OK);
    assert_int_equal(submit_lock(bench, 2, false, FOR_LONG), STATUS_FULL);
    for (uintptr_t tag = 3; tag < 3 + CLIENT_RENEWALS_MAX; tag++) {
        assert_int_equal(submit_keepalive(bench, tag), STATUS_OK);
    }
    assert_int_equal(submit_keepalive(bench, 2), STATUS_FULL);
    bench_destroy(&bench);
}

/* ---- Too late ---- */

/* Nothing but greetings is sent for longer than anything is resent. */
static void expect_quiet(struct bench *bench)
{
    bench_advance(bench, 2 * CLIENT_ABANDONED_US);
    while (bench->send_next < bench->send_count) {
        assert_int_equal(bench_expect_send(bench).kind, WIRE_MESSAGE_HELLO);
    }
}

static void a_lock_that_comes_when_nobody_waits_any_more_is_given_back(void **state)
{
    struct bench *bench = *state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(submit_lock(bench, 1, false, SECOND), STATUS_OK);
    const struct bench_send lock = bench_expect_send(bench);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    bench_skip(bench);
    grant(bench, &lock);
    const struct bench_send unlock = bench_expect_send(bench);
    assert_int_equal(unlock.op, WIRE_OP_UNLOCK);
    assert_int_equal(unlock.group.value, KV_GROUP_ORACLE.value);
    assert_int_equal(unlock.token.clock.value, bench->now.us); /* of the grant */
    assert_int_equal(unlock.floor, 2);
    bench_answer(bench, &unlock, WIRE_VERDICT_OK);
    grant(bench, &lock); /* a second copy of the answer */
    expect_quiet(bench);
    assert_int_equal(client_counters(bench->client).given_back, 1);
}

static void what_was_not_granted_is_not_given_back(void **state)
{
    struct bench *bench = *state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(submit_lock(bench, 1, true, SECOND), STATUS_OK);
    const struct bench_send lock = bench_expect_send(bench);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    bench_skip(bench);
    bench_answer(bench, &lock, WIRE_VERDICT_LOCKED);
    expect_quiet(bench);
}

static void a_lock_is_waited_for_until_it_can_be_given_back(void **state)
{
    struct bench *bench = *state;
    (void)bench_begin_session(bench, 1);
    assert_int_equal(submit_lock(bench, 1, false, SECOND), STATUS_OK);
    const struct bench_send lock = bench_expect_send(bench);
    bench_advance(bench, 60 * (uint64_t)SECOND + CLIENT_ABANDONED_US);
    bench_skip(bench);
    const struct bench_send again = bench_next_request(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    assert_true(kv_message_id_equal(again.id, lock.id));
    grant(bench, &again);
    bench_skip(bench);
    const struct bench_send unlock = bench_next_request(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    assert_int_equal(unlock.op, WIRE_OP_UNLOCK);
    bench_answer(bench, &unlock, WIRE_VERDICT_LOCK_LOST); /* its ttl was faster */
    bench_expect_nothing(bench);
    assert_int_equal(client_counters(bench->client).sessions_left, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(locks_are_renewed_while_it_waits_for_another_one),
        TEST(a_write_that_waits_for_long_does_not_stop_others),
        TEST(a_renewal_has_room_when_everything_in_flight_waits),
        TEST(a_lock_that_comes_when_nobody_waits_any_more_is_given_back),
        TEST(what_was_not_granted_is_not_given_back),
        TEST(a_lock_is_waited_for_until_it_can_be_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
