/* SPDX-License-Identifier: Apache-2.0 */
/* engine_gate: a line in the deliveries behind which nobody has a turn, and those who use it: reads of everything, and cuts. */
#ifndef KV_ENGINE_ENGINE_GATE_H
#define KV_ENGINE_ENGINE_GATE_H

#include "partition/engine/engine.h"

struct engine_run;

/* See engine_gate.c. */
struct engine_gate {
    bool closed;
    bool cuts;              /* closed for a mark, not for reads */
    uint64_t position;      /* closed: deliveries in front of it */
    kv_timestamp timestamp; /* closed: of the last of those */
    kv_instant at;          /* when it is opened; open: when it may be closed again, NEVER: now */
};

/* What of a run in `waiting` may be done elsewhere and is not done here; counted, because it is asked with each message while a gate is
 * closed. */
enum engine_open {
    ENGINE_OPEN_NOTHING, /* it has not voted, or it changes nothing that anybody could see */
    ENGINE_OPEN_JOINT, /* it is in front of the gate and waits for its turn, and other groups may execute it meanwhile */
    ENGINE_OPEN_TURNED, /* it has had its turn, and not executed */
    ENGINE_OPENS
};

/* ---- engine_gate.c ---- */

/* The run has come into `waiting`, or something has changed that counts; it leaves. */
void engine_open_look(struct engine *engine, struct engine_run *run);
void engine_open_forget(struct engine *engine, struct engine_run *run);
enum engine_open engine_open_of(const struct engine_run *run); /* what it counts as */

/* A run that is delivered while the gate is closed; it has taken its places, and may not have its turn. And back. */
void engine_gate_enter(struct engine *engine, struct engine_run *run);
void engine_gate_leave(struct engine *engine, struct engine_run *run);

/* Close it behind what is delivered, for so long at most; open it, and whose turn has come is put into `ready`. */
void engine_gate_close(struct engine *engine, uint64_t time_us);
void engine_gate_open(struct engine *engine);

/* The closed gate is reached: who waits in front of it for his turn does so behind it from now on. */
void engine_gate_shut(struct engine *engine);

/* Whether all in front of the closed gate have executed, or wait for a lock and can be left out. */
bool engine_gate_is_reached(const struct engine *engine);

/* Whether nobody has had his turn who has not executed, so that nothing that was acknowledged anywhere is missing from the state. */
bool engine_is_whole(const struct engine *engine);

/* Time has passed. */
void engine_on_gate_time(struct engine *engine);

/* ---- engine_cut.c ---- */

/* A mark is delivered, and stands in its queues: its cut begins, if this member leads. */
void engine_cut_begin(struct engine *engine, kv_timestamp timestamp);

/* The gate of a cut is about to open: unless its end has been told, it is missed. */
void engine_cut_leave(struct engine *engine);

/* The gate of a cut is closed: look whether it is reached. */
void engine_cut_advance(struct engine *engine);

/* ---- engine_scan.c ---- */

/* Whether a read of everything that comes now can be answered at once. */
bool engine_scan_is_free(const struct engine *engine);

/* Answer the reads of everything that can be answered. May give others their turns. */
void engine_scan_advance(struct engine *engine);

#endif
