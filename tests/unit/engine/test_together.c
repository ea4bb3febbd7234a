/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to several groups: turns, votes, placement and the oracle's executions, by example and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/wire/footprint.h"
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

/* ---- Votes ---- */

static void nobody_executes_without_the_votes_of_all(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(engine_unfinished(together_leader(together, 1)->engine), 1);
    assert_int_equal(engine_keys(together_leader(together, 1)->engine), 0);
    assert_int_equal(verdict_of(together, command_id(1, 1)), 0);
    together_settle(together);
    assert_int_equal(engine_keys(together_leader(together, 1)->engine), 1);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
}

static void a_vote_that_comes_before_its_message_is_kept(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(together->packet_count, 1);
    together_deliver(together, 0);
    together_drop(together, 0);
    /* Nothing else is delivered: partition 2 has all that it needs. */
    apply_all(together, together_leader(together, 2));
    assert_int_equal(engine_unfinished(together_leader(together, 2)->engine), 0);
}

static void only_what_shares_a_variable_waits(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    order_put(together, command_id(2, 1), together_key(1, 1), 1, "free");
    order_put(together, command_id(3, 1), together_key(1, 0), 1, "behind");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(3, 1)), 0);
}

static void a_read_stands_behind_what_was_delivered_before_it(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    struct wire_command *command = command_begin(together, WIRE_OP_GET);
    command->keys[command->key_count++] = together_key(1, 0);
    const uint32_t behind = together_read(together, group_of(1));
    command_begin(together, WIRE_OP_GET)->keys[0] = together_key(1, 1);
    together->command.key_count = 1;
    const uint32_t beside = together_read(together, group_of(1));
    command = command_begin(together, WIRE_OP_SCAN);
    command->limit = 10;
    command->keys[0] = command->keys[1] = (kv_slice){0}; /* no bounds */
    command->key_count = 2;
    const uint32_t scan = together_read(together, group_of(1));
    assert_false(together->reads[behind].answered);
    assert_true(together->reads[beside].answered);
    assert_false(together->reads[scan].answered);
    together_settle(together);
    assert_true(together->reads[behind].answered && together->reads[scan].answered);
    assert_int_equal(
        wire_answer_decode(kv_buffer_slice(&together->reads[scan].answer), &together->answer),
        STATUS_OK);
    assert_int_equal(together->answer.row_count, 1);
}

/* The scan waits for W. X has been acknowledged by 2 and waits here; Y began after that. Who sees Y must see X. */
static void a_scan_shows_nothing_behind_what_it_does_not_show(void **state)
{
    struct together *together = *state;
    const kv_slice w = together_key(1, 0), x = together_key(1, 1), y = together_key(1, 2);
    order_put_two(together, command_id(1, 1), w, 1, together_key(3, 0), 3, "w");
    apply_all(together, together_leader(together, 1));
    struct wire_command *command = command_begin(together, WIRE_OP_SCAN);
    command->limit = 10;
    command->keys[0] = command->keys[1] = (kv_slice){0}; /* no bounds */
    command->key_count = 2;
    const uint32_t scan = together_read(together, group_of(1));
    order_put_two(together, command_id(2, 1), together_key(2, 0), 2, x, 1, "x");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    deliver_from_to(together, 1, 2);
    order_put(together, command_id(3, 1), y, 1, "y");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(read_verdict(together, scan), 0);
    /* Votes of 3 come, those of 2 do not. */
    apply_all(together, together_leader(together, 3));
    deliver_from_to(together, 3, 1);
    assert_int_equal(read_verdict(together, scan), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.row_count, 1); /* W alone */
}

