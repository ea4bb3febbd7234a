/* SPDX-License-Identifier: Apache-2.0 */
/* How kv_lock keeps what it has got, against a scripted server on the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "client/lib/kv.h"
#include "tests/unit/client/fake_server.h"

struct rig {
    struct fake_server *server;
    kv_client *client;
};

static int open_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const kv_client_options options = {.struct_size = sizeof options, .timeout_ms = 20000};
    rig->server = fake_server_start("tcp://127.0.0.1:*");
    assert_int_equal(kv_client_open(fake_server_address(rig->server), &options, &rig->client),
                     KV_OK);
    *state = rig;
    return 0;
}

static int close_rig(void **state)
{
    struct rig *rig = *state;
    kv_client_close(&rig->client);
    fake_server_stop(&rig->server);
    free(rig);
    return 0;
}

static kv_status lock_for(struct rig *rig, uint32_t ttl_ms, kv_token *ret)
{
    const kv_bytes key = kv_bytes_of("k", 1);
    const kv_lock_options options = {.ttl_ms = ttl_ms};
    return kv_lock(rig->client, &key, 1, &options, ret);
}

/* The client is run for so long. */
static void run_for(struct rig *rig, uint64_t ms)
{
    const uint64_t until_us = kv_now_us() + ms * 1000;
    while (kv_now_us() < until_us) {
        (void)kv_client_run(rig->client, (int)((until_us - kv_now_us()) / 1000 + 1));
    }
}

static uint64_t worked_us(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static void it_is_renewed_as_long_as_the_client_is_run(void **state)
{
    struct rig *rig = *state;
    kv_token token;
    assert_int_equal(lock_for(rig, 1500, &token), KV_OK);
    run_for(rig, 1800);
    assert_false(kv_lock_is_lost(rig->client, token));
    assert_in_range(fake_server_counts(rig->server).renewals, 2, 4);
    assert_int_equal(kv_unlock(rig->client, token), KV_OK);
    assert_true(kv_lock_is_lost(rig->client, token));
}

static void waiting_for_the_answer_to_a_renewal_costs_nothing(void **state)
{
    struct rig *rig = *state;
    kv_token token;
    assert_int_equal(lock_for(rig, 900, &token), KV_OK);
    fake_server_locks(rig->server, "*d");
    const uint64_t before_us = worked_us();
    run_for(
        rig,
        901); /* one is under way for the last 600, and a second one would be due for the last 300 of them */
    assert_in_range(worked_us() - before_us, 0, 50 * 1000);
    assert_true(kv_lock_is_lost(rig->client, token));
}

static void a_lock_that_was_granted_late_is_good_from_a_renewal_on(void **state)
{
    struct rig *rig = *state;
    kv_token token;
    fake_server_locks(rig->server, "d"); /* the second sending, 200 ms later, has the answer */
    assert_int_equal(lock_for(rig, 500, &token), KV_OK);
    assert_int_equal(fake_server_counts(rig->server).renewals, 1);
    assert_false(kv_lock_is_lost(rig->client, token));
}

static void a_lock_that_was_granted_late_may_be_lost_already(void **state)
{
    struct rig *rig = *state;
    kv_token token;
    fake_server_locks(rig->server, "dxl");
    assert_int_equal(lock_for(rig, 500, &token), KV_LOCK_LOST);
    assert_int_equal(fake_server_counts(rig->server).renewals, 1);
}

/* Its lease may have begun when it was sent, and nobody has confirmed that it did not. */
static void a_lock_that_may_have_ended_already_is_given_back(void **state)
{
    struct rig *rig = *state;
    kv_token token;
    fake_server_locks(rig->server, "dx*d"); /* nor is the renewal answered */
    assert_int_equal(lock_for(rig, 500, &token), KV_UNAVAILABLE);
    assert_int_equal(kv_client_outstanding(rig->client), 1); /* the UNLOCK */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_renewed_as_long_as_the_client_is_run),
        TEST(waiting_for_the_answer_to_a_renewal_costs_nothing),
        TEST(a_lock_that_was_granted_late_is_good_from_a_renewal_on),
        TEST(a_lock_that_was_granted_late_may_be_lost_already),
        TEST(a_lock_that_may_have_ended_already_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
