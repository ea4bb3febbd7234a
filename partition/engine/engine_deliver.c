/* SPDX-License-Identifier: Apache-2.0 */
/* engine_deliver: the beginning of a delivered message's life, and the look at one before it is ordered.
 *
 *   deliver -> judge -> open -> execute -> record -> reply                    to one group, nobody in front of it
 *                          \\-> queues -> turn -> vote -> execute -> ...      else: engine_run.c
 *
 * 1. deliver: the session is found or created, and its floor raised, whatever becomes of the
 *    message (X5).
 * 2. judge (engine_judge.c): a message to one group that must not run is answered here and leaves no trace. One to several groups
 *    takes its places all the same and votes its refusal at its turn, so that queues move in one order at all members, and the other
 *    groups do not wait for a vote that never comes. So does one whose id was delivered before, to other groups.
 * 3. open (machine.h): what it touches. What cannot be opened is answered UNSUPPORTED; all destinations say the same, so there is
 *    nothing to vote about.
 * 4. execute, record, reply: verdict and answer are remembered, NO as well as OK (X4). */
#include "partition/engine/engine_internal.h"

static void engine_reply_from_record(kv_message_id id, const struct engine_record *record,
                                     struct engine_reply *ret)
{
    *ret = (struct engine_reply){
        .id = kv_message_id_of_client(id),
        .timestamp = record->timestamp,
        .index = record->index,
        .complete = record->complete,
        .answer = engine_record_answer(record),
    };
}

static void engine_refuse(struct engine *engine, enum wire_verdict verdict,
                          struct engine_reply *reply)
{
    engine_answer_verdict(engine, verdict);
    reply->complete = true;
    engine_answer(engine, /* session */ NULL, reply, verdict);
}

/* The session of a delivered message with its floor raised; NULL if it is neither known nor may be
 * created. */
static struct engine_session *engine_deliver_session(struct engine *engine,
                                                     const struct wire_entry *entry,
                                                     kv_timestamp timestamp)
{
    struct engine_sessions *sessions = &engine->sessions;
    if (kv_session_is_none(entry->id.session) || kv_message_id_is_own(entry->id)) {
        return NULL;
    }
    struct engine_session *session = engine_session_find(sessions, entry->id.session);
    if (session == NULL) {
        if (!engine_session_is_new(sessions, entry->id.session)) {
            return NULL;
        }
        session = engine_session_add(sessions, entry->id.session);
    }
    engine_session_touch(sessions, session, entry->floor, timestamp);
    return session;
}

/* A message that has to wait: for others in its queues, or for the votes of other groups. */
static void engine_deliver_run(struct engine *engine, struct wire_entry *entry,
                               const struct engine_reply *reply, enum wire_verdict refusal,
                               bool has_session, bool known)
{
    struct engine_run *run = engine_run_find(engine, entry->id);
    if (run != NULL && run->state != ENGINE_RUN_EXPECTED) {
        return; /* the same message twice, and the first one speaks for it */
    }
    if (run == NULL) {
        run = engine_run_new(engine, entry->id);
    }
    KV_ASSERT(run->state == ENGINE_RUN_EXPECTED);
    TAILQ_REMOVE(&engine->expected, run, link);
    engine->expected_count--;
    run->state = ENGINE_RUN_QUEUED;
    TAILQ_INSERT_TAIL(&engine->waiting, run, link);
    engine->waiting_count++;
    run->entry = wire_entry_keep(entry);
    run->body = wire_entry_body(entry);
    run->timestamp = reply->timestamp;
    run->index = reply->index;
    run->position = engine->delivered;
    run->time_us = engine->clock.now_us;
    run->destinations = entry->destinations;
    run->refusal = refusal;
    run->has_session = has_session;
    run->known = known;
    run->awaits = engine->footprint.awaits;
    run->tells = engine->footprint.tells;
    run->reports = engine->footprint.reports;
    run->answers = engine->footprint.answers;
    run->computes = engine_job_is_possible(engine);
    run->mere = engine->footprint.mere;
    engine_signal_keep_awaited(engine, run);
    engine_places_enter(engine, run);
    engine_open_look(engine, run);
    engine->opened = run; /* the machine has its command open: it may have its turn in this step */
}

