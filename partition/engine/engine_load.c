/* SPDX-License-Identifier: Apache-2.0 */
/* engine_load: from the bytes of engine_save to a state.
 *
 * 1. The checksum finds damage. The checks behind it hold against bytes that were made to harm:
 *    every field is tested against the invariants before it is used, and nothing is allocated on the
 *    word of a count.
 * 2. Messages that wait take their places again, in the order of their deliveries: the queues come out as they were.
 * 3. At last the digest of what was loaded must be the one that was saved: a loader that forgets a
 *    field is found out at once. */
#include <string.h>

#include "multicast/wire/codec.h"
#include "partition/engine/engine_saved.h"
#include "partition/engine/state_bytes.h"

static void engine_free_all(struct engine *engine, struct engine_run_list *list)
{
    while (!TAILQ_EMPTY(list)) {
        engine_run_free(engine, TAILQ_FIRST(list));
    }
}

void engine_clear(struct engine *engine)
{
    struct engine_run *read;
    TAILQ_FOREACH(read, &engine->reads, link)
    {
        engine_queue_leave(engine, read); /* it takes its places again behind what is loaded */
    }
    engine_free_all(engine, &engine->waiting);
    engine_free_all(engine, &engine->held);
    engine_free_all(engine, &engine->done);
    engine_free_all(engine, &engine->expected);
    TAILQ_FOREACH(read, &engine->scans, link)
    {
        read->position = 0; /* it may see whatever is loaded, which is no less */
    }
    KV_ASSERT(engine->queues == NULL && engine->run_count == 0 && TAILQ_EMPTY(&engine->ready));
    engine_sessions_clear(&engine->sessions);
    engine->cursor = (kv_timestamp){0};
    engine->clock = (struct engine_clock){0};
    engine->delivered = 0;
    engine->begun = 0;
    engine->gate = (struct engine_gate){.at = KV_INSTANT_NEVER};
    engine->cut = (struct engine_cut){.state = ENGINE_CUT_NONE};
    engine->dispatched = 0;
    engine->opened = NULL;
    engine->wake = KV_INSTANT_NEVER;
    engine->dispatch_at = KV_INSTANT_NEVER;
    engine->time_from = KV_INSTANT_NEVER;
    engine->time_at = KV_INSTANT_NEVER;
    engine->time_sent = false;
    /* No bytes are no state: whether the machine refuses them or takes them, it is empty
     * afterwards. */
    (void)engine->machine.ops->load(engine->machine.state, kv_slice_of(NULL, 0), /* bases */ NULL);
}

static bool engine_load_is_verdict(uint8_t number)
{
    switch (number) {
#define X(NAME, code, text)                                                                        \
    case code:                                                                                     \
        return true;
        WIRE_VERDICT_MAP(X)
#undef X
    default:
        return false;
    }
}

static kv_slice engine_load_bytes(struct state_reader *reader)
{
    const uint32_t size = state_read_u32(reader);
    return kv_slice_of(state_read_bytes(reader, size), size);
}

/* ---- Sessions ---- */

/* Records come by ascending sequence: `above` is the one before, or the floor. */
static bool engine_load_record(struct engine *engine, struct engine_session *session,
                               struct state_reader *reader, uint64_t above)
{
    struct engine_reply reply = {.id = {.session = engine_session_id(session)}};
    reply.id.sequence = state_read_u64(reader);
    reply.id.attempt = state_read_u32(reader);
    const uint8_t verdict = state_read_u8(reader);
    const uint8_t complete = state_read_u8(reader);
    reply.timestamp = state_read_timestamp(reader);
    reply.index.value = state_read_u64(reader);
    const uint64_t newer = state_read_u64(reader);
    reply.answer = engine_load_bytes(reader);
    const bool running = verdict == 0;
    if (reader->failed || (running ? reply.answer.size > 0 : !engine_load_is_verdict(verdict)) ||
        complete > 1 || reply.answer.size > KV_BODY_BYTES_MAX || reply.id.sequence <= above ||
        reply.id.sequence - session->floor > KV_SESSION_OUTSTANDING_MAX ||
        kv_timestamp_compare(reply.timestamp, session->last) > 0) {
        return false;
    }
    if (reply.answer.size > ENGINE_RECORD_NEAR_BYTES &&
        (newer > KV_SESSION_RECORD_BYTES_MAX ||
         newer + reply.answer.size > KV_SESSION_RECORD_BYTES_MAX ||
         session->records.far_bytes + reply.answer.size > KV_SESSION_RECORD_BYTES_MAX)) {
        return false;
    }
    reply.complete = complete == 1;
    engine_record_load(&engine->sessions, session, &reply, (enum wire_verdict)verdict, newer);
    return true;
}

