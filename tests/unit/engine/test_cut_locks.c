/* SPDX-License-Identifier: Apache-2.0 */
/* Marks while commands wait for locks: who waits holds up no cut, unless other groups have a part in him, and what begins anew has neither
 * him nor the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"
#include "tests/unit/engine/commands.h"

#define SHORT_US 100000

static struct engine *leader_of(struct together *together, unsigned group)
{
    return together_leader(together, group)->engine;
}

static enum engine_cut_state cut_of(struct together *together, unsigned group)
{
    return engine_cut(leader_of(together, group)).state;
}

static kv_timestamp order_mark(struct together *together, kv_message_id id)
{
    (void)command_begin(together, WIRE_OP_MARK);
    order(together, id);
    return last(together);
}

/* An engine that begins anew with a saved state. */
static struct engine *begin_anew(unsigned group, kv_slice saved, kv_timestamp cut)
{
    const struct machine machine = group == 0
                                       ? oracle_machine_new(TOGETHER_PARTITIONS, 0)
                                       : kv_machine_new(group_of(group), TOGETHER_PARTITIONS);
    struct engine *engine = engine_new(group_of(group), machine, 0);
    enum status status = engine_load(engine, saved);
    assert_int_equal(status, STATUS_OK);
    status = engine_begin_anew(engine, cut, cut);
    assert_int_equal(status, STATUS_OK);
    engine_check(engine);
    assert_int_equal(engine_runs(engine), 0);
    return engine;
}

/* Take the cut of a group that has reached it, and begin anew with it. */
static struct engine *take(struct together *together, unsigned group, kv_timestamp cut)
{
    struct kv_buffer saved = {0};
    struct engine *engine = leader_of(together, group);
    assert_int_equal(engine_cut(engine).state, ENGINE_CUT_REACHED);
    engine_save(engine, &saved);
    engine_cut_end(engine, true);
    struct engine *anew = begin_anew(group, kv_buffer_slice(&saved), cut);
    kv_buffer_close(&saved);
    return anew;
}

static const char *value_in(struct together *together, struct engine *engine, kv_slice key)
{
    static char text[32];
    struct wire_answer *answer = &together->answer;
    struct kv_buffer body = {0};
    struct wire_command *command = command_begin(together, WIRE_OP_GET);
    command->keys[command->key_count++] = key;
    wire_command_encode(command, &body);
    const kv_slice said = engine_read(engine, kv_buffer_slice(&body));
    assert_int_equal(wire_answer_decode(said, answer), STATUS_OK);
    kv_buffer_close(&body);
    snprintf(text, sizeof(text), "%.*s",
             answer->row_count == 0 ? 0 : (int)answer->rows[0].value.size,
             answer->row_count == 0 ? "" : (const char *)answer->rows[0].value.data);
    return text;
}

static void apply_everywhere(struct together *together)
{
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        apply_all(together, together_leader(together, g));
        apply_all(together, together_follower(together, g));
    }
}

/* ---- By example ---- */

static void a_mark_is_reached_while_others_wait_for_a_lock(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_put(together, command_id(1, 1), key, 1, "before");
    const kv_timestamp token = order_lock(together, command_id(2, 1), key, 1);
    run_for(together, SHORT_US);
    (void)order_lock(together, command_id(3, 1), key, 1);
    order_put(together, command_id(4, 1), key, 1, "waits");
    lock_begin(together, key, 1)->exec = true; /* by the oracle, which pins the key meanwhile */
    together->command.owner_count = 0;
    (void)together_order(together, command_id(5, 1), kv_group_set_of(KV_GROUP_ORACLE));
    run_for(together, SHORT_US);
    const kv_timestamp cut = order_mark(together, command_id(6, 1));
    apply_everywhere(together);
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        struct engine *engine = take(together, g, cut);
        if (g == 1) {
            assert_string_equal(value_in(together, engine, key), "before");
        }
        engine_destroy(&engine);
    }
    order_about(together, command_id(7, 1), WIRE_OP_UNLOCK, token);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(4, 1)), 0); /* behind the next holder */
}

/* What he waits for may end before the driver has frozen the state. */
static void who_waited_when_a_cut_was_reached_has_no_turn_before_it_is_taken(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0);
    order_create(together, command_id(1, 1), b, 3, "elsewhere");
    run_for(together, SHORT_US);
    order_lock_two(together, command_id(2, 1), a, 1, b, 2); /* comes to nothing: B is not there */
    order_put(together, command_id(3, 1), a, 1, "waits");
    const kv_timestamp cut = order_mark(together, command_id(4, 1));
    apply_all(together, together_leader(together, 1));
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_REACHED);
    apply_all(together, together_leader(together, 0));
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 0, 1);
    deliver_from_to(together, 2, 1);
    assert_string_equal(value_in(together, leader_of(together, 1), a), "");
    struct engine *engine = take(together, 1, cut);
    assert_string_equal(value_in(together, engine, a), "");
    engine_destroy(&engine);
    run_for(together, SHORT_US);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

