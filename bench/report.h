/* SPDX-License-Identifier: Apache-2.0 */
/* report: a result as text: the lines of YCSB, one JSON object, or an HTML page (page.h).
 *
 * Plain lines are "[SECTION], Name, value". Sections OVERALL, READ, UPDATE, ... are those of YCSB with its names; LOAD and LOG
 * are ours. The form of both is stable: docs/bench.md describes it. */
#ifndef KV_BENCH_REPORT_H
#define KV_BENCH_REPORT_H

#include "bench/run.h"

/* X(per ten thousand, "name in plain lines", "name in JSON") */
#define BENCH_QUANTILE_MAP(X)                                                                      \
    X(5000, "50th", "p50_us")                                                                      \
    X(9000, "90th", "p90_us")                                                                      \
    X(9500, "95th", "p95_us")                                                                      \
    X(9900, "99th", "p99_us")                                                                      \
    X(9990, "99.9", "p99_9_us")                                                                    \
    X(9999, "99.99", "p99_99_us")

/* Version of the JSON object's form; it rises when a name goes or changes its meaning. */
#define BENCH_REPORT_SCHEMA 1

void bench_report_plain(FILE *out, const struct bench_settings *settings,
                        const struct bench_result *result);
void bench_report_html(FILE *out, const struct bench_settings *settings,
                       const struct bench_result *result);
void bench_report_json(FILE *out, const struct bench_settings *settings,
                       const struct bench_result *result);

#endif
