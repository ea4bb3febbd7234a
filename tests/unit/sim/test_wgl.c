/* SPDX-License-Identifier: Apache-2.0 */
/* check_wgl: histories made by hand, of which a person can see whether they are linearizable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/sim/check_wgl.h"

#define NEVER UINT64_MAX

/* Operations on one key; values are texts, NULL is "absent". */
struct fixture {
    struct model model;
    struct wgl_operation operations[64];
    uint32_t count;
};

static uint32_t value(struct fixture *f, const char *text)
{
    return text == NULL ? MODEL_ABSENT : model_intern(&f->model.values, kv_slice_of_text(text));
}

static struct wgl_operation *add(struct fixture *f, uint64_t asked, uint64_t answered,
                                 enum wire_op op)
{
    struct wgl_operation *operation = &f->operations[f->count++];
    *operation = (struct wgl_operation){.asked = asked,
                                        .answered = answered,
                                        .step = {.op = op, .key = 1},
                                        .result = {.verdict = WIRE_VERDICT_OK}};
    return operation;
}

static void put(struct fixture *f, uint64_t asked, uint64_t answered, const char *text)
{
    uint32_t put_value = value(f, text);
    add(f, asked, answered, WIRE_OP_PUT)->step.values[0] = put_value;
}

static void get(struct fixture *f, uint64_t asked, uint64_t answered, const char *text)
{
    uint32_t seen = value(f, text);
    struct wgl_operation *operation = add(f, asked, answered, WIRE_OP_GET);
    operation->result.value = seen;
    operation->result.verdict = text == NULL ? WIRE_VERDICT_NOT_FOUND : WIRE_VERDICT_OK;
}

static void incr(struct fixture *f, uint64_t asked, uint64_t answered, int64_t by, int64_t sum)
{
    struct wgl_operation *operation = add(f, asked, answered, WIRE_OP_INCR);
    operation->step.number = by;
    operation->result.number = sum;
}

static void cas(struct fixture *f, uint64_t asked, uint64_t answered, const char *expected,
                const char *text, const char *present)
{
    uint32_t values[3] = {value(f, expected), value(f, text), value(f, present)};
    struct wgl_operation *operation = add(f, asked, answered, WIRE_OP_CAS);
    operation->step.values[0] = values[0];
    operation->step.values[1] = values[1];
    operation->result.value = values[2];
    operation->result.verdict = present == NULL ? WIRE_VERDICT_OK : WIRE_VERDICT_MISMATCH;
}

static void expect(struct fixture *f, enum wgl_verdict verdict)
{
    assert_int_equal(wgl_check(&f->model, f->operations, f->count, WGL_STATES_MAX), verdict);
    model_close(&f->model);
}

static void test_an_empty_history_is_linearizable(void **state)
{
    struct fixture f = {0};
    (void)state;
    expect(&f, WGL_LINEARIZABLE);
}

static void test_a_read_may_see_a_concurrent_write_or_not(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 10, "a");
    get(&f, 2, 3, NULL);
    get(&f, 4, 5, "a");
    expect(&f, WGL_LINEARIZABLE);
}

static void test_a_read_must_not_go_back_in_time(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 10, "a");
    get(&f, 2, 3, "a");
    get(&f, 4, 5, NULL);
    expect(&f, WGL_VIOLATION);
}

static void test_a_read_must_see_a_write_that_was_answered_before_it_was_asked(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 2, "a");
    put(&f, 3, 4, "b");
    get(&f, 5, 6, "a");
    expect(&f, WGL_VIOLATION);
}

static void test_two_clients_must_see_concurrent_writes_in_one_order(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 20, "a");
    put(&f, 2, 21, "b");
    get(&f, 3, 4, "a");
    get(&f, 5, 6, "b");
    get(&f, 7, 8, "a");
    expect(&f, WGL_VIOLATION);
}

static void test_a_value_that_nobody_wrote_is_not_linearizable(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 2, "a");
    get(&f, 3, 4, "z");
    expect(&f, WGL_VIOLATION);
}

static void test_two_increments_must_not_give_the_same_sum(void **state)
{
    struct fixture f = {0};
    (void)state;
    incr(&f, 1, 10, 1, 1);
    incr(&f, 2, 11, 1, 1);
    expect(&f, WGL_VIOLATION);
}

static void test_concurrent_increments_may_come_in_any_order(void **state)
{
    struct fixture f = {0};
    (void)state;
    incr(&f, 1, 10, 1, 6);
    incr(&f, 2, 11, 2, 2);
    incr(&f, 3, 12, 3, 5);
    get(&f, 13, 14, "6");
    expect(&f, WGL_LINEARIZABLE);
}

