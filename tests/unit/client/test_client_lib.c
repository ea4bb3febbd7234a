/* SPDX-License-Identifier: Apache-2.0 */
/* The library of kv.h against a scripted server on the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/lib/kv.h"
#include "tests/unit/client/fake_server.h"

struct rig {
    struct fake_server *server;
    kv_client *client;
};

static kv_bytes text(const char *words)
{
    return kv_bytes_of(words, strlen(words));
}

static kv_client *open_client(const char *endpoints, uint64_t timeout_ms)
{
    kv_client *client = NULL;
    const kv_client_options options = {.struct_size = sizeof options, .timeout_ms = timeout_ms};
    assert_int_equal(kv_client_open(endpoints, &options, &client), KV_OK);
    assert_non_null(client);
    return client;
}

static int open_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->server = fake_server_start("tcp://127.0.0.1:*");
    rig->client = open_client(fake_server_address(rig->server), 20000);
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

static void assert_bytes(kv_bytes bytes, const char *words)
{
    assert_int_equal(bytes.size, strlen(words));
    assert_memory_equal(bytes.data, words, bytes.size);
}

/* ---- Blocking calls ---- */

static void what_is_put_can_be_got(void **state)
{
    struct rig *rig = *state;
    kv_result *result = NULL;
    assert_int_equal(kv_get(rig->client, text("k"), &result), KV_NOT_FOUND);
    assert_int_equal(kv_result_count(result), 0);
    kv_result_free(result);
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
    assert_int_equal(kv_get(rig->client, text("k"), &result), KV_OK);
    assert_int_equal(kv_result_count(result), 1);
    assert_true(kv_result_present(result, 0));
    assert_bytes(kv_result_value(result, 0), "v");
    assert_bytes(kv_result_key(result, 0), "k");
    assert_int_equal(kv_result_group(result), 1);
    assert_int_equal(kv_result_index(result), 3);
    assert_true(kv_result_timestamp(result) > 0);
    assert_int_equal(kv_result_attempts(result), 1);
    assert_int_equal(kv_result_value(result, 1).size, 0); /* any row number may be asked for */
    kv_result_free(result);
    assert_int_equal(kv_put_if_absent(rig->client, text("k"), text("w"), &result), KV_EXISTS);
    assert_bytes(kv_result_value(result, 0), "v");
    kv_result_free(result);
    assert_int_equal(kv_client_partition_of(rig->client, text("k")), 1);
}

static void many_keys_come_in_their_order_and_scans_in_pages(void **state)
{
    struct rig *rig = *state;
    const kv_bytes keys[] = {text("b"), text("missing"), text("a")};
    const kv_bytes values[] = {text("2"), text("?"), text("1")};
    kv_result *result = NULL;
    assert_int_equal(kv_mput(rig->client, keys, values, 1), KV_OK);
    assert_int_equal(kv_put(rig->client, keys[2], values[2]), KV_OK);
    assert_int_equal(kv_mget(rig->client, keys, 3, &result), KV_OK);
    assert_int_equal(kv_result_count(result), 3);
    assert_bytes(kv_result_key(result, 0), "b");
    assert_bytes(kv_result_value(result, 0), "2");
    assert_false(kv_result_present(result, 1));
    assert_bytes(kv_result_key(result, 1), "missing");
    assert_bytes(kv_result_value(result, 2), "1");
    kv_result_free(result);
    const kv_bytes again[] = {keys[2], keys[0], keys[2]}; /* not in order, and one of them twice */
    assert_int_equal(kv_mget(rig->client, again, 3, &result), KV_OK);
    assert_int_equal(kv_result_count(result), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_bytes(kv_result_key(result, i), again[i].data);
        assert_bytes(kv_result_value(result, i), i == 1 ? "2" : "1");
    }
    kv_result_free(result);
    assert_int_equal(kv_mput(rig->client, again, keys, 3), KV_OK); /* the last one holds */
    assert_int_equal(kv_get(rig->client, again[0], &result), KV_OK);
    assert_bytes(kv_result_value(result, 0), keys[2].data);
    kv_result_free(result);
    assert_int_equal(kv_scan(rig->client, text(""), text(""), 1, &result), KV_OK);
    assert_int_equal(kv_result_count(result), 1);
    assert_bytes(kv_result_key(result, 0), "a");
    assert_true(kv_result_more(result));
    kv_result_free(result);
    assert_int_equal(kv_scan(rig->client, text("a"), text("b"), 0, &result), KV_OK);
    assert_int_equal(kv_result_count(result), 1);
    assert_false(kv_result_more(result));
    kv_result_free(result);
}