static void a_scan_does_not_hold_up_others_for_long(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(3, 0), 3, "w");
    apply_all(together, together_leader(together, 1));
    struct wire_command *command = command_begin(together, WIRE_OP_SCAN);
    command->limit = 10;
    command->keys[0] = command->keys[1] = (kv_slice){0}; /* no bounds */
    command->key_count = 2;
    const uint32_t scan = together_read(together, group_of(1));
    order_put(together, command_id(2, 1), together_key(1, 1), 1, "free");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(2, 1)), 0);
    /* Partition 3 is away for long. */
    struct engine *engine = together_leader(together, 1)->engine;
    assert_true(engine_deadline(engine).us <= together->now.us + 50000);
    together->now = engine_deadline(engine);
    together_tick(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    order_put(together, command_id(3, 1), together_key(1, 2), 1, "free, too");
    apply_all(together, together_leader(together, 1));
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
    assert_int_equal(read_verdict(together, scan), 0);
}

static void a_read_that_is_dropped_frees_the_queue(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    command_begin(together, WIRE_OP_GET)->keys[0] = together_key(1, 0);
    together->command.key_count = 1;
    const uint32_t read = together_read(together, group_of(1));
    order_put(together, command_id(2, 1), together_key(1, 0), 1, "behind it");
    apply_all(together, together_leader(together, 1));
    engine_drop_read(together_leader(together, 1)->engine, read);
    assert_int_equal(engine_deadline(together_leader(together, 1)->engine).us, together->now.us);
    engine_drop_read(together_leader(together, 1)->engine, read); /* it is gone: harmless */
    together->reads[read].answered = true;
    engine_check(together_leader(together, 1)->engine);
    together_settle(together);
    assert_int_equal(together->reads[read].answer.size, 0);
}

static void a_no_frees_the_queues_at_once_and_answers_with_the_others(void **state)
{
    struct together *together = *state;
    /* Partition 2 is not where the second key lives. */
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(3, 0), 2, "v");
    order_put(together, command_id(2, 1), together_key(2, 0), 2, "w");
    order_put(together, command_id(3, 1), together_key(3, 0), 2, "x");
    apply_all(together, together_leader(together, 2));
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_STALE);
    assert_int_equal(verdict_of(together, command_id(1, 1)), 0);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_STALE);
    /* Whoever says NO says where the key may be. */
    assert_int_equal(together->answer.place_count, 1);
    assert_int_equal(together->answer.places[0].group.value, 3);
}

static void a_failed_guard_elsewhere_stops_the_steps_here(void **state)
{
    struct together *together = *state;
    for (unsigned enough = 0; enough < 2; enough++) {
        struct wire_command *command = command_begin(together, WIRE_OP_TXN);
        const bool swapped = kv_slice_compare(together_key(1, 0), together_key(2, 0)) > 0;
        command_add_key(command, together_key(swapped ? 2 : 1, 0), swapped ? 2 : 1);
        command_add_key(command, together_key(swapped ? 1 : 2, 0), swapped ? 1 : 2);
        command->guard_count = 1;
        command->branch_count[0] = 2;
        command->branch_count[1] = 1;
        command->steps[0] = (struct wire_step){
            .kind = WIRE_GUARD_AT_LEAST, .key = 0, .number = enough != 0 ? 0 : 1};
        command->steps[1] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 0, .number = -1};
        command->steps[2] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 1, .number = 1};
        command->steps[3] = (struct wire_step){.kind = WIRE_STEP_GET, .key = 1};
        wire_command_mark_uses(command);
        order(together, command_id(1 + enough, 1));
        together_settle(together);
        assert_int_equal(verdict_of(together, command_id(1 + enough, 1)), WIRE_VERDICT_OK);
        assert_int_equal(together->answer.number, enough);
        assert_int_equal(together->answer.row_count, 1 + enough);
    }
}

/* ---- Delivery of votes ---- */

static void a_message_is_forgotten_when_its_votes_are_logged_and_acknowledged(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    /* The vote of 2 at 1: used at once, appended, but not yet committed here. */
    for (uint32_t i = 0; i < together->packet_count; i++) {
        if (together->packets[i].to == together_leader(together, 1)) {
            together_deliver(together, i);
        }
    }
    assert_int_equal(engine_unfinished(together_leader(together, 1)->engine), 0);
    assert_int_equal(engine_runs(together_leader(together, 1)->engine), 1);
    together_settle(together);
    assert_int_equal(engine_runs(together_leader(together, 1)->engine), 0);
}

