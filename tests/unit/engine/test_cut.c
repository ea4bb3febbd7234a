/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: the states that the groups cut are together that of one moment, and commands go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"
#include "tests/reference/reference_places.h"
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

static void order_mark(struct together *together, kv_message_id id)
{
    (void)command_begin(together, WIRE_OP_MARK);
    (void)together_order(together, id, (kv_group_set){0});
}

static struct engine *leader_of(struct together *together, unsigned group)
{
    return together_leader(together, group)->engine;
}

static enum engine_cut_state cut_of(struct together *together, unsigned group)
{
    return engine_cut(leader_of(together, group)).state;
}

/* An engine that goes on from a saved state. */
static struct engine *engine_of(unsigned group, kv_slice saved)
{
    const struct machine machine = group == 0
                                       ? oracle_machine_new(TOGETHER_PARTITIONS, 0)
                                       : kv_machine_new(group_of(group), TOGETHER_PARTITIONS);
    struct engine *engine = engine_new(group_of(group), machine, 0);
    const enum status status = engine_load(engine, saved);
    assert_int_equal(status, STATUS_OK);
    return engine;
}

/* ---- By example ---- */

static void a_mark_with_nothing_in_front_is_reached_at_once_by_who_leads(void **state)
{
    struct together *together = *state;
    order_put(together, command_id(1, 1), together_key(1, 0), 1, "v");
    order_mark(together, command_id(2, 1));
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_follower(together, 1));
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_REACHED);
    assert_int_equal(engine_cut(leader_of(together, 1)).timestamp.clock.value, together->clock);
    assert_int_equal(engine_cut(together_follower(together, 1)->engine).state, ENGINE_CUT_NONE);
    engine_cut_end(leader_of(together, 1), true);
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_TAKEN);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

static void nothing_behind_a_mark_executes_before_it_is_taken(void **state)
{
    struct together *together = *state;
    const kv_slice w = together_key(1, 0), x = together_key(1, 1);
    order_put_two(together, command_id(1, 1), w, 1, together_key(2, 0), 2, "w");
    order_mark(together, command_id(2, 1));
    order_put(together, command_id(3, 1), x, 1, "behind");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_WAITING);
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 2, 1);
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_REACHED);
    assert_int_equal(engine_keys(leader_of(together, 1)), 1); /* W */
    order_put(together, command_id(4, 1), together_key(1, 2), 1, "behind, too");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(engine_keys(leader_of(together, 1)), 1);
    assert_int_equal(verdict_of(together, command_id(3, 1)), 0);
    engine_cut_end(leader_of(together, 1), true);
    assert_int_equal(engine_deadline(leader_of(together, 1)).us, together->now.us);
    together_tick(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
}

static void a_mark_that_is_not_reached_in_time_lets_everybody_go_on(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "w");
    order_mark(together, command_id(2, 1));
    order_put(together, command_id(3, 1), together_key(1, 1), 1, "behind");
    apply_all(together, together_leader(together, 1));
    const kv_instant begun = together->now;
    while (cut_of(together, 1) == ENGINE_CUT_WAITING) { /* partition 2 is away for long */
        together->now = engine_deadline(leader_of(together, 1));
        together_tick(together, together_leader(together, 1));
    }
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_MISSED);
    assert_true(together->now.us - begun.us <= 5000000);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

static void a_mark_that_nobody_takes_is_missed(void **state)
{
    struct together *together = *state;
    order_mark(together, command_id(1, 1));
    order_put(together, command_id(2, 1), together_key(1, 1), 1, "behind");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_REACHED);
    while (cut_of(together, 1) == ENGINE_CUT_REACHED) {
        together->now = engine_deadline(leader_of(together, 1));
        together_tick(together, together_leader(together, 1));
    }
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_MISSED);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    engine_cut_end(leader_of(together, 1), true); /* too late: harmless */
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_MISSED);
}

