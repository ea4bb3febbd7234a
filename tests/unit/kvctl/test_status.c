/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kvctl/health.h"
#include "tests/unit/kvctl/capture.h"
#include "tests/unit/kvctl/fake_client.h"

/* Three nodes, the oracle and two partitions with a member on each; node 1 leads the oracle, 2
 * and 3 a partition each. */
static int set_up(void **state)
{
    (void)state;
    fake_reset();
    setenv("KV_ENDPOINTS", "127.0.0.1:1", 1);
    unsetenv("KV_CLUSTER");
    fake.node_count = 3;
    for (uint32_t node = 3; node >= 1; node--) {
        fake.nodes[node - 1] = (kv_node_status){
            .node = node, .endpoint = "tcp://127.0.0.1:7001", .reachable = true, .uptime_ms = 1500};
        for (uint32_t group = 0; group <= 2; group++) {
            fake.members[fake.member_count++] = (kv_member_status){
                .node = node,
                .group = group,
                .role = node == group + 1 ? "leader" : "follower",
                .term = 4,
                .leader = group + 1,
                .last = 12,
                .commit = 11,
                .applied = 10,
                .delivered = 9,
                .digest = UINT64_C(0xfedcba9876543210),
            };
        }
    }
    return 0;
}

static kv_member_status *member(uint32_t node, uint32_t group)
{
    for (uint32_t i = 0; i < fake.member_count; i++) {
        if (fake.members[i].node == node && fake.members[i].group == group) {
            return &fake.members[i];
        }
    }
    return NULL;
}

/* Node does not answer: its members are not in the picture. */
static void silence(uint32_t node)
{
    uint32_t kept = 0;
    fake.nodes[node - 1].reachable = false;
    for (uint32_t i = 0; i < fake.member_count; i++) {
        if (fake.members[i].node != node) {
            fake.members[kept++] = fake.members[i];
        }
    }
    fake.member_count = kept;
}

static void a_healthy_cluster_ends_with_0_and_shows_every_member(void **state)
{
    (void)state;
    struct captured got = run("status");
    assert_int_equal(got.code, 0);
    assert_string_equal(got.err, "");
    assert_non_null(strstr(got.out, "cluster demo: 3 nodes, 2 partitions, healthy\n"));
    assert_non_null(strstr(got.out, "oracle  1     leader    4     12    11      10       9"
                                    "          fedcba9876543210  0\n"));
    got = run("status", "-o", "json");
    json_t *json = json_line(got.out, 0);
    assert_true(json_is_true(json_object_get(json, "healthy")));
    json_t *group = json_array_get(json_object_get(json, "groups"), 2);
    assert_int_equal(json_integer_value(json_object_get(group, "group")), 2);
    assert_int_equal(json_integer_value(json_object_get(group, "leader")), 3);
    assert_true(json_is_true(json_object_get(group, "quorum")));
    json_t *first = json_array_get(json_object_get(group, "members"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "node")), 1);
    assert_int_equal(json_integer_value(json_object_get(first, "commit")), 11);
    assert_string_equal(json_string_value(json_object_get(first, "digest")), "fedcba9876543210");
}

static void one_silent_follower_of_three_does_no_harm(void **state)
{
    (void)state;
    silence(1);
    member(2, 0)->role = "leader";
    const struct captured got = run("status");
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.out, "unreachable"));
}

static void a_group_without_a_leader_ends_with_9(void **state)
{
    (void)state;
    member(2, 1)->role = "candidate";
    const struct captured got = run("status", "-o", "json");
    assert_int_equal(got.code, 9);
    char *text = json_dumps(json_object_get(json_line(got.out, 0), "problems"), JSON_COMPACT);
    assert_string_equal(text, "[\"partition 1 has no leader\"]");
    kv_free(text);
}

static void a_leader_of_an_older_term_does_not_count(void **state)
{
    (void)state;
    member(3, 1)->term = 5;
    const struct captured got = run("status");
    assert_int_equal(got.code, 9);
    assert_non_null(strstr(got.out, "! partition 1 has no leader"));
}

