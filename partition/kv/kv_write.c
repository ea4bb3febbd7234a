/* SPDX-License-Identifier: Apache-2.0 */
/* kv_write: the operations that change the map. Each first decides, then changes: a NO leaves no
 * trace. */
#include "partition/kv/kv_internal.h"

/* Carry the present value along with a NO, if it is small enough to be remembered in every record
 * of a session. */
static void kv_write_show(const struct kv_map_row *row, struct wire_answer *ret)
{
    if (row->value.size <= KV_ANSWER_VALUE_BYTES_MAX) {
        ret->rows[0] = (struct wire_row){.value = row->value, .present = true};
        ret->row_count = 1;
    }
}

/* PUT and MPUT; of a key that is named several times the last value stays. */
void kv_write_put(struct kv_machine *machine, const struct wire_command *command,
                  kv_timestamp version, struct wire_answer *ret)
{
    (void)ret;
    KV_ASSERT(command->value_count == command->key_count);
    for (uint32_t i = 0; i < command->key_count; i++) {
        kv_map_put(machine->map, command->keys[i], command->values[i], version);
    }
}

void kv_write_put_if_absent(struct kv_machine *machine, const struct wire_command *command,
                            kv_timestamp version, struct wire_answer *ret)
{
    struct kv_map_row row;
    if (kv_map_get(machine->map, command->keys[0], &row)) {
        ret->verdict = WIRE_VERDICT_EXISTS;
        kv_write_show(&row, ret);
        return;
    }
    kv_map_put(machine->map, command->keys[0], command->values[0], version);
}

void kv_write_delete(struct kv_machine *machine, const struct wire_command *command,
                     struct wire_answer *ret)
{
    if (!kv_map_remove(machine->map, command->keys[0])) {
        ret->verdict = WIRE_VERDICT_NOT_FOUND;
    }
}

void kv_write_cas(struct kv_machine *machine, const struct wire_command *command,
                  kv_timestamp version, struct wire_answer *ret)
{
    struct kv_map_row row;
    if (!kv_map_get(machine->map, command->keys[0], &row)) {
        ret->verdict = WIRE_VERDICT_NOT_FOUND;
        return;
    }
    if (!kv_slice_equal(row.value, command->values[0])) {
        ret->verdict = WIRE_VERDICT_MISMATCH;
        kv_write_show(&row, ret);
        return;
    }
    kv_map_put(machine->map, command->keys[0], command->values[1], version);
}

void kv_write_incr(struct kv_machine *machine, const struct wire_command *command,
                   kv_timestamp version, struct wire_answer *ret)
{
    struct kv_map_row row;
    int64_t number = 0;
    if (kv_map_get(machine->map, command->keys[0], &row) && !kv_number_parse(row.value, &number)) {
        ret->verdict = WIRE_VERDICT_NOT_A_NUMBER;
        return;
    }
    int64_t sum;
    if (__builtin_add_overflow(number, command->number, &sum)) {
        ret->verdict = WIRE_VERDICT_OVERFLOW;
        return;
    }
    char text[KV_NUMBER_BYTES_MAX];
    const size_t size = kv_number_format(sum, text);
    kv_map_put(machine->map, command->keys[0], kv_slice_of(text, size), version);
    ret->number = sum;
}

void kv_write_append(struct kv_machine *machine, const struct wire_command *command,
                     kv_timestamp version, struct wire_answer *ret)
{
    struct kv_map_row row = {0};
    const kv_slice tail = command->values[0];
    kv_map_get(machine->map, command->keys[0], &row);
    if (row.value.size + tail.size > KV_VALUE_BYTES_MAX) {
        ret->verdict = WIRE_VERDICT_TOO_LARGE;
        return;
    }
    kv_buffer_clear(&machine->scratch);
    kv_buffer_append(&machine->scratch, row.value.data, row.value.size);
    kv_buffer_append(&machine->scratch, tail.data, tail.size);
    kv_map_put(machine->map, command->keys[0], kv_buffer_slice(&machine->scratch), version);
}
