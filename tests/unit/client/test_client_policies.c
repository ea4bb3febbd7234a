/* SPDX-License-Identifier: Apache-2.0 */
/* Who executes a command on several partitions, and where a key is created. */
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

/* Keys with their homes in these partitions, ending with 0; each partition's are taken in turn. */
static const char *const *keys_on(const uint32_t *partitions)
{
    static char names[BENCH_KEYS_MAX][32];
    static const char *keys[BENCH_KEYS_MAX + 1];
    uint32_t taken[PARTITIONS + 1] = {0};
    uint32_t count = 0;
    for (; partitions[count] != 0; count++) {
        keys[count] =
            bench_keep_key(names[count], partitions[count], PARTITIONS, taken[partitions[count]]++);
    }
    keys[count] = NULL;
    return keys;
}

#define KEYS_ON(...) keys_on((const uint32_t[]){__VA_ARGS__, 0})

static struct bench_send submit(struct bench *bench, uintptr_t tag, enum wire_op op,
                                const char *const *keys, enum client_policy policy, uint16_t target)
{
    assert_int_equal(bench_submit_as(bench, tag,
                                     (struct client_submit){.command = bench_command(op, keys, "v"),
                                                            .policy = policy,
                                                            .target = {target}},
                                     SECOND),
                     STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    bench_skip(bench);
    return send;
}

/* ---- Policies ---- */

static void a_policy_names_who_executes_and_who_is_concerned(void **state)
{
    struct bench *bench = *state;
    const struct {
        enum client_policy policy;
        uint16_t target;
        enum wire_policy sent;
        uint16_t chosen;
        uint64_t destinations;
        uint16_t group; /* of the first leg */
    } cases[] = {
        {CLIENT_POLICY_DEFAULT, 0, WIRE_POLICY_EXCHANGE, 0, 0x6, 1},
        {CLIENT_POLICY_EXCHANGE, 3, WIRE_POLICY_EXCHANGE, 0, 0x6, 1},
        {CLIENT_POLICY_MOVE, 2, WIRE_POLICY_MOVE, 2, 0x7, 0}, /* the oracle notes it */
        {CLIENT_POLICY_MOVE, 3, WIRE_POLICY_MOVE, 3, 0xf, 0},
        {CLIENT_POLICY_BORROW, 1, WIRE_POLICY_BORROW, 1, 0x6, 1}, /* nothing moves for good */
        {CLIENT_POLICY_BORROW, 3, WIRE_POLICY_BORROW, 3, 0xe, 1},
    };
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bench_send send =
            submit(bench, 1 + i, WIRE_OP_MPUT, KEYS_ON(1, 2), cases[i].policy, cases[i].target);
        assert_int_equal(send.policy, cases[i].sent);
        assert_int_equal(send.target, cases[i].chosen);
        assert_int_equal(send.destinations.bits, cases[i].destinations);
        assert_int_equal(send.group.value, cases[i].group);
        assert_int_equal(send.owner_count, 2);
    }
}

static void without_a_target_the_partition_with_most_keys_is_chosen(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(
        submit(bench, 1, WIRE_OP_MPUT, KEYS_ON(1, 3, 2, 3), CLIENT_POLICY_MOVE, 0).target, 3);
    assert_int_equal(
        submit(bench, 2, WIRE_OP_MPUT, KEYS_ON(3, 2, 1), CLIENT_POLICY_BORROW, 0).target,
        1); /* a tie: the lowest */
    assert_int_equal(
        submit(bench, 3, WIRE_OP_MPUT, KEYS_ON(3, 2, 3, 1, 2), CLIENT_POLICY_MOVE, 0).target, 2);
}

