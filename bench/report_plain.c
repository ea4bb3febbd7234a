/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of YCSB's text exporter. */
#include "bench/report.h"

#define COUNT(number) ((unsigned long long)(number))

static void write_latencies(FILE *out, const char *name, const char *suffix,
                            const struct bench_histogram *histogram)
{
    fprintf(out, "[%s%s], Operations, %llu\n", name, suffix, COUNT(histogram->count));
    fprintf(out, "[%s%s], AverageLatency(us), %.3f\n", name, suffix,
            bench_histogram_mean(histogram));
    fprintf(out, "[%s%s], MinLatency(us), %llu\n", name, suffix, COUNT(histogram->min));
    fprintf(out, "[%s%s], MaxLatency(us), %llu\n", name, suffix, COUNT(histogram->max));
#define X(per_myriad, plain, json)                                                                 \
    fprintf(out, "[%s%s], " plain "PercentileLatency(us), %llu\n", name, suffix,                   \
            COUNT(bench_histogram_quantile(histogram, per_myriad)));
    BENCH_QUANTILE_MAP(X)
#undef X
}

static void write_series(FILE *out, const char *name, const struct bench_series *series)
{
    if (series->ok.count + series->failed.count == 0) {
        return;
    }
    write_latencies(out, name, "", &series->ok);
    for (enum bench_outcome outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
        if (series->outcomes[outcome] > 0) {
            fprintf(out, "[%s], Return=%s, %llu\n", name, bench_outcome_name(outcome),
                    COUNT(series->outcomes[outcome]));
        }
    }
    if (series->failed.count > 0) {
        write_latencies(out, name, "-FAILED", &series->failed);
    }
}

static void write_phase(FILE *out, const char *section, const struct bench_phase *phase)
{
    fprintf(out, "[%s], RunTime(ms), %llu\n", section, COUNT(phase->runtime_us / 1000));
    fprintf(out, "[%s], Throughput(ops/sec), %.3f\n", section, bench_throughput(phase));
    if (phase->rate > 0) {
        fprintf(out, "[%s], Rate(ops/sec), %.3f\n", section, phase->rate);
    }
    fprintf(out, "[%s], Operations, %llu\n", section, COUNT(phase->measures.operations));
    fprintf(out, "[%s], Failed, %llu\n", section, COUNT(phase->measures.failed));
    if (phase->measures.unsent > 0) {
        fprintf(out, "[%s], Unsent, %llu\n", section, COUNT(phase->measures.unsent));
    }
}

/* Rate, throughput, the bound's quantile, median, 99th percentile, and whether the bound was kept. */
static void write_search(FILE *out, const struct bench_search *search)
{
    for (uint32_t i = 0; i < search->count; i++) {
        const struct bench_trial *trial = &search->trials[i];

        fprintf(out, "[SEARCH], %.0f, %.0f, %llu, %llu, %llu, %s\n", trial->rate, trial->throughput,
                COUNT(trial->bound_us), COUNT(trial->p50_us), COUNT(trial->p99_us),
                trial->kept ? "kept" : "not kept");
    }
    if (search->count > 0) {
        fprintf(out, "[SEARCH], Max(ops/sec), %.0f\n", search->low);
    }
}

/* Second, operations, failed, median, 99th percentile, maximum. */
static void write_timeline(FILE *out, const struct bench_settings *settings,
                           const struct bench_timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct bench_interval *interval = &timeline->intervals[i];

        fprintf(out, "[TIMELINE], %llu, %llu, %llu, %llu, %llu, %llu\n",
                COUNT(i * bench_interval_seconds(settings->seconds)), COUNT(interval->operations),
                COUNT(interval->failed), COUNT(bench_interval_quantile(interval, 5000)),
                COUNT(bench_interval_quantile(interval, 9900)), COUNT(interval->max_us));
    }
}

static void write_log(FILE *out, const struct bench_result *result)
{
    double operations = (double)result->run.measures.operations;
    double ordered = (double)result->run.measures.ordered;

    if (!result->has_usage) {
        fprintf(out, "[LOG], Unknown, a node did not answer or has restarted\n");
        return;
    }
    fprintf(out, "[LOG], Syncs, %llu\n", COUNT(result->syncs));
    fprintf(out, "[LOG], Bytes, %llu\n", COUNT(result->bytes));
    fprintf(out, "[LOG], OrderedOperations, %llu\n", COUNT(result->run.measures.ordered));
    if (operations > 0) {
        fprintf(out, "[LOG], SyncsPerOperation, %.4f\n", (double)result->syncs / operations);
        fprintf(out, "[LOG], BytesPerOperation, %.1f\n", (double)result->bytes / operations);
    }
    if (ordered > 0) {
        fprintf(out, "[LOG], SyncsPerOrderedOperation, %.4f\n", (double)result->syncs / ordered);
        fprintf(out, "[LOG], BytesPerOrderedOperation, %.1f\n", (double)result->bytes / ordered);
    }
}

/* Second that it began, what, how long it took, and how it ended. */
static void write_faults(FILE *out, const struct bench_settings *settings,
                         const struct bench_fault_result *results)
{
    for (uint32_t i = 0; i < settings->fault_count; i++) {
        const struct bench_fault *fault = &settings->faults[i];
        const struct bench_fault_result *result = &results[i];
        const char *name = bench_fault_name(fault->verb);

        if (!result->done) {
            fprintf(out, "[FAULT], %.3f, %s %u, the run had ended\n", (double)fault->at_ms / 1e3,
                    name, fault->node);
            continue;
        }
        fprintf(out, "[FAULT], %.3f, %s %u, %.3f, %s\n", (double)result->began_us / 1e6, name,
                fault->node, (double)(result->ended_us - result->began_us) / 1e6,
                result->status == 0 ? "done" : "failed");
    }
}

void bench_report_plain(FILE *out, const struct bench_settings *settings,
                        const struct bench_result *result)
{
    const struct bench_phase *phase = &result->run;

    if (settings->load_only) {
        phase = &result->load;
    } else if (result->load.done) {
        write_phase(out, "LOAD", &result->load);
    }
    if (result->calibrated > 0) {
        fprintf(out, "[CALIBRATION], Throughput(ops/sec), %.3f\n", result->calibrated);
    }
    write_search(out, &result->search);
    if (!phase->done) {
        return;
    }
    write_phase(out, "OVERALL", phase);
    for (enum bench_op op = 0; op < BENCH_OPS; op++) {
        write_series(out, bench_op_name(op), &phase->measures.series[op]);
        if (phase->measures.service[op].count > 0) {
            write_latencies(out, bench_op_name(op), "-SERVICE", &phase->measures.service[op]);
        }
    }
    write_series(out, "MULTI-PARTITION", &phase->measures.multi);
    if (phase == &result->run) {
        write_faults(out, settings, result->faults);
    }
    if (settings->timeline) {
        write_timeline(out, settings, &phase->measures.timeline);
    }
    if (phase == &result->run && result->before.node_count > 0) {
        write_log(out, result);
    }
}
