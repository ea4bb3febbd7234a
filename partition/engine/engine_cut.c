/* SPDX-License-Identifier: Apache-2.0 */
/* engine_cut: the state between what was delivered before a mark and what behind it.
 *
 * A mark goes to all groups, so its final timestamp cuts the whole store: each group has delivered exactly the messages with smaller
 * ones. At its delivery the gate is closed. When all in front of it have executed, the cut is reached: the machine's state is that of the
 * prefix, and stays so until the driver has taken it, since nobody behind has a turn. What is delivered meanwhile waits as data: it is
 * neither lost nor executed, and sessions know it.
 *
 * 1. Only a member that leads cuts: one is enough, and the others need not pause. Which one it was says the answer to whoever asks
 *    for the cut; if there was none, the cut has failed.
 * 2. It is local and no part of the replicated state: the mark itself executes at its turn, waits for nobody and changes nothing.
 * 3. CUT_US bounds it: then the gate is opened and the cut is missed.
 * 4. All groups cut at the same timestamp and everything before it that anybody could see has executed in each of them, so there are no
 *    votes under way between those states: what is still remembered of messages can be forgotten by whoever begins with them.
 * 5. Who waits for a lock does not hold up a cut, unless he is a change to several groups: locks themselves, which are no part of what
 *    begins anew, and commands of this group alone, which stand behind the gate from then on as if they had been delivered there. */
#include "partition/engine/engine_internal.h"

/* Many exchanges with other groups, and the driver's turn; short for a client that waits meanwhile. */
#define CUT_US 2000000

struct engine_cut engine_cut(const struct engine *engine)
{
    return engine->cut;
}

static bool engine_cut_is_open(const struct engine *engine)
{
    return engine->cut.state == ENGINE_CUT_WAITING || engine->cut.state == ENGINE_CUT_REACHED;
}

void engine_cut_begin(struct engine *engine, kv_timestamp timestamp)
{
    if (!engine->leads || engine_cut_is_open(engine)) {
        return;
    }
    if (engine->gate.closed) {
        engine_gate_open(engine); /* it was for reads, which wait on for this one */
    }
    engine_gate_close(engine, CUT_US);
    engine->gate.cuts = true;
    engine->cut = (struct engine_cut){.state = ENGINE_CUT_WAITING, .timestamp = timestamp};
}

void engine_cut_advance(struct engine *engine)
{
    if (engine->cut.state == ENGINE_CUT_WAITING && engine_gate_is_reached(engine)) {
        engine->cut.state = ENGINE_CUT_REACHED;
        engine_gate_shut(engine);
    }
}

void engine_cut_leave(struct engine *engine)
{
    if (engine_cut_is_open(engine)) {
        engine->cut.state = ENGINE_CUT_MISSED;
    }
}

void engine_cut_end(struct engine *engine, bool taken)
{
    if (engine->cut.state != ENGINE_CUT_REACHED) {
        return;
    }
    KV_ASSERT(engine->gate.closed && engine->gate.cuts);
    engine->cut.state = taken ? ENGINE_CUT_TAKEN : ENGINE_CUT_MISSED;
    engine->gate.at = engine->now; /* it opens with the next step */
}

/* ---- Beginning with the state of a cut ---- */

static void engine_forget_all(struct engine *engine, struct engine_run_list *list)
{
    while (!TAILQ_EMPTY(list)) {
        engine_run_free(engine, TAILQ_FIRST(list));
    }
}

enum status engine_begin_anew(struct engine *engine, kv_timestamp cut, kv_timestamp anew)
{
    struct engine_run *run;
    KV_ASSERT(kv_timestamp_compare(cut, anew) <= 0);
    TAILQ_FOREACH(run, &engine->waiting, link)
    {
        const bool before = kv_timestamp_compare(run->timestamp, cut) <= 0;
        if (run->open == ENGINE_OPEN_TURNED || (before && run->open == ENGINE_OPEN_JOINT)) {
            return STATUS_CORRUPT;
        }
    }
    if (kv_timestamp_compare(engine->cursor, cut) < 0) {
        return STATUS_CORRUPT; /* it was saved before the cut */
    }
    KV_ASSERT(TAILQ_EMPTY(&engine->reads) && TAILQ_EMPTY(&engine->scans));
    engine_forget_all(engine, &engine->waiting);
    engine_forget_all(engine, &engine->held);
    engine_forget_all(engine, &engine->done);
    engine_forget_all(engine, &engine->expected);
    engine_sessions_clear(&engine->sessions);
    engine->sessions.floor.registered = anew;
    engine->machine.ops->renew(engine->machine.state);
    engine->cursor = anew;
    return STATUS_OK;
}
