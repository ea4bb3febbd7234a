/* SPDX-License-Identifier: Apache-2.0 */
/* A log gives back what it was given: properties that hold on the real file system and in memory
 * alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/limits.h"
#include "multicast/base/prng.h"
#include "multicast/log/log_format.h"
#include "tests/unit/log/log_fixture.h"

#define SMALL_SEGMENT_BYTES (32u * 1024)

/* Each test runs on both implementations of log_io; *state says which. */
static bool on_system = true;
static bool in_memory = false;

static void init(struct log_fixture *fixture, void **state, uint64_t segment_bytes)
{
    if (*(const bool *)*state) {
        fixture_init_system(fixture, segment_bytes);
    } else {
        fixture_init(fixture, 1, segment_bytes);
    }
}

static void test_records_come_back_in_order_over_many_segments_and_openings(void **state)
{
    struct log_fixture fixture;
    struct kv_prng prng;
    kv_prng_init(&prng, 7);
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    for (int opening = 0; opening < 8; opening++) {
        size_t count;
        size_t expected = fixture.acknowledged;
        fixture_recover(&fixture, &count);
        assert_int_equal(count, expected);
        for (int batch = 0; batch < 25; batch++) {
            assert_int_equal(fixture_batch(&fixture, 0, (size_t)kv_prng_below(&prng, 8)),
                             STATUS_OK);
        }
        log_close(&fixture.log);
        assert_null(fixture.log);
    }
    size_t count;
    size_t expected = fixture.acknowledged;
    fixture_recover(&fixture, &count);
    assert_int_equal(count, expected);
    assert_true(count > 400);
    assert_true(log_counters(fixture.log).segments > 20);
    assert_int_equal(log_counters(fixture.log).cut_bytes, 0);
    fixture_close(&fixture);
}

static void test_a_new_log_is_empty_and_stays_empty(void **state)
{
    struct log_fixture fixture;
    init(&fixture, state, 0);
    for (int opening = 0; opening < 3; opening++) {
        size_t count;
        fixture_recover(&fixture, &count);
        assert_int_equal(count, 0);
        log_close(&fixture.log);
    }
    fixture_close(&fixture);
}

static void test_a_directory_keeps_its_id_and_another_one_has_another(void **state)
{
    uint64_t ids[2] = {0, 0};
    for (int directory = 0; directory < 2; directory++) {
        struct log_fixture fixture;
        init(&fixture, state, 0);
        for (int opening = 0; opening < 2; opening++) {
            size_t count;
            fixture_recover(&fixture, &count);
            assert_true(opening == 0 || log_id(fixture.log) == ids[directory]);
            ids[directory] = log_id(fixture.log);
            log_close(&fixture.log);
        }
        fixture_close(&fixture);
    }
    assert_int_not_equal(ids[0], 0);
    /* The double of the other tests has the same random numbers each time. */
    assert_true(ids[0] != ids[1] || !*(const bool *)*state);
}

static void test_what_was_not_synced_is_not_there_after_closing(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    fixture_recover(&fixture, &count);
    assert_int_equal(fixture_batch(&fixture, 0, 3), STATUS_OK);
    assert_int_equal(fixture_append(&fixture, 0), STATUS_OK);
    log_close(&fixture.log);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, 3);
    fixture_close(&fixture);
}

static void test_what_was_given_up_is_gone_and_the_rest_comes_back(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, 24 * 1024);
    fixture_recover(&fixture, &count);
    for (uint8_t life = 0; life < 5; life++) {
        for (int i = 0; i < 20; i++) {
            assert_int_equal(fixture_batch(&fixture, life, 3), STATUS_OK);
        }
        const uint64_t now = log_segment_now(fixture.log);
        const uint64_t first = log_segment_first(fixture.log);
        assert_true(now > first + 2);
        assert_int_equal(fixture_prune(&fixture, life == 4 ? now : now - 2), STATUS_OK);
        assert_int_equal(log_counters(fixture.log).segments,
                         log_segment_now(fixture.log) - log_segment_first(fixture.log) + 1);
        log_close(&fixture.log);
        const size_t appended = fixture.appended;
        fixture_recover(&fixture, &count);
        assert_int_equal(count, appended);
    }
    struct log_verify_result result;
    const uint64_t first = log_segment_first(fixture.log);
    log_close(&fixture.log);
    assert_int_equal(
        log_verify(fixture.directory[0] != '\0' ? fixture.directory : FIXTURE_DIRECTORY,
                   fixture.settings.io, &result),
        STATUS_OK);
    assert_int_equal(result.first_segment, first);
    fixture_close(&fixture);
}

