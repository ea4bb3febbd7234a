/* SPDX-License-Identifier: Apache-2.0 */
/* Damage is found and named, never guessed around; a torn tail is not damage.
 *
 * We break: every byte of a log, the end of its last batch at every byte, and whole files: lost,
 * cut, swapped, renamed, of another node, of another time, of another version. We check: exactly
 * the right records, or the documented status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/log/log_format.h"
#include "multicast/log/log_internal.h"
#include "tests/unit/log/log_fixture.h"

#define DAMAGE_SEGMENT_BYTES (16u * 1024)

#define META_PATH            FIXTURE_DIRECTORY "/META"

static const char *segment_path(unsigned number)
{
    static char path[64];
    (void)snprintf(path, sizeof path, FIXTURE_DIRECTORY "/wal/%08u.seg", number);
    return path;
}

/* A log of two openings and `batches` batches of 2 records. Orderly: closed, or else the process
 * was killed. */
static void make_log(struct log_fixture *fixture, uint64_t seed, int batches, bool orderly)
{
    size_t count;
    fixture_init(fixture, seed, DAMAGE_SEGMENT_BYTES);
    fixture_recover(fixture, &count);
    assert_int_equal(fixture_batch(fixture, 0, 2), STATUS_OK);
    log_close(&fixture->log);
    fixture_recover(fixture, &count);
    for (int i = 1; i < batches; i++) {
        assert_int_equal(fixture_batch(fixture, 0, 2), STATUS_OK);
    }
    if (orderly) {
        log_close(&fixture->log);
    }
    fixture_kill(fixture);
}

static enum status verify(struct log_fixture *fixture, struct log_verify_result *ret)
{
    return log_verify(FIXTURE_DIRECTORY, fixture->settings.io, ret);
}

/* The log must be refused with this status by both the checker and the opening, which must leave
 * everything as it was. */
static void check_refused(struct log_fixture *fixture, enum status expected, const char *words)
{
    struct log_verify_result result;
    enum status status = fixture_open(fixture);
    if (status != expected || strstr(fixture->error.text, words) == NULL) {
        fail_msg("%s instead of %s \"%s\": %s", status_name(status), status_name(expected), words,
                 fixture->error.text);
    }
    assert_int_equal(verify(fixture, &result), expected);
    assert_string_equal(result.error.text, fixture->error.text);
    assert_int_equal(fixture_open(fixture), expected);
}

/* --- bits */

/* Bytes of the last batch that has records: damage there cannot be told from a torn tail if nothing
 * was written behind it. */
static void last_batch(struct log_fixture *fixture, unsigned *ret_number, size_t *ret_begin,
                       size_t *ret_end)
{
    struct log_verify_result result;
    assert_int_equal(verify(fixture, &result), STATUS_OK);
    *ret_number = (unsigned)result.segments;
    size_t size;
    const uint8_t *bytes = log_io_fault_bytes(fixture->fault, segment_path(*ret_number), &size);
    *ret_begin = 0;
    for (size_t offset = LOG_BLOCK_BYTES; offset < size; offset += LOG_BLOCK_BYTES) {
        if (memcmp(bytes + offset, "KVLB", 4) == 0) {
            uint32_t payload_bytes;
            memcpy(&payload_bytes, bytes + offset + 8, 4);
            *ret_begin = offset;
            *ret_end = offset + LOG_BATCH_HEADER_BYTES + payload_bytes;
        }
    }
    assert_true(*ret_begin > 0);
}

/* Change one byte, look, and change it back. Returns true if the damage was refused. */
static bool flip(struct log_fixture *fixture, const char *path, size_t at, uint8_t mask,
                 uint64_t records_min)
{
    struct log_verify_result result;
    struct log_verify_result whole;
    size_t size;
    assert_int_equal(verify(fixture, &whole), STATUS_OK);
    log_io_fault_bytes(fixture->fault, path, &size)[at] ^= mask;
    log_io_fault_changed(fixture->fault, path);
    enum status status = verify(fixture, &result);
    if (status != STATUS_CORRUPT && (status != STATUS_OK || (result.records != whole.records &&
                                                             result.records != records_min))) {
        fail_msg("%s at %zu: %s, %llu records: %s", path, at, status_name(status),
                 (unsigned long long)result.records, result.error.text);
    }
    if (at % 41 == 0) {
        /* The opening agrees with the checker, and what it returns is right byte for byte. */
        struct log_fixture clone;
        size_t count;
        fixture_clone(&clone, fixture, 1);
        if (status == STATUS_OK) {
            fixture_recover(&clone, &count);
            assert_int_equal(count, result.records);
        } else {
            assert_int_equal(fixture_open(&clone), status);
        }
        fixture_close(&clone);
    }
    log_io_fault_bytes(fixture->fault, path, &size)[at] ^= mask;
    log_io_fault_changed(fixture->fault, path);
    return status != STATUS_OK;
}

