/* SPDX-License-Identifier: Apache-2.0 */
/* How a client finds the cluster, whom it asks, and when it asks again. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND (1000 * 1000)

static int open_bench(void **state)
{
    *state = bench_new(42, CLIENT_OUTSTANDING_MAX);
    return 0;
}

static int close_bench(void **state)
{
    bench_destroy((struct bench **)state);
    return 0;
}

/* ---- Finding the cluster ---- */

static void endpoints_are_greeted_in_turn_until_one_answers(void **state)
{
    struct bench *bench = *state;
    bench_advance(bench, 3 * SECOND);
    uint32_t slots[4];
    for (int i = 0; i < 4; i++) {
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.kind, WIRE_MESSAGE_HELLO);
        slots[i] = send.slot;
    }
    assert_int_not_equal(slots[0], slots[1]);
    assert_int_equal(slots[0], slots[2]);
    assert_int_equal(bench->connects, 2);
    bench_welcome(bench, 1, 16);
    assert_int_equal(client_partitions(bench->client), 1);
    assert_int_equal(bench->disconnects, 2);
    bench_skip(bench);
    bench_advance(bench, 60 * SECOND);
    bench_expect_nothing(bench); /* a known map is not asked for without need */
}

static void patience_with_greetings_grows_up_to_its_limit(void **state)
{
    struct bench *bench = *state;
    bench_advance(bench, 60 * SECOND);
    uint64_t last_us = bench_expect_send(bench).at_us;
    uint64_t patience_us = CLIENT_HELLO_US;
    while (bench->send_next < bench->send_count) {
        const uint64_t at_us = bench_expect_send(bench).at_us;
        assert_int_equal(at_us - last_us, patience_us);
        patience_us = 2 * patience_us < CLIENT_HELLO_US_MAX ? 2 * patience_us : CLIENT_HELLO_US_MAX;
        last_us = at_us;
    }
    assert_int_equal(patience_us, CLIENT_HELLO_US_MAX);
}

static void operations_wait_for_the_map_and_go_to_the_leader(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    bench_expect_nothing(bench);
    bench_begin(bench, 1);
    const struct bench_send send = bench_expect_send(bench);
    assert_int_equal(send.op, WIRE_OP_GET);
    assert_int_equal(send.to.value, 1);
    assert_int_equal(send.group.value, 1);
    assert_int_equal(send.mode, WIRE_REQUEST_READ);
    assert_true(send.budget_ms >= 999 && send.budget_ms <= 1001);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_string_equal(bench_completion(bench, 1)->first_key, "k");
    assert_string_equal(bench_completion(bench, 1)->first_value, "value");
}

static void keys_are_routed_to_their_home(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 5);
    for (uint32_t partition = 1; partition <= 5; partition++) {
        const char *key = bench_key_on(partition, 5, 3);
        assert_int_equal(client_partition_of(bench->client, kv_slice_of_text(key)).value,
                         partition);
        assert_int_equal(bench_submit(bench, partition, WIRE_OP_GET, key, SECOND), STATUS_OK);
        assert_int_equal(bench_expect_send(bench).group.value, partition);
    }
}

static void another_cluster_is_refused_by_its_name(void **state)
{
    struct bench *bench = *state;
    struct client_settings settings = {.outstanding_max = 1,
                                       .cluster_name = kv_slice_of_text("wanted"),
                                       .endpoint_count = 1,
                                       .endpoints = {kv_slice_of_text("tcp://a:1")}};
    client_destroy(&bench->client);
    bench->client = client_new(&settings, bench->now);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    bench_advance(bench, 0);
    bench_welcome_named(bench, 0, "other");
    bench_assert_completed(bench, 1, CLIENT_REFUSED);
    assert_string_equal(bench_completion(bench, 1)->why,
                        "the node belongs to another cluster: other");
    assert_int_equal(client_partitions(bench->client), 0);
    bench_welcome_named(bench, 0, "wanted");
    assert_int_equal(client_partitions(bench->client), 1);
}

