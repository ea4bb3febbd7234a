/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk: see the header. */
#include "tests/sim/sim_disk.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/wire/codec.h"

static struct wire_entry *copy_entry(struct wire_entry *entry)
{
    struct kv_buffer bytes = {0};
    struct wire_entry *copy = NULL;
    wire_entry_encode(entry, &bytes);
    enum status status = wire_entry_decode(kv_buffer_slice(&bytes), &copy);
    KV_ASSERT(status == STATUS_OK); /* the codec reads what it writes */
    kv_buffer_close(&bytes);
    return copy;
}

void sim_snapshot_destroy(struct sim_snapshot **snapshot)
{
    if (*snapshot != NULL) {
        kv_buffer_close(&(*snapshot)->bytes);
        kv_free(*snapshot);
        *snapshot = NULL;
    }
}

void sim_disk_close(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->count; i++) {
        wire_entry_drop(&disk->records[i].persist.entry);
    }
    for (uint32_t i = 0; i < disk->snapshot_count; i++) {
        sim_snapshot_destroy(&disk->snapshots[i]);
    }
    for (uint32_t g = 0; g < SIM_GROUPS_MAX; g++) {
        kv_free(disk->views[g].terms);
    }
    kv_free(disk->records);
    kv_free(disk->snapshots);
    memset(disk, 0, sizeof(*disk));
}

void sim_disk_append(struct sim_disk *disk, kv_group_id group, uint64_t sequence,
                     const struct raft_persist *persist)
{
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 128 : 2 * disk->capacity;
        disk->records = kv_realloc(disk->records, disk->capacity * sizeof(*disk->records));
    }
    struct sim_record *record = &disk->records[disk->count++];
    *record = (struct sim_record){.group = group, .sequence = sequence, .persist = *persist};
    if (persist->kind == RAFT_PERSIST_ENTRY) {
        record->persist.entry =
            disk->through_codec ? copy_entry(persist->entry) : wire_entry_keep(persist->entry);
    } else {
        record->persist.entry = NULL;
    }
}

static void view_put(struct sim_disk_view *view, kv_term term)
{
    if (view->count == view->capacity) {
        view->capacity = view->capacity == 0 ? 128 : 2 * view->capacity;
        view->terms = kv_realloc(view->terms, view->capacity * sizeof(*view->terms));
    }
    view->terms[view->count++] = term;
}

/* The same rules as raft.h gives for the records of a restart. A gap is left to raft_restore to
 * refuse. */
static void view_apply(struct sim_disk_view *view, const struct raft_persist *persist)
{
    switch (persist->kind) {
    case RAFT_PERSIST_HARD_STATE:
        view->term = persist->term;
        view->vote = persist->vote;
        return;
    case RAFT_PERSIST_ENTRY: {
        uint64_t index = persist->entry->index.value;
        if (index <= view->base.value || index > view->base.value + view->count + 1) {
            return;
        }
        view->count = index - view->base.value - 1;
        view_put(view, persist->entry->term);
        return;
    }
    case RAFT_PERSIST_SNAPSHOT: {
        uint64_t index = persist->point.index.value;
        uint64_t last = sim_disk_view_last(view).value;
        uint64_t kept =
            persist->keeps_log && last > index && index >= view->base.value ? last - index : 0;
        if (kept > 0) {
            memmove(view->terms, view->terms + (view->count - kept), kept * sizeof(*view->terms));
        }
        view->count = kept;
        view->base = persist->point.index;
        view->base_term = persist->point.term;
        return;
    }
    }
    KV_UNREACHABLE();
}

/* Files below a durable SNAPSHOT record are never asked for again. */
static void drop_old_snapshots(struct sim_disk *disk, kv_group_id group, kv_index index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->snapshot_count; i++) {
        struct sim_snapshot *snapshot = disk->snapshots[i];
        if (kv_group_equal(snapshot->group, group) && snapshot->point.index.value < index.value) {
            sim_snapshot_destroy(&snapshot);
        } else {
            disk->snapshots[kept++] = snapshot;
        }
    }
    disk->snapshot_count = kept;
}

