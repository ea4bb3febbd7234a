/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE and MOVE of several keys: a verdict for each, and further attempts for those without a final one. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND     (1000 * 1000)
#define PARTITIONS 3
#define KEYS       4

#define OK         WIRE_VERDICT_OK
#define NOT_FOUND  WIRE_VERDICT_NOT_FOUND
#define EXISTS     WIRE_VERDICT_EXISTS
#define STALE      WIRE_VERDICT_STALE
#define PINNED     WIRE_VERDICT_PINNED
#define DEFERRED   WIRE_VERDICT_DEFERRED

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

/* Four keys in ascending order, all with their home in partition 1. */
static const char *const *keys_at_home(void)
{
    static char names[KEYS][32];
    static const char *keys[KEYS + 1];
    for (uint32_t i = 0, nth = 0; i < KEYS; nth++) {
        (void)bench_keep_key(names[i], 1, PARTITIONS, nth);
        keys[i] = names[i];
        i += i == 0 || strcmp(names[i - 1], names[i]) < 0;
    }
    return keys;
}

static struct bench_send submit(struct bench *bench, uintptr_t tag, enum wire_op op,
                                uint16_t target, uint64_t deadline_us)
{
    struct wire_command *command = bench_command(op, keys_at_home(), "value");
    command->target.value = target;
    assert_int_equal(bench_submit_command(bench, tag, command, deadline_us, false), STATUS_OK);
    return bench_expect_send(bench);
}

static void answer(struct bench *bench, const struct bench_send *send, uint32_t count,
                   const enum wire_verdict *verdicts)
{
    static const uint16_t nowhere[KEYS] = {0};
    bench_answer_places(bench, send, count, verdicts, nowhere, 0);
}

#define ANSWER(bench, send, ...)                                                                   \
    answer(bench, send, sizeof((enum wire_verdict[]){__VA_ARGS__}) / sizeof(enum wire_verdict),    \
           (enum wire_verdict[]){__VA_ARGS__})

static void assert_verdicts(const struct bench *bench, uintptr_t tag,
                            const enum wire_verdict *verdicts)
{
    bench_assert_completed(bench, tag, CLIENT_ANSWERED);
    const struct bench_completion *completion = bench_completion(bench, tag);
    assert_int_equal(completion->verdict, OK);
    assert_int_equal(completion->place_count, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(completion->verdicts[i], verdicts[i]);
    }
}

#define ASSERT_VERDICTS(bench, tag, ...)                                                           \
    assert_verdicts(bench, tag, (enum wire_verdict[KEYS]){__VA_ARGS__})

/* ---- At once ---- */

static void verdicts_come_in_the_order_of_the_command(void **state)
{
    struct bench *bench = *state;
    static struct wire_answer shuffled;
    const struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, SECOND);
    wire_answer_begin(&shuffled, OK);
    shuffled.place_count = KEYS;
    const uint32_t order[KEYS] = {2, 0, 3, 1};
    for (uint32_t i = 0; i < KEYS; i++) {
        shuffled.places[i] = (struct wire_place){.key = order[i],
                                                 .verdict = order[i] == 3 ? NOT_FOUND : OK,
                                                 .group = {(uint16_t)(order[i] == 3 ? 0 : 2)},
                                                 .version = {{50}, {0}}};
    }
    bench_answer_with(bench, &send, &shuffled);
    ASSERT_VERDICTS(bench, 1, OK, OK, OK, NOT_FOUND);
    assert_int_equal(bench_completion(bench, 1)->groups[1], 2);
    assert_int_equal(bench_completion(bench, 1)->groups[3], 0);
    assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(keys_at_home()[0])).value,
                     2);
    assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(keys_at_home()[3])).value,
                     1);
}

static void a_single_key_at_home_may_be_answered_without_places(void **state)
{
    struct bench *bench = *state;
    const enum wire_verdict verdicts[] = {OK, NOT_FOUND};
    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(bench_submit(bench, 1 + i, WIRE_OP_DELETE, keys_at_home()[0], SECOND),
                         STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.destinations.bits, 0x2);
        assert_int_equal(send.owner_count, 0);
        bench_answer(bench, &send, verdicts[i]);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + i)->verdict, verdicts[i]);
        assert_int_equal(bench_completion(bench, 1 + i)->place_count, 1);
        assert_int_equal(bench_completion(bench, 1 + i)->verdicts[0], verdicts[i]);
    }
}

