/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on a local cluster, with a shell script in the place of kvd, and the fake client
 * for its status. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kvctl/cluster_file.h"
#include "client/kvctl/process.h"
#include "tests/unit/kvctl/capture.h"
#include "tests/unit/kvctl/fake_client.h"

static char base[64];      /* temporary directory of a test */
static char directory[96]; /* of the cluster in it */
static char kvd[96];       /* the script */
static struct kvctl_local local;

static void write_script(const char *body)
{
    FILE *file = fopen(kvd, "w");
    fprintf(file, "#!/bin/bash\n%s", body);
    fclose(file);
    chmod(kvd, 0755);
}

/* Waits for SIGTERM without using the processor. */
static const char good_script[] = "echo \"node $4 runs\"\n"
                                  "trap 'exit 0' TERM\n"
                                  "while :; do read -r -t 0.05 <> <(:) ; done\n";

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    unsetenv("KV_CLUSTER");
    unsetenv("KV_ENDPOINTS");
    strcpy(base, "/tmp/kvctl-test-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(directory, sizeof(directory), "%s/cluster", base);
    snprintf(kvd, sizeof(kvd), "%s/kvd", base);
    snprintf(local.directory, sizeof(local.directory), "%s", directory);
    write_script(good_script);
    fake.node_count = 3;
    for (uint32_t node = 1; node <= 3; node++) {
        fake.nodes[node - 1] = (kv_node_status){.node = node, .endpoint = "x", .reachable = true};
        for (uint32_t group = 0; group <= 2; group++) {
            fake.members[fake.member_count++] = (kv_member_status){
                .node = node,
                .group = group,
                .role = node == 1 ? "leader" : "follower",
                .leader = 1,
            };
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run("cluster", "destroy", "--dir", directory, "-q");
    kvctl_remove_tree(base);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    return 0;
}

static void start(void)
{
    const struct captured got = run("cluster", "start", "--dir", directory, "--kvd", kvd);
    if (got.code != 0) {
        fail_msg("start: %d %s", got.code, got.err);
    }
}

static void start_makes_a_cluster_and_tells_how_to_use_it(void **state)
{
    (void)state;
    char export[128];
    char path[128];
    struct node_config config;
    struct node_config_error error;
    struct captured got = run("cluster", "start", "--dir", directory, "--kvd", kvd, "-q");
    snprintf(export, sizeof(export), "export KV_CLUSTER='%s'\n", directory);
    assert_string_equal(got.out, export);
    snprintf(path, sizeof(path), "%s/cluster.yaml", directory);
    assert_int_equal(node_config_read(path, &config, &error), STATUS_OK);
    assert_string_equal(config.name, "demo");
    assert_int_equal(config.partitions, 2);
    assert_int_equal(config.node_count, 3);
    assert_string_equal(fake.cluster_name, "demo");
    for (uint32_t node = 1; node <= 3; node++) {
        assert_int_equal(kvctl_process_state(&local, node), KVCTL_PROCESS_RUNNING);
    }
    got = run("cluster", "start", "--dir", directory, "--kvd", kvd, "-o", "json");
    assert_int_equal(json_array_size(json_object_get(json_line(got.out, 0), "nodes")), 3);
}

static void start_starts_only_what_does_not_run(void **state)
{
    (void)state;
    start();
    const pid_t first = kvctl_process_of(&local, 1);
    const pid_t second = kvctl_process_of(&local, 2);
    assert_int_equal(run("cluster", "kill", "2", "--dir", directory).code, 0);
    assert_int_equal(kvctl_process_state(&local, 2), KVCTL_PROCESS_DOWN);
    start();
    assert_int_equal(kvctl_process_of(&local, 1), first);
    assert_int_not_equal(kvctl_process_of(&local, 2), second);
    assert_int_not_equal(kvctl_process_of(&local, 2), 0);
}

static void start_refuses_options_that_contradict_what_is_there(void **state)
{
    (void)state;
    start();
    assert_int_equal(run("cluster", "start", "--dir", directory, "--nodes", "5").code, 2);
    assert_int_equal(run("cluster", "start", "--dir", directory, "--partitions", "3").code, 2);
    assert_int_equal(run("cluster", "start", "--dir", directory, "--name", "other").code, 2);
    assert_int_equal(run("cluster", "start", "--dir", directory, "--nodes", "3", "--kvd", kvd).code,
                     0);
}

static void pause_resume_kill_restart_and_stop_do_what_they_say(void **state)
{
    (void)state;
    start();
    const pid_t pid = kvctl_process_of(&local, 2);
    assert_int_equal(run("cluster", "pause", "2", "--dir", directory).code, 0);
    while (kvctl_process_state(&local, 2) != KVCTL_PROCESS_PAUSED) {
    }
    assert_int_equal(run("cluster", "resume", "2", "--dir", directory).code, 0);
    while (kvctl_process_state(&local, 2) != KVCTL_PROCESS_RUNNING) {
    }
    assert_int_equal(kvctl_process_of(&local, 2), pid);
    assert_int_equal(run("cluster", "pause", "2", "--dir", directory).code, 0);
    struct captured got = run("cluster", "restart", "2", "--dir", directory, "--kvd", kvd);
    assert_int_equal(got.code, 0);
    assert_string_equal(got.err, ""); /* it has heard SIGTERM: nothing had to be killed */
    assert_int_not_equal(kvctl_process_of(&local, 2), pid);
    assert_int_equal(run("cluster", "kill", "1", "3", "--dir", directory).code, 0);
    assert_int_equal(kvctl_process_of(&local, 1), 0);
    assert_int_equal(kvctl_process_of(&local, 3), 0);
    got = run("cluster", "kill", "1", "--dir", directory);
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "node 1 is not running"));
    assert_int_equal(run("cluster", "stop", "--dir", directory).code, 0);
    assert_int_equal(kvctl_process_of(&local, 2), 0);
    assert_int_equal(run("cluster", "kill", "9", "--dir", directory).code, 2);
    assert_int_equal(run("cluster", "kill", "x", "--dir", directory).code, 2);
}

