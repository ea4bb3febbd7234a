/* SPDX-License-Identifier: Apache-2.0 */
/* order, several groups: who may say what about a message whose record is gone.
 *
 * A group of one voter leads and commits at once; what other groups say is given to it by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/order/order_internal.h"

#define OTHER_GROUP ((kv_group_id){2})
#define OTHER_NODE  ((kv_node_id){12})

static struct wire_config groups[3];

struct fixture {
    struct order *order;
    struct order_effects effects;
    kv_instant now;
};

static bool oracle_first; /* of the next order */

static struct order *new_order(uint16_t voters, kv_instant now)
{
    for (uint16_t g = 0; g < 3; g++) {
        groups[g] = (struct wire_config){.count = 1, .members = {{{(uint16_t)(10 + g)}, true}}};
    }
    struct order_settings settings = {.group_count = 3,
                                      .oracle_first = oracle_first,
                                      .groups = groups,
                                      .raft = {.group = {1},
                                               .self = {1},
                                               .election_timeout_us = 100000,
                                               .heartbeat_us = 10000,
                                               .seed = 7,
                                               .bootstrap = {.count = voters}}};
    for (uint16_t i = 0; i < voters; i++) {
        settings.raft.bootstrap.members[i] = (struct wire_config_member){{(uint16_t)(i + 1)}, true};
    }
    return order_new(&settings, now);
}

static enum status step(struct fixture *f, struct order_event event)
{
    event.raft.now = f->now;
    return order_step(f->order, &event, &f->effects);
}

static void step_raft(struct fixture *f, struct raft_event event)
{
    assert_int_equal(step(f, (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event}),
                     STATUS_OK);
}

static void flush(struct fixture *f)
{
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
}

static void sync_all(struct fixture *f)
{
    flush(f);
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_DURABLE,
                                     .sequence = raft_persist_sequence(order_raft(f->order))});
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
    order_effects_clear(&f->effects);
}

static kv_message_id id_of(uint64_t sequence)
{
    return (kv_message_id){.session = {{{9}, {0}}}, .sequence = sequence};
}

static const kv_group_set BOTH = {1u << 1 | 1u << 2};

static void submit(struct fixture *f, uint64_t sequence, uint64_t floor, kv_group_set destinations)
{
    struct order_event event = {.kind = ORDER_EVENT_SUBMIT,
                                .submit = {.id = id_of(sequence),
                                           .destinations = destinations,
                                           .floor = floor,
                                           .body = kv_slice_of("body", 4)}};
    assert_int_equal(step(f, event), STATUS_OK);
}

/* A message of the other group's leader, in term 1. */
static struct wire_message say(enum wire_message_kind kind, uint64_t sequence)
{
    struct wire_message message = {.kind = kind, .group = {1}, .from = OTHER_NODE, .to = {1}};
    message.as.fix.speaker = (struct wire_speaker){OTHER_GROUP, {1}, OTHER_NODE};
    message.as.fix.id = id_of(sequence); /* behind the speaker in every such message */
    return message;
}

static void hear(struct fixture *f, struct wire_message message)
{
    step_raft(f, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &message});
}

static struct wire_message soft(uint64_t sequence)
{
    struct wire_message message = say(WIRE_MESSAGE_SOFT, sequence);
    message.as.soft.destinations = BOTH;
    message.as.soft.lts = (kv_timestamp){{100}, OTHER_GROUP};
    message.as.soft.body = kv_slice_of("body", 4);
    return message;
}

static uint32_t sent(const struct fixture *f, enum wire_message_kind kind,
                     const struct wire_message **ret_last)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->effects.send_count; i++) {
        if (f->effects.sends[i].message.kind == kind) {
            count++;
            *ret_last = &f->effects.sends[i].message;
        }
    }
    return count;
}

/* Sequence 5 carries floor 4 and is delivered. */
static void raise_floor(struct fixture *f)
{
    submit(f, 5, 4, kv_group_set_of((kv_group_id){1}));
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 1);
    order_effects_clear(&f->effects);
}

static int set_up(void **state)
{
    struct fixture *f = kv_alloc_zero(1, sizeof *f);
    f->now = (kv_instant){1000};
    f->order = new_order(1, f->now);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    order_effects_close(&f->effects);
    order_destroy(&f->order);
    kv_free(f);
    return 0;
}