static void the_verdict_of_a_single_key_is_that_of_the_whole(void **state)
{
    struct bench *bench = *state;
    /* of the answer, of its place -> of the completion */
    static const enum wire_verdict cases[][3] = {
        {OK, OK, OK}, {OK, EXISTS, EXISTS}, {EXISTS, EXISTS, EXISTS}, {EXISTS, OK, EXISTS}};
    const char *const keys[] = {keys_at_home()[0], NULL};
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct wire_answer one;
        struct wire_command *command = bench_command(WIRE_OP_CREATE, keys, "value");
        command->target.value = 3;
        assert_int_equal(bench_submit_command(bench, 1 + i, command, SECOND, false), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        wire_answer_begin(&one, cases[i][0]);
        one.place_count = 1;
        one.places[0] = (struct wire_place){0, cases[i][1], {3}, {{50}, {0}}};
        bench_answer_with(bench, &send, &one);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + i)->verdict, cases[i][2]);
    }
}

static void a_verdict_without_places_speaks_for_all_keys_if_it_can(void **state)
{
    struct bench *bench = *state;
    const struct bench_send large = submit(bench, 1, WIRE_OP_CREATE, 2, SECOND);
    bench_answer(bench, &large, WIRE_VERDICT_TOO_LARGE);
    ASSERT_VERDICTS(bench, 1, WIRE_VERDICT_TOO_LARGE, WIRE_VERDICT_TOO_LARGE,
                    WIRE_VERDICT_TOO_LARGE, WIRE_VERDICT_TOO_LARGE);
    const enum wire_verdict each[] = {OK, NOT_FOUND, EXISTS};
    for (uintptr_t i = 0; i < 3; i++) {
        const struct bench_send send = submit(bench, 2 + i, WIRE_OP_CREATE, 2, SECOND);
        bench_answer(bench, &send, each[i]);
        bench_assert_completed(bench, 2 + i, CLIENT_PROTOCOL);
    }
}

static void places_that_are_not_one_for_each_key_are_no_answer(void **state)
{
    struct bench *bench = *state;
    static const struct {
        uint32_t count;
        uint32_t keys[5];
        enum wire_verdict last;
    } cases[] = {{3, {0, 1, 2}, OK},
                 {5, {0, 1, 2, 3, 4}, OK},
                 {4, {0, 1, 1, 3}, OK},
                 {4, {0, 1, 2, 9}, OK},
                 {4, {3, 3, 3, 3}, OK},
                 {4, {0, 1, 2, 3}, WIRE_VERDICT_REFUSED},
                 {4, {0, 1, 2, 3}, WIRE_VERDICT_UNSUPPORTED}};
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct wire_answer bad;
        const struct bench_send send = submit(bench, 1 + i, WIRE_OP_MOVE, 2, SECOND);
        wire_answer_begin(&bad, OK);
        bad.place_count = cases[i].count;
        for (uint32_t k = 0; k < bad.place_count; k++) {
            bad.places[k] = (struct wire_place){
                cases[i].keys[k], k == 3 ? cases[i].last : OK, {2}, {{50}, {0}}};
        }
        bench_answer_with(bench, &send, &bad);
        bench_assert_completed(bench, 1 + i, CLIENT_PROTOCOL);
    }
}

static void deleting_keys_of_several_homes_has_a_leg_for_each(void **state)
{
    struct bench *bench = *state;
    char names[2][32];
    const char *keys[] = {bench_keep_key(names[0], 1, PARTITIONS, 0),
                          bench_keep_key(names[1], 2, PARTITIONS, 0), NULL};
    if (strcmp(keys[0], keys[1]) > 0) {
        const char *first = keys[0];
        keys[0] = keys[1];
        keys[1] = first;
    }
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_DELETE, keys, ""), SECOND, false),
        STATUS_OK);
    const struct bench_send first = bench_expect_send(bench);
    const struct bench_send second = bench_expect_send(bench);
    bench_expect_nothing(bench); /* they are not placed: the oracle is not concerned */
    assert_int_equal(first.destinations.bits, 0x6);
    assert_int_equal(second.group.value, 2);
    ANSWER(bench, &second, OK, NOT_FOUND);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->verdicts[1], NOT_FOUND);
}

