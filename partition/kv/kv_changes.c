/* SPDX-License-Identifier: Apache-2.0 */
/* kv_changes: see the header. What is written to the ring is a sequence of records, none of which goes around the end of the ring: before
 * one that would, the rest of the ring is left as a blank. */
#include "partition/kv/kv_changes.h"

#include <string.h>

#include "multicast/base/assert.h"

/* Records begin at multiples of this. */
#define RECORD_ALIGN 8

struct change_record {
    uint64_t position; /* 0: a blank */
    uint64_t clock;
    uint32_t bytes; /* of all of it, rounded up */
    uint32_t value_size;
    uint16_t key_size;
    uint16_t group;
    uint16_t place; /* among those of its command */
    bool present;
};

_Static_assert(sizeof(struct change_record) % RECORD_ALIGN == 0, "what is behind one is aligned");
_Static_assert((KV_CHANGES_BYTES & (KV_CHANGES_BYTES - 1)) == 0, "offsets are masked");
_Static_assert((KV_CHANGES_POSITIONS & (KV_CHANGES_POSITIONS - 1)) == 0, "slots are masked");
_Static_assert(KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX + 2 * sizeof(struct change_record) <
                   KV_CHANGES_BYTES / 2,
               "any change fits behind a blank");

static struct kv_changes_slot *slot_of(const struct kv_changes *changes, uint64_t position)
{
    return &changes->slots[position & (KV_CHANGES_POSITIONS - 1)];
}

static size_t place_of(uint64_t written)
{
    return (size_t)(written & (KV_CHANGES_BYTES - 1));
}

/* The record there, and how many bytes to the next one. NULL: a blank. */
static const struct change_record *record_at(const struct kv_changes *changes, uint64_t written,
                                             uint64_t *ret_bytes)
{
    const size_t left = KV_CHANGES_BYTES - place_of(written);
    const struct change_record *record =
        (const struct change_record *)(const void *)(changes->ring + place_of(written));
    if (left < sizeof(*record) || record->position == 0) {
        *ret_bytes = left;
        return NULL;
    }
    *ret_bytes = record->bytes;
    return record;
}

/* Make room for so many bytes more. */
static void forget_oldest(struct kv_changes *changes, uint64_t bytes)
{
    while (changes->written + bytes - changes->oldest > KV_CHANGES_BYTES) {
        uint64_t size;
        const struct change_record *record = record_at(changes, changes->oldest, &size);
        if (record != NULL && record->position >= changes->floor) {
            changes->floor = record->position + 1;
        }
        changes->oldest += size;
    }
}

/* Room for a record of so many bytes in one piece, behind a blank if need be. */
static struct change_record *take_room(struct kv_changes *changes, uint32_t bytes)
{
    const size_t left = KV_CHANGES_BYTES - place_of(changes->written);
    const bool blank = left < bytes;
    forget_oldest(changes, blank ? left + bytes : bytes);
    if (blank) {
        if (left >= sizeof(struct change_record)) {
            memset(changes->ring + place_of(changes->written), 0, sizeof(struct change_record));
        }
        changes->written += left;
    }
    return (struct change_record *)(void *)(changes->ring + place_of(changes->written));
}

static void ensure_memory(struct kv_changes *changes)
{
    if (changes->ring == NULL) {
        changes->ring = kv_alloc(KV_CHANGES_BYTES);
        changes->slots = kv_alloc_zero(KV_CHANGES_POSITIONS, sizeof(*changes->slots));
    }
}

