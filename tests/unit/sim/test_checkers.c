/* SPDX-License-Identifier: Apache-2.0 */
/* The checkers on small worlds made by hand: each accepts a good one and names what is wrong with a
 * bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/check_digest.h"
#include "tests/sim/check_leases.h"
#include "tests/sim/check_once.h"
#include "tests/sim/check_raft.h"
#include "tests/sim/check_replay.h"
#include "bench/strict_order.h"

static const kv_group_id group = {1};

/* ---- check_raft ---- */

static struct wire_message vote(uint16_t from, uint16_t to, uint64_t term)
{
    struct wire_message message = {
        .kind = WIRE_MESSAGE_VOTE_REPLY, .group = {1}, .from = {from}, .to = {to}};
    message.as.vote_reply = (struct wire_vote_reply){.term = {term}, .granted = true};
    return message;
}

static struct wire_message ack(uint16_t from, uint64_t term, uint64_t match)
{
    struct wire_message message = {
        .kind = WIRE_MESSAGE_APPEND_REPLY, .group = {1}, .from = {from}, .to = {1}};
    message.as.append_reply =
        (struct wire_append_reply){.term = {term}, .success = true, .match = {match}};
    return message;
}

static void test_a_vote_that_is_not_on_the_disk_is_found(void **state)
{
    (void)state;
    struct check_raft check = {.group = group};
    struct sim_report report = {0};
    struct wire_message message = vote(2, 3, 7);
    struct sim_disk_view view = {.term = {7}, .vote = {3}};
    check_raft_leaves(&check, &report, &message, &view);
    assert_false(report.failed);
    view.vote = KV_NODE_NONE;
    check_raft_leaves(&check, &report, &message, &view);
    assert_true(report.failed);
    assert_string_equal(report.checker, "raft");
}

static void test_two_votes_in_one_term_are_found(void **state)
{
    (void)state;
    struct check_raft check = {.group = group};
    struct sim_report report = {0};
    struct wire_message first = vote(2, 3, 7);
    struct wire_message second = vote(2, 1, 7);
    check_raft_leaves(&check, &report, &first, &(struct sim_disk_view){.term = {7}, .vote = {3}});
    check_raft_leaves(&check, &report, &first, &(struct sim_disk_view){.term = {7}, .vote = {3}});
    assert_false(report.failed);
    check_raft_leaves(&check, &report, &second, &(struct sim_disk_view){.term = {7}, .vote = {1}});
    assert_true(report.failed);
}

static void test_an_ack_beyond_the_disk_is_found(void **state)
{
    (void)state;
    struct check_raft check = {.group = group};
    struct sim_report report = {0};
    kv_term terms[3] = {{2}, {2}, {2}};
    struct sim_disk_view view = {.term = {2}, .terms = terms, .count = 3};
    struct wire_message good = ack(2, 2, 3);
    struct wire_message bad = ack(2, 2, 4);
    check_raft_leaves(&check, &report, &good, &view);
    assert_false(report.failed);
    check_raft_leaves(&check, &report, &bad, &view);
    assert_true(report.failed);
}

static void test_an_ack_told_late_after_a_newer_term_is_not_judged(void **state)
{
    (void)state;
    struct check_raft check = {.group = group};
    struct sim_report report = {0};
    struct wire_message late = ack(2, 2, 4);
    check_raft_leaves(&check, &report, &late, &(struct sim_disk_view){.term = {3}});
    assert_false(report.failed);
}

/* ---- check_order, check_digest ---- */

static struct order_delivery delivery(struct wire_entry *entry, uint64_t index, uint64_t position,
                                      uint64_t clock)
{
    entry->index.value = index;
    entry->id.sequence = index;
    return (struct order_delivery){
        .entry = entry, .timestamp = {{clock}, group}, .position = position};
}

static void answer_at(struct check_order *check, struct sim_report *report, uint16_t node,
                      kv_timestamp timestamp, const char *value, bool complete)
{
    static struct wire_answer answer;
    struct kv_buffer bytes = {0};
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    answer.row_count = 1;
    answer.rows[0] = (struct wire_row){.value = kv_slice_of_text(value), .present = true};
    wire_answer_encode(&answer, &bytes);
    check_order_answered(check, report, (kv_node_id){node},
                         &(struct engine_reply){.timestamp = timestamp,
                                                .complete = complete,
                                                .answer = kv_buffer_slice(&bytes)});
    kv_buffer_close(&bytes);
}

