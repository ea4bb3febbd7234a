/* SPDX-License-Identifier: Apache-2.0 */
/* history: see the header. */
#include "tests/sim/history.h"

#include <string.h>

#include "multicast/base/assert.h"

uint32_t history_ask(struct history *history, uint32_t client, bool stale, kv_slice body)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity == 0 ? 256 : 2 * history->capacity;
        history->operations =
            kv_realloc(history->operations, history->capacity * sizeof(*history->operations));
    }
    struct history_operation *operation = &history->operations[history->count];
    *operation = (struct history_operation){.client = client,
                                            .stale = stale,
                                            .state = HISTORY_PENDING,
                                            .asked = ++history->moment,
                                            .answered = HISTORY_NEVER};
    kv_buffer_append(&operation->body, body.data, body.size);
    return history->count++;
}

static enum history_state state_of(enum client_result result)
{
    switch (result) {
    case CLIENT_ANSWERED:
        return HISTORY_ANSWERED;
    case CLIENT_UNAVAILABLE:
    case CLIENT_NO_SPACE:
    case CLIENT_REFUSED:
    case CLIENT_CLOSED:
        return HISTORY_NOT_EXECUTED;
    case CLIENT_IN_DOUBT:
    case CLIENT_PROTOCOL:
        return HISTORY_UNKNOWN;
    }
    KV_UNREACHABLE();
}

void history_complete(struct history *history, uint32_t number,
                      const struct client_completion *completion)
{
    struct history_operation *operation = &history->operations[number];
    KV_ASSERT(operation->state == HISTORY_PENDING);
    operation->state = state_of(completion->result);
    operation->id = completion->id;
    operation->read = completion->read;
    operation->group = completion->group;
    operation->timestamp = completion->timestamp;
    if (operation->state == HISTORY_ANSWERED) {
        operation->answered = ++history->moment;
        wire_answer_encode(completion->answer, &operation->answer);
    }
}

void history_scan(struct history *history, uint64_t asked, kv_slice body, kv_group_id group,
                  kv_timestamp timestamp, kv_slice answer)
{
    const uint32_t number = history_ask(history, 0, false, body);
    struct history_operation *operation = &history->operations[number];
    operation->asked = asked;
    operation->answered = history->moment;
    operation->state = HISTORY_ANSWERED;
    operation->read = true;
    operation->scan = true;
    operation->group = group;
    operation->timestamp = timestamp;
    kv_buffer_append(&operation->answer, answer.data, answer.size);
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
