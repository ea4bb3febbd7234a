/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of kvbench bank: getopt_long over the table. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bank.h"
#include "bench/parse.h"
#include "multicast/base/assert.h"

#define OPTION_BASE 256

enum bank_option {
#define X(NAME, name, letter, argument, text) BANK_OPTION_##NAME,
    BANK_OPTION_MAP(X)
#undef X
        BANK_OPTIONS
};

static const struct option_text {
    const char *name;
    char letter;
    const char *argument;
    const char *text;
} option_texts[BANK_OPTIONS] = {
#define X(NAME, name, letter, argument, text) {name, letter, argument, text},
    BANK_OPTION_MAP(X)
#undef X
};

static bool parse_u32(const char *text, uint32_t low, uint32_t high, uint32_t *ret)
{
    uint64_t number = 0;
    if (!bench_parse_number(text, low, high, &number)) {
        return false;
    }
    *ret = (uint32_t)number;
    return true;
}

/* NULL, or what the argument must be. */
static const char *set(struct bank_settings *settings, enum bank_option option, const char *text)
{
    switch (option) {
    case BANK_OPTION_ACCOUNTS:
        return parse_u32(text, 2, BANK_ACCOUNTS_MAX, &settings->accounts)
                   ? NULL
                   : "a number from 2 to 1000";
    case BANK_OPTION_SECONDS:
        return bench_parse_number(text, 1, BENCH_SECONDS_MAX, &settings->seconds)
                   ? NULL
                   : "a number of seconds from 1 to 86400";
    case BANK_OPTION_CLIENTS:
        return parse_u32(text, 1, BANK_CLIENTS_MAX, &settings->clients) ? NULL
                                                                        : "a number from 1 to 1000";
    case BANK_OPTION_AUDITS:
        return parse_u32(text, 0, 100, &settings->audits_percent) ? NULL : "a number up to 100";
    case BANK_OPTION_MOVES:
        return parse_u32(text, 0, 1000000, &settings->moves_per_second) ? NULL
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
    case BANK_OPTION_PROGRESS:
    case BANK_OPTION_HELP:
    case BANK_OPTIONS:
        break;
    }
    KV_UNREACHABLE();
}

static void make_tables(struct option longs[BANK_OPTIONS + 1], char letters[2 * BANK_OPTIONS + 2])
{
    *letters++ = ':';
    for (int i = 0; i < BANK_OPTIONS; i++) {
        const bool has_argument = option_texts[i].argument != NULL;
        longs[i] =
            (struct option){option_texts[i].name, has_argument ? required_argument : no_argument,
                            NULL, OPTION_BASE + i};
        if (option_texts[i].letter != 0) {
            *letters++ = option_texts[i].letter;
            if (has_argument) {
                *letters++ = ':';
            }
        }
    }
    longs[BANK_OPTIONS] = (struct option){0};
    *letters = '\0';
}

/* The option that getopt_long has found; BANK_OPTIONS: none. */
static enum bank_option option_of(int found)
{
    for (int i = 0; i < BANK_OPTIONS; i++) {
        if (found == OPTION_BASE + i || (found < OPTION_BASE && option_texts[i].letter == found)) {
            return (enum bank_option)i;
        }
    }
    return BANK_OPTIONS;
}

bool bank_options_parse(int argc, char *const *argv, struct bank_settings *ret, bool *help,
                        char error[BENCH_ERROR_BYTES])
{
    struct option longs[BANK_OPTIONS + 1];
    char letters[2 * BANK_OPTIONS + 2];
    int found;
    *help = false;
    *ret = (struct bank_settings){.accounts = 64,
                                  .seconds = 10,
                                  .clients = 16,
                                  .audits_percent = 5,
                                  .moves_per_second = 10,
                                  .prefix = "account:",
                                  .seed = 1,
                                  .timeout_ms = 5000};
    make_tables(longs, letters);
    optind = 1;
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const enum bank_option option = option_of(found);
        if (option == BANK_OPTIONS) {
            snprintf(error, BENCH_ERROR_BYTES,
                     "%s: unknown, or without its argument; see 'kvbench bank --help'",
                     argv[optind - 1]);
            return false;
        }
        if (option_texts[option].argument == NULL) {
            *help = *help || option == BANK_OPTION_HELP;
            ret->pairs = ret->pairs || option == BANK_OPTION_PAIRS;
            ret->progress = ret->progress || option == BANK_OPTION_PROGRESS;
            continue;
        }
        const char *wanted = set(ret, option, optarg);
        if (wanted != NULL) {
            snprintf(error, BENCH_ERROR_BYTES, "--%s must be %s", option_texts[option].name,
                     wanted);
            return false;
        }
    }
    if (optind != argc) {
        snprintf(error, BENCH_ERROR_BYTES, "unexpected '%s'", argv[optind]);
        return false;
    }
    return true;
}

void bank_options_help(FILE *out)
{
    fputs("usage: kvbench bank [options]\n\n"
          "Transfers money between accounts on all partitions, moves the accounts while it does, "
          "and checks\n"
          "every answer. Exit status 1 if they cannot all be true.\n\n",
          out);
    for (int i = 0; i < BANK_OPTIONS; i++) {
        char name[48];
        const char *argument = option_texts[i].argument;
        snprintf(name, sizeof name, "--%s%s%s", option_texts[i].name, argument == NULL ? "" : " ",
                 argument == NULL ? "" : argument);
        fprintf(out, "  %c%c %-28s %s\n", option_texts[i].letter == 0 ? ' ' : '-',
                option_texts[i].letter == 0 ? ' ' : option_texts[i].letter, name,
                option_texts[i].text);
    }
}