/* Sessions come in the order of their last deliveries: `before` is the one of the session before. */
static bool engine_load_session(struct engine *engine, struct state_reader *reader,
                                kv_timestamp *before)
{
    struct engine_sessions *sessions = &engine->sessions;
    kv_session_id id;
    id.registered = state_read_timestamp(reader);
    const uint64_t floor = state_read_u64(reader);
    const kv_timestamp last = state_read_timestamp(reader);
    const uint32_t records = state_read_u32(reader);
    if (reader->failed || kv_session_is_none(id) || engine_session_find(sessions, id) != NULL ||
        kv_timestamp_compare(last, *before) < 0 || /* one may end another */
        kv_timestamp_compare(last, engine->cursor) > 0 || records > KV_SESSION_OUTSTANDING_MAX) {
        return false;
    }
    *before = last;
    struct engine_session *session = engine_session_add(sessions, id);
    engine_session_touch(sessions, session, floor, last);
    uint64_t above = floor;
    for (uint32_t i = 0; i < records; i++) {
        if (!engine_load_record(engine, session, reader, above)) {
            return false;
        }
        above = session->records.highest;
    }
    return true;
}

static bool engine_load_sessions(struct engine *engine, uint32_t magic, struct state_reader *reader)
{
    if (state_read_u32(reader) != magic || state_read_u16(reader) != engine->group.value) {
        return false;
    }
    engine->cursor = state_read_timestamp(reader);
    engine->clock.now_us = state_read_u64(reader);
    engine->clock.last = state_read_timestamp(reader);
    engine->clock.before_last = state_read_timestamp(reader);
    const kv_timestamp floor = state_read_timestamp(reader);
    const uint32_t count = state_read_u32(reader);
    if (reader->failed || count > engine->sessions.max) {
        return false;
    }
    kv_timestamp before = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!engine_load_session(engine, reader, &before)) {
            return false;
        }
    }
    /* Last, since adding sessions must not depend on it. */
    engine->sessions.floor.registered = floor;
    return true;
}

/* ---- Runs ---- */

/* One vote, of another group or for it. */
struct saved_vote {
    kv_group_id group;
    uint8_t flags, verdict;
    kv_slice payload;
};

static bool engine_load_vote(const struct engine *engine, struct state_reader *reader,
                             struct saved_vote *ret)
{
    ret->group.value = state_read_u16(reader);
    ret->flags = state_read_u8(reader);
    ret->verdict = state_read_u8(reader);
    ret->payload = engine_load_bytes(reader);
    return !reader->failed && ret->group.value < KV_GROUPS_MAX &&
           !kv_group_equal(ret->group, engine->group) && ret->flags <= ENGINE_SAVED_VOTE_FLAGS &&
           ret->payload.size < KV_BODY_BYTES_MAX &&
           ((ret->flags & ENGINE_SAVED_PRESENT) != 0 || ret->flags == 0);
}

static bool engine_load_votes(const struct engine *engine, struct engine_run *run,
                              struct state_reader *reader)
{
    struct saved_vote vote;
    const uint8_t signals = state_read_u8(reader);
    for (uint32_t i = 0; i < signals; i++) {
        if (!engine_load_vote(engine, reader, &vote) || engine_signal_of(run, vote.group) != NULL) {
            return false;
        }
        struct engine_signal *signal = engine_signal_add(run, vote.group);
        signal->present = (vote.flags & ENGINE_SAVED_PRESENT) != 0;
        signal->logged = (vote.flags & ENGINE_SAVED_SETTLED) != 0;
        signal->verdict = vote.verdict;
        kv_buffer_append(&signal->payload, vote.payload.data, vote.payload.size);
    }
    const uint8_t owed_count = state_read_u8(reader);
    if (reader->failed || owed_count >= KV_GROUPS_MAX) {
        return false;
    }
    if (owed_count > 0) { /* one that is still expected gets its own at its delivery */
        run->owed = kv_alloc_zero(owed_count, sizeof(*run->owed));
    }
    for (uint32_t i = 0; i < owed_count; i++) {
        if (!engine_load_vote(engine, reader, &vote) || engine_owed_of(run, vote.group) != NULL) {
            return false;
        }
        struct engine_owed *owed = &run->owed[run->owed_count++];
        owed->group = vote.group;
        owed->ready = (vote.flags & ENGINE_SAVED_PRESENT) != 0;
        owed->acknowledged = (vote.flags & ENGINE_SAVED_SETTLED) != 0;
        owed->verdict = vote.verdict;
        kv_buffer_append(&owed->payload, vote.payload.data, vote.payload.size);
    }
    return true;
}

