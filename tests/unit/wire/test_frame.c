/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what is written is read back, and anything else is refused before a message is looked
 * at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wire/wire_forge.h"
#include "tests/unit/wire/wire_random.h"

static const kv_cluster_id CLUSTER = {UINT64_C(0x1122334455667788)};

static struct wire_message timeout_now(uint64_t term)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_TIMEOUT_NOW, .group = {5}};
    message.as.timeout_now.term.value = term;
    return message;
}

/* A frame from node 7 to node 9 with `count` small messages. */
static kv_slice small_frame(struct wire_frame_writer *writer, uint32_t count)
{
    wire_frame_begin(writer, CLUSTER, (kv_node_id){7}, (kv_node_id){9});
    for (uint32_t i = 0; i < count; i++) {
        struct wire_message message = timeout_now(i);
        assert_int_equal(wire_frame_add(writer, &message), STATUS_OK);
    }
    return wire_frame_finish(writer);
}

static void a_frame_has_the_documented_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'K',  'V',  'F',  '1',  2,    0,    2,    0,    8, 0, 0, 0, 0, 0, 0, 0, /* 0 */
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 7, 0, 9, 0, 0, 0, 0, 0, /* 16 */
        0,    0,    0,    0,    0,    0,    0,    0,                            /* checksum */
        0x93, 7,    5,    0,    0x93, 7,    5,    1,
    };
    struct wire_frame_writer writer = {0};
    kv_slice frame = small_frame(&writer, 2);
    assert_int_equal(frame.size, sizeof expected);
    assert_memory_equal(frame.data, expected, 32);
    assert_memory_equal(frame.data + 40, expected + 40, frame.size - 40);

    struct kv_buffer copy = {0};
    kv_buffer_append(&copy, expected, sizeof expected);
    wire_forge_checksum(&copy);
    assert_memory_equal(frame.data, copy.data, frame.size);
    kv_buffer_close(&copy);
    wire_frame_writer_close(&writer);
}

static void messages_of_a_frame_come_out_in_order_with_its_sender_and_addressee(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    for (uint32_t count = 0; count < 5; count++) {
        kv_slice frame = small_frame(&writer, count);
        assert_int_equal(wire_frame_open(&reader, frame), STATUS_OK);
        assert_true(reader.cluster.value == CLUSTER.value);
        assert_int_equal(reader.version, WIRE_VERSION);
        struct wire_message message;
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(wire_frame_next(&reader, &message), STATUS_OK);
            assert_int_equal(message.as.timeout_now.term.value, i);
            assert_int_equal(message.group.value, 5);
            assert_int_equal(message.from.value, 7);
            assert_int_equal(message.to.value, 9);
        }
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_END);
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_END);
    }
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void every_prefix_and_every_extension_of_a_frame_is_refused(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    kv_slice frame = small_frame(&writer, 3);
    for (size_t size = 0; size < frame.size; size++) {
        /* A copy of exactly this size, so that a sanitizer sees any byte read behind it. */
        uint8_t *prefix = kv_alloc(size);
        memcpy(prefix, frame.data, size);
        assert_int_equal(wire_frame_open(&reader, kv_slice_of(prefix, size)), STATUS_CORRUPT);
        kv_free(prefix);
    }
    struct kv_buffer longer = {0};
    kv_buffer_append(&longer, frame.data, frame.size);
    kv_buffer_append(&longer, "", 1);
    assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&longer)), STATUS_CORRUPT);
    kv_buffer_close(&longer);
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void every_change_of_one_byte_is_refused(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    kv_slice frame = small_frame(&writer, 3);
    for (size_t at = 0; at < frame.size; at++) {
        for (unsigned change = 1; change < 256; change++) {
            writer.bytes.data[at] ^= (uint8_t)change;
            assert_int_equal(wire_frame_open(&reader, frame), STATUS_CORRUPT);
            writer.bytes.data[at] ^= (uint8_t)change;
        }
    }
    assert_int_equal(wire_frame_open(&reader, frame), STATUS_OK);
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void a_header_field_out_of_range_is_refused_even_with_a_good_checksum(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 'k'},             /* magic */
        {7, 0x20},            /* 8195 messages */
        {8, 0xff},            /* more bytes than there are */
        {8, 0},               /* fewer */
        {12, 1},              /* reserved */
        {15, 1},   {24, 193}, /* KV_NODES_MAX + 1 */
        {25, 1},   {26, 193}, {27, 1}, {28, 1}, {31, 1},
    };
    _Static_assert(KV_NODES_MAX == 192, "the table above has its successor");
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        (void)small_frame(&writer, 3);
        writer.bytes.data[changes[i].at] = changes[i].value;
        wire_forge_checksum(&writer.bytes);
        enum status status = wire_frame_open(&reader, kv_buffer_slice(&writer.bytes));
        assert_int_equal(status, STATUS_CORRUPT);
    }
    (void)small_frame(&writer, 3);
    writer.bytes.data[24] = writer.bytes.data[26] = KV_NODES_MAX;
    wire_forge_checksum(&writer.bytes);
    assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&writer.bytes)), STATUS_OK);
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void a_count_that_does_not_match_the_body_is_refused_for_good(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    for (uint8_t count = 0; count < 6; count++) {
        (void)small_frame(&writer, 3);
        writer.bytes.data[6] = count;
        wire_forge_checksum(&writer.bytes);
        assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&writer.bytes)), STATUS_OK);
        struct wire_message message;
        for (uint8_t i = 0; i < 3 && i < count; i++) {
            assert_int_equal(wire_frame_next(&reader, &message), STATUS_OK);
        }
        enum status expected = count == 3 ? STATUS_END : STATUS_CORRUPT;
        assert_int_equal(wire_frame_next(&reader, &message), expected);
        assert_int_equal(wire_frame_next(&reader, &message), expected);
    }
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void a_foreign_version_is_told_apart_and_names_its_sender(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    static const uint8_t versions[] = {WIRE_VERSION_MIN - 1, WIRE_VERSION + 1, 255};
    for (size_t i = 0; i < sizeof versions; i++) {
        (void)small_frame(&writer, 3);
        writer.bytes.data[4] = versions[i];
        wire_forge_checksum(&writer.bytes);
        assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&writer.bytes)), STATUS_VERSION);
        assert_int_equal(reader.version, versions[i]);
        assert_true(reader.cluster.value == CLUSTER.value);
        assert_int_equal(reader.from.value, 7);
        assert_int_equal(reader.to.value, 9);
        struct wire_message message; /* nothing of it can be read */
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_END);
    }
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

