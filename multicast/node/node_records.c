/* SPDX-License-Identifier: Apache-2.0 */
/* node_records: fixed little-endian fields, checked on the way in. */
#include "multicast/node/node_records.h"

#include <endian.h>
#include <string.h>

#include "multicast/wire/codec.h"

#define HARD_STATE_BYTES    16
#define ORIGIN_BYTES        16
#define FOUNDER_BYTES       16
#define SNAPSHOT_HEAD_BYTES 32

static void append_u64(struct kv_buffer *buffer, uint64_t value)
{
    uint64_t little = htole64(value);
    kv_buffer_append(buffer, &little, sizeof little);
}

static uint64_t u64_at(kv_slice bytes, size_t at)
{
    uint64_t little;
    memcpy(&little, bytes.data + at, sizeof little);
    return le64toh(little);
}

/* Nothing for members of before roll calls, and for those that have none. */
static void append_roll(struct kv_buffer *buffer, const struct raft_roll *roll)
{
    if (roll->origin == RAFT_ORIGIN_NONE) {
        return;
    }
    append_u64(buffer, roll->origin);
    append_u64(buffer, roll->admitted.value);
    for (uint32_t i = 0; i < roll->founders.count; i++) {
        append_u64(buffer, roll->founders.members[i].node.value);
        append_u64(buffer, roll->founders.members[i].tag.value);
    }
}

static enum status decode_roll(kv_slice bytes, struct raft_roll *ret)
{
    if (bytes.size == 0) {
        return STATUS_OK;
    }
    const size_t count =
        bytes.size < ORIGIN_BYTES ? 0 : (bytes.size - ORIGIN_BYTES) / FOUNDER_BYTES;
    if (bytes.size != ORIGIN_BYTES + count * FOUNDER_BYTES || count > KV_MEMBERS_MAX) {
        return STATUS_CORRUPT;
    }
    const uint64_t origin = u64_at(bytes, 0);
    ret->admitted.value = u64_at(bytes, 8);
    const bool founded = origin == RAFT_ORIGIN_FOUNDED && count > 0 && ret->admitted.value == 0;
    const bool admitted = origin == RAFT_ORIGIN_ADMITTED && count == 0 && ret->admitted.value != 0;
    if (!founded && !admitted) {
        return STATUS_CORRUPT;
    }
    ret->origin = (enum raft_origin)origin;
    ret->founders.count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t node = u64_at(bytes, ORIGIN_BYTES + i * FOUNDER_BYTES);
        if (node == 0 || node > KV_NODES_MAX) {
            return STATUS_CORRUPT;
        }
        ret->founders.members[i].node.value = (uint16_t)node;
        ret->founders.members[i].tag.value = u64_at(bytes, ORIGIN_BYTES + i * FOUNDER_BYTES + 8);
    }
    return STATUS_OK;
}

static enum status decode_hard_state(kv_slice payload, struct raft_persist *ret)
{
    if (payload.size < HARD_STATE_BYTES || u64_at(payload, 8) > KV_NODES_MAX) {
        return STATUS_CORRUPT;
    }
    ret->kind = RAFT_PERSIST_HARD_STATE;
    ret->term.value = u64_at(payload, 0);
    ret->vote.value = (uint16_t)u64_at(payload, 8);
    return decode_roll(
        kv_slice_of(payload.data + HARD_STATE_BYTES, payload.size - HARD_STATE_BYTES), &ret->roll);
}

void node_record_encode(const struct raft_persist *persist, kv_group_id group,
                        struct kv_buffer *scratch, struct log_record *ret)
{
    kv_buffer_clear(scratch);
    ret->group = group;
    switch (persist->kind) {
    case RAFT_PERSIST_HARD_STATE:
        ret->kind = LOG_RECORD_HARD_STATE;
        append_u64(scratch, persist->term.value);
        append_u64(scratch, persist->vote.value);
        append_roll(scratch, &persist->roll);
        break;
    case RAFT_PERSIST_ENTRY:
        ret->kind = LOG_RECORD_ENTRY;
        wire_entry_encode(persist->entry, scratch);
        break;
    case RAFT_PERSIST_SNAPSHOT:
        ret->kind = LOG_RECORD_SNAPSHOT;
        append_u64(scratch, persist->point.index.value);
        append_u64(scratch, persist->point.term.value);
        append_u64(scratch, persist->point.reach.value);
        append_u64(scratch, persist->keeps_log ? 1 : 0);
        wire_config_encode(&persist->point.config, scratch);
        break;
    }
    ret->payload = kv_buffer_slice(scratch);
}

enum status node_record_decode(const struct log_record *record, struct raft_persist *ret)
{
    kv_slice payload = record->payload;
    *ret = (struct raft_persist){0};
    switch (record->kind) {
    case LOG_RECORD_HARD_STATE:
        return decode_hard_state(payload, ret);
    case LOG_RECORD_ENTRY:
        ret->kind = RAFT_PERSIST_ENTRY;
        return wire_entry_decode(payload, &ret->entry);
    case LOG_RECORD_SNAPSHOT:
        if (payload.size <= SNAPSHOT_HEAD_BYTES || u64_at(payload, 24) > 1) {
            return STATUS_CORRUPT;
        }
        ret->kind = RAFT_PERSIST_SNAPSHOT;
        ret->point.index.value = u64_at(payload, 0);
        ret->point.term.value = u64_at(payload, 8);
        ret->point.reach.value = u64_at(payload, 16);
        ret->keeps_log = u64_at(payload, 24) == 1;
        return wire_config_decode(
            kv_slice_of(payload.data + SNAPSHOT_HEAD_BYTES, payload.size - SNAPSHOT_HEAD_BYTES),
            &ret->point.config);
    case LOG_RECORD_DISCARD: /* of the driver; raft knows nothing of it */
        return STATUS_CORRUPT;
    }
    return STATUS_CORRUPT;
}
