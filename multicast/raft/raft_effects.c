/* SPDX-License-Identifier: Apache-2.0 */
/* raft_effects: the arrays that a step appends to.
 *
 * 1. Arrays grow by doubling and are kept by raft_effects_clear, so a driver that reuses one struct
 *    allocates only until its largest batch has been seen.
 * 2. Messages are filled in place and their unions never cleared: a busy leader emits several for each command.
 * 3. The entry arrays of APPENDs live in blocks, which hold references until the clear; a block
 *    is kept too. */
#include <string.h>

#include "multicast/raft/raft_internal.h"

struct raft_entry_block {
    struct raft_entry_block *next;
    uint32_t count;
    struct wire_entry *entries[KV_APPEND_ENTRIES_MAX];
};

void raft_effects_clear(struct raft_effects *effects)
{
    for (uint32_t i = 0; i < effects->persist_count; i++) {
        wire_entry_drop(&effects->persists[i].entry);
    }
    for (struct raft_entry_block *block = effects->blocks; block != NULL; block = block->next) {
        for (uint32_t i = 0; i < block->count; i++) {
            wire_entry_drop(&block->entries[i]);
        }
        block->count = 0;
    }
    effects->persist_count = 0;
    effects->send_count = 0;
    effects->read_count = 0;
    effects->chunk_wanted_count = 0;
    effects->has_chunk_received = false;
    effects->commit_advanced = false;
    effects->role_changed = false;
    effects->truncated_from = (kv_index){0};
}

void raft_effects_close(struct raft_effects *effects)
{
    raft_effects_clear(effects);
    while (effects->blocks != NULL) {
        struct raft_entry_block *block = effects->blocks;
        effects->blocks = block->next;
        kv_free(block);
    }
    kv_free(effects->persists);
    kv_free(effects->sends);
    kv_free(effects->reads);
    kv_free(effects->chunks_wanted);
    *effects = (struct raft_effects){0};
}

/* Room for one more element; returns the array. */
static void *raft_effects_grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    return kv_realloc(array, *capacity * size);
}

static struct raft_persist *raft_emit_persist(struct raft *raft, enum raft_persist_kind kind)
{
    struct raft_effects *effects = raft->effects;
    effects->persists = raft_effects_grow(effects->persists, effects->persist_count,
                                          &effects->persist_capacity, sizeof *effects->persists);
    struct raft_persist *persist = &effects->persists[effects->persist_count++];
    *persist = (struct raft_persist){.kind = kind};
    raft->sequence++;
    return persist;
}

void raft_emit_hard_state(struct raft *raft)
{
    if (!raft->hard_dirty) {
        return;
    }
    struct raft_persist *persist = raft_emit_persist(raft, RAFT_PERSIST_HARD_STATE);
    persist->term = raft->term;
    persist->vote = raft->vote;
    persist->roll = raft->roll;
    raft->hard_dirty = false;
    raft->hard_sequence = raft->sequence;
}

uint64_t raft_emit_entry(struct raft *raft, struct wire_entry *entry)
{
    /* The term of an entry is never on disk before the hard state of that term: a restart relies
     * on it. */
    raft_emit_hard_state(raft);
    raft_emit_persist(raft, RAFT_PERSIST_ENTRY)->entry = wire_entry_keep(entry);
    return raft->sequence;
}

uint64_t raft_emit_snapshot(struct raft *raft, const struct raft_snapshot_point *point,
                            bool keeps_log)
{
    raft_emit_hard_state(raft);
    struct raft_persist *persist = raft_emit_persist(raft, RAFT_PERSIST_SNAPSHOT);
    persist->point = *point;
    persist->keeps_log = keeps_log;
    return raft->sequence;
}

struct wire_message *raft_emit_message(struct raft *raft, enum wire_message_kind kind,
                                       kv_node_id to, uint64_t after)
{
    struct raft_effects *effects = raft->effects;
    raft_emit_hard_state(raft);
    effects->sends = raft_effects_grow(effects->sends, effects->send_count, &effects->send_capacity,
                                       sizeof *effects->sends);
    struct raft_send *send = &effects->sends[effects->send_count++];
    KV_ASSERT(after <= raft->sequence);
    send->after = after <= raft->durable_sequence ? 0 : after;
    send->message.kind = kind;
    send->message.group = raft->settings.group;
    send->message.from = raft->settings.self;
    send->message.to = to;
    return &send->message;
}

struct wire_message *raft_emit_chunk_wanted(struct raft *raft, kv_node_id to)
{
    struct raft_effects *effects = raft->effects;
    effects->chunks_wanted =
        raft_effects_grow(effects->chunks_wanted, effects->chunk_wanted_count,
                          &effects->chunk_wanted_capacity, sizeof *effects->chunks_wanted);
    struct wire_message *message = &effects->chunks_wanted[effects->chunk_wanted_count++].message;
    message->kind = WIRE_MESSAGE_SNAPSHOT_CHUNK;
    message->group = raft->settings.group;
    message->from = raft->settings.self;
    message->to = to;
    return message;
}

void raft_emit_read(struct raft *raft, uint64_t token, kv_index index, bool ready)
{
    struct raft_effects *effects = raft->effects;
    effects->reads = raft_effects_grow(effects->reads, effects->read_count, &effects->read_capacity,
                                       sizeof *effects->reads);
    effects->reads[effects->read_count++] = (struct raft_read){token, index, ready};
}

struct wire_entry **raft_emit_entries(struct raft *raft, kv_index first, uint32_t count)
{
    struct raft_entry_block **place = &raft->effects->blocks;
    while (*place != NULL && (*place)->count + count > KV_APPEND_ENTRIES_MAX) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = kv_alloc(sizeof **place);
        (*place)->next = NULL;
        (*place)->count = 0;
    }
    struct raft_entry_block *block = *place;
    struct wire_entry **entries = &block->entries[block->count];
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = wire_entry_keep(raft_log_entry(&raft->log, (kv_index){first.value + i}));
    }
    block->count += count;
    return entries;
}
