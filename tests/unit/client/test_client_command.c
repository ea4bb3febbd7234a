/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation of kv.h becomes before it is sent: its limits, its keys in order, its steps numbered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "client/lib/kv_internal.h"

static int setup(void **state)
{
    kv_client *client = NULL;
    assert_int_equal(kv_client_open("127.0.0.1:1", NULL, &client), KV_OK);
    *state = client;
    return 0;
}

static int teardown(void **state)
{
    kv_client *client = *state;
    kv_client_close(&client);
    return 0;
}

static kv_bytes text(const char *words)
{
    return kv_bytes_of(words, strlen(words));
}

static void assert_key(const kv_client *client, uint32_t i, const char *words)
{
    assert_true(kv_slice_equal(client->command.keys[i], kv_slice_of_text(words)));
}

/* What the read command says, encoded and decoded again: it obeys the table of commands. */
static void assert_sendable(const kv_client *client)
{
    static struct wire_command again;
    struct kv_buffer bytes = {0};
    wire_command_encode(&client->command, &bytes);
    assert_int_equal(wire_command_decode(kv_buffer_slice(&bytes), &again), STATUS_OK);
    kv_buffer_close(&bytes);
}

static void keys_of_placement_are_sorted_with_their_values(void **state)
{
    kv_client *client = *state;
    const kv_bytes keys[] = {text("c"), text("a"), text("b")};
    const kv_bytes values[] = {text("3"), text("1"), text("2")};
    const kv_op op = {
        .code = KV_OP_CREATE, .keys = keys, .values = values, .count = 3, .partition = 1};
    assert_int_equal(kv_read_op(client, &op), KV_OK);
    for (uint32_t i = 0; i < 3; i++) {
        const char expected[] = {(char)('a' + i), '\0'};
        assert_key(client, i, expected);
        assert_int_equal(client->command.values[i].data[0], '1' + (int)i);
    }
    assert_true(client->reordered);
    assert_int_equal(client->place_of[0], 2); /* the caller's "c" */
    assert_int_equal(client->place_of[1], 0);
    assert_sendable(client);
}

static void keys_in_order_are_left_alone(void **state)
{
    kv_client *client = *state;
    const kv_bytes keys[] = {text("a"), text("b")};
    const kv_op op = {.code = KV_OP_MOVE, .keys = keys, .count = 2, .partition = 3};
    assert_int_equal(kv_read_op(client, &op), KV_OK);
    assert_false(client->reordered);
    assert_int_equal(client->command.target.value, 3);
    assert_sendable(client);
}

static void a_key_may_not_be_placed_twice_in_one_operation(void **state)
{
    kv_client *client = *state;
    const kv_bytes keys[] = {text("a"), text("b"), text("a")};
    const kv_op op = {.code = KV_OP_DELETE, .keys = keys, .count = 3};
    assert_int_equal(kv_read_op(client, &op), KV_INVALID);
}

static void a_move_needs_a_partition(void **state)
{
    kv_client *client = *state;
    kv_op op = {.code = KV_OP_MOVE, .key = text("a")};
    assert_int_equal(kv_read_op(client, &op), KV_INVALID);
    op.partition = KV_GROUPS_MAX;
    assert_int_equal(kv_read_op(client, &op), KV_INVALID);
    op.partition = KV_GROUPS_MAX - 1;
    assert_int_equal(kv_read_op(client, &op), KV_OK);
}

static void steps_of_a_transaction_share_the_numbers_of_their_keys(void **state)
{
    kv_client *client = *state;
    const kv_step guards[] = {kv_step_number(KV_GUARD_AT_LEAST, text("b"), 5)};
    const kv_step steps[] = {kv_step_number(KV_STEP_INCR, text("b"), -5),
                             kv_step_number(KV_STEP_INCR, text("a"), 5)};
    const kv_step otherwise[] = {kv_step_of(KV_STEP_GET, text("c"), text(""))};
    const kv_op op = {.code = KV_OP_TXN,
                      .guards = guards,
                      .guard_count = 1,
                      .steps = steps,
                      .step_count = 2,
                      .otherwise = otherwise,
                      .otherwise_count = 1};
    assert_int_equal(kv_read_op(client, &op), KV_OK);
    const struct wire_command *command = &client->command;
    assert_int_equal(command->key_count, 3);
    assert_key(client, 0, "a");
    assert_key(client, 2, "c");
    assert_int_equal(command->steps[0].key, 1);
    assert_int_equal(command->steps[1].key, 1);
    assert_int_equal(command->steps[2].key, 0);
    assert_int_equal(command->steps[3].key, 2);
    assert_int_equal(command->uses[1], WIRE_USE_READ | WIRE_USE_WRITE);
    assert_int_equal(command->uses[2], WIRE_USE_READ);
    assert_sendable(client);
}

