/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of messages: each is accepted up to its value and refused one above it, written without
 * the codec's packer, which would assert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/wire/packer.h"
#include "tests/unit/wire/wire_forge.h"
#include "tests/unit/wire/wire_random.h"

/* The body of one message under construction, and what reading it gives. */
static struct kv_buffer body;
static struct kv_buffer frame;
static struct wire_frame_reader reader;
static struct wire_message message;

static int tear_down(void **state)
{
    (void)state;
    kv_buffer_close(&body);
    kv_buffer_close(&frame);
    wire_frame_reader_close(&reader);
    return 0;
}

/* Head of a message of a kind with so many fields. */
static void begin(enum wire_message_kind kind, unsigned fields)
{
    kv_buffer_clear(&body);
    wire_forge_pack(&body, "auu", 2 + fields, (uint64_t)kind, UINT64_C(1));
}

static bool accepted(void)
{
    wire_forge_frame(1, kv_buffer_slice(&body), &frame);
    assert_int_equal(wire_frame_open(&reader, kv_buffer_slice(&frame)), STATUS_OK);
    enum status status = wire_frame_next(&reader, &message);
    if (status == STATUS_OK) {
        assert_int_equal(wire_frame_next(&reader, &(struct wire_message){0}), STATUS_END);
    } else {
        assert_int_equal(status, STATUS_CORRUPT);
    }
    return status == STATUS_OK;
}

static void pack_config(unsigned members, uint64_t first)
{
    wire_forge_pack(&body, "a", members);
    for (unsigned i = 0; i < members; i++) {
        wire_forge_pack(&body, "aub", 2, first + i, 1);
    }
}

static void pack_entry(uint64_t kind, uint64_t index, size_t body_size)
{
    wire_forge_pack(&body, "auuuu uu uuuu uuuu x", 15, kind, UINT64_C(1), index, UINT64_C(1),
                    UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0),
                    UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), body_size);
}

static bool append_accepted(unsigned count, size_t first_size, size_t last_size)
{
    begin(WIRE_MESSAGE_APPEND, 6);
    wire_forge_pack(&body, "uuuuua", UINT64_C(1), UINT64_C(100), UINT64_C(1), UINT64_C(1),
                    UINT64_C(1), count);
    for (unsigned i = 0; i < count; i++) {
        size_t size = i == 0 ? first_size : i + 1 == count ? last_size : 0;
        pack_entry(WIRE_ENTRY_CMD, UINT64_C(101) + i, size);
    }
    return accepted();
}

static void an_append_is_bounded_in_entries_and_bytes(void **state)
{
    (void)state;
    assert_true(append_accepted(0, 0, 0));
    assert_true(append_accepted(KV_APPEND_ENTRIES_MAX - 1, 1, 1));
    assert_true(append_accepted(KV_APPEND_ENTRIES_MAX, 1, 1));
    assert_false(append_accepted(KV_APPEND_ENTRIES_MAX + 1, 1, 1));

    /* One entry may have any body; an entry may stand behind at most KV_APPEND_BYTES_MAX. */
    assert_true(append_accepted(1, KV_BODY_BYTES_MAX - 1, 0));
    assert_true(append_accepted(1, KV_BODY_BYTES_MAX, 0));
    assert_false(append_accepted(1, KV_BODY_BYTES_MAX + 1, 0));
    assert_true(append_accepted(3, KV_APPEND_BYTES_MAX - 1, KV_BODY_BYTES_MAX));
    assert_true(append_accepted(3, KV_APPEND_BYTES_MAX, KV_BODY_BYTES_MAX));
    assert_false(append_accepted(3, KV_APPEND_BYTES_MAX + 1, 0));
}

static bool one_entry_accepted(uint64_t kind, uint64_t previous, uint64_t index)
{
    begin(WIRE_MESSAGE_APPEND, 6);
    wire_forge_pack(&body, "uuuuua", UINT64_C(1), previous, UINT64_C(1), UINT64_C(1), UINT64_C(1),
                    1);
    pack_entry(kind, index, 0);
    return accepted();
}