static void flip_every_byte(struct log_fixture *fixture, uint64_t records_min)
{
    struct kv_prng prng;
    struct log_verify_result result;
    size_t size;
    uint64_t refused = 0;
    uint64_t flips = 0;
    kv_prng_init(&prng, 5);
    assert_int_equal(verify(fixture, &result), STATUS_OK);
    for (unsigned number = 0; number <= result.segments; number++) {
        const char *path = number == 0 ? META_PATH : segment_path(number);
        assert_non_null(log_io_fault_bytes(fixture->fault, path, &size));
        for (size_t at = 0; at < size; at++) {
            const uint8_t *bytes = log_io_fault_bytes(fixture->fault, path, &size);
            if (bytes[at] == 0 && at % 16 != 0) {
                continue; /* padding, mostly: a sixteenth will do */
            }
            refused +=
                flip(fixture, path, at, (uint8_t)kv_prng_between(&prng, 1, 255), records_min);
            flips++;
        }
    }
    print_message("%llu bytes changed, %llu times refused\n", (unsigned long long)flips,
                  (unsigned long long)refused);
    assert_true(refused > flips / 4); /* not so: padding, the last batch, zeros ahead */
}

static void test_any_changed_byte_of_a_closed_log_is_harmless_or_refused(void **state)
{
    (void)state;
    struct log_fixture fixture;
    make_log(&fixture, 1, 8, true);
    flip_every_byte(&fixture, fixture.appended);
    fixture_close(&fixture);
}

static void test_any_changed_byte_of_a_killed_log_costs_at_most_the_last_batch(void **state)
{
    (void)state;
    struct log_fixture fixture;
    make_log(&fixture, 2, 8, false);
    flip_every_byte(&fixture, fixture.appended - 2);
    fixture_close(&fixture);
}

static void test_damage_before_a_proof_names_file_offset_and_groups(void **state)
{
    (void)state;
    struct log_fixture fixture;
    unsigned number;
    size_t begin;
    size_t end;
    size_t size;
    make_log(&fixture, 3, 2, false);
    last_batch(&fixture, &number, &begin, &end);
    fixture_recover(&fixture, &size);
    fixture_kill(&fixture);
    log_io_fault_power_cut(fixture.fault, LOG_IO_FAULT_DROP);
    log_io_fault_bytes(fixture.fault, segment_path(number), &size)[end - 1] ^= 1;
    log_io_fault_changed(fixture.fault, segment_path(number));
    char words[128];
    (void)snprintf(words, sizeof words, "%s: offset %zu: batch ", segment_path(number), begin);
    check_refused(&fixture, STATUS_CORRUPT, words);
    check_refused(&fixture, STATUS_CORRUPT, ", groups ");
    check_refused(&fixture, STATUS_CORRUPT, "docs/log.md");
    fixture_close(&fixture);
}

/* --- torn tails */

enum tear { TEAR_TRUNCATE, TEAR_END_MISSING, TEAR_BEGIN_MISSING, TEAR_BEGIN_STALE };

/* Damage the last batch so that only what is before or behind `at` has reached the disk. */
static void tear(struct log_fixture *fixture, enum tear how, unsigned number, size_t begin,
                 size_t at, size_t end)
{
    size_t size;
    uint8_t *bytes = log_io_fault_bytes(fixture->fault, segment_path(number), &size);
    switch (how) {
    case TEAR_TRUNCATE:
        log_io_fault_truncate(fixture->fault, segment_path(number), at);
        break;
    case TEAR_END_MISSING:
        memset(bytes + at, 0, end - at);
        break;
    case TEAR_BEGIN_MISSING:
        memset(bytes + begin, 0, at - begin);
        break;
    case TEAR_BEGIN_STALE:
        memset(bytes + begin, 0xa5, at - begin);
        break;
    }
    log_io_fault_changed(fixture->fault, segment_path(number));
}

