/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and answers: encoded in one form, decoded with every limit checked; names and homes from
 * the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wire/wire_forge.h"
#include "tests/unit/wire/wire_random.h"

/* XXH3-64 modulo KV_BUCKETS: "a" from the published value 0xe6c632b61e964e1f, the other from the
 * library itself. */
#define BUCKET_EMPTY 0x4c2
#define BUCKET_A     0xe1f
#define BUCKET_USER  3231

/* Too large for the stack of a test that has several. */
static struct wire_command command, command_again;
static struct wire_answer answer, answer_again;
static struct wire_random source;
static struct kv_buffer bytes, bytes_again;

static int set_up(void **state)
{
    (void)state;
    wire_random_init(&source, 31);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_random_close(&source);
    kv_buffer_close(&bytes);
    kv_buffer_close(&bytes_again);
    return 0;
}

static size_t payload_of_command(void)
{
    size_t size = WIRE_BODY_FIXED_BYTES_MAX;
    for (uint32_t i = 0; i < command.key_count; i++) {
        size += WIRE_BODY_ITEM_BYTES_MAX + command.keys[i].size;
    }
    for (uint32_t i = 0; i < command.value_count; i++) {
        size += WIRE_BODY_ITEM_BYTES_MAX + command.values[i].size;
    }
    const uint32_t steps = command.guard_count + command.branch_count[0] + command.branch_count[1];
    for (uint32_t i = 0; i < steps; i++) {
        size +=
            WIRE_BODY_STEP_BYTES_MAX + command.steps[i].value.size + command.steps[i].expected.size;
    }
    return size + command.owner_count;
}

static void every_command_comes_back_as_it_was_in_the_same_bytes(void **state)
{
    (void)state;
    for (int trial = 0; trial < 4000; trial++) {
        wire_random_command(&source, &command);
        kv_buffer_clear(&bytes);
        wire_command_encode(&command, &bytes);
        assert_true(bytes.size <= payload_of_command());
        assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &command_again), STATUS_OK);
        assert_true(wire_command_equal(&command, &command_again));
        kv_buffer_clear(&bytes_again);
        wire_command_encode(&command_again, &bytes_again);
        assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_buffer_slice(&bytes_again)));
    }
}

static void every_answer_comes_back_as_it_was_in_the_same_bytes(void **state)
{
    (void)state;
    for (int trial = 0; trial < 2000; trial++) {
        wire_random_answer(&source, &answer);
        kv_buffer_clear(&bytes);
        wire_answer_encode(&answer, &bytes);
        size_t most = WIRE_BODY_FIXED_BYTES_MAX;
        for (uint32_t i = 0; i < answer.row_count; i++) {
            most += WIRE_BODY_ITEM_BYTES_MAX + answer.rows[i].key.size + answer.rows[i].value.size;
        }
        most += answer.place_count * (size_t)WIRE_BODY_STEP_BYTES_MAX;
        assert_true(bytes.size <= most);
        assert_int_equal(wire_answer_decode(kv_buffer_slice(&bytes), &answer_again), STATUS_OK);
        assert_true(wire_answer_equal(&answer, &answer_again));
        kv_buffer_clear(&bytes_again);
        wire_answer_encode(&answer_again, &bytes_again);
        assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_buffer_slice(&bytes_again)));
    }
}

static void every_prefix_and_every_extension_of_a_command_or_answer_is_refused(void **state)
{
    (void)state;
    for (int trial = 0; trial < 200; trial++) {
        wire_random_command(&source, &command);
        kv_buffer_clear(&bytes);
        wire_command_encode(&command, &bytes);
        size_t step = 1 + bytes.size / 500;
        for (size_t size = 0; size < bytes.size; size += step) {
            assert_int_equal(wire_command_decode(kv_slice_of(bytes.data, size), &command_again),
                             STATUS_CORRUPT);
        }
        wire_forge_pack(&bytes, "z");
        assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &command_again),
                         STATUS_CORRUPT);

        wire_random_answer(&source, &answer);
        kv_buffer_clear(&bytes);
        wire_answer_encode(&answer, &bytes);
        step = 1 + bytes.size / 500;
        for (size_t size = 0; size < bytes.size; size += step) {
            assert_int_equal(wire_answer_decode(kv_slice_of(bytes.data, size), &answer_again),
                             STATUS_CORRUPT);
        }
        wire_forge_pack(&bytes, "z");
        assert_int_equal(wire_answer_decode(kv_buffer_slice(&bytes), &answer_again),
                         STATUS_CORRUPT);
    }
}

