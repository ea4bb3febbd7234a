/* SPDX-License-Identifier: Apache-2.0 */
/* parse: see the header. */
#include "bench/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000ull

bool bench_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || number < low ||
        number > high) {
        return false;
    }
    *ret = number;
    return true;
}

/* "5ms" in microseconds; at most an hour. */
static bool parse_us(const char *text, uint64_t *ret_us)
{
    char *end;
    unsigned long long number;
    uint64_t unit;

    errno = 0;
    number = strtoull(text, &end, 10);
    unit = strcmp(end, "us") == 0 ? 1 : strcmp(end, "ms") == 0 ? 1000 : 0;
    unit = strcmp(end, "s") == 0 ? 1000000 : unit;
    if (!isdigit((unsigned char)text[0]) || errno != 0 || unit == 0 || number == 0 ||
        number > 3600000000 / unit) {
        return false;
    }
    *ret_us = number * unit;
    return true;
}

bool bench_parse_bound(const char *text, uint32_t *ret_per_myriad, uint64_t *ret_us)
{
    const char *sign = strchr(text, '=');
    char quantile[8] = "";
    double percent;

    if (sign == NULL || text[0] != 'p' || (size_t)(sign - text) > sizeof quantile) {
        return false;
    }
    memcpy(quantile, text + 1, (size_t)(sign - text) - 1);
    if (!bench_parse_percent(quantile, &percent) || percent < 0.01 || !parse_us(sign + 1, ret_us)) {
        return false;
    }
    *ret_per_myriad = (uint32_t)(percent * 100 + 0.5);
    return true;
}

bool bench_parse_percent(const char *text, double *ret)
{
    char *end;
    double number;

    errno = 0;
    number = strtod(text, &end);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || !(number <= 100)) {
        return false;
    }
    *ret = number;
    return true;
}

bool bench_parse_policy(const char *text, kv_policy *ret)
{
    static const char *const names[] = {[KV_POLICY_EXCHANGE] = "exchange",
                                        [KV_POLICY_MOVE] = "move",
                                        [KV_POLICY_BORROW] = "borrow"};

    for (int policy = KV_POLICY_EXCHANGE; policy <= KV_POLICY_BORROW; policy++) {
        if (strcmp(text, names[policy]) == 0) {
            *ret = (kv_policy)policy;
            return true;
        }
    }
    return false;
}

bool bench_parse_time(const char *text, uint64_t *ret_ms)
{
    char *end;
    unsigned long long number;
    uint64_t unit;

    errno = 0;
    number = strtoull(text, &end, 10);
    unit = strcmp(end, "ms") == 0 ? 1 : strcmp(end, "s") == 0 ? 1000 : 0;
    if (!isdigit((unsigned char)text[0]) || errno != 0 || unit == 0 || number == 0 ||
        number > DAY_MS / unit) {
        return false;
    }
    *ret_ms = number * unit;
    return true;
}
