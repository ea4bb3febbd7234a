/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly once: the rules of docs/execution.md, one by one. A counter is incremented by every
 * command that runs, so that its value tells how often something was executed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/engine/fixture.h"

#define SESSIONS_MAX 3

/* Ids of sessions: timestamps of registrations, far below those of deliveries or above makes no
 * difference. */
#define ALICE 101
#define BOB   102

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

/* Deliver an increment of "n". */
static enum wire_verdict bump(struct fixture *fixture, kv_message_id id, uint64_t floor)
{
    fixture_incr(fixture, "n", 1);
    return fixture_deliver(fixture, id, floor);
}

static void a_command_is_executed_and_answered(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    assert_int_equal(fixture->reply.timestamp.clock.value, 1);
    assert_int_equal(fixture->reply.index.value, 1);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

static void a_second_delivery_gives_the_recorded_reply(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    bump(fixture, fixture_id(BOB, 1, 1), 0);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    assert_int_equal(fixture->reply.timestamp.clock.value, 1);
    assert_int_equal(fixture->reply.index.value, 1);
    assert_string_equal(fixture_value(fixture, "n"), "2");
}

static void a_second_delivery_does_not_even_look_at_the_body(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    fixture_incr(fixture, "other", 7);
    assert_int_equal(fixture_deliver(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    assert_string_equal(fixture_value(fixture, "other"), "(none)");
}

static void a_no_is_recorded_like_a_yes(void **state)
{
    struct fixture *fixture = *state;
    fixture_put_text(fixture, "k", "present");
    fixture_deliver(fixture, fixture_id(ALICE, 1, 1), 0);
    fixture_put_if_absent(fixture, "k", "new");
    assert_int_equal(fixture_deliver(fixture, fixture_id(BOB, 1, 1), 0), WIRE_VERDICT_EXISTS);
    fixture_plain(fixture, WIRE_OP_DELETE);
    fixture->command.key_count = 1;
    fixture->command.keys[0] = kv_slice_of_text("k");
    fixture_deliver(fixture, fixture_id(ALICE, 2, 1), 1);

    /* The key is free now, but the answer was given. */
    fixture_put_if_absent(fixture, "k", "new");
    assert_int_equal(fixture_deliver(fixture, fixture_id(BOB, 1, 1), 0), WIRE_VERDICT_EXISTS);
    assert_memory_equal(fixture->answer.rows[0].value.data, "present", 7);
    assert_string_equal(fixture_value(fixture, "k"), "(none)");
}

static void bytes_that_are_no_command_are_answered_and_recorded(void **state)
{
    struct fixture *fixture = *state;
    const kv_message_id id = fixture_id(ALICE, 1, 1);
    assert_int_equal(fixture_deliver_bytes(fixture, id, 0, kv_slice_of("\xff\x00?", 3)),
                     WIRE_VERDICT_UNSUPPORTED);
    assert_int_equal(bump(fixture, id, 0), WIRE_VERDICT_UNSUPPORTED);
    assert_string_equal(fixture_value(fixture, "n"), "(none)");
    assert_int_equal(fixture_deliver_bytes(fixture, fixture_id(ALICE, 2, 1), 0, (kv_slice){0}),
                     WIRE_VERDICT_UNSUPPORTED);
}

static void a_sequence_at_or_below_the_floor_is_refused(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 5, 1), 4);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 4, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 0, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(fixture->reply.timestamp.clock.value, 4);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

static void a_resend_behind_the_raised_floor_is_refused_and_not_run_again(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    bump(fixture, fixture_id(ALICE, 2, 1), 1);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 2), 0), WIRE_VERDICT_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "2");
}

static void the_floor_is_raised_before_its_own_message_is_judged(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(bump(fixture, fixture_id(ALICE, 3, 1), 3), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 3, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 4, 1), 0), WIRE_VERDICT_OK);
    /* A refused message raises the floor as well. */
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 4), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 4, 1), 0), WIRE_VERDICT_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

static void a_floor_never_sinks(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 10, 1), 9);
    bump(fixture, fixture_id(ALICE, 11, 1), 2);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 9, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 10, 1), 0), WIRE_VERDICT_OK);
    assert_string_equal(fixture_value(fixture, "n"), "2");
}

static void outstanding_commands_run_once_in_any_order(void **state)
{
    struct fixture *fixture = *state;
    static const uint64_t order[] = {7, 2, 9, 1, 8, 3, 6, 5, 4};
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
            assert_int_equal(bump(fixture, fixture_id(ALICE, order[i], 1), 0), WIRE_VERDICT_OK);
            assert_int_equal(fixture->answer.number, i + 1);
            engine_check(fixture->engine);
        }
    }
    assert_string_equal(fixture_value(fixture, "n"), "9");
}

static void the_next_attempt_after_a_no_runs_and_replaces_its_record(void **state)
{
    struct fixture *fixture = *state;
    fixture_put_text(fixture, "k", "x");
    fixture_deliver(fixture, fixture_id(BOB, 1, 1), 0);
    fixture_put_if_absent(fixture, "k", "y");
    assert_int_equal(fixture_deliver(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_EXISTS);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 2), 0), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 2), 0), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    /* A late duplicate of the attempt that was answered NO. */
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

static void an_earlier_attempt_never_runs_behind_a_later_one(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 3), 0), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 2), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 1, 2), 0), ENGINE_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "1");
}

/* Whoever sends it says that the earlier one had a NO [X2]. Whether it had is not asked: that may depend on when the votes of others
 * came, which members see at different times. */
static void a_further_attempt_runs_whatever_became_of_the_earlier_one(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 2), 0), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_REFUSED);
    assert_string_equal(fixture_value(fixture, "n"), "2");
}

