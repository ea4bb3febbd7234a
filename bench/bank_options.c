/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of kvbench bank. */
#include <string.h>

#include "bench/bank.h"
#include "bench/option_table.h"
#include "bench/parse.h"
#include "multicast/base/assert.h"

enum bank_option {
#define X(NAME, name, letter, argument, text) BANK_OPTION_##NAME,
    BANK_OPTION_MAP(X)
#undef X
        BANK_OPTIONS
};

static const struct bench_option_text option_texts[BANK_OPTIONS] = {
#define X(NAME, name, letter, argument, text) {name, letter, argument, 1, text},
    BANK_OPTION_MAP(X)
#undef X
};

static const struct bench_option_table table = {option_texts, BANK_OPTIONS, 1};

/* Settings on their way, and whether help is wanted instead. */
struct parsing {
    struct bank_settings settings;
    bool help;
};

static const char *set(void *context, int option, const char *text)
{
    struct parsing *parsing = context;
    struct bank_settings *settings = &parsing->settings;
    switch ((enum bank_option)option) {
    case BANK_OPTION_ACCOUNTS:
        return bench_option_u32(text, 2, BANK_ACCOUNTS_MAX, &settings->accounts)
                   ? NULL
                   : "a number from 2 to 1000";
    case BANK_OPTION_SECONDS:
        return bench_parse_number(text, 1, BENCH_SECONDS_MAX, &settings->seconds)
                   ? NULL
                   : "a number of seconds from 1 to 86400";
    case BANK_OPTION_CLIENTS:
        return bench_option_u32(text, 1, BANK_CLIENTS_MAX, &settings->clients)
                   ? NULL
                   : "a number from 1 to 1000";
    case BANK_OPTION_AUDITS:
        return bench_option_u32(text, 0, 100, &settings->audits_percent) ? NULL
                                                                         : "a number up to 100";
    case BANK_OPTION_MOVES:
        return bench_option_u32(text, 0, 1000000, &settings->moves_per_second)
                   ? NULL
                   : "a number up to 1000000";
    case BANK_OPTION_POLICY:
        return bench_parse_policy(text, &settings->policy) ? NULL : "exchange, move or borrow";
    case BANK_OPTION_PREFIX:
        settings->prefix = text;
        return strlen(text) <= BANK_PREFIX_BYTES_MAX ? NULL : "of at most 40 bytes";
    case BANK_OPTION_SEED:
        return bench_parse_number(text, 0, UINT64_MAX, &settings->seed) ? NULL
                                                                        : "a number of 64 bits";
    case BANK_OPTION_TIMEOUT:
        return bench_parse_time(text, &settings->timeout_ms) ? NULL
                                                             : "a time with its unit: 500ms or 5s";
    case BANK_OPTION_HISTORY:
        settings->history = text;
        return NULL;
    case BANK_OPTION_ENDPOINTS:
        settings->endpoints = text;
        return NULL;
    case BANK_OPTION_CLUSTER:
        settings->cluster = text;
        return NULL;
    case BANK_OPTION_OUTPUT:
        settings->json = strcmp(text, "json") == 0;
        return settings->json || strcmp(text, "plain") == 0 ? NULL : "plain or json";
    case BANK_OPTION_PAIRS:
        settings->pairs = true;
        return NULL;
    case BANK_OPTION_PROGRESS:
        settings->progress = true;
        return NULL;
    case BANK_OPTION_HELP:
        parsing->help = true;
        return NULL;
    case BANK_OPTIONS:
        break;
    }
    KV_UNREACHABLE();
}

bool bank_options_parse(int argc, char *const *argv, struct bank_settings *ret, bool *help,
                        char error[BENCH_ERROR_BYTES])
{
    struct parsing parsing = {.settings = {.accounts = 64,
                                           .seconds = 10,
                                           .clients = 16,
                                           .audits_percent = 5,
                                           .moves_per_second = 10,
                                           .prefix = "account:",
                                           .seed = 1,
                                           .timeout_ms = 5000}};
    if (!bench_option_table_read_all(&table, argc, argv, set, &parsing, error)) {
        return false;
    }
    *ret = parsing.settings;
    *help = parsing.help;
    return true;
}

void bank_options_help(FILE *out)
{
    fputs("usage: kvbench bank [options]\n\n"
          "Transfers money between accounts on all partitions, moves the accounts while it does, "
          "and checks\n"
          "every answer. Exit status 1 if they cannot all be true.\n\n",
          out);
    bench_option_table_help(&table, out);
}