static void lost_votes_are_sent_again_and_asked_for(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    drop_all(together);
    together->now.us += ENGINE_RETRY_US;
    together_tick(together, together_leader(together, 1));
    bool said = false, asked = false;
    for (uint32_t i = 0; i < together->packet_count; i++) {
        said = said || together->packets[i].message.kind == WIRE_MESSAGE_SIGNAL;
        asked = asked || together->packets[i].message.kind == WIRE_MESSAGE_SIGNAL_REQUEST;
    }
    assert_true(said && asked);
}

static void followers_take_votes_from_the_log_alone(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    together_settle(together);
    assert_int_equal(engine_keys(together_follower(together, 1)->engine), 1);
}

static void a_new_leader_brings_to_an_end_what_the_old_one_began(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    apply_all(together, together_leader(together, 1));
    apply_all(together, together_leader(together, 2));
    drop_all(together); /* the old leaders' last words are lost */
    together_lead(together, group_of(1), 1);
    together_lead(together, group_of(2), 1);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
}

static void a_restart_in_the_middle_changes_nothing(void **state)
{
    struct together *together = *state;
    order_put_two(together, command_id(1, 1), together_key(1, 0), 1, together_key(2, 0), 2, "v");
    order_put(together, command_id(2, 1), together_key(1, 0), 1, "w");
    apply_all(together, together_leader(together, 1));
    together_restart(together, together_leader(together, 1));
    assert_int_equal(engine_unfinished(together_leader(together, 1)->engine), 2);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
}

static void forge_vote(struct together *together, uint64_t sequence)
{
    struct together_member *member = together_leader(together, 1);
    struct wire_message forged = {.kind = WIRE_MESSAGE_SIGNAL, .group = group_of(1)};
    forged.as.signal.speaker.group = group_of(2);
    forged.as.signal.id = command_id(sequence, 1);
    forged.as.signal.timestamp.clock.value = together->clock + 1;
    forged.as.signal.verdict = WIRE_VERDICT_OK;
    engine_step(
        member->engine,
        &(struct engine_event){
            .kind = ENGINE_EVENT_MESSAGE, .now = together->now, .leads = true, .message = &forged},
        &member->effects);
}

static void votes_on_what_is_never_ordered_are_bounded_and_dropped(void **state)
{
    struct together *together = together_new();
    struct together_member *member = together_leader(together, 1);
    (void)state;
    uint64_t sequence = 1;
    uint32_t most = 0;
    while (engine_runs(member->engine) > most || most == 0) {
        most = engine_runs(member->engine);
        forge_vote(together, sequence++);
    }
    assert_true(most >= 1000);
    order_put(together, command_id(sequence, 1), together_key(1, 0), 1, "v");
    together->clock++;
    order_put(together, command_id(sequence, 2), together_key(1, 0), 1, "v");
    apply_all(together, member); /* the cursor has passed all of them */
    forge_vote(together, sequence);
    assert_int_equal(engine_runs(member->engine), 1);
    together_close(&together);
}

/* ---- Placement ---- */

static void a_moved_key_is_where_it_was_moved_to(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_put(together, command_id(1, 1), key, 1, "v");
    order_move(together, command_id(2, 1), key, 1, 3);
    order_put(together, command_id(3, 1), key, 1, "late");
    order_put(together, command_id(4, 1), key, 3, "there");
    order_move(together, command_id(5, 1), key, 3, 2); /* home takes part in it */
    order_move(together, command_id(6, 1), key, 2, 1);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_STALE);
    assert_int_equal(together->answer.places[0].group.value, 3);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(6, 1)), WIRE_VERDICT_OK);
}

