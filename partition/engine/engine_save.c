/* SPDX-License-Identifier: Apache-2.0 */
/* engine_save: the state as bytes, with or without the rows of the machine's stores.
 *
 *   u32 magic "KVE3", without rows "KVH3"  u16 group  u64+u16 cursor
 *   u64 ordered time  u64+u16 last TICK  u64+u16 the one before  u64+u16 session floor
 *   u32 sessions, then for each, oldest delivery first:
 *     u64+u16 id  u64 floor  u64+u16 last delivery
 *     u32 records, then for each by ascending sequence:
 *       u64 sequence  u32 attempt  u8 verdict (0: it runs)  u8 complete  u64+u16 timestamp  u64 index
 *       u64 bytes of newer answers  u32 size  answer
 *   u32 runs, then for each, those that hold locks first, then those that wait, in the order of delivery:
 *     u8 state  u8 refusal  u8 verdict  u8 flags  u64+u16 timestamp  u64 index  u64 time
 *     u64+u16 session  u64 sequence  u32 attempt  u64 destinations  u32 size  entry  u32 size  own NO
 *     u8 votes of others, each: u16 group  u8 flags  u8 verdict  u32 size  payload
 *     u8 votes for others, each: the same
 *   u64 digest of the state
 *   u64 bytes of the machine, in the machine's own form
 *   u64 XXH3-64 of all before
 *
 * 1. Equal states give equal bytes, so a member's snapshot can be compared with another's when nothing is under way.
 * 2. Votes of others that are not in the log are saved, too: they are facts. */
#include <string.h>

#include "multicast/wire/codec.h"
#include "partition/engine/engine_saved.h"
#include "partition/engine/state_bytes.h"

static void engine_save_record(const struct engine_record *record, struct kv_buffer *ret)
{
    const kv_slice answer = record->running ? (kv_slice){0} : engine_record_answer(record);
    state_write_u64(ret, record->sequence);
    state_write_u32(ret, record->attempt);
    state_write_u8(ret, record->running ? 0 : (uint8_t)record->verdict);
    state_write_u8(ret, record->complete ? 1 : 0);
    state_write_timestamp(ret, record->timestamp);
    state_write_u64(ret, record->index.value);
    state_write_u64(ret, record->newer_bytes);
    state_write_u32(ret, (uint32_t)answer.size);
    kv_buffer_append(ret, answer.data, answer.size);
}

static void engine_save_session(const struct engine_session *session, struct kv_buffer *ret)
{
    const struct engine_records *records = &session->records;
    state_write_timestamp(ret, engine_session_id(session).registered);
    state_write_u64(ret, session->floor);
    state_write_timestamp(ret, session->last);
    state_write_u32(ret, records->count);
    uint32_t left = records->count;
    for (uint64_t sequence = session->floor + 1; left > 0; sequence++) {
        const struct engine_record *record = engine_record_find(session, sequence);
        if (record != NULL) {
            engine_save_record(record, ret);
            left--;
        }
    }
}

static void engine_save_vote(kv_group_id group, uint8_t flags, uint8_t verdict, kv_slice payload,
                             struct kv_buffer *ret)
{
    state_write_u16(ret, group.value);
    state_write_u8(ret, flags);
    state_write_u8(ret, verdict);
    state_write_u32(ret, (uint32_t)payload.size);
    kv_buffer_append(ret, payload.data, payload.size);
}

static void engine_save_votes(const struct engine_run *run, struct kv_buffer *ret)
{
    state_write_u8(ret, (uint8_t)run->signal_count);
    for (uint32_t i = 0; i < run->signal_count; i++) {
        const struct engine_signal *signal = &run->signals[i];
        const unsigned flags = (signal->present ? ENGINE_SAVED_PRESENT : 0u) |
                               (signal->logged ? ENGINE_SAVED_SETTLED : 0u);
        engine_save_vote(signal->group, (uint8_t)flags, signal->verdict,
                         kv_buffer_slice(&signal->payload), ret);
    }
    state_write_u8(ret, (uint8_t)run->owed_count);
    for (uint32_t i = 0; i < run->owed_count; i++) {
        const struct engine_owed *owed = &run->owed[i];
        const unsigned flags = (owed->ready ? ENGINE_SAVED_PRESENT : 0u) |
                               (owed->acknowledged ? ENGINE_SAVED_SETTLED : 0u);
        engine_save_vote(owed->group, (uint8_t)flags, owed->verdict,
                         kv_buffer_slice(&owed->payload), ret);
    }
}

