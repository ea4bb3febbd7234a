/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of kvbench counter and kvbench chirper: getopt_long over the table. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench/parse.h"
#include "bench/service.h"
#include "multicast/base/assert.h"

#define OPTION_BASE 256

#define COUNTER     SERVICE_COUNTER
#define CHIRPER     SERVICE_CHIRPER
#define BOTH        (SERVICE_COUNTER | SERVICE_CHIRPER)

enum service_option {
#define X(NAME, name, letter, argument, kinds, text) SERVICE_OPTION_##NAME,
    SERVICE_OPTION_MAP(X)
#undef X
        SERVICE_OPTIONS
};

static const struct option_text {
    const char *name;
    char letter;
    const char *argument;
    unsigned kinds;
    const char *text;
} option_texts[SERVICE_OPTIONS] = {
#define X(NAME, name, letter, argument, kinds, text) {name, letter, argument, kinds, text},
    SERVICE_OPTION_MAP(X)
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
static const char *set(struct service_settings *settings, enum service_option option,
                       const char *text)
{
    switch (option) {
    case SERVICE_OPTION_COUNTERS:
        return parse_u32(text, 2, SERVICE_COUNTERS_MAX, &settings->counters)
                   ? NULL
                   : "a number from 2 to 1000";
    case SERVICE_OPTION_USERS:
        return parse_u32(text, 2, SERVICE_USERS_MAX, &settings->users) ? NULL
                                                                       : "a number from 2 to 20000";
    case SERVICE_OPTION_FOLLOWS:
        return parse_u32(text, 1, SERVICE_FOLLOWS_MAX, &settings->follows)
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
        return parse_u32(text, 1, SERVICE_CLIENTS_MAX, &settings->clients)
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
    case SERVICE_OPTION_HELP:
    case SERVICE_OPTIONS:
        break;
    }
    KV_UNREACHABLE();
}

/* The options of an application in the form of getopt_long: places in the table are kept in its answers. */
static void make_tables(enum service_kind kind, struct option longs[SERVICE_OPTIONS + 1],
                        char letters[2 * SERVICE_OPTIONS + 2])
{
    *letters++ = ':';
    for (int i = 0; i < SERVICE_OPTIONS; i++) {
        const struct option_text *text = &option_texts[i];

        if ((text->kinds & kind) == 0) {
            continue;
        }
        *longs++ =
            (struct option){text->name, text->argument != NULL ? required_argument : no_argument,
                            NULL, OPTION_BASE + i};
        if (text->letter != 0) {
            *letters++ = text->letter;
            if (text->argument != NULL) {
                *letters++ = ':';
            }
        }
    }
    *longs = (struct option){0};
    *letters = '\0';
}

static enum service_option option_of(enum service_kind kind, int found)
{
    for (int i = 0; i < SERVICE_OPTIONS; i++) {
        const struct option_text *text = &option_texts[i];

        if ((text->kinds & kind) != 0 &&
            (found == OPTION_BASE + i || (found < OPTION_BASE && text->letter == found))) {
            return (enum service_option)i;
        }
    }
    return SERVICE_OPTIONS;
}

bool service_options_parse(enum service_kind kind, int argc, char *const *argv,
                           struct service_settings *ret, bool *help, char error[BENCH_ERROR_BYTES])
{
    struct option longs[SERVICE_OPTIONS + 1];
    char letters[2 * SERVICE_OPTIONS + 2], words[BENCH_FAULT_TEXT_BYTES];
    int found;

    *help = false;
    *ret = (struct service_settings){.kind = kind,
                                     .counters = 64,
                                     .users = 1000,
                                     .follows = 8,
                                     .locality_percent = 90,
                                     .multi_percent = 10,
                                     .seconds = 10,
                                     .clients = 16,
                                     .prefix = kind == COUNTER ? "counter:" : "chirper:",
                                     .seed = 1,
                                     .timeout_ms = 5000};
    make_tables(kind, longs, letters);
    optind = 0;
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const enum service_option option = option_of(kind, found);
        const char *text = optarg, *wanted;

        if (option == SERVICE_OPTIONS) {
            snprintf(error, BENCH_ERROR_BYTES,
                     "%.60s: unknown, or without its argument; see --help", argv[optind - 1]);
            return false;
        }
        if (option_texts[option].argument == NULL) {
            *help = *help || option == SERVICE_OPTION_HELP;
            ret->progress = ret->progress || option == SERVICE_OPTION_PROGRESS;
            continue;
        }
        if (option == SERVICE_OPTION_AT) {
            text = bench_fault_words(argc, argv, text, words);
        }
        wanted = set(ret, option, text);
        if (wanted != NULL) {
            snprintf(error, BENCH_ERROR_BYTES, "--%s \"%.60s\": must be %s",
                     option_texts[option].name, text, wanted);
            return false;
        }
    }
    if (optind != argc) {
        snprintf(error, BENCH_ERROR_BYTES, "unexpected \"%.60s\"", argv[optind]);
        return false;
    }
    bench_faults_sort(ret->faults, ret->fault_count);
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
    for (int i = 0; i < SERVICE_OPTIONS; i++) {
        const struct option_text *text = &option_texts[i];
        char name[48];

        if ((text->kinds & kind) == 0) {
            continue;
        }
        snprintf(name, sizeof name, "--%s%s%s", text->name, text->argument == NULL ? "" : " ",
                 text->argument == NULL ? "" : text->argument);
        fprintf(out, "  %c%c %-28s %s\n", text->letter == 0 ? ' ' : '-',
                text->letter == 0 ? ' ' : text->letter, name, text->text);
    }
    fputs("\nExit status: 0 all answers can be true, 1 they cannot, 2 wrong usage, 5 the cluster "
          "cannot be\nreached, 130 interrupted.\n",
          out);
}