static void keys_of_several_partitions_are_one_command(void **state)
{
    (void)state;
    struct fake_server *server = fake_server_start_with("tcp://127.0.0.1:*", 3);
    kv_client *client = open_client(fake_server_address(server), 20000);
    const kv_bytes keys[] = {text("a"), text("b"), text("c"), text("d"), text("e"), text("f")};
    const kv_bytes values[] = {text("1"), text("2"), text("3"), text("4"), text("5"), text("6")};
    kv_result *result = NULL;
    assert_int_equal(kv_put(client, text("warm"), text("up")), KV_OK);
    bool is_on[4] = {false};
    for (uint32_t i = 0; i < 6; i++) {
        is_on[kv_client_partition_of(client, keys[i])] = true;
    }
    assert_true(is_on[1] && is_on[2] && is_on[3]);
    const struct fake_counts before = fake_server_counts(server);
    assert_int_equal(kv_mput(client, keys, values, 6), KV_OK);
    const struct fake_counts after = fake_server_counts(server);
    assert_int_equal(after.executed - before.executed, 1);
    assert_int_equal(after.requests - before.requests, 3); /* a leg for each */
    assert_int_equal(kv_mget(client, keys, 6, &result), KV_OK);
    for (uint32_t i = 0; i < 6; i++) {
        assert_bytes(kv_result_key(result, i), keys[i].data);
        assert_bytes(kv_result_value(result, i), values[i].data);
    }
    assert_int_equal(kv_result_group(result), kv_client_partition_of(client, keys[0]));
    assert_int_equal(kv_result_attempts(result), 3);
    kv_result_free(result);
    kv_client_close(&client);
    fake_server_stop(&server);
}

static void a_write_is_executed_once_whatever_is_lost(void **state)
{
    /* how the server treats sendings -> sendings of one increment */
    static const struct {
        const char *script;
        uint32_t sendings;
    } cases[] = {{"x", 1},  {"dx", 2},  {"ex", 2}, {"edx", 3},
                 {"nx", 2}, {"bbx", 3}, {"a", 1},  {"sx", 2}};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t sum = 0;
        fake_server_script(rig->server, cases[i].script);
        const uint32_t before = fake_server_counts(rig->server).requests;
        assert_int_equal(kv_incr(rig->client, text("n"), 1, &sum), KV_OK);
        assert_int_equal(sum, i + 1);
        assert_int_equal(fake_server_counts(rig->server).requests - before, cases[i].sendings);
    }
    assert_int_equal(fake_server_counts(rig->server).opened, 2); /* one more after "s" */
}

static void without_an_answer_the_deadline_says_what_is_known(void **state)
{
    struct rig *rig = *state;
    kv_op op = {.code = KV_OP_PUT, .key = text("k"), .value = text("v")};
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
    fake_server_script(rig->server, "dddddddddddddddd");
    op.deadline_us = kv_now_us() + 50 * 1000;
    assert_int_equal(kv_execute(rig->client, &op, NULL), KV_IN_DOUBT);
    assert_true(kv_now_us() >= op.deadline_us);
    assert_true(kv_status_in_doubt(KV_IN_DOUBT));
    fake_server_script(rig->server, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
    op.deadline_us = kv_now_us() + 50 * 1000;
    const kv_status refused = kv_execute(rig->client, &op, NULL);
    assert_true(refused == KV_UNAVAILABLE ||
                refused == KV_IN_DOUBT); /* the last may be on its way */
    fake_server_script(rig->server, "dddddddd");
    op = (kv_op){.code = KV_OP_GET, .key = text("k"), .deadline_us = kv_now_us() + 50 * 1000};
    assert_int_equal(kv_execute(rig->client, &op, NULL), KV_UNAVAILABLE);
    assert_true(strlen(kv_client_error(rig->client)) > 0);
    fake_server_script(rig->server, "");
    assert_int_equal(kv_put(rig->client, text("k"), text("w")), KV_OK);
}

static void an_answer_that_is_garbage_is_a_protocol_error(void **state)
{
    struct rig *rig = *state;
    fake_server_script(rig->server, "g");
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_PROTOCOL);
    assert_true(kv_status_in_doubt(KV_PROTOCOL));
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
}