void kv_changes_add(struct kv_changes *changes, uint64_t position, kv_timestamp version,
                    kv_slice key, const kv_slice *value)
{
    const uint32_t value_size = value == NULL ? 0 : (uint32_t)value->size;
    const uint32_t whole =
        (uint32_t)(sizeof(struct change_record) + key.size + value_size + RECORD_ALIGN - 1);
    const uint32_t bytes = whole & ~(uint32_t)(RECORD_ALIGN - 1);
    if (position == 0 || position < changes->floor) {
        return;
    }
    ensure_memory(changes);
    if (position > changes->newest) {
        changes->newest = position;
        if (position >= KV_CHANGES_POSITIONS &&
            changes->floor < position - KV_CHANGES_POSITIONS + 1) {
            changes->floor = position - KV_CHANGES_POSITIONS + 1;
        }
    }
    struct change_record *record = take_room(changes, bytes);
    struct kv_changes_slot *slot = slot_of(changes, position);
    if (slot->position != position) {
        *slot = (struct kv_changes_slot){.position = position, .begin = changes->written};
    }
    KV_ASSERT(slot->count < WIRE_WATCH_PLACES);
    *record = (struct change_record){.position = position,
                                     .clock = version.clock.value,
                                     .bytes = bytes,
                                     .value_size = value_size,
                                     .key_size = (uint16_t)key.size,
                                     .group = version.group.value,
                                     .place = (uint16_t)slot->count,
                                     .present = value != NULL};
    uint8_t *at = (uint8_t *)(record + 1);
    memcpy(at, key.data, key.size);
    if (value_size > 0) {
        memcpy(at + key.size, value->data, value_size);
    }
    changes->written += bytes;
    slot->end = changes->written;
    slot->count++;
}

static struct wire_change change_of(const struct change_record *record)
{
    const uint8_t *at = (const uint8_t *)(record + 1);
    return (struct wire_change){
        .index = wire_watch_index(record->position) + record->place,
        .kind = record->present ? WIRE_CHANGE_PUT : WIRE_CHANGE_DELETED,
        .version = {{record->clock}, {record->group}},
        .key = kv_slice_of(at, record->key_size),
        .value = kv_slice_of(at + record->key_size, record->value_size),
    };
}

static bool begins_with(kv_slice key, kv_slice prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

/* The changes of one position. False: the answer is full, and goes on at ret->next. */
static bool read_position(const struct kv_changes *changes, const struct kv_changes_slot *slot,
                          const struct machine_watch *watch, struct kv_buffer *ret_bytes,
                          struct machine_changes *ret)
{
    uint64_t size;
    for (uint64_t at = slot->begin; at < slot->end; at += size) {
        const struct change_record *record = record_at(changes, at, &size);
        if (record == NULL) {
            continue;
        }
        const struct wire_change change = change_of(record);
        if (change.index < watch->from || !begins_with(change.key, watch->prefix)) {
            continue;
        }
        if (ret->count > 0 &&
            ret_bytes->size + change.key.size + change.value.size > watch->bytes_max) {
            ret->next = change.index;
            return false;
        }
        wire_changes_append(ret_bytes, &change);
        ret->count++;
    }
    return true;
}

void kv_changes_read(const struct kv_changes *changes, const struct machine_watch *watch,
                     struct kv_buffer *ret_bytes, struct machine_changes *ret)
{
    const uint64_t first = watch->first > changes->floor ? watch->first : changes->floor;
    const uint64_t end = wire_watch_index(watch->last + 1);
    *ret = (struct machine_changes){.first = wire_watch_index(first), .next = end};
    if (watch->from < ret->first || watch->from >= end) {
        ret->gap = watch->from < ret->first;
        ret->next = ret->gap ? ret->first : watch->from;
        return;
    }
    const uint64_t last = watch->last < changes->newest ? watch->last : changes->newest;
    for (uint64_t at = watch->from / WIRE_WATCH_PLACES; at <= last; at++) {
        const struct kv_changes_slot *slot = slot_of(changes, at);
        if (slot->position == at && !read_position(changes, slot, watch, ret_bytes, ret)) {
            return;
        }
    }
}

void kv_changes_clear(struct kv_changes *changes)
{
    kv_free(changes->ring);
    kv_free(changes->slots);
    *changes = (struct kv_changes){0};
}
