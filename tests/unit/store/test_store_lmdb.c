/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints on LMDB: what was frozen is what is read, over generations, restarts, failed writes and crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "partition/store/store_lmdb_internal.h"
#include "tests/unit/store/lmdb_fixture.h"

#define MAP_BYTES (UINT64_C(1) << 30)
#define KEYS      400

static void every_generation_is_what_was_frozen(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(1, MAP_BYTES);
    struct kv_prng *prng = &fixture->prng;
    for (uint32_t round = 0; round < 60; round++) {
        lmdb_fixture_change(fixture, KEYS, (uint32_t)kv_prng_below(prng, 300));
        lmdb_fixture_freeze(fixture);
        lmdb_fixture_change(fixture, KEYS, (uint32_t)kv_prng_below(prng, 100));
        struct store_lmdb_write *write = lmdb_fixture_write(fixture);
        lmdb_fixture_check(fixture);
        if (kv_prng_chance(prng, 1, 5)) {
            store_lmdb_write_abort(&write);
            lmdb_fixture_abandon(fixture);
        } else {
            assert_int_equal(lmdb_fixture_commit(fixture, write), STATUS_OK);
            lmdb_fixture_thaw(fixture);
        }
        lmdb_fixture_check(fixture);
        lmdb_fixture_check_view(fixture);
        if (kv_prng_chance(prng, 1, 4)) {
            lmdb_fixture_checkpoint(fixture);
            lmdb_fixture_close(fixture);
            lmdb_fixture_open(fixture);
            lmdb_fixture_check(fixture);
        }
    }
    lmdb_fixture_destroy(&fixture);
}

static void a_new_environment_has_generation_0_and_nothing_in_it(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(1, MAP_BYTES);
    struct store_lmdb_sizes sizes;
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(store_lmdb_view_generation(fixture->view), 0);
        lmdb_fixture_check(fixture);
        lmdb_fixture_check_view(fixture);
        lmdb_fixture_close(fixture);
        lmdb_fixture_open(fixture);
    }
    assert_int_equal(store_lmdb_sizes(fixture->lmdb, &sizes), STATUS_OK);
    assert_int_equal(sizes.map_bytes, MAP_BYTES);
    assert_in_range(sizes.file_bytes, 1, 1 << 20);
    lmdb_fixture_destroy(&fixture);
}

static void a_view_stays_while_generations_are_written(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(2, MAP_BYTES);
    struct store_lmdb_view *old = NULL;
    struct store_lmdb_walk before, after;
    lmdb_fixture_change(fixture, KEYS, 1000);
    lmdb_fixture_checkpoint(fixture);
    assert_int_equal(store_lmdb_view_new(fixture->lmdb, &old), STATUS_OK);
    assert_int_equal(store_lmdb_view_walk(old, &before), STATUS_OK);
    for (uint32_t round = 0; round < 10; round++) {
        lmdb_fixture_change(fixture, KEYS, 1000);
        lmdb_fixture_checkpoint(fixture);
    }
    assert_int_equal(store_lmdb_view_walk(old, &after), STATUS_OK);
    assert_int_equal(before.rows, after.rows);
    assert_int_equal(store_lmdb_view_generation(old), 1);
    assert_int_equal(store_lmdb_view_generation(fixture->view), 11);
    store_lmdb_view_destroy(&old);
    lmdb_fixture_destroy(&fixture);
}

static void pages_are_used_again(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(3, MAP_BYTES);
    struct store_lmdb_sizes early, late;
    for (uint32_t round = 0; round < 40; round++) {
        lmdb_fixture_change(fixture, KEYS, 500);
        lmdb_fixture_checkpoint(fixture);
        if (round == 10) {
            assert_int_equal(store_lmdb_sizes(fixture->lmdb, &early), STATUS_OK);
        }
    }
    assert_int_equal(store_lmdb_sizes(fixture->lmdb, &late), STATUS_OK);
    assert_true(late.file_bytes < 2 * early.file_bytes);
    assert_true(late.free_bytes > 0 && late.free_bytes < late.file_bytes);
    lmdb_fixture_destroy(&fixture);
}

