/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says about a write, and what it lets the groups forget: sessions, floors, doubt. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND (1000 * 1000)

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

/* The next request; greetings that come in between are passed over. */
static struct bench_send next_request(struct bench *bench)
{
    struct bench_send send;
    do {
        send = bench_expect_send(bench);
    } while (send.kind != WIRE_MESSAGE_REQUEST);
    return send;
}

static struct bench_send next_request_after(struct bench *bench, uint64_t patience_us)
{
    const uint64_t until_us = bench->now.us + patience_us;
    while (bench->now.us < until_us) {
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            if (send.kind == WIRE_MESSAGE_REQUEST) {
                return send;
            }
        }
        bench_advance(bench, 1000);
    }
    fail_msg("nothing was sent");
    return (struct bench_send){0};
}

static struct bench_send put(struct bench *bench, uintptr_t tag, uint64_t deadline_us)
{
    assert_int_equal(bench_submit(bench, tag, WIRE_OP_PUT, "k", deadline_us), STATUS_OK);
    return bench_expect_send(bench);
}

/* A cluster of one partition and a session; one write is done, so sequences go on from 2. */
static kv_session_id begin(struct bench *bench)
{
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 9999, WIRE_OP_PUT, "first", SECOND), STATUS_OK);
    const kv_session_id session = bench_open_session(bench);
    const struct bench_send send = bench_expect_send(bench);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    return session;
}

/* ---- Sessions ---- */

