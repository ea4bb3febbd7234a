/* SPDX-License-Identifier: Apache-2.0 */
/* engine_scan: reads of everything.
 *
 * Such a read must see a state that is a prefix of what was delivered: all that was delivered before it, and nothing behind something
 * that it does not see. Otherwise it could show a command that began after another had been acknowledged, and not that other.
 *
 * 1. If nobody has had his turn who has not executed, the state is such a prefix but for those who wait for a turn, of whom nobody has
 *    heard anything; and it is answered.
 * 2. Else the gate is closed (engine_gate.c): what is delivered from now on takes its places and has no turn. When all before it have
 *    executed, the state is the prefix up to the gate; the reads are answered, and the gate is opened.
 * 3. Whoever waits for another group may wait for long, and the gate must not hold up the rest as long: it is opened after
 *    GATE_US, and the read waits on for 1, or for the next gate.
 * 4. The gate of a mark (engine_cut.c) serves reads as well, and is opened by others. */
#include "partition/engine/engine_internal.h"

/* A few exchanges with other groups. */
#define GATE_US 20000

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

bool engine_scan_is_free(const struct engine *engine)
{
    /* Who stands behind a closed gate will have his turn before this read. */
    return engine->waiting_count == 0 || (!engine->gate.closed && engine_is_whole(engine));
}

void engine_scan_advance(struct engine *engine)
{
    if (engine->gate.closed && engine_is_whole(engine)) {
        engine_scan_answer(engine, engine->gate.position, engine->gate.timestamp);
        if (engine->gate.cuts) {
            return;
        }
        engine_gate_open(engine);
    } else if (engine_is_whole(engine)) {
        engine_scan_answer(engine, engine->delivered, engine->cursor);
    }
    const bool may_close = !engine->gate.closed && engine->gate.at.us == KV_INSTANT_NEVER.us &&
                           TAILQ_EMPTY(&engine->ready); /* who has his turn will have had it */
    if (TAILQ_EMPTY(&engine->scans)) {
        if (engine->gate.closed && !engine->gate.cuts) {
            engine_gate_open(engine);
        }
    } else if (may_close) {
        engine_gate_close(engine, GATE_US);
    }
}