static void test_members_must_deliver_one_sequence_with_growing_timestamps(void **state)
{
    (void)state;
    struct wire_entry *a = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
    struct wire_entry *b = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
    struct order_delivery first = delivery(a, 4, 1, 10), second = delivery(b, 5, 2, 11);
    struct check_order check = {.group = group};
    struct sim_report report = {0};
    check_order_delivered(&check, &report, (kv_node_id){1}, &first);
    check_order_delivered(&check, &report, (kv_node_id){1}, &second);
    check_order_delivered(&check, &report, (kv_node_id){2}, &first);
    assert_false(report.failed);

    second.timestamp.clock.value = 9;
    second.position = 3;
    check_order_delivered(&check, &report, (kv_node_id){1}, &second);
    assert_true(report.failed); /* a timestamp that goes back */

    report.failed = false;
    second.position = 1;
    check_order_delivered(&check, &report, (kv_node_id){3}, &second);
    assert_true(report.failed); /* another message at position 1 */

    report.failed = false;
    check_order_goes_on(&check, &report, (kv_node_id){4}, 3, (kv_timestamp){{11}, group});
    assert_true(report.failed); /* more than anyone has delivered */
    check_order_close(&check);
    wire_entry_drop(&a);
    wire_entry_drop(&b);
}

static void test_members_must_answer_a_message_alike(void **state)
{
    (void)state;
    struct wire_entry *a = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
    struct order_delivery first = delivery(a, 4, 1, 10);
    struct check_order check = {.group = group};
    struct sim_report report = {0};
    check_order_delivered(&check, &report, (kv_node_id){1}, &first);
    answer_at(&check, &report, 1, first.timestamp, "yes", true);
    answer_at(&check, &report, 2, first.timestamp, "yes", true);
    assert_false(report.failed);
    answer_at(&check, &report, 3, first.timestamp, "no", true);
    assert_true(report.failed);

    report.failed = false;
    answer_at(&check, &report, 3, first.timestamp, "yes", false);
    assert_true(report.failed); /* they must agree on who has the whole answer */

    report.failed = false;
    answer_at(&check, &report, 3, (kv_timestamp){{11}, group}, "yes", true);
    assert_true(report.failed); /* nobody has delivered that */
    check_order_close(&check);
    wire_entry_drop(&a);
}

static void test_equal_positions_must_have_equal_digests(void **state)
{
    (void)state;
    struct check_digest check = {.group = group};
    struct sim_report report = {0};
    check_digest_at(&check, &report, (kv_node_id){1}, 3, 77);
    check_digest_at(&check, &report, (kv_node_id){2}, 300, 78);
    check_digest_at(&check, &report, (kv_node_id){2}, 3, 77);
    assert_false(report.failed);
    check_digest_at(&check, &report, (kv_node_id){3}, 3, 78);
    assert_true(report.failed);
    check_digest_close(&check);
}

/* ---- strict_order ---- */

static void test_conflicts_must_agree_with_real_time(void **state)
{
    uint32_t cycle[STRICT_ORDER_CYCLE_MAX], count = 0;
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct strict_order *check = strict_order_new();
        /* b stands between a and c, by one key each; c was answered before a was asked, or not. */
        const uint32_t a = strict_order_add(check, late != 0 ? 30 : 5, 40);
        const uint32_t b = strict_order_add(check, 1, 50);
        const uint32_t c = strict_order_add(check, 10, 20);
        strict_order_access(check, a, 1, true);
        strict_order_access(check, b, 1, false);
        strict_order_access(check, b, 2, false);
        strict_order_access(check, c, 2, true);
        assert_int_equal(strict_order_agrees(check, cycle, &count), late == 0);
        assert_true(late == 0 || count == 3);
        strict_order_close(&check);
    }
}

static void test_readers_of_a_key_stand_in_any_order(void **state)
{
    uint32_t cycle[STRICT_ORDER_CYCLE_MAX], count = 0;
    (void)state;
    struct strict_order *check = strict_order_new();
    const uint32_t late = strict_order_add(check, 30, 40);
    const uint32_t early = strict_order_add(check, 10, 20);
    strict_order_access(check, late, 1, false);
    strict_order_access(check, early, 1, false);
    assert_true(strict_order_agrees(check, cycle, &count));
    strict_order_close(&check);
}

/* ---- check_leases ---- */

