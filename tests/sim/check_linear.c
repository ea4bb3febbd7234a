/* SPDX-License-Identifier: Apache-2.0 */
/* check_linear: see the header. */
#include "tests/sim/check_linear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/assert.h"

/* Keys of a run are few. */
#define OPAQUE_MAX 1024

#define FAIL(...)  sim_report_fail(report, "linear", __VA_ARGS__)

void check_linear_begin(struct check_linear *check, struct sim_report *report,
                        const struct history *history)
{
    memset(check, 0, sizeof(*check));
    check->history = history;
    check->operations = kv_alloc_zero(history->count + 1, sizeof(*check->operations));
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *asked = &history->operations[i];
        if (asked->scan) {
            continue; /* against the reference alone */
        }
        bool ok = model_decode_command(&check->model, kv_buffer_slice(&asked->body),
                                       &check->operations[i]);
        KV_ASSERT(ok); /* the workload's own command */
        enum wire_verdict verdict = WIRE_VERDICT_OK;
        if (asked->state == HISTORY_ANSWERED &&
            (!model_decode_answer(&check->model, kv_buffer_slice(&asked->answer),
                                  &check->operations[i], &verdict) ||
             model_is_refusal(verdict))) {
            FAIL("client %u got no answer but something else, verdict %d", asked->client,
                 (int)verdict);
        }
    }
}

void check_linear_close(struct check_linear *check)
{
    model_close(&check->model);
    kv_free(check->opaque);
    kv_free(check->operations);
    memset(check, 0, sizeof(*check));
}

static uint32_t operations_of_key(const struct check_linear *check, uint32_t key,
                                  struct wgl_operation *ret)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const struct history_operation *asked = &check->history->operations[i];
        const struct model_operation *operation = &check->operations[i];
        bool known = asked->state == HISTORY_ANSWERED;
        if (asked->scan || (asked->read && asked->stale) || (!known && operation->read_only) ||
            asked->state == HISTORY_NOT_EXECUTED) {
            continue;
        }
        /* Of a key that is named twice the last step counts (the last value of an mput wins). */
        for (uint32_t s = operation->count; s > 0; s--) {
            if (operation->steps[s - 1].key == key) {
                ret[count++] = (struct wgl_operation){.asked = asked->asked,
                                                      .answered = asked->answered,
                                                      .step = operation->steps[s - 1],
                                                      .result = operation->results[s - 1]};
                break;
            }
        }
    }
    return count;
}

static void print_value(const struct check_linear *check, uint32_t value)
{
    if (value == MODEL_ABSENT) {
        fprintf(check->trace, " -");
    } else {
        kv_slice text = model_string(&check->model.values, value);
        fprintf(check->trace, " %.*s", (int)text.size, (const char *)text.data);
    }
}

/* Moments, command, answer; in the order in which they were asked. */
static void print_history(const struct check_linear *check, const struct wgl_operation *operations,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct wgl_operation *operation = &operations[i];
        fprintf(check->trace, "  asked %" PRIu64, operation->asked);
        if (operation->answered == HISTORY_NEVER) {
            fprintf(check->trace, " never answered");
        } else {
            fprintf(check->trace, " answered %" PRIu64, operation->answered);
        }
        fprintf(check->trace, ": %s", wire_op_name(operation->step.op));
        for (uint32_t v = 0; v < 2 && operation->step.values[v] != MODEL_ABSENT; v++) {
            print_value(check, operation->step.values[v]);
        }
        if (operation->answered != HISTORY_NEVER) {
            fprintf(check->trace, " -> %s", wire_verdict_name(operation->result.verdict));
            print_value(check, operation->result.value);
            fprintf(check->trace, " %" PRId64, operation->result.number);
        }
        fprintf(check->trace, "\n");
    }
}

/* A TXN has no projection on one key: whether it does anything may hang on another. */
static void find_opaque(struct check_linear *check)
{
    static struct wire_command command;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const kv_slice body = kv_buffer_slice(&check->history->operations[i].body);
        if (wire_command_decode(body, &command) != STATUS_OK || command.op != WIRE_OP_TXN) {
            continue;
        }
        for (uint32_t k = 0; k < command.key_count; k++) {
            const uint32_t key = model_intern(&check->model.keys, command.keys[k]);
            if (key < OPAQUE_MAX) {
                check->opaque[key] = true;
            }
        }
    }
}

void check_linear_keys(struct check_linear *check, struct sim_report *report)
{
    struct wgl_operation *operations =
        kv_alloc_zero(check->history->count + 1, sizeof(*operations));
    uint32_t keys = check->model.keys.count;
    check->opaque = kv_alloc_zero(OPAQUE_MAX, sizeof(*check->opaque));
    find_opaque(check);
    for (uint32_t key = 1; key <= keys; key++) {
        if (key < OPAQUE_MAX && check->opaque[key]) {
            continue;
        }
        uint32_t count = operations_of_key(check, key, operations);
        switch (wgl_check(&check->model, operations, count, WGL_STATES_MAX)) {
        case WGL_LINEARIZABLE:
            break;
        case WGL_GAVE_UP:
            check->wgl_gave_up++;
            break;
        case WGL_VIOLATION: {
            kv_slice name = model_string(&check->model.keys, key);
            FAIL("the history of key %.*s is not linearizable (%u operations)", (int)name.size,
                 (const char *)name.data, count);
            if (check->trace != NULL) {
                print_history(check, operations, count);
            }
            break;
        }
        }
    }
    kv_free(operations);
}