static void reads_open_no_session_and_many_writes_open_one(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    assert_true(kv_session_is_none(bench_expect_send(bench).id.session));
    for (uintptr_t tag = 2; tag <= 10; tag++) {
        assert_int_equal(bench_submit(bench, tag, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    }
    const kv_session_id session = bench_open_session(bench);
    for (uint64_t sequence = 1; sequence <= 9; sequence++) {
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(kv_session_compare(send.id.session, session), 0);
        assert_int_equal(send.id.sequence, sequence);
        assert_int_equal(send.id.attempt, 0);
        assert_int_equal(send.mode, WIRE_REQUEST_ORDERED);
    }
    bench_expect_nothing(bench);
}

static void a_registration_that_was_done_before_is_taken_over(void **state)
{
    struct bench *bench = *state;
    static struct wire_answer exists;
    exists = (struct wire_answer){.verdict = WIRE_VERDICT_EXISTS, .number = 555, .hint = 0};
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", 20 * SECOND), STATUS_OK);
    const struct bench_send open = bench_expect_send(bench);
    const struct bench_send again = next_request_after(bench, SECOND);
    assert_true(kv_message_id_equal(open.id, again.id)); /* the nonce finds the first one */
    bench_answer_with(bench, &again, &exists);
    const struct bench_send send = next_request(bench);
    assert_int_equal(send.id.session.registered.clock.value, 555);
    bench_answer(bench, &open, WIRE_VERDICT_OK); /* the late answer to the first opens nothing */
    assert_int_equal(client_counters(bench->client).sessions_opened, 1);
}

static void a_session_is_exchanged_after_a_day(void **state)
{
    struct bench *bench = *state;
    const kv_session_id first = begin(bench);
    bench_advance(bench, CLIENT_SESSION_AGE_US);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    const struct bench_send end = bench_expect_send(bench);
    assert_int_equal(end.op, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(kv_session_compare(end.id.session, first), 0);
    const kv_session_id second = bench_open_session(bench);
    assert_int_equal(kv_session_compare(bench_expect_send(bench).id.session, second), 0);
}

static void closing_ends_the_session_and_completes_everything(void **state)
{
    struct bench *bench = *state;
    struct client_event event = {.kind = CLIENT_EVENT_CLOSE};
    const kv_session_id session = begin(bench);
    const struct bench_send send = put(bench, 1, SECOND);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    bench_skip(bench);
    event.now = bench->now;
    assert_int_equal(client_step(bench->client, &event, &bench->effects), STATUS_OK);
    assert_int_equal(bench->effects.count, 2);
    assert_int_equal(bench->effects.effects[0].as.complete.result, CLIENT_CLOSED);
    const struct client_send *end = &bench->effects.effects[1].as.send;
    assert_int_equal(kv_session_compare(end->as.request.id.session, session), 0);
    assert_int_equal(end->as.request.floor, 2);
    assert_false(client_is_idle(bench->client));
    const struct bench_send kept = {.slot = bench->effects.effects[1].slot,
                                    .id = end->as.request.id,
                                    .to = end->to,
                                    .op = WIRE_OP_SESSION_CLOSE};
    client_effects_clear(&bench->effects);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_GET, "k", SECOND), STATUS_UNAVAILABLE);
    bench_answer(bench, &kept, WIRE_VERDICT_OK);
    assert_true(client_is_idle(bench->client));
}

static void closing_does_not_let_the_floor_pass_a_write_in_doubt(void **state)
{
    struct bench *bench = *state;
    struct client_event event = {.kind = CLIENT_EVENT_CLOSE};
    (void)begin(bench);
    (void)put(bench, 1, SECOND);
    event.now = bench->now;
    assert_int_equal(client_step(bench->client, &event, &bench->effects), STATUS_OK);
    assert_int_equal(bench->effects.count, 2);
    assert_int_equal(bench->effects.effects[0].as.complete.result, CLIENT_IN_DOUBT);
    assert_int_equal(bench->effects.effects[1].as.send.as.request.floor, 1);
    client_effects_clear(&bench->effects);
    bench_advance(bench, CLIENT_CLOSE_US);
    assert_true(client_is_idle(bench->client)); /* also when nobody answers */
}

/* ---- The verdict at the deadline ---- */

/* Letters of a script: what becomes of each sending in turn.
 *   L not leader   B busy   F disk full   W wrong group   R refused   D not leader, said twice   . lost */
static void play(struct bench *bench, const char *script, uint64_t deadline_us)
{
    const uint64_t until_us = bench->now.us + deadline_us - 1;
    for (; *script != '\0'; script++) {
        while (bench->send_next == bench->send_count) {
            assert_true(bench->now.us < until_us);
            bench_advance(bench, 1000);
        }
        const struct bench_send send = bench_expect_send(bench);
        if (send.kind == WIRE_MESSAGE_HELLO) {
            script--;
            continue;
        }
        switch (*script) {
        case 'D':
            bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
            bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
            break;
        case 'L':
            bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
            break;
        case 'B':
            bench_refuse(bench, &send, WIRE_OUTCOME_BUSY, 0);
            break;
        case 'F':
            bench_refuse(bench, &send, WIRE_OUTCOME_NO_SPACE, 0);
            break;
        case 'W':
            bench_refuse(bench, &send, WIRE_OUTCOME_WRONG_GROUP, 0);
            break;
        case 'R':
            bench_refuse(bench, &send, WIRE_OUTCOME_REFUSED, 0);
            break;
        default:
            break;
        }
    }
}

/* Time passes; whatever is sent still is refused so; 0: not answered. */
static void let_pass_with(struct bench *bench, uint64_t us, enum wire_outcome outcome)
{
    const uint64_t until_us = bench->now.us + us;
    while (bench->now.us < until_us) {
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            if (outcome != 0 && send.kind == WIRE_MESSAGE_REQUEST) {
                bench_refuse(bench, &send, outcome, 0);
            }
        }
        bench_advance(bench, 1000);
    }
}

static void let_pass(struct bench *bench, uint64_t us, bool refuse)
{
    let_pass_with(bench, us, refuse ? WIRE_OUTCOME_NOT_LEADER : (enum wire_outcome)0);
}