static void operations_are_refused_when_all_endpoints_have_refused(void **state)
{
    struct bench *bench = *state;
    struct wire_message refusal = {.kind = WIRE_MESSAGE_REFUSAL};
    refusal.as.refusal = (struct wire_refusal){.reason = WIRE_REFUSAL_VERSION, .text = {NULL, 0}};
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, "k", SECOND), STATUS_OK);
    bench_advance(bench, 0);
    const uint32_t first = bench_expect_send(bench).slot;
    bench_message(bench, first, 1, &refusal);
    bench_assert_open(bench, 1);
    const uint32_t second = bench_expect_send(bench).slot; /* at once, without waiting for time */
    assert_int_not_equal(first, second);
    bench_message(bench, second, 2, &refusal);
    bench_assert_completed(bench, 1, CLIENT_REFUSED);
}

static void keys_of_several_partitions_are_one_message_to_all_of_them(void **state)
{
    struct bench *bench = *state;
    char names[2][32];
    const char *const keys[] = {bench_keep_key(names[0], 1, 2, 0),
                                bench_keep_key(names[1], 2, 2, 0), NULL};
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_MPUT, keys, "value"), SECOND, false),
        STATUS_OK);
    bench_begin(bench, 2); /* only now can it be known */
    (void)bench_open_session(bench);
    const struct bench_send first = bench_expect_send(bench);
    const struct bench_send second = bench_expect_send(bench);
    bench_expect_nothing(bench);
    assert_int_equal(first.group.value, 1);
    assert_int_equal(second.group.value, 2);
    assert_true(kv_message_id_equal(first.id, second.id));
    assert_int_equal(first.destinations.bits, 0x6);
    assert_int_equal(first.owner_count, 2);
    assert_int_equal(first.owners[0], 1);
    assert_int_equal(first.owners[1], 2);
    bench_answer(bench, &first, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->partitions, 2);
    assert_false(bench_completion(bench, 1)->via_oracle);
    assert_int_equal(client_counters(bench->client).multi_partition, 1);
}

static void no_more_than_the_maximum_is_outstanding(void **state)
{
    struct bench *bench = bench_new(1, 2);
    (void)state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "a", SECOND), STATUS_OK);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_GET, "b", SECOND), STATUS_OK);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_GET, "c", SECOND), STATUS_FULL);
    const struct bench_send send = bench_expect_send(bench);
    bench_answer(bench, &send, WIRE_VERDICT_NOT_FOUND);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_GET, "c", SECOND), STATUS_OK);
    bench_destroy(&bench);
}

/* ---- Whom to ask ---- */

static void a_hint_is_followed_at_once_and_remembered(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    const struct bench_send first = bench_expect_send(bench);
    bench_refuse(bench, &first, WIRE_OUTCOME_NOT_LEADER, 3);
    const struct bench_send second = bench_expect_send(bench);
    assert_int_equal(second.to.value, 3);
    assert_true(kv_message_id_equal(first.id, second.id));
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->attempts, 2);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).to.value, 3);
}

static void without_a_hint_the_members_take_turns_with_growing_pauses(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", 20 * SECOND), STATUS_OK);
    bool asked[BENCH_NODES + 1] = {false};
    uint64_t pause_us = CLIENT_PAUSE_US;
    struct bench_send send = bench_expect_send(bench);
    for (int i = 0; i < 12; i++) {
        asked[send.to.value] = true;
        bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
        const uint64_t refused_us = bench->now.us;
        const uint16_t from = send.to.value;
        do { /* greetings that ask for the map may come in between */
            while (bench->send_next == bench->send_count) {
                bench_advance(bench, 1000);
            }
            send = bench_expect_send(bench);
        } while (send.kind != WIRE_MESSAGE_REQUEST);
        assert_int_not_equal(send.to.value, from);
        assert_in_range(send.at_us - refused_us, pause_us / 2, pause_us);
        pause_us = 2 * pause_us < CLIENT_PAUSE_US_MAX ? 2 * pause_us : CLIENT_PAUSE_US_MAX;
    }
    assert_true(asked[1] && asked[2] && asked[3]);
}

static void members_that_name_each_other_do_not_make_it_spin(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    uint32_t hops = 0;
    while (bench->send_next < bench->send_count) {
        const struct bench_send send = bench_expect_send(bench);
        bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, send.to.value == 1 ? 2 : 1);
        hops++;
        assert_true(hops < 10);
    }
    bench_assert_open(bench, 1);
    bench_advance(bench, CLIENT_PAUSE_US);
    assert_true(bench->send_next < bench->send_count); /* after a pause it goes on */
}

