/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints: the sources and their order, what a list and a file may hold, and what errors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/endpoints/endpoints.h"

/* A directory of its own for each test, with the environment emptied. */
struct fixture {
    char directory[64];
    struct kv_endpoints endpoints;
    struct kv_endpoints_error error;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/kv-endpoints-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(chdir(fixture->directory), 0);
    assert_int_equal(mkdir("kv-cluster", 0700), 0);
    unsetenv("KV_ENDPOINTS");
    unsetenv("KV_CLUSTER");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    kv_endpoints_close(&fixture->endpoints);
    unlink("kv-cluster/cluster.yaml");
    rmdir("kv-cluster");
    unlink("other.yaml");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(fixture->directory), 0);
    free(fixture);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static void expect_list(struct fixture *fixture, enum status status, const char *list)
{
    if (status != STATUS_OK) {
        print_error("%s\n", fixture->error.text);
    }
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(fixture->endpoints.list, list);
    kv_endpoints_close(&fixture->endpoints);
}

static void expect_error(struct fixture *fixture, enum status actual, enum status status,
                         const char *text)
{
    assert_int_equal(actual, status);
    assert_string_equal(fixture->error.text, text);
    assert_null(fixture->endpoints.list);
}

static void a_list_is_taken_without_its_schemes(void **state)
{
    struct fixture *fixture = *state;
    enum status status = kv_endpoints_from_list("tcp://a.b-c:1,127.0.0.1:65535,[::1]:7400", "x",
                                                &fixture->endpoints, &fixture->error);

    assert_int_equal(fixture->endpoints.count, 3);
    assert_null(fixture->endpoints.cluster);
    expect_list(fixture, status, "a.b-c:1,127.0.0.1:65535,[::1]:7400");
}

static void a_wrong_endpoint_of_a_list_is_named_with_its_place(void **state)
{
    static const struct {
        const char *list, *text;
    } wrong[] = {
        {"", "x: endpoint 1 \"\" is empty"},
        {"a:1,", "x: endpoint 2 \"\" is empty"},
        {"a:1,,b:2", "x: endpoint 2 \"\" is empty"},
        {"a", "x: endpoint 1 \"a\" has no port: write host:port"},
        {"a:", "x: endpoint 1 \"a:\" has no port between 1 and 65535"},
        {"a:0", "x: endpoint 1 \"a:0\" has no port between 1 and 65535"},
        {"a:65536", "x: endpoint 1 \"a:65536\" has no port between 1 and 65535"},
        {"a:1 ", "x: endpoint 1 \"a:1 \" has no port between 1 and 65535"},
        {"a:*", "x: endpoint 1 \"a:*\" has no port between 1 and 65535"},
        {":1", "x: endpoint 1 \":1\" has no valid host (an IPv6 address stands in brackets)"},
        {"::1:7", "x: endpoint 1 \"::1:7\" has no valid host (an IPv6 address stands in brackets)"},
        {"udp://a:1", "x: endpoint 1 \"udp://a:1\" has no valid host (an IPv6 address stands in "
                      "brackets)"},
        {"a:1,b:2,tcp://a:1", "x: endpoint 3 \"tcp://a:1\" is there twice"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum status status =
            kv_endpoints_from_list(wrong[i].list, "x", &fixture->endpoints, &fixture->error);

        expect_error(fixture, status, STATUS_INVALID, wrong[i].text);
    }
}

static void a_list_holds_as_many_nodes_as_the_library_takes_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    char list[(KV_ENDPOINTS_MAX + 1) * 8];
    size_t size = 0;
    enum status status;

    for (unsigned i = 0; i < KV_ENDPOINTS_MAX; i++) {
        size +=
            (size_t)snprintf(list + size, sizeof list - size, "%sh:%u", i == 0 ? "" : ",", i + 1);
    }
    status = kv_endpoints_from_list(list, "x", &fixture->endpoints, &fixture->error);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(fixture->endpoints.count, KV_ENDPOINTS_MAX);
    kv_endpoints_close(&fixture->endpoints);

    snprintf(list + size, sizeof list - size, ",h:999");
    status = kv_endpoints_from_list(list, "x", &fixture->endpoints, &fixture->error);
    expect_error(fixture, status, STATUS_INVALID,
                 "x: endpoint 17 \"h:999\" is one too many: 16 are enough, the others are learnt "
                 "from them");
}