/* What a message that waits has, given its entry: the same as at its delivery. */
static bool engine_load_waiting(struct engine *engine, struct engine_run *run, kv_slice bytes)
{
    if (wire_entry_decode(bytes, &run->entry) != STATUS_OK ||
        !kv_message_id_equal(run->entry->id, run->id) ||
        run->entry->destinations.bits != run->destinations.bits ||
        !kv_group_set_has(run->destinations, engine->group)) {
        return false;
    }
    run->body = wire_entry_body(run->entry);
    const struct machine_context context = {.group = engine->group,
                                            .destinations = run->destinations,
                                            .timestamp = run->timestamp,
                                            .id = run->id,
                                            .floor = run->entry->floor,
                                            .time_us = run->time_us};
    if (!engine_open(engine, run->body, &context)) {
        return false;
    }
    run->awaits = engine->footprint.awaits;
    run->tells = engine->footprint.tells;
    run->reports = engine->footprint.reports;
    run->computes = engine_job_is_possible(engine);
    run->mere = engine->footprint.mere;
    run->position = ++engine->delivered;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        if (!kv_group_set_has(run->awaits, run->signals[i].group)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < run->owed_count; i++) {
        const bool told = kv_group_set_has(run->tells, run->owed[i].group);
        if (!told && !kv_group_set_has(run->reports, run->owed[i].group)) {
            return false;
        }
        if (run->owed[i].ready != (told && run->state != ENGINE_RUN_QUEUED)) {
            return false; /* E7 */
        }
    }
    return run->signal_count == (uint32_t)kv_group_set_count(run->awaits) &&
           run->owed_count == (uint32_t)kv_group_set_count(run->tells) +
                                  (uint32_t)kv_group_set_count(run->reports);
}

static bool engine_load_place(struct engine *engine, struct engine_run *run)
{
    const bool refused =
        run->refusal == WIRE_VERDICT_LOCKED || run->refusal == WIRE_VERDICT_LOCK_LOST;
    if (run->state == ENGINE_RUN_GRANTED && (engine_run_lets_go(run) || refused)) {
        return true; /* V4 */
    }
    engine_places_enter(engine, run);
    if (run->state == ENGINE_RUN_QUEUED) {
        return true;
    }
    if (!run->is_ready) {
        return false; /* it had its turn, so nobody can be in front of it */
    }
    TAILQ_REMOVE(&engine->ready, run, ready);
    run->is_ready = false;
    return true;
}

/* Put a run where its state says, with what that state needs. */
static bool engine_load_settle(struct engine *engine, struct engine_run *run,
                               enum engine_run_state state, kv_slice entry)
{
    TAILQ_REMOVE(&engine->expected, run, link);
    engine->expected_count--;
    run->state = state;
    switch (state) {
    case ENGINE_RUN_EXPECTED:
        TAILQ_INSERT_TAIL(&engine->expected, run, link);
        engine->expected_count++;
        return entry.size == 0 && run->owed_count == 0;
    case ENGINE_RUN_FINISHED:
        TAILQ_INSERT_TAIL(&engine->done, run, link);
        engine_schedule(engine, run, ENGINE_FOLLOWER_RETRY_US);
        return entry.size == 0;
    case ENGINE_RUN_HELD:
        TAILQ_INSERT_TAIL(&engine->held, run, link);
        engine_schedule(engine, run, ENGINE_FOLLOWER_RETRY_US);
        return run->refusal == WIRE_VERDICT_OK && run->verdict == WIRE_VERDICT_OK &&
               engine_load_waiting(engine, run, entry) && engine->footprint.holds &&
               engine_load_place(engine, run);
    case ENGINE_RUN_QUEUED:
    case ENGINE_RUN_GRANTED:
        TAILQ_INSERT_TAIL(&engine->waiting, run, link);
        engine->waiting_count++;
        engine_schedule(engine, run, ENGINE_FOLLOWER_RETRY_US);
        if (!engine_load_waiting(engine, run, entry) || !engine_load_place(engine, run)) {
            return false;
        }
        engine_open_look(engine, run);
        engine_job_loaded(engine, run);
        return true;
    case ENGINE_RUN_WORKING:
        return false;
    }
    return false;
}