#define LEASE_TTL_US UINT64_C(1000000)
#define LEASE_SLACK  UINT64_C(1000)

struct leases {
    struct check_leases check;
    struct sim_report report;
    uint64_t quiet_from;
};

/* A message about the lock with token 1 is delivered, and group 0 and 1 execute it at a time. */
static void execute_about(struct leases *leases, uint64_t timestamp, enum wire_op op, uint64_t now)
{
    static struct wire_command command;
    static struct wire_answer answer;
    struct kv_buffer body = {0}, said = {0};
    wire_command_begin(&command, op);
    command.ttl_ms = op == WIRE_OP_LOCK ? LEASE_TTL_US / 1000 : 0;
    command.token.clock.value = op == WIRE_OP_LOCK ? 0 : 1;
    if (op == WIRE_OP_LOCK || op == WIRE_OP_REVOKE) {
        command.keys[command.key_count++] = kv_slice_of_text("k");
        command.owners[command.owner_count++] = 1;
    }
    wire_command_encode(&command, &body);
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    wire_answer_encode(&answer, &said);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_PROPOSE, kv_buffer_slice(&body));
    const kv_timestamp final = {{timestamp}, {0}};
    check_leases_delivered(&leases->check,
                           &(struct order_delivery){.entry = entry, .timestamp = final});
    for (uint16_t g = 0; g < 2; g++) {
        check_leases_answered(
            &leases->check, (kv_group_id){g},
            &(struct engine_reply){.timestamp = final, .answer = kv_buffer_slice(&said)},
            &(struct check_leases_moment){
                .now = now, .quiet_from = leases->quiet_from, .slack_us = LEASE_SLACK},
            &leases->report);
    }
    wire_entry_drop(&entry);
    kv_buffer_close(&body);
    kv_buffer_close(&said);
}

/* Whether a lock that is granted at 1 s, and about which `op` is executed at 1.5 s, may be revoked at a time. */
static bool may_be_revoked(enum wire_op op, uint64_t quiet_from, uint64_t now)
{
    struct leases leases = {.quiet_from = quiet_from};
    execute_about(&leases, 1, WIRE_OP_LOCK, 1000000);
    if (op != WIRE_OP_LOCK) {
        execute_about(&leases, 2, op, 1500000);
    }
    execute_about(&leases, 3, WIRE_OP_REVOKE, now);
    check_leases_close(&leases.check);
    assert_true(!leases.report.failed || strcmp(leases.report.checker, "leases") == 0);
    return !leases.report.failed;
}

static void test_a_lock_that_outlasts_its_lease_is_found(void **state)
{
    (void)state;
    assert_true(may_be_revoked(WIRE_OP_LOCK, 0, 2000000 + LEASE_SLACK));
    assert_false(may_be_revoked(WIRE_OP_LOCK, 0, 2000001 + LEASE_SLACK));
    assert_true(may_be_revoked(WIRE_OP_KEEPALIVE, 0, 2500000 + LEASE_SLACK));
    assert_false(may_be_revoked(WIRE_OP_KEEPALIVE, 0, 2500001 + LEASE_SLACK));
    assert_true(may_be_revoked(WIRE_OP_UNLOCK, 0, 1500000 + LEASE_SLACK));
    assert_false(may_be_revoked(WIRE_OP_UNLOCK, 0, 1500001 + LEASE_SLACK));
}

static void test_a_lock_may_last_as_long_as_there_are_faults(void **state)
{
    (void)state;
    assert_true(may_be_revoked(WIRE_OP_LOCK, UINT64_MAX, 9000000));
    assert_true(may_be_revoked(WIRE_OP_LOCK, 8000000, 9000000));
    assert_false(may_be_revoked(WIRE_OP_LOCK, 7000000, 9000000));
}

/* ---- check_replay, check_linear, check_once: a world of one partition, one client at a time ---- */

struct world {
    struct history history;
    struct check_order chronicles[2];
    struct sim_report report;
    uint64_t index;
    struct wire_command command;
    struct wire_answer answer;
};

static struct world *world_new(void)
{
    struct world *world = kv_alloc_zero(1, sizeof(*world));
    world->chronicles[1].group = group;
    return world;
}

static struct kv_buffer encode_command(struct world *world, enum wire_op op, const char *value,
                                       int64_t number)
{
    struct kv_buffer bytes = {0};
    wire_command_begin(&world->command, op);
    world->command.key_count = 1;
    world->command.keys[0] = kv_slice_of_text("key");
    world->command.value_count = value != NULL ? 1 : 0;
    world->command.values[0] = kv_slice_of_text(value != NULL ? value : "");
    world->command.number = number;
    wire_command_encode(&world->command, &bytes);
    return bytes;
}

