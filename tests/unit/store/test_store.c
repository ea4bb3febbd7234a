/* SPDX-License-Identifier: Apache-2.0 */
/* The layered store against a sorted array, through any sequence of changes, freezes, thaws and failed writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/limits.h"
#include "multicast/base/prng.h"
#include "tests/unit/store/memory_base.h"

#define KEYS            200
#define STEPS           3000
#define SEEDS           12
#define VALUE_BYTES_MAX 400 /* on both sides of what lives beside its key */

struct reference_row {
    uint8_t key[8];
    size_t key_size;
    bool present;
    uint8_t value[VALUE_BYTES_MAX];
    size_t value_size;
    uint64_t version;
};

struct bench {
    struct reference_row rows[KEYS]; /* ascending */
    uint32_t count;
    struct kv_prng prng;
    struct store *store;
    struct memory_base *base, *written; /* in use; made of the layer that is frozen */
    struct store_layer layer;
    uint64_t clock;
};

static kv_slice key_of(const struct reference_row *row)
{
    return kv_slice_of(row->key, row->key_size);
}

static kv_slice value_of(const struct reference_row *row)
{
    return kv_slice_of(row->value, row->value_size);
}

static kv_timestamp version_of(const struct reference_row *row)
{
    return (kv_timestamp){{row->version}, {1}};
}

static int compare_rows(const void *a, const void *b)
{
    return kv_slice_compare(key_of(a), key_of(b));
}

static struct bench *bench_new(uint64_t seed)
{
    static const uint8_t alphabet[] = {0, 1, 'a', 255};
    struct bench *bench = kv_alloc_zero(1, sizeof(*bench));
    kv_prng_init(&bench->prng, seed);
    bench->store = store_new();
    for (uint32_t i = 0; i < KEYS; i++) {
        struct reference_row *row = &bench->rows[i];
        row->key_size = kv_prng_between(&bench->prng, 1, sizeof(row->key));
        for (size_t k = 0; k < row->key_size; k++) {
            row->key[k] = alphabet[kv_prng_below(&bench->prng, sizeof(alphabet))];
        }
    }
    qsort(bench->rows, KEYS, sizeof(bench->rows[0]), compare_rows);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (i == 0 || compare_rows(&bench->rows[bench->count - 1], &bench->rows[i]) != 0) {
            bench->rows[bench->count++] = bench->rows[i];
        }
    }
    return bench;
}

static void bench_destroy(struct bench **bench)
{
    store_destroy(&(*bench)->store);
    memory_base_destroy(&(*bench)->base);
    memory_base_destroy(&(*bench)->written);
    kv_free(*bench);
    *bench = NULL;
}

static struct reference_row *draw_row(struct bench *bench)
{
    return &bench->rows[kv_prng_below(&bench->prng, bench->count)];
}

static void put(struct bench *bench, struct reference_row *row)
{
    row->present = true;
    row->value_size = kv_prng_below(&bench->prng, VALUE_BYTES_MAX + 1);
    memset(row->value, (int)kv_prng_below(&bench->prng, 256), row->value_size);
    row->version = ++bench->clock;
    store_put(bench->store, key_of(row), value_of(row), version_of(row));
}

static void drop(struct bench *bench, struct reference_row *row)
{
    assert_int_equal(store_remove(bench->store, key_of(row)), row->present);
    row->present = false;
}

static void check_row(const struct reference_row *row, const struct kv_map_row *found)
{
    assert_true(kv_slice_equal(found->key, key_of(row)));
    assert_true(kv_slice_equal(found->value, value_of(row)));
    assert_int_equal(found->version.clock.value, row->version);
    assert_int_equal(found->hash, kv_map_row_hash(key_of(row), value_of(row), version_of(row)));
    assert_false(found->tombstone);
}

static void check_get(struct bench *bench, const struct reference_row *row)
{
    struct kv_map_row found;
    assert_int_equal(store_get(bench->store, key_of(row), &found), row->present);
    if (row->present) {
        check_row(row, &found);
    }
}

/* The rows from the i-th key on, at most `most` of them. */
static void check_from(struct bench *bench, uint32_t i, uint64_t most)
{
    struct store_cursor cursor;
    struct kv_map_row row;
    store_seek(bench->store, i == 0 ? (kv_slice){0} : key_of(&bench->rows[i]), &cursor);
    for (; i < bench->count && most > 0; i++) {
        if (bench->rows[i].present) {
            assert_true(store_next(&cursor, &row));
            check_row(&bench->rows[i], &row);
            most--;
        }
    }
    if (most > 0) {
        assert_false(store_next(&cursor, &row));
        assert_false(store_next(&cursor, &row));
    }
}

static void check_sum(const struct bench *bench)
{
    struct store_sum sum = {0};
    for (uint32_t i = 0; i < bench->count; i++) {
        const struct reference_row *row = &bench->rows[i];
        if (row->present) {
            sum.count++;
            sum.digest += kv_map_row_hash(key_of(row), value_of(row), version_of(row));
        }
    }
    assert_int_equal(store_count(bench->store), sum.count);
    assert_int_equal(store_digest(bench->store), sum.digest);
}

