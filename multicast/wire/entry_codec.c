/* SPDX-License-Identifier: Apache-2.0 */
/* entry_codec: entries and configurations <-> bytes, the same on the network and on disk.
 *
 * An entry is one array of ENTRY_FIELDS elements for every kind: what a kind does not use is zero
 * and takes one byte. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

/* kind, term, index, reach, timestamp (2), id (4), destinations, floor, source, oracle, body */
#define ENTRY_FIELDS 15

/* node, voter */
#define MEMBER_FIELDS 2

static bool is_kind(uint64_t number)
{
    switch ((enum wire_entry_kind)number) {
#define X(name, number_, purpose) case WIRE_ENTRY_##name:
        WIRE_ENTRY_MAP(X)
#undef X
        return true;
    }
    return false;
}

void wire_pack_entry(struct kv_buffer *packer, const struct wire_entry *entry)
{
    KV_ASSERT(entry->body_size <= KV_BODY_BYTES_MAX);
    KV_ASSERT(is_kind(entry->kind));
    wire_pack_array(packer, ENTRY_FIELDS);
    wire_pack_uint(packer, entry->kind);
    wire_pack_uint(packer, entry->term.value);
    wire_pack_uint(packer, entry->index.value);
    wire_pack_uint(packer, entry->reach.value);
    wire_pack_timestamp(packer, entry->timestamp);
    wire_pack_id(packer, entry->id);
    wire_pack_uint(packer, entry->destinations.bits);
    wire_pack_uint(packer, entry->floor);
    wire_pack_group(packer, entry->source);
    wire_pack_uint(packer, entry->oracle.value);
    wire_pack_bytes(packer, wire_entry_body(entry));
}

static enum wire_entry_kind read_kind(struct wire_reader *reader)
{
    uint64_t number = wire_read_uint(reader, UINT8_MAX);
    wire_reader_require(reader, is_kind(number));
    return (enum wire_entry_kind)number;
}

struct wire_entry *wire_read_entry(struct wire_reader *reader)
{
    struct wire_entry head; /* memory is taken only when all of the entry is known to be there */
    wire_read_arity(reader, ENTRY_FIELDS);
    head.kind = read_kind(reader);
    head.term.value = wire_read_u64(reader);
    head.index.value = wire_read_u64(reader);
    head.reach.value = wire_read_u64(reader);
    head.timestamp = wire_read_timestamp(reader);
    head.id = wire_read_id(reader);
    head.destinations.bits = wire_read_u64(reader);
    head.floor = wire_read_u64(reader);
    head.source = wire_read_group(reader);
    head.oracle.value = wire_read_u64(reader);
    kv_slice body = wire_read_bytes(reader, KV_BODY_BYTES_MAX);
    if (reader->status == STATUS_OK && head.kind == WIRE_ENTRY_CONFIG) {
        struct wire_config
            config; /* checked here, so that a log holds no CONFIG that cannot be read */
        wire_reader_require(reader, wire_config_decode(body, &config) == STATUS_OK);
    }
    if (reader->status != STATUS_OK) {
        return NULL;
    }
    struct wire_entry *entry = wire_entry_new(head.kind, body);
    entry->term = head.term;
    entry->index = head.index;
    entry->reach = head.reach;
    entry->timestamp = head.timestamp;
    entry->id = head.id;
    entry->destinations = head.destinations;
    entry->floor = head.floor;
    entry->source = head.source;
    entry->oracle = head.oracle;
    return entry;
}

void wire_entry_encode(const struct wire_entry *entry, struct kv_buffer *ret)
{
    kv_buffer_reserve(ret, WIRE_ENTRY_HEAD_BYTES + entry->body_size);
    wire_pack_entry(ret, entry);
}

enum status wire_entry_decode(kv_slice bytes, struct wire_entry **ret)
{
    struct wire_reader reader = wire_reader_of(bytes);
    *ret = wire_read_entry(&reader);
    if (wire_reader_finish(&reader) != STATUS_OK) {
        wire_entry_drop(ret);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

/* What a decoded configuration promises: members, all distinct, with a voter among them. */
static bool config_is_sound(const struct wire_config *config)
{
    bool has_voter = false;
    for (uint32_t i = 0; i < config->count; i++) {
        has_voter = has_voter || config->members[i].voter;
        for (uint32_t j = 0; j < i; j++) {
            if (kv_node_equal(config->members[i].node, config->members[j].node)) {
                return false;
            }
        }
    }
    return has_voter;
}

void wire_pack_config(struct kv_buffer *packer, const struct wire_config *config)
{
    KV_ASSERT(config->count <= KV_MEMBERS_MAX && config_is_sound(config));
    wire_pack_array(packer, config->count);
    for (uint32_t i = 0; i < config->count; i++) {
        KV_ASSERT(config->members[i].node.value != 0);
        wire_pack_array(packer, MEMBER_FIELDS);
        wire_pack_node(packer, config->members[i].node);
        wire_pack_bool(packer, config->members[i].voter);
    }
}

void wire_read_config(struct wire_reader *reader, struct wire_config *ret)
{
    ret->count = wire_read_array(reader, KV_MEMBERS_MAX);
    for (uint32_t i = 0; i < ret->count; i++) {
        wire_read_arity(reader, MEMBER_FIELDS);
        ret->members[i].node = wire_read_some_node(reader);
        ret->members[i].voter = wire_read_bool(reader);
    }
    wire_reader_require(reader, config_is_sound(ret));
}

void wire_config_encode(const struct wire_config *config, struct kv_buffer *ret)
{
    wire_pack_config(ret, config);
}

enum status wire_config_decode(kv_slice bytes, struct wire_config *ret)
{
    struct wire_reader reader = wire_reader_of(bytes);
    wire_read_config(&reader, ret);
    return wire_reader_finish(&reader) == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}
