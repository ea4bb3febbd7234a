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

enum engine_open engine_open_of(const struct engine_run *run)
{
    switch (run->state) {
    case ENGINE_RUN_QUEUED:
        return !run->mere && !run->gated && kv_group_set_count(run->destinations) > 1
                   ? ENGINE_OPEN_JOINT
                   : ENGINE_OPEN_NOTHING;
    case ENGINE_RUN_GRANTED:
    case ENGINE_RUN_WORKING:
        return run->mere ? ENGINE_OPEN_NOTHING : ENGINE_OPEN_TURNED;
    case ENGINE_RUN_EXPECTED:
    case ENGINE_RUN_FINISHED:
    case ENGINE_RUN_HELD:
        return ENGINE_OPEN_NOTHING;
    }
    KV_UNREACHABLE();
}

static void engine_open_set(struct engine *engine, struct engine_run *run, enum engine_open open)
{
    engine->open[run->open]--;
    run->open = open;
    engine->open[open]++;
}

void engine_open_look(struct engine *engine, struct engine_run *run)
{
    engine_open_set(engine, run, engine_open_of(run));
}

void engine_open_forget(struct engine *engine, struct engine_run *run)
{
    engine_open_set(engine, run, ENGINE_OPEN_NOTHING);
}

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

void engine_gate_shut(struct engine *engine)
{
    struct engine_run *run;
    TAILQ_FOREACH_REVERSE(run, &engine->waiting, engine_run_list, link)
    {
        if (run->state == ENGINE_RUN_QUEUED && !run->gated) {
            engine_gate_enter(engine, run);
            TAILQ_REMOVE(&engine->gated, run, ready); /* to the front: in the order of delivery */
            TAILQ_INSERT_HEAD(&engine->gated, run, ready);
            engine_open_look(engine, run);
        }
    }
}

void engine_gate_open(struct engine *engine)
{
    struct engine_run *run;
    while ((run = TAILQ_FIRST(&engine->gated)) != NULL) {
        engine_gate_leave(engine, run);
        engine_open_look(engine, run);
        if (run->blocked == 0) {
            engine_queue_ready(engine, run);
        } else {
            engine_lock_on_gate(engine, run);
        }
    }
    engine->gate = (struct engine_gate){.at = KV_INSTANT_NEVER};
}

/* Who waits for his turn at this group alone, behind a lock, has executed nowhere: he may as well stand behind the gate.
 * One to several groups does not: what another group has executed of it when it is cut depends on votes that this one may yet give. */
bool engine_gate_is_reached(const struct engine *engine)
{
    return engine->gate.closed && engine_is_whole(engine) && engine->open[ENGINE_OPEN_JOINT] == 0;
}

/* Who waits for his turn, for a lock for instance, has not voted: so nobody has been told that he is done. */
bool engine_is_whole(const struct engine *engine)
{
    return engine->open[ENGINE_OPEN_TURNED] == 0;
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