static void a_timeout_resends_the_same_id_to_the_next_member(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", 20 * SECOND), STATUS_OK);
    struct bench_send last = bench_expect_send(bench);
    uint64_t timeout_us = CLIENT_TIMEOUT_US;
    for (int i = 0; i < 6; i++) {
        struct bench_send send;
        do {
            while (bench->send_next == bench->send_count) {
                bench_advance(bench, 1000);
            }
            send = bench_expect_send(bench);
        } while (send.kind != WIRE_MESSAGE_REQUEST);
        assert_true(kv_message_id_equal(send.id, last.id));
        assert_int_not_equal(send.to.value, last.to.value);
        assert_in_range(send.at_us - last.at_us, timeout_us, timeout_us + timeout_us / 4);
        timeout_us =
            2 * timeout_us < CLIENT_TIMEOUT_US_MAX ? 2 * timeout_us : CLIENT_TIMEOUT_US_MAX;
        last = send;
    }
    assert_int_equal(timeout_us, CLIENT_TIMEOUT_US_MAX);
}

static void a_node_that_says_nothing_is_skipped_until_it_is_heard(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", 20 * SECOND), STATUS_OK);
    const struct bench_send first = bench_expect_send(bench);
    assert_int_equal(first.to.value, 1);
    bench_advance(bench, CLIENT_TIMEOUT_US + CLIENT_TIMEOUT_US / 4);
    bench_skip(bench);
    for (uintptr_t tag = 10; tag < 20; tag++) {
        assert_int_equal(bench_submit(bench, tag, WIRE_OP_GET, "k", SECOND), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_not_equal(send.to.value, 1);
        bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 1); /* the others do not know it yet */
    }
    for (int round = 0; round < 4; round++) { /* around all members several times */
        bench_advance(bench, (uint64_t)CLIENT_PAUSE_US << round);
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            assert_int_not_equal(send.to.value, 1);
            if (send.kind == WIRE_MESSAGE_REQUEST) {
                bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 1);
            }
        }
    }
    bench_answer(bench, &first, WIRE_VERDICT_OK); /* late, but it lives: and it may lead */
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).to.value, 1);
}

static void a_slow_leader_that_talks_keeps_its_place(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "slow", 20 * SECOND), STATUS_OK);
    (void)bench_expect_send(bench);
    bench_advance(bench, CLIENT_TIMEOUT_US / 2);
    assert_int_equal(bench_submit(bench, 2, WIRE_OP_GET, "quick", 20 * SECOND), STATUS_OK);
    const struct bench_send quick = bench_expect_send(bench);
    bench_answer(bench, &quick, WIRE_VERDICT_OK);
    bench_advance(bench, CLIENT_TIMEOUT_US);
    assert_int_not_equal(bench_expect_send(bench).to.value,
                         1); /* the slow one is tried elsewhere */
    assert_int_equal(bench_submit(bench, 3, WIRE_OP_GET, "new", 20 * SECOND), STATUS_OK);
    bench->send_next = bench->send_count - 1;
    assert_int_equal(bench_expect_send(bench).to.value, 1);
}

static void a_busy_group_is_asked_again_after_growing_pauses(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", 20 * SECOND), STATUS_OK);
    uint64_t pause_us = CLIENT_BUSY_US;
    for (int i = 0; i < 10; i++) {
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.to.value, 1); /* it leads, so there is no use in asking others */
        bench_refuse(bench, &send, WIRE_OUTCOME_BUSY, 1);
        const uint64_t refused_us = bench->now.us;
        while (bench->send_next == bench->send_count) {
            bench_advance(bench, 500);
        }
        assert_in_range(bench->sends[bench->send_next].at_us - refused_us, pause_us / 2, pause_us);
        pause_us = 2 * pause_us < CLIENT_BUSY_US_MAX ? 2 * pause_us : CLIENT_BUSY_US_MAX;
    }
    assert_int_equal(pause_us, CLIENT_BUSY_US_MAX);
}

static void a_stale_read_may_go_to_any_member(void **state)
{
    struct bench *bench = *state;
    static struct wire_command command;
    command.op = WIRE_OP_GET;
    command.key_count = 1;
    command.keys[0] = kv_slice_of_text("k");
    bool asked[BENCH_NODES + 1] = {false};
    bench_begin(bench, 1);
    for (uintptr_t tag = 1; tag <= 50; tag++) {
        assert_int_equal(bench_submit_command(bench, tag, &command, SECOND, true), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.mode, WIRE_REQUEST_STALE);
        asked[send.to.value] = true;
        bench_answer(bench, &send, WIRE_VERDICT_OK);
    }
    assert_true(asked[1] && asked[2] && asked[3]);
}

