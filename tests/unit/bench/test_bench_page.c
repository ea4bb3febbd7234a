/* SPDX-License-Identifier: Apache-2.0 */
/* page: what is drawn of results, and that the page needs nothing from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/page.h"
#include "bench/plot.h"
#include "multicast/base/bytes.h"

#define RUN                                                                                        \
    "\"settings\":{\"driver\":\"kv\",\"workload\":\"a\",\"loop\":\"open\",\"clients\":7},"         \
    "\"host\":{\"cpu\":\"a <fast> one\"},\"search\":null,"

/* A result with this throughput; more is text inside of its object. */
static json_t *result_of(double throughput, const char *more)
{
    json_t *result;
    char text[1024];

    snprintf(text, sizeof text,
             "{" RUN "%s \"run\":{\"throughput\":%.1f,\"rate\":null,\"failed\":0,\"unsent\":0,"
             "\"all\":{\"p50_us\":100,\"p99_us\":900},\"curve\":[[50,100],[99,900],[100,1000]],"
             "\"timeline\":[{\"second\":0,\"operations\":10,\"p99_us\":800},"
             "{\"second\":1,\"operations\":20,\"p99_us\":900},"
             "{\"second\":2,\"operations\":1,\"p99_us\":900}]}}",
             more, throughput);
    result = json_loads(text, 0, NULL);
    assert_non_null(result);
    return result;
}

static char *page_of(json_t **results, const char *const *names, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    page_write(out, results, names, count);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < count; i++) {
        json_decref(results[i]);
    }
    return text;
}

static uint32_t count_of(const char *text, const char *part)
{
    uint32_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        count++;
    }
    return count;
}

static void a_page_needs_nothing_from_elsewhere(void **state)
{
    const char *const names[] = {"results/one.json"};
    json_t *results[] = {result_of(1000, "")};
    char *text = page_of(results, names, 1);

    (void)state;
    assert_true(strncmp(text, "<!DOCTYPE html>", 15) == 0);
    assert_null(strstr(text, "http"));
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "href"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "@import"));
    free(text);
}

static void a_run_has_curves_and_timelines_and_a_manifest(void **state)
{
    const char *const names[] = {"results/one<b>.json"};
    json_t *results[] = {
        result_of(1000, "\"faults\":[{\"what\":\"kill\",\"node\":2,\"began_us\":1000000}],")};
    char *text = page_of(results, names, 1);

    (void)state;
    assert_int_equal(count_of(text, "<svg"), 3);
    assert_non_null(strstr(text, "Latency by percentile"));
    assert_non_null(strstr(text, "Throughput over time"));
    assert_non_null(strstr(text, "kill 2</text>"));
    assert_non_null(strstr(text, "one&lt;b&gt;.json"));
    assert_non_null(strstr(text, "a &lt;fast&gt; one"));
    assert_null(strstr(text, "<b>.json"));
    assert_int_equal(count_of(text, "<svg"), count_of(text, "</svg>"));
    free(text);
}

static void of_repeated_runs_the_middle_one_is_shown_with_the_range(void **state)
{
    static const char more[] = "\"compare\":{\"case\":\"put-1\",\"system\":\"redis\",\"round\":1},";
    const char *const names[] = {"a", "b", "c"};
    json_t *results[] = {result_of(3000, more), result_of(1000, more), result_of(2000, more)};
    char *text = page_of(results, names, 3);

    (void)state;
    assert_int_equal(count_of(text, "<td>put-1: redis</td>"), 1);
    assert_non_null(strstr(text, "<td>2000</td><td>1000..3000 (3)</td>"));
    free(text);
}

static void partitions_are_drawn_with_what_would_be_linear(void **state)
{
    const char *const names[] = {"a", "b", "c"};
    json_t *results[] = {result_of(1900, "\"scaling\":{\"partitions\":2,\"share\":0},"),
                         result_of(1000, "\"scaling\":{\"partitions\":1,\"share\":0},"),
                         result_of(1500, "\"scaling\":{\"partitions\":2,\"share\":10},")};
    char *text = page_of(results, names, 3);
    const char *one = strstr(text, "<td>1 partitions, 0 % on two</td>");
    const char *two = strstr(text, "<td>2 partitions, 0 % on two</td>");

    (void)state;
    assert_int_equal(count_of(text, "<svg"), 4);
    assert_non_null(strstr(text, "<title>linear</title>"));
    assert_non_null(strstr(text, "<title>10 % on two partitions</title>"));
    assert_true(one != NULL && two != NULL && one < two);
    free(text);
}

static char *drawn(const struct plot *plot)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    plot_write(out, plot);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void points_are_inside_of_the_drawing_whatever_they_are(void **state)
{
    static const double values[] = {0, 1e-9, 1, 50, 99.999999, 100, 1e12};

    (void)state;
    for (enum plot_axis x = PLOT_LINEAR; x <= PLOT_DOUBLES; x++) {
        for (enum plot_axis y = PLOT_LINEAR; y <= PLOT_DOUBLES; y++) {
            struct plot plot = {.title = "t", .x_label = "x", .y_label = "y", .x = x, .y = y};
            struct plot_line *line = plot_line_add(&plot, "line");
            char *text;
            const char *at;

            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                plot_point_add(line, values[i], values[i]);
            }
            plot_point_add(line, 0.0 / 0.0, 1);
            assert_int_equal(line->count, sizeof values / sizeof values[0]);
            text = drawn(&plot);
            at = strstr(text, "points='");
            assert_non_null(at);
            at += strlen("points='");
            for (uint32_t i = 0; i < line->count; i++) {
                double left, top;
                int used;

                assert_int_equal(sscanf(at, "%lf,%lf %n", &left, &top, &used), 2);
                assert_true(left >= 0 && left <= 760 && top >= 0 && top <= 320);
                at += used;
            }
            assert_null(strstr(text, "nan"));
            free(text);
            plot_close(&plot);
        }
    }
}

static void a_plot_without_points_is_not_drawn(void **state)
{
    struct plot plot = {.title = "t", .x_label = "x", .y_label = "y"};
    char *text;

    (void)state;
    (void)plot_line_add(&plot, "line");
    text = drawn(&plot);
    assert_string_equal(text, "");
    free(text);
    plot_close(&plot);
}

static void lines_beyond_the_most_are_left_out(void **state)
{
    struct plot plot = {0};

    (void)state;
    for (int i = 0; i < PLOT_LINES_MAX; i++) {
        assert_non_null(plot_line_add(&plot, "line"));
    }
    assert_null(plot_line_add(&plot, "line"));
    plot_close(&plot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(a_run_has_curves_and_timelines_and_a_manifest),
        cmocka_unit_test(of_repeated_runs_the_middle_one_is_shown_with_the_range),
        cmocka_unit_test(partitions_are_drawn_with_what_would_be_linear),
        cmocka_unit_test(points_are_inside_of_the_drawing_whatever_they_are),
        cmocka_unit_test(a_plot_without_points_is_not_drawn),
        cmocka_unit_test(lines_beyond_the_most_are_left_out),
    };
    json_set_alloc_funcs(kv_alloc, kv_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
