/* SPDX-License-Identifier: Apache-2.0 */
/* measures: histograms within their promised error, outcomes, and the two forms of a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/report.h"
#include "multicast/base/bytes.h"
#include "multicast/base/prng.h"

static struct bench_histogram *new_histogram(void)
{
    return kv_alloc_zero(1, sizeof(struct bench_histogram));
}

static void small_values_are_kept_exactly(void **state)
{
    struct bench_histogram *histogram = new_histogram();

    (void)state;
    for (uint64_t value = 1; value <= 1000; value++) {
        bench_histogram_add(histogram, value);
    }
    assert_int_equal(bench_histogram_quantile(histogram, 5000), 500);
    assert_int_equal(bench_histogram_quantile(histogram, 9900), 990);
    assert_int_equal(bench_histogram_quantile(histogram, 9990), 999);
    assert_int_equal(bench_histogram_quantile(histogram, 10000), 1000);
    assert_int_equal(bench_histogram_quantile(histogram, 10), 1);
    assert_int_equal(histogram->min, 1);
    assert_int_equal(histogram->max, 1000);
    assert_true(bench_histogram_mean(histogram) == 500.5);
    kv_free(histogram);
}

static void large_values_are_off_by_a_thousandth_at_most_and_never_low(void **state)
{
    struct kv_prng prng;

    (void)state;
    kv_prng_init(&prng, 3);
    for (int i = 0; i < 300; i++) {
        struct bench_histogram *histogram = new_histogram();
        uint64_t value = kv_prng_next(&prng) >> kv_prng_between(&prng, 32, 63);
        uint64_t found;

        bench_histogram_add(histogram, value);
        bench_histogram_add(histogram, BENCH_HISTOGRAM_VALUE_MAX);
        found = bench_histogram_quantile(histogram, 5000);
        assert_true(found >= value);
        assert_true(found - value <= value / 1000);
        kv_free(histogram);
    }
}

static void every_power_of_two_and_its_neighbours_have_slots(void **state)
{
    struct bench_histogram *histogram = new_histogram();

    (void)state;
    for (uint32_t bit = 0; bit < 32; bit++) {
        bench_histogram_add(histogram, (UINT64_C(1) << bit) - 1);
        bench_histogram_add(histogram, UINT64_C(1) << bit);
    }
    bench_histogram_add(histogram, UINT64_MAX);
    assert_int_equal(histogram->count, 65);
    assert_int_equal(histogram->max, BENCH_HISTOGRAM_VALUE_MAX);
    assert_int_equal(bench_histogram_quantile(histogram, 10000), BENCH_HISTOGRAM_VALUE_MAX);
    kv_free(histogram);
}

static void an_empty_histogram_answers_zero(void **state)
{
    struct bench_histogram *histogram = new_histogram();

    (void)state;
    assert_int_equal(bench_histogram_quantile(histogram, 9900), 0);
    assert_true(bench_histogram_mean(histogram) == 0);
    kv_free(histogram);
}

static void merged_histograms_are_as_one(void **state)
{
    struct bench_histogram *one = new_histogram(), *two = new_histogram(), *all = new_histogram();
    struct kv_prng prng;

    (void)state;
    kv_prng_init(&prng, 4);
    bench_histogram_merge(one, two);
    assert_int_equal(one->count, 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = kv_prng_below(&prng, 1 << 20) + 10;

        bench_histogram_add(all, value);
        bench_histogram_add(kv_prng_chance(&prng, 1, 2) ? one : two, value);
    }
    bench_histogram_merge(one, two);
    assert_memory_equal(one, all, sizeof *all);
    kv_free(one);
    kv_free(two);
    kv_free(all);
}

static void outcomes_are_the_statuses_of_the_library_and_corrupt(void **state)
{
    (void)state;
    assert_int_equal(BENCH_OUTCOME_OK, 0);
    assert_int_equal(bench_outcome_of(KV_OK), BENCH_OUTCOME_OK);
    assert_int_equal(bench_outcome_of(KV_IN_DOUBT), BENCH_OUTCOME_IN_DOUBT);
    assert_int_equal(bench_outcome_of(KV_PROTOCOL), BENCH_OUTCOME_PROTOCOL);
    assert_string_equal(bench_outcome_name(BENCH_OUTCOME_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(bench_outcome_name(BENCH_OUTCOME_CORRUPT), "CORRUPT");
    assert_string_equal(bench_outcome_text(BENCH_OUTCOME_NOT_FOUND), "no such key");
}

/* A run of two seconds: 4 reads of which one found nothing, and 2 updates. */
static struct bench_result *sample_result(void)
{
    struct bench_result *result = kv_alloc_zero(1, sizeof *result);
    struct bench_measures *measures = &result->run.measures;