static void without_any_server_operations_are_unavailable(void **state)
{
    (void)state;
    struct fake_server *gone = fake_server_start("tcp://127.0.0.1:*");
    char address[128];
    (void)snprintf(address, sizeof address, "%s", fake_server_address(gone));
    fake_server_stop(&gone);
    kv_client *client = open_client(address, 100);
    const uint64_t start = kv_now_us();
    assert_int_equal(kv_put(client, text("k"), text("v")), KV_UNAVAILABLE);
    assert_true(kv_now_us() - start >= 100 * 1000);
    assert_string_equal(kv_client_error(client),
                        "no node of the cluster has answered (0 sendings)");
    assert_int_equal(kv_client_partition_of(client, text("k")), 0);
    kv_cluster_status *status = NULL;
    assert_int_equal(kv_cluster_status_get(client, 50, &status), KV_UNAVAILABLE);
    assert_null(status);
    gone = fake_server_start(
        "tcp://127.0.0.1:*"); /* and one that comes back is found by its endpoint */
    kv_client_close(&client);
    fake_server_stop(&gone);
}

static void a_server_that_restarts_is_used_again(void **state)
{
    struct rig *rig = *state;
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", fake_server_endpoint(rig->server));
    for (int life = 0; life < 3; life++) {
        assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
        fake_server_stop(&rig->server);
        rig->server = fake_server_start(endpoint);
    }
    assert_int_equal(kv_get(rig->client, text("k"), NULL), KV_NOT_FOUND);
}

static void another_cluster_is_refused(void **state)
{
    struct rig *rig = *state;
    kv_client *client = NULL;
    const kv_client_options options = {
        .struct_size = sizeof options, .timeout_ms = 20000, .cluster_name = "mine"};
    assert_int_equal(kv_client_open(fake_server_address(rig->server), &options, &client), KV_OK);
    assert_int_equal(kv_put(client, text("k"), text("v")), KV_REFUSED);
    assert_non_null(strstr(kv_client_error(client), "another cluster"));
    kv_client_close(&client);
}

/* ---- What is refused before it is sent ---- */

static void arguments_are_checked_with_their_numbers(void **state)
{
    struct rig *rig = *state;
    static const char large[128] = {1};
    kv_bytes keys[101];
    for (size_t i = 0; i < 101; i++) {
        keys[i] = text("k");
    }
    assert_int_equal(kv_put(rig->client, text("warm"), text("up")),
                     KV_OK); /* limits are the server's now */
    assert_int_equal(kv_put(rig->client, text(""), text("v")), KV_INVALID);
    assert_int_equal(kv_put(rig->client, kv_bytes_of(NULL, 3), text("v")), KV_INVALID);
    assert_int_equal(kv_put(rig->client, kv_bytes_of(large, 31), text("")), KV_OK);
    assert_int_equal(kv_put(rig->client, kv_bytes_of(large, 32), text("v")), KV_TOO_LARGE);
    assert_string_equal(kv_client_error(rig->client), "a key has 32 bytes, at most 31 are allowed");
    assert_int_equal(kv_put(rig->client, text("k"), kv_bytes_of(large, 65)), KV_TOO_LARGE);
    assert_int_equal(kv_mget(rig->client, keys, 101, NULL), KV_TOO_LARGE);
    assert_int_equal(kv_mget(rig->client, keys, 0, NULL), KV_INVALID);
    assert_int_equal(kv_mput(rig->client, keys, NULL, 1), KV_INVALID);
    assert_int_equal(kv_execute(rig->client, &(kv_op){.code = (kv_op_code)99}, NULL), KV_INVALID);
    assert_int_equal(kv_submit(rig->client, NULL, NULL, NULL), KV_INVALID);
    assert_int_equal(kv_client_outstanding(rig->client), 0);
}

