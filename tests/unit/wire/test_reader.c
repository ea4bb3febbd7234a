/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader agrees with msgpack-c on everything that is well formed, and stops at
 * everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack/unpack.h>

#include "multicast/base/prng.h"
#include "multicast/wire/packer.h"
#include "multicast/wire/reader.h"

#define INPUT_BYTES     48
#define TRIALS_PER_TYPE 4000

/* The first value of the input as msgpack-c sees it. */
struct judged {
    msgpack_unpacked unpacked;
    bool good;
    size_t used;
};

static void judge(struct judged *ret, const uint8_t *input, size_t size)
{
    msgpack_unpacked_init(&ret->unpacked);
    ret->used = 0;
    ret->good = msgpack_unpack_next(&ret->unpacked, (const char *)input, size, &ret->used) ==
                MSGPACK_UNPACK_SUCCESS;
}

static bool is_container(uint8_t type)
{
    return (type >= 0x80 && type < 0xa0) || (type >= 0xdc && type < 0xe0);
}

/* Random bytes behind a given type. Half of the wide lengths are small, so that both outcomes are
 * frequent; those of containers always are, with plain numbers inside: msgpack-c reserves memory
 * for what they announce. */
static size_t make_input(struct kv_prng *prng, uint8_t type, uint8_t *ret)
{
    size_t size = kv_prng_between(prng, 1, INPUT_BYTES);
    for (size_t i = 0; i < size; i++) {
        ret[i] = (uint8_t)kv_prng_next(prng);
        if (is_container(type)) {
            ret[i] &= 0x7f;
        }
    }
    if (is_container(type) || kv_prng_chance(prng, 1, 2)) {
        size_t zeros = type == 0xdd || type == 0xdf || type == 0xc6 || type == 0xdb ? 3 : 1;
        for (size_t i = 1; i < size && i <= zeros; i++) {
            ret[i] = 0;
        }
    }
    ret[0] = type;
    return size;
}

static void check_same(const struct judged *judged, const struct wire_reader *reader,
                       const uint8_t *input, bool expected)
{
    assert_int_equal(reader->status, expected ? STATUS_OK : STATUS_CORRUPT);
    if (expected) {
        assert_ptr_equal(reader->at, input + judged->used);
    } else {
        assert_int_equal(wire_reader_rest(reader), 0);
    }
}

static void check_numbers(const struct judged *judged, const uint8_t *input, size_t size)
{
    msgpack_object object = judged->unpacked.data;
    bool positive = judged->good && object.type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    bool negative = judged->good && object.type == MSGPACK_OBJECT_NEGATIVE_INTEGER;

    struct wire_reader reader = wire_reader_of(kv_slice_of(input, size));
    uint64_t number = wire_read_uint(&reader, UINT64_MAX);
    check_same(judged, &reader, input, positive);
    assert_true(number == (positive ? object.via.u64 : 0));

    bool fits = negative || (positive && object.via.u64 <= INT64_MAX);
    reader = wire_reader_of(kv_slice_of(input, size));
    int64_t whole = wire_read_int(&reader);
    check_same(judged, &reader, input, fits);
    assert_true(whole == (fits ? object.via.i64 : 0));
}

static void check_small(const struct judged *judged, const uint8_t *input, size_t size)
{
    msgpack_object object = judged->unpacked.data;
    bool is_bool = judged->good && object.type == MSGPACK_OBJECT_BOOLEAN;
    struct wire_reader reader = wire_reader_of(kv_slice_of(input, size));
    bool yes = wire_read_bool(&reader);
    check_same(judged, &reader, input, is_bool);
    assert_true(yes == (is_bool && object.via.boolean));

    reader = wire_reader_of(kv_slice_of(input, size));
    assert_true(wire_read_nil(&reader) == (judged->good && object.type == MSGPACK_OBJECT_NIL));
    assert_int_equal(reader.status, STATUS_OK);
}

static void check_slices(const struct judged *judged, const uint8_t *input, size_t size)
{
    msgpack_object object = judged->unpacked.data;
    bool is_bytes = judged->good && object.type == MSGPACK_OBJECT_BIN;
    struct wire_reader reader = wire_reader_of(kv_slice_of(input, size));
    kv_slice bytes = wire_read_bytes(&reader, SIZE_MAX);
    check_same(judged, &reader, input, is_bytes);
    assert_true(!is_bytes ||
                kv_slice_equal(bytes, kv_slice_of(object.via.bin.ptr, object.via.bin.size)));

    bool is_text = judged->good && object.type == MSGPACK_OBJECT_STR;
    reader = wire_reader_of(kv_slice_of(input, size));
    kv_slice text = wire_read_text(&reader, SIZE_MAX);
    check_same(judged, &reader, input, is_text);
    assert_true(!is_text ||
                kv_slice_equal(text, kv_slice_of(object.via.str.ptr, object.via.str.size)));

    /* The reader looks at the head only, so it also accepts an array whose elements msgpack-c finds
     * missing. */
    reader = wire_reader_of(kv_slice_of(input, size));
    uint32_t count = wire_read_array(&reader, UINT32_MAX);
    if (judged->good) {
        bool is_array = object.type == MSGPACK_OBJECT_ARRAY;
        assert_int_equal(reader.status, is_array ? STATUS_OK : STATUS_CORRUPT);
        assert_int_equal(count, is_array ? object.via.array.size : 0);
    }
}