static void entries_of_an_append_follow_its_previous_index(void **state)
{
    (void)state;
    assert_false(one_entry_accepted(WIRE_ENTRY_NOOP, 7, 7));
    assert_true(one_entry_accepted(WIRE_ENTRY_NOOP, 7, 8));
    assert_false(one_entry_accepted(WIRE_ENTRY_NOOP, 7, 9));
    assert_true(one_entry_accepted(WIRE_ENTRY_NOOP, UINT64_MAX - 1, UINT64_MAX));
    assert_false(one_entry_accepted(WIRE_ENTRY_NOOP, UINT64_MAX, 0));
    assert_false(one_entry_accepted(0, 7, 8));
    assert_true(one_entry_accepted(WIRE_ENTRY_REMOTE, 7, 8));
    assert_false(one_entry_accepted(WIRE_ENTRY_REMOTE + 1, 7, 8));
}

/* The reader has to give back the entries that were good before a bad one: a sanitizer would see a
 * leak. */
static void an_append_that_ends_in_a_bad_entry_leaves_nothing_behind(void **state)
{
    (void)state;
    begin(WIRE_MESSAGE_APPEND, 6);
    wire_forge_pack(&body, "uuuuua", UINT64_C(1), UINT64_C(0), UINT64_C(1), UINT64_C(1),
                    UINT64_C(1), 40);
    for (unsigned i = 0; i < 40; i++) {
        pack_entry(i == 39 ? 0 : WIRE_ENTRY_CMD, 1 + (uint64_t)i, 10);
    }
    assert_false(accepted());
    assert_int_equal(reader.entry_count, 0);
}

static bool chunk_accepted(uint64_t total, uint64_t offset, size_t size)
{
    begin(WIRE_MESSAGE_SNAPSHOT_CHUNK, 10);
    wire_forge_pack(&body, "uuuu", UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1));
    pack_config(3, 1);
    wire_forge_pack(&body, "uuuxu", total, UINT64_C(7), offset, size, UINT64_C(1));
    return accepted();
}

static void a_chunk_is_bounded_and_lies_inside_of_its_snapshot(void **state)
{
    (void)state;
    assert_true(chunk_accepted(UINT64_MAX, 0, KV_SNAPSHOT_CHUNK_BYTES_MAX - 1));
    assert_true(chunk_accepted(UINT64_MAX, 0, KV_SNAPSHOT_CHUNK_BYTES_MAX));
    assert_false(chunk_accepted(UINT64_MAX, 0, KV_SNAPSHOT_CHUNK_BYTES_MAX + 1));
    assert_true(chunk_accepted(10, 0, 10));
    assert_true(chunk_accepted(10, 4, 6));
    assert_true(chunk_accepted(10, 10, 0));
    assert_false(chunk_accepted(10, 4, 7));
    assert_false(chunk_accepted(10, 11, 0));
    assert_false(chunk_accepted(10, UINT64_MAX, 2));
}

static bool request_accepted(uint64_t mode, uint64_t destinations, size_t size)
{
    begin(WIRE_MESSAGE_REQUEST, 9);
    wire_forge_pack(&body, "uuuu uuuux", UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1), mode,
                    destinations, UINT64_C(0), UINT64_C(1), size);
    return accepted();
}

