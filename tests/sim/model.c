/* SPDX-License-Identifier: Apache-2.0 */
/* model: see the header. */
#include "tests/sim/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/wire/footprint.h"
#include "tests/sim/check_lives.h"

static void intern_grow(struct model_intern *intern)
{
    kv_free(intern->slots);
    intern->slot_count = intern->slot_count == 0 ? 256 : 2 * intern->slot_count;
    intern->slots = kv_alloc_zero(intern->slot_count, sizeof(*intern->slots));
    for (uint32_t n = 1; n <= intern->count; n++) {
        kv_slice bytes = model_string(intern, n);
        uint64_t at = XXH3_64bits(bytes.data, bytes.size);
        while (intern->slots[at & (intern->slot_count - 1)] != 0) {
            at++;
        }
        intern->slots[at & (intern->slot_count - 1)] = n;
    }
}

static void intern_close(struct model_intern *intern)
{
    kv_buffer_close(&intern->bytes);
    kv_free(intern->strings);
    kv_free(intern->slots);
    memset(intern, 0, sizeof(*intern));
}

void model_close(struct model *model)
{
    intern_close(&model->keys);
    intern_close(&model->values);
}

kv_slice model_string(const struct model_intern *intern, uint32_t number)
{
    KV_ASSERT(number > 0 && number <= intern->count);
    const struct model_string *string = &intern->strings[number - 1];
    return kv_slice_of(intern->bytes.data + string->offset, string->size);
}

uint32_t model_intern(struct model_intern *intern, kv_slice bytes)
{
    if (2 * intern->count >= intern->slot_count) {
        intern_grow(intern);
    }
    static const uint8_t nothing;
    const uint8_t *data = bytes.data != NULL ? bytes.data : &nothing;
    uint64_t at = XXH3_64bits(data, bytes.size);
    uint32_t *slot;
    while (*(slot = &intern->slots[at & (intern->slot_count - 1)]) != 0) {
        if (kv_slice_equal(model_string(intern, *slot), bytes)) {
            return *slot;
        }
        at++;
    }
    if (intern->count == intern->capacity) {
        intern->capacity = intern->capacity == 0 ? 128 : 2 * intern->capacity;
        intern->strings = kv_realloc(intern->strings, intern->capacity * sizeof(*intern->strings));
    }
    intern->strings[intern->count] = (struct model_string){intern->bytes.size, bytes.size};
    kv_buffer_append(&intern->bytes, data, bytes.size);
    *slot = ++intern->count;
    return *slot;
}

/* Canonical or not, as the machine reads it: an optional minus sign and digits. */
static bool parse_number(kv_slice text, int64_t *ret)
{
    char copy[24];
    if (text.size == 0 || text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end = NULL;
    errno = 0;
    long long number = strtoll(copy, &end, 10);
    *ret = number;
    return errno == 0 && *end == '\0' && (copy[0] == '-' || (copy[0] >= '0' && copy[0] <= '9'));
}

static uint32_t apply_incr(struct model *model, const struct model_step *step, uint32_t state,
                           struct model_result *ret)
{
    int64_t number = 0;
    if (state != MODEL_ABSENT && !parse_number(model_string(&model->values, state), &number)) {
        ret->verdict = WIRE_VERDICT_NOT_A_NUMBER;
        return state;
    }
    if (__builtin_add_overflow(number, step->number, &ret->number)) {
        ret->number = 0;
        ret->verdict = WIRE_VERDICT_OVERFLOW;
        return state;
    }
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRId64, ret->number);
    return model_intern(&model->values, kv_slice_of(text, (size_t)size));
}

static uint32_t apply_append(struct model *model, const struct model_step *step, uint32_t state)
{
    if (state == MODEL_ABSENT) {
        return step->values[0];
    }
    kv_slice present = model_string(&model->values, state);
    kv_slice more = model_string(&model->values, step->values[0]);
    struct kv_buffer joined = {0};
    kv_buffer_append(&joined, present.data, present.size);
    kv_buffer_append(&joined, more.data, more.size);
    uint32_t value = model_intern(&model->values, kv_buffer_slice(&joined));
    kv_buffer_close(&joined);
    return value;
}

static uint32_t apply_cas(const struct model_step *step, uint32_t state, struct model_result *ret)
{
    if (state == MODEL_ABSENT) {
        ret->verdict = WIRE_VERDICT_NOT_FOUND;
        return state;
    }
    if (state != step->values[0]) {
        ret->verdict = WIRE_VERDICT_MISMATCH;
        ret->value = state;
        return state;
    }
    return step->values[1];
}

