/* SPDX-License-Identifier: Apache-2.0 */
/* codec_client: the messages between a client and a node: the conversation, requests and
 * replies. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

/* node, endpoint */
#define NODE_FIELDS 2

/* group, config, leader */
#define GROUP_FIELDS 3

void wire_pack_hello(struct kv_buffer *packer, const struct wire_hello *message)
{
    KV_ASSERT(message->version_min <= message->version_max);
    wire_pack_uint(packer, message->version_min);
    wire_pack_uint(packer, message->version_max);
}

void wire_read_hello(struct wire_reader *reader, struct wire_hello *ret)
{
    ret->version_min = wire_read_u16(reader);
    ret->version_max = wire_read_u16(reader);
    wire_reader_require(reader, ret->version_min <= ret->version_max);
}

void wire_pack_welcome(struct kv_buffer *packer, const struct wire_welcome *message)
{
    KV_ASSERT(message->cluster_name.size <= WIRE_CLUSTER_NAME_BYTES_MAX);
    KV_ASSERT(message->partitions >= 1 && message->partitions < KV_GROUPS_MAX);
    KV_ASSERT(message->node_count <= KV_NODES_MAX);
    KV_ASSERT(message->group_count <= KV_GROUPS_MAX);
    wire_pack_uint(packer, message->version);
    wire_pack_text(packer, message->cluster_name);
    wire_pack_uint(packer, message->map_version);
    wire_pack_uint(packer, message->partitions);
    wire_pack_array(packer, message->node_count);
    for (uint32_t i = 0; i < message->node_count; i++) {
        KV_ASSERT(message->nodes[i].node.value != 0);
        KV_ASSERT(message->nodes[i].endpoint.size <= WIRE_ENDPOINT_BYTES_MAX);
        wire_pack_array(packer, NODE_FIELDS);
        wire_pack_node(packer, message->nodes[i].node);
        wire_pack_text(packer, message->nodes[i].endpoint);
    }
    wire_pack_array(packer, message->group_count);
    for (uint32_t i = 0; i < message->group_count; i++) {
        wire_pack_array(packer, GROUP_FIELDS);
        wire_pack_group(packer, message->groups[i].group);
        wire_pack_config(packer, &message->groups[i].config);
        wire_pack_node(packer, message->groups[i].leader);
    }
    wire_pack_uint(packer, message->key_bytes_max);
    wire_pack_uint(packer, message->value_bytes_max);
    wire_pack_uint(packer, message->command_keys_max);
    wire_pack_uint(packer, message->session_outstanding_max);
}

static void read_nodes(struct wire_reader *reader, struct wire_welcome *ret)
{
    struct wire_frame_reader *frame = reader->frame;
    if (frame->nodes == NULL) {
        frame->nodes = kv_alloc(KV_NODES_MAX * sizeof *frame->nodes);
    }
    ret->nodes = frame->nodes;
    ret->node_count = wire_read_array(reader, KV_NODES_MAX);
    for (uint32_t i = 0; i < ret->node_count; i++) {
        wire_read_arity(reader, NODE_FIELDS);
        frame->nodes[i].node = wire_read_some_node(reader);
        frame->nodes[i].endpoint = wire_read_text(reader, WIRE_ENDPOINT_BYTES_MAX);
    }
}

static void read_groups(struct wire_reader *reader, struct wire_welcome *ret)
{
    struct wire_frame_reader *frame = reader->frame;
    if (frame->groups == NULL) {
        frame->groups = kv_alloc(KV_GROUPS_MAX * sizeof *frame->groups);
    }
    ret->groups = frame->groups;
    ret->group_count = wire_read_array(reader, KV_GROUPS_MAX);
    for (uint32_t i = 0; i < ret->group_count; i++) {
        wire_read_arity(reader, GROUP_FIELDS);
        frame->groups[i].group = wire_read_group(reader);
        wire_read_config(reader, &frame->groups[i].config);
        frame->groups[i].leader = wire_read_node(reader);
    }
}

