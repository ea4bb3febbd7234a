/* SPDX-License-Identifier: Apache-2.0 */
/* What the bank has done, as lines or as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "bench/bank.h"

static const char *policy_name(kv_policy policy)
{
    switch (policy) {
    case KV_POLICY_MOVE:
        return "move";
    case KV_POLICY_BORROW:
        return "borrow";
    case KV_POLICY_DEFAULT:
    case KV_POLICY_EXCHANGE:
        break;
    }
    return "exchange";
}

static double per(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static void report_series(FILE *out, const char *name, const struct bench_series *series)
{
    fprintf(out,
            "%-10s %10" PRIu64 " ok, p50 %" PRIu64 " us, p95 %" PRIu64 " us, p99 %" PRIu64
            " us, max %" PRIu64 " us\n",
            name, series->ok.count, bench_histogram_quantile(&series->ok, 5000),
            bench_histogram_quantile(&series->ok, 9500),
            bench_histogram_quantile(&series->ok, 9900), series->ok.max);
    for (int outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
        if (outcome != BENCH_OUTCOME_OK && series->outcomes[outcome] > 0) {
            fprintf(out, "%-10s %10" PRIu64 " %s\n", "", series->outcomes[outcome],
                    bench_outcome_name((enum bench_outcome)outcome));
        }
    }
}

static void report_plain(FILE *out, const struct bank_settings *settings,
                         const struct bank_result *result)
{
    const uint64_t answered = result->transfers.ok.count + result->audits.ok.count;
    fprintf(out, "policy %s, %u accounts, %u clients, %.1f s\n", policy_name(settings->policy),
            settings->accounts, settings->clients, (double)result->runtime_us / 1e6);
    report_series(out, "transfers", &result->transfers);
    report_series(out, "audits", &result->audits);
    fprintf(out,
            "%-10s %10" PRIu64 " accounts in %" PRIu64 " operations, %" PRIu64 " of them failed\n",
            "moved", result->moved, result->moves, result->move_failures);
    fprintf(out, "%-10s %10.2f partitions, %.3f oracles, %.0f/s\n", "a transfer",
            per(result->partitions_touched, result->transfers.ok.count),
            per(result->oracle_transfers, result->transfers.ok.count),
            1e6 * per(result->transfers.ok.count, result->runtime_us));
    if (result->messages > 0) {
        fprintf(out, "%-10s %10.1f messages between members, %.2f syncs\n", "an answer",
                per(result->messages, answered), per(result->syncs, answered));
    }
    fprintf(out,
            "%-10s %10" PRIu64 " operations, %" PRIu64 " audits, %" PRIu64
            " transfers with unknown outcome, %" PRIu64 " versions by them: %s\n",
            "ledger", result->verdict.operations, result->verdict.audits, result->verdict.unknown,
            result->verdict.unknown_versions,
            result->verdict.wrong ? result->verdict.text
                                  : "strictly serializable, the total is right");
}

static json_t *series_json(const struct bench_series *series)
{
    json_t *json = json_object();
    json_object_set_new(json, "ok", json_integer((json_int_t)series->ok.count));
    json_object_set_new(json, "p50_us",
                        json_integer((json_int_t)bench_histogram_quantile(&series->ok, 5000)));
    json_object_set_new(json, "p95_us",
                        json_integer((json_int_t)bench_histogram_quantile(&series->ok, 9500)));
    json_object_set_new(json, "p99_us",
                        json_integer((json_int_t)bench_histogram_quantile(&series->ok, 9900)));
    json_object_set_new(json, "max_us", json_integer((json_int_t)series->ok.max));
    for (int outcome = 0; outcome < BENCH_OUTCOMES; outcome++) {
        if (outcome != BENCH_OUTCOME_OK && series->outcomes[outcome] > 0) {
            json_object_set_new(json, bench_outcome_name((enum bench_outcome)outcome),
                                json_integer((json_int_t)series->outcomes[outcome]));
        }
    }
    return json;
}

static void report_json(FILE *out, const struct bank_settings *settings,
                        const struct bank_result *result)
{
    const uint64_t answered = result->transfers.ok.count + result->audits.ok.count;
    json_t *json = json_object();
    json_object_set_new(json, "policy", json_string(policy_name(settings->policy)));
    json_object_set_new(json, "accounts", json_integer(settings->accounts));
    json_object_set_new(json, "clients", json_integer(settings->clients));
    json_object_set_new(json, "runtime_us", json_integer((json_int_t)result->runtime_us));
    json_object_set_new(json, "transfers", series_json(&result->transfers));
    json_object_set_new(json, "refused", json_integer((json_int_t)result->refused));
    json_object_set_new(json, "audits", series_json(&result->audits));
    json_object_set_new(json, "moved", json_integer((json_int_t)result->moved));
    json_object_set_new(json, "move_failures", json_integer((json_int_t)result->move_failures));
    json_object_set_new(json, "partitions_per_transfer",
                        json_real(per(result->partitions_touched, result->transfers.ok.count)));
    json_object_set_new(json, "messages_per_answer", json_real(per(result->messages, answered)));
    json_object_set_new(json, "syncs_per_answer", json_real(per(result->syncs, answered)));
    json_object_set_new(json, "ledger_operations",
                        json_integer((json_int_t)result->verdict.operations));
    json_object_set_new(json, "unknown", json_integer((json_int_t)result->verdict.unknown));
    json_object_set_new(json, "unknown_versions",
                        json_integer((json_int_t)result->verdict.unknown_versions));
    json_object_set_new(json, "correct", json_boolean(!result->verdict.wrong));
    json_object_set_new(json, "text", json_string(result->verdict.text));
    json_object_set_new(json, "client", json_loads(result->stats, 0, NULL));
    json_dumpf(json, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(json);
}

void bank_report(FILE *out, const struct bank_settings *settings, const struct bank_result *result)
{
    (settings->json ? report_json : report_plain)(out, settings, result);
}
