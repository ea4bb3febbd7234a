/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_fixture: see lmdb_fixture.h. */
#include "tests/unit/store/lmdb_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Values: most are small, some need pages of their own. */
#define SMALL_BYTES 200
#define LARGE_BYTES 20000

struct lmdb_fixture *lmdb_fixture_new(uint64_t seed, uint64_t map_bytes)
{
    struct lmdb_fixture *fixture = kv_alloc_zero(1, sizeof(*fixture));
    strcpy(fixture->parent, "/tmp/kv-test-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->parent));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/state", fixture->parent);
    fixture->options = (struct store_lmdb_options){
        .directory = fixture->path,
        .map_bytes = map_bytes,
        .cluster = {UINT64_C(0x1122334455667788)},
        .group = {3},
        .node = {7},
        .table_count = FIXTURE_STORES,
        .tables = {"rows", "stubs"},
    };
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        fixture->plain[s] = store_new();
    }
    kv_prng_init(&fixture->prng, seed);
    lmdb_fixture_open(fixture);
    return fixture;
}

void lmdb_fixture_remove(struct lmdb_fixture *fixture)
{
    char file[128];
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(file, sizeof(file), "%s/%s", fixture->path, names[i]);
        (void)unlink(file);
    }
    (void)rmdir(fixture->path);
}

void lmdb_fixture_destroy(struct lmdb_fixture **fixture)
{
    lmdb_fixture_close(*fixture);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_destroy(&(*fixture)->plain[s]);
    }
    lmdb_fixture_remove(*fixture);
    assert_int_equal(rmdir((*fixture)->parent), 0);
    kv_free(*fixture);
    *fixture = NULL;
}

void lmdb_fixture_close(struct lmdb_fixture *fixture)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_destroy(&fixture->stores[s]);
    }
    store_lmdb_view_destroy(&fixture->view);
    store_lmdb_close(&fixture->lmdb);
}

void lmdb_fixture_open(struct lmdb_fixture *fixture)
{
    assert_int_equal(store_lmdb_open(&fixture->options, &fixture->lmdb), STATUS_OK);
    assert_int_equal(store_lmdb_view_new(fixture->lmdb, &fixture->view), STATUS_OK);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        const struct store_base base = store_lmdb_view_base(fixture->view, s);
        fixture->stores[s] = store_new();
        store_clear(fixture->stores[s], &base);
    }
}

kv_slice lmdb_fixture_key(char text[FIXTURE_KEY_BYTES], uint64_t i)
{
    const int size = snprintf(text, FIXTURE_KEY_BYTES, "key/%08llu", (unsigned long long)i);
    return kv_slice_of(text, (size_t)size);
}

void lmdb_fixture_put(struct lmdb_fixture *fixture, uint32_t store, kv_slice key, kv_slice value)
{
    const kv_timestamp version = {{++fixture->clock}, {3}};
    store_put(fixture->stores[store], key, value, version);
    store_put(fixture->plain[store], key, value, version);
}

static void put_random(struct lmdb_fixture *fixture, uint32_t store, kv_slice key)
{
    static uint8_t value[LARGE_BYTES];
    struct kv_prng *prng = &fixture->prng;
    const uint64_t most = kv_prng_chance(prng, 1, 20) ? LARGE_BYTES : SMALL_BYTES;
    const size_t size = kv_prng_below(prng, most + 1);
    for (size_t i = 0; i + 8 <= size; i += 8) {
        const uint64_t bits = kv_prng_next(prng);
        memcpy(value + i, &bits, sizeof(bits));
    }
    memset(value + size / 8 * 8, 'x', size % 8); /* the same seed, the same values */
    lmdb_fixture_put(fixture, store, key, kv_slice_of(value, size));
}

void lmdb_fixture_change(struct lmdb_fixture *fixture, uint32_t keys, uint32_t changes)
{
    char text[FIXTURE_KEY_BYTES];
    for (uint32_t i = 0; i < changes; i++) {
        const uint32_t s = (uint32_t)kv_prng_below(&fixture->prng, FIXTURE_STORES);
        const kv_slice key = lmdb_fixture_key(text, kv_prng_below(&fixture->prng, keys));
        if (kv_prng_chance(&fixture->prng, 2, 5)) {
            assert_int_equal(store_remove(fixture->stores[s], key),
                             store_remove(fixture->plain[s], key));
        } else {
            put_random(fixture, s, key);
        }
    }
}

