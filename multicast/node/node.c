/* SPDX-License-Identifier: Apache-2.0 */
/* node: opening, recovery, the loop, and a graceful end.
 *
 * 1. Recovery reads the log once and hands each record to the core of its group, in order.
 * 2. The loop takes turns (node_turn.c) and sleeps between them.
 * 3. When told to stop, the node hands its leaderships over and ends as soon as it leads nothing, or after a bound. */
#include "multicast/node/node.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "multicast/node/node_internal.h"
#include "multicast/wire/codec.h"

/* Longest time that a stopping node waits for others to take its leaderships over. */
#define STOP_US_MAX 3000000

/* Heartbeats in an election timeout: a lost one or two do not matter. */
#define HEARTBEATS_PER_TIMEOUT 10

/* The longest sleep: keeps counters and stop requests fresh without load. */
#define SLEEP_US_MAX 100000

static kv_instant clock_of(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (kv_instant){(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000};
}

kv_instant node_clock(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

kv_clock node_clock_physical(void)
{
    return (kv_clock){clock_of(CLOCK_REALTIME).us};
}

void node_report(struct node *node, const char *format, ...)
{
    char line[NODE_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    node->settings.report(line, node->settings.report_context);
}

struct node_member *node_member_of(struct node *node, kv_group_id group)
{
    uint8_t position = group.value < KV_GROUPS_MAX ? node->member_of[group.value] : 0;
    return position == 0 ? NULL : &node->members[position - 1];
}

static void add_member(struct node *node, kv_group_id group)
{
    struct node_member *member = &node->members[node->member_count++];
    node->member_of[group.value] = (uint8_t)node->member_count;
    member->group = group;
    member->trace.level = node->settings.trace;
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
        .bootstrap = node->config->groups[group.value],
        .trace = &member->trace,
    };
    if (getrandom(&settings.raft.seed, sizeof settings.raft.seed, 0) != sizeof settings.raft.seed) {
        settings.raft.seed = node->now.us * KV_NODES_MAX + node->self.value;
    }
    member->order = order_new(&settings, node->now);
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
        }
        member->cut.last = known ? point.index : (kv_index){0};
        member->held_bytes = node_staging_bytes(staging, member->cut.last);
        member->cut.log_bytes = member->held_bytes;
        member->executed = member->cut.last;
        node->entry_bytes += member->held_bytes;
    }
    kv_buffer_close(&mark);
    return status;
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

static enum status recover(struct node *node, struct node_error *error)
{
    struct node_staging *staging = kv_alloc_zero(node->member_count + 1, sizeof *staging);
    enum status status = make_state_directory(node, error);
    if (status == STATUS_OK) {
        status = stage_log(node, staging, error);
    }
    for (uint32_t i = 0; i < node->member_count; i++) {
        if (status == STATUS_OK) {
            status = restore_member(node, &node->members[i], &staging[i], error);
        }
        node_staging_close(&staging[i]);
    }
    kv_free(staging);
    return status;
}

static enum status open_log(struct node *node, struct node_error *error)
{
    struct log_settings settings = {
        .directory = node->settings.directory,
        .cluster = node->cluster,
        .node = node->self,
        .segment_bytes = node->settings.log_segment_bytes,
        .unsafe_no_sync = node->settings.unsafe_no_sync,
    };
    struct log_error log_error = {{0}};
    enum status status = log_open(&settings, &node->log, &log_error);
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "%s", log_error.text);
        return status;
    }
    return recover(node, error);
}

static enum status open_net(struct node *node, struct node_error *error)
{
    const struct node_config_node *self = node_config_find(node->config, node->self);
    enum status status = net_server_open(self->endpoint, &node->net);
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "cannot listen on %s: %s", self->endpoint,
                 strerror(errno));
        return status;
    }
    for (uint32_t i = 0; i < node->config->node_count && status == STATUS_OK; i++) {
        const struct node_config_node *peer = &node->config->nodes[i];
        node->welcome_nodes[i] = (struct wire_node){peer->node, kv_slice_of_text(peer->endpoint)};
        if (!kv_node_equal(peer->node, node->self)) {
            status = net_server_connect(node->net, peer->node, peer->endpoint);
            if (status != STATUS_OK) {
                snprintf(error->text, sizeof error->text, "cannot connect to %s", peer->endpoint);
            }
        }
    }
    if (status == STATUS_OK) {
        node_outbox_open(&node->outbox, node->net, node->cluster, node->self);
    }
    return status;
}

