/* SPDX-License-Identifier: Apache-2.0 */
/* The hash behind key names and the scrambled Zipfian distribution. */
#include "bench/generator.h"

#define FNV_OFFSET_BASIS UINT64_C(0xCBF29CE484222325)
#define FNV_PRIME        UINT64_C(1099511628211)

uint64_t bench_hash(uint64_t number)
{
    uint64_t hash = FNV_OFFSET_BASIS;

    for (int i = 0; i < 8; i++) {
        hash ^= number & 0xFF;
        hash *= FNV_PRIME;
        number >>= 8;
    }
    /* Java's Math.abs of the hash as a signed number. DEVIATION: of -2^63 it is itself there, 2^63 here. */
    return hash >> 63 != 0 ? UINT64_C(0) - hash : hash;
}
