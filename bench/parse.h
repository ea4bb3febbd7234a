/* SPDX-License-Identifier: Apache-2.0 */
/* parse: arguments of options. */
#ifndef KV_BENCH_PARSE_H
#define KV_BENCH_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/lib/kv.h"

/* A decimal number in low .. high, without sign. */
bool bench_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret);

/* "p99=5ms": of 9900 in 10000, 5000 us. Quantiles have two decimals, times are in us, ms or s. */
bool bench_parse_bound(const char *text, uint32_t *ret_per_myriad, uint64_t *ret_us);

/* A decimal number, perhaps with a fraction, in 0 .. 100. */
bool bench_parse_percent(const char *text, double *ret);

/* "exchange", "move" or "borrow". */
bool bench_parse_policy(const char *text, kv_policy *ret);

/* "500ms" or "5s" in milliseconds; at most a day. */
bool bench_parse_time(const char *text, uint64_t *ret_ms);

#endif
