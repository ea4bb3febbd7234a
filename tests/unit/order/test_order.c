/* SPDX-License-Identifier: Apache-2.0 */
/* order: timestamps grow along the log, messages are delivered once, in order, and only when committed.
 *
 * A group of one voter: it leads after its vote is durable and commits what is durable, so each rule can be seen alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/assert.h"
#include "multicast/order/order.h"

#define RECORDS_MAX 256

struct fixture {
    struct order *order;
    struct order_effects effects;
    struct raft_persist records[RECORDS_MAX]; /* what a log would hold */
    uint32_t record_count;
    uint32_t recorded; /* of effects */
    kv_instant now;
};

static struct wire_config groups[3];

static struct order_settings settings_of(uint32_t voters)
{
    for (uint32_t g = 0; g < 3; g++) {
        groups[g] = (struct wire_config){.count = 1, .members = {{{(uint16_t)(10 + g)}, true}}};
    }
    struct order_settings settings = {.group_count = 3,
                                      .groups = groups,
                                      .raft = {.group = {1},
                                               .self = {1},
                                               .election_timeout_us = 100000,
                                               .heartbeat_us = 10000,
                                               .seed = 7,
                                               .bootstrap = {.count = voters}}};
    for (uint16_t i = 0; i < voters; i++) {
        settings.raft.bootstrap.members[i] =
            (struct wire_config_member){.node = {(uint16_t)(i + 1)}, .voter = true};
    }
    return settings;
}

static void record_effects(struct fixture *f)
{
    for (; f->recorded < f->effects.raft.persist_count; f->recorded++) {
        assert_true(f->record_count < RECORDS_MAX);
        struct raft_persist *kept = &f->records[f->record_count++];
        *kept = f->effects.raft.persists[f->recorded];
        if (kept->entry != NULL) {
            wire_entry_keep(kept->entry);
        }
    }
}

static enum status step(struct fixture *f, struct order_event event)
{
    event.raft.now = f->now;
    enum status status = order_step(f->order, &event, &f->effects);
    record_effects(f);
    return status;
}

static void step_raft(struct fixture *f, struct raft_event event)
{
    assert_int_equal(step(f, (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event}),
                     STATUS_OK);
}

static void sync_all(struct fixture *f)
{
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_DURABLE,
                                     .sequence = raft_persist_sequence(order_raft(f->order))});
}

static void clear(struct fixture *f)
{
    order_effects_clear(&f->effects);
    f->recorded = 0;
}

static void lead(struct fixture *f)
{
    for (int i = 0; i < 10 && !raft_can_serve(order_raft(f->order)); i++) {
        kv_instant due = raft_deadline(order_raft(f->order));
        f->now = due.us > f->now.us && due.us != UINT64_MAX ? due : f->now;
        step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        sync_all(f);
    }
    assert_true(raft_can_serve(order_raft(f->order)));
    clear(f);
}

static struct order_event submit_of(uint64_t sequence, uint64_t physical)
{
    return (struct order_event){.kind = ORDER_EVENT_SUBMIT,
                                .physical = {physical},
                                .submit = {.id = {.session = {{{9}, {0}}}, .sequence = sequence},
                                           .destinations = kv_group_set_of((kv_group_id){1}),
                                           .body = kv_slice_of("body", 4)}};
}

static int set_up(void **state)
{
    struct fixture *f = kv_alloc_zero(1, sizeof *f);
    struct order_settings settings = settings_of(1);
    f->now = (kv_instant){1000};
    f->order = order_new(&settings, f->now);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    order_effects_close(&f->effects);
    order_destroy(&f->order);
    for (uint32_t i = 0; i < f->record_count; i++) {
        wire_entry_drop(&f->records[i].entry);
    }
    kv_free(f);
    return 0;
}

static void a_message_is_delivered_once_it_is_durable_and_not_before(void **state)
{
    struct fixture *f = *state;
    lead(f);
    assert_int_equal(step(f, submit_of(1, 500)), STATUS_OK);
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
    assert_int_equal(f->effects.delivery_count, 0);
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 1);
    assert_int_equal(f->effects.deliveries[0].entry->id.sequence, 1);
    assert_int_equal(f->effects.deliveries[0].position, 1);
    assert_int_equal(order_delivered(f->order), 1);
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 1);
}

static void timestamps_grow_even_when_the_physical_clock_goes_back(void **state)
{
    struct fixture *f = *state;
    lead(f);
    const uint64_t physical[] = {1000, 1000, 5, UINT32_MAX, 7};
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(step(f, submit_of(i + 1, physical[i])), STATUS_OK);
    }
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 5);
    const uint64_t expected[] = {1000, 1001, 1002, UINT32_MAX, (uint64_t)UINT32_MAX + 1};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(f->effects.deliveries[i].timestamp.clock.value, expected[i]);
        assert_int_equal(f->effects.deliveries[i].timestamp.group.value, 1);
        assert_int_equal(f->effects.deliveries[i].position, i + 1);
    }
}

