/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered map against a sorted array, with keys that are hard on a tree: long common prefixes,
 * one a prefix of the other, zero bytes, ascending, descending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/limits.h"
#include "multicast/base/prng.h"
#include "partition/store/kv_map.h"

#define KEYS      6000
#define KEY_BYTES 48

/* All keys of a test in ascending order, and which of them are present with which value. */
struct naive {
    uint32_t count;
    uint32_t present;
    struct naive_row {
        uint8_t key[KEY_BYTES];
        size_t key_size;
        bool present;
        uint64_t value;
        uint64_t version;
    } rows[KEYS];
};

static int compare_rows(const void *a, const void *b)
{
    const struct naive_row *left = a;
    const struct naive_row *right = b;
    return kv_slice_compare(kv_slice_of(left->key, left->key_size),
                            kv_slice_of(right->key, right->key_size));
}

static kv_slice key_of(const struct naive_row *row)
{
    return kv_slice_of(row->key, row->key_size);
}

/* Keys over a small alphabet with a zero in it, in one of three shapes. */
static void draw_key(struct kv_prng *prng, uint32_t shape, struct naive_row *row)
{
    static const char prefix[] = "a/rather/long/common/prefix/";
    static const uint8_t alphabet[] = {0, 1, 'a', 255};
    size_t size = 0;
    if (shape == 0) {
        row->key_size = (size_t)snprintf((char *)row->key, KEY_BYTES, "user%08u",
                                         (unsigned)kv_prng_below(prng, 1000000));
        return;
    }
    if (shape == 1) {
        memcpy(row->key, prefix, sizeof(prefix) - 1);
        size = sizeof(prefix) - 1;
    }
    for (uint64_t n = kv_prng_between(prng, 1, 14); n > 0; n--) {
        row->key[size] = alphabet[kv_prng_below(prng, sizeof(alphabet))];
        size++;
    }
    row->key_size = size;
}

static void draw_keys(struct naive *naive, uint64_t seed)
{
    struct kv_prng prng;
    kv_prng_init(&prng, seed);
    memset(naive, 0, sizeof(*naive));
    for (uint32_t i = 0; i < KEYS; i++) {
        draw_key(&prng, (uint32_t)kv_prng_below(&prng, 3), &naive->rows[i]);
    }
    qsort(naive->rows, KEYS, sizeof(naive->rows[0]), compare_rows);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (i == 0 || compare_rows(&naive->rows[naive->count - 1], &naive->rows[i]) != 0) {
            naive->rows[naive->count] = naive->rows[i];
            naive->count++;
        }
    }
}

static void put(struct kv_map *map, struct naive *naive, uint32_t i, uint64_t value)
{
    struct naive_row *row = &naive->rows[i];
    naive->present += !row->present;
    row->present = true;
    row->value = value;
    row->version++;
    kv_map_put(map, key_of(row), kv_slice_of(&value, sizeof(value)),
               (kv_timestamp){{row->version}, {1}});
}

static void drop(struct kv_map *map, struct naive *naive, uint32_t i)
{
    struct naive_row *row = &naive->rows[i];
    assert_int_equal(kv_map_remove(map, key_of(row)), row->present);
    naive->present -= row->present;
    row->present = false;
}

static void check_row(const struct naive_row *expected, const struct kv_map_row *row)
{
    assert_true(kv_slice_equal(row->key, key_of(expected)));
    assert_int_equal(row->value.size, sizeof(expected->value));
    assert_memory_equal(row->value.data, &expected->value, sizeof(expected->value));
    assert_int_equal(row->version.clock.value, expected->version);
}

/* The rows from the i-th key on are those of the array. */
static void check_from(const struct kv_map *map, const struct naive *naive, uint32_t i,
                       uint32_t most)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    kv_map_seek(map, i == 0 ? (kv_slice){0} : key_of(&naive->rows[i]), &cursor);
    for (; i < naive->count && most > 0; i++) {
        if (naive->rows[i].present) {
            assert_true(kv_map_next(&cursor, &row));
            check_row(&naive->rows[i], &row);
            most--;
        }
    }
    if (most > 0) {
        assert_false(kv_map_next(&cursor, &row));
        assert_false(kv_map_next(&cursor, &row));
    }
}

static void check_all(const struct kv_map *map, const struct naive *naive)
{
    kv_map_check(map);
    assert_int_equal(kv_map_count(map), naive->present);
    check_from(map, naive, 0, UINT32_MAX);
    for (uint32_t i = 0; i < naive->count; i++) {
        struct kv_map_row row;
        assert_int_equal(kv_map_get(map, key_of(&naive->rows[i]), &row), naive->rows[i].present);
        if (naive->rows[i].present) {
            check_row(&naive->rows[i], &row);
        }
    }
}

static struct naive naive;

static void random_changes_give_what_a_sorted_array_gives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct kv_prng prng;
        struct kv_map *map = kv_map_new();
        draw_keys(&naive, seed);
        kv_prng_init(&prng, seed);
        /* Waves of growing and shrinking, so that every level splits and merges. */
        for (uint32_t wave = 0; wave < 6; wave++) {
            const uint32_t puts = wave % 2 == 0 ? 9 : 1;
            for (uint32_t i = 0; i < 8000; i++) {
                const uint32_t at = (uint32_t)kv_prng_below(&prng, naive.count);
                if (kv_prng_chance(&prng, puts, 10)) {
                    put(map, &naive, at, kv_prng_next(&prng));
                } else {
                    drop(map, &naive, at);
                }
                if (i % 100 == 0) {
                    check_from(map, &naive, at, 50);
                }
                if (i % 500 == 0) {
                    kv_map_check(map);
                }
            }
            check_all(map, &naive);
        }
        kv_map_destroy(&map);
    }
}

