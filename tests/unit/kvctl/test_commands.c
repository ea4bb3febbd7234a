/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kvctl/command.h"
#include "tests/unit/kvctl/capture.h"
#include "tests/unit/kvctl/fake_client.h"

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    setenv("KV_ENDPOINTS", "127.0.0.1:1", 1);
    unsetenv("KV_CLUSTER");
    return 0;
}

static void assert_run(struct captured captured, int code, const char *out, const char *err)
{
    if (captured.code != code || strcmp(captured.out, out) != 0 ||
        (err[0] == '\0' ? captured.err[0] != '\0' : strstr(captured.err, err) == NULL)) {
        fail_msg("code %d, stdout '%s', stderr '%s'; expected %d, '%s', '%s'", captured.code,
                 captured.out, captured.err, code, out, err);
    }
}

static void results_go_to_stdout_and_everything_else_to_stderr(void **state)
{
    (void)state;
    assert_run(run("put", "a", "1"), 0, "OK\n", "");
    assert_run(run("get", "a"), 0, "1\n", "");
    assert_run(run("get", "a", "--raw"), 0, "1", "");
    assert_run(run("incr", "n", "-3"), 0, "-3\n", "");
    assert_run(run("append", "a", "x"), 0, "OK\n", "");
    assert_run(run("mget", "a", "n"), 0, "a\t1x\nn\t-3\n", "");
    assert_run(run("mput", "b", "2", "c", "3"), 0, "OK\n", "");
    assert_run(run("scan", "b", "c"), 0, "b\t2\n", "");
    assert_run(run("scan", "--limit", "2"), 0, "a\t1x\nb\t2\n", "more rows");
    assert_run(run("put", "a", "1", "-q"), 0, "", "");
    assert_run(run("get", "nokey"), 3, "", "nokey: NOT_FOUND");
    assert_run(run("get", "nokey", "-q"), 3, "", "");
    assert_run(run("get", "a", "-v"), 0, "1\n", "index");
}

static void every_kind_of_end_has_its_exit_code(void **state)
{
    (void)state;
    assert_run(run("get", "a"), 3, "", "NOT_FOUND");
    assert_run(run("delete", "a"), 3, "", "NOT_FOUND");
    assert_run(run("cas", "a", "1", "2"), 3, "", "NOT_FOUND");
    run("put", "a", "x y");
    assert_run(run("cas", "a", "1", "2"), 4, "", "present value: x y");
    assert_run(run("put-if-absent", "a", "2"), 4, "", "EXISTS");
    assert_run(run("incr", "a"), 4, "", "NOT_A_NUMBER");
    run("put", "n", "9223372036854775807");
    assert_run(run("incr", "n"), 8, "", "OVERFLOW");
    assert_run(run("mget", "a", "nokey"), 3, "a\tx y\n", "nokey");
    static const struct {
        kv_status status;
        int write, read;
    } ends[] = {{KV_UNAVAILABLE, 5, 5}, {KV_IN_DOUBT, 6, 5},  {KV_PROTOCOL, 6, 5},
                {KV_REFUSED, 7, 7},     {KV_TOO_LARGE, 8, 8}, {KV_BUSY, 5, 5},
                {KV_NO_SPACE, 8, 8},    {KV_NETWORK, 5, 5},   {KV_CROSS_PARTITION, 1, 1}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fake.next_status = ends[i].status;
        assert_run(run("put", "a", "1"), ends[i].write, "", kv_status_name(ends[i].status));
        fake.next_status = ends[i].status;
        assert_run(run("get", "a"), ends[i].read, "", kv_status_name(ends[i].status));
    }
}

static void a_wrong_command_line_does_nothing_and_ends_with_2(void **state)
{
    (void)state;
    assert_int_equal(captured_run("", 0, (const char *const[]){"kvctl", NULL}).code, 2);
    assert_run(run("frob"), 2, "", "unknown command 'frob'");
    assert_run(run("cluster", "frob"), 2, "", "unknown command 'cluster frob'");
    assert_run(run("get"), 2, "", "usage: kvctl get KEY");
    assert_run(run("get", "a", "b"), 2, "", "usage: kvctl get KEY");
    assert_run(run("put", "a"), 2, "", "usage: kvctl put KEY VALUE");
    assert_run(run("put", "a", "1", "--limit", "3"), 2, "", "put has no option --limit");
    assert_run(run("put", "a", "1", "--timeout", "5"), 2, "", "500ms");
    assert_run(run("mput", "a", "1", "b"), 2, "", "no value");
    assert_run(run("incr", "a", "x"), 2, "", "'x'");
    assert_run(run("put", "a", "1", "--encoding", "hex"), 2, "", "key is not valid hex");
    assert_run(run("put", "a", "@/nonexistent"), 2, "", "--literal");
    assert_run(run("cas", "a", "-", "-"), 2, "", "only one value");
    assert_run(run("get", "a", "--endpoints", "x:1", "--cluster", "y"), 2, "", "exclude");
    assert_run(run("scan"), 0, "", "");
}