/* A cluster file of nodes on consecutive ports of a host. */
static void write_cluster(const char *path, const char *name, const char *host, unsigned nodes)
{
    char text[4096];
    size_t size = (size_t)snprintf(text, sizeof text, "cluster: %s\npartitions: 2\nnodes:\n", name);

    for (unsigned i = 1; i <= nodes; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "  - id: %u\n    endpoint: tcp://%s:%u\n", i, host, 7000 + i);
    }
    write_file(path, text);
}

static void a_cluster_file_gives_its_nodes_and_its_name(void **state)
{
    struct fixture *fixture = *state;
    enum status status;

    write_cluster("other.yaml", "demo", "127.0.0.1", 3);
    status = kv_endpoints_from_file("other.yaml", &fixture->endpoints, &fixture->error);
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(fixture->endpoints.cluster, "demo");
    assert_int_equal(fixture->endpoints.count, 3);
    expect_list(fixture, status, "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003");
}

static void of_a_large_cluster_the_first_nodes_are_taken(void **state)
{
    struct fixture *fixture = *state;
    enum status status;

    write_cluster("other.yaml", "large", "h", KV_ENDPOINTS_MAX + 4);
    status = kv_endpoints_from_file("other.yaml", &fixture->endpoints, &fixture->error);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(fixture->endpoints.count, KV_ENDPOINTS_MAX);
    assert_non_null(strstr(fixture->endpoints.list, "h:7016"));
    assert_null(strstr(fixture->endpoints.list, "h:7017"));
}

static void a_directory_stands_for_the_cluster_file_in_it(void **state)
{
    struct fixture *fixture = *state;

    write_cluster("kv-cluster/cluster.yaml", "demo", "a", 1);
    expect_list(fixture, kv_endpoints_from_file("kv-cluster", &fixture->endpoints, &fixture->error),
                "a:7001");
}

static void what_is_wrong_in_a_cluster_file_is_named_with_its_line(void **state)
{
    struct fixture *fixture = *state;
    enum status status;

    write_file("other.yaml", "cluster: demo\npartitions: 2\nnoddes: 3\n");
    status = kv_endpoints_from_file("other.yaml", &fixture->endpoints, &fixture->error);
    assert_int_equal(status, STATUS_INVALID);
    assert_ptr_equal(strstr(fixture->error.text, "other.yaml:3: "), fixture->error.text);
    assert_null(fixture->endpoints.list);
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct kv_endpoints_options options = {.path = "other.yaml"};
    enum status status = kv_endpoints_find(&options, &fixture->endpoints, &fixture->error);

    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_non_null(strstr(fixture->error.text, "other.yaml"));
}

static void options_beat_the_environment_and_that_beats_the_working_directory(void **state)
{
    struct fixture *fixture = *state;
    struct kv_endpoints_options options = {0};

    write_cluster("kv-cluster/cluster.yaml", "demo", "default", 1);
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "default:7001");
    write_cluster("other.yaml", "demo", "file", 1);
    setenv("KV_CLUSTER", "other.yaml", 1);
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "file:7001");
    setenv("KV_ENDPOINTS", "", 1);
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "file:7001");
    setenv("KV_ENDPOINTS", "list:1", 1);
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "list:1");
    options.path = "kv-cluster";
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "default:7001");
    options.list = "option:1";
    expect_list(fixture, kv_endpoints_find(&options, &fixture->endpoints, &fixture->error),
                "option:1");
}

static void without_any_source_the_error_lists_them_all(void **state)
{
    struct fixture *fixture = *state;
    struct kv_endpoints_options options = {0};
    enum status status = kv_endpoints_find(&options, &fixture->endpoints, &fixture->error);

    expect_error(fixture, status, STATUS_NOT_FOUND,
                 "no cluster is given: use --endpoints HOST:PORT,... or --cluster PATH, set "
                 "KV_ENDPOINTS or KV_CLUSTER, or start one here with: kvctl cluster start");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_list_is_taken_without_its_schemes),
        TEST(a_wrong_endpoint_of_a_list_is_named_with_its_place),
        TEST(a_list_holds_as_many_nodes_as_the_library_takes_and_no_more),
        TEST(a_cluster_file_gives_its_nodes_and_its_name),
        TEST(of_a_large_cluster_the_first_nodes_are_taken),
        TEST(a_directory_stands_for_the_cluster_file_in_it),
        TEST(what_is_wrong_in_a_cluster_file_is_named_with_its_line),
        TEST(a_file_that_is_not_there_is_not_found),
        TEST(options_beat_the_environment_and_that_beats_the_working_directory),
        TEST(without_any_source_the_error_lists_them_all),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
