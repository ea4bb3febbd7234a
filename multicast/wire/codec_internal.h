/* SPDX-License-Identifier: Apache-2.0 */
/* codec_internal: what the files of the codec share: one packing and one reading function for each
 * message.
 *
 * A message is one msgpack array: kind, group, then the fields of its struct in order, nested
 * structs flattened into it and lists nested as arrays. A field added to a struct changes
 * WIRE_FIELDS_<NAME> and with it the version. */
#ifndef KV_WIRE_CODEC_INTERNAL_H
#define KV_WIRE_CODEC_INTERNAL_H

#include "multicast/base/assert.h"
#include "multicast/wire/codec.h"
#include "multicast/wire/packer.h"
#include "multicast/wire/reader.h"

/* Elements of a message in front of its own fields: kind and group. */
#define WIRE_FIELDS_COMMON 2

/* Elements of each message behind those. */
enum {
    WIRE_FIELDS_VOTE_REQUEST = 5,
    WIRE_FIELDS_VOTE_REPLY = 3,
    WIRE_FIELDS_APPEND = 6,
    WIRE_FIELDS_APPEND_REPLY = 6,
    WIRE_FIELDS_SNAPSHOT_CHUNK = 10,
    WIRE_FIELDS_SNAPSHOT_REPLY = 4,
    WIRE_FIELDS_TIMEOUT_NOW = 1,
    WIRE_FIELDS_SOFT = 13,
    WIRE_FIELDS_FIX = 9,
    WIRE_FIELDS_ACK = 11,
    WIRE_FIELDS_DONE_REQUEST = 7,
    WIRE_FIELDS_DONE = 7,
    WIRE_FIELDS_FORGET = 7,
    WIRE_FIELDS_ASK = 8,
    WIRE_FIELDS_TELL = 9,
    WIRE_FIELDS_SIGNAL = 11,
    WIRE_FIELDS_SIGNAL_REQUEST = 7,
    WIRE_FIELDS_SIGNAL_ACK = 7,
    WIRE_FIELDS_FORWARD = 9,
    WIRE_FIELDS_HELLO = 2,
    WIRE_FIELDS_WELCOME = 10,
    WIRE_FIELDS_REQUEST = 9,
    WIRE_FIELDS_REPLY = 10,
    WIRE_FIELDS_STATUS_REQUEST = 1,
    WIRE_FIELDS_STATUS_REPLY = 10,
    WIRE_FIELDS_TRANSFER_REQUEST = 1,
    WIRE_FIELDS_TRANSFER_REPLY = 2,
    WIRE_FIELDS_REFUSAL = 4,
    WIRE_FIELDS_CHECKPOINT_REQUEST = 1,
    WIRE_FIELDS_CHECKPOINT_REPLY = 1,
    WIRE_FIELDS_COMPARE = 1,
    WIRE_FIELDS_ROLL_CALL = 2,
    WIRE_FIELDS_ROLL_REPLY = 6,
    WIRE_FIELDS_ADMITTED = 3,
    WIRE_FIELDS_BACKUP_REQUEST = 3,
    WIRE_FIELDS_BACKUP_REPLY = 7,
    WIRE_FIELDS_WORKERS_REQUEST = 2,
    WIRE_FIELDS_WORKERS_REPLY = 7,
    WIRE_FIELDS_WATCH_REQUEST = 4,
    WIRE_FIELDS_WATCH_REPLY = 5
};

/* wire_pack_vote_request(packer, message) etc. pack the fields; a message that breaks a limit is a
 * bug of the sender. wire_read_vote_request(reader, ret) etc. read and check them; failures are
 * kept in the reader. */
#define X(NAME, name, number, from, to, purpose)                                                   \
    void wire_pack_##name(struct kv_buffer *packer, const struct wire_##name *message);            \
    void wire_read_##name(struct wire_reader *reader, struct wire_##name *ret);
WIRE_MESSAGE_MAP(X)
#undef X

/* Bytes of an entry without its body, at most: 8 numbers of 9 bytes, the rest smaller. */
#define WIRE_ENTRY_HEAD_BYTES 96

/* One entry. wire_read_entry: a new one with one reference, NULL after a failure. */
void wire_pack_entry(struct kv_buffer *packer, const struct wire_entry *entry);
struct wire_entry *wire_read_entry(struct wire_reader *reader);

/* A configuration: an array of [node, voter]. Reading refuses duplicates, none, and no voter. */
void wire_pack_config(struct kv_buffer *packer, const struct wire_config *config);
void wire_read_config(struct wire_reader *reader, struct wire_config *ret);

static inline void wire_pack_group(struct kv_buffer *packer, kv_group_id group)
{
    KV_ASSERT(group.value < KV_GROUPS_MAX);
    wire_pack_uint(packer, group.value);
}

/* A node, or none. */
static inline void wire_pack_node(struct kv_buffer *packer, kv_node_id node)
{
    KV_ASSERT(node.value <= KV_NODES_MAX);
    wire_pack_uint(packer, node.value);
}

/* Two elements. */
static inline void wire_pack_timestamp(struct kv_buffer *packer, kv_timestamp timestamp)
{
    wire_pack_uint(packer, timestamp.clock.value);
    wire_pack_group(packer, timestamp.group);
}

/* Four elements. */
static inline void wire_pack_id(struct kv_buffer *packer, kv_message_id id)
{
    wire_pack_timestamp(packer, id.session.registered);
    wire_pack_uint(packer, id.sequence);
    wire_pack_uint(packer, id.attempt);
}

/* A value of an enum whose numbers are first..last. */
static inline void wire_pack_choice(struct kv_buffer *packer, unsigned value, unsigned first,
                                    unsigned last)
{
    KV_ASSERT(value >= first && value <= last);
    wire_pack_uint(packer, value);
}

static inline unsigned wire_read_choice(struct wire_reader *reader, unsigned first, unsigned last)
{
    unsigned value = (unsigned)wire_read_uint(reader, last);
    wire_reader_require(reader, value >= first);
    return value;
}

static inline kv_group_id wire_read_group(struct wire_reader *reader)
{
    return (kv_group_id){(uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1)};
}

/* A node, or none. */
static inline kv_node_id wire_read_node(struct wire_reader *reader)
{
    return (kv_node_id){(uint16_t)wire_read_uint(reader, KV_NODES_MAX)};
}

/* A node, not none. */
static inline kv_node_id wire_read_some_node(struct wire_reader *reader)
{
    kv_node_id node = wire_read_node(reader);
    wire_reader_require(reader, node.value != 0);
    return node;
}

static inline kv_timestamp wire_read_timestamp(struct wire_reader *reader)
{
    kv_clock clock = {wire_read_uint(reader, UINT64_MAX)};
    return (kv_timestamp){clock, wire_read_group(reader)};
}

static inline kv_message_id wire_read_id(struct wire_reader *reader)
{
    kv_message_id id = {.session = {wire_read_timestamp(reader)}};
    id.sequence = wire_read_uint(reader, UINT64_MAX);
    id.attempt = (uint32_t)wire_read_uint(reader, UINT32_MAX);
    return id;
}

static inline uint64_t wire_read_u64(struct wire_reader *reader)
{
    return wire_read_uint(reader, UINT64_MAX);
}

static inline uint32_t wire_read_u32(struct wire_reader *reader)
{
    return (uint32_t)wire_read_uint(reader, UINT32_MAX);
}

static inline uint16_t wire_read_u16(struct wire_reader *reader)
{
    return (uint16_t)wire_read_uint(reader, UINT16_MAX);
}

#endif