static void values_come_from_arguments_files_and_stdin(void **state)
{
    (void)state;
    char path[] = "/tmp/kvctl-test-XXXXXX";
    char word[64];
    const int descriptor = mkstemp(path);
    assert_int_equal(write(descriptor, "a\0b\n", 4), 4);
    close(descriptor);
    snprintf(word, sizeof(word), "@%s", path);
    assert_run(run("put", "a", word), 0, "OK\n", "");
    assert_run(run("get", "61", "--encoding", "hex"), 0, "6100620a\n", "");
    assert_run(run_with("from stdin\n", "put", "a", "-"), 0, "OK\n", "");
    assert_run(run("get", "\\x61", "--encoding", "escape"), 0, "from stdin\\n\n", "");
    assert_run(run("put", "--literal", "a", word), 0, "OK\n", "");
    assert_run(run("get", "a", "--raw"), 0, word, "");
    unlink(path);
}

static void keys_and_values_that_begin_with_a_dash_stand_behind_two_dashes(void **state)
{
    (void)state;
    assert_run(run("put", "-k", "-v"), 2, "", "put --");
    assert_run(run("put", "--", "-k", "-v"), 0, "OK\n", "");
    assert_run(run("get", "--", "-k"), 0, "-v\n", "");
}

static void encodings_hold_for_what_is_read_and_what_is_written(void **state)
{
    (void)state;
    assert_run(run("put", "--encoding", "hex", "00ff", "0a00"), 0, "OK\n", "");
    assert_run(run("scan", "--encoding", "base64"), 0, "AP8=\tCgA=\n", "");
    assert_run(run("scan", "--encoding", "escape"), 0, "\\x00\\xff\t\\n\\x00\n", "");
    assert_run(run("scan", "-o", "table"), 0, "KEY       VALUE\n\\x00\\xff  \\n\\x00\n", "");
    assert_run(run("get", "--encoding", "base64", "AP8="), 0, "CgA=\n", "");
    assert_run(run("scan", "--prefix", "00", "--encoding", "hex"), 0, "00ff\t0a00\n", "");
    assert_run(run("scan", "--prefix", "01", "--encoding", "hex"), 0, "", "");
}

static void json_results_and_errors_have_one_form(void **state)
{
    (void)state;
    struct captured got = run("-o", "json", "put", "a", "1");
    assert_string_equal(got.out, "{\"op\":\"put\",\"status\":\"ok\",\"result\":true,\"group\":1,"
                                 "\"index\":1,\"timestamp\":\"9007199254740994\",\"key\":\"a\"}\n");
    got = run("-o", "json", "get", "a");
    assert_string_equal(got.out, "{\"op\":\"get\",\"status\":\"ok\",\"result\":\"1\",\"group\":1,"
                                 "\"index\":1,\"key\":\"a\"}\n");
    got = run("-o", "json", "get", "nokey");
    assert_int_equal(got.code, 3);
    assert_string_equal(got.out, "");
    json_t *json = json_line(got.err, 0);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "failed");
    assert_string_equal(json_string_value(json_object_get(json, "error")), "NOT_FOUND");
    assert_int_equal(json_integer_value(json_object_get(json, "exit")), 3);
    got = run("-o", "json", "cas", "a", "x", "y");
    json = json_line(got.err, 0);
    assert_string_equal(json_string_value(json_object_get(json, "present")), "1");
    got = run("-o", "json", "frob");
    json = json_line(got.err, 0);
    assert_string_equal(json_string_value(json_object_get(json, "error")), "USAGE");
    got = run("-o", "json", "get", "--frob", "a");
    json = json_line(got.err, 0);
    assert_int_equal(json_integer_value(json_object_get(json, "exit")), 2);
    run("put", "--encoding", "hex", "61", "ff");
    got = run("-o", "json", "mget", "a", "b");
    assert_int_equal(got.code, 3);
    json = json_line(got.out, 0);
    char *text = json_dumps(json_object_get(json, "result"), JSON_COMPACT);
    assert_string_equal(text, "[{\"hex\":\"ff\"},null]");
    kv_free(text);
}

static void an_empty_value_is_a_value(void **state)
{
    (void)state;
    assert_run(run("put", "a", ""), 0, "OK\n", "");
    assert_run(run("get", "a"), 0, "\n", "");
    assert_run(run("cas", "a", "", "1"), 0, "OK\n", "");
    assert_run(run("append", "b", ""), 0, "OK\n", "");
    assert_run(run("scan"), 0, "a\t1\nb\t\n", "");
}

