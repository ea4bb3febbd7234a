/* SPDX-License-Identifier: Apache-2.0 */
/* Zipf that favours what was inserted last. */
#include "bench/generator.h"

void bench_latest_init(struct bench_latest *latest, uint64_t newest)
{
    bench_zipfian_init(&latest->zipfian, newest);
}

uint64_t bench_latest_at(struct bench_latest *latest, uint64_t newest, double uniform)
{
    return newest - bench_zipfian_at(&latest->zipfian, newest, uniform);
}