static void a_no_that_teaches_nothing_makes_it_ask_for_the_map(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 2);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_PUT, bench_key_on(1, 2, 0), 20 * SECOND),
                     STATUS_OK);
    (void)bench_open_session(bench);
    const struct bench_send first = bench_expect_send(bench);
    bench_answer(bench, &first, WIRE_VERDICT_STALE);
    const struct bench_send second = bench_expect_send(bench); /* the attempts go on meanwhile */
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    bench_advance(bench, CLIENT_REFRESH_US);
    assert_int_equal(bench_expect_send(bench).kind, WIRE_MESSAGE_HELLO);
}

/* What one node knows of a group may be old for ever: it may have left it. */
static void the_map_is_asked_of_all_nodes_in_turn(void **state)
{
    struct bench *bench = *state;
    uint32_t asked[BENCH_NODES + 1] = {0};
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", 100 * SECOND), STATUS_OK);
    for (uint32_t hellos = 0, i = 0; hellos < 2 * BENCH_NODES; i++) {
        assert_in_range(i, 0, 10000);
        bench_advance(bench, CLIENT_REFRESH_US / 10);
        struct bench_send send;
        while (bench->send_next < bench->send_count) {
            send = bench_expect_send(bench);
            if (send.kind == WIRE_MESSAGE_HELLO) {
                asked[send.to.value]++;
                hellos++;
                bench_welcome(bench, 1, 64);
            } else {
                bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 0);
            }
        }
    }
    for (uint32_t node = 1; node <= BENCH_NODES; node++) {
        assert_int_equal(asked[node], 2);
    }
}

static void the_rows_of_a_txn_carry_the_keys_of_their_steps(void **state)
{
    struct bench *bench = *state;
    /* whether the guards held, rows -> whether it can be the answer, the key of the last row */
    static const struct {
        int64_t held;
        uint32_t rows;
        bool sound;
        const char *last;
    } cases[] = {{1, 2, true, "a"}, {0, 1, true, "b"}, {1, 1, false, ""}, {0, 2, false, ""}};
    const char *const keys[] = {"a", "b", NULL};
    static struct wire_answer answer;
    bench_begin(bench, 1);
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_command *txn = bench_command(WIRE_OP_TXN, keys, "");
        txn->guard_count = 1;
        txn->branch_count[WIRE_BRANCH_THEN] = 2;
        txn->branch_count[WIRE_BRANCH_ELSE] = 1;
        txn->steps[0] = (struct wire_step){.kind = WIRE_GUARD_EXISTS, .key = 0};
        txn->steps[1] = (struct wire_step){.kind = WIRE_STEP_GET, .key = 1};
        txn->steps[2] = (struct wire_step){.kind = WIRE_STEP_GET, .key = 0};
        txn->steps[3] = (struct wire_step){.kind = WIRE_STEP_INCR, .key = 1, .number = 1};
        assert_int_equal(bench_submit_command(bench, 1 + i, txn, SECOND, false), STATUS_OK);
        if (i == 0) {
            (void)bench_open_session(bench);
        }
        const struct bench_send send = bench_expect_send(bench);
        wire_answer_begin(&answer, WIRE_VERDICT_OK);
        answer.number = cases[i].held;
        answer.row_count = cases[i].rows;
        bench_answer_with(bench, &send, &answer);
        bench_assert_completed(bench, 1 + i, cases[i].sound ? CLIENT_ANSWERED : CLIENT_PROTOCOL);
        assert_string_equal(bench_completion(bench, 1 + i)->last_key, cases[i].last);
    }
}

static void what_makes_no_sense_is_counted_and_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY};
    bench_begin(bench, 1);
    assert_int_equal(bench_submit(bench, 1, WIRE_OP_GET, "k", SECOND), STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    message.as.reply =
        (struct wire_reply){.id = {.sequence = UINT64_MAX}, .outcome = WIRE_OUTCOME_ANSWERED};
    bench_message(bench, 0, 1, &message);
    message.as.reply.id = (kv_message_id){.session = {{{77}, {0}}}, .sequence = 1};
    bench_message(bench, 0, 65535, &message);
    message.as.reply.id = (kv_message_id){.sequence = 123456};
    bench_message(bench, 0, 0, &message);
    message.as.reply.id = send.id;
    bench_message(bench, 0, 65535, &message); /* a node that cannot be */
    message.kind = WIRE_MESSAGE_VOTE_REPLY;
    bench_message(bench, 0, 1, &message);
    assert_int_equal(client_counters(bench->client).unmatched, 5);
    bench_refuse(bench, &send, WIRE_OUTCOME_NOT_LEADER, 65535); /* a hint that cannot be */
    bench_assert_open(bench, 1);
    bench_advance(bench, CLIENT_PAUSE_US);
    assert_int_equal(bench_expect_send(bench).op, WIRE_OP_GET);
}

