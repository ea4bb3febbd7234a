/* SPDX-License-Identifier: Apache-2.0 */
/* codec_roll: the messages of the roll call, by which members with empty disks find or found their
 * group (docs/decisions/0009-roll-call.md).
 *
 * What a state does not use is 0 or empty on the network, so equal messages have equal bytes. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

#define ROLL_MEMBER_FIELDS 2

static void pack_roll(struct kv_buffer *packer, const struct wire_roll *roll)
{
    KV_ASSERT(roll->count <= KV_MEMBERS_MAX);
    wire_pack_array(packer, roll->count);
    for (uint32_t i = 0; i < roll->count; i++) {
        KV_ASSERT(roll->members[i].node.value != 0);
        wire_pack_array(packer, ROLL_MEMBER_FIELDS);
        wire_pack_node(packer, roll->members[i].node);
        wire_pack_uint(packer, roll->members[i].tag.value);
    }
}

static void read_roll(struct wire_reader *reader, struct wire_roll *ret)
{
    ret->count = wire_read_array(reader, KV_MEMBERS_MAX);
    for (uint32_t i = 0; i < ret->count; i++) {
        wire_read_arity(reader, ROLL_MEMBER_FIELDS);
        ret->members[i].node = wire_read_some_node(reader);
        ret->members[i].tag.value = wire_read_u64(reader);
        for (uint32_t j = 0; j < i; j++) {
            wire_reader_require(reader, !kv_node_equal(ret->members[j].node, ret->members[i].node));
        }
    }
}

void wire_pack_roll_call(struct kv_buffer *packer, const struct wire_roll_call *message)
{
    wire_pack_uint(packer, message->tag.value);
    wire_pack_uint(packer, message->term.value);
}

void wire_read_roll_call(struct wire_reader *reader, struct wire_roll_call *ret)
{
    ret->tag.value = wire_read_u64(reader);
    ret->term.value = wire_read_u64(reader);
}

void wire_pack_roll_reply(struct kv_buffer *packer, const struct wire_roll_reply *message)
{
    wire_pack_uint(packer, message->tag.value);
    wire_pack_uint(packer, message->asked.value);
    wire_pack_choice(packer, message->state, WIRE_ROLL_BLANK, WIRE_ROLL_MEMBER);
    wire_pack_uint(packer, message->term.value);
    wire_pack_node(packer, message->leader);
    pack_roll(packer, &message->founders);
}

void wire_read_roll_reply(struct wire_reader *reader, struct wire_roll_reply *ret)
{
    ret->tag.value = wire_read_u64(reader);
    ret->asked.value = wire_read_u64(reader);
    ret->state = (enum wire_roll_state)wire_read_choice(reader, WIRE_ROLL_BLANK, WIRE_ROLL_MEMBER);
    ret->term.value = wire_read_u64(reader);
    ret->leader = wire_read_node(reader);
    read_roll(reader, &ret->founders);
}

void wire_pack_admitted(struct kv_buffer *packer, const struct wire_admitted *message)
{
    wire_pack_uint(packer, message->tag.value);
    wire_pack_uint(packer, message->term.value);
    wire_pack_uint(packer, message->index.value);
}

void wire_read_admitted(struct wire_reader *reader, struct wire_admitted *ret)
{
    ret->tag.value = wire_read_u64(reader);
    ret->term.value = wire_read_u64(reader);
    ret->index.value = wire_read_u64(reader);
}
