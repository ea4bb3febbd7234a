/* SPDX-License-Identifier: Apache-2.0 */
/* node_config: good files are read whole, every mistake is an error that names its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "multicast/node/node_config.h"

static struct node_config config;
static struct node_config_error config_error;

static enum status read_text(const char *text)
{
    char path[] = "/tmp/kv-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    size_t size = strlen(text);
    assert_int_equal(write(fd, text, size), (ssize_t)size);
    close(fd);
    memset(&config_error, 0, sizeof config_error);
    enum status status = node_config_read(path, &config, &config_error);
    unlink(path);
    return status;
}

#define THREE_NODES                                                                                \
    "cluster: demo\npartitions: 2\nnodes:\n"                                                       \
    "  - id: 1\n    endpoint: tcp://127.0.0.1:7401\n"                                              \
    "  - id: 2\n    endpoint: tcp://127.0.0.1:7402\n"                                              \
    "  - id: 3\n    endpoint: tcp://127.0.0.1:7403\n"

static void groups_are_spread_over_three_nodes_by_default(void **state)
{
    (void)state;
    assert_int_equal(read_text(THREE_NODES), STATUS_OK);
    assert_string_equal(config.name, "demo");
    assert_int_equal(config.group_count, 3);
    for (uint32_t g = 0; g < 3; g++) {
        assert_int_equal(config.groups[g].count, 3);
        for (uint16_t n = 1; n <= 3; n++) {
            assert_true(node_config_hosts(&config, (kv_group_id){(uint16_t)g}, (kv_node_id){n}));
        }
        assert_int_equal(config.groups[g].members[0].node.value, g + 1);
    }
    assert_string_equal(node_config_find(&config, (kv_node_id){2})->endpoint,
                        "tcp://127.0.0.1:7402");
    assert_null(node_config_find(&config, (kv_node_id){4}));
}

static void members_that_are_named_are_taken(void **state)
{
    (void)state;
    assert_int_equal(read_text(THREE_NODES "groups:\n  - id: 1\n    members: [3]\n"), STATUS_OK);
    assert_int_equal(config.groups[1].count, 1);
    assert_int_equal(config.groups[1].members[0].node.value, 3);
    assert_int_equal(config.groups[2].count, 3);
}

static void every_mistake_names_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", ":1: a cluster file is a mapping"},
        {"cluster: [", ":2: "},
        {"cluster: demo\nnoddes: 3\n", ":2: unknown or repeated key 'noddes'"},
        {"cluster: demo\npartitions: many\n", ":2: partitions must be a number"},
        {"cluster: demo\npartitions: 64\n", ":2: partitions must be 1..63, not 64"},
        {"cluster: demo\npartitions: 1\n", ":1: cluster, partitions and nodes are needed"},
        {THREE_NODES "  - id: 3\n    endpoint: tcp://127.0.0.1:7404\n",
         ":10: node 3 is listed twice"},
        {THREE_NODES "  - id: 4\n    endpoint: 127.0.0.1\n", ":11: endpoint must look like"},
        {THREE_NODES "  - id: 4\n    endpoint: tcp://h:99999\n", ":11: the port of tcp://h:99999"},
        {THREE_NODES "  - id: 4\n", ":10: a node needs id and endpoint"},
        {THREE_NODES "groups:\n  - id: 7\n    members: [1]\n", ": group 7 does not exist"},
        {THREE_NODES "groups:\n  - id: 1\n    members: [9]\n", ": group 1 has a member on node 9"},
        {THREE_NODES "groups:\n  - id: 1\n    members: [1, 1]\n", ":12: member 1 is listed twice"},
        {THREE_NODES "groups:\n  - id: 1\n    members: []\n", ": a group needs"},
        {"cluster: a\ncluster: b\n", ":2: unknown or repeated key 'cluster'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(cases[i].text), STATUS_INVALID);
        if (strstr(config_error.text, cases[i].says) == NULL) {
            fail_msg("'%s' should say '%s'", config_error.text, cases[i].says);
        }
    }
}

static void a_missing_file_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(node_config_read("/nonexistent/cluster.yaml", &config, &config_error),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(config_error.text, "/nonexistent/cluster.yaml"));
}

/* Every prefix of a good file is read without a crash and is never taken for another good file silently cut. */
static void any_prefix_of_a_file_is_an_error_or_a_config(void **state)
{
    (void)state;
    char text[sizeof THREE_NODES];
    for (size_t size = 0; size < sizeof THREE_NODES; size++) {
        memcpy(text, THREE_NODES, size);
        text[size] = '\0';
        enum status status = read_text(text);
        assert_true(status == STATUS_OK || config_error.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_spread_over_three_nodes_by_default),
        cmocka_unit_test(members_that_are_named_are_taken),
        cmocka_unit_test(every_mistake_names_its_line),
        cmocka_unit_test(a_missing_file_is_not_found),
        cmocka_unit_test(any_prefix_of_a_file_is_an_error_or_a_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