static void engine_save_run(const struct engine_run *run, struct kv_buffer *scratch,
                            struct kv_buffer *ret)
{
    state_write_u8(ret,
                   (uint8_t)(run->state == ENGINE_RUN_WORKING ? ENGINE_RUN_GRANTED : run->state));
    state_write_u8(ret, (uint8_t)run->refusal);
    state_write_u8(ret, (uint8_t)run->verdict);
    state_write_u8(ret, (uint8_t)((run->has_session ? ENGINE_SAVED_HAS_SESSION : 0u) |
                                  (run->answers ? ENGINE_SAVED_ANSWERS : 0u) |
                                  (run->known ? ENGINE_SAVED_KNOWN : 0u)));
    state_write_timestamp(ret, run->timestamp);
    state_write_u64(ret, run->index.value);
    state_write_u64(ret, run->time_us);
    state_write_timestamp(ret, run->id.session.registered);
    state_write_u64(ret, run->id.sequence);
    state_write_u32(ret, run->id.attempt);
    state_write_u64(ret, run->destinations.bits);
    kv_buffer_clear(scratch);
    if (run->entry != NULL) {
        wire_entry_encode(run->entry, scratch);
    }
    state_write_u32(ret, (uint32_t)scratch->size);
    kv_buffer_append(ret, scratch->data, scratch->size);
    state_write_u32(ret, (uint32_t)run->no.size);
    kv_buffer_append(ret, run->no.data, run->no.size);
    engine_save_votes(run, ret);
}

static void engine_save_runs(const struct engine *engine, struct kv_buffer *ret)
{
    const struct engine_run_list *lists[] = {&engine->held, &engine->waiting, &engine->done,
                                             &engine->expected};
    struct kv_buffer scratch = {0};
    state_write_u32(ret, engine->run_count);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct engine_run *run;
        TAILQ_FOREACH(run, lists[i], link)
        {
            engine_save_run(run, &scratch, ret);
        }
    }
    kv_buffer_close(&scratch);
}

static void engine_save_state(const struct engine *engine, bool rows, struct kv_buffer *ret)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const size_t start = ret->size;
    state_write_u32(ret, rows ? ENGINE_SAVE_MAGIC : ENGINE_SAVE_MAGIC_HEAD);
    state_write_u16(ret, engine->group.value);
    state_write_timestamp(ret, engine->cursor);
    state_write_u64(ret, engine->clock.now_us);
    state_write_timestamp(ret, engine->clock.last);
    state_write_timestamp(ret, engine->clock.before_last);
    state_write_timestamp(ret, sessions->floor.registered);
    state_write_u32(ret, sessions->count);
    const struct engine_session *session;
    TAILQ_FOREACH(session, &sessions->by_age, by_age)
    {
        engine_save_session(session, ret);
    }
    engine_save_runs(engine, ret);
    state_write_u64(ret, engine_digest(engine));
    const size_t size_at = ret->size;
    state_write_u64(ret, 0);
    engine->machine.ops->save(engine->machine.state, rows, ret);
    const uint64_t size = htole64(ret->size - size_at - sizeof(uint64_t));
    memcpy(ret->data + size_at, &size, sizeof(size));
    state_write_u64(ret, engine_hash(ret->data + start, ret->size - start));
}

void engine_save(const struct engine *engine, struct kv_buffer *ret)
{
    engine_save_state(engine, /* rows */ true, ret);
}

void engine_save_head(const struct engine *engine, struct kv_buffer *ret)
{
    engine_save_state(engine, /* rows */ false, ret);
}