static void freeze(struct bench *bench)
{
    store_freeze(bench->store, &bench->layer);
    assert_int_equal(bench->layer.whole, bench->base == NULL);
}

static void thaw(struct bench *bench)
{
    struct kv_map *layer = NULL;
    bench->written = memory_base_new(bench->base, &bench->layer);
    const struct store_base base = memory_base_of(bench->written);
    assert_int_equal(store_thaw(bench->store, &base, &layer), STATUS_OK);
    kv_map_destroy(&layer);
    memory_base_destroy(&bench->base);
    bench->base = bench->written;
    bench->written = NULL;
}

static void step(struct bench *bench)
{
    const uint64_t what = kv_prng_below(&bench->prng, 1000);
    if (what < 400) {
        put(bench, draw_row(bench));
    } else if (what < 750) {
        drop(bench, draw_row(bench));
    } else if (what < 900) {
        check_get(bench, draw_row(bench));
    } else if (what < 985) {
        check_from(bench, (uint32_t)kv_prng_below(&bench->prng, bench->count),
                   kv_prng_below(&bench->prng, 20));
    } else if (!store_is_frozen(bench->store)) {
        freeze(bench);
    } else if (what < 996) {
        thaw(bench);
    } else {
        store_abandon(bench->store);
    }
}

static void layers_are_one_map_whatever_happens_to_them(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench *bench = bench_new(seed);
        for (uint32_t i = 0; i < STEPS; i++) {
            step(bench);
            check_sum(bench);
            if (i % 16 == 0) {
                store_check(bench->store);
                check_from(bench, 0, UINT64_MAX);
            }
        }
        for (uint32_t i = 0; i < bench->count; i++) {
            check_get(bench, &bench->rows[i]);
        }
        assert_int_equal(store_status(bench->store), STATUS_OK);
        bench_destroy(&bench);
    }
}

static void equal_contents_have_equal_digests(void **state)
{
    (void)state;
    struct bench *bench = bench_new(7);
    for (uint32_t i = 0; i < STEPS; i++) {
        step(bench);
    }
    struct store *direct = store_new();
    for (uint32_t i = bench->count; i > 0; i--) {
        const struct reference_row *row = &bench->rows[i - 1];
        if (row->present) {
            store_put(direct, key_of(row), value_of(row), version_of(row));
        }
    }
    assert_int_equal(store_digest(direct), store_digest(bench->store));
    assert_int_equal(store_count(direct), store_count(bench->store));
    store_destroy(&direct);
    bench_destroy(&bench);
}

/* Fill half of the keys; live, frozen and base have a third of them each. */
static struct bench *bench_in_three_layers(uint64_t seed)
{
    struct bench *bench = bench_new(seed);
    for (uint32_t i = 0; i < bench->count; i += 6) {
        put(bench, &bench->rows[i]);
    }
    freeze(bench);
    thaw(bench);
    for (uint32_t i = 2; i < bench->count; i += 6) {
        put(bench, &bench->rows[i]);
    }
    freeze(bench);
    for (uint32_t i = 4; i < bench->count; i += 6) {
        put(bench, &bench->rows[i]);
    }
    return bench;
}

/* Answers are encoded after the changes of a command, and may borrow from keys that it only reads. */
static void a_row_stays_while_other_keys_change(void **state)
{
    (void)state;
    struct bench *bench = bench_in_three_layers(3);
    struct kv_map_row rows[3];
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(store_get(bench->store, key_of(&bench->rows[60 + 2 * i]), &rows[i]));
    }
    for (uint32_t n = 0; n < STEPS; n++) {
        const uint32_t i = (uint32_t)kv_prng_below(&bench->prng, bench->count);
        if (i != 60 && i != 62 && i != 64) {
            (n % 2 == 0 ? put : drop)(bench, &bench->rows[i]);
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        check_row(&bench->rows[60 + 2 * i], &rows[i]);
    }
    bench_destroy(&bench);
}

static void *read_layer(void *argument)
{
    const struct kv_map *rows = argument;
    uint64_t *digest = kv_alloc_zero(1, sizeof(*digest));
    for (uint32_t round = 0; round < 20; round++) {
        struct kv_map_cursor cursor;
        struct kv_map_row row;
        *digest = 0;
        kv_map_seek(rows, kv_slice_of(NULL, 0), &cursor);
        while (kv_map_next(&cursor, &row)) {
            *digest += kv_map_row_hash(row.key, row.value, row.version);
        }
    }
    return digest;
}

