/* SPDX-License-Identifier: Apache-2.0 */
/* engine_signal: votes on their way from group to group. [placement.md, S1-S6]
 *
 * 1. SIGNAL brings another group's vote. It is used at once, and the leader puts it into the log. A committed REMOTE entry brings the
 *    same vote to every member, and is what an acknowledgement says.
 * 2. A message that is not running here and whose timestamp the cursor has passed is finished: its votes are acknowledged
 *    without a record of it.
 * 3. SIGNAL_REQUEST asks for a vote, SIGNAL_ACK ends the duty to keep one.
 * 4. FORWARD has the oracle's leader order something of this group's own, which it may not begin itself. */
#include "partition/engine/engine_internal.h"

struct engine_signal *engine_signal_of(struct engine_run *run, kv_group_id group)
{
    for (uint32_t i = 0; i < run->signal_count; i++) {
        if (kv_group_equal(run->signals[i].group, group)) {
            return &run->signals[i];
        }
    }
    return NULL;
}

struct engine_signal *engine_signal_add(struct engine_run *run, kv_group_id group)
{
    KV_ASSERT(engine_signal_of(run, group) == NULL);
    if (run->signal_count == run->signal_capacity) {
        run->signal_capacity = run->signal_capacity == 0 ? 2 : 2 * run->signal_capacity;
        run->signals = kv_realloc(run->signals, run->signal_capacity * sizeof(*run->signals));
    }
    struct engine_signal *signal = &run->signals[run->signal_count++];
    *signal = (struct engine_signal){.group = group};
    return signal;
}

struct engine_owed *engine_owed_of(struct engine_run *run, kv_group_id group)
{
    for (uint32_t i = 0; i < run->owed_count; i++) {
        if (kv_group_equal(run->owed[i].group, group)) {
            return &run->owed[i];
        }
    }
    return NULL;
}

static void engine_signal_take(struct engine_signal *signal, uint8_t verdict, kv_slice payload)
{
    if (!signal->present) {
        signal->present = true;
        signal->verdict = verdict;
        kv_buffer_append(&signal->payload, payload.data, payload.size);
    }
}

void engine_signal_keep_awaited(struct engine *engine, struct engine_run *run)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        if (kv_group_set_has(run->awaits, run->signals[i].group)) {
            run->signals[kept++] = run->signals[i];
        } else {
            kv_buffer_close(&run->signals[i].payload);
        }
    }
    run->signal_count = kept;
    for (kv_group_set left = run->awaits; left.bits != 0;) {
        const kv_group_id group = kv_group_set_take(&left);
        struct engine_signal *signal = engine_signal_of(run, group);
        if (signal == NULL) {
            (void)engine_signal_add(run, group);
        } else {
            engine_maybe_append(engine, run, signal);
        }
    }
    const kv_group_set owed = {run->tells.bits | run->reports.bits};
    KV_ASSERT((run->tells.bits & run->reports.bits) == 0);
    run->owed = kv_alloc_zero((size_t)kv_group_set_count(owed) + 1, sizeof(*run->owed));
    for (kv_group_set left = owed; left.bits != 0;) {
        run->owed[run->owed_count++].group = kv_group_set_take(&left);
    }
}

/* ---- Sending ---- */

/* A message about a run to another group; the driver adds who speaks. */
static struct wire_message *engine_signal_send(struct engine *engine, enum wire_message_kind kind,
                                               kv_group_id group, bool everyone, kv_node_id to)
{
    struct engine_send *send = engine_emit_send(engine);
    send->everyone = everyone;
    send->message.kind = kind;
    send->message.group = group;
    send->message.to = to;
    return &send->message;
}

void engine_send_signal(struct engine *engine, struct engine_run *run, struct engine_owed *owed,
                        bool everyone, kv_node_id to)
{
    struct wire_signal *signal =
        &engine_signal_send(engine, WIRE_MESSAGE_SIGNAL, owed->group, everyone, to)->as.signal;
    signal->id = run->id;
    signal->timestamp = run->timestamp;
    signal->verdict = owed->verdict;
    signal->payload = kv_buffer_slice(&owed->payload);
    owed->sent = engine->steps;
}

