/* SPDX-License-Identifier: Apache-2.0 */
/* api_answers: an answer is found until the client says that it needs it no more, and the tables stay bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/api/api_answers.h"

static kv_message_id id_of(uint64_t session, uint64_t sequence)
{
    return (kv_message_id){.session = {{{session}, {0}}}, .sequence = sequence};
}

static void add(struct api_answers *answers, uint64_t session, uint64_t sequence, uint64_t floor)
{
    api_answers_add(answers, id_of(session, sequence), floor, (kv_timestamp){{sequence}, {1}},
                    (kv_index){sequence}, kv_slice_of(&sequence, sizeof sequence));
}

static enum api_answer_state look(const struct api_answers *answers, uint64_t session,
                                  uint64_t sequence)
{
    const struct api_answer *found = NULL;
    enum api_answer_state state = api_answers_find(answers, id_of(session, sequence), &found);
    if (state == API_ANSWER_KNOWN) {
        assert_int_equal(found->timestamp.clock.value, sequence);
        assert_memory_equal(found->body.data, &sequence, sizeof sequence);
    }
    return state;
}

static void an_answer_is_known_until_the_floor_passes_it(void **state)
{
    (void)state;
    struct api_answers answers = {0};
    assert_int_equal(look(&answers, 1, 1), API_ANSWER_NONE);
    add(&answers, 1, 1, 0);
    add(&answers, 1, 3, 0);
    add(&answers, 1, 2, 0); /* another group had it first */
    assert_int_equal(look(&answers, 1, 1), API_ANSWER_KNOWN);
    assert_int_equal(look(&answers, 1, 2), API_ANSWER_KNOWN);
    assert_int_equal(look(&answers, 1, 3), API_ANSWER_KNOWN);
    assert_int_equal(look(&answers, 2, 1), API_ANSWER_NONE);
    add(&answers, 1, 4, 2);
    assert_int_equal(look(&answers, 1, 1), API_ANSWER_DROPPED);
    assert_int_equal(look(&answers, 1, 2), API_ANSWER_DROPPED);
    assert_int_equal(look(&answers, 1, 3), API_ANSWER_KNOWN);
    assert_int_equal(look(&answers, 1, 5), API_ANSWER_NONE);
    api_answers_close(&answers);
}

static void a_message_below_the_floor_leaves_no_answer(void **state)
{
    (void)state;
    struct api_answers answers = {0};
    add(&answers, 1, 5, 4);
    add(&answers, 1, 2, 0); /* given up by its client, waited for by another group */
    assert_int_equal(look(&answers, 1, 2), API_ANSWER_DROPPED);
    assert_int_equal(look(&answers, 1, 5), API_ANSWER_KNOWN);
    api_answers_close(&answers);
}

static void a_client_that_never_moves_its_floor_loses_its_oldest_answers(void **state)
{
    (void)state;
    struct api_answers answers = {0};
    for (uint64_t i = 1; i <= API_ANSWERS_MAX + 10; i++) {
        add(&answers, 1, i, 0);
    }
    assert_int_equal(look(&answers, 1, 10), API_ANSWER_DROPPED);
    assert_int_equal(look(&answers, 1, 11), API_ANSWER_KNOWN);
    api_answers_close(&answers);
}

static void the_session_used_least_recently_is_forgotten(void **state)
{
    (void)state;
    struct api_answers answers = {0};
    for (uint64_t i = 1; i <= API_SESSIONS_MAX; i++) {
        add(&answers, i, 1, 0);
    }
    add(&answers, 1, 2, 0); /* the oldest one is used again */
    add(&answers, API_SESSIONS_MAX + 1, 1, 0);
    assert_int_equal(api_answers_sessions(&answers), API_SESSIONS_MAX);
    assert_int_equal(look(&answers, 1, 1), API_ANSWER_KNOWN);
    assert_int_equal(look(&answers, 2, 1), API_ANSWER_NONE);
    assert_int_equal(look(&answers, 3, 1), API_ANSWER_KNOWN);
    api_answers_close(&answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_known_until_the_floor_passes_it),
        cmocka_unit_test(a_message_below_the_floor_leaves_no_answer),
        cmocka_unit_test(a_client_that_never_moves_its_floor_loses_its_oldest_answers),
        cmocka_unit_test(the_session_used_least_recently_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