static void a_key_is_created_once_wherever_it_is(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "first");
    order_create(together, command_id(2, 1), key, 1, "second");
    order_create(together, command_id(3, 1), key, 3, "third");
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_EXISTS);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_EXISTS);
}

static void a_deleted_placed_key_can_be_created_again(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "first");
    order_delete(together, command_id(2, 1), key, 2);
    order_create(together, command_id(3, 1), key, 3, "again");
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 1)), WIRE_VERDICT_OK);
    assert_int_equal(verdict_of(together, command_id(3, 1)), WIRE_VERDICT_OK);
}

static void move_and_borrow_execute_on_the_values_of_others(void **state)
{
    struct together *together = *state;
    order_put(together, command_id(1, 1), together_key(1, 0), 1, "5");
    order_put(together, command_id(2, 1), together_key(2, 0), 2, "7");
    for (unsigned policy = WIRE_POLICY_MOVE; policy <= WIRE_POLICY_BORROW; policy++) {
        const unsigned at = policy == WIRE_POLICY_MOVE ? 1 : 3;
        const bool swapped = kv_slice_compare(together_key(1, 0), together_key(2, 0)) > 0;
        struct wire_command *command = command_begin(together, WIRE_OP_TXN);
        command->policy = (enum wire_policy)policy;
        command->target = group_of(policy == WIRE_POLICY_MOVE ? 3 : 2);
        command_add_key(command, together_key(swapped ? 2 : 1, 0),
                        at == 1 ? (swapped ? 2 : 1) : at);
        command_add_key(command, together_key(swapped ? 1 : 2, 0),
                        at == 1 ? (swapped ? 1 : 2) : at);
        command->branch_count[0] = 2;
        command->steps[0] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 0, .number = 1};
        command->steps[1] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 1, .number = 1};
        wire_command_mark_uses(command);
        order(together, command_id(1 + policy + 1, 1));
        together_settle(together);
        assert_int_equal(verdict_of(together, command_id(1 + policy + 1, 1)), WIRE_VERDICT_OK);
        assert_int_equal(together->answer.row_count, 2);
    }
}

static void who_watches_sees_what_was_removed_on_its_way(void **state)
{
    struct together *together = *state;
    for (unsigned policy = WIRE_POLICY_MOVE; policy <= WIRE_POLICY_BORROW; policy++) {
        const unsigned number = policy - WIRE_POLICY_MOVE;
        order_put(together, command_id(1 + 3 * number, 1), together_key(1, number), 1, "5");
        order_put(together, command_id(2 + 3 * number, 1), together_key(2, number), 2, "7");
        const bool swapped = kv_slice_compare(together_key(1, number), together_key(2, number)) > 0;
        struct wire_command *command = command_begin(together, WIRE_OP_TXN);
        command->policy = (enum wire_policy)policy;
        command->target = group_of(3);
        command_add_key(command, together_key(swapped ? 2 : 1, number), swapped ? 2 : 1);
        command_add_key(command, together_key(swapped ? 1 : 2, number), swapped ? 1 : 2);
        command->branch_count[0] = 2;
        command->steps[0] = (struct wire_step){.kind = WIRE_STEP_DELETE, .key = 0};
        command->steps[1] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 1, .number = 1};
        wire_command_mark_uses(command);
        order(together, command_id(3 + 3 * number, 1));
        together_settle(together);
        assert_int_equal(verdict_of(together, command_id(3 + 3 * number, 1)), WIRE_VERDICT_OK);
    }
    together_check(together);
    assert_int_equal(together->watched, 8);
}

/* ---- EXEC ---- */

static void the_oracle_runs_a_command_under_its_clients_id(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "41");
    order_exec_incr(together, command_id(2, 4), key);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(2, 4)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.number, 42);
    assert_int_equal(together->answer.places[0].group.value, 2);
    /* The client asks again, and a copy is not executed again. */
    struct engine_reply reply;
    const struct engine *oracle = together_leader(together, 0)->engine;
    assert_int_equal(engine_admit(oracle, command_id(2, 4), 0, &reply), ENGINE_RECORDED);
    assert_int_equal(engine_admit(oracle, command_id(2, 3), 0, &reply), ENGINE_REFUSED);
    const struct engine *owner = together_leader(together, 2)->engine;
    assert_int_equal(engine_admit(owner, command_id(2, 4), 0, &reply), ENGINE_ELSEWHERE);
}