    result->run.done = true;
    result->run.runtime_us = 2000000;
    bench_series_add(&measures->series[BENCH_READ], BENCH_OUTCOME_OK, 100);
    bench_series_add(&measures->series[BENCH_READ], BENCH_OUTCOME_OK, 200);
    bench_series_add(&measures->series[BENCH_READ], BENCH_OUTCOME_OK, 300);
    bench_series_add(&measures->series[BENCH_READ], BENCH_OUTCOME_NOT_FOUND, 50);
    bench_series_add(&measures->series[BENCH_UPDATE], BENCH_OUTCOME_OK, 1000);
    bench_series_add(&measures->series[BENCH_UPDATE], BENCH_OUTCOME_OK, 2000);
    measures->operations = 6;
    measures->failed = 1;
    measures->ordered = 2;
    result->has_usage = true;
    result->syncs = 3;
    result->bytes = 9000;
    snprintf(result->before.cluster, sizeof result->before.cluster, "demo");
    result->before.partitions = 2;
    result->before.node_count = 3;
    return result;
}

static const struct bench_settings *sample_settings(void)
{
    static struct bench_settings settings;

    settings = (struct bench_settings){.workload = bench_workload_find("a"),
                                       .driver_name = "kv",
                                       .records = 1000,
                                       .seconds = 2,
                                       .clients = 4,
                                       .threads = 1,
                                       .fields = 10,
                                       .field_bytes = 100,
                                       .seed = 1,
                                       .timeout_ms = 5000};
    return &settings;
}

static char *report(void (*write)(FILE *, const struct bench_settings *,
                                  const struct bench_result *),
                    const struct bench_settings *settings, const struct bench_result *result)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    write(out, settings, result);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void the_plain_report_has_the_lines_of_ycsb(void **state)
{
    struct bench_result *result = sample_result();
    char *text = report(bench_report_plain, sample_settings(), result);

    (void)state;
    assert_string_equal(text, "[OVERALL], RunTime(ms), 2000\n"
                              "[OVERALL], Throughput(ops/sec), 3.000\n"
                              "[OVERALL], Operations, 6\n"
                              "[OVERALL], Failed, 1\n"
                              "[READ], Operations, 3\n"
                              "[READ], AverageLatency(us), 200.000\n"
                              "[READ], MinLatency(us), 100\n"
                              "[READ], MaxLatency(us), 300\n"
                              "[READ], 50thPercentileLatency(us), 200\n"
                              "[READ], 90thPercentileLatency(us), 300\n"
                              "[READ], 95thPercentileLatency(us), 300\n"
                              "[READ], 99thPercentileLatency(us), 300\n"
                              "[READ], 99.9PercentileLatency(us), 300\n"
                              "[READ], 99.99PercentileLatency(us), 300\n"
                              "[READ], Return=OK, 3\n"
                              "[READ], Return=NOT_FOUND, 1\n"
                              "[READ-FAILED], Operations, 1\n"
                              "[READ-FAILED], AverageLatency(us), 50.000\n"
                              "[READ-FAILED], MinLatency(us), 50\n"
                              "[READ-FAILED], MaxLatency(us), 50\n"
                              "[READ-FAILED], 50thPercentileLatency(us), 50\n"
                              "[READ-FAILED], 90thPercentileLatency(us), 50\n"
                              "[READ-FAILED], 95thPercentileLatency(us), 50\n"
                              "[READ-FAILED], 99thPercentileLatency(us), 50\n"
                              "[READ-FAILED], 99.9PercentileLatency(us), 50\n"
                              "[READ-FAILED], 99.99PercentileLatency(us), 50\n"
                              "[UPDATE], Operations, 2\n"
                              "[UPDATE], AverageLatency(us), 1500.000\n"
                              "[UPDATE], MinLatency(us), 1000\n"
                              "[UPDATE], MaxLatency(us), 2000\n"
                              "[UPDATE], 50thPercentileLatency(us), 1000\n"
                              "[UPDATE], 90thPercentileLatency(us), 2000\n"
                              "[UPDATE], 95thPercentileLatency(us), 2000\n"
                              "[UPDATE], 99thPercentileLatency(us), 2000\n"
                              "[UPDATE], 99.9PercentileLatency(us), 2000\n"
                              "[UPDATE], 99.99PercentileLatency(us), 2000\n"
                              "[UPDATE], Return=OK, 2\n"
                              "[LOG], Syncs, 3\n"
                              "[LOG], Bytes, 9000\n"
                              "[LOG], OrderedOperations, 2\n"
                              "[LOG], SyncsPerOperation, 0.5000\n"
                              "[LOG], BytesPerOperation, 1500.0\n"
                              "[LOG], SyncsPerOrderedOperation, 1.5000\n"
                              "[LOG], BytesPerOrderedOperation, 4500.0\n");
    free(text);
    kv_free(result);
}

