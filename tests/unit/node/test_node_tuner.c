/* SPDX-License-Identifier: Apache-2.0 */
/* The tuner against a model of a node: jobs come at a rate, each takes its time, and so many workers do what they can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/node/node_tuner.h"
#include "multicast/base/limits.h"

#define PERIOD_NS (UINT64_C(1000) * NODE_TUNER_PERIOD_US)
#define CORES     8

/* Far more samples than it takes to add or to remove all. */
#define SAMPLES 1000

/* A load in permille of a core that wants to be done, and how long one job takes. */
struct load {
    uint64_t permille, service_ns;
};

/* What a node with so many workers measures in one period. Whoever is asked for more than it can do makes jobs wait. */
static struct node_tuner_sample measured(struct load load, uint32_t workers)
{
    const uint64_t most = 1000 * (uint64_t)(workers == 0 ? 1 : workers);
    const uint64_t done = load.permille < most ? load.permille : most;
    struct node_tuner_sample sample = {.period_ns = PERIOD_NS,
                                       .service_ns = done * PERIOD_NS / 1000};
    sample.jobs = sample.service_ns / load.service_ns;
    sample.wait_ns = sample.service_ns * (load.permille >= most ? 10 : 0);
    sample.out = load.permille >= most ? 100 : 0;
    return sample;
}

static uint32_t settle(struct node_tuner *tuner, struct load load)
{
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const struct node_tuner_sample sample = measured(load, tuner->workers);
        node_tuner_step(tuner, &sample);
    }
    return tuner->workers;
}

static const struct node_tuner_sample nothing = {.period_ns = PERIOD_NS};

static void a_constant_load_changes_the_number_in_one_direction_and_then_no_more(void **state)
{
    struct kv_prng prng;
    (void)state;
    kv_prng_init(&prng, 6);
    for (uint32_t run = 0; run < 2000; run++) {
        const struct load load = {kv_prng_between(&prng, 0, 12000),
                                  kv_prng_between(&prng, 100, 5000000)};
        struct node_tuner tuner;
        node_tuner_init(&tuner, CORES, (uint32_t)kv_prng_between(&prng, 0, CORES));
        uint32_t before = tuner.workers, rises = 0, falls = 0, last_change = 0;
        for (uint32_t i = 0; i < SAMPLES; i++) {
            const struct node_tuner_sample sample = measured(load, tuner.workers);
            const uint32_t now = node_tuner_step(&tuner, &sample);
            rises += now > before ? 1 : 0;
            falls += now < before ? 1 : 0;
            last_change = now != before ? i : last_change;
            assert_true(now <= CORES && now <= before + 1 && now + 1 >= before);
            before = now;
        }
        assert_true(rises == 0 || falls == 0);
        assert_true(last_change < SAMPLES / 2);
    }
}

static void without_jobs_it_returns_to_none(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, CORES, CORES);
    for (uint32_t i = 0; i < CORES * NODE_TUNER_FEWER_SAMPLES; i++) {
        node_tuner_step(&tuner, &nothing);
    }
    assert_int_equal(tuner.workers, 0);
    node_tuner_step(&tuner, &nothing);
    assert_int_equal(tuner.state, NODE_TUNER_IDLE);
}

static void it_never_asks_for_more_than_there_are_cores(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, 2, 0);
    assert_int_equal(settle(&tuner, (struct load){100000, 1000000}), 2);
    node_tuner_init(&tuner, 1000, 0);
    assert_int_equal(settle(&tuner, (struct load){1000000, 1000000}), KV_WORKERS_MAX);
    node_tuner_init(&tuner, 2, 64);
    assert_int_equal(tuner.workers, 2);
}

static void it_follows_the_load_up_and_down(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, CORES, 0);
    assert_int_equal(settle(&tuner, (struct load){50, 100000}), 0);
    assert_int_equal(settle(&tuner, (struct load){300, 100000}), 1);
    assert_int_equal(settle(&tuner, (struct load){3500, 100000}), 4);
    assert_int_equal(settle(&tuner, (struct load){50000, 100000}), CORES);
    assert_int_equal(settle(&tuner, (struct load){900, 100000}), 2); /* 3 would be half idle */
    assert_int_equal(settle(&tuner, (struct load){300, 100000}), 1);
    assert_int_equal(settle(&tuner, (struct load){50, 100000}), 0);
}

static void jobs_that_are_too_short_get_no_worker(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, CORES, 0);
    assert_int_equal(settle(&tuner, (struct load){900, NODE_TUNER_SERVICE_NS_MIN / 2}), 0);
    assert_int_equal(settle(&tuner, (struct load){900, 2 * NODE_TUNER_SERVICE_NS_MIN}), 1);
}

static void a_single_busy_period_changes_nothing(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, CORES, 0);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const struct node_tuner_sample busy = measured((struct load){5000, 100000}, tuner.workers);
        node_tuner_step(&tuner, i % NODE_TUNER_MORE_SAMPLES == 0 ? &busy : &nothing);
        assert_int_equal(tuner.workers, 0);
    }
}

static void a_job_longer_than_many_periods_keeps_its_worker(void **state)
{
    struct node_tuner tuner;
    (void)state;
    node_tuner_init(&tuner, CORES, 1);
    const struct node_tuner_sample under_way = {.period_ns = PERIOD_NS, .out = 1};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        node_tuner_step(&tuner, &under_way);
    }
    assert_int_equal(tuner.workers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_load_changes_the_number_in_one_direction_and_then_no_more),
        cmocka_unit_test(without_jobs_it_returns_to_none),
        cmocka_unit_test(it_never_asks_for_more_than_there_are_cores),
        cmocka_unit_test(it_follows_the_load_up_and_down),
        cmocka_unit_test(jobs_that_are_too_short_get_no_worker),
        cmocka_unit_test(a_single_busy_period_changes_nothing),
        cmocka_unit_test(a_job_longer_than_many_periods_keeps_its_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