/* Else the group had voted on something behind the mark. */
static void who_would_not_wait_is_refused_behind_a_gate_when_it_opens(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_put(together, command_id(1, 1), key, 1, "before");
    (void)order_lock(together, command_id(2, 1), key, 1);
    run_for(together, SHORT_US);
    const kv_timestamp cut = order_mark(together, command_id(3, 1));
    struct wire_command *command = command_begin(together, WIRE_OP_MOVE);
    command->no_wait = true;
    command->target = group_of(2);
    command_add_key(command, key, 1);
    order(together, command_id(4, 1));
    command = command_begin(together, WIRE_OP_PUT);
    command->no_wait = true;
    command->keys[command->key_count++] = key;
    command_add_value(command, "behind");
    (void)together_order(together, command_id(5, 1), kv_group_set_of(group_of(1)));
    apply_all(together, together_leader(together, 1)); /* only who leads has a gate */
    assert_int_equal(verdict_of(together, command_id(5, 1)), 0);
    struct engine *engine = take(together, 1, cut);
    assert_string_equal(value_in(together, engine, key), "before");
    engine_destroy(&engine);
    run_for(together, 3000000); /* the others' gates open by themselves */
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_LOCKED);
    assert_int_equal(verdict_of(together, command_id(5, 1)), WIRE_VERDICT_LOCKED);
}

/* One of its groups may execute it before its cut, when the other has cut without it. */
static void a_change_of_several_groups_that_waits_for_a_lock_holds_up_a_mark(void **state)
{
    struct together *together = *state;
    const kv_slice a = together_key(1, 0), b = together_key(2, 0);
    const kv_timestamp token = order_lock(together, command_id(1, 1), a, 1);
    order_put_two(together, command_id(2, 1), a, 1, b, 2, "both");
    run_for(together, SHORT_US);
    (void)order_mark(together, command_id(3, 1));
    apply_everywhere(together);
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_WAITING);
    assert_int_equal(cut_of(together, 2), ENGINE_CUT_WAITING);
    assert_int_equal(cut_of(together, 3), ENGINE_CUT_REACHED);
    order_about(together, command_id(4, 1), WIRE_OP_UNLOCK, token);
    run_for(together, 3000000);
    assert_int_equal(cut_of(together, 1), ENGINE_CUT_MISSED); /* the release stands behind it */
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

/* ---- At random ---- */

#define RUNS   200
#define BEFORE 24 /* commands in front of the mark, at most; and behind it */
#define PAIRS  2  /* of keys that are only written together */
#define ALONE  7  /* a key of partition 1 that is written alone */

struct cuts {
    struct kv_prng prng;
    struct together *together;
    uint64_t sequence;
    kv_timestamp timestamp, tokens[PAIRS];
    bool taken[TOGETHER_GROUPS];
    struct kv_buffer states[TOGETHER_GROUPS];
    uint32_t waiters; /* what waited where it was cut */
    char values[2 * BEFORE + 2][16];
};

static void order_pair(struct cuts *cuts, kv_message_id id, uint32_t pair, enum wire_op op,
                       kv_timestamp token, const char *value)
{
    struct wire_command *command = command_begin(cuts->together, op);
    const kv_slice a = together_key(1, pair), b = together_key(2, pair);
    const bool swapped = kv_slice_compare(a, b) > 0;
    command_add_key(command, swapped ? b : a, swapped ? 2 : 1);
    command_add_key(command, swapped ? a : b, swapped ? 1 : 2);
    command->token = token;
    if (op == WIRE_OP_LOCK) {
        command->ttl_ms = COMMAND_TTL_MS;
        command->no_wait = kv_prng_chance(&cuts->prng, 1, 4);
    } else {
        command_add_value(command, value);
        command_add_value(command, value);
    }
    order(cuts->together, id);
}

