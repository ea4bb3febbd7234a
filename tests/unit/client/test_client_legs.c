/* SPDX-License-Identifier: Apache-2.0 */
/* A message to several groups: one leg for each of them, one answer for all. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND     (1000 * 1000)
#define PARTITIONS 3

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

/* A key on each partition, the first of them on partition 1. */
static const char *const *keys_on_all(void)
{
    static char names[PARTITIONS][32];
    static const char *keys[PARTITIONS + 1];
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        keys[i] = bench_keep_key(names[i], 1 + i, PARTITIONS, 0);
    }
    return keys;
}

/* An MPUT (or another operation) to all partitions; its sendings, by partition - 1. */
static void submit(struct bench *bench, uintptr_t tag, enum wire_op op, uint64_t deadline_us,
                   struct bench_send ret[PARTITIONS])
{
    assert_int_equal(bench_submit_command(bench, tag, bench_command(op, keys_on_all(), "value"),
                                          deadline_us, false),
                     STATUS_OK);
    for (uint16_t i = 0; i < PARTITIONS; i++) {
        ret[i] = bench_expect_send(bench);
        assert_int_equal(ret[i].group.value, 1 + i);
    }
    bench_expect_nothing(bench);
}

/* ---- One message ---- */

static void all_legs_carry_the_same_message(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    const kv_session_id session = bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, SECOND, sends);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        assert_true(
            kv_message_id_equal(sends[i].id, sends[0].id)); /* and the body: bench_check_id */
        assert_int_equal(kv_session_compare(sends[i].id.session, session), 0);
        assert_int_equal(sends[i].id.sequence, 2);
        assert_int_equal(sends[i].floor, 1);
        assert_int_equal(sends[i].destinations.bits, 0xe);
        assert_int_equal(sends[i].mode, WIRE_REQUEST_ORDERED);
        assert_int_equal(sends[i].owner_count, PARTITIONS);
        assert_int_equal(sends[i].owners[i], 1 + i);
    }
}

static void there_are_as_many_legs_as_groups(void **state)
{
    struct bench *bench = *state;
    enum { MANY = 40 };
    static char names[MANY][32];
    static const char *keys[MANY + 1];
    (void)bench_begin_session(bench, MANY);
    const uint32_t counts[] = {2, 5, MANY, 3, 11}; /* operations are used again */
    for (uintptr_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t k = 0; k < counts[i]; k++) {
            keys[k] = bench_keep_key(names[k], MANY - k, MANY, 0);
        }
        keys[counts[i]] = NULL;
        assert_int_equal(bench_submit_command(bench, 1 + i, bench_command(WIRE_OP_MPUT, keys, "v"),
                                              SECOND, false),
                         STATUS_OK);
        uint64_t groups = 0;
        for (uint32_t k = 0; k < counts[i]; k++) {
            groups |= UINT64_C(1) << bench_expect_send(bench).group.value;
        }
        bench_expect_nothing(bench);
        bench_advance(bench, CLIENT_TIMEOUT_US + CLIENT_TIMEOUT_US / 4); /* each is resent */
        uint64_t resent = 0;
        struct bench_send send = {.group = {0}};
        while (bench->send_next < bench->send_count) {
            const struct bench_send next = bench_expect_send(bench);
            if (next.kind == WIRE_MESSAGE_REQUEST) {
                send = next;
                resent |= UINT64_C(1) << send.group.value;
            }
        }
        assert_int_equal(groups, send.destinations.bits);
        assert_int_equal(resent, groups);
        bench_answer(bench, &send, WIRE_VERDICT_OK);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + i)->partitions, counts[i]);
    }
}

static void the_answer_of_any_leg_completes_the_operation_once(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        submit(bench, 1 + i, WIRE_OP_MPUT, SECOND, sends);
        bench_answer(bench, &sends[i], WIRE_VERDICT_OK);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + i)->group, 1 + i);
        assert_int_equal(bench_completion(bench, 1 + i)->partitions, PARTITIONS);
        assert_int_equal(bench_completion(bench, 1 + i)->attempts, PARTITIONS);
        bench_answer(bench, &sends[(i + 1) % PARTITIONS], WIRE_VERDICT_OK); /* changes nothing */
    }
    assert_int_equal(client_counters(bench->client).unmatched, PARTITIONS);
    bench_advance(bench, 10 * SECOND);
    bench_expect_nothing(bench); /* no leg goes on */
}

