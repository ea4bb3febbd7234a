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
#include <time.h>

#include "multicast/node/node_internal.h"
#include "multicast/wire/codec.h"

/* Longest time that a stopping node waits for others to take its leaderships over. */
#define STOP_US_MAX 3000000

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

static enum status open_log(struct node *node, struct node_error *error)
{
    struct log_settings settings = {
        .directory = node->settings.directory,
        .cluster = node->cluster,
        .node = node->self,
        .segment_bytes = node->settings.segment_bytes,
        .unsafe_no_sync = node->settings.unsafe_no_sync,
    };
    struct log_error log_error = {{0}};
    enum status status = log_open(&settings, &node->log, &log_error);
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "%s", log_error.text);
        return status;
    }
    return node_recover(node, error);
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
    if (node->settings.scrub_us == 0) {
        node->settings.scrub_us = NODE_SCRUB_US;
    }
    if (node->settings.reserve_bytes == 0) {
        node->settings.reserve_bytes = NODE_RESERVE_BYTES;
    }
    if (node->settings.free_bytes == NULL) {
        node->settings.free_bytes = node_space_of;
    }
    node_crew_open(node);
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
    for (uint32_t i = 0; i < node->member_count; i++) {
        if (raft_is_blank(order_raft(node->members[i].order))) {
            node_report(node, "group %u: nothing on disk -> calls the roll of its members",
                        (unsigned)node->members[i].group.value);
        }
    }
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

/* The stop request ends a sleep, and is looked at every so many busy turns: a system call saved in each. */
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
        const int stop_fd = stopping ? -1 : node->settings.stop_fd;
        bool stop = false;
        if (!busy) {
            kv_instant deadline = node_deadline(node);
            uint64_t sleep = deadline.us > node->now.us ? deadline.us - node->now.us : 0;
            stop = node_crew_sleep(node, stopping, sleep < SLEEP_US_MAX ? sleep : SLEEP_US_MAX) &&
                   is_readable(stop_fd);
        } else if (++turns % STOP_LOOK_TURNS == 0) {
            stop = is_readable(stop_fd);
        }
        if (stop) {
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
    node_crew_close(closed);
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
    node_watches_close(&closed->watches);
    wire_frame_reader_close(&closed->reader);
    wire_frame_writer_close(&closed->local);
    kv_buffer_close(&closed->record);
    kv_buffer_close(&closed->piece);
    net_server_close(&closed->net);
    log_close(&closed->log);
    kv_free(closed);
}
