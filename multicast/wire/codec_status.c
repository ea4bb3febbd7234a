/* SPDX-License-Identifier: Apache-2.0 */
/* codec_status: the messages of an operator: how a node is, and handing a leadership over. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

/* Elements of struct wire_member_status. */
#define MEMBER_STATUS_FIELDS 16

/* Elements of struct wire_sample. */
#define SAMPLE_FIELDS 2

void wire_pack_status_request(struct kv_buffer *packer, const struct wire_status_request *message)
{
    wire_pack_uint(packer, message->detail);
}

void wire_read_status_request(struct wire_reader *reader, struct wire_status_request *ret)
{
    ret->detail = (uint8_t)wire_read_uint(reader, UINT8_MAX);
}

static void pack_member(struct kv_buffer *packer, const struct wire_member_status *member)
{
    wire_pack_array(packer, MEMBER_STATUS_FIELDS);
    wire_pack_group(packer, member->group);
    wire_pack_choice(packer, member->role, WIRE_ROLE_FOLLOWER, WIRE_ROLE_LEARNER);
    wire_pack_uint(packer, member->term.value);
    wire_pack_node(packer, member->leader);
    wire_pack_uint(packer, member->last.value);
    wire_pack_uint(packer, member->commit.value);
    wire_pack_uint(packer, member->applied.value);
    wire_pack_uint(packer, member->delivered);
    wire_pack_uint(packer, member->digest);
    wire_pack_uint(packer, member->keys);
    wire_pack_uint(packer, member->sessions);
    wire_pack_uint(packer, member->commands);
    wire_pack_uint(packer, member->reads);
    wire_pack_uint(packer, member->messages);
    wire_pack_uint(packer, member->waiting);
    wire_pack_uint(packer, member->checkpoint.value);
}

static void read_member(struct wire_reader *reader, struct wire_member_status *ret)
{
    wire_read_arity(reader, MEMBER_STATUS_FIELDS);
    ret->group = wire_read_group(reader);
    ret->role = wire_read_choice(reader, WIRE_ROLE_FOLLOWER, WIRE_ROLE_LEARNER);
    ret->term.value = wire_read_u64(reader);
    ret->leader = wire_read_node(reader);
    ret->last.value = wire_read_u64(reader);
    ret->commit.value = wire_read_u64(reader);
    ret->applied.value = wire_read_u64(reader);
    ret->delivered = wire_read_u64(reader);
    ret->digest = wire_read_u64(reader);
    ret->keys = wire_read_u64(reader);
    ret->sessions = wire_read_u64(reader);
    ret->commands = wire_read_u64(reader);
    ret->reads = wire_read_u64(reader);
    ret->messages = wire_read_u64(reader);
    ret->waiting = wire_read_u64(reader);
    ret->checkpoint.value = wire_read_u64(reader);
}

void wire_pack_status_reply(struct kv_buffer *packer, const struct wire_status_reply *message)
{
    KV_ASSERT(message->member_count <= KV_GROUPS_MAX);
    wire_pack_node(packer, message->node);
    wire_pack_uint(packer, message->uptime_ms);
    wire_pack_uint(packer, message->log_syncs);
    wire_pack_uint(packer, message->log_bytes);
    wire_pack_uint(packer, message->frames_dropped);
    wire_pack_uint(packer, message->log_files);
    wire_pack_uint(packer, message->disk_free);
    wire_pack_bool(packer, message->no_space);
    wire_pack_array(packer, WIRE_FIELDS_WORKERS_REPLY);
    wire_pack_workers_reply(packer, &message->workers);
    wire_pack_array(packer, message->member_count);
    for (uint32_t i = 0; i < message->member_count; i++) {
        pack_member(packer, &message->members[i]);
    }
}

void wire_read_status_reply(struct wire_reader *reader, struct wire_status_reply *ret)
{
    struct wire_frame_reader *frame = reader->frame;
    if (frame->members == NULL) {
        frame->members = kv_alloc(KV_GROUPS_MAX * sizeof *frame->members);
    }
    ret->members = frame->members;
    ret->node = wire_read_node(reader);
    ret->uptime_ms = wire_read_u64(reader);
    ret->log_syncs = wire_read_u64(reader);
    ret->log_bytes = wire_read_u64(reader);
    ret->frames_dropped = wire_read_u64(reader);
    ret->log_files = wire_read_u64(reader);
    ret->disk_free = wire_read_u64(reader);
    ret->no_space = wire_read_bool(reader);
    wire_read_arity(reader, WIRE_FIELDS_WORKERS_REPLY);
    wire_read_workers_reply(reader, &ret->workers);
    ret->member_count = wire_read_array(reader, KV_GROUPS_MAX);
    for (uint32_t i = 0; i < ret->member_count; i++) {
        read_member(reader, &frame->members[i]);
    }
}

