/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of kvbench counter and kvbench chirper. */
#include <string.h>

#include "bench/option_table.h"
#include "bench/parse.h"
#include "bench/service.h"
#include "multicast/base/assert.h"

#define COUNTER SERVICE_COUNTER
#define CHIRPER SERVICE_CHIRPER
#define BOTH    (SERVICE_COUNTER | SERVICE_CHIRPER)

enum service_option {
#define X(NAME, name, letter, argument, kinds, text) SERVICE_OPTION_##NAME,
    SERVICE_OPTION_MAP(X)
#undef X
        SERVICE_OPTIONS
};

static const struct bench_option_text option_texts[SERVICE_OPTIONS] = {
#define X(NAME, name, letter, argument, kinds, text) {name, letter, argument, kinds, text},
    SERVICE_OPTION_MAP(X)
#undef X
};

/* Settings on their way, and whether help is wanted instead. */
struct parsing {
    struct service_settings settings;
    bool help;
};

static const char *set(void *context, int option, const char *text)
{
    struct parsing *parsing = context;
    struct service_settings *settings = &parsing->settings;

    switch ((enum service_option)option) {
    case SERVICE_OPTION_COUNTERS:
        return bench_option_u32(text, 2, SERVICE_COUNTERS_MAX, &settings->counters)
                   ? NULL
                   : "a number from 2 to 1000";
    case SERVICE_OPTION_USERS:
        return bench_option_u32(text, 2, SERVICE_USERS_MAX, &settings->users)
                   ? NULL
                   : "a number from 2 to 20000";
    case SERVICE_OPTION_FOLLOWS:
        return bench_option_u32(text, 1, SERVICE_FOLLOWS_MAX, &settings->follows)
                   ? NULL
                   : "a number from 1 to 100";
    case SERVICE_OPTION_LOCALITY:
        return bench_parse_percent(text, &settings->locality_percent) ? NULL
                                                                      : "a percentage: 0 to 100";
    case SERVICE_OPTION_MULTI:
        return bench_parse_percent(text, &settings->multi_percent) ? NULL
                                                                   : "a percentage: 0 to 100";
    case SERVICE_OPTION_SECONDS:
        return bench_parse_number(text, 1, BENCH_SECONDS_MAX, &settings->seconds)
                   ? NULL
                   : "a number of seconds from 1 to 86400";
    case SERVICE_OPTION_CLIENTS:
        return bench_option_u32(text, 1, SERVICE_CLIENTS_MAX, &settings->clients)
                   ? NULL
                   : "a number from 1 to 1000";
    case SERVICE_OPTION_AT:
        return settings->fault_count < BENCH_FAULTS_MAX &&
                       bench_fault_parse(text, &settings->faults[settings->fault_count++])
                   ? NULL
                   : "a time, what to do and a node: 10s kill 1 (or restart, pause, resume)";
    case SERVICE_OPTION_POLICY:
        return bench_parse_policy(text, &settings->policy) ? NULL : "exchange, move or borrow";
    case SERVICE_OPTION_PREFIX:
        settings->prefix = text;
        return strlen(text) <= SERVICE_PREFIX_BYTES_MAX ? NULL : "of at most 40 bytes";
    case SERVICE_OPTION_SEED:
        return bench_parse_number(text, 0, UINT64_MAX, &settings->seed) ? NULL
                                                                        : "a number of 64 bits";
    case SERVICE_OPTION_TIMEOUT:
        return bench_parse_time(text, &settings->timeout_ms) ? NULL
                                                             : "a time with its unit: 500ms or 5s";
    case SERVICE_OPTION_ENDPOINTS:
        settings->endpoints = text;
        return NULL;
    case SERVICE_OPTION_CLUSTER:
        settings->cluster = text;
        return NULL;
    case SERVICE_OPTION_OUTPUT:
        settings->json = strcmp(text, "json") == 0;
        return settings->json || strcmp(text, "plain") == 0 ? NULL : "plain or json";
    case SERVICE_OPTION_PROGRESS:
        settings->progress = true;
        return NULL;
    case SERVICE_OPTION_HELP:
        parsing->help = true;
        return NULL;
    case SERVICE_OPTIONS:
        break;
    }
    KV_UNREACHABLE();
}

static struct bench_option_table table_of(enum service_kind kind)
{
    return (struct bench_option_table){option_texts, SERVICE_OPTIONS, kind};
}

bool service_options_parse(enum service_kind kind, int argc, char *const *argv,
                           struct service_settings *ret, bool *help, char error[BENCH_ERROR_BYTES])
{
    const struct bench_option_table table = table_of(kind);
    struct parsing parsing = {.settings = {.kind = kind,
                                           .counters = 64,
                                           .users = 1000,
                                           .follows = 8,
                                           .locality_percent = 90,
                                           .multi_percent = 10,
                                           .seconds = 10,
                                           .clients = 16,
                                           .prefix = kind == COUNTER ? "counter:" : "chirper:",
                                           .seed = 1,
                                           .timeout_ms = 5000}};

    if (!bench_option_table_read_all(&table, argc, argv, set, &parsing, error)) {
        return false;
    }
    bench_faults_sort(parsing.settings.faults, parsing.settings.fault_count);
    *ret = parsing.settings;
    *help = parsing.help;
    return true;
}

void service_options_help(enum service_kind kind, FILE *out)
{
    fputs(kind == SERVICE_COUNTER
              ? "usage: kvbench counter [options]\n\n"
                "Counts, and checks that every count that was answered was done exactly once.\n\n"
              : "usage: kvbench chirper [options]\n\n"
                "A social network: 85 % timelines, 7.5 % posts, 3.75 % follow, 3.75 % unfollow; "
                "checks every\n"
                "timeline, and in the end who follows whom.\n\n",
          out);
    const struct bench_option_table table = table_of(kind);
    bench_option_table_help(&table, out);
    fputs("\nExit status: 0 all answers can be true, 1 they cannot, 2 wrong usage, 5 the cluster "
          "cannot be\nreached, 130 interrupted.\n",
          out);
}