static void test_a_last_batch_torn_at_any_byte_is_cut_and_the_log_goes_on(void **state)
{
    (void)state;
    struct log_fixture whole;
    unsigned number;
    size_t begin;
    size_t end;
    make_log(&whole, 4, 9, false);
    last_batch(&whole, &number, &begin, &end);
    for (enum tear how = TEAR_TRUNCATE; how <= TEAR_BEGIN_STALE; how++) {
        for (size_t at = begin; at <= end; at++) {
            struct log_fixture fixture;
            size_t count;
            bool intact = how <= TEAR_END_MISSING ? at == end : at == begin;
            fixture_clone(&fixture, &whole, at);
            tear(&fixture, how, number, begin, at, end);
            fixture_recover(&fixture, &count);
            if (how != TEAR_END_MISSING) { /* what is missing at the end may have been zeros */
                assert_int_equal(count, whole.appended - (intact ? 0 : 2));
            } else {
                assert_true(count == whole.appended || (!intact && count == whole.appended - 2));
            }
            assert_true(count == whole.appended || how == TEAR_TRUNCATE || at == begin ||
                        at == end || log_counters(fixture.log).cut_bytes > 0);
            assert_int_equal(fixture_batch(&fixture, 1, 2), STATUS_OK);
            fixture_kill(&fixture);
            log_io_fault_power_cut(fixture.fault, LOG_IO_FAULT_DROP);
            size_t expected = fixture.appended;
            fixture_recover(&fixture, &count);
            assert_int_equal(count, expected);
            fixture_close(&fixture);
        }
    }
    fixture_close(&whole);
}

static void test_the_bytes_of_a_cut_batch_are_gone_and_the_incarnation_rises(void **state)
{
    (void)state;
    struct log_fixture fixture;
    struct log_verify_result before;
    struct log_verify_result after;
    unsigned number;
    size_t begin;
    size_t end;
    size_t size;
    size_t count;
    fixture_init(&fixture, 5, 0);
    fixture_recover(&fixture, &count);
    assert_int_equal(fixture_batch(&fixture, 0, 2), STATUS_OK);
    assert_int_equal(fixture_batch(&fixture, 0, 40), STATUS_OK);
    fixture_kill(&fixture);
    last_batch(&fixture, &number, &begin, &end);
    assert_true(end - begin > 3 * LOG_BLOCK_BYTES);
    tear(&fixture, TEAR_BEGIN_STALE, number, begin, begin + 16, end);
    assert_int_equal(verify(&fixture, &before), STATUS_OK);
    assert_int_equal(before.torn_bytes, end - begin);
    fixture_recover(&fixture, &count);
    assert_int_equal(log_counters(fixture.log).cut_bytes, end - begin);
    fixture_kill(&fixture);
    log_io_fault_power_cut(fixture.fault, LOG_IO_FAULT_DROP);
    assert_int_equal(verify(&fixture, &after), STATUS_OK);
    assert_int_equal(after.incarnation, before.incarnation + 1);
    assert_int_equal(after.torn_bytes, 0);
    const uint8_t *bytes = log_io_fault_bytes(fixture.fault, segment_path(number), &size);
    /* The opening batch stands there now; behind it there are zeros. */
    assert_true(
        log_is_zero(bytes + begin + LOG_BATCH_HEADER_BYTES, size - begin - LOG_BATCH_HEADER_BYTES));
    fixture_close(&fixture);
}

/* --- older lives (L3) */

/* The old life wrote batches up to the end of what is filled. The new one lost all from some batch
 * on (to a disk that lied about a sync, say), began again there, and then the zeros behind its end
 * turn out to be the old blocks: the worst that recycling files or a lost write can do. */
