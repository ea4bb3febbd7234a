/* SPDX-License-Identifier: Apache-2.0 */
/* options: getopt_long over the table, and the forms of option arguments. */
#include "client/kvctl/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/limits.h"

/* getopt_long answers a long option with this plus its place in the table; letters are below. */
#define OPTION_BASE 256

static const struct kvctl_option_text option_texts[KVCTL_OPTIONS] = {
#define X(name, text, letter, argument, help) {text, letter, argument, help},
    KVCTL_OPTION_MAP(X)
#undef X
};

_Static_assert(KVCTL_OPTIONS <= 64, "a set of options is one 64-bit word");
_Static_assert(KVCTL_ARGUMENTS_MAX >= 2 * KV_COMMAND_KEYS_MAX + 2, "any mput fits");

const struct kvctl_option_text *kvctl_option_text(enum kvctl_option option)
{
    return &option_texts[option];
}

bool kvctl_number_parse(const char *text, uint64_t max, uint64_t *ret)
{
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number > max) {
        return false;
    }
    *ret = number;
    return true;
}

bool kvctl_integer_parse(const char *text, int64_t *ret)
{
    const bool sign = text[0] == '-' || text[0] == '+';
    if (!isdigit((unsigned char)text[sign ? 1 : 0])) {
        return false;
    }
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *ret = number;
    return true;
}

static bool time_parse(const char *text, uint64_t max_ms, uint64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", KVCTL_TIME_MS_MAX}};
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || number == 0 || number > max_ms) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number * units[i].ms <= max_ms) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

bool kvctl_time_parse(const char *text, uint64_t *ret_ms)
{
    return time_parse(text, KVCTL_TIME_MS_MAX, ret_ms);
}

bool kvctl_token_parse(const char *text, kv_token *ret)
{
    char clock[32];
    uint64_t group;
    const char *point = strchr(text, '.');
    if (point == NULL || (size_t)(point - text) >= sizeof(clock)) {
        return false;
    }
    memcpy(clock, text, (size_t)(point - text));
    clock[point - text] = '\0';
    if (!kvctl_number_parse(clock, UINT64_MAX, &ret->clock) || ret->clock == 0 ||
        !kvctl_number_parse(point + 1, KV_GROUPS_MAX - 1, &group)) {
        return false;
    }
    ret->group = (uint32_t)group;
    return true;
}

static bool output_parse(const char *text, enum kvctl_output *ret)
{
    static const char *const names[] = {"plain", "json", "table"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum kvctl_output)i;
            return true;
        }
    }
    return false;
}

bool kvctl_policy_parse(const char *text, kv_policy *ret)
{
    static const char *const names[] = {NULL, "exchange", "move", "borrow"};
    for (unsigned i = KV_POLICY_EXCHANGE; i <= KV_POLICY_BORROW; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (kv_policy)i;
            return true;
        }
    }
    return false;
}

/* Where an option that is a number from 1 to max goes. False: it is not a number. What --to may be
 * at most is known to the command: a partition or a node. */
static bool number_of(struct kvctl_options *options, enum kvctl_option option, uint32_t **ret,
                      uint32_t *ret_max)
{
    const struct {
        enum kvctl_option option;
        uint32_t *number, max;
    } numbers[] = {
        {KVCTL_OPTION_LIMIT, &options->limit, UINT32_MAX},
        {KVCTL_OPTION_COUNT, &options->count, UINT32_MAX},
        {KVCTL_OPTION_ON, &options->on, KV_GROUPS_MAX - 1},
        {KVCTL_OPTION_TO, &options->to, KV_NODES_MAX},
        {KVCTL_OPTION_NODES, &options->nodes, KV_NODES_MAX},
        {KVCTL_OPTION_PARTITIONS, &options->partitions, KV_GROUPS_MAX - 1},
        {KVCTL_OPTION_REPLICAS, &options->replicas, KV_MEMBERS_MAX},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].option == option) {
            *ret = numbers[i].number;
            *ret_max = numbers[i].max;
            return true;
        }
    }
    return false;
}

static const char **text_of(struct kvctl_options *options, enum kvctl_option option)
{
    return option == KVCTL_OPTION_ENDPOINTS ? &options->endpoints
           : option == KVCTL_OPTION_CLUSTER ? &options->cluster
           : option == KVCTL_OPTION_PREFIX  ? &options->prefix
           : option == KVCTL_OPTION_FROM    ? &options->from
           : option == KVCTL_OPTION_DIR     ? &options->directory
           : option == KVCTL_OPTION_NAME    ? &options->name
           : option == KVCTL_OPTION_KVD     ? &options->kvd
                                            : NULL;
}

#define FORM_BYTES_MAX 64

/* Store one option. False: its argument does not have the form; form then says which it must
 * have. */
