/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON object with settings, phases and log usage. Numbers of 64 bits are JSON integers. */
#include <jansson.h>

#include "bench/host.h"
#include "bench/page.h"
#include "bench/report.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

#define COUNT(number) json_integer((json_int_t)(number))

/* Memory comes from kv_alloc (see below), so nothing can fail here. */
static void set(json_t *object, const char *name, json_t *value)
{
    KV_ASSERT(value != NULL);
    if (json_object_set_new(object, name, value) != 0) {
        KV_UNREACHABLE();
    }
}

/* A text that came from elsewhere: null if it is not UTF-8. */
static json_t *text_of(const char *text)
{
    json_t *string = json_string(text);

    return string != NULL ? string : json_null();
}

static json_t *latencies_of(const struct bench_histogram *histogram)
{
    json_t *object = json_object();

    set(object, "count", COUNT(histogram->count));
    set(object, "mean_us", json_real(bench_histogram_mean(histogram)));
    set(object, "min_us", COUNT(histogram->min));
#define X(per_myriad, plain, json)                                                                 \
    set(object, json, COUNT(bench_histogram_quantile(histogram, per_myriad)));
    BENCH_QUANTILE_MAP(X)
#undef X
    set(object, "max_us", COUNT(histogram->max));
    return object;
}

/* Points for a curve: percentile and latency. */
static json_t *curve_of(const struct bench_histogram *histogram)
{
    static const uint32_t per_myriad[] = {
        1,    500,  1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 8500, 9000, 9300, 9500,
        9700, 9800, 9900, 9930, 9950, 9970, 9980, 9990, 9993, 9995, 9997, 9998, 9999, 10000};
    json_t *array = json_array();

    for (size_t i = 0; histogram->count > 0 && i < sizeof per_myriad / sizeof per_myriad[0]; i++) {
        json_t *point = json_array();

        if (json_array_append_new(point, json_real(per_myriad[i] / 100.0)) != 0 ||
            json_array_append_new(point,
                                  COUNT(bench_histogram_quantile(histogram, per_myriad[i]))) != 0 ||
            json_array_append_new(array, point) != 0) {
            KV_UNREACHABLE();
        }
    }
    return array;
}

static json_t *series_of(const struct bench_series *series, const struct bench_histogram *service)
{
    json_t *object = json_object();
    json_t *outcomes = json_object();

    set(object, "ok", latencies_of(&series->ok));
    if (service != NULL && service->count > 0) {
        set(object, "service", latencies_of(service));
    }
    if (series->failed.count > 0) {
        set(object, "failed", latencies_of(&series->failed));
    }
    for (enum bench_outcome outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
        if (series->outcomes[outcome] > 0) {
            set(outcomes, bench_outcome_name(outcome), COUNT(series->outcomes[outcome]));
        }
    }
    set(object, "returns", outcomes);
    return object;
}

static json_t *timeline_of(const struct bench_settings *settings,
                           const struct bench_timeline *timeline)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct bench_interval *interval = &timeline->intervals[i];
        json_t *object = json_object();

        set(object, "second", COUNT(i * bench_interval_seconds(settings->seconds)));
        set(object, "operations", COUNT(interval->operations));
        set(object, "failed", COUNT(interval->failed));
        set(object, "p50_us", COUNT(bench_interval_quantile(interval, 5000)));
        set(object, "p99_us", COUNT(bench_interval_quantile(interval, 9900)));
        set(object, "max_us", COUNT(interval->max_us));
        if (json_array_append_new(array, object) != 0) {
            KV_UNREACHABLE();
        }
    }
    return array;
}

/* null if the phase did not take place. */
static json_t *phase_of(const struct bench_settings *settings, const struct bench_phase *phase)
{
    json_t *object, *operations;

    if (!phase->done) {
        return json_null();
    }
    object = json_object();
    operations = json_object();
    set(object, "runtime_us", COUNT(phase->runtime_us));
    set(object, "throughput", json_real(bench_throughput(phase)));
    set(object, "rate", phase->rate > 0 ? json_real(phase->rate) : json_null());
    set(object, "operations", COUNT(phase->measures.operations));
    set(object, "failed", COUNT(phase->measures.failed));
    set(object, "unsent", COUNT(phase->measures.unsent));
    set(object, "ordered", COUNT(phase->measures.ordered));
    for (enum bench_op op = 0; op < BENCH_OPS; op++) {
        const struct bench_series *series = &phase->measures.series[op];

        if (series->ok.count + series->failed.count > 0) {
            set(operations, bench_op_name(op), series_of(series, &phase->measures.service[op]));
        }
    }
    set(object, "all", latencies_of(&phase->measures.all));
    set(object, "by_operation", operations);
    set(object, "multi_partition", series_of(&phase->measures.multi, NULL));
    set(object, "curve", curve_of(&phase->measures.all));
    set(object, "timeline", timeline_of(settings, &phase->measures.timeline));
    return object;
}

static json_t *ratio(uint64_t number, uint64_t of)
{
    return of == 0 ? json_null() : json_real((double)number / (double)of);
}

/* null if it is not known. */
static json_t *log_of(const struct bench_result *result)
{
    const struct bench_measures *measures = &result->run.measures;
    json_t *object;

    if (!result->has_usage) {
        return json_null();
    }
    object = json_object();
    set(object, "syncs", COUNT(result->syncs));
    set(object, "bytes", COUNT(result->bytes));
    set(object, "syncs_per_operation", ratio(result->syncs, measures->operations));
    set(object, "bytes_per_operation", ratio(result->bytes, measures->operations));
    set(object, "syncs_per_ordered_operation", ratio(result->syncs, measures->ordered));
    set(object, "bytes_per_ordered_operation", ratio(result->bytes, measures->ordered));
    return object;
}