static void a_write_is_in_doubt_only_if_a_sending_may_have_been_ordered(void **state)
{
    static const struct {
        const char *script; /* then everything is refused until the deadline */
        enum client_result result;
    } cases[] = {
        {"", CLIENT_UNAVAILABLE},    {"L", CLIENT_UNAVAILABLE},   {"LLL", CLIENT_UNAVAILABLE},
        {"BBB", CLIENT_UNAVAILABLE}, {"WLB", CLIENT_UNAVAILABLE}, {".", CLIENT_IN_DOUBT},
        {"L.", CLIENT_IN_DOUBT},     {".L", CLIENT_IN_DOUBT},     {".LLL", CLIENT_IN_DOUBT},
        {"D.", CLIENT_IN_DOUBT},     {"D.LLL", CLIENT_IN_DOUBT},  {"R", CLIENT_IN_DOUBT},
        {"RLL", CLIENT_IN_DOUBT},    {"..", CLIENT_IN_DOUBT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(i, 4);
        (void)begin(bench);
        assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", 4 * SECOND), STATUS_OK);
        play(bench, cases[i].script, 4 * SECOND);
        let_pass(bench, 4 * SECOND, true);
        bench_assert_completed(bench, 1, cases[i].result);
        bench_destroy(&bench);
    }
}

static void what_was_never_sent_was_not_executed(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE); /* no map */
    assert_string_equal(bench_completion(bench, 1)->why, "no node of the cluster has answered");
    bench_skip(bench);
    bench_welcome(bench, 1, 16);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 2, CLIENT_UNAVAILABLE); /* no session */
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_PUT, "k", 0), STATUS_OK);
    bench_advance(bench, 0);
    bench_assert_completed(bench, 3, CLIENT_UNAVAILABLE); /* no time */
    for (uint32_t i = 0; i < bench->send_count; i++) {
        assert_int_not_equal(bench->sends[i].op, WIRE_OP_PUT);
    }
}

/* A full disk is told as that, unless something else was heard after it or an earlier sending may have been ordered. */
static void a_full_disk_is_told_at_the_deadline(void **state)
{
    static const struct {
        const char *script;
        enum wire_outcome then; /* until the deadline */
        enum client_result result;
    } cases[] = {
        {"F", WIRE_OUTCOME_NO_SPACE, CLIENT_NO_SPACE},
        {"LBW", WIRE_OUTCOME_NO_SPACE, CLIENT_NO_SPACE},
        {"FFF", WIRE_OUTCOME_BUSY, CLIENT_UNAVAILABLE},
        {"FFF", WIRE_OUTCOME_NOT_LEADER, CLIENT_UNAVAILABLE},
        {".F", WIRE_OUTCOME_NO_SPACE, CLIENT_IN_DOUBT},
        {"F.", WIRE_OUTCOME_NO_SPACE, CLIENT_IN_DOUBT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(i, 4);
        (void)begin(bench);
        assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", 4 * SECOND), STATUS_OK);
        play(bench, cases[i].script, 4 * SECOND);
        let_pass_with(bench, 4 * SECOND, cases[i].then);
        bench_assert_completed(bench, 1, cases[i].result);
        bench_destroy(&bench);
    }
}

/* The session of the first write is an order, too. */
static void a_full_disk_at_the_oracle_is_told_of_a_write_that_has_no_session(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", 4 * SECOND), STATUS_OK);
    bench_skip(bench);
    bench_welcome(bench, 1, 16);
    let_pass_with(bench, 4 * SECOND, WIRE_OUTCOME_NO_SPACE);
    bench_assert_completed(bench, 1, CLIENT_NO_SPACE);
    assert_string_equal(bench_completion(bench, 1)->why, "the disk of the group's leader is full");
}

static void reads_are_never_in_doubt(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
}

static void completion_is_at_the_deadline_and_not_later(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    (void)put(bench, 1, 777777);
    bench_advance(bench, 777776);
    bench_assert_open(bench, 1);
    bench_advance(bench, 1);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
}

static void an_operation_that_the_cluster_does_not_know_is_refused(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, SECOND);
    bench_answer(bench, &first, WIRE_VERDICT_UNSUPPORTED);
    bench_assert_completed(bench, 1, CLIENT_REFUSED);
    const struct bench_send second = put(bench, 2, SECOND);
    bench_refuse(bench, &second, WIRE_OUTCOME_MALFORMED, 0);
    bench_assert_completed(bench, 2, CLIENT_REFUSED);
    const struct bench_send third = put(bench, 3, SECOND);
    assert_int_equal(third.floor, 3);
}