static void nobody_moves_a_key_that_is_about_to_be_executed_on(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_create(together, command_id(1, 1), key, 2, "1");
    order_exec_incr(together, command_id(2, 1), key);
    apply_all(together, together_leader(together, 0));
    struct engine_reply reply;
    assert_int_equal(
        engine_admit(together_leader(together, 0)->engine, command_id(2, 1), 0, &reply),
        ENGINE_RUNNING);
    order_move(together, command_id(3, 1), key, 2, 3);
    order_exec_incr(together, command_id(4, 1), key);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(4, 1)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.number, 3);
}

static void a_new_leader_of_the_oracle_dispatches_the_same_message(void **state)
{
    struct together *together = *state;
    const kv_slice key = together_key(1, 0);
    order_exec_incr(together, command_id(1, 1), key);
    /* The follower has seen the EXEC, and no execution in the log yet. */
    together->leaders[0] = 1;
    apply_all(together, &together->members[0][0]);
    assert_int_equal(together->submits, 0);
    apply_all(together, &together->members[0][1]);
    assert_int_equal(together->submits, 1);
    together_lead(together, KV_GROUP_ORACLE, 0);
    together_settle(together);
    assert_int_equal(verdict_of(together, command_id(1, 1)), WIRE_VERDICT_OK);
    assert_int_equal(together->answer.number, 1);
}

/* ---- At random ---- */

#define RANDOM_RUNS     120
#define RANDOM_STEPS    400
#define RANDOM_KEYS     2 /* of each home */
#define RANDOM_SESSIONS 3

struct random {
    struct kv_prng prng;
    struct together *together;
    bool restarts; /* in half of the runs: behind one, a member knows no changes of before */
    uint64_t sequences[RANDOM_SESSIONS];
    uint32_t attempts[RANDOM_SESSIONS];
    char texts[KV_TXN_STEPS_MAX][24];
    uint64_t values;
    uint32_t verdicts[WIRE_VERDICT_DEFERRED + 1];
};

static kv_slice any_key(struct random *run)
{
    return together_key((unsigned)kv_prng_between(&run->prng, 1, TOGETHER_PARTITIONS),
                        (unsigned)kv_prng_below(&run->prng, RANDOM_KEYS));
}

/* Ascending, no key twice. */
static void any_keys(struct random *run, uint32_t count)
{
    struct wire_command *command = &run->together->command;
    while (command->key_count < count) {
        const kv_slice key = any_key(run);
        uint32_t at = 0;
        while (at < command->key_count && kv_slice_compare(command->keys[at], key) < 0) {
            at++;
        }
        if (at < command->key_count && kv_slice_equal(command->keys[at], key)) {
            continue;
        }
        memmove(&command->keys[at + 1], &command->keys[at],
                (command->key_count - at) * sizeof(command->keys[0]));
        command->keys[at] = key;
        command->key_count++;
    }
}

static kv_slice any_value(struct random *run, uint32_t slot)
{
    const char *format = kv_prng_chance(&run->prng, 1, 2) ? "%" PRIu64 : "v%" PRIu64;
    snprintf(run->texts[slot], sizeof(run->texts[slot]), format, ++run->values);
    return kv_slice_of_text(run->texts[slot]);
}

