/* SPDX-License-Identifier: Apache-2.0 */
/* order_sessions: an id that was here is never taken for a new one, whatever happens to its session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/order/order_sessions.h"

static kv_session_id session_of(uint64_t clock)
{
    return (kv_session_id){{{clock}, {0}}};
}

static kv_message_id id_of(uint64_t session, uint64_t sequence)
{
    return (kv_message_id){.session = session_of(session), .sequence = sequence};
}

static void a_forgotten_id_stays_forgotten_and_the_floor_covers_what_is_below_it(void **state)
{
    (void)state;
    struct order_sessions sessions = {.max = 2};
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 1)), ORDER_ID_NEW);
    order_sessions_forget(&sessions, id_of(10, 3));
    order_sessions_forget(&sessions, id_of(10, 1));
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 1)), ORDER_ID_FORGOTTEN);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 2)), ORDER_ID_NEW);
    order_sessions_raise_floor(&sessions, session_of(10), 2);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 2)), ORDER_ID_BELOW_FLOOR);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 3)), ORDER_ID_FORGOTTEN);
    order_sessions_raise_floor(&sessions, session_of(10), 1);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 2)), ORDER_ID_BELOW_FLOOR);
    order_sessions_close(&sessions);
}

/* Otherwise a late duplicate of any other message of that session would be proposed a second time. */
static void a_session_that_was_dropped_does_not_come_back(void **state)
{
    (void)state;
    struct order_sessions sessions = {.max = 2};
    order_sessions_forget(&sessions, id_of(10, 1));
    order_sessions_forget(&sessions, id_of(20, 1));
    order_sessions_forget(&sessions, id_of(30, 1)); /* drops 10 */
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 1)), ORDER_ID_BELOW_FLOOR);
    order_sessions_forget(&sessions, id_of(10, 2));
    order_sessions_raise_floor(&sessions, session_of(10), 1);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 1)), ORDER_ID_BELOW_FLOOR);
    assert_int_equal(order_sessions_look(&sessions, id_of(10, 9)), ORDER_ID_BELOW_FLOOR);
    assert_int_equal(order_sessions_look(&sessions, id_of(20, 1)), ORDER_ID_FORGOTTEN);
    assert_int_equal(order_sessions_look(&sessions, id_of(20, 2)), ORDER_ID_NEW);
    order_sessions_close(&sessions);
}

static void a_saved_table_knows_the_same_ids_when_it_is_loaded(void **state)
{
    (void)state;
    struct order_sessions sessions = {.max = 2}, loaded = {.max = 2};
    order_sessions_forget(&sessions, id_of(10, 5));
    order_sessions_forget(&sessions, id_of(30, 1));
    order_sessions_forget(&sessions, id_of(10, 7)); /* 30 is the oldest now */
    order_sessions_forget(&sessions, id_of(40, 2)); /* drops 30: 10 lives and is older */
    struct kv_buffer saved = {0};
    order_sessions_save(&sessions, &saved);
    kv_slice bytes = kv_buffer_slice(&saved);
    assert_int_equal(order_sessions_load(&loaded, &bytes), STATUS_OK);
    assert_int_equal(bytes.size, 0);
    for (uint64_t session = 5; session <= 45; session += 5) {
        for (uint64_t sequence = 1; sequence <= 8; sequence++) {
            assert_int_equal(order_sessions_look(&loaded, id_of(session, sequence)),
                             order_sessions_look(&sessions, id_of(session, sequence)));
        }
    }
    for (size_t size = 0; size < saved.size; size++) {
        bytes = kv_slice_of(saved.data, size);
        assert_int_equal(order_sessions_load(&loaded, &bytes), STATUS_CORRUPT);
    }
    kv_buffer_close(&saved);
    order_sessions_close(&sessions);
    order_sessions_close(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forgotten_id_stays_forgotten_and_the_floor_covers_what_is_below_it),
        cmocka_unit_test(a_session_that_was_dropped_does_not_come_back),
        cmocka_unit_test(a_saved_table_knows_the_same_ids_when_it_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