static void test_batches_of_an_older_life_behind_the_end_are_never_read(void **state)
{
    (void)state;
    struct log_fixture old;
    size_t count;
    size_t old_size;
    uint64_t refused = 0;
    fixture_init(&old, 6, 64 * 1024);
    fixture_recover(&old, &count);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(fixture_batch(&old, 0, 1), STATUS_OK);
    }
    fixture_kill(&old);
    const uint8_t *old_bytes = log_io_fault_bytes(old.fault, segment_path(1), &old_size);
    for (size_t from = 2 * LOG_BLOCK_BYTES; from < old_size; from += LOG_BLOCK_BYTES) {
        struct log_fixture fixture;
        struct log_verify_result result;
        size_t size;
        fixture_clone(&fixture, &old, from);
        log_io_fault_truncate(fixture.fault, segment_path(1), from);
        fixture_recover(&fixture, &count);
        assert_int_equal(fixture_batch(&fixture, 1, 1), STATUS_OK);
        fixture_kill(&fixture);
        assert_int_equal(verify(&fixture, &result), STATUS_OK);
        size_t end = LOG_BLOCK_BYTES + (size_t)result.bytes;
        uint8_t *bytes = log_io_fault_bytes(fixture.fault, segment_path(1), &size);
        size = size < old_size ? size : old_size;
        if (size > end) {
            memcpy(bytes + end, old_bytes + end, size - end);
            log_io_fault_changed(fixture.fault, segment_path(1));
        }
        enum status status = fixture_open(&fixture);
        if (status == STATUS_OK) {
            assert_int_equal(fixture_read(&fixture, &count), STATUS_END);
            assert_int_equal(count, fixture.appended);
        } else {
            assert_int_equal(status,
                             STATUS_CORRUPT); /* an old block claims that more had been durable */
            refused++;
        }
        fixture_close(&fixture);
    }
    assert_true(refused < 8);
    fixture_close(&old);
}

static void test_a_value_that_looks_like_a_batch_is_not_one(void **state)
{
    (void)state;
    struct log_fixture fixture;
    struct log_record record = {.kind = LOG_RECORD_ENTRY};
    unsigned number;
    size_t begin;
    size_t end;
    size_t count;
    /* A client that knows everything but the log id fills its value with batches that claim that
     * all was durable. */
    const struct log_identity guess = {{UINT64_C(0x1122334455667788)}, {3}, 0};
    struct kv_buffer value = {0};
    struct log_batch_header header = {.incarnation = 1, .sequence = 1000, .durable = 999};
    header.payload_hash = log_payload_hash(&guess, kv_slice_of(&guess, 0));
    for (size_t at = 0; at + LOG_BATCH_HEADER_BYTES <= 3 * LOG_BLOCK_BYTES; at += 8) {
        uint8_t data[LOG_BATCH_HEADER_BYTES];
        log_batch_header_encode(&guess, &header, data);
        if ((at + LOG_BATCH_HEADER_BYTES + LOG_RECORD_HEADER_BYTES) % LOG_BLOCK_BYTES == 0) {
            kv_buffer_append(&value, data, sizeof data);
            at += sizeof data - 8;
        } else {
            kv_buffer_append(&value, "--------", 8);
        }
    }
    record.payload = kv_buffer_slice(&value);
    fixture_init(&fixture, 7, 0);
    fixture_recover(&fixture, &count);
    assert_int_equal(log_append(fixture.log, &record), STATUS_OK);
    assert_int_equal(log_sync(fixture.log, NULL), STATUS_OK);
    fixture_kill(&fixture);
    last_batch(&fixture, &number, &begin, &end); /* is that of the value: its claims are not seen */
    size_t size;
    const uint8_t *bytes = log_io_fault_bytes(fixture.fault, segment_path(1), &size);
    assert_memory_equal(bytes + 3 * LOG_BLOCK_BYTES, "KVLB",
                        4); /* the bait is where it should be */
    tear(&fixture, TEAR_BEGIN_MISSING, 1, 2 * LOG_BLOCK_BYTES, 2 * LOG_BLOCK_BYTES + 512, 0);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, 0);
    kv_buffer_close(&value);
    fixture_close(&fixture);
}

/* --- whole files */

static void test_a_missing_segment_is_refused_wherever_it_is(void **state)
{
    (void)state;
    struct log_verify_result result;
    struct log_fixture whole;
    make_log(&whole, 8, 12, true);
    assert_int_equal(verify(&whole, &result), STATUS_OK);
    assert_true(result.segments >= 4);
    for (unsigned number = 1; number <= result.segments; number++) {
        struct log_fixture fixture;
        fixture_clone(&fixture, &whole, number);
        log_io_fault_remove(fixture.fault, segment_path(number));
        check_refused(&fixture, STATUS_CORRUPT, "missing");
        fixture_close(&fixture);
    }
    for (unsigned number = 1; number <= result.segments; number++) {
        log_io_fault_remove(whole.fault, segment_path(number));
    }
    check_refused(&whole, STATUS_CORRUPT, "all segments are missing");
    log_io_fault_remove(whole.fault, FIXTURE_DIRECTORY "/wal");
    check_refused(&whole, STATUS_CORRUPT, "missing");
    fixture_close(&whole);
}

