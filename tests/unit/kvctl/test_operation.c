/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/kvctl/operation.h"
#include "multicast/base/limits.h"
#include "multicast/base/prng.h"

static struct kvctl_operation operation;

static bool parse(const char *line)
{
    kvctl_operation_close(&operation);
    return kvctl_operation_parse(&operation, line, strlen(line));
}

static void assert_bytes(kv_bytes bytes, const char *expected, size_t size)
{
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, expected, size);
}

static void assert_refused(const char *line, const char *reason)
{
    assert_false(parse(line));
    if (strstr(operation.error, reason) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", line, operation.error, reason);
    }
}

static int close_operation(void **state)
{
    (void)state;
    kvctl_operation_close(&operation);
    return 0;
}

static void every_op_is_read_with_its_fields(void **state)
{
    (void)state;
    const kv_op *op = &operation.op;
    assert_true(parse("{\"id\":1,\"op\":\"get\",\"key\":\"a\"}"));
    assert_int_equal(op->code, KV_OP_GET);
    assert_bytes(op->key, "a", 1);
    assert_true(parse("{\"op\":\"put\",\"key\":\"a\",\"value\":\"\"}"));
    assert_int_equal(op->code, KV_OP_PUT);
    assert_int_equal(op->value.size, 0);
    assert_true(parse("{\"op\":\"put_if_absent\",\"key\":\"a\",\"value\":\"1\"}"));
    assert_int_equal(op->code, KV_OP_PUT_IF_ABSENT);
    assert_true(parse("{\"op\":\"put-if-absent\",\"key\":\"a\",\"value\":\"1\"}"));
    assert_int_equal(op->code, KV_OP_PUT_IF_ABSENT);
    assert_true(parse("{\"op\":\"delete\",\"key\":\"a\"}"));
    assert_int_equal(op->code, KV_OP_DELETE);
    assert_true(parse("{\"op\":\"cas\",\"key\":\"a\",\"expect\":\"1\",\"value\":\"2\"}"));
    assert_int_equal(op->code, KV_OP_CAS);
    assert_bytes(op->expect, "1", 1);
    assert_bytes(op->value, "2", 1);
    assert_true(parse("{\"op\":\"append\",\"key\":\"a\",\"value\":\"x\"}"));
    assert_int_equal(op->code, KV_OP_APPEND);
    assert_true(parse("{\"op\":\"mget\",\"keys\":[\"a\",\"bc\"]}"));
    assert_int_equal(op->count, 2);
    assert_bytes(op->keys[1], "bc", 2);
    assert_true(parse("{\"op\":\"mput\",\"pairs\":{\"a\":\"1\",\"b\":\"2\"}}"));
    assert_int_equal(op->count, 2);
    assert_bytes(op->keys[1], "b", 1);
    assert_bytes(op->values[1], "2", 1);
    assert_true(parse("{\"op\":\"mput\",\"pairs\":[[\"a\",\"1\"],[\"b\",{\"hex\":\"ff00\"}]]}"));
    assert_bytes(op->keys[0], "a", 1);
    assert_bytes(op->values[1], "\xff\x00", 2);
    assert_true(parse("{\"op\":\"scan\",\"from\":\"a\",\"to\":\"b\",\"limit\":10}"));
    assert_bytes(op->from, "a", 1);
    assert_bytes(op->to, "b", 1);
    assert_int_equal(op->limit, 10);
    assert_true(parse("{\"op\":\"scan\",\"to\":null}"));
    assert_int_equal(op->from.size, 0);
    assert_int_equal(op->limit, 0);
}