static void a_policy_concerns_only_access_to_several_partitions(void **state)
{
    struct bench *bench = *state;
    struct bench_send send =
        submit(bench, 1, WIRE_OP_MPUT, KEYS_ON(2, 2), CLIENT_POLICY_MOVE, 3); /* of one partition */
    assert_int_equal(send.policy, WIRE_POLICY_EXCHANGE);
    assert_int_equal(send.target, 0);
    assert_int_equal(send.destinations.bits, 0x4);
    assert_int_equal(send.owner_count, 0);
    assert_int_equal(submit(bench, 2, WIRE_OP_GET, KEYS_ON(2), CLIENT_POLICY_MOVE, 3).mode,
                     WIRE_REQUEST_READ);
    assert_int_equal(submit(bench, 3, WIRE_OP_MGET, KEYS_ON(1, 2), CLIENT_POLICY_MOVE, 2).policy,
                     WIRE_POLICY_MOVE);
    const char *keys[3] = {KEYS_ON(1, 2)[0], KEYS_ON(1, 2)[1], NULL};
    if (strcmp(keys[0], keys[1]) > 0) {
        const char *first = keys[0];
        keys[0] = keys[1];
        keys[1] = first;
    }
    send = submit(bench, 4, WIRE_OP_DELETE, keys, CLIENT_POLICY_MOVE, 3); /* per key */
    assert_int_equal(send.policy, WIRE_POLICY_EXCHANGE);
    assert_int_equal(send.destinations.bits, 0x6);
}

static void a_txn_of_one_partition_needs_no_policy(void **state)
{
    struct bench *bench = *state;
    struct wire_command *txn = bench_command(WIRE_OP_TXN, KEYS_ON(2), "");
    txn->branch_count[WIRE_BRANCH_THEN] = 1;
    txn->steps[0] = (struct wire_step){.kind = WIRE_STEP_INCR, .number = 1};
    assert_int_equal(
        bench_submit_as(
            bench, 1,
            (struct client_submit){.command = txn, .policy = CLIENT_POLICY_MOVE, .target = {3}},
            SECOND),
        STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    assert_int_equal(send.policy, WIRE_POLICY_EXCHANGE);
    assert_int_equal(send.destinations.bits, 0x4);
    assert_int_equal(send.owner_count, 0);
}

static void the_client_has_a_policy_that_an_operation_may_override(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, 4);
    struct client_settings settings = {.outstanding_max = 4,
                                       .policy = WIRE_POLICY_BORROW,
                                       .endpoint_count = 1,
                                       .endpoints = {kv_slice_of_text("tcp://a:1")}};
    client_destroy(&bench->client);
    bench->client = client_new(&settings, bench->now);
    (void)bench_begin_session(bench, PARTITIONS);
    assert_int_equal(submit(bench, 1, WIRE_OP_MPUT, KEYS_ON(1, 2), CLIENT_POLICY_DEFAULT, 0).policy,
                     WIRE_POLICY_BORROW);
    assert_int_equal(
        submit(bench, 2, WIRE_OP_MPUT, KEYS_ON(1, 2), CLIENT_POLICY_EXCHANGE, 0).policy,
        WIRE_POLICY_EXCHANGE);
    assert_int_equal(submit(bench, 3, WIRE_OP_MPUT, KEYS_ON(1, 2), CLIENT_POLICY_MOVE, 0).policy,
                     WIRE_POLICY_MOVE);
    bench_destroy(&bench);
}

static void the_oracle_runs_a_command_with_its_policy(void **state)
{
    struct bench *bench = *state;
    struct bench_send send =
        submit(bench, 1, WIRE_OP_MPUT, KEYS_ON(1, 2, 2), CLIENT_POLICY_MOVE, 0);
    for (int i = 0; i < CLIENT_NOES_MAX; i++) {
        assert_int_equal(send.target, 2);
        bench_say_no(bench, &send, WIRE_VERDICT_PINNED, 0, 0, 0);
        send = bench_next_request(bench, SECOND);
    }
    assert_true(send.exec);
    assert_int_equal(send.policy, WIRE_POLICY_MOVE);
    assert_int_equal(send.target, 2);
    assert_int_equal(send.owner_count, 0);
    static struct wire_answer answer;
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    answer.place_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        answer.places[i] = (struct wire_place){i, WIRE_VERDICT_OK, {2}, {{50}, {0}}};
    }
    bench_answer_with(bench, &send, &answer);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    send = submit(bench, 2, WIRE_OP_MPUT, KEYS_ON(1, 2, 2), CLIENT_POLICY_MOVE, 0);
    assert_int_equal(send.destinations.bits, 0x4); /* now they are together */
}

