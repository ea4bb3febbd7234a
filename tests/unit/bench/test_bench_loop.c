/* SPDX-License-Identifier: Apache-2.0 */
/* loop: what the virtual clients send and what is counted; on a scripted client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/worker.h"
#include "multicast/base/bytes.h"
#include "tests/unit/bench/scripted_client.h"
#include "tests/unit/bench/small_run.h"

/* A worker, a plan and measures, ready to play. */
struct fixture {
    struct script *script;
    struct bench_settings settings;
    struct bench_acknowledged records;
    struct bench_chooser chooser;
    struct bench_plan plan;
    struct bench_worker *worker;
    struct bench_measures *measures;
};

static struct bench_plan *now_playing;

static int setup(void **state)
{
    struct fixture *fixture = kv_alloc_zero(1, sizeof *fixture);

    fixture->script = script_begin();
    fixture->settings = small_run();
    fixture->measures = kv_alloc_zero(1, sizeof *fixture->measures);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    bench_worker_close(&fixture->worker);
    if (fixture->records.window != NULL) {
        bench_acknowledged_close(&fixture->records);
    }
    bench_measures_close(fixture->measures);
    kv_free(fixture->measures);
    kv_free(fixture);
    script_end();
    return 0;
}

static void forget(struct bench_measures *measures)
{
    bench_measures_close(measures);
    *measures = (struct bench_measures){0};
}

static void open_worker(struct fixture *fixture)
{
    if (fixture->worker == NULL) {
        assert_int_equal(bench_worker_open(&fixture->settings, 0, "a:1", NULL, &fixture->worker),
                         KV_OK);
    }
}

static void play_load(struct fixture *fixture)
{
    open_worker(fixture);
    fixture->plan = (struct bench_plan){.settings = &fixture->settings,
                                        .load = true,
                                        .measure_from_us = kv_now_us(),
                                        .end_us = UINT64_MAX,
                                        .interval_us = 1000000};
    bench_worker_run(fixture->worker, &fixture->plan, fixture->measures);
}

/* Load, forget what was measured, and prepare a run of a workload. */
static void prepare_run(struct fixture *fixture, const char *workload)
{
    fixture->settings.workload = bench_workload_find(workload);
    fixture->settings.distribution = fixture->settings.workload->distribution;
    play_load(fixture);
    forget(fixture->measures);
    bench_acknowledged_init(&fixture->records, fixture->settings.records);
    bench_chooser_init(&fixture->chooser, fixture->settings.workload,
                       fixture->settings.distribution, fixture->settings.records,
                       fixture->settings.operations);
    fixture->plan = (struct bench_plan){.settings = &fixture->settings,
                                        .records = &fixture->records,
                                        .chooser = &fixture->chooser,
                                        .measure_from_us = kv_now_us(),
                                        .end_us = UINT64_MAX,
                                        .interval_us = 1000000};
    now_playing = &fixture->plan;
}

static uint64_t play_run(struct fixture *fixture)
{
    return bench_worker_run(fixture->worker, &fixture->plan, fixture->measures);
}

static const struct bench_series *series(const struct fixture *fixture, enum bench_op op)
{
    return &fixture->measures->series[op];
}

static void a_load_inserts_every_record_once(void **state)
{
    struct fixture *fixture = *state;

    play_load(fixture);
    assert_int_equal(script_seen()->puts, 100);
    assert_int_equal(script_seen()->keys, 100);
    for (uint64_t record = 0; record < 100; record++) {
        char key[BENCH_KEY_BYTES];
        size_t size;

        bench_key_name(bench_hash(record), key);
        assert_true(script_has(key, &size));
        assert_int_equal(size, 20);
    }
    assert_int_equal(series(fixture, BENCH_INSERT)->ok.count, 100);
    assert_int_equal(fixture->measures->operations, 100);
    assert_int_equal(fixture->measures->failed, 0);
}

static void a_record_that_fails_to_load_is_sent_again(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->done_status = KV_IN_DOUBT;
    fixture->script->done_failures = BENCH_LOAD_ATTEMPTS_MAX - 1;
    play_load(fixture);
    assert_int_equal(script_seen()->keys, 100);
    assert_int_equal(atomic_load(&fixture->plan.load_failure), BENCH_OUTCOME_OK);
    assert_int_equal(series(fixture, BENCH_INSERT)->outcomes[BENCH_OUTCOME_IN_DOUBT],
                     BENCH_LOAD_ATTEMPTS_MAX - 1);
    assert_int_equal(fixture->measures->failed, 0);
}

