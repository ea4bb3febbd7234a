/* SPDX-License-Identifier: Apache-2.0 */
/* node_staging: see the header. */
#include "multicast/node/node_staging.h"

#include "multicast/base/assert.h"

/* Room for entries of a member that is new. */
#define STAGING_ENTRIES_MIN 256

static kv_index last_of(const struct node_staging *staging)
{
    return (kv_index){staging->first.value + staging->count - 1};
}

static void drop_from(struct node_staging *staging, uint32_t from)
{
    while (staging->count > from) {
        wire_entry_drop(&staging->entries[--staging->count]);
    }
}

static enum status add_entry(struct node_staging *staging, struct wire_entry *entry)
{
    const kv_index index = entry->index;
    if (index.value == 0 || index.value <= staging->installed.value ||
        (staging->count > 0 && index.value > last_of(staging).value + 1)) {
        return STATUS_CORRUPT;
    }
    if (staging->count > 0 && index.value >= staging->first.value) {
        drop_from(staging, (uint32_t)(index.value - staging->first.value));
    } else {
        drop_from(staging, 0); /* what it follows has been given up */
    }
    if (staging->count == 0) {
        staging->first = index;
    }
    if (staging->count == staging->capacity) {
        staging->capacity = staging->capacity == 0 ? STAGING_ENTRIES_MIN : 2 * staging->capacity;
        staging->entries =
            kv_realloc(staging->entries, staging->capacity * sizeof(*staging->entries));
    }
    staging->entries[staging->count++] = wire_entry_keep(entry);
    return STATUS_OK;
}

static enum status add_hard_state(struct node_staging *staging, const struct raft_persist *record)
{
    const bool same_term = record->term.value == staging->term.value;
    if (record->term.value < staging->term.value ||
        (same_term && staging->vote.value != 0 && !kv_node_equal(record->vote, staging->vote))) {
        return STATUS_CORRUPT;
    }
    staging->term = record->term;
    staging->vote = record->vote;
    staging->roll = record->roll;
    return STATUS_OK;
}

enum status node_staging_add(struct node_staging *staging, const struct raft_persist *record)
{
    staging->any = true;
    switch (record->kind) {
    case RAFT_PERSIST_HARD_STATE:
        return add_hard_state(staging, record);
    case RAFT_PERSIST_ENTRY:
        return add_entry(staging, record->entry);
    case RAFT_PERSIST_SNAPSHOT:
        if (!record->keeps_log) {
            drop_from(staging, 0);
            staging->installed = record->point.index;
        }
        return STATUS_OK; /* what a checkpoint of the own state covers is the checkpoint's to say */
    }
    KV_UNREACHABLE();
}

static enum status restore_point(const struct raft_snapshot_point *point, kv_slice state,
                                 struct order *order)
{
    const struct raft_persist record = {.kind = RAFT_PERSIST_SNAPSHOT, .point = *point};
    const enum status status = order_restore(order, &record);
    return status == STATUS_OK ? order_load(order, state) : status;
}

/* The log holds the entry at the point as the point has it, or nothing that could contradict. */
static bool continues(const struct node_staging *staging, const struct raft_snapshot_point *point)
{
    if (staging->count == 0 || point->index.value < staging->first.value ||
        point->index.value > last_of(staging).value) {
        return true;
    }
    const struct wire_entry *entry = staging->entries[point->index.value - staging->first.value];
    return entry->term.value == point->term.value && entry->reach.value == point->reach.value;
}

bool node_staging_is_overtaken(const struct node_staging *staging,
                               const struct raft_snapshot_point *point)
{
    return staging->count > 0 &&
           (point->index.value > last_of(staging).value || !continues(staging, point));
}

enum status node_staging_restore(const struct node_staging *staging,
                                 const struct raft_snapshot_point *point, kv_slice state,
                                 struct order *order)
{
    const kv_index base = point == NULL ? (kv_index){0} : point->index;
    const bool missing = staging->count > 0 && staging->first.value > base.value + 1;
    /* A checkpoint that came from another member is durable before the record that says so: then these are not what follows it. */
    const bool foreign = point != NULL && !continues(staging, point);
    if (missing || base.value < staging->installed.value) {
        return STATUS_CORRUPT;
    }
    if (!staging->any && point == NULL) {
        return STATUS_OK;
    }
    const struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE,
                                      .term = staging->term,
                                      .vote = staging->vote,
                                      .roll = staging->roll};
    enum status status = order_restore(order, &hard);
    if (status == STATUS_OK && point != NULL) {
        status = restore_point(point, state, order);
    }
    for (uint32_t i = 0; i < staging->count && status == STATUS_OK; i++) {
        if (staging->entries[i]->index.value > base.value && !foreign) {
            const struct raft_persist record = {.kind = RAFT_PERSIST_ENTRY,
                                                .entry = staging->entries[i]};
            status = order_restore(order, &record);
        }
    }
    return status;
}

uint64_t node_staging_bytes(const struct node_staging *staging, kv_index behind)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->entries[i]->index.value > behind.value) {
            bytes += staging->entries[i]->body_size + sizeof(*staging->entries[i]);
        }
    }
    return bytes;
}

void node_staging_close(struct node_staging *staging)
{
    drop_from(staging, 0);
    kv_free(staging->entries);
    *staging = (struct node_staging){0};
}