static void keys_may_come_and_go_in_ascending_or_descending_order(void **state)
{
    (void)state;
    draw_keys(&naive, 99);
    for (uint32_t order = 0; order < 4; order++) {
        struct kv_map *map = kv_map_new();
        for (uint32_t i = 0; i < naive.count; i++) {
            put(map, &naive, order % 2 == 0 ? i : naive.count - 1 - i, i);
        }
        check_all(map, &naive);
        for (uint32_t i = 0; i < naive.count; i++) {
            drop(map, &naive, order / 2 == 0 ? i : naive.count - 1 - i);
            if (i % 250 == 0) {
                kv_map_check(map);
            }
        }
        check_all(map, &naive);
        assert_int_equal(kv_map_digest(map), 0);
        kv_map_destroy(&map);
    }
}

static void ranges_that_are_emptied_are_stepped_over(void **state)
{
    (void)state;
    struct kv_map *map = kv_map_new();
    draw_keys(&naive, 5);
    for (uint32_t i = 0; i < naive.count; i++) {
        put(map, &naive, i, i);
    }
    /* Nodes filled in ascending order are full, so that their empty neighbours find no partner to
     * merge with at once. */
    for (uint32_t from = 64; from + 200 < naive.count; from += 400) {
        for (uint32_t i = from; i < from + 200; i++) {
            drop(map, &naive, i);
        }
        check_from(map, &naive, from, 100);
    }
    check_all(map, &naive);
    for (uint32_t i = naive.count; i > 0; i--) {
        put(map, &naive, i - 1, i);
    }
    check_all(map, &naive);
    kv_map_destroy(&map);
}

static void the_digest_tells_content_not_history(void **state)
{
    (void)state;
    struct kv_map *a = kv_map_new();
    struct kv_map *b = kv_map_new();
    const kv_timestamp version = {{7}, {1}};
    const kv_slice value = kv_slice_of_text("value");
    char key[16];
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "%u", (unsigned)i);
        kv_map_put(a, kv_slice_of_text(key), value, version);
        snprintf(key, sizeof(key), "%u", (unsigned)(999 - i));
        kv_map_put(b, kv_slice_of_text(key), kv_slice_of_text("other"), version);
        kv_map_put(b, kv_slice_of_text(key), value, version);
        kv_map_put(b, kv_slice_of_text("gone"), value, version);
        kv_map_remove(b, kv_slice_of_text("gone"));
    }
    assert_int_equal(kv_map_digest(a), kv_map_digest(b));
    const uint64_t digest = kv_map_digest(a);
    kv_map_put(a, kv_slice_of_text("5"), kv_slice_of_text("valuf"), version);
    assert_int_not_equal(kv_map_digest(a), digest);
    kv_map_put(a, kv_slice_of_text("5"), value, (kv_timestamp){{8}, {1}});
    assert_int_not_equal(kv_map_digest(a), digest);
    kv_map_put(a, kv_slice_of_text("5"), value, (kv_timestamp){{7}, {2}});
    assert_int_not_equal(kv_map_digest(a), digest);
    kv_map_put(a, kv_slice_of_text("5"), value, version);
    assert_int_equal(kv_map_digest(a), digest);
    kv_map_clear(a);
    assert_int_equal(kv_map_digest(a), 0);
    assert_int_equal(kv_map_count(a), 0);
    kv_map_check(a);
    kv_map_destroy(&a);
    kv_map_destroy(&b);
}

static void a_value_may_change_to_any_size(void **state)
{
    (void)state;
    static uint8_t bytes[KV_VALUE_BYTES_MAX];
    static const size_t sizes[] = {0, 1, 16, 17, 256, 257, 4096, 10, 0, KV_VALUE_BYTES_MAX, 300, 5};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 253);
    }
    for (size_t first = 0; first < count; first++) {
        struct kv_map *map = kv_map_new();
        for (size_t i = 0; i < count; i++) {
            const kv_slice value = kv_slice_of(bytes + i, sizes[(first + i) % count] / 2);
            struct kv_map_row row;
            kv_map_put(map, kv_slice_of_text("k"), value, (kv_timestamp){{i}, {1}});
            assert_true(kv_map_get(map, kv_slice_of_text("k"), &row));
            assert_true(kv_slice_equal(row.value, value));
            kv_map_check(map);
        }
        kv_map_destroy(&map);
    }
}

static void the_longest_keys_differ_in_their_last_byte(void **state)
{
    (void)state;
    struct kv_map *map = kv_map_new();
    uint8_t key[KV_KEY_BYTES_MAX];
    memset(key, 'k', sizeof(key));
    for (uint32_t i = 0; i < 256; i++) {
        key[sizeof(key) - 1] = (uint8_t)(i * 7);
        kv_map_put(map, kv_slice_of(key, sizeof(key)), kv_slice_of(&i, sizeof(i)),
                   (kv_timestamp){{i}, {1}});
    }
    kv_map_check(map);
    assert_int_equal(kv_map_count(map), 256);
    key[sizeof(key) - 1] = 7 * 11;
    struct kv_map_row row;
    assert_true(kv_map_get(map, kv_slice_of(key, sizeof(key)), &row));
    assert_int_equal(row.version.clock.value, 11);
    assert_false(kv_map_get(map, kv_slice_of(key, sizeof(key) - 1), &row));
    kv_map_destroy(&map);
    kv_map_destroy(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_give_what_a_sorted_array_gives),
        cmocka_unit_test(keys_may_come_and_go_in_ascending_or_descending_order),
        cmocka_unit_test(ranges_that_are_emptied_are_stepped_over),
        cmocka_unit_test(the_digest_tells_content_not_history),
        cmocka_unit_test(a_value_may_change_to_any_size),
        cmocka_unit_test(the_longest_keys_differ_in_their_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
