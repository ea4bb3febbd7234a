/* SPDX-License-Identifier: Apache-2.0 */
/* A real node whose applications compute: every job comes back to the member that gave it, on the node's thread, and the number of
 * workers follows the load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"
#include "tests/unit/node/node_rig.h"

#define GROUPS 3 /* of node_config_single with two partitions */

struct test {
    uint32_t jobs;    /* of each member */
    uint32_t at_once; /* of each member */
    uint32_t rounds;  /* of each job */
    struct node_rig rig;
    pthread_t thread;  /* the node's */
    uint32_t finished; /* members */
    uint32_t rises;    /* reports that there are more workers */
};

struct application {
    struct test *test;
    uint32_t given, taken;
};

struct job {
    struct application *owner;
    uint32_t rounds;
    uint64_t value;
};

static uint64_t rounds_of(uint64_t value, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        value = value * UINT64_C(6364136223846793005) + 1;
        value ^= value >> 31;
    }
    return value;
}

static void do_job(void *context)
{
    struct job *job = context;
    job->value = rounds_of(job->value, job->rounds);
}

static void give(struct application *application, const struct node_port *port)
{
    const struct test *test = application->test;
    while (application->given < test->jobs &&
           application->given - application->taken < test->at_once) {
        struct job *job = kv_alloc_zero(1, sizeof *job);
        *job = (struct job){application, test->rounds, application->given};
        node_port_work(port, &(struct node_work){.work = do_job,
                                                 .drop = kv_free,
                                                 .job = job,
                                                 .number = application->given,
                                                 .shard = application->given});
        application->given++;
    }
}

static void app_tick(void *state, const struct node_port *port)
{
    give(state, port);
}

static kv_instant app_deadline(const void *state)
{
    const struct application *application = state;
    return application->given == 0 ? (kv_instant){0} : KV_INSTANT_NEVER;
}

static void app_worked(void *state, const struct node_port *port, uint64_t number, void *context)
{
    struct application *application = state;
    struct test *test = application->test;
    struct job *job = context;
    KV_ASSERT(pthread_equal(pthread_self(), test->thread));
    KV_ASSERT(job->owner == application && job->value == rounds_of(number, job->rounds));
    kv_free(job);
    application->taken++;
    give(application, port);
    if (application->taken == test->jobs && ++test->finished == GROUPS) {
        node_rig_stop(&test->rig);
    }
}

static struct node_application_ops app_ops;

static struct node_application app_new(kv_group_id group, void *context)
{
    struct application *application = kv_alloc_zero(1, sizeof *application);
    (void)group;
    application->test = context;
    return (struct node_application){&app_ops, application};
}

static void report(const char *line, void *context)
{
    struct test *test = context;
    unsigned before, after;
    if (sscanf(line, "workers: %u -> %u", &before, &after) == 2 && after > before) {
        test->rises++;
    }
}

static void run(struct test *test, bool fixed, uint32_t workers)
{
    struct node_error error = {{0}};
    test->thread = pthread_self();
    app_ops = node_rig_ops();
    app_ops.tick = app_tick;
    app_ops.deadline = app_deadline;
    app_ops.worked = app_worked;
    node_rig_open(&test->rig, GROUPS - 1,
                  (struct node_settings){.application = app_new,
                                         .application_context = test,
                                         .report = report,
                                         .report_context = test,
                                         .workers_fixed = fixed,
                                         .workers = workers});
    assert_int_equal(node_run(test->rig.node, &error), STATUS_OK);
    assert_int_equal(test->finished, GROUPS);
    node_rig_close(&test->rig);
}

static void every_job_comes_back_to_its_member(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 8};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct test test = {.jobs = 3000, .at_once = 100, .rounds = 500};
        run(&test, true, counts[i]);
    }
}

static void one_job_at_a_time_wakes_the_node(void **state)
{
    struct test test = {.jobs = 50, .at_once = 1, .rounds = 100000};
    (void)state;
    run(&test, true, 1);
}

static void a_node_that_computes_much_gets_workers_by_itself(void **state)
{
    struct test test = {.jobs = 300, .at_once = 10, .rounds = 1000000};
    (void)state;
    run(&test, false, 0);
    assert_true(test.rises >= 1);
}

static void a_node_that_computes_little_gets_none(void **state)
{
    struct test test = {.jobs = 1000, .at_once = 10, .rounds = 10};
    (void)state;
    run(&test, false, 0);
    assert_int_equal(test.rises, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_comes_back_to_its_member),
        cmocka_unit_test(one_job_at_a_time_wakes_the_node),
        cmocka_unit_test(a_node_that_computes_much_gets_workers_by_itself),
        cmocka_unit_test(a_node_that_computes_little_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
