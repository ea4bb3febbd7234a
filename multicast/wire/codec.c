/* SPDX-License-Identifier: Apache-2.0 */
/* codec: frames. A writer collects messages behind room for a header; a reader checks the header
 * and hands out one message after the other.
 *
 * 1. The body of a frame is a sequence of msgpack arrays, one for each message; the fields of each
 *    kind are packed and read by codec_raft.c, codec_roll.c, codec_order.c, codec_client.c and codec_status.c, and the two
 *    switches here connect them.
 * 2. Sender and addressee stand in the header only. They are written into each message that is
 *    read.
 * 3. The checksum is over the body, seeded with the one over what stands in the header before it: two hashes of bytes that lie together
 *    cost a third of one that is fed in pieces. */
#include "multicast/wire/codec.h"

#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

/* "KVF1", little endian. */
#define FRAME_MAGIC UINT32_C(0x3146564b)

/* Where the fields of the header are. */
enum {
    MAGIC_AT = 0,
    VERSION_AT = 4,
    COUNT_AT = 6,
    SIZE_AT = 8,
    RESERVED_1_AT = 12,
    CLUSTER_AT = 16,
    FROM_AT = 24,
    TO_AT = 26,
    RESERVED_2_AT = 28,
    CHECKSUM_AT = 32
};

/* Elements of the longest message; a longer array is refused before its kind is looked at. */
#define MESSAGE_ELEMENTS_MAX 16

/* Bytes of any other message without what its limits name, at most. */
#define MESSAGE_HEAD_BYTES 4096

_Static_assert(CHECKSUM_AT + 8 == WIRE_FRAME_HEADER_BYTES, "the checksum ends the header");
_Static_assert(KV_APPEND_BYTES_MAX + KV_BODY_BYTES_MAX +
                       KV_APPEND_ENTRIES_MAX * WIRE_ENTRY_HEAD_BYTES + MESSAGE_HEAD_BYTES <=
                   KV_FRAME_BYTES_MAX,
               "the largest APPEND fits an empty frame");
_Static_assert(WIRE_FRAME_MESSAGES_MAX <= UINT16_MAX, "the count is 16 bits");

static void store16(uint8_t *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof value);
}

static void store32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void store64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static uint16_t load16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

/* In two steps, because the bytes of a frame that is read cannot be changed. */
static uint64_t checksum_of(kv_slice frame)
{
    const uint64_t header = XXH3_64bits(frame.data, CHECKSUM_AT);
    return XXH3_64bits_withSeed(frame.data + WIRE_FRAME_HEADER_BYTES,
                                frame.size - WIRE_FRAME_HEADER_BYTES, header);
}

kv_cluster_id wire_cluster_id(kv_slice name)
{
    return (kv_cluster_id){XXH3_64bits(name.data, name.size)};
}

void wire_frame_begin(struct wire_frame_writer *writer, kv_cluster_id cluster, kv_node_id from,
                      kv_node_id to)
{
    KV_ASSERT(from.value <= KV_NODES_MAX && to.value <= KV_NODES_MAX);
    kv_buffer_clear(&writer->bytes);
    kv_buffer_reserve(&writer->bytes, WIRE_FRAME_HEADER_BYTES);
    memset(writer->bytes.data, 0, WIRE_FRAME_HEADER_BYTES);
    writer->bytes.size = WIRE_FRAME_HEADER_BYTES;
    writer->cluster = cluster;
    writer->from = from;
    writer->to = to;
    writer->count = 0;
}

