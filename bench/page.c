/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of repeated runs, and what is drawn of them. */
#include "bench/page.h"

#include <stdlib.h>
#include <string.h>

#include "bench/plot.h"
#include "bench/run.h"
#include "multicast/base/bytes.h"

#define FACET_BYTES 64

/* Runs that are repetitions of each other. */
struct group {
    char name[PLOT_NAME_BYTES];
    char facet[FACET_BYTES]; /* groups of one facet are drawn together */
    json_t *results[PAGE_RESULTS_MAX];
    size_t count;
    json_t *middle; /* of them */
    double low, high;
};

struct page {
    struct group *groups;
    size_t count;
};

/* The value at "run.all.p50_us"; NULL: there is none. */
static const json_t *value_at(const json_t *object, const char *path)
{
    char text[128], *rest = text, *name;

    snprintf(text, sizeof text, "%s", path);
    while (object != NULL && (name = strsep(&rest, ".")) != NULL) {
        object = json_object_get(object, name);
    }
    return object;
}

static double number_at(const json_t *object, const char *path)
{
    return json_number_value(value_at(object, path));
}

static const char *text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(value_at(object, path));

    return text != NULL ? text : "";
}

static double throughput_of(const json_t *result)
{
    return number_at(result, "run.throughput");
}

/* ---- Groups ---- */

static void name_result(const json_t *result, const char *file, struct group *ret)
{
    const char *slash = strrchr(file, '/');

    if (value_at(result, "scaling") != NULL) {
        snprintf(ret->facet, sizeof ret->facet, "scaling");
        snprintf(ret->name, sizeof ret->name, "%.0f partitions, %.3g %% on two",
                 number_at(result, "scaling.partitions"), number_at(result, "scaling.share"));
    } else if (value_at(result, "compare") != NULL) {
        snprintf(ret->facet, sizeof ret->facet, "%s", text_at(result, "compare.case"));
        snprintf(ret->name, sizeof ret->name, "%.40s: %.40s", text_at(result, "compare.case"),
                 text_at(result, "compare.system"));
    } else {
        ret->facet[0] = '\0';
        snprintf(ret->name, sizeof ret->name, "%s", slash != NULL ? slash + 1 : file);
    }
}

static struct group *find_group(struct page *page, const struct group *like)
{
    for (size_t i = 0; i < page->count; i++) {
        if (strcmp(page->groups[i].name, like->name) == 0) {
            return &page->groups[i];
        }
    }
    page->groups[page->count] = *like;
    return &page->groups[page->count++];
}

static int compare_results(const void *a, const void *b)
{
    const double left = throughput_of(*(json_t *const *)a);
    const double right = throughput_of(*(json_t *const *)b);

    return (left > right) - (left < right);
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a, *right = b;
    const double by_partitions = number_at(left->middle, "scaling.partitions") -
                                 number_at(right->middle, "scaling.partitions");
    const double by_share =
        number_at(left->middle, "scaling.share") - number_at(right->middle, "scaling.share");
    const int by_facet = strcmp(left->facet, right->facet);

    if (by_facet != 0) {
        return by_facet;
    }
    if (by_partitions != 0 || by_share != 0) {
        return by_partitions != 0 ? (by_partitions > 0) - (by_partitions < 0)
                                  : (by_share > 0) - (by_share < 0);
    }
    return strcmp(left->name, right->name);
}

static void group_results(struct page *page, json_t *const *results, const char *const *names,
                          size_t count)
{
    page->groups = kv_alloc_zero(count, sizeof *page->groups);
    for (size_t i = 0; i < count; i++) {
        static struct group like;
        struct group *group;

        name_result(results[i], names[i], &like);
        group = find_group(page, &like);
        group->results[group->count++] = results[i];
    }
    for (size_t i = 0; i < page->count; i++) {
        struct group *group = &page->groups[i];

        qsort(group->results, group->count, sizeof(json_t *), compare_results);
        group->middle = group->results[group->count / 2];
        group->low = throughput_of(group->results[0]);
        group->high = throughput_of(group->results[group->count - 1]);
    }
    qsort(page->groups, page->count, sizeof *page->groups, compare_groups);
}

/* ---- Plots: each of the groups from `first` on that are of one facet ---- */

static void draw_curves(FILE *out, const struct group *groups, size_t count, const char *title)
{
    struct plot plot = {.title = title,
                        .x_label = "percentile",
                        .y_label = "latency, us",
                        .x = PLOT_NINES,
                        .y = PLOT_LOG};

    for (size_t i = 0; i < count; i++) {
        const json_t *curve = value_at(groups[i].middle, "run.curve"), *point;
        struct plot_line *line = plot_line_add(&plot, groups[i].name);
        size_t k;

        json_array_foreach(curve, k, point)
        {
            if (line != NULL) {
                plot_point_add(line, json_number_value(json_array_get(point, 0)),
                               json_number_value(json_array_get(point, 1)));
            }
        }
    }
    plot_write(out, &plot);
    plot_close(&plot);
}

