/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/kvctl/capture.h"
#include "tests/unit/kvctl/fake_client.h"

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    fake.partitions = 3;
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

static void a_key_is_created_where_it_was_asked_for(void **state)
{
    (void)state;
    assert_run(run("create", "a", "1", "--on", "2"), 0, "OK\n", "");
    assert_run(run("get", "a"), 0, "1\n", "");
    assert_run(run("where", "-q", "a"), 0, "2\n", "");
    assert_run(run("create", "a", "--on", "2"), 4, "", "EXISTS");
    assert_run(run("create", "b"), 0, "OK\n", "");
    assert_run(run("get", "b"), 0, "\n", "");
    assert_run(run("where", "-q", "b"), 0, "1\n", "");
    assert_run(run("create", "c", "--least-loaded"), 0, "OK\n", "");
    assert_run(run("where", "-q", "c"), 0, "2\n", "");
    assert_run(run_with("in", "create", "d", "-", "-q"), 0, "", "");
    assert_run(run("get", "d", "--raw"), 0, "in", "");
    assert_run(run("create", "e", "--literal", "@x"), 0, "OK\n", "");
    assert_run(run("get", "e"), 0, "@x\n", "");
}

static void wrong_options_of_placement_do_nothing_and_end_with_2(void **state)
{
    (void)state;
    assert_run(run("create", "a", "--on", "2", "--least-loaded"), 2, "", "exclude");
    assert_run(run("create", "a", "--on", "0"), 2, "", "from 1 to 63");
    assert_run(run("create", "a", "--on", "64"), 2, "", "from 1 to 63");
    assert_run(run("create", "a", "--on", "x"), 2, "", "'x'");
    assert_run(run("create", "a", "--to", "2"), 2, "", "create has no option --to");
    assert_run(run("move", "a"), 2, "", "--to must give");
    assert_run(run("move", "a", "--to", "64"), 2, "", "from 1 to 63");
    assert_run(run("move", "--to", "2"), 2, "", "usage: kvctl move KEY...");
    assert_run(run("put", "a", "1", "--on", "2"), 2, "", "put has no option --on");
    assert_run(run("put", "a", "1", "--policy", "move"), 2, "", "put has no option --policy");
    assert_run(run("mget", "a", "--policy", "lend"), 2, "", "exchange, move or borrow");
    assert_run(run("mget", "a", "--on", "2"), 2, "", "--policy move or");
    assert_run(run("mget", "a", "--on", "2", "--policy", "exchange"), 2, "", "--policy move or");
    assert_run(run("where"), 2, "", "usage: kvctl where KEY...");
    assert_run(run("partition"), 2, "", "unknown command 'partition'");
    assert_run(run("partition", "frob"), 2, "", "unknown command 'partition frob'");
    assert_int_equal(fake.submissions, 0);
}

/* A client that has just been opened does not know how many partitions there are. */
static void a_partition_that_does_not_exist_is_a_usage_error(void **state)
{
    (void)state;
    assert_run(run("create", "a", "--on", "9"), 2, "", "INVALID");
    fake.partitions_known = false;
    assert_run(run("mput", "a", "1", "--policy", "move", "--on", "9"), 2, "", "INVALID");
    fake.partitions_known = false;
    assert_run(run("move", "a", "--to", "9"), 2, "", "INVALID");
    assert_run(run("get", "a"), 3, "", "NOT_FOUND");
}

static void where_tells_the_partition_of_each_key(void **state)
{
    (void)state;
    run("create", "a", "--on", "3");
    assert_run(run("where", "a"), 0, "a\t3\n", "");
    assert_run(run("where", "a", "-q"), 0, "3\n", "");
    assert_run(run("where", "a", "b"), 0, "a\t3\nb\t1\n", "");
    assert_run(run("where", "a", "b", "-q"), 0, "a\t3\nb\t1\n", "");
    assert_run(run("where", "--encoding", "hex", "61"), 0, "61\t3\n", "");
    assert_run(run("where", "-o", "table", "a", "b"), 0,
               "KEY  PARTITION  PLACE   EXISTS\n"
               "a    3          placed  yes\n"
               "b    1          home    unknown\n",
               "");
    assert_run(run("where", "-o", "json", "a", "b"), 0,
               "{\"op\":\"where\",\"status\":\"ok\",\"result\":["
               "{\"partition\":3,\"placed\":true,\"exists\":true,\"since\":\"77\"},"
               "{\"partition\":1,\"placed\":false,\"exists\":null,\"since\":null}],"
               "\"group\":1,\"index\":1,\"keys\":[\"a\",\"b\"]}\n",
               "");
    fake.next_status = KV_UNAVAILABLE;
    assert_run(run("where", "a"), 5, "", "UNAVAILABLE");
}