static void endpoints_and_options_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "host",          "host:",  "host:0",   "host:65536",
                                      ":7400", "a:1,",          ",a:1",   "a:1,,b:2", "a:x",
                                      "a b:1", "a:99999999999", "tcp://", "a:1;b:2"};
    static const char *const good[] = {"a:1", "tcp://127.0.0.1:7400,b:2", "[::1]:7400"};
    kv_client *client = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(kv_client_open(bad[i], NULL, &client), KV_INVALID);
        assert_null(client);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(kv_client_open(good[i], NULL, &client), KV_OK);
        kv_client_close(&client);
        assert_null(client);
    }
    kv_client_options options = {.struct_size = 0};
    assert_int_equal(kv_client_open("a:1", &options, &client), KV_INVALID);
    options = (kv_client_options){.struct_size = sizeof options, .outstanding_max = 1025};
    assert_int_equal(kv_client_open("a:1", &options, &client), KV_INVALID);
    assert_int_equal(kv_client_open(NULL, NULL, &client), KV_INVALID);
    kv_client_close(&client); /* NULL inside is fine */
}

/* ---- Callbacks ---- */

struct tally {
    kv_client *client;
    uint32_t done;
    uint32_t ok;
    uint32_t left; /* to submit from inside of the callback */
    kv_result *kept;
};

static void count(void *context, kv_status status, kv_result *result)
{
    struct tally *tally = context;
    tally->done++;
    tally->ok += status == KV_OK;
    assert_int_equal(result != NULL, status >= 0);
}

static void a_pipeline_is_packed_into_few_frames(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.client = rig->client};
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
    const uint32_t frames = fake_server_counts(rig->server).frames;
    for (int i = 0; i < 500; i++) {
        const kv_op op = {
            .code = i % 2 == 0 ? KV_OP_PUT : KV_OP_GET, .key = text("k"), .value = text("v")};
        assert_int_equal(kv_submit(rig->client, &op, count, &tally), KV_OK);
    }
    assert_int_equal(tally.done, 0); /* callbacks run in kv_client_run only */
    int completed = 0;
    while (kv_client_outstanding(rig->client) > 0) {
        completed += kv_client_run(rig->client, -1);
    }
    assert_int_equal(completed, 500);
    assert_int_equal(tally.ok, 500);
    assert_int_equal(fake_server_counts(rig->server).frames - frames, 1);
    assert_int_equal(kv_client_run(rig->client, -1), 0); /* nothing in flight: does not wait */
}

static void submit_next(void *context, kv_status status, kv_result *result)
{
    struct tally *tally = context;
    count(context, status, result);
    assert_int_equal(kv_get(tally->client, text("k"), NULL), KV_INVALID); /* may not block here */
    assert_int_equal(kv_client_run(tally->client, 0), 0);
    kv_client *self = tally->client;
    kv_client_close(&self); /* nor close */
    assert_ptr_equal(self, tally->client);
    if (tally->left > 0) {
        const kv_op op = {.code = KV_OP_INCR, .key = text("n"), .number = 1};
        tally->left--;
        assert_int_equal(kv_submit(tally->client, &op, submit_next, tally), KV_OK);
    }
}

