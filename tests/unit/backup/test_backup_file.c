/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a backup is taken whole and undamaged, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/backup/backup_file.h"
#include "multicast/base/bytes.h"

#define PARTITIONS 2

static const size_t sizes[PARTITIONS + 1] = {300, 0, 5000};

struct fixture {
    char directory[64];
    char path[96], partial[112], other[96];
    uint8_t image[5000];
    struct backup_head head;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/kv-backup-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/file", fixture->directory);
    snprintf(fixture->other, sizeof fixture->other, "%s/other", fixture->directory);
    snprintf(fixture->partial, sizeof fixture->partial, "%s.partial", fixture->path);
    for (size_t i = 0; i < sizeof fixture->image; i++) {
        fixture->image[i] = (uint8_t)(i * 7 + i / 256);
    }
    fixture->head = (struct backup_head){
        .partitions = PARTITIONS, .cut = {{1234567}, {2}}, .created_us = 42, .cluster = "demo"};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    unlink(fixture->other);
    assert_int_equal(rmdir(fixture->directory), 0); /* nothing partial is left */
    free(fixture);
    return 0;
}

static void write_images(struct fixture *fixture, struct backup_writer *writer)
{
    for (unsigned g = 0; g <= PARTITIONS; g++) {
        assert_int_equal(
            backup_writer_begin(writer, sizes[g], XXH3_64bits(fixture->image, sizes[g])),
            STATUS_OK);
        for (size_t at = 0; at < sizes[g]; at += 700) {
            const size_t left = sizes[g] - at;
            assert_int_equal(backup_writer_piece(
                                 writer, kv_slice_of(fixture->image + at, left < 700 ? left : 700)),
                             STATUS_OK);
        }
    }
}

static void write_file(struct fixture *fixture)
{
    struct backup_writer *writer;
    assert_int_equal(backup_writer_new(fixture->path, &fixture->head, &writer), STATUS_OK);
    write_images(fixture, writer);
    assert_int_not_equal(access(fixture->path, F_OK), 0);
    assert_int_equal(backup_writer_finish(&writer), STATUS_OK);
    assert_null(writer);
}

static enum status check(const char *path, struct backup_head *head, struct backup_part *parts)
{
    struct backup_error error = {{0}};
    const enum status status = backup_file_check(path, NULL, head, parts, &error);
    assert_int_equal(status == STATUS_OK, error.text[0] == '\0');
    return status;
}

static size_t read_file(const char *path, uint8_t *ret, size_t max)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(ret, 1, max, file);
    fclose(file);
    return size;
}

static void put_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void what_is_written_is_found_where_the_parts_say(void **state)
{
    struct fixture *fixture = *state;
    struct backup_head head;
    struct backup_part parts[KV_GROUPS_MAX];
    static uint8_t bytes[16384];
    write_file(fixture);
    assert_int_equal(check(fixture->path, &head, parts), STATUS_OK);
    assert_int_equal(head.partitions, PARTITIONS);
    assert_int_equal(head.cut.clock.value, 1234567);
    assert_int_equal(head.cut.group.value, 2);
    assert_int_equal(head.created_us, 42);
    assert_string_equal(head.cluster, "demo");
    (void)read_file(fixture->path, bytes, sizeof bytes);
    for (unsigned g = 0; g <= PARTITIONS; g++) {
        assert_int_equal(parts[g].bytes, sizes[g]);
        assert_memory_equal(bytes + parts[g].offset, fixture->image, sizes[g]);
    }
}

static void a_file_that_was_cut_off_anywhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct backup_head head;
    struct backup_part parts[KV_GROUPS_MAX];
    static uint8_t bytes[16384];
    write_file(fixture);
    const size_t size = read_file(fixture->path, bytes, sizeof bytes - 1);
    for (size_t left = 0; left < size; left += left < 400 || left > size - 40 ? 1 : 97) {
        put_file(fixture->other, bytes, left);
        assert_int_equal(check(fixture->other, &head, parts), STATUS_CORRUPT);
    }
    put_file(fixture->other, bytes, size + 1); /* or has something behind it */
    assert_int_equal(check(fixture->other, &head, parts), STATUS_CORRUPT);
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct backup_head head;
    struct backup_part parts[KV_GROUPS_MAX];
    static uint8_t bytes[16384];
    write_file(fixture);
    const size_t size = read_file(fixture->path, bytes, sizeof bytes);
    for (size_t at = 0; at < size; at += at < 400 || at > size - 40 ? 1 : 31) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
        put_file(fixture->other, bytes, size);
        assert_int_not_equal(check(fixture->other, &head, parts), STATUS_OK);
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
}

static void an_image_that_is_not_what_was_announced_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct backup_writer *writer;
    assert_int_equal(backup_writer_new(fixture->path, &fixture->head, &writer), STATUS_OK);
    assert_int_equal(backup_writer_begin(writer, 10, XXH3_64bits(fixture->image, 10)), STATUS_OK);
    assert_int_equal(backup_writer_piece(writer, kv_slice_of(fixture->image, 5)), STATUS_OK);
    assert_int_equal(backup_writer_piece(writer, kv_slice_of(fixture->image + 4, 6)),
                     STATUS_CORRUPT); /* too long */
    assert_int_equal(backup_writer_piece(writer, kv_slice_of(fixture->image + 4, 5)),
                     STATUS_CORRUPT); /* damaged on the way */
    backup_writer_destroy(&writer);
    assert_int_not_equal(access(fixture->path, F_OK), 0);
    assert_int_equal(backup_writer_new("/nonexistent/file", &fixture->head, &writer), STATUS_IO);
    assert_null(writer);
}

static void a_failed_writing_leaves_the_file_of_before(void **state)
{
    struct fixture *fixture = *state;
    struct backup_head head;
    struct backup_part parts[KV_GROUPS_MAX];
    struct backup_writer *writer;
    write_file(fixture);
    assert_int_equal(backup_writer_new(fixture->path, &fixture->head, &writer), STATUS_OK);
    assert_int_equal(access(fixture->partial, F_OK), 0);
    backup_writer_destroy(&writer);
    assert_int_equal(check(fixture->path, &head, parts), STATUS_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_found_where_the_parts_say),
        TEST(a_file_that_was_cut_off_anywhere_is_refused),
        TEST(a_flipped_bit_anywhere_is_found),
        TEST(an_image_that_is_not_what_was_announced_ends_it),
        TEST(a_failed_writing_leaves_the_file_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
