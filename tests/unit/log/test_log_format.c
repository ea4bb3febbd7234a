/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk does not drift from version 1, and only the right header continues a chain (L3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/log/log_format.h"

static const struct log_identity identity = {
    {UINT64_C(0x1122334455667788)}, {0x0203}, UINT64_C(0x99aabbccddeeff00)};

static void test_meta_of_version_1_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[LOG_META_BYTES - 8] = {
        'K',  'V',  'L',  'O',  'G',  'M',  'E',  'T',  1,    0,    0,    0,
        64,   0,    0,    0,    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
        0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x03, 0x02,
    };
    uint8_t data[LOG_META_BYTES];
    struct log_identity decoded;
    uint32_t version = 0;
    log_meta_encode(&identity, data);
    assert_memory_equal(data, golden, sizeof golden);
    assert_int_equal(log_meta_decode(kv_slice_of(data, sizeof data), &decoded, &version),
                     LOG_HEADER_GOOD);
    assert_int_equal(version, 1);
    assert_int_equal(decoded.cluster.value, identity.cluster.value);
    assert_int_equal(decoded.node.value, identity.node.value);
    assert_int_equal(decoded.log_id, identity.log_id);
}

static void test_a_segment_header_of_version_1_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[LOG_SEGMENT_HEADER_BYTES - 8] = {
        'K',  'V',  'L',  'O',  'G',  'S',  'E',  'G',  1,    0,    0,    0,    96,   0,    0,
        0,    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb,
        0xaa, 0x99, 0x03, 0x02, 0,    0,    0,    0,    0,    0,    5,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    4,    0,    0,    0,    0,    7,    0,    0,    0,
        0,    0,    0,    0,    8,    0,    0,    0,    0,    0,    0,    0,    6,    0,    0,
        0,    0,    0,    0,    0,    9,    0,    0,    0,    0,    0,    0,    0,
    };
    const struct log_segment_header header = {identity, 5, 64 * 1024 * 1024, 7, 8, 6, 9};
    uint8_t data[LOG_SEGMENT_HEADER_BYTES];
    struct log_segment_header decoded;
    uint32_t version = 0;
    log_segment_header_encode(&header, data);
    assert_memory_equal(data, golden, sizeof golden);
    memset(&decoded, 0, sizeof decoded);
    assert_int_equal(log_segment_header_decode(kv_slice_of(data, sizeof data), &decoded, &version),
                     LOG_HEADER_GOOD);
    uint8_t again[LOG_SEGMENT_HEADER_BYTES];
    log_segment_header_encode(&decoded, again);
    assert_memory_equal(data, again, sizeof data);
}

static void test_a_batch_and_its_records_of_version_1_have_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[LOG_BATCH_HEADER_BYTES - 16] = {
        'K',  'V',  'L',  'B',  0,    0,    0,    0,    11,   0,    0, 0, 1, 0, 0, 0,
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x03, 0x02, 0, 0, 0, 0, 0, 0,
        7,    0,    0,    0,    0,    0,    0,    0,    8,    0,    0, 0, 0, 0, 0, 0,
        6,    0,    0,    0,    0,    0,    0,    0,    9,    0,    0, 0, 0, 0, 0, 0,
    };
    static const uint8_t golden_record[LOG_RECORD_HEADER_BYTES] = {2, 0, 5, 0, 3, 0, 0, 0};
    const struct log_record record = {
        .kind = LOG_RECORD_ENTRY, .group = {5}, .payload = kv_slice_of("abc", 3)};
    uint8_t payload[LOG_RECORD_HEADER_BYTES + 3] = {0};
    log_record_header_encode(&record, payload);
    assert_memory_equal(payload, golden_record, sizeof golden_record);
    memcpy(payload + LOG_RECORD_HEADER_BYTES, "abc", 3);
    struct log_batch_header header = {
        .payload_bytes = sizeof payload,
        .record_count = 1,
        .incarnation = 7,
        .sequence = 8,
        .durable = 6,
        .previous_hash = 9,
        .payload_hash = log_payload_hash(&identity, kv_slice_of(payload, sizeof payload)),
    };
    uint8_t data[LOG_BATCH_HEADER_BYTES];
    struct log_batch_header decoded;
    log_batch_header_encode(&identity, &header, data);
    assert_memory_equal(data, golden, sizeof golden);
    assert_true(log_batch_header_decode(&identity, kv_slice_of(data, sizeof data), &decoded));
    uint8_t again[LOG_BATCH_HEADER_BYTES];
    log_batch_header_encode(&identity, &decoded, again);
    assert_memory_equal(data, again, sizeof data);
    struct log_identity other = identity;
    other.log_id++;
    assert_false(log_batch_header_decode(&other, kv_slice_of(data, sizeof data), &decoded));
}

