/* SPDX-License-Identifier: Apache-2.0 */
/* check_cut: are the states that the groups cut at a mark together that of the moment of the mark?
 *
 * We keep what a leader's engine saves when it has reached a mark. At the end of a run, when the reference has run everything up to the
 * mark and nothing behind it, the states of all groups, begun anew, must have every key where the reference has it and nowhere else, and
 * home and oracle must say so. Where clients lock keys the reference cannot follow; then each key is where home and oracle say, in one
 * place, which is so only if what concerns several groups is in the states of all of them or of none. Of a mark that not all groups have reached there is no backup, and nothing to check. */
#ifndef KV_SIM_CHECK_CUT_H
#define KV_SIM_CHECK_CUT_H

#include "multicast/base/bytes.h"
#include "tests/reference/reference.h"
#include "tests/sim/sim_report.h"

struct engine;

struct check_cut {
    struct check_cut_state {
        kv_timestamp timestamp;
        kv_group_id group;
        struct kv_buffer state;
    } * states;
    uint32_t count, capacity;
    uint64_t checked; /* marks */
};

/* The engine has reached the mark with this timestamp. */
void check_cut_keep(struct check_cut *check, kv_timestamp timestamp, kv_group_id group,
                    const struct engine *engine);

/* The reference is at the mark. */
void check_cut_at(struct check_cut *check, kv_timestamp timestamp,
                  const struct reference *reference, uint32_t groups, struct sim_report *report);

/* Without a reference: all marks, for these keys. */
void check_cut_places(struct check_cut *check, const kv_slice *keys, uint32_t key_count,
                      uint32_t groups, struct sim_report *report);

void check_cut_close(struct check_cut *check);

#endif
