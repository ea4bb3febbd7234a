/* SPDX-License-Identifier: Apache-2.0 */
/* kvd check finds what is wrong with checkpoints, and names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oracle/kvd/check.h"
#include "partition/store/store_lmdb.h"

#define ROWS 500

static const kv_cluster_id cluster = {UINT64_C(0x1122334455667788)};
static const kv_node_id node = {2};

static char directory[64];
static char path[96]; /* scratch */
static char text[4096];

static const char *below(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Generation 1 of a group: rows, and a blob. */
static void make(kv_group_id group, const char *name)
{
    struct store_lmdb_options options = {
        .directory = below(name),
        .map_bytes = UINT64_C(1) << 26,
        .cluster = cluster,
        .group = group,
        .node = node,
        .table_count = group.value == 0 ? 1 : 4,
        .tables = {group.value == 0 ? "placed" : "rows", "stubs", "bonds", "ends"}};
    struct store_lmdb *lmdb = NULL;
    struct store_lmdb_write *write = NULL;
    struct store_layer layer;
    uint64_t generation = 0;
    struct store *store = store_new();
    for (uint32_t i = 0; i < ROWS; i++) {
        char key[16];
        const int size = snprintf(key, sizeof key, "key%05u", i);
        store_put(store, kv_slice_of(key, (size_t)size), kv_slice_of_text("a value of some bytes"),
                  (kv_timestamp){{i + 1}, group});
    }
    store_freeze(store, &layer);
    assert_int_equal(store_lmdb_open(&options, &lmdb), STATUS_OK);
    assert_int_equal(store_lmdb_write_new(lmdb, &write), STATUS_OK);
    store_lmdb_write_layer(write, 0, &layer);
    store_lmdb_write_blob(write, "engine", kv_slice_of_text("everything else"));
    assert_int_equal(store_lmdb_write_commit(&write, &generation), STATUS_OK);
    store_lmdb_close(&lmdb);
    store_abandon(store);
    store_destroy(&store);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/kv-test-check-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(mkdir(below("state"), 0700), 0);
    make((kv_group_id){0}, "state/0");
    make((kv_group_id){3}, "state/3");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const files[] = {"state/0/data.mdb", "state/0/lock.mdb", "state/3/data.mdb",
                                        "state/3/lock.mdb", "state/4/data.mdb", "state/4/lock.mdb"};
    static const char *const directories[] = {"state/0", "state/3", "state/4", "state"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)unlink(below(files[i]));
    }
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        (void)rmdir(below(directories[i]));
    }
    return rmdir(directory);
}

static enum status check(kv_node_id as)
{
    FILE *output = fmemopen(text, sizeof text, "w");
    assert_non_null(output);
    const enum status status = check_states(directory, cluster, as, output);
    assert_int_equal(fclose(output), 0);
    return status;
}

/* Change the byte behind a text in a file. */
static void damage(const char *name, const char *where, size_t skip)
{
    static uint8_t bytes[1 << 22];
    const int file = open(below(name), O_RDWR);
    const ssize_t size = read(file, bytes, sizeof bytes);
    assert_true(size > 0);
    const uint8_t *at = memmem(bytes, (size_t)size, where, strlen(where));
    assert_non_null(at);
    const off_t offset = (off_t)(at - bytes) + (off_t)skip;
    const uint8_t changed = bytes[offset] ^ 0x10;
    assert_int_equal(pwrite(file, &changed, 1, offset), 1);
    assert_int_equal(close(file), 0);
}

static void good_checkpoints_are_good_and_their_sizes_are_told(void **state)
{
    (void)state;
    assert_int_equal(check(node), STATUS_OK);
    assert_non_null(strstr(text, "state/0: generation 1, rows 500, blobs 15 bytes, file "));
    assert_non_null(strstr(text, "state/3: generation 1, rows 500, blobs 15 bytes, file "));
    assert_null(strstr(text, "damaged"));
}

static void a_flipped_byte_is_found_and_its_table_named(void **state)
{
    (void)state;
    damage("state/3/data.mdb", "a value of some bytes", 4);
    assert_int_equal(check(node), STATUS_CORRUPT);
    assert_non_null(strstr(text, "state/3: generation 1: table rows is damaged"));
    assert_non_null(strstr(text, "state/0: generation 1, rows 500"));
    damage("state/0/data.mdb", "everything else", 2);
    assert_int_equal(check(node), STATUS_CORRUPT);
    assert_non_null(strstr(text, "state/0: generation 1: table blobs is damaged"));
}

static void a_file_cut_short_is_damage_and_no_crash_of_the_checker(void **state)
{
    (void)state;
    assert_int_equal(truncate(below("state/3/data.mdb"), 3 * 4096), 0);
    assert_int_equal(check(node), STATUS_CORRUPT);
    assert_non_null(strstr(text, "state/3: "));
    assert_non_null(strstr(text, "damaged"));
}

static void checkpoints_of_another_node_or_group_are_foreign(void **state)
{
    (void)state;
    assert_int_equal(check((kv_node_id){5}), STATUS_FOREIGN);
    assert_int_equal(mkdir(below("state/4"), 0700), 0);
    assert_int_equal(check(node), STATUS_OK);
    assert_non_null(strstr(text, "state/4: no checkpoint yet"));
    char other[96];
    (void)snprintf(other, sizeof other, "%s/state/4/data.mdb", directory);
    assert_int_equal(rename(below("state/3/data.mdb"), other), 0);
    assert_int_equal(check(node), STATUS_FOREIGN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(good_checkpoints_are_good_and_their_sizes_are_told),
        TEST(a_flipped_byte_is_found_and_its_table_named),
        TEST(a_file_cut_short_is_damage_and_no_crash_of_the_checker),
        TEST(checkpoints_of_another_node_or_group_are_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