static void a_mark_behind_another_one_is_answered_and_not_cut(void **state)
{
    struct together *together = *state;
    order_mark(together, command_id(1, 1));
    const uint64_t first = together->clock;
    order_mark(together, command_id(2, 1));
    apply_all(together, together_leader(together, 0));
    assert_int_equal(engine_cut(leader_of(together, 0)).timestamp.clock.value, first);
    engine_cut_end(leader_of(together, 0), true);
    together_settle(together);
    assert_int_equal(engine_cut(leader_of(together, 0)).timestamp.clock.value, first);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

static void a_scan_that_waits_is_served_by_the_gate_of_a_mark(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "w");
    apply_all(together, together_leader(together, 1));
    struct wire_command *command = command_begin(together, WIRE_OP_SCAN);
    command->limit = 10;
    command->keys[0] = command->keys[1] = (kv_slice){0}; /* no bounds */
    command->key_count = 2;
    const uint32_t scan = together_read(together, group_of(1)); /* its gate is closed now */
    order_put(together, command_id(2, 1), together_key(1, 1), 1, "x");
    order_mark(together, command_id(3, 1));
    order_put(together, command_id(4, 1), together_key(1, 2), 1, "y");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 2, 1);
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_REACHED);
    assert_int_equal(read_verdict(together, scan), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.row_count, 2); /* all before the mark, nothing behind */
}

/* A registration touches no variable, so no queue keeps it behind the one before; and the oracle's state has them in order. */
static void registrations_behind_a_gate_keep_their_order(void **state)
{
    struct together *together = together_new();
    struct kv_buffer body = {0}, saved = {0};
    (void)state;
    order_mark(together, command_id(1, 1));
    apply_all(together, together_leader(together, 0));
    wire_command_encode(command_begin(together, WIRE_OP_SESSION_OPEN), &body);
    for (uint64_t nonce = 1; nonce <= 2; nonce++) {
        together_order_body(together, (kv_message_id){.sequence = nonce},
                            kv_group_set_of(KV_GROUP_ORACLE), 0, kv_buffer_slice(&body));
    }
    assert_true(together_apply(together, together_leader(together, 0))); /* it waits at the gate */
    assert_int_equal(engine_unfinished(leader_of(together, 0)), 1);
    engine_cut_end(leader_of(together, 0), true);
    assert_true(together_apply(together, together_leader(together, 0))); /* and the gate opens */
    assert_int_equal(engine_unfinished(leader_of(together, 0)), 0);
    engine_save(leader_of(together, 0), &saved);
    struct engine *engine = engine_of(0, kv_buffer_slice(&saved));
    engine_destroy(&engine);
    kv_buffer_close(&body);
    kv_buffer_close(&saved);
    together_close(&together);
}

/* ---- What begins with a cut ---- */

static void a_state_in_which_something_before_the_cut_waits_is_none(void **state)
{
    struct together *together = *state;
    struct kv_buffer saved = {0};
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "w");
    const kv_timestamp cut = {{together->clock}, {0}};
    apply_all(together, together_leader(together, 1));
    engine_save(leader_of(together, 1), &saved);
    struct engine *engine = engine_of(1, kv_buffer_slice(&saved));
    assert_int_equal(engine_begin_anew(engine, cut, cut), STATUS_CORRUPT);
    assert_int_equal(engine_unfinished(engine), 1);
    engine_destroy(&engine);
    kv_buffer_close(&saved);
}

static void who_begins_anew_knows_no_session_of_before(void **state)
{
    struct together *together = *state;
    struct kv_buffer saved = {0};
    struct engine_reply reply;
    order_put(together, command_id(1, 1), together_key(1, 0), 1, "v");
    order_mark(together, command_id(2, 1));
    const kv_timestamp cut = {{together->clock}, {0}}, anew = {{together->clock + 100}, {0}};
    order_put(together, command_id(3, 1), together_key(1, 1), 1, "behind");
    apply_all(together, together_leader(together, 1));
    engine_save(leader_of(together, 1), &saved);
    struct engine *engine = engine_of(1, kv_buffer_slice(&saved));
    assert_int_equal(engine_unfinished(engine), 1);
    assert_int_equal(engine_begin_anew(engine, cut, anew), STATUS_OK);
    assert_int_equal(engine_unfinished(engine), 0);
    assert_int_equal(engine_runs(engine), 0);
    assert_int_equal(engine_sessions(engine), 0);
    assert_int_equal(engine_keys(engine), 1);
    assert_int_equal(engine_admit(engine, command_id(1, 1), 0, &reply), ENGINE_SESSION_UNKNOWN);
    assert_int_equal(engine_admit(engine, command_id(3, 1), 0, &reply), ENGINE_SESSION_UNKNOWN);
    const kv_message_id late = {{anew}, 1, 1}, fresh = {{{{anew.clock.value + 1}, {0}}}, 1, 1};
    assert_int_equal(engine_admit(engine, late, 0, &reply), ENGINE_SESSION_UNKNOWN);
    assert_int_equal(engine_admit(engine, fresh, 0, &reply), ENGINE_ADMIT);
    assert_int_equal(engine_cursor(engine).clock.value, anew.clock.value);
    engine_destroy(&engine);
    kv_buffer_close(&saved);
}