/* Where the key is, mostly; else anywhere. */
static void believe(struct random *run)
{
    struct wire_command *command = &run->together->command;
    const bool right = kv_prng_chance(&run->prng, 3, 4);
    for (uint32_t i = 0; i < command->key_count; i++) {
        const struct reference_key key = reference_find(run->together->reference, command->keys[i]);
        const kv_group_id home = wire_home_of(command->keys[i], TOGETHER_PARTITIONS);
        unsigned owner = command->op == WIRE_OP_CREATE ? home.value : key.group.value;
        if (!right && command->op != WIRE_OP_CREATE) {
            owner = (unsigned)kv_prng_between(&run->prng, 1, TOGETHER_PARTITIONS);
        }
        command->owners[i] = (uint8_t)owner;
    }
    command->owner_count = command->key_count;
}

static void any_txn(struct random *run)
{
    struct wire_command *command = &run->together->command;
    static const enum wire_step_kind steps[] = {
        WIRE_STEP_GET,    WIRE_STEP_PUT, WIRE_STEP_PUT_IF_ABSENT, WIRE_STEP_DELETE, WIRE_STEP_INCR,
        WIRE_STEP_APPEND, WIRE_STEP_CAS};
    static const enum wire_step_kind guards[] = {
        WIRE_GUARD_EXISTS, WIRE_GUARD_ABSENT, WIRE_GUARD_EQ,       WIRE_GUARD_NE,
        WIRE_GUARD_LT,     WIRE_GUARD_GT,     WIRE_GUARD_AT_LEAST, WIRE_GUARD_AT_MOST};
    command->guard_count = (uint32_t)kv_prng_below(&run->prng, 3);
    command->branch_count[0] = command->key_count + (uint32_t)kv_prng_below(&run->prng, 2);
    command->branch_count[1] =
        command->guard_count == 0 ? 0 : (uint32_t)kv_prng_below(&run->prng, 3);
    const uint32_t all = command->guard_count + command->branch_count[0] + command->branch_count[1];
    for (uint32_t s = 0; s < all; s++) {
        const bool guard = s < command->guard_count;
        struct wire_step *step = &command->steps[s];
        *step = (struct wire_step){
            .kind =
                guard ? guards[kv_prng_below(&run->prng, 8)] : steps[kv_prng_below(&run->prng, 7)],
            .key = (s - command->guard_count) % command->key_count,
        };
        if (guard) {
            step->key = s % command->key_count;
        }
        switch (wire_step_operands(step->kind)) {
        case WIRE_OPERANDS_NONE:
            break;
        case WIRE_OPERANDS_VALUE:
            step->value = any_value(run, s);
            break;
        case WIRE_OPERANDS_NUMBER:
            step->number = kv_prng_chance(&run->prng, 1, 2) ? 1 : 50;
            break;
        case WIRE_OPERANDS_TWO_VALUES:
            step->expected = any_value(run, s);
            step->value = step->expected;
            break;
        }
    }
    wire_command_mark_uses(command);
}

static void any_policy(struct random *run)
{
    struct wire_command *command = &run->together->command;
    if (kv_prng_chance(&run->prng, 1, 2) && command->key_count > 1) {
        command->policy = kv_prng_chance(&run->prng, 1, 2) ? WIRE_POLICY_MOVE : WIRE_POLICY_BORROW;
        command->target = group_of((unsigned)kv_prng_between(&run->prng, 1, TOGETHER_PARTITIONS));
    }
}

static void any_command(struct random *run)
{
    struct wire_command *command = &run->together->command;
    static const enum wire_op ops[] = {WIRE_OP_GET,  WIRE_OP_PUT,    WIRE_OP_INCR, WIRE_OP_MGET,
                                       WIRE_OP_MPUT, WIRE_OP_CREATE, WIRE_OP_MOVE, WIRE_OP_DELETE,
                                       WIRE_OP_TXN,  WIRE_OP_TXN,    WIRE_OP_MOVE, WIRE_OP_CREATE};
    const enum wire_op op = ops[kv_prng_below(&run->prng, sizeof(ops) / sizeof(ops[0]))];
    const bool one = op == WIRE_OP_GET || op == WIRE_OP_PUT || op == WIRE_OP_INCR;
    wire_command_begin(command, op);
    any_keys(run, one ? 1 : (uint32_t)kv_prng_between(&run->prng, 1, 3));
    if (op == WIRE_OP_PUT || op == WIRE_OP_MPUT || op == WIRE_OP_CREATE) {
        for (uint32_t i = 0; i < command->key_count; i++) {
            command->values[command->value_count++] = any_value(run, i);
        }
    }
    command->number = op == WIRE_OP_INCR ? 3 : 0;
    if (op == WIRE_OP_TXN) {
        any_txn(run);
    }
    if (op == WIRE_OP_CREATE || op == WIRE_OP_MOVE) {
        command->target = group_of((unsigned)kv_prng_between(&run->prng, 1, TOGETHER_PARTITIONS));
    } else if (wire_op_is_access(op)) {
        any_policy(run);
    }
}

