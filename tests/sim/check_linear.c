/* SPDX-License-Identifier: Apache-2.0 */
/* check_linear: replay and real time; see the header for the list of what is checked. */
#include "tests/sim/check_linear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/assert.h"

#define FAIL(...) sim_report_fail(report, "linear", __VA_ARGS__)

void check_linear_begin(struct check_linear *check, struct sim_report *report,
                        const struct history *history)
{
    memset(check, 0, sizeof(*check));
    check->history = history;
    check->operations = kv_alloc_zero(history->count + 1, sizeof(*check->operations));
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *asked = &history->operations[i];
        bool ok = model_decode_command(&check->model, kv_buffer_slice(&asked->body),
                                       &check->operations[i]);
        KV_ASSERT(ok); /* the workload's own command */
        enum wire_verdict verdict = WIRE_VERDICT_OK;
        if (asked->state == HISTORY_ANSWERED &&
            (!model_decode_answer(&check->model, kv_buffer_slice(&asked->answer),
                                  &check->operations[i], &verdict) ||
             model_is_refusal(verdict))) {
            FAIL("group %u: client %u got no answer but something else, verdict %d",
                 asked->group.value, asked->client, (int)verdict);
        }
    }
}

void check_linear_close(struct check_linear *check)
{
    model_close(&check->model);
    kv_free(check->operations);
    memset(check, 0, sizeof(*check));
}

/* ---- 1-3: replay ---- */

struct replay {
    struct check_linear *check;
    struct sim_report *report;
    const struct check_order *chronicle;
    struct model_intern ids; /* message ids that were executed */
    uint64_t *executed;      /* by number of the id: position of the first execution; 0: none */
    uint32_t executed_capacity;
    uint32_t *states; /* by key */
    uint32_t state_capacity;
};

static uint32_t id_number(struct replay *replay, kv_message_id id)
{
    const uint64_t facts[] = {id.session.registered.clock.value, id.session.registered.group.value,
                              id.sequence, id.attempt};
    uint32_t number = model_intern(&replay->ids, kv_slice_of(facts, sizeof(facts)));
    if (number >= replay->executed_capacity) {
        uint32_t capacity = 2 * number + 64;
        replay->executed = kv_realloc(replay->executed, capacity * sizeof(*replay->executed));
        memset(replay->executed + replay->executed_capacity, 0,
               (capacity - replay->executed_capacity) * sizeof(*replay->executed));
        replay->executed_capacity = capacity;
    }
    return number;
}

static uint32_t *state_of(struct replay *replay, uint32_t key)
{
    if (key >= replay->state_capacity) {
        uint32_t capacity = 2 * key + 64;
        replay->states = kv_realloc(replay->states, capacity * sizeof(*replay->states));
        memset(replay->states + replay->state_capacity, 0,
               (capacity - replay->state_capacity) * sizeof(*replay->states));
        replay->state_capacity = capacity;
    }
    return &replay->states[key];
}

/* Run the model; true when it gives the results that were observed. */
static bool run_model(struct replay *replay, const struct model_operation *operation)
{
    bool equal = true;
    for (uint32_t s = 0; s < operation->count; s++) {
        struct model_result result;
        uint32_t *state = state_of(replay, operation->steps[s].key);
        *state = model_apply(&replay->check->model, &operation->steps[s], *state, &result);
        equal = equal && model_result_equal(&result, &operation->results[s]);
    }
    return equal;
}

static void replay_delivery(struct replay *replay, uint64_t position)
{
    struct sim_report *report = replay->report;
    const struct check_order_delivery *delivery = &replay->chronicle->deliveries[position - 1];
    unsigned group = replay->chronicle->group.value;
    struct model_operation operation;
    enum wire_verdict verdict;
    if (!model_decode_command(&replay->check->model, wire_entry_body(delivery->entry),
                              &operation) ||
        !model_decode_answer(&replay->check->model, kv_buffer_slice(&delivery->answer), &operation,
                             &verdict)) {
        FAIL("group %u: position %" PRIu64 " has no command or no answer of ours", group, position);
        return;
    }
    uint32_t id = id_number(replay, delivery->entry->id);
    uint64_t first = replay->executed[id];
    replay->check->repeats += first != 0;
    if (model_is_refusal(verdict)) {
        bool forgotten = verdict == WIRE_VERDICT_SESSION_UNKNOWN && replay->check->sessions_limited;
        if (!forgotten && !(verdict == WIRE_VERDICT_REFUSED && first != 0)) {
            FAIL("group %u: position %" PRIu64 " was refused with verdict %d without a reason",
                 group, position, (int)verdict);
        }
        return;
    }
    if (first != 0) {
        if (!kv_slice_equal(kv_buffer_slice(&replay->chronicle->deliveries[first - 1].answer),
                            kv_buffer_slice(&delivery->answer))) {
            FAIL("group %u: the message of position %" PRIu64 " came again at %" PRIu64
                 " and got another answer",
                 group, first, position);
        }
        return;
    }
    replay->executed[id] = position;
    if (!run_model(replay, &operation)) {
        FAIL("group %u: the answer at position %" PRIu64 " (index %" PRIu64
             ", op %s) is not the model's",
             group, position, delivery->entry->index.value, wire_op_name(operation.steps[0].op));
    }
}

static void check_read(struct replay *replay, uint32_t i)
{
    struct sim_report *report = replay->report;
    const struct history_operation *asked = &replay->check->history->operations[i];
    if (!run_model(replay,
                   &replay->check->operations[i])) { /* a read changes nothing in the model */
        FAIL("group %u: client %u read at index %" PRIu64 " what the model does not hold there",
             asked->group.value, asked->client, asked->index.value);
    }
}