static void a_read_of_several_partitions_is_ordered_and_one_of_a_single_one_is_not(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    const char *const single[] = {keys_on_all()[1], keys_on_all()[1], NULL};
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MGET, SECOND, sends);
    assert_int_equal(sends[0].mode, WIRE_REQUEST_ORDERED);
    assert_int_equal(sends[0].id.sequence, 2);
    bench_answer(bench, &sends[2], WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->rows, PARTITIONS);
    assert_string_equal(bench_completion(bench, 1)->last_key, keys_on_all()[2]);
    for (int stale_ok = 0; stale_ok < 2; stale_ok++) {
        assert_int_equal(bench_submit_command(bench, 2, bench_command(WIRE_OP_MGET, single, ""),
                                              SECOND, stale_ok != 0),
                         STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.mode, stale_ok ? WIRE_REQUEST_STALE : WIRE_REQUEST_READ);
        assert_int_equal(send.owner_count, 0);
        assert_true(kv_session_is_none(send.id.session));
        bench_expect_nothing(bench);
    }
    assert_int_equal(bench_submit_command(bench, 3, bench_command(WIRE_OP_MGET, keys_on_all(), ""),
                                          SECOND, /*stale_ok*/ true),
                     STATUS_OK);
    assert_int_equal(bench_expect_send(bench).mode, WIRE_REQUEST_ORDERED);
    assert_int_equal(client_counters(bench->client).multi_partition, 2);
}

static void what_concerns_the_oracle_has_one_leg_there(void **state)
{
    struct bench *bench = *state;
    const char *const key[] = {keys_on_all()[0], NULL};
    (void)bench_begin_session(bench, PARTITIONS);
    const uint64_t before = client_counters(bench->client).oracle_requests;
    struct wire_command *move = bench_command(WIRE_OP_MOVE, key, "");
    move->target.value = 3;
    assert_int_equal(bench_submit_command(bench, 1, move, SECOND, false), STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    bench_expect_nothing(bench);
    assert_int_equal(send.group.value, 0);
    assert_int_equal(send.destinations.bits, 0xb); /* oracle, home and owner, target */
    assert_int_equal(send.target, 3);
    const struct bench_send again = bench_next_request(bench, SECOND);
    assert_int_equal(again.group.value, 0); /* also when it is resent */
    assert_int_equal(client_counters(bench->client).oracle_requests, before + 2);
    bench_answer_places(bench, &again, 1, (enum wire_verdict[]){WIRE_VERDICT_OK},
                        (const uint16_t[]){3}, 50);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->partitions, 2);
    assert_true(bench_completion(bench, 1)->via_oracle);
}

/* ---- Each leg by itself ---- */

static void a_redirect_concerns_its_leg_alone(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    for (uint16_t i = 0; i < PARTITIONS; i++) {
        submit(bench, 1 + i, WIRE_OP_MPUT, SECOND, sends);
        const uint16_t elsewhere = sends[i].to.value % BENCH_NODES + 1;
        bench_refuse(bench, &sends[i], WIRE_OUTCOME_NOT_LEADER, elsewhere);
        const struct bench_send again = bench_expect_send(bench);
        bench_expect_nothing(bench);
        assert_int_equal(again.group.value, 1 + i);
        assert_int_equal(again.to.value, elsewhere);
        assert_true(kv_message_id_equal(again.id, sends[0].id));
        bench_answer(bench, &again, WIRE_VERDICT_OK);
        bench_assert_completed(bench, 1 + i, CLIENT_ANSWERED);
        for (uint16_t group = 0; group <= PARTITIONS;
             group++) { /* nor do the others' leaders change */
            assert_int_equal(client_leader_of(bench->client, (kv_group_id){group}).value,
                             group == 0 || group > 1 + i ? 1 : 2);
        }
    }
}