/* ---- Scans ---- */

static void scan(struct bench *bench, uintptr_t tag, uint32_t limit)
{
    static struct wire_command command;
    command.op = WIRE_OP_SCAN;
    command.key_count = 2;
    command.keys[0] = (kv_slice){NULL, 0};
    command.keys[1] = (kv_slice){NULL, 0};
    command.limit = limit;
    assert_int_equal(bench_submit_command(bench, tag, &command, SECOND, false), STATUS_OK);
    command.limit = 0;
}

/* A page with these one-letter keys. */
static void answer_page(struct bench *bench, const struct bench_send *send, const char *keys,
                        bool more)
{
    static struct wire_answer answer;
    answer = (struct wire_answer){.verdict = WIRE_VERDICT_OK, .more = more};
    for (; keys[answer.row_count] != '\0'; answer.row_count++) {
        const kv_slice key = kv_slice_of(&keys[answer.row_count], 1);
        answer.rows[answer.row_count] =
            (struct wire_row){.key = key, .value = key, .present = true};
    }
    bench_answer_with(bench, send, &answer);
}

static void a_scan_merges_all_partitions_in_key_order(void **state)
{
    /* pages of three partitions, what each says of more, the limit -> rows, first key, more */
    static const struct {
        const char *pages[3];
        bool more[3];
        uint32_t limit, rows;
        bool more_rows;
    } cases[] = {
        {{"adg", "beh", "cfi"}, {false, false, false}, 100, 9, false},
        {{"adg", "beh", "cfi"}, {false, false, false}, 4, 4, true},
        {{"adg", "beh", "cfi"}, {true, true, true}, 3, 3, true},
        {{"ab", "xyz", ""}, {true, false, false}, 100, 2, true}, /* nothing is known behind b */
        {{"ab", "cd", ""}, {true, true, false}, 100, 2, true},
        {{"", "", ""}, {false, false, false}, 5, 0, false},
        {{"", "m", ""}, {false, false, false}, 1, 1, false},
        {{"am", "mz", "m"}, {false, false, false}, 100, 3, false}, /* m moved, and was met thrice */
        {{"am", "mz", ""}, {false, false, false}, 2, 2, true},
        {{"am", "m", "m"}, {false, false, false}, 2, 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t order = 0; order < 3; order++) {
            struct bench *bench = bench_new(i, 4);
            bench_begin(bench, 3);
            scan(bench, 1, cases[i].limit);
            struct bench_send sends[3];
            for (uint32_t p = 0; p < 3; p++) {
                sends[p] = bench_expect_send(bench);
                assert_int_equal(sends[p].group.value, p + 1);
            }
            for (uint32_t n = 0; n < 3; n++) {
                const uint32_t p = (n + order) % 3;
                bench_assert_open(bench, 1);
                answer_page(bench, &sends[p], cases[i].pages[p], cases[i].more[p]);
            }
            bench_assert_completed(bench, 1, CLIENT_ANSWERED);
            const struct bench_completion *completion = bench_completion(bench, 1);
            assert_int_equal(completion->rows, cases[i].rows);
            assert_int_equal(completion->more, cases[i].more_rows);
            bench_destroy(&bench);
        }
    }
    (void)state;
}

static void a_part_of_a_scan_that_is_lost_is_asked_for_again(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 2);
    scan(bench, 1, 10);
    const struct bench_send first = bench_expect_send(bench);
    const struct bench_send second = bench_expect_send(bench);
    answer_page(bench, &first, "ac", false);
    bench_advance(bench, CLIENT_TIMEOUT_US + CLIENT_TIMEOUT_US / 4);
    const struct bench_send again = bench_expect_send(bench);
    assert_true(kv_message_id_equal(again.id, second.id));
    answer_page(bench, &again, "b", false);
    assert_int_equal(bench_completion(bench, 1)->rows, 3);
    assert_int_equal(bench_completion(bench, 1)->attempts, 3);
    answer_page(bench, &second, "b", false); /* the lost one comes late */
    assert_int_equal(bench->completion_count, 1);
}