static bool set_option(struct kvctl_options *options, enum kvctl_option option, const char *value,
                       char form[FORM_BYTES_MAX])
{
    const char **text = text_of(options, option);
    uint32_t *number, max;
    options->given |= UINT64_C(1) << option;
    if (text != NULL) {
        *text = value;
        snprintf(form, FORM_BYTES_MAX, "a text that is not empty");
        return value[0] != '\0' || option == KVCTL_OPTION_PREFIX;
    }
    if (number_of(options, option, &number, &max)) {
        uint64_t parsed = 0;
        snprintf(form, FORM_BYTES_MAX, "a number from 1 to %u", max);
        const bool valid = kvctl_number_parse(value, max, &parsed) && parsed > 0;
        *number = (uint32_t)parsed;
        return valid;
    }
    if (option == KVCTL_OPTION_OUTPUT) {
        snprintf(form, FORM_BYTES_MAX, "plain, json or table");
        return output_parse(value, &options->output);
    }
    if (option == KVCTL_OPTION_ENCODING) {
        snprintf(form, FORM_BYTES_MAX, "utf8, hex, base64 or escape");
        return kvctl_encoding_parse(value, &options->encoding);
    }
    if (option == KVCTL_OPTION_POLICY) {
        snprintf(form, FORM_BYTES_MAX, "exchange, move or borrow");
        return kvctl_policy_parse(value, &options->policy);
    }
    if (option == KVCTL_OPTION_TOKEN) {
        snprintf(form, FORM_BYTES_MAX, "the token of a lock, as in 1732700000000.1");
        return kvctl_token_parse(value, &options->token);
    }
    if (option == KVCTL_OPTION_SESSION) {
        snprintf(form, FORM_BYTES_MAX, "a session, as in 1732700000000.1");
        return kvctl_token_parse(value, &options->session);
    }
    snprintf(form, FORM_BYTES_MAX, "a time with its unit, as in 500ms, 5s or 2m");
    return option == KVCTL_OPTION_TTL        ? time_parse(value, KVCTL_TTL_MS_MAX, &options->ttl_ms)
           : option == KVCTL_OPTION_TIMEOUT  ? kvctl_time_parse(value, &options->timeout_ms)
           : option == KVCTL_OPTION_INTERVAL ? kvctl_time_parse(value, &options->interval_ms)
                                             : true; /* a switch: its bit says all */
}

static bool is_negative_number(const char *text)
{
    return text[0] == '-' && isdigit((unsigned char)text[1]) &&
           text[1 + strspn(text + 1, "0123456789")] == '\0';
}

/* The table in the form of getopt_long. The leading '-' of the letters makes it report arguments
 * in their order, the ':' makes it tell a missing argument from an unknown option. */
static void make_tables(struct option *longs, char *letters)
{
    *letters++ = '-';
    *letters++ = ':';
    for (int i = 0; i < KVCTL_OPTIONS; i++) {
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
    longs[KVCTL_OPTIONS] = (struct option){NULL, 0, NULL, 0};
    *letters = '\0';
}

static int option_of(int code)
{
    if (code >= OPTION_BASE) {
        return code - OPTION_BASE;
    }
    for (int i = 0; i < KVCTL_OPTIONS; i++) {
        if (option_texts[i].letter == code) {
            return i;
        }
    }
    return -1;
}

/* The first error is the one to report. */
#define REPORT(...)                                                                                \
    do {                                                                                           \
        if (error[0] == '\0') {                                                                    \
            snprintf(error, error_size, __VA_ARGS__);                                              \
        }                                                                                          \
    } while (0)

/* shadow is argv with negative numbers hidden from getopt; what it reports is looked up in argv. */
static void parse(struct kvctl_options *options, int argc, char *const *argv, char **shadow,
                  char *error, size_t error_size)
{
    struct option longs[KVCTL_OPTIONS + 1];
    char letters[2 * KVCTL_OPTIONS + 3];
    make_tables(longs, letters);
    opterr = 0;
    optind = 0; /* makes glibc start anew */
    int code;
    while ((code = getopt_long(argc, shadow, letters, longs, NULL)) != -1) {
        const char *last = argv[optind - 1];
        const char *value = optarg == shadow[optind - 1] ? last : optarg;
        char form[FORM_BYTES_MAX] = "";
        if (code == 1) {
            options->arguments[options->argument_count++] = value;
        } else if (code == '?') {
            REPORT("unknown option '%s'; see 'kvctl help', and put -- before a key or value that "
                   "begins with '-'",
                   last);
        } else if (code == ':') {
            REPORT("option '%s' needs an argument", last);
        } else if (!set_option(options, (enum kvctl_option)option_of(code), value, form)) {
            REPORT("--%s takes %s, not '%s'", option_texts[option_of(code)].name, form, value);
        }
    }
    options->behind = options->argument_count;
    for (int i = optind; i < argc; i++) {
        options->arguments[options->argument_count++] = argv[i];
    }
}

bool kvctl_options_parse(struct kvctl_options *options, int argc, char *const *argv, char *error,
                         size_t error_size)
{
    memset(options, 0, sizeof(*options));
    error[0] = '\0';
    if (argc > KVCTL_ARGUMENTS_MAX) {
        REPORT("more than %d arguments; for many operations use 'kvctl pipe'",
               KVCTL_ARGUMENTS_MAX - 1);
        return false;
    }
    static char hidden[] = "0";
    char **shadow = kv_alloc_zero((size_t)argc + 1, sizeof(*shadow));
    for (int i = 0; i < argc; i++) {
        shadow[i] = is_negative_number(argv[i]) ? hidden : argv[i];
    }
    parse(options, argc, argv, shadow, error, error_size);
    kv_free(shadow);
    return error[0] == '\0';
}