/* Nobody is in front of it and nobody else has a say: its turn is now. */
static void engine_deliver_now(struct engine *engine, struct engine_session *session,
                               struct engine_reply *reply)
{
    reply->complete = true;
    if (engine_execute(engine, NULL, 0) == MACHINE_DONE) {
        engine_answer(engine, session, reply, engine->answer.verdict);
    } else if (session != NULL) {
        engine_record_begin(&engine->sessions, session, reply);
    }
}

static void engine_deliver_opened(struct engine *engine, struct wire_entry *entry,
                                  struct engine_session *session, struct engine_reply *reply,
                                  enum wire_verdict refusal, bool known)
{
    const bool alone = kv_group_set_count(entry->destinations) <= 1;
    if (alone && refusal != WIRE_VERDICT_OK) {
        engine_refuse(engine, refusal, reply);
    } else if (alone && engine->footprint.token.clock.value == 0 && !engine->gate.closed &&
               !engine_job_may_go_out(engine) && engine_queue_is_free(engine)) {
        engine_deliver_now(engine, session, reply);
    } else {
        if (session != NULL && refusal == WIRE_VERDICT_OK) {
            engine_record_begin(&engine->sessions, session, reply);
        }
        const bool cuts = engine->footprint.cuts && refusal == WIRE_VERDICT_OK;
        engine_deliver_run(engine, entry, reply, refusal,
                           session != NULL && refusal == WIRE_VERDICT_OK, known);
        if (cuts) {
            engine_cut_begin(engine, reply->timestamp);
        }
    }
}

/* OK, or the NO of a message that must not run. *ret_known: it was delivered before; its record, NULL while it runs. */
static enum wire_verdict engine_deliver_judge(struct engine *engine,
                                              const struct engine_session *session,
                                              const struct wire_entry *entry, bool *ret_known,
                                              struct engine_record **ret)
{
    *ret_known = false;
    *ret = NULL;
    if (kv_session_is_none(entry->id.session) || kv_message_id_is_own(entry->id)) {
        return WIRE_VERDICT_OK; /* a second one finds nothing to do */
    }
    switch (engine_judge(&engine->sessions, session, entry->id, entry->floor, ret)) {
    case ENGINE_JUDGED_EXECUTE:
        return WIRE_VERDICT_OK;
    case ENGINE_JUDGED_RUNNING:
    case ENGINE_JUDGED_RECORDED:
        *ret_known = true;
        return WIRE_VERDICT_REFUSED;
    case ENGINE_JUDGED_REFUSED:
    case ENGINE_JUDGED_BEYOND:
        return WIRE_VERDICT_REFUSED;
    case ENGINE_JUDGED_SESSION_UNKNOWN:
        return WIRE_VERDICT_SESSION_UNKNOWN;
    }
    KV_UNREACHABLE();
}

/* Positions without a hole, as far back as `begun`. */
static void engine_deliver_count(struct engine *engine, uint64_t position)
{
    const uint64_t next = engine->delivered + 1;
    if (position != 0 && (engine->begun == 0 || position != next)) {
        engine->begun = position;
    }
    engine->delivered = position > next ? position : next;
}

/* [locks.md, K4] A TICK counts if its leader had been given the last but one when it began to measure: so at most two TICKs that are
 * delivered behind a command can tell of time from before it. */
static void engine_deliver_time(struct engine *engine, kv_timestamp timestamp)
{
    const struct machine_footprint *footprint = &engine->footprint;
    struct engine_clock *clock = &engine->clock;
    engine->time_sent = false;
    if (kv_timestamp_compare(footprint->since, clock->before_last) < 0) {
        return;
    }
    clock->now_us += footprint->passes_us < MACHINE_TIME_COUNTED_US_MAX
                         ? footprint->passes_us
                         : MACHINE_TIME_COUNTED_US_MAX;
    clock->before_last = clock->last;
    clock->last = timestamp;
}

