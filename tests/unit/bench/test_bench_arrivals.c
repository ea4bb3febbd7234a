/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals and timeline: when operations are due, and what became of them second by second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/arrivals.h"
#include "bench/histogram.h"
#include "bench/timeline.h"

static uint64_t take(struct bench_arrivals *arrivals)
{
    uint64_t due = bench_arrivals_due(arrivals);

    bench_arrivals_advance(arrivals);
    return due;
}

static void constant_arrivals_of_several_workers_interleave(void **state)
{
    struct bench_arrivals arrivals[2];

    (void)state;
    bench_arrivals_init(&arrivals[0], 1000, false, 0, 2, 5000, 1);
    bench_arrivals_init(&arrivals[1], 1000, false, 1, 2, 5000, 2);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(take(&arrivals[0]), 5000 + 2000 * i);
        assert_int_equal(take(&arrivals[1]), 6000 + 2000 * i);
    }
}

static void a_rate_that_is_no_whole_number_of_microseconds_does_not_drift(void **state)
{
    struct bench_arrivals arrivals;

    (void)state;
    bench_arrivals_init(&arrivals, 300000, false, 0, 1, 0, 1);
    for (int i = 0; i < 3000000; i++) {
        bench_arrivals_advance(&arrivals);
    }
    assert_in_range(bench_arrivals_due(&arrivals), 9999999, 10000001);
}

static void poisson_arrivals_have_the_rate_and_unequal_gaps(void **state)
{
    struct bench_arrivals arrivals;
    uint64_t last = 0;
    uint32_t count = 0, short_gaps = 0;

    (void)state;
    bench_arrivals_init(&arrivals, 1000, true, 0, 1, 0, 1);
    while (last < 100 * 1000000) {
        uint64_t due = take(&arrivals);

        assert_true(due >= last);
        short_gaps +=
            due - last < 693; /* half of them: the median of the gaps is ln 2 of the mean */
        last = due;
        count++;
    }
    assert_in_range(count, 99000, 101000);
    assert_in_range(short_gaps, 49000, 51000);
}

static void a_timeline_counts_by_interval_and_adds_up(void **state)
{
    struct bench_timeline one = {0}, two = {0};

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++) {
        bench_timeline_add(&one, 0, false, i);
    }
    bench_timeline_add(&one, 0, true, 1000000);
    bench_timeline_add(&two, 0, false, 5000);
    bench_timeline_add(&two, 40, false, 7);
    bench_timeline_merge(&one, &two);
    assert_int_equal(one.count, 41);
    assert_int_equal(one.intervals[0].operations, 1002);
    assert_int_equal(one.intervals[0].failed, 1);
    assert_int_equal(one.intervals[0].max_us, 5000);
    assert_in_range(bench_interval_quantile(&one.intervals[0], 5000), 501, 501 * 33 / 32);
    assert_in_range(bench_interval_quantile(&one.intervals[0], 9900), 991, 991 * 33 / 32);
    assert_int_equal(bench_interval_quantile(&one.intervals[0], 10000), 5000);
    assert_int_equal(one.intervals[20].operations, 0);
    assert_int_equal(bench_interval_quantile(&one.intervals[20], 9900), 0);
    assert_int_equal(bench_interval_quantile(&one.intervals[40], 5000), 7);
    bench_timeline_close(&one);
    bench_timeline_close(&two);
}

static void every_latency_has_a_slot_close_to_it(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < BENCH_HISTOGRAM_VALUE_MAX; value += value / 7 + 1) {
        struct bench_timeline timeline = {0};

        bench_timeline_add(&timeline, 0, false, value);
        bench_timeline_add(&timeline, 0, false, UINT64_MAX);
        assert_in_range(bench_interval_quantile(&timeline.intervals[0], 5000), value,
                        value + value / 32);
        bench_timeline_close(&timeline);
    }
}

static void a_long_run_has_longer_intervals(void **state)
{
    struct bench_timeline timeline = {0};

    (void)state;
    assert_int_equal(bench_interval_seconds(0), 1);
    assert_int_equal(bench_interval_seconds(3598), 1);
    assert_int_equal(bench_interval_seconds(3599), 2);
    assert_int_equal(bench_interval_seconds(86400), 25);
    bench_timeline_add(&timeline, BENCH_TIMELINE_MAX + 5, false, 1);
    assert_int_equal(timeline.count, BENCH_TIMELINE_MAX);
    bench_timeline_close(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_arrivals_of_several_workers_interleave),
        cmocka_unit_test(a_rate_that_is_no_whole_number_of_microseconds_does_not_drift),
        cmocka_unit_test(poisson_arrivals_have_the_rate_and_unequal_gaps),
        cmocka_unit_test(a_timeline_counts_by_interval_and_adds_up),
        cmocka_unit_test(every_latency_has_a_slot_close_to_it),
        cmocka_unit_test(a_long_run_has_longer_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