static void guards_are_no_steps_and_steps_no_guards(void **state)
{
    kv_client *client = *state;
    const kv_step get[] = {kv_step_of(KV_STEP_GET, text("a"), text(""))};
    const kv_step exists[] = {kv_step_of(KV_GUARD_EXISTS, text("a"), text(""))};
    assert_int_equal(kv_read_op(client, &(kv_op){.code = KV_OP_TXN,
                                                 .guards = get,
                                                 .guard_count = 1,
                                                 .steps = get,
                                                 .step_count = 1}),
                     KV_INVALID);
    assert_int_equal(
        kv_read_op(client, &(kv_op){.code = KV_OP_TXN, .steps = exists, .step_count = 1}),
        KV_INVALID);
    assert_int_equal(kv_read_op(client, &(kv_op){.code = KV_OP_TXN}), KV_INVALID);
}

static void a_transaction_has_limits(void **state)
{
    kv_client *client = *state;
    static kv_step steps[KV_TXN_STEPS_MAX + 1];
    static char names[KV_TXN_STEPS_MAX + 1][8];
    for (uint32_t i = 0; i <= KV_TXN_STEPS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "k%u", i);
        steps[i] = kv_step_of(KV_STEP_GET, text(names[i]), text(""));
    }
    kv_op op = {.code = KV_OP_TXN, .steps = steps, .step_count = KV_TXN_STEPS_MAX};
    assert_int_equal(kv_read_op(client, &op), KV_OK);
    assert_int_equal(client->command.key_count, KV_TXN_STEPS_MAX);
    assert_sendable(client);
    op.step_count++;
    assert_int_equal(kv_read_op(client, &op), KV_TOO_LARGE);
    static uint8_t large[KV_VALUE_BYTES_MAX + 1];
    const kv_step put[] = {kv_step_of(KV_STEP_PUT, text("a"), kv_bytes_of(large, sizeof(large)))};
    assert_int_equal(kv_read_op(client, &(kv_op){.code = KV_OP_TXN, .steps = put, .step_count = 1}),
                     KV_TOO_LARGE);
}

static void a_transaction_whose_values_do_not_fit_one_message_is_refused(void **state)
{
    kv_client *client = *state;
    static uint8_t large[KV_VALUE_BYTES_MAX];
    kv_step puts[KV_BODY_BYTES_MAX / KV_VALUE_BYTES_MAX + 1];
    const uint32_t count = sizeof(puts) / sizeof(puts[0]);
    for (uint32_t i = 0; i < count; i++) {
        puts[i] = kv_step_of(KV_STEP_PUT, text("a"), kv_bytes_of(large, sizeof(large)));
    }
    assert_int_equal(
        kv_read_op(client, &(kv_op){.code = KV_OP_TXN, .steps = puts, .step_count = count}),
        KV_TOO_LARGE);
    assert_int_equal(
        kv_read_op(client, &(kv_op){.code = KV_OP_TXN, .steps = puts, .step_count = 1}), KV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(keys_of_placement_are_sorted_with_their_values),
        TEST(keys_in_order_are_left_alone),
        TEST(a_key_may_not_be_placed_twice_in_one_operation),
        TEST(a_move_needs_a_partition),
        TEST(steps_of_a_transaction_share_the_numbers_of_their_keys),
        TEST(guards_are_no_steps_and_steps_no_guards),
        TEST(a_transaction_has_limits),
        TEST(a_transaction_whose_values_do_not_fit_one_message_is_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