/* ---- Targets ---- */

static enum status try(struct bench *bench, uintptr_t tag, enum wire_op op, const char *const *keys,
                       uint16_t target, bool least_loaded)
{
    struct wire_command *command = bench_command(op, keys, "v");
    command->target.value = target;
    return bench_submit_as(bench, tag,
                           (struct client_submit){.command = command, .least_loaded = least_loaded},
                           SECOND);
}

static void targets_that_cannot_be_are_refused_at_once(void **state)
{
    struct bench *bench = *state;
    const char *const *one = KEYS_ON(1);
    const char *const two[] = {"a", "b", NULL};
    assert_int_equal(try(bench, 1, WIRE_OP_MOVE, one, 4, false), STATUS_INVALID);
    assert_int_equal(try(bench, 1, WIRE_OP_MOVE, one, 0, false), STATUS_INVALID);
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, one, 4, false), STATUS_INVALID);
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, two, 0, false), STATUS_INVALID);
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, one, 2, true), STATUS_INVALID);
    assert_int_equal(try(bench, 1, WIRE_OP_DELETE, one, 0, true), STATUS_INVALID);
    assert_int_equal(bench_submit_as(bench, 1,
                                     (struct client_submit){
                                         .command = bench_command(WIRE_OP_MPUT, KEYS_ON(1, 2), "v"),
                                         .policy = CLIENT_POLICY_MOVE,
                                         .target = {4}},
                                     SECOND),
                     STATUS_INVALID);
    assert_int_equal(client_outstanding(bench->client), 0);
    bench_expect_nothing(bench);
}

static void a_target_that_the_map_does_not_have_is_refused_when_it_comes(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, 8);
    const char *const one[] = {"k", NULL};
    assert_int_equal(try(bench, 1, WIRE_OP_MOVE, one, 3, false), STATUS_OK);
    assert_int_equal(try(bench, 2, WIRE_OP_CREATE, one, 3, false), STATUS_OK);
    assert_int_equal(try(bench, 3, WIRE_OP_CREATE, one, 0, false), STATUS_OK);
    bench_begin(bench, 2);
    bench_assert_completed(bench, 1, CLIENT_REFUSED);
    bench_assert_completed(bench, 2, CLIENT_REFUSED);
    bench_assert_open(bench, 3);
    bench_destroy(&bench);
}

static void a_body_without_room_for_owners_is_too_large(void **state)
{
    struct bench *bench = *state;
    static uint8_t value[KV_VALUE_BYTES_MAX];
    const char *const keys[] = {"a", "b", "c", "d", NULL};
    struct wire_command *command = bench_command(WIRE_OP_MPUT, keys, "");
    for (uint32_t i = 0; i < 3; i++) {
        command->values[i] = kv_slice_of(value, KV_VALUE_BYTES_MAX);
    }
    struct kv_buffer encoded = {.data = NULL};
    command->values[3] = kv_slice_of(value, KV_VALUE_BYTES_MAX - 256);
    wire_command_encode(command, &encoded);
    const size_t spare = KV_BODY_BYTES_MAX - encoded.size;
    kv_buffer_close(&encoded);
    for (uint32_t room = 0; room <= 4 + CLIENT_PLACEMENT_BYTES_MAX; room++) {
        command->values[3] = kv_slice_of(value, KV_VALUE_BYTES_MAX - 256 + spare - room);
        assert_int_equal(bench_submit_command(bench, 1 + room, command, SECOND, false),
                         room < 4 + CLIENT_PLACEMENT_BYTES_MAX ? STATUS_TOO_LARGE : STATUS_OK);
    }
    assert_int_equal(client_outstanding(bench->client), 1);
}

