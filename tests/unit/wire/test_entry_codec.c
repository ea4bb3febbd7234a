/* SPDX-License-Identifier: Apache-2.0 */
/* Entries and configurations: what is decoded is what was encoded, and keeps the promises of its
 * struct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wire/wire_forge.h"
#include "tests/unit/wire/wire_random.h"

static struct wire_random source;
static struct kv_buffer bytes;

static int set_up(void **state)
{
    (void)state;
    wire_random_init(&source, 21);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_random_close(&source);
    kv_buffer_close(&bytes);
    return 0;
}

static struct wire_entry *any_entry(void)
{
    return wire_random_entry(&source, (kv_index){wire_random_number(&source, UINT64_MAX)});
}

static void an_entry_comes_back_with_one_reference_and_the_same_bytes(void **state)
{
    (void)state;
    struct kv_buffer again = {0};
    for (int trial = 0; trial < 5000; trial++) {
        struct wire_entry *entry = any_entry();
        struct wire_entry *decoded;
        kv_buffer_clear(&bytes);
        wire_entry_encode(entry, &bytes);
        assert_int_equal(wire_entry_decode(kv_buffer_slice(&bytes), &decoded), STATUS_OK);
        assert_int_equal(decoded->references, 1);
        assert_true(wire_entry_equal(entry, decoded));
        kv_buffer_clear(&again);
        wire_entry_encode(decoded, &again);
        assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_buffer_slice(&again)));
        wire_entry_drop(&entry);
        wire_entry_drop(&decoded);
    }
    kv_buffer_close(&again);
}

static void encoding_appends_behind_what_is_there(void **state)
{
    (void)state;
    struct wire_entry *entry = any_entry();
    kv_buffer_clear(&bytes);
    wire_entry_encode(entry, &bytes);
    size_t size = bytes.size;
    wire_entry_encode(entry, &bytes);
    assert_int_equal(bytes.size, 2 * size);
    assert_memory_equal(bytes.data, bytes.data + size, size);
    wire_entry_drop(&entry);
}

static void every_prefix_and_every_extension_of_an_entry_is_refused(void **state)
{
    (void)state;
    for (int trial = 0; trial < 100; trial++) {
        struct wire_entry *entry = any_entry();
        struct wire_entry *decoded = entry;
        kv_buffer_clear(&bytes);
        wire_entry_encode(entry, &bytes);
        size_t step = bytes.size > 1000 ? 7 : 1;
        for (size_t size = 0; size < bytes.size; size += step) {
            assert_int_equal(wire_entry_decode(kv_slice_of(bytes.data, size), &decoded),
                             STATUS_CORRUPT);
            assert_null(decoded);
        }
        wire_forge_pack(&bytes, "z");
        assert_int_equal(wire_entry_decode(kv_buffer_slice(&bytes), &decoded), STATUS_CORRUPT);
        assert_null(decoded);
        wire_entry_drop(&entry);
    }
}

static void a_changed_byte_is_refused_or_gives_an_entry_that_encodes(void **state)
{
    (void)state;
    struct kv_buffer again = {0};
    for (int trial = 0; trial < 300; trial++) {
        struct wire_entry *entry = any_entry();
        kv_buffer_clear(&bytes);
        wire_entry_encode(entry, &bytes);
        wire_entry_drop(&entry);
        for (size_t at = 0; at < bytes.size && at < 200; at++) {
            uint8_t change = (uint8_t)kv_prng_between(&source.prng, 1, 255);
            bytes.data[at] ^= change;
            if (wire_entry_decode(kv_buffer_slice(&bytes), &entry) == STATUS_OK) {
                kv_buffer_clear(&again);
                wire_entry_encode(entry, &again);
                wire_entry_drop(&entry);
            }
            bytes.data[at] ^= change;
        }
    }
    kv_buffer_close(&again);
}

struct entry_form {
    uint64_t kind, timestamp_group, session_group, attempt, source;
    size_t body;
};

static enum status decode_form(struct entry_form form)
{
    kv_buffer_clear(&bytes);
    wire_forge_pack(&bytes, "auuuu uu uuuu uuuu x", 15, form.kind, UINT64_C(1), UINT64_C(1),
                    UINT64_C(1), UINT64_C(1), form.timestamp_group, UINT64_C(1), form.session_group,
                    UINT64_C(1), form.attempt, UINT64_C(1), UINT64_C(1), form.source, UINT64_C(1),
                    form.body);
    struct wire_entry *entry;
    enum status status = wire_entry_decode(kv_buffer_slice(&bytes), &entry);
    wire_entry_drop(&entry);
    return status;
}

static void every_field_of_an_entry_is_held_to_its_range(void **state)
{
    (void)state;
    const struct entry_form good = {WIRE_ENTRY_CMD, 0, 0, 0, 0, 5};
    const uint64_t group_max = KV_GROUPS_MAX - 1;
    struct entry_form form;
    assert_int_equal(decode_form(good), STATUS_OK);
    for (uint64_t over = 0; over < 2; over++) {
        enum status expected = over == 0 ? STATUS_OK : STATUS_CORRUPT;
        form = good, form.kind = WIRE_ENTRY_REMOTE + over;
        assert_int_equal(decode_form(form), expected);
        form = good, form.timestamp_group = group_max + over;
        assert_int_equal(decode_form(form), expected);
        form = good, form.session_group = group_max + over;
        assert_int_equal(decode_form(form), expected);
        form = good, form.source = group_max + over;
        assert_int_equal(decode_form(form), expected);
        form = good, form.attempt = UINT32_MAX + over;
        assert_int_equal(decode_form(form), expected);
        form = good, form.body = KV_BODY_BYTES_MAX + (size_t)over;
        assert_int_equal(decode_form(form), expected);
    }
    form = good, form.kind = 0;
    assert_int_equal(decode_form(form), STATUS_CORRUPT);
    form = good, form.kind = WIRE_ENTRY_CONFIG; /* five zeros are no configuration */
    assert_int_equal(decode_form(form), STATUS_CORRUPT);
}

