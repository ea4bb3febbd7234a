/* SPDX-License-Identifier: Apache-2.0 */
/* What each operation of the KV machine does and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/kv/script.h"

#define VERDICT(name) WIRE_VERDICT_##name

static int setup(void **state)
{
    *state = script_new(1, 1);
    return 0;
}

static int teardown(void **state)
{
    struct script *script = *state;
    script_destroy(&script);
    return 0;
}

static uint8_t large[KV_VALUE_BYTES_MAX];

/* The key has this value; NULL: it is absent. */
static void assert_value(struct script *script, const char *key, const char *value)
{
    script_command(script, WIRE_OP_GET);
    script_key(script, kv_slice_of_text(key));
    if (value == NULL) {
        assert_int_equal(script_read(script), VERDICT(NOT_FOUND));
        assert_int_equal(script->answer.row_count, 0);
        return;
    }
    assert_int_equal(script_read(script), VERDICT(OK));
    assert_int_equal(script->answer.row_count, 1);
    assert_true(script->answer.rows[0].present);
    assert_true(kv_slice_equal(script->answer.rows[0].value, kv_slice_of_text(value)));
}

static void assert_row(const struct script *script, uint32_t row, const char *value)
{
    assert_true(row < script->answer.row_count);
    assert_true(script->answer.rows[row].present);
    assert_true(kv_slice_equal(script->answer.rows[row].value, kv_slice_of_text(value)));
}

/* 1024 copies of a value of 1 MiB would be a gigabyte. */
static void a_transaction_that_would_take_much_memory_is_too_large(void **state)
{
    struct script *script = *state;
    script_command(script, WIRE_OP_PUT);
    script_key(script, kv_slice_of_text("k"));
    script_value(script, kv_slice_of(large, sizeof large - 2 * KV_TXN_STEPS_MAX));
    assert_int_equal(script_execute(script), VERDICT(OK));
    for (uint32_t steps = 20; steps <= KV_TXN_STEPS_MAX; steps = KV_TXN_STEPS_MAX) {
        script_command(script, WIRE_OP_TXN);
        script_key(script, kv_slice_of_text("k"));
        for (uint32_t i = 0; i < steps; i++) {
            script->command.steps[i] =
                (struct wire_step){.kind = WIRE_STEP_APPEND, .value = kv_slice_of_text("x")};
        }
        script->command.branch_count[WIRE_BRANCH_THEN] = steps;
        wire_command_mark_uses(&script->command);
        assert_int_equal(script_execute(script), steps == 20 ? VERDICT(OK) : VERDICT(TOO_LARGE));
        if (steps == KV_TXN_STEPS_MAX) {
            break;
        }
    }
    script_command(script, WIRE_OP_GET);
    script_key(script, kv_slice_of_text("k"));
    assert_int_equal(script_read(script), VERDICT(OK));
    assert_int_equal(script->answer.rows[0].value.size, sizeof large - 2 * KV_TXN_STEPS_MAX + 20);
}

static void put_sets_and_replaces(void **state)
{
    struct script *script = *state;
    assert_value(script, "k", NULL);
    assert_int_equal(script_run(script, WIRE_OP_PUT, "k", "one", NULL), VERDICT(OK));
    assert_int_equal(script->answer.row_count, 0);
    assert_value(script, "k", "one");
    script_run(script, WIRE_OP_PUT, "k", "", NULL);
    assert_value(script, "k", "");
    assert_int_equal(script->machine.ops->keys(script->machine.state), 1);
}

static void put_if_absent_does_not_replace_and_shows_what_is_there(void **state)
{
    struct script *script = *state;
    assert_int_equal(script_run(script, WIRE_OP_PUT_IF_ABSENT, "k", "one", NULL), VERDICT(OK));
    assert_int_equal(script_run(script, WIRE_OP_PUT_IF_ABSENT, "k", "two", NULL), VERDICT(EXISTS));
    assert_row(script, 0, "one");
    assert_value(script, "k", "one");
}

static void delete_removes_what_is_there(void **state)
{
    struct script *script = *state;
    assert_int_equal(script_run(script, WIRE_OP_DELETE, "k", NULL, NULL), VERDICT(NOT_FOUND));
    script_run(script, WIRE_OP_PUT, "k", "one", NULL);
    assert_int_equal(script_run(script, WIRE_OP_DELETE, "k", NULL, NULL), VERDICT(OK));
    assert_value(script, "k", NULL);
    assert_int_equal(script_digest(script), 0);
}

