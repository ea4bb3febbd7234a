/* SPDX-License-Identifier: Apache-2.0 */
/* node_recover: from what is on disk to members that go on.
 *
 * 1. The log is read once; what it says of each member is put together (node_staging.h).
 * 2. Each member goes on from its last checkpoint and the entries behind it.
 * 3. One whose checkpoint is damaged, or does not fit the log, is not guessed at: what it has is set aside, and it begins anew. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "multicast/node/node_internal.h"

/* Heartbeats in an election timeout: a lost one or two do not matter. */
#define HEARTBEATS_PER_TIMEOUT 10

/* And parts of the time between two in which a commit index waits for entries that it can travel with: some milliseconds, longer than a
 * busy group is ever silent, and shorter than anybody waits for a follower. */
#define NEWS_PER_HEARTBEAT 32

/* Cores and application that have seen nothing. */
static void make_member(struct node *node, struct node_member *member)
{
    const kv_group_id group = member->group;
    member->application = node->settings.application(group, node->settings.application_context);
    uint64_t timeout = node->settings.election_timeout_us;
    struct order_settings settings = {
        .look_ahead_us = ORDER_LOOK_AHEAD_US,
        .group_count = node->config->group_count,
        .groups = node->config->groups,
        .oracle_first = node->settings.oracle_first,
    };
    settings.raft = (struct raft_settings){
        .group = group,
        .self = node->self,
        .election_timeout_us = timeout,
        .heartbeat_us = timeout / HEARTBEATS_PER_TIMEOUT,
        .news_us = timeout / HEARTBEATS_PER_TIMEOUT / NEWS_PER_HEARTBEAT,
        .tag = member->tag,
        .bootstrap = node->config->groups[group.value],
        .trace = &member->trace,
    };
    if (getrandom(&settings.raft.seed, sizeof settings.raft.seed, 0) != sizeof settings.raft.seed) {
        settings.raft.seed = node->now.us * KV_NODES_MAX + node->self.value;
    }
    member->order = order_new(&settings, node->now);
}

static void add_member(struct node *node, kv_group_id group)
{
    struct node_member *member = &node->members[node->member_count++];
    node->member_of[group.value] = (uint8_t)node->member_count;
    member->group = group;
    member->trace.level = node->settings.trace;
    member->tag.value = log_id(node->log);
}

/* Where a record stands, for pruning. */
static void note_restored(struct node_member *member, const struct raft_persist *persist,
                          uint64_t segment)
{
    if (persist->kind == RAFT_PERSIST_HARD_STATE) {
        node_retention_hard_state(&member->retention, segment);
    } else if (persist->kind == RAFT_PERSIST_ENTRY) {
        node_retention_entry(&member->retention, segment, persist->entry->index);
    }
}

/* Everything before it is void, and the member has been another one since. */
static enum status stage_discard(struct node_member *member, struct node_staging *staging,
                                 const struct log_record *record, struct node_error *error)
{
    uint64_t tag;
    if (record->payload.size != sizeof tag) {
        snprintf(error->text, sizeof error->text, "a record of group %u in the log is malformed",
                 (unsigned)member->group.value);
        return STATUS_CORRUPT;
    }
    memcpy(&tag, record->payload.data, sizeof tag);
    member->tag.value = le64toh(tag);
    node_staging_close(staging);
    node_retention_close(&member->retention);
    return STATUS_OK;
}

static enum status stage_record(struct node *node, struct node_staging *staging,
                                const struct log_record *record, struct node_error *error)
{
    struct node_member *member = node_member_of(node, record->group);
    if (member == NULL) {
        snprintf(
            error->text, sizeof error->text,
            "the log has records of group %u, which the cluster file does not place on node %u; "
            "restore the cluster file that this directory was written with",
            (unsigned)record->group.value, (unsigned)node->self.value);
        return STATUS_FOREIGN;
    }
    struct raft_persist persist;
    if (record->kind == LOG_RECORD_DISCARD) {
        return stage_discard(member, &staging[member - node->members], record, error);
    }
    enum status status = node_record_decode(record, &persist);
    if (status == STATUS_OK) {
        status = node_staging_add(&staging[member - node->members], &persist);
        note_restored(member, &persist, record->segment);
    }
    if (persist.entry != NULL) {
        wire_entry_drop(&persist.entry);
    }
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text,
                 "a record of group %u in the log does not continue what is before it (%s); "
                 "this member's state cannot be trusted: rebuild the node from its peers",
                 (unsigned)record->group.value, status_text(status));
    }
    return status;
}

