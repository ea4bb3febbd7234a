/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of sums that were told. */
#include "bench/counter_check.h"

#include <string.h>

#include "multicast/base/bytes.h"

#define WORD_BITS 64

/* A sum beyond that comes from no run: it is wrong, and no reason to allocate. */
#define SUM_MAX (INT64_C(1) << 32)

void counter_check_close(struct counter_check *check)
{
    kv_free(check->seen);
    *check = (struct counter_check){0};
}

static void grow(struct counter_check *check, uint64_t words)
{
    uint64_t *seen = kv_alloc_zero(words, sizeof *seen);

    if (check->words > 0) {
        memcpy(seen, check->seen, check->words * sizeof *seen);
    }
    kv_free(check->seen);
    check->seen = seen;
    check->words = words;
}

const char *counter_check_answer(struct counter_check *check, int64_t floor, int64_t sum)
{
    uint64_t word, bit;

    if (sum < 1 || sum > SUM_MAX) {
        return "is no count of this run";
    }
    if (sum <= floor) {
        return "is not above one that was answered before it was asked";
    }
    word = (uint64_t)sum / WORD_BITS;
    bit = UINT64_C(1) << ((uint64_t)sum % WORD_BITS);
    if (word >= check->words) {
        grow(check, 2 * word + 16);
    }
    if ((check->seen[word] & bit) != 0) {
        return "was told twice";
    }
    check->seen[word] |= bit;
    check->answered++;
    check->highest = sum > check->highest ? sum : check->highest;
    return NULL;
}

const char *counter_check_end(const struct counter_check *check, int64_t sum)
{
    if (sum < 0 || (uint64_t)sum < check->answered || sum < check->highest) {
        return "is less than was answered";
    }
    if ((uint64_t)sum > check->answered + check->in_doubt) {
        return "is more than was asked";
    }
    return NULL;
}
