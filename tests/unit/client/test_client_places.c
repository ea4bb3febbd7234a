/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client believes keys to be: what it remembers, from whom it learns, and what it forgets. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#include "client/core/client_places.h"

#define SECOND     (1000 * 1000)
#define PARTITIONS 3

static int open_bench(void **state)
{
    struct bench *bench = bench_new(42, CLIENT_OUTSTANDING_MAX);
    (void)bench_begin_session(bench, PARTITIONS);
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    bench_destroy((struct bench **)state);
    return 0;
}

/* ---- The cache by itself ---- */

static struct client_place place(uint16_t group, uint64_t version)
{
    return (struct client_place){{group}, {{version}, {0}}};
}

static void assert_place(const struct client_places *places, const char *key, uint16_t group,
                         uint64_t version)
{
    struct client_place found = {{0}, {{0}, {0}}};
    assert_int_equal(client_places_look(places, kv_slice_of_text(key), &found), group != 0);
    assert_int_equal(found.group.value, group);
    assert_int_equal(found.version.clock.value, version);
}

static void a_place_is_replaced_by_a_newer_one_only(void **state)
{
    (void)state;
    /* version known, version heard -> whether it counts; 0 is none */
    static const struct {
        uint64_t known, heard;
        bool counts;
    } cases[] = {{5, 6, true},  {5, 5, false}, {5, 4, false},
                 {5, 0, false}, {0, 4, true},  {0, 0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_places places = {.count = 0};
        const kv_slice key = kv_slice_of_text("k");
        client_places_set(&places, key, place(1, cases[i].known));
        assert_int_equal(client_places_hear(&places, key, place(2, cases[i].heard)),
                         cases[i].counts);
        assert_place(&places, "k", cases[i].counts ? 2 : 1,
                     cases[i].counts ? cases[i].heard : cases[i].known);
        client_places_set(&places, key, place(3, 1)); /* for sure, however old */
        assert_place(&places, "k", 3, 1);
        client_places_check(&places);
        client_places_drop(&places, key);
        assert_place(&places, "k", 0, 0);
        assert_true(client_places_hear(&places, key, place(2, 0)));
        client_places_clear(&places);
        assert_int_equal(places.count, 0);
    }
}

static void beyond_the_bound_the_place_unused_for_longest_goes(void **state)
{
    (void)state;
    struct client_places places = {.count = 0};
    struct client_place found;
    char key[16];
    for (uint32_t i = 0; i < CLIENT_PLACES_MAX; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        client_places_set(&places, kv_slice_of_text(key), place(1, i + 1));
    }
    assert_true(client_places_use(&places, kv_slice_of_text("0"), &found)); /* used: stays */
    assert_true(
        client_places_look(&places, kv_slice_of_text("1"), &found)); /* looked at: does not */
    client_places_set(&places, kv_slice_of_text("2"), place(2, 7));  /* set: stays */
    client_places_set(&places, kv_slice_of_text("new"), place(3, 0));
    client_places_set(&places, kv_slice_of_text("newer"), place(3, 0));
    assert_int_equal(places.count, CLIENT_PLACES_MAX);
    client_places_check(&places);
    assert_place(&places, "0", 1, 1);
    assert_place(&places, "1", 0, 0);
    assert_place(&places, "2", 2, 7);
    assert_place(&places, "3", 0, 0);
    assert_place(&places, "4", 1, 5);
    assert_place(&places, "newer", 3, 0);
    client_places_clear(&places);
}

/* ---- What answers teach ---- */

/* Where the client believes a key to be. */
static uint16_t believed(const struct bench *bench, const char *key)
{
    return client_partition_of(bench->client, kv_slice_of_text(key)).value;
}

static struct bench_send get(struct bench *bench, uintptr_t tag, const char *key)
{
    assert_int_equal(bench_submit(bench, tag, WIRE_OP_GET, key, SECOND), STATUS_OK);
    return bench_expect_send(bench);
}

/* Let it know that a key is on this partition since that version, by a STALE. */
static void teach(struct bench *bench, const char *key, uint16_t group, uint64_t version)
{
    static uintptr_t tag = 100000;
    const struct bench_send first = get(bench, ++tag, key);
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, group, version);
    const struct bench_send second = bench_expect_send(bench);
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    bench_assert_completed(bench, tag, CLIENT_ANSWERED);
}

