/* SPDX-License-Identifier: Apache-2.0 */
/* mill_cluster: the engines of a cluster of mills, or of other machines that compute, one member for each partition, that run one
 * script in whatever interleaving.
 *
 * A script is what was ordered: commands to one partition and to several, resends, floors, more sessions than there is room for. A run
 * delivers it. When which entry, signal, tick, or result of a job comes, is drawn from a seed, or is up to real threads. What the
 * script says must come out of every run: the answers and the states. */
#ifndef KV_TESTS_ENGINE_MILL_CLUSTER_H
#define KV_TESTS_ENGINE_MILL_CLUSTER_H

#include "multicast/base/prng.h"
#include "multicast/node/node_workers.h"
#include "partition/engine/engine.h"

#define MILL_PARTITIONS 3

struct mill_script {
    struct machine (*machine)(kv_group_id group, uint32_t partitions);
    struct wire_entry **entries; /* in the order of timestamps, which count from 1 */
    bool *again;                 /* a resend of an entry before it */
    uint32_t count;
};

/* Of a mill; or without entries, for another machine: they are put in with mill_script_add. */
void mill_script_make(struct mill_script *script, uint64_t seed, uint32_t count);
void mill_script_begin(struct mill_script *script,
                       struct machine (*machine)(kv_group_id group, uint32_t partitions),
                       uint32_t count);

/* The next entry: what a client of this session says as its next command. */
void mill_script_add(struct mill_script *script, uint64_t session, uint64_t sequence,
                     kv_group_set destinations, kv_slice body);
void mill_script_close(struct mill_script *script);

enum mill_hands {
    MILL_INLINE, /* the engines compute themselves */
    MILL_DRAWN, /* jobs go out, and results come in a drawn order after a drawn time; engines are reloaded in between */
    MILL_POOL   /* real threads */
};

struct mill_way {
    enum mill_hands hands;
    uint64_t seed;
    uint32_t workers; /* POOL */
    bool changing;    /* POOL: their number changes all the time */
};

/* What came out. */
struct mill_result {
    struct kv_buffer
        *answers[MILL_PARTITIONS]; /* of each entry; empty: there is none from this partition */
    uint64_t digests[MILL_PARTITIONS];
    struct kv_buffer states[MILL_PARTITIONS];
    uint32_t jobs;     /* that went out */
    uint32_t most_out; /* at one time */
    uint32_t late;     /* results that came when a younger one of the same partition had come */
};

void mill_run(const struct mill_script *script, const struct mill_way *way,
              struct mill_result *ret);
void mill_result_close(const struct mill_script *script, struct mill_result *result);

#endif