/* ---- Further attempts ---- */

static void keys_without_a_final_verdict_are_tried_again_alone(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    assert_int_equal(first.destinations.bits, 0x7);
    bench_answer_places(bench, &first, KEYS, (enum wire_verdict[]){OK, STALE, NOT_FOUND, STALE},
                        (const uint16_t[]){2, 3, 0, 3}, 50);
    bench_assert_open(bench, 1);
    const struct bench_send second = bench_expect_send(bench); /* at once */
    assert_int_equal(second.id.sequence, first.id.sequence);
    assert_int_equal(second.id.attempt, 1);
    assert_int_equal(second.key_count, 2);
    assert_string_equal(second.keys[0], keys_at_home()[1]);
    assert_string_equal(second.keys[1], keys_at_home()[3]);
    assert_int_equal(second.target, 2);
    assert_int_equal(second.owners[0], 3);
    assert_int_equal(second.destinations.bits, 0xf);
    bench_answer_places(bench, &second, 2, (enum wire_verdict[]){NOT_FOUND, STALE},
                        (const uint16_t[]){0, 2}, 60);
    const struct bench_send third = bench_expect_send(bench);
    assert_int_equal(third.id.attempt, 2);
    assert_int_equal(third.key_count, 1);
    assert_string_equal(third.keys[0], keys_at_home()[3]);
    assert_int_equal(third.destinations.bits, 0x4); /* it is there already, as far as is known */
    bench_answer_places(bench, &third, 1, (enum wire_verdict[]){OK}, (const uint16_t[]){2}, 60);
    ASSERT_VERDICTS(bench, 1, OK, NOT_FOUND, NOT_FOUND, OK);
    assert_int_equal(client_counters(bench->client).stale, 2);
}

static void each_key_is_tried_again_with_its_own_value(void **state)
{
    struct bench *bench = *state;
    static const char *const values[KEYS] = {"a", "b", "c", "d"};
    struct wire_command *command = bench_command(WIRE_OP_CREATE, keys_at_home(), "");
    for (uint32_t i = 0; i < KEYS; i++) {
        command->values[i] = kv_slice_of_text(values[i]);
    }
    command->target.value = 2;
    assert_int_equal(bench_submit_command(bench, 1, command, 20 * SECOND, false), STATUS_OK);
    const struct bench_send first = bench_expect_send(bench);
    ANSWER(bench, &first, EXISTS, DEFERRED, OK, DEFERRED);
    const struct bench_send second = bench_expect_send(bench);
    assert_int_equal(second.key_count, 2);
    assert_string_equal(second.values[0], "b");
    assert_string_equal(second.values[1], "d");
    ANSWER(bench, &second, OK, DEFERRED);
    const struct bench_send third = bench_expect_send(bench);
    assert_string_equal(third.keys[0], keys_at_home()[3]);
    assert_string_equal(third.values[0], "d");
    ANSWER(bench, &third, OK);
    ASSERT_VERDICTS(bench, 1, EXISTS, OK, OK, OK);
}

static void a_no_to_the_whole_tries_all_its_keys_again(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = submit(bench, 1, WIRE_OP_DELETE, 0, 20 * SECOND);
    bench_say_no(bench, &first, STALE, 2, 3, 50);
    const struct bench_send second = bench_expect_send(bench);
    assert_int_equal(second.key_count, KEYS);
    assert_int_equal(second.id.attempt, 1);
    assert_int_equal(second.owners[2], 3);
    ANSWER(bench, &second, OK, OK, NOT_FOUND, OK);
    ASSERT_VERDICTS(bench, 1, OK, OK, NOT_FOUND, OK);
}

