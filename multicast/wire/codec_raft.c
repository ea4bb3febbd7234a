/* SPDX-License-Identifier: Apache-2.0 */
/* codec_raft: the messages between the members of a group.
 *
 * Numbers of a log (terms, indexes, rounds) are any 64-bit number: what they mean is judged by the
 * receiving core. What is judged here is what would make the struct itself untrue: entries that do
 * not follow each other, a piece of a snapshot that lies outside of it, a list above its limit. */
#include "multicast/base/assert.h"
#include "multicast/wire/codec_internal.h"

void wire_pack_vote_request(struct kv_buffer *packer, const struct wire_vote_request *message)
{
    wire_pack_uint(packer, message->term.value);
    wire_pack_uint(packer, message->last_index.value);
    wire_pack_uint(packer, message->last_term.value);
    wire_pack_bool(packer, message->pre);
    wire_pack_bool(packer, message->transfer);
}

void wire_read_vote_request(struct wire_reader *reader, struct wire_vote_request *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->last_index.value = wire_read_u64(reader);
    ret->last_term.value = wire_read_u64(reader);
    ret->pre = wire_read_bool(reader);
    ret->transfer = wire_read_bool(reader);
}

void wire_pack_vote_reply(struct kv_buffer *packer, const struct wire_vote_reply *message)
{
    wire_pack_uint(packer, message->term.value);
    wire_pack_bool(packer, message->pre);
    wire_pack_bool(packer, message->granted);
}

void wire_read_vote_reply(struct wire_reader *reader, struct wire_vote_reply *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->pre = wire_read_bool(reader);
    ret->granted = wire_read_bool(reader);
}

/* The bodies that were counted leave room for one more entry. A sender stops behind the entry that
 * reaches the limit, so that an entry with the largest body can be sent at all; codec.c ties this
 * to the size of a frame. */
static bool has_room(uint64_t body_bytes)
{
    return body_bytes <= KV_APPEND_BYTES_MAX;
}

void wire_pack_append(struct kv_buffer *packer, const struct wire_append *message)
{
    KV_ASSERT(message->count <= KV_APPEND_ENTRIES_MAX);
    wire_pack_uint(packer, message->term.value);
    wire_pack_uint(packer, message->previous_index.value);
    wire_pack_uint(packer, message->previous_term.value);
    wire_pack_uint(packer, message->commit.value);
    wire_pack_uint(packer, message->round);
    wire_pack_array(packer, message->count);
    uint64_t body_bytes = 0;
    for (uint32_t i = 0; i < message->count; i++) {
        const struct wire_entry *entry = message->entries[i];
        KV_ASSERT(has_room(body_bytes));
        KV_ASSERT(entry->index.value - message->previous_index.value == i + UINT64_C(1));
        wire_pack_entry(packer, entry);
        body_bytes += entry->body_size;
    }
}

/* The array grows with what has been read, never with what was announced. */
static void keep_entry(struct wire_frame_reader *frame, struct wire_entry *entry)
{
    if (frame->entry_count == frame->entry_capacity) {
        uint32_t capacity = frame->entry_capacity == 0 ? 16 : 2 * frame->entry_capacity;
        frame->entries = kv_realloc(frame->entries, capacity * sizeof(struct wire_entry *));
        frame->entry_capacity = capacity;
    }
    frame->entries[frame->entry_count] = entry;
    frame->entry_count++;
}

void wire_read_append(struct wire_reader *reader, struct wire_append *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->previous_index.value = wire_read_u64(reader);
    ret->previous_term.value = wire_read_u64(reader);
    ret->commit.value = wire_read_u64(reader);
    ret->round = wire_read_u64(reader);
    ret->count = wire_read_array(reader, KV_APPEND_ENTRIES_MAX);
    wire_reader_require(reader, ret->count <= UINT64_MAX - ret->previous_index.value);
    uint64_t body_bytes = 0;
    for (uint32_t i = 0; i < ret->count && reader->status == STATUS_OK; i++) {
        wire_reader_require(reader, has_room(body_bytes));
        struct wire_entry *entry = wire_read_entry(reader);
        if (entry != NULL) {
            keep_entry(reader->frame, entry);
            wire_reader_require(reader, entry->index.value == ret->previous_index.value + 1 + i);
            body_bytes += entry->body_size;
        }
    }
    ret->entries = reader->frame->entries;
}

