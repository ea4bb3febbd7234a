/* SPDX-License-Identifier: Apache-2.0 */
/* operation_txn: a transaction as JSON.
 *
 *   {"op": "txn", "guards": [["eq", "a", "1"], ...], "ops": [["incr", "b", -5], ...], "else": [...]}
 *
 * Each guard or step is [word, key, operand...]; the words are those of the text form. */
#include <string.h>

#include "client/kvctl/operation_internal.h"
#include "multicast/base/limits.h"

/* The field and place of a step, for messages: "ops"[3]. */
struct step_place {
    const char *field;
    size_t index;
};

static bool value_of(struct kvctl_operation *operation, struct step_place place, const json_t *json,
                     kv_bytes *ret)
{
    return operation_bytes(operation, place.field, json, ret) ||
           REFUSE(operation, "\"%s\"[%zu]: keys and values are strings or {\"hex\":\"...\"}",
                  place.field, place.index);
}

static bool number_of(struct kvctl_operation *operation, struct step_place place,
                      const json_t *json, int64_t *ret)
{
    return operation_integer(operation, place.field, json, INT64_MIN, INT64_MAX, ret) ||
           REFUSE(operation, "\"%s\"[%zu]: the last one is a 64-bit integer", place.field,
                  place.index);
}

static bool operands_parse(struct kvctl_operation *operation, struct step_place place,
                           const struct kvctl_step_form *form, const json_t *json, kv_step *step)
{
    const size_t size = json_array_size(json);
    const size_t wanted = form->operands == KVCTL_OPERANDS_NONE         ? 2
                          : form->operands == KVCTL_OPERANDS_TWO_VALUES ? 4
                                                                        : 3;
    const bool optional = form->operands == KVCTL_OPERANDS_NUMBER_OR_ONE && size == 2;
    const json_t *first = json_array_get(json, 2);
    if (size != wanted && !optional) {
        return REFUSE(operation, "\"%s\"[%zu]: usage: %s KEY%s, as an array", place.field,
                      place.index, form->word, form->synopsis);
    }
    if (!value_of(operation, place, json_array_get(json, 1), &step->key)) {
        return false;
    }
    switch (form->operands) {
    case KVCTL_OPERANDS_NONE:
        return true;
    case KVCTL_OPERANDS_VALUE:
        return value_of(operation, place, first, &step->value);
    case KVCTL_OPERANDS_TWO_VALUES:
        return value_of(operation, place, first, &step->expect) &&
               value_of(operation, place, json_array_get(json, 3), &step->value);
    case KVCTL_OPERANDS_NUMBER:
    case KVCTL_OPERANDS_NUMBER_OR_ONE:
        step->number = 1;
        return optional || number_of(operation, place, first, &step->number);
    }
    return false;
}

static bool step_parse(struct kvctl_operation *operation, struct step_place place,
                       enum kvctl_txn_part part, const json_t *json)
{
    const bool guard = part == KVCTL_TXN_GUARDS;
    const json_t *word = json_array_get(json, 0); /* NULL if json is no array */
    if (!json_is_string(word)) {
        return REFUSE(operation, "\"%s\"[%zu] must be an array: [word, key, operand...]",
                      place.field, place.index);
    }
    const struct kvctl_step_form *form = kvctl_step_find(guard, json_string_value(word));
    if (form == NULL) {
        return REFUSE(operation, "\"%s\"[%zu]: there is no %s \"%.40s\"", place.field, place.index,
                      guard ? "guard" : "step", json_string_value(word));
    }
    kv_step step = {.code = form->code};
    return operands_parse(operation, place, form, json, &step) &&
           (kvctl_txn_add(&operation->txn, part, &step) ||
            REFUSE(operation, "more than %d guards and steps", KV_TXN_STEPS_MAX));
}

bool operation_txn(struct kvctl_operation *operation)
{
    static const char *const fields[] = {"guards", "ops", "else"};
    for (unsigned part = 0; part < KVCTL_TXN_PARTS; part++) {
        const json_t *steps = json_object_get(operation->request, fields[part]);
        if (steps != NULL && !json_is_array(steps)) {
            return REFUSE(operation, "\"%s\" must be an array", fields[part]);
        }
        for (size_t i = 0; i < json_array_size(steps); i++) {
            if (!step_parse(operation, (struct step_place){fields[part], i},
                            (enum kvctl_txn_part)part, json_array_get(steps, i))) {
                return false;
            }
        }
    }
    const uint32_t *counts = operation->txn.counts;
    if (counts[KVCTL_TXN_ELSE] > 0 && counts[KVCTL_TXN_GUARDS] == 0) {
        return REFUSE(operation, "\"else\" without \"guards\"");
    }
    if (counts[KVCTL_TXN_GUARDS] + counts[KVCTL_TXN_THEN] == 0) {
        return REFUSE(operation, "txn needs \"ops\" or \"guards\"");
    }
    kvctl_txn_fill(&operation->txn, &operation->op);
    return true;
}