static void that_a_message_is_unresolved_is_said_once_the_leadership_is_confirmed(void **state)
{
    struct fixture *f = *state;
    const struct wire_message *tell = NULL;
    lead(f);
    submit(f, 1, 0, BOTH);
    sync_all(f);
    order_effects_clear(&f->effects);
    struct wire_message ask = say(WIRE_MESSAGE_ASK, 1);
    ask.as.ask.nonce = 77;
    hear(f, ask);
    assert_int_equal(sent(f, WIRE_MESSAGE_TELL, &tell), 0);
    flush(f);
    assert_int_equal(sent(f, WIRE_MESSAGE_TELL, &tell), 1);
    assert_true(tell->as.tell.unresolved);
    assert_int_equal(tell->as.tell.nonce, 77);
    assert_int_equal(f->effects.raft.read_count, 0); /* the caller asked for no read */
}

static void a_member_that_does_not_lead_says_nothing_about_unresolved_messages(void **state)
{
    struct fixture *f = *state;
    const struct wire_message *tell = NULL;
    hear(f, say(WIRE_MESSAGE_ASK, 1));
    flush(f);
    assert_int_equal(sent(f, WIRE_MESSAGE_TELL, &tell), 0);
}

static void what_is_below_the_floor_is_done_only_if_a_confirmed_leader_says_so(void **state)
{
    struct fixture *f = *state;
    const struct wire_message *done = NULL;
    lead(f);
    raise_floor(f);
    hear(f, say(WIRE_MESSAGE_DONE_REQUEST, 3));
    assert_int_equal(sent(f, WIRE_MESSAGE_DONE, &done), 0);
    flush(f);
    assert_int_equal(sent(f, WIRE_MESSAGE_DONE, &done), 1);
    assert_int_equal(done->as.done.id.sequence, 3);
}

static void a_message_below_the_floor_is_proposed_only_if_its_group_still_waits_for_it(void **state)
{
    struct fixture *f = *state;
    const struct wire_message *ask = NULL;
    lead(f);
    raise_floor(f);
    kv_index last = raft_last(order_raft(f->order));
    hear(f, soft(3));
    assert_int_equal(sent(f, WIRE_MESSAGE_ASK, &ask), 1);
    struct wire_message tell = say(WIRE_MESSAGE_TELL, 3);
    tell.as.tell.unresolved = true;
    tell.as.tell.nonce = ask->as.ask.nonce + 1; /* an answer to something else */
    hear(f, tell);
    hear(f, soft(3));
    assert_int_equal(raft_last(order_raft(f->order)).value, last.value);
    tell.as.tell.nonce = ask->as.ask.nonce;
    hear(f, tell);
    hear(f, soft(3));
    assert_int_equal(raft_last(order_raft(f->order)).value, last.value + 1);
}

/* Attempt `attempt` of sequence 3, which is below the floor. */
static struct wire_message soft_of_attempt(uint32_t attempt)
{
    struct wire_message message = soft(3);
    message.as.soft.id.attempt = attempt;
    return message;
}

/* They come again and again in the same order: a grant must outlive the questions of all the others. */
static void more_messages_below_the_floor_than_questions_are_all_proposed(void **state)
{
    enum { MANY = ORDER_QUESTIONS_MAX + 6 };
    struct fixture *f = *state;
    lead(f);
    raise_floor(f);
    kv_index last = raft_last(order_raft(f->order));
    for (int round = 0; round < 4; round++) {
        struct wire_message tells[MANY];
        uint32_t asked = 0;
        for (uint32_t i = 0; i < MANY; i++) {
            const struct wire_message *ask = NULL;
            hear(f, soft_of_attempt(i));
            if (sent(f, WIRE_MESSAGE_ASK, &ask) > 0) {
                tells[asked] = say(WIRE_MESSAGE_TELL, 3);
                tells[asked].as.tell.id = ask->as.ask.id;
                tells[asked].as.tell.nonce = ask->as.ask.nonce;
                tells[asked].as.tell.unresolved = true;
                asked++;
            }
            order_effects_clear(&f->effects);
        }
        for (uint32_t i = 0; i < asked; i++) {
            hear(f, tells[i]);
        }
    }
    assert_int_equal(raft_last(order_raft(f->order)).value, last.value + MANY);
}