static void test_a_sync_of_nothing_writes_nothing(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    fixture_recover(&fixture, &count);
    struct log_counters before = log_counters(fixture.log);
    assert_int_equal(log_sync(fixture.log, NULL), STATUS_OK);
    struct log_counters after = log_counters(fixture.log);
    assert_memory_equal(&before, &after, sizeof before);
    fixture_close(&fixture);
}

static void test_one_sync_serves_all_records_of_a_batch(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, 0);
    fixture_recover(&fixture, &count);
    struct log_counters before = log_counters(fixture.log);
    assert_int_equal(fixture_batch(&fixture, 0, 20), STATUS_OK);
    struct log_counters after = log_counters(fixture.log);
    assert_int_equal(after.syncs, before.syncs + 1);
    assert_int_equal(after.batches, before.batches + 1);
    assert_int_equal(after.records, before.records + 20);
    fixture_close(&fixture);
}

static void append_filled(struct log *log, uint8_t fill, size_t size, enum status expected)
{
    uint8_t *data = kv_alloc(size);
    memset(data, fill, size);
    const struct log_record record = {
        .kind = LOG_RECORD_ENTRY, .group = {1}, .payload = kv_slice_of(data, size)};
    assert_int_equal(log_append(log, &record), expected);
    kv_free(data);
}

static void check_filled(struct log *log, uint8_t fill, size_t size)
{
    struct log_record record;
    assert_int_equal(log_next(log, &record, NULL), STATUS_OK);
    assert_int_equal(record.payload.size, size);
    for (size_t i = 0; i < size; i += 511) {
        assert_int_equal(record.payload.data[i], fill);
    }
    assert_true(size == 0 || record.payload.data[size - 1] == fill);
}

static void test_records_of_every_size_up_to_the_largest_come_back(void **state)
{
    static const size_t sizes[] = {
        0,
        1,
        7,
        8,
        4096 - 89,
        4096 - 88,
        4096,
        4097,
        65536,
        KV_BODY_BYTES_MAX,
        LOG_RECORD_BYTES_MAX,
    };
    struct log_fixture fixture;
    init(&fixture, state, SMALL_SEGMENT_BYTES); /* a large batch gets a large segment */
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        append_filled(fixture.log, (uint8_t)i, sizes[i], STATUS_OK);
        assert_int_equal(log_sync(fixture.log, NULL), STATUS_OK);
    }
    append_filled(fixture.log, 0, LOG_RECORD_BYTES_MAX + 1, STATUS_TOO_LARGE);
    append_filled(fixture.log, 99, 5, STATUS_OK); /* a refusal poisons nothing */
    assert_int_equal(log_sync(fixture.log, NULL), STATUS_OK);
    log_close(&fixture.log);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_filled(fixture.log, (uint8_t)i, sizes[i]);
    }
    check_filled(fixture.log, 99, 5);
    fixture_close(&fixture);
}

static void test_a_batch_that_grows_too_large_is_synced_by_itself(void **state)
{
    struct log_fixture fixture;
    init(&fixture, state, 0);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    uint64_t before = log_counters(fixture.log).batches;
    for (uint8_t i = 0; i < 5; i++) {
        append_filled(fixture.log, i, KV_BODY_BYTES_MAX, STATUS_OK);
    }
    assert_int_equal(log_counters(fixture.log).batches, before + 1);
    assert_int_equal(log_sync(fixture.log, NULL), STATUS_OK);
    assert_int_equal(log_counters(fixture.log).batches, before + 2);
    log_close(&fixture.log);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    for (uint8_t i = 0; i < 5; i++) {
        check_filled(fixture.log, i, KV_BODY_BYTES_MAX);
    }
    fixture_close(&fixture);
}

static void test_a_second_opening_is_refused_and_the_first_is_unharmed(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    fixture_recover(&fixture, &count);
    struct log *second = NULL;
    struct log_verify_result result;
    assert_int_equal(log_open(&fixture.settings, &second, &fixture.error), STATUS_LOCKED);
    assert_null(second);
    assert_non_null(strstr(fixture.error.text, "LOCK"));
    assert_int_equal(log_verify(fixture.settings.directory, fixture.settings.io, &result),
                     STATUS_LOCKED);
    assert_int_equal(fixture_batch(&fixture, 0, 2), STATUS_OK);
    log_close(&fixture.log);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, 2);
    fixture_close(&fixture);
}

