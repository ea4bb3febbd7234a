/* SPDX-License-Identifier: Apache-2.0 */
/* kv_number: decimal text <-> 64-bit numbers, canonical only. strtoll would take blanks, signs and
 * zeros as well, and depends on errno; printf on the locale. */
#include "partition/kv/kv_internal.h"

bool kv_number_parse(kv_slice text, int64_t *ret)
{
    if (text.size == 0 || text.size > KV_NUMBER_BYTES_MAX) {
        return false;
    }
    const bool negative = text.data[0] == '-';
    const size_t first = negative ? 1 : 0;
    if (text.size == first) {
        return false;
    }
    if (text.data[first] == '0' && text.size > 1) {
        return false; /* a leading zero, or "-0" */
    }
    int64_t number = 0;
    for (size_t i = first; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        const int64_t digit = text.data[i] - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, negative ? -digit : digit, &number)) {
            return false;
        }
    }
    *ret = number;
    return true;
}

size_t kv_number_format(int64_t number, char ret[KV_NUMBER_BYTES_MAX])
{
    /* Unsigned, for the smallest number has no positive counterpart. */
    uint64_t rest = number < 0 ? UINT64_C(0) - (uint64_t)number : (uint64_t)number;
    char digits[KV_NUMBER_BYTES_MAX];
    size_t count = 0;
    do {
        digits[count] = (char)('0' + rest % 10);
        rest /= 10;
        count++;
    } while (rest > 0);
    size_t size = 0;
    if (number < 0) {
        ret[size] = '-';
        size++;
    }
    while (count > 0) {
        count--;
        ret[size] = digits[count];
        size++;
    }
    return size;
}
