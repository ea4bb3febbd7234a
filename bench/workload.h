/* SPDX-License-Identifier: Apache-2.0 */
/* workload: which operations on which keys: the six of YCSB, and two that measure one thing only.
 *
 * A workload is a row of the table below. A chooser draws operations and record numbers for one thread; the name of a
 * record's key is "user" and the hash of its number, as YCSB has it. */
#ifndef KV_BENCH_WORKLOAD_H
#define KV_BENCH_WORKLOAD_H

#include <stddef.h>

#include "bench/generator.h"

/* X(NAME, "name as YCSB prints it") In the order in which YCSB draws them. */
#define BENCH_OP_MAP(X)                                                                            \
    X(READ, "READ")                                                                                \
    X(UPDATE, "UPDATE")                                                                            \
    X(INSERT, "INSERT")                                                                            \
    X(SCAN, "SCAN")                                                                                \
    X(READ_MODIFY_WRITE, "READ-MODIFY-WRITE")

enum bench_op {
#define X(NAME, text) BENCH_##NAME,
    BENCH_OP_MAP(X)
#undef X
        BENCH_OPS
};

/* "READ" etc. */
const char *bench_op_name(enum bench_op op);

/* X(NAME, name) */
#define BENCH_DISTRIBUTION_MAP(X)                                                                  \
    X(ZIPFIAN, zipfian)                                                                            \
    X(LATEST, latest)                                                                              \
    X(UNIFORM, uniform)                                                                            \
    X(HOTSPOT, hotspot)                                                                            \
    X(EXPONENTIAL, exponential)

enum bench_distribution {
#define X(NAME, name) BENCH_##NAME,
    BENCH_DISTRIBUTION_MAP(X)
#undef X
        BENCH_DISTRIBUTIONS
};

const char *bench_distribution_name(enum bench_distribution distribution);

/* X(name, READ, UPDATE, INSERT, SCAN, READ_MODIFY_WRITE, DISTRIBUTION, fields, "meaning") Shares of 1. A record is one
 * value of fields of 100 bytes, and an update writes all of them (writeallfields=true in YCSB). */
#define BENCH_WORKLOAD_MAP(X)                                                                      \
    X(a, .5, .5, 0, 0, 0, ZIPFIAN, 10, "half reads, half updates")                                 \
    X(b, .95, .05, 0, 0, 0, ZIPFIAN, 10, "mostly reads")                                           \
    X(c, 1, 0, 0, 0, 0, ZIPFIAN, 10, "only reads")                                                 \
    X(d, .95, 0, .05, 0, 0, LATEST, 10, "reads of what was inserted last")                         \
    X(e, 0, 0, .05, .95, 0, ZIPFIAN, 10, "short scans and inserts")                                \
    X(f, .5, 0, 0, 0, .5, ZIPFIAN, 10, "reads, and read-modify-writes")                            \
    X(put, 0, 1, 0, 0, 0, UNIFORM, 1, "only updates, uniform keys")                                \
    X(get, 1, 0, 0, 0, 0, UNIFORM, 1, "only reads, uniform keys")

struct bench_workload {
    const char *name;
    double share[BENCH_OPS];
    enum bench_distribution distribution;
    uint32_t fields;
    const char *meaning;
};

/* All workloads, ended by one without a name. */
extern const struct bench_workload bench_workloads[];

/* NULL if there is none of that name. */
const struct bench_workload *bench_workload_find(const char *name);

/* Rows of a scan: uniform in 1 .. BENCH_SCAN_ROWS_MAX. */
#define BENCH_SCAN_ROWS_MAX 100

/* Draws operations and records. Plain data: copied for each thread, so that sums over all records are made once. */
struct bench_chooser {
    const struct bench_workload *workload;
    enum bench_distribution distribution;
    uint64_t records;
    struct bench_scrambled scrambled;
    struct bench_latest latest;
    struct bench_hotspot hotspot;
    struct bench_exponential exponential;
};

/* records >= 2. `operations` (0: unknown) are expected in the run: YCSB spreads "zipfian" over the records that will be
 * there in the end and draws again when it hits one that is not there yet. */
void bench_chooser_init(struct bench_chooser *chooser, const struct bench_workload *workload,
                        enum bench_distribution distribution, uint64_t records,
                        uint64_t operations);

enum bench_op bench_chooser_op(const struct bench_chooser *chooser, struct kv_prng *prng);

/* A record number in 0 .. last; last >= records - 1 is the newest one that is there. */
uint64_t bench_chooser_record(struct bench_chooser *chooser, uint64_t last, struct kv_prng *prng);

/* Bytes for a key name and its final NUL: "user" and up to 19 digits. */
#define BENCH_KEY_BYTES 24

/* The name of the key with this hash (bench_hash of a record number). Returns its length. */
size_t bench_key_name(uint64_t hash, char ret[BENCH_KEY_BYTES]);

#endif