static void a_leader_that_is_alone_has_no_quorum(void **state)
{
    (void)state;
    silence(2);
    silence(3);
    const struct captured got = run("status");
    assert_int_equal(got.code, 9);
    assert_non_null(strstr(got.out, "! the oracle has no quorum: 1 of 3 members are reachable"));
}

static void members_that_differ_at_the_same_position_are_told(void **state)
{
    (void)state;
    member(1, 1)->digest = 1;
    member(1, 1)->applied = 9; /* an earlier position may look different */
    member(1, 1)->delivered = 8;
    assert_int_equal(run("status").code, 0);
    member(1, 1)->applied = 10;
    member(1, 1)->delivered = 9;
    const struct captured got = run("status");
    assert_int_equal(got.code, 9);
    assert_non_null(strstr(got.out, "different states"));
}

static void the_size_of_a_group_comes_from_the_cluster_file(void **state)
{
    (void)state;
    char path[] = "/tmp/kvctl-test-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("cluster: demo\npartitions: 2\nnodes:\n"
          "  - {id: 1, endpoint: 'tcp://127.0.0.1:7001'}\n"
          "  - {id: 2, endpoint: 'tcp://127.0.0.1:7002'}\n"
          "  - {id: 3, endpoint: 'tcp://127.0.0.1:7003'}\n"
          "groups:\n"
          "  - {id: 0, members: [1, 2, 3]}\n  - {id: 1, members: [2]}\n  - {id: 2, members: [2, "
          "3]}\n",
          file);
    fclose(file);
    silence(1);
    member(2, 0)->role = "leader";
    silence(3); /* leaves node 2, which is all of partition 1 */
    const struct captured got = run("status", "--cluster", path);
    unlink(path);
    assert_int_equal(got.code, 9);
    assert_non_null(strstr(got.out, "the oracle has no quorum: 1 of 3"));
    assert_null(strstr(got.out, "partition 1"));
    assert_non_null(strstr(got.out, "partition 2 has no quorum: 1 of 2 members"));
}

static void silence_of_all_nodes_is_a_cluster_that_is_not_healthy(void **state)
{
    (void)state;
    fake.cluster_status = KV_UNAVAILABLE;
    struct captured got = run("status");
    assert_int_equal(got.code, 9);
    assert_non_null(strstr(got.err, "no node answered"));
    assert_string_equal(got.out, "");
    got = run("status", "-o", "json");
    assert_int_equal(json_integer_value(json_object_get(json_line(got.err, 0), "exit")), 9);
    fake.cluster_status = KV_REFUSED;
    assert_int_equal(run("status").code, 7);
}

static void a_transfer_waits_until_the_other_node_leads(void **state)
{
    (void)state;
    const struct captured got = run("leader", "transfer", "1", "--to", "3");
    assert_int_equal(got.code, 0);
    assert_string_equal(got.out, "group 1: node 3 leads (before: node 2)\n");
    assert_int_equal(fake.transfer_group, 1);
    assert_int_equal(fake.transfer_node, 3);
    assert_int_equal(run("leader", "transfer", "oracle", "--to", "2").code, 0);
    assert_int_equal(fake.transfer_group, 0);
    assert_int_equal(run("leader", "transfer", "oracle", "--to", "2").code, 0);
    assert_int_equal(run("leader", "transfer", "x").code, 2);
    assert_int_equal(run("leader", "transfer", "64").code, 2);
    assert_int_equal(run("leader", "transfer").code, 2);
}