static void pack_message(struct kv_buffer *packer, const struct wire_message *message)
{
    switch (message->kind) {
#define X(NAME, name, number, from, to, purpose)                                                   \
    case WIRE_MESSAGE_##NAME:                                                                      \
        wire_pack_array(packer, WIRE_FIELDS_COMMON + WIRE_FIELDS_##NAME);                          \
        wire_pack_uint(packer, number);                                                            \
        wire_pack_group(packer, message->group);                                                   \
        wire_pack_##name(packer, &message->as.name);                                               \
        return;
        WIRE_MESSAGE_MAP(X)
#undef X
    }
    KV_UNREACHABLE();
}

enum status wire_frame_add(struct wire_frame_writer *writer, const struct wire_message *message)
{
    KV_ASSERT(writer->bytes.size >= WIRE_FRAME_HEADER_BYTES);
    KV_ASSERT(message->from.value == 0 || kv_node_equal(message->from, writer->from));
    KV_ASSERT(message->to.value == 0 || kv_node_equal(message->to, writer->to));
    if (writer->count == WIRE_FRAME_MESSAGES_MAX) {
        return STATUS_FULL;
    }
    size_t before = writer->bytes.size;
    pack_message(&writer->bytes, message);
    if (writer->bytes.size > KV_FRAME_BYTES_MAX) {
        KV_ASSERT(writer->count > 0);
        writer->bytes.size = before;
        return STATUS_FULL;
    }
    writer->count++;
    return STATUS_OK;
}

kv_slice wire_frame_finish(struct wire_frame_writer *writer)
{
    KV_ASSERT(writer->bytes.size >= WIRE_FRAME_HEADER_BYTES);
    uint8_t *header = writer->bytes.data;
    store32(header + MAGIC_AT, FRAME_MAGIC);
    store16(header + VERSION_AT, WIRE_VERSION);
    store16(header + COUNT_AT, (uint16_t)writer->count);
    store32(header + SIZE_AT, (uint32_t)(writer->bytes.size - WIRE_FRAME_HEADER_BYTES));
    store64(header + CLUSTER_AT, writer->cluster.value);
    store16(header + FROM_AT, writer->from.value);
    store16(header + TO_AT, writer->to.value);
    store64(header + CHECKSUM_AT, checksum_of(kv_buffer_slice(&writer->bytes)));
    return kv_buffer_slice(&writer->bytes);
}

void wire_frame_writer_close(struct wire_frame_writer *writer)
{
    kv_buffer_close(&writer->bytes);
    *writer = (struct wire_frame_writer){0};
}

static void drop_entries(struct wire_frame_reader *reader)
{
    for (uint32_t i = 0; i < reader->entry_count; i++) {
        wire_entry_drop(&reader->entries[i]);
    }
    reader->entry_count = 0;
}

/* Whether these bytes are one whole, undamaged frame of some version. */
static bool is_frame(kv_slice frame)
{
    if (frame.size < WIRE_FRAME_HEADER_BYTES || frame.size > KV_FRAME_BYTES_MAX) {
        return false;
    }
    const uint8_t *header = frame.data;
    return load32(header + MAGIC_AT) == FRAME_MAGIC &&
           load32(header + SIZE_AT) == frame.size - WIRE_FRAME_HEADER_BYTES &&
           load16(header + COUNT_AT) <= WIRE_FRAME_MESSAGES_MAX &&
           load32(header + RESERVED_1_AT) == 0 && load32(header + RESERVED_2_AT) == 0 &&
           load16(header + FROM_AT) <= KV_NODES_MAX && load16(header + TO_AT) <= KV_NODES_MAX &&
           load64(header + CHECKSUM_AT) == checksum_of(frame);
}

enum status wire_frame_open(struct wire_frame_reader *reader, kv_slice frame)
{
    drop_entries(reader);
    reader->body = (kv_slice){0};
    reader->at = 0;
    reader->left = 0;
    if (!is_frame(frame)) {
        return STATUS_CORRUPT;
    }
    reader->version = load16(frame.data + VERSION_AT);
    reader->cluster.value = load64(frame.data + CLUSTER_AT);
    reader->from.value = load16(frame.data + FROM_AT);
    reader->to.value = load16(frame.data + TO_AT);
    if (reader->version < WIRE_VERSION_MIN || reader->version > WIRE_VERSION) {
        return STATUS_VERSION;
    }
    reader->body =
        kv_slice_of(frame.data + WIRE_FRAME_HEADER_BYTES, frame.size - WIRE_FRAME_HEADER_BYTES);
    reader->left = load16(frame.data + COUNT_AT);
    return STATUS_OK;
}

static void read_message(struct wire_reader *reader, struct wire_message *ret)
{
    uint32_t elements = wire_read_array(reader, MESSAGE_ELEMENTS_MAX);
    uint64_t kind = wire_read_uint(reader, UINT8_MAX);
    ret->kind = (enum wire_message_kind)kind;
    ret->group = wire_read_group(reader);
    switch (ret->kind) {
#define X(NAME, name, number, from, to, purpose)                                                   \
    case WIRE_MESSAGE_##NAME:                                                                      \
        wire_reader_require(reader, elements == WIRE_FIELDS_COMMON + WIRE_FIELDS_##NAME);          \
        wire_read_##name(reader, &ret->as.name);                                                   \
        return;
        WIRE_MESSAGE_MAP(X)
#undef X
    }
    wire_reader_fail(reader, STATUS_CORRUPT);
}

enum status wire_frame_next(struct wire_frame_reader *reader, struct wire_message *ret)
{
    drop_entries(reader);
    if (reader->left == 0) {
        return reader->at == reader->body.size ? STATUS_END : STATUS_CORRUPT;
    }
    kv_slice rest = {reader->body.data + reader->at, reader->body.size - reader->at};
    struct wire_reader cursor = wire_reader_of(rest);
    cursor.frame = reader;
    read_message(&cursor, ret);
    if (cursor.status != STATUS_OK) {
        drop_entries(reader);
        reader->left = 0;
        reader->at = SIZE_MAX; /* behind any end: every later call says STATUS_CORRUPT */
        return STATUS_CORRUPT;
    }
    ret->from = reader->from;
    ret->to = reader->to;
    reader->at = reader->body.size - wire_reader_rest(&cursor);
    reader->left--;
    return STATUS_OK;
}

void wire_frame_reader_close(struct wire_frame_reader *reader)
{
    drop_entries(reader);
    kv_free(reader->entries);
    kv_free(reader->nodes);
    kv_free(reader->groups);
    kv_free(reader->members);
    *reader = (struct wire_frame_reader){0};
}
