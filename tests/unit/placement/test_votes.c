/* SPDX-License-Identifier: Apache-2.0 */
/* Votes as bytes and as a sum: what others say is checked, and the order in which they say it does not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "partition/placement/placement.h"

#define RUNS   3000
#define GROUPS 4
#define STEPS  3

static struct wire_command command;
static struct placement_vote votes[GROUPS];
static struct placement_tally tally;
static struct placement_vote decoded;

/* A TXN with as many steps in each branch, on one key for each. */
static void begin_txn(void)
{
    static const char *const names[STEPS] = {"a", "b", "c"};
    wire_command_begin(&command, WIRE_OP_TXN);
    for (uint32_t i = 0; i < STEPS; i++) {
        command.keys[command.key_count++] = kv_slice_of_text(names[i]);
        command.steps[i] = (struct wire_step){.kind = WIRE_STEP_DELETE, .key = i};
        command.steps[STEPS + i] = command.steps[i];
    }
    command.branch_count[WIRE_BRANCH_THEN] = command.branch_count[WIRE_BRANCH_ELSE] = STEPS;
    wire_command_mark_uses(&command);
}

/* ---- The sum ---- */

static enum wire_verdict any_verdict(struct kv_prng *prng, bool of_step)
{
    static const enum wire_verdict verdicts[] = {
#define X(NAME, number, text) WIRE_VERDICT_##NAME,
        WIRE_VERDICT_MAP(X)
#undef X
    };
    static const enum wire_verdict steps[] = {WIRE_VERDICT_OK, WIRE_VERDICT_MISMATCH,
                                              WIRE_VERDICT_TOO_LARGE, WIRE_VERDICT_NOT_A_NUMBER};
    return of_step ? steps[kv_prng_below(prng, 4)]
                   : verdicts[kv_prng_below(prng, sizeof verdicts / sizeof verdicts[0])];
}

static void add_all(const enum wire_verdict *verdicts, const uint32_t *order)
{
    placement_tally_begin(&tally, &command);
    for (uint32_t i = 0; i < GROUPS; i++) {
        placement_tally_add(&tally, verdicts[order[i]], &votes[order[i]]);
    }
}

/* [V3] Every group adds up the same votes, each its own first. */
static void votes_add_up_to_the_same_in_any_order(void **state)
{
    (void)state;
    struct kv_prng prng;
    kv_prng_init(&prng, 1);
    begin_txn();
    for (uint32_t run = 0; run < RUNS; run++) {
        enum wire_verdict verdicts[GROUPS];
        for (uint32_t g = 0; g < GROUPS; g++) {
            placement_vote_begin(&votes[g]);
            votes[g].guards_hold = kv_prng_chance(&prng, 3, 4);
            verdicts[g] = kv_prng_chance(&prng, 1, 4) ? any_verdict(&prng, false) : WIRE_VERDICT_OK;
            for (uint32_t b = 0; b < WIRE_BRANCHES; b++) {
                votes[g].branches[b].verdict = any_verdict(&prng, true);
                votes[g].branches[b].step = (uint32_t)kv_prng_below(&prng, 2);
            }
        }
        uint32_t order[GROUPS] = {0, 1, 2, 3};
        add_all(verdicts, order);
        const enum wire_verdict first = placement_verdict(&tally);
        const struct placement_branch met = tally.branches[placement_branch_of(&tally)];
        for (uint32_t i = GROUPS - 1; i > 0; i--) {
            const uint32_t j = (uint32_t)kv_prng_below(&prng, i + 1);
            const uint32_t swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        add_all(verdicts, order);
        assert_int_equal(placement_verdict(&tally), first);
        assert_int_equal(tally.branches[placement_branch_of(&tally)].verdict, met.verdict);
        assert_int_equal(tally.branches[placement_branch_of(&tally)].step, met.step);
    }
}

/* ---- Bytes ---- */

static enum status decode_own(struct kv_buffer *bytes)
{
    kv_buffer_clear(bytes);
    placement_vote_encode(&votes[0], bytes);
    return placement_vote_decode(kv_buffer_slice(bytes), &command, &decoded);
}

static void a_vote_speaks_of_steps_and_keys_that_the_command_has(void **state)
{
    (void)state;
    struct kv_buffer bytes = {0};
    begin_txn();
    placement_vote_begin(&votes[0]);
    votes[0].branches[WIRE_BRANCH_THEN] =
        (struct placement_branch){.verdict = WIRE_VERDICT_MISMATCH, .step = STEPS - 1};
    assert_int_equal(decode_own(&bytes), STATUS_OK);
    votes[0].branches[WIRE_BRANCH_THEN].step = STEPS; /* nobody has met it */
    assert_int_equal(decode_own(&bytes), STATUS_CORRUPT);
    placement_vote_begin(&votes[0]);
    placement_vote_item(&votes[0], STEPS - 1, WIRE_VERDICT_STALE);
    assert_int_equal(decode_own(&bytes), STATUS_OK);
    votes[0].items[0].key = STEPS;
    assert_int_equal(decode_own(&bytes), STATUS_CORRUPT);
    kv_buffer_close(&bytes);
}

static void a_vote_says_only_what_may_be_said_of_a_key(void **state)
{
    (void)state;
    struct kv_buffer bytes = {0};
    begin_txn();
    placement_vote_begin(&votes[0]);
    placement_vote_item(&votes[0], 0, WIRE_VERDICT_REFUSED);
    assert_int_equal(decode_own(&bytes), STATUS_CORRUPT);
    placement_vote_begin(&votes[0]);
    votes[0].branches[WIRE_BRANCH_ELSE].verdict = WIRE_VERDICT_STALE;
    assert_int_equal(decode_own(&bytes), STATUS_CORRUPT);
    wire_command_begin(&command, WIRE_OP_MOVE);
    command.target.value = 1;
    command.keys[command.key_count++] = kv_slice_of_text("a");
    placement_vote_begin(&votes[0]);
    placement_vote_item(&votes[0], 0, WIRE_VERDICT_DEFERRED);
    assert_int_equal(decode_own(&bytes), STATUS_OK);
    votes[0].branches[WIRE_BRANCH_THEN].verdict = WIRE_VERDICT_MISMATCH; /* it has no steps */
    assert_int_equal(decode_own(&bytes), STATUS_CORRUPT);
    kv_buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes_add_up_to_the_same_in_any_order),
        cmocka_unit_test(a_vote_speaks_of_steps_and_keys_that_the_command_has),
        cmocka_unit_test(a_vote_says_only_what_may_be_said_of_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
