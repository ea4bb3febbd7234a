/* SPDX-License-Identifier: Apache-2.0 */
/* Footprints: the destinations of each kind of command, and who does what for a key. [placement P3-P10] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/wire/footprint.h"
#include "tests/unit/wire/wire_random.h"

#define PARTITIONS 4

static struct wire_command command;

/* A key with its home in `partition`; the `number`th of them. */
static kv_slice key_at(uint32_t partition, uint32_t number)
{
    static char names[PARTITIONS + 1][4][16];
    char *name = names[partition][number];
    uint32_t found = 0;
    for (uint32_t n = 0;; n++) {
        snprintf(name, sizeof names[0][0], "k%u", n);
        if (wire_home_of(kv_slice_of_text(name), PARTITIONS).value == partition &&
            found++ == number) {
            return kv_slice_of_text(name);
        }
    }
}

/* The bits of the destinations of a command on one key with this owner. */
static uint64_t destinations(enum wire_op op, enum wire_policy policy, uint16_t target,
                             uint32_t home, uint8_t owner)
{
    wire_command_begin(&command, op);
    command.policy = policy;
    command.target.value = target;
    command.key_count = command.owner_count = 1;
    command.keys[0] = key_at(home, 0);
    command.owners[0] = owner;
    command.uses[0] = WIRE_USE_WRITE;
    return wire_command_destinations(&command, PARTITIONS).bits;
}

#define GROUPS(...) groups_of((const uint16_t[]){__VA_ARGS__, UINT16_MAX})
static uint64_t groups_of(const uint16_t *groups)
{
    uint64_t bits = 0;
    for (; *groups != UINT16_MAX; groups++) {
        bits |= UINT64_C(1) << *groups;
    }
    return bits;
}

static unsigned duties(uint16_t group)
{
    return wire_command_duties(&command, 0, (kv_group_id){group},
                               wire_command_destinations(&command, PARTITIONS), PARTITIONS);
}

static void a_command_goes_to_the_owners_of_its_keys(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_PUT, 0, 0, 1, 1), GROUPS(1));
    assert_int_equal(destinations(WIRE_OP_PUT, 0, 0, 1, 3), GROUPS(3));
    assert_int_equal(duties(3), WIRE_DUTY_OWNER);
    assert_int_equal(duties(1), 0);
    assert_int_equal(duties(0), 0);
}

static void creating_away_from_home_concerns_oracle_home_and_target(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_CREATE, 0, 2, 2, 2), GROUPS(2));
    assert_int_equal(duties(2), WIRE_DUTY_HOME | WIRE_DUTY_TARGET);
    assert_int_equal(destinations(WIRE_OP_CREATE, 0, 3, 2, 2), GROUPS(0, 2, 3));
    assert_int_equal(duties(0), WIRE_DUTY_ORACLE);
    assert_int_equal(duties(2), WIRE_DUTY_HOME);
    assert_int_equal(duties(3), WIRE_DUTY_TARGET);
}

static void deleting_a_placed_key_concerns_its_home_and_the_oracle(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_DELETE, 0, 0, 2, 2), GROUPS(2));
    assert_int_equal(destinations(WIRE_OP_DELETE, 0, 0, 2, 3), GROUPS(0, 2, 3));
    assert_int_equal(duties(3), WIRE_DUTY_OWNER);
    assert_int_equal(duties(2), WIRE_DUTY_HOME);
    assert_int_equal(duties(0), WIRE_DUTY_ORACLE);
}

static void a_move_concerns_everyone_who_knows_the_place(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_MOVE, 0, 3, 2, 2), GROUPS(0, 2, 3));
    assert_int_equal(duties(2), WIRE_DUTY_OWNER | WIRE_DUTY_HOME);
    assert_int_equal(destinations(WIRE_OP_MOVE, 0, 3, 2, 1), GROUPS(0, 1, 2, 3));
    assert_int_equal(duties(1), WIRE_DUTY_OWNER);
    assert_int_equal(duties(2), WIRE_DUTY_HOME);
    assert_int_equal(duties(3), WIRE_DUTY_TARGET);
    assert_int_equal(destinations(WIRE_OP_MOVE, 0, 2, 2, 1), GROUPS(0, 1, 2));
    assert_int_equal(duties(2), WIRE_DUTY_HOME | WIRE_DUTY_TARGET);
    assert_int_equal(destinations(WIRE_OP_MOVE, 0, 3, 2, 3), GROUPS(3));
}

