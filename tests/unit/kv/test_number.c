/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal text of counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "partition/kv/kv_internal.h"

static void every_number_has_one_text_that_printf_agrees_with(void **state)
{
    (void)state;
    struct kv_prng prng;
    kv_prng_init(&prng, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        const uint64_t bits = kv_prng_next(&prng) >> kv_prng_below(&prng, 64);
        int64_t number = (int64_t)(i % 2 == 0 ? bits : UINT64_C(0) - bits);
        number = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : i == 2 ? 0 : number;
        char expected[32];
        char text[KV_NUMBER_BYTES_MAX];
        const int expected_size = snprintf(expected, sizeof(expected), "%" PRId64, number);
        const size_t size = kv_number_format(number, text);
        assert_int_equal(size, expected_size);
        assert_memory_equal(text, expected, size);
        int64_t parsed = ~number;
        assert_true(kv_number_parse(kv_slice_of(text, size), &parsed));
        assert_true(parsed == number);
    }
}

static void what_is_not_canonical_is_not_a_number(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "01",
        "-0",
        "00",
        "-01",
        "1.0",
        "0x1",
        "1e3",
        "a",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "100000000000000000000",
        "--1",
        "1-",
        "\xd9\xa1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t number = 42;
        assert_false(kv_number_parse(kv_slice_of_text(texts[i]), &number));
        assert_int_equal(number, 42);
    }
    int64_t number;
    assert_false(kv_number_parse(kv_slice_of("1\0", 2), &number));
    assert_true(kv_number_parse(kv_slice_of_text("0"), &number));
    assert_int_equal(number, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_one_text_that_printf_agrees_with),
        cmocka_unit_test(what_is_not_canonical_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