static void the_cluster_is_the_first_that_is_given(void **state)
{
    (void)state;
    char directory[] = "/tmp/kvctl-test-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/cluster.yaml", directory);
    FILE *file = fopen(path, "w");
    fputs("cluster: c1\npartitions: 1\nnodes:\n  - id: 1\n    endpoint: tcp://127.0.0.1:7001\n"
          "  - id: 2\n    endpoint: tcp://127.0.0.1:7002\n",
          file);
    fclose(file);
    setenv("KV_CLUSTER", directory, 1);
    run("get", "a");
    assert_string_equal(fake.endpoints, "127.0.0.1:1");
    run("get", "a", "--cluster", path);
    assert_string_equal(fake.endpoints, "127.0.0.1:7001,127.0.0.1:7002");
    assert_string_equal(fake.cluster_name, "c1");
    run("get", "a", "--endpoints", "tcp://h:1,h:2", "--timeout", "2s", "--stale");
    assert_string_equal(fake.endpoints, "h:1,h:2");
    assert_int_equal(fake.timeout_ms, 2000);
    assert_true(fake.stale_seen);
    unsetenv("KV_ENDPOINTS");
    run("get", "a");
    assert_string_equal(fake.endpoints, "127.0.0.1:7001,127.0.0.1:7002");
    assert_run(run("get", "a", "--cluster", "/nonexistent"), 2, "", "/nonexistent");
    unsetenv("KV_CLUSTER");
    assert_int_equal(chdir(directory), 0);
    assert_run(run("get", "a"), 2, "", "kvctl cluster start");
    unlink(path);
    rmdir(directory);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    run("put", "a", "1");
    fflush(stdout);
    const int saved = dup(STDOUT_FILENO);
    FILE *full = fopen("/dev/full", "w");
    dup2(fileno(full), STDOUT_FILENO);
    const char *const words[] = {"kvctl", "-q", "get", "a", NULL};
    const int code = (int)kvctl_main(4, (char *const *)(uintptr_t)words);
    dup2(saved, STDOUT_FILENO);
    clearerr(stdout);
    close(saved);
    fclose(full);
    assert_int_equal(code, 1);
}

static void help_tells_every_command_option_and_exit_code(void **state)
{
    (void)state;
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    struct captured got = run("help");
    assert_int_equal(got.code, 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_non_null(strstr(got.out, commands[i].name));
    }
    for (int i = 0; i < KVCTL_OPTIONS; i++) {
        assert_non_null(strstr(got.out, kvctl_option_text((enum kvctl_option)i)->name));
    }
    assert_non_null(strstr(got.out, "130  interrupted"));
    got = run("get", "--help");
    assert_non_null(strstr(got.out, "usage: kvctl get KEY"));
    assert_null(strstr(got.out, "--partitions"));
    got = run("help", "cluster", "kill");
    assert_non_null(strstr(got.out, "usage: kvctl cluster kill NODE..."));
    got = run("help", "cluster");
    assert_non_null(strstr(got.out, "cluster pause"));
    assert_int_equal(run("help", "frob").code, 2);
    got = run("completion", "bash");
    assert_non_null(strstr(got.out, "put-if-absent"));
    assert_int_equal(run("completion", "fish").code, 2);
    got = run("version", "-o", "json");
    assert_int_equal(json_integer_value(json_object_get(json_line(got.out, 0), "json_schema")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(results_go_to_stdout_and_everything_else_to_stderr, set_up),
        cmocka_unit_test_setup(every_kind_of_end_has_its_exit_code, set_up),
        cmocka_unit_test_setup(a_wrong_command_line_does_nothing_and_ends_with_2, set_up),
        cmocka_unit_test_setup(values_come_from_arguments_files_and_stdin, set_up),
        cmocka_unit_test_setup(keys_and_values_that_begin_with_a_dash_stand_behind_two_dashes,
                               set_up),
        cmocka_unit_test_setup(encodings_hold_for_what_is_read_and_what_is_written, set_up),
        cmocka_unit_test_setup(json_results_and_errors_have_one_form, set_up),
        cmocka_unit_test_setup(an_empty_value_is_a_value, set_up),
        cmocka_unit_test_setup(the_cluster_is_the_first_that_is_given, set_up),
        cmocka_unit_test_setup(output_that_cannot_be_written_is_a_failure, set_up),
        cmocka_unit_test_setup(help_tells_every_command_option_and_exit_code, set_up),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_reset();
    return failed;
}
