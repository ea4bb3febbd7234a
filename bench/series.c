/* SPDX-License-Identifier: Apache-2.0 */
/* Counting outcomes. */
#include "bench/series.h"

#include "multicast/base/assert.h"

enum bench_outcome bench_outcome_of(kv_status status)
{
    switch (status) {
#define X(NAME, code, text)                                                                        \
    case KV_##NAME:                                                                                \
        return BENCH_OUTCOME_##NAME;
        KV_STATUS_MAP(X)
#undef X
    }
    KV_UNREACHABLE();
}

const char *bench_outcome_name(enum bench_outcome outcome)
{
    static const char *const names[BENCH_OUTCOMES] = {
#define X(NAME, code, text) #NAME,
        KV_STATUS_MAP(X)
#undef X
            "CORRUPT",
    };

    KV_ASSERT(outcome < BENCH_OUTCOMES);
    return names[outcome];
}

const char *bench_outcome_text(enum bench_outcome outcome)
{
    static const char *const texts[BENCH_OUTCOMES] = {
#define X(NAME, code, text) text,
        KV_STATUS_MAP(X)
#undef X
            "the answer is not what was written under that key",
    };

    KV_ASSERT(outcome < BENCH_OUTCOMES);
    return texts[outcome];
}

void bench_series_add(struct bench_series *series, enum bench_outcome outcome, uint64_t latency_us)
{
    bool ok = outcome == BENCH_OUTCOME_OK;

    KV_ASSERT(outcome < BENCH_OUTCOMES);
    bench_histogram_add(ok ? &series->ok : &series->failed, latency_us);
    series->outcomes[outcome]++;
}

void bench_series_merge(struct bench_series *series, const struct bench_series *more)
{
    bench_histogram_merge(&series->ok, &more->ok);
    bench_histogram_merge(&series->failed, &more->failed);
    for (int i = 0; i < BENCH_OUTCOMES; i++) {
        series->outcomes[i] += more->outcomes[i];
    }
}

void bench_measures_merge(struct bench_measures *measures, const struct bench_measures *more)
{
    for (int i = 0; i < BENCH_OPS; i++) {
        bench_series_merge(&measures->series[i], &more->series[i]);
        bench_histogram_merge(&measures->service[i], &more->service[i]);
    }
    bench_histogram_merge(&measures->all, &more->all);
    bench_series_merge(&measures->multi, &more->multi);
    bench_timeline_merge(&measures->timeline, &more->timeline);
    measures->unsent += more->unsent;
    measures->operations += more->operations;
    measures->failed += more->failed;
    measures->ordered += more->ordered;
}

void bench_measures_close(struct bench_measures *measures)
{
    bench_timeline_close(&measures->timeline);
}