/* null if there was none. */
static json_t *search_of(const struct bench_settings *settings, const struct bench_search *search)
{
    json_t *object, *trials;

    if (search->count == 0) {
        return json_null();
    }
    object = json_object();
    trials = json_array();
    for (uint32_t i = 0; i < search->count; i++) {
        const struct bench_trial *trial = &search->trials[i];
        json_t *one = json_object();

        set(one, "rate", json_real(trial->rate));
        set(one, "throughput", json_real(trial->throughput));
        set(one, "bound_us", COUNT(trial->bound_us));
        set(one, "p50_us", COUNT(trial->p50_us));
        set(one, "p99_us", COUNT(trial->p99_us));
        set(one, "kept", json_boolean(trial->kept));
        if (json_array_append_new(trials, one) != 0) {
            KV_UNREACHABLE();
        }
    }
    set(object, "percent", json_real((double)settings->bound_per_myriad / 100));
    set(object, "bound_us", COUNT(settings->bound_us));
    set(object, "max", json_real(search->low));
    set(object, "trials", trials);
    return object;
}

static json_t *faults_of(const struct bench_settings *settings,
                         const struct bench_fault_result *results)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < settings->fault_count; i++) {
        const struct bench_fault *fault = &settings->faults[i];
        const struct bench_fault_result *result = &results[i];
        json_t *object = json_object();

        set(object, "at_ms", COUNT(fault->at_ms));
        set(object, "what", json_string(bench_fault_name(fault->verb)));
        set(object, "node", COUNT(fault->node));
        set(object, "began_us", result->done ? COUNT(result->began_us) : json_null());
        set(object, "ended_us", result->done ? COUNT(result->ended_us) : json_null());
        set(object, "status", result->done ? json_integer(result->status) : json_null());
        if (json_array_append_new(array, object) != 0) {
            KV_UNREACHABLE();
        }
    }
    return array;
}

static json_t *settings_of(const struct bench_settings *settings)
{
    json_t *object = json_object();

    set(object, "driver", json_string(settings->driver_name));
    set(object, "workload", json_string(settings->workload->name));
    set(object, "distribution", json_string(bench_distribution_name(settings->distribution)));
    set(object, "records", COUNT(settings->records));
    set(object, "seconds", COUNT(settings->seconds));
    set(object, "operations", COUNT(settings->operations));
    set(object, "warmup_seconds", COUNT(settings->warmup_seconds));
    set(object, "clients", COUNT(settings->clients));
    set(object, "threads", COUNT(settings->threads));
    set(object, "loop", json_string(bench_loop_name(settings->loop)));
    set(object, "rate", settings->rate > 0 ? COUNT(settings->rate) : json_null());
    set(object, "arrivals",
        settings->loop != BENCH_LOOP_CLOSED
            ? json_string(settings->poisson ? "poisson" : "constant")
            : json_null());
    set(object, "fields", COUNT(settings->fields));
    set(object, "value_bytes", COUNT(settings->fields * settings->field_bytes));
    set(object, "keys_per_command", COUNT(settings->keys_per_command));
    set(object, "multi_percent",
        settings->has_multi ? json_real(settings->multi_percent) : json_null());
    set(object, "pinned", json_boolean(settings->pinned));
    set(object, "seed", COUNT(settings->seed));
    set(object, "timeout_ms", COUNT(settings->timeout_ms));
    return object;
}

static json_t *host_of(void)
{
    json_t *object = json_object();
    struct bench_host host;

    bench_host_read(&host);
    set(object, "system", text_of(host.system));
    set(object, "cpu", text_of(host.cpu));
    set(object, "cpus", COUNT(host.cpus));
    set(object, "memory_bytes", COUNT(host.memory_bytes));
    set(object, "load", json_real(host.load));
    set(object, "time", text_of(host.time));
    return object;
}

static json_t *cluster_of(const struct bench_usage *usage)
{
    json_t *object = json_object();

    set(object, "name", text_of(usage->cluster));
    set(object, "partitions", COUNT(usage->partitions));
    set(object, "nodes", COUNT(usage->node_count));
    return object;
}

static json_t *root_of(const struct bench_settings *settings, const struct bench_result *result)
{
    json_t *root;

    json_set_alloc_funcs(kv_alloc, kv_free);
    root = json_object();
    set(root, "tool", json_string("kvbench"));
    set(root, "schema", COUNT(BENCH_REPORT_SCHEMA));
    set(root, "version", json_string(BENCH_VERSION));
    set(root, "host", host_of());
    set(root, "settings", settings_of(settings));
    set(root, "cluster", result->before.node_count > 0 ? cluster_of(&result->before) : json_null());
    set(root, "interrupted", json_boolean(result->interrupted));
    set(root, "load", phase_of(settings, &result->load));
    set(root, "calibrated", result->calibrated > 0 ? json_real(result->calibrated) : json_null());
    set(root, "search", search_of(settings, &result->search));
    set(root, "run", phase_of(settings, &result->run));
    set(root, "faults", faults_of(settings, result->faults));
    set(root, "log", log_of(result));
    return root;
}

void bench_report_html(FILE *out, const struct bench_settings *settings,
                       const struct bench_result *result)
{
    static const char *const names[] = {"this run"};
    json_t *root = root_of(settings, result);

    page_write(out, &root, names, 1);
    json_decref(root);
}

void bench_report_json(FILE *out, const struct bench_settings *settings,
                       const struct bench_result *result)
{
    json_t *root = root_of(settings, result);

    if (json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0) {
        fputs("kvbench: the report could not be written\n", stderr);
    }
    fputc('\n', out);
    json_decref(root);
}
