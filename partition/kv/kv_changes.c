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
_Static_assert((KV_CHANGES_BYTES_MIN & (KV_CHANGES_BYTES_MIN - 1)) == 0, "and before it has grown");
_Static_assert((KV_CHANGES_POSITIONS_MIN & (KV_CHANGES_POSITIONS_MIN - 1)) == 0, "as well");
_Static_assert(KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX + 2 * sizeof(struct change_record) <
                   KV_CHANGES_BYTES / 2,
               "any change fits behind a blank");

static struct kv_changes_slot *slot_of(const struct kv_changes *changes, uint64_t position)
{
    return &changes->slots[position & (changes->slot_count - 1)];
}

static size_t place_of(const struct kv_changes *changes, uint64_t written)
{
    return (size_t)(written & (changes->ring_bytes - 1));
}

/* The record there, and how many bytes to the next one. NULL: a blank. */
static const struct change_record *record_at(const struct kv_changes *changes, uint64_t written,
                                             uint64_t *ret_bytes)
{
    const size_t place = place_of(changes, written);
    const size_t left = changes->ring_bytes - place;
    const struct change_record *record =
        (const struct change_record *)(const void *)(changes->ring + place);
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
    while (changes->written + bytes - changes->oldest > changes->ring_bytes) {
        uint64_t size;
        const struct change_record *record = record_at(changes, changes->oldest, &size);
        if (record != NULL && record->position >= changes->floor) {
            changes->floor = record->position + 1;
        }
        changes->oldest += size;
    }
}

/* Room for so many bytes more, if it can be. Nothing has gone around the end or has been forgotten yet, so everything stays where it is. */
static void grow_ring(struct kv_changes *changes, uint64_t bytes)
{
    const uint64_t needed = changes->written + bytes;
    uint64_t size = changes->ring == NULL ? KV_CHANGES_BYTES_MIN : changes->ring_bytes;
    KV_ASSERT(changes->oldest == 0 && changes->written <= changes->ring_bytes);
    while (size < KV_CHANGES_BYTES && size < needed) {
        size *= 2;
    }
    changes->ring = kv_realloc(changes->ring, size);
    changes->ring_bytes = size;
}

/* Room for a record of so many bytes in one piece, behind a blank if need be. */
static struct change_record *take_room(struct kv_changes *changes, uint32_t bytes)
{
    if (changes->ring_bytes < KV_CHANGES_BYTES && changes->written + bytes > changes->ring_bytes) {
        grow_ring(changes, bytes);
    }
    const size_t left = changes->ring_bytes - place_of(changes, changes->written);
    const bool blank = left < bytes;
    forget_oldest(changes, blank ? left + bytes : bytes);
    if (blank) {
        if (left >= sizeof(struct change_record)) {
            memset(changes->ring + place_of(changes, changes->written), 0,
                   sizeof(struct change_record));
        }
        changes->written += left;
    }
    return (struct change_record *)(void *)(changes->ring + place_of(changes, changes->written));
}

/* A table in which so many positions in a row have slots of their own, or one of the greatest size. */
static void grow_slots(struct kv_changes *changes, uint64_t positions)
{
    const struct kv_changes before = *changes;
    uint64_t count = before.slots == NULL ? KV_CHANGES_POSITIONS_MIN : before.slot_count;
    while (count < KV_CHANGES_POSITIONS && count < positions) {
        count *= 2;
    }
    changes->slots = kv_alloc_zero(count, sizeof(*changes->slots));
    changes->slot_count = count;
    for (uint64_t i = 0; i < before.slot_count; i++) {
        const struct kv_changes_slot *slot = &before.slots[i];
        if (slot->position >= before.floor && slot->position != 0) {
            *slot_of(changes, slot->position) = *slot;
        }
    }
    kv_free(before.slots);
}

/* Have a slot for this position, and for all others that are still known. False: it is too old for that. */
static bool reach_position(struct kv_changes *changes, uint64_t position)
{
    const uint64_t newest = position > changes->newest ? position : changes->newest;
    const bool below = changes->lowest == 0 || position < changes->lowest;
    uint64_t lowest = below ? position : changes->lowest;
    lowest = lowest < changes->floor ? changes->floor : lowest;
    if (newest - lowest >= changes->slot_count && changes->slot_count < KV_CHANGES_POSITIONS) {
        grow_slots(changes, newest - lowest + 1);
    }
    if (newest - lowest >= changes->slot_count) {
        changes->floor = newest - changes->slot_count + 1;
    }
    changes->newest = newest;
    changes->lowest = lowest < changes->floor ? changes->floor : lowest;
    return position >= changes->floor;
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
    if (!reach_position(changes, position)) {
        return;
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
    KV_ASSERT(slot->begin >= changes->oldest && slot->end <= changes->written);
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
    const uint64_t from = watch->from / WIRE_WATCH_PLACES;
    uint32_t looked = 0;
    for (uint64_t at = from > changes->lowest ? from : changes->lowest; at <= last; at++) {
        const struct kv_changes_slot *slot = slot_of(changes, at);
        if (looked >= KV_CHANGES_LOOK) {
            ret->next = wire_watch_index(at);
            ret->more = true;
            return;
        }
        looked++;
        if (slot->position == at) {
            looked += slot->count;
            if (!read_position(changes, slot, watch, ret_bytes, ret)) {
                return;
            }
        }
    }
}

void kv_changes_clear(struct kv_changes *changes)
{
    kv_free(changes->ring);
    kv_free(changes->slots);
    *changes = (struct kv_changes){0};
}
