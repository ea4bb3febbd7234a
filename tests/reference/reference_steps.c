/* SPDX-License-Identifier: Apache-2.0 */
/* reference_steps: guards and steps on drafts of variables. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference_internal.h"

/* ---- What is made while a command runs ---- */

static kv_slice keep(struct reference *reference, kv_slice text)
{
    KV_ASSERT(reference->text_size + text.size <= REFERENCE_TEXTS_BYTES);
    char *copy = reference->texts + reference->text_size;
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    reference->text_size += text.size;
    return kv_slice_of(copy, text.size);
}

static bool number_of(const struct draft *draft, int64_t *ret)
{
    char text[32] = {0}, again[32];
    *ret = 0;
    if (!draft->present) {
        return true;
    }
    if (draft->value.size == 0 || draft->value.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, draft->value.data, draft->value.size);
    *ret = strtoll(text, NULL, 10);
    snprintf(again, sizeof(again), "%" PRId64, *ret);
    return strcmp(text, again) == 0;
}

/* ---- Guards and steps ---- */

static bool holds(const struct wire_step *guard, const struct draft *draft)
{
    int64_t number;
    const int order = draft->present ? kv_slice_compare(draft->value, guard->value) : 0;
    switch ((int)guard->kind) {
    case WIRE_GUARD_EXISTS:
        return draft->present;
    case WIRE_GUARD_ABSENT:
        return !draft->present;
    case WIRE_GUARD_EQ:
        return draft->present && order == 0;
    case WIRE_GUARD_NE:
        return !draft->present || order != 0;
    case WIRE_GUARD_LT:
        return draft->present && order < 0;
    case WIRE_GUARD_GT:
        return draft->present && order > 0;
    case WIRE_GUARD_AT_LEAST:
        return number_of(draft, &number) && number >= guard->number;
    case WIRE_GUARD_AT_MOST:
        return number_of(draft, &number) && number <= guard->number;
    }
    KV_UNREACHABLE();
}

static void write_draft(struct draft *draft, kv_slice value)
{
    draft->present = true;
    draft->value = value;
    draft->written = true;
}

static enum wire_verdict do_incr(struct reference *reference, const struct wire_step *step,
                                 struct draft *draft, struct wire_row *row)
{
    int64_t number;
    char text[32];
    if (!number_of(draft, &number)) {
        return WIRE_VERDICT_NOT_A_NUMBER;
    }
    if (__builtin_add_overflow(number, step->number, &number)) {
        return WIRE_VERDICT_OVERFLOW;
    }
    snprintf(text, sizeof(text), "%" PRId64, number);
    write_draft(draft, keep(reference, kv_slice_of_text(text)));
    *row = (struct wire_row){.present = true, .value = draft->value};
    return WIRE_VERDICT_OK;
}

/* One step; its row is what it has to say. */
static enum wire_verdict do_step(struct reference *reference, const struct wire_step *step,
                                 struct wire_row *row)
{
    struct draft *draft = &reference->drafts[step->key];
    char whole[REFERENCE_VALUE_BYTES];
    *row = (struct wire_row){.present = false};
    switch ((int)step->kind) {
    case WIRE_STEP_GET:
        *row = (struct wire_row){.present = draft->present, .value = draft->value};
        return draft->present ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND;
    case WIRE_STEP_PUT:
        write_draft(draft, step->value);
        return WIRE_VERDICT_OK;
    case WIRE_STEP_PUT_IF_ABSENT:
        if (draft->present) {
            *row = (struct wire_row){.present = true, .value = draft->value};
            return WIRE_VERDICT_EXISTS;
        }
        write_draft(draft, step->value);
        return WIRE_VERDICT_OK;
    case WIRE_STEP_DELETE:
        if (!draft->present) {
            return WIRE_VERDICT_NOT_FOUND;
        }
        *draft = (struct draft){.written = true};
        row->present = true;
        return WIRE_VERDICT_OK;
    case WIRE_STEP_CAS:
        if (!draft->present) {
            return WIRE_VERDICT_NOT_FOUND;
        }
        if (!kv_slice_equal(draft->value, step->expected)) {
            *row = (struct wire_row){.present = true, .value = draft->value};
            return WIRE_VERDICT_MISMATCH;
        }
        write_draft(draft, step->value);
        return WIRE_VERDICT_OK;
    case WIRE_STEP_INCR:
        return do_incr(reference, step, draft, row);
    case WIRE_STEP_APPEND: {
        const size_t head = draft->present ? draft->value.size : 0;
        KV_ASSERT(head + step->value.size <= sizeof(whole));
        if (head > 0) {
            memcpy(whole, draft->value.data, head);
        }
        memcpy(whole + head, step->value.data, step->value.size);
        write_draft(draft, keep(reference, kv_slice_of(whole, head + step->value.size)));
        return WIRE_VERDICT_OK;
    }
    }
    KV_UNREACHABLE();
}