static void test_zeros_are_no_header_of_any_kind(void **state)
{
    (void)state;
    static const uint8_t zeros[LOG_BLOCK_BYTES];
    const struct log_identity nobody = {{0}, {0}, 0};
    struct log_segment_header segment;
    struct log_batch_header batch;
    struct log_identity meta;
    uint32_t version;
    kv_slice slice = kv_slice_of(zeros, sizeof zeros);
    assert_int_equal(log_meta_decode(slice, &meta, &version), LOG_HEADER_DAMAGED);
    assert_int_equal(log_segment_header_decode(slice, &segment, &version), LOG_HEADER_DAMAGED);
    assert_false(log_batch_header_decode(&nobody, slice, &batch));
}

static void test_only_the_next_batch_of_the_same_life_continues_a_chain(void **state)
{
    (void)state;
    const struct log_chain chain = {.incarnation = 4, .sequence = 10, .hash = 99};
    const struct log_batch_header next = {.incarnation = 4, .sequence = 11, .previous_hash = 99};
    struct log_batch_header header = next;
    assert_true(log_chain_continues(&chain, &header));
    header.sequence = 10;
    assert_false(log_chain_continues(&chain, &header));
    header.sequence = 12;
    assert_false(log_chain_continues(&chain, &header));
    header = next;
    header.previous_hash = 98;
    assert_false(log_chain_continues(&chain, &header));
    header = next;
    header.incarnation = 3;
    assert_false(log_chain_continues(&chain, &header));
    header.incarnation = 5; /* rises only with an opening batch */
    assert_false(log_chain_continues(&chain, &header));
    header.flags = LOG_BATCH_OPENING;
    assert_true(log_chain_continues(&chain, &header));
    header.incarnation = 4;
    assert_false(log_chain_continues(&chain, &header));
}

static void test_a_record_is_read_only_when_all_of_it_is_there_and_known(void **state)
{
    (void)state;
    uint8_t good[LOG_RECORD_HEADER_BYTES + 3] = {2, 0, 5, 0, 3, 0, 0, 0, 'a', 'b', 'c'};
    struct log_record record;
    for (size_t size = 0; size < sizeof good; size++) {
        kv_slice slice = kv_slice_of(good, size);
        assert_false(log_record_decode(&slice, &record));
    }
    kv_slice slice = kv_slice_of(good, sizeof good);
    assert_true(log_record_decode(&slice, &record));
    assert_int_equal(slice.size, 0);
    assert_int_equal(record.payload.size, 3);
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {{0, 0}, {0, 6}, {1, 1}, {2, 64}, {3, 1}, {7, 0xff}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t changed[sizeof good];
        memcpy(changed, good, sizeof good);
        changed[bad[i].at] = bad[i].value;
        slice = kv_slice_of(changed, sizeof changed);
        assert_false(log_record_decode(&slice, &record));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meta_of_version_1_has_these_bytes),
        cmocka_unit_test(test_a_segment_header_of_version_1_has_these_bytes),
        cmocka_unit_test(test_a_batch_and_its_records_of_version_1_have_these_bytes),
        cmocka_unit_test(test_zeros_are_no_header_of_any_kind),
        cmocka_unit_test(test_only_the_next_batch_of_the_same_life_continues_a_chain),
        cmocka_unit_test(test_a_record_is_read_only_when_all_of_it_is_there_and_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
