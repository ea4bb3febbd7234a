/* SPDX-License-Identifier: Apache-2.0 */
/* node_retention: no segment is given up that holds something that is needed. Marks come back as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/node/node_checkpoint.h"
#include "multicast/node/node_retention.h"

#define RUNS    300
#define RECORDS 200

/* Against a plain list of records: entry `index` stands in `segment`. */
static void the_first_needed_segment_is_that_of_the_first_needed_entry(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < RUNS; run++) {
        struct kv_prng prng;
        struct node_retention retention = {0};
        struct {
            uint64_t segment, index;
        } records[RECORDS];
        uint64_t segment = 1, index = 0, gone = 0;
        kv_prng_init(&prng, run);
        for (uint32_t i = 0; i < RECORDS; i++) {
            segment += kv_prng_chance(&prng, 1, 10) ? kv_prng_between(&prng, 1, 3) : 0;
            /* Now and then a new leader replaces what is not committed. */
            index = kv_prng_chance(&prng, 1, 20) && index > 5 ? index - kv_prng_below(&prng, 5)
                                                              : index + 1;
            records[i].segment = segment;
            records[i].index = index;
            node_retention_entry(&retention, segment, (kv_index){index});
            const uint64_t behind = kv_prng_below(&prng, index + 1);
            uint64_t needed = UINT64_MAX;
            for (uint32_t j = i + 1; j > 0; j--) {
                if (records[j - 1].index > behind && records[j - 1].segment >= gone) {
                    needed = records[j - 1].segment;
                }
            }
            assert_int_equal(node_retention_first(&retention, (kv_index){behind}), needed);
            if (kv_prng_chance(&prng, 1, 15)) {
                gone = needed == UINT64_MAX ? segment : needed;
                node_retention_forget(&retention, gone);
            }
        }
        node_retention_close(&retention);
    }
}

static void a_mark_comes_back_as_it_was_and_nothing_else_is_one(void **state)
{
    (void)state;
    struct kv_buffer mark = {0};
    const struct raft_snapshot_point point = {
        .index = {77},
        .term = {3},
        .reach = {900},
        .config = {.count = 2, .members = {{{1}, true}, {{4}, false}}}};
    struct raft_snapshot_point back;
    kv_slice order;
    node_mark_encode(&point, kv_slice_of("order", 5), &mark);
    assert_true(node_mark_decode(kv_buffer_slice(&mark), &back, &order));
    assert_int_equal(back.index.value, 77);
    assert_int_equal(back.term.value, 3);
    assert_int_equal(back.reach.value, 900);
    assert_int_equal(back.config.count, 2);
    assert_int_equal(back.config.members[1].node.value, 4);
    assert_true(kv_slice_equal(order, kv_slice_of("order", 5)));
    for (size_t size = 0; size + 5 < mark.size; size++) {
        assert_false(node_mark_decode(kv_slice_of(mark.data, size), &back, &order));
    }
    kv_buffer_close(&mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_needed_segment_is_that_of_the_first_needed_entry),
        cmocka_unit_test(a_mark_comes_back_as_it_was_and_nothing_else_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
