/* SPDX-License-Identifier: Apache-2.0 */
/* history: see the header. */
#include "tests/sim/history.h"

#include <string.h>

#include "multicast/base/assert.h"

uint32_t history_ask(struct history *history, uint32_t client, kv_group_id group, kv_message_id id,
                     enum wire_request_mode mode, kv_slice body)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity == 0 ? 256 : 2 * history->capacity;
        history->operations =
            kv_realloc(history->operations, history->capacity * sizeof(*history->operations));
    }
    struct history_operation *operation = &history->operations[history->count];
    *operation = (struct history_operation){.client = client,
                                            .group = group,
                                            .id = id,
                                            .mode = mode,
                                            .state = HISTORY_PENDING,
                                            .asked = ++history->moment,
                                            .answered = HISTORY_NEVER};
    kv_buffer_append(&operation->body, body.data, body.size);
    return history->count++;
}

void history_answer(struct history *history, uint32_t number, const struct wire_reply *reply)
{
    struct history_operation *operation = &history->operations[number];
    KV_ASSERT(operation->state == HISTORY_PENDING);
    operation->state = HISTORY_ANSWERED;
    operation->answered = ++history->moment;
    operation->index = reply->index;
    operation->timestamp = reply->timestamp;
    kv_buffer_append(&operation->answer, reply->body.data, reply->body.size);
}

void history_leave(struct history *history, uint32_t number)
{
    KV_ASSERT(history->operations[number].state == HISTORY_PENDING);
    history->operations[number].state = HISTORY_UNKNOWN;
}

void history_close(struct history *history)
{
    for (uint32_t i = 0; i < history->count; i++) {
        kv_buffer_close(&history->operations[i].body);
        kv_buffer_close(&history->operations[i].answer);
    }
    kv_free(history->operations);
    memset(history, 0, sizeof(*history));
}