static void move_has_a_verdict_for_each_key(void **state)
{
    (void)state;
    run("mput", "a", "1", "b", "2");
    assert_run(run("move", "a", "--to", "2"), 0, "a\tmoved\t1\t2\n", "");
    assert_run(run("move", "a", "b", "no", "--to", "2"), 3,
               "a\talready there\t2\t2\nb\tmoved\t1\t2\nno\tno such key\t-\t2\n", "");
    assert_run(run("where", "a", "b"), 0, "a\t2\nb\t2\n", "");
    assert_run(run("move", "b", "-o", "table", "--to", "3"), 0,
               "KEY  VERDICT  FROM  TO\nb    moved    2     3\n", "");
    struct captured got = run("move", "b", "no", "--to", "1", "-o", "json");
    assert_int_equal(got.code, 3);
    assert_string_equal(got.out,
                        "{\"op\":\"move\",\"status\":\"failed\",\"result\":null,\"error\":"
                        "\"NOT_FOUND\",\"text\":\"no such key\",\"verdicts\":["
                        "{\"status\":\"ok\",\"partition\":1,\"from\":3,\"moved\":true},"
                        "{\"status\":\"failed\",\"error\":\"NOT_FOUND\"}],\"group\":1,\"index\":5,"
                        "\"timestamp\":\"9007199254740998\",\"keys\":[\"b\",\"no\"]}\n");
    assert_run(run("get", "b"), 0, "2\n", "");
}

static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    run("mput", "a", "1", "b", "2");
    run("move", "a", "--to", "2");
    const uint32_t before = fake.submissions;
    assert_run(run("move", "a", "b", "no", "--to", "2", "--dry-run"), 0,
               "a\talready there\t2\t2\nb\twould move\t1\t2\nno\twould move\t1\t2\n", "");
    assert_int_equal(fake.submissions, before + 1);
    assert_run(run("where", "a", "b"), 0, "a\t2\nb\t1\n", "");
    struct captured got = run("move", "b", "--to", "2", "--dry-run", "-o", "json");
    json_t *json = json_line(got.out, 0);
    assert_true(json_is_true(json_object_get(json, "dry_run")));
    json = json_array_get(json_object_get(json, "verdicts"), 0);
    assert_true(json_is_true(json_object_get(json, "would_move")));
    assert_int_equal(json_integer_value(json_object_get(json, "from")), 1);
}

static void an_unanswered_move_is_in_doubt_and_an_unanswered_dry_run_is_not(void **state)
{
    (void)state;
    run("put", "a", "1");
    fake.next_status = KV_IN_DOUBT; /* of the question where it is */
    assert_run(run("move", "a", "--to", "2"), 5, "", "IN_DOUBT");
    fake.next_status = KV_UNAVAILABLE;
    assert_run(run("move", "a", "--to", "2", "--dry-run"), 5, "", "UNAVAILABLE");
    fake.status_of_move = KV_IN_DOUBT;
    assert_run(run("move", "a", "--to", "2"), 6, "", "IN_DOUBT");
}

static void deleting_several_keys_tells_which_were_not_there(void **state)
{
    (void)state;
    run("mput", "a", "1", "b", "2", "c", "3");
    assert_run(run("delete", "a", "b"), 0, "OK\n", "");
    assert_run(run("delete", "no", "c", "a"), 3, "",
               "no such key: no\nkvctl: delete: no such key: a\n");
    assert_run(run("scan"), 0, "", "");
    run("put", "c", "3");
    struct captured got = run("delete", "c", "no", "-o", "json");
    assert_int_equal(got.code, 3);
    json_t *json = json_line(got.out, 0);
    assert_string_equal(json_string_value(json_object_get(json, "error")), "NOT_FOUND");
    json = json_object_get(json, "verdicts");
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "status")),
                        "ok");
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 1), "error")),
                        "NOT_FOUND");
}

