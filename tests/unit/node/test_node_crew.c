/* SPDX-License-Identifier: Apache-2.0 */
/* A real node whose applications compute: every job comes back to the member that gave it, on the node's thread, and the number of
 * workers follows the load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"
#include "multicast/node/node.h"

#define GROUPS 3 /* of node_config_single with two partitions */

struct test {
    uint32_t jobs;    /* of each member */
    uint32_t at_once; /* of each member */
    uint32_t rounds;  /* of each job */
    int stop_fd;
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

static enum node_admission app_admit(void *state, const struct wire_request *request,
                                     struct node_answer *ret)
{
    (void)state, (void)request, (void)ret;
    return NODE_MALFORMED;
}

static void app_deliver(void *state, const struct node_port *port, struct wire_entry *entry,
                        kv_timestamp timestamp, uint64_t position)
{
    (void)state, (void)port, (void)entry, (void)timestamp, (void)position;
}

static void app_read(void *state, const struct node_port *port, uint64_t token, kv_slice body)
{
    (void)state, (void)body;
    node_port_refuse_read(port, token);
}

static bool app_stale_read(void *state, kv_slice body, struct node_read_answer *ret)
{
    (void)state, (void)body, (void)ret;
    return false;
}

static struct node_application_status app_status(const void *state)
{
    (void)state;
    return (struct node_application_status){0};
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
        const uint64_t one = 1;
        const ssize_t written = write(test->stop_fd, &one, sizeof one);
        KV_ASSERT(written == sizeof one);
    }
}

static const struct node_application_ops app_ops = {.admit = app_admit,
                                                    .deliver = app_deliver,
                                                    .worked = app_worked,
                                                    .read = app_read,
                                                    .stale_read = app_stale_read,
                                                    .tick = app_tick,
                                                    .deadline = app_deadline,
                                                    .status = app_status,
                                                    .destroy = kv_free};

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
    char directory[] = "/tmp/kv-node-crew-XXXXXX";
    struct node_config *config = kv_alloc_zero(1, sizeof *config);
    struct node *node = NULL;
    struct node_error error = {{0}};
    assert_non_null(mkdtemp(directory));
    node_config_single(config, "tcp://127.0.0.1:*", GROUPS - 1);
    test->stop_fd = eventfd(0, EFD_CLOEXEC);
    test->thread = pthread_self();
    const struct node_settings settings = {.config = config,
                                           .self = {1},
                                           .directory = directory,
                                           .unsafe_no_sync = true,
                                           .stop_fd = test->stop_fd,
                                           .segment_bytes = 1024 * 1024,
                                           .application = app_new,
                                           .application_context = test,
                                           .report = report,
                                           .report_context = test,
                                           .workers_fixed = fixed,
                                           .workers = workers};
    assert_int_equal(node_open(&settings, &node, &error), STATUS_OK);
    assert_int_equal(node_run(node, &error), STATUS_OK);
    assert_int_equal(test->finished, GROUPS);
    node_close(&node);
    close(test->stop_fd);
    kv_free(config);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
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
