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