void wire_pack_transfer_request(struct kv_buffer *packer,
                                const struct wire_transfer_request *message)
{
    wire_pack_node(packer, message->target);
}

void wire_read_transfer_request(struct wire_reader *reader, struct wire_transfer_request *ret)
{
    ret->target = wire_read_node(reader);
}

void wire_pack_transfer_reply(struct kv_buffer *packer, const struct wire_transfer_reply *message)
{
    wire_pack_bool(packer, message->started);
    wire_pack_node(packer, message->leader);
}

void wire_read_transfer_reply(struct wire_reader *reader, struct wire_transfer_reply *ret)
{
    ret->started = wire_read_bool(reader);
    ret->leader = wire_read_node(reader);
}

void wire_pack_checkpoint_request(struct kv_buffer *packer,
                                  const struct wire_checkpoint_request *message)
{
    wire_pack_uint(packer, message->detail);
}

void wire_read_checkpoint_request(struct wire_reader *reader, struct wire_checkpoint_request *ret)
{
    ret->detail = (uint8_t)wire_read_uint(reader, UINT8_MAX);
}

void wire_pack_checkpoint_reply(struct kv_buffer *packer,
                                const struct wire_checkpoint_reply *message)
{
    wire_pack_uint(packer, message->members);
}

void wire_read_checkpoint_reply(struct wire_reader *reader, struct wire_checkpoint_reply *ret)
{
    ret->members = (uint32_t)wire_read_uint(reader, KV_GROUPS_MAX);
}

void wire_pack_workers_request(struct kv_buffer *packer, const struct wire_workers_request *message)
{
    wire_pack_choice(packer, message->change, WIRE_WORKERS_SHOW, WIRE_WORKERS_AUTO);
    wire_pack_uint(packer, message->workers);
}

void wire_read_workers_request(struct wire_reader *reader, struct wire_workers_request *ret)
{
    ret->change = wire_read_choice(reader, WIRE_WORKERS_SHOW, WIRE_WORKERS_AUTO);
    ret->workers = (uint32_t)wire_read_uint(reader, KV_WORKERS_MAX);
}

void wire_pack_workers_reply(struct kv_buffer *packer, const struct wire_workers_reply *message)
{
    wire_pack_uint(packer, message->workers);
    wire_pack_bool(packer, message->automatic);
    wire_pack_choice(packer, message->state, WIRE_WORKERS_IDLE, WIRE_WORKERS_FEWER);
    wire_pack_uint(packer, message->jobs);
    wire_pack_uint(packer, message->out);
    wire_pack_uint(packer, message->wait_us);
    wire_pack_uint(packer, message->work_us);
}

void wire_read_workers_reply(struct wire_reader *reader, struct wire_workers_reply *ret)
{
    ret->workers = (uint32_t)wire_read_uint(reader, KV_WORKERS_MAX);
    ret->automatic = wire_read_bool(reader);
    ret->state = wire_read_choice(reader, WIRE_WORKERS_IDLE, WIRE_WORKERS_FEWER);
    ret->jobs = wire_read_u64(reader);
    ret->out = wire_read_u64(reader);
    ret->wait_us = wire_read_u64(reader);
    ret->work_us = wire_read_u64(reader);
}

void wire_pack_compare(struct kv_buffer *packer, const struct wire_compare *message)
{
    KV_ASSERT(message->count <= WIRE_COMPARE_SAMPLES_MAX);
    wire_pack_array(packer, message->count);
    for (uint32_t i = 0; i < message->count; i++) {
        wire_pack_array(packer, SAMPLE_FIELDS);
        wire_pack_uint(packer, message->samples[i].position);
        wire_pack_uint(packer, message->samples[i].digest);
    }
}

void wire_read_compare(struct wire_reader *reader, struct wire_compare *ret)
{
    ret->count = wire_read_array(reader, WIRE_COMPARE_SAMPLES_MAX);
    for (uint32_t i = 0; i < ret->count; i++) {
        wire_read_arity(reader, SAMPLE_FIELDS);
        ret->samples[i].position = wire_read_u64(reader);
        ret->samples[i].digest = wire_read_u64(reader);
    }
}