static void a_changed_byte_is_refused_or_gives_a_sound_struct(void **state)
{
    (void)state;
    for (int trial = 0; trial < 400; trial++) {
        wire_random_command(&source, &command);
        kv_buffer_clear(&bytes);
        wire_command_encode(&command, &bytes);
        for (size_t at = 0; at < bytes.size && at < 300; at++) {
            uint8_t change = (uint8_t)kv_prng_between(&source.prng, 1, 255);
            bytes.data[at] ^= change;
            if (wire_command_decode(kv_buffer_slice(&bytes), &command_again) == STATUS_OK) {
                kv_buffer_clear(&bytes_again);
                wire_command_encode(&command_again, &bytes_again);
            }
            (void)!wire_answer_decode(kv_buffer_slice(&bytes), &answer_again);
            bytes.data[at] ^= change;
        }
    }
}

/* A command with `keys` keys and `values` values of the given sizes. */
static enum status decode_form(uint64_t op, unsigned keys, size_t key_size, unsigned values,
                               size_t value_size, int64_t number, uint64_t limit)
{
    kv_buffer_clear(&bytes);
    wire_forge_pack(&bytes, "aua", 5, op, keys);
    for (unsigned i = 0; i < keys; i++) {
        wire_forge_pack(&bytes, "x", key_size);
    }
    wire_forge_pack(&bytes, "a", values);
    for (unsigned i = 0; i < values; i++) {
        wire_forge_pack(&bytes, "x", value_size);
    }
    wire_forge_pack(&bytes, "iu", number, limit);
    return wire_command_decode(kv_buffer_slice(&bytes), &command);
}

