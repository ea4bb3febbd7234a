/* SPDX-License-Identifier: Apache-2.0 */
/* codec_watch: the messages of those who watch, and lists of changes: a msgpack array for each, one behind the other. A list is checked
 * as a whole when its message is read. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

/* Elements of struct wire_change. */
#define CHANGE_FIELDS 6

void wire_pack_watch_request(struct kv_buffer *packer, const struct wire_watch_request *message)
{
    KV_ASSERT(message->prefix.size <= KV_KEY_BYTES_MAX);
    wire_pack_uint(packer, message->number);
    wire_pack_bytes(packer, message->prefix);
    wire_pack_uint(packer, message->from);
    wire_pack_uint(packer, message->bytes);
}

void wire_read_watch_request(struct wire_reader *reader, struct wire_watch_request *ret)
{
    ret->number = wire_read_u64(reader);
    ret->prefix = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
    ret->from = wire_read_u64(reader);
    ret->bytes = wire_read_u32(reader);
}

void wire_pack_watch_reply(struct kv_buffer *packer, const struct wire_watch_reply *message)
{
    KV_ASSERT(message->changes.size <= KV_BODY_BYTES_MAX);
    wire_pack_uint(packer, message->number);
    wire_pack_choice(packer, message->state, WIRE_WATCH_CHANGES, WIRE_WATCH_LATER);
    wire_pack_uint(packer, message->first);
    wire_pack_uint(packer, message->next);
    wire_pack_bytes(packer, message->changes);
}

void wire_read_watch_reply(struct wire_reader *reader, struct wire_watch_reply *ret)
{
    ret->number = wire_read_u64(reader);
    ret->state = wire_read_choice(reader, WIRE_WATCH_CHANGES, WIRE_WATCH_LATER);
    ret->first = wire_read_u64(reader);
    ret->next = wire_read_u64(reader);
    ret->changes = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
    wire_reader_require(reader, wire_changes_are_sound(ret->changes));
}

void wire_changes_append(struct kv_buffer *changes, const struct wire_change *change)
{
    wire_pack_array(changes, CHANGE_FIELDS);
    wire_pack_uint(changes, change->index);
    wire_pack_choice(changes, change->kind, WIRE_CHANGE_PUT, WIRE_CHANGE_DELETED);
    wire_pack_timestamp(changes, change->version);
    wire_pack_bytes(changes, change->key);
    wire_pack_bytes(changes, change->value);
}

static void read_change(struct wire_reader *reader, struct wire_change *ret)
{
    wire_read_arity(reader, CHANGE_FIELDS);
    ret->index = wire_read_u64(reader);
    ret->kind = wire_read_choice(reader, WIRE_CHANGE_PUT, WIRE_CHANGE_DELETED);
    ret->version = wire_read_timestamp(reader);
    ret->key = wire_read_bytes(reader, KV_KEY_BYTES_MAX);
    ret->value = wire_read_bytes(reader, KV_VALUE_BYTES_MAX);
}

bool wire_changes_take(kv_slice *changes, struct wire_change *ret)
{
    struct wire_reader reader = wire_reader_of(*changes);
    if (changes->size == 0) {
        return false;
    }
    read_change(&reader, ret);
    if (reader.status != STATUS_OK) {
        return false;
    }
    const size_t rest = wire_reader_rest(&reader);
    *changes = kv_slice_of(changes->data + (changes->size - rest), rest);
    return true;
}

bool wire_changes_are_sound(kv_slice changes)
{
    struct wire_change change = {.index = 0};
    uint64_t before = 0;
    while (wire_changes_take(&changes, &change)) {
        if (change.index <= before || change.key.size == 0 ||
            (change.kind == WIRE_CHANGE_DELETED && change.value.size > 0)) {
            return false;
        }
        before = change.index;
    }
    return changes.size == 0;
}
