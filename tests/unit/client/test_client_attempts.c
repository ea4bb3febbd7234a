/* SPDX-License-Identifier: Apache-2.0 */
/* From one attempt to the next: after a definitive NO, under the same sequence, and in the end by the oracle. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND     (1000 * 1000)
#define PARTITIONS 3

static int open_bench(void **state)
{
    struct bench *bench = bench_new(42, CLIENT_OUTSTANDING_MAX);
    (void)bench_begin_session(bench, PARTITIONS);
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    bench_destroy((struct bench **)state);
    return 0;
}

/* An operation on the first key with its home in partition 1. */
static struct bench_send begin(struct bench *bench, uintptr_t tag, enum wire_op op,
                               uint64_t deadline_us)
{
    assert_int_equal(bench_submit(bench, tag, op, bench_key_on(1, PARTITIONS, 0), deadline_us),
                     STATUS_OK);
    return bench_expect_send(bench);
}

/* The floor that the next write carries. */
static uint64_t floor_now(struct bench *bench)
{
    static uintptr_t tag = 500000;
    bench_skip(bench);
    assert_int_equal(bench_submit(bench, ++tag, WIRE_OP_PUT, "probe", 60 * SECOND), STATUS_OK);
    return bench_expect_send(bench).floor;
}

/* ---- The same sequence ---- */

static void a_no_begins_the_next_attempt_of_the_same_sequence(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, SECOND);
    assert_int_equal(first.id.attempt, 0);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 50);
    const struct bench_send second = bench_expect_send(bench);
    assert_int_equal(second.group.value, 3);
    assert_int_equal(kv_session_compare(second.id.session, first.id.session), 0);
    assert_int_equal(second.id.sequence, first.id.sequence);
    assert_int_equal(second.id.attempt, 1);
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->attempts, 2);
}

static void the_floor_does_not_pass_a_sequence_between_its_attempts(void **state)
{
    struct bench *bench = *state;
    const enum wire_verdict noes[] = {WIRE_VERDICT_STALE, WIRE_VERDICT_PINNED, WIRE_VERDICT_STALE};
    struct bench_send send = begin(bench, 1, WIRE_OP_PUT, 60 * SECOND);
    for (uint32_t i = 0; i < 3; i++) { /* the last of them begins an EXEC */
        bench_say_no(bench, &send, noes[i], 0, 2, 9 + i);
        send = bench_next_request(bench, SECOND);
        assert_int_equal(send.id.attempt, 1 + i);
        assert_int_equal(floor_now(bench), send.id.sequence - 1);
    }
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(floor_now(bench), send.id.sequence);
}

static void the_floor_stays_also_while_the_next_attempt_is_waited_for(void **state)
{
    struct bench *bench = *state;
    const struct bench_send send = begin(bench, 1, WIRE_OP_PUT, SECOND);
    bench_say_no(bench, &send, WIRE_VERDICT_PINNED, 0, 0, 0);
    assert_int_equal(floor_now(bench), send.id.sequence - 1);
}

static void an_answer_to_an_older_attempt_is_not_taken_as_the_new_ones(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 50);
    const struct bench_send second = bench_expect_send(bench);
    bench_answer(bench, &first, WIRE_VERDICT_OK);
    bench_answer(bench, &first, WIRE_VERDICT_STALE);
    bench_refuse(bench, &first, WIRE_OUTCOME_NOT_LEADER, 2);
    bench_assert_open(bench, 1);
    bench_expect_nothing(bench); /* nor does it count, or start anything */
    assert_int_equal(client_counters(bench->client).stale, 1);
    assert_int_equal(client_counters(bench->client).unmatched, 3);
    bench_answer(bench, &second, WIRE_VERDICT_NOT_FOUND);
    assert_int_equal(bench_completion(bench, 1)->verdict, WIRE_VERDICT_NOT_FOUND);
}

static void an_older_attempt_still_teaches_its_places(void **state)
{
    struct bench *bench = *state;
    const char *key = bench_key_on(1, PARTITIONS, 0);
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 50);
    const struct bench_send second = bench_expect_send(bench);
    assert_int_equal(second.group.value, 3);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 2, 60); /* the same NO, with a newer hint */
    assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(key)).value, 2);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 40);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 1, 0); /* older, and of unknown age */
    assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(key)).value, 2);
    bench_say_no(bench, &second, WIRE_VERDICT_STALE, 0, 0, 0);
    assert_int_equal(bench_expect_send(bench).group.value, 2);
}