static void test_another_cluster_or_node_is_refused_and_named(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    fixture_recover(&fixture, &count);
    log_close(&fixture.log);
    fixture.settings.node.value = 4;
    assert_int_equal(fixture_open(&fixture), STATUS_FOREIGN);
    assert_non_null(strstr(fixture.error.text, "1122334455667788 node 3"));
    fixture.settings.node.value = 3;
    fixture.settings.cluster.value++;
    assert_int_equal(fixture_open(&fixture), STATUS_FOREIGN);
    fixture.settings.cluster.value--;
    fixture_recover(&fixture, &count);
    fixture_close(&fixture);
}

static void test_settings_that_make_no_sense_are_refused(void **state)
{
    struct log_fixture fixture;
    init(&fixture, state, SMALL_SEGMENT_BYTES + 1);
    assert_int_equal(fixture_open(&fixture), STATUS_INVALID);
    fixture.settings.segment_bytes = 0;
    fixture.settings.node.value = 0;
    assert_int_equal(fixture_open(&fixture), STATUS_INVALID);
    fixture.settings.node.value = 1;
    fixture.settings.directory = "";
    assert_int_equal(fixture_open(&fixture), STATUS_INVALID);
    fixture.settings.directory = "/there/is/no/such/parent";
    assert_int_equal(fixture_open(&fixture), STATUS_IO);
    fixture_close(&fixture);
}

static void test_a_log_that_does_not_sync_is_read_back_after_an_orderly_end(void **state)
{
    struct log_fixture fixture;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    fixture.settings.unsafe_no_sync = true;
    fixture_recover(&fixture, &count);
    uint64_t syncs = log_counters(fixture.log).syncs;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(fixture_batch(&fixture, 0, 4), STATUS_OK);
    }
    assert_true(log_counters(fixture.log).syncs <= syncs + log_counters(fixture.log).segments);
    log_close(&fixture.log);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, 160);
    fixture_close(&fixture);
}

static void test_the_checker_counts_what_a_closed_log_holds(void **state)
{
    struct log_fixture fixture;
    struct log_verify_result result;
    size_t count;
    init(&fixture, state, SMALL_SEGMENT_BYTES);
    assert_int_equal(log_verify("/tmp/kv-test-log-none", fixture.settings.io, &result),
                     STATUS_NOT_FOUND);
    fixture_recover(&fixture, &count);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(fixture_batch(&fixture, 0, 3), STATUS_OK);
    }
    struct log_counters counters = log_counters(fixture.log);
    log_close(&fixture.log);
    assert_int_equal(log_verify(fixture.settings.directory, fixture.settings.io, &result),
                     STATUS_OK);
    assert_string_equal(result.error.text, "");
    assert_int_equal(result.cluster.value, fixture.settings.cluster.value);
    assert_int_equal(result.node.value, 3);
    assert_int_equal(result.incarnation, 1);
    assert_int_equal(result.records, 90);
    assert_int_equal(result.hard_states + result.entries + result.snapshots, 90);
    assert_int_equal(result.batches, counters.batches + 1); /* the closing one */
    assert_int_equal(result.bytes, counters.bytes + LOG_BLOCK_BYTES);
    assert_int_equal(result.last_sequence, result.batches);
    assert_int_equal(result.segments, counters.segments);
    assert_int_equal(result.torn_bytes, 0);
    assert_true(result.closed);
    fixture_close(&fixture);
}

#define BOTH(test)                                                                                 \
    {#test " (system)", test, NULL, NULL, &on_system},                                             \
    {                                                                                              \
#test " (memory)", test, NULL, NULL, &in_memory                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_records_come_back_in_order_over_many_segments_and_openings),
        BOTH(test_a_new_log_is_empty_and_stays_empty),
        BOTH(test_a_directory_keeps_its_id_and_another_one_has_another),
        BOTH(test_what_was_not_synced_is_not_there_after_closing),
        BOTH(test_what_was_given_up_is_gone_and_the_rest_comes_back),
        BOTH(test_a_sync_of_nothing_writes_nothing),
        BOTH(test_one_sync_serves_all_records_of_a_batch),
        BOTH(test_records_of_every_size_up_to_the_largest_come_back),
        BOTH(test_a_batch_that_grows_too_large_is_synced_by_itself),
        BOTH(test_a_second_opening_is_refused_and_the_first_is_unharmed),
        BOTH(test_another_cluster_or_node_is_refused_and_named),
        BOTH(test_settings_that_make_no_sense_are_refused),
        BOTH(test_a_log_that_does_not_sync_is_read_back_after_an_orderly_end),
        BOTH(test_the_checker_counts_what_a_closed_log_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
