/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: every job is done once and comes back once, whatever the number of workers does meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "multicast/base/bytes.h"
#include "multicast/base/prng.h"
#include "multicast/node/node_workers.h"

#define JOBS 20000

/* Far more than a result can take; a failure, not a wait. */
#define PATIENCE_MS 60000

struct job {
    uint64_t input, output;
    uint32_t rounds;
    atomic_uint done;
};

static atomic_uint dropped;

static uint64_t mix(uint64_t value, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        value = value * UINT64_C(6364136223846793005) + 1442695040888963407;
        value ^= value >> 29;
    }
    return value;
}

static void do_job(void *context)
{
    struct job *job = context;
    job->output = mix(job->input, job->rounds);
    atomic_fetch_add(&job->done, 1);
}

static void drop_job(void *context)
{
    atomic_fetch_add(&dropped, 1);
    kv_free(context);
}

static void add(struct node_workers *workers, uint64_t number, uint32_t rounds)
{
    struct job *job = kv_alloc_zero(1, sizeof *job);
    job->input = number;
    job->rounds = rounds;
    node_workers_add(workers, &(struct node_work){.work = do_job,
                                                  .drop = drop_job,
                                                  .job = job,
                                                  .number = number,
                                                  .shard = mix(number, 1)});
}

static void check(const struct node_work *result, uint8_t *seen)
{
    struct job *job = result->job;
    assert_int_equal(job->input, result->number);
    assert_int_equal(job->output, mix(job->input, job->rounds));
    assert_int_equal(atomic_load(&job->done), 1);
    assert_int_equal(seen[result->number], 0);
    seen[result->number] = 1;
    result->drop(job);
}

/* The next result; sleeps as the node does. False: all are taken. */
static bool next(struct node_workers *workers, struct node_work *ret)
{
    while (!node_workers_take(workers, ret)) {
        if (node_workers_out(workers) == 0) {
            return false;
        }
        if (node_workers_rest(workers)) {
            struct pollfd bell = {.fd = node_workers_fd(workers), .events = POLLIN};
            assert_int_equal(poll(&bell, 1, PATIENCE_MS), 1);
            node_workers_rise(workers);
        }
    }
    return true;
}

static void finish(struct node_workers *workers, uint8_t *seen)
{
    struct node_work result;
    while (next(workers, &result)) {
        check(&result, seen);
    }
}

static void every_job_comes_back_once(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 8, 64};
    static uint8_t seen[JOBS];
    (void)state;
    for (uint32_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct node_workers *workers = node_workers_new(counts[c]);
        assert_int_equal(node_workers_count(workers), counts[c]);
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < JOBS; i++) {
            add(workers, i, i % 200);
            if (i % 37 == 0) {
                node_workers_flush(workers);
            }
        }
        node_workers_flush(workers);
        finish(workers, seen);
        for (uint32_t i = 0; i < JOBS; i++) {
            assert_int_equal(seen[i], 1);
        }
        assert_int_equal(node_workers_measure(workers).jobs, JOBS);
        node_workers_destroy(&workers);
    }
}

static void the_number_changes_under_load(void **state)
{
    static uint8_t seen[JOBS];
    struct kv_prng prng;
    struct node_work result;
    (void)state;
    kv_prng_init(&prng, 66);
    memset(seen, 0, sizeof seen);
    struct node_workers *workers = node_workers_new(0);
    for (uint32_t i = 0; i < JOBS; i++) {
        add(workers, i, (uint32_t)kv_prng_between(&prng, 0, 400));
        if (kv_prng_chance(&prng, 1, 20)) {
            node_workers_flush(workers);
        }
        if (kv_prng_chance(&prng, 1, 500)) {
            const uint32_t count = (uint32_t)kv_prng_between(&prng, 0, 9);
            node_workers_set(workers, count);
            assert_int_equal(node_workers_count(workers), count);
        }
        while (kv_prng_chance(&prng, 1, 2) && node_workers_take(workers, &result)) {
            check(&result, seen);
        }
    }
    node_workers_flush(workers);
    finish(workers, seen);
    for (uint32_t i = 0; i < JOBS; i++) {
        assert_int_equal(seen[i], 1);
    }
    node_workers_destroy(&workers);
}

static void one_job_at_a_time_wakes_who_sleeps(void **state)
{
    static uint8_t seen[200];
    (void)state;
    memset(seen, 0, sizeof seen);
    struct node_workers *workers = node_workers_new(2);
    for (uint32_t i = 0; i < sizeof seen; i++) {
        add(workers, i, 20000);
        node_workers_flush(workers);
        finish(workers, seen);
        assert_int_equal(seen[i], 1);
    }
    node_workers_destroy(&workers);
}

/* Rests with nothing under way until the bell is silent; one that was rung for an earlier rest may be heard for some time. */
static bool falls_silent(struct node_workers *workers)
{
    struct pollfd bell = {.fd = node_workers_fd(workers), .events = POLLIN};
    for (int i = 0; i < PATIENCE_MS; i++) {
        const bool rests = node_workers_rest(workers);
        const bool rings = poll(&bell, 1, 0) > 0;
        if (rests) {
            node_workers_rise(workers);
        }
        if (!rings) {
            return true;
        }
    }
    return false;
}