static void a_busy_group_pauses_its_leg_alone(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 20 * SECOND, sends);
    bench_refuse(bench, &sends[1], WIRE_OUTCOME_BUSY, 0);
    bench_expect_nothing(bench);
    bench_advance(bench, CLIENT_BUSY_US);
    const struct bench_send again = bench_expect_send(bench);
    assert_int_equal(again.group.value, 2);
    bench_expect_nothing(bench);
    bench_refuse(bench, &again, WIRE_OUTCOME_WRONG_GROUP, 0);
    bench_advance(bench, CLIENT_PAUSE_US);
    struct bench_send third = bench_next_request(bench, 0);
    assert_int_equal(third.group.value, 2);
    assert_int_not_equal(third.to.value, again.to.value);
    bench_answer(bench, &sends[0], WIRE_VERDICT_OK); /* group 1 was not disturbed by all this */
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void a_silent_leg_is_resent_to_the_next_member_until_there_is_an_answer(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    uint32_t resent[PARTITIONS + 1] = {0};
    bool asked[PARTITIONS + 1][BENCH_NODES + 1] = {{false}};
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 20 * SECOND, sends);
    const uint64_t until_us = bench->now.us + 3 * SECOND;
    while (bench->now.us < until_us) {
        const struct bench_send send = bench_next_request(bench, 3 * SECOND);
        assert_true(kv_message_id_equal(send.id, sends[0].id));
        resent[send.group.value]++;
        asked[send.group.value][send.to.value] = true;
    }
    for (uint32_t group = 1; group <= PARTITIONS; group++) {
        assert_in_range(resent[group], 3, 6);
        assert_true(asked[group][1] && asked[group][2] && asked[group][3]);
    }
    bench_answer(bench, &sends[2], WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

/* The group that answers has dropped the session, and with it the answer; the others do not tell. */
static void a_session_that_one_group_has_forgotten_ends_in_doubt_and_not_never(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 1000 * SECOND, sends);
    uint32_t refused = 0;
    bench_refuse(bench, &sends[0], WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    while (bench_completion(bench, 1) == NULL) {
        const struct bench_send send = bench_next_request(bench, 3 * SECOND);
        if (send.group.value == 1 && kv_message_id_equal(send.id, sends[0].id)) {
            bench_refuse(bench, &send, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
            refused++;
        }
        assert_in_range(refused, 0, 100);
    }
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
}

/* Only one group answers such a message, and it may wait for another one. */
static void silence_about_a_message_to_several_groups_blames_no_node(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    bench_advance(bench, SECOND);
    submit(bench, 1, WIRE_OP_MPUT, 20 * SECOND, sends);
    bench_advance(bench, SECOND);
    bench_skip(bench);
    for (uint16_t group = 1; group <= PARTITIONS; group++) {
        assert_int_equal(client_leader_of(bench->client, (kv_group_id){group}).value, 1);
        assert_int_equal(bench_submit(bench, 10 + group, WIRE_OP_GET,
                                      bench_key_on(group, PARTITIONS, 0), SECOND),
                         STATUS_OK);
        assert_int_equal(bench_expect_send(bench).to.value, 1);
    }
}

static void refusals_are_matched_to_their_leg_by_group(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, SECOND, sends);
    struct bench_send foreign = sends[0];
    foreign.group.value = 0;
    bench_refuse(bench, &foreign, WIRE_OUTCOME_NOT_LEADER, 2); /* it has no leg there */
    bench_expect_nothing(bench);
    assert_int_equal(client_counters(bench->client).unmatched, 1);
    assert_int_equal(client_counters(bench->client).redirects, 0);
    bench_assert_open(bench, 1);
}

/* ---- Doubt over all legs ---- */

/* Everything that is sent still is refused until so much time has passed, but not what goes to group `spare`. */
static void refuse_all(struct bench *bench, uint64_t us, uint16_t spare)
{
    const uint64_t until_us = bench->now.us + us;
    while (bench->now.us < until_us) {
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            if (send.kind == WIRE_MESSAGE_REQUEST && send.group.value != spare) {
                bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
            }
        }
        bench_advance(bench, 1000);
    }
}