static void placement_is_read_with_its_fields(void **state)
{
    (void)state;
    const kv_op *op = &operation.op;
    assert_true(parse("{\"op\":\"create\",\"key\":\"a\"}"));
    assert_int_equal(op->code, KV_OP_CREATE);
    assert_int_equal(op->value.size + op->partition, 0);
    assert_true(parse("{\"op\":\"create\",\"key\":\"a\",\"value\":\"1\",\"on\":\"3\"}"));
    assert_int_equal(op->partition, 3);
    assert_bytes(op->value, "1", 1);
    assert_true(parse("{\"op\":\"create\",\"key\":\"a\",\"on\":\"least-loaded\"}"));
    assert_true(op->least_loaded);
    assert_true(parse("{\"op\":\"delete\",\"keys\":[\"a\",{\"hex\":\"ff\"}]}"));
    assert_int_equal(op->count, 2);
    assert_bytes(op->keys[1], "\xff", 1);
    assert_true(parse("{\"op\":\"move\",\"key\":\"a\",\"to\":2}"));
    assert_bytes(op->key, "a", 1);
    assert_int_equal(op->partition, 2);
    assert_true(parse("{\"op\":\"where\",\"keys\":[\"a\"]}"));
    assert_int_equal(op->count, 1);
    assert_true(parse("{\"op\":\"partitions\"}"));
    assert_true(parse("{\"op\":\"history\",\"limit\":7}"));
    assert_int_equal(op->limit, 7);
    assert_true(parse("{\"op\":\"mget\",\"keys\":[\"a\"],\"policy\":\"move\",\"on\":2}"));
    assert_int_equal(op->policy, KV_POLICY_MOVE);
    assert_int_equal(op->partition, 2);
    assert_refused("{\"op\":\"create\"}", "\"key\"");
    assert_refused("{\"op\":\"create\",\"key\":\"a\",\"on\":0}", "\"on\"");
    assert_refused("{\"op\":\"create\",\"key\":\"a\",\"on\":64}", "from 1 to 63");
    assert_refused("{\"op\":\"create\",\"key\":\"a\",\"on\":\"most\"}", "\"on\"");
    assert_refused("{\"op\":\"create\",\"key\":\"a\",\"on\":\"3\\u0000x\"}", "\"on\"");
    assert_refused("{\"op\":\"create\",\"key\":\"a\",\"value\":null}", "\"value\"");
    assert_refused("{\"op\":\"move\",\"key\":\"a\"}", "\"to\"");
    assert_refused("{\"op\":\"move\",\"to\":1}", "\"key\"");
    assert_refused("{\"op\":\"move\",\"key\":\"a\",\"keys\":[\"a\"],\"to\":1}", "not both");
    assert_refused("{\"op\":\"delete\",\"keys\":[]}", "keys");
    assert_refused("{\"op\":\"where\",\"keys\":\"a\"}", "keys");
    assert_refused("{\"op\":\"history\",\"limit\":-1}", "limit");
    assert_refused("{\"op\":\"mget\",\"keys\":[\"a\"],\"policy\":\"lend\"}", "policy");
    assert_refused("{\"op\":\"mget\",\"keys\":[\"a\"],\"policy\":1}", "policy");
    assert_refused("{\"op\":\"mget\",\"keys\":[\"a\"],\"on\":1}", "\"on\" goes with");
}