/* A process exists before its script has said which signals it ignores. */
static void wait_until_ready(uint32_t node)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/ready.%u", base, node);
    while (access(path, F_OK) != 0) {
        poll(NULL, 0, 1 /* ms */);
    }
}

static void a_node_that_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    write_script("trap '' TERM\n: > \"${0%/*}/ready.$4\"\n"
                 "while :; do read -r -t 0.05 <> <(:) ; done\n");
    start();
    for (uint32_t node = 1; node <= 3; node++) {
        wait_until_ready(node);
    }
    const struct captured got = run("cluster", "stop", "--dir", directory, "--timeout", "200ms");
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.err, "killed"));
    for (uint32_t node = 1; node <= 3; node++) {
        assert_int_equal(kvctl_process_of(&local, node), 0);
    }
}

static void no_foreign_process_is_ever_signalled(void **state)
{
    (void)state;
    struct kvctl_local second;
    start();
    snprintf(second.directory, sizeof(second.directory), "%s/second", base);
    const struct captured got =
        run("cluster", "start", "--dir", second.directory, "--kvd", kvd, "-q");
    assert_int_equal(got.code, 0);
    run("cluster", "kill", "2", "--dir", directory);
    const pid_t other = kvctl_process_of(&local, 1);  /* ours, but of another node */
    const pid_t alien = kvctl_process_of(&second, 2); /* of another cluster */
    const pid_t numbers[] = {getpid(), 1, 0, -1, other, alien};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        FILE *file = fopen(kvctl_node_path(&local, 2, "pid"), "w");
        fprintf(file, "%d\n", (int)numbers[i]);
        fclose(file);
        assert_int_equal(kvctl_process_of(&local, 2), 0);
        assert_int_equal(run("cluster", "kill", "2", "--dir", directory).code, 1);
        assert_int_equal(run("cluster", "pause", "2", "--dir", directory).code, 1);
    }
    assert_int_equal(kvctl_process_of(&local, 1), other);
    assert_int_equal(kvctl_process_state(&local, 1), KVCTL_PROCESS_RUNNING);
    assert_int_equal(kvctl_process_state(&second, 2), KVCTL_PROCESS_RUNNING);
    assert_int_equal(run("cluster", "destroy", "--dir", second.directory).code, 0);
}

static void a_node_that_ends_at_once_is_told_with_its_last_line(void **state)
{
    (void)state;
    write_script("echo first; echo 'the disk is gone' >&2; exit 1\n");
    fake.member_count = 0;
    const struct captured got = run("cluster", "start", "--dir", directory, "--kvd", kvd);
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "has ended: the disk is gone"));
    assert_non_null(strstr(got.err, "/log"));
}

static void a_port_that_was_lost_to_another_is_replaced(void **state)
{
    (void)state;
    char script[512];
    snprintf(
        script, sizeof(script),
        "if mkdir %s/once 2>/dev/null; then echo 'bind: Address already in use'; exit 69; fi\n%s",
        base, good_script);
    write_script(script);
    /* The cluster serves only when all three nodes run, which the fake does not know: so it is
     * silent until the second attempt. */
    fake.member_count = 0;
    const struct captured got =
        run("cluster", "start", "--dir", directory, "--kvd", kvd, "--timeout", "1s");
    assert_int_equal(got.code, 9); /* the members stay silent, but no node has ended */
    for (uint32_t node = 1; node <= 3; node++) {
        assert_int_equal(kvctl_process_state(&local, node), KVCTL_PROCESS_RUNNING);
    }
    assert_false(kvctl_log_has(&local, 1, 0, "in use"));
}