static void a_scan_fails_as_a_whole_at_its_deadline_or_by_a_bad_page(void **state)
{
    struct bench *bench = *state;
    bench_begin(bench, 2);
    scan(bench, 1, 10);
    const struct bench_send first = bench_expect_send(bench);
    answer_page(bench, &first, "ac", false);
    bench_advance(bench, SECOND);
    bench_assert_completed(bench, 1, CLIENT_UNAVAILABLE);
    bench_skip(bench);
    static const struct {
        const char *keys;
        bool more;
    } bad[] = {{"ba", false}, {"aa", false}, {"", true}, {"abcdefghijk", false}};
    for (uintptr_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        scan(bench, 2 + i, 10);
        const struct bench_send send = bench_expect_send(bench);
        answer_page(bench, &send, bad[i].keys, bad[i].more);
        bench_assert_completed(bench, 2 + i, CLIENT_PROTOCOL);
        bench_skip(bench);
    }
    assert_int_equal(client_outstanding(bench->client), 0);
}

/* ---- As a whole ---- */

static void the_same_seed_and_events_give_the_same_sendings(void **state)
{
    (void)state;
    struct bench *runs[2];
    for (int r = 0; r < 2; r++) {
        struct bench *bench = runs[r] = bench_new(7, 64);
        bench_begin(bench, 3);
        for (uintptr_t tag = 1; tag <= 20; tag++) {
            (void)bench_submit(bench, tag, tag % 2 == 0 ? WIRE_OP_PUT : WIRE_OP_GET,
                               bench_key_on((uint32_t)tag % 3 + 1, 3, 0), 5 * SECOND);
        }
        bench_advance(bench, 10 * SECOND);
    }
    assert_int_equal(runs[0]->send_count, runs[1]->send_count);
    assert_true(runs[0]->send_count > 40);
    for (uint32_t i = 0; i < runs[0]->send_count; i++) {
        const struct bench_send *a = &runs[0]->sends[i];
        const struct bench_send *b = &runs[1]->sends[i];
        assert_int_equal(a->at_us, b->at_us);
        assert_int_equal(a->slot, b->slot);
        assert_int_equal(a->kind, b->kind);
        assert_true(kv_message_id_equal(a->id, b->id));
    }
    assert_true(kv_slice_equal(kv_buffer_slice(&runs[0]->trace.text),
                               kv_buffer_slice(&runs[1]->trace.text)));
    bench_destroy(&runs[0]);
    bench_destroy(&runs[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(endpoints_are_greeted_in_turn_until_one_answers),
        TEST(patience_with_greetings_grows_up_to_its_limit),
        TEST(operations_wait_for_the_map_and_go_to_the_leader),
        TEST(keys_are_routed_to_their_home),
        TEST(another_cluster_is_refused_by_its_name),
        TEST(operations_are_refused_when_all_endpoints_have_refused),
        TEST(keys_of_several_partitions_are_one_message_to_all_of_them),
        TEST(no_more_than_the_maximum_is_outstanding),
        TEST(a_hint_is_followed_at_once_and_remembered),
        TEST(without_a_hint_the_members_take_turns_with_growing_pauses),
        TEST(members_that_name_each_other_do_not_make_it_spin),
        TEST(a_timeout_resends_the_same_id_to_the_next_member),
        TEST(a_node_that_says_nothing_is_skipped_until_it_is_heard),
        TEST(a_slow_leader_that_talks_keeps_its_place),
        TEST(a_busy_group_is_asked_again_after_growing_pauses),
        TEST(a_stale_read_may_go_to_any_member),
        TEST(a_no_that_teaches_nothing_makes_it_ask_for_the_map),
        TEST(the_map_is_asked_of_all_nodes_in_turn),
        TEST(the_rows_of_a_txn_carry_the_keys_of_their_steps),
        TEST(what_makes_no_sense_is_counted_and_changes_nothing),
        TEST(a_scan_merges_all_partitions_in_key_order),
        TEST(a_part_of_a_scan_that_is_lost_is_asked_for_again),
        TEST(a_scan_fails_as_a_whole_at_its_deadline_or_by_a_bad_page),
        TEST(the_same_seed_and_events_give_the_same_sendings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