static void a_stale_answer_is_followed_and_remembered(void **state)
{
    struct bench *bench = *state;
    char key[32];
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    const struct bench_send first = get(bench, 1, key);
    assert_int_equal(first.group.value, 1);
    const uint64_t asked = client_counters(bench->client).oracle_requests;
    bench_say_no(bench, &first, WIRE_VERDICT_STALE, 0, 3, 50);
    const struct bench_send second = bench_expect_send(bench); /* at once */
    assert_int_equal(second.group.value, 3);
    assert_int_not_equal(second.id.sequence, first.id.sequence);
    bench_answer(bench, &first,
                 WIRE_VERDICT_OK); /* a read that was given up is not answered any more */
    bench_assert_open(bench, 1);
    bench_answer(bench, &second, WIRE_VERDICT_OK);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(get(bench, 2, key).group.value, 3);
    assert_int_equal(believed(bench, key), 3);
    const struct client_counters counters = client_counters(bench->client);
    assert_int_equal(counters.stale, 1);
    assert_int_equal(counters.oracle_requests, asked); /* nobody needs the oracle to find a key */
    assert_int_equal(counters.places_hit, 2);
}

static void the_places_of_a_no_obey_the_rule_of_versions(void **state)
{
    struct bench *bench = *state;
    char key[32];
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    const struct bench_send slow = get(bench, 1, key); /* to home, which is slow to answer */
    teach(bench, key, 3, 50);
    bench_say_no(bench, &slow, WIRE_VERDICT_STALE, 0, 2, 40); /* older: what is known since stays */
    assert_int_equal(believed(bench, key), 3);
    const struct bench_send again = bench_expect_send(bench);
    assert_int_equal(again.group.value, 3);
    bench_say_no(bench, &again, WIRE_VERDICT_STALE, 0, 2, 60); /* newer */
    assert_int_equal(bench_expect_send(bench).group.value, 2);
}

static void a_place_that_was_tried_in_vain_is_forgotten(void **state)
{
    struct bench *bench = *state;
    char key[32];
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    /* what the NO of partition 3 says of the key: nothing, "at home", something older */
    static const struct {
        uint16_t group;
        uint64_t version;
    } cases[] = {{0, 0}, {1, 0}, {2, 40}, {2, 0}};
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        teach(bench, key, 3, 50);
        const struct bench_send send = get(bench, 1 + i, key);
        assert_int_equal(send.group.value, 3);
        bench_say_no(bench, &send, WIRE_VERDICT_STALE, 0, cases[i].group, cases[i].version);
        assert_int_equal(believed(bench, key), 1);
        assert_int_equal(bench_expect_send(bench).group.value, 1); /* home knows the way */
    }
}

static void a_no_to_several_keys_drops_what_it_does_not_name(void **state)
{
    struct bench *bench = *state;
    char names[3][32];
    const char *const keys[] = {bench_keep_key(names[0], 1, PARTITIONS, 0),
                                bench_keep_key(names[1], 1, PARTITIONS, 1),
                                bench_keep_key(names[2], 1, PARTITIONS, 2), NULL};
    teach(bench, keys[0], 2, 50);
    teach(bench, keys[1], 2, 50);
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_MPUT, keys, "v"), SECOND, false),
        STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    bench_skip(bench);
    assert_int_equal(send.destinations.bits, 0x6);
    bench_say_no(bench, &send, WIRE_VERDICT_STALE, 0, 3, 60);
    const struct bench_send next = bench_expect_send(bench);
    assert_int_equal(next.owners[0], 3);
    assert_int_equal(next.owners[1], 1); /* from the places, and not named: asked at home again */
    assert_int_equal(next.owners[2], 1);
    /* A place that says OK of a key confirms it. */
    bench_skip(bench);
    teach(bench, keys[1], 2, 70);
    static struct wire_answer stale;
    wire_answer_begin(&stale, WIRE_VERDICT_STALE);
    stale.place_count = 2;
    stale.places[0] = (struct wire_place){0, WIRE_VERDICT_OK, {3}, {{60}, {0}}};
    stale.places[1] = (struct wire_place){1, WIRE_VERDICT_STALE, {2}, {{70}, {0}}};
    bench_answer_with(bench, &next, &stale);
    const struct bench_send third = bench_expect_send(bench);
    assert_int_equal(third.owners[0], 3);
    assert_int_equal(third.owners[1], 2);
}

static void pinned_says_nothing_about_where_a_key_is(void **state)
{
    struct bench *bench = *state;
    char key[32];
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    teach(bench, key, 3, 50);
    const struct bench_send send = get(bench, 1, key);
    bench_say_no(bench, &send, WIRE_VERDICT_PINNED, 0, 0, 0);
    assert_int_equal(believed(bench, key), 3);
    assert_int_equal(bench_next_request(bench, SECOND).group.value, 3);
}