static void reader_and_msgpack_c_see_the_same_value_in_random_bytes(void **state)
{
    (void)state;
    struct kv_prng prng;
    kv_prng_init(&prng, 1);
    uint64_t good = 0;
    for (unsigned type = 0; type < 256; type++) {
        for (int trial = 0; trial < TRIALS_PER_TYPE; trial++) {
            uint8_t input[INPUT_BYTES];
            size_t size = make_input(&prng, (uint8_t)type, input);
            struct judged judged;
            judge(&judged, input, size);
            check_numbers(&judged, input, size);
            check_small(&judged, input, size);
            check_slices(&judged, input, size);
            good += judged.good;
            msgpack_unpacked_destroy(&judged.unpacked);
        }
    }
    assert_true(good > 256 * TRIALS_PER_TYPE / 4); /* the test has seen both sides */
}

static void what_the_packer_packs_the_reader_reads(void **state)
{
    (void)state;
    static const uint8_t many[UINT16_MAX + 1] = {7, 0, 255, 128}; /* any length that has a form */
    struct kv_prng prng;
    kv_prng_init(&prng, 2);
    struct kv_buffer buffer = {0};
    for (int trial = 0; trial < 100000; trial++) {
        uint64_t number = kv_prng_next(&prng) >> kv_prng_below(&prng, 64);
        int64_t whole = (int64_t)(kv_prng_next(&prng)) >> kv_prng_below(&prng, 64);
        bool yes = kv_prng_chance(&prng, 1, 2);
        kv_slice bytes =
            kv_slice_of(many, kv_prng_chance(&prng, 1, 100) ? kv_prng_below(&prng, sizeof many)
                                                            : kv_prng_below(&prng, 40));
        kv_buffer_clear(&buffer);
        wire_pack_array(&buffer, 5);
        wire_pack_uint(&buffer, number);
        wire_pack_int(&buffer, whole);
        wire_pack_bool(&buffer, yes);
        wire_pack_bytes(&buffer, bytes);
        wire_pack_text(&buffer, bytes);
        wire_pack_nil(&buffer);
        struct wire_reader reader = wire_reader_of(kv_buffer_slice(&buffer));
        wire_read_arity(&reader, 5);
        assert_true(wire_read_uint(&reader, UINT64_MAX) == number);
        assert_true(wire_read_int(&reader) == whole);
        assert_true(wire_read_bool(&reader) == yes);
        assert_true(kv_slice_equal(wire_read_bytes(&reader, sizeof many), bytes));
        assert_true(kv_slice_equal(wire_read_text(&reader, sizeof many), bytes));
        assert_true(wire_read_nil(&reader));
        assert_int_equal(wire_reader_finish(&reader), STATUS_OK);
    }
    kv_buffer_close(&buffer);
}

static void a_number_in_any_wider_form_is_the_same_number(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[9];
        size_t size;
    } forms[] = {
        {{0x05}, 1},
        {{0xcc, 5}, 2},
        {{0xcd, 0, 5}, 3},
        {{0xce, 0, 0, 0, 5}, 5},
        {{0xcf, 0, 0, 0, 0, 0, 0, 0, 5}, 9},
        {{0xd0, 5}, 2},
        {{0xd1, 0, 5}, 3},
        {{0xd2, 0, 0, 0, 5}, 5},
        {{0xd3, 0, 0, 0, 0, 0, 0, 0, 5}, 9},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        kv_slice bytes = kv_slice_of(forms[i].bytes, forms[i].size);
        struct wire_reader reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_uint(&reader, 5), 5);
        assert_int_equal(wire_reader_finish(&reader), STATUS_OK);
        reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_int(&reader), 5);
        assert_int_equal(wire_reader_finish(&reader), STATUS_OK);
        reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_uint(&reader, 4), 0);
        assert_int_equal(reader.status, STATUS_CORRUPT);
    }
}