static void unknown_log_usage_is_said_and_not_guessed(void **state)
{
    struct bench_result *result = sample_result();
    char *text;

    (void)state;
    result->has_usage = false;
    text = report(bench_report_plain, sample_settings(), result);
    assert_non_null(strstr(text, "[LOG], Unknown, a node did not answer or has restarted\n"));
    assert_null(strstr(text, "Syncs"));
    free(text);
    kv_free(result);
}

static json_int_t number_at(const json_t *root, const char *path)
{
    char text[128];

    snprintf(text, sizeof text, "%s", path);
    for (char *name = strtok(text, "/"); name != NULL; name = strtok(NULL, "/")) {
        root = json_object_get(root, name);
        assert_non_null(root);
    }
    assert_true(json_is_integer(root));
    return json_integer_value(root);
}

static void the_json_report_says_the_same(void **state)
{
    struct bench_result *result = sample_result();
    char *text = report(bench_report_json, sample_settings(), result);
    json_t *root = json_loads(text, 0, NULL);

    (void)state;
    assert_non_null(root);
    assert_int_equal(number_at(root, "schema"), BENCH_REPORT_SCHEMA);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "settings"), "workload")), "a");
    assert_int_equal(number_at(root, "cluster/partitions"), 2);
    assert_true(json_is_null(json_object_get(root, "load")));
    assert_int_equal(number_at(root, "run/runtime_us"), 2000000);
    assert_int_equal(number_at(root, "run/operations"), 6);
    assert_int_equal(number_at(root, "run/by_operation/READ/ok/p50_us"), 200);
    assert_int_equal(number_at(root, "run/by_operation/READ/ok/p99_9_us"), 300);
    assert_int_equal(number_at(root, "run/by_operation/READ/returns/NOT_FOUND"), 1);
    assert_int_equal(number_at(root, "run/by_operation/READ/failed/count"), 1);
    assert_int_equal(number_at(root, "run/by_operation/UPDATE/ok/max_us"), 2000);
    assert_null(
        json_object_get(json_object_get(json_object_get(root, "run"), "by_operation"), "SCAN"));
    assert_int_equal(number_at(root, "log/syncs"), 3);
    assert_true(json_real_value(json_object_get(json_object_get(root, "log"),
                                                "syncs_per_ordered_operation")) == 1.5);
    json_decref(root);
    free(text);
    kv_free(result);
}

static void the_html_report_is_a_page_about_the_run(void **state)
{
    struct bench_result *result = sample_result();
    char *text = report(bench_report_html, sample_settings(), result);

    (void)state;
    assert_true(strncmp(text, "<!DOCTYPE html>", 15) == 0);
    assert_non_null(strstr(text, "<td>this run</td><td>kv</td><td>a</td>"));
    assert_non_null(strstr(text, "</body></html>"));
    free(text);
    kv_free(result);
}

static void a_cluster_name_that_is_no_text_does_not_end_the_report(void **state)
{
    struct bench_result *result = sample_result();
    char *text;
    json_t *root;

    (void)state;
    memcpy(result->before.cluster, "\xff\xfe", 3);
    result->has_usage = false;
    text = report(bench_report_json, sample_settings(), result);
    root = json_loads(text, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_null(json_object_get(json_object_get(root, "cluster"), "name")));
    assert_true(json_is_null(json_object_get(root, "log")));
    json_decref(root);
    free(text);
    kv_free(result);
}

static void a_load_is_reported_before_the_run_or_alone(void **state)
{
    struct bench_result *result = sample_result();
    struct bench_settings settings = *sample_settings();
    char *text;

    (void)state;
    result->load = result->run;
    result->load.runtime_us = 6000000;
    text = report(bench_report_plain, &settings, result);
    assert_non_null(strstr(text, "[LOAD], Throughput(ops/sec), 1.000\n"));
    assert_non_null(strstr(text, "[OVERALL], Throughput(ops/sec), 3.000\n"));
    free(text);

    settings.load_only = true;
    result->run.done = false;
    text = report(bench_report_plain, &settings, result);
    assert_null(strstr(text, "[LOAD]"));
    assert_null(strstr(text, "[LOG]"));
    assert_non_null(strstr(text, "[OVERALL], Throughput(ops/sec), 1.000\n"));
    free(text);
    kv_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_are_kept_exactly),
        cmocka_unit_test(large_values_are_off_by_a_thousandth_at_most_and_never_low),
        cmocka_unit_test(every_power_of_two_and_its_neighbours_have_slots),
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(merged_histograms_are_as_one),
        cmocka_unit_test(outcomes_are_the_statuses_of_the_library_and_corrupt),
        cmocka_unit_test(the_plain_report_has_the_lines_of_ycsb),
        cmocka_unit_test(unknown_log_usage_is_said_and_not_guessed),
        cmocka_unit_test(the_json_report_says_the_same),
        cmocka_unit_test(the_html_report_is_a_page_about_the_run),
        cmocka_unit_test(a_cluster_name_that_is_no_text_does_not_end_the_report),
        cmocka_unit_test(a_load_is_reported_before_the_run_or_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