static void a_frame_takes_as_many_messages_as_its_limit_and_no_more(void **state)
{
    (void)state;
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    (void)small_frame(&writer, WIRE_FRAME_MESSAGES_MAX - 1);
    struct wire_message message = timeout_now(1);
    assert_int_equal(wire_frame_add(&writer, &message), STATUS_OK);
    size_t size = writer.bytes.size;
    assert_int_equal(wire_frame_add(&writer, &message), STATUS_FULL);
    assert_int_equal(writer.bytes.size, size);
    assert_int_equal(writer.count, WIRE_FRAME_MESSAGES_MAX);

    assert_int_equal(wire_frame_open(&reader, wire_frame_finish(&writer)), STATUS_OK);
    for (uint32_t i = 0; i < WIRE_FRAME_MESSAGES_MAX; i++) {
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_OK);
    }
    assert_int_equal(wire_frame_next(&reader, &message), STATUS_END);
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
}

/* A request whose body makes a frame that has `used` bytes exactly `wanted` bytes long. */
static struct wire_message filling_request(const uint8_t *pool, size_t used, size_t wanted)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REQUEST};
    message.as.request.mode = WIRE_REQUEST_ORDERED;
    message.as.request.destinations.bits = 1;
    size_t head = 1 + 2 + 4 + 1 + 1 + 1 + 1 + 5; /* one byte for each small number, a bin32 */
    message.as.request.body = kv_slice_of(pool, wanted - used - head);
    return message;
}

static void a_full_frame_is_left_as_it_was_and_the_message_fits_the_next_one(void **state)
{
    (void)state;
    struct wire_random random;
    wire_random_init(&random, 3);
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    for (size_t beyond = 0; beyond < 3; beyond++) {
        wire_frame_begin(&writer, CLUSTER, (kv_node_id){0}, (kv_node_id){0});
        struct wire_message first =
            filling_request(random.pool, WIRE_FRAME_HEADER_BYTES, KV_BODY_BYTES_MAX);
        assert_int_equal(wire_frame_add(&writer, &first), STATUS_OK);
        assert_int_equal(writer.bytes.size, KV_BODY_BYTES_MAX);
        size_t wanted = KV_FRAME_BYTES_MAX - 1 + beyond;
        struct wire_message second = filling_request(random.pool, KV_BODY_BYTES_MAX, wanted);
        enum status expected = wanted <= KV_FRAME_BYTES_MAX ? STATUS_OK : STATUS_FULL;
        assert_int_equal(wire_frame_add(&writer, &second), expected);
        assert_int_equal(writer.count, expected == STATUS_OK ? 2 : 1);
        kv_slice frame = wire_frame_finish(&writer);
        assert_int_equal(frame.size, expected == STATUS_OK ? wanted : KV_BODY_BYTES_MAX);

        struct wire_message message;
        assert_int_equal(wire_frame_open(&reader, frame), STATUS_OK);
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_OK);
        assert_true(wire_message_equal(&message, &first));
        if (expected == STATUS_OK) {
            assert_int_equal(wire_frame_next(&reader, &message), STATUS_OK);
            assert_true(wire_message_equal(&message, &second));
        }
        assert_int_equal(wire_frame_next(&reader, &message), STATUS_END);

        wire_frame_begin(&writer, CLUSTER, (kv_node_id){0}, (kv_node_id){0});
        assert_int_equal(wire_frame_add(&writer, &second), STATUS_OK);
    }
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
    wire_random_close(&random);
}