static void keys_and_values_of_a_command_are_held_to_their_limits(void **state)
{
    (void)state;
    const uint64_t put = WIRE_OP_PUT;
    assert_int_equal(decode_form(put, 1, 0, 1, 1, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_form(put, 1, 1, 1, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(put, 1, KV_KEY_BYTES_MAX - 1, 1, 1, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(put, 1, KV_KEY_BYTES_MAX, 1, 1, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(put, 1, KV_KEY_BYTES_MAX + 1, 1, 1, 0, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_form(put, 1, 1, 1, KV_VALUE_BYTES_MAX - 1, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(put, 1, 1, 1, KV_VALUE_BYTES_MAX, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(put, 1, 1, 1, KV_VALUE_BYTES_MAX + 1, 0, 0), STATUS_TOO_LARGE);

    const uint64_t cas = WIRE_OP_CAS; /* the largest command with one key */
    assert_int_equal(decode_form(cas, 1, KV_KEY_BYTES_MAX, 2, KV_VALUE_BYTES_MAX, 0, 0), STATUS_OK);
    /* Each part is within its limit, the whole is not. */
    assert_int_equal(decode_form(WIRE_OP_MPUT, 5, 1, 5, KV_VALUE_BYTES_MAX, 0, 0),
                     STATUS_TOO_LARGE);
}

static void the_number_of_keys_and_values_is_that_of_the_operation(void **state)
{
    (void)state;
    const unsigned most = KV_COMMAND_KEYS_MAX;
    assert_int_equal(decode_form(WIRE_OP_MGET, 0, 1, 0, 0, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_form(WIRE_OP_MGET, most - 1, 1, 0, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_MGET, most, 1, 0, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_MGET, most + 1, 1, 0, 0, 0, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_form(WIRE_OP_MPUT, most, 1, most, 1, 0, 0), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_MPUT, 3, 1, 2, 1, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_form(WIRE_OP_MPUT, 3, 1, 4, 1, 0, 0), STATUS_CORRUPT);
    static const struct {
        uint64_t op;
        unsigned keys, values;
        uint64_t limit;
    } rows[] = {{WIRE_OP_GET, 1, 0, 0},           {WIRE_OP_PUT, 1, 1, 0},
                {WIRE_OP_PUT_IF_ABSENT, 1, 1, 0}, {WIRE_OP_DELETE, 1, 0, 0},
                {WIRE_OP_CAS, 1, 2, 0},           {WIRE_OP_INCR, 1, 0, 0},
                {WIRE_OP_APPEND, 1, 1, 0},        {WIRE_OP_SCAN, 2, 0, 1},
                {WIRE_OP_SESSION_OPEN, 0, 0, 0},  {WIRE_OP_MAP, 0, 0, 0},
                {WIRE_OP_SESSION_CLOSE, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned keys = 0; keys < 4; keys++) {
            for (unsigned values = 0; values < 4; values++) {
                bool right = keys == rows[i].keys && values == rows[i].values;
                assert_int_equal(decode_form(rows[i].op, keys, 1, values, 1, 0, rows[i].limit),
                                 right ? STATUS_OK : STATUS_CORRUPT);
            }
        }
    }
}

static void numbers_belong_to_the_operations_that_use_them(void **state)
{
    (void)state;
    assert_int_equal(decode_form(WIRE_OP_INCR, 1, 1, 0, 0, INT64_MIN, 0), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_INCR, 1, 1, 0, 0, INT64_MAX, 0), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_GET, 1, 1, 0, 0, 1, 0), STATUS_CORRUPT);
    assert_int_equal(decode_form(WIRE_OP_GET, 1, 1, 0, 0, 0, 1), STATUS_CORRUPT);
    assert_int_equal(decode_form(WIRE_OP_SCAN, 2, 0, 0, 0, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_form(WIRE_OP_SCAN, 2, 0, 0, 0, 0, 1), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_SCAN, 2, 0, 0, 0, 0, KV_SCAN_ROWS_MAX - 1), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_SCAN, 2, 0, 0, 0, 0, KV_SCAN_ROWS_MAX), STATUS_OK);
    assert_int_equal(decode_form(WIRE_OP_SCAN, 2, 0, 0, 0, 0, KV_SCAN_ROWS_MAX + 1),
                     STATUS_TOO_LARGE);
    for (uint64_t op = 0; op <= 256; op++) {
        bool known = strcmp(wire_op_name((enum wire_op)op), "unknown") != 0;
        assert_true(known || decode_form(op, 0, 0, 0, 0, 0, 0) == STATUS_CORRUPT);
    }
}

static void a_body_above_its_limit_is_refused_unread(void **state)
{
    (void)state;
    uint8_t *zeros = kv_alloc_zero(1, KV_BODY_BYTES_MAX + 1);
    kv_slice most = kv_slice_of(zeros, KV_BODY_BYTES_MAX);
    kv_slice over = kv_slice_of(zeros, KV_BODY_BYTES_MAX + 1);
    assert_int_equal(wire_command_decode(most, &command), STATUS_CORRUPT);
    assert_int_equal(wire_command_decode(over, &command), STATUS_TOO_LARGE);
    assert_int_equal(wire_answer_decode(most, &answer), STATUS_CORRUPT);
    assert_int_equal(wire_answer_decode(over, &answer), STATUS_TOO_LARGE);
    kv_free(zeros);
}

static enum status decode_answer(uint64_t verdict, unsigned rows, size_t key, size_t value,
                                 uint64_t hint)
{
    kv_buffer_clear(&bytes);
    wire_forge_pack(&bytes, "auia", 5, verdict, INT64_C(-1), rows);
    for (unsigned i = 0; i < rows; i++) {
        wire_forge_pack(&bytes, "axx", 2, key, value);
    }
    wire_forge_pack(&bytes, "bu", 0, hint);
    return wire_answer_decode(kv_buffer_slice(&bytes), &answer);
}

static void every_part_of_an_answer_is_held_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(decode_answer(1, KV_COMMAND_KEYS_MAX - 1, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_answer(1, KV_COMMAND_KEYS_MAX, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_answer(1, KV_COMMAND_KEYS_MAX + 1, 0, 0, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_answer(1, 1, KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, 0), STATUS_OK);
    assert_int_equal(decode_answer(1, 1, KV_KEY_BYTES_MAX + 1, 0, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_answer(1, 1, 0, KV_VALUE_BYTES_MAX + 1, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_answer(1, 0, 0, 0, KV_GROUPS_MAX - 1), STATUS_OK);
    assert_int_equal(decode_answer(1, 0, 0, 0, KV_GROUPS_MAX), STATUS_CORRUPT);
    assert_int_equal(decode_answer(0, 0, 0, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_answer(WIRE_VERDICT_SESSION_ENDED, 0, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_answer(WIRE_VERDICT_SESSION_ENDED + 1, 0, 0, 0, 0), STATUS_CORRUPT);
}

/* A command on one key with the last two fields as given in the forge's letters. */
#define DECODE_TAIL(op, values, ...)                                                               \
    (kv_buffer_clear(&bytes),                                                                      \
     wire_forge_pack(&bytes, "auaxa", 7, (uint64_t)(op), 1, (size_t)3, values),                    \
     (values) == 1 ? wire_forge_pack(&bytes, "x", (size_t)1) : (void)0,                            \
     wire_forge_pack(&bytes, "iu", INT64_C(0), UINT64_C(0)), wire_forge_pack(&bytes, __VA_ARGS__), \
     wire_command_decode(kv_buffer_slice(&bytes), &command))

/* A placement; owners are bytes of value 0, so only their number can be right. */
static enum status decode_placement(enum wire_op op, unsigned values, int exec, uint64_t policy,
                                    uint64_t target, size_t owners)
{
    return DECODE_TAIL(op, values, "abuuxz", 4, exec, policy, target, owners);
}

static void a_placement_says_only_what_its_operation_needs(void **state)
{
    (void)state;
    const uint64_t last = KV_GROUPS_MAX - 1;
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 1, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, 0, 0, 0), STATUS_CORRUPT); /* a nil */
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, WIRE_POLICY_MOVE, 1, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, WIRE_POLICY_MOVE, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, WIRE_POLICY_BORROW, last, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, WIRE_POLICY_BORROW, last + 1, 0),
                     STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, WIRE_POLICY_BORROW + 1, 1, 0),
                     STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 1, 0, 1, 0), STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_MOVE, 0, 0, 0, 1, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_MOVE, 0, 1, 0, 1, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_MOVE, 0, 0, WIRE_POLICY_MOVE, 1, 0), STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_CREATE, 1, 0, 0, 1, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_DELETE, 0, 0, 0, 1, 0), STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_DELETE, 0, 1, 0, 0, 0), STATUS_OK);
    assert_int_equal(decode_placement(WIRE_OP_WHERE, 0, 1, 0, 0, 0), STATUS_CORRUPT);
    assert_int_equal(decode_placement(WIRE_OP_GET, 0, 0, 0, 0, 1), STATUS_CORRUPT); /* owner 0 */
    assert_int_equal(DECODE_TAIL(WIRE_OP_GET, 0, "zz"), STATUS_CORRUPT);
    assert_int_equal(
        DECODE_TAIL(WIRE_OP_GET, 0, "abuuxz", 5, 1, UINT64_C(0), UINT64_C(0), (size_t)0),
        STATUS_CORRUPT);
}

/* A TXN on one key with `count` steps: its placement is nil. */
static enum status decode_steps(uint64_t guards, uint64_t then, unsigned count, unsigned fields,
                                uint64_t kind, uint64_t key)
{
    kv_buffer_clear(&bytes);
    wire_forge_pack(&bytes, "auaxaiu", 7, (uint64_t)WIRE_OP_TXN, 1, (size_t)3, 0, INT64_C(0),
                    UINT64_C(0));
    wire_forge_pack(&bytes, "zauua", 3, guards, then, count);
    for (unsigned i = 0; i < count; i++) {
        wire_forge_pack(&bytes, "auu", fields, kind, key);
        if (fields > 2) {
            wire_forge_pack(&bytes, "x", (size_t)1);
        }
    }
    return wire_command_decode(kv_buffer_slice(&bytes), &command);
}

static void the_steps_of_a_txn_are_held_to_their_form(void **state)
{
    (void)state;
    const unsigned most = KV_TXN_STEPS_MAX;
    assert_int_equal(decode_steps(0, 1, 1, 2, WIRE_STEP_GET, 0), STATUS_OK);
    assert_int_equal(command.uses[0], WIRE_USE_READ);
    assert_int_equal(decode_steps(0, 0, most, 2, WIRE_STEP_DELETE, 0), STATUS_OK);
    assert_int_equal(command.uses[0], WIRE_USE_WRITE | WIRE_USE_REMOVE);
    assert_int_equal(command.branch_count[WIRE_BRANCH_ELSE], most);
    assert_int_equal(decode_steps(0, 0, most + 1, 2, WIRE_STEP_DELETE, 0), STATUS_TOO_LARGE);
    assert_int_equal(decode_steps(0, 0, 0, 2, WIRE_STEP_GET, 0), STATUS_CORRUPT); /* does nothing */
    assert_int_equal(decode_steps(0, 1, 1, 3, WIRE_STEP_PUT, 0), STATUS_OK);
    assert_int_equal(decode_steps(0, 1, 1, 2, WIRE_STEP_PUT, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(0, 1, 1, 3, WIRE_STEP_GET, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(0, 1, 1, 3, WIRE_STEP_INCR, 0), STATUS_CORRUPT); /* a number */
    assert_int_equal(decode_steps(0, 1, 1, 2, WIRE_STEP_GET, 1), STATUS_CORRUPT);
    assert_int_equal(decode_steps(0, 2, 1, 2, WIRE_STEP_GET, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(1, 0, 1, 2, WIRE_STEP_GET, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(1, 0, 1, 2, WIRE_GUARD_EXISTS, 0), STATUS_OK);
    assert_int_equal(decode_steps(0, 1, 1, 2, WIRE_GUARD_EXISTS, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(0, 1, 1, 2, WIRE_STEP_APPEND + 1, 0), STATUS_CORRUPT);
    assert_int_equal(decode_steps(1, 0, 1, 2, WIRE_GUARD_AT_MOST + 1, 0), STATUS_CORRUPT);
}

static void keys_with_a_verdict_of_their_own_ascend(void **state)
{
    (void)state;
    static const enum wire_op ops[] = {WIRE_OP_DELETE, WIRE_OP_MOVE, WIRE_OP_MGET};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        for (int order = -1; order <= 1; order++) {
            wire_command_begin(&command, ops[i]);
            command.target.value = ops[i] == WIRE_OP_MOVE ? 1 : 0;
            command.key_count = 2;
            command.keys[0] = kv_slice_of_text("k");
            command.keys[1] = kv_slice_of_text("l");
            kv_buffer_clear(&bytes);
            wire_command_encode(&command, &bytes);
            bytes.data[bytes.size - (ops[i] == WIRE_OP_MOVE ? 11 : 4)] = (uint8_t)('k' - order);
            const bool good = ops[i] == WIRE_OP_MGET || order == -1;
            assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &command_again),
                             good ? STATUS_OK : STATUS_CORRUPT);
        }
    }
}

/* Who has owners judges each key once. */
static void no_key_comes_twice_in_a_command_with_placement(void **state)
{
    (void)state;
    for (int placed = 0; placed <= 1; placed++) {
        wire_command_begin(&command, WIRE_OP_MGET);
        command.keys[0] = kv_slice_of_text("m");
        command.keys[1] = kv_slice_of_text("k");
        command.keys[2] = kv_slice_of_text("l");
        command.key_count = 3;
        command.exec = placed == 1;
        kv_buffer_clear(&bytes);
        wire_command_encode(&command, &bytes);
        assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &command_again), STATUS_OK);
        uint8_t *last = memchr(bytes.data, 'l', bytes.size);
        assert_non_null(last);
        *last = 'm';
        assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &command_again),
                         placed == 1 ? STATUS_CORRUPT : STATUS_OK);
    }
}

static void the_bytes_of_known_commands_do_not_change_within_a_version(void **state)
{
    (void)state;
    static const uint8_t put[] = {0x95, 2, 0x91, 0xc4, 1, 'k', 0x91, 0xc4, 2, 'v', 'w', 0, 0};
    static const uint8_t row[] = {0x95, 1, 0xff, 0x91, 0x92, 0xc4, 0, 0xc0, 0xc2, 0};
    static const uint8_t txn[] = {0x97, 11, 0x91, 0xc4, 1,    'k', 0x90, 0,   0, 0x94,
                                  0xc2, 0,  0,    0xc4, 1,    2,   0x93, 1,   1, 0x92,
                                  0x93, 46, 0,    5,    0x93, 6,   0,    0xfb};
    wire_command_begin(&command, WIRE_OP_TXN);
    command.key_count = command.owner_count = 1;
    command.keys[0] = kv_slice_of_text("k");
    command.owners[0] = 2;
    command.guard_count = command.branch_count[WIRE_BRANCH_THEN] = 1;
    command.steps[0] = (struct wire_step){.kind = WIRE_GUARD_AT_LEAST, .number = 5};
    command.steps[1] = (struct wire_step){.kind = WIRE_STEP_INCR, .number = -5};
    kv_buffer_clear(&bytes);
    wire_command_encode(&command, &bytes);
    assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_slice_of(txn, sizeof txn)));

    wire_command_begin(&command, WIRE_OP_PUT);
    command.key_count = command.value_count = 1;
    command.keys[0] = kv_slice_of_text("k");
    command.values[0] = kv_slice_of_text("vw");
    kv_buffer_clear(&bytes);
    wire_command_encode(&command, &bytes);
    assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_slice_of(put, sizeof put)));

    answer = (struct wire_answer){.verdict = WIRE_VERDICT_OK, .number = -1, .row_count = 1};
    kv_buffer_clear(&bytes);
    wire_answer_encode(&answer, &bytes);
    assert_true(kv_slice_equal(kv_buffer_slice(&bytes), kv_slice_of(row, sizeof row)));
}