void lmdb_fixture_freeze(struct lmdb_fixture *fixture)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_freeze(fixture->stores[s], &fixture->layers[s]);
    }
}

struct store_lmdb_write *lmdb_fixture_write(struct lmdb_fixture *fixture)
{
    struct store_lmdb_write *write = NULL;
    char text[32];
    assert_int_equal(store_lmdb_write_new(fixture->lmdb, &write), STATUS_OK);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_lmdb_write_layer(write, s, &fixture->layers[s]);
    }
    (void)snprintf(text, sizeof(text), "%llu",
                   (unsigned long long)store_lmdb_view_generation(fixture->view) + 1);
    store_lmdb_write_blob(write, "engine", kv_slice_of_text(text));
    return write;
}

enum status lmdb_fixture_commit(struct lmdb_fixture *fixture, struct store_lmdb_write *write)
{
    uint64_t generation = 0;
    const enum status status = store_lmdb_write_commit(&write, &generation);
    if (status == STATUS_OK) {
        assert_int_equal(generation, store_lmdb_view_generation(fixture->view) + 1);
    }
    return status;
}

void lmdb_fixture_thaw(struct lmdb_fixture *fixture)
{
    struct store_lmdb_view *view = NULL;
    assert_int_equal(store_lmdb_view_new(fixture->lmdb, &view), STATUS_OK);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        struct kv_map *layer = NULL;
        const struct store_base base = store_lmdb_view_base(view, s);
        assert_int_equal(store_thaw(fixture->stores[s], &base, &layer), STATUS_OK);
        kv_map_destroy(&layer);
    }
    store_lmdb_view_destroy(&fixture->view);
    fixture->view = view;
}

void lmdb_fixture_abandon(struct lmdb_fixture *fixture)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_abandon(fixture->stores[s]);
    }
}

void lmdb_fixture_checkpoint(struct lmdb_fixture *fixture)
{
    lmdb_fixture_freeze(fixture);
    assert_int_equal(lmdb_fixture_commit(fixture, lmdb_fixture_write(fixture)), STATUS_OK);
    lmdb_fixture_thaw(fixture);
}

static void check_store(struct store *store, struct store *plain)
{
    struct store_cursor cursor, expected;
    struct kv_map_row row = {.hash = 0};
    struct kv_map_row other;
    assert_int_equal(store_count(store), store_count(plain));
    assert_int_equal(store_digest(store), store_digest(plain));
    store_seek(store, (kv_slice){0}, &cursor);
    store_seek(plain, (kv_slice){0}, &expected);
    while (store_next(&expected, &other)) {
        assert_true(store_next(&cursor, &row));
        assert_true(kv_slice_equal(row.key, other.key));
        assert_true(kv_slice_equal(row.value, other.value));
        assert_int_equal(kv_timestamp_compare(row.version, other.version), 0);
        assert_true(store_get(store, other.key, &row));
        assert_true(kv_slice_equal(row.value, other.value));
    }
    assert_false(store_next(&cursor, &row));
    store_check(store);
    assert_int_equal(store_status(store), STATUS_OK);
}

void lmdb_fixture_check(struct lmdb_fixture *fixture)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        check_store(fixture->stores[s], fixture->plain[s]);
    }
}

void lmdb_fixture_check_view(struct lmdb_fixture *fixture)
{
    struct store_lmdb_walk walk;
    struct kv_buffer blob = {0};
    char text[32];
    const uint64_t generation = store_lmdb_view_generation(fixture->view);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)generation);
    assert_int_equal(store_lmdb_view_blob(fixture->view, "engine", &blob),
                     generation == 0 ? STATUS_NOT_FOUND : STATUS_OK);
    assert_true(generation == 0 || kv_slice_equal(kv_buffer_slice(&blob), kv_slice_of_text(text)));
    assert_int_equal(store_lmdb_view_walk(fixture->view, &walk), STATUS_OK);
    assert_null(walk.damaged);
    assert_int_equal(walk.blob_bytes, blob.size);
    kv_buffer_close(&blob);
}