static void places_that_make_no_sense_are_passed_over(void **state)
{
    struct bench *bench = *state;
    char key[32];
    static struct wire_answer stale;
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    const struct bench_send send = get(bench, 1, key);
    wire_answer_begin(&stale, WIRE_VERDICT_STALE);
    stale.place_count = 2;
    stale.places[0] =
        (struct wire_place){1, WIRE_VERDICT_STALE, {2}, {{50}, {0}}}; /* no such key */
    stale.places[1] =
        (struct wire_place){0, WIRE_VERDICT_STALE, {63}, {{50}, {0}}}; /* nor partition */
    bench_answer_with(bench, &send, &stale);
    assert_int_equal(believed(bench, key), 1);
    assert_int_equal(bench_expect_send(bench).group.value, 1);
}

/* A MOVE of one key to `target`, up to its answer OK with this place. */
static void move(struct bench *bench, uintptr_t tag, const char *key, uint16_t target,
                 uint64_t version)
{
    const char *const keys[] = {key, NULL};
    struct wire_command *command = bench_command(WIRE_OP_MOVE, keys, "");
    command->target.value = target;
    assert_int_equal(bench_submit_command(bench, tag, command, SECOND, false), STATUS_OK);
    const struct bench_send send = bench_expect_send(bench);
    bench_answer_places(bench, &send, 1, (enum wire_verdict[]){WIRE_VERDICT_OK}, &target, version);
    bench_assert_completed(bench, tag, CLIENT_ANSWERED);
}

static void what_an_ok_says_is_believed_whatever_was_known(void **state)
{
    struct bench *bench = *state;
    char key[32];
    (void)bench_keep_key(key, 1, PARTITIONS, 0);
    teach(bench, key, 3, 500);
    move(bench, 1, key, 2, 400); /* an older version than the one known: but it was done */
    assert_int_equal(believed(bench, key), 2);
    move(bench, 2, key, 1, 0); /* home */
    assert_int_equal(believed(bench, key), 1);
    assert_int_equal(get(bench, 3, key).group.value, 1);
    teach(bench, key, 3, 1); /* so no entry is left that this could be older than */
    assert_int_equal(believed(bench, key), 3);
}

static void creating_teaches_a_place_and_deleting_drops_it(void **state)
{
    struct bench *bench = *state;
    char name[32];
    const char *const keys[] = {bench_keep_key(name, 1, PARTITIONS, 0), NULL};
    struct wire_command *command = bench_command(WIRE_OP_CREATE, keys, "v");
    command->target.value = 3;
    assert_int_equal(bench_submit_command(bench, 1, command, SECOND, false), STATUS_OK);
    const struct bench_send create = bench_expect_send(bench);
    assert_int_equal(create.destinations.bits, 0xb);
    bench_answer_places(bench, &create, 1, (enum wire_verdict[]){WIRE_VERDICT_OK},
                        (const uint16_t[]){3}, 50);
    assert_int_equal(believed(bench, name), 3);
    command = bench_command(WIRE_OP_DELETE, keys, "");
    assert_int_equal(bench_submit_command(bench, 2, command, SECOND, false), STATUS_OK);
    const struct bench_send remove = bench_expect_send(bench);
    assert_int_equal(remove.destinations.bits,
                     0xb); /* a placed key: its home and the oracle, too */
    bench_answer_places(bench, &remove, 1, (enum wire_verdict[]){WIRE_VERDICT_OK},
                        (const uint16_t[]){3}, 60);
    assert_int_equal(believed(bench, name), 1);
    teach(bench, name, 2, 1);
    assert_int_equal(believed(bench, name), 2);
}

static void a_key_that_exists_tells_where(void **state)
{
    struct bench *bench = *state;
    char name[32];
    const char *const keys[] = {bench_keep_key(name, 1, PARTITIONS, 0), NULL};
    assert_int_equal(
        bench_submit_command(bench, 1, bench_command(WIRE_OP_CREATE, keys, "v"), SECOND, false),
        STATUS_OK);
    const struct bench_send create = bench_expect_send(bench);
    bench_answer_places(bench, &create, 1, (enum wire_verdict[]){WIRE_VERDICT_EXISTS},
                        (const uint16_t[]){2}, 50);
    bench_assert_completed(bench, 1, CLIENT_ANSWERED);
    assert_int_equal(bench_completion(bench, 1)->verdict, WIRE_VERDICT_EXISTS);
    assert_int_equal(believed(bench, name), 2);
    /* What is known does not change where its creation is judged. */
    assert_int_equal(
        bench_submit_command(bench, 2, bench_command(WIRE_OP_CREATE, keys, "v"), SECOND, false),
        STATUS_OK);
    assert_int_equal(bench_expect_send(bench).group.value, 1);
    struct wire_command *away = bench_command(WIRE_OP_CREATE, keys, "v");
    away->target.value = 3;
    assert_int_equal(bench_submit_command(bench, 3, away, SECOND, false), STATUS_OK);
    assert_int_equal(bench_expect_send(bench).owners[0], 1);
}

