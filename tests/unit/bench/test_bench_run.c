/* SPDX-License-Identifier: Apache-2.0 */
/* run: a benchmark from beginning to end, how its rate is found and how it ends; on a scripted client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/run.h"
#include "multicast/base/bytes.h"
#include "tests/unit/bench/scripted_client.h"
#include "tests/unit/bench/small_run.h"

struct fixture {
    struct script *script;
    struct bench_settings settings;
};

static int setup(void **state)
{
    struct fixture *fixture = kv_alloc_zero(1, sizeof *fixture);

    fixture->script = script_begin();
    fixture->settings = small_run();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    kv_free(*state);
    script_end();
    return 0;
}

/* A whole benchmark with the real clock; returns how it ended. */
static enum bench_end run_all(struct fixture *fixture, struct bench_result **ret, char *error)
{
    static volatile sig_atomic_t no_interrupt;

    fixture->script->real_clock = true;
    fixture->script->latency_us = 20;
    return bench_run(&fixture->settings, "a:1", "scripted", &no_interrupt, ret, error);
}

static void a_benchmark_loads_runs_and_adds_up_its_threads(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->settings.threads = 2;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_string_equal(error, "");
    assert_true(result->load.done && result->run.done);
    assert_int_equal(result->load.measures.operations, 100);
    assert_int_equal(result->run.measures.operations, 1000);
    assert_true(result->run.runtime_us > 0);
    assert_true(result->has_usage);
    assert_int_equal(result->syncs, 30);
    assert_int_equal(result->bytes, 3000);
    assert_string_equal(result->before.cluster, "scripted");
    bench_result_free(result);
}

/* The same in scripted time: seconds pass as fast as the loop turns. */
static enum bench_end run_scripted(struct fixture *fixture, struct bench_result **ret, char *error)
{
    static volatile sig_atomic_t no_interrupt;

    fixture->settings.workload = bench_workload_find("c");
    fixture->settings.step_seconds = 1;
    return bench_run(&fixture->settings, "a:1", "scripted", &no_interrupt, ret, error);
}

static void without_a_rate_a_benchmark_measures_what_is_possible_first(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    /* Eight clients of 20 ms are 400 per second. */
    fixture->script->latency_us = 20000;
    fixture->settings.loop = BENCH_LOOP_AUTO;
    assert_int_equal(run_scripted(fixture, &result, error), BENCH_END_OK);
    assert_in_range(result->calibrated, 380, 410);
    assert_true(result->run.rate == result->calibrated * BENCH_RATE_SHARE);
    assert_int_equal(result->run.measures.operations, 1000);
    assert_in_range(bench_throughput(&result->run), 270, 320);
    bench_result_free(result);
}

static void a_search_ends_with_a_run_at_three_quarters_of_what_it_found(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->script->latency_us = 20000;
    fixture->settings.loop = BENCH_LOOP_SEARCH;
    fixture->settings.bound_per_myriad = 9900;
    fixture->settings.bound_us = 40000;
    assert_int_equal(run_scripted(fixture, &result, error), BENCH_END_OK);
    assert_in_range(result->search.low, 300, 400);
    assert_true(result->run.rate == result->search.low * BENCH_RATE_SHARE);
    assert_int_equal(result->run.measures.operations, 1000);
    bench_result_free(result);
}

static void a_bound_that_no_rate_keeps_ends_the_benchmark_with_that(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->script->latency_us = 20000;
    fixture->settings.loop = BENCH_LOOP_SEARCH;
    fixture->settings.bound_per_myriad = 9900;
    fixture->settings.bound_us = 10000;
    assert_int_equal(run_scripted(fixture, &result, error), BENCH_END_UNAVAILABLE);
    assert_string_equal(error, "--find-max: no rate keeps that bound");
    assert_true(result->search.count > 0);
    assert_false(result->run.done);
    bench_result_free(result);
}

