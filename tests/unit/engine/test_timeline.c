/* SPDX-License-Identifier: Apache-2.0 */
/* The sample service of docs/examples: what it does, and that its replicas agree whatever computes where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "docs/examples/timeline.h"
#include "tests/unit/engine/mill_cluster.h"

#define COMMANDS 1500
#define SESSION  7

/* Users of all partitions, and so few that their commands meet. */
static const char *const people[] = {"ada",     "barbara", "charles", "donald", "edsger",
                                     "frances", "grace",   "hedy",    "ivan",   "john"};
#define PEOPLE ((uint32_t)(sizeof people / sizeof people[0]))

static struct wire_answer answer;

static uint32_t add(struct mill_script *script, const char *command)
{
    const kv_slice body = kv_slice_of_text(command);
    const kv_group_set destinations = timeline_destinations(body, MILL_PARTITIONS);
    assert_true(destinations.bits != 0);
    mill_script_add(script, SESSION, script->count + 1, destinations, body);
    return script->count - 1;
}

/* The answer of the partition of WHO. */
static const struct wire_answer *answer_of(const struct mill_result *result, uint32_t at,
                                           const char *who)
{
    const uint32_t partition = wire_home_of(kv_slice_of_text(who), MILL_PARTITIONS).value - 1u;
    const kv_slice bytes = kv_buffer_slice(&result->answers[partition][at]);
    assert_int_equal(wire_answer_decode(bytes, &answer), STATUS_OK);
    return &answer;
}

static void assert_post(uint32_t row, const char *author, const char *text)
{
    assert_true(row < answer.row_count);
    assert_true(kv_slice_equal(answer.rows[row].key, kv_slice_of_text(author)));
    assert_true(kv_slice_equal(answer.rows[row].value, kv_slice_of_text(text)));
}

static void a_post_is_in_the_timelines_of_those_who_follow(void **state)
{
    struct mill_script script;
    struct mill_result result;
    (void)state;
    mill_script_begin(&script, timeline_new, COMMANDS);
    add(&script, "follow\nada\ncharles");
    add(&script, "follow\nbarbara\ncharles");
    add(&script, "follow\nada\ngrace");
    const uint32_t wrong = add(&script, "post\ncharles\nada\nnot to all of them");
    add(&script, "post\ncharles\nada\nbarbara\nfirst");
    add(&script, "post\ncharles\nbarbara\nada\nsecond");
    add(&script, "post\ngrace\nada\nrare");
    const uint32_t ada = add(&script, "read\nada"), barbara = add(&script, "read\nbarbara"),
                   nobody = add(&script, "read\nhedy");
    mill_run(&script, &(struct mill_way){.hands = MILL_POOL, .workers = 2}, &result);
    assert_int_equal(answer_of(&result, wrong, "charles")->verdict, WIRE_VERDICT_MISMATCH);
    assert_int_equal(answer_of(&result, ada, "ada")->row_count, 3);
    assert_post(0, "grace", "rare"); /* who posts rarely comes first */
    assert_post(1, "charles", "second");
    assert_post(2, "charles", "first");
    assert_int_equal(answer_of(&result, barbara, "barbara")->row_count, 2);
    assert_int_equal(answer_of(&result, nobody, "hedy")->row_count, 0);
    assert_int_equal(result.jobs, 3);
    mill_result_close(&script, &result);
    mill_script_close(&script);
}

static void what_is_no_command_is_none(void **state)
{
    static const char *const bad[] = {"",          "read",    "read\na\nb",
                                      "follow\na", "post\na", "shout\na\nb"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(timeline_destinations(kv_slice_of_text(bad[i]), MILL_PARTITIONS).bits == 0);
    }
}

/* A client that knows who follows whom, most of the time. */
static void draw_script(struct mill_script *script, uint64_t seed)
{
    struct kv_prng prng;
    bool follows[PEOPLE][PEOPLE] = {{false}};
    kv_prng_init(&prng, seed);
    mill_script_begin(script, timeline_new, COMMANDS);
    for (uint32_t n = 0; n < COMMANDS; n++) {
        char command[400];
        const uint32_t who = (uint32_t)kv_prng_below(&prng, PEOPLE);
        const uint32_t whom = (uint32_t)kv_prng_below(&prng, PEOPLE);
        const uint64_t what = kv_prng_below(&prng, 10);
        if (what == 0) {
            snprintf(command, sizeof command, "follow\n%s\n%s", people[who], people[whom]);
            follows[whom][who] = kv_prng_chance(&prng, 9, 10);
        } else if (what < 6) {
            snprintf(command, sizeof command, "read\n%s", people[who]);
        } else {
            int size = snprintf(command, sizeof command, "post\n%s", people[who]);
            for (uint32_t i = 0, readers = 0; i < PEOPLE && readers < 8; i++) {
                if (follows[who][i]) {
                    size +=
                        snprintf(command + size, sizeof command - (size_t)size, "\n%s", people[i]);
                    readers++;
                }
            }
            snprintf(command + size, sizeof command - (size_t)size, "\npost number %u", n);
        }
        add(script, command);
    }
}

static void assert_same(const struct mill_script *script, const struct mill_result *a,
                        const struct mill_result *b)
{
    for (uint32_t p = 0; p < MILL_PARTITIONS; p++) {
        assert_int_equal(a->digests[p], b->digests[p]);
        assert_true(kv_slice_equal(kv_buffer_slice(&a->states[p]), kv_buffer_slice(&b->states[p])));
        for (uint32_t i = 0; i < script->count; i++) {
            assert_true(kv_slice_equal(kv_buffer_slice(&a->answers[p][i]),
                                       kv_buffer_slice(&b->answers[p][i])));
        }
    }
}

/* Five replicas of three partitions: one that computes itself, one whose results come when they like, and three with threads. */
static void replicas_agree_whoever_computes(void **state)
{
    static const struct mill_way ways[] = {{.hands = MILL_INLINE},
                                           {.hands = MILL_DRAWN, .seed = 3},
                                           {.hands = MILL_POOL, .seed = 4, .workers = 0},
                                           {.hands = MILL_POOL, .seed = 5, .workers = 2},
                                           {.hands = MILL_POOL, .seed = 6, .changing = true}};
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct mill_script script;
        struct mill_result results[sizeof ways / sizeof ways[0]];
        draw_script(&script, seed);
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            mill_run(&script, &ways[i], &results[i]);
            assert_same(&script, &results[0], &results[i]);
        }
        assert_true(results[3].jobs > COMMANDS / 3);
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            mill_result_close(&script, &results[i]);
        }
        mill_script_close(&script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_is_in_the_timelines_of_those_who_follow),
        cmocka_unit_test(what_is_no_command_is_none),
        cmocka_unit_test(replicas_agree_whoever_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