uint32_t model_apply(struct model *model, const struct model_step *step, uint32_t state,
                     struct model_result *ret)
{
    *ret = (struct model_result){.verdict = WIRE_VERDICT_OK};
    switch (step->op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
        ret->verdict = state == MODEL_ABSENT ? WIRE_VERDICT_NOT_FOUND : WIRE_VERDICT_OK;
        ret->value = state;
        return state;
    case WIRE_OP_PUT:
    case WIRE_OP_MPUT:
        return step->values[0];
    case WIRE_OP_PUT_IF_ABSENT:
        if (state != MODEL_ABSENT) {
            ret->verdict = WIRE_VERDICT_EXISTS;
            ret->value = state;
            return state;
        }
        return step->values[0];
    case WIRE_OP_CREATE:
        ret->verdict = state == MODEL_ABSENT ? WIRE_VERDICT_OK : WIRE_VERDICT_EXISTS;
        return state == MODEL_ABSENT ? step->values[0] : state;
    case WIRE_OP_DELETE:
        ret->verdict = state == MODEL_ABSENT ? WIRE_VERDICT_NOT_FOUND : WIRE_VERDICT_OK;
        return MODEL_ABSENT;
    case WIRE_OP_CAS:
        return apply_cas(step, state, ret);
    case WIRE_OP_INCR:
        return apply_incr(model, step, state, ret);
    case WIRE_OP_APPEND:
        return apply_append(model, step, state);
    case WIRE_OP_SCAN:
    case WIRE_OP_TXN:
    case WIRE_OP_MOVE:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_MARK:
    case WIRE_OP_LOCK:
    case WIRE_OP_UNLOCK:
    case WIRE_OP_KEEPALIVE:
    case WIRE_OP_REVOKE:
    case WIRE_OP_TICK:
    case WIRE_OP_LOCKS:
    case WIRE_OP_EXPIRE:
    case WIRE_OP_SESSION_BEGIN:
    case WIRE_OP_SESSION_END:
    case WIRE_OP_SESSIONS:
        break;
    }
    KV_UNREACHABLE(); /* model_decode_command lets none of them through */
}

bool model_result_equal(const struct model_result *a, const struct model_result *b)
{
    return a->verdict == b->verdict && a->number == b->number && a->value == b->value;
}

bool model_decode_command(struct model *model, kv_slice body, struct model_operation *ret)
{
    struct wire_command command;
    const bool decoded = wire_command_decode(body, &command) == STATUS_OK;
    const bool about_lock = command.op == WIRE_OP_LOCK || command.op == WIRE_OP_UNLOCK ||
                            command.op == WIRE_OP_KEEPALIVE;
    uint32_t brief;
    const bool lives = wire_op_is_session(command.op) ||
                       (command.key_count > 0 && check_lives_is_brief(command.keys[0], &brief));
    if (decoded && (command.op == WIRE_OP_MARK || about_lock || lives)) {
        *ret = (struct model_operation){.count = 0};
        return true;
    }
    if (!decoded || command.key_count == 0 || command.key_count > MODEL_STEPS_MAX ||
        command.op == WIRE_OP_SCAN) {
        return false;
    }
    *ret = (struct model_operation){.read_only = wire_op_is_read_only(command.op),
                                    .count = command.key_count};
    if (command.op == WIRE_OP_TXN || command.op == WIRE_OP_MOVE || command.op == WIRE_OP_WHERE) {
        ret->count = 0;
        return true;
    }
    uint32_t values_per_key = command.value_count / command.key_count;
    for (uint32_t i = 0; i < ret->count; i++) {
        struct model_step *step = &ret->steps[i];
        step->op = command.op;
        step->number = command.number;
        step->key = model_intern(&model->keys, command.keys[i]);
        for (uint32_t v = 0; v < values_per_key; v++) {
            step->values[v] = model_intern(&model->values, command.values[i * values_per_key + v]);
        }
    }
    return true;
}

bool model_is_refusal(enum wire_verdict verdict)
{
    return verdict == WIRE_VERDICT_STALE || verdict == WIRE_VERDICT_REFUSED ||
           verdict == WIRE_VERDICT_SESSION_UNKNOWN || verdict == WIRE_VERDICT_UNSUPPORTED ||
           verdict == WIRE_VERDICT_PINNED || verdict == WIRE_VERDICT_DEFERRED;
}

bool model_decode_answer(struct model *model, kv_slice bytes, struct model_operation *operation,
                         enum wire_verdict *ret_verdict)
{
    struct wire_answer answer;
    if (wire_answer_decode(bytes, &answer) != STATUS_OK) {
        return false;
    }
    *ret_verdict = answer.verdict;
    if (model_is_refusal(answer.verdict)) {
        return true;
    }
    if (answer.verdict == WIRE_VERDICT_LOCKED || answer.verdict == WIRE_VERDICT_LOCK_LOST) {
        operation->count = 0; /* nothing was done, or seen */
        return true;
    }
    enum wire_op op = operation->steps[0].op;
    if (op == WIRE_OP_MGET && answer.row_count != operation->count) {
        return false;
    }
    for (uint32_t i = 0; i < operation->count; i++) {
        struct model_result *result = &operation->results[i];
        *result = (struct model_result){.verdict = answer.verdict};
        result->number = op == WIRE_OP_INCR ? answer.number : 0;
        if (op == WIRE_OP_CREATE || op == WIRE_OP_DELETE) {
            if (i < answer.place_count) {
                result->verdict = answer.places[i].verdict;
            }
            continue;
        }
        if (op == WIRE_OP_MGET) {
            result->verdict = answer.rows[i].present ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND;
        }
        if (i < answer.row_count && answer.rows[i].present) {
            result->value = model_intern(&model->values, answer.rows[i].value);
        }
    }
    return true;
}