static void a_write_is_in_doubt_if_any_leg_may_have_been_ordered(void **state)
{
    (void)state;
    for (uint16_t spare = 0; spare <= PARTITIONS; spare++) { /* 0: every leg is refused */
        struct bench *bench = bench_new(spare, 4);
        struct bench_send sends[PARTITIONS];
        (void)bench_begin_session(bench, PARTITIONS);
        submit(bench, 1, WIRE_OP_MPUT, SECOND, sends);
        for (uint16_t i = 0; i < PARTITIONS; i++) {
            if (1 + i != spare) {
                bench_refuse(bench, &sends[i], WIRE_OUTCOME_NOT_LEADER, 0);
            }
        }
        refuse_all(bench, 2 * SECOND, spare);
        bench_assert_completed(bench, 1, spare == 0 ? CLIENT_UNAVAILABLE : CLIENT_IN_DOUBT);
        bench_skip(bench);
        assert_int_equal(bench_submit(bench, 2, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
        bench->send_next = bench->send_count - 1;
        assert_int_equal(bench_expect_send(bench).floor, spare == 0 ? 2 : 1);
        bench_destroy(&bench);
    }
}

static void a_write_in_doubt_is_over_when_its_last_leg_is_refused(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, CLIENT_TIMEOUT_US / 2, sends);
    bench_advance(bench, CLIENT_TIMEOUT_US / 2);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    bench_refuse(bench, &sends[0], WIRE_OUTCOME_BUSY, 0);
    bench_refuse(bench, &sends[2], WIRE_OUTCOME_BUSY, 0);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).floor, 1);
    bench_refuse(bench, &sends[1], WIRE_OUTCOME_BUSY, 0);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).floor, 2);
    bench_advance(bench, CLIENT_TIMEOUT_US / 2);
    bench_expect_nothing(bench);
}

static void an_ordered_read_is_unavailable_at_its_deadline_but_holds_the_floor(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MGET, SECOND / 10, sends);
    bench_advance(bench, SECOND / 10);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    assert_int_equal(client_counters(bench->client).in_doubt, 0);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_PUT, "k", 20 * SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).floor, 1);
    const struct bench_send again = bench_next_request(bench, SECOND);
    assert_true(
        kv_message_id_equal(again.id, sends[0].id)); /* it is resent for the sake of the floor */
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_skip(bench);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).floor, 2);
    assert_int_equal(bench->completion_count, 2);
}

static void a_txn_that_only_reads_is_ordered_and_never_in_doubt(void **state)
{
    struct bench *bench = *state;
    const char *const keys[] = {keys_on_all()[0], NULL};
    (void)bench_begin_session(bench, PARTITIONS);
    for (uintptr_t writes = 0; writes < 2; writes++) {
        struct wire_command *txn = bench_command(WIRE_OP_TXN, keys, "");
        txn->guard_count = 1;
        txn->branch_count[WIRE_BRANCH_THEN] = 1;
        txn->steps[0] = (struct wire_step){.kind = WIRE_GUARD_EXISTS};
        txn->steps[1] = (struct wire_step){.kind = writes ? WIRE_STEP_INCR : WIRE_STEP_GET};
        assert_int_equal(bench_submit_command(bench, 1 + writes, txn, SECOND, false), STATUS_OK);
        assert_int_equal(bench_expect_send(bench).mode, WIRE_REQUEST_ORDERED); /* messages.md */
        bench_advance(bench, SECOND);
        bench_skip(bench);
    }
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    bench_assert_completed(bench, 2, CLIENT_IN_DOUBT);
}

static void closing_completes_a_message_to_several_by_what_its_legs_know(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    struct client_event event = {.kind = CLIENT_EVENT_CLOSE};
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, SECOND, sends);
    submit(bench, 2, WIRE_OP_MGET, SECOND, sends);
    submit(bench, 3, WIRE_OP_MPUT, SECOND, sends);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        bench_refuse(bench, &sends[i], WIRE_OUTCOME_BUSY, 0);
    }
    event.now = bench->now;
    assert_int_equal(client_step(bench->client, &event, &bench->effects), STATUS_OK);
    assert_int_equal(bench->effects.effects[0].as.complete.result, CLIENT_IN_DOUBT);
    assert_int_equal(bench->effects.effects[1].as.complete.result, CLIENT_CLOSED);
    assert_int_equal(bench->effects.effects[2].as.complete.result, CLIENT_CLOSED);
    client_effects_clear(&bench->effects);
}