static void a_transaction_is_read_with_its_guards_and_branches(void **state)
{
    (void)state;
    const kv_op *op = &operation.op;
    assert_true(
        parse("{\"op\":\"txn\",\"guards\":[[\"eq\",\"a\",\"1\"],[\"at_least\",\"a\",\"5\"]],"
              "\"ops\":[[\"get\",{\"hex\":\"00\"}],[\"incr\",\"b\",-5],[\"incr\",\"b\"],"
              "[\"cas\",\"c\",\"\",{\"hex\":\"ff\"}],[\"put-if-absent\",\"d\",\"1\"]],"
              "\"else\":[[\"delete\",\"e\"]]}"));
    assert_int_equal(op->code, KV_OP_TXN);
    assert_int_equal(op->guard_count, 2);
    assert_int_equal(op->guards[1].code, KV_GUARD_AT_LEAST);
    assert_int_equal(op->guards[1].number, 5);
    assert_int_equal(op->step_count, 5);
    assert_bytes(op->steps[0].key, "\0", 1);
    assert_int_equal(op->steps[1].number, -5);
    assert_int_equal(op->steps[2].number, 1);
    assert_int_equal(op->steps[3].expect.size, 0);
    assert_bytes(op->steps[3].value, "\xff", 1);
    assert_int_equal(op->otherwise_count, 1);
    assert_true(parse("{\"op\":\"txn\",\"guards\":[[\"exists\",\"a\"]]}"));
    static const char *const refused[][2] = {
        {"", "\"ops\" or"},
        {",\"ops\":[]", "\"ops\" or"},
        {",\"ops\":{}", "an array"},
        {",\"ops\":[7]", "\"ops\"[0] must be"},
        {",\"ops\":[[]]", "\"ops\"[0] must be"},
        {",\"ops\":[[7,\"a\"]]", "\"ops\"[0] must be"},
        {",\"ops\":[[\"get\",\"a\"],[\"frob\",\"a\"]]", "\"ops\"[1]: there is no step"},
        {",\"ops\":[[\"eq\",\"a\",\"1\"]]", "no step \"eq\""},
        {",\"guards\":[[\"get\",\"a\"]]", "no guard \"get\""},
        {",\"ops\":[[\"get\"]]", "usage: get KEY"},
        {",\"ops\":[[\"get\",\"a\",\"b\"]]", "usage: get KEY"},
        {",\"ops\":[[\"cas\",\"a\",\"b\"]]", "usage: cas KEY EXPECT VALUE"},
        {",\"ops\":[[\"get\",7]]", "\"ops\"[0]: keys and values"},
        {",\"ops\":[[\"put\",\"a\",[]]]", "keys and values"},
        {",\"ops\":[[\"incr\",\"a\",1.5]]", "64-bit integer"},
        {",\"ops\":[[\"incr\",\"a\",\"x\"]]", "64-bit integer"},
        {",\"guards\":[[\"at-least\",\"a\"]]", "usage: at-least KEY N"},
        {",\"ops\":[[\"get\",\"a\"]],\"else\":[[\"get\",\"a\"]]", "without \"guards\""},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char line[256];
        snprintf(line, sizeof(line), "{\"op\":\"txn\"%s}", refused[i][0]);
        assert_refused(line, refused[i][1]);
    }
    struct kv_buffer many = {0};
    static const char head[] = "{\"op\":\"txn\",\"ops\":[[\"get\",\"a\"]";
    kv_buffer_append(&many, head, strlen(head));
    for (int i = 0; i < KV_TXN_STEPS_MAX; i++) {
        kv_buffer_append(&many, ",[\"get\",\"a\"]", 12);
    }
    kv_buffer_append(&many, "]}", 3);
    assert_refused((const char *)many.data, "more than 1024");
    kv_buffer_close(&many);
}

static void incr_is_exact_to_64_bits_and_adds_one_by_default(void **state)
{
    (void)state;
    assert_true(parse("{\"op\":\"incr\",\"key\":\"n\"}"));
    assert_true(operation.op.number == 1);
    assert_true(parse("{\"op\":\"incr\",\"key\":\"n\",\"by\":-9223372036854775808}"));
    assert_true(operation.op.number == INT64_MIN);
    assert_true(parse("{\"op\":\"incr\",\"key\":\"n\",\"by\":\"9223372036854775807\"}"));
    assert_true(operation.op.number == INT64_MAX);
    assert_refused("{\"op\":\"incr\",\"key\":\"n\",\"by\":1.0}", "by");
    assert_refused("{\"op\":\"incr\",\"key\":\"n\",\"by\":null}", "by");
    assert_refused("{\"op\":\"incr\",\"key\":\"n\",\"by\":9223372036854775808}", "JSON");
}

static void binary_keys_and_values_come_as_hex_objects(void **state)
{
    (void)state;
    assert_true(parse("{\"op\":\"put\",\"key\":{\"hex\":\"ff00\"},\"value\":{\"hex\":\"\"}}"));
    assert_bytes(operation.op.key, "\xff\x00", 2);
    assert_int_equal(operation.op.value.size, 0);
    assert_true(parse("{\"op\":\"get\",\"key\":\"a\\u0000b\"}"));
    assert_bytes(operation.op.key, "a\0b", 3);
    assert_refused("{\"op\":\"get\",\"key\":{\"hex\":\"f\"}}", "two digits");
    assert_refused("{\"op\":\"get\",\"key\":{\"hex\":\"xx\"}}", "hex");
    assert_refused("{\"op\":\"get\",\"key\":{\"hex\":\"00\",\"a\":1}}", "string or");
    assert_refused("{\"op\":\"get\",\"key\":{\"hex\":7}}", "string or");
}

static void reads_and_deadlines_have_their_options(void **state)
{
    (void)state;
    assert_true(parse("{\"op\":\"get\",\"key\":\"a\",\"stale\":true,\"timeout_ms\":250}"));
    assert_true(operation.op.stale_ok);
    assert_int_equal(operation.timeout_ms, 250);
    assert_refused("{\"op\":\"get\",\"key\":\"a\",\"stale\":1}", "stale");
    assert_refused("{\"op\":\"get\",\"key\":\"a\",\"timeout_ms\":0}", "timeout_ms");
    assert_true(parse("{\"op\":\"get\",\"key\":\"a\",\"comment\":\"passed over\"}"));
}