static void a_missing_kvd_leaves_nothing_behind(void **state)
{
    (void)state;
    char path[128];
    struct captured got = run("cluster", "start", "--dir", directory, "--kvd", "/nonexistent");
    assert_int_equal(got.code, 2);
    snprintf(path, sizeof(path), "%s/cluster.yaml", directory);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(run("cluster", "stop", "--dir", directory).code, 2);
    assert_int_equal(run("cluster", "status", "--dir", "/nonexistent").code, 2);
}

static void destroy_removes_only_what_belongs_to_the_cluster(void **state)
{
    (void)state;
    char path[128];
    start();
    snprintf(path, sizeof(path), "%s/mine", directory);
    fclose(fopen(path, "w"));
    struct captured got = run("cluster", "destroy", "--dir", directory);
    assert_int_equal(got.code, 0);
    assert_non_null(strstr(got.err, "other files"));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(rmdir(kvctl_node_path(&local, 1, "")), -1);
    unlink(path);
    start();
    assert_int_equal(run("cluster", "destroy", "--dir", directory).code, 0);
    assert_int_not_equal(access(directory, F_OK), 0);
}

static void the_directory_may_come_from_the_environment_as_file_or_directory(void **state)
{
    (void)state;
    char path[128];
    start();
    setenv("KV_CLUSTER", directory, 1);
    assert_int_equal(run("cluster", "kill", "1").code, 0);
    snprintf(path, sizeof(path), "%s/cluster.yaml", directory);
    setenv("KV_CLUSTER", path, 1);
    const struct captured got = run("cluster", "status", "-o", "json");
    json_t *nodes = json_object_get(json_line(got.out, 0), "processes");
    assert_string_equal(json_string_value(json_object_get(json_array_get(nodes, 0), "state")),
                        "down");
    assert_string_equal(json_string_value(json_object_get(json_array_get(nodes, 1), "state")),
                        "running");
    unsetenv("KV_CLUSTER");
}

static void groups_are_spread_and_read_back_as_written(void **state)
{
    (void)state;
    char path[128];
    char error[256];
    struct node_config config = {.name = "five", .partitions = 3, .node_count = 5};
    struct node_config back;
    struct node_config_error read_error;
    for (uint32_t i = 0; i < 5; i++) {
        config.nodes[i].node = (kv_node_id){(uint16_t)(i + 1)};
        snprintf(config.nodes[i].endpoint, sizeof(config.nodes[i].endpoint), "tcp://127.0.0.1:%u",
                 7000 + i);
    }
    kvctl_cluster_file_place(&config, 2);
    snprintf(path, sizeof(path), "%s/cluster.yaml", base);
    assert_true(kvctl_cluster_file_write(&config, true, path, error, sizeof(error)));
    assert_int_equal(node_config_read(path, &back, &read_error), STATUS_OK);
    assert_int_equal(back.group_count, 4);
    for (uint32_t g = 0; g < 4; g++) {
        assert_int_equal(back.groups[g].count, 2);
        assert_true(node_config_hosts(&back, (kv_group_id){(uint16_t)g},
                                      (kv_node_id){(uint16_t)(g % 5 + 1)}));
    }
    assert_false(
        kvctl_cluster_file_write(&config, true, "/nonexistent/c.yaml", error, sizeof(error)));
    assert_non_null(strstr(error, "/nonexistent/c.yaml"));
}

static void ports_are_free_distinct_and_below_the_ephemeral_range(void **state)
{
    (void)state;
    uint16_t ports[20];
    for (uint32_t i = 0; i < 20; i++) {
        ports[i] = kvctl_free_port(ports, i);
        assert_in_range(ports[i], 20000, 32767);
        for (uint32_t j = 0; j < i; j++) {
            assert_int_not_equal(ports[i], ports[j]);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_makes_a_cluster_and_tells_how_to_use_it),
        TEST(start_starts_only_what_does_not_run),
        TEST(start_refuses_options_that_contradict_what_is_there),
        TEST(pause_resume_kill_restart_and_stop_do_what_they_say),
        TEST(a_node_that_ignores_sigterm_is_killed),
        TEST(no_foreign_process_is_ever_signalled),
        TEST(a_node_that_ends_at_once_is_told_with_its_last_line),
        TEST(a_port_that_was_lost_to_another_is_replaced),
        TEST(a_missing_kvd_leaves_nothing_behind),
        TEST(destroy_removes_only_what_belongs_to_the_cluster),
        TEST(the_directory_may_come_from_the_environment_as_file_or_directory),
        TEST(groups_are_spread_and_read_back_as_written),
        TEST(ports_are_free_distinct_and_below_the_ephemeral_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
