/* SPDX-License-Identifier: Apache-2.0 */
/* base: buffers keep what was appended, orders are total, the generator is the published one, traces are bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/prng.h"
#include "multicast/base/status.h"
#include "multicast/base/trace.h"

static void a_buffer_holds_exactly_what_was_appended(void **state)
{
    (void)state;
    struct kv_buffer buffer = {0};
    for (size_t i = 0; i < 10000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        kv_buffer_append(&buffer, &byte, 1);
    }
    assert_int_equal(buffer.size, 10000);
    for (size_t i = 0; i < buffer.size; i++) {
        assert_int_equal(buffer.data[i], (uint8_t)(i * 7));
    }
    kv_buffer_close(&buffer);
    assert_null(buffer.data);
}

static void slices_are_ordered_as_unsigned_bytes_with_a_prefix_first(void **state)
{
    (void)state;
    kv_slice a = kv_slice_of("a", 1), ab = kv_slice_of("ab", 2), high = kv_slice_of("\xff", 1);
    kv_slice empty = kv_slice_of(NULL, 0);
    assert_true(kv_slice_compare(a, ab) < 0);
    assert_true(kv_slice_compare(ab, high) < 0);
    assert_true(kv_slice_compare(high, a) > 0);
    assert_true(kv_slice_compare(empty, a) < 0);
    assert_int_equal(kv_slice_compare(empty, empty), 0);
    assert_true(kv_slice_equal(ab, kv_slice_of_text("ab")));
    assert_false(kv_slice_equal(a, ab));
}

static void timestamps_are_ordered_by_clock_then_by_group(void **state)
{
    (void)state;
    kv_timestamp low = {{5}, {9}}, high = {{6}, {1}}, tie = {{6}, {2}};
    assert_true(kv_timestamp_compare(low, high) < 0);
    assert_true(kv_timestamp_compare(high, tie) < 0);
    assert_int_equal(kv_timestamp_compare(tie, tie), 0);
}

static void instants_saturate_instead_of_wrapping(void **state)
{
    (void)state;
    assert_int_equal(kv_instant_add((kv_instant){UINT64_MAX - 1}, 5).us, UINT64_MAX);
    assert_false(kv_instant_reached(KV_INSTANT_NEVER, (kv_instant){UINT64_MAX - 1}));
}

/* First outputs of xoshiro256** for the state 1, 2, 3, 4, from the authors' reference implementation. */
static void the_generator_is_xoshiro256_starstar(void **state)
{
    (void)state;
    struct kv_prng prng = {{1, 2, 3, 4}};
    assert_int_equal(kv_prng_next(&prng), 11520);
    assert_int_equal(kv_prng_next(&prng), 0);
    assert_int_equal(kv_prng_next(&prng), 1509978240);
    assert_int_equal(kv_prng_next(&prng), UINT64_C(1215971899390074240));
}

static void draws_stay_inside_of_their_bounds_and_reach_both_ends(void **state)
{
    (void)state;
    struct kv_prng prng;
    kv_prng_init(&prng, 0);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = kv_prng_between(&prng, 3, 7);
        assert_in_range(value, 3, 7);
        seen |= 1u << value;
        double unit = kv_prng_unit(&prng);
        assert_true(unit >= 0 && unit < 1);
    }
    assert_int_equal(seen, 0xf8);
}

static void a_trace_is_bounded_and_keeps_its_newest_lines(void **state)
{
    (void)state;
    struct trace trace = {.level = TRACE_DECISION};
    for (int i = 0; i < 20000; i++) {
        TRACE_LINE(&trace, TRACE_DECISION, "[p]", "line %d of many", i);
        TRACE_LINE(&trace, TRACE_DETAIL, "[p]", "never seen %d", i);
    }
    assert_true(trace.text.size <= TRACE_BYTES_MAX);
    kv_buffer_append(&trace.text, "", 1);
    const char *text = (const char *)trace.text.data;
    assert_non_null(strstr(text, "line 19999 of many\n"));
    assert_null(strstr(text, "line 0 of many\n"));
    assert_null(strstr(text, "never seen"));
    assert_memory_equal(text, "[p] ", 4);
    trace_close(&trace);
}

static void every_status_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(status_name(STATUS_NO_SPACE), "NO_SPACE");
    assert_string_equal(status_text(STATUS_OK), "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_holds_exactly_what_was_appended),
        cmocka_unit_test(slices_are_ordered_as_unsigned_bytes_with_a_prefix_first),
        cmocka_unit_test(timestamps_are_ordered_by_clock_then_by_group),
        cmocka_unit_test(instants_saturate_instead_of_wrapping),
        cmocka_unit_test(the_generator_is_xoshiro256_starstar),
        cmocka_unit_test(draws_stay_inside_of_their_bounds_and_reach_both_ends),
        cmocka_unit_test(a_trace_is_bounded_and_keeps_its_newest_lines),
        cmocka_unit_test(every_status_has_a_name_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
