/* SPDX-License-Identifier: Apache-2.0 */
/* service: what the checks of counter and chirper refuse, the graph, and the command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/chirper_graph.h"
#include "bench/chirper_timeline.h"
#include "bench/counter_check.h"
#include "bench/service.h"

static void counts_in_any_order_are_fine_if_each_has_its_own_sum(void **state)
{
    struct counter_check check = {0};

    (void)state;
    for (int64_t i = 1000; i > 0; i--) {
        assert_null(counter_check_answer(&check, 0, i));
    }
    assert_null(counter_check_end(&check, 1000));
    assert_null(counter_check_answer(&check, 1000, 100000));
    counter_check_close(&check);
}

static void a_sum_that_was_told_twice_is_found(void **state)
{
    struct counter_check check = {0};

    (void)state;
    assert_null(counter_check_answer(&check, 0, 1));
    assert_null(counter_check_answer(&check, 0, 2));
    assert_string_equal(counter_check_answer(&check, 0, 1), "was told twice");
    assert_non_null(counter_check_answer(&check, 0, 0));
    assert_non_null(counter_check_answer(&check, 0, -5));
    assert_non_null(counter_check_answer(&check, 0, INT64_MAX));
    counter_check_close(&check);
}

static void a_count_that_goes_back_in_time_is_found(void **state)
{
    struct counter_check check = {0};

    (void)state;
    assert_null(counter_check_answer(&check, 0, 7));
    assert_string_equal(counter_check_answer(&check, 7, 3),
                        "is not above one that was answered before it was asked");
    counter_check_close(&check);
}

static void lost_and_repeated_counts_are_found_in_the_end(void **state)
{
    struct counter_check check = {0};

    (void)state;
    assert_null(counter_check_answer(&check, 0, 1));
    assert_null(counter_check_answer(&check, 0, 3));
    assert_string_equal(counter_check_end(&check, 2), "is less than was answered");
    assert_string_equal(counter_check_end(&check, 3), "is more than was asked");
    check.in_doubt = 2;
    assert_null(counter_check_end(&check, 3));
    assert_null(counter_check_end(&check, 4));
    assert_string_equal(counter_check_end(&check, 5), "is more than was asked");
    assert_string_equal(counter_check_end(&check, -1), "is less than was answered");
    counter_check_close(&check);
}

static void graph_of(struct chirper_graph *graph, uint32_t users, uint32_t communities,
                     double locality)
{
    struct kv_prng prng;

    kv_prng_init(&prng, 1);
    chirper_graph_init(graph, users, communities, locality, 8, &prng);
}

static void the_graph_has_a_few_very_popular_users(void **state)
{
    struct chirper_graph graph;
    uint32_t all = 0, most = 0, popular = 0;

    (void)state;
    graph_of(&graph, 2000, 4, 0.9);
    for (uint32_t user = 0; user < 2000; user++) {
        uint32_t count = graph.followers[user].count;

        assert_int_equal(graph.following[user].count, 8);
        assert_true(count <= CHIRPER_FOLLOWERS_MAX);
        all += count;
        most = count > most ? count : most;
        popular += count > 40 ? count : 0;
    }
    assert_int_equal(all, 16000);
    /* A hundredth of the users would have a hundredth of the followers, if they were alike. */
    assert_true(most > 200);
    assert_true(popular > all / 3);
    chirper_graph_close(&graph);
}

static double local_share(double locality, uint32_t communities)
{
    struct chirper_graph graph;
    uint32_t local = 0, all = 0;

    graph_of(&graph, 2000, communities, locality);
    for (uint32_t user = 0; user < 2000; user++) {
        for (uint32_t i = 0; i < graph.following[user].count; i++) {
            local += graph.following[user].users[i] % communities == user % communities;
            all++;
        }
    }
    chirper_graph_close(&graph);
    return (double)local / all;
}