/* A message to one group names no owners; one that concerns nobody else may not exist at all. */
static void order_any(struct random *run)
{
    struct together *together = run->together;
    struct wire_command *command = &together->command;
    const unsigned session = (unsigned)kv_prng_below(&run->prng, RANDOM_SESSIONS);
    const kv_message_id id = {{{{COMMAND_SESSION + session}, {0}}}, ++run->sequences[session], 1};
    any_command(run);
    if (kv_prng_chance(&run->prng, 1, 6)) {
        command->exec = true;
        run->verdicts[together_order(together, id, kv_group_set_of(KV_GROUP_ORACLE))]++;
        return;
    }
    believe(run);
    kv_group_set destinations = wire_command_destinations(command, TOGETHER_PARTITIONS);
    if (kv_group_set_count(destinations) == 1) {
        command->owner_count = 0;
        if (wire_op_is_access(command->op)) {
            command->policy = WIRE_POLICY_EXCHANGE;
            command->target = (kv_group_id){0};
        }
    }
    if (!wire_command_fits(command, destinations, false, TOGETHER_PARTITIONS)) {
        run->sequences[session]--;
        return;
    }
    run->verdicts[together_order(together, id, destinations)]++;
}

static void read_any(struct random *run)
{
    struct wire_command *command = &run->together->command;
    const unsigned group = (unsigned)kv_prng_between(&run->prng, 1, TOGETHER_PARTITIONS);
    if (kv_prng_chance(&run->prng, 1, 3)) {
        wire_command_begin(command, WIRE_OP_SCAN);
        command->limit = (uint32_t)kv_prng_between(&run->prng, 1, 4);
        command->key_count = 2;
        command->keys[0] = kv_prng_chance(&run->prng, 1, 2) ? (kv_slice){0} : any_key(run);
        command->keys[1] = (kv_slice){0}; /* no end */
    } else {
        wire_command_begin(command, WIRE_OP_MGET);
        any_keys(run, (uint32_t)kv_prng_between(&run->prng, 1, 2));
    }
    together_read(run->together, group_of(group));
}

static struct together_member *any_member(struct random *run)
{
    return &run->together->members[kv_prng_below(&run->prng, TOGETHER_GROUPS)]
                                  [kv_prng_below(&run->prng, TOGETHER_MEMBERS)];
}

static void random_packet(struct random *run)
{
    struct together *together = run->together;
    if (together->packet_count == 0) {
        return;
    }
    const uint32_t i = (uint32_t)kv_prng_below(&run->prng, together->packet_count);
    const uint64_t luck = kv_prng_below(&run->prng, 10);
    if (luck != 0) {
        together_deliver(together, i);
    }
    if (luck != 1) {
        together_drop(together, i);
    }
}

static void random_step(struct random *run)
{
    struct together *together = run->together;
    const uint64_t choice = kv_prng_below(&run->prng, 100);
    if (choice < 15) {
        order_any(run);
    } else if (choice < 20) {
        read_any(run);
    } else if (choice < 60) {
        (void)together_apply(together, any_member(run));
    } else if (choice < 88) {
        random_packet(run);
    } else if (choice < 94) {
        together->now.us += kv_prng_below(&run->prng, ENGINE_RETRY_US);
        together_tick(together, any_member(run));
    } else if (choice < 97) {
        together_lead(together, group_of((unsigned)kv_prng_below(&run->prng, TOGETHER_GROUPS)),
                      (uint32_t)kv_prng_below(&run->prng, TOGETHER_MEMBERS));
    } else if (run->restarts) {
        together_restart(together, any_member(run));
    }
}

