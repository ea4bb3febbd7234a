/* SPDX-License-Identifier: Apache-2.0 */
/* engine_run: what becomes of a message that is not executed at its delivery: turn, vote, execution, forgetting.
 *
 * 1. [V1] The vote is computed at the turn, from state that nobody else can change until the message is finished.
 * 2. [V4] A NO gives the queues free at once: this group will change nothing. Not that of an execution: its end takes pins away,
 *    and who queues behind it must find them gone.
 * 3. [V2] It executes when the votes that it awaits are in. Whether they came through the log or directly makes no difference,
 *    because a vote is a fact (S2). */
#include "partition/engine/engine_internal.h"

struct engine_run *engine_run_find(const struct engine *engine, kv_message_id id)
{
    const struct kv_message_key key = kv_message_key_of(id);
    struct engine_run *run = NULL;
    if (engine->by_id != NULL) {
        HASH_FIND(hh, engine->by_id, &key, sizeof(key), run);
    }
    return run;
}

static struct engine_run *engine_run_alloc(kv_message_id id)
{
    struct engine_run *run = kv_alloc_zero(1, sizeof(*run));
    run->key = kv_message_key_of(id);
    run->id = id;
    run->refusal = WIRE_VERDICT_OK;
    run->verdict = WIRE_VERDICT_OK;
    run->retry_at = KV_INSTANT_NEVER;
    return run;
}

struct engine_run *engine_run_new(struct engine *engine, kv_message_id id)
{
    struct engine_run *run = engine_run_alloc(id);
    run->state = ENGINE_RUN_EXPECTED;
    HASH_ADD(hh, engine->by_id, key, sizeof(run->key), run);
    TAILQ_INSERT_TAIL(&engine->expected, run, link);
    engine->expected_count++;
    engine->run_count++;
    return run;
}

struct engine_run *engine_run_new_read(struct engine *engine, uint64_t token, kv_slice body,
                                       bool everything)
{
    struct engine_run *run = engine_run_alloc((kv_message_id){0});
    run->state = ENGINE_RUN_QUEUED;
    run->local = true;
    run->token = token;
    run->everything = everything;
    run->timestamp = engine->cursor;
    run->position = engine->delivered;
    run->no = (struct kv_buffer){0}; /* the copy of the body */
    kv_buffer_append(&run->no, body.data, body.size);
    run->body = kv_buffer_slice(&run->no);
    TAILQ_INSERT_TAIL(everything ? &engine->scans : &engine->reads, run, link);
    return run;
}

static void engine_run_unlink(struct engine *engine, struct engine_run *run)
{
    if (run->local) {
        TAILQ_REMOVE(run->everything ? &engine->scans : &engine->reads, run, link);
        return;
    }
    switch (run->state) {
    case ENGINE_RUN_EXPECTED:
        TAILQ_REMOVE(&engine->expected, run, link);
        engine->expected_count--;
        return;
    case ENGINE_RUN_QUEUED:
    case ENGINE_RUN_GRANTED:
    case ENGINE_RUN_WORKING:
        TAILQ_REMOVE(&engine->waiting, run, link);
        engine->waiting_count--;
        engine_open_forget(engine, run);
        return;
    case ENGINE_RUN_FINISHED:
        TAILQ_REMOVE(&engine->done, run, link);
        return;
    case ENGINE_RUN_HELD:
        TAILQ_REMOVE(&engine->held, run, link);
        return;
    }
}

void engine_run_free(struct engine *engine, struct engine_run *run)
{
    engine_run_unlink(engine, run);
    engine_job_forget(engine, run);
    engine_queue_leave(engine, run);
    if (!run->local) {
        HASH_DELETE(hh, engine->by_id, run);
        engine->run_count--;
    }
    if (engine->opened == run) {
        engine->opened = NULL;
    }
    for (uint32_t i = 0; i < run->signal_count; i++) {
        kv_buffer_close(&run->signals[i].payload);
    }
    for (uint32_t i = 0; i < run->owed_count; i++) {
        kv_buffer_close(&run->owed[i].payload);
    }
    kv_free(run->signals);
    kv_free(run->owed);
    kv_buffer_close(&run->no);
    wire_entry_drop(&run->entry);
    kv_free(run);
}