static void a_txn_that_may_remove_a_placed_key_concerns_home_and_oracle(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_TXN, 0, 0, 2, 3), GROUPS(3));
    command.uses[0] = WIRE_USE_REMOVE | WIRE_USE_WRITE;
    assert_int_equal(wire_command_destinations(&command, PARTITIONS).bits, GROUPS(0, 2, 3));
    command.owners[0] = 2;
    assert_int_equal(wire_command_destinations(&command, PARTITIONS).bits, GROUPS(2));
}

static void the_policies_differ_in_whom_they_concern(void **state)
{
    (void)state;
    assert_int_equal(destinations(WIRE_OP_PUT, WIRE_POLICY_MOVE, 3, 2, 1), GROUPS(0, 1, 2, 3));
    assert_int_equal(duties(3), WIRE_DUTY_TARGET);
    assert_int_equal(destinations(WIRE_OP_PUT, WIRE_POLICY_MOVE, 1, 2, 1), GROUPS(1));
    assert_int_equal(destinations(WIRE_OP_PUT, WIRE_POLICY_BORROW, 3, 2, 1), GROUPS(1, 3));
    assert_int_equal(duties(3), WIRE_DUTY_TARGET);
    assert_int_equal(duties(1), WIRE_DUTY_OWNER);
    assert_int_equal(destinations(WIRE_OP_PUT, WIRE_POLICY_BORROW, 1, 2, 1), GROUPS(1));
    assert_int_equal(duties(1), WIRE_DUTY_OWNER);
}

static void only_reading_owners_and_borrowers_share_a_queue(void **state)
{
    (void)state;
    const kv_group_id two = {2}, three = {3};
    const kv_group_set none = {0};
    (void)destinations(WIRE_OP_GET, 0, 0, 2, 2);
    assert_false(wire_command_writes(&command, 0, two, none, PARTITIONS));
    (void)destinations(WIRE_OP_PUT, 0, 0, 2, 2);
    assert_true(wire_command_writes(&command, 0, two, none, PARTITIONS));
    (void)destinations(WIRE_OP_GET, WIRE_POLICY_BORROW, 3, 2, 2);
    assert_false(wire_command_writes(&command, 0, two, none, PARTITIONS));
    assert_false(wire_command_writes(&command, 0, three, none, PARTITIONS));
    (void)destinations(WIRE_OP_GET, WIRE_POLICY_MOVE, 3, 2, 2);
    assert_true(wire_command_writes(&command, 0, two, none, PARTITIONS));
    assert_true(wire_command_writes(&command, 0, three, none, PARTITIONS));
    assert_true(wire_command_writes(&command, 0, KV_GROUP_ORACLE, none, PARTITIONS));
    (void)destinations(WIRE_OP_CREATE, 0, 3, 2, 2);
    assert_true(wire_command_writes(&command, 0, two, none, PARTITIONS));
}

static bool fits(uint64_t groups, bool execution)
{
    return wire_command_fits(&command, (kv_group_set){groups}, execution, PARTITIONS);
}

static void a_message_fits_only_the_groups_that_its_body_names(void **state)
{
    (void)state;
    (void)destinations(WIRE_OP_PUT, 0, 0, 2, 3);
    command.owner_count = 0;
    assert_true(fits(GROUPS(3), false)); /* judged there: it may have gone */
    assert_true(fits(GROUPS(1), false));
    assert_false(fits(GROUPS(0), false));
    assert_false(fits(GROUPS(1, 2), false));
    assert_false(fits(GROUPS(3), true));
    command.owner_count = 1;
    assert_false(fits(GROUPS(3), false)); /* a single group needs no owners */
    assert_true(fits(GROUPS(0, 3), true));
    assert_false(fits(GROUPS(0, 3), false));

    (void)destinations(WIRE_OP_DELETE, 0, 0, 2, 3);
    assert_true(fits(GROUPS(0, 2, 3), false));
    assert_true(fits(GROUPS(0, 2, 3), true));
    assert_false(fits(GROUPS(2, 3), false));
    command.owner_count = 0;
    assert_true(fits(GROUPS(2), false));
    assert_false(fits(GROUPS(3), false)); /* home would keep a stub of nothing */

    (void)destinations(WIRE_OP_MOVE, 0, 4, 2, 3);
    assert_true(fits(GROUPS(0, 2, 3, 4), false));
    command.target.value = PARTITIONS + 1;
    assert_false(fits(GROUPS(0, 2, 3, 5), false));
    command.target.value = 3;
    command.owner_count = 0;
    assert_true(fits(GROUPS(3), false));
    assert_false(fits(GROUPS(2), false));
}

