/* SPDX-License-Identifier: Apache-2.0 */
/* state_image: what a checkpoint holds comes back whole from its image, and anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "multicast/base/prng.h"
#include "oracle/kvd/state_image.h"

#define ROWS 500

static const struct state_image_form form = {.group = {1},
                                             .blob_count = 2,
                                             .blobs = {"mark", "engine"},
                                             .table_count = 2,
                                             .tables = {"rows", "stubs"}};

struct fixture {
    char directory[64];
    char path[96], image[96];
};

static struct store_lmdb *open_lmdb(struct fixture *fixture, const char *name)
{
    struct store_lmdb *lmdb = NULL;
    snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->directory, name);
    const struct store_lmdb_options options = {.directory = fixture->path,
                                               .map_bytes = UINT64_C(1) << 30,
                                               .cluster = {7},
                                               .group = {1},
                                               .node = {1},
                                               .table_count = 2,
                                               .tables = {"rows", "stubs"}};
    assert_int_equal(store_lmdb_open(&options, &lmdb), STATUS_OK);
    return lmdb;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/kv-test-image-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->image, sizeof fixture->image, "%s/image", fixture->directory);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

/* Rows in both tables, and two blobs, one of them of several pieces. */
static void fill(struct store_lmdb *lmdb, uint64_t seed)
{
    static uint8_t large[700000];
    struct kv_prng prng;
    struct store_lmdb_write *write = NULL;
    uint64_t generation;
    kv_prng_init(&prng, seed);
    assert_int_equal(store_lmdb_write_new(lmdb, &write), STATUS_OK);
    for (uint32_t table = 0; table < 2; table++) {
        struct kv_map *rows = kv_map_new();
        for (uint32_t i = 0; i < ROWS; i++) {
            char key[32];
            snprintf(key, sizeof key, "key-%llu", (unsigned long long)kv_prng_next(&prng));
            kv_map_put(rows, kv_slice_of_text(key),
                       kv_slice_of(large, (size_t)kv_prng_below(&prng, 3000)),
                       (kv_timestamp){{kv_prng_next(&prng)}, {(uint16_t)(i % 3)}});
        }
        const struct store_layer layer = {
            .rows = rows, .whole = true, .sum = {kv_map_count(rows), kv_map_digest(rows)}};
        store_lmdb_write_layer(write, table, &layer);
        kv_map_destroy(&rows);
    }
    store_lmdb_write_blob(write, "mark", kv_slice_of("mark", 4));
    store_lmdb_write_blob(write, "engine", kv_slice_of(large, sizeof large));
    assert_int_equal(store_lmdb_write_commit(&write, &generation), STATUS_OK);
}

static void dump(struct fixture *fixture, struct store_lmdb *lmdb, uint64_t *ret_bytes,
                 uint64_t *ret_digest, struct store_sum sums[2])
{
    struct store_lmdb_view *view = NULL;
    assert_int_equal(store_lmdb_view_new(lmdb, &view), STATUS_OK);
    assert_int_equal(state_image_dump(&form, view, fixture->image, ret_bytes, ret_digest),
                     STATUS_OK);
    for (uint32_t i = 0; i < 2; i++) {
        sums[i] = store_lmdb_view_base(view, i).sum;
    }
    store_lmdb_view_destroy(&view);
}

/* Into a new environment, which is closed again. */
static enum status load(struct fixture *fixture, const char *name, uint64_t offset, uint64_t digest,
                        struct store_sum sums[2])
{
    struct store_lmdb *lmdb = open_lmdb(fixture, name);
    struct store_lmdb_write *write = NULL;
    struct store_lmdb_view *view = NULL;
    struct store_lmdb_walk walk;
    uint64_t generation;
    assert_int_equal(store_lmdb_write_new(lmdb, &write), STATUS_OK);
    const enum status status = state_image_load(
        &form, &(struct state_image_source){fixture->image, offset, STATE_IMAGE_TO_THE_END, digest},
        write);
    if (status == STATUS_OK) {
        assert_int_equal(store_lmdb_write_commit(&write, &generation), STATUS_OK);
        assert_int_equal(store_lmdb_view_new(lmdb, &view), STATUS_OK);
        assert_int_equal(store_lmdb_view_walk(view, &walk), STATUS_OK);
        for (uint32_t i = 0; i < 2; i++) {
            sums[i] = store_lmdb_view_base(view, i).sum;
        }
        store_lmdb_view_destroy(&view);
    }
    store_lmdb_write_abort(&write);
    store_lmdb_close(&lmdb);
    return status;
}

static void what_is_dumped_comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct store_lmdb *lmdb = open_lmdb(fixture, "from");
    struct store_sum before[2], after[2];
    uint64_t bytes, digest;
    fill(lmdb, 1);
    dump(fixture, lmdb, &bytes, &digest, before);
    assert_int_equal(load(fixture, "to", 0, digest, after), STATUS_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(after[i].count, before[i].count);
        assert_int_equal(after[i].digest, before[i].digest);
    }
    store_lmdb_close(&lmdb);
}

static void change(const struct fixture *fixture, long at, int by)
{
    FILE *file = fopen(fixture->image, "r+b");
    fseek(file, at, SEEK_SET);
    const int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ by, file);
    fclose(file);
}

static void an_image_that_is_not_whole_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store_lmdb *lmdb = open_lmdb(fixture, "from");
    struct store_sum sums[2];
    struct kv_prng prng;
    uint64_t bytes, digest;
    kv_prng_init(&prng, 5);
    fill(lmdb, 2);
    dump(fixture, lmdb, &bytes, &digest, sums);
    assert_int_equal(load(fixture, "to", 0, digest ^ 1, sums), STATUS_CORRUPT);
    assert_int_equal(load(fixture, "to", 1, digest, sums), STATUS_CORRUPT);
    for (uint32_t i = 0; i < 60; i++) {
        const long at = (long)(i < 30 ? i : kv_prng_below(&prng, bytes));
        const int by = 1 << kv_prng_below(&prng, 8);
        change(fixture, at, by);
        assert_int_equal(load(fixture, "to", 0, digest, sums), STATUS_CORRUPT);
        change(fixture, at, by);
    }
    for (uint32_t i = 0; i < 20; i++) {
        dump(fixture, lmdb, &bytes, &digest, sums);
        assert_int_equal(truncate(fixture->image, (off_t)kv_prng_below(&prng, bytes)), 0);
        assert_int_equal(load(fixture, "to", 0, digest, sums), STATUS_CORRUPT);
    }
    dump(fixture, lmdb, &bytes, &digest, sums);
    assert_int_equal(load(fixture, "to", 0, digest, sums), STATUS_OK);
    store_lmdb_close(&lmdb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_dumped_comes_back_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_that_is_not_whole_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
