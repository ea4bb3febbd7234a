/* SPDX-License-Identifier: Apache-2.0 */
/* Workers change nothing: one log gives one sequence of answers and one state, whoever computes and whenever results come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/engine/fixture.h"
#include "tests/unit/engine/mill.h"
#include "tests/unit/engine/mill_cluster.h"

#define SCRIPTS        16
#define SCRIPT_ENTRIES 400

static void assert_same(const struct mill_script *script, const struct mill_result *a,
                        const struct mill_result *b)
{
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        assert_int_equal(a->digests[m], b->digests[m]);
        assert_true(kv_slice_equal(kv_buffer_slice(&a->states[m]), kv_buffer_slice(&b->states[m])));
        for (uint32_t i = 0; i < script->count; i++) {
            assert_true(kv_slice_equal(kv_buffer_slice(&a->answers[m][i]),
                                       kv_buffer_slice(&b->answers[m][i])));
        }
    }
}

/* Run a script inline and in this way. */
static struct mill_result compare(const struct mill_script *script,
                                  const struct mill_result *expected, struct mill_way way)
{
    struct mill_result result;
    mill_run(script, &way, &result);
    assert_same(script, expected, &result);
    const struct mill_result told = {
        .jobs = result.jobs, .most_out = result.most_out, .late = result.late};
    mill_result_close(script, &result);
    return told;
}

static void the_interleaving_of_an_inline_run_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCRIPTS; seed++) {
        struct mill_script script;
        struct mill_result expected;
        mill_script_make(&script, seed, SCRIPT_ENTRIES);
        mill_run(&script, &(struct mill_way){.hands = MILL_INLINE, .seed = 1}, &expected);
        const struct mill_result told = compare(
            &script, &expected, (struct mill_way){.hands = MILL_INLINE, .seed = seed + 1000});
        assert_int_equal(told.jobs, 0);
        mill_result_close(&script, &expected);
        mill_script_close(&script);
    }
}

static void results_in_any_order_and_reloads_in_between_change_nothing(void **state)
{
    uint32_t late = 0, most_out = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SCRIPTS; seed++) {
        struct mill_script script;
        struct mill_result expected;
        mill_script_make(&script, seed, SCRIPT_ENTRIES);
        mill_run(&script, &(struct mill_way){.hands = MILL_INLINE, .seed = 1}, &expected);
        for (uint64_t way = 0; way < 4; way++) {
            const struct mill_result told =
                compare(&script, &expected,
                        (struct mill_way){.hands = MILL_DRAWN, .seed = seed * 100 + way});
            late += told.late;
            most_out = told.most_out > most_out ? told.most_out : most_out;
        }
        mill_result_close(&script, &expected);
        mill_script_close(&script);
    }
    assert_true(late > SCRIPTS * SCRIPT_ENTRIES / 10 && most_out >= 5);
}

static void no_number_of_workers_changes_anything(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 8, 64};
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct mill_script script;
        struct mill_result expected;
        mill_script_make(&script, 1000 + seed, 2000);
        mill_run(&script, &(struct mill_way){.hands = MILL_INLINE, .seed = seed}, &expected);
        for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            const struct mill_result told = compare(
                &script, &expected,
                (struct mill_way){.hands = MILL_POOL, .seed = seed + i, .workers = counts[i]});
            assert_true(told.jobs > 500);
        }
        (void)compare(
            &script, &expected,
            (struct mill_way){.hands = MILL_POOL, .seed = seed, .workers = 2, .changing = true});
        mill_result_close(&script, &expected);
        mill_script_close(&script);
    }
}

/* ---- One engine, step by step ---- */

static const kv_group_id only = {1};

static kv_slice grind(struct fixture *fixture, uint16_t cell, uint32_t rounds)
{
    kv_buffer_clear(&fixture->body);
    mill_encode(&(struct mill_command){MILL_GRIND, rounds, 0, 1, {cell}}, &fixture->body);
    return kv_buffer_slice(&fixture->body);
}

static void deliver(struct fixture *fixture, uint64_t sequence, uint16_t cell, uint32_t jobs_max)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, grind(fixture, cell, 10));
    fixture->clock++;
    entry->index.value = fixture->clock;
    entry->timestamp = (kv_timestamp){{fixture->clock}, only};
    entry->id = fixture_id(1, sequence, 1);
    entry->destinations = kv_group_set_of(only);
    engine_step(fixture->engine,
                &(struct engine_event){.kind = ENGINE_EVENT_DELIVER,
                                       .entry = entry,
                                       .timestamp = entry->timestamp,
                                       .jobs_max = jobs_max},
                &fixture->effects);
    engine_check(fixture->engine);
    wire_entry_drop(&entry);
}

static void worked(struct fixture *fixture, const struct engine_job *job, uint32_t jobs_max)
{
    const struct engine_job done = *job;
    done.work(done.job);
    engine_step(fixture->engine,
                &(struct engine_event){.kind = ENGINE_EVENT_WORKED,
                                       .token = done.number,
                                       .job = done.job,
                                       .jobs_max = jobs_max},
                &fixture->effects);
    engine_check(fixture->engine);
}

static struct fixture *mill_fixture(void)
{
    return fixture_new_with(only, mill_new(only, 1), 0);
}