void engine_run_open(struct engine *engine, struct engine_run *run)
{
    if (engine->opened == run) {
        return;
    }
    const struct machine_context context = {
        .group = engine->group,
        .destinations = run->local ? kv_group_set_of(engine->group) : run->destinations,
        .timestamp = run->timestamp,
        .id = run->id,
        .floor = run->entry == NULL ? 0 : run->entry->floor,
        .position = engine->begun != 0 && run->position >= engine->begun ? run->position : 0,
        .time_us = run->time_us,
        .read = run->local,
    };
    const bool opened = engine_open(engine, run->body, &context);
    KV_ASSERT(opened); /* it was, when it came */
    engine->opened = run;
}

/* Hints are this moment's knowledge of some member, no part of the replicated state: a record must not have them. */
static bool engine_strip_hints(struct wire_answer *answer)
{
    bool stripped = false;
    for (uint32_t i = 0; i < answer->place_count; i++) {
        struct wire_place *place = &answer->places[i];
        if (place->verdict == WIRE_VERDICT_STALE && place->group.value != 0) {
            place->group.value = 0;
            place->version = (kv_timestamp){0};
            stripped = true;
        }
    }
    return stripped;
}

void engine_answer(struct engine *engine, struct engine_session *session,
                   struct engine_reply *reply, enum wire_verdict verdict)
{
    reply->answer = kv_buffer_slice(&engine->answer_bytes);
    engine_emit_reply(engine, reply);
    if (session == NULL) {
        return;
    }
    if (engine_strip_hints(&engine->answer)) {
        engine_answer_encode(engine);
        reply->answer = kv_buffer_slice(&engine->answer_bytes);
    }
    engine_record_put(&engine->sessions, session, reply, verdict);
}

static void engine_run_add_vote(struct engine *engine, uint32_t *count, struct machine_vote vote)
{
    uint32_t at = (*count)++;
    while (at > 0 && engine->votes[at - 1].group.value > vote.group.value) {
        engine->votes[at] = engine->votes[at - 1];
        at--;
    }
    engine->votes[at] = vote;
}

/* The votes of all groups that were awaited, and the own one if it is a NO; in the order of groups, not that in which they came, which
 * is each member's own. */
uint32_t engine_run_votes(struct engine *engine, const struct engine_run *run)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        const struct engine_signal *signal = &run->signals[i];
        engine_run_add_vote(engine, &count,
                            (struct machine_vote){
                                .group = signal->group,
                                .verdict = (enum wire_verdict)signal->verdict,
                                .payload = kv_buffer_slice(&signal->payload),
                            });
    }
    if (run->verdict != WIRE_VERDICT_OK) {
        engine_run_add_vote(engine, &count,
                            (struct machine_vote){
                                .group = engine->group,
                                .verdict = run->verdict,
                                .payload = kv_buffer_slice(&run->no),
                            });
    }
    return count;
}

static enum machine_outcome engine_run_execute(struct engine *engine, const struct engine_run *run)
{
    if (run->refusal != WIRE_VERDICT_OK && kv_group_set_count(run->destinations) <= 1 &&
        !kv_message_id_is_own(run->id)) {            /* whose machine wants to hear of it */
        engine_answer_verdict(engine, run->refusal); /* of a lock: nobody else has a say */
        return MACHINE_DONE;
    }
    const uint32_t votes = engine_run_votes(engine, run);
    return engine_execute(engine, votes > 0 ? engine->votes : NULL, votes);
}

void engine_run_finish(struct engine *engine, struct engine_run *run, const void *job)
{
    KV_ASSERT(run->state == ENGINE_RUN_GRANTED);
    engine_run_open(engine, run);
    const enum machine_outcome outcome =
        job == NULL ? engine_run_execute(engine, run) : engine_apply(engine, job);
    const enum wire_verdict verdict = engine->answer.verdict;
    for (kv_group_set left = run->reports; left.bits != 0;) {
        engine_owe(engine, run, kv_group_set_take(&left), verdict, true);
    }
    if (outcome == MACHINE_DONE) {
        struct engine_reply reply = {.id = run->id,
                                     .timestamp = run->timestamp,
                                     .index = run->index,
                                     .complete = run->answers || verdict != WIRE_VERDICT_OK};
        struct engine_session *session =
            run->has_session ? engine_session_find(&engine->sessions, run->id.session) : NULL;
        if (!run->known) { /* its client has had an answer */
            engine_answer(engine, session, &reply, verdict);
        }
    }
    if (run->lock != NULL && verdict == WIRE_VERDICT_OK) {
        engine_run_unlink(engine, run);
        engine_lock_hold(engine, run);
        return;
    }
    if (run->releases && verdict == WIRE_VERDICT_OK) {
        engine_lock_release(engine, run);
    }
    engine_run_retire(engine, run);
}