static void a_request_has_a_mode_destinations_and_a_bounded_body(void **state)
{
    (void)state;
    assert_true(request_accepted(WIRE_REQUEST_ORDERED, 1, KV_BODY_BYTES_MAX - 1));
    assert_true(request_accepted(WIRE_REQUEST_ORDERED, 1, KV_BODY_BYTES_MAX));
    assert_false(request_accepted(WIRE_REQUEST_ORDERED, 1, KV_BODY_BYTES_MAX + 1));
    assert_false(request_accepted(0, 1, 0));
    assert_true(request_accepted(WIRE_REQUEST_STALE, 1, 0));
    assert_false(request_accepted(WIRE_REQUEST_STALE + 1, 1, 0));
    assert_false(request_accepted(WIRE_REQUEST_ORDERED, 0, 0));
    assert_true(request_accepted(WIRE_REQUEST_ORDERED, UINT64_MAX, 0));
    assert_false(request_accepted(WIRE_REQUEST_READ, 0, 0));
    assert_true(request_accepted(WIRE_REQUEST_READ, UINT64_C(1) << 63, 0));
    assert_false(request_accepted(WIRE_REQUEST_READ, 3, 0));
    assert_false(request_accepted(WIRE_REQUEST_STALE, 3, 0));
}

static bool reply_accepted(uint64_t outcome, uint64_t leader, uint64_t group, size_t size)
{
    begin(WIRE_MESSAGE_REPLY, 10);
    wire_forge_pack(&body, "uuuu uu uuu x", UINT64_C(1), group, UINT64_C(1), UINT64_C(1), outcome,
                    leader, UINT64_C(1), group, UINT64_C(1), size);
    return accepted();
}

static void a_reply_has_an_outcome_a_leader_and_a_bounded_body(void **state)
{
    (void)state;
    assert_true(reply_accepted(1, 0, 0, KV_BODY_BYTES_MAX - 1));
    assert_true(reply_accepted(1, 0, 0, KV_BODY_BYTES_MAX));
    assert_false(reply_accepted(1, 0, 0, KV_BODY_BYTES_MAX + 1));
    assert_false(reply_accepted(0, 0, 0, 0));
    assert_true(reply_accepted(WIRE_OUTCOME_NO_SPACE, 0, 0, 0));
    assert_false(reply_accepted(WIRE_OUTCOME_NO_SPACE + 1, 0, 0, 0));
    assert_true(reply_accepted(1, KV_NODES_MAX, 0, 0));
    assert_false(reply_accepted(1, KV_NODES_MAX + 1, 0, 0));
    assert_true(reply_accepted(1, 0, KV_GROUPS_MAX - 1, 0));
    assert_false(reply_accepted(1, 0, KV_GROUPS_MAX, 0));
}

static bool group_accepted(uint64_t group)
{
    kv_buffer_clear(&body);
    wire_forge_pack(&body, "auuu", 3, (uint64_t)WIRE_MESSAGE_TIMEOUT_NOW, group, UINT64_C(1));
    return accepted();
}

static void a_message_is_for_a_group_that_can_exist(void **state)
{
    (void)state;
    assert_true(group_accepted(0));
    assert_true(group_accepted(KV_GROUPS_MAX - 1));
    assert_false(group_accepted(KV_GROUPS_MAX));
    assert_false(group_accepted(UINT16_MAX + 1));
}

struct welcome_form {
    size_t name;
    uint64_t partitions;
    unsigned nodes;
    uint64_t node;
    size_t endpoint;
    unsigned groups;
    uint64_t leader;
};

static const struct welcome_form WELCOME = {4, 1, 1, 1, 10, 1, 0};

static bool welcome_accepted(struct welcome_form form)
{
    begin(WIRE_MESSAGE_WELCOME, 10);
    wire_forge_pack(&body, "utuu", UINT64_C(1), form.name, UINT64_C(1), form.partitions);
    wire_forge_pack(&body, "a", form.nodes);
    for (unsigned i = 0; i < form.nodes; i++) {
        wire_forge_pack(&body, "aut", 2, form.node, form.endpoint);
    }
    wire_forge_pack(&body, "a", form.groups);
    for (unsigned i = 0; i < form.groups; i++) {
        wire_forge_pack(&body, "au", 3, UINT64_C(1));
        pack_config(3, 1);
        wire_forge_pack(&body, "u", form.leader);
    }
    wire_forge_pack(&body, "uuuu", UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1));
    return accepted();
}