static void check_answer(struct replay *replay, uint32_t i)
{
    struct sim_report *report = replay->report;
    const struct history_operation *asked = &replay->check->history->operations[i];
    uint32_t id = id_number(replay, asked->id); /* may move the array */
    uint64_t position = replay->executed[id];
    if (position == 0) {
        FAIL("group %u: client %u got an answer to sequence %" PRIu64 " at index %" PRIu64
             ", which was never delivered: an acknowledged command is lost",
             asked->group.value, asked->client, asked->id.sequence, asked->index.value);
        return;
    }
    const struct check_order_delivery *delivery = &replay->chronicle->deliveries[position - 1];
    if (delivery->entry->index.value != asked->index.value ||
        kv_timestamp_compare(delivery->timestamp, asked->timestamp) != 0 ||
        !kv_slice_equal(kv_buffer_slice(&delivery->answer), kv_buffer_slice(&asked->answer))) {
        FAIL("group %u: client %u got index %" PRIu64 " for sequence %" PRIu64
             ", executed at %" PRIu64 ", or another answer",
             asked->group.value, asked->client, asked->index.value, asked->id.sequence,
             delivery->entry->index.value);
    }
}

/* Sort key of an operation, and which one it is. */
struct place {
    uint64_t at;
    uint32_t operation;
    bool ask;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    if (a->at != b->at) {
        return a->at < b->at ? -1 : 1;
    }
    return a->operation < b->operation ? -1 : a->operation > b->operation;
}

static bool is_answered_in(const struct history_operation *operation, kv_group_id group)
{
    return operation->state == HISTORY_ANSWERED && kv_group_equal(operation->group, group);
}

static void replay_all(struct replay *replay)
{
    const struct history *history = replay->check->history;
    struct place *reads = kv_alloc_zero(history->count + 1, sizeof(*reads));
    uint32_t read_count = 0, next = 0;
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *operation = &history->operations[i];
        if (is_answered_in(operation, replay->chronicle->group) &&
            operation->mode != WIRE_REQUEST_ORDERED) {
            reads[read_count++] = (struct place){.at = operation->index.value, .operation = i};
        }
    }
    qsort(reads, read_count, sizeof(*reads), compare_places);
    for (uint64_t position = 1; position <= replay->chronicle->count; position++) {
        uint64_t index = replay->chronicle->deliveries[position - 1].entry->index.value;
        for (; next < read_count && reads[next].at < index; next++) {
            check_read(replay, reads[next].operation);
        }
        replay_delivery(replay, position);
    }
    for (; next < read_count; next++) {
        check_read(replay, reads[next].operation);
    }
    kv_free(reads);
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *operation = &history->operations[i];
        if (is_answered_in(operation, replay->chronicle->group) &&
            operation->mode == WIRE_REQUEST_ORDERED) {
            check_answer(replay, i);
        }
    }
}

/* ---- 4: real time ---- */

static void check_real_time(struct check_linear *check, struct sim_report *report,
                            kv_group_id group)
{
    const struct history *history = check->history;
    struct place *places = kv_alloc_zero(2 * history->count + 1, sizeof(*places));
    uint64_t *floors = kv_alloc_zero(history->count + 1, sizeof(*floors));
    uint32_t count = 0;
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *operation = &history->operations[i];
        if (is_answered_in(operation, group) && operation->mode != WIRE_REQUEST_STALE) {
            places[count++] = (struct place){.at = operation->asked, .operation = i, .ask = true};
            places[count++] = (struct place){.at = operation->answered, .operation = i};
        }
    }
    qsort(places, count, sizeof(*places), compare_places);
    uint64_t answered =
        0; /* highest index that a client had been told when the present moment came */
    for (uint32_t n = 0; n < count; n++) {
        const struct history_operation *operation = &history->operations[places[n].operation];
        uint64_t index = operation->index.value;
        if (places[n].ask) {
            floors[places[n].operation] = answered;
            continue;
        }
        uint64_t floor = floors[places[n].operation];
        bool ordered = operation->mode == WIRE_REQUEST_ORDERED;
        if (ordered ? index <= floor : index < floor) {
            FAIL("group %u: a %s of client %u stands at index %" PRIu64
                 ", asked after index %" PRIu64 " had been answered",
                 group.value, ordered ? "command" : "read", operation->client, index, floor);
        }
        answered = index > answered ? index : answered;
    }
    kv_free(places);
    kv_free(floors);
}

void check_linear_replay(struct check_linear *check, struct sim_report *report,
                         const struct check_order *chronicle)
{
    struct replay replay = {.check = check, .report = report, .chronicle = chronicle};
    replay_all(&replay);
    struct model ids = {.keys = replay.ids};
    model_close(&ids);
    kv_free(replay.executed);
    kv_free(replay.states);
    check_real_time(check, report, chronicle->group);
}

/* ---- 5: per key ---- */

static uint32_t operations_of_key(const struct check_linear *check, uint32_t key,
                                  struct wgl_operation *ret)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const struct history_operation *asked = &check->history->operations[i];
        const struct model_operation *operation = &check->operations[i];
        bool known = asked->state == HISTORY_ANSWERED;
        if (asked->mode == WIRE_REQUEST_STALE || (!known && operation->read_only)) {
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

void check_linear_keys(struct check_linear *check, struct sim_report *report)
{
    struct wgl_operation *operations =
        kv_alloc_zero(check->history->count + 1, sizeof(*operations));
    uint32_t keys = check->model.keys.count;
    for (uint32_t key = 1; key <= keys; key++) {
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
