/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: every kind comes back as it was, and damaged ones are refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wire/wire_forge.h"
#include "tests/unit/wire/wire_random.h"

/* Random structs of each kind. */
#define ROUND_TRIPS 400

/* Frames of each kind whose every prefix and every byte is tried; they must be short. */
#define SHORT_FRAMES     20
#define SHORT_BODY_BYTES 1500

struct fixture {
    struct wire_random random;
    struct wire_frame_writer writer;
    struct wire_frame_reader reader;
    struct kv_buffer forged;
};

static int set_up(void **state)
{
    struct fixture *fixture = kv_alloc_zero(1, sizeof *fixture);
    wire_random_init(&fixture->random, 11);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wire_random_close(&fixture->random);
    wire_frame_writer_close(&fixture->writer);
    wire_frame_reader_close(&fixture->reader);
    kv_buffer_close(&fixture->forged);
    kv_free(fixture);
    return 0;
}

static kv_slice frame_of(struct wire_frame_writer *writer, const struct wire_message *message)
{
    wire_frame_begin(writer, (kv_cluster_id){1}, message->from, message->to);
    assert_int_equal(wire_frame_add(writer, message), STATUS_OK);
    return wire_frame_finish(writer);
}

static kv_slice body_of(struct wire_frame_writer *writer, const struct wire_message *message)
{
    kv_slice frame = frame_of(writer, message);
    return kv_slice_of(frame.data + WIRE_FRAME_HEADER_BYTES, frame.size - WIRE_FRAME_HEADER_BYTES);
}

static void every_kind_comes_back_as_it_was_and_encodes_to_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct wire_frame_writer again = {0};
    for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
        for (int trial = 0; trial < ROUND_TRIPS; trial++) {
            struct wire_message sent, received;
            wire_random_message(&fixture->random, WIRE_RANDOM_KINDS[k], &sent);
            kv_slice frame = frame_of(&fixture->writer, &sent);
            assert_int_equal(wire_frame_open(&fixture->reader, frame), STATUS_OK);
            assert_int_equal(wire_frame_next(&fixture->reader, &received), STATUS_OK);
            assert_true(wire_message_equal(&sent, &received));
            assert_true(kv_slice_equal(frame, frame_of(&again, &received)));
            assert_int_equal(wire_frame_next(&fixture->reader, &received), STATUS_END);
        }
    }
    wire_frame_writer_close(&again);
}

static void kinds_of_one_frame_do_not_disturb_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct wire_random source; /* one for each message, because a later one replaces lists */
    for (uint64_t seed = 0; seed < 20; seed++) {
        wire_frame_begin(&fixture->writer, (kv_cluster_id){1}, (kv_node_id){1}, (kv_node_id){2});
        for (size_t k = 0; k < 2 * WIRE_RANDOM_KIND_COUNT; k++) {
            struct wire_message message;
            wire_random_init(&source, 100 * seed + k);
            wire_random_message(&source, WIRE_RANDOM_KINDS[k / 2], &message);
            message.from.value = 1;
            message.to.value = 0; /* none: takes the frame's */
            assert_int_equal(wire_frame_add(&fixture->writer, &message), STATUS_OK);
            wire_random_close(&source);
        }
        kv_slice frame = wire_frame_finish(&fixture->writer);
        assert_int_equal(wire_frame_open(&fixture->reader, frame), STATUS_OK);
        for (size_t k = 0; k < 2 * WIRE_RANDOM_KIND_COUNT; k++) {
            struct wire_message sent, received;
            wire_random_init(&source, 100 * seed + k);
            wire_random_message(&source, WIRE_RANDOM_KINDS[k / 2], &sent);
            sent.from.value = 1;
            sent.to.value = 2;
            assert_int_equal(wire_frame_next(&fixture->reader, &received), STATUS_OK);
            assert_true(wire_message_equal(&sent, &received));
            wire_random_close(&source);
        }
    }
}