static void a_key_without_a_target_is_created_at_home(void **state)
{
    struct bench *bench = *state;
    for (uint32_t home = 1; home <= PARTITIONS; home++) {
        assert_int_equal(try(bench, home, WIRE_OP_CREATE, KEYS_ON(home), 0, false), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.target, home);
        assert_int_equal(send.destinations.bits, 1u << home);
        assert_int_equal(send.owner_count, 0);
        bench_answer(bench, &send, WIRE_VERDICT_OK);
        bench_assert_completed(bench, home, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, home)->groups[0], home);
        assert_int_equal(
            client_partition_of(bench->client, kv_slice_of_text(KEYS_ON(home)[0])).value, home);
    }
}

/* ---- The least loaded ---- */

static void answer_loads(struct bench *bench, const struct bench_send *send,
                         const char *const *counts)
{
    static const char *const names[PARTITIONS] = {"1", "2", "3"};
    static struct wire_answer answer;
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        if (counts[i] != NULL) {
            answer.rows[answer.row_count++] =
                (struct wire_row){kv_slice_of_text(names[i]), kv_slice_of_text(counts[i]), true};
        }
    }
    bench_answer_with(bench, send, &answer);
}

#define ANSWER_LOADS(bench, send, ...)                                                             \
    answer_loads(bench, send, (const char *const[PARTITIONS]){__VA_ARGS__})

static struct bench_send expect_question(struct bench *bench)
{
    const struct bench_send send = bench_expect_send(bench);
    assert_int_equal(send.op, WIRE_OP_PARTITIONS);
    assert_int_equal(send.group.value, 0);
    assert_int_equal(send.mode, WIRE_REQUEST_READ);
    bench_expect_nothing(bench);
    return send;
}

static void the_partition_with_fewest_keys_is_asked_for_and_chosen(void **state)
{
    struct bench *bench = *state;
    /* placed keys of each partition, NULL: not named -> the target */
    static const struct {
        const char *counts[PARTITIONS];
        uint16_t target;
    } cases[] = {
        {{"5", "4", "6"}, 2}, {{"100", "99", "9"}, 3}, {{"1", NULL, "1"}, 2}, {{"0", "1", "1"}, 1}};
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(try(bench, 1 + i, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
        const struct bench_send question = expect_question(bench);
        answer_loads(bench, &question, cases[i].counts);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.op, WIRE_OP_CREATE);
        assert_int_equal(send.target, cases[i].target);
        assert_string_equal(send.values[0], "v");
        bench_advance(bench, CLIENT_LOADS_US);
        bench_skip(bench);
    }
}