static void a_record_that_is_refused_at_once_is_sent_again_later(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->submit_status = KV_BUSY;
    fixture->script->submit_failures = 10;
    play_load(fixture);
    assert_int_equal(script_seen()->keys, 100);
    assert_int_equal(script_seen()->puts, 100);
    assert_int_equal(series(fixture, BENCH_INSERT)->outcomes[BENCH_OUTCOME_BUSY], 10);
}

static void a_load_is_given_up_when_a_record_keeps_failing(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.clients = 1;
    fixture->script->done_status = KV_UNAVAILABLE;
    fixture->script->done_failures = UINT32_MAX;
    play_load(fixture);
    assert_int_equal(atomic_load(&fixture->plan.load_failure), BENCH_OUTCOME_UNAVAILABLE);
    assert_int_equal(script_seen()->puts, BENCH_LOAD_ATTEMPTS_MAX);
    assert_int_equal(fixture->measures->failed, 1);
    assert_int_equal(fixture->measures->operations, 1);
}

static void every_virtual_client_has_one_operation_in_flight(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->jitter_us = 700;
    prepare_run(fixture, "a");
    play_run(fixture);
    assert_int_equal(script_seen()->outstanding_max, 8);
    assert_int_equal(script_seen()->outstanding, 0);
}

static void a_run_does_as_many_operations_as_it_is_told(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "a");
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 1000);
    assert_int_equal(fixture->measures->failed, 0);
    assert_int_equal(
        series(fixture, BENCH_READ)->ok.count + series(fixture, BENCH_UPDATE)->ok.count, 1000);
    assert_in_range(series(fixture, BENCH_READ)->ok.count, 430, 570);
    assert_int_equal(fixture->measures->ordered, series(fixture, BENCH_UPDATE)->ok.count);
    assert_int_equal(bench_worker_progress(fixture->worker).finished, 1100);
}

static void latencies_are_those_of_the_answers(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->latency_us = 3000;
    prepare_run(fixture, "c");
    play_run(fixture);
    assert_in_range(series(fixture, BENCH_READ)->ok.min, 3000, 3050);
    assert_in_range(series(fixture, BENCH_READ)->ok.max, 3000, 3050);
}

static void what_begins_before_measuring_is_done_and_not_counted(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before;

    prepare_run(fixture, "c");
    before = script_seen()->gets;
    fixture->plan.measure_from_us = kv_now_us() + 100000;
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 1000);
    assert_int_equal(series(fixture, BENCH_READ)->ok.count, 1000);
    /* 100 ms at 8 clients and 500 us each. */
    assert_in_range(script_seen()->gets - before - 1000, 1400, 1650);
}

static void a_run_ends_at_its_time_with_all_answers_in(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last;

    fixture->settings.operations = 0;
    prepare_run(fixture, "a");
    fixture->plan.end_us = kv_now_us() + 50000;
    last = play_run(fixture);
    assert_in_range(last, fixture->plan.end_us, fixture->plan.end_us + 600);
    assert_int_equal(script_seen()->outstanding, 0);
    assert_in_range(fixture->measures->operations, 700, 900);
}

static uint32_t submits;

static void stop_after_100(const kv_op *op)
{
    (void)op;
    if (++submits == 100) {
        atomic_store(&now_playing->stop, true);
    }
}

static void a_run_that_is_stopped_begins_nothing_more_and_counts_what_was_done(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "a");
    fixture->script->on_submit = stop_after_100;
    submits = 0;
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 100);
    assert_int_equal(script_seen()->outstanding, 0);
}

static void an_operation_that_is_refused_at_once_is_counted_and_the_loop_goes_on(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "c");
    fixture->script->submit_status = KV_BUSY;
    fixture->script->submit_failures = 20;
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 1000);
    assert_int_equal(fixture->measures->failed, 20);
    assert_int_equal(series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_BUSY], 20);
    assert_int_equal(series(fixture, BENCH_READ)->ok.count, 980);
}