/* WELCOME with one field at least, below, at and above its limit. */
#define CHECK_WELCOME(field_, least_, limit_)                                                      \
    do {                                                                                           \
        struct welcome_form form = WELCOME;                                                        \
        form.field_ = (least_);                                                                    \
        assert_true(welcome_accepted(form));                                                       \
        form.field_ = (limit_)-1;                                                                  \
        assert_true(welcome_accepted(form));                                                       \
        form.field_ = (limit_);                                                                    \
        assert_true(welcome_accepted(form));                                                       \
        form.field_ = (limit_) + 1;                                                                \
        assert_false(welcome_accepted(form));                                                      \
    } while (0)

static void a_welcome_is_bounded_in_every_list_and_text(void **state)
{
    (void)state;
    CHECK_WELCOME(name, 0, WIRE_CLUSTER_NAME_BYTES_MAX);
    CHECK_WELCOME(partitions, 1, KV_GROUPS_MAX - 1);
    CHECK_WELCOME(nodes, 0, KV_NODES_MAX);
    CHECK_WELCOME(node, 1, KV_NODES_MAX);
    CHECK_WELCOME(endpoint, 0, WIRE_ENDPOINT_BYTES_MAX);
    CHECK_WELCOME(groups, 0, KV_GROUPS_MAX);
    CHECK_WELCOME(leader, 0, KV_NODES_MAX);
    struct welcome_form form = WELCOME;
    form.partitions = 0; /* nobody could divide by it */
    assert_false(welcome_accepted(form));
    form = WELCOME;
    form.node = 0;
    assert_false(welcome_accepted(form));
}

static bool status_accepted(unsigned members, uint64_t role, uint64_t leader)
{
    begin(WIRE_MESSAGE_STATUS_REPLY, 10);
    wire_forge_pack(&body, "uuuuuuub", UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1),
                    UINT64_C(1), UINT64_C(1), UINT64_C(1), 1);
    wire_forge_pack(&body, "aubuuuuua", 7, UINT64_C(1), 1, UINT64_C(1), UINT64_C(1), UINT64_C(1),
                    UINT64_C(1), UINT64_C(1), members);
    for (unsigned i = 0; i < members; i++) {
        wire_forge_pack(&body, "auuuuuuuuuuuuuuuu", 16, UINT64_C(1), role, UINT64_C(1), leader,
                        UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1),
                        UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1),
                        UINT64_C(1), UINT64_C(1));
    }
    return accepted();
}

static void a_status_is_bounded_in_members_and_their_roles_are_known(void **state)
{
    (void)state;
    assert_true(status_accepted(0, 1, 0));
    assert_true(status_accepted(KV_GROUPS_MAX - 1, 1, 0));
    assert_true(status_accepted(KV_GROUPS_MAX, 1, 0));
    assert_false(status_accepted(KV_GROUPS_MAX + 1, 1, 0));
    assert_false(status_accepted(1, 0, 0));
    assert_true(status_accepted(1, WIRE_ROLE_LEARNER, 0));
    assert_false(status_accepted(1, WIRE_ROLE_LEARNER + 1, 0));
    assert_true(status_accepted(1, 1, KV_NODES_MAX));
    assert_false(status_accepted(1, 1, KV_NODES_MAX + 1));
}

static bool workers_asked(uint64_t change, uint64_t workers)
{
    begin(WIRE_MESSAGE_WORKERS_REQUEST, 2);
    wire_forge_pack(&body, "uu", change, workers);
    return accepted();
}

static bool workers_told(uint64_t workers, uint64_t task)
{
    begin(WIRE_MESSAGE_WORKERS_REPLY, 7);
    wire_forge_pack(&body, "ubuuuuu", workers, 1, task, UINT64_C(1), UINT64_C(1), UINT64_C(1),
                    UINT64_C(1));
    return accepted();
}

