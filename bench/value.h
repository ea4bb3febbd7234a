/* SPDX-License-Identifier: Apache-2.0 */
/* value: what kvbench writes, and whether an answer is that.
 *
 * A value begins with the hash of its record's number (8 bytes, little endian; fewer if the value is shorter), then random printable
 * bytes out of a pool. So every read can be checked: an answer that belongs to another key shows at once. */
#ifndef KV_BENCH_VALUE_H
#define KV_BENCH_VALUE_H

#include <stdbool.h>

#include "client/lib/kv.h"
#include "multicast/base/prng.h"

struct bench_values {
    size_t size;
    uint8_t *pool;   /* size + BENCH_VALUE_OFFSETS random bytes */
    uint8_t *buffer; /* the value that was made last */
};

/* Different values for one key; more would only make the pool larger. */
#define BENCH_VALUE_OFFSETS 4096

void bench_values_init(struct bench_values *values, size_t size, struct kv_prng *prng);
void bench_values_close(struct bench_values *values);

/* The next value for the key with this hash; valid until the next call. */
kv_bytes bench_value_make(struct bench_values *values, uint64_t hash, struct kv_prng *prng);

/* Whether a value may have been made for the key with this hash. */
bool bench_value_check(kv_bytes value, uint64_t hash);

/* Whether the rows of a scan are in order, not before the key with this hash, at most `rows_max`, and every row of ours has a
 * value made for its key. Other keys than ours may stand between them. */
bool bench_scan_check(const kv_result *result, uint64_t hash, uint32_t rows_max);

#endif