static void a_timeout_or_a_refusal_begins_no_new_attempt(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    bench_refuse(bench, &first, WIRE_OUTCOME_BUSY, 0);
    struct bench_send send = bench_next_request(bench, SECOND);
    for (int i = 0; i < 8; i++) {
        assert_true(kv_message_id_equal(send.id, first.id));
        send = bench_next_request(bench, 3 * SECOND);
    }
}

static void bookings_of_an_attempt_end_with_its_no(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, SECOND);
    const struct bench_send resent = bench_next_request(bench, SECOND);
    bench_say_no(bench, &resent, WIRE_VERDICT_STALE, 0, 3, 50); /* nothing was said of the first */
    const uint64_t until_us = bench->now.us + SECOND;
    while (bench->now.us < until_us) { /* every sending of the new attempt is refused */
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            if (send.kind == WIRE_MESSAGE_REQUEST) {
                assert_int_equal(send.id.attempt, 1);
                bench_refuse(bench, &send, WIRE_OUTCOME_BUSY, 0);
            }
        }
        bench_advance(bench, 1000);
    }
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    assert_int_equal(floor_now(bench), first.id.sequence);
}

static void an_abandoned_write_that_gets_a_no_is_over(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, SECOND / 10);
    bench_advance(bench, SECOND / 10);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    assert_int_equal(floor_now(bench), first.id.sequence - 1);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 50);
    bench_expect_nothing(bench); /* nobody waits for another attempt */
    assert_int_equal(floor_now(bench), first.id.sequence);
}

/* ---- Pinned ---- */