static void cas_replaces_only_the_expected_value(void **state)
{
    struct script *script = *state;
    assert_int_equal(script_run(script, WIRE_OP_CAS, "k", "one", "two"), VERDICT(NOT_FOUND));
    assert_value(script, "k", NULL);
    script_run(script, WIRE_OP_PUT, "k", "one", NULL);
    assert_int_equal(script_run(script, WIRE_OP_CAS, "k", "on", "two"), VERDICT(MISMATCH));
    assert_row(script, 0, "one");
    assert_value(script, "k", "one");
    assert_int_equal(script_run(script, WIRE_OP_CAS, "k", "one", "two"), VERDICT(OK));
    assert_int_equal(script->answer.row_count, 0);
    assert_value(script, "k", "two");
}

static void a_no_carries_the_present_value_only_if_it_is_small(void **state)
{
    struct script *script = *state;
    for (size_t size = KV_ANSWER_VALUE_BYTES_MAX; size <= KV_ANSWER_VALUE_BYTES_MAX + 1; size++) {
        const uint32_t rows = size == KV_ANSWER_VALUE_BYTES_MAX ? 1 : 0;
        script_command(script, WIRE_OP_PUT);
        script_key(script, kv_slice_of_text("k"));
        script_value(script, kv_slice_of(large, size));
        assert_int_equal(script_execute(script), VERDICT(OK));
        script_run(script, WIRE_OP_PUT_IF_ABSENT, "k", "x", NULL);
        assert_int_equal(script->answer.verdict, VERDICT(EXISTS));
        assert_int_equal(script->answer.row_count, rows);
        script_run(script, WIRE_OP_CAS, "k", "x", "y");
        assert_int_equal(script->answer.verdict, VERDICT(MISMATCH));
        assert_int_equal(script->answer.row_count, rows);
    }
}

static void incr_counts_from_nothing_and_in_both_directions(void **state)
{
    struct script *script = *state;
    assert_int_equal(script_incr(script, "n", 5), VERDICT(OK));
    assert_int_equal(script->answer.number, 5);
    assert_int_equal(script_incr(script, "n", -12), VERDICT(OK));
    assert_int_equal(script->answer.number, -7);
    assert_value(script, "n", "-7");
    script_run(script, WIRE_OP_PUT, "n", "100", NULL);
    script_incr(script, "n", 0);
    assert_int_equal(script->answer.number, 100);
}

static void incr_refuses_what_is_no_number_or_would_be_none(void **state)
{
    struct script *script = *state;
    script_run(script, WIRE_OP_PUT, "n", "seven", NULL);
    assert_int_equal(script_incr(script, "n", 1), VERDICT(NOT_A_NUMBER));
    assert_value(script, "n", "seven");
    script_run(script, WIRE_OP_PUT, "n", "9223372036854775807", NULL);
    const uint64_t digest = script_digest(script);
    assert_int_equal(script_incr(script, "n", 1), VERDICT(OVERFLOW));
    assert_int_equal(script_digest(script), digest);
    assert_int_equal(script_incr(script, "n", INT64_MIN), VERDICT(OK));
    assert_value(script, "n", "-1");
    assert_int_equal(script_incr(script, "n", INT64_MIN), VERDICT(OVERFLOW));
    assert_value(script, "n", "-1");
}

static void append_grows_a_value_up_to_the_limit(void **state)
{
    struct script *script = *state;
    assert_int_equal(script_run(script, WIRE_OP_APPEND, "k", "ab", NULL), VERDICT(OK));
    script_run(script, WIRE_OP_APPEND, "k", "c", NULL);
    assert_value(script, "k", "abc");
    for (uint32_t less = 2; less <= 3; less++) {
        script_command(script, WIRE_OP_APPEND);
        script_key(script, kv_slice_of_text("k"));
        script_value(script, kv_slice_of(large, KV_VALUE_BYTES_MAX - less));
        assert_int_equal(script_execute(script), less == 2 ? VERDICT(TOO_LARGE) : VERDICT(OK));
        assert_int_equal(script->answer.row_count, 0);
        if (less == 2) {
            assert_value(script, "k", "abc");
        }
    }
    assert_int_equal(script_run(script, WIRE_OP_APPEND, "k", "x", NULL), VERDICT(TOO_LARGE));
    assert_int_equal(script_run(script, WIRE_OP_APPEND, "k", "", NULL), VERDICT(OK));
}