void engine_send_request(struct engine *engine, const struct engine_run *run, kv_group_id group)
{
    engine_signal_send(engine, WIRE_MESSAGE_SIGNAL_REQUEST, group, true, KV_NODE_NONE)
        ->as.signal_request.id = run->id;
}

static void engine_send_ack(struct engine *engine, kv_message_id id, kv_group_id group,
                            kv_node_id to)
{
    engine_signal_send(engine, WIRE_MESSAGE_SIGNAL_ACK, group, kv_node_equal(to, KV_NODE_NONE), to)
        ->as.signal_ack.id = id;
}

void engine_owe(struct engine *engine, struct engine_run *run, kv_group_id group,
                enum wire_verdict verdict, bool payload)
{
    struct engine_owed *owed = engine_owed_of(run, group);
    KV_ASSERT(owed != NULL && !owed->ready); /* E7 */
    owed->ready = true;
    owed->verdict = (uint8_t)verdict;
    if (payload) {
        engine->machine.ops->payload(engine->machine.state, group, &owed->payload);
        KV_ASSERT(owed->payload.size < KV_BODY_BYTES_MAX);
    }
    if (engine->leads) {
        engine_send_signal(engine, run, owed, false, KV_NODE_NONE);
    }
}

void engine_maybe_append(struct engine *engine, struct engine_run *run,
                         struct engine_signal *signal)
{
    if (!engine->leads || !signal->present || signal->logged || signal->appended) {
        return;
    }
    signal->appended = true;
    *engine_emit_append(engine) =
        (struct engine_append){.id = run->id,
                               .source = signal->group,
                               .timestamp = run->timestamp,
                               .verdict = signal->verdict,
                               .payload = kv_buffer_slice(&signal->payload)};
}

/* ---- Early votes ---- */

void engine_expected_drop(struct engine *engine, kv_message_id id)
{
    struct engine_run *run = engine_run_find(engine, id);
    if (run != NULL && run->state == ENGINE_RUN_EXPECTED) {
        engine_run_free(engine, run);
    }
}

/* The cursor has passed them and they were not delivered: nobody has voted on such a message. */
static void engine_expected_sweep(struct engine *engine)
{
    struct engine_run *run, *next;
    for (run = TAILQ_FIRST(&engine->expected); run != NULL; run = next) {
        next = TAILQ_NEXT(run, link);
        if (kv_timestamp_compare(run->timestamp, engine->cursor) <= 0) {
            engine_run_free(engine, run);
        }
    }
}

/* The run that a vote is about. NULL: it is finished, or the vote has to come again. */
static struct engine_run *engine_signal_run(struct engine *engine, kv_message_id id,
                                            kv_timestamp timestamp, bool logged)
{
    struct engine_run *run = engine_run_find(engine, id);
    if (run != NULL || kv_timestamp_compare(timestamp, engine->cursor) <= 0) {
        return run;
    }
    if (engine->expected_count >= ENGINE_EXPECTED_MAX) {
        engine_expected_sweep(engine);
    }
    if (engine->expected_count >= ENGINE_EXPECTED_MAX && !logged) {
        return NULL;
    }
    run = engine_run_new(engine, id);
    run->timestamp = timestamp;
    return run;
}

/* Where another group's vote goes. NULL: it is not awaited. */
static struct engine_signal *engine_signal_slot(struct engine_run *run, kv_group_id group)
{
    struct engine_signal *signal = engine_signal_of(run, group);
    if (signal == NULL && run->state == ENGINE_RUN_EXPECTED) {
        signal = engine_signal_add(run, group);
    }
    return signal;
}

/* ---- Receiving ---- */

static void engine_on_signal(struct engine *engine, const struct wire_message *message)
{
    const struct wire_signal *heard = &message->as.signal;
    const kv_group_id group = heard->speaker.group;
    struct engine_run *run = engine_signal_run(engine, heard->id, heard->timestamp, false);
    struct engine_signal *signal = run == NULL ? NULL : engine_signal_slot(run, group);
    const bool finished =
        run == NULL && kv_timestamp_compare(heard->timestamp, engine->cursor) <= 0;
    if (finished || (run != NULL && (signal == NULL || signal->logged))) {
        engine_send_ack(engine, heard->id, group, message->from); /* S3 */
        return;
    }
    if (run == NULL) {
        return;
    }
    engine_signal_take(signal, heard->verdict, heard->payload);
    if (run->state != ENGINE_RUN_EXPECTED) {
        engine_maybe_append(engine, run, signal);
        engine_run_maybe_finish(engine, run);
    }
}

