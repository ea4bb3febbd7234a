/* SPDX-License-Identifier: Apache-2.0 */
/* node_space: low below the reserve, and enough again only some way above it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "multicast/node/node_space.h"

static void space_is_low_below_the_reserve_and_enough_an_eighth_above_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t free_bytes;
        bool changes, low;
    } looks[] = {
        {8000, false, false}, {800, false, false}, {799, true, true},  {0, false, true},
        {800, false, true},   {899, false, true},  {900, true, false}, {800, false, false},
        {700, true, true},    {9000, true, false},
    };
    struct node_space space = {0};
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        assert_int_equal(node_space_set(&space, looks[i].free_bytes, 800), looks[i].changes);
        assert_int_equal(space.is_low, looks[i].low);
        assert_int_equal(space.free_bytes, looks[i].free_bytes);
    }
}

static void the_space_of_a_directory_is_that_of_its_file_system(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(node_space_of("/tmp", &bytes), 0);
    assert_true(bytes > 0);
    assert_int_equal(node_space_of("/tmp/kv-there-is-no-such-directory", &bytes), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_is_low_below_the_reserve_and_enough_an_eighth_above_it),
        cmocka_unit_test(the_space_of_a_directory_is_that_of_its_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
