/* SPDX-License-Identifier: Apache-2.0 */
/* The options of kvbench run, then the relations between them. */
#include "bench/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bench/parse.h"
#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

static const struct bench_option_text option_texts[BENCH_OPTIONS] = {
#define X(NAME, name, letter, argument, text) {name, letter, argument, 1, text},
    BENCH_OPTION_MAP(X)
#undef X
};

static const struct bench_option_table table = {option_texts, BENCH_OPTIONS, 1};

const char *bench_loop_name(enum bench_loop loop)
{
    return loop == BENCH_LOOP_CLOSED ? "closed" : "open";
}

static bool parse_distribution(const char *text, enum bench_distribution *ret)
{
    for (enum bench_distribution i = 0; i < BENCH_DISTRIBUTIONS; i++) {
        if (strcmp(text, bench_distribution_name(i)) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* Options whose default depends on others: kept apart until all are read. */
struct parsing {
    struct bench_settings settings;
    bool given[BENCH_OPTIONS];
};

/* Options that are a whole number. */
static const struct number_option {
    enum bench_option option;
    uint64_t low, high;
    size_t place;
    size_t bytes; /* of the setting there */
    const char *must_be;
} number_options[] = {
#define PLACE(setting)                                                                             \
    offsetof(struct bench_settings, setting), sizeof((struct bench_settings *)0)->setting
    {BENCH_OPTION_RECORDS, 2, BENCH_RECORDS_MAX, PLACE(records), "a number from 2 to 1000000000"},
    {BENCH_OPTION_SECONDS, 1, BENCH_SECONDS_MAX, PLACE(seconds),
     "a number of seconds from 1 to 86400"},
    {BENCH_OPTION_OPERATIONS, 1, INT64_MAX, PLACE(operations), "a number from 1 on"},
    {BENCH_OPTION_WARMUP, 0, BENCH_SECONDS_MAX, PLACE(warmup_seconds),
     "a number of seconds up to 86400"},
    {BENCH_OPTION_CLIENTS, 1, BENCH_THREADS_MAX *BENCH_CLIENTS_PER_THREAD_MAX, PLACE(clients),
     "a number from 1 to 65536"},
    {BENCH_OPTION_THREADS, 1, BENCH_THREADS_MAX, PLACE(threads), "a number from 1 to 64"},
    {BENCH_OPTION_RATE, 1, BENCH_RATE_MAX, PLACE(rate),
     "a number of operations per second from 1 to 100000000"},
    {BENCH_OPTION_STEP_SECONDS, 1, BENCH_SECONDS_MAX, PLACE(step_seconds),
     "a number of seconds from 1 to 86400"},
    {BENCH_OPTION_FIELDS, 1, BENCH_FIELDS_MAX, PLACE(fields), "a number from 1 to 1000"},
    {BENCH_OPTION_FIELD_BYTES, 0, KV_VALUE_BYTES_MAX, PLACE(field_bytes), "a number up to 1048576"},
    {BENCH_OPTION_VALUE_BYTES, 0, KV_VALUE_BYTES_MAX, PLACE(field_bytes), "a number up to 1048576"},
    {BENCH_OPTION_KEYS, 1, BENCH_KEYS_MAX, PLACE(keys_per_command), "a number from 1 to 64"},
    {BENCH_OPTION_SEED, 0, UINT64_MAX, PLACE(seed), "a number of 64 bits"},
#undef PLACE
};

/* Take one of them. NULL, or what its argument must be. */
static const char *set_number(struct bench_settings *settings, enum bench_option option,
                              const char *text)
{
    for (size_t i = 0; i < sizeof number_options / sizeof number_options[0]; i++) {
        const struct number_option *known = &number_options[i];
        uint8_t *place = (uint8_t *)settings + known->place;
        uint64_t number = 0;
        uint32_t small;

        if (known->option != option) {
            continue;
        }
        if (!bench_parse_number(text, known->low, known->high, &number)) {
            return known->must_be;
        }
        small = (uint32_t)number;
        memcpy(place, known->bytes == sizeof small ? (void *)&small : (void *)&number,
               known->bytes);
        return NULL;
    }
    KV_UNREACHABLE();
}

/* Take one option that has an argument. NULL, or what its argument must be. */
static const char *set_argument(struct parsing *parsing, enum bench_option option, const char *text)
{
    struct bench_settings *settings = &parsing->settings;

    switch (option) {
    case BENCH_OPTION_WORKLOAD:
        settings->workload = bench_workload_find(text);
        return settings->workload != NULL ? NULL : "one of a b c d e f put get";
    case BENCH_OPTION_DRIVER:
        settings->driver_name = text;
        return strcmp(text, "kv") == 0 || strcmp(text, "redis") == 0 ||
                       strcmp(text, "zookeeper") == 0
                   ? NULL
                   : "one of kv redis zookeeper";
    case BENCH_OPTION_FIND_MAX:
        return bench_parse_bound(text, &settings->bound_per_myriad, &settings->bound_us)
                   ? NULL
                   : "a quantile and its time: p99=5ms, p50=800us or p99.9=1s";
    case BENCH_OPTION_ARRIVALS:
        settings->poisson = strcmp(text, "poisson") == 0;
        return settings->poisson || strcmp(text, "constant") == 0 ? NULL : "poisson or constant";
    case BENCH_OPTION_DISTRIBUTION:
        return parse_distribution(text, &settings->distribution)
                   ? NULL
                   : "one of zipfian latest uniform hotspot exponential";
    case BENCH_OPTION_MULTI:
        return bench_parse_percent(text, &settings->multi_percent) ? NULL
                                                                   : "a percentage: 0 to 100";
    case BENCH_OPTION_AT:
        return settings->fault_count < BENCH_FAULTS_MAX &&
                       bench_fault_parse(text, &settings->faults[settings->fault_count++])
                   ? NULL
                   : "a time, what to do and a node: 10s kill 1 (or restart, pause, resume)";
    case BENCH_OPTION_TIMEOUT:
        return bench_parse_time(text, &settings->timeout_ms) ? NULL
                                                             : "a time with its unit: 500ms or 5s";
    case BENCH_OPTION_ENDPOINTS:
        settings->endpoints = text;
        return NULL;
    case BENCH_OPTION_CLUSTER:
        settings->cluster = text;
        return NULL;
    case BENCH_OPTION_OUTPUT:
        settings->json = strcmp(text, "json") == 0;
        settings->html = strcmp(text, "html") == 0;
        return settings->json || settings->html || strcmp(text, "plain") == 0
                   ? NULL
                   : "plain, json or html";
    case BENCH_OPTION_RECORDS:
    case BENCH_OPTION_SECONDS:
    case BENCH_OPTION_OPERATIONS:
    case BENCH_OPTION_WARMUP:
    case BENCH_OPTION_CLIENTS:
    case BENCH_OPTION_THREADS:
    case BENCH_OPTION_RATE:
    case BENCH_OPTION_STEP_SECONDS:
    case BENCH_OPTION_FIELDS:
    case BENCH_OPTION_FIELD_BYTES:
    case BENCH_OPTION_VALUE_BYTES:
    case BENCH_OPTION_KEYS:
    case BENCH_OPTION_SEED:
        return set_number(settings, option, text);
    case BENCH_OPTION_NO_LOAD:
    case BENCH_OPTION_LOAD_ONLY:
    case BENCH_OPTION_TIMELINE:
    case BENCH_OPTION_PINNED:
    case BENCH_OPTION_CLOSED:
    case BENCH_OPTION_PROGRESS:
    case BENCH_OPTION_HELP:
    case BENCH_OPTION_VERSION:
    case BENCH_OPTIONS:
        break;
    }
    KV_UNREACHABLE();
}

static void set_switch(struct bench_settings *settings, enum bench_option option)
{
    settings->no_load |= option == BENCH_OPTION_NO_LOAD;
    settings->load_only |= option == BENCH_OPTION_LOAD_ONLY;
    settings->timeline |= option == BENCH_OPTION_TIMELINE;
    settings->pinned |= option == BENCH_OPTION_PINNED;
    settings->progress |= option == BENCH_OPTION_PROGRESS;
}

/* The fields of a value. NULL, or what does not fit together. */
static const char *complete_value(struct parsing *parsing)
{
    struct bench_settings *settings = &parsing->settings;

    if (parsing->given[BENCH_OPTION_VALUE_BYTES] &&
        (parsing->given[BENCH_OPTION_FIELDS] || parsing->given[BENCH_OPTION_FIELD_BYTES])) {
        return "--value-bytes is one field: it does not go with --fields or --field-bytes";
    }
    if (!parsing->given[BENCH_OPTION_FIELDS]) {
        settings->fields =
            parsing->given[BENCH_OPTION_VALUE_BYTES] ? 1 : settings->workload->fields;
    }
    if (settings->fields > 1 && settings->field_bytes < BENCH_FIELD_BYTES_MIN) {
        return "--field-bytes of several fields: at least 14";
    }
    if (settings->fields * settings->field_bytes > KV_VALUE_BYTES_MAX) {
        return "more than 1048576 bytes of --fields";
    }
    return NULL;
}

/* Open or closed, and how many clients. NULL, or what does not fit together. */
static const char *complete_loop(struct parsing *parsing)
{
    struct bench_settings *settings = &parsing->settings;

    if (parsing->given[BENCH_OPTION_RATE]) {
        settings->loop = BENCH_LOOP_RATE;
    } else if (parsing->given[BENCH_OPTION_FIND_MAX]) {
        settings->loop = BENCH_LOOP_SEARCH;
    }
    if (parsing->given[BENCH_OPTION_CLOSED] && settings->loop != BENCH_LOOP_AUTO) {
        return "--closed has no rate: it does not go with --rate and --find-max";
    }
    if (settings->rate > 0 && settings->bound_us > 0) {
        return "--find-max looks for the rate: it does not go with --rate";
    }
    if (parsing->given[BENCH_OPTION_STEP_SECONDS] && settings->loop != BENCH_LOOP_SEARCH) {
        return "--step-seconds are those of --find-max";
    }
    if (settings->loop == BENCH_LOOP_AUTO &&
        (parsing->given[BENCH_OPTION_CLOSED] || parsing->given[BENCH_OPTION_CLIENTS])) {
        settings->loop = BENCH_LOOP_CLOSED;
    }
    if (settings->loop == BENCH_LOOP_CLOSED && parsing->given[BENCH_OPTION_ARRIVALS]) {
        return "--arrivals are those of an open loop: give its --rate";
    }
    if (!parsing->given[BENCH_OPTION_CLIENTS] && settings->loop != BENCH_LOOP_CLOSED) {
        settings->clients = settings->threads * BENCH_CLIENTS_PER_THREAD_MAX;
    }
    return NULL;
}

/* Clients and threads. NULL, or what does not fit together. */
static const char *complete_clients(const struct bench_settings *settings)
{
    if (settings->threads > settings->clients) {
        return "more --threads than --clients: a thread needs a client to run";
    }
    if ((settings->clients + settings->threads - 1) / settings->threads >
        BENCH_CLIENTS_PER_THREAD_MAX) {
        return "more than 1024 --clients per thread: give more --threads";
    }
    return NULL;
}

/* What another system than this one does not have. */
static const char *complete_foreign(const struct bench_settings *settings)
{
    if (settings->endpoints == NULL) {
        return "--driver needs --endpoints";
    }
    if (settings->fault_count > 0) {
        return "--at is for clusters of kvctl: it does not go with --driver";
    }
    if (settings->has_multi || settings->pinned) {
        return "--multi and --pinned are for partitions: they do not go with --driver";
    }
    return settings->workload->share[BENCH_SCAN] > 0 ? "--driver has no scans" : NULL;
}

/* Fill in what depends on other options. NULL, or what does not fit together. */
static const char *complete(struct parsing *parsing)
{
    struct bench_settings *settings = &parsing->settings;
    const char *wrong;

    settings->has_multi = parsing->given[BENCH_OPTION_MULTI];
    if (!parsing->given[BENCH_OPTION_DISTRIBUTION]) {
        settings->distribution = settings->workload->distribution;
    }
    if (!parsing->given[BENCH_OPTION_SECONDS] && settings->operations > 0) {
        settings->seconds = 0;
    }
    if (settings->no_load && settings->load_only) {
        return "--no-load and --load-only leave nothing to do";
    }
    if (settings->has_multi && !parsing->given[BENCH_OPTION_KEYS]) {
        settings->keys_per_command = 2;
    }
    if (settings->multi_percent > 0 && settings->keys_per_command < 2) {
        return "--multi needs --keys-per-command of two or more";
    }
    if (strcmp(settings->driver_name, "kv") != 0) {
        wrong = complete_foreign(settings);
        if (wrong != NULL) {
            return wrong;
        }
    }
    wrong = complete_value(parsing);
    if (wrong == NULL) {
        wrong = complete_loop(parsing);
    }
    bench_faults_sort(settings->faults, settings->fault_count);
    return wrong != NULL ? wrong : complete_clients(settings);
}

static const char *set(void *context, int number, const char *text)
{
    struct parsing *parsing = context;
    const enum bench_option option = (enum bench_option)number;

    parsing->given[option] = true;
    if (option == BENCH_OPTION_HELP || option == BENCH_OPTION_VERSION) {
        return bench_option_stop;
    }
    if (text == NULL) {
        set_switch(&parsing->settings, option);
        return NULL;
    }
    return set_argument(parsing, option, text);
}

/* What stands there as a command: "run", "help", or only options. */
static enum bench_command check_command(int count, char *const *words,
                                        char error[BENCH_ERROR_BYTES])
{
    if (count == 0) {
        snprintf(error, BENCH_ERROR_BYTES, "what to do? Try: kvbench run, or kvbench help");
        return BENCH_COMMAND_INVALID;
    }
    if (count > 1) {
        snprintf(error, BENCH_ERROR_BYTES, "\"%.60s\" is one argument too many", words[1]);
        return BENCH_COMMAND_INVALID;
    }
    if (strcmp(words[0], "help") == 0) {
        return BENCH_COMMAND_HELP;
    }
    if (strcmp(words[0], "run") != 0) {
        snprintf(error, BENCH_ERROR_BYTES, "there is no command \"%.60s\": try run or help",
                 words[0]);
        return BENCH_COMMAND_INVALID;
    }
    return BENCH_COMMAND_RUN;
}

enum bench_command bench_options_parse(int argc, char *const *argv, struct bench_settings *ret,
                                       char error[BENCH_ERROR_BYTES])
{
    struct parsing parsing = {.settings = {.workload = bench_workload_find("a"),
                                           .driver_name = "kv",
                                           .records = 10000,
                                           .seconds = 10,
                                           .clients = 16,
                                           .threads = 1,
                                           .poisson = true,
                                           .step_seconds = 3,
                                           .field_bytes = 100,
                                           .keys_per_command = 1,
                                           .seed = 1,
                                           .timeout_ms = 5000}};
    enum bench_command command;
    const char *why;
    const int rest = bench_option_table_read(&table, argc, argv, set, &parsing, error);

    if (rest == 0) {
        return BENCH_COMMAND_INVALID;
    }
    if (parsing.given[BENCH_OPTION_HELP]) {
        return BENCH_COMMAND_HELP;
    }
    if (parsing.given[BENCH_OPTION_VERSION]) {
        return BENCH_COMMAND_VERSION;
    }
    command = check_command(argc - rest, argv + rest, error);
    if (command != BENCH_COMMAND_RUN) {
        return command;
    }
    why = complete(&parsing);
    if (why != NULL) {
        snprintf(error, BENCH_ERROR_BYTES, "%s", why);
        return BENCH_COMMAND_INVALID;
    }
    *ret = parsing.settings;
    return BENCH_COMMAND_RUN;
}

void bench_options_help(FILE *out)
{
    fputs("usage: kvbench run [options]\n"
          "       kvbench bank | counter | chirper [options]    (see kvbench bank --help)\n"
          "       kvbench report FILE... >PAGE.html    (of results in JSON)\n"
          "Load records into a cluster, run a workload on them, and report throughput and "
          "latency.\n\n"
          "Workloads:\n",
          out);
    for (const struct bench_workload *workload = bench_workloads; workload->name != NULL;
         workload++) {
        fprintf(out, "  %-5s %s (%s)\n", workload->name, workload->meaning,
                bench_distribution_name(workload->distribution));
    }
    fputs("\nOptions:\n", out);
    bench_option_table_help(&table, out);
    fputs(
        "\nExit status: 0 all operations succeeded, 1 some failed (the report says how many and\n"
        "why), 2 wrong usage, 5 the cluster cannot be reached, 130 interrupted (the report covers\n"
        "what was done).\n",
        out);
}