static void every_execution_is_what_the_reference_does(void **state)
{
    uint32_t verdicts[WIRE_VERDICT_DEFERRED + 1] = {0};
    uint32_t first = 1, runs = RANDOM_RUNS, watched = 0;
    (void)state;
    if (getenv("TOGETHER_SEED") != NULL) {
        first = (uint32_t)strtoul(getenv("TOGETHER_SEED"), NULL, 10);
        runs = getenv("TOGETHER_RUNS") == NULL
                   ? 1
                   : (uint32_t)strtoul(getenv("TOGETHER_RUNS"), NULL, 10);
    }
    for (uint32_t seed = first; seed < first + runs; seed++) {
        struct random run = {.together = together_new(), .restarts = seed % 2 == 0};
        kv_prng_init(&run.prng, seed);
        for (uint32_t i = 0; i < RANDOM_STEPS; i++) {
            random_step(&run);
        }
        together_settle(run.together);
        together_check(run.together);
        watched += run.together->watched;
        together_close(&run.together);
        for (uint32_t v = 0; v <= WIRE_VERDICT_DEFERRED; v++) {
            verdicts[v] += run.verdicts[v];
        }
    }
    /* A verdict that never came was not tested. */
    if (runs == RANDOM_RUNS) {
        assert_true(verdicts[WIRE_VERDICT_OK] > 100 && verdicts[WIRE_VERDICT_STALE] > 10 &&
                    verdicts[WIRE_VERDICT_EXISTS] > 10 && verdicts[WIRE_VERDICT_NOT_FOUND] > 10 &&
                    verdicts[WIRE_VERDICT_PINNED] > 0 && verdicts[WIRE_VERDICT_MISMATCH] > 0 &&
                    verdicts[WIRE_VERDICT_NOT_A_NUMBER] > 0);
        assert_true(watched > 1000); /* in runs in which somebody knew all of it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(nobody_executes_without_the_votes_of_all),
        TEST(a_vote_that_comes_before_its_message_is_kept),
        TEST(only_what_shares_a_variable_waits),
        TEST(a_read_stands_behind_what_was_delivered_before_it),
        TEST(a_scan_shows_nothing_behind_what_it_does_not_show),
        TEST(a_scan_does_not_hold_up_others_for_long),
        TEST(a_read_that_is_dropped_frees_the_queue),
        TEST(a_no_frees_the_queues_at_once_and_answers_with_the_others),
        TEST(a_failed_guard_elsewhere_stops_the_steps_here),
        TEST(a_message_is_forgotten_when_its_votes_are_logged_and_acknowledged),
        TEST(lost_votes_are_sent_again_and_asked_for),
        TEST(followers_take_votes_from_the_log_alone),
        TEST(a_new_leader_brings_to_an_end_what_the_old_one_began),
        TEST(a_restart_in_the_middle_changes_nothing),
        cmocka_unit_test(votes_on_what_is_never_ordered_are_bounded_and_dropped),
        TEST(a_moved_key_is_where_it_was_moved_to),
        TEST(a_key_is_created_once_wherever_it_is),
        TEST(a_deleted_placed_key_can_be_created_again),
        TEST(move_and_borrow_execute_on_the_values_of_others),
        TEST(who_watches_sees_what_was_removed_on_its_way),
        TEST(the_oracle_runs_a_command_under_its_clients_id),
        TEST(nobody_moves_a_key_that_is_about_to_be_executed_on),
        TEST(a_new_leader_of_the_oracle_dispatches_the_same_message),
        cmocka_unit_test(every_execution_is_what_the_reference_does),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
