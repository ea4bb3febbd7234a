/* SPDX-License-Identifier: Apache-2.0 */
/* engine_gate: a line in the sequence of deliveries. While it is closed, what is delivered behind it takes its places and has no turn.
 *
 * When all in front of it have executed, the state is exactly the prefix of the deliveries up to it. Reads of everything need that
 * (engine_scan.c), and cuts (engine_cut.c). It is opened at a time whatever happens; if it was closed for reads it stays open for
 * GATE_PAUSE_US then: a group that waits for another one must not stop for long.
 *
 * No cycle of waiting: who is in front of the gate waits only for what is ordered before him, everywhere. */
#include "partition/engine/engine_internal.h"

/* So long that the gate is closed for a small part of the time. */
#define GATE_PAUSE_US 200000

void engine_gate_enter(struct engine *engine, struct engine_run *run)
{
    run->gated = true;
    run->blocked++;
    TAILQ_INSERT_TAIL(&engine->gated, run, ready);
    engine->gated_count++;
}

void engine_gate_leave(struct engine *engine, struct engine_run *run)
{
    TAILQ_REMOVE(&engine->gated, run, ready);
    engine->gated_count--;
    run->gated = false;
    run->blocked--;
}

void engine_gate_close(struct engine *engine, uint64_t time_us)
{
    engine->gate = (struct engine_gate){.closed = true,
                                        .position = engine->delivered,
                                        .timestamp = engine->cursor,
                                        .at = kv_instant_add(engine->now, time_us)};
}

void engine_gate_open(struct engine *engine)
{
    struct engine_run *run;
    while ((run = TAILQ_FIRST(&engine->gated)) != NULL) {
        engine_gate_leave(engine, run);
        if (run->blocked == 0) {
            engine_queue_ready(engine, run);
        }
    }
    engine->gate = (struct engine_gate){.at = KV_INSTANT_NEVER};
}

bool engine_gate_is_reached(const struct engine *engine)
{
    return engine->gate.closed && engine->waiting_count == engine->gated_count;
}

/* Who waits for his turn, for a lock for instance, has not voted: so nobody has been told that he is done. */
bool engine_is_whole(const struct engine *engine)
{
    const struct engine_run *run;
    bool whole = true;
    TAILQ_FOREACH(run, &engine->waiting, link)
    {
        whole = whole && (run->state == ENGINE_RUN_QUEUED || run->mere);
    }
    return whole;
}

void engine_on_gate_time(struct engine *engine)
{
    if (!kv_instant_reached(engine->gate.at, engine->now)) {
        return;
    }
    if (engine->gate.closed && engine->gate.cuts) {
        engine_cut_leave(engine);
        engine_gate_open(engine);
    } else if (engine->gate.closed) {
        engine_gate_open(engine);
        engine->gate.at = kv_instant_add(engine->now, GATE_PAUSE_US);
    } else {
        engine->gate.at = KV_INSTANT_NEVER; /* it may be closed again */
    }
}