void wire_read_welcome(struct wire_reader *reader, struct wire_welcome *ret)
{
    ret->version = wire_read_u16(reader);
    ret->cluster_name = wire_read_text(reader, WIRE_CLUSTER_NAME_BYTES_MAX);
    ret->map_version = wire_read_u64(reader);
    ret->partitions = (uint32_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    wire_reader_require(reader, ret->partitions >= 1);
    read_nodes(reader, ret);
    read_groups(reader, ret);
    ret->key_bytes_max = wire_read_u32(reader);
    ret->value_bytes_max = wire_read_u32(reader);
    ret->command_keys_max = wire_read_u32(reader);
    ret->session_outstanding_max = wire_read_u32(reader);
}

/* Something is asked of at least one group, and a read of exactly one. */
static bool destinations_fit(const struct wire_request *request)
{
    uint64_t bits = request->destinations.bits;
    bool several = (bits & (bits - 1)) != 0;
    return bits != 0 && (!several || request->mode == WIRE_REQUEST_ORDERED);
}

void wire_pack_request(struct kv_buffer *packer, const struct wire_request *message)
{
    KV_ASSERT(message->body.size <= KV_BODY_BYTES_MAX);
    KV_ASSERT(destinations_fit(message));
    wire_pack_id(packer, message->id);
    wire_pack_choice(packer, message->mode, WIRE_REQUEST_ORDERED, WIRE_REQUEST_STALE);
    wire_pack_uint(packer, message->destinations.bits);
    wire_pack_uint(packer, message->floor);
    wire_pack_uint(packer, message->budget_ms);
    wire_pack_bytes(packer, message->body);
}

void wire_read_request(struct wire_reader *reader, struct wire_request *ret)
{
    ret->id = wire_read_id(reader);
    ret->mode = wire_read_choice(reader, WIRE_REQUEST_ORDERED, WIRE_REQUEST_STALE);
    ret->destinations.bits = wire_read_u64(reader);
    wire_reader_require(reader, destinations_fit(ret));
    ret->floor = wire_read_u64(reader);
    ret->budget_ms = wire_read_u32(reader);
    ret->body = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
}

void wire_pack_reply(struct kv_buffer *packer, const struct wire_reply *message)
{
    KV_ASSERT(message->body.size <= KV_BODY_BYTES_MAX);
    wire_pack_id(packer, message->id);
    wire_pack_choice(packer, message->outcome, WIRE_OUTCOME_ANSWERED, WIRE_OUTCOME_NO_SPACE);
    wire_pack_node(packer, message->leader);
    wire_pack_timestamp(packer, message->timestamp);
    wire_pack_uint(packer, message->index.value);
    wire_pack_bytes(packer, message->body);
}

void wire_read_reply(struct wire_reader *reader, struct wire_reply *ret)
{
    ret->id = wire_read_id(reader);
    ret->outcome = wire_read_choice(reader, WIRE_OUTCOME_ANSWERED, WIRE_OUTCOME_NO_SPACE);
    ret->leader = wire_read_node(reader);
    ret->timestamp = wire_read_timestamp(reader);
    ret->index.value = wire_read_u64(reader);
    ret->body = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
}

void wire_pack_refusal(struct kv_buffer *packer, const struct wire_refusal *message)
{
    KV_ASSERT(message->text.size <= WIRE_REFUSAL_TEXT_BYTES_MAX);
    wire_pack_choice(packer, message->reason, WIRE_REFUSAL_VERSION, WIRE_REFUSAL_MALFORMED);
    wire_pack_uint(packer, message->version_min);
    wire_pack_uint(packer, message->version_max);
    wire_pack_text(packer, message->text);
}

void wire_read_refusal(struct wire_reader *reader, struct wire_refusal *ret)
{
    ret->reason = wire_read_choice(reader, WIRE_REFUSAL_VERSION, WIRE_REFUSAL_MALFORMED);
    ret->version_min = wire_read_u16(reader);
    ret->version_max = wire_read_u16(reader);
    ret->text = wire_read_text(reader, WIRE_REFUSAL_TEXT_BYTES_MAX);
}