static void add_faults(struct plot *plot, const json_t *result)
{
    const json_t *faults = value_at(result, "faults"), *fault;
    size_t i;

    json_array_foreach(faults, i, fault)
    {
        char text[PLOT_NAME_BYTES];

        snprintf(text, sizeof text, "%s %.0f", text_at(fault, "what"), number_at(fault, "node"));
        if (json_is_integer(value_at(fault, "began_us"))) {
            plot_mark_add(plot, number_at(fault, "began_us") / 1e6, text);
        }
    }
}

/* A figure of the timeline. The last interval has the stragglers only, if there are others. */
static void draw_timeline(FILE *out, const struct group *groups, size_t count, const char *title,
                          const char *figure, const char *label, enum plot_axis axis)
{
    struct plot plot = {
        .title = title, .x_label = "second", .y_label = label, .x = PLOT_LINEAR, .y = axis};

    for (size_t i = 0; i < count; i++) {
        const json_t *timeline = value_at(groups[i].middle, "run.timeline"), *interval;
        const size_t size = json_array_size(timeline);
        const double length = size > 1 ? number_at(json_array_get(timeline, 1), "second") : 1;
        const bool rate = strcmp(figure, "operations") == 0;
        struct plot_line *line = plot_line_add(&plot, groups[i].name);
        size_t k;

        json_array_foreach(timeline, k, interval)
        {
            if (line != NULL && (k + 1 < size || size == 1)) {
                plot_point_add(line, number_at(interval, "second"),
                               number_at(interval, figure) / (rate ? length : 1));
            }
        }
        add_faults(&plot, groups[i].middle);
    }
    plot_write(out, &plot);
    plot_close(&plot);
}

static void draw_search(FILE *out, const struct group *groups, size_t count)
{
    struct plot plot = {.title = "Trials of --find-max",
                        .x_label = "operations/s that were due",
                        .y_label = "99th percentile, us",
                        .x = PLOT_LINEAR,
                        .y = PLOT_LOG};

    for (size_t i = 0; i < count; i++) {
        const json_t *trials = value_at(groups[i].middle, "search.trials"), *trial;
        struct plot_line *line;
        double last = 0;
        size_t k;

        line = json_array_size(trials) > 0 ? plot_line_add(&plot, groups[i].name) : NULL;
        /* In the order of their rates: each time the next one above the last. */
        for (size_t n = 0; line != NULL && n < json_array_size(trials); n++) {
            const json_t *next = NULL;

            json_array_foreach(trials, k, trial)
            {
                if (number_at(trial, "rate") > last &&
                    (next == NULL || number_at(trial, "rate") < number_at(next, "rate"))) {
                    next = trial;
                }
            }
            if (next == NULL) {
                break;
            }
            last = number_at(next, "rate");
            plot_point_add(line, last, number_at(next, "p99_us"));
        }
    }
    plot_write(out, &plot);
    plot_close(&plot);
}

/* Throughput by partitions, a line for each share, and what would be linear. */
static void draw_scaling(FILE *out, const struct group *groups, size_t count)
{
    struct plot plot = {.title = "Scaling",
                        .x_label = "partitions",
                        .y_label = "commands/s",
                        .x = PLOT_DOUBLES,
                        .y = PLOT_LINEAR};
    struct plot_line *linear = plot_line_add(&plot, "linear");
    double first = 0;

    linear->dashed = true;
    for (size_t i = 0; i < count; i++) {
        const double partitions = number_at(groups[i].middle, "scaling.partitions");
        const double share = number_at(groups[i].middle, "scaling.share");
        struct plot_line *line = NULL;
        char name[PLOT_NAME_BYTES];

        snprintf(name, sizeof name, "%.3g %% on two partitions", share);
        for (uint32_t k = 0; k < plot.line_count; k++) {
            line = strcmp(plot.lines[k].name, name) == 0 ? &plot.lines[k] : line;
        }
        if (line == NULL) {
            line = plot_line_add(&plot, name);
        }
        if (line != NULL) {
            plot_point_add(line, partitions, throughput_of(groups[i].middle));
        }
        if (share == 0) {
            first = first > 0 ? first : throughput_of(groups[i].middle) / partitions;
            plot_point_add(linear, partitions, first * partitions);
        }
    }
    plot_write(out, &plot);
    plot_close(&plot);
}

static void draw_facet(FILE *out, const struct group *groups, size_t count)
{
    const bool scales = strcmp(groups->facet, "scaling") == 0;

    fputs("<section><h2>", out);
    plot_write_text(out, groups->facet[0] != '\0' ? groups->facet : "Runs");
    fputs("</h2>\n", out);
    if (scales) {
        draw_scaling(out, groups, count);
    }
    draw_curves(out, groups, count, "Latency by percentile");
    draw_timeline(out, groups, count, "Throughput over time", "operations", "operations/s",
                  PLOT_LINEAR);
    draw_timeline(out, groups, count, "Latency over time", "p99_us", "99th percentile, us",
                  PLOT_LOG);
    draw_search(out, groups, count);
    fputs("</section>\n", out);
}

/* ---- Text ---- */