static void test_a_missing_segment_that_was_not_given_up_is_refused(void **state)
{
    (void)state;
    struct log_verify_result result;
    struct log_fixture whole;
    size_t count;
    make_log(&whole, 8, 12, true);
    fixture_recover(&whole, &count);
    assert_int_equal(fixture_prune(&whole, 3), STATUS_OK);
    log_close(&whole.log);
    fixture_kill(&whole);
    assert_int_equal(verify(&whole, &result), STATUS_OK);
    assert_int_equal(result.first_segment, 3);
    for (unsigned number = 3; number < 3 + result.segments; number++) {
        struct log_fixture fixture;
        fixture_clone(&fixture, &whole, number);
        log_io_fault_remove(fixture.fault, segment_path(number));
        check_refused(&fixture, STATUS_CORRUPT, "missing");
        fixture_close(&fixture);
    }
    fixture_close(&whole);
}

static void test_a_segment_shorter_than_its_header_or_of_garbage_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, LOG_SEGMENT_HEADER_BYTES - 1};
    struct log_verify_result result;
    struct log_fixture whole;
    make_log(&whole, 9, 9, true);
    assert_int_equal(verify(&whole, &result), STATUS_OK);
    for (unsigned number = 1; number <= result.segments; number++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct log_fixture fixture;
            fixture_clone(&fixture, &whole, i);
            log_io_fault_truncate(fixture.fault, segment_path(number), sizes[i]);
            check_refused(&fixture, STATUS_CORRUPT, segment_path(number));
            fixture_close(&fixture);
        }
        struct log_fixture fixture;
        uint8_t garbage[10000];
        memset(garbage, 0x5a, sizeof garbage);
        fixture_clone(&fixture, &whole, number);
        log_io_fault_put(fixture.fault, segment_path(number), garbage, sizeof garbage);
        check_refused(&fixture, STATUS_CORRUPT, segment_path(number));
        fixture_close(&fixture);
    }
    fixture_close(&whole);
}

static void test_a_segment_that_is_not_the_last_must_be_complete(void **state)
{
    (void)state;
    struct log_verify_result result;
    struct log_fixture whole;
    size_t size;
    make_log(&whole, 10, 12, true);
    assert_int_equal(verify(&whole, &result), STATUS_OK);
    for (unsigned number = 1; number < result.segments; number++) {
        (void)log_io_fault_bytes(whole.fault, segment_path(number), &size);
        for (size_t end = LOG_BLOCK_BYTES; end < size; end += LOG_BLOCK_BYTES) {
            struct log_fixture fixture;
            fixture_clone(&fixture, &whole, end);
            log_io_fault_truncate(fixture.fault, segment_path(number), end);
            enum status status = verify(&fixture, &result);
            /* Zeros behind the seal are not missed by anyone. */
            assert_true(status == STATUS_CORRUPT ||
                        (status == STATUS_OK && result.records == whole.appended));
            fixture_close(&fixture);
        }
    }
    fixture_close(&whole);
}

static void test_swapped_and_renamed_segments_are_refused(void **state)
{
    (void)state;
    struct log_fixture whole;
    struct log_fixture fixture;
    make_log(&whole, 11, 12, true);
    fixture_clone(&fixture, &whole, 1);
    log_io_fault_swap(fixture.fault, FIXTURE_DIRECTORY "/wal/00000001.seg",
                      FIXTURE_DIRECTORY "/wal/00000002.seg");
    check_refused(&fixture, STATUS_CORRUPT, "this is segment 2, renamed or swapped");
    fixture_close(&fixture);

    size_t size;
    fixture_clone(&fixture, &whole, 2);
    log_io_fault_put(fixture.fault, FIXTURE_DIRECTORY "/wal/1.seg", "", 0);
    check_refused(&fixture, STATUS_CORRUPT, "wal/1.seg: this is not the name of a segment");
    fixture_close(&fixture);

    fixture_clone(&fixture, &whole, 3);
    log_io_fault_put(fixture.fault, FIXTURE_DIRECTORY "/wal/notes.txt", "x", 1);
    fixture_recover(&fixture, &size);
    assert_int_equal(size, whole.appended);
    fixture_close(&fixture);
    fixture_close(&whole);
}