static void deferred_does_not_count_towards_the_oracle(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    static const enum wire_verdict rest[KEYS] = {DEFERRED, DEFERRED, DEFERRED, DEFERRED};
    for (uint32_t round = 0; round < KEYS - 1; round++) { /* one key has room each time */
        enum wire_verdict verdicts[KEYS];
        memcpy(verdicts, rest, sizeof rest);
        verdicts[0] = OK;
        answer(bench, &send, send.key_count, verdicts);
        send = bench_expect_send(bench); /* at once */
        assert_int_equal(send.key_count, KEYS - 1 - round);
        assert_int_equal(send.id.attempt, 1 + round);
        assert_false(send.exec);
    }
    for (uint32_t round = 0; round < 5; round++) { /* no progress: not without a pause */
        answer(bench, &send, 1, rest);
        bench_expect_nothing(bench);
        send = bench_next_request(bench, SECOND);
        assert_false(send.exec);
    }
    ANSWER(bench, &send, OK);
    ASSERT_VERDICTS(bench, 1, OK, OK, OK, OK);
    assert_int_equal(client_counters(bench->client).execs, 0);
}

static void attempts_that_are_used_up_go_on_under_another_sequence(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, UINT64_C(1000000) * SECOND);
    const uint64_t sequence = send.id.sequence;
    for (uint32_t attempt = 0; attempt <= KV_ATTEMPT_LAST; attempt++) {
        assert_int_equal(send.id.attempt, attempt);
        ANSWER(bench, &send, DEFERRED, DEFERRED, DEFERRED, DEFERRED);
        bench_advance(bench, CLIENT_PAUSE_US_MAX);
        send = bench_expect_send(bench);
        bench_skip(bench);
    }
    assert_int_equal(send.id.sequence, sequence + 1);
    assert_int_equal(send.id.attempt, 0);
    assert_int_equal(send.floor, sequence);
}

static void the_oracle_runs_what_is_left_after_three_noes(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    ANSWER(bench, &send, OK, PINNED, STALE, NOT_FOUND);
    bench_expect_nothing(bench); /* one of them is pinned: after a pause */
    send = bench_next_request(bench, SECOND);
    assert_int_equal(send.key_count, 2);
    ANSWER(bench, &send, STALE, STALE);
    send = bench_expect_send(bench);
    assert_int_equal(send.key_count, 2);
    ANSWER(bench, &send, PINNED, DEFERRED);
    send = bench_next_request(bench, SECOND);
    assert_true(send.exec);
    assert_int_equal(send.group.value, 0);
    assert_int_equal(send.destinations.bits, 1);
    assert_int_equal(send.key_count, 2);
    assert_string_equal(send.keys[0], keys_at_home()[1]);
    assert_int_equal(send.target, 2);
    assert_int_equal(send.id.attempt, 3);
    ANSWER(bench, &send, OK, DEFERRED); /* also the oracle's message may have no room */
    send = bench_expect_send(bench);
    assert_true(send.exec);
    assert_int_equal(send.key_count, 1);
    assert_int_equal(send.id.attempt, 4);
    ANSWER(bench, &send, NOT_FOUND);
    ASSERT_VERDICTS(bench, 1, OK, OK, NOT_FOUND, NOT_FOUND);
    assert_int_equal(client_counters(bench->client).stale, 2);
    assert_int_equal(client_counters(bench->client).pinned, 2);
    assert_int_equal(client_counters(bench->client).execs, 2);
}

/* ---- What can be said at the deadline ---- */

static void what_is_done_in_part_is_in_doubt_at_the_deadline(void **state)
{
    (void)state;
    /* the verdict of the first key, the others are pinned -> what is said */
    static const struct {
        enum wire_verdict first;
        enum client_result result;
    } cases[] = {{OK, CLIENT_IN_DOUBT}, {NOT_FOUND, CLIENT_UNAVAILABLE}};
    for (uintptr_t i = 0; i < 2; i++) {
        struct bench *bench = bench_new(i, 4);
        (void)bench_begin_session(bench, PARTITIONS);
        const struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 2000);
        ANSWER(bench, &send, cases[i].first, PINNED, PINNED, PINNED);
        bench_advance(bench, 2000); /* nothing was sent since: of the sequence nothing is open */
        bench_assert_completed(bench, 1, cases[i].result);
        assert_int_equal(submit(bench, 2, WIRE_OP_MOVE, 2, SECOND).floor, send.id.sequence);
        bench_destroy(&bench);
    }
}

