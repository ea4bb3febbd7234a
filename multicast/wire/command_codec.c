/* SPDX-License-Identifier: Apache-2.0 */
/* command_codec: commands and answers <-> bytes, with every limit checked on the way in.
 *
 *   command  [op, [key ...], [value ...], number, limit]
 *   answer   [verdict, number, [[key, value or nil] ...], more, hint]
 *
 * Both structs hold arrays for the largest case, so only what is used of them is ever touched. */
#include "multicast/base/assert.h"
#include "multicast/wire/command_internal.h"
#include "multicast/wire/packer.h"
#include "multicast/wire/reader.h"

#define COMMAND_FIELDS 5
#define ANSWER_FIELDS  5
#define ROW_FIELDS     2

/* A hint names a group or counts partitions. */
#define HINT_MAX (KV_GROUPS_MAX - 1)

_Static_assert(KV_SCAN_ROWS_MAX <= KV_COMMAND_KEYS_MAX, "a page of a scan fits an answer");
_Static_assert(2 <= KV_COMMAND_KEYS_MAX, "a cas has two values");

/* Whether a key of this size may stand in a command; only the bounds of a scan may be empty. */
static bool key_fits(enum wire_op op, kv_slice key)
{
    return key.size <= KV_KEY_BYTES_MAX && (key.size >= 1 || op == WIRE_OP_SCAN);
}

/* Numbers that an operation does not use are zero: equal commands have equal bytes. */
static bool numbers_fit(const struct wire_command *command)
{
    return (command->number == 0 || command->op == WIRE_OP_INCR) &&
           (command->op == WIRE_OP_SCAN ? command->limit >= 1 : command->limit == 0);
}

void wire_command_encode(const struct wire_command *command, struct kv_buffer *ret)
{
    const struct wire_op_shape *shape = wire_op_shape_of(command->op);
    KV_ASSERT(shape != NULL);
    KV_ASSERT(command->key_count >= shape->keys_min && command->key_count <= shape->keys_max);
    KV_ASSERT(command->value_count == command->key_count * shape->values_per_key);
    KV_ASSERT(numbers_fit(command) && command->limit <= KV_SCAN_ROWS_MAX);
    size_t before = ret->size;
    msgpack_packer packer = wire_packer_of(ret);
    wire_pack_array(&packer, COMMAND_FIELDS);
    wire_pack_uint(&packer, command->op);
    wire_pack_array(&packer, command->key_count);
    for (uint32_t i = 0; i < command->key_count; i++) {
        KV_ASSERT(key_fits(command->op, command->keys[i]));
        wire_pack_bytes(&packer, command->keys[i]);
    }
    wire_pack_array(&packer, command->value_count);
    for (uint32_t i = 0; i < command->value_count; i++) {
        KV_ASSERT(command->values[i].size <= KV_VALUE_BYTES_MAX);
        wire_pack_bytes(&packer, command->values[i]);
    }
    wire_pack_int(&packer, command->number);
    wire_pack_uint(&packer, command->limit);
    KV_ASSERT(ret->size - before <= KV_BODY_BYTES_MAX);
}

static void read_keys(struct wire_reader *reader, const struct wire_op_shape *shape,
                      struct wire_command *ret)
{
    ret->key_count = wire_read_array(reader, KV_COMMAND_KEYS_MAX);
    wire_reader_require(reader,
                        ret->key_count >= shape->keys_min && ret->key_count <= shape->keys_max);
    for (uint32_t i = 0; i < ret->key_count && reader->status == STATUS_OK; i++) {
        ret->keys[i] = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
        wire_reader_require(reader, key_fits(ret->op, ret->keys[i]));
    }
}

enum status wire_command_decode(kv_slice bytes, struct wire_command *ret)
{
    if (bytes.size > KV_BODY_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct wire_reader reader = wire_reader_of(bytes);
    wire_read_arity(&reader, COMMAND_FIELDS);
    uint64_t op = wire_read_uint(&reader, UINT8_MAX);
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    if (shape == NULL) {
        return STATUS_CORRUPT;
    }
    ret->op = (enum wire_op)op;
    read_keys(&reader, shape, ret);
    ret->value_count = wire_read_array(&reader, KV_COMMAND_KEYS_MAX);
    wire_reader_require(&reader, ret->value_count == ret->key_count * shape->values_per_key);
    for (uint32_t i = 0; i < ret->value_count && reader.status == STATUS_OK; i++) {
        ret->values[i] = wire_read_bytes(&reader, KV_VALUE_BYTES_MAX);
    }
    ret->number = wire_read_int(&reader);
    ret->limit = (uint32_t)wire_read_uint(&reader, UINT32_MAX);
    wire_reader_require(&reader, numbers_fit(ret));
    if (ret->limit > KV_SCAN_ROWS_MAX) {
        wire_reader_fail(&reader, STATUS_TOO_LARGE);
    }
    return wire_reader_finish(&reader);
}

void wire_answer_encode(const struct wire_answer *answer, struct kv_buffer *ret)
{
    KV_ASSERT(answer->row_count <= KV_COMMAND_KEYS_MAX);
    KV_ASSERT(answer->hint <= HINT_MAX);
    size_t before = ret->size;
    msgpack_packer packer = wire_packer_of(ret);
    wire_pack_array(&packer, ANSWER_FIELDS);
    wire_pack_uint(&packer, answer->verdict);
    wire_pack_int(&packer, answer->number);
    wire_pack_array(&packer, answer->row_count);
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct wire_row *row = &answer->rows[i];
        KV_ASSERT(row->key.size <= KV_KEY_BYTES_MAX && row->value.size <= KV_VALUE_BYTES_MAX);
        KV_ASSERT(row->present || row->value.size == 0);
        wire_pack_array(&packer, ROW_FIELDS);
        wire_pack_bytes(&packer, row->key);
        if (row->present) {
            wire_pack_bytes(&packer, row->value);
        } else {
            wire_pack_nil(&packer);
        }
    }
    wire_pack_bool(&packer, answer->more);
    wire_pack_uint(&packer, answer->hint);
    KV_ASSERT(ret->size - before <= KV_BODY_BYTES_MAX);
}

static bool is_verdict(uint64_t number)
{
    switch ((enum wire_verdict)number) {
#define X(NAME, number_, text) case WIRE_VERDICT_##NAME:
        WIRE_VERDICT_MAP(X)
#undef X
        return true;
    }
    return false;
}

static void read_row(struct wire_reader *reader, struct wire_row *ret)
{
    wire_read_arity(reader, ROW_FIELDS);
    ret->key = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
    ret->present = !wire_read_nil(reader);
    ret->value = ret->present ? wire_read_bytes(reader, KV_VALUE_BYTES_MAX) : (kv_slice){0};
}

enum status wire_answer_decode(kv_slice bytes, struct wire_answer *ret)
{
    if (bytes.size > KV_BODY_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct wire_reader reader = wire_reader_of(bytes);
    wire_read_arity(&reader, ANSWER_FIELDS);
    uint64_t verdict = wire_read_uint(&reader, UINT8_MAX);
    wire_reader_require(&reader, is_verdict(verdict));
    ret->verdict = (enum wire_verdict)verdict;
    ret->number = wire_read_int(&reader);
    ret->row_count = wire_read_array(&reader, KV_COMMAND_KEYS_MAX);
    for (uint32_t i = 0; i < ret->row_count && reader.status == STATUS_OK; i++) {
        read_row(&reader, &ret->rows[i]);
    }
    ret->more = wire_read_bool(&reader);
    ret->hint = (uint32_t)wire_read_uint(&reader, HINT_MAX);
    return wire_reader_finish(&reader);
}