static void where_teaches_what_is_newer(void **state)
{
    struct bench *bench = *state;
    char names[3][32];
    const char *const keys[] = {bench_keep_key(names[0], 1, PARTITIONS, 0),
                                bench_keep_key(names[1], 1, PARTITIONS, 1),
                                bench_keep_key(names[2], 1, PARTITIONS, 2), NULL};
    teach(bench, keys[0], 3, 50);
    teach(bench, keys[1], 3, 50);
    for (uintptr_t stale_ok = 0; stale_ok < 2; stale_ok++) {
        assert_int_equal(bench_submit_command(bench, 1 + stale_ok,
                                              bench_command(WIRE_OP_WHERE, keys, ""), SECOND,
                                              stale_ok != 0),
                         STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.group.value, 0);
        assert_int_equal(send.mode, stale_ok ? WIRE_REQUEST_STALE : WIRE_REQUEST_READ);
        static struct wire_answer answer;
        wire_answer_begin(&answer, WIRE_VERDICT_OK);
        answer.place_count = 3;
        answer.places[0] = (struct wire_place){0, WIRE_VERDICT_OK, {2}, {{40}, {0}}};
        answer.places[1] = (struct wire_place){1, WIRE_VERDICT_OK, {2}, {{60}, {0}}};
        answer.places[2] = (struct wire_place){2, WIRE_VERDICT_OK, {2}, {{10}, {0}}};
        bench_answer_with(bench, &send, &answer);
        bench_assert_completed(bench, 1 + stale_ok, CLIENT_ANSWERED);
        assert_int_equal(bench_completion(bench, 1 + stale_ok)->groups[1], 2);
        assert_int_equal(bench_completion(bench, 1 + stale_ok)->partitions, 0);
        assert_true(bench_completion(bench, 1 + stale_ok)->via_oracle);
    }
    assert_int_equal(believed(bench, keys[0]), 3);
    assert_int_equal(believed(bench, keys[1]), 2);
    assert_int_equal(believed(bench, keys[2]), 2);
}

static void questions_to_the_oracle_are_answered_in_their_own_form(void **state)
{
    struct bench *bench = *state;
    const char *const none[] = {NULL};
    const char *const one[] = {"k", NULL};
    static struct wire_answer answer;
    /* rows and places of an OK -> whether it can be the answer */
    static const struct {
        enum wire_op op;
        uint32_t rows, places;
        bool sound;
    } cases[] = {
        {WIRE_OP_PARTITIONS, 3, 0, true}, {WIRE_OP_HISTORY, 2, 2, true},
        {WIRE_OP_HISTORY, 2, 1, false},   {WIRE_OP_MAP, 0, 0, true},
        {WIRE_OP_MAP, 1, 0, false},       {WIRE_OP_WHERE, 0, 1, true},
        {WIRE_OP_WHERE, 0, 2, false},     {WIRE_OP_WHERE, 0, 0, false},
    };
    for (uintptr_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_command *command =
            bench_command(cases[i].op, cases[i].op == WIRE_OP_WHERE ? one : none, "");
        command->limit = cases[i].op == WIRE_OP_HISTORY ? 10 : 0;
        assert_int_equal(bench_submit_command(bench, 1 + i, command, SECOND, false), STATUS_OK);
        const struct bench_send send = bench_expect_send(bench);
        assert_int_equal(send.group.value, 0);
        assert_int_equal(send.mode, WIRE_REQUEST_READ);
        wire_answer_begin(&answer, WIRE_VERDICT_OK);
        answer.row_count = cases[i].rows;
        answer.place_count = cases[i].places;
        for (uint32_t r = 0; r < 3; r++) {
            answer.rows[r] = (struct wire_row){.key = kv_slice_of_text("x"), .present = true};
            answer.places[r] = (struct wire_place){r, WIRE_VERDICT_OK, {2}, {{9}, {0}}};
        }
        bench_answer_with(bench, &send, &answer);
        bench_assert_completed(bench, 1 + i, cases[i].sound ? CLIENT_ANSWERED : CLIENT_PROTOCOL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_replaced_by_a_newer_one_only),
        cmocka_unit_test(beyond_the_bound_the_place_unused_for_longest_goes),
        TEST(a_stale_answer_is_followed_and_remembered),
        TEST(the_places_of_a_no_obey_the_rule_of_versions),
        TEST(a_place_that_was_tried_in_vain_is_forgotten),
        TEST(a_no_to_several_keys_drops_what_it_does_not_name),
        TEST(pinned_says_nothing_about_where_a_key_is),
        TEST(places_that_make_no_sense_are_passed_over),
        TEST(what_an_ok_says_is_believed_whatever_was_known),
        TEST(creating_teaches_a_place_and_deleting_drops_it),
        TEST(a_key_that_exists_tells_where),
        TEST(where_teaches_what_is_newer),
        TEST(questions_to_the_oracle_are_answered_in_their_own_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