static void a_message_in_the_log_is_not_appended_again(void **state)
{
    struct fixture *f = *state;
    lead(f);
    assert_int_equal(step(f, submit_of(1, 0)), STATUS_OK);
    kv_index last = raft_last(order_raft(f->order));
    assert_int_equal(step(f, submit_of(1, 0)), STATUS_EXISTS);
    assert_int_equal(raft_last(order_raft(f->order)).value, last.value);
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 1);
}

static void only_a_leader_takes_messages(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(step(f, submit_of(1, 0)), STATUS_NOT_LEADER);
    assert_int_equal(raft_last(order_raft(f->order)).value, 0);
}

static void a_message_for_another_group_is_refused(void **state)
{
    struct fixture *f = *state;
    lead(f);
    struct order_event foreign = submit_of(1, 0);
    foreign.submit.destinations = kv_group_set_of((kv_group_id){2});
    assert_int_equal(step(f, foreign), STATUS_INVALID);
    foreign.submit.destinations.bits |= kv_group_set_of((kv_group_id){1}).bits;
    foreign.submit.destinations.bits |= kv_group_set_of((kv_group_id){3}).bits; /* does not exist */
    assert_int_equal(step(f, foreign), STATUS_INVALID);
}

static void restart(struct fixture *f)
{
    struct order_settings settings = settings_of(1);
    clear(f);
    order_destroy(&f->order);
    f->order = order_new(&settings, f->now);
    for (uint32_t i = 0; i < f->record_count; i++) {
        assert_int_equal(order_restore(f->order, &f->records[i]), STATUS_OK);
    }
}

static void a_restart_delivers_the_same_sequence_again(void **state)
{
    struct fixture *f = *state;
    lead(f);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(step(f, submit_of(i, i * 10)), STATUS_OK);
    }
    sync_all(f);
    kv_timestamp first[20];
    for (uint32_t i = 0; i < 20; i++) {
        first[i] = f->effects.deliveries[i].timestamp;
    }
    restart(f);
    assert_int_equal(order_delivered(f->order), 0);
    for (int i = 0; i < 10 && order_delivered(f->order) < 20; i++) {
        f->now = kv_instant_add(f->now, 200000);
        step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        sync_all(f);
    }
    assert_int_equal(f->effects.delivery_count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(kv_timestamp_compare(first[i], f->effects.deliveries[i].timestamp), 0);
        assert_int_equal(f->effects.deliveries[i].entry->id.sequence, i + 1);
    }
}

/* A registration has no session in which its id could be remembered, so a resend of it can get into the log again. Whether the first
 * one is delivered already when the second is read must make no difference: it is in one life, and not in the next. */
static void a_message_without_a_session_is_delivered_as_often_as_it_is_in_the_log(void **state)
{
    struct fixture *f = *state;
    struct order_event registration = submit_of(77, 10);
    registration.submit.id.session = (kv_session_id){0};
    lead(f);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(step(f, registration), STATUS_OK);
        sync_all(f);
    }
    assert_int_equal(f->effects.delivery_count, 2);
    restart(f);
    for (int i = 0; i < 10 && order_delivered(f->order) < 2; i++) {
        f->now = kv_instant_add(f->now, 200000);
        step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        sync_all(f);
    }
    assert_int_equal(order_delivered(f->order), 2);
}

static void a_message_without_a_session_goes_to_one_group(void **state)
{
    struct fixture *f = *state;
    struct order_event registration = submit_of(77, 10);
    registration.submit.id.session = (kv_session_id){0};
    registration.submit.destinations.bits = 6;
    lead(f);
    assert_int_equal(step(f, registration), STATUS_INVALID);
}

static void an_undelivered_message_is_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    lead(f);
    assert_int_equal(step(f, submit_of(1, 0)), STATUS_OK);
    restart(f);
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
    for (int i = 0; i < 10 && raft_role(order_raft(f->order)) != RAFT_LEADER; i++) {
        f->now = kv_instant_add(f->now, 200000);
        step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        if (raft_role(order_raft(f->order)) != RAFT_LEADER) {
            sync_all(f);
        }
    }
    /* The entry of the old term is in the log; the leader's NOOP may not be durable yet. */
    enum status status = step(f, submit_of(1, 0));
    assert_true(status == STATUS_EXISTS || order_delivered(f->order) == 1);
    sync_all(f);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 1);
}

static void a_snapshot_moves_the_cursor_and_nothing_before_it_is_delivered(void **state)
{
    struct fixture *f = *state;
    lead(f);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(step(f, submit_of(i, 0)), STATUS_OK);
    }
    sync_all(f);
    struct kv_buffer saved = {0};
    order_save(f->order, &saved);
    struct raft_snapshot_point point =
        raft_snapshot_point_at(order_raft(f->order), order_delivered_index(f->order));
    clear(f);
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &point});
    assert_int_equal(step(f, submit_of(4, 0)), STATUS_OK);
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 1);
    restart(f);
    assert_int_equal(order_load(f->order, kv_buffer_slice(&saved)), STATUS_OK);
    kv_buffer_close(&saved);
    assert_int_equal(order_delivered(f->order), 3);
    for (int i = 0; i < 10 && order_delivered(f->order) < 4; i++) {
        f->now = kv_instant_add(f->now, 200000);
        step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        sync_all(f);
    }
    assert_int_equal(f->effects.delivery_count, 1);
    assert_int_equal(f->effects.deliveries[0].position, 4);
    assert_int_equal(f->effects.deliveries[0].entry->id.sequence, 4);
}

