/* SPDX-License-Identifier: Apache-2.0 */
/* engine_timer: what is said again until it is not needed any more. [placement.md, S4, D2]
 *
 * A leader repeats the votes that it owes, asks for those that it lacks, and appends those that did not get into the log. Another member
 * only repeats what it owes, and that rarely: the acknowledgement may have passed it by. Pauses double. */
#include "partition/engine/engine_internal.h"

/* Messages that one tick speaks about: a burst after an election is spread over several ticks. */
#define TICK_RUNS_MAX 256

/* Doublings of a pause. */
#define BACKOFF_MAX 6

/* An append that is not committed after this many retries was refused, or its term is over. */
#define APPEND_RETRIES 4

/* Longest pause of a member that does not lead. */
#define FOLLOWER_RETRY_US_MAX (UINT64_C(4) * ENGINE_FOLLOWER_RETRY_US)

void engine_schedule(struct engine *engine, struct engine_run *run, uint64_t after_us)
{
    run->retry_at = kv_instant_add(engine->now, after_us);
    engine->wake = kv_instant_min(engine->wake, run->retry_at);
}

static uint64_t engine_backoff(uint64_t first_us, uint64_t max_us, uint32_t retries)
{
    const uint64_t pause = first_us << (retries < BACKOFF_MAX ? retries : BACKOFF_MAX);
    return pause < max_us ? pause : max_us;
}

static void engine_schedule_again(struct engine *engine, struct engine_run *run)
{
    const uint64_t longest = engine->leads ? ENGINE_RETRY_US_MAX : FOLLOWER_RETRY_US_MAX;
    engine_schedule(engine, run,
                    engine_backoff(engine_first_retry_us(engine), longest, run->retries));
    run->retries++;
}

/* What a leader lacks: asked for, or put into the log. Returns whether there is anything. */
static bool engine_retry_signals(struct engine *engine, struct engine_run *run)
{
    bool open = false;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        struct engine_signal *signal = &run->signals[i];
        if (signal->logged) {
            continue;
        }
        open = true;
        if (!signal->present) {
            engine_send_request(engine, run, signal->group);
        } else {
            signal->appended =
                signal->appended && (run->retries == 0 || run->retries % APPEND_RETRIES != 0);
            engine_maybe_append(engine, run, signal);
        }
    }
    return open;
}

static bool engine_retry_owed(struct engine *engine, struct engine_run *run)
{
    bool open = false;
    for (uint32_t i = 0; i < run->owed_count; i++) {
        struct engine_owed *owed = &run->owed[i];
        if (owed->ready && !owed->acknowledged) {
            open = true;
            engine_send_signal(engine, run, owed, true, KV_NODE_NONE);
        }
    }
    return open;
}

static void engine_retry(struct engine *engine, struct engine_run *run)
{
    bool open = engine_retry_owed(engine, run);
    if (engine->leads) {
        open = engine_retry_signals(engine, run) || open;
    }
    run->retry_at = KV_INSTANT_NEVER;
    if (open || (run->state != ENGINE_RUN_FINISHED && run->state != ENGINE_RUN_HELD)) {
        engine_schedule_again(engine, run);
    }
}

/* Returns how many more may be spoken about. */
static uint32_t engine_tick_list(struct engine *engine, struct engine_run_list *list, uint32_t left)
{
    struct engine_run *run;
    TAILQ_FOREACH(run, list, link)
    {
        if (kv_instant_reached(run->retry_at, engine->now) && left > 0) {
            left--;
            engine_retry(engine, run);
        } else if (left == 0) {
            engine->wake = engine->now; /* the rest at the next tick, without looking at it now */
            break;
        } else {
            engine->wake = kv_instant_min(engine->wake, run->retry_at);
        }
    }
    return left;
}

void engine_on_tick(struct engine *engine)
{
    if (kv_instant_reached(engine->wake, engine->now)) {
        engine->wake = KV_INSTANT_NEVER;
        uint32_t left = engine_tick_list(engine, &engine->done, TICK_RUNS_MAX);
        left = engine_tick_list(engine, &engine->held, left);
        (void)engine_tick_list(engine, &engine->waiting, left);
    }
    if (kv_instant_reached(engine->dispatch_at, engine->now)) {
        engine->dispatched = 0; /* all of them again */
    }
}

