/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of changes: what it has not forgotten it gives completely, in the order of positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "partition/kv/kv_changes.h"

static uint8_t big[KV_VALUE_BYTES_MAX];

struct rig {
    struct kv_changes changes;
    struct kv_buffer bytes;
    struct machine_changes found;
};

static int set_up(void **state)
{
    *state = kv_alloc_zero(1, sizeof(struct rig));
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    kv_changes_clear(&rig->changes);
    kv_buffer_close(&rig->bytes);
    kv_free(rig);
    return 0;
}

static kv_timestamp version_of(uint64_t position)
{
    return (kv_timestamp){{position * 10}, {2}};
}

static void put(struct rig *rig, uint64_t position, const char *key, const char *value)
{
    const kv_slice bytes = kv_slice_of_text(value);
    kv_changes_add(&rig->changes, position, version_of(position), kv_slice_of_text(key), &bytes);
}

static void put_big(struct rig *rig, uint64_t position, size_t size)
{
    const kv_slice bytes = kv_slice_of(big, size);
    kv_changes_add(&rig->changes, position, version_of(position), kv_slice_of_text("k"), &bytes);
}

/* One look, from an index, at positions up to `last`. */
static void look_from(struct rig *rig, const char *prefix, uint64_t from, uint64_t last,
                      size_t bytes_max)
{
    kv_changes_read(&rig->changes,
                    &(struct machine_watch){.prefix = kv_slice_of_text(prefix),
                                            .from = from,
                                            .first = 1,
                                            .last = last,
                                            .bytes_max = bytes_max},
                    &rig->bytes, &rig->found);
    assert_true(wire_changes_are_sound(kv_buffer_slice(&rig->bytes)));
}

/* As many as it takes; returns how many changes came. */
static uint32_t read_from(struct rig *rig, const char *prefix, uint64_t from, uint64_t last,
                          size_t bytes_max)
{
    uint32_t count = 0;
    kv_buffer_clear(&rig->bytes);
    do {
        look_from(rig, prefix, from, last, bytes_max);
        count += rig->found.count;
        from = rig->found.next;
    } while (rig->found.more);
    return count;
}

static struct wire_change change_at(const struct rig *rig, uint32_t i)
{
    kv_slice bytes = kv_buffer_slice(&rig->bytes);
    struct wire_change change = {.index = 0};
    for (uint32_t k = 0; k <= i; k++) {
        assert_true(wire_changes_take(&bytes, &change));
    }
    return change;
}

static void changes_come_by_position_whenever_they_were_made(void **state)
{
    struct rig *rig = *state;
    put(rig, 3, "c", "3");
    put(rig, 1, "a", "1");
    put(rig, 2, "b", "2");
    assert_int_equal(read_from(rig, "", wire_watch_index(1), 3, SIZE_MAX), 3);
    assert_int_equal(rig->found.next, wire_watch_index(4));
    assert_false(rig->found.gap);
    for (uint32_t i = 0; i < 3; i++) {
        const struct wire_change change = change_at(rig, i);
        assert_int_equal(change.index, wire_watch_index(i + 1));
        assert_int_equal(change.version.clock.value, (i + 1) * 10);
        assert_int_equal(change.version.group.value, 2);
        assert_memory_equal(change.value.data, &"123"[i], 1);
    }
    assert_int_equal(read_from(rig, "", wire_watch_index(1), 2, SIZE_MAX), 2);
    assert_int_equal(rig->found.next, wire_watch_index(3));
}

static void only_the_prefix_comes_and_the_rest_is_passed(void **state)
{
    struct rig *rig = *state;
    put(rig, 1, "a", "1");
    put(rig, 2, "ab", "2");
    put(rig, 3, "b", "3");
    assert_int_equal(read_from(rig, "ab", wire_watch_index(1), 9, SIZE_MAX), 1);
    assert_int_equal(change_at(rig, 0).index, wire_watch_index(2));
    assert_int_equal(read_from(rig, "abc", wire_watch_index(1), 9, SIZE_MAX), 0);
    assert_int_equal(rig->found.next, wire_watch_index(10));
}

static void an_answer_that_is_full_goes_on_inside_of_a_command(void **state)
{
    struct rig *rig = *state;
    put(rig, 5, "a", "1");
    put(rig, 5, "b", "2");
    kv_changes_add(&rig->changes, 5, version_of(5), kv_slice_of_text("c"), NULL);
    uint64_t from = wire_watch_index(5);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(read_from(rig, "", from, 5, 1), 1);
        assert_int_equal(change_at(rig, 0).index, wire_watch_index(5) + i);
        assert_int_equal(change_at(rig, 0).kind, i < 2 ? WIRE_CHANGE_PUT : WIRE_CHANGE_DELETED);
        from = rig->found.next;
    }
    assert_int_equal(from, wire_watch_index(6));
}

static void what_is_ahead_of_the_member_is_waited_for(void **state)
{
    struct rig *rig = *state;
    put(rig, 5, "a", "1");
    assert_int_equal(read_from(rig, "", wire_watch_index(4), 3, SIZE_MAX), 0);
    assert_false(rig->found.gap);
    assert_int_equal(rig->found.next, wire_watch_index(4));
    assert_int_equal(read_from(rig, "", wire_watch_index(9), 3, SIZE_MAX), 0);
    assert_int_equal(rig->found.next, wire_watch_index(9));
}

