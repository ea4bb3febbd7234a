/* SPDX-License-Identifier: Apache-2.0 */
/* codec_backup: the messages of a backup. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

void wire_pack_backup_request(struct kv_buffer *packer, const struct wire_backup_request *message)
{
    wire_pack_choice(packer, message->step, WIRE_BACKUP_PREPARE, WIRE_BACKUP_DROP);
    wire_pack_uint(packer, message->cut);
    wire_pack_uint(packer, message->offset);
}

void wire_read_backup_request(struct wire_reader *reader, struct wire_backup_request *ret)
{
    ret->step = wire_read_choice(reader, WIRE_BACKUP_PREPARE, WIRE_BACKUP_DROP);
    ret->cut = wire_read_u64(reader);
    ret->offset = wire_read_u64(reader);
}

void wire_pack_backup_reply(struct kv_buffer *packer, const struct wire_backup_reply *message)
{
    KV_ASSERT(message->bytes.size <= KV_SNAPSHOT_CHUNK_BYTES_MAX);
    wire_pack_choice(packer, message->state, WIRE_BACKUP_READY, WIRE_BACKUP_FAILED);
    wire_pack_timestamp(packer, message->cut);
    wire_pack_uint(packer, message->total);
    wire_pack_uint(packer, message->digest);
    wire_pack_uint(packer, message->offset);
    wire_pack_bytes(packer, message->bytes);
}

void wire_read_backup_reply(struct wire_reader *reader, struct wire_backup_reply *ret)
{
    ret->state = wire_read_choice(reader, WIRE_BACKUP_READY, WIRE_BACKUP_FAILED);
    ret->cut = wire_read_timestamp(reader);
    ret->total = wire_read_u64(reader);
    ret->digest = wire_read_u64(reader);
    ret->offset = wire_read_u64(reader);
    ret->bytes = wire_read_bytes(reader, KV_SNAPSHOT_CHUNK_BYTES_MAX);
}