static void only_the_oracle_is_asked_to_find_owners(void **state)
{
    (void)state;
    (void)destinations(WIRE_OP_PUT, 0, 0, 2, 3);
    command.owner_count = 0;
    command.exec = true;
    assert_int_equal(wire_command_destinations(&command, PARTITIONS).bits, GROUPS(0));
    assert_true(fits(GROUPS(0), false));
    assert_false(fits(GROUPS(0), true));
    assert_false(fits(GROUPS(2), false));
    wire_command_begin(&command, WIRE_OP_SESSION_OPEN);
    assert_true(fits(GROUPS(0), false));
    assert_false(fits(GROUPS(1), false));
    wire_command_begin(&command, WIRE_OP_SCAN);
    assert_false(fits(GROUPS(1), false)); /* a scan is not ordered */
}

static void one_group_answers_for_all(void **state)
{
    (void)state;
    kv_group_set set = {destinations(WIRE_OP_PUT, 0, 0, 2, 3)};
    assert_int_equal(wire_command_replier(&command, set).value, 3);
    set.bits = destinations(WIRE_OP_PUT, WIRE_POLICY_BORROW, 4, 2, 3);
    assert_int_equal(wire_command_replier(&command, set).value, 4);
    set.bits = destinations(WIRE_OP_PUT, WIRE_POLICY_MOVE, 4, 2, 3);
    assert_int_equal(wire_command_replier(&command, set).value, 0);
}

/* Every destination has a duty for some key, and whoever has one is a destination. */
static void destinations_are_those_with_duties(void **state)
{
    (void)state;
    struct wire_random random;
    wire_random_init(&random, 7);
    for (int trial = 0; trial < 3000; trial++) {
        wire_random_command(&random, &command);
        if (command.op == WIRE_OP_SCAN || command.key_count == 0 || command.key_count > 40 ||
            command.exec || !(wire_op_is_access(command.op) || wire_op_is_per_key(command.op))) {
            continue;
        }
        command.token = (kv_timestamp){0}; /* under a lock some of it may not be done */
        command.owner_count = command.key_count;
        for (uint32_t i = 0; i < command.key_count; i++) {
            command.owners[i] = (uint8_t)kv_prng_between(&random.prng, 1, PARTITIONS);
        }
        if (command.target.value != 0) {
            command.target.value = (uint16_t)kv_prng_between(&random.prng, 1, PARTITIONS);
        }
        const kv_group_set set = wire_command_destinations(&command, PARTITIONS);
        kv_group_set busy = {0};
        for (uint16_t g = 0; g <= PARTITIONS; g++) {
            for (uint32_t i = 0; i < command.key_count; i++) {
                if (wire_command_duties(&command, i, (kv_group_id){g}, set, PARTITIONS) != 0) {
                    busy.bits |= kv_group_set_of((kv_group_id){g}).bits;
                }
            }
        }
        const kv_group_set idle = {set.bits & ~busy.bits};
        assert_int_equal(busy.bits & ~set.bits, 0);
        /* Who executes for others on keys that are all its own, or brings nothing, is there all the same. */
        assert_true(idle.bits == 0 || idle.bits == kv_group_set_of(command.target).bits);
        const bool own = command.op == WIRE_OP_EXPIRE; /* a group's, in its own name */
        assert_true(wire_command_fits(&command, set, own, PARTITIONS) ==
                    (kv_group_set_count(set) > 1));
    }
    wire_random_close(&random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_goes_to_the_owners_of_its_keys),
        cmocka_unit_test(creating_away_from_home_concerns_oracle_home_and_target),
        cmocka_unit_test(deleting_a_placed_key_concerns_its_home_and_the_oracle),
        cmocka_unit_test(a_move_concerns_everyone_who_knows_the_place),
        cmocka_unit_test(a_txn_that_may_remove_a_placed_key_concerns_home_and_oracle),
        cmocka_unit_test(the_policies_differ_in_whom_they_concern),
        cmocka_unit_test(only_reading_owners_and_borrowers_share_a_queue),
        cmocka_unit_test(a_message_fits_only_the_groups_that_its_body_names),
        cmocka_unit_test(only_the_oracle_is_asked_to_find_owners),
        cmocka_unit_test(one_group_answers_for_all),
        cmocka_unit_test(destinations_are_those_with_duties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