static void partitions_are_listed_with_their_keys_and_leaders(void **state)
{
    (void)state;
    fake.partitions = 2;
    fake.node_count = 1;
    fake.nodes[0] = (kv_node_status){.node = 1, .endpoint = "tcp://127.0.0.1:1", .reachable = true};
    fake.member_count = 2;
    fake.members[0] = (kv_member_status){.node = 1, .group = 0, .role = "leader", .term = 1};
    fake.members[1] =
        (kv_member_status){.node = 1, .group = 1, .role = "leader", .term = 1, .keys = 12};
    run("create", "a", "--on", "2");
    assert_run(run("partition", "list"), 0,
               "PARTITION  KEYS  PLACED  LEADER\n"
               "1          12    0       1\n"
               "2          -     1       -\n",
               "");
    assert_run(run("partition", "list", "-o", "json"), 0,
               "{\"op\":\"partitions\",\"status\":\"ok\",\"result\":["
               "{\"partition\":1,\"placed\":0,\"keys\":12,\"leader\":1},"
               "{\"partition\":2,\"placed\":1,\"keys\":null,\"leader\":null}],\"group\":1,"
               "\"index\":1}\n",
               "");
    fake.next_status = KV_UNAVAILABLE;
    assert_run(run("partition", "list"), 5, "", "UNAVAILABLE");
}

static void history_is_told_newest_first(void **state)
{
    (void)state;
    assert_run(run("partition", "history"), 0,
               "k\tdelete 2\t77\nk\tmove 1 2\t77\nk\tcreate 1\t77\n", "");
    assert_run(run("partition", "history", "--limit", "1"), 0, "k\tdelete 2\t77\n", "older");
    assert_run(run("partition", "history", "-o", "table", "--limit", "1"), 0,
               "KEY  CHANGE    TIMESTAMP\nk    delete 2  77\n", "older");
    assert_run(run("partition", "history", "-o", "json"), 0,
               "{\"op\":\"history\",\"status\":\"ok\",\"result\":["
               "{\"key\":\"k\",\"change\":\"delete\",\"from\":2,\"to\":null,\"timestamp\":\"77\"},"
               "{\"key\":\"k\",\"change\":\"move\",\"from\":1,\"to\":2,\"timestamp\":\"77\"},"
               "{\"key\":\"k\",\"change\":\"create\",\"from\":null,\"to\":1,\"timestamp\":\"77\"}],"
               "\"more\":false,\"group\":1,\"index\":0}\n",
               "");
}

static void policies_reach_the_library(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        kv_policy policy;
    } policies[] = {
        {"exchange", KV_POLICY_EXCHANGE}, {"move", KV_POLICY_MOVE}, {"borrow", KV_POLICY_BORROW}};
    for (size_t i = 0; i < 3; i++) {
        assert_run(run("mput", "a", "1", "--policy", policies[i].name), 0, "OK\n", "");
        assert_int_equal(fake.policy_seen, policies[i].policy);
        assert_run(run("mget", "a", "--policy", policies[i].name), 0, "a\t1\n", "");
        assert_int_equal(fake.policy_seen, policies[i].policy);
        assert_run(run_with("get a", "txn", "--policy", policies[i].name), 0, "then\na\t1\n", "");
        assert_int_equal(fake.policy_seen, policies[i].policy);
        assert_int_equal(fake.partition_seen, 0);
    }
    run("mget", "a", "--policy", "borrow", "--on", "2");
    assert_int_equal(fake.partition_seen, 2);
    run("mget", "a");
    assert_int_equal(fake.policy_seen, KV_POLICY_DEFAULT);
}

/* ---- txn ---- */

static void a_transaction_tells_its_branch_and_its_rows(void **state)
{
    (void)state;
    static const char text[] = "if\n eq a 1\nthen\n incr n 5\n get a\n get no\n put b 2\n"
                               "else\n get n # what it is\n";
    run("put", "a", "1");
    assert_run(run_with(text, "txn"), 0, "then\nn\t5\na\t1\nno\nb\n", "");
    run("put", "a", "2");
    assert_run(run_with(text, "txn", "-"), 0, "else\nn\t5\n", "");
    assert_run(run_with(text, "txn", "-o", "table"), 0, "else\nSTEP  KEY  VALUE\nget   n    5\n",
               "");
    assert_run(run_with(text, "txn", "-o", "json"), 0,
               "{\"op\":\"txn\",\"status\":\"ok\",\"result\":true,\"guards_held\":false,"
               "\"rows\":[[\"n\",\"5\"]],\"group\":1,\"index\":6,"
               "\"timestamp\":\"9007199254740999\"}\n",
               "");
    char path[] = "/tmp/kvctl-test-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_int_equal(write(descriptor, "get n\n", 6), 6);
    close(descriptor);
    assert_run(run("txn", path), 0, "then\nn\t5\n", "");
    assert_run(run_with("get 6e", "txn", "--encoding", "hex"), 0, "then\n6e\t35\n", "");
    unlink(path);
}