static void test_only_one_of_two_equal_compare_and_swaps_may_succeed(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 2, "a");
    cas(&f, 3, 10, "a", "b", NULL);
    cas(&f, 4, 11, "a", "c", NULL);
    expect(&f, WGL_VIOLATION);
}

static void test_a_mismatch_tells_a_value_that_was_there(void **state)
{
    struct fixture good = {0};
    struct fixture bad = {0};
    (void)state;
    put(&good, 1, 2, "a");
    cas(&good, 3, 10, "a", "b", NULL);
    cas(&good, 4, 11, "a", "c", "b");
    expect(&good, WGL_LINEARIZABLE);
    put(&bad, 1, 2, "a");
    cas(&bad, 3, 10, "a", "b", NULL);
    cas(&bad, 4, 11, "a", "c", "c");
    expect(&bad, WGL_VIOLATION);
}

static void test_an_unknown_write_may_happen_late_or_never(void **state)
{
    struct fixture never = {0};
    struct fixture late = {0};
    (void)state;
    put(&never, 1, 2, "a");
    put(&never, 3, NEVER, "b");
    get(&never, 10, 11, "a");
    expect(&never, WGL_LINEARIZABLE);
    put(&late, 1, 2, "a");
    put(&late, 3, NEVER, "b");
    get(&late, 10, 11, "a");
    get(&late, 12, 13, "b");
    expect(&late, WGL_LINEARIZABLE);
}

static void test_an_unknown_write_must_not_happen_twice(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, NEVER, "b");
    get(&f, 2, 3, "b");
    put(&f, 4, 5, "c");
    get(&f, 6, 7, "b");
    expect(&f, WGL_VIOLATION);
}

static void test_an_unknown_write_must_not_be_seen_before_it_was_asked(void **state)
{
    struct fixture f = {0};
    (void)state;
    get(&f, 1, 2, "b");
    put(&f, 3, NEVER, "b");
    expect(&f, WGL_VIOLATION);
}

static void test_equal_moments_count_as_concurrent(void **state)
{
    struct fixture f = {0};
    (void)state;
    put(&f, 1, 5, "a");
    get(&f, 5, 6, NULL);
    expect(&f, WGL_LINEARIZABLE);
}

/* The search must not mistake one set of operations for another: with a poor hash it once did, at
 * 64 operations and more. */
static void test_a_long_history_of_overlapping_pairs_is_linearizable(void **state)
{
    static const char *const texts[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct fixture f = {0};
    (void)state;
    for (uint64_t i = 0; i < 30; i++) {
        put(&f, 10 * i, 10 * i + 6, texts[i % 7]);
        cas(&f, 10 * i + 1, 10 * i + 7, "z", "y", texts[i % 7]);
    }
    expect(&f, WGL_LINEARIZABLE);
}

static void test_a_search_beyond_its_bound_gives_up(void **state)
{
    struct fixture f = {0};
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        incr(&f, i, 100, 1 << i, -1);
    }
    assert_int_equal(wgl_check(&f.model, f.operations, f.count, WGL_STATES_MAX), WGL_VIOLATION);
    for (uint32_t i = 0; i < f.count; i++) {
        f.operations[i].answered = i == 0 ? 100 : NEVER;
    }
    assert_int_equal(wgl_check(&f.model, f.operations, f.count, 64), WGL_GAVE_UP);
    model_close(&f.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_history_is_linearizable),
        cmocka_unit_test(test_a_read_may_see_a_concurrent_write_or_not),
        cmocka_unit_test(test_a_read_must_not_go_back_in_time),
        cmocka_unit_test(test_a_read_must_see_a_write_that_was_answered_before_it_was_asked),
        cmocka_unit_test(test_two_clients_must_see_concurrent_writes_in_one_order),
        cmocka_unit_test(test_a_value_that_nobody_wrote_is_not_linearizable),
        cmocka_unit_test(test_two_increments_must_not_give_the_same_sum),
        cmocka_unit_test(test_concurrent_increments_may_come_in_any_order),
        cmocka_unit_test(test_only_one_of_two_equal_compare_and_swaps_may_succeed),
        cmocka_unit_test(test_a_mismatch_tells_a_value_that_was_there),
        cmocka_unit_test(test_an_unknown_write_may_happen_late_or_never),
        cmocka_unit_test(test_an_unknown_write_must_not_happen_twice),
        cmocka_unit_test(test_an_unknown_write_must_not_be_seen_before_it_was_asked),
        cmocka_unit_test(test_equal_moments_count_as_concurrent),
        cmocka_unit_test(test_a_long_history_of_overlapping_pairs_is_linearizable),
        cmocka_unit_test(test_a_search_beyond_its_bound_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