static void failures_are_counted_by_status_apart_from_successes(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "a");
    fixture->script->done_status = KV_IN_DOUBT;
    fixture->script->done_code = KV_OP_PUT;
    fixture->script->done_failures = 7;
    play_run(fixture);
    assert_int_equal(fixture->measures->failed, 7);
    assert_int_equal(series(fixture, BENCH_UPDATE)->outcomes[BENCH_OUTCOME_IN_DOUBT], 7);
    assert_int_equal(series(fixture, BENCH_UPDATE)->failed.count, 7);
    assert_int_equal(fixture->measures->ordered, series(fixture, BENCH_UPDATE)->ok.count);
    assert_int_equal(bench_worker_progress(fixture->worker).failed, 7);
}

static void a_value_of_another_key_is_corrupt(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "c");
    fixture->script->swaps_values = true;
    play_run(fixture);
    assert_true(series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_CORRUPT] > 900);
    assert_int_equal(fixture->measures->failed,
                     series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_CORRUPT]);
}

static void a_scan_asks_for_up_to_a_hundred_rows_and_is_checked(void **state)
{
    struct fixture *fixture = *state;

    prepare_run(fixture, "e");
    play_run(fixture);
    assert_int_equal(fixture->measures->failed, 0);
    assert_int_equal(script_seen()->scan_rows_min, 1);
    assert_int_equal(script_seen()->scan_rows_max, 100);

    forget(fixture->measures);
    atomic_store(&fixture->plan.begun, 0);
    fixture->script->reverses_scans = true;
    play_run(fixture);
    assert_true(series(fixture, BENCH_SCAN)->outcomes[BENCH_OUTCOME_CORRUPT] > 500);
}

static void a_read_modify_write_is_a_read_an_update_and_one_operation(void **state)
{
    struct fixture *fixture = *state;
    uint64_t both, reads;

    prepare_run(fixture, "f");
    play_run(fixture);
    both = series(fixture, BENCH_READ_MODIFY_WRITE)->ok.count;
    reads = series(fixture, BENCH_READ)->ok.count;
    assert_int_equal(fixture->measures->operations, 1000);
    assert_int_equal(series(fixture, BENCH_UPDATE)->ok.count, both);
    assert_int_equal(reads, 1000);
    assert_int_equal(fixture->measures->ordered, both);
    assert_in_range(both, 430, 570);
    assert_in_range(series(fixture, BENCH_READ_MODIFY_WRITE)->ok.min, 1000, 1100);
}

static void a_read_modify_write_whose_read_fails_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint64_t puts;

    prepare_run(fixture, "f");
    puts = script_seen()->puts;
    fixture->script->done_status = KV_UNAVAILABLE;
    fixture->script->done_code = KV_OP_GET;
    fixture->script->done_failures = UINT32_MAX;
    play_run(fixture);
    assert_int_equal(script_seen()->puts, puts);
    assert_int_equal(fixture->measures->failed, 1000);
    assert_in_range(series(fixture, BENCH_READ_MODIFY_WRITE)->outcomes[BENCH_OUTCOME_UNAVAILABLE],
                    430, 570);
    assert_int_equal(series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_UNAVAILABLE], 1000);
}

static void inserted_records_are_read_only_after_their_answer(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->jitter_us = 5000;
    fixture->settings.operations = 5000;
    prepare_run(fixture, "d");
    play_run(fixture);
    assert_int_equal(fixture->measures->failed, 0);
    assert_int_equal(script_seen()->keys, 100 + series(fixture, BENCH_INSERT)->ok.count);
    assert_in_range(series(fixture, BENCH_INSERT)->ok.count, 200, 300);
    assert_int_equal(bench_acknowledged_last(&fixture->records), script_seen()->keys - 1);
}

static void virtual_clients_are_spread_evenly_over_threads(void **state)
{
    struct fixture *fixture = *state;
    uint32_t sum = 0;

    fixture->settings.clients = 8;
    fixture->settings.threads = 3;
    for (uint32_t i = 0; i < 3; i++) {
        struct bench_worker *worker;
        struct bench_plan plan = {.settings = &fixture->settings,
                                  .load = true,
                                  .measure_from_us = kv_now_us(),
                                  .end_us = UINT64_MAX,
                                  .interval_us = 1000000};
        uint32_t most;

        script_end();
        script_begin();
        assert_int_equal(bench_worker_open(&fixture->settings, i, "a:1", NULL, &worker), KV_OK);
        bench_worker_run(worker, &plan, fixture->measures);
        most = script_seen()->outstanding_max;
        assert_in_range(most, 2, 3);
        sum += most;
        bench_worker_close(&worker);
    }
    assert_int_equal(sum, 8);
}