enum status node_open(const struct node_settings *settings, struct node **ret,
                      struct node_error *error)
{
    *ret = NULL;
    if (node_config_find(settings->config, settings->self) == NULL) {
        snprintf(error->text, sizeof error->text, "node %u is not in the cluster file",
                 (unsigned)settings->self.value);
        return STATUS_INVALID;
    }
    struct node *node = kv_alloc_zero(1, sizeof *node);
    node->settings = *settings;
    node->config = settings->config;
    node->self = settings->self;
    node->cluster = wire_cluster_id(kv_slice_of_text(node->config->name));
    node->now = node->started = node_clock();
    node->stop_by = KV_INSTANT_NEVER;
    if (node->settings.election_timeout_us == 0) {
        node->settings.election_timeout_us = NODE_ELECTION_TIMEOUT_US;
    }
    if (node->settings.log_bytes_max == 0) {
        node->settings.log_bytes_max = NODE_LOG_BYTES_MAX;
    }
    if (node->settings.checkpoint_bytes == 0) {
        node->settings.checkpoint_bytes = NODE_CHECKPOINT_BYTES;
    }
    if (node->settings.checkpoint_us == 0) {
        node->settings.checkpoint_us = NODE_CHECKPOINT_US;
    }
    for (uint32_t g = 0; g < node->config->group_count; g++) {
        kv_group_id group = {(uint16_t)g};
        if (node_config_hosts(node->config, group, node->self)) {
            add_member(node, group);
        }
    }
    enum status status = open_log(node, error);
    if (status == STATUS_OK) {
        status = open_net(node, error);
    }
    if (status == STATUS_OK) {
        node_writer_open(node);
    }
    if (status != STATUS_OK) {
        node_close(&node);
        return status;
    }
    struct log_counters counters = log_counters(node->log);
    node_report(node,
                "node %u of cluster %s serves at %s: %u groups, %llu records recovered in %llu ms",
                (unsigned)node->self.value, node->config->name, net_server_endpoint(node->net),
                node->member_count, (unsigned long long)counters.recovered,
                (unsigned long long)(node_clock().us - node->started.us) / 1000);
    *ret = node;
    return STATUS_OK;
}

static bool leads_anything(const struct node *node)
{
    for (uint32_t i = 0; i < node->member_count; i++) {
        const struct raft *raft = order_raft(node->members[i].order);
        if (raft_role(raft) == RAFT_LEADER && raft_config(raft)->count > 1) {
            return true;
        }
    }
    return false;
}

static void begin_stop(struct node *node)
{
    node->now = node_clock();
    node->stop_by = kv_instant_add(node->now, STOP_US_MAX);
    node_report(node, "told to stop: handing leaderships over");
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        if (raft_role(order_raft(member->order)) == RAFT_LEADER) {
            /* A refusal means that nobody can take over; the others will elect when this node is gone. */
            (void)node_step_raft(node, member, (struct raft_event){.kind = RAFT_EVENT_TRANSFER});
        }
    }
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

/* The stop request is looked at after every sleep and every so many busy turns: a system call saved in each. */
#define STOP_LOOK_TURNS 64

enum status node_run(struct node *node, struct node_error *error)
{
    uint32_t turns = 0;
    for (;;) {
        bool busy = node_turn(node);
        if (node->failure != STATUS_OK) {
            snprintf(error->text, sizeof error->text, "%s", node->failure_text.text);
            return node->failure;
        }
        bool stopping = node->stop_by.us != KV_INSTANT_NEVER.us;
        if (stopping && (!leads_anything(node) || kv_instant_reached(node->stop_by, node->now))) {
            node_report(node, "stopped");
            return STATUS_OK;
        }
        if (!busy) {
            kv_instant deadline = node_deadline(node);
            uint64_t sleep = deadline.us > node->now.us ? deadline.us - node->now.us : 0;
            net_server_wait(node->net, stopping ? -1 : node->settings.stop_fd,
                            sleep < SLEEP_US_MAX ? sleep : SLEEP_US_MAX);
        }
        if (!stopping && (!busy || ++turns % STOP_LOOK_TURNS == 0) &&
            is_readable(node->settings.stop_fd)) {
            begin_stop(node);
        }
    }
}

void node_close(struct node **node)
{
    struct node *closed = *node;
    *node = NULL;
    if (closed == NULL) {
        return;
    }
    node_writer_close(closed);
    for (uint32_t i = 0; i < closed->member_count; i++) {
        struct node_member *member = &closed->members[i];
        node_retention_close(&member->retention);
        node_transfer_close(member);
        node_backup_forget(member);
        order_effects_close(&member->effects);
        order_effects_close(&member->handled);
        order_destroy(&member->order);
        member->application.ops->destroy(member->application.state);
        node_reads_close(member);
        trace_close(&member->trace);
    }
    node_outbox_close(&closed->outbox);
    node_waiters_close(&closed->waiters);
    wire_frame_reader_close(&closed->reader);
    wire_frame_writer_close(&closed->local);
    kv_buffer_close(&closed->record);
    kv_buffer_close(&closed->piece);
    net_server_close(&closed->net);
    log_close(&closed->log);
    kv_free(closed);
}
