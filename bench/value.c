/* SPDX-License-Identifier: Apache-2.0 */
/* Values that carry the mark of their key. */
#include "bench/value.h"

#include <string.h>

#include "bench/workload.h"
#include "multicast/base/bytes.h"

#define MARK_BYTES 8

/* Values shorter than a mark carry its beginning. */
static size_t mark_size(size_t value_size)
{
    return value_size < MARK_BYTES ? value_size : MARK_BYTES;
}

static void make_mark(uint64_t hash, uint8_t ret[MARK_BYTES])
{
    for (int i = 0; i < MARK_BYTES; i++) {
        ret[i] = (uint8_t)(hash >> (8 * i));
    }
}

void bench_values_init(struct bench_values *values, size_t size, struct kv_prng *prng)
{
    values->size = size;
    values->pool = kv_alloc(size + BENCH_VALUE_OFFSETS);
    values->buffer = kv_alloc(size + 1);
    for (size_t i = 0; i < size + BENCH_VALUE_OFFSETS; i++) {
        values->pool[i] = (uint8_t)kv_prng_between(prng, ' ', '~');
    }
}

void bench_values_close(struct bench_values *values)
{
    kv_free(values->pool);
    kv_free(values->buffer);
    *values = (struct bench_values){0};
}

kv_bytes bench_value_make(struct bench_values *values, uint64_t hash, struct kv_prng *prng)
{
    uint8_t mark[MARK_BYTES];

    make_mark(hash, mark);
    memcpy(values->buffer, values->pool + kv_prng_below(prng, BENCH_VALUE_OFFSETS), values->size);
    memcpy(values->buffer, mark, mark_size(values->size));
    return kv_bytes_of(values->buffer, values->size);
}

bool bench_value_check(kv_bytes value, uint64_t hash)
{
    uint8_t mark[MARK_BYTES];

    make_mark(hash, mark);
    return value.size == 0 || memcmp(value.data, mark, mark_size(value.size)) == 0;
}

/* The hash that a key of ours is made of. False: it is not one. */
static bool parse_key(kv_bytes key, uint64_t *ret_hash)
{
    const char *text = key.data;
    char again[BENCH_KEY_BYTES];
    uint64_t hash = 0;

    if (key.size < 5 || key.size >= BENCH_KEY_BYTES || memcmp(text, "user", 4) != 0) {
        return false;
    }
    for (size_t i = 4; i < key.size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        hash = hash * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_hash = hash;
    return bench_key_name(hash, again) == key.size && memcmp(again, text, key.size) == 0;
}

static int compare(kv_bytes a, kv_bytes b)
{
    return kv_slice_compare(kv_slice_of(a.data, a.size), kv_slice_of(b.data, b.size));
}

bool bench_scan_check(const kv_result *result, uint64_t hash, uint32_t rows_max)
{
    char from[BENCH_KEY_BYTES];
    kv_bytes last = kv_bytes_of(from, bench_key_name(hash, from));

    if (kv_result_count(result) > rows_max) {
        return false;
    }
    for (uint32_t row = 0; row < kv_result_count(result); row++) {
        kv_bytes key = kv_result_key(result, row);
        uint64_t key_hash;

        if (compare(key, last) < (row == 0 ? 0 : 1)) {
            return false;
        }
        if (parse_key(key, &key_hash) &&
            !bench_value_check(kv_result_value(result, row), key_hash)) {
            return false;
        }
        last = key;
    }
    return true;
}