static void mput_sets_all_and_of_a_repeated_key_the_last(void **state)
{
    struct script *script = *state;
    static const char *const rows[][2] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    script_command(script, WIRE_OP_MPUT);
    for (uint32_t i = 0; i < 3; i++) {
        script_key(script, kv_slice_of_text(rows[i][0]));
        script_value(script, kv_slice_of_text(rows[i][1]));
    }
    assert_int_equal(script_execute(script), VERDICT(OK));
    assert_int_equal(script->machine.ops->keys(script->machine.state), 2);
    assert_value(script, "a", "3");
    assert_value(script, "b", "2");
}

static void mget_gives_one_row_for_each_key(void **state)
{
    struct script *script = *state;
    script_run(script, WIRE_OP_PUT, "a", "1", NULL);
    script_run(script, WIRE_OP_PUT, "c", "", NULL);
    script_command(script, WIRE_OP_MGET);
    static const char *const keys[] = {"c", "b", "a", "a"};
    for (uint32_t i = 0; i < 4; i++) {
        script_key(script, kv_slice_of_text(keys[i]));
    }
    assert_int_equal(script_read(script), VERDICT(OK));
    assert_int_equal(script->answer.row_count, 4);
    assert_row(script, 0, "");
    assert_false(script->answer.rows[1].present);
    assert_int_equal(script->answer.rows[1].value.size, 0);
    assert_row(script, 2, "1");
    assert_row(script, 3, "1");
    assert_int_equal(script->answer.rows[0].key.size, 0);
}

static void mget_of_more_than_a_body_holds_is_too_large(void **state)
{
    struct script *script = *state;
    struct kv_buffer encoded = {0};
    size_t fits = 0;
    for (size_t size = KV_VALUE_BYTES_MAX - 64; size <= KV_VALUE_BYTES_MAX; size++) {
        script_command(script, WIRE_OP_PUT);
        script_key(script, kv_slice_of_text("k"));
        script_value(script, kv_slice_of(large, size));
        script_execute(script);
        script_command(script, WIRE_OP_MGET);
        for (uint32_t i = 0; i < KV_BODY_BYTES_MAX / KV_VALUE_BYTES_MAX; i++) {
            script_key(script, kv_slice_of_text("k"));
        }
        script_read(script);
        fits += script->answer.verdict == VERDICT(OK);
        assert_true(script->answer.verdict == VERDICT(OK) ||
                    script->answer.verdict == VERDICT(TOO_LARGE));
        kv_buffer_clear(&encoded);
        wire_answer_encode(&script->answer, &encoded);
        assert_true(encoded.size <= KV_BODY_BYTES_MAX);
    }
    assert_in_range(fits, 1, 64);
    assert_int_equal(script->answer.verdict, VERDICT(TOO_LARGE));
    assert_int_equal(script->answer.row_count, 0);
    kv_buffer_close(&encoded);
}

static void the_largest_mget_of_small_values_fits_a_body(void **state)
{
    struct script *script = *state;
    struct kv_buffer encoded = {0};
    script_command(script, WIRE_OP_PUT);
    script_key(script, kv_slice_of_text("k"));
    script_value(script, kv_slice_of(large, KV_BODY_BYTES_MAX / KV_COMMAND_KEYS_MAX - 17));
    script_execute(script);
    script_command(script, WIRE_OP_MGET);
    for (uint32_t i = 0; i < KV_COMMAND_KEYS_MAX; i++) {
        script_key(script, kv_slice_of_text("k"));
    }
    assert_int_equal(script_read(script), VERDICT(OK));
    wire_answer_encode(&script->answer, &encoded);
    assert_true(encoded.size <= KV_BODY_BYTES_MAX);
    kv_buffer_close(&encoded);
}

static enum wire_verdict scan(struct script *script, const char *from, const char *to,
                              uint32_t limit)
{
    script_command(script, WIRE_OP_SCAN);
    script_key(script, kv_slice_of_text(from));
    script_key(script, kv_slice_of_text(to));
    script->command.limit = limit;
    return script_read(script);
}

/* The rows are the letters of `letters`, one key each. */
static void assert_scanned(const struct script *script, const char *letters, bool more)
{
    assert_int_equal(script->answer.row_count, strlen(letters));
    for (uint32_t i = 0; i < script->answer.row_count; i++) {
        assert_int_equal(script->answer.rows[i].key.size, 1);
        assert_int_equal(script->answer.rows[i].key.data[0], letters[i]);
        assert_true(script->answer.rows[i].present);
    }
    assert_int_equal(script->answer.more, more);
}