static void make_durable(struct sim_disk *disk, uint32_t count)
{
    for (; disk->durable < count; disk->durable++) {
        const struct sim_record *record = &disk->records[disk->durable];
        view_apply(&disk->views[record->group.value], &record->persist);
        if (record->persist.kind == RAFT_PERSIST_SNAPSHOT) {
            drop_old_snapshots(disk, record->group, record->persist.point.index);
        }
    }
}

bool sim_disk_sync_begin(struct sim_disk *disk)
{
    if (disk->syncing != 0 || disk->count == disk->durable) {
        return false;
    }
    disk->syncing = disk->count;
    return true;
}

void sim_disk_sync_end(struct sim_disk *disk)
{
    make_durable(disk, disk->syncing);
    disk->syncing = 0;
    disk->syncs++;
}

uint64_t sim_disk_durable_sequence(const struct sim_disk *disk, kv_group_id group)
{
    for (uint32_t i = disk->durable; i > 0; i--) {
        const struct sim_record *record = &disk->records[i - 1];
        if (record->sequence == 0) {
            break; /* of an earlier life */
        }
        if (kv_group_equal(record->group, group)) {
            return record->sequence;
        }
    }
    return 0;
}

uint32_t sim_disk_crash(struct sim_disk *disk, struct kv_prng *prng)
{
    uint32_t unsynced = disk->count - disk->durable;
    uint32_t survive = unsynced == 0 ? 0 : (uint32_t)kv_prng_below(prng, unsynced + 1);
    make_durable(disk, disk->durable + survive);
    for (uint32_t i = disk->durable; i < disk->count; i++) {
        wire_entry_drop(&disk->records[i].persist.entry);
    }
    disk->count = disk->durable;
    disk->syncing = 0;
    for (uint32_t i = 0; i < disk->count; i++) {
        disk->records[i].sequence = 0;
    }
    return unsynced - survive;
}

void sim_disk_forget(struct sim_disk *disk, struct kv_prng *prng)
{
    uint32_t forgotten = (uint32_t)kv_prng_below(prng, 8);
    disk->durable -= forgotten < disk->durable ? forgotten : disk->durable;
    for (uint32_t i = disk->durable; i < disk->count; i++) {
        wire_entry_drop(&disk->records[i].persist.entry);
    }
    disk->count = disk->durable;
    for (uint32_t g = 0; g < SIM_GROUPS_MAX; g++) {
        struct sim_disk_view *view = &disk->views[g];
        *view = (struct sim_disk_view){.terms = view->terms, .capacity = view->capacity};
    }
    for (uint32_t i = 0; i < disk->count; i++) {
        view_apply(&disk->views[disk->records[i].group.value], &disk->records[i].persist);
    }
}

void sim_disk_empty(struct sim_disk *disk, uint64_t tag)
{
    KV_ASSERT(disk->syncing == 0 && disk->count == disk->durable && tag != disk->tag);
    bool through_codec = disk->through_codec;
    uint64_t syncs = disk->syncs;
    sim_disk_close(disk);
    *disk = (struct sim_disk){.tag = tag, .through_codec = through_codec, .syncs = syncs};
}

kv_term sim_disk_view_term(const struct sim_disk_view *view, kv_index index)
{
    if (index.value == view->base.value) {
        return view->base_term;
    }
    if (index.value < view->base.value || index.value > sim_disk_view_last(view).value) {
        return (kv_term){0};
    }
    return view->terms[index.value - view->base.value - 1];
}

void sim_disk_put_snapshot(struct sim_disk *disk, struct sim_snapshot *snapshot)
{
    if (disk->snapshot_count == disk->snapshot_capacity) {
        disk->snapshot_capacity = disk->snapshot_capacity == 0 ? 8 : 2 * disk->snapshot_capacity;
        disk->snapshots =
            kv_realloc(disk->snapshots, disk->snapshot_capacity * sizeof(*disk->snapshots));
    }
    disk->snapshots[disk->snapshot_count++] = snapshot;
}

const struct sim_snapshot *sim_disk_snapshot(const struct sim_disk *disk, kv_group_id group,
                                             kv_index index)
{
    for (uint32_t i = disk->snapshot_count; i > 0; i--) {
        const struct sim_snapshot *snapshot = disk->snapshots[i - 1];
        if (kv_group_equal(snapshot->group, group) && snapshot->point.index.value == index.value) {
            return snapshot;
        }
    }
    return NULL;
}
