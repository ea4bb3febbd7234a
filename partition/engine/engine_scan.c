/* SPDX-License-Identifier: Apache-2.0 */
/* engine_scan: reads of everything.
 *
 * Such a read must see a state that is a prefix of what was delivered: all that was delivered before it, and nothing behind something
 * that it does not see. Otherwise it could show a command that began after another had been acknowledged, and not that other.
 *
 * 1. If nothing waits, the state is such a prefix, and it is answered.
 * 2. Else the gate is closed: what is delivered from now on takes its places and has no turn. When all before it have executed, the
 *    state is the prefix up to the gate; the reads are answered, and the gate is opened.
 * 3. Whoever waits for another group may wait for long, and the gate must not hold up the rest as long: it is opened after
 *    GATE_US and stays open for GATE_PAUSE_US. The read waits on for 1, or for the next gate.
 *
 * No cycle of waiting: who is in front of the gate waits only for what is ordered before him, everywhere. */
#include "partition/engine/engine_internal.h"

/* A few exchanges with other groups; and so long that the gate is closed for a small part of the time. */
#define GATE_US       20000
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

static void engine_gate_close(struct engine *engine)
{
    engine->gate = (struct engine_gate){.closed = true,
                                        .position = engine->delivered,
                                        .timestamp = engine->cursor,
                                        .at = kv_instant_add(engine->now, GATE_US)};
}

static void engine_gate_open(struct engine *engine)
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

void engine_on_gate_time(struct engine *engine)
{
    if (!kv_instant_reached(engine->gate.at, engine->now)) {
        return;
    }
    const bool gives_up = engine->gate.closed;
    if (gives_up) {
        engine_gate_open(engine);
        engine->gate.at = kv_instant_add(engine->now, GATE_PAUSE_US);
    } else {
        engine->gate.at = KV_INSTANT_NEVER; /* it may be closed again */
    }
}

/* Answer the reads that came when no more than `position` was delivered. */
static void engine_scan_answer(struct engine *engine, uint64_t position, kv_timestamp timestamp)
{
    struct engine_run *run, *next;
    for (run = TAILQ_FIRST(&engine->scans); run != NULL; run = next) {
        next = TAILQ_NEXT(run, link);
        if (run->position <= position) {
            engine_run_open(engine, run);
            engine_read_answer(engine, run->token, timestamp);
            engine_run_free(engine, run);
        }
    }
}

void engine_scan_advance(struct engine *engine)
{
    if (engine->waiting_count == engine->gated_count && engine->gate.closed) {
        engine_scan_answer(engine, engine->gate.position, engine->gate.timestamp);
        engine_gate_open(engine);
    } else if (engine->waiting_count == 0) {
        engine_scan_answer(engine, engine->delivered, engine->cursor);
    }
    const bool may_close = !engine->gate.closed && engine->gate.at.us == KV_INSTANT_NEVER.us &&
                           TAILQ_EMPTY(&engine->ready); /* who has his turn will have had it */
    if (TAILQ_EMPTY(&engine->scans)) {
        if (engine->gate.closed) {
            engine_gate_open(engine);
        }
    } else if (may_close) {
        engine_gate_close(engine);
    }
}