static void entries_that_break_their_promise_never_enter_the_log(void **state)
{
    struct fixture *f = *state;
    order_destroy(&f->order);
    struct order_settings settings = settings_of(3);
    f->order = order_new(&settings, f->now);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of("x", 1));
    entry->term = (kv_term){1};
    entry->index = (kv_index){1};
    entry->timestamp = (kv_timestamp){{10}, {1}};
    entry->destinations = kv_group_set_of((kv_group_id){1});
    struct wire_message append = {
        .kind = WIRE_MESSAGE_APPEND, .group = {1}, .from = {2}, .to = {1}};
    append.as.append =
        (struct wire_append){.term = {1}, .commit = {1}, .count = 1, .entries = &entry};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &append};

    entry->reach = (kv_clock){9}; /* below its own timestamp */
    step_raft(f, event);
    assert_int_equal(raft_last(order_raft(f->order)).value, 0);
    entry->reach = (kv_clock){10};
    entry->kind = WIRE_ENTRY_PROPOSE; /* to one group only */
    step_raft(f, event);
    assert_int_equal(raft_last(order_raft(f->order)).value, 0);
    entry->kind = WIRE_ENTRY_CMD;
    step_raft(f, event);
    assert_int_equal(raft_last(order_raft(f->order)).value, 1);
    clear(f);
    wire_entry_drop(&entry);
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A member of a new cluster that begins with the state of a backup: nothing is under way, and everything comes behind the cut. */
static void a_clean_state_begins_behind_the_cut(void **state)
{
    struct fixture *f = *state;
    const kv_timestamp cut = {{1000000}, {0}};
    const struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE, .term = {1}};
    const struct raft_persist point = {.kind = RAFT_PERSIST_SNAPSHOT,
                                       .point = {.index = {1},
                                                 .term = {1},
                                                 .reach = cut.clock,
                                                 .config = settings_of(1).raft.bootstrap}};
    struct kv_buffer saved = {0};
    order_save_clean(cut, &saved);
    assert_int_equal(order_restore(f->order, &point), STATUS_CORRUPT); /* its log was lost */
    assert_int_equal(order_restore(f->order, &hard), STATUS_OK);
    assert_int_equal(order_restore(f->order, &point), STATUS_OK);
    assert_int_equal(order_load(f->order, kv_buffer_slice(&saved)), STATUS_OK);
    assert_int_equal(order_delivered_index(f->order).value, 1);
    assert_int_equal(kv_timestamp_compare(order_cursor(f->order), cut), 0);
    assert_int_equal(order_undelivered(f->order), 0);
    assert_int_equal(order_records(f->order), 0);
    lead(f);
    assert_int_equal(raft_last(order_raft(f->order)).value, 2); /* the log goes on at once */

    struct order_event old = submit_of(1, 5), fresh = submit_of(1, 5);
    old.submit.id.session.registered = cut;
    assert_int_equal(step(f, old), STATUS_NOT_FOUND);
    fresh.submit.id.session.registered.clock.value = cut.clock.value + 1;
    assert_int_equal(step(f, fresh), STATUS_OK);
    sync_all(f);
    assert_int_equal(f->effects.delivery_count, 1);
    assert_true(f->effects.deliveries[0].timestamp.clock.value > cut.clock.value);

    /* It saves and loads like any other. */
    kv_buffer_clear(&saved);
    order_save_clean(cut, &saved);
    saved.size--;
    assert_int_equal(order_load(f->order, kv_buffer_slice(&saved)), STATUS_CORRUPT);
    kv_buffer_close(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORDER_TEST(a_message_is_delivered_once_it_is_durable_and_not_before),
        ORDER_TEST(timestamps_grow_even_when_the_physical_clock_goes_back),
        ORDER_TEST(a_message_in_the_log_is_not_appended_again),
        ORDER_TEST(only_a_leader_takes_messages),
        ORDER_TEST(a_message_for_another_group_is_refused),
        ORDER_TEST(a_restart_delivers_the_same_sequence_again),
        ORDER_TEST(a_message_without_a_session_is_delivered_as_often_as_it_is_in_the_log),
        ORDER_TEST(a_message_without_a_session_goes_to_one_group),
        ORDER_TEST(an_undelivered_message_is_known_after_a_restart),
        ORDER_TEST(a_snapshot_moves_the_cursor_and_nothing_before_it_is_delivered),
        ORDER_TEST(a_clean_state_begins_behind_the_cut),
        ORDER_TEST(entries_that_break_their_promise_never_enter_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
