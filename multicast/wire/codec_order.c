/* SPDX-License-Identifier: Apache-2.0 */
/* codec_order: the messages between groups. Each begins with its speaker: the sender's group, its term, its leader. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

static void pack_speaker(struct kv_buffer *packer, const struct wire_speaker *speaker)
{
    wire_pack_group(packer, speaker->group);
    wire_pack_uint(packer, speaker->term.value);
    wire_pack_node(packer, speaker->leader);
}

static struct wire_speaker read_speaker(struct wire_reader *reader)
{
    struct wire_speaker speaker;
    speaker.group = wire_read_group(reader);
    speaker.term.value = wire_read_u64(reader);
    speaker.leader = wire_read_node(reader);
    return speaker;
}

void wire_pack_soft(struct kv_buffer *packer, const struct wire_soft *message)
{
    KV_ASSERT(message->body.size <= KV_BODY_BYTES_MAX);
    KV_ASSERT(kv_group_set_count(message->destinations) > 1);
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_uint(packer, message->destinations.bits);
    wire_pack_uint(packer, message->floor);
    KV_ASSERT(kv_group_equal(message->lts.group, message->speaker.group));
    wire_pack_uint(packer, message->lts.clock.value);
    wire_pack_uint(packer, message->now.value);
    wire_pack_uint(packer, message->oracle.value);
    wire_pack_bytes(packer, message->body);
}

void wire_read_soft(struct wire_reader *reader, struct wire_soft *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->destinations.bits = wire_read_u64(reader);
    wire_reader_require(reader, kv_group_set_count(ret->destinations) > 1);
    ret->floor = wire_read_u64(reader);
    ret->lts.clock.value = wire_read_u64(reader);
    ret->lts.group = ret->speaker.group;
    ret->now.value = wire_read_u64(reader);
    ret->oracle.value = wire_read_u64(reader);
    ret->body = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
}

void wire_pack_fix(struct kv_buffer *packer, const struct wire_fix *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_timestamp(packer, message->lts);
}

void wire_read_fix(struct wire_reader *reader, struct wire_fix *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->lts = wire_read_timestamp(reader);
}

void wire_pack_ack(struct kv_buffer *packer, const struct wire_ack *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_timestamp(packer, message->lts);
    wire_pack_uint(packer, message->index.value);
    wire_pack_uint(packer, message->config_digest);
}

void wire_read_ack(struct wire_reader *reader, struct wire_ack *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->lts = wire_read_timestamp(reader);
    ret->index.value = wire_read_u64(reader);
    ret->config_digest = wire_read_u64(reader);
}

void wire_pack_done_request(struct kv_buffer *packer, const struct wire_done_request *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
}

void wire_read_done_request(struct wire_reader *reader, struct wire_done_request *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
}

void wire_pack_done(struct kv_buffer *packer, const struct wire_done *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
}

void wire_read_done(struct wire_reader *reader, struct wire_done *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
}

void wire_pack_forget(struct kv_buffer *packer, const struct wire_forget *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
}

void wire_read_forget(struct wire_reader *reader, struct wire_forget *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
}

void wire_pack_ask(struct kv_buffer *packer, const struct wire_ask *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_uint(packer, message->nonce);
}

void wire_read_ask(struct wire_reader *reader, struct wire_ask *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->nonce = wire_read_u64(reader);
}

void wire_pack_tell(struct kv_buffer *packer, const struct wire_tell *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_uint(packer, message->nonce);
    wire_pack_bool(packer, message->unresolved);
}

void wire_read_tell(struct wire_reader *reader, struct wire_tell *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->nonce = wire_read_u64(reader);
    ret->unresolved = wire_read_bool(reader);
}

void wire_pack_signal(struct kv_buffer *packer, const struct wire_signal *message)
{
    KV_ASSERT(message->payload.size < KV_BODY_BYTES_MAX);
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_timestamp(packer, message->timestamp);
    wire_pack_uint(packer, message->verdict);
    wire_pack_bytes(packer, message->payload);
}

void wire_read_signal(struct wire_reader *reader, struct wire_signal *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->timestamp = wire_read_timestamp(reader);
    ret->verdict = (uint8_t)wire_read_uint(reader, UINT8_MAX);
    ret->payload = wire_read_bytes(reader, KV_BODY_BYTES_MAX - 1);
}

void wire_pack_signal_request(struct kv_buffer *packer, const struct wire_signal_request *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
}

void wire_read_signal_request(struct wire_reader *reader, struct wire_signal_request *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
}

void wire_pack_signal_ack(struct kv_buffer *packer, const struct wire_signal_ack *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
}

void wire_read_signal_ack(struct wire_reader *reader, struct wire_signal_ack *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
}

void wire_pack_forward(struct kv_buffer *packer, const struct wire_forward *message)
{
    pack_speaker(packer, &message->speaker);
    wire_pack_id(packer, message->id);
    wire_pack_uint(packer, message->destinations.bits);
    wire_pack_bytes(packer, message->body);
}

void wire_read_forward(struct wire_reader *reader, struct wire_forward *ret)
{
    ret->speaker = read_speaker(reader);
    ret->id = wire_read_id(reader);
    ret->destinations.bits = wire_read_uint(reader, UINT64_MAX);
    ret->body = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
}