/* ---- Sessions that have ended ---- */

static void a_leg_without_the_session_waits_for_what_the_others_know(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    const kv_session_id old = bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 20 * SECOND, sends);
    bench_refuse(bench, &sends[0], WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    bench_assert_open(bench, 1); /* it may have been ordered at the others */
    bench_refuse(bench, &sends[1], WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    bench_assert_open(bench, 1);
    bench_refuse(bench, &sends[2], WIRE_OUTCOME_SESSION_UNKNOWN, 0); /* now it was not */
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_SESSION_CLOSE);
    const kv_session_id fresh = bench_open_session(bench);
    assert_int_not_equal(kv_session_compare(old, fresh), 0);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(kv_session_compare(send.id.session, fresh), 0);
        sends[i] = send;
    }
    bench_answer(bench, &sends[0], WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void an_ended_session_leaves_a_write_in_doubt_if_its_leg_was_sent_twice(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 20 * SECOND, sends);
    struct bench_send again;
    do {
        again = bench_next_request(bench, SECOND);
    } while (again.group.value != 1);
    bench_refuse(bench, &again, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
}

static void a_read_whose_session_has_ended_starts_again_in_any_case(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MGET, 20 * SECOND, sends);
    bench_refuse(bench, &sends[0], WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    const struct bench_send end = bench_expect_send(bench);
    assert_int_equal(end.op, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(end.floor, 1); /* what may have been ordered is not passed */
    const kv_session_id fresh = bench_open_session(bench);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        sends[i] = bench_expect_send(bench);
        assert_int_equal(kv_session_compare(sends[i].id.session, fresh), 0);
    }
    bench_answer(bench, &sends[0], WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

/* ---- Deadlines ---- */

static void many_legs_have_one_deadline_and_each_its_own_patience(void **state)
{
    struct bench *bench = *state;
    struct bench_send sends[PARTITIONS];
    (void)bench_begin_session(bench, PARTITIONS);
    submit(bench, 1, WIRE_OP_MPUT, 777777, sends);
    bench_refuse(bench, &sends[1], WIRE_OUTCOME_BUSY, 0);
    bench_advance(bench, CLIENT_TIMEOUT_US - 1);
    while (bench->send_next <
           bench->send_count) { /* only the busy leg had reason to be sent again */
        assert_int_equal(bench_expect_send(bench).group.value, 2);
    }
    bench_advance(bench, 777777 - CLIENT_TIMEOUT_US);
    bench_assert_open(bench, 1);
    bench_advance(bench, 1);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    assert_int_equal(client_outstanding(bench->client), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_legs_carry_the_same_message),
        TEST(there_are_as_many_legs_as_groups),
        TEST(the_answer_of_any_leg_completes_the_operation_once),
        TEST(a_read_of_several_partitions_is_ordered_and_one_of_a_single_one_is_not),
        TEST(what_concerns_the_oracle_has_one_leg_there),
        TEST(a_redirect_concerns_its_leg_alone),
        TEST(a_busy_group_pauses_its_leg_alone),
        TEST(a_silent_leg_is_resent_to_the_next_member_until_there_is_an_answer),
        TEST(a_session_that_one_group_has_forgotten_ends_in_doubt_and_not_never),
        TEST(silence_about_a_message_to_several_groups_blames_no_node),
        TEST(refusals_are_matched_to_their_leg_by_group),
        TEST(a_write_is_in_doubt_if_any_leg_may_have_been_ordered),
        TEST(a_write_in_doubt_is_over_when_its_last_leg_is_refused),
        TEST(an_ordered_read_is_unavailable_at_its_deadline_but_holds_the_floor),
        TEST(a_txn_that_only_reads_is_ordered_and_never_in_doubt),
        TEST(closing_completes_a_message_to_several_by_what_its_legs_know),
        TEST(a_leg_without_the_session_waits_for_what_the_others_know),
        TEST(an_ended_session_leaves_a_write_in_doubt_if_its_leg_was_sent_twice),
        TEST(a_read_whose_session_has_ended_starts_again_in_any_case),
        TEST(many_legs_have_one_deadline_and_each_its_own_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