static void the_frozen_layer_can_be_read_while_the_store_changes(void **state)
{
    (void)state;
    struct bench *bench = bench_new(4);
    for (uint32_t i = 0; i < bench->count; i++) {
        put(bench, &bench->rows[i]);
    }
    freeze(bench);
    pthread_t thread;
    void *digest = NULL;
    assert_int_equal(
        pthread_create(&thread, NULL, read_layer, (void *)(uintptr_t)bench->layer.rows), 0);
    for (uint32_t n = 0; n < STEPS; n++) {
        (n % 2 == 0 ? put : drop)(bench, draw_row(bench));
        check_get(bench, draw_row(bench));
    }
    assert_int_equal(pthread_join(thread, &digest), 0);
    assert_int_equal(*(uint64_t *)digest, bench->layer.sum.digest);
    kv_free(digest);
    thaw(bench);
    check_from(bench, 0, UINT64_MAX);
    store_check(bench->store);
    bench_destroy(&bench);
}

static void a_base_with_another_content_does_not_replace_the_frozen_layer(void **state)
{
    (void)state;
    struct bench *bench = bench_in_three_layers(5);
    const struct store_base old = memory_base_of(bench->base);
    struct kv_map *layer = NULL;
    assert_int_equal(store_thaw(bench->store, &old, &layer), STATUS_CORRUPT);
    assert_null(layer);
    assert_true(store_is_frozen(bench->store));
    check_from(bench, 0, UINT64_MAX);
    thaw(bench);
    store_check(bench->store);
    bench_destroy(&bench);
}

static void without_lower_layers_nothing_is_kept_of_what_is_removed(void **state)
{
    (void)state;
    struct bench *bench = bench_new(6);
    for (uint32_t i = 0; i < bench->count; i++) {
        put(bench, &bench->rows[i]);
    }
    freeze(bench);
    for (uint32_t i = 0; i < bench->count; i++) {
        drop(bench, &bench->rows[i]);
    }
    assert_int_equal(store_count(bench->store), 0);
    assert_true(store_memory_bytes(bench->store) > 0);
    store_abandon(bench->store);
    assert_int_equal(store_memory_bytes(bench->store), 0);
    bench_destroy(&bench);
}

static void damage_is_remembered_and_never_an_assertion(void **state)
{
    (void)state;
    struct bench *bench = bench_in_three_layers(8);
    struct store_cursor cursor;
    struct kv_map_row row;
    memory_base_damage(bench->base, key_of(&bench->rows[60]));
    check_get(bench, &bench->rows[54]);
    assert_int_equal(store_status(bench->store), STATUS_OK);
    assert_false(store_get(bench->store, key_of(&bench->rows[60]), &row));
    assert_int_equal(store_status(bench->store), STATUS_CORRUPT);
    for (uint32_t n = 0; n < STEPS; n++) {
        const struct reference_row *any = draw_row(bench);
        if (n % 2 == 0) {
            store_put(bench->store, key_of(any), value_of(any), version_of(any));
        } else {
            (void)store_remove(bench->store, key_of(any));
        }
        store_seek(bench->store, key_of(draw_row(bench)), &cursor);
        while (store_next(&cursor, &row)) {
        }
    }
    store_abandon(bench->store);
    assert_int_equal(store_status(bench->store), STATUS_CORRUPT);
    store_clear(bench->store, /* base */ NULL);
    assert_int_equal(store_status(bench->store), STATUS_OK);
    bench_destroy(&bench);
}

static void a_scan_that_meets_damage_ends_and_says_so(void **state)
{
    (void)state;
    struct bench *bench = bench_in_three_layers(9);
    struct store_cursor cursor;
    struct kv_map_row row;
    memory_base_damage(bench->base, key_of(&bench->rows[60]));
    store_seek(bench->store, (kv_slice){0}, &cursor);
    while (store_next(&cursor, &row)) {
    }
    assert_int_equal(store_status(bench->store), STATUS_CORRUPT);
    bench_destroy(&bench);
}

static void a_store_can_begin_on_a_base(void **state)
{
    (void)state;
    struct bench *bench = bench_in_three_layers(10);
    thaw(bench);
    freeze(bench);
    thaw(bench);
    const struct store_base base = memory_base_of(bench->base);
    struct store *restarted = store_new();
    store_clear(restarted, &base);
    assert_int_equal(store_count(restarted), store_count(bench->store));
    assert_int_equal(store_digest(restarted), store_digest(bench->store));
    store_destroy(&bench->store);
    bench->store = restarted;
    for (uint32_t i = 0; i < STEPS; i++) {
        step(bench);
        check_sum(bench);
    }
    store_check(bench->store);
    bench_destroy(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_one_map_whatever_happens_to_them),
        cmocka_unit_test(equal_contents_have_equal_digests),
        cmocka_unit_test(a_row_stays_while_other_keys_change),
        cmocka_unit_test(the_frozen_layer_can_be_read_while_the_store_changes),
        cmocka_unit_test(a_base_with_another_content_does_not_replace_the_frozen_layer),
        cmocka_unit_test(without_lower_layers_nothing_is_kept_of_what_is_removed),
        cmocka_unit_test(damage_is_remembered_and_never_an_assertion),
        cmocka_unit_test(a_scan_that_meets_damage_ends_and_says_so),
        cmocka_unit_test(a_store_can_begin_on_a_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