/* The state of a group that has resolved and delivered message 1, and has not heard that the other group is done. */
static struct raft_snapshot_point save_resolved(struct fixture *f, struct kv_buffer *saved)
{
    lead(f);
    submit(f, 1, 0, BOTH);
    sync_all(f);
    struct wire_message fix = say(WIRE_MESSAGE_FIX, 1);
    fix.as.fix.lts = (kv_timestamp){{100}, OTHER_GROUP};
    hear(f, fix);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 1);
    assert_int_equal(order_records(f->order), 1);
    order_save(f->order, saved);
    return raft_snapshot_point_at(order_raft(f->order), order_delivered_index(f->order));
}

/* An absurd clock would lift every later timestamp of the group, up to where no next one exists. */
static void absurd_clocks_of_other_groups_change_nothing(void **state)
{
    struct fixture *f = *state;
    lead(f);
    static const uint64_t absurd[] = {UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_MAX};
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
        kv_index last = raft_last(order_raft(f->order));
        struct wire_message soft = say(WIRE_MESSAGE_SOFT, 100 + i);
        soft.as.soft.destinations = BOTH;
        soft.as.soft.lts = (kv_timestamp){{absurd[i]}, OTHER_GROUP};
        soft.as.soft.now = (kv_clock){absurd[i]};
        hear(f, soft);
        sync_all(f);
        assert_int_equal(raft_last(order_raft(f->order)).value, last.value);
    }
    submit(f, 1, 0, BOTH);
    sync_all(f);
    struct wire_message fix = say(WIRE_MESSAGE_FIX, 1);
    fix.as.fix.lts = (kv_timestamp){{UINT64_MAX}, OTHER_GROUP};
    hear(f, fix);
    struct wire_message ack = say(WIRE_MESSAGE_ACK, 1);
    ack.as.ack.lts = (kv_timestamp){{UINT64_MAX}, OTHER_GROUP};
    ack.as.ack.index = (kv_index){1};
    ack.as.ack.config_digest = order_config_digest(&groups[2]);
    hear(f, ack);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 0);
    fix.as.fix.lts = (kv_timestamp){{50}, OTHER_GROUP};
    hear(f, fix);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 1);
}

static void a_follower_goes_on_asking_for_done_at_least_every_few_seconds(void **state)
{
    struct fixture *f = *state;
    const struct wire_message *request = NULL;
    struct kv_buffer saved = {0};
    struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE, .term = {9}};
    struct raft_persist snapshot = {.kind = RAFT_PERSIST_SNAPSHOT};
    snapshot.point = save_resolved(f, &saved);
    snapshot.point.config = (struct wire_config){
        .count = 3, .members = {{{1}, true}, {{2}, true}, {{3}, true}}}; /* it cannot win alone */
    order_effects_clear(&f->effects);
    order_destroy(&f->order);
    f->order = new_order(3, f->now);
    assert_int_equal(order_restore(f->order, &hard), STATUS_OK);
    assert_int_equal(order_restore(f->order, &snapshot), STATUS_OK);
    assert_int_equal(order_load(f->order, kv_buffer_slice(&saved)), STATUS_OK);
    kv_buffer_close(&saved);
    for (uint32_t asked = 0, seconds = 0; asked < 10; asked++) {
        for (uint32_t quiet = 0; sent(f, WIRE_MESSAGE_DONE_REQUEST, &request) == 0; quiet++) {
            assert_in_range(quiet, 0, 4 * ORDER_FOLLOWER_DONE_US / 1000000);
            assert_in_range(seconds++, 0, 1000);
            f->now = kv_instant_add(f->now, 1000000);
            step_raft(f, (struct raft_event){.kind = RAFT_EVENT_TICK});
        }
        order_effects_clear(&f->effects);
    }
    hear(f, say(WIRE_MESSAGE_DONE, 1));
    assert_int_equal(order_records(f->order), 0);
}

/* ---- The oracle first (decision 0006) ---- */

static const kv_group_set ORACLE_AND_ONE = {1u << 0 | 1u << 1};

static int set_up_oracle_first(void **state)
{
    oracle_first = true;
    const int result = set_up(state);
    oracle_first = false;
    return result;
}

/* The oracle has committed its proposal with this clock; 0: it has said nothing of it. */
static struct wire_message soft_of_oracle(uint64_t sequence, uint64_t oracle)
{
    struct wire_message message = soft(sequence);
    message.from = (kv_node_id){10};
    message.as.soft.speaker = (struct wire_speaker){KV_GROUP_ORACLE, {1}, {10}};
    message.as.soft.destinations = ORACLE_AND_ONE;
    message.as.soft.lts = (kv_timestamp){{100}, KV_GROUP_ORACLE};
    message.as.soft.oracle.value = oracle;
    return message;
}