/* An entry in which every number takes the most bytes it can. */
static struct wire_entry *largest_entry(uint64_t index, kv_slice body)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_PROPOSE, body);
    const kv_timestamp most = {{UINT64_MAX}, {KV_GROUPS_MAX - 1}};
    entry->term.value = UINT64_MAX;
    entry->index.value = index;
    entry->reach.value = UINT64_MAX;
    entry->timestamp = most;
    entry->id = (kv_message_id){{most}, UINT64_MAX, UINT32_MAX};
    entry->destinations.bits = UINT64_MAX;
    entry->floor = UINT64_MAX;
    entry->source = most.group;
    return entry;
}

static void the_largest_append_fits_an_empty_frame(void **state)
{
    (void)state;
    struct wire_random random;
    wire_random_init(&random, 4);
    static struct wire_entry *entries[KV_APPEND_ENTRIES_MAX];
    const uint64_t previous = UINT64_MAX - KV_APPEND_ENTRIES_MAX;
    for (uint64_t i = 0; i < KV_APPEND_ENTRIES_MAX; i++) {
        size_t size = i == 0                           ? KV_APPEND_BYTES_MAX
                      : i + 1 == KV_APPEND_ENTRIES_MAX ? KV_BODY_BYTES_MAX
                                                       : 0;
        entries[i] = largest_entry(previous + 1 + i, kv_slice_of(random.pool, size));
    }
    struct wire_message sent = {.kind = WIRE_MESSAGE_APPEND};
    sent.as.append = (struct wire_append){{UINT64_MAX}, {previous}, {UINT64_MAX},
                                          {UINT64_MAX}, UINT64_MAX, KV_APPEND_ENTRIES_MAX,
                                          entries};
    struct wire_frame_writer writer = {0};
    struct wire_frame_reader reader = {0};
    struct wire_message received;
    wire_frame_begin(&writer, CLUSTER, (kv_node_id){0}, (kv_node_id){0});
    assert_int_equal(wire_frame_add(&writer, &sent), STATUS_OK);
    assert_int_equal(wire_frame_open(&reader, wire_frame_finish(&writer)), STATUS_OK);
    assert_int_equal(wire_frame_next(&reader, &received), STATUS_OK);
    assert_true(wire_message_equal(&sent, &received));
    for (size_t i = 0; i < KV_APPEND_ENTRIES_MAX; i++) {
        wire_entry_drop(&entries[i]);
    }
    wire_frame_reader_close(&reader);
    wire_frame_writer_close(&writer);
    wire_random_close(&random);
}

static void a_frame_above_the_limit_is_refused_unread(void **state)
{
    (void)state;
    struct wire_frame_reader reader = {0};
    struct kv_buffer frame = {0};
    struct wire_frame_writer writer = {0};
    kv_slice small = small_frame(&writer, 0);
    kv_buffer_append(&frame, small.data, small.size);
    kv_buffer_reserve(&frame, KV_FRAME_BYTES_MAX);
    memset(frame.data + frame.size, 0, KV_FRAME_BYTES_MAX);
    for (size_t size = KV_FRAME_BYTES_MAX; size <= KV_FRAME_BYTES_MAX + 1; size++) {
        frame.size = size;
        uint32_t body = (uint32_t)(size - WIRE_FRAME_HEADER_BYTES);
        for (size_t i = 0; i < 4; i++) {
            frame.data[8 + i] = (uint8_t)(body >> (8 * i));
        }
        wire_forge_checksum(&frame);
        enum status expected = size <= KV_FRAME_BYTES_MAX ? STATUS_OK : STATUS_CORRUPT;
        assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&frame)), expected);
    }
    kv_buffer_close(&frame);
    wire_frame_writer_close(&writer);
    wire_frame_reader_close(&reader);
}

static void the_id_of_a_cluster_is_fixed_for_ever(void **state)
{
    (void)state;
    assert_true(wire_cluster_id(kv_slice_of_text("")).value == UINT64_C(0x2d06800538d394c2));
    assert_true(wire_cluster_id(kv_slice_of_text("demo")).value !=
                wire_cluster_id(kv_slice_of_text("demo2")).value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_the_documented_bytes),
        cmocka_unit_test(messages_of_a_frame_come_out_in_order_with_its_sender_and_addressee),
        cmocka_unit_test(every_prefix_and_every_extension_of_a_frame_is_refused),
        cmocka_unit_test(every_change_of_one_byte_is_refused),
        cmocka_unit_test(a_header_field_out_of_range_is_refused_even_with_a_good_checksum),
        cmocka_unit_test(a_count_that_does_not_match_the_body_is_refused_for_good),
        cmocka_unit_test(a_foreign_version_is_told_apart_and_names_its_sender),
        cmocka_unit_test(a_frame_takes_as_many_messages_as_its_limit_and_no_more),
        cmocka_unit_test(a_full_frame_is_left_as_it_was_and_the_message_fits_the_next_one),
        cmocka_unit_test(the_largest_append_fits_an_empty_frame),
        cmocka_unit_test(a_frame_above_the_limit_is_refused_unread),
        cmocka_unit_test(the_id_of_a_cluster_is_fixed_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