static void a_bell_for_an_earlier_rest_does_not_ring_for_ever(void **state)
{
    (void)state;
    struct node_workers *workers = node_workers_new(1);
    struct node_work result;
    for (uint64_t number = 0; number < JOBS; number++) {
        add(workers, number, 1);
        node_workers_flush(workers);
        while (!node_workers_take(workers, &result)) {
            if (node_workers_rest(workers)) {
                node_workers_rise(
                    workers); /* at once: the worker may be between noticing and ringing */
            }
        }
        result.drop(result.job);
        assert_true(falls_silent(workers));
    }
    node_workers_destroy(&workers);
}

static void what_is_left_is_dropped(void **state)
{
    static const uint32_t counts[] = {0, 3};
    (void)state;
    for (uint32_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct node_workers *workers = node_workers_new(counts[c]);
        atomic_store(&dropped, 0);
        for (uint32_t i = 0; i < 2000; i++) {
            add(workers, i, 10);
        }
        node_workers_flush(workers);
        node_workers_destroy(&workers);
        assert_null(workers);
        assert_int_equal(atomic_load(&dropped), 2000);
    }
    node_workers_destroy(&(struct node_workers *){NULL});
}

/* ---- Jobs that wait ---- */

static struct {
    atomic_bool open[2];
    atomic_uint begun, done;
} gates;

struct waiting_job {
    uint32_t gate; /* 2: none */
    bool opens;    /* all gates, when it is dropped */
};

static void wait_at_gate(void *context)
{
    const struct waiting_job *job = context;
    atomic_fetch_add(&gates.begun, 1);
    while (job->gate < 2 && !atomic_load(&gates.open[job->gate])) {
        sched_yield();
    }
    atomic_fetch_add(&gates.done, 1);
}

static void drop_waiting(void *context)
{
    struct waiting_job *job = context;
    if (job->opens) {
        atomic_store(&gates.open[0], true);
        atomic_store(&gates.open[1], true);
    }
    kv_free(job);
}

static void add_waiting(struct node_workers *workers, uint64_t shard, struct waiting_job job)
{
    struct waiting_job *kept = kv_alloc(sizeof *kept);
    *kept = job;
    node_workers_add(workers,
                     &(struct node_work){
                         .work = wait_at_gate, .drop = drop_waiting, .job = kept, .shard = shard});
}

static void close_gates(void)
{
    atomic_store(&gates.open[0], false);
    atomic_store(&gates.open[1], false);
    atomic_store(&gates.begun, 0);
    atomic_store(&gates.done, 0);
}

/* A node that is to stop must not work off what nobody wants any more. */
static void what_has_not_begun_is_not_done_at_the_end(void **state)
{
    struct node_workers *workers = node_workers_new(1);
    (void)state;
    close_gates();
    for (uint32_t i = 0; i < NODE_WORKER_JOBS_MAX; i++) {
        add_waiting(workers, 0, (struct waiting_job){.gate = 0});
    }
    add_waiting(workers, 0, (struct waiting_job){.gate = 2, .opens = true}); /* has no room */
    node_workers_flush(workers);
    while (atomic_load(&gates.begun) == 0) {
        sched_yield();
    }
    node_workers_destroy(&workers); /* drops the last job, which lets the first one end */
    assert_int_equal(atomic_load(&gates.begun), 1);
    assert_int_equal(atomic_load(&gates.done), 1);
}

static void a_job_whose_worker_is_full_goes_to_one_that_has_room(void **state)
{
    struct node_workers *workers = node_workers_new(2);
    const uint32_t all = 2 * NODE_WORKER_JOBS_MAX;
    struct node_work result;
    time_t until = time(NULL) + PATIENCE_MS / 1000;
    (void)state;
    close_gates();
    for (uint32_t i = 0; i + 1 < all; i++) {
        add_waiting(workers, i % 2, (struct waiting_job){.gate = i % 2});
    }
    add_waiting(workers, 0, (struct waiting_job){.gate = 2}); /* the other one has a place */
    node_workers_flush(workers);
    atomic_store(&gates.open[1], true);
    while (atomic_load(&gates.done) < NODE_WORKER_JOBS_MAX && time(NULL) < until) {
        sched_yield();
    }
    assert_int_equal(atomic_load(&gates.done), NODE_WORKER_JOBS_MAX);
    atomic_store(&gates.open[0], true);
    while (next(workers, &result)) {
        result.drop(result.job);
    }
    assert_int_equal(atomic_load(&gates.done), all);
    node_workers_destroy(&workers);
}

static void what_it_measures_is_what_was_done(void **state)
{
    static uint8_t seen[50];
    (void)state;
    memset(seen, 0, sizeof seen);
    struct node_workers *workers = node_workers_new(1);
    for (uint32_t i = 0; i < sizeof seen; i++) {
        add(workers, i, 100000);
    }
    node_workers_flush(workers);
    finish(workers, seen);
    const struct node_workers_measure measure = node_workers_measure(workers);
    assert_int_equal(measure.jobs, sizeof seen);
    assert_true(measure.service_ns > 0);
    assert_true(measure.wait_ns > measure.service_ns); /* each waits for those before it */
    node_workers_destroy(&workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_comes_back_once),
        cmocka_unit_test(the_number_changes_under_load),
        cmocka_unit_test(one_job_at_a_time_wakes_who_sleeps),
        cmocka_unit_test(a_bell_for_an_earlier_rest_does_not_ring_for_ever),
        cmocka_unit_test(what_is_left_is_dropped),
        cmocka_unit_test(what_has_not_begun_is_not_done_at_the_end),
        cmocka_unit_test(a_job_whose_worker_is_full_goes_to_one_that_has_room),
        cmocka_unit_test(what_it_measures_is_what_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