static void test_a_segment_of_another_node_cluster_or_time_is_refused_as_foreign(void **state)
{
    (void)state;
    struct log_fixture whole;
    make_log(&whole, 12, 9, true);
    for (int i = 0; i < 3; i++) {
        struct log_fixture other;
        struct log_fixture fixture;
        size_t count;
        size_t size;
        fixture_init(&other, 13, DAMAGE_SEGMENT_BYTES);
        other.settings.node.value = i == 0 ? 4 : 3;
        other.settings.cluster.value += i == 1 ? 1 : 0;
        fixture_recover(&other, &count);
        log_close(&other.log);
        const uint8_t *bytes = log_io_fault_bytes(other.fault, segment_path(1), &size);
        fixture_clone(&fixture, &whole, 1);
        log_io_fault_put(fixture.fault, segment_path(1), bytes, size);
        check_refused(&fixture, STATUS_FOREIGN,
                      i == 0   ? "node 4"
                      : i == 1 ? "cluster 1122334455667789"
                               : "another log of this node");
        fixture_close(&fixture);
        fixture_close(&other);
    }
    fixture_close(&whole);
}

static void test_a_segment_that_does_not_continue_the_one_before_is_refused(void **state)
{
    (void)state;
    struct log_fixture whole;
    struct log_verify_result result;
    make_log(&whole, 18, 9, true);
    assert_int_equal(verify(&whole, &result), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        struct log_fixture fixture;
        struct log_segment_header header;
        uint32_t version;
        size_t size;
        const char *path = segment_path((unsigned)result.segments);
        fixture_clone(&fixture, &whole, 1);
        uint8_t *bytes = log_io_fault_bytes(fixture.fault, path, &size);
        assert_int_equal(log_segment_header_decode(kv_slice_of(bytes, size), &header, &version),
                         LOG_HEADER_GOOD);
        header.first_sequence -= i == 0;
        header.previous_hash ^= i == 1;
        header.incarnation += i == 2;
        log_segment_header_encode(&header, bytes);
        log_io_fault_changed(fixture.fault, path);
        check_refused(&fixture, STATUS_CORRUPT, "does not continue");
        fixture_close(&fixture);
    }
    fixture_close(&whole);
}

static void test_a_header_with_a_right_checksum_and_senseless_numbers_is_refused(void **state)
{
    (void)state;
    struct log_fixture whole;
    make_log(&whole, 19, 9, true);
    for (int i = 0; i < 5; i++) {
        struct log_fixture fixture;
        struct log_segment_header header;
        uint32_t version;
        size_t size;
        fixture_clone(&fixture, &whole, 1);
        uint8_t *bytes = log_io_fault_bytes(fixture.fault, segment_path(1), &size);
        assert_int_equal(log_segment_header_decode(kv_slice_of(bytes, size), &header, &version),
                         LOG_HEADER_GOOD);
        header.capacity = i == 0   ? UINT64_MAX / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES
                          : i == 1 ? 0
                          : i == 2 ? 2 * LOG_BLOCK_BYTES
                          : i == 3 ? LOG_CAPACITY_BYTES_MIN /* less than there are batches */
                                   : header.capacity;
        header.durable = i == 4 ? 1 : header.durable;
        log_segment_header_encode(&header, bytes);
        log_io_fault_changed(fixture.fault, segment_path(1));
        check_refused(&fixture, STATUS_CORRUPT, "a right checksum around");
        fixture_close(&fixture);
    }
    fixture_close(&whole);
}

/* Give a file with a header another format version, with a right checksum. */
static void set_version(struct log_fixture *fixture, const char *path, uint32_t bytes)
{
    size_t size;
    uint8_t *data = log_io_fault_bytes(fixture->fault, path, &size);
    data[8] = 7;
    uint64_t hash = XXH3_64bits(data, bytes - 8);
    memcpy(data + bytes - 8, &hash, sizeof hash);
    log_io_fault_changed(fixture->fault, path);
}

static void test_another_format_version_is_refused_with_both_numbers(void **state)
{
    (void)state;
    struct log_fixture fixture;
    make_log(&fixture, 14, 9, true);
    set_version(&fixture, segment_path(2), LOG_SEGMENT_HEADER_BYTES);
    check_refused(&fixture, STATUS_VERSION, "version 7, this program reads version 1");
    set_version(&fixture, META_PATH, LOG_META_BYTES);
    check_refused(&fixture, STATUS_VERSION, "/data/META: written by format version 7");
    fixture_close(&fixture);
}