static void what_is_not_a_request_is_refused_with_the_reason(void **state)
{
    (void)state;
    assert_refused("", "JSON");
    assert_refused("{", "JSON");
    assert_refused("nonsense", "JSON");
    assert_refused("{\"op\":\"get\",\"key\":\"a\"} x", "JSON");
    assert_refused("{\"op\":\"get\",\"key\":\"\xff\"}", "JSON");
    assert_refused("{\"op\":\"get\",\"key\":\"\\ud800\"}", "JSON");
    assert_refused("{\"op\":\"get\",\"op\":\"put\",\"key\":\"a\"}", "JSON");
    assert_refused("[]", "object");
    assert_refused("7", "JSON");
    assert_refused("{}", "\"op\"");
    assert_refused("{\"op\":7}", "\"op\"");
    assert_refused("{\"op\":\"frob\"}", "frob");
    assert_refused("{\"op\":\"get\"}", "\"key\"");
    assert_refused("{\"op\":\"get\",\"key\":7}", "\"key\"");
    assert_refused("{\"op\":\"put\",\"key\":\"a\"}", "\"value\"");
    assert_refused("{\"op\":\"put\",\"key\":\"a\",\"value\":1}", "\"value\"");
    assert_refused("{\"op\":\"cas\",\"key\":\"a\",\"value\":\"1\"}", "\"expect\"");
    assert_refused("{\"op\":\"cas\",\"key\":\"a\",\"expect\":null,\"value\":\"1\"}", "\"expect\"");
    assert_refused("{\"op\":\"mget\"}", "keys");
    assert_refused("{\"op\":\"mget\",\"keys\":[]}", "keys");
    assert_refused("{\"op\":\"mget\",\"keys\":{\"a\":1}}", "keys");
    assert_refused("{\"op\":\"mget\",\"keys\":[1]}", "keys");
    assert_refused("{\"op\":\"mput\",\"pairs\":{}}", "pairs");
    assert_refused("{\"op\":\"mput\",\"pairs\":[[\"a\"]]}", "pairs");
    assert_refused("{\"op\":\"mput\",\"pairs\":[\"ab\"]}", "pairs");
    assert_refused("{\"op\":\"mput\",\"pairs\":[[\"a\",1]]}", "pairs");
    assert_refused("{\"op\":\"scan\",\"limit\":0}", "limit");
    assert_refused("{\"op\":\"scan\",\"from\":7}", "from");
}

static void the_id_of_a_refused_request_is_kept_where_it_can_be_read(void **state)
{
    (void)state;
    assert_false(parse("{\"id\":{\"a\":[1,\"x\"]},\"op\":\"frob\"}"));
    char *text = json_dumps(operation.id, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":[1,\"x\"]}");
    kv_free(text);
    assert_false(parse("{\"id\":1,"));
    assert_true(json_is_null(operation.id));
}

static void deep_nesting_and_too_many_keys_are_refused_before_they_cost(void **state)
{
    (void)state;
    enum { BRACKETS = 1000000 };
    char *line = kv_alloc(BRACKETS + 1);
    memset(line, '[', BRACKETS);
    line[BRACKETS] = '\0';
    assert_refused(line, "brackets");
    kv_free(line);
    assert_true(parse("{\"op\":\"get\",\"key\":\"[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[\"}"));
    struct kv_buffer many = {0};
    static const char head[] = "{\"op\":\"mget\",\"keys\":[\"a\"";
    kv_buffer_append(&many, head, strlen(head));
    for (int i = 0; i < KV_COMMAND_KEYS_MAX; i++) {
        kv_buffer_append(&many, ",\"a\"", 4);
    }
    kv_buffer_append(&many, "]}", 3);
    assert_refused((const char *)many.data, "keys");
    kv_buffer_close(&many);
}

/* Takes valid lines and breaks them at random: nothing but a verdict may come of it (the
 * sanitizers watch). */
