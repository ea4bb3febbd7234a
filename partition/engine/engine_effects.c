/* SPDX-License-Identifier: Apache-2.0 */
/* engine_effects: arrays that grow. Answers are copied into one buffer, which may move until the step is over. */
#include "partition/engine/engine_internal.h"

/* Elements that one step is likely to have; more is fine. */
#define ENGINE_EFFECTS_FIRST 8

#define ENGINE_GROW(array, count, capacity)                                                        \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? ENGINE_EFFECTS_FIRST : 2 * (capacity);                  \
            (array) = kv_realloc((array), (capacity) * sizeof(*(array)));                          \
        }                                                                                          \
    } while (0)

void engine_append_body(const struct engine_append *append, struct kv_buffer *ret)
{
    kv_buffer_clear(ret);
    kv_buffer_append(ret, &append->verdict, sizeof(append->verdict));
    kv_buffer_append(ret, append->payload.data, append->payload.size);
}

void engine_effects_clear(struct engine_effects *effects)
{
    effects->reply_count = 0;
    effects->read_count = 0;
    effects->send_count = 0;
    effects->append_count = 0;
    effects->submit_count = 0;
    effects->job_count = 0;
    kv_buffer_clear(&effects->bytes);
}

void engine_effects_close(struct engine_effects *effects)
{
    kv_free(effects->replies);
    kv_free(effects->reads);
    kv_free(effects->sends);
    kv_free(effects->appends);
    kv_free(effects->submits);
    kv_free(effects->jobs);
    kv_buffer_close(&effects->bytes);
    *effects = (struct engine_effects){0};
}

/* A slice of a copy in the buffer; for the time being its address is an offset. */
static kv_slice engine_effects_copy(struct engine_effects *effects, kv_slice bytes)
{
    const size_t offset = effects->bytes.size;
    kv_buffer_append(&effects->bytes, bytes.data, bytes.size);
    return (kv_slice){(const uint8_t *)(uintptr_t)offset, bytes.size};
}

void engine_effects_settle(struct engine_effects *effects)
{
    for (uint32_t i = 0; i < effects->reply_count; i++) {
        kv_slice *answer = &effects->replies[i].answer;
        answer->data = effects->bytes.data + (uintptr_t)answer->data;
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        kv_slice *answer = &effects->reads[i].answer;
        answer->data = effects->bytes.data + (uintptr_t)answer->data;
    }
}

void engine_emit_reply(struct engine *engine, const struct engine_reply *reply)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->replies, effects->reply_count, effects->reply_capacity);
    struct engine_reply *emitted = &effects->replies[effects->reply_count++];
    *emitted = *reply;
    emitted->id = kv_message_id_of_client(reply->id);
    emitted->answer = engine_effects_copy(effects, reply->answer);
}

void engine_emit_read(struct engine *engine, uint64_t token, kv_timestamp timestamp,
                      kv_slice answer)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->reads, effects->read_count, effects->read_capacity);
    effects->reads[effects->read_count++] =
        (struct engine_read_answer){token, timestamp, engine_effects_copy(effects, answer)};
}

struct engine_send *engine_emit_send(struct engine *engine)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->sends, effects->send_count, effects->send_capacity);
    struct engine_send *send = &effects->sends[effects->send_count++];
    *send = (struct engine_send){0};
    return send;
}

struct engine_append *engine_emit_append(struct engine *engine)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->appends, effects->append_count, effects->append_capacity);
    return &effects->appends[effects->append_count++];
}

struct machine_dispatch *engine_emit_submit(struct engine *engine)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->submits, effects->submit_count, effects->submit_capacity);
    return &effects->submits[effects->submit_count++];
}

struct engine_job *engine_emit_job(struct engine *engine)
{
    struct engine_effects *effects = engine->effects;
    ENGINE_GROW(effects->jobs, effects->job_count, effects->job_capacity);
    return &effects->jobs[effects->job_count++];
}