static void make_answer(struct world *world, const char *value, int64_t number)
{
    wire_answer_begin(&world->answer, WIRE_VERDICT_OK);
    world->answer.number = number;
    if (value != NULL) {
        world->answer.row_count = 1;
        world->answer.rows[0] =
            (struct wire_row){.value = kv_slice_of_text(value), .present = true};
    }
}

static void deliver(struct world *world, kv_message_id id, kv_timestamp timestamp, kv_slice body)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, body);
    struct check_order *chronicle = &world->chronicles[1];
    struct kv_buffer answer = {0};
    struct order_delivery delivered =
        delivery(entry, world->index, chronicle->count + 1, timestamp.clock.value);
    entry->id = id;
    entry->destinations = kv_group_set_of(group);
    check_order_delivered(chronicle, &world->report, (kv_node_id){1}, &delivered);
    wire_answer_encode(&world->answer, &answer);
    check_order_answered(chronicle, &world->report, (kv_node_id){1},
                         &(struct engine_reply){.id = id,
                                                .timestamp = timestamp,
                                                .complete = true,
                                                .answer = kv_buffer_slice(&answer)});
    kv_buffer_close(&answer);
    wire_entry_drop(&entry);
}

/* A command is asked; if `executed` it is delivered at the next index; then its client is told `result`. */
static void run_with(struct world *world, enum wire_op op, const char *value, int64_t number,
                     int64_t sum, bool executed, enum client_result result)
{
    kv_message_id id = {
        .session = {{{1}, {0}}}, .sequence = world->history.count + 1, .attempt = 1};
    struct kv_buffer body = encode_command(world, op, value, number);
    uint32_t asked = history_ask(&world->history, 0, false, kv_buffer_slice(&body));
    make_answer(world, NULL, sum);
    world->index++;
    kv_timestamp timestamp = {{world->index}, group};
    if (executed) {
        deliver(world, id, timestamp, kv_buffer_slice(&body));
    }
    history_complete(&world->history, asked,
                     &(struct client_completion){.result = result,
                                                 .answer = &world->answer,
                                                 .id = id,
                                                 .group = group,
                                                 .timestamp = timestamp});
    kv_buffer_close(&body);
}

static void run(struct world *world, enum wire_op op, const char *value, int64_t number,
                int64_t sum, bool executed, bool answered)
{
    run_with(world, op, value, number, sum, executed, answered ? CLIENT_ANSWERED : CLIENT_IN_DOUBT);
}

/* A read that sees `value` behind `index`. */
static void read_at(struct world *world, const char *value, uint64_t index)
{
    struct kv_buffer body = encode_command(world, WIRE_OP_GET, NULL, 0);
    uint32_t asked = history_ask(&world->history, 0, false, kv_buffer_slice(&body));
    make_answer(world, value, 0);
    history_complete(&world->history, asked,
                     &(struct client_completion){.result = CLIENT_ANSWERED,
                                                 .answer = &world->answer,
                                                 .read = true,
                                                 .group = group,
                                                 .timestamp = {{index}, group}});
    kv_buffer_close(&body);
}

/* Whether the world is found to be wrong; `final` is the value of the key at the end, for
 * check_once. */
static bool is_wrong(struct world *world, const char *final, enum wire_op counted)
{
    struct check_linear check;
    struct check_replay replay = {
        .chronicles = world->chronicles, .history = &world->history, .groups = 2};
    check_linear_begin(&check, &world->report, &world->history);
    check_replay_run(&replay, &world->report);
    check_replay_close(&replay);
    check_linear_keys(&check, &world->report);
    uint32_t key = model_intern(&check.model.keys, kv_slice_of_text("key"));
    if (final != NULL && counted == WIRE_OP_APPEND) {
        check_once_appends(&check, &world->report, key,
                           model_intern(&check.model.values, kv_slice_of_text(final)));
    } else if (final != NULL) {
        check_once_increments(&check, &world->report, key,
                              model_intern(&check.model.values, kv_slice_of_text(final)));
    }
    bool failed = world->report.failed;
    check_linear_close(&check);
    check_order_close(&world->chronicles[1]);
    history_close(&world->history);
    kv_free(world);
    return failed;
}