static void locality_is_the_share_of_the_own_community(void **state)
{
    (void)state;
    assert_true(local_share(1, 4) == 1);
    assert_true(local_share(0, 4) == 0);
    assert_true(local_share(0.9, 4) > 0.85 && local_share(0.9, 4) < 0.93);
    assert_true(local_share(0.5, 1) == 1);
}

static void follows_and_unfollows_keep_both_sides(void **state)
{
    struct chirper_graph graph;
    struct kv_prng prng;
    uint32_t other = 0;

    (void)state;
    kv_prng_init(&prng, 2);
    chirper_graph_init(&graph, 3, 2, 0.5, 8, &prng);
    /* There are only two others. */
    assert_int_equal(graph.following[0].count, 2);
    assert_false(chirper_graph_draw(&graph, 0, &prng, &other));
    chirper_graph_unfollow(&graph, 0, 2);
    assert_false(chirper_graph_follows(&graph, 0, 2));
    assert_int_equal(graph.followers[2].count, 1);
    assert_true(chirper_graph_draw(&graph, 0, &prng, &other));
    assert_int_equal(other, 2);
    chirper_graph_follow(&graph, 0, 2);
    assert_int_equal(graph.followers[2].count, 2);
    chirper_graph_close(&graph);
}

/* A timeline of posts given as author, number, author, number ... */
static const char *check(const uint32_t *numbers, size_t count, struct chirper_post last)
{
    static char text[CHIRPER_POST_BYTES * 64];

    for (size_t i = 0; i < count; i++) {
        chirper_post_write((struct chirper_post){numbers[2 * i], numbers[2 * i + 1]},
                           text + i * CHIRPER_POST_BYTES);
    }
    return chirper_timeline_check(kv_bytes_of(text, count * CHIRPER_POST_BYTES), last);
}

static void posts_of_one_author_are_in_order_and_there_once(void **state)
{
    static const uint32_t good[] = {7, 1, 8, 5, 7, 2, 8, 9}, twice[] = {7, 1, 8, 1, 7, 1},
                          back[] = {7, 3, 7, 2};

    (void)state;
    assert_null(check(good, 4, (struct chirper_post){0}));
    assert_null(check(NULL, 0, (struct chirper_post){0}));
    assert_string_equal(check(twice, 3, (struct chirper_post){0}),
                        "has posts of one author twice or in the wrong order");
    assert_string_equal(check(back, 2, (struct chirper_post){0}),
                        "has posts of one author twice or in the wrong order");
}

static void an_answered_post_has_to_be_there_unless_it_may_have_been_cut(void **state)
{
    static const uint32_t posts[] = {7, 1, 8, 5};
    uint32_t many[2 * CHIRPER_POSTS_KEPT];

    (void)state;
    assert_null(check(posts, 2, (struct chirper_post){7, 1}));
    assert_string_equal(check(posts, 2, (struct chirper_post){7, 2}),
                        "lacks a post that was answered");
    assert_string_equal(check(NULL, 0, (struct chirper_post){7, 1}),
                        "lacks a post that was answered");
    for (uint32_t i = 0; i < CHIRPER_POSTS_KEPT; i++) {
        many[2 * i] = 9;
        many[2 * i + 1] = i + 1;
    }
    assert_null(check(many, CHIRPER_POSTS_KEPT, (struct chirper_post){7, 1}));
}

static void what_is_no_post_is_found(void **state)
{
    char text[CHIRPER_POST_BYTES];

    (void)state;
    chirper_post_write((struct chirper_post){12, 34}, text);
    assert_memory_equal(text, "@00000012 #00000034 ", 20);
    assert_string_equal(
        chirper_timeline_check(kv_bytes_of(text, sizeof text - 1), (struct chirper_post){0}),
        "has a piece of a post");
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] ^= 1;
        assert_non_null(
            chirper_timeline_check(kv_bytes_of(text, sizeof text), (struct chirper_post){0}));
        text[i] ^= 1;
    }
}

static struct service_settings settings;
static char error[BENCH_ERROR_BYTES];