static void order_any(struct cuts *cuts)
{
    struct together *together = cuts->together;
    const uint32_t pair = (uint32_t)kv_prng_below(&cuts->prng, PAIRS);
    const kv_message_id id = command_id(++cuts->sequence, 1);
    char *value = cuts->values[cuts->sequence];
    const bool locked = cuts->tokens[pair].clock.value != 0;
    const uint64_t choice = kv_prng_between(&cuts->prng, 0, locked ? 11 : 3);
    snprintf(value, sizeof(cuts->values[0]), "%u", (unsigned)cuts->sequence);
    if (choice < 2) {
        order_pair(cuts, id, pair, WIRE_OP_LOCK, (kv_timestamp){0}, NULL);
        cuts->tokens[pair] = last(together);
    } else if (choice < 4) {
        cuts->tokens[pair] = order_lock(together, id, together_key(1, ALONE), 1);
    } else if (choice < 6) {
        order_about(together, id, WIRE_OP_UNLOCK, cuts->tokens[pair]);
    } else if (choice < 8) {
        order_pair(cuts, id, pair, WIRE_OP_MPUT, cuts->tokens[pair], value);
    } else if (choice < 9) {
        order_pair(cuts, id, pair, WIRE_OP_MPUT, (kv_timestamp){0}, value);
    } else {
        order_put(together, id, together_key(1, ALONE), 1, value);
    }
}

static void take_cuts(struct cuts *cuts)
{
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        struct engine *engine = leader_of(cuts->together, g);
        if (engine_cut(engine).state == ENGINE_CUT_REACHED && kv_prng_chance(&cuts->prng, 1, 3)) {
            cuts->waiters += engine_unfinished(engine);
            engine_save(engine, &cuts->states[g]);
            engine_cut_end(engine, true);
            cuts->taken[g] = true;
        }
    }
}

static void step(struct cuts *cuts)
{
    struct together *together = cuts->together;
    struct together_member *member =
        &together->members[kv_prng_below(&cuts->prng, TOGETHER_GROUPS)]
                          [kv_prng_below(&cuts->prng, TOGETHER_MEMBERS)];
    const uint64_t choice = kv_prng_below(&cuts->prng, 100);
    if (choice < 10 && cuts->sequence < BEFORE) {
        order_any(cuts);
    } else if (choice < 60) {
        (void)together_apply(together, member);
    } else if (choice < 92 && together->packet_count > 0) {
        const uint32_t i = (uint32_t)kv_prng_below(&cuts->prng, together->packet_count);
        together_deliver(together, i);
        together_drop(together, i);
    } else {
        together->now.us += 5000;
        together_tick(together, member);
    }
    take_cuts(cuts);
}

/* Whether all groups have taken the cut; false: one has missed it. */
static bool cut_all(struct cuts *cuts)
{
    for (;;) {
        bool all = true;
        step(cuts);
        for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
            if (cut_of(cuts->together, g) == ENGINE_CUT_MISSED) {
                return false;
            }
            all = all && cuts->taken[g];
        }
        if (all) {
            return true;
        }
    }
}

static void check_pairs(struct cuts *cuts)
{
    struct engine *engines[TOGETHER_GROUPS];
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        engines[g] = begin_anew(g, kv_buffer_slice(&cuts->states[g]), cuts->timestamp);
    }
    for (uint32_t pair = 0; pair < PAIRS; pair++) {
        char value[32];
        strcpy(value, value_in(cuts->together, engines[1], together_key(1, pair)));
        assert_string_equal(value_in(cuts->together, engines[2], together_key(2, pair)), value);
    }
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        engine_destroy(&engines[g]);
    }
}

static void what_is_written_together_is_cut_together(void **state)
{
    uint32_t taken = 0, waiters = 0;
    (void)state;
    for (uint32_t seed = 1; seed <= RUNS; seed++) {
        struct cuts cuts = {.together = together_new()};
        cuts.together->plain = true;
        kv_prng_init(&cuts.prng, seed);
        const uint32_t before = 1 + (uint32_t)kv_prng_below(&cuts.prng, BEFORE);
        while (cuts.sequence < before) {
            step(&cuts);
        }
        cuts.timestamp = order_mark(cuts.together, command_id(++cuts.sequence, 1));
        if (cut_all(&cuts)) {
            check_pairs(&cuts);
            taken++;
            waiters += cuts.waiters;
        }
        for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
            kv_buffer_close(&cuts.states[g]);
        }
        together_settle(cuts.together);
        together_check_members(cuts.together);
        together_close(&cuts.together);
    }
    print_message("%u of %u cuts taken, with %u waiting\n", taken, (unsigned)RUNS, waiters);
    assert_true(taken > RUNS / 4 && waiters > RUNS / 4); /* else the hard part was not tested */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, command_setup, command_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_mark_is_reached_while_others_wait_for_a_lock),
        TEST(who_waited_when_a_cut_was_reached_has_no_turn_before_it_is_taken),
        TEST(who_would_not_wait_is_refused_behind_a_gate_when_it_opens),
        TEST(a_change_of_several_groups_that_waits_for_a_lock_holds_up_a_mark),
        cmocka_unit_test(what_is_written_together_is_cut_together),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
