/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk: the disk double of a node: one log for all of its members, and the files of their
 * snapshots.
 *
 * 1. Records are appended in memory; a sync, begun by the driver and ended by an event, makes
 *    durable what had been appended when it began. A snapshot file is durable when it is put in
 *    (its driver delays that).
 * 2. A crash keeps the durable records and a random prefix of the others: a log is written from
 *    front to back.
 * 3. The disk keeps a view of each group: what a restart would find, so that checkers can hold
 *    every promise that leaves the node against it. */
#ifndef KV_SIM_DISK_H
#define KV_SIM_DISK_H

#include "multicast/base/prng.h"
#include "multicast/raft/raft.h"

#define SIM_GROUPS_MAX 4u

struct sim_record {
    kv_group_id group;
    uint64_t sequence; /* of the member that wrote it: raft.h, Durability; 0 after a restart */
    struct raft_persist persist;
};

/* What a restart of one member would find. */
struct sim_disk_view {
    kv_term term;
    kv_node_id vote;
    kv_index base; /* index of the snapshot; entries above it follow in `terms` */
    kv_term base_term;
    kv_term *terms;
    uint64_t count, capacity;
};

/* A snapshot file. */
struct sim_snapshot {
    kv_group_id group;
    struct raft_snapshot_point point;
    kv_timestamp cursor;
    uint64_t delivered;
    uint64_t digest;        /* of bytes */
    struct kv_buffer bytes; /* of the engine */
};

struct sim_disk {
    uint64_t tag; /* random, made with the directory */
    struct sim_record *records;
    uint32_t count, capacity;
    uint32_t durable; /* records */
    uint32_t syncing; /* records that the sync under way covers; 0: none is under way */
    struct sim_disk_view views[SIM_GROUPS_MAX];
    struct sim_snapshot **snapshots;
    uint32_t snapshot_count, snapshot_capacity;
    bool through_codec; /* entries are written and read as bytes */
    uint64_t syncs;
};

void sim_disk_close(struct sim_disk *disk);

/* Add a record behind the last one; the entry is shared or copied. */
void sim_disk_append(struct sim_disk *disk, kv_group_id group, uint64_t sequence,
                     const struct raft_persist *persist);

/* Begin a sync of everything appended. False: one is under way, or there is nothing to do. */
bool sim_disk_sync_begin(struct sim_disk *disk);

/* The sync under way has ended. */
void sim_disk_sync_end(struct sim_disk *disk);

/* The highest sequence of the group's present member that is durable; 0: none. */
uint64_t sim_disk_durable_sequence(const struct sim_disk *disk, kv_group_id group);

/* The node's process ends: what the disk had not made durable is lost from a random record on.
 * Returns how many were. */
uint32_t sim_disk_crash(struct sim_disk *disk, struct kv_prng *prng);

/* A lie that only a mutant tells: some records that were reported as durable never were. Before
 * sim_disk_crash. */
void sim_disk_forget(struct sim_disk *disk, struct kv_prng *prng);

/* The directory is replaced by an empty one. After sim_disk_crash. */
void sim_disk_empty(struct sim_disk *disk, uint64_t tag);

static inline kv_index sim_disk_view_last(const struct sim_disk_view *view)
{
    return (kv_index){view->base.value + view->count};
}

/* The term of the durable entry at index; 0 when there is none (or it is below the snapshot). */
kv_term sim_disk_view_term(const struct sim_disk_view *view, kv_index index);

/* Put a snapshot file in; taken over. */
void sim_disk_put_snapshot(struct sim_disk *disk, struct sim_snapshot *snapshot);

/* The file of the group at exactly this index; NULL: none. */
const struct sim_snapshot *sim_disk_snapshot(const struct sim_disk *disk, kv_group_id group,
                                             kv_index index);

void sim_snapshot_destroy(struct sim_snapshot **snapshot);

#endif