static void engine_on_signal_request(struct engine *engine, const struct wire_message *message)
{
    const struct wire_signal_request *request = &message->as.signal_request;
    struct engine_run *run = engine_run_find(engine, request->id);
    struct engine_owed *owed = run == NULL ? NULL : engine_owed_of(run, request->speaker.group);
    if (owed != NULL && owed->ready && !owed->acknowledged) {
        engine_send_signal(engine, run, owed, false, message->from);
    }
}

static void engine_on_signal_ack(struct engine *engine, const struct wire_message *message)
{
    const struct wire_signal_ack *ack = &message->as.signal_ack;
    struct engine_run *run = engine_run_find(engine, ack->id);
    struct engine_owed *owed = run == NULL ? NULL : engine_owed_of(run, ack->speaker.group);
    if (owed == NULL || !owed->ready || owed->acknowledged) {
        return; /* a member that is behind hears it before it has voted: it will ask */
    }
    if (owed->sent == engine->steps) {
        return; /* it has voted in this very step; what it has sent will be acknowledged again */
    }
    owed->acknowledged = true;
    kv_buffer_close(&owed->payload);
    engine_run_maybe_forget(engine, run);
}

void engine_send_forward(struct engine *engine, const struct machine_dispatch *dispatch)
{
    struct wire_forward *forward =
        &engine_signal_send(engine, WIRE_MESSAGE_FORWARD, KV_GROUP_ORACLE, true, KV_NODE_NONE)
             ->as.forward;
    forward->id = dispatch->id;
    forward->destinations = dispatch->destinations;
    forward->body = dispatch->body;
}

/* [K6] What it means is not looked at: it must hold at its turn, whoever wants it. */
static void engine_on_forward(struct engine *engine, const struct wire_message *message)
{
    const struct wire_forward *forward = &message->as.forward;
    if (!engine->leads || !kv_message_id_is_own(forward->id) ||
        !kv_group_set_has(forward->destinations, engine->group) ||
        kv_group_set_count(forward->destinations) < 2 ||
        engine_run_find(engine, forward->id) != NULL) {
        return;
    }
    *engine_emit_submit(engine) = (struct machine_dispatch){.id = forward->id,
                                                            .destinations = forward->destinations,
                                                            .forwarded = true,
                                                            .body = forward->body};
}

void engine_on_message(struct engine *engine, const struct wire_message *message)
{
    if (message->kind == WIRE_MESSAGE_SIGNAL) {
        engine_on_signal(engine, message);
    } else if (message->kind == WIRE_MESSAGE_SIGNAL_REQUEST) {
        engine_on_signal_request(engine, message);
    } else if (message->kind == WIRE_MESSAGE_SIGNAL_ACK) {
        engine_on_signal_ack(engine, message);
    } else if (message->kind == WIRE_MESSAGE_FORWARD) {
        engine_on_forward(engine, message);
    }
}

void engine_on_remote(struct engine *engine, const struct wire_entry *entry)
{
    const kv_slice body = wire_entry_body(entry);
    struct engine_run *run = engine_signal_run(engine, entry->id, entry->timestamp, true);
    struct engine_signal *signal = run == NULL ? NULL : engine_signal_slot(run, entry->source);
    if (engine->leads) {
        engine_send_ack(engine, entry->id, entry->source, KV_NODE_NONE);
    }
    if (signal == NULL || body.size == 0) {
        return; /* a second one, or one that nobody needs */
    }
    engine_signal_take(signal, body.data[0], kv_slice_of(body.data + 1, body.size - 1));
    signal->logged = true;
    if (run->state == ENGINE_RUN_FINISHED) {
        engine_run_maybe_forget(engine, run);
    } else {
        engine_run_maybe_finish(engine, run);
    }
}