static enum status stage_log(struct node *node, struct node_staging *staging,
                             struct node_error *error)
{
    struct log_record record;
    struct log_error log_error = {{0}};
    for (;;) {
        enum status status = log_next(node->log, &record, &log_error);
        if (status == STATUS_END) {
            return STATUS_OK;
        }
        if (status == STATUS_OK) {
            status = stage_record(node, staging, &record, error);
        } else {
            snprintf(error->text, sizeof error->text, "%s", log_error.text);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

/* ".incoming" with its final NUL, or what an application appends. */
#define NODE_PATH_ENDING_MAX 16

/* The application's part: what is in DIR/state/GROUP, and the mark of its last checkpoint. */
static enum status open_state(struct node *node, struct node_member *member, struct kv_buffer *mark,
                              struct node_error *error)
{
    char path[NODE_PATH_BYTES];
    if (member->application.ops->open == NULL) {
        return STATUS_OK;
    }
    const int size = snprintf(path, sizeof path, "%s/state/%u", node->settings.directory,
                              (unsigned)member->group.value);
    if (size < 0 || (size_t)size + NODE_PATH_ENDING_MAX >= sizeof path) {
        snprintf(error->text, sizeof error->text, "the path of the data directory is too long");
        return STATUS_INVALID;
    }
    memcpy(member->state_path, path, (size_t)size + 1);
    memcpy(member->image_path, path, (size_t)size);
    memcpy(member->image_path + size, ".image", sizeof ".image");
    memcpy(member->incoming_path, path, (size_t)size);
    memcpy(member->incoming_path + size, ".incoming", sizeof ".incoming");
    memcpy(member->backup_path, path, (size_t)size);
    memcpy(member->backup_path + size, ".backup", sizeof ".backup");
    node_transfer_forget(member);
    node_backup_forget(member);
    return member->application.ops->open(member->application.state, path, mark, error);
}

/* Before anything else is written. */
static enum status append_now(struct node *node, const struct log_record *record,
                              struct node_error *error)
{
    struct log_error log_error = {{0}};
    enum status status = log_append(node->log, record);
    if (status == STATUS_OK) {
        status = log_sync(node->log, &log_error);
    }
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "%s", log_error.text);
    }
    return status;
}

/* Its checkpoint came from another member, and the record of that is missing. */
static enum status say_installed(struct node *node, const struct node_member *member,
                                 const struct raft_snapshot_point *point, struct node_error *error)
{
    struct log_record record;
    node_record_encode(
        &(struct raft_persist){.kind = RAFT_PERSIST_SNAPSHOT, .point = *point, .keeps_log = false},
        member->group, &node->record, &record);
    node_report(node, "group %u: goes on from an image up to %llu, which the log did not know",
                (unsigned)member->group.value, (unsigned long long)point->index.value);
    return append_now(node, &record, error);
}

/* From its last checkpoint, and the entries of the log behind it. */
static enum status restore_member(struct node *node, struct node_member *member,
                                  const struct node_staging *staging, struct node_error *error)
{
    struct kv_buffer mark = {0};
    struct raft_snapshot_point point;
    kv_slice order = {NULL, 0};
    enum status status = open_state(node, member, &mark, error);
    if (status == STATUS_OK) {
        const bool known = mark.size > 0;
        const bool sound = !known || node_mark_decode(kv_buffer_slice(&mark), &point, &order);
        status = sound ? node_staging_restore(staging, known ? &point : NULL, order, member->order)
                       : STATUS_CORRUPT;
        if (status != STATUS_OK) {
            snprintf(error->text, sizeof error->text,
                     "the checkpoint of group %u and the log do not continue each other (%s); "
                     "this member's state cannot be trusted: rebuild the node from its peers",
                     (unsigned)member->group.value, status_text(status));
            kv_buffer_close(&mark);
            return status;
        }
        member->cut.last = known ? point.index : (kv_index){0};
        member->held_bytes = node_staging_bytes(staging, member->cut.last);
        member->cut.log_bytes = member->held_bytes;
        member->executed = member->cut.last;
        member->position = order_delivered(member->order);
        node->entry_bytes += member->held_bytes;
        if (known && node_staging_is_overtaken(staging, &point)) {
            status = say_installed(node, member, &point, error);
        }
    }
    kv_buffer_close(&mark);
    return status;
}

/* ---- Beginning anew ---- */

/* Damaged checkpoints that are kept of one group: evidence must not fill the disk. */
#define NODE_KEPT_MAX 8

enum status node_set_aside(struct node *node, const struct node_member *member)
{
    char kept[NODE_PATH_BYTES + 32];
    for (uint32_t i = 1; i <= NODE_KEPT_MAX; i++) {
        (void)snprintf(kept, sizeof kept, "%s.damaged-%u", member->state_path, (unsigned)i);
        if (rename(member->state_path, kept) == 0) {
            node_report(node, "group %u: its checkpoint is kept in %s",
                        (unsigned)member->group.value, kept);
            return STATUS_OK;
        }
        if (errno == ENOENT) {
            return STATUS_OK; /* done before */
        }
        if (errno != ENOTEMPTY && errno != EEXIST) {
            break;
        }
    }
    node_report(node, "group %u: %s cannot be set aside: %s", (unsigned)member->group.value,
                member->state_path, strerror(errno));
    return STATUS_IO;
}

/* A random number that is no tag of before. */
static uint64_t new_tag(const struct node *node)
{
    uint64_t tag = 0;
    if (getrandom(&tag, sizeof tag, 0) != sizeof tag || tag == 0) {
        tag = log_id(node->log) + node->now.us;
    }
    return tag;
}

/* Nothing that this member has on disk can be trusted, and so nobody knows what it has promised. It begins anew as a member with an
 * empty disk (docs/decisions/0009-roll-call.md): its peers have what it needs, and it does not vote before it has. */
static enum status discard(struct node *node, struct node_member *member, struct node_error *error)
{
    node_report(node, "group %u: ALARM: %s", (unsigned)member->group.value, error->text);
    member->tag.value = new_tag(node);
    const uint64_t tag = htole64(member->tag.value);
    const struct log_record record = {.kind = LOG_RECORD_DISCARD,
                                      .group = member->group,
                                      .payload = kv_slice_of(&tag, sizeof tag)};
    enum status status = append_now(node, &record, error);
    if (status != STATUS_OK) {
        return status;
    }
    order_destroy(&member->order);
    member->application.ops->destroy(member->application.state);
    node_retention_close(&member->retention);
    status = node_set_aside(node, member);
    make_member(node, member);
    struct kv_buffer mark = {0};
    if (status == STATUS_OK) {
        status = open_state(node, member, &mark, error);
    }
    kv_buffer_close(&mark);
    node_report(node, "group %u: begins anew, from its peers", (unsigned)member->group.value);
    return status;
}

/* A group of one has nobody to begin anew from. */
static bool can_discard(const struct node *node, const struct node_member *member,
                        enum status status)
{
    return status == STATUS_CORRUPT && member->application.ops->open != NULL &&
           node->config->groups[member->group.value].count > 1;
}

static enum status make_state_directory(const struct node *node, struct node_error *error)
{
    char path[NODE_PATH_BYTES];
    const int size = snprintf(path, sizeof path, "%s/state", node->settings.directory);
    if (size < 0 || (size_t)size >= sizeof path || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        snprintf(error->text, sizeof error->text, "cannot make %s/state: %s",
                 node->settings.directory, strerror(errno));
        return STATUS_IO;
    }
    return STATUS_OK;
}

static void add_members(struct node *node)
{
    for (uint32_t g = 0; g < node->config->group_count; g++) {
        kv_group_id group = {(uint16_t)g};
        if (node_config_hosts(node->config, group, node->self)) {
            add_member(node, group);
        }
    }
}

enum status node_recover(struct node *node, struct node_error *error)
{
    add_members(node);
    struct node_staging *staging = kv_alloc_zero(node->member_count + 1, sizeof *staging);
    enum status status = make_state_directory(node, error);
    if (status == STATUS_OK) {
        status = stage_log(node, staging, error);
    }
    for (uint32_t i = 0; i < node->member_count;
         i++) { /* all of them: the node is closed otherwise */
        struct node_member *member = &node->members[i];
        make_member(node, member);
        if (status == STATUS_OK) {
            status = restore_member(node, member, &staging[i], error);
            if (can_discard(node, member, status)) {
                status = discard(node, member, error);
            }
        }
        node_staging_close(&staging[i]);
    }
    kv_free(staging);
    return status;
}
