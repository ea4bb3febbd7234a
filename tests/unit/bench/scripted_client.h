/* SPDX-License-Identifier: Apache-2.0 */
/* scripted_client: client/lib/kv.h on a map in memory, with a clock of its own and faults on demand.
 *
 * Takes the place of the client library in tests of the loop. Every operation takes `latency_us` of scripted time, plus up to
 * `jitter_us`, so answers come in another order than questions. One script for all clients of the process; tests of several
 * threads use the real clock. A key is in partition 1 or 2, by its last character. */
#ifndef KV_TEST_SCRIPTED_CLIENT_H
#define KV_TEST_SCRIPTED_CLIENT_H

#include "client/lib/kv.h"

struct script {
    bool real_clock;
    uint64_t latency_us;
    uint64_t jitter_us;
    uint64_t seed;
    /* Faults. */
    kv_status open_status;   /* of kv_client_open */
    kv_status status_status; /* of kv_cluster_status_get */
    kv_status delete_status; /* of kv_delete; KV_OK stands for KV_NOT_FOUND */
    kv_status submit_status; /* of the next submit_failures submits */
    uint32_t submit_failures;
    kv_status done_status; /* of the next done_failures completions of code done_code */
    uint32_t done_failures;
    kv_op_code done_code; /* 0: any */
    bool swaps_values;    /* reads answer with a value of another key */
    bool reverses_scans;
    bool restarts_node;                 /* the second status shows a younger node */
    void (*on_submit)(const kv_op *op); /* called for each accepted one */
};

/* What was seen since script_begin. */
struct script_seen {
    uint64_t submits, gets, puts, scans, mgets, mputs;
    uint32_t outstanding, outstanding_max; /* over all clients */
    uint32_t status_reads;
    uint64_t keys;                         /* in the map */
    uint32_t scan_rows_min, scan_rows_max; /* limits of scans */
};

/* Empty map, time 1,000,000 us, nothing seen; the script may be changed at any time. */
struct script *script_begin(void);
void script_end(void);
const struct script_seen *script_seen(void);

/* Whether the map has a key; its value's size in *ret_size. */
bool script_has(const char *key, size_t *ret_size);

#endif