static void workers_are_shown_and_set_on_all_nodes_or_on_one(void **state)
{
    (void)state;
    struct captured got = run("workers", "3");
    assert_int_equal(got.code, 0);
    assert_int_equal(fake.nodes[0].workers, 3);
    assert_int_equal(fake.nodes[2].workers, 3);
    got = run("workers", "auto", "2");
    assert_int_equal(got.code, 0);
    assert_true(fake.nodes[1].workers_automatic && !fake.nodes[2].workers_automatic);
    fake.nodes[2].jobs = 4;
    fake.nodes[2].jobs_wait_us = 2;
    fake.nodes[2].jobs_work_us = 500;
    got = run("workers");
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.out, "3     3        fixed  -      4     0    0.5us  125.0us\n"));
    got = run("workers", "-o", "json");
    json_t *json = json_line(got.out, 0);
    assert_int_equal(json_array_size(json_object_get(json, "nodes")), 3);
    assert_int_equal(run("workers", "65").code, 2);
    assert_int_equal(run("workers", "many").code, 2);
    assert_int_equal(run("workers", "1", "none").code, 2);
}

static void a_watch_prints_a_line_for_each_change_and_where_to_go_on(void **state)
{
    (void)state;
    fake.change_count = 3;
    fake.changes[0] = (kv_change){.kind = KV_CHANGE_PUT,
                                  .group = 1,
                                  .index = 1024,
                                  .version = 77,
                                  .version_group = 1,
                                  .key = kv_bytes_of("k", 1),
                                  .value = kv_bytes_of("v\0", 2)};
    fake.changes[1] = (kv_change){.kind = KV_CHANGE_GAP, .group = 2, .index = 2048, .first = 4096};
    fake.changes[2] = (kv_change){.kind = KV_CHANGE_DELETED,
                                  .group = 2,
                                  .index = 4096,
                                  .version = 78,
                                  .key = kv_bytes_of("k", 1)};
    struct captured got = run("watch", "k", "--count", "2", "--encoding", "escape");
    assert_int_equal(got.code, 0);
    assert_string_equal(got.out, "1:1024\tput\tk\t77\tv\\x00\n2:4096\tdeleted\tk\t78\n");
    assert_non_null(strstr(got.err, "watch: begins; --from 1:1024\n"));
    assert_non_null(strstr(got.err, "gap: group 2: changes from 2048 to before 4096"));
    assert_non_null(strstr(got.err, "watch: ends; --from 2:4097\n"));
    got = run("watch", "--from", "1:7,2:9", "-o", "json", "--timeout", "1ms");
    assert_int_equal(got.code, 5);
    json_t *json = json_line(got.out, 0);
    assert_string_equal(json_string_value(json_object_get(json, "positions")), "2:9");
    json = json_line(got.out, 2);
    assert_string_equal(json_string_value(json_object_get(json, "event")), "gap");
    assert_int_equal(json_integer_value(json_object_get(json, "first")), 4096);
    assert_int_equal(run("watch", "--from", "1:2;2:3").code, 2);
    assert_int_equal(run("watch", "--from", "0:2").code, 2);
    assert_int_equal(run("watch", "--from", "1:2,").code, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_healthy_cluster_ends_with_0_and_shows_every_member, set_up),
        cmocka_unit_test_setup(one_silent_follower_of_three_does_no_harm, set_up),
        cmocka_unit_test_setup(a_group_without_a_leader_ends_with_9, set_up),
        cmocka_unit_test_setup(a_leader_of_an_older_term_does_not_count, set_up),
        cmocka_unit_test_setup(a_leader_that_is_alone_has_no_quorum, set_up),
        cmocka_unit_test_setup(members_that_differ_at_the_same_position_are_told, set_up),
        cmocka_unit_test_setup(the_size_of_a_group_comes_from_the_cluster_file, set_up),
        cmocka_unit_test_setup(silence_of_all_nodes_is_a_cluster_that_is_not_healthy, set_up),
        cmocka_unit_test_setup(workers_are_shown_and_set_on_all_nodes_or_on_one, set_up),
        cmocka_unit_test_setup(a_watch_prints_a_line_for_each_change_and_where_to_go_on, set_up),
        cmocka_unit_test_setup(a_transfer_waits_until_the_other_node_leads, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