static void a_callback_may_submit(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.client = rig->client, .left = 99};
    int64_t sum = 0;
    const kv_op op = {.code = KV_OP_INCR, .key = text("n"), .number = 1};
    assert_int_equal(kv_submit(rig->client, &op, submit_next, &tally), KV_OK);
    while (kv_client_outstanding(rig->client) > 0) {
        (void)kv_client_run(rig->client, -1);
    }
    assert_int_equal(tally.ok, 100);
    assert_int_equal(kv_incr(rig->client, text("n"), 0, &sum), KV_OK);
    assert_int_equal(sum, 100);
}

static void keep(void *context, kv_status status, kv_result *result)
{
    struct tally *tally = context;
    assert_int_equal(status, KV_OK);
    tally->done++;
    tally->kept = kv_result_keep(result);
}

static void a_kept_result_outlives_its_callback_and_its_client(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.done = 0};
    kv_client *client = open_client(fake_server_address(rig->server), 20000);
    assert_int_equal(kv_put(client, text("k"), text("kept value")), KV_OK);
    const kv_op op = {.code = KV_OP_GET, .key = text("k")};
    assert_int_equal(kv_submit(client, &op, keep, &tally), KV_OK);
    while (tally.done == 0) {
        (void)kv_client_run(client, -1);
    }
    assert_int_equal(kv_put(client, text("k"), text("other")), KV_OK);
    kv_client_close(&client);
    assert_bytes(kv_result_value(tally.kept, 0), "kept value");
    assert_bytes(kv_result_key(tally.kept, 0), "k");
    kv_result_free(tally.kept);
}

static void a_foreign_loop_needs_only_the_descriptor_and_the_time(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.done = 0};
    fake_server_script(rig->server, "xdxxexx"); /* resends need the time, answers the descriptor */
    for (int i = 0; i < 5; i++) {
        const kv_op op = {.code = KV_OP_PUT, .key = text("k"), .value = text("v")};
        assert_int_equal(kv_submit(rig->client, &op, count, &tally), KV_OK);
    }
    const uint64_t until = kv_now_us() + 20 * 1000 * 1000;
    uint32_t turns = 0;
    while (tally.done < 5) {
        assert_true(kv_now_us() < until);
        struct pollfd descriptor = {.fd = kv_client_fd(rig->client), .events = POLLIN};
        (void)poll(&descriptor, 1, kv_client_timeout_ms(rig->client));
        (void)kv_client_run(rig->client, 0);
        turns++;
    }
    assert_int_equal(tally.ok, 5);
    assert_true(turns < 200); /* it sleeps, it does not spin */
}

static void no_more_than_the_maximum_is_in_flight(void **state)
{
    struct rig *rig = *state;
    kv_client *client = NULL;
    struct tally tally = {.done = 0};
    const kv_client_options options = {.struct_size = sizeof options, .outstanding_max = 2};
    const kv_op op = {.code = KV_OP_PUT, .key = text("k"), .value = text("v")};
    assert_int_equal(kv_client_open(fake_server_address(rig->server), &options, &client), KV_OK);
    assert_int_equal(kv_submit(client, &op, count, &tally), KV_OK);
    assert_int_equal(kv_submit(client, &op, count, &tally), KV_OK);
    assert_int_equal(kv_submit(client, &op, count, &tally), KV_BUSY);
    while (tally.done < 2) {
        (void)kv_client_run(client, -1);
    }
    assert_int_equal(kv_submit(client, &op, NULL, NULL), KV_OK); /* done may be NULL */
    kv_client_close(&client);
}

static void closing_completes_what_is_in_flight_and_ends_the_session(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.done = 0};
    kv_client *client = open_client(fake_server_address(rig->server), 20000);
    const kv_op op = {.code = KV_OP_PUT, .key = text("k"), .value = text("v")};
    assert_int_equal(kv_put(client, text("k"), text("v")), KV_OK);
    assert_int_equal(kv_submit(client, &op, count, &tally), KV_OK);
    kv_client_close(&client);
    assert_int_equal(tally.done, 1);
    assert_int_equal(tally.ok, 0);
    assert_int_equal(fake_server_counts(rig->server).ended, 1);
}