static void guards_that_do_not_hold_end_with_4_unless_there_is_an_else(void **state)
{
    (void)state;
    assert_run(run_with("if\nexists a\nthen\nput a 1\n", "txn"), 4, "else\n", "do not hold");
    assert_run(run_with("if\nexists a\nthen\nput a 1\nelse\n", "txn"), 0, "else\n", "");
    assert_run(run_with("if\nabsent a\nthen\n", "txn"), 0, "then\n", "");
    struct captured got = run_with("if\nexists a\nthen\n", "txn", "-o", "json");
    assert_int_equal(got.code, 4);
    json_t *json = json_line(got.out, 0);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "ok");
    assert_true(json_is_false(json_object_get(json, "guards_held")));
    assert_run(run("get", "a"), 3, "", "NOT_FOUND");
    assert_run(run_with("cas a 1 2", "txn"), 3, "", "NOT_FOUND");
    run("put", "a", "x");
    assert_run(run_with("cas a 1 2", "txn"), 4, "", "MISMATCH");
    assert_run(run_with("incr a", "txn"), 4, "", "NOT_A_NUMBER");
}

static void a_wrong_transaction_does_nothing_and_ends_with_2(void **state)
{
    (void)state;
    assert_run(run_with("put a 1\nfrob a\n", "txn"), 2, "",
               "stdin: line 2: there is no step 'frob'");
    assert_run(run_with("", "txn"), 2, "", "no step");
    assert_run(run("txn", "/nonexistent"), 2, "", "/nonexistent");
    assert_run(run("txn", "a", "b"), 2, "", "usage: kvctl txn [FILE|-]");
    struct captured got = run_with("x", "txn", "-o", "json");
    json_t *json = json_line(got.err, 0);
    assert_string_equal(json_string_value(json_object_get(json, "error")), "USAGE");
    assert_int_equal(fake.submissions, 0);
}

static void the_help_of_txn_tells_every_guard_and_step(void **state)
{
    (void)state;
    static const char *const words[] = {
        "exists", "absent",        "eq",     "ne",  "lt",   "gt",    "at-least", "at-most", "get",
        "put",    "put-if-absent", "delete", "cas", "incr", "append"};
    const struct captured got = run("help", "txn");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "\n  %s KEY", words[i]);
        assert_non_null(strstr(got.out, line));
    }
    const struct captured completion = run("completion", "bash");
    assert_non_null(strstr(completion.out, "partition) list=' list history'"));
    assert_non_null(strstr(completion.out, "--policy) list='exchange move borrow'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_key_is_created_where_it_was_asked_for, set_up),
        cmocka_unit_test_setup(wrong_options_of_placement_do_nothing_and_end_with_2, set_up),
        cmocka_unit_test_setup(a_partition_that_does_not_exist_is_a_usage_error, set_up),
        cmocka_unit_test_setup(where_tells_the_partition_of_each_key, set_up),
        cmocka_unit_test_setup(move_has_a_verdict_for_each_key, set_up),
        cmocka_unit_test_setup(a_dry_run_changes_nothing, set_up),
        cmocka_unit_test_setup(an_unanswered_move_is_in_doubt_and_an_unanswered_dry_run_is_not,
                               set_up),
        cmocka_unit_test_setup(deleting_several_keys_tells_which_were_not_there, set_up),
        cmocka_unit_test_setup(partitions_are_listed_with_their_keys_and_leaders, set_up),
        cmocka_unit_test_setup(history_is_told_newest_first, set_up),
        cmocka_unit_test_setup(policies_reach_the_library, set_up),
        cmocka_unit_test_setup(a_transaction_tells_its_branch_and_its_rows, set_up),
        cmocka_unit_test_setup(guards_that_do_not_hold_end_with_4_unless_there_is_an_else, set_up),
        cmocka_unit_test_setup(a_wrong_transaction_does_nothing_and_ends_with_2, set_up),
        cmocka_unit_test_setup(the_help_of_txn_tells_every_guard_and_step, set_up),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_reset();
    return failed;
}