static void a_hostile_head_is_refused_by_what_is_really_there(void **state)
{
    (void)state;
    static const uint8_t heads[][5] = {
        {0xdf, 0xff, 0xff, 0xff, 0xff}, /* map32: msgpack-c would reserve 16 GiB and more for it */
        {0xdd, 0xff, 0xff, 0xff, 0xff}, /* array32 */
        {0xdc, 0xff, 0xff, 0x00, 0x00}, /* array16 */
        {0xc6, 0xff, 0xff, 0xff, 0xff}, /* bin32 */
        {0xdb, 0xff, 0xff, 0xff, 0xff}, /* str32 */
        {0xc9, 0xff, 0xff, 0xff, 0xff}, /* ext32 */
        {0xc1, 0x00, 0x00, 0x00, 0x00}, /* never used */
        {0xcb, 0x00, 0x00, 0x00, 0x00}, /* float64, cut off */
        {0x9f, 0x9f, 0x9f, 0x9f, 0x9f}, /* arrays in arrays in arrays */
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        kv_slice bytes = kv_slice_of(heads[i], sizeof heads[i]);
        struct wire_reader reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_array(&reader, UINT32_MAX), 0);
        assert_int_equal(reader.status, STATUS_CORRUPT);
        reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_bytes(&reader, SIZE_MAX).size, 0);
        assert_int_equal(reader.status, STATUS_CORRUPT);
        reader = wire_reader_of(bytes);
        assert_int_equal(wire_read_text(&reader, SIZE_MAX).size, 0);
        assert_int_equal(reader.status, STATUS_CORRUPT);
    }
}

static void a_list_or_slice_above_its_limit_is_too_large(void **state)
{
    (void)state;
    static const uint8_t array[] = {0x93, 1, 2, 3};
    static const uint8_t bytes[] = {0xc4, 3, 1, 2, 3};
    static const uint8_t text[] = {0xa3, 'a', 'b', 'c'};
    for (uint32_t max = 2; max <= 4; max++) {
        enum status expected = max < 3 ? STATUS_TOO_LARGE : STATUS_OK;
        struct wire_reader reader = wire_reader_of(kv_slice_of(array, sizeof array));
        assert_int_equal(wire_read_array(&reader, max), max < 3 ? 0 : 3);
        assert_int_equal(reader.status, expected);
        reader = wire_reader_of(kv_slice_of(bytes, sizeof bytes));
        assert_int_equal(wire_read_bytes(&reader, max).size, max < 3 ? 0 : 3);
        assert_int_equal(reader.status, expected);
        reader = wire_reader_of(kv_slice_of(text, sizeof text));
        assert_int_equal(wire_read_text(&reader, max).size, max < 3 ? 0 : 3);
        assert_int_equal(reader.status, expected);
    }
}

static void the_first_failure_is_kept_and_nothing_is_read_behind_it(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xc4, 3, 1, 2, 3, 0x01, 0xc3, 0xc0, 0x91};
    struct wire_reader reader = wire_reader_of(kv_slice_of(bytes, sizeof bytes));
    assert_null(wire_read_bytes(&reader, 2).data);
    assert_int_equal(wire_read_uint(&reader, 9), 0);
    assert_int_equal(wire_read_int(&reader), 0);
    assert_false(wire_read_bool(&reader));
    assert_false(wire_read_nil(&reader));
    assert_int_equal(wire_read_array(&reader, 9), 0);
    assert_null(wire_read_text(&reader, 9).data);
    assert_int_equal(wire_reader_rest(&reader), 0);
    assert_int_equal(wire_reader_finish(&reader), STATUS_TOO_LARGE);
}

static void trailing_bytes_are_refused_and_nothing_at_all_is_no_value(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2};
    struct wire_reader reader = wire_reader_of(kv_slice_of(bytes, sizeof bytes));
    assert_int_equal(wire_read_uint(&reader, 9), 1);
    assert_int_equal(wire_reader_finish(&reader), STATUS_CORRUPT);

    reader = wire_reader_of((kv_slice){0});
    assert_int_equal(wire_reader_rest(&reader), 0);
    assert_int_equal(wire_read_uint(&reader, 9), 0);
    assert_int_equal(wire_reader_finish(&reader), STATUS_CORRUPT);
    reader = wire_reader_of((kv_slice){0});
    assert_int_equal(wire_reader_finish(&reader), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_and_msgpack_c_see_the_same_value_in_random_bytes),
        cmocka_unit_test(what_the_packer_packs_the_reader_reads),
        cmocka_unit_test(a_number_in_any_wider_form_is_the_same_number),
        cmocka_unit_test(a_hostile_head_is_refused_by_what_is_really_there),
        cmocka_unit_test(a_list_or_slice_above_its_limit_is_too_large),
        cmocka_unit_test(the_first_failure_is_kept_and_nothing_is_read_behind_it),
        cmocka_unit_test(trailing_bytes_are_refused_and_nothing_at_all_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