static bool parse(enum service_kind kind, const char *line, bool *help)
{
    static char text[256];
    char *words[16] = {(char *)"application"};
    int count = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    return service_options_parse(kind, count, words, &settings, help, error);
}

static void each_application_has_its_options(void **state)
{
    bool help;

    (void)state;
    assert_true(parse(SERVICE_COUNTER, "", &help));
    assert_int_equal(settings.counters, 64);
    assert_string_equal(settings.prefix, "counter:");
    assert_true(parse(SERVICE_COUNTER, "--counters 9 --multi 50 -s 3 --at 1s kill 2", &help));
    assert_int_equal(settings.counters, 9);
    assert_true(settings.multi_percent == 50);
    assert_int_equal(settings.faults[0].node, 2);
    assert_true(parse(SERVICE_CHIRPER, "--users 50 --locality 0 --follows 3 --policy move", &help));
    assert_int_equal(settings.users, 50);
    assert_int_equal(settings.policy, KV_POLICY_MOVE);
    assert_true(settings.locality_percent == 0);
    assert_true(parse(SERVICE_CHIRPER, "--help", &help));
    assert_true(help);

    assert_false(parse(SERVICE_COUNTER, "--users 50", &help));
    assert_string_equal(error, "no such option: --users");
    assert_false(parse(SERVICE_CHIRPER, "--counters 50", &help));
    assert_false(parse(SERVICE_CHIRPER, "--users 1", &help));
    assert_string_equal(error, "--users \"1\": must be a number from 2 to 20000");
    assert_false(parse(SERVICE_CHIRPER, "now", &help));
    assert_string_equal(error, "\"now\" is one argument too many");
}

static void the_help_of_an_application_has_its_options_only(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    service_options_help(SERVICE_CHIRPER, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "--locality"));
    assert_non_null(strstr(text, "--seconds"));
    assert_null(strstr(text, "--counters"));
    free(text);
}

static void the_report_says_what_was_done_and_the_verdict(void **state)
{
    static const char *const names[] = {"count", NULL};
    static struct service_result result;
    bool help;

    (void)state;
    assert_true(parse(SERVICE_COUNTER, "", &help));
    result = (struct service_result){.op_names = names, .runtime_us = 2000000};
    bench_series_add(&result.series[0], BENCH_OUTCOME_OK, 100);
    bench_series_add(&result.series[0], BENCH_OUTCOME_IN_DOUBT, 100);
    bench_timeline_add(&result.timeline, 0, false, 100);
    snprintf(result.verdict, sizeof result.verdict, "exactly once");
    for (int json = 0; json < 2; json++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        settings.json = json == 1;
        service_report(out, &settings, &result);
        assert_int_equal(fclose(out), 0);
        assert_non_null(strstr(text, "exactly once"));
        assert_non_null(strstr(text, "IN_DOUBT"));
        assert_non_null(strstr(text, json ? "\"correct\": true" : "1 ok"));
        free(text);
    }
    service_result_close(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_any_order_are_fine_if_each_has_its_own_sum),
        cmocka_unit_test(a_sum_that_was_told_twice_is_found),
        cmocka_unit_test(a_count_that_goes_back_in_time_is_found),
        cmocka_unit_test(lost_and_repeated_counts_are_found_in_the_end),
        cmocka_unit_test(the_graph_has_a_few_very_popular_users),
        cmocka_unit_test(locality_is_the_share_of_the_own_community),
        cmocka_unit_test(follows_and_unfollows_keep_both_sides),
        cmocka_unit_test(posts_of_one_author_are_in_order_and_there_once),
        cmocka_unit_test(an_answered_post_has_to_be_there_unless_it_may_have_been_cut),
        cmocka_unit_test(what_is_no_post_is_found),
        cmocka_unit_test(each_application_has_its_options),
        cmocka_unit_test(the_help_of_an_application_has_its_options_only),
        cmocka_unit_test(the_report_says_what_was_done_and_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