static void pinned_is_tried_again_after_growing_pauses(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    bench_say_no(bench, &first, WIRE_VERDICT_PINNED, 0, 0, 0);
    bench_expect_nothing(bench);
    uint64_t paused_us = bench->now.us;
    const struct bench_send second = bench_next_request(bench, SECOND);
    assert_in_range(second.at_us - paused_us, CLIENT_PAUSE_US / 2, CLIENT_PAUSE_US);
    assert_int_equal(second.group.value, first.group.value); /* the same destinations */
    assert_int_equal(second.id.attempt, 1);
    bench_say_no(bench, &second, WIRE_VERDICT_PINNED, 0, 0, 0);
    paused_us = bench->now.us;
    const struct bench_send third = bench_next_request(bench, SECOND);
    assert_in_range(third.at_us - paused_us, CLIENT_PAUSE_US, 2 * CLIENT_PAUSE_US);
    assert_int_equal(client_counters(bench->client).pinned, 2);
    bench_answer(bench, &third, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void a_deadline_between_two_attempts_is_kept_and_leaves_no_doubt(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = begin(bench, 1, WIRE_OP_PUT, 1000);
    bench_say_no(bench, &first, WIRE_VERDICT_PINNED, 0, 0, 0);
    bench_advance(bench, 999);
    bench_assert_open(bench, 1);
    bench_advance(bench, 1);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    assert_int_equal(floor_now(bench), first.id.sequence);
}

/* ---- By the oracle ---- */

static void after_three_noes_the_oracle_is_to_run_it(void **state)
{
    struct bench *bench = *state;
    const enum wire_verdict noes[] = {WIRE_VERDICT_STALE, WIRE_VERDICT_PINNED, WIRE_VERDICT_STALE};
    const uint64_t asked = client_counters(bench->client).oracle_requests;
    struct bench_send send = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    const uint64_t sequence = send.id.sequence;
    for (uint32_t i = 0; i < CLIENT_NOES_MAX; i++) {
        assert_false(send.exec);
        assert_int_equal(client_counters(bench->client).oracle_requests, asked);
        bench_say_no(bench, &send, noes[i], 0, (uint16_t)(3 - i), 50 + i);
        send = bench_next_request(bench, SECOND);
    }
    assert_true(send.exec);
    assert_int_equal(send.op, WIRE_OP_PUT);
    assert_int_equal(send.group.value, 0);
    assert_int_equal(send.destinations.bits, 1);
    assert_int_equal(send.owner_count, 0);
    assert_int_equal(send.id.sequence, sequence);
    assert_int_equal(send.id.attempt, CLIENT_NOES_MAX);
    assert_int_equal(client_counters(bench->client).execs, 1);
    assert_int_equal(client_counters(bench->client).oracle_requests, asked + 1);
    bench_answer_places(bench, &send, 1, (enum wire_verdict[]){WIRE_VERDICT_OK},
                        (const uint16_t[]){2}, 90);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_true(bench_completion(bench, 1)->via_oracle);
    assert_int_equal(bench_completion(bench, 1)->partitions, 0);
    assert_int_equal(begin(bench, 2, WIRE_OP_GET, SECOND).group.value, 2); /* it told where */
}

static void a_read_that_the_oracle_is_to_run_gets_a_session_and_an_order(void **state)
{
    struct bench *bench = bench_new(1, 4);
    (void)state;
    bench_begin(bench, PARTITIONS);
    struct bench_send send = begin(bench, 1, WIRE_OP_GET, 20 * SECOND);
    for (uint32_t i = 0; i < CLIENT_NOES_MAX; i++) {
        assert_int_equal(send.mode, WIRE_REQUEST_READ);
        bench_say_no(bench, &send, WIRE_VERDICT_STALE, 0, (uint16_t)(3 - i), 50 + i);
        if (i < CLIENT_NOES_MAX - 1) {
            send = bench_expect_send(bench);
        }
    }
    const kv_session_id session = bench_open_session(bench);
    send = bench_expect_send(bench);
    assert_true(send.exec);
    assert_int_equal(send.mode, WIRE_REQUEST_ORDERED);
    assert_int_equal(send.destinations.bits, 1);
    assert_int_equal(kv_session_compare(send.id.session, session), 0);
    assert_int_equal(send.id.sequence, 1);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_string_equal(bench_completion(bench, 1)->first_value, "value");
    assert_int_equal(floor_now(bench), 1);
    bench_destroy(&bench);
}

static void a_command_on_several_partitions_ends_at_the_oracle_too(void **state)
{
    struct bench *bench = *state;
    char names[2][32];
    const char *const keys[] = {bench_keep_key(names[0], 1, PARTITIONS, 0),
                                bench_keep_key(names[1], 2, PARTITIONS, 0), NULL};
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_MGET, keys, ""), 20 * SECOND, false),
        STATUS_OK);
    for (uint32_t i = 0; i < CLIENT_NOES_MAX; i++) {
        const struct bench_send first = bench_expect_send(bench);
        const struct bench_send second = bench_expect_send(bench);
        assert_int_equal(first.id.attempt, i);
        assert_int_equal(second.id.attempt, i);
        assert_int_equal(first.id.sequence, 2);
        bench_say_no(bench, i % 2 == 0 ? &first : &second, WIRE_VERDICT_STALE, 0,
                     (uint16_t)(i % 2 == 0 ? 3 : 1), 50 + i);
    }
    const struct bench_send exec = bench_expect_send(bench);
    bench_expect_nothing(bench); /* one leg */
    assert_true(exec.exec);
    assert_int_equal(exec.id.attempt, CLIENT_NOES_MAX);
    assert_int_equal(exec.key_count, 2);
    bench_answer(bench, &exec, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->rows, 2);
    assert_int_equal(client_counters(bench->client).multi_partition, 1); /* one operation */
}

