/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that say whose they are and what follows. */
#include "bench/value.h"

#include <string.h>

#include "bench/workload.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

#define MARK_BYTES   8
#define OFFSET_BYTES 2

/* Spreads the marks of a record's fields. */
#define FIELD_STEP UINT64_C(0x9E3779B97F4A7C15)

/* All runs write out of one text, so that each can check what another one has loaded. */
#define TEXT_SEED 1

_Static_assert(BENCH_VALUE_OFFSETS <= 1 << (8 * OFFSET_BYTES), "a place in the text has two bytes");

/* Fields shorter than a mark carry its beginning. */
static size_t mark_size(size_t field_bytes)
{
    return field_bytes < MARK_BYTES ? field_bytes : MARK_BYTES;
}

static void put_number(uint8_t *ret, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        ret[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *from, int bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < bytes; i++) {
        number |= (uint64_t)from[i] << (8 * i);
    }
    return number;
}

void bench_values_init(struct bench_values *values, uint32_t fields, size_t field_bytes,
                       uint32_t slots)
{
    struct kv_prng prng;

    KV_ASSERT(fields == 1 || (fields > 1 && field_bytes >= BENCH_FIELD_HEAD_BYTES));
    *values = (struct bench_values){.fields = fields,
                                    .field_bytes = field_bytes,
                                    .size = fields * field_bytes,
                                    .text_bytes = field_bytes + BENCH_VALUE_OFFSETS};
    values->slots = slots;
    values->text = kv_alloc(values->text_bytes);
    values->buffer = kv_alloc(slots * values->size + 1);
    kv_prng_init(&prng, TEXT_SEED);
    for (size_t i = 0; i < values->text_bytes; i++) {
        values->text[i] = (uint8_t)kv_prng_between(&prng, ' ', '~');
    }
}

void bench_values_close(struct bench_values *values)
{
    kv_free(values->text);
    kv_free(values->buffer);
    *values = (struct bench_values){0};
}

static void make_field(const struct bench_values *values, uint64_t mark, uint64_t offset,
                       uint8_t *ret)
{
    uint8_t head[BENCH_FIELD_HEAD_BYTES];
    size_t size = values->field_bytes;

    put_number(head, mark, MARK_BYTES);
    put_number(head + MARK_BYTES, offset, OFFSET_BYTES);
    put_number(head + MARK_BYTES + OFFSET_BYTES, size, 4);
    memcpy(ret, values->text + offset, size);
    memcpy(ret, head, size < sizeof head ? mark_size(size) : sizeof head);
}

kv_bytes bench_value_make(struct bench_values *values, uint32_t slot, uint64_t hash,
                          struct kv_prng *prng)
{
    uint8_t *value = values->buffer + slot * values->size;

    KV_ASSERT(slot < values->slots);
    for (uint32_t i = 0; i < values->fields; i++) {
        make_field(values, hash + i * FIELD_STEP, kv_prng_below(prng, BENCH_VALUE_OFFSETS),
                   value + i * values->field_bytes);
    }
    return kv_bytes_of(value, values->size);
}

/* Whether a field with this mark stands here; its size in *ret_size. */
static bool check_field(const struct bench_values *values, const uint8_t *field, size_t left,
                        uint64_t mark, size_t *ret_size)
{
    uint64_t offset, size, known;

    if (left < BENCH_FIELD_HEAD_BYTES || get_number(field, MARK_BYTES) != mark) {
        return false;
    }
    offset = get_number(field + MARK_BYTES, OFFSET_BYTES);
    size = get_number(field + MARK_BYTES + OFFSET_BYTES, 4);
    if (offset >= BENCH_VALUE_OFFSETS || size < BENCH_FIELD_HEAD_BYTES || size > left) {
        return false;
    }
    /* Of a field larger than ours the text is not here to its end. */
    known = values->text_bytes - offset;
    known = size < known ? size : known;
    *ret_size = size;
    return known <= BENCH_FIELD_HEAD_BYTES ||
           memcmp(field + BENCH_FIELD_HEAD_BYTES, values->text + offset + BENCH_FIELD_HEAD_BYTES,
                  known - BENCH_FIELD_HEAD_BYTES) == 0;
}

bool bench_value_check(const struct bench_values *values, kv_bytes value, uint64_t hash)
{
    const uint8_t *bytes = value.data;
    size_t size = 0;

    if (value.size < BENCH_FIELD_HEAD_BYTES) {
        uint8_t mark[MARK_BYTES];

        put_number(mark, hash, MARK_BYTES);
        return value.size == 0 || memcmp(bytes, mark, mark_size(value.size)) == 0;
    }
    for (size_t at = 0; at < value.size; at += size, hash += FIELD_STEP) {
        if (!check_field(values, bytes + at, value.size - at, hash, &size)) {
            return false;
        }
    }
    return true;
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

bool bench_scan_check(const struct bench_values *values, const struct bench_rows *rows,
                      uint64_t hash, uint32_t rows_max)
{
    char from[BENCH_KEY_BYTES];
    kv_bytes last = kv_bytes_of(from, bench_key_name(hash, from));

    if (rows->count > rows_max) {
        return false;
    }
    for (uint32_t row = 0; row < rows->count; row++) {
        kv_bytes key, value;
        uint64_t key_hash;

        (void)rows->get(rows->source, row, &key, &value);
        if (compare(key, last) < (row == 0 ? 0 : 1)) {
            return false;
        }
        if (parse_key(key, &key_hash) && !bench_value_check(values, value, key_hash)) {
            return false;
        }
        last = key;
    }
    return true;
}
