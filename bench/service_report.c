/* SPDX-License-Identifier: Apache-2.0 */
/* What an application has done, as lines or as JSON. */
#include <inttypes.h>
#include <jansson.h>

#include "bench/service.h"

static double per(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void report_plain(FILE *out, const struct service_settings *settings,
                         const struct service_result *result)
{
    uint64_t done = 0;

    for (uint32_t i = 0; result->op_names[i] != NULL; i++) {
        const struct bench_series *series = &result->series[i];

        done += series->ok.count;
        if (series->ok.count + series->failed.count == 0) {
            continue;
        }
        fprintf(out,
                "%-10s %10" PRIu64 " ok, p50 %" PRIu64 " us, p99 %" PRIu64 " us, p99.9 %" PRIu64
                " us, max %" PRIu64 " us, %.2f partitions\n",
                result->op_names[i], series->ok.count, bench_histogram_quantile(&series->ok, 5000),
                bench_histogram_quantile(&series->ok, 9900),
                bench_histogram_quantile(&series->ok, 9990), series->ok.max,
                per(result->partitions[i], series->ok.count));
        for (int outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
            if (outcome != BENCH_OUTCOME_OK && series->outcomes[outcome] > 0) {
                fprintf(out, "%-10s %10" PRIu64 " %s\n", "", series->outcomes[outcome],
                        bench_outcome_name((enum bench_outcome)outcome));
            }
        }
    }
    fprintf(out, "%-10s %10.0f operations/s of %u clients, for %.1f s\n", "together",
            1e6 * per(done, result->runtime_us), settings->clients,
            (double)result->runtime_us / 1e6);
    for (uint32_t i = 0; i < settings->fault_count; i++) {
        const struct bench_fault *fault = &settings->faults[i];

        fprintf(out, "%-10s %s %u at %.3f s: %s\n", "fault", bench_fault_name(fault->verb),
                fault->node, (double)fault->at_ms / 1e3,
                !result->faults[i].done         ? "the run had ended"
                : result->faults[i].status == 0 ? "done"
                                                : "failed");
    }
    fprintf(out, "%-10s %s\n", "verdict", result->verdict);
}

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

static json_t *integer(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *series_json(const struct bench_series *series, uint64_t partitions)
{
    json_t *json = json_object();

    set(json, "ok", integer(series->ok.count));
    set(json, "mean_us", json_real(bench_histogram_mean(&series->ok)));
    set(json, "p50_us", integer(bench_histogram_quantile(&series->ok, 5000)));
    set(json, "p95_us", integer(bench_histogram_quantile(&series->ok, 9500)));
    set(json, "p99_us", integer(bench_histogram_quantile(&series->ok, 9900)));
    set(json, "p99_9_us", integer(bench_histogram_quantile(&series->ok, 9990)));
    set(json, "max_us", integer(series->ok.max));
    set(json, "partitions", json_real(per(partitions, series->ok.count)));
    for (int outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
        if (outcome != BENCH_OUTCOME_OK && series->outcomes[outcome] > 0) {
            set(json, bench_outcome_name((enum bench_outcome)outcome),
                integer(series->outcomes[outcome]));
        }
    }
    return json;
}

static json_t *timeline_json(const struct service_settings *settings,
                             const struct service_result *result)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < result->timeline.count; i++) {
        const struct bench_interval *interval = &result->timeline.intervals[i];
        json_t *json = json_object();

        set(json, "second", integer(i * bench_interval_seconds(settings->seconds)));
        set(json, "operations", integer(interval->operations));
        set(json, "failed", integer(interval->failed));
        set(json, "p50_us", integer(bench_interval_quantile(interval, 5000)));
        set(json, "p99_us", integer(bench_interval_quantile(interval, 9900)));
        set(json, "max_us", integer(interval->max_us));
        (void)json_array_append_new(array, json);
    }
    return array;
}

static void report_json(FILE *out, const struct service_settings *settings,
                        const struct service_result *result)
{
    json_t *json = json_object(), *operations = json_object();
    uint64_t done = 0;
    bool counts = settings->kind == SERVICE_COUNTER;

    set(json, "tool", json_string(counts ? "kvbench counter" : "kvbench chirper"));
    if (counts) {
        set(json, "counters", json_integer(settings->counters));
        set(json, "multi_percent", json_real(settings->multi_percent));
    } else {
        set(json, "users", json_integer(settings->users));
        set(json, "locality_percent", json_real(settings->locality_percent));
    }
    set(json, "clients", json_integer(settings->clients));
    set(json, "runtime_us", integer(result->runtime_us));
    for (uint32_t i = 0; result->op_names[i] != NULL; i++) {
        done += result->series[i].ok.count;
        set(operations, result->op_names[i],
            series_json(&result->series[i], result->partitions[i]));
    }
    set(json, "throughput", json_real(1e6 * per(done, result->runtime_us)));
    set(json, "by_operation", operations);
    set(json, "timeline", timeline_json(settings, result));
    set(json, "in_doubt", integer(result->in_doubt));
    set(json, "correct", json_boolean(!result->wrong));
    set(json, "text", json_string(result->verdict));
    set(json, "client", json_loads(result->stats, 0, NULL));
    json_dumpf(json, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(json);
}

void service_report(FILE *out, const struct service_settings *settings,
                    const struct service_result *result)
{
    (settings->json ? report_json : report_plain)(out, settings, result);
}

void service_result_close(struct service_result *result)
{
    bench_timeline_close(&result->timeline);
}