static bool engine_load_run(struct engine *engine, struct state_reader *reader)
{
    const uint8_t state = state_read_u8(reader);
    const uint8_t refusal = state_read_u8(reader);
    const uint8_t verdict = state_read_u8(reader);
    const uint8_t flags = state_read_u8(reader);
    const kv_timestamp timestamp = state_read_timestamp(reader);
    const uint64_t index = state_read_u64(reader);
    const uint64_t time_us = state_read_u64(reader);
    kv_message_id id;
    id.session.registered = state_read_timestamp(reader);
    id.sequence = state_read_u64(reader);
    id.attempt = state_read_u32(reader);
    const uint64_t destinations = state_read_u64(reader);
    const kv_slice entry = engine_load_bytes(reader);
    const kv_slice no = engine_load_bytes(reader);
    if (reader->failed || (state > ENGINE_RUN_FINISHED && state != ENGINE_RUN_HELD) ||
        !engine_load_is_verdict(refusal) || !engine_load_is_verdict(verdict) ||
        flags > ENGINE_SAVED_RUN_FLAGS || id.session.registered.group.value >= KV_GROUPS_MAX ||
        engine_run_find(engine, id) != NULL || no.size > KV_BODY_BYTES_MAX) {
        return false;
    }
    struct engine_run *run = engine_run_new(engine, id);
    run->refusal = (enum wire_verdict)refusal;
    run->verdict = (enum wire_verdict)verdict;
    run->has_session = (flags & ENGINE_SAVED_HAS_SESSION) != 0;
    run->known = (flags & ENGINE_SAVED_KNOWN) != 0;
    run->answers = (flags & ENGINE_SAVED_ANSWERS) != 0;
    run->timestamp = timestamp;
    run->index.value = index;
    run->time_us = time_us;
    run->destinations.bits = destinations;
    kv_buffer_append(&run->no, no.data, no.size);
    return engine_load_votes(engine, run, reader) &&
           engine_load_settle(engine, run, (enum engine_run_state)state, entry);
}

static bool engine_load_runs(struct engine *engine, struct state_reader *reader)
{
    const uint32_t count = state_read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        if (!engine_load_run(engine, reader)) {
            return false;
        }
    }
    return !reader->failed;
}

/* ---- All of it ---- */

static bool engine_load_all(struct engine *engine, kv_slice bytes, const struct store_base *bases)
{
    const uint32_t magic = bases == NULL ? ENGINE_SAVE_MAGIC : ENGINE_SAVE_MAGIC_HEAD;
    if (bytes.size < sizeof(uint64_t)) {
        return false;
    }
    const size_t size = bytes.size - sizeof(uint64_t);
    struct state_reader trailer = {{bytes.data + size, sizeof(uint64_t)}, false};
    if (state_read_u64(&trailer) != engine_hash(bytes.data, size)) {
        return false;
    }
    struct state_reader reader = {{bytes.data, size}, false};
    if (!engine_load_sessions(engine, magic, &reader) || !engine_load_runs(engine, &reader)) {
        return false;
    }
    const uint64_t digest = state_read_u64(&reader);
    const uint64_t machine = state_read_u64(&reader);
    if (reader.failed || machine != reader.rest.size ||
        engine->machine.ops->load(engine->machine.state, reader.rest, bases) != STATUS_OK) {
        return false;
    }
    return engine_digest(engine) == digest;
}

/* Parked reads take places behind everything that was loaded; those that are free are answered in the next step. */
static void engine_load_reads(struct engine *engine)
{
    struct engine_run *run;
    TAILQ_FOREACH(run, &engine->reads, link)
    {
        engine->opened = NULL;
        engine_run_open(engine, run);
        engine_queue_enter(engine, run);
    }
}

static enum status engine_load_state(struct engine *engine, kv_slice bytes,
                                     const struct store_base *bases)
{
    engine_clear(engine);
    const bool loaded = engine_load_all(engine, bytes, bases);
    if (!loaded) {
        engine_clear(engine);
    }
    engine_load_reads(engine);
    if (!TAILQ_EMPTY(&engine->ready) || !TAILQ_EMPTY(&engine->jobs.wanting)) {
        engine->wake = engine->now; /* whoever waited for a read that is gone has his turn now */
    }
    return loaded ? STATUS_OK : STATUS_CORRUPT;
}

enum status engine_load(struct engine *engine, kv_slice bytes)
{
    return engine_load_state(engine, bytes, /* bases */ NULL);
}

enum status engine_load_head(struct engine *engine, kv_slice bytes, const struct store_base *bases)
{
    KV_ASSERT(bases != NULL);
    return engine_load_state(engine, bytes, bases);
}