/* With one change behind another in it; fields of it that the codec must look at. */
static bool changes_accepted(uint64_t index, uint64_t kind, unsigned key, unsigned value)
{
    static const uint8_t bytes[KV_VALUE_BYTES_MAX + 1];
    struct kv_buffer changes = {0};
    wire_changes_append(
        &changes,
        &(struct wire_change){.index = 7, .kind = WIRE_CHANGE_PUT, .key = kv_slice_of(bytes, 1)});
    wire_forge_pack(&changes, "auuuu", 6, index, kind, UINT64_C(1), UINT64_C(1));
    wire_pack_bytes(&changes, kv_slice_of(bytes, key));
    wire_pack_bytes(&changes, kv_slice_of(bytes, value));
    begin(WIRE_MESSAGE_WATCH_REPLY, 5);
    wire_forge_pack(&body, "uuuu", UINT64_C(1), (uint64_t)WIRE_WATCH_CHANGES, UINT64_C(1),
                    UINT64_C(1));
    wire_pack_bytes(&body, kv_buffer_slice(&changes));
    kv_buffer_close(&changes);
    return accepted();
}

static void changes_ascend_and_are_of_keys(void **state)
{
    (void)state;
    assert_true(changes_accepted(8, WIRE_CHANGE_PUT, 1, 1));
    assert_true(changes_accepted(8, WIRE_CHANGE_PUT, KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX));
    assert_true(changes_accepted(8, WIRE_CHANGE_DELETED, 1, 0));
    assert_false(changes_accepted(7, WIRE_CHANGE_PUT, 1, 1));
    assert_false(changes_accepted(8, 0, 1, 1));
    assert_false(changes_accepted(8, WIRE_CHANGE_DELETED + 1, 1, 0));
    assert_false(changes_accepted(8, WIRE_CHANGE_DELETED, 1, 1));
    assert_false(changes_accepted(8, WIRE_CHANGE_PUT, 0, 1));
    assert_false(changes_accepted(8, WIRE_CHANGE_PUT, KV_KEY_BYTES_MAX + 1, 1));
    assert_false(changes_accepted(8, WIRE_CHANGE_PUT, 1, KV_VALUE_BYTES_MAX + 1));
}

static void workers_are_bounded_and_what_is_said_of_them_is_known(void **state)
{
    (void)state;
    assert_true(workers_asked(WIRE_WORKERS_SHOW, 0));
    assert_true(workers_asked(WIRE_WORKERS_AUTO, KV_WORKERS_MAX));
    assert_false(workers_asked(WIRE_WORKERS_AUTO + 1, 0));
    assert_false(workers_asked(WIRE_WORKERS_SET, KV_WORKERS_MAX + 1));
    assert_true(workers_told(KV_WORKERS_MAX, WIRE_WORKERS_FEWER));
    assert_false(workers_told(KV_WORKERS_MAX + 1, WIRE_WORKERS_IDLE));
    assert_false(workers_told(0, WIRE_WORKERS_FEWER + 1));
}

static bool refusal_accepted(uint64_t reason, uint64_t version, size_t size)
{
    begin(WIRE_MESSAGE_REFUSAL, 4);
    wire_forge_pack(&body, "uuut", reason, version, version, size);
    return accepted();
}

static bool hello_accepted(uint64_t low, uint64_t high)
{
    begin(WIRE_MESSAGE_HELLO, 2);
    wire_forge_pack(&body, "uu", low, high);
    return accepted();
}

