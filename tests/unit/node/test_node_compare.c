/* SPDX-License-Identifier: Apache-2.0 */
/* node_compare: who differs from a majority is told so, who agrees with it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/node/node_compare.h"

static struct wire_compare said(uint64_t position, uint64_t digest)
{
    return (struct wire_compare){.count = 1, .samples = {{position, digest}}};
}

static enum node_opinion hear(struct node_compare *compare, uint16_t from, uint32_t voters,
                              uint64_t position, uint64_t digest)
{
    const struct wire_compare message = said(position, digest);
    uint64_t at = 0;
    const enum node_opinion opinion =
        node_compare_hear(compare, (kv_node_id){from}, voters, &message, &at);
    assert_int_equal(at, opinion == NODE_OPINION_NONE ? at : position);
    return opinion;
}

static void who_differs_from_a_majority_is_told_so(void **state)
{
    (void)state;
    struct node_compare compare = {0};
    node_compare_sample(&compare, 64, 1);
    node_compare_sample(&compare, 128, 2);
    assert_int_equal(hear(&compare, 2, 3, 64, 1), NODE_OPINION_NONE);
    assert_int_equal(hear(&compare, 2, 3, 128, 7), NODE_OPINION_OTHER);
    assert_int_equal(hear(&compare, 2, 3, 128, 7), NODE_OPINION_NONE); /* said once */
    assert_int_equal(hear(&compare, 3, 3, 128, 7), NODE_OPINION_SELF);
}

static void others_that_differ_from_each_other_prove_nothing(void **state)
{
    (void)state;
    struct node_compare compare = {0};
    node_compare_sample(&compare, 128, 2);
    assert_int_equal(hear(&compare, 2, 3, 128, 7), NODE_OPINION_OTHER);
    assert_int_equal(hear(&compare, 3, 3, 128, 8), NODE_OPINION_OTHER);
    assert_int_equal(hear(&compare, 3, 3, 192, 8), NODE_OPINION_NONE); /* not known here */
    assert_int_equal(hear(&compare, 3, 3, 0, 8), NODE_OPINION_NONE);
}

static void of_five_members_three_make_a_majority(void **state)
{
    (void)state;
    struct node_compare compare = {0};
    node_compare_sample(&compare, 64, 1);
    assert_int_equal(hear(&compare, 2, 5, 64, 9), NODE_OPINION_OTHER);
    assert_int_equal(hear(&compare, 3, 5, 64, 9), NODE_OPINION_OTHER);
    assert_int_equal(hear(&compare, 4, 5, 64, 9), NODE_OPINION_SELF);
}

static void only_the_newest_digests_are_told_and_kept(void **state)
{
    (void)state;
    static struct node_compare compare;
    struct node_sample samples[WIRE_COMPARE_SAMPLES_MAX];
    compare = (struct node_compare){0};
    assert_int_equal(node_compare_tell(&compare, samples), 0);
    for (uint64_t i = 1; i <= 2 * NODE_COMPARE_KEPT; i++) {
        node_compare_sample(&compare, i, i + 5);
    }
    assert_int_equal(node_compare_tell(&compare, samples), WIRE_COMPARE_SAMPLES_MAX);
    for (uint32_t i = 0; i < WIRE_COMPARE_SAMPLES_MAX; i++) {
        assert_int_equal(samples[i].position, 2 * NODE_COMPARE_KEPT - i);
        assert_int_equal(samples[i].digest, samples[i].position + 5);
    }
    assert_int_equal(hear(&compare, 2, 3, NODE_COMPARE_KEPT, 1), NODE_OPINION_NONE);
    assert_int_equal(hear(&compare, 2, 3, NODE_COMPARE_KEPT + 1, 1), NODE_OPINION_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_differs_from_a_majority_is_told_so),
        cmocka_unit_test(others_that_differ_from_each_other_prove_nothing),
        cmocka_unit_test(of_five_members_three_make_a_majority),
        cmocka_unit_test(only_the_newest_digests_are_told_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