static void a_configuration_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int trial = 0; trial < 2000; trial++) {
        struct wire_config config, decoded;
        wire_random_config(&source, &config);
        kv_buffer_clear(&bytes);
        wire_config_encode(&config, &bytes);
        assert_int_equal(wire_config_decode(kv_buffer_slice(&bytes), &decoded), STATUS_OK);
        assert_true(wire_config_equal(&config, &decoded));
        for (size_t size = 0; size < bytes.size; size++) {
            assert_int_equal(wire_config_decode(kv_slice_of(bytes.data, size), &decoded),
                             STATUS_CORRUPT);
        }
        wire_forge_pack(&bytes, "z");
        assert_int_equal(wire_config_decode(kv_buffer_slice(&bytes), &decoded), STATUS_CORRUPT);
    }
}

static enum status decode_members(unsigned count, const uint64_t *nodes, const int *voters)
{
    struct wire_config config;
    kv_buffer_clear(&bytes);
    wire_forge_pack(&bytes, "a", count);
    for (unsigned i = 0; i < count; i++) {
        wire_forge_pack(&bytes, "aub", 2, nodes[i], voters[i]);
    }
    return wire_config_decode(kv_buffer_slice(&bytes), &config);
}

static void a_configuration_has_distinct_members_a_voter_and_a_bound(void **state)
{
    (void)state;
    const uint64_t nodes[KV_MEMBERS_MAX + 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const int voters[KV_MEMBERS_MAX + 1] = {0, 1};
    assert_int_equal(decode_members(0, nodes, voters), STATUS_CORRUPT);
    assert_int_equal(decode_members(1, nodes, voters), STATUS_CORRUPT); /* only a learner */
    assert_int_equal(decode_members(2, nodes, voters), STATUS_OK);
    assert_int_equal(decode_members(KV_MEMBERS_MAX - 1, nodes, voters), STATUS_OK);
    assert_int_equal(decode_members(KV_MEMBERS_MAX, nodes, voters), STATUS_OK);
    assert_int_equal(decode_members(KV_MEMBERS_MAX + 1, nodes, voters), STATUS_CORRUPT);

    const int all[3] = {1, 1, 1};
    assert_int_equal(decode_members(3, (uint64_t[]){4, 5, 4}, all), STATUS_CORRUPT);
    assert_int_equal(decode_members(3, (uint64_t[]){4, 5, 5}, all), STATUS_CORRUPT);
    assert_int_equal(decode_members(3, (uint64_t[]){4, 5, 0}, all), STATUS_CORRUPT);
    assert_int_equal(decode_members(3, (uint64_t[]){4, 5, KV_NODES_MAX}, all), STATUS_OK);
    assert_int_equal(decode_members(3, (uint64_t[]){4, 5, KV_NODES_MAX + 1}, all), STATUS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back_with_one_reference_and_the_same_bytes),
        cmocka_unit_test(encoding_appends_behind_what_is_there),
        cmocka_unit_test(every_prefix_and_every_extension_of_an_entry_is_refused),
        cmocka_unit_test(a_changed_byte_is_refused_or_gives_an_entry_that_encodes),
        cmocka_unit_test(every_field_of_an_entry_is_held_to_its_range),
        cmocka_unit_test(a_configuration_comes_back_as_it_was),
        cmocka_unit_test(a_configuration_has_distinct_members_a_voter_and_a_bound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