static void what_the_oracle_has_not_committed_is_proposed_by_nobody(void **state)
{
    struct fixture *f = *state;
    lead(f);
    const struct order_event event = {
        .kind = ORDER_EVENT_SUBMIT,
        .submit = {.id = id_of(1), .destinations = ORACLE_AND_ONE, .body = kv_slice_of("body", 4)}};
    assert_int_equal(step(f, event), STATUS_INVALID);
    hear(f, soft_of_oracle(1, 0));
    assert_int_equal(order_records(f->order), 0);
    hear(f, soft_of_oracle(1, UINT64_MAX));
    hear(f, soft_of_oracle(1, 100));
    assert_int_equal(order_records(f->order), 1);
}

/* The leader that heard of it dies, and the oracle falls silent. */
static void a_new_leader_needs_no_oracle_for_what_is_in_its_log(void **state)
{
    struct fixture *f = *state;
    lead(f);
    const kv_instant now = f->now;
    hear(f, soft_of_oracle(1, 100));
    struct wire_entry *entry = NULL;
    for (uint32_t i = 0; i < f->effects.raft.persist_count; i++) {
        const struct raft_persist *persist = &f->effects.raft.persists[i];
        if (persist->kind == RAFT_PERSIST_ENTRY && persist->entry->kind == WIRE_ENTRY_PROPOSE) {
            entry = wire_entry_keep(persist->entry);
        }
    }
    assert_non_null(entry);
    order_effects_clear(&f->effects);
    order_destroy(&f->order);
    oracle_first = true;
    f->order = new_order(1, now);
    oracle_first = false;
    struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE, .term = entry->term};
    assert_int_equal(order_restore(f->order, &hard), STATUS_OK);
    struct wire_entry *noop = wire_entry_new(WIRE_ENTRY_NOOP, (kv_slice){0});
    noop->term = entry->term;
    noop->reach.value = 1;
    for (uint64_t i = 1; i <= entry->index.value; i++) { /* NOOPs, then the message */
        noop->index.value = i;
        struct raft_persist record = {.kind = RAFT_PERSIST_ENTRY,
                                      .entry = i == entry->index.value ? entry : noop};
        assert_int_equal(order_restore(f->order, &record), STATUS_OK);
        if (i < entry->index.value) {
            wire_entry_drop(&noop);
            noop = wire_entry_new(WIRE_ENTRY_NOOP, (kv_slice){0});
            noop->term = entry->term;
            noop->reach.value = 1;
        }
    }
    wire_entry_drop(&noop);
    wire_entry_drop(&entry);
    lead(f);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), 1);
}

/* A floor says that nobody waits for the answer of a client's message; what was delivered is delivered all the same. */
static void the_application_may_order_what_a_floor_covers_but_nothing_twice(void **state)
{
    struct fixture *f = *state;
    const kv_group_set alone = kv_group_set_of((kv_group_id){1});
    struct order_event event = {.kind = ORDER_EVENT_SUBMIT,
                                .submit = {.id = id_of(3),
                                           .destinations = alone,
                                           .body = kv_slice_of("body", 4),
                                           .by_application = true}};
    lead(f);
    raise_floor(f);
    assert_int_equal(step(f, event), STATUS_OK); /* 3 is below the floor */
    event.submit.id = id_of(5);
    assert_int_equal(step(f, event), STATUS_NOT_FOUND); /* 5 has been delivered */
    event.submit.by_application = false;
    event.submit.id = id_of(2);
    assert_int_equal(step(f, event), STATUS_NOT_FOUND);
}

/* A message of the application's own about something with this timestamp, delivered here. */
static void deliver_own(struct fixture *f, uint64_t token)
{
    const uint64_t delivered = order_delivered(f->order);
    struct order_event event = {
        .kind = ORDER_EVENT_SUBMIT,
        .submit = {.id = {.session = {{{token}, {0}}}, .sequence = 1, .attempt = KV_ATTEMPT_OWN},
                   .destinations = kv_group_set_of((kv_group_id){1}),
                   .body = kv_slice_of("body", 4),
                   .by_application = true}};
    assert_int_equal(step(f, event), STATUS_OK);
    sync_all(f);
    assert_int_equal(order_delivered(f->order), delivered + 1);
    order_effects_clear(&f->effects);
}

