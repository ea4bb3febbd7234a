/* SPDX-License-Identifier: Apache-2.0 */
/* option_table: getopt_long over the table. */
#include "bench/option_table.h"

#include <getopt.h>
#include <string.h>

#include "bench/parse.h"
#include "multicast/base/assert.h"

/* getopt_long answers a long option with this plus its place in the table; letters are below. */
#define OPTION_BASE 256

/* A time, what to do, and a node. */
#define WORDS_ARGUMENT "TIME WHAT NODE"
#define WORDS_BYTES    80

const char bench_option_stop[] = "";

struct tables {
    struct option longs[BENCH_OPTION_TABLE_MAX + 1];
    char letters[2 * BENCH_OPTION_TABLE_MAX + 2];
};

/* The table in the form of getopt_long; the ':' in front makes it tell a missing argument from an unknown option. */
static void make_tables(const struct bench_option_table *table, struct tables *ret)
{
    struct option *longs = ret->longs;
    char *letters = ret->letters;

    KV_ASSERT(table->count <= BENCH_OPTION_TABLE_MAX);
    *letters++ = ':';
    for (int i = 0; i < table->count; i++) {
        const struct bench_option_text *text = &table->texts[i];
        const bool has_argument = text->argument != NULL;

        if ((text->kinds & table->kind) == 0) {
            continue;
        }
        *longs++ = (struct option){text->name, has_argument ? required_argument : no_argument, NULL,
                                   OPTION_BASE + i};
        if (text->letter != 0) {
            *letters++ = text->letter;
            if (has_argument) {
                *letters++ = ':';
            }
        }
    }
    *longs = (struct option){0};
    *letters = '\0';
}

/* What getopt_long has found. */
static int option_of(const struct bench_option_table *table, int found)
{
    for (int i = 0; i < table->count; i++) {
        const struct bench_option_text *text = &table->texts[i];

        if ((text->kinds & table->kind) != 0 &&
            (found == OPTION_BASE + i || (text->letter != 0 && found == text->letter))) {
            return i;
        }
    }
    KV_UNREACHABLE();
}

/* The argument of the option just found: with the two words behind it, unless they are in it. */
static const char *words_of(int argc, char *const *argv, const char *first, char ret[WORDS_BYTES])
{
    if (strchr(first, ' ') != NULL || optind + 2 > argc) {
        return first;
    }
    snprintf(ret, WORDS_BYTES, "%.20s %.20s %.20s", first, argv[optind], argv[optind + 1]);
    optind += 2;
    return ret;
}

int bench_option_table_read(const struct bench_option_table *table, int argc, char *const *argv,
                            bench_option_set *set, void *settings, char error[BENCH_ERROR_BYTES])
{
    struct tables tables;
    char words[WORDS_BYTES];
    int found;

    make_tables(table, &tables);
    opterr = 0;
    optind = 0; /* start over, also with the permutation of arguments */
    while ((found = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (found == '?' || found == ':') {
            snprintf(error, BENCH_ERROR_BYTES, "%s: %.60s",
                     found == '?' ? "no such option" : "argument missing", argv[optind - 1]);
            return 0;
        }
        const int option = option_of(table, found);
        const char *argument = table->texts[option].argument;
        const char *text = argument == NULL ? NULL : optarg;
        if (argument != NULL && strcmp(argument, WORDS_ARGUMENT) == 0) {
            text = words_of(argc, argv, text, words);
        }
        const char *wrong = set(settings, option, text);
        if (wrong == bench_option_stop) {
            break;
        }
        if (wrong != NULL) {
            snprintf(error, BENCH_ERROR_BYTES, "--%s \"%.60s\": must be %s",
                     table->texts[option].name, text, wrong);
            return 0;
        }
    }
    return optind;
}

bool bench_option_table_read_all(const struct bench_option_table *table, int argc,
                                 char *const *argv, bench_option_set *set, void *settings,
                                 char error[BENCH_ERROR_BYTES])
{
    const int rest = bench_option_table_read(table, argc, argv, set, settings, error);

    if (rest != 0 && rest != argc) {
        snprintf(error, BENCH_ERROR_BYTES, "\"%.60s\" is one argument too many", argv[rest]);
    }
    return rest != 0 && rest == argc;
}

void bench_option_table_help(const struct bench_option_table *table, FILE *out)
{
    for (int i = 0; i < table->count; i++) {
        const struct bench_option_text *text = &table->texts[i];
        const bool has_letter = text->letter != 0;
        char form[48];

        if ((text->kinds & table->kind) == 0) {
            continue;
        }
        snprintf(form, sizeof form, "--%s%s%s", text->name, text->argument != NULL ? " " : "",
                 text->argument != NULL ? text->argument : "");
        fprintf(out, "  %c%c%c %-26s %s\n", has_letter ? '-' : ' ', has_letter ? text->letter : ' ',
                has_letter ? ',' : ' ', form, text->text);
    }
}

bool bench_option_u32(const char *text, uint32_t low, uint32_t high, uint32_t *ret)
{
    uint64_t number = 0;

    if (!bench_parse_number(text, low, high, &number)) {
        return false;
    }
    *ret = (uint32_t)number;
    return true;
}