static void names_and_properties_are_those_of_the_tables(void **state)
{
    (void)state;
    assert_string_equal(wire_op_name(WIRE_OP_PUT_IF_ABSENT), "put_if_absent");
    assert_string_equal(wire_op_name((enum wire_op)0), "unknown");
    assert_true(wire_op_is_read_only(WIRE_OP_SCAN));
    assert_false(wire_op_is_read_only(WIRE_OP_CAS));
    assert_string_equal(wire_verdict_name(WIRE_VERDICT_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(wire_verdict_text(WIRE_VERDICT_NOT_FOUND), "no such key");
    assert_string_equal(wire_verdict_name((enum wire_verdict)99), "UNKNOWN");
    assert_string_equal(wire_step_name(WIRE_GUARD_AT_LEAST), "at_least");
    assert_int_equal(wire_step_by_name(kv_slice_of_text("at_least"), true), WIRE_GUARD_AT_LEAST);
    assert_int_equal(wire_step_by_name(kv_slice_of_text("at_least"), false), 0);
    assert_int_equal(wire_step_by_name(kv_slice_of_text("put"), false), WIRE_STEP_PUT);
    assert_int_equal(WIRE_STEP_APPEND, WIRE_OP_APPEND);
}

static void the_home_of_a_key_is_fixed_for_ever(void **state)
{
    (void)state;
    assert_int_equal(wire_bucket_of(kv_slice_of_text("")), BUCKET_EMPTY);
    assert_int_equal(wire_bucket_of(kv_slice_of_text("a")), BUCKET_A);
    assert_int_equal(wire_bucket_of(kv_slice_of_text("user:1000")), BUCKET_USER);
    for (uint32_t partitions = 1; partitions < KV_GROUPS_MAX; partitions++) {
        kv_slice key = kv_slice_of_text("user:1000");
        assert_int_equal(wire_home_of(key, partitions).value, 1 + BUCKET_USER % partitions);
    }
}

static void the_homes_of_many_keys_are_spread_evenly(void **state)
{
    (void)state;
    uint32_t counts[KV_GROUPS_MAX] = {0};
    for (int i = 0; i < 64000; i++) {
        char key[32];
        snprintf(key, sizeof key, "user:%d", i);
        counts[wire_home_of(kv_slice_of_text(key), 16).value]++;
    }
    assert_int_equal(counts[0], 0);
    for (int i = 1; i <= 16; i++) {
        assert_in_range(counts[i], 3700, 4300);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_comes_back_as_it_was_in_the_same_bytes),
        cmocka_unit_test(every_answer_comes_back_as_it_was_in_the_same_bytes),
        cmocka_unit_test(every_prefix_and_every_extension_of_a_command_or_answer_is_refused),
        cmocka_unit_test(a_changed_byte_is_refused_or_gives_a_sound_struct),
        cmocka_unit_test(keys_and_values_of_a_command_are_held_to_their_limits),
        cmocka_unit_test(the_number_of_keys_and_values_is_that_of_the_operation),
        cmocka_unit_test(numbers_belong_to_the_operations_that_use_them),
        cmocka_unit_test(a_body_above_its_limit_is_refused_unread),
        cmocka_unit_test(every_part_of_an_answer_is_held_to_its_limit),
        cmocka_unit_test(a_placement_says_only_what_its_operation_needs),
        cmocka_unit_test(the_steps_of_a_txn_are_held_to_their_form),
        cmocka_unit_test(keys_with_a_verdict_of_their_own_ascend),
        cmocka_unit_test(no_key_comes_twice_in_a_command_with_placement),
        cmocka_unit_test(the_bytes_of_known_commands_do_not_change_within_a_version),
        cmocka_unit_test(names_and_properties_are_those_of_the_tables),
        cmocka_unit_test(the_home_of_a_key_is_fixed_for_ever),
        cmocka_unit_test(the_homes_of_many_keys_are_spread_evenly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