/* What comes from peers has no base: it replaces the content of the disk. */
static void a_whole_layer_replaces_the_table(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(4, MAP_BYTES);
    char text[FIXTURE_KEY_BYTES];
    lmdb_fixture_change(fixture, KEYS, 1000);
    lmdb_fixture_checkpoint(fixture);
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        store_clear(fixture->stores[s], /* base */ NULL);
        store_clear(fixture->plain[s], /* base */ NULL);
        lmdb_fixture_put(fixture, s, lmdb_fixture_key(text, 5), kv_slice_of_text("new"));
    }
    lmdb_fixture_checkpoint(fixture);
    lmdb_fixture_check(fixture);
    lmdb_fixture_check_view(fixture);
    lmdb_fixture_destroy(&fixture);
}

static void blobs_of_any_size_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        0, 1, STORE_LMDB_PIECE_BYTES, STORE_LMDB_PIECE_BYTES + 1, 3000000, 100000, 0};
    struct lmdb_fixture *fixture = lmdb_fixture_new(5, MAP_BYTES);
    struct kv_buffer blob = {0};
    struct kv_buffer back = {0};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct store_lmdb_write *write = NULL;
        struct store_lmdb_view *view = NULL;
        struct store_lmdb_walk walk;
        uint64_t generation;
        kv_buffer_clear(&blob);
        while (blob.size < sizes[i]) {
            const uint8_t byte = (uint8_t)kv_prng_next(&fixture->prng);
            kv_buffer_append(&blob, &byte, 1);
        }
        assert_int_equal(store_lmdb_write_new(fixture->lmdb, &write), STATUS_OK);
        store_lmdb_write_blob(write, "order", kv_buffer_slice(&blob));
        store_lmdb_write_blob(write, "orders", kv_slice_of_text("not the same"));
        assert_int_equal(store_lmdb_write_commit(&write, &generation), STATUS_OK);
        assert_int_equal(store_lmdb_view_new(fixture->lmdb, &view), STATUS_OK);
        kv_buffer_clear(&back);
        assert_int_equal(store_lmdb_view_blob(view, "order", &back), STATUS_OK);
        assert_true(kv_slice_equal(kv_buffer_slice(&back), kv_buffer_slice(&blob)));
        assert_int_equal(store_lmdb_view_blob(view, "orde", &back), STATUS_NOT_FOUND);
        assert_int_equal(store_lmdb_view_walk(view, &walk), STATUS_OK);
        assert_int_equal(walk.blob_bytes, sizes[i] + 12);
        store_lmdb_view_destroy(&view);
    }
    kv_buffer_close(&blob);
    kv_buffer_close(&back);
    lmdb_fixture_destroy(&fixture);
}

static void a_full_map_leaves_the_generation_before(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(6, 1 << 20);
    uint64_t generation = 0;
    enum status status = STATUS_OK;
    for (uint32_t round = 0; status == STATUS_OK; round++) {
        assert_in_range(round, 0, 100);
        lmdb_fixture_change(fixture, KEYS * 10, 200);
        lmdb_fixture_freeze(fixture);
        generation = store_lmdb_view_generation(fixture->view);
        status = lmdb_fixture_commit(fixture, lmdb_fixture_write(fixture));
        if (status == STATUS_OK) {
            lmdb_fixture_thaw(fixture);
        }
    }
    assert_int_equal(status, STATUS_FULL);
    lmdb_fixture_abandon(fixture);
    lmdb_fixture_check(fixture); /* nothing is lost */
    lmdb_fixture_check_view(fixture);
    store_lmdb_view_destroy(&fixture->view);
    assert_int_equal(store_lmdb_view_new(fixture->lmdb, &fixture->view), STATUS_OK);
    assert_int_equal(store_lmdb_view_generation(fixture->view), generation);
    lmdb_fixture_check_view(fixture);
    lmdb_fixture_close(fixture);

    fixture->options.map_bytes = MAP_BYTES; /* what the operator does */
    lmdb_fixture_open(fixture);
    lmdb_fixture_check_view(fixture);
    assert_int_equal(store_lmdb_view_generation(fixture->view), generation);
    lmdb_fixture_destroy(&fixture);
}

static enum status try_open(const struct store_lmdb_options *options)
{
    struct store_lmdb *lmdb = NULL;
    const enum status status = store_lmdb_open(options, &lmdb);
    store_lmdb_close(&lmdb);
    return status;
}