/* An open loop of reads for a tenth of a second. */
static void prepare_open(struct fixture *fixture, double rate)
{
    fixture->settings.operations = 0;
    fixture->settings.poisson = false;
    prepare_run(fixture, "c");
    fixture->plan.rate = rate;
    fixture->plan.from_us = kv_now_us();
    fixture->plan.end_us = fixture->plan.from_us + 100000;
    fixture->plan.give_up_us = UINT64_MAX;
}

static void an_open_loop_sends_what_is_due_and_waits_for_all_answers(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->latency_us = 3000;
    prepare_open(fixture, 1000);
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 100);
    assert_int_equal(fixture->measures->unsent, 0);
    assert_int_equal(script_seen()->outstanding, 0);
    assert_in_range(series(fixture, BENCH_READ)->ok.min, 3000, 3100);
    assert_in_range(series(fixture, BENCH_READ)->ok.max, 3000, 3100);
    assert_in_range(fixture->measures->service[BENCH_READ].max, 3000, 3050);
    /* Three are in flight at any time, of eight clients. */
    assert_in_range(script_seen()->outstanding_max, 3, 8);
}

static void latencies_of_an_open_loop_count_from_when_operations_were_due(void **state)
{
    struct fixture *fixture = *state;

    /* One client serves 500 per second: the hundredth operation, due after 99 ms, is answered after 200. */
    fixture->script->latency_us = 1950;
    fixture->settings.clients = 1;
    prepare_open(fixture, 1000);
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 100);
    assert_in_range(series(fixture, BENCH_READ)->ok.max, 95000, 102000);
    assert_in_range(bench_histogram_quantile(&series(fixture, BENCH_READ)->ok, 5000), 47000, 52000);
    assert_in_range(fixture->measures->service[BENCH_READ].max, 1950, 2050);
    assert_int_equal(fixture->measures->timeline.count, 1);
    assert_int_equal(fixture->measures->timeline.intervals[0].operations, 100);
}

static void what_an_open_loop_could_not_send_is_counted(void **state)
{
    struct fixture *fixture = *state;

    fixture->script->latency_us = 1950;
    fixture->settings.clients = 1;
    prepare_open(fixture, 1000);
    fixture->plan.give_up_us = fixture->plan.end_us;
    play_run(fixture);
    assert_in_range(fixture->measures->operations, 48, 52);
    assert_int_equal(fixture->measures->operations + fixture->measures->unsent, 100);
}

static void an_open_loop_ends_after_its_operations_or_when_it_is_stopped(void **state)
{
    struct fixture *fixture = *state;

    prepare_open(fixture, 10000);
    fixture->settings.operations = 77;
    fixture->plan.end_us = UINT64_MAX;
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 77);

    forget(fixture->measures);
    fixture->settings.operations = 0;
    fixture->script->on_submit = stop_after_100;
    submits = 0;
    play_run(fixture);
    assert_in_range(fixture->measures->operations, 1, 120);
    assert_int_equal(fixture->measures->unsent, 0);
}

static void refusals_of_an_open_loop_are_failures_and_it_goes_on(void **state)
{
    struct fixture *fixture = *state;

    prepare_open(fixture, 1000);
    fixture->script->submit_status = KV_BUSY;
    fixture->script->submit_failures = 20;
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 100);
    assert_int_equal(fixture->measures->failed, 20);
    assert_int_equal(series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_BUSY], 20);
}

static void commands_have_as_many_keys_as_they_are_told_to(void **state)
{
    struct fixture *fixture = *state;
    uint64_t reads;

    fixture->settings.keys_per_command = 3;
    prepare_run(fixture, "f");
    play_run(fixture);
    reads = series(fixture, BENCH_READ)->ok.count;
    assert_int_equal(fixture->measures->failed, 0);
    assert_int_equal(script_seen()->mgets, reads);
    assert_int_equal(script_seen()->mputs, series(fixture, BENCH_UPDATE)->ok.count);
    assert_int_equal(script_seen()->gets, 0);
    /* Three keys are in one of two partitions once in four times. */
    assert_in_range(fixture->measures->multi.ok.count, 500, 950);
}

static void a_value_of_another_key_among_several_is_corrupt(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.keys_per_command = 2;
    prepare_run(fixture, "get");
    fixture->script->swaps_values = true;
    play_run(fixture);
    assert_int_equal(series(fixture, BENCH_READ)->outcomes[BENCH_OUTCOME_CORRUPT], 1000);
}

static uint32_t crossing, staying;