static void engine_rouse(struct engine *engine, struct engine_run_list *list)
{
    struct engine_run *run;
    TAILQ_FOREACH(run, list, link)
    {
        run->retries = 0;
        engine_schedule(engine, run, engine->leads ? 0 : ENGINE_FOLLOWER_RETRY_US);
        for (uint32_t i = 0; i < run->signal_count; i++) {
            run->signals[i].appended = false;
        }
    }
}

void engine_on_role(struct engine *engine, bool leads)
{
    engine->leads = leads;
    engine->wake = KV_INSTANT_NEVER;
    engine_rouse(engine, &engine->waiting);
    engine_rouse(engine, &engine->held);
    engine_rouse(engine, &engine->done);
    engine->dispatched = 0;
    engine->dispatch_retries = 0;
    engine->dispatch_at = KV_INSTANT_NEVER;
    engine->time_from =
        KV_INSTANT_NEVER; /* [locks.md, T2] what another leader has measured is not this one's */
    engine->time_sent = false;
}

/* [locks.md, T1-T3] What is lost of it, and what passes while nobody leads, makes leases longer. */
void engine_maybe_time(struct engine *engine)
{
    struct machine_dispatch tick;
    const struct machine_ops *ops = engine->machine.ops;
    engine->time_at = KV_INSTANT_NEVER;
    if (ops->tick == NULL || !engine->leads ||
        !ops->tick(engine->machine.state, 0, engine->cursor, &tick)) {
        engine->time_from = KV_INSTANT_NEVER;
        return;
    }
    if (engine->time_from.us == KV_INSTANT_NEVER.us) {
        engine->time_from = engine->now;
        engine->time_since = engine->cursor;
    }
    uint64_t us = engine->now.us - engine->time_from.us;
    if (us >= ENGINE_TIME_US && (!engine->time_sent || us >= ENGINE_TIME_US_MAX)) {
        us = us < ENGINE_TIME_US_MAX ? us : ENGINE_TIME_US_MAX;
        if (ops->tick(engine->machine.state, us, engine->time_since, &tick)) {
            tick.id = (kv_message_id){.sequence = engine->now.us * KV_GROUPS_MAX +
                                                  engine->group.value, /* of no other group */
                                      .attempt = KV_ATTEMPT_OWN};
            *engine_emit_submit(engine) = tick;
            engine->time_sent = true;
        }
        engine->time_from = engine->now;
        engine->time_since = engine->cursor;
    }
    engine->time_at = kv_instant_add(engine->time_from,
                                     engine->time_sent && us >= ENGINE_TIME_US
                                         ? ENGINE_TIME_US_MAX
                                         : ENGINE_TIME_US); /* or when the last one comes back */
}

/* What goes to the oracle, too, is ordered there first (decision 0006). */
static bool engine_is_begun_elsewhere(const struct engine *engine,
                                      const struct machine_dispatch *dispatch)
{
    return !kv_group_equal(engine->group, KV_GROUP_ORACLE) &&
           kv_group_set_has(dispatch->destinations, KV_GROUP_ORACLE);
}

void engine_maybe_dispatch(struct engine *engine)
{
    struct machine_dispatch dispatch;
    if (!engine->leads || engine->machine.ops->dispatch == NULL) {
        return;
    }
    const bool all = engine->dispatched == 0;
    bool any = false;
    const struct machine_moment now = {engine->cursor, engine->clock.now_us};
    while (
        engine->machine.ops->dispatch(engine->machine.state, &now, engine->dispatched, &dispatch)) {
        engine->dispatched = dispatch.number;
        if (engine_run_find(engine, dispatch.id) != NULL) {
            continue;
        }
        any = true;
        if (engine_is_begun_elsewhere(engine, &dispatch)) {
            engine_send_forward(engine, &dispatch);
        } else {
            *engine_emit_submit(engine) = dispatch;
        }
    }
    if (any && (all || engine->dispatch_at.us ==
                           KV_INSTANT_NEVER.us)) { /* new ones do not put old ones off */
        engine->dispatch_retries = all ? engine->dispatch_retries + 1 : 0;
        engine->dispatch_at =
            kv_instant_add(engine->now, engine_backoff(ENGINE_RETRY_US, ENGINE_RETRY_US_MAX,
                                                       engine->dispatch_retries));
    } else if (!any && all) {
        engine->dispatch_at = KV_INSTANT_NEVER;
    }
}
