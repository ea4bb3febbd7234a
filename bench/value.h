/* SPDX-License-Identifier: Apache-2.0 */
/* value: what kvbench writes, and whether an answer is that, byte by byte.
 *
 * A value is one or more fields. A field begins with a mark (8 bytes: the hash of its record's number and its place), says which
 * part of a text it goes on with (2) and how long it is (4), all little endian; the text is the same in every run. So every answer can
 * be checked without knowing who wrote it: one of another key, a cut one, and a single wrong byte show at once. Fields shorter than
 * that have the beginning of the mark only. */
#ifndef KV_BENCH_VALUE_H
#define KV_BENCH_VALUE_H

#include <stdbool.h>

#include "bench/driver.h"
#include "bench/options.h"
#include "multicast/base/prng.h"

/* Mark, place in the text, size: a field of several is not shorter. */
#define BENCH_FIELD_HEAD_BYTES BENCH_FIELD_BYTES_MIN

/* Different fields for one key; more would only make the text larger. */
#define BENCH_VALUE_OFFSETS 4096

struct bench_values {
    uint32_t fields;
    size_t field_bytes;
    size_t size;       /* of a value: fields * field_bytes */
    size_t text_bytes; /* field_bytes + BENCH_VALUE_OFFSETS */
    uint8_t *text;
    uint32_t slots;
    uint8_t *buffer; /* the values that were made last, one per slot */
};

/* fields >= 1; field_bytes >= BENCH_FIELD_HEAD_BYTES unless there is one field. `slots` values can be there at a time. */
void bench_values_init(struct bench_values *values, uint32_t fields, size_t field_bytes,
                       uint32_t slots);
void bench_values_close(struct bench_values *values);

/* The next value for the key with this hash; valid until the next call with this slot. */
kv_bytes bench_value_make(struct bench_values *values, uint32_t slot, uint64_t hash,
                          struct kv_prng *prng);

/* Whether a value was made for the key with this hash, with whatever fields. */
bool bench_value_check(const struct bench_values *values, kv_bytes value, uint64_t hash);

/* Whether the rows of a scan are in order, not before the key with this hash, at most `rows_max`, and every row of ours has a
 * value made for its key. Other keys than ours may stand between them. */
bool bench_scan_check(const struct bench_values *values, const struct bench_rows *rows,
                      uint64_t hash, uint32_t rows_max);

#endif