/* A random message with a short encoding, whose bytes are then in ret. */
static void short_body(struct fixture *fixture, enum wire_message_kind kind, struct kv_buffer *ret)
{
    kv_slice body;
    do {
        struct wire_message message;
        wire_random_message(&fixture->random, kind, &message);
        body = body_of(&fixture->writer, &message);
    } while (body.size > SHORT_BODY_BYTES);
    kv_buffer_clear(ret);
    kv_buffer_append(ret, body.data, body.size);
}

static enum status read_one(struct fixture *fixture, kv_slice body, struct wire_message *ret)
{
    wire_forge_frame(1, body, &fixture->forged);
    enum status status = wire_frame_open(&fixture->reader, kv_buffer_slice(&fixture->forged));
    assert_int_equal(status, STATUS_OK);
    return wire_frame_next(&fixture->reader, ret);
}

static void every_prefix_of_every_kind_is_refused_though_its_checksum_is_right(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer body = {0};
    for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
        for (int trial = 0; trial < SHORT_FRAMES; trial++) {
            short_body(fixture, WIRE_RANDOM_KINDS[k], &body);
            struct wire_message message;
            for (size_t size = 0; size < body.size; size++) {
                assert_int_equal(read_one(fixture, kv_slice_of(body.data, size), &message),
                                 STATUS_CORRUPT);
            }
            assert_int_equal(read_one(fixture, kv_buffer_slice(&body), &message), STATUS_OK);
        }
    }
    kv_buffer_close(&body);
}

static void a_changed_byte_with_a_right_checksum_is_refused_or_gives_a_sound_message(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer body = {0};
    uint64_t sound = 0;
    uint64_t refused = 0;
    for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
        for (int trial = 0; trial < SHORT_FRAMES; trial++) {
            short_body(fixture, WIRE_RANDOM_KINDS[k], &body);
            for (size_t at = 0; at < body.size; at++) {
                uint8_t change = (uint8_t)kv_prng_between(&fixture->random.prng, 1, 255);
                body.data[at] ^= change;
                struct wire_message message;
                if (read_one(fixture, kv_buffer_slice(&body), &message) == STATUS_OK) {
                    /* The writer asserts what a struct promises. */
                    (void)frame_of(&fixture->writer, &message);
                    sound++;
                } else {
                    refused++;
                }
                body.data[at] ^= change;
            }
        }
    }
    assert_true(sound > 1000 && refused > 1000); /* both sides were seen */
    kv_buffer_close(&body);
}

static void random_bytes_with_a_right_checksum_never_crash(void **state)
{
    struct fixture *fixture = *state;
    for (int trial = 0; trial < 200000; trial++) {
        uint8_t body[64];
        size_t size = kv_prng_between(&fixture->random.prng, 3, sizeof body);
        for (size_t i = 0; i < size; i++) {
            body[i] = (uint8_t)kv_prng_next(&fixture->random.prng);
        }
        body[0] = (uint8_t)(0x90 | (body[0] & 0x0f));
        body[1] &= 0x1f;
        body[2] &= 0x3f;
        struct wire_message message;
        if (read_one(fixture, kv_slice_of(body, size), &message) == STATUS_OK) {
            (void)frame_of(&fixture->writer, &message);
        }
    }
}

static void an_unknown_kind_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer body = {0};
    for (unsigned number = 0; number <= 256; number++) {
        bool known = false;
        for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
            known = known || (unsigned)WIRE_RANDOM_KINDS[k] == number;
        }
        for (unsigned fields = 0; !known && fields < 12; fields++) {
            kv_buffer_clear(&body);
            wire_forge_pack(&body, "auu", 2 + fields, (uint64_t)number, UINT64_C(0));
            for (unsigned i = 0; i < fields; i++) {
                wire_forge_pack(&body, "u", UINT64_C(0));
            }
            struct wire_message message;
            assert_int_equal(read_one(fixture, kv_buffer_slice(&body), &message), STATUS_CORRUPT);
        }
    }
    kv_buffer_close(&body);
}