static void an_environment_of_somebody_else_is_refused(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(7, MAP_BYTES);
    lmdb_fixture_change(fixture, KEYS, 100);
    lmdb_fixture_checkpoint(fixture);
    lmdb_fixture_close(fixture);
    struct store_lmdb_options other = fixture->options;
    other.cluster.value++;
    assert_int_equal(try_open(&other), STATUS_FOREIGN);
    other = fixture->options;
    other.group.value++;
    assert_int_equal(try_open(&other), STATUS_FOREIGN);
    other = fixture->options;
    other.node.value++;
    assert_int_equal(try_open(&other), STATUS_FOREIGN);
    other = fixture->options;
    other.tables[1] = "placed";
    assert_int_equal(try_open(&other), STATUS_VERSION);
    other.table_count = 1;
    assert_int_equal(try_open(&other), STATUS_VERSION);
    other = fixture->options;
    other.read_only = true;
    assert_int_equal(try_open(&other), STATUS_OK);
    assert_int_equal(try_open(&fixture->options), STATUS_OK);
    lmdb_fixture_destroy(&fixture);
}

static void reading_only_makes_nothing(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(8, MAP_BYTES);
    char path[96];
    lmdb_fixture_close(fixture);
    struct store_lmdb_options other = fixture->options;
    (void)snprintf(path, sizeof(path), "%s/none", fixture->parent);
    other.directory = path;
    other.read_only = true;
    assert_int_equal(try_open(&other), STATUS_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
    lmdb_fixture_destroy(&fixture);
}

/* Put a byte into the head, under a right checksum if `sealed`. */
static void patch_head(struct lmdb_fixture *fixture, size_t at, uint8_t byte, bool sealed)
{
    MDB_txn *txn;
    MDB_val key = {.mv_size = 4, .mv_data = "head"};
    MDB_val value;
    uint8_t head[512];
    assert_int_equal(mdb_txn_begin(fixture->lmdb->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_get(txn, fixture->lmdb->head, &key, &value), 0);
    const size_t size = value.mv_size;
    memcpy(head, value.mv_data, size);
    head[at] = byte;
    const uint64_t transaction = htole64((uint64_t)mdb_txn_id(txn));
    memcpy(head + 40, &transaction, sizeof(transaction));
    const uint64_t sum = htole64(XXH3_64bits(head, size - sizeof(sum)) + (sealed ? 0 : 1));
    memcpy(head + size - sizeof(sum), &sum, sizeof(sum));
    value = (MDB_val){.mv_size = size, .mv_data = head};
    assert_int_equal(mdb_put(txn, fixture->lmdb->head, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static void other_formats_and_damaged_heads_are_told_apart(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(9, MAP_BYTES);
    patch_head(fixture, 8, 2, true);
    lmdb_fixture_close(fixture);
    assert_int_equal(try_open(&fixture->options), STATUS_VERSION);
    lmdb_fixture_destroy(&fixture);
    fixture = lmdb_fixture_new(9, MAP_BYTES);
    patch_head(fixture, 8, 2, false);
    lmdb_fixture_close(fixture);
    assert_int_equal(try_open(&fixture->options), STATUS_CORRUPT);
    lmdb_fixture_destroy(&fixture);
}

static void a_file_that_is_none_of_lmdb_is_corrupt(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(10, MAP_BYTES);
    char path[96];
    lmdb_fixture_close(fixture);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", fixture->path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(fputc((int)(i * 7 % 251), file), (int)(i * 7 % 251));
    }
    fclose(file);
    assert_int_equal(try_open(&fixture->options), STATUS_CORRUPT);
    lmdb_fixture_destroy(&fixture);
}

static void a_hundred_thousand_rows_go_in_one_transaction(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(11, MAP_BYTES);
    char text[FIXTURE_KEY_BYTES];
    uint8_t value[100] = {1, 2, 3};
    for (uint32_t round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 100000; i++) {
            memcpy(value, &i, sizeof(i));
            lmdb_fixture_put(fixture, 0, lmdb_fixture_key(text, i * 7919 % 100000 + round * 50000),
                             kv_slice_of(value, sizeof(value)));
        }
        lmdb_fixture_checkpoint(fixture);
    }
    assert_int_equal(store_count(fixture->stores[0]), 150000);
    lmdb_fixture_check(fixture);
    lmdb_fixture_check_view(fixture);
    lmdb_fixture_destroy(&fixture);
}

/* ---- Crashes: each child opens the environment itself, and nobody has it open meanwhile ---- */

static void a_crash_before_the_commit_leaves_the_generation_before(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(12, MAP_BYTES);
    lmdb_fixture_change(fixture, KEYS, 1000);
    lmdb_fixture_checkpoint(fixture);
    lmdb_fixture_close(fixture);
    const pid_t child = fork();
    if (child == 0) {
        lmdb_fixture_open(fixture);
        lmdb_fixture_change(fixture, KEYS, 1000);
        lmdb_fixture_freeze(fixture);
        (void)lmdb_fixture_write(fixture);
        _exit(0);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    lmdb_fixture_open(fixture);
    assert_int_equal(store_lmdb_view_generation(fixture->view), 1);
    lmdb_fixture_check(fixture);
    lmdb_fixture_check_view(fixture);
    lmdb_fixture_checkpoint(fixture); /* the writer's lock is not held by the dead one */
    lmdb_fixture_destroy(&fixture);
}

/* The plain stores have what is on disk. */
static void learn_from_disk(struct lmdb_fixture *fixture)
{
    for (uint32_t s = 0; s < FIXTURE_STORES; s++) {
        struct store_cursor cursor;
        struct kv_map_row row;
        store_clear(fixture->plain[s], /* base */ NULL);
        store_seek(fixture->stores[s], (kv_slice){0}, &cursor);
        while (store_next(&cursor, &row)) {
            store_put(fixture->plain[s], row.key, row.value, row.version);
        }
    }
}

/* Checkpoints until somebody kills it; each generation is told when it is durable. */
_Noreturn static void write_generations(struct lmdb_fixture *fixture, uint64_t seed, int pipe)
{
    kv_prng_init(&fixture->prng, seed);
    lmdb_fixture_open(fixture);
    learn_from_disk(fixture);
    for (;;) {
        lmdb_fixture_change(fixture, KEYS, 50);
        lmdb_fixture_checkpoint(fixture);
        const uint64_t generation = store_lmdb_view_generation(fixture->view);
        if (write(pipe, &generation, sizeof(generation)) != sizeof(generation)) {
            _exit(1);
        }
    }
}

static void whenever_it_is_killed_the_last_durable_generation_is_whole(void **state)
{
    (void)state;
    struct lmdb_fixture *fixture = lmdb_fixture_new(13, MAP_BYTES);
    uint64_t last = 0;
    lmdb_fixture_close(fixture);
    for (uint32_t life = 0; life < 20; life++) {
        int ends[2];
        uint64_t told = 0;
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            write_generations(fixture, life, ends[1]);
        }
        close(ends[1]);
        for (uint32_t i = 0; i <= life % 5; i++) {
            assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ends[0]);
        lmdb_fixture_open(fixture);
        assert_true(told > last);
        last = store_lmdb_view_generation(fixture->view);
        assert_true(last >= told);
        lmdb_fixture_check_view(fixture);
        store_check(fixture->stores[0]);
        lmdb_fixture_close(fixture);
    }
    lmdb_fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_generation_is_what_was_frozen),
        cmocka_unit_test(a_new_environment_has_generation_0_and_nothing_in_it),
        cmocka_unit_test(a_view_stays_while_generations_are_written),
        cmocka_unit_test(pages_are_used_again),
        cmocka_unit_test(a_whole_layer_replaces_the_table),
        cmocka_unit_test(blobs_of_any_size_come_back),
        cmocka_unit_test(a_full_map_leaves_the_generation_before),
        cmocka_unit_test(an_environment_of_somebody_else_is_refused),
        cmocka_unit_test(reading_only_makes_nothing),
        cmocka_unit_test(other_formats_and_damaged_heads_are_told_apart),
        cmocka_unit_test(a_file_that_is_none_of_lmdb_is_corrupt),
        cmocka_unit_test(a_hundred_thousand_rows_go_in_one_transaction),
        cmocka_unit_test(a_crash_before_the_commit_leaves_the_generation_before),
        cmocka_unit_test(whenever_it_is_killed_the_last_durable_generation_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