static void what_is_done_in_part_cannot_be_refused(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    ANSWER(bench, &send, OK, STALE, STALE, STALE);
    send = bench_expect_send(bench);
    bench_answer(bench, &send, WIRE_VERDICT_UNSUPPORTED);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    send = submit(bench, 2, WIRE_OP_MOVE, 2, 20 * SECOND);
    assert_int_equal(send.floor, 2); /* but of that sequence nothing is open */
    bench_answer(bench, &send, WIRE_VERDICT_UNSUPPORTED);
    bench_assert_completed(bench, 2, CLIENT_REFUSED);
}

static void verdicts_outlive_the_session_of_their_attempt(void **state)
{
    struct bench *bench = *state;
    struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    ANSWER(bench, &send, OK, STALE, NOT_FOUND, OK);
    send = bench_expect_send(bench);
    bench_refuse(bench, &send, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_SESSION_CLOSE);
    (void)bench_open_session(bench);
    send = bench_expect_send(bench);
    assert_int_equal(send.key_count, 1);
    assert_string_equal(send.keys[0], keys_at_home()[1]);
    ANSWER(bench, &send, OK);
    ASSERT_VERDICTS(bench, 1, OK, OK, NOT_FOUND, OK);
}

static void a_late_answer_about_keys_that_are_done_teaches_nothing(void **state)
{
    struct bench *bench = *state;
    const struct bench_send first = submit(bench, 1, WIRE_OP_MOVE, 2, 20 * SECOND);
    bench_answer_places(bench, &first, KEYS, (enum wire_verdict[]){OK, STALE, STALE, STALE},
                        (const uint16_t[]){2, 3, 3, 3}, 50);
    const struct bench_send second = bench_expect_send(bench);
    ANSWER(bench, &second, OK, STALE, OK);
    const struct bench_send third = bench_expect_send(bench);
    /* Place 0 of that attempt is key 1 of the command: not key 0. */
    bench_answer_places(bench, &second, 3, (enum wire_verdict[]){STALE, STALE, STALE},
                        (const uint16_t[]){3, 3, 3}, 99);
    assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(keys_at_home()[0])).value,
                     2);
    ANSWER(bench, &third, OK);
    ASSERT_VERDICTS(bench, 1, OK, OK, OK, OK);
}

static void an_abandoned_one_is_settled_by_any_answer(void **state)
{
    struct bench *bench = *state;
    const struct bench_send send = submit(bench, 1, WIRE_OP_MOVE, 2, 2000);
    bench_advance(bench, 2000);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    ANSWER(bench, &send, OK, STALE, STALE, STALE);
    bench_expect_nothing(bench);
    assert_int_equal(submit(bench, 2, WIRE_OP_MOVE, 2, SECOND).floor, send.id.sequence);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(verdicts_come_in_the_order_of_the_command),
        TEST(a_single_key_at_home_may_be_answered_without_places),
        TEST(the_verdict_of_a_single_key_is_that_of_the_whole),
        TEST(a_verdict_without_places_speaks_for_all_keys_if_it_can),
        TEST(places_that_are_not_one_for_each_key_are_no_answer),
        TEST(deleting_keys_of_several_homes_has_a_leg_for_each),
        TEST(keys_without_a_final_verdict_are_tried_again_alone),
        TEST(each_key_is_tried_again_with_its_own_value),
        TEST(a_no_to_the_whole_tries_all_its_keys_again),
        TEST(deferred_does_not_count_towards_the_oracle),
        TEST(attempts_that_are_used_up_go_on_under_another_sequence),
        TEST(the_oracle_runs_what_is_left_after_three_noes),
        TEST(what_is_done_in_part_is_in_doubt_at_the_deadline),
        TEST(what_is_done_in_part_cannot_be_refused),
        TEST(verdicts_outlive_the_session_of_their_attempt),
        TEST(a_late_answer_about_keys_that_are_done_teaches_nothing),
        TEST(an_abandoned_one_is_settled_by_any_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