static void what_was_overwritten_is_a_gap_and_all_behind_it_is_there(void **state)
{
    struct rig *rig = *state;
    struct kv_prng prng;
    uint64_t last = 0;
    kv_prng_init(&prng, 7);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            put_big(rig, ++last, (size_t)kv_prng_below(&prng, 40) * 3001);
        }
        const uint64_t floor = rig->changes.floor;
        assert_int_equal(read_from(rig, "", wire_watch_index(1), last, SIZE_MAX),
                         floor > 1 ? 0 : last);
        assert_int_equal(rig->found.gap, floor > 1);
        if (floor > 1) {
            assert_int_equal(rig->found.first, wire_watch_index(floor));
            assert_int_equal(read_from(rig, "", rig->found.first, last, SIZE_MAX),
                             last - floor + 1);
            assert_true(last - floor > 100); /* it is well filled */
        }
    }
    assert_true(rig->changes.floor > 1);
}

static void a_command_whose_changes_do_not_fit_is_a_gap(void **state)
{
    struct rig *rig = *state;
    put(rig, 1, "a", "1");
    for (uint32_t i = 0; i < 20; i++) {
        put_big(rig, 2, KV_VALUE_BYTES_MAX);
    }
    put(rig, 3, "b", "3");
    assert_int_equal(read_from(rig, "", wire_watch_index(2), 3, SIZE_MAX), 0);
    assert_true(rig->found.gap);
    assert_int_equal(rig->found.first, wire_watch_index(3));
    assert_int_equal(read_from(rig, "", wire_watch_index(3), 3, SIZE_MAX), 1);
}

static void positions_are_bounded_too(void **state)
{
    struct rig *rig = *state;
    put(rig, 1, "a", "1");
    put(rig, KV_CHANGES_POSITIONS, "b", "2");
    assert_int_equal(read_from(rig, "", wire_watch_index(1), KV_CHANGES_POSITIONS, SIZE_MAX), 2);
    put(rig, KV_CHANGES_POSITIONS + 1, "c", "3");
    assert_int_equal(read_from(rig, "", wire_watch_index(1), KV_CHANGES_POSITIONS + 1, SIZE_MAX),
                     0);
    assert_true(rig->found.gap);
    put(rig, 1, "late", "4"); /* nobody will ask for it any more */
    assert_int_equal(read_from(rig, "", wire_watch_index(2), KV_CHANGES_POSITIONS + 1, SIZE_MAX),
                     2);
    put(rig, 0, "unknown", "5");
    assert_int_equal(read_from(rig, "", wire_watch_index(2), KV_CHANGES_POSITIONS + 9, SIZE_MAX),
                     2);
}

/* Few write much more than this before anybody watches them. */
static void it_grows_with_what_is_written_and_forgets_nothing_before_it_is_full(void **state)
{
    struct rig *rig = *state;
    struct kv_prng prng;
    const uint64_t begin = UINT64_C(1) << 40; /* positions of a member that is old */
    const uint32_t count = 6000;
    uint64_t taken = 0;
    kv_prng_init(&prng, 7);
    put_big(rig, begin - 1, 1);
    assert_int_equal(rig->changes.ring_bytes, KV_CHANGES_BYTES_MIN);
    assert_int_equal(rig->changes.slot_count, KV_CHANGES_POSITIONS_MIN);
    for (uint32_t i = 0; i < count; i++) { /* by fives, backwards */
        const uint64_t position = begin + 3 * (uint64_t)(i / 5 * 5 + 4 - i % 5);
        const size_t size = (size_t)kv_prng_below(&prng, 900);
        put_big(rig, position, size);
        put_big(rig, position, size);
        taken += 2 * (size + 64);
        assert_int_equal(rig->changes.floor, 0);
        assert_true(rig->changes.ring_bytes <= KV_CHANGES_BYTES_MIN + 4 * taken);
    }
    assert_true(rig->changes.ring_bytes < KV_CHANGES_BYTES);
    assert_true(rig->changes.slot_count < KV_CHANGES_POSITIONS);
    assert_int_equal(
        read_from(rig, "", wire_watch_index(begin - 1), begin + 3 * (uint64_t)count, SIZE_MAX),
        2 * count + 1);
    assert_int_equal(read_from(rig, "", wire_watch_index(1), begin + 3 * (uint64_t)count, SIZE_MAX),
                     2 * count + 1);
}

static void one_look_is_bounded_and_says_where_to_go_on(void **state)
{
    struct rig *rig = *state;
    const uint64_t last = 3 * KV_CHANGES_LOOK;
    for (uint64_t position = 1; position < last; position++) {
        put(rig, position, "a", "1");
    }
    put(rig, last, "b", "2");
    uint64_t from = wire_watch_index(1);
    uint32_t looks = 0;
    do {
        look_from(rig, "b", from, last, SIZE_MAX);
        assert_true(rig->found.next > from);
        assert_true(rig->found.next - from <= wire_watch_index(KV_CHANGES_LOOK));
        from = rig->found.next;
        looks++;
    } while (rig->found.more);
    assert_int_equal(rig->found.count, 1);
    assert_in_range(looks, 3, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_come_by_position_whenever_they_were_made, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_the_prefix_comes_and_the_rest_is_passed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_is_full_goes_on_inside_of_a_command, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_ahead_of_the_member_is_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_overwritten_is_a_gap_and_all_behind_it_is_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_whose_changes_do_not_fit_is_a_gap, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(positions_are_bounded_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            it_grows_with_what_is_written_and_forgets_nothing_before_it_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_look_is_bounded_and_says_where_to_go_on, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
