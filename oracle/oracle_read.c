/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_read: questions to the oracle. */
#include <stdio.h>

#include "oracle/oracle_internal.h"

static void read_where(struct oracle_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    for (uint32_t i = 0; i < command->key_count; i++) {
        struct wire_place *place = &ret->places[ret->place_count++];
        *place = (struct wire_place){.key = i, .verdict = WIRE_VERDICT_OK};
        place->group = oracle_place_of(machine, command->keys[i], &place->version);
    }
}

static kv_slice number_text(char text[16], uint64_t number)
{
    const int size = snprintf(text, 16, "%llu", (unsigned long long)(number % 1000000000000000u));
    return kv_slice_of(text, (size_t)size);
}

static void read_partitions(struct oracle_machine *machine, struct wire_answer *ret)
{
    _Static_assert(2 * KV_GROUPS_MAX <= KV_SCAN_ROWS_MAX, "two texts for each partition");
    for (uint32_t p = 1; p <= machine->partitions; p++) {
        ret->rows[ret->row_count++] = (struct wire_row){
            .key = number_text(machine->text[2 * p], p),
            .value = number_text(machine->text[2 * p + 1], machine->places.counts[p]),
            .present = true,
        };
    }
}

/* "create 2", "move 1 2", "delete 2". */
static kv_slice change_text(char text[16], const struct oracle_change *change)
{
    const unsigned from = change->from.value, to = change->to.value;
    int size;
    if (from == 0) {
        size = snprintf(text, 16, "create %u", to & 0xffu);
    } else if (to == 0) {
        size = snprintf(text, 16, "delete %u", from & 0xffu);
    } else {
        size = snprintf(text, 16, "move %u %u", from & 0xffu, to & 0xffu);
    }
    return kv_slice_of(text, (size_t)size);
}

static void read_history(struct oracle_machine *machine, struct wire_answer *ret)
{
    const struct oracle_places *places = &machine->places;
    for (uint32_t i = 0; i < places->history_count && i < machine->command.limit; i++) {
        const struct oracle_change *change =
            oracle_change_at(places, places->history_count - 1 - i);
        ret->rows[ret->row_count++] =
            (struct wire_row){.key = kv_slice_of(change->key, change->key_size),
                              .value = change_text(machine->text[i], change),
                              .present = true};
        ret->places[ret->place_count++] = (struct wire_place){
            .key = i, .verdict = WIRE_VERDICT_OK, .group = change->to, .version = change->version};
    }
    ret->more = places->history_count > machine->command.limit;
}

void oracle_read(struct oracle_machine *machine, struct wire_answer *ret)
{
    if (machine->command.op == WIRE_OP_MAP) {
        ret->number = ORACLE_MAP_VERSION;
        ret->hint = machine->partitions;
    } else if (machine->command.op == WIRE_OP_WHERE) {
        read_where(machine, ret);
    } else if (machine->command.op == WIRE_OP_PARTITIONS) {
        read_partitions(machine, ret);
    } else if (machine->command.op == WIRE_OP_LOCKS || machine->command.op == WIRE_OP_SESSIONS) {
        oracle_lease_read(machine, ret);
    } else {
        KV_ASSERT(machine->command.op == WIRE_OP_HISTORY);
        read_history(machine, ret);
    }
}
