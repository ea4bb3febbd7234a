/* SPDX-License-Identifier: Apache-2.0 */
/* kv_step: what one guard or step does to one value. Pure: it decides, and changes nothing. */
#include <string.h>

#include "partition/kv/kv_internal.h"

static void step_set(struct kv_outcome *ret, kv_slice value)
{
    ret->changed = true;
    ret->after.present = true;
    ret->after.value = value;
}

/* [K3] What it was bound to does not matter any more. */
static void step_replace(const struct kv_machine *machine, struct kv_outcome *ret, kv_slice value)
{
    step_set(ret, value);
    ret->after.bond = machine->given;
}

/* [K3] A part of it stays: it lasts as long as before, unless the command says something else. */
static void step_change(const struct kv_machine *machine, struct kv_outcome *ret, kv_slice value)
{
    step_set(ret, value);
    if (!kv_bond_is_none(&machine->given)) {
        ret->after.bond = machine->given;
    }
}

/* Carry the present value along with a NO, if it is small enough to be remembered in every record
 * of a session. */
static void step_refuse(struct kv_outcome *ret, enum wire_verdict verdict,
                        const struct kv_state *before)
{
    ret->verdict = verdict;
    if (before->present && before->value.size <= KV_ANSWER_VALUE_BYTES_MAX) {
        ret->row_present = true;
        ret->row = before->value;
    }
}

static void step_cas(const struct kv_machine *machine, const struct wire_step *step,
                     const struct kv_state *before, struct kv_outcome *ret)
{
    if (!before->present) {
        ret->verdict = WIRE_VERDICT_NOT_FOUND;
    } else if (!kv_slice_equal(before->value, step->expected)) {
        step_refuse(ret, WIRE_VERDICT_MISMATCH, before);
    } else {
        step_replace(machine, ret, step->value);
    }
}

static void step_incr(struct kv_machine *machine, const struct wire_step *step,
                      const struct kv_state *before, struct kv_outcome *ret)
{
    int64_t number = 0;
    if (before->present && !kv_number_parse(before->value, &number)) {
        ret->verdict = WIRE_VERDICT_NOT_A_NUMBER;
        return;
    }
    if (__builtin_add_overflow(number, step->number, &ret->number)) {
        ret->number = 0;
        ret->verdict = WIRE_VERDICT_OVERFLOW;
        return;
    }
    char text[KV_NUMBER_BYTES_MAX];
    const size_t size = kv_number_format(ret->number, text);
    step_change(machine, ret, kv_arena_copy(&machine->arena, kv_slice_of(text, size)));
    ret->row_present = true;
    ret->row = ret->after.value;
}

static void step_append(struct kv_machine *machine, const struct wire_step *step,
                        const struct kv_state *before, struct kv_outcome *ret)
{
    const kv_slice head = before->present ? before->value : (kv_slice){0};
    if (head.size + step->value.size > KV_VALUE_BYTES_MAX) {
        ret->verdict = WIRE_VERDICT_TOO_LARGE;
        return;
    }
    uint8_t *whole = kv_arena_take(&machine->arena, head.size + step->value.size);
    if (head.size > 0) {
        memcpy(whole, head.data, head.size);
    }
    if (step->value.size > 0) {
        memcpy(whole + head.size, step->value.data, step->value.size);
    }
    step_change(machine, ret, kv_slice_of(whole, head.size + step->value.size));
}

void kv_step_run(struct kv_machine *machine, const struct wire_step *step,
                 const struct kv_state *before, struct kv_outcome *ret)
{
    *ret = (struct kv_outcome){.verdict = WIRE_VERDICT_OK, .after = *before};
    switch (step->kind) {
    case WIRE_STEP_GET:
        ret->verdict = before->present ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND;
        ret->row_present = before->present;
        ret->row = before->value;
        return;
    case WIRE_STEP_PUT:
        step_replace(machine, ret, step->value);
        return;
    case WIRE_STEP_PUT_IF_ABSENT:
        if (before->present) {
            step_refuse(ret, WIRE_VERDICT_EXISTS, before);
        } else {
            step_replace(machine, ret, step->value);
        }
        return;
    case WIRE_STEP_DELETE:
        ret->verdict = before->present ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND;
        ret->changed = before->present;
        ret->after = (struct kv_state){.present = false};
        ret->row_present = before->present; /* without the value */
        return;
    case WIRE_STEP_CAS:
        step_cas(machine, step, before, ret);
        return;
    case WIRE_STEP_INCR:
        step_incr(machine, step, before, ret);
        return;
    case WIRE_STEP_APPEND:
        step_append(machine, step, before, ret);
        return;
    case WIRE_GUARD_EXISTS:
    case WIRE_GUARD_ABSENT:
    case WIRE_GUARD_EQ:
    case WIRE_GUARD_NE:
    case WIRE_GUARD_LT:
    case WIRE_GUARD_GT:
    case WIRE_GUARD_AT_LEAST:
    case WIRE_GUARD_AT_MOST:
        break;
    }
    KV_UNREACHABLE();
}

/* A number to compare with; an absent key counts as 0, as it does for INCR. */
static bool guard_number(const struct kv_state *state, int64_t *ret)
{
    *ret = 0;
    return !state->present || kv_number_parse(state->value, ret);
}

bool kv_guard_holds(const struct wire_step *guard, const struct kv_state *state)
{
    int64_t number;
    switch (guard->kind) {
    case WIRE_GUARD_EXISTS:
        return state->present;
    case WIRE_GUARD_ABSENT:
        return !state->present;
    case WIRE_GUARD_EQ:
        return state->present && kv_slice_equal(state->value, guard->value);
    case WIRE_GUARD_NE:
        return !state->present || !kv_slice_equal(state->value, guard->value);
    case WIRE_GUARD_LT:
        return state->present && kv_slice_compare(state->value, guard->value) < 0;
    case WIRE_GUARD_GT:
        return state->present && kv_slice_compare(state->value, guard->value) > 0;
    case WIRE_GUARD_AT_LEAST:
        return guard_number(state, &number) && number >= guard->number;
    case WIRE_GUARD_AT_MOST:
        return guard_number(state, &number) && number <= guard->number;
    case WIRE_STEP_GET:
    case WIRE_STEP_PUT:
    case WIRE_STEP_PUT_IF_ABSENT:
    case WIRE_STEP_DELETE:
    case WIRE_STEP_CAS:
    case WIRE_STEP_INCR:
    case WIRE_STEP_APPEND:
        break;
    }
    KV_UNREACHABLE();
}