static void a_job_holds_its_own_variables_and_no_others(void **state)
{
    struct fixture *fixture = mill_fixture();
    struct engine_job first, other;
    (void)state;
    deliver(fixture, 1, 7, 10);
    assert_int_equal(fixture->effects.job_count, 1);
    assert_int_equal(fixture->effects.reply_count, 0);
    first = fixture->effects.jobs[0];
    deliver(fixture, 2, 7, 10); /* the same cell: it waits */
    assert_int_equal(fixture->effects.job_count, 0);
    deliver(fixture, 3, 8, 10); /* another one: it goes */
    assert_int_equal(fixture->effects.job_count, 1);
    other = fixture->effects.jobs[0];
    worked(fixture, &other, 10);
    assert_int_equal(fixture->effects.reply_count, 1);
    assert_int_equal(fixture->effects.replies[0].id.sequence, 3);
    worked(fixture, &first, 10);
    assert_int_equal(fixture->effects.reply_count, 1);
    assert_int_equal(fixture->effects.replies[0].id.sequence, 1);
    assert_int_equal(fixture->effects.job_count, 1); /* the second has its turn */
    first = fixture->effects.jobs[0];
    worked(fixture, &first, 10);
    assert_int_equal(engine_unfinished(fixture->engine), 0);
    fixture_destroy(&fixture);
}

static void those_beyond_the_limit_wait_and_go_in_their_order(void **state)
{
    struct fixture *fixture = mill_fixture();
    struct engine_job job;
    (void)state;
    deliver(fixture, 1, 1, 1);
    assert_int_equal(fixture->effects.job_count, 1);
    job = fixture->effects.jobs[0];
    for (uint16_t i = 2; i <= 4; i++) {
        deliver(fixture, i, i, 1);
        assert_int_equal(fixture->effects.job_count, 0);
    }
    worked(fixture, &job, 1);
    assert_int_equal(fixture->effects.job_count, 1);
    job = fixture->effects.jobs[0];
    /* No more jobs from now on: whoever waits is done in the next step, but for the one that is out. */
    worked(fixture, &job, 0);
    assert_int_equal(fixture->effects.job_count, 0);
    assert_int_equal(fixture->effects.reply_count, 3);
    assert_int_equal(engine_unfinished(fixture->engine), 0);
    fixture_destroy(&fixture);
}

static void a_job_of_before_a_load_is_dropped_and_done_again(void **state)
{
    struct fixture *fixture = mill_fixture(), *inline_one = mill_fixture();
    struct kv_buffer saved = {0};
    (void)state;
    deliver(fixture, 1, 7, 10);
    deliver(inline_one, 1, 7, 0);
    const struct engine_job old = fixture->effects.jobs[0];
    engine_save(fixture->engine, &saved);
    assert_int_equal(engine_load(fixture->engine, kv_buffer_slice(&saved)), STATUS_OK);
    engine_check(fixture->engine);
    assert_int_equal(engine_unfinished(fixture->engine), 1);
    assert_int_not_equal(engine_deadline(fixture->engine).us, KV_INSTANT_NEVER.us);
    worked(fixture, &old, 10);
    assert_int_equal(fixture->effects.reply_count, 0);
    assert_int_equal(fixture->effects.job_count, 1);
    const struct engine_job again = fixture->effects.jobs[0];
    assert_int_not_equal(again.number, old.number);
    worked(fixture, &again, 10);
    assert_int_equal(fixture->effects.reply_count, 1);
    assert_int_equal(engine_digest(fixture->engine), engine_digest(inline_one->engine));
    kv_buffer_close(&saved);
    fixture_destroy(&fixture);
    fixture_destroy(&inline_one);
}

static void a_resend_of_what_is_computed_is_not_computed_again(void **state)
{
    struct fixture *fixture = mill_fixture();
    (void)state;
    deliver(fixture, 1, 7, 10);
    const struct engine_job job = fixture->effects.jobs[0];
    assert_int_equal(fixture_admit(fixture, fixture_id(1, 1, 1), 0), ENGINE_RUNNING);
    deliver(fixture, 1, 7, 10);
    assert_int_equal(fixture->effects.job_count, 0);
    assert_int_equal(engine_unfinished(fixture->engine), 1);
    worked(fixture, &job, 10);
    assert_int_equal(fixture->effects.reply_count, 1);
    assert_int_equal(fixture_admit(fixture, fixture_id(1, 1, 1), 0), ENGINE_RECORDED);
    fixture_destroy(&fixture);
}

static void a_read_waits_for_the_computation_of_what_it_reads(void **state)
{
    struct fixture *fixture = mill_fixture();
    (void)state;
    deliver(fixture, 1, 7, 10);
    const struct engine_job job = fixture->effects.jobs[0];
    for (uint16_t cell = 7; cell <= 8; cell++) {
        engine_step(fixture->engine,
                    &(struct engine_event){.kind = ENGINE_EVENT_READ,
                                           .token = cell,
                                           .body = grind(fixture, cell, 0),
                                           .jobs_max = 10},
                    &fixture->effects);
        assert_int_equal(fixture->effects.read_count, cell == 7 ? 0 : 1);
    }
    worked(fixture, &job, 10);
    assert_int_equal(fixture->effects.read_count, 1);
    assert_int_equal(fixture->effects.reads[0].token, 7);
    fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_holds_its_own_variables_and_no_others),
        cmocka_unit_test(those_beyond_the_limit_wait_and_go_in_their_order),
        cmocka_unit_test(a_job_of_before_a_load_is_dropped_and_done_again),
        cmocka_unit_test(a_resend_of_what_is_computed_is_not_computed_again),
        cmocka_unit_test(a_read_waits_for_the_computation_of_what_it_reads),
        cmocka_unit_test(the_interleaving_of_an_inline_run_changes_nothing),
        cmocka_unit_test(results_in_any_order_and_reloads_in_between_change_nothing),
        cmocka_unit_test(no_number_of_workers_changes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