/* A SOFT for an own message; returns whether it was proposed at once. Otherwise it was asked about. */
static bool own_is_proposed(struct fixture *f, uint64_t token)
{
    const struct wire_message *ask = NULL;
    const kv_index last = raft_last(order_raft(f->order));
    struct wire_message message = soft(1);
    message.as.soft.id =
        (kv_message_id){.session = {{{token}, {0}}}, .sequence = 2, .attempt = KV_ATTEMPT_OWN};
    hear(f, message);
    const bool asked = sent(f, WIRE_MESSAGE_ASK, &ask) > 0;
    const bool proposed = raft_last(order_raft(f->order)).value > last.value;
    assert_true(asked != proposed);
    order_effects_clear(&f->effects);
    return proposed;
}

/* There may be millions of them while a client thinks. */
static void own_messages_displace_no_session_of_a_client(void **state)
{
    struct fixture *f = *state;
    lead(f);
    f->order->sessions.max = 2;
    raise_floor(f);
    for (uint64_t token = 10; token < 20; token++) {
        deliver_own(f, token);
    }
    assert_int_equal(order_sessions_look(&f->order->sessions, id_of(5)), ORDER_ID_FORGOTTEN);
    assert_int_equal(order_sessions_look(&f->order->sessions, id_of(6)), ORDER_ID_NEW);
    assert_int_equal(f->order->sessions.count, 1);
}

static void an_own_message_is_proposed_at_once_unless_it_may_have_been_here_long_ago(void **state)
{
    struct fixture *f = *state;
    lead(f);
    f->order->own.max = 2;
    deliver_own(f, 20);
    deliver_own(f, 30);
    deliver_own(f, 40); /* 20 makes room */
    assert_false(own_is_proposed(f, 15));
    assert_true(own_is_proposed(f, 25));
}

static void ids_of_own_messages_from_before_a_snapshot_are_asked_about(void **state)
{
    struct fixture *f = *state;
    struct kv_buffer saved = {0};
    lead(f);
    deliver_own(f, 1);
    deliver_own(f, 2);
    const kv_timestamp cursor = f->order->cursor;
    const struct raft_snapshot_point point =
        raft_snapshot_point_at(order_raft(f->order), order_delivered_index(f->order));
    order_save(f->order, &saved);
    order_destroy(&f->order);
    f->order = new_order(1, f->now);
    struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE, .term = point.term};
    struct raft_persist snapshot = {.kind = RAFT_PERSIST_SNAPSHOT, .point = point};
    assert_int_equal(order_restore(f->order, &hard), STATUS_OK);
    assert_int_equal(order_restore(f->order, &snapshot), STATUS_OK);
    assert_int_equal(order_load(f->order, kv_buffer_slice(&saved)), STATUS_OK);
    kv_buffer_close(&saved);
    lead(f);
    assert_false(own_is_proposed(f, 1));
    assert_false(own_is_proposed(f, cursor.clock.value));
    assert_true(own_is_proposed(f, cursor.clock.value + 1));
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORDER_TEST(that_a_message_is_unresolved_is_said_once_the_leadership_is_confirmed),
        ORDER_TEST(a_member_that_does_not_lead_says_nothing_about_unresolved_messages),
        ORDER_TEST(what_is_below_the_floor_is_done_only_if_a_confirmed_leader_says_so),
        ORDER_TEST(a_message_below_the_floor_is_proposed_only_if_its_group_still_waits_for_it),
        ORDER_TEST(more_messages_below_the_floor_than_questions_are_all_proposed),
        ORDER_TEST(absurd_clocks_of_other_groups_change_nothing),
        ORDER_TEST(a_follower_goes_on_asking_for_done_at_least_every_few_seconds),
        cmocka_unit_test_setup_teardown(what_the_oracle_has_not_committed_is_proposed_by_nobody,
                                        set_up_oracle_first, tear_down),
        cmocka_unit_test_setup_teardown(a_new_leader_needs_no_oracle_for_what_is_in_its_log,
                                        set_up_oracle_first, tear_down),
        ORDER_TEST(the_application_may_order_what_a_floor_covers_but_nothing_twice),
        ORDER_TEST(own_messages_displace_no_session_of_a_client),
        ORDER_TEST(an_own_message_is_proposed_at_once_unless_it_may_have_been_here_long_ago),
        ORDER_TEST(ids_of_own_messages_from_before_a_snapshot_are_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