static void scan_gives_the_rows_of_a_range_in_order(void **state)
{
    struct script *script = *state;
    static const char *const keys[] = {"d", "b", "a", "e", "c"};
    for (uint32_t i = 0; i < 5; i++) {
        script_run(script, WIRE_OP_PUT, keys[i], "v", NULL);
    }
    assert_int_equal(scan(script, "", "", 10), VERDICT(OK));
    assert_scanned(script, "abcde", false);
    scan(script, "b", "d", 10);
    assert_scanned(script, "bc", false);
    scan(script, "aa", "dd", 10);
    assert_scanned(script, "bcd", false);
    scan(script, "d", "b", 10);
    assert_scanned(script, "", false);
    scan(script, "c", "c", 10);
    assert_scanned(script, "", false);
    scan(script, "f", "", 10);
    assert_scanned(script, "", false);
}

static void scan_says_whether_there_is_more(void **state)
{
    struct script *script = *state;
    static const char *const keys[] = {"a", "b", "c"};
    for (uint32_t i = 0; i < 3; i++) {
        script_run(script, WIRE_OP_PUT, keys[i], "v", NULL);
    }
    scan(script, "", "", 2);
    assert_scanned(script, "ab", true);
    scan(script, "", "", 3);
    assert_scanned(script, "abc", false);
    scan(script, "", "c", 2);
    assert_scanned(script, "ab", false);
}

static void a_page_of_a_scan_is_bounded_in_bytes_but_never_empty(void **state)
{
    struct script *script = *state;
    struct kv_buffer encoded = {0};
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const size_t sizes[] = {KV_SCAN_BYTES_MAX / 2, KV_SCAN_BYTES_MAX / 2 - 2, 1,
                                   KV_VALUE_BYTES_MAX};
    for (uint32_t i = 0; i < 4; i++) {
        script_command(script, WIRE_OP_PUT);
        script_key(script, kv_slice_of_text(keys[i]));
        script_value(script, kv_slice_of(large, sizes[i]));
        script_execute(script);
    }
    scan(script, "", "", KV_SCAN_ROWS_MAX);
    assert_scanned(script, "ab", true); /* exactly full, keys counted */
    scan(script, "c", "", KV_SCAN_ROWS_MAX);
    assert_scanned(script, "c", true);
    scan(script, "d", "", KV_SCAN_ROWS_MAX);
    assert_scanned(script, "d", false);
    wire_answer_encode(&script->answer, &encoded);
    assert_true(encoded.size <= KV_BODY_BYTES_MAX);
    kv_buffer_close(&encoded);
}

static void a_scan_has_at_most_the_rows_of_a_page(void **state)
{
    struct script *script = *state;
    char key[16];
    for (uint32_t i = 0; i <= KV_SCAN_ROWS_MAX; i++) {
        snprintf(key, sizeof(key), "%05u", (unsigned)i);
        script_run(script, WIRE_OP_PUT, key, "v", NULL);
    }
    scan(script, "", "", KV_SCAN_ROWS_MAX);
    assert_int_equal(script->answer.row_count, KV_SCAN_ROWS_MAX);
    assert_true(script->answer.more);
}

/* A key whose home of `partitions` is `group`. */
static const char *key_of_group(uint16_t group, uint32_t partitions, char *key, size_t size)
{
    for (uint32_t i = 0;; i++) {
        snprintf(key, size, "key%u", (unsigned)i);
        if (wire_home_of(kv_slice_of_text(key), partitions).value == group) {
            return key;
        }
    }
}

static void a_key_of_another_partition_is_stale_with_its_home_as_hint(void **state)
{
    (void)state;
    struct script *script = script_new(2, 3);
    char own[16];
    char foreign[16];
    key_of_group(2, 3, own, sizeof(own));
    key_of_group(3, 3, foreign, sizeof(foreign));
    static const struct {
        enum wire_op op;
        const char *value, *second;
    } rows[] = {{WIRE_OP_GET, NULL, NULL},  {WIRE_OP_PUT, "1", NULL},
                {WIRE_OP_CAS, "1", "2"},    {WIRE_OP_PUT_IF_ABSENT, "1", NULL},
                {WIRE_OP_INCR, NULL, NULL}, {WIRE_OP_APPEND, "1", NULL},
                {WIRE_OP_MGET, NULL, NULL}, {WIRE_OP_MPUT, "1", NULL}};
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(script_run(script, rows[i].op, foreign, rows[i].value, rows[i].second),
                         VERDICT(STALE));
        assert_int_equal(script->answer.place_count, 1);
        assert_int_equal(script->answer.places[0].group.value, 3);
        assert_int_equal(script->answer.places[0].version.clock.value, 0);
        assert_int_equal(script->answer.row_count, 0);
    }
    /* Its home and the oracle would have to know: the message has to go to them, too. */
    assert_int_equal(script_run(script, WIRE_OP_DELETE, foreign, NULL, NULL), VERDICT(UNSUPPORTED));
    assert_int_equal(script->machine.ops->keys(script->machine.state), 0);
    assert_int_equal(script_run(script, WIRE_OP_PUT, own, "1", NULL), VERDICT(OK));
    assert_int_equal(script->answer.place_count, 0);
    script_destroy(&script);
}