static void one_question_serves_many_creates_which_then_spread(void **state)
{
    struct bench *bench = *state;
    for (uintptr_t tag = 1; tag <= 3; tag++) {
        assert_int_equal(try(bench, tag, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    }
    const struct bench_send question = expect_question(bench);
    ANSWER_LOADS(bench, &question, "0", "2", "5");
    uint32_t targets[PARTITIONS + 1] = {0};
    for (int i = 0; i < 3; i++) {
        targets[bench_expect_send(bench).target]++;
    }
    for (uintptr_t tag = 4; tag <= 9; tag++) { /* and those that come a little later */
        assert_int_equal(try(bench, tag, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.op, WIRE_OP_CREATE);
        targets[send.target]++;
    }
    /* Nine keys onto 0, 2 and 5: 5, 5 and 6 or one of the other orders. */
    assert_in_range(targets[1], 5, 6);
    assert_in_range(targets[2], 3, 4);
    assert_in_range(targets[3], 0, 1);
    bench_advance(bench, CLIENT_LOADS_US);
    bench_skip(bench);
    assert_int_equal(try(bench, 10, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    (void)expect_question(bench); /* the count has become old */
}

static void several_keys_count_as_several_and_stay_together(void **state)
{
    struct bench *bench = *state;
    const char *const keys[] = {"a", "b", "c", NULL};
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, keys, 0, true), STATUS_OK);
    const struct bench_send question = expect_question(bench);
    ANSWER_LOADS(bench, &question, "9", "0", "2");
    assert_int_equal(bench_expect_send(bench).target, 2);
    assert_int_equal(try(bench, 2, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).target, 3); /* 9, 3, 2 */
}

static void equal_partitions_are_chosen_at_random(void **state)
{
    (void)state;
    uint32_t targets[PARTITIONS + 1] = {0};
    for (uint64_t seed = 0; seed < 90; seed++) {
        struct bench *bench = bench_new(seed, 4);
        (void)bench_begin_session(bench, PARTITIONS);
        assert_int_equal(try(bench, 1, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
        const struct bench_send question = expect_question(bench);
        ANSWER_LOADS(bench, &question, "4", "4", "4");
        targets[bench_expect_send(bench).target]++;
        bench_destroy(&bench);
    }
    for (uint32_t group = 1; group <= PARTITIONS; group++) {
        assert_in_range(targets[group], 15, 50);
    }
}

static void the_target_stays_through_all_attempts(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    const struct bench_send question = expect_question(bench);
    ANSWER_LOADS(bench, &question, "9", "0", "0");
    struct bench_send send = bench_expect_send(bench);
    const uint16_t target = send.target;
    for (int i = 0; i < CLIENT_NOES_MAX; i++) {
        bench_say_no(bench, &send, WIRE_VERDICT_PINNED, 0, 0, 0);
        send = bench_next_request(bench, SECOND);
        assert_int_equal(send.op, WIRE_OP_CREATE);
        assert_int_equal(send.target, target);
    }
    assert_true(send.exec);
}

static void a_word_of_the_oracle_without_sense_is_asked_for_again(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    struct bench_send question = expect_question(bench);
    static const char *const bad[] = {"", "-1", "1x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ANSWER_LOADS(bench, &question, "1", bad[i], "1");
        bench_expect_nothing(bench);
        question = bench_next_request(bench, SECOND);
        assert_int_equal(question.op, WIRE_OP_PARTITIONS);
    }
    ANSWER_LOADS(bench, &question, "1", "0", "1");
    assert_int_equal(bench_expect_send(bench).target, 2);
}

static void an_oracle_that_is_away_lets_it_be_unavailable_and_is_left_alone(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(try(bench, 1, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    (void)expect_question(bench);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    bench_advance(bench, 3 * SECOND);
    bench_skip(bench);
    bench_advance(bench, 60 * SECOND);
    while (bench->send_next < bench->send_count) { /* nobody wants to know any more */
        assert_int_equal(bench_expect_send(bench).kind, WIRE_MESSAGE_HELLO);
    }
    assert_int_equal(try(bench, 2, WIRE_OP_CREATE, KEYS_ON(1), 0, true), STATUS_OK);
    const struct bench_send question = expect_question(bench);
    bench_answer(bench, &question, WIRE_VERDICT_UNSUPPORTED);
    bench_assert_completed(bench, 2, CLIENT_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_policy_names_who_executes_and_who_is_concerned),
        TEST(without_a_target_the_partition_with_most_keys_is_chosen),
        TEST(a_policy_concerns_only_access_to_several_partitions),
        TEST(a_txn_of_one_partition_needs_no_policy),
        TEST(the_client_has_a_policy_that_an_operation_may_override),
        TEST(the_oracle_runs_a_command_with_its_policy),
        TEST(targets_that_cannot_be_are_refused_at_once),
        TEST(a_target_that_the_map_does_not_have_is_refused_when_it_comes),
        TEST(a_body_without_room_for_owners_is_too_large),
        TEST(a_key_without_a_target_is_created_at_home),
        TEST(the_partition_with_fewest_keys_is_asked_for_and_chosen),
        TEST(one_question_serves_many_creates_which_then_spread),
        TEST(several_keys_count_as_several_and_stay_together),
        TEST(equal_partitions_are_chosen_at_random),
        TEST(the_target_stays_through_all_attempts),
        TEST(a_word_of_the_oracle_without_sense_is_asked_for_again),
        TEST(an_oracle_that_is_away_lets_it_be_unavailable_and_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
