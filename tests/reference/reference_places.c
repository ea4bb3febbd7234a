/* SPDX-License-Identifier: Apache-2.0 */
/* reference_places: see the header. */
#include "tests/reference/reference_places.h"

#include <stdio.h>

#include "multicast/base/assert.h"

/* The answer of a group to a question about one key. */
static const struct wire_answer *ask(struct engine *engine, enum wire_op op, kv_slice key)
{
    static struct wire_command command;
    static struct wire_answer answer;
    struct kv_buffer body = {0};
    wire_command_begin(&command, op);
    command.key_count = 1;
    command.keys[0] = key;
    wire_command_encode(&command, &body);
    const enum status status =
        wire_answer_decode(engine_read(engine, kv_buffer_slice(&body)), &answer);
    KV_ASSERT(status == STATUS_OK);
    kv_buffer_close(&body);
    return &answer;
}

static bool is_right_at(const struct reference_key *key, struct engine *engine, kv_group_id group,
                        kv_group_id home)
{
    const bool owns = key->present && kv_group_equal(key->group, group);
    const bool knows = !key->present && kv_group_equal(home, group);
    const struct wire_answer *answer = ask(engine, WIRE_OP_GET, key->key);
    if (owns) {
        return answer->verdict == WIRE_VERDICT_OK &&
               kv_slice_equal(answer->rows[0].value, key->value);
    }
    if (knows) {
        return answer->verdict == WIRE_VERDICT_NOT_FOUND;
    }
    /* Its home knows best where it is. */
    return answer->verdict == WIRE_VERDICT_STALE &&
           (!kv_group_equal(home, group) || kv_group_equal(answer->places[0].group, key->group));
}

static void describe(char text[REFERENCE_TEXT_BYTES], const struct reference_key *key,
                     uint32_t group)
{
    snprintf(text, REFERENCE_TEXT_BYTES, "key %.*s is %s at group %u, which group %u does not say",
             (int)key->key.size, (const char *)key->key.data, key->present ? "" : "absent,",
             key->group.value, group);
}

static bool all_agree(const struct reference_key *key, struct engine *const *engines,
                      uint32_t partitions, char text[REFERENCE_TEXT_BYTES])
{
    const kv_group_id home = wire_home_of(key->key, partitions);
    for (uint32_t g = 1; g <= partitions; g++) {
        if (!is_right_at(key, engines[g], (kv_group_id){(uint16_t)g}, home)) {
            describe(text, key, g);
            return false;
        }
    }
    if (!kv_group_equal(ask(engines[0], WIRE_OP_WHERE, key->key)->places[0].group, key->group)) {
        describe(text, key, 0);
        return false;
    }
    return true;
}

bool reference_places_agree(const struct reference *reference, struct engine *const *engines,
                            uint32_t partitions, char text[REFERENCE_TEXT_BYTES])
{
    struct reference_key key;
    bool agree = true;
    for (uint32_t i = 0; agree && reference_at(reference, i, &key); i++) {
        agree = all_agree(&key, engines, partitions, text);
    }
    return agree;
}

bool reference_place_is_one(kv_slice key, struct engine *const *engines, uint32_t partitions,
                            char text[REFERENCE_TEXT_BYTES])
{
    struct reference_key found = {.key = key, .group = wire_home_of(key, partitions)};
    struct kv_buffer value = {0};
    for (uint32_t g = 1; g <= partitions && !found.present; g++) {
        const struct wire_answer *answer = ask(engines[g], WIRE_OP_GET, key);
        if (answer->verdict == WIRE_VERDICT_OK) {
            kv_buffer_append(&value, answer->rows[0].value.data, answer->rows[0].value.size);
            found.present = true;
            found.group.value = (uint16_t)g;
        }
    }
    found.value = kv_buffer_slice(&value);
    const bool one = all_agree(&found, engines, partitions, text);
    kv_buffer_close(&value);
    return one;
}