static void an_answer_that_cannot_be_understood_says_so(void **state)
{
    struct bench *bench = *state;
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY};
    (void)begin(bench);
    const struct bench_send send = put(bench, 1, SECOND);
    message.as.reply = (struct wire_reply){
        .id = send.id, .outcome = WIRE_OUTCOME_ANSWERED, .body = kv_slice_of_text("garbage")};
    bench_message(bench, send.slot, send.to.value, &message);
    bench_assert_completed(bench, 1, CLIENT_PROTOCOL);
}

/* ---- Replies that come twice, late, or not at all ---- */

static void an_operation_completes_once_however_often_it_is_answered(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    const struct bench_send again = next_request_after(bench, SECOND);
    assert_true(kv_message_id_equal(first.id, again.id));
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_answer(bench, &first, WIRE_VERDICT_OK);
    bench_answer(bench, &again, WIRE_VERDICT_NOT_FOUND);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->verdict, WIRE_VERDICT_OK);
    assert_int_equal(client_counters(bench->client).unmatched, 2);
}

static void a_late_refusal_of_an_old_sending_does_not_disturb_the_new_one(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    const struct bench_send again = next_request_after(bench, SECOND);
    bench_skip(bench);
    bench_refuse(bench, &first, WIRE_OUTCOME_NOT_LEADER, 3);
    bench_expect_nothing(bench); /* the hint is for others */
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void refused_to_a_resend_is_no_verdict(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    const struct bench_send again = next_request_after(bench, SECOND);
    bench_refuse(bench, &again, WIRE_OUTCOME_REFUSED, 0);
    bench_assert_open(bench, 1);
    bench_answer(bench, &first, WIRE_VERDICT_OK); /* the answer to the first was only slow */
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

/* ---- Floors ---- */

static void the_floor_passes_only_what_is_answered_without_a_gap(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    struct bench_send sends[5];
    for (uintptr_t i = 0; i < 5; i++) { /* sequences 2..6 */
        sends[i] = put(bench, i + 1, 20 * SECOND);
        assert_int_equal(sends[i].floor, 1);
    }
    static const struct {
        uint32_t answered;
        uint64_t floor;
    } steps[] = {{2, 1}, {1, 1}, {0, 4}, {4, 4}, {3, 6}};
    for (uintptr_t i = 0; i < 5; i++) {
        bench_answer(bench, &sends[steps[i].answered], WIRE_VERDICT_OK);
        const struct bench_send probe = put(bench, 100 + i, 20 * SECOND);
        assert_int_equal(probe.floor, steps[i].floor);
        assert_true(probe.floor < probe.id.sequence);
        bench_assert_open(bench, 100 + i);
    }
}

static void a_resend_carries_the_floor_of_its_time(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    const struct bench_send second = put(bench, 2, 20 * SECOND);
    bench_answer(bench, &first, WIRE_VERDICT_OK);
    const struct bench_send again = next_request_after(bench, SECOND);
    assert_true(kv_message_id_equal(again.id, second.id));
    assert_int_equal(second.floor, 1);
    assert_int_equal(again.floor, 2);
}

static void the_floor_waits_for_a_write_in_doubt_until_it_is_answered(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send lost = put(bench, 1, SECOND); /* sequence 2 */
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    assert_int_equal(client_outstanding(bench->client), 0);
    bench_skip(bench);
    struct bench_send next = put(bench, 2, 20 * SECOND);
    assert_int_equal(next.floor, 1);
    const struct bench_send again = next_request_after(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    assert_true(kv_message_id_equal(again.id, lost.id) || kv_message_id_equal(again.id, next.id));
    bench_answer(bench, &lost, WIRE_VERDICT_OK); /* late: nobody is told, but the floor moves */
    assert_int_equal(bench->completion_count, 2);
    bench_skip(bench);
    next = put(bench, 3, SECOND);
    assert_int_equal(next.floor, 2);
}

static void a_write_in_doubt_is_resent_for_a_while_and_then_its_session_left(void **state)
{
    struct bench *bench = *state;
    const kv_session_id session = begin(bench);
    const struct bench_send lost = put(bench, 1, SECOND);
    bench_advance(bench, SECOND);
    bench_skip(bench);
    const struct bench_send again = next_request_after(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    assert_true(kv_message_id_equal(again.id, lost.id));
    const struct bench_send other = put(bench, 2, 60 * SECOND);
    bench_advance(bench, CLIENT_ABANDONED_US);
    assert_int_equal(client_counters(bench->client).sessions_left, 1);
    bench_skip(bench);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_PUT, "k", 60 * SECOND), STATUS_OK);
    const kv_session_id fresh = bench_open_session(bench);
    const struct bench_send next = bench_expect_send(bench);
    assert_int_equal(kv_session_compare(next.id.session, fresh), 0);
    assert_int_equal(next.id.sequence, 1);
    assert_int_equal(next.floor, 0);
    /* The write that is still alive in the old session goes on there; its floor stands still. */
    struct bench_send old = next_request_after(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    while (kv_session_compare(old.id.session, session) != 0) {
        old = next_request_after(bench, 2 * CLIENT_TIMEOUT_US_MAX);
    }
    assert_true(kv_message_id_equal(old.id, other.id));
    assert_int_equal(old.floor, 1);
    bench_skip(bench);
    bench_answer(bench, &old, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 2, CLIENT_ANSWERED);
    const struct bench_send end = bench_expect_send(bench);
    assert_int_equal(end.op, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(kv_session_compare(end.id.session, session), 0);
    assert_int_equal(end.floor, 1);
    bench_answer(bench, &lost, WIRE_VERDICT_OK); /* too late for anything */
    assert_int_equal(client_counters(bench->client).unmatched, 1);
}

static void a_write_that_was_refused_everywhere_does_not_stop_the_floor(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    let_pass(bench, SECOND + 1000, true);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    bench_skip(bench);
    assert_int_equal(put(bench, 2, SECOND).floor, 2);
}

static void a_write_in_doubt_that_turns_out_refused_is_let_go(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send slow = put(bench, 1, CLIENT_TIMEOUT_US / 2);
    bench_advance(bench, CLIENT_TIMEOUT_US / 2);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
    bench_refuse(bench, &slow, WIRE_OUTCOME_NOT_LEADER,
                 2); /* the only sending: it was never ordered */
    bench_expect_nothing(bench);
    assert_int_equal(put(bench, 2, SECOND).floor, 2);
}

static void writes_beyond_the_window_wait_for_the_floor(void **state)
{
    struct bench *bench = *state;
    bench_advance(bench, 0);
    bench_skip(bench);
    bench_welcome(bench, 1, 7); /* a window of four: the power of two below */
    for (uintptr_t tag = 1; tag <= 6; tag++) {
        assert_int_equal(bench_submit(bench, tag, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    }
    (void)bench_open_session(bench);
    struct bench_send sends[4];
    for (int i = 0; i < 4; i++) {
        sends[i] = bench_expect_send(bench);
    }
    bench_expect_nothing(bench);
    bench_answer(bench, &sends[1], WIRE_VERDICT_OK);
    bench_expect_nothing(bench); /* the floor has not moved */
    bench_answer(bench, &sends[0], WIRE_VERDICT_OK);
    for (uint64_t sequence = 5; sequence <= 6; sequence++) {
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.id.sequence, sequence);
        assert_int_equal(send.floor, 2);
    }
}

static void a_window_full_behind_a_write_in_doubt_is_left(void **state)
{
    struct bench *bench = *state;
    bench_advance(bench, 0);
    bench_skip(bench);
    bench_welcome(bench, 1, 2);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    (void)bench_open_session(bench);
    bench_advance(bench, SECOND);
    bench_skip(bench);
    const struct bench_send second = put(bench, 2, SECOND);
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    const kv_session_id fresh = bench_open_session(bench);
    assert_int_equal(kv_session_compare(bench_expect_send(bench).id.session, fresh), 0);
}

/* ---- Sessions that have ended ---- */

static void a_write_meets_an_ended_session_and_starts_again_unseen(void **state)
{
    struct bench *bench = *state;
    const kv_session_id old = begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    bench_refuse(bench, &first, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    const struct bench_send end = bench_expect_send(bench);
    assert_int_equal(end.op, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(kv_session_compare(end.id.session, old), 0);
    const kv_session_id fresh = bench_open_session(bench);
    assert_int_not_equal(kv_session_compare(old, fresh), 0);
    const struct bench_send again = bench_expect_send(bench);
    assert_int_equal(kv_session_compare(again.id.session, fresh), 0);
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void it_starts_again_also_when_the_session_is_found_ended_at_its_turn(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    bench_answer(bench, &first, WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_SESSION_CLOSE);
    (void)bench_open_session(bench);
    const struct bench_send again = bench_expect_send(bench);
    bench_answer(bench, &again, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
}

static void it_starts_again_when_all_other_sendings_were_refused(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    const struct bench_send first = put(bench, 1, 20 * SECOND);
    bench_refuse(bench, &first, WIRE_OUTCOME_NOT_LEADER, 2);
    const struct bench_send second = bench_expect_send(bench);
    bench_refuse(bench, &second, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    bench_assert_open(bench, 1);
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_SESSION_CLOSE);
    (void)bench_open_session(bench);
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_PUT);
}

static void a_resend_that_meets_an_ended_session_is_in_doubt(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    (void)put(bench, 1, 20 * SECOND);
    const struct bench_send again = next_request_after(bench, SECOND);
    bench_refuse(bench, &again, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
    bench_assert_completed(bench, 1, CLIENT_IN_DOUBT);
}

static void a_cluster_that_knows_no_session_is_not_asked_without_pause(void **state)
{
    struct bench *bench = *state;
    (void)begin(bench);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    uint32_t tries = 0;
    const uint64_t until_us = bench->now.us + 2 * SECOND;
    while (bench->now.us < until_us) {
        while (bench->send_next < bench->send_count) {
            if (bench->sends[bench->send_next].op == WIRE_OP_SESSION_OPEN) {
                (void)bench_open_session(bench);
                continue;
            }
            const struct bench_send send = bench_expect_send(bench);
            if (send.op == WIRE_OP_PUT) {
                tries++;
                bench_refuse(bench, &send, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
            }
        }
        bench_advance(bench, 1000);
    }
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    assert_in_range(tries, 3, 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_open_no_session_and_many_writes_open_one),
        TEST(a_registration_that_was_done_before_is_taken_over),
        TEST(a_session_is_exchanged_after_a_day),
        TEST(closing_ends_the_session_and_completes_everything),
        TEST(closing_does_not_let_the_floor_pass_a_write_in_doubt),
        TEST(a_write_is_in_doubt_only_if_a_sending_may_have_been_ordered),
        TEST(a_full_disk_is_told_at_the_deadline),
        TEST(a_full_disk_at_the_oracle_is_told_of_a_write_that_has_no_session),
        TEST(what_was_never_sent_was_not_executed),
        TEST(reads_are_never_in_doubt),
        TEST(completion_is_at_the_deadline_and_not_later),
        TEST(an_operation_that_the_cluster_does_not_know_is_refused),
        TEST(an_answer_that_cannot_be_understood_says_so),
        TEST(an_operation_completes_once_however_often_it_is_answered),
        TEST(a_late_refusal_of_an_old_sending_does_not_disturb_the_new_one),
        TEST(refused_to_a_resend_is_no_verdict),
        TEST(the_floor_passes_only_what_is_answered_without_a_gap),
        TEST(a_resend_carries_the_floor_of_its_time),
        TEST(the_floor_waits_for_a_write_in_doubt_until_it_is_answered),
        TEST(a_write_in_doubt_is_resent_for_a_while_and_then_its_session_left),
        TEST(a_write_that_was_refused_everywhere_does_not_stop_the_floor),
        TEST(a_write_in_doubt_that_turns_out_refused_is_let_go),
        TEST(writes_beyond_the_window_wait_for_the_floor),
        TEST(a_window_full_behind_a_write_in_doubt_is_left),
        TEST(a_write_meets_an_ended_session_and_starts_again_unseen),
        TEST(it_starts_again_also_when_the_session_is_found_ended_at_its_turn),
        TEST(it_starts_again_when_all_other_sendings_were_refused),
        TEST(a_resend_that_meets_an_ended_session_is_in_doubt),
        TEST(a_cluster_that_knows_no_session_is_not_asked_without_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