static void test_a_good_run_passes(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 2, 2, true, true);
    run(world, WIRE_OP_INCR, NULL, 3, 5, true, false);
    run(world, WIRE_OP_INCR, NULL, 9, 0, false, false);
    read_at(world, "5", 2);
    assert_false(is_wrong(world, "5", WIRE_OP_INCR));
}

static void test_an_acknowledged_command_that_was_never_delivered_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 2, 2, false, true);
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_a_command_that_was_said_not_to_be_executed_and_was_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run_with(world, WIRE_OP_INCR, NULL, 2, 2, true, CLIENT_UNAVAILABLE);
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
    world = world_new();
    run_with(world, WIRE_OP_INCR, NULL, 2, 2, false, CLIENT_UNAVAILABLE);
    assert_false(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_an_answer_that_is_not_the_references_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 2, 3, true, true);
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_a_stale_read_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 1, 1, true, true);
    run(world, WIRE_OP_INCR, NULL, 1, 2, true, true);
    read_at(world, "1", 1);
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_a_read_that_lies_about_its_timestamp_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 1, 1, true, true);
    run(world, WIRE_OP_INCR, NULL, 1, 2, true, true);
    read_at(world, "1", 2);
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_a_message_that_a_destination_does_not_deliver_is_found(void **state)
{
    (void)state;
    struct world *world = world_new();
    run(world, WIRE_OP_INCR, NULL, 1, 1, true, true);
    world->chronicles[1].deliveries[0].entry->destinations.bits |= 1; /* the oracle, too */
    assert_true(is_wrong(world, NULL, WIRE_OP_INCR));
}

static void test_an_append_is_counted_once(void **state)
{
    static const struct {
        const char *final;
        bool wrong;
    } cases[] = {{"[1][2]", false}, {"[1]", false},      {"[2]", true},
                 {"[1][1]", true},  {"[1][2][2]", true}, {"[1][7]", true}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *world = world_new();
        run(world, WIRE_OP_APPEND, "[1]", 0, 0, true, true);
        run(world, WIRE_OP_APPEND, "[2]", 0, 0, true, false);
        assert_int_equal(is_wrong(world, cases[i].final, WIRE_OP_APPEND), cases[i].wrong);
    }
}

static void test_a_counter_stands_between_the_acknowledged_and_all_increments(void **state)
{
    static const struct {
        const char *final;
        bool wrong;
    } cases[] = {{"2", false}, {"5", false}, {"1", true}, {"6", true}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *world = world_new();
        run(world, WIRE_OP_INCR, NULL, 2, 2, true, true);
        run(world, WIRE_OP_INCR, NULL, 3, 5, true, false);
        assert_int_equal(is_wrong(world, cases[i].final, WIRE_OP_INCR), cases[i].wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vote_that_is_not_on_the_disk_is_found),
        cmocka_unit_test(test_two_votes_in_one_term_are_found),
        cmocka_unit_test(test_an_ack_beyond_the_disk_is_found),
        cmocka_unit_test(test_an_ack_told_late_after_a_newer_term_is_not_judged),
        cmocka_unit_test(test_members_must_deliver_one_sequence_with_growing_timestamps),
        cmocka_unit_test(test_equal_positions_must_have_equal_digests),
        cmocka_unit_test(test_a_good_run_passes),
        cmocka_unit_test(test_an_acknowledged_command_that_was_never_delivered_is_found),
        cmocka_unit_test(test_an_answer_that_is_not_the_references_is_found),
        cmocka_unit_test(test_a_stale_read_is_found),
        cmocka_unit_test(test_a_read_that_lies_about_its_timestamp_is_found),
        cmocka_unit_test(test_a_message_that_a_destination_does_not_deliver_is_found),
        cmocka_unit_test(test_a_command_that_was_said_not_to_be_executed_and_was_is_found),
        cmocka_unit_test(test_members_must_answer_a_message_alike),
        cmocka_unit_test(test_conflicts_must_agree_with_real_time),
        cmocka_unit_test(test_readers_of_a_key_stand_in_any_order),
        cmocka_unit_test(test_a_lock_that_outlasts_its_lease_is_found),
        cmocka_unit_test(test_a_lock_may_last_as_long_as_there_are_faults),
        cmocka_unit_test(test_an_append_is_counted_once),
        cmocka_unit_test(test_a_counter_stands_between_the_acknowledged_and_all_increments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