static void the_oracle_begins_anew_without_what_it_was_asked_to_run(void **state)
{
    struct together *together = *state;
    struct kv_buffer saved = {0};
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "1");
    together_settle(together);
    order_exec_incr(together, command_id(2, 1), key);
    order_mark(together, command_id(3, 1));
    const kv_timestamp cut = {{together->clock}, {0}};
    apply_all(together,
              together_leader(together, 0)); /* the execution is ordered behind the mark */
    assert_int_equal(cut_of(together, 0), ENGINE_CUT_REACHED);
    engine_save(leader_of(together, 0), &saved);
    struct engine *engine = engine_of(0, kv_buffer_slice(&saved));
    assert_int_equal(engine_begin_anew(engine, cut, cut), STATUS_OK);
    struct engine_effects effects = {0};
    engine_step(
        engine,
        &(struct engine_event){.kind = ENGINE_EVENT_TICK, .now = together->now, .leads = true},
        &effects);
    assert_int_equal(effects.submit_count, 0);
    assert_int_equal(engine_keys(engine), 1); /* and knows where the keys are */
    engine_effects_close(&effects);
    engine_destroy(&engine);
    kv_buffer_close(&saved);
}

/* ---- At random ---- */

#define RUNS   150
#define BEFORE 30 /* commands in front of the mark, at most; and behind it */
#define KEYS   2  /* of each home: nearly all of them wait for each other */

struct cuts {
    struct kv_prng prng;
    struct together *together;
    uint64_t sequence;
    uint32_t mark; /* its place among the messages + 1; 0: not ordered */
    kv_timestamp timestamp;
    bool taken[TOGETHER_GROUPS];
    struct kv_buffer states[TOGETHER_GROUPS];
    char values[2 * BEFORE + 2][16];
};

static kv_slice any_key(struct cuts *cuts, unsigned *ret_at)
{
    const kv_slice key =
        together_key((unsigned)kv_prng_between(&cuts->prng, 1, TOGETHER_PARTITIONS),
                     (unsigned)kv_prng_below(&cuts->prng, KEYS));
    *ret_at = reference_find(cuts->together->reference, key).group.value;
    return key;
}

static void order_any(struct cuts *cuts)
{
    struct together *together = cuts->together;
    unsigned at, at_b;
    const kv_slice key = any_key(cuts, &at), other = any_key(cuts, &at_b);
    const unsigned to = (unsigned)kv_prng_between(&cuts->prng, 1, TOGETHER_PARTITIONS);
    const kv_message_id id = command_id(++cuts->sequence, 1);
    char *value = cuts->values[cuts->sequence];
    snprintf(value, sizeof cuts->values[0], "%u", (unsigned)cuts->sequence);
    switch (kv_prng_below(&cuts->prng, 8)) {
    case 0:
        order_put(together, id, key, at, value);
        return;
    case 1:
        order_incr(together, id, key, at);
        return;
    case 2:
        order_create(together, id, key, to, value);
        return;
    case 3:
        order_delete(together, id, key, at);
        return;
    case 4:
        order_exec_incr(together, id, key);
        return;
    case 5:
        if (at != to) {
            order_move(together, id, key, at, to);
            return;
        }
        break;
    default:
        if (at != at_b && !kv_slice_equal(key, other)) {
            order_put_two(together, id, key, at, other, at_b, value);
            return;
        }
        break;
    }
    order_put(together, id, key, at, value);
}

static void take_cuts(struct cuts *cuts)
{
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        struct engine *engine = leader_of(cuts->together, g);
        const struct engine_cut cut = engine_cut(engine);
        assert_int_not_equal(cut.state, ENGINE_CUT_MISSED);
        /* Sometimes the driver takes a while, and more is delivered. */
        if (cut.state == ENGINE_CUT_REACHED && kv_prng_chance(&cuts->prng, 1, 3)) {
            assert_int_equal(kv_timestamp_compare(cut.timestamp, cuts->timestamp), 0);
            engine_save(engine, &cuts->states[g]);
            engine_cut_end(engine, true);
            cuts->taken[g] = true;
        }
    }
}

static bool all_are_taken(const struct cuts *cuts)
{
    bool all = true;
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        all = all && cuts->taken[g];
    }
    return all;
}