void engine_run_retire(struct engine *engine, struct engine_run *run)
{
    const bool held = run->state == ENGINE_RUN_HELD;
    engine_run_unlink(engine, run);
    run->state = ENGINE_RUN_FINISHED;
    TAILQ_INSERT_TAIL(&engine->done, run, link);
    engine->opened = NULL; /* what it has open is about to go */
    engine_queue_leave(engine, run);
    run->body = (kv_slice){0};
    wire_entry_drop(&run->entry);
    kv_buffer_close(&run->no);
    if (held) {
        engine_run_maybe_forget(engine, run);
    }
}

bool engine_run_has_votes(const struct engine_run *run)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        present += run->signals[i].present ? 1 : 0;
    }
    return present == (uint32_t)kv_group_set_count(run->awaits);
}

void engine_run_maybe_finish(struct engine *engine, struct engine_run *run)
{
    if (run->state != ENGINE_RUN_GRANTED || run->wants_job || !engine_run_has_votes(run)) {
        return; /* E7 */
    }
    if (engine_job_begin(engine, run)) {
        return;
    }
    engine_run_finish(engine, run, /* job */ NULL);
    engine_run_maybe_forget(engine, run);
}

void engine_run_maybe_forget(struct engine *engine, struct engine_run *run)
{
    bool needed = run->state != ENGINE_RUN_FINISHED;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        needed = needed || !run->signals[i].logged;
    }
    for (uint32_t i = 0; i < run->owed_count; i++) {
        needed = needed || !run->owed[i].acknowledged;
    }
    if (!needed) { /* E8 */
        engine_run_free(engine, run);
    }
}

bool engine_run_lets_go(const struct engine_run *run)
{
    return run->verdict != WIRE_VERDICT_OK && !kv_message_id_is_execution(run->id);
}

/* Its turn has come: it votes, once. */
static void engine_run_grant(struct engine *engine, struct engine_run *run)
{
    KV_ASSERT(run->state == ENGINE_RUN_QUEUED && run->blocked == 0);
    run->state = ENGINE_RUN_GRANTED;
    engine_open_look(engine, run);
    run->verdict = run->refusal;
    if (kv_group_set_count(run->destinations) > 1) {
        engine_run_open(engine, run);
        run->verdict = run->refusal == WIRE_VERDICT_OK
                           ? engine->machine.ops->vote(engine->machine.state)
                           : run->refusal;
        for (kv_group_set left = run->tells; left.bits != 0;) {
            engine_owe(engine, run, kv_group_set_take(&left), run->verdict,
                       run->refusal == WIRE_VERDICT_OK);
        }
        if (run->verdict != WIRE_VERDICT_OK) {
            if (run->refusal == WIRE_VERDICT_OK) {
                engine->machine.ops->payload(engine->machine.state, engine->group, &run->no);
            }
        }
        if (engine_run_lets_go(run)) {
            engine_queue_leave(engine, run);
        }
        engine_schedule(engine, run, engine_first_retry_us(engine));
    }
    engine_run_maybe_finish(engine, run);
}

static void engine_run_turns(struct engine *engine)
{
    struct engine_run *run;
    while ((run = TAILQ_FIRST(&engine->ready)) != NULL) {
        TAILQ_REMOVE(&engine->ready, run, ready);
        run->is_ready = false;
        if (run->local) {
            engine_run_open(engine, run);
            engine_read_answer(engine, run->token, run->timestamp);
            engine_run_free(engine, run);
        } else {
            engine_run_grant(engine, run);
        }
    }
}

void engine_run_ready(struct engine *engine)
{
    engine_run_turns(engine);
    while (engine->gate.closed || !TAILQ_EMPTY(&engine->scans)) {
        engine_cut_advance(engine);
        engine_scan_advance(engine);
        if (TAILQ_EMPTY(&engine->ready)) {
            return;
        }
        engine_run_turns(engine);
    }
}
