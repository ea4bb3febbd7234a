/* SPDX-License-Identifier: Apache-2.0 */
/* search: it finds the rate that a system serves, wherever it begins, and one stall does not mislead it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/search.h"

/* Search on a system that keeps the bound up to `most`; every `stall`th trial fails whatever its rate is (0: none). */
static void search_for(struct bench_search *search, double first, double most, uint32_t stall)
{
    double rate;

    bench_search_init(search, first);
    while (bench_search_next(search, &rate)) {
        const struct bench_trial trial = {
            .rate = rate, .kept = rate <= most && (stall == 0 || search->count % stall != 1)};

        bench_search_note(search, &trial);
    }
}

static void it_finds_what_is_kept_from_above_and_from_below(void **state)
{
    static const double firsts[] = {100, 5000, 9900, 10100, 40000, 1000000};
    struct bench_search search;

    (void)state;
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        search_for(&search, firsts[i], 10000, 0);
        assert_true(search.low <= 10000 && search.low >= 9600);
        assert_true(search.count < BENCH_TRIALS_MAX);
    }
}

static void one_trial_that_fails_is_tried_again(void **state)
{
    struct bench_search search;

    (void)state;
    search_for(&search, 5000, 10000, 4);
    assert_true(search.low <= 10000 && search.low >= 9600);
}

static void it_says_when_no_rate_is_kept(void **state)
{
    struct bench_search search;

    (void)state;
    search_for(&search, 100, 0, 0);
    assert_true(search.low == 0);
}

static void it_ends_when_every_rate_is_kept(void **state)
{
    struct bench_search search;

    (void)state;
    search_for(&search, 100, 1e300, 0);
    assert_int_equal(search.count, BENCH_TRIALS_MAX);
    assert_true(search.low > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_is_kept_from_above_and_from_below),
        cmocka_unit_test(one_trial_that_fails_is_tried_again),
        cmocka_unit_test(it_says_when_no_rate_is_kept),
        cmocka_unit_test(it_ends_when_every_rate_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