static void sessions_do_not_share_sequences(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    assert_int_equal(bump(fixture, fixture_id(BOB, 1, 1), 0), WIRE_VERDICT_OK);
    kv_message_id id = fixture_id(ALICE, 1, 1);
    id.session.registered.group.value = 2; /* same clock, another registration */
    assert_int_equal(bump(fixture, id, 0), WIRE_VERDICT_OK);
    assert_string_equal(fixture_value(fixture, "n"), "3");
}

static void records_survive_save_and_load(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 2, 1), 1);
    bump(fixture, fixture_id(ALICE, 4, 1), 1);
    fixture_reload(fixture, SESSIONS_MAX);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 4, 1), 1), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 2);
    assert_int_equal(fixture->reply.index.value, 2);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 1, 1), 0), WIRE_VERDICT_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 3, 1), 1), WIRE_VERDICT_OK);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 2, 1), 1), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    assert_string_equal(fixture_value(fixture, "n"), "3");
}

static void a_message_without_a_session_is_not_deduplicated_but_must_register(void **state)
{
    struct fixture *fixture = *state;
    const kv_message_id none = {.sequence = 99, .attempt = 1};
    assert_int_equal(bump(fixture, none, 0), WIRE_VERDICT_UNSUPPORTED);
    assert_string_equal(fixture_value(fixture, "n"), "(none)");
    assert_int_equal(engine_sessions(fixture->engine), 0);
    assert_int_equal(fixture_admit(fixture, none, 0), ENGINE_ADMIT);
    fixture_plain(fixture, WIRE_OP_SESSION_OPEN);
    assert_int_equal(fixture_deliver(fixture, fixture_id(ALICE, 1, 1), 0),
                     WIRE_VERDICT_UNSUPPORTED);
}

static void admission_says_what_delivery_would(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 1, 1), 0), ENGINE_ADMIT);
    bump(fixture, fixture_id(ALICE, 3, 1), 2);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 3, 1), 0), ENGINE_RECORDED);
    assert_int_equal(fixture->answer.number, 1);
    assert_int_equal(fixture->reply.timestamp.clock.value, 1);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 2, 1), 0), ENGINE_REFUSED);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 4, 1), 0), ENGINE_ADMIT);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 4, 1), 4), ENGINE_REFUSED);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 3, 1), 3), ENGINE_REFUSED);
}

static void admission_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 3, 1), 2);
    const uint64_t digest = engine_digest(fixture->engine);
    fixture_admit(fixture, fixture_id(ALICE, 4, 1), 3);
    fixture_admit(fixture, fixture_id(BOB, 4, 1), 3);
    fixture_admit(fixture, fixture_id(ALICE, 3, 1), 0);
    assert_int_equal(engine_digest(fixture->engine), digest);
    assert_int_equal(engine_sessions(fixture->engine), 1);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 3, 1), 0), ENGINE_RECORDED);
}

/* Another group's leader can have one ordered here; it must not stop the replicas, and must be the same at all. */
static void a_message_to_groups_that_its_body_does_not_name_is_executed_by_nobody(void **state)
{
    struct fixture *fixture = *state;
    bump(fixture, fixture_id(ALICE, 1, 1), 0);
    struct kv_buffer body = {0};
    fixture_incr(fixture, "n", 1); /* what would change something if it were executed */
    wire_command_encode(&fixture->command, &body);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_PROPOSE, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    entry->id = fixture_id(ALICE, 2, 1);
    entry->floor = 1;
    entry->destinations.bits = 6;
    entry->index.value = ++fixture->clock + fixture->index_offset;
    engine_step(fixture->engine,
                &(struct engine_event){.kind = ENGINE_EVENT_DELIVER,
                                       .entry = entry,
                                       .timestamp = {{fixture->clock}, {2}}},
                &fixture->effects);
    wire_entry_drop(&entry);
    assert_int_equal(fixture->effects.reply_count, 1);
    assert_int_equal(fixture->effects.send_count, 0);
    assert_int_equal(wire_answer_decode(fixture->effects.replies[0].answer, &fixture->answer),
                     STATUS_OK);
    assert_int_equal(fixture->answer.verdict, WIRE_VERDICT_UNSUPPORTED);
    assert_int_equal(fixture_admit(fixture, fixture_id(ALICE, 1, 1), 0), ENGINE_REFUSED);
    assert_int_equal(bump(fixture, fixture_id(ALICE, 3, 1), 0), WIRE_VERDICT_OK);
    assert_string_equal(fixture_value(fixture, "n"), "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_command_is_executed_and_answered),
        TEST(a_second_delivery_gives_the_recorded_reply),
        TEST(a_second_delivery_does_not_even_look_at_the_body),
        TEST(a_no_is_recorded_like_a_yes),
        TEST(bytes_that_are_no_command_are_answered_and_recorded),
        TEST(a_sequence_at_or_below_the_floor_is_refused),
        TEST(a_resend_behind_the_raised_floor_is_refused_and_not_run_again),
        TEST(the_floor_is_raised_before_its_own_message_is_judged),
        TEST(a_floor_never_sinks),
        TEST(outstanding_commands_run_once_in_any_order),
        TEST(the_next_attempt_after_a_no_runs_and_replaces_its_record),
        TEST(an_earlier_attempt_never_runs_behind_a_later_one),
        TEST(a_further_attempt_runs_whatever_became_of_the_earlier_one),
        TEST(sessions_do_not_share_sequences),
        TEST(records_survive_save_and_load),
        TEST(a_message_without_a_session_is_not_deduplicated_but_must_register),
        TEST(admission_says_what_delivery_would),
        TEST(admission_changes_nothing),
        TEST(a_message_to_groups_that_its_body_does_not_name_is_executed_by_nobody),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