static void faults_are_carried_out_while_it_runs(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->settings.operations = 0;
    fixture->settings.seconds = 1;
    fixture->settings.kvctl = "true";
    fixture->settings.fault_count = 3;
    fixture->settings.faults[0] = (struct bench_fault){100, BENCH_FAULT_KILL, 1};
    fixture->settings.faults[1] = (struct bench_fault){150, BENCH_FAULT_RESTART, 1};
    fixture->settings.faults[2] = (struct bench_fault){900000, BENCH_FAULT_KILL, 2};
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_true(result->faults[0].done && result->faults[0].status == 0);
    assert_true(result->faults[0].began_us >= 100000 &&
                result->faults[0].ended_us >= result->faults[0].began_us);
    assert_true(result->faults[1].done && result->faults[1].began_us >= result->faults[0].ended_us);
    assert_false(result->faults[2].done);
    bench_result_free(result);

    fixture->settings.kvctl = "false";
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_int_equal(result->faults[0].status, 1);
    bench_result_free(result);

    fixture->settings.kvctl = "/nonexistent/kvctl";
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_true(result->faults[0].done && result->faults[0].status != 0);
    bench_result_free(result);
}

static void a_benchmark_may_only_load_or_not_load(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->settings.load_only = true;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_true(result->load.done && !result->run.done);
    assert_int_equal(script_seen()->gets, 0);
    bench_result_free(result);

    fixture->settings.load_only = false;
    fixture->settings.no_load = true;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_true(!result->load.done && result->run.done);
    bench_result_free(result);
}

static void reads_of_records_that_are_not_there_make_the_benchmark_fail(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->settings.no_load = true;
    fixture->settings.workload = bench_workload_find("get");
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_FAILURES);
    assert_int_equal(result->run.measures.series[BENCH_READ].outcomes[BENCH_OUTCOME_NOT_FOUND],
                     1000);
    bench_result_free(result);
}

static void a_cluster_that_cannot_be_used_is_said_before_anything_is_sent(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->script->status_status = KV_UNAVAILABLE;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_UNAVAILABLE);
    assert_string_equal(error, "a:1: no node answers");
    bench_result_free(result);

    fixture->script->status_status = KV_OK;
    fixture->script->delete_status = KV_REFUSED;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_UNAVAILABLE);
    assert_string_equal(error, "the first command failed: not ok");
    bench_result_free(result);

    fixture->script->open_status = KV_INVALID;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_UNAVAILABLE);
    assert_string_equal(error, "a:1: not ok");
    assert_int_equal(script_seen()->submits, 0);
    bench_result_free(result);
}

static void a_load_that_fails_ends_the_benchmark_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->script->done_status = KV_IN_DOUBT;
    fixture->script->done_failures = UINT32_MAX;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_UNAVAILABLE);
    assert_non_null(strstr(error, "a record could not be inserted: no answer before the deadline"));
    assert_false(result->run.done);
    bench_result_free(result);
}

static void log_usage_is_unknown_when_a_node_has_restarted(void **state)
{
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->script->restarts_node = true;
    assert_int_equal(run_all(fixture, &result, error), BENCH_END_OK);
    assert_false(result->has_usage);
    bench_result_free(result);
}

static void an_interrupt_ends_the_benchmark_with_what_was_done(void **state)
{
    static volatile sig_atomic_t interrupt = 1;
    struct fixture *fixture = *state;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES];

    fixture->settings.operations = 0;
    fixture->settings.seconds = 3600;
    fixture->settings.no_load = true;
    fixture->settings.workload = bench_workload_find("put");
    fixture->script->real_clock = true;
    fixture->script->latency_us = 20;
    assert_int_equal(bench_run(&fixture->settings, "a:1", NULL, &interrupt, &result, error),
                     BENCH_END_INTERRUPTED);
    assert_true(result->interrupted && result->run.done);
    assert_true(result->run.measures.operations > 0);
    assert_int_equal(script_seen()->outstanding, 0);
    bench_result_free(result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_benchmark_loads_runs_and_adds_up_its_threads),
        TEST(without_a_rate_a_benchmark_measures_what_is_possible_first),
        TEST(a_search_ends_with_a_run_at_three_quarters_of_what_it_found),
        TEST(a_bound_that_no_rate_keeps_ends_the_benchmark_with_that),
        TEST(faults_are_carried_out_while_it_runs),
        TEST(a_benchmark_may_only_load_or_not_load),
        TEST(reads_of_records_that_are_not_there_make_the_benchmark_fail),
        TEST(a_cluster_that_cannot_be_used_is_said_before_anything_is_sent),
        TEST(a_load_that_fails_ends_the_benchmark_with_its_reason),
        TEST(log_usage_is_unknown_when_a_node_has_restarted),
        TEST(an_interrupt_ends_the_benchmark_with_what_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