void wire_pack_append_reply(struct kv_buffer *packer, const struct wire_append_reply *message)
{
    wire_pack_uint(packer, message->term.value);
    wire_pack_bool(packer, message->success);
    wire_pack_uint(packer, message->match.value);
    wire_pack_uint(packer, message->conflict.value);
    wire_pack_uint(packer, message->conflict_term.value);
    wire_pack_uint(packer, message->round);
}

void wire_read_append_reply(struct wire_reader *reader, struct wire_append_reply *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->success = wire_read_bool(reader);
    ret->match.value = wire_read_u64(reader);
    ret->conflict.value = wire_read_u64(reader);
    ret->conflict_term.value = wire_read_u64(reader);
    ret->round = wire_read_u64(reader);
}

/* Whether the piece lies inside of the whole. */
static bool chunk_fits(const struct wire_snapshot_chunk *chunk)
{
    return chunk->offset <= chunk->total && chunk->bytes.size <= chunk->total - chunk->offset;
}

void wire_pack_snapshot_chunk(struct kv_buffer *packer, const struct wire_snapshot_chunk *message)
{
    KV_ASSERT(message->bytes.size <= KV_SNAPSHOT_CHUNK_BYTES_MAX);
    KV_ASSERT(chunk_fits(message));
    wire_pack_uint(packer, message->term.value);
    wire_pack_uint(packer, message->index.value);
    wire_pack_uint(packer, message->index_term.value);
    wire_pack_uint(packer, message->reach.value);
    wire_pack_config(packer, &message->config);
    wire_pack_uint(packer, message->total);
    wire_pack_uint(packer, message->digest);
    wire_pack_uint(packer, message->offset);
    wire_pack_bytes(packer, message->bytes);
    wire_pack_uint(packer, message->round);
}

void wire_read_snapshot_chunk(struct wire_reader *reader, struct wire_snapshot_chunk *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->index.value = wire_read_u64(reader);
    ret->index_term.value = wire_read_u64(reader);
    ret->reach.value = wire_read_u64(reader);
    wire_read_config(reader, &ret->config);
    ret->total = wire_read_u64(reader);
    ret->digest = wire_read_u64(reader);
    ret->offset = wire_read_u64(reader);
    ret->bytes = wire_read_bytes(reader, KV_SNAPSHOT_CHUNK_BYTES_MAX);
    ret->round = wire_read_u64(reader);
    wire_reader_require(reader, chunk_fits(ret));
}

void wire_pack_snapshot_reply(struct kv_buffer *packer, const struct wire_snapshot_reply *message)
{
    wire_pack_uint(packer, message->term.value);
    wire_pack_uint(packer, message->index.value);
    wire_pack_uint(packer, message->received);
    wire_pack_uint(packer, message->round);
}

void wire_read_snapshot_reply(struct wire_reader *reader, struct wire_snapshot_reply *ret)
{
    ret->term.value = wire_read_u64(reader);
    ret->index.value = wire_read_u64(reader);
    ret->received = wire_read_u64(reader);
    ret->round = wire_read_u64(reader);
}

void wire_pack_timeout_now(struct kv_buffer *packer, const struct wire_timeout_now *message)
{
    wire_pack_uint(packer, message->term.value);
}

void wire_read_timeout_now(struct wire_reader *reader, struct wire_timeout_now *ret)
{
    ret->term.value = wire_read_u64(reader);
}
