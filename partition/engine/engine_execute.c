/* SPDX-License-Identifier: Apache-2.0 */
/* engine_execute: bytes of a command -> its run on the machine -> bytes of the answer; and reads.
 *
 * A body that cannot be decoded has been ordered all the same (admission is not this core's), so it
 * has an answer like any other: UNSUPPORTED, at every member and every destination.
 *
 * [Raft thesis 6.4; DESIGN] A linearizable read comes when everything that it must see has been delivered. What is delivered may still
 * wait for votes, so the read takes its place behind it. */
#include <string.h>

#include "partition/engine/engine_internal.h"

void engine_answer_encode(struct engine *engine)
{
    KV_ASSERT(engine->answer.row_count <= KV_COMMAND_KEYS_MAX);
    kv_buffer_clear(&engine->answer_bytes);
    wire_answer_encode(&engine->answer, &engine->answer_bytes);
    KV_ASSERT(engine->answer_bytes.size > 0);
    KV_ASSERT(engine->answer_bytes.size <= KV_BODY_BYTES_MAX);
}

void engine_answer_verdict(struct engine *engine, enum wire_verdict verdict)
{
    wire_answer_begin(&engine->answer, verdict);
    engine_answer_encode(engine);
}

bool engine_open(struct engine *engine, kv_slice body, const struct machine_context *context)
{
    engine->opened = NULL;
    if (engine->jobs.computed != NULL) {
        engine_job_drop_computed(engine);
    }
    return engine->machine.ops->open(engine->machine.state, context, body, &engine->footprint);
}

enum machine_outcome engine_execute(struct engine *engine, const struct machine_vote *votes,
                                    uint32_t count)
{
    wire_answer_begin(&engine->answer, WIRE_VERDICT_OK);
    void *job = engine_job_is_possible(engine) ? engine_job_take(engine, votes, count) : NULL;
    if (job != NULL) {
        engine->machine.ops->work(job);
        engine->jobs.computed = job;
        return engine_apply(engine, job);
    }
    const enum machine_outcome outcome =
        engine->machine.ops->execute(engine->machine.state, votes, count, &engine->answer);
    engine_answer_encode(engine);
    return outcome;
}

enum machine_outcome engine_apply(struct engine *engine, const void *job)
{
    wire_answer_begin(&engine->answer, WIRE_VERDICT_OK);
    const enum machine_outcome outcome =
        engine->machine.ops->apply(engine->machine.state, job, &engine->answer);
    engine_answer_encode(engine);
    return outcome;
}

bool engine_fits(struct engine *engine, kv_slice body, kv_message_id id, kv_group_set destinations)
{
    const struct machine_context context = {
        .group = engine->group, .destinations = destinations, .id = id};
    return engine_open(engine, body, &context);
}

/* Open a read at this group as it is. */
static bool engine_open_read(struct engine *engine, kv_slice body)
{
    const struct machine_context context = {.group = engine->group,
                                            .destinations = kv_group_set_of(engine->group),
                                            .timestamp = engine->cursor,
                                            .time_us = engine->clock.now_us,
                                            .read = true};
    return engine_open(engine, body, &context);
}

/* Run the opened read, if it is one, and encode its answer. */
static kv_slice engine_read_opened(struct engine *engine, bool opened)
{
    wire_answer_begin(&engine->answer, WIRE_VERDICT_OK);
    if (!opened || !engine->machine.ops->read(engine->machine.state, &engine->answer)) {
        wire_answer_begin(&engine->answer, WIRE_VERDICT_UNSUPPORTED);
    }
    engine_answer_encode(engine);
    return kv_buffer_slice(&engine->answer_bytes);
}

kv_slice engine_read(struct engine *engine, kv_slice bytes)
{
    return engine_read_opened(engine, engine_open_read(engine, bytes));
}

void engine_read_answer(struct engine *engine, uint64_t token, kv_timestamp timestamp)
{
    engine_emit_read(engine, token, timestamp, engine_read_opened(engine, true));
}

void engine_on_read(struct engine *engine, uint64_t token, kv_slice body)
{
    if (!engine_open_read(engine, body)) {
        engine_emit_read(engine, token, engine->cursor, engine_read_opened(engine, false));
        return;
    }
    const bool everything = engine->footprint.everything;
    if (everything ? engine_scan_is_free(engine) : engine_queue_is_free(engine)) {
        engine_read_answer(engine, token, engine->cursor);
        return;
    }
    struct engine_run *run = engine_run_new_read(engine, token, body, everything);
    if (everything) {
        return; /* engine_run_ready looks at it */
    }
    /* The footprint borrows from a body that ends with this call: the copy is opened instead. */
    const bool opened = engine_open_read(engine, run->body);
    KV_ASSERT(opened);
    engine_queue_enter(engine, run);
}

void engine_drop_read(struct engine *engine, uint64_t token)
{
    struct engine_run_list *const lists[] = {&engine->reads, &engine->scans};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct engine_run *run;
        TAILQ_FOREACH(run, lists[i], link)
        {
            if (run->token == token) {
                engine_run_free(engine, run);
                engine->wake = engine->now; /* whoever waited for it has his turn now */
                return;
            }
        }
    }
}