/* The single operation of a command that is no TXN, on key i. */
static struct wire_step step_of(const struct wire_command *command, uint32_t i)
{
    struct wire_step step = {.key = i, .number = command->number};
    switch ((int)command->op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
        step.kind = WIRE_STEP_GET;
        return step;
    case WIRE_OP_PUT:
    case WIRE_OP_MPUT:
        step.kind = WIRE_STEP_PUT;
        break;
    case WIRE_OP_PUT_IF_ABSENT:
        step.kind = WIRE_STEP_PUT_IF_ABSENT;
        break;
    case WIRE_OP_CAS:
        step.kind = WIRE_STEP_CAS;
        step.expected = command->values[0];
        step.value = command->values[1];
        return step;
    case WIRE_OP_INCR:
        step.kind = WIRE_STEP_INCR;
        return step;
    case WIRE_OP_APPEND:
        step.kind = WIRE_STEP_APPEND;
        break;
    }
    step.value = command->values[i];
    return step;
}

static void draft_all(struct reference *reference)
{
    const struct wire_command *command = &reference->command;
    for (uint32_t i = 0; i < command->key_count; i++) {
        const struct reference_key key = reference_find(reference, command->keys[i]);
        reference->drafts[i] =
            (struct draft){.present = key.present, .value = keep(reference, key.value)};
    }
}

/* Two names of the same key (MPUT, MGET) are one variable. */
static void share_drafts(struct reference *reference, uint32_t i)
{
    const struct wire_command *command = &reference->command;
    for (uint32_t k = 0; k < command->key_count; k++) {
        if (k != i && kv_slice_equal(command->keys[k], command->keys[i])) {
            reference->drafts[k] = reference->drafts[i];
        }
    }
}

/* Steps first..first+count of the drafts; OK, or the verdict of the first that cannot be done. */
static enum wire_verdict do_steps(struct reference *reference, uint32_t first, uint32_t count,
                                  struct wire_answer *ret)
{
    const struct wire_command *command = &reference->command;
    const bool several = command->op == WIRE_OP_TXN || command->op == WIRE_OP_MGET;
    for (uint32_t s = 0; s < count; s++) {
        const struct wire_step step =
            command->op == WIRE_OP_TXN ? command->steps[first + s] : step_of(command, s);
        struct wire_row row;
        const enum wire_verdict verdict = do_step(reference, &step, &row);
        const bool absent = verdict == WIRE_VERDICT_NOT_FOUND &&
                            (step.kind == WIRE_STEP_GET || step.kind == WIRE_STEP_DELETE);
        share_drafts(reference, step.key);
        ret->rows[s] = row;
        if (verdict == WIRE_VERDICT_OK || (several && absent)) {
            continue;
        }
        ret->row_count = 0;
        if (command->op != WIRE_OP_TXN && row.present) {
            ret->rows[0] = row;
            ret->row_count = 1;
        }
        return verdict;
    }
    if (several) {
        ret->row_count = count;
    } else if (command->op == WIRE_OP_GET) {
        ret->row_count = 1;
    } else if (command->op == WIRE_OP_INCR) {
        struct draft sum = {.present = true, .value = ret->rows[0].value};
        (void)number_of(&sum, &ret->number);
    }
    return WIRE_VERDICT_OK;
}

void reference_do_access(struct reference *reference, struct wire_answer *ret)
{
    const struct wire_command *command = &reference->command;
    bool hold = true;
    uint32_t first = 0, count = command->key_count;
    draft_all(reference);
    wire_answer_begin(ret, WIRE_VERDICT_OK);
    for (uint32_t g = 0; g < command->guard_count; g++) {
        hold = hold && holds(&command->steps[g], &reference->drafts[command->steps[g].key]);
    }
    if (command->op == WIRE_OP_TXN) {
        first = command->guard_count + (hold ? 0 : command->branch_count[0]);
        count = command->branch_count[hold ? 0 : 1];
    }
    const enum wire_verdict verdict = do_steps(reference, first, count, ret);
    ret->verdict = verdict;
    if (verdict == WIRE_VERDICT_OK && command->op == WIRE_OP_TXN) {
        ret->number = hold ? 1 : 0;
    }
}