static void random_damage_never_does_harm(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"id\":1,\"op\":\"cas\",\"key\":\"a\",\"expect\":{\"hex\":\"00ff\"},\"value\":\"2\"}",
        "{\"id\":[1],\"op\":\"mput\",\"pairs\":[[\"a\",\"1\"],[{\"hex\":\"ff\"},\"2\"]]}",
        "{\"op\":\"mput\",\"pairs\":{\"a\":\"1\",\"b\":{\"hex\":\"00\"}},\"stale\":false}",
        "{\"op\":\"scan\",\"from\":\"a\",\"to\":{\"hex\":\"ff\"},\"limit\":10}",
        "{\"op\":\"incr\",\"key\":\"n\",\"by\":\"-7\",\"timeout_ms\":9}",
        "{\"op\":\"txn\",\"guards\":[[\"eq\",\"a\",\"1\"]],\"ops\":[[\"incr\",\"b\",-5],[\"get\","
        "\"c\"]]}",
        "{\"op\":\"txn\",\"ops\":[[\"cas\",\"a\",\"1\",{\"hex\":\"00\"}]],\"policy\":\"move\","
        "\"on\":2}",
        "{\"op\":\"move\",\"keys\":[\"a\",\"b\"],\"to\":2}",
        "{\"op\":\"create\",\"key\":\"a\",\"on\":\"least-loaded\"}",
    };
    static const char marks[] = "{}[]\",:\\0123456789-abfhx \xff";
    struct kv_prng prng;
    kv_prng_init(&prng, 11);
    for (int round = 0; round < 20000; round++) {
        char line[128];
        snprintf(line, sizeof(line), "%s",
                 seeds[kv_prng_below(&prng, sizeof(seeds) / sizeof(seeds[0]))]);
        const size_t size = strlen(line);
        for (uint64_t damage = kv_prng_between(&prng, 1, 3); damage > 0; damage--) {
            line[kv_prng_below(&prng, size)] = marks[kv_prng_below(&prng, sizeof(marks) - 1)];
        }
        parse(line);
    }
}

static void the_end_of_a_prefix_is_its_successor(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *end;
    } cases[] = {{"a", "b"}, {"user:", "user;"}, {"a\xff", "b"}, {"\xff\xff", ""}, {"", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kv_buffer end = {0};
        kvctl_prefix_end(kv_bytes_of(cases[i].prefix, strlen(cases[i].prefix)), &end);
        assert_int_equal(end.size, strlen(cases[i].end));
        if (end.size > 0) {
            assert_memory_equal(end.data, cases[i].end, end.size);
        }
        kv_buffer_close(&end);
    }
}

static void an_unanswered_write_is_in_doubt_and_an_unanswered_read_is_not(void **state)
{
    (void)state;
    assert_string_equal(kvctl_outcome(KV_OP_PUT, KV_IN_DOUBT), "in_doubt");
    assert_string_equal(kvctl_outcome(KV_OP_PUT, KV_PROTOCOL), "in_doubt");
    assert_string_equal(kvctl_outcome(KV_OP_PUT, KV_UNAVAILABLE), "failed");
    assert_string_equal(kvctl_outcome(KV_OP_GET, KV_IN_DOUBT), "failed");
    assert_int_equal(kvctl_exit_of(KV_IN_DOUBT, true), 6);
    assert_int_equal(kvctl_exit_of(KV_IN_DOUBT, false), 5);
}

int main(void)
{
    json_set_alloc_funcs(kv_alloc, kv_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_read_with_its_fields),
        cmocka_unit_test(placement_is_read_with_its_fields),
        cmocka_unit_test(a_transaction_is_read_with_its_guards_and_branches),
        cmocka_unit_test(incr_is_exact_to_64_bits_and_adds_one_by_default),
        cmocka_unit_test(binary_keys_and_values_come_as_hex_objects),
        cmocka_unit_test(reads_and_deadlines_have_their_options),
        cmocka_unit_test(what_is_not_a_request_is_refused_with_the_reason),
        cmocka_unit_test(the_id_of_a_refused_request_is_kept_where_it_can_be_read),
        cmocka_unit_test(deep_nesting_and_too_many_keys_are_refused_before_they_cost),
        cmocka_unit_test(random_damage_never_does_harm),
        cmocka_unit_test(the_end_of_a_prefix_is_its_successor),
        cmocka_unit_test(an_unanswered_write_is_in_doubt_and_an_unanswered_read_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, close_operation);
}