static void note_partitions(const kv_op *op)
{
    bool crosses = false;

    for (uint32_t i = 1; i < op->count; i++) {
        crosses |=
            kv_client_partition_of(NULL, op->keys[i]) != kv_client_partition_of(NULL, op->keys[0]);
    }
    *(crosses ? &crossing : &staying) += 1;
}

static void the_share_of_commands_on_several_partitions_is_what_it_is_told(void **state)
{
    static const double shares[] = {0, 10, 50, 100};
    struct fixture *fixture = *state;

    fixture->settings.keys_per_command = 2;
    fixture->settings.has_multi = true;
    prepare_run(fixture, "a");
    fixture->script->on_submit = note_partitions;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        forget(fixture->measures);
        crossing = staying = 0;
        fixture->settings.multi_percent = shares[i];
        atomic_store(&fixture->plan.begun, 0);
        play_run(fixture);
        assert_int_equal(crossing + staying, 1000);
        assert_int_equal(fixture->measures->multi.ok.count, crossing);
        assert_in_range(crossing, shares[i] * 10 * 0.75, shares[i] * 10 * 1.3);
    }
}

static uint32_t begun_in[3];

static void note_first_partition(const kv_op *op)
{
    begun_in[kv_client_partition_of(NULL, op->count > 0 ? op->keys[0] : op->key)]++;
}

static void pinned_clients_begin_in_their_partition_and_cross_as_told(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.keys_per_command = 2;
    fixture->settings.has_multi = true;
    fixture->settings.multi_percent = 50;
    /* The first and the third of three clients are at home in the first partition. */
    fixture->settings.clients = 3;
    prepare_run(fixture, "put");
    fixture->plan.pinned_partitions = 2;
    fixture->script->on_submit = note_first_partition;
    memset(begun_in, 0, sizeof begun_in);
    play_run(fixture);
    assert_in_range(begun_in[1], 660, 674);
    assert_int_equal(begun_in[1] + begun_in[2], 1000);
    assert_in_range(fixture->measures->multi.ok.count, 430, 570);
}

static void fewer_records_than_keys_make_commands_with_fewer_keys(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.records = 5;
    fixture->settings.keys_per_command = 8;
    prepare_run(fixture, "put");
    play_run(fixture);
    assert_int_equal(fixture->measures->operations, 1000);
    assert_int_equal(fixture->measures->failed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_load_inserts_every_record_once),
        TEST(a_record_that_fails_to_load_is_sent_again),
        TEST(a_record_that_is_refused_at_once_is_sent_again_later),
        TEST(a_load_is_given_up_when_a_record_keeps_failing),
        TEST(every_virtual_client_has_one_operation_in_flight),
        TEST(a_run_does_as_many_operations_as_it_is_told),
        TEST(latencies_are_those_of_the_answers),
        TEST(what_begins_before_measuring_is_done_and_not_counted),
        TEST(a_run_ends_at_its_time_with_all_answers_in),
        TEST(a_run_that_is_stopped_begins_nothing_more_and_counts_what_was_done),
        TEST(an_operation_that_is_refused_at_once_is_counted_and_the_loop_goes_on),
        TEST(failures_are_counted_by_status_apart_from_successes),
        TEST(a_value_of_another_key_is_corrupt),
        TEST(a_scan_asks_for_up_to_a_hundred_rows_and_is_checked),
        TEST(a_read_modify_write_is_a_read_an_update_and_one_operation),
        TEST(a_read_modify_write_whose_read_fails_writes_nothing),
        TEST(inserted_records_are_read_only_after_their_answer),
        TEST(virtual_clients_are_spread_evenly_over_threads),
        TEST(commands_have_as_many_keys_as_they_are_told_to),
        TEST(a_value_of_another_key_among_several_is_corrupt),
        TEST(the_share_of_commands_on_several_partitions_is_what_it_is_told),
        TEST(pinned_clients_begin_in_their_partition_and_cross_as_told),
        TEST(fewer_records_than_keys_make_commands_with_fewer_keys),
        TEST(an_open_loop_sends_what_is_due_and_waits_for_all_answers),
        TEST(latencies_of_an_open_loop_count_from_when_operations_were_due),
        TEST(what_an_open_loop_could_not_send_is_counted),
        TEST(an_open_loop_ends_after_its_operations_or_when_it_is_stopped),
        TEST(refusals_of_an_open_loop_are_failures_and_it_goes_on),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