static void a_message_with_a_field_more_or_less_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer body = {0};
    for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
        short_body(fixture, WIRE_RANDOM_KINDS[k], &body);
        assert_int_equal(body.data[0] & 0xf0, 0x90);
        struct wire_message message;
        body.data[0]--;
        assert_int_equal(read_one(fixture, kv_buffer_slice(&body), &message), STATUS_CORRUPT);
        body.data[0] = (uint8_t)(body.data[0] + 2);
        wire_forge_pack(&body, "z");
        assert_int_equal(read_one(fixture, kv_buffer_slice(&body), &message), STATUS_CORRUPT);
    }
    kv_buffer_close(&body);
}

/* One message in hexadecimal, so that a change of the format cannot go unseen. */
static void check_bytes(struct fixture *fixture, const struct wire_message *message,
                        const char *expected)
{
    kv_slice body = body_of(&fixture->writer, message);
    char text[512];
    assert_true(2 * body.size < sizeof text);
    for (size_t i = 0; i < body.size; i++) {
        snprintf(text + 2 * i, 3, "%02x", body.data[i]);
    }
    assert_string_equal(text, expected);
}

static void the_bytes_of_known_messages_do_not_change_within_a_version(void **state)
{
    struct fixture *fixture = *state;
    struct wire_message message = {.kind = WIRE_MESSAGE_VOTE_REQUEST, .group = {63}};
    message.as.vote_request = (struct wire_vote_request){{300}, {70000}, {299}, true, false};
    check_bytes(fixture, &message, "97013fcd012cce00011170cd012bc3c2");

    message = (struct wire_message){.kind = WIRE_MESSAGE_REQUEST, .group = {1}};
    message.as.request = (struct wire_request){.id = {{{{UINT64_C(0x123456789a)}, {2}}}, 7, 1},
                                               .mode = WIRE_REQUEST_ORDERED,
                                               .destinations = {2},
                                               .floor = 6,
                                               .budget_ms = 5000,
                                               .body = kv_slice_of("body", 4)};
    check_bytes(fixture, &message, "9b1601cf000000123456789a020701010206cd1388c404626f6479");

    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of("xyz", 3));
    entry->term.value = 3;
    entry->index.value = 10;
    entry->reach.value = 20;
    entry->timestamp = (kv_timestamp){{20}, {1}};
    entry->id = (kv_message_id){{{{9}, {0}}}, 5, 2};
    entry->destinations.bits = 2;
    entry->floor = 4;
    message = (struct wire_message){.kind = WIRE_MESSAGE_APPEND, .group = {1}};
    message.as.append = (struct wire_append){{3}, {9}, {2}, {8}, 77, 1, &entry};
    check_bytes(fixture, &message,
                "98030103090208"
                "4d"
                "91"
                "9f03030a141401090005020204"
                "0000"
                "c40378797a");
    wire_entry_drop(&entry);
}

static void the_name_of_each_kind_is_that_of_the_table(void **state)
{
    (void)state;
    assert_string_equal(wire_message_kind_name(WIRE_MESSAGE_APPEND_REPLY), "APPEND_REPLY");
    assert_string_equal(wire_message_kind_name(WIRE_MESSAGE_REFUSAL), "REFUSAL");
    assert_string_equal(wire_message_kind_name((enum wire_message_kind)99), "UNKNOWN");
    assert_string_equal(wire_entry_kind_name(WIRE_ENTRY_RESOLVE), "RESOLVE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_as_it_was_and_encodes_to_the_same_bytes),
        cmocka_unit_test(kinds_of_one_frame_do_not_disturb_each_other),
        cmocka_unit_test(every_prefix_of_every_kind_is_refused_though_its_checksum_is_right),
        cmocka_unit_test(a_changed_byte_with_a_right_checksum_is_refused_or_gives_a_sound_message),
        cmocka_unit_test(random_bytes_with_a_right_checksum_never_crash),
        cmocka_unit_test(an_unknown_kind_is_refused),
        cmocka_unit_test(a_message_with_a_field_more_or_less_is_refused),
        cmocka_unit_test(the_bytes_of_known_messages_do_not_change_within_a_version),
        cmocka_unit_test(the_name_of_each_kind_is_that_of_the_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
