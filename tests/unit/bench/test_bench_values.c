/* SPDX-License-Identifier: Apache-2.0 */
/* values: what is written can be checked, and nothing else passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/value.h"
#include "bench/workload.h"
#include "multicast/base/bytes.h"

#define HASH UINT64_C(0x1122334455667788)

static void a_value_passes_for_its_key_only_whatever_its_size(void **state)
{
    static const struct {
        uint32_t fields;
        size_t bytes;
    } forms[] = {{1, 0},  {1, 1},  {1, 7},    {1, 8},  {1, 9},
                 {1, 13}, {1, 14}, {1, 1000}, {2, 14}, {10, 100}};
    struct kv_prng prng;

    (void)state;
    kv_prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct bench_values values;
        kv_bytes value;

        bench_values_init(&values, forms[i].fields, forms[i].bytes, 1);
        value = bench_value_make(&values, 0, HASH, &prng);
        assert_int_equal(value.size, forms[i].fields * forms[i].bytes);
        assert_true(bench_value_check(&values, value, HASH));
        assert_int_equal(bench_value_check(&values, value, 0), value.size == 0);
        bench_values_close(&values);
    }
}

static void no_byte_of_a_value_can_change_unseen(void **state)
{
    struct bench_values values;
    struct kv_prng prng;
    uint8_t copy[90];
    kv_bytes value;

    (void)state;
    kv_prng_init(&prng, 2);
    bench_values_init(&values, 3, 30, 1);
    value = bench_value_make(&values, 0, HASH, &prng);
    memcpy(copy, value.data, sizeof copy);
    for (size_t i = 0; i < sizeof copy; i++) {
        copy[i] ^= 1;
        assert_false(bench_value_check(&values, kv_bytes_of(copy, sizeof copy), HASH));
        copy[i] ^= 1;
    }
    /* Cut inside of a field; two whole fields are a value of another form. */
    for (size_t size = BENCH_FIELD_HEAD_BYTES; size < sizeof copy; size++) {
        assert_int_equal(bench_value_check(&values, kv_bytes_of(copy, size), HASH), size % 30 == 0);
    }
    bench_values_close(&values);
}

static void a_run_can_check_what_one_with_other_fields_has_written(void **state)
{
    struct bench_values small, large;
    struct kv_prng prng;
    uint8_t copy[5000];
    kv_bytes value;

    (void)state;
    kv_prng_init(&prng, 3);
    bench_values_init(&small, 1, 20, 1);
    bench_values_init(&large, 1, sizeof copy, 1);
    value = bench_value_make(&large, 0, HASH, &prng);
    memcpy(copy, value.data, sizeof copy);
    assert_true(bench_value_check(&small, value, HASH));
    copy[100] ^= 1;
    assert_false(bench_value_check(&small, kv_bytes_of(copy, sizeof copy), HASH));
    assert_true(bench_value_check(&large, bench_value_make(&small, 0, HASH, &prng), HASH));
    bench_values_close(&small);
    bench_values_close(&large);
}

static void one_key_has_different_values(void **state)
{
    struct bench_values values;
    struct kv_prng prng;
    uint8_t copy[100];

    (void)state;
    kv_prng_init(&prng, 4);
    bench_values_init(&values, 1, sizeof copy, 1);
    memcpy(copy, bench_value_make(&values, 0, HASH, &prng).data, sizeof copy);
    assert_memory_not_equal(copy, bench_value_make(&values, 0, HASH, &prng).data, sizeof copy);
    bench_values_close(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_passes_for_its_key_only_whatever_its_size),
        cmocka_unit_test(no_byte_of_a_value_can_change_unseen),
        cmocka_unit_test(a_run_can_check_what_one_with_other_fields_has_written),
        cmocka_unit_test(one_key_has_different_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
