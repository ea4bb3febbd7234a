/* SPDX-License-Identifier: Apache-2.0 */
/* The table of workloads as data, and draws from it. [YCSB CoreWorkload.java] */
#include "bench/workload.h"

#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"

/* Draws until a record is hit that is there already. Only an --operations far beyond what is inserted makes more than a
 * few necessary; then the newest record is taken. */
#define REDRAWS_MAX (1u << 20)

const struct bench_workload bench_workloads[] = {
#define X(name, read, update, insert, scan, rmw, distribution, fields, meaning)                    \
    {#name, {read, update, insert, scan, rmw}, BENCH_##distribution, fields, meaning},
    BENCH_WORKLOAD_MAP(X)
#undef X
        {NULL, {0}, BENCH_UNIFORM, 0, NULL},
};

const struct bench_workload *bench_workload_find(const char *name)
{
    for (const struct bench_workload *workload = bench_workloads; workload->name != NULL;
         workload++) {
        if (strcmp(workload->name, name) == 0) {
            return workload;
        }
    }
    return NULL;
}

const char *bench_op_name(enum bench_op op)
{
    static const char *const names[BENCH_OPS] = {
#define X(NAME, text) text,
        BENCH_OP_MAP(X)
#undef X
    };

    KV_ASSERT(op < BENCH_OPS);
    return names[op];
}

const char *bench_distribution_name(enum bench_distribution distribution)
{
    static const char *const names[BENCH_DISTRIBUTIONS] = {
#define X(NAME, name) #name,
        BENCH_DISTRIBUTION_MAP(X)
#undef X
    };

    KV_ASSERT(distribution < BENCH_DISTRIBUTIONS);
    return names[distribution];
}

void bench_chooser_init(struct bench_chooser *chooser, const struct bench_workload *workload,
                        enum bench_distribution distribution, uint64_t records, uint64_t operations)
{
    uint64_t expected = operations > 0 ? operations : records;

    KV_ASSERT(records >= 2);
    *chooser = (struct bench_chooser){
        .workload = workload, .distribution = distribution, .records = records};
    switch (distribution) {
    case BENCH_ZIPFIAN:
        /* Twice the inserts expected, "fudge factor", and one, because the bound is inclusive there. */
        bench_scrambled_init(
            &chooser->scrambled,
            records + 1 + (uint64_t)((double)expected * workload->share[BENCH_INSERT] * 2.0));
        break;
    case BENCH_LATEST:
        bench_latest_init(&chooser->latest, records - 1);
        break;
    case BENCH_UNIFORM:
        break;
    case BENCH_HOTSPOT:
        bench_hotspot_init(&chooser->hotspot, records);
        break;
    case BENCH_EXPONENTIAL:
        bench_exponential_init(&chooser->exponential, records);
        break;
    case BENCH_DISTRIBUTIONS:
        KV_UNREACHABLE();
    }
}

enum bench_op bench_chooser_op(const struct bench_chooser *chooser, struct kv_prng *prng)
{
    double left = kv_prng_unit(prng);
    enum bench_op last = BENCH_READ;

    for (enum bench_op op = BENCH_READ; op < BENCH_OPS; op++) {
        double share = chooser->workload->share[op];

        if (share > 0) {
            if (left < share) {
                return op;
            }
            left -= share;
            last = op;
        }
    }
    /* The shares did not quite add up to 1 in binary. */
    return last;
}

static uint64_t draw(struct bench_chooser *chooser, uint64_t last, struct kv_prng *prng)
{
    double age;

    switch (chooser->distribution) {
    case BENCH_ZIPFIAN:
        return bench_scrambled_at(&chooser->scrambled, kv_prng_unit(prng));
    case BENCH_LATEST:
        return bench_latest_at(&chooser->latest, last, kv_prng_unit(prng));
    case BENCH_UNIFORM:
        return kv_prng_below(prng, chooser->records);
    case BENCH_HOTSPOT:
        return bench_hotspot_draw(&chooser->hotspot, prng);
    case BENCH_EXPONENTIAL:
        age = bench_exponential_at(&chooser->exponential, kv_prng_unit(prng));
        return age > (double)last ? UINT64_MAX : last - (uint64_t)age;
    case BENCH_DISTRIBUTIONS:
        break;
    }
    KV_UNREACHABLE();
}

uint64_t bench_chooser_record(struct bench_chooser *chooser, uint64_t last, struct kv_prng *prng)
{
    for (uint32_t i = 0; i < REDRAWS_MAX; i++) {
        uint64_t record = draw(chooser, last, prng);

        if (record <= last) {
            return record;
        }
    }
    return last;
}

size_t bench_key_name(uint64_t hash, char ret[BENCH_KEY_BYTES])
{
    return (size_t)snprintf(ret, BENCH_KEY_BYTES, "user%llu", (unsigned long long)hash);
}