static void a_child_process_may_close_what_it_inherited(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        kv_client_close(&rig->client);
        _exit(rig->client == NULL ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    assert_int_equal(kv_get(rig->client, text("k"), NULL), KV_OK);
}

static void the_example_of_the_documentation_runs(void **state)
{
    struct rig *rig = *state;
    int result = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(STDOUT_FILENO);
        (void)execl(CLIENT_HELLO, CLIENT_HELLO, fake_server_address(rig->server), (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(fake_server_counts(rig->server).executed, 3);
}

/* ---- The cluster ---- */

static void nodes_tell_their_status(void **state)
{
    struct rig *rig = *state;
    kv_cluster_status *status = NULL;
    assert_int_equal(kv_cluster_status_get(rig->client, 20000, &status), KV_OK);
    assert_string_equal(kv_cluster_status_name(status), "fake");
    assert_int_equal(kv_cluster_status_partitions(status), 1);
    assert_int_equal(kv_cluster_status_nodes(status), 1);
    const kv_node_status node = kv_cluster_status_node(status, 0);
    assert_int_equal(node.node, 1);
    assert_true(node.reachable);
    assert_int_equal(node.uptime_ms, 5);
    assert_string_equal(node.endpoint, fake_server_endpoint(rig->server));
    assert_int_equal(kv_cluster_status_members(status), 0);
    assert_int_equal(kv_cluster_status_member(status, 7).node, 0);
    kv_cluster_status_free(status);
    kv_cluster_status_free(NULL);
}

static void leadership_is_handed_over_or_not(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(kv_transfer_leader(rig->client, 1, 0, 20000), KV_OK);
    assert_int_equal(kv_transfer_leader(rig->client, 1, 2, 120), KV_UNAVAILABLE);
    assert_in_range(fake_server_counts(rig->server).transfers, 2, 10);
    assert_int_equal(kv_transfer_leader(rig->client, 7, 0, 20000), KV_INVALID);
}

/* Else the node of one begins a checkpoint while another's is waited for, and they are never ready together. */
static void all_groups_prepare_a_backup_though_one_is_not_ready(void **state)
{
    (void)state;
    struct fake_server *server = fake_server_start_with("tcp://127.0.0.1:*", 3);
    kv_client *client = open_client(fake_server_address(server), 20000);
    assert_int_equal(kv_backup_prepare(client, 5000), KV_OK);
    kv_client_close(&client);
    fake_server_stop(&server);
}

/* ---- Watches ---- */

/* The next one, which is due soon. */
static kv_change next_change(kv_watch *watch, kv_change_kind kind, uint64_t index)
{
    kv_change change;
    assert_true(kv_watch_next(watch, 20000, &change));
    assert_int_equal(change.kind, kind);
    assert_int_equal(change.group, 1);
    assert_int_equal(change.index, index);
    return change;
}

static uint64_t position_of(const kv_watch *watch)
{
    kv_watch_position position;
    assert_int_equal(kv_watch_positions(watch, &position, 1), 1);
    assert_int_equal(position.group, 1);
    return position.index;
}

static void a_watch_gives_each_change_once_whatever_nodes_say(void **state)
{
    struct rig *rig = *state;
    kv_watch *watch = NULL, *second = NULL;
    kv_change change;
    fake_server_watch(rig->server, "cnlhosnf");
    assert_int_equal(kv_watch_open(rig->client, text("k"), NULL, 0, 20000, &watch), KV_OK);
    assert_int_equal(kv_watch_open(rig->client, text("k"), NULL, 0, 20000, &second), KV_BUSY);
    assert_null(second);
    assert_int_equal(position_of(watch), 1024);
    change = next_change(watch, KV_CHANGE_PUT, 1024);
    assert_bytes(change.key, "k");
    assert_bytes(change.value, "v");
    assert_int_equal(change.version, 10240);
    assert_int_equal(change.version_group, 1);
    assert_int_equal(position_of(watch), 1025);
    change = next_change(watch, KV_CHANGE_DELETED, 1025);
    assert_int_equal(change.value.size, 0);
    assert_int_equal(position_of(watch), 1126); /* all that came has been taken */
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK); /* beside it */
    (void)next_change(watch, KV_CHANGE_DELETED, 1131);
    (void)next_change(watch, KV_CHANGE_PUT, 1132);
    assert_int_equal(position_of(watch), 1233);
    (void)next_change(watch, KV_CHANGE_PUT, 1238);
    (void)next_change(watch, KV_CHANGE_DELETED, 1239);
    assert_int_equal(position_of(watch), 1240);
    assert_false(kv_watch_next(watch, 10, &change));
    kv_watch_close(&watch);
    assert_null(watch);
    kv_watch_close(&watch);
}

static void a_watch_goes_on_from_a_position_and_tells_of_gaps(void **state)
{
    struct rig *rig = *state;
    const kv_watch_position from = {1, 5000}, nowhere = {2, 5000};
    kv_watch *watch = NULL;
    fake_server_watch(rig->server, "gcc");
    assert_int_equal(kv_watch_open(rig->client, text(""), &nowhere, 1, 20000, &watch), KV_INVALID);
    assert_null(watch);
    assert_int_equal(kv_watch_open(rig->client, text(""), &from, 1, 20000, &watch), KV_OK);
    const kv_change gap = next_change(watch, KV_CHANGE_GAP, 5000);
    assert_int_equal(gap.first, 5100);
    assert_int_equal(position_of(watch), 5100);
    (void)next_change(watch, KV_CHANGE_PUT, 5100);
    kv_watch_close(&watch);
    /* One that was not taken comes again. */
    const kv_watch_position again = {1, 5101};
    assert_int_equal(kv_watch_open(rig->client, text(""), &again, 1, 20000, &watch), KV_OK);
    (void)next_change(watch, KV_CHANGE_DELETED, 5101);
    kv_watch_close(&watch);
}

static void statuses_have_names_and_counters_are_json(void **state)
{
    struct rig *rig = *state;
    assert_string_equal(kv_status_name(KV_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(kv_status_text(KV_OK), "ok");
    assert_string_equal(kv_status_name((kv_status)1234), "UNKNOWN");
    assert_int_equal(kv_put(rig->client, text("k"), text("v")), KV_OK);
    const char *json = kv_client_stats_json(rig->client);
    assert_non_null(strstr(json, "{\"submitted\":1,\"answered\":1,"));
    assert_int_equal(json[strlen(json) - 1], '}');
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_can_be_got),
        TEST(many_keys_come_in_their_order_and_scans_in_pages),
        cmocka_unit_test(keys_of_several_partitions_are_one_command),
        TEST(a_write_is_executed_once_whatever_is_lost),
        TEST(without_an_answer_the_deadline_says_what_is_known),
        TEST(an_answer_that_is_garbage_is_a_protocol_error),
        cmocka_unit_test(without_any_server_operations_are_unavailable),
        TEST(a_server_that_restarts_is_used_again),
        TEST(another_cluster_is_refused),
        TEST(arguments_are_checked_with_their_numbers),
        cmocka_unit_test(endpoints_and_options_are_checked),
        TEST(a_pipeline_is_packed_into_few_frames),
        TEST(a_callback_may_submit),
        TEST(a_kept_result_outlives_its_callback_and_its_client),
        TEST(a_foreign_loop_needs_only_the_descriptor_and_the_time),
        TEST(no_more_than_the_maximum_is_in_flight),
        TEST(closing_completes_what_is_in_flight_and_ends_the_session),
        TEST(a_child_process_may_close_what_it_inherited),
        TEST(the_example_of_the_documentation_runs),
        TEST(nodes_tell_their_status),
        TEST(leadership_is_handed_over_or_not),
        cmocka_unit_test(all_groups_prepare_a_backup_though_one_is_not_ready),
        TEST(a_watch_gives_each_change_once_whatever_nodes_say),
        TEST(a_watch_goes_on_from_a_position_and_tells_of_gaps),
        TEST(statuses_have_names_and_counters_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