static void step(struct cuts *cuts)
{
    struct together *together = cuts->together;
    struct together_member *member =
        &together->members[kv_prng_below(&cuts->prng, TOGETHER_GROUPS)]
                          [kv_prng_below(&cuts->prng, TOGETHER_MEMBERS)];
    const uint64_t choice = kv_prng_below(&cuts->prng, 100);
    if (choice < 15 && cuts->sequence < BEFORE) {
        order_any(cuts);
    } else if (choice < 60) {
        (void)together_apply(together, member);
    } else if (choice < 95 && together->packet_count > 0) {
        const uint32_t i = (uint32_t)kv_prng_below(&cuts->prng, together->packet_count);
        together_deliver(together, i);
        together_drop(together, i);
    } else {
        together->now.us += 1000;
        together_tick(together, member);
    }
    take_cuts(cuts);
}

/* The reference that has run what stands before the mark, and not what stands behind. */
static struct reference *reference_at_mark(const struct cuts *cuts, struct wire_answer *scratch)
{
    struct reference *reference = reference_new(TOGETHER_PARTITIONS, 0);
    for (uint32_t i = 0; i < cuts->mark; i++) {
        const struct wire_entry *message = cuts->together->messages[i];
        const struct reference_message said = {
            message->id,    message->destinations,    message->timestamp,
            message->floor, wire_entry_body(message), NULL};
        (void)reference_run(reference, &said, scratch);
    }
    return reference;
}

static void check_cuts(struct cuts *cuts)
{
    struct engine *engines[TOGETHER_GROUPS];
    char text[REFERENCE_TEXT_BYTES];
    struct reference *reference = reference_at_mark(cuts, &cuts->together->answer);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        engines[g] = engine_of(g, kv_buffer_slice(&cuts->states[g]));
        assert_int_equal(engine_begin_anew(engines[g], cuts->timestamp, cuts->timestamp),
                         STATUS_OK);
        engine_check(engines[g]);
    }
    const bool agree = reference_places_agree(reference, engines, TOGETHER_PARTITIONS, text);
    if (!agree) {
        fprintf(stderr, "%s\n", text);
    }
    assert_true(agree);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        engine_destroy(&engines[g]);
        kv_buffer_close(&cuts->states[g]);
    }
    reference_close(&reference);
}

static void the_cut_of_all_groups_is_the_reference_at_the_mark(void **state)
{
    uint32_t first = 1, runs = RUNS, waited = 0;
    (void)state;
    if (getenv("CUT_SEED") != NULL) {
        first = (uint32_t)strtoul(getenv("CUT_SEED"), NULL, 10);
        runs = 1;
    }
    for (uint32_t seed = first; seed < first + runs; seed++) {
        struct cuts cuts = {.together = together_new()};
        kv_prng_init(&cuts.prng, seed);
        const uint32_t before = (uint32_t)kv_prng_below(&cuts.prng, BEFORE);
        while (cuts.sequence < before) {
            step(&cuts);
        }
        order_mark(cuts.together, command_id(++cuts.sequence, 1));
        cuts.mark = cuts.together->message_count;
        cuts.timestamp = cuts.together->messages[cuts.mark - 1]->timestamp;
        for (uint32_t i = 0; i < 100000 && !all_are_taken(&cuts); i++) {
            step(&cuts);
            for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
                waited += cut_of(cuts.together, g) == ENGINE_CUT_WAITING ? 1 : 0;
            }
        }
        assert_true(all_are_taken(&cuts));
        check_cuts(&cuts);
        together_settle(cuts.together);
        together_check(cuts.together); /* and the old cluster has lost nothing */
        together_close(&cuts.together);
    }
    assert_true(runs < RUNS || waited > 1000); /* else the hard part was not tested */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_mark_with_nothing_in_front_is_reached_at_once_by_who_leads),
        TEST(nothing_behind_a_mark_executes_before_it_is_taken),
        TEST(a_mark_that_is_not_reached_in_time_lets_everybody_go_on),
        TEST(a_mark_that_nobody_takes_is_missed),
        TEST(a_mark_behind_another_one_is_answered_and_not_cut),
        TEST(a_scan_that_waits_is_served_by_the_gate_of_a_mark),
        cmocka_unit_test(registrations_behind_a_gate_keep_their_order),
        TEST(a_state_in_which_something_before_the_cut_waits_is_none),
        TEST(who_begins_anew_knows_no_session_of_before),
        TEST(the_oracle_begins_anew_without_what_it_was_asked_to_run),
        cmocka_unit_test(the_cut_of_all_groups_is_the_reference_at_the_mark),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