static void refusals_and_hellos_are_in_range(void **state)
{
    (void)state;
    assert_true(refusal_accepted(1, 1, WIRE_REFUSAL_TEXT_BYTES_MAX - 1));
    assert_true(refusal_accepted(1, 1, WIRE_REFUSAL_TEXT_BYTES_MAX));
    assert_false(refusal_accepted(1, 1, WIRE_REFUSAL_TEXT_BYTES_MAX + 1));
    assert_false(refusal_accepted(0, 1, 0));
    assert_true(refusal_accepted(WIRE_REFUSAL_MALFORMED, 1, 0));
    assert_false(refusal_accepted(WIRE_REFUSAL_MALFORMED + 1, 1, 0));
    assert_true(refusal_accepted(1, UINT16_MAX, 0));
    assert_false(refusal_accepted(1, UINT16_MAX + 1, 0));
    assert_true(hello_accepted(0, UINT16_MAX));
    assert_true(hello_accepted(5, 5));
    assert_false(hello_accepted(6, 5));
    assert_false(hello_accepted(0, UINT16_MAX + 1));
}

static void a_bool_is_a_bool_and_a_text_is_no_binary(void **state)
{
    (void)state;
    begin(WIRE_MESSAGE_TRANSFER_REPLY, 2);
    wire_forge_pack(&body, "uu", UINT64_C(1), UINT64_C(1));
    assert_false(accepted());
    begin(WIRE_MESSAGE_TRANSFER_REPLY, 2);
    wire_forge_pack(&body, "bu", 1, UINT64_C(1));
    assert_true(accepted());
    begin(WIRE_MESSAGE_REFUSAL, 4);
    wire_forge_pack(&body, "uuux", UINT64_C(1), UINT64_C(1), UINT64_C(1), (size_t)3);
    assert_false(accepted());
}

static void a_huge_list_in_a_few_bytes_is_refused_at_its_head(void **state)
{
    (void)state;
    static const uint8_t heads[][5] = {
        {0xdf, 0xff, 0xff, 0xff, 0xff},
        {0xdd, 0xff, 0xff, 0xff, 0xff},
        {0xc6, 0xff, 0xff, 0xff, 0xff},
        {0xdb, 0xff, 0xff, 0xff, 0xff},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        kv_buffer_clear(&body); /* as the message itself */
        kv_buffer_append(&body, heads[i], sizeof heads[i]);
        assert_false(accepted());
        begin(WIRE_MESSAGE_APPEND, 6); /* as its entries */
        wire_forge_pack(&body, "uuuuu", UINT64_C(1), UINT64_C(1), UINT64_C(1), UINT64_C(1),
                        UINT64_C(1));
        kv_buffer_append(&body, heads[i], sizeof heads[i]);
        assert_false(accepted());
        begin(WIRE_MESSAGE_REFUSAL, 4); /* as its text */
        wire_forge_pack(&body, "uuu", UINT64_C(1), UINT64_C(1), UINT64_C(1));
        kv_buffer_append(&body, heads[i], sizeof heads[i]);
        assert_false(accepted());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_append_is_bounded_in_entries_and_bytes),
        cmocka_unit_test(entries_of_an_append_follow_its_previous_index),
        cmocka_unit_test(an_append_that_ends_in_a_bad_entry_leaves_nothing_behind),
        cmocka_unit_test(a_chunk_is_bounded_and_lies_inside_of_its_snapshot),
        cmocka_unit_test(a_request_has_a_mode_destinations_and_a_bounded_body),
        cmocka_unit_test(a_reply_has_an_outcome_a_leader_and_a_bounded_body),
        cmocka_unit_test(a_message_is_for_a_group_that_can_exist),
        cmocka_unit_test(a_welcome_is_bounded_in_every_list_and_text),
        cmocka_unit_test(a_status_is_bounded_in_members_and_their_roles_are_known),
        cmocka_unit_test(changes_ascend_and_are_of_keys),
        cmocka_unit_test(workers_are_bounded_and_what_is_said_of_them_is_known),
        cmocka_unit_test(refusals_and_hellos_are_in_range),
        cmocka_unit_test(a_bool_is_a_bool_and_a_text_is_no_binary),
        cmocka_unit_test(a_huge_list_in_a_few_bytes_is_refused_at_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
