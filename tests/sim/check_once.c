/* SPDX-License-Identifier: Apache-2.0 */
/* check_once: see the header for the list of what is checked. */
#include "tests/sim/check_once.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(...) sim_report_fail(report, "once", __VA_ARGS__)

/* An answered read, a key of another name, or a command of another kind: not ours. */
static const struct model_step *step_on(const struct check_linear *check, uint32_t i, uint32_t key,
                                        enum wire_op op)
{
    const struct model_step *step = &check->operations[i].steps[0];
    return step->key == key && step->op == op ? step : NULL;
}

static uint32_t occurrences(kv_slice text, kv_slice part)
{
    uint32_t count = 0;
    const uint8_t *at = text.data;
    size_t left = text.size;
    while (left > 0 && (at = memmem(at, left, part.data, part.size)) != NULL) {
        count++;
        at += part.size;
        left = text.size - (size_t)(at - text.data);
    }
    return count;
}

void check_once_appends(struct check_linear *check, struct sim_report *report, uint32_t key,
                        uint32_t value)
{
    kv_slice text =
        value == MODEL_ABSENT ? (kv_slice){0} : model_string(&check->model.values, value);
    size_t explained = 0;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const struct model_step *step = step_on(check, i, key, WIRE_OP_APPEND);
        if (step == NULL) {
            continue;
        }
        const struct history_operation *asked = &check->history->operations[i];
        kv_slice part = model_string(&check->model.values, step->values[0]);
        uint32_t count = occurrences(text, part);
        bool answered = asked->state == HISTORY_ANSWERED;
        bool never = asked->state == HISTORY_NOT_EXECUTED;
        if (count > 1 || (answered && count == 0) || (never && count > 0)) {
            FAIL("append of sequence %" PRIu64 " of client %u, %s, is in the value %u times",
                 asked->id.sequence, asked->client,
                 answered ? "acknowledged"
                 : never  ? "said not to be executed"
                          : "with an unknown outcome",
                 count);
        }
        explained += count * part.size;
    }
    if (explained != text.size) {
        FAIL("a value has %zu bytes, the appends in it have %zu", text.size, explained);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    const int64_t *a = left;
    const int64_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

void check_once_increments(struct check_linear *check, struct sim_report *report, uint32_t key,
                           uint32_t value)
{
    int64_t *sums = kv_alloc_zero(check->history->count + 1, sizeof(*sums));
    uint32_t sum_count = 0;
    int64_t least = 0, most = 0;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const struct model_step *step = step_on(check, i, key, WIRE_OP_INCR);
        if (step == NULL) {
            continue;
        }
        if (check->history->operations[i].state == HISTORY_NOT_EXECUTED) {
            continue;
        }
        most += step->number;
        if (check->history->operations[i].state == HISTORY_ANSWERED) {
            least += step->number;
            sums[sum_count++] = check->operations[i].results[0].number;
        }
    }
    int64_t number = 0;
    if (value != MODEL_ABSENT) {
        char text[24] = {0};
        kv_slice digits = model_string(&check->model.values, value);
        memcpy(text, digits.data, digits.size < sizeof(text) ? digits.size : sizeof(text) - 1);
        number = strtoll(text, NULL, 10);
    }
    if (number < least || number > most) {
        FAIL("a counter stands at %" PRId64 "; the acknowledged increments make %" PRId64
             ", all of them %" PRId64,
             number, least, most);
    }
    qsort(sums, sum_count, sizeof(*sums), compare_numbers);
    for (uint32_t i = 1; i < sum_count; i++) {
        if (sums[i] == sums[i - 1]) {
            FAIL("two increments were answered with %" PRId64, sums[i]);
        }
    }
    kv_free(sums);
}