static void test_a_lost_or_cut_meta_is_refused(void **state)
{
    (void)state;
    struct log_fixture whole;
    struct log_fixture fixture;
    make_log(&whole, 15, 2, true);
    for (size_t cut = 0; cut < LOG_META_BYTES; cut++) {
        fixture_clone(&fixture, &whole, cut);
        log_io_fault_truncate(fixture.fault, META_PATH, cut);
        check_refused(&fixture, STATUS_CORRUPT, "META: damaged");
        fixture_close(&fixture);
    }
    static const uint8_t longer[LOG_META_BYTES + 1];
    size_t size;
    fixture_clone(&fixture, &whole, 1);
    const uint8_t *meta = log_io_fault_bytes(whole.fault, META_PATH, &size);
    log_io_fault_put(fixture.fault, META_PATH, longer, sizeof longer);
    memcpy(log_io_fault_bytes(fixture.fault, META_PATH, &size), meta, LOG_META_BYTES);
    log_io_fault_changed(fixture.fault, META_PATH);
    check_refused(&fixture, STATUS_CORRUPT, "META: damaged");
    fixture_close(&fixture);
    log_io_fault_remove(whole.fault, META_PATH);
    assert_int_equal(fixture_open(&whole), STATUS_CORRUPT);
    assert_non_null(strstr(whole.error.text, "META is missing although there is a log"));
    fixture_close(&whole);
}

static void test_an_unfinished_segment_is_removed_and_never_read(void **state)
{
    (void)state;
    struct log_fixture fixture;
    size_t count;
    size_t size;
    make_log(&fixture, 16, 3, true);
    log_io_fault_put(fixture.fault, FIXTURE_DIRECTORY "/wal/00000002.new", "half", 4);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, fixture.appended);
    assert_null(log_io_fault_bytes(fixture.fault, FIXTURE_DIRECTORY "/wal/00000002.new", &size));
    fixture_close(&fixture);
}

static void test_damage_between_opening_and_reading_is_noticed(void **state)
{
    (void)state;
    struct log_fixture fixture;
    size_t count;
    size_t size;
    make_log(&fixture, 17, 3, true);
    assert_int_equal(fixture_open(&fixture), STATUS_OK);
    log_io_fault_bytes(fixture.fault, segment_path(1), &size)[2 * LOG_BLOCK_BYTES + 200] ^= 1;
    log_io_fault_changed(fixture.fault, segment_path(1));
    assert_int_equal(fixture_read(&fixture, &count), STATUS_CORRUPT);
    assert_int_equal(fixture_append(&fixture, 1), STATUS_CORRUPT);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_changed_byte_of_a_closed_log_is_harmless_or_refused),
        cmocka_unit_test(test_any_changed_byte_of_a_killed_log_costs_at_most_the_last_batch),
        cmocka_unit_test(test_damage_before_a_proof_names_file_offset_and_groups),
        cmocka_unit_test(test_a_last_batch_torn_at_any_byte_is_cut_and_the_log_goes_on),
        cmocka_unit_test(test_the_bytes_of_a_cut_batch_are_gone_and_the_incarnation_rises),
        cmocka_unit_test(test_batches_of_an_older_life_behind_the_end_are_never_read),
        cmocka_unit_test(test_a_value_that_looks_like_a_batch_is_not_one),
        cmocka_unit_test(test_a_missing_segment_is_refused_wherever_it_is),
        cmocka_unit_test(test_a_missing_segment_that_was_not_given_up_is_refused),
        cmocka_unit_test(test_a_segment_shorter_than_its_header_or_of_garbage_is_refused),
        cmocka_unit_test(test_a_segment_that_is_not_the_last_must_be_complete),
        cmocka_unit_test(test_swapped_and_renamed_segments_are_refused),
        cmocka_unit_test(test_a_segment_that_does_not_continue_the_one_before_is_refused),
        cmocka_unit_test(test_a_header_with_a_right_checksum_and_senseless_numbers_is_refused),
        cmocka_unit_test(test_a_segment_of_another_node_cluster_or_time_is_refused_as_foreign),
        cmocka_unit_test(test_another_format_version_is_refused_with_both_numbers),
        cmocka_unit_test(test_a_lost_or_cut_meta_is_refused),
        cmocka_unit_test(test_an_unfinished_segment_is_removed_and_never_read),
        cmocka_unit_test(test_damage_between_opening_and_reading_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