static void write_table(FILE *out, const struct page *page)
{
    fputs("<table><tr><th>run</th><th>system</th><th>workload</th><th>loop</th><th>clients</th>"
          "<th>operations/s</th><th>least..most</th><th>p50 us</th><th>p99 us</th>"
          "<th>p99.9 us</th><th>p99.99 us</th><th>failed</th><th>unsent</th></tr>\n",
          out);
    for (size_t i = 0; i < page->count; i++) {
        const struct group *group = &page->groups[i];
        const json_t *result = group->middle;
        const double rate = number_at(result, "run.rate");

        fputs("<tr><td>", out);
        plot_write_text(out, group->name);
        fputs("</td><td>", out);
        plot_write_text(out, text_at(result, "settings.driver"));
        fputs("</td><td>", out);
        plot_write_text(out, text_at(result, "settings.workload"));
        fputs("</td><td>", out);
        plot_write_text(out, text_at(result, "settings.loop"));
        if (rate > 0) {
            fprintf(out, ", %.0f/s", rate);
        }
        fprintf(out, "</td><td>%.0f</td><td>%.0f</td><td>%.0f..%.0f (%zu)</td>",
                number_at(result, "settings.clients"), throughput_of(result), group->low,
                group->high, group->count);
        fprintf(out,
                "<td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td>"
                "</tr>\n",
                number_at(result, "run.all.p50_us"), number_at(result, "run.all.p99_us"),
                number_at(result, "run.all.p99_9_us"), number_at(result, "run.all.p99_99_us"),
                number_at(result, "run.failed"), number_at(result, "run.unsent"));
    }
    fputs("</table>\n", out);
}

/* Configuration and host of each run. */
static void write_manifest(FILE *out, const struct page *page)
{
    static const char *const parts[] = {"version", "host",    "settings", "cluster",
                                        "compare", "scaling", "faults",   "log"};

    fputs("<section><h2>Manifest</h2>\n", out);
    for (size_t i = 0; i < page->count; i++) {
        json_t *manifest = json_object();
        char *text;

        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
            json_t *part = json_object_get(page->groups[i].middle, parts[k]);

            if (part != NULL) {
                (void)json_object_set(manifest, parts[k], part);
            }
        }
        text = json_dumps(manifest, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        fputs("<details><summary>", out);
        plot_write_text(out, page->groups[i].name);
        fputs("</summary><pre>", out);
        plot_write_text(out, text != NULL ? text : "");
        fputs("</pre></details>\n", out);
        kv_free(text);
        json_decref(manifest);
    }
    fputs("</section>\n", out);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width'>\n<title>kvbench</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}\n"
    "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}\n"
    "th,td{padding:3px 8px;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    "figure{margin:1em 0}h3{margin:.5em 0;font-size:15px}\n"
    "svg{width:100%;height:auto;font-size:11px}svg text{fill:currentColor}\n"
    ".grid{stroke:#8884}.mark{stroke:#c00;stroke-dasharray:3 3}"
    "svg text.mark{stroke:none;fill:#c00}\n"
    "figcaption span{margin-right:1.2em;font-size:13px;white-space:nowrap}\n"
    "pre{font-size:12px;overflow-x:auto}\n"
    "</style></head><body>\n<h1>kvbench</h1>\n";

void page_write(FILE *out, json_t *const *results, const char *const *names, size_t count)
{
    struct page page = {0};

    group_results(&page, results, names, count);
    fputs(head, out);
    write_table(out, &page);
    for (size_t first = 0, next; first < page.count; first = next) {
        for (next = first;
             next < page.count && strcmp(page.groups[next].facet, page.groups[first].facet) == 0;
             next++) {
        }
        draw_facet(out, &page.groups[first], next - first);
    }
    write_manifest(out, &page);
    fputs("</body></html>\n", out);
    kv_free(page.groups);
}

int page_main(int argc, char **argv)
{
    json_t *results[PAGE_RESULTS_MAX];
    const char *const *names = (const char *const *)argv + 1;
    size_t count = 0;
    int end = BENCH_END_OK;

    json_set_alloc_funcs(kv_alloc, kv_free);
    if (argc < 2 || argc - 1 > PAGE_RESULTS_MAX || argv[1][0] == '-') {
        fputs("usage: kvbench report FILE... >PAGE.html\n"
              "Makes one HTML page with plots out of up to 1000 results of kvbench run -o json.\n",
              stderr);
        return BENCH_END_USAGE;
    }
    for (; end == BENCH_END_OK && count < (size_t)argc - 1; count++) {
        json_error_t error;

        results[count] = json_load_file(names[count], 0, &error);
        if (value_at(results[count], "run.throughput") == NULL) {
            fprintf(stderr, "kvbench: %s is no result of kvbench run -o json: %s\n", names[count],
                    results[count] == NULL ? error.text : "it has no run");
            end = BENCH_END_USAGE;
        }
    }
    if (end == BENCH_END_OK) {
        page_write(stdout, results, names, count);
    }
    while (count > 0) {
        json_decref(results[--count]);
    }
    return fflush(stdout) == 0 ? end : EXIT_FAILURE;
}
