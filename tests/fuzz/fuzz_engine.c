/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_engine: a string of bytes as a history of deliveries, admissions, reads and reloads.
 *
 * Two engines get the same history; one of them is saved and loaded now and then. After every step
 * both are checked, and their digests and answers must be equal. Each message counts its executions
 * in a key of its own: it never gets beyond one. */
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "partition/engine/engine.h"
#include "partition/kv/kv_machine.h"

#define SESSIONS_MAX 3
#define STEPS_MAX    200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const kv_group_id group = {1};

struct history {
    kv_slice rest;
    struct engine *reloaded;
    struct engine *steady;
    uint64_t clock;
    struct kv_buffer body;
    char key[64];
};

/* Too large for the stack, and borrowed by nobody across calls. */
static struct wire_command command;
static struct wire_answer answer;

static uint8_t take(struct history *history)
{
    if (history->rest.size == 0) {
        return 0;
    }
    const uint8_t byte = history->rest.data[0];
    history->rest = kv_slice_of(history->rest.data + 1, history->rest.size - 1);
    return byte;
}

/* A part of the rest, which is not used up: it goes on as steps. */
static kv_slice take_body(struct history *history)
{
    const size_t most = take(history);
    return kv_slice_of(history->rest.data, most < history->rest.size ? most : history->rest.size);
}

static kv_message_id take_id(struct history *history)
{
    const uint8_t bits = take(history);
    kv_message_id id = {.sequence = take(history), .attempt = 1 + (bits & 3u)};
    id.session.registered.clock.value = (bits >> 2) & 7u;
    if ((bits & 32) != 0) {
        id.sequence *= KV_SESSION_OUTSTANDING_MAX / 8; /* to the edge of the window */
    }
    return id;
}

/* A command that is fixed by its id (X1): an increment of the id's own counter, or a put that
 * mostly finds its key taken. */
static void make_command(struct history *history, kv_message_id id)
{
    const uint64_t session = id.session.registered.clock.value;
    wire_command_begin(&command, WIRE_OP_INCR);
    command.key_count = 1;
    command.number = 1;
    snprintf(history->key, sizeof(history->key), "%u/%u/%u", (unsigned)session,
             (unsigned)id.sequence, (unsigned)id.attempt);
    command.keys[0] = kv_slice_of_text(history->key);
    if (id.sequence % 3 == 0) {
        command.op = WIRE_OP_PUT_IF_ABSENT;
        command.number = 0;
        command.keys[0] = kv_slice_of_text("taken by whoever comes first");
        command.value_count = 1;
        command.values[0] = kv_slice_of_text("a value that no record holds within itself");
    }
    kv_buffer_clear(&history->body);
    wire_command_encode(&command, &history->body);
}

static void deliver(struct history *history, kv_message_id id, uint64_t floor, kv_slice body)
{
    static struct engine_effects first, second;
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, body);
    history->clock++;
    entry->id = id;
    entry->floor = floor;
    entry->index.value = history->clock;
    entry->timestamp = (kv_timestamp){{history->clock}, group};
    entry->destinations = kv_group_set_of(group);
    const struct engine_event event = {
        .kind = ENGINE_EVENT_DELIVER, .entry = entry, .timestamp = entry->timestamp};
    engine_step(history->reloaded, &event, &first);
    engine_step(history->steady, &event, &second);
    wire_entry_drop(&entry);
    KV_ASSERT(first.reply_count == 1 && second.reply_count == 1);
    const struct engine_reply a = first.replies[0], b = second.replies[0];
    KV_ASSERT(kv_slice_equal(a.answer, b.answer));
    KV_ASSERT(kv_timestamp_compare(a.timestamp, b.timestamp) == 0);
    const enum status status = wire_answer_decode(a.answer, &answer);
    KV_ASSERT(status == STATUS_OK);
    KV_ASSERT(answer.number <= 1); /* E1: no counter gets beyond one */
}

static void step_admit(struct history *history)
{
    const kv_message_id id = take_id(history);
    const uint64_t floor = take(history);
    struct engine_reply a;
    struct engine_reply b;
    const enum engine_admission admission = engine_admit(history->reloaded, id, floor, &a);
    const enum engine_admission other = engine_admit(history->steady, id, floor, &b);
    KV_ASSERT(admission == other);
    if (admission == ENGINE_RECORDED) {
        KV_ASSERT(kv_slice_equal(a.answer, b.answer));
    }
}

static void step_reload(struct history *history)
{
    struct kv_buffer saved = {0};
    engine_save(history->reloaded, &saved);
    engine_destroy(&history->reloaded);
    history->reloaded = engine_new(group, kv_machine_new(group, 1), SESSIONS_MAX);
    const enum status status = engine_load(history->reloaded, kv_buffer_slice(&saved));
    KV_ASSERT(status == STATUS_OK);
    kv_buffer_close(&saved);
}

static void step(struct history *history)
{
    const uint8_t kind = take(history);
    if (kind < 160) {
        const kv_message_id id = take_id(history);
        make_command(history, id);
        deliver(history, id, take(history), kv_buffer_slice(&history->body));
    } else if (kind < 190) {
        step_admit(history);
    } else if (kind < 200) {
        step_reload(history);
    } else if (kind < 225) {
        const kv_timestamp cursor = {{history->clock}, group};
        const kv_slice bytes = take_body(history);
        struct kv_buffer first = {0};
        const kv_slice read = engine_read(history->reloaded, bytes);
        kv_buffer_append(&first, read.data, read.size);
        const kv_slice again = engine_read(history->steady, bytes);
        KV_ASSERT(kv_slice_equal(kv_buffer_slice(&first), again));
        kv_buffer_close(&first);
    } else {
        /* Raw bytes as a body, of a session of their own, unless they would touch a counter. */
        kv_message_id id = {.sequence = history->clock + 1, .attempt = 1};
        id.session.registered.clock.value = 9;
        const kv_slice body = take_body(history);
        if (wire_command_decode(body, &command) != STATUS_OK || wire_op_is_read_only(command.op)) {
            deliver(history, id, history->clock, body);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history history = {
        .rest = kv_slice_of(data, size),
        .reloaded = engine_new(group, kv_machine_new(group, 1), SESSIONS_MAX),
        .steady = engine_new(group, kv_machine_new(group, 1), SESSIONS_MAX),
    };
    for (uint32_t i = 0; i < STEPS_MAX && history.rest.size > 0; i++) {
        step(&history);
        engine_check(history.reloaded);
        engine_check(history.steady);
        KV_ASSERT(engine_digest(history.reloaded) == engine_digest(history.steady));
    }
    engine_destroy(&history.reloaded);
    engine_destroy(&history.steady);
    kv_buffer_close(&history.body);
    return 0;
}