static void one_foreign_key_makes_the_whole_command_stale(void **state)
{
    (void)state;
    struct script *script = script_new(2, 3);
    char own[16];
    char foreign[16];
    key_of_group(2, 3, own, sizeof(own));
    key_of_group(1, 3, foreign, sizeof(foreign));
    script_command(script, WIRE_OP_MPUT);
    script_key(script, kv_slice_of_text(own));
    script_key(script, kv_slice_of_text(foreign));
    script_value(script, kv_slice_of_text("1"));
    script_value(script, kv_slice_of_text("2"));
    assert_int_equal(script_execute(script), VERDICT(STALE));
    assert_int_equal(script->answer.place_count, 1);
    assert_int_equal(script->answer.places[0].key, 1);
    assert_int_equal(script->answer.places[0].group.value, 1);
    assert_int_equal(script->machine.ops->keys(script->machine.state), 0);
    script->command.op = WIRE_OP_MGET;
    script->command.value_count = 0;
    assert_int_equal(script_read(script), VERDICT(STALE));
    script_destroy(&script);
}

static void a_scan_is_never_stale(void **state)
{
    (void)state;
    struct script *script = script_new(2, 3);
    char own[16];
    char foreign[16];
    script_run(script, WIRE_OP_PUT, key_of_group(2, 3, own, sizeof(own)), "1", NULL);
    assert_int_equal(scan(script, key_of_group(1, 3, foreign, sizeof(foreign)), "", 5),
                     VERDICT(OK));
    assert_int_equal(scan(script, "", "", 5), VERDICT(OK));
    assert_int_equal(script->answer.row_count, 1);
    script_destroy(&script);
}

static void what_is_not_of_this_machine_is_unsupported(void **state)
{
    struct script *script = *state;
    static const enum wire_op ops[] = {WIRE_OP_SESSION_OPEN, WIRE_OP_SESSION_CLOSE, WIRE_OP_MAP};
    for (uint32_t i = 0; i < 3; i++) {
        script_command(script, ops[i]);
        assert_int_equal(script_execute(script), VERDICT(UNSUPPORTED));
        assert_int_equal(script_read(script), VERDICT(UNSUPPORTED));
    }
    script_command(script, WIRE_OP_PUT);
    script_key(script, kv_slice_of_text("k"));
    script_value(script, kv_slice_of_text("v"));
    assert_int_equal(script_read(script), VERDICT(UNSUPPORTED));
    assert_int_equal(script_digest(script), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_transaction_that_would_take_much_memory_is_too_large),
        TEST(put_sets_and_replaces),
        TEST(put_if_absent_does_not_replace_and_shows_what_is_there),
        TEST(delete_removes_what_is_there),
        TEST(cas_replaces_only_the_expected_value),
        TEST(a_no_carries_the_present_value_only_if_it_is_small),
        TEST(incr_counts_from_nothing_and_in_both_directions),
        TEST(incr_refuses_what_is_no_number_or_would_be_none),
        TEST(append_grows_a_value_up_to_the_limit),
        TEST(mput_sets_all_and_of_a_repeated_key_the_last),
        TEST(mget_gives_one_row_for_each_key),
        TEST(mget_of_more_than_a_body_holds_is_too_large),
        TEST(the_largest_mget_of_small_values_fits_a_body),
        TEST(scan_gives_the_rows_of_a_range_in_order),
        TEST(scan_says_whether_there_is_more),
        TEST(a_page_of_a_scan_is_bounded_in_bytes_but_never_empty),
        TEST(a_scan_has_at_most_the_rows_of_a_page),
        TEST(a_key_of_another_partition_is_stale_with_its_home_as_hint),
        TEST(one_foreign_key_makes_the_whole_command_stale),
        TEST(a_scan_is_never_stale),
        TEST(what_is_not_of_this_machine_is_unsupported),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