void engine_on_deliver(struct engine *engine, const struct engine_event *event)
{
    struct wire_entry *entry = event->entry;
    const kv_timestamp timestamp = event->timestamp;
    KV_ASSERT(kv_timestamp_compare(timestamp, engine->cursor) > 0);
    engine->cursor = timestamp;
    engine_deliver_count(engine, event->position);
    struct engine_reply reply = {.id = entry->id, .timestamp = timestamp, .index = entry->index};
    struct engine_session *session = engine_deliver_session(engine, entry, timestamp);
    struct engine_record *record;
    bool known;
    const enum wire_verdict refusal = engine_deliver_judge(engine, session, entry, &known, &record);
    if (known && record != NULL) {
        engine_reply_from_record(entry->id, record, &reply);
        engine_emit_reply(engine, &reply);
    }
    if (known && kv_group_set_count(entry->destinations) <= 1) {
        return; /* the order has forgotten it; E1 */
    }

    const struct machine_context context = {.group = engine->group,
                                            .destinations = entry->destinations,
                                            .timestamp = timestamp,
                                            .id = entry->id,
                                            .floor = entry->floor,
                                            .position = event->position,
                                            .time_us = engine->clock.now_us};
    if (engine_open(engine, wire_entry_body(entry), &context)) {
        const kv_session_id ends = engine->footprint.ends;
        if (engine->footprint.passes_us > 0) {
            engine_deliver_time(engine, timestamp);
        }
        engine_deliver_opened(engine, entry, session, &reply, refusal, known);
        /* Refused or not: it is heard of. A client is older than its end; another id would be one of somebody to come. */
        if (!kv_session_is_none(ends) && kv_timestamp_compare(ends.registered, timestamp) < 0) {
            engine_session_end(&engine->sessions, ends, timestamp);
        }
        return;
    }
    engine_expected_drop(engine, entry->id);
    if (refusal != WIRE_VERDICT_OK) {
        engine_refuse(engine, refusal, &reply);
        return;
    }
    engine_answer_verdict(engine, WIRE_VERDICT_UNSUPPORTED);
    reply.complete = true;
    engine_answer(engine, session, &reply, WIRE_VERDICT_UNSUPPORTED);
}

enum engine_admission engine_admit(const struct engine *engine, kv_message_id id, uint64_t floor,
                                   struct engine_reply *ret)
{
    const struct machine *machine = &engine->machine;
    const bool full = engine->waiting_count >= ENGINE_RUNS_MAX ||
                      (machine->ops->full != NULL && machine->ops->full(machine->state));
    if (kv_session_is_none(id.session)) {
        return full ? ENGINE_BUSY : ENGINE_ADMIT;
    }
    const struct engine_session *session = engine_session_find(&engine->sessions, id.session);
    struct engine_record *record;
    switch (engine_judge(&engine->sessions, session, id, floor, &record)) {
    case ENGINE_JUDGED_EXECUTE:
        return full ? ENGINE_BUSY : ENGINE_ADMIT;
    case ENGINE_JUDGED_RUNNING:
        return ENGINE_RUNNING;
    case ENGINE_JUDGED_RECORDED:
        engine_reply_from_record(id, record, ret);
        return record->complete ? ENGINE_RECORDED : ENGINE_ELSEWHERE;
    case ENGINE_JUDGED_REFUSED:
        return ENGINE_REFUSED;
    case ENGINE_JUDGED_BEYOND:
        return ENGINE_SESSION_FULL;
    case ENGINE_JUDGED_SESSION_UNKNOWN:
        return ENGINE_SESSION_UNKNOWN;
    }
    KV_UNREACHABLE();
}