static void a_read_that_finds_its_keys_together_goes_on_without_its_sequence(void **state)
{
    struct bench *bench = *state;
    char names[2][32];
    const char *const keys[] = {bench_keep_key(names[0], 1, PARTITIONS, 0),
                                bench_keep_key(names[1], 2, PARTITIONS, 0), NULL};
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_MGET, keys, ""), 20 * SECOND, false),
        STATUS_OK);
    const struct bench_send first = bench_expect_send(bench);
    bench_skip(bench);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 2, 50);
    const struct bench_send read = bench_expect_send(bench);
    bench_expect_nothing(bench);
    assert_int_equal(read.mode, WIRE_REQUEST_READ);
    assert_int_equal(read.group.value, 2);
    assert_int_equal(floor_now(bench), first.id.sequence); /* its NO was definitive */
    bench_answer(bench, &read, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

/* It never does, if it is correct. */
static void an_oracle_that_says_no_is_asked_again_under_another_sequence(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    for (uint32_t i = 0; i < CLIENT_NOES_MAX; i++) {
        bench_say_no(bench, &send, WIRE_VERDICT_PINNED, 0, 0, 0);
        send = bench_next_request(bench, SECOND);
    }
    const struct bench_send exec = send;
    bench_say_no(bench, &exec, WIRE_VERDICT_STALE, 0, 2, 50);
    bench_expect_nothing(bench);
    const uint64_t paused_us = bench->now.us;
    const struct bench_send again = bench_next_request(bench, SECOND);
    assert_true(again.exec);
    assert_true(again.at_us - paused_us >= CLIENT_PAUSE_US / 2);
    assert_int_equal(again.id.sequence, exec.id.sequence + 1);
    assert_int_equal(again.id.attempt, 0);
    bench_answer(bench, &exec, WIRE_VERDICT_OK); /* late, and of another id */
    bench_assert_open(bench, 1);
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void an_execution_is_not_mistaken_for_the_exec_itself(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = begin(bench, 1, WIRE_OP_PUT, 20 * SECOND);
    for (uint32_t i = 0; i < CLIENT_NOES_MAX; i++) {
        bench_say_no(bench, &send, WIRE_VERDICT_STALE, 0, 0, 0);
        send = bench_next_request(bench, SECOND);
    }
    struct bench_send execution = send;
    execution.id.attempt |= 1u << KV_ATTEMPT_DISPATCH_SHIFT;
    assert_true(kv_message_id_equal(kv_message_id_of_client(execution.id), send.id));
    bench_say_no(bench, &execution, WIRE_VERDICT_STALE, 0, 2, 50); /* the oracle dispatches again */
    bench_assert_open(bench, 1);
    bench_expect_nothing(bench);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void existence_is_an_answer_and_not_a_no(void **state)
{
    struct bench *bench = *state;
    const enum wire_verdict verdicts[] = {WIRE_VERDICT_EXISTS, WIRE_VERDICT_NOT_FOUND};
    for (uintptr_t i = 0; i < 2; i++) {
        const struct bench_send send = begin(bench, 1 + i, WIRE_OP_PUT, SECOND);
        bench_answer(bench, &send, verdicts[i]);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + i)->verdict, verdicts[i]);
        bench_expect_nothing(bench);
    }
}

/* What is asked of the oracle itself cannot be run by it in another way. */
static void a_question_to_the_oracle_is_never_an_exec(void **state)
{
    struct bench *bench = *state;
    const char *const keys[] = {"k", NULL};
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_WHERE, keys, ""), 20 * SECOND, false),
        STATUS_OK);
    for (int i = 0; i < 6; i++) {
        const struct bench_send send = bench_next_request(bench, SECOND);
        assert_int_equal(send.op, WIRE_OP_WHERE);
        assert_int_equal(send.mode, WIRE_REQUEST_READ);
        bench_say_no(bench, &send, WIRE_VERDICT_STALE, 0, 0, 0);
        bench_expect_nothing(bench); /* after a pause */
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_no_begins_the_next_attempt_of_the_same_sequence),
        TEST(the_floor_does_not_pass_a_sequence_between_its_attempts),
        TEST(the_floor_stays_also_while_the_next_attempt_is_waited_for),
        TEST(an_answer_to_an_older_attempt_is_not_taken_as_the_new_ones),
        TEST(an_older_attempt_still_teaches_its_places),
        TEST(a_timeout_or_a_refusal_begins_no_new_attempt),
        TEST(bookings_of_an_attempt_end_with_its_no),
        TEST(an_abandoned_write_that_gets_a_no_is_over),
        TEST(pinned_is_tried_again_after_growing_pauses),
        TEST(a_deadline_between_two_attempts_is_kept_and_leaves_no_doubt),
        TEST(after_three_noes_the_oracle_is_to_run_it),
        TEST(a_read_that_the_oracle_is_to_run_gets_a_session_and_an_order),
        TEST(a_command_on_several_partitions_ends_at_the_oracle_too),
        TEST(a_read_that_finds_its_keys_together_goes_on_without_its_sequence),
        TEST(an_oracle_that_says_no_is_asked_again_under_another_sequence),
        TEST(an_execution_is_not_mistaken_for_the_exec_itself),
        TEST(existence_is_an_answer_and_not_a_no),
        TEST(a_question_to_the_oracle_is_never_an_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
