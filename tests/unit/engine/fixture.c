/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: see fixture.h. */
#include "tests/unit/engine/fixture.h"

#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/wire/entry.h"
#include "partition/kv/kv_machine.h"

/* Sessions are registered at the oracle, deliveries are those of a partition. */
static const kv_group_id fixture_group = {1};

struct fixture *fixture_new_with(kv_group_id group, struct machine machine, uint32_t sessions_max)
{
    struct fixture *fixture = kv_alloc_zero(1, sizeof(*fixture));
    fixture->machine = machine;
    fixture->group = group;
    fixture->engine = engine_new(group, machine, sessions_max);
    return fixture;
}

struct fixture *fixture_new(uint32_t sessions_max)
{
    return fixture_new_with(fixture_group, kv_machine_new(fixture_group, 1), sessions_max);
}

void fixture_destroy(struct fixture **fixture)
{
    engine_destroy(&(*fixture)->engine);
    engine_effects_close(&(*fixture)->effects);
    kv_buffer_close(&(*fixture)->body);
    kv_free(*fixture);
    *fixture = NULL;
}

struct engine *fixture_copy(const struct fixture *fixture, uint32_t sessions_max)
{
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    struct engine *copy = engine_new(fixture_group, kv_machine_new(fixture_group, 1), sessions_max);
    const enum status status = engine_load(copy, kv_buffer_slice(&saved));
    KV_ASSERT(status == STATUS_OK);
    kv_buffer_close(&saved);
    return copy;
}

void fixture_reload(struct fixture *fixture, uint32_t sessions_max)
{
    struct engine *copy = fixture_copy(fixture, sessions_max);
    engine_destroy(&fixture->engine);
    fixture->engine = copy;
}

kv_session_id fixture_session(uint64_t clock)
{
    return (kv_session_id){.registered = {.clock = {clock}, .group = KV_GROUP_ORACLE}};
}

kv_message_id fixture_id(uint64_t session, uint64_t sequence, uint32_t attempt)
{
    return (kv_message_id){fixture_session(session), sequence, attempt};
}

static enum wire_verdict fixture_decode(struct fixture *fixture, kv_slice answer)
{
    const enum status status = wire_answer_decode(answer, &fixture->answer);
    KV_ASSERT(status == STATUS_OK);
    return fixture->answer.verdict;
}

enum wire_verdict fixture_deliver_bytes(struct fixture *fixture, kv_message_id id, uint64_t floor,
                                        kv_slice body)
{
    fixture->clock++;
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, body);
    entry->index = (kv_index){fixture->clock + fixture->index_offset};
    entry->timestamp = (kv_timestamp){{fixture->clock}, fixture->group};
    entry->id = id;
    entry->destinations = kv_group_set_of(fixture->group);
    entry->floor = floor;
    engine_step(fixture->engine,
                &(struct engine_event){
                    .kind = ENGINE_EVENT_DELIVER, .entry = entry, .timestamp = entry->timestamp},
                &fixture->effects);
    wire_entry_drop(&entry);
    if (fixture->effects.reply_count == 0) {
        return (enum wire_verdict)0;
    }
    KV_ASSERT(fixture->effects.reply_count == 1);
    fixture->reply = fixture->effects.replies[0];
    KV_ASSERT(kv_message_id_equal(fixture->reply.id, id));
    return fixture_decode(fixture, fixture->reply.answer);
}

kv_slice fixture_body(struct fixture *fixture)
{
    kv_buffer_clear(&fixture->body);
    wire_command_encode(&fixture->command, &fixture->body);
    return kv_buffer_slice(&fixture->body);
}

enum wire_verdict fixture_deliver(struct fixture *fixture, kv_message_id id, uint64_t floor)
{
    return fixture_deliver_bytes(fixture, id, floor, fixture_body(fixture));
}

enum wire_verdict fixture_read(struct fixture *fixture)
{
    return fixture_decode(fixture, engine_read(fixture->engine, fixture_body(fixture)));
}

enum engine_admission fixture_admit(struct fixture *fixture, kv_message_id id, uint64_t floor)
{
    const enum engine_admission admission =
        engine_admit(fixture->engine, id, floor, &fixture->reply);
    if (admission == ENGINE_RECORDED) {
        KV_ASSERT(kv_message_id_equal(fixture->reply.id, id));
        fixture_decode(fixture, fixture->reply.answer);
    }
    return admission;
}

void fixture_plain(struct fixture *fixture, enum wire_op op)
{
    wire_command_begin(&fixture->command, op);
}

static void fixture_key(struct fixture *fixture, enum wire_op op, const char *key)
{
    fixture_plain(fixture, op);
    fixture->command.key_count = 1;
    fixture->command.keys[0] = kv_slice_of_text(key);
}

void fixture_get(struct fixture *fixture, const char *key)
{
    fixture_key(fixture, WIRE_OP_GET, key);
}

void fixture_put(struct fixture *fixture, const char *key, kv_slice value)
{
    fixture_key(fixture, WIRE_OP_PUT, key);
    fixture->command.value_count = 1;
    fixture->command.values[0] = value;
}

void fixture_put_text(struct fixture *fixture, const char *key, const char *value)
{
    fixture_put(fixture, key, kv_slice_of_text(value));
}

void fixture_put_if_absent(struct fixture *fixture, const char *key, const char *value)
{
    fixture_put_text(fixture, key, value);
    fixture->command.op = WIRE_OP_PUT_IF_ABSENT;
}

void fixture_incr(struct fixture *fixture, const char *key, int64_t number)
{
    fixture_key(fixture, WIRE_OP_INCR, key);
    fixture->command.number = number;
}

const char *fixture_value(struct fixture *fixture, const char *key)
{
    static char text[64];
    fixture_get(fixture, key);
    if (fixture_read(fixture) != WIRE_VERDICT_OK) {
        return "(none)";
    }
    const kv_slice value = fixture->answer.rows[0].value;
    KV_ASSERT(value.size < sizeof(text));
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return text;
}
