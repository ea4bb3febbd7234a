/* SPDX-License-Identifier: Apache-2.0 */
/* sim_node: see the header. One round of the loop is what a real driver does between two waits:
 *
 *   1. what the disk has synced is told to the cores, and sends that waited for it leave;
 *   2. packets of the inbox are handled;
 *   3. timers that are due tick;
 *   4. each member that was touched is flushed, and its effects are carried out;
 *   5. a sync of what was appended begins, if none is under way.
 */
#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* ---- Clocks ---- */

kv_instant sim_node_now(const struct sim *sim, const struct sim_node *node)
{
    uint64_t passed = sim->now - node->clock_base_at;
    return (kv_instant){node->clock_base + passed * (uint64_t)(1000 + node->rate_permille) / 1000};
}

void sim_node_set_rate(struct sim *sim, struct sim_node *node, int64_t rate_permille)
{
    node->clock_base = sim_node_now(sim, node).us;
    node->clock_base_at = sim->now;
    node->rate_permille = rate_permille;
    if (node->state == SIM_NODE_UP) {
        sim_node_wake(sim, node, sim->now);
    }
}

/* The first virtual time at which the node's clock shows `deadline`. */
static uint64_t virtual_time(const struct sim_node *node, kv_instant deadline)
{
    if (deadline.us >= KV_INSTANT_NEVER.us / 2) {
        return UINT64_MAX;
    }
    if (deadline.us <= node->clock_base) {
        return node->clock_base_at;
    }
    uint64_t rate = (uint64_t)(1000 + node->rate_permille);
    return node->clock_base_at + ((deadline.us - node->clock_base) * 1000 + rate - 1) / rate;
}

/* ---- Life ---- */

void sim_node_wake(struct sim *sim, struct sim_node *node, uint64_t at)
{
    at = at < sim->now ? sim->now : at;
    if (at == UINT64_MAX || at >= node->run_at) {
        return;
    }
    node->run_at = at;
    sim_queue_push(&sim->queue, (struct sim_event){.at = at,
                                                   .kind = SIM_EVENT_RUN,
                                                   .actor = node->id.value,
                                                   .number = node->incarnation});
}

static bool hosts(const struct sim *sim, const struct sim_node *node, uint32_t group)
{
    if (sim->parameters.change_weight > 0) {
        return true; /* it may become a member later */
    }
    const struct wire_config *config = &sim->bootstrap[group];
    for (uint32_t i = 0; i < config->count; i++) {
        if (kv_node_equal(config->members[i].node, node->id)) {
            return true;
        }
    }
    return false;
}

static void open_members(struct sim *sim, struct sim_node *node)
{
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        if (hosts(sim, node, group)) {
            sim_member_open(sim, node, (kv_group_id){(uint16_t)group});
        }
    }
    node->state = SIM_NODE_UP;
    node->incarnation++;
    node->run_at = UINT64_MAX;
    sim_node_wake(sim, node, sim->now);
}

void sim_node_start(struct sim *sim, kv_node_id id)
{
    struct sim_node *node = &sim->nodes[id.value];
    node->id = id;
    node->sync_us_max = sim->parameters.sync_us_max;
    node->disk.tag = kv_prng_next(&sim->timing) | 1;
    node->disk.through_codec = sim->parameters.through_codec != 0;
    node->clock_base = kv_prng_below(&sim->timing, 1000000000);
    node->clock_base_at = sim->now;
    uint64_t skew = sim->parameters.clock_skew_us;
    node->wall_offset_us = (int64_t)kv_prng_below(&sim->timing, 2 * skew + 1) - (int64_t)skew;
    uint64_t rate = sim->parameters.clock_rate_permille;
    node->rate_permille = (int64_t)kv_prng_below(&sim->timing, 2 * rate + 1) - (int64_t)rate;
    open_members(sim, node);
}

static void empty_inbox(struct sim_node *node)
{
    for (uint32_t i = 0; i < node->inbox_count; i++) {
        sim_packet_drop(&node->inbox[i]);
    }
    node->inbox_count = 0;
}

static void close_members(struct sim_node *node)
{
    for (uint32_t group = 0; group < SIM_GROUPS_MAX; group++) {
        sim_member_close(&node->members[group]);
    }
}

void sim_node_crash(struct sim *sim, struct sim_node *node)
{
    KV_ASSERT(node->state != SIM_NODE_DOWN);
    node->state = SIM_NODE_DOWN;
    node->incarnation++;
    node->synced = false;
    empty_inbox(node);
    close_members(node);
    if (sim->options.mutant == SIM_MUTANT_DISK_LIES) {
        sim_disk_forget(&node->disk, &sim->faults);
    }
    uint32_t lost = sim_disk_crash(&node->disk, &sim->faults);
    sim->counters.crashes++;
    sim->counters.lost_records += lost;
    SIM_TRACE(sim, "node %u: crashes, %u records were not synced and are lost", node->id.value,
              lost);
}

static void report_restart(struct sim *sim, struct sim_node *node)
{
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        struct sim_member *member = &node->members[group];
        if (member->order == NULL) {
            continue;
        }
        if (sim_checks(sim, SIM_CHECK_RAFT)) {
            check_raft_restarted(&sim->raft[group], &sim->report, node->id,
                                 order_raft(member->order), &node->disk.views[group]);
        }
        if (sim_checks(sim, SIM_CHECK_ORDER)) {
            check_order_goes_on(&sim->order[group], &sim->report, node->id,
                                order_delivered(member->order), order_cursor(member->order));
        }
    }
}

void sim_node_restart(struct sim *sim, struct sim_node *node)
{
    KV_ASSERT(node->state == SIM_NODE_DOWN);
    SIM_TRACE(sim, "node %u: restarts with %u records", node->id.value, node->disk.count);
    open_members(sim, node);
    for (uint32_t i = 0; i < node->disk.count && !sim->report.failed; i++) {
        const struct sim_record *record = &node->disk.records[i];
        sim_member_restore(sim, node, &node->members[record->group.value], &record->persist);
    }
    report_restart(sim, node);
}

void sim_node_pause(struct sim *sim, struct sim_node *node, uint64_t until)
{
    KV_ASSERT(node->state == SIM_NODE_UP);
    node->state = SIM_NODE_PAUSED;
    node->resume_at = until;
    sim->counters.pauses++;
    SIM_TRACE(sim, "node %u: is stopped", node->id.value);
}

void sim_node_resume(struct sim *sim, struct sim_node *node)
{
    KV_ASSERT(node->state == SIM_NODE_PAUSED);
    node->state = SIM_NODE_UP;
    node->run_at = UINT64_MAX;
    SIM_TRACE(sim, "node %u: goes on, %u packets wait", node->id.value, node->inbox_count);
    sim_node_wake(sim, node, sim->now);
}

void sim_node_close(struct sim_node *node)
{
    empty_inbox(node);
    close_members(node);
    sim_disk_close(&node->disk);
}

/* ---- The loop ---- */

void sim_node_on_packet(struct sim *sim, struct sim_node *node, struct sim_packet *packet)
{
    if (node->state == SIM_NODE_DOWN || node->inbox_count == SIM_INBOX_MAX) {
        sim_packet_drop(&packet);
        return;
    }
    node->inbox[node->inbox_count++] = packet;
    if (node->state == SIM_NODE_UP) {
        sim_node_wake(sim, node,
                      sim->now + kv_prng_below(&sim->timing, sim->parameters.loop_us + 1));
    }
}

static void handle_packet(struct sim *sim, struct sim_node *node, struct sim_packet *packet)
{
    enum status status = sim_packet_open(packet, &sim->reader, &sim->message);
    if (status != STATUS_OK) {
        sim_report_fail(&sim->report, "codec", "a message of node %u cannot be read back: %s",
                        packet->from, status_text(status));
        return;
    }
    const struct wire_message *message = &sim->message;
    SIM_TRACE(sim, "node %u group %u: takes %s from %u", node->id.value, message->group.value,
              wire_message_kind_name(message->kind), packet->from);
    if (message->kind == WIRE_MESSAGE_REQUEST) {
        sim_serve_request(sim, node, packet->from, message->group, &message->as.request);
        return;
    }
    if (message->kind == WIRE_MESSAGE_HELLO) {
        sim_serve_hello(sim, node, packet->from, &message->as.hello);
        return;
    }
    struct sim_member *member = &node->members[message->group.value];
    const bool is_signal =
        message->kind == WIRE_MESSAGE_SIGNAL || message->kind == WIRE_MESSAGE_SIGNAL_REQUEST ||
        message->kind == WIRE_MESSAGE_SIGNAL_ACK || message->kind == WIRE_MESSAGE_FORWARD;
    if (member->order != NULL && is_signal) {
        sim_execute_message(sim, node, member, message);
    } else if (member->order != NULL) {
        (void)sim_member_step_raft(
            sim, node, member, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = message});
    }
}

static void handle_inbox(struct sim *sim, struct sim_node *node)
{
    uint32_t count = node->inbox_count;
    for (uint32_t i = 0; i < count; i++) {
        if (!sim->report.failed) {
            handle_packet(sim, node, node->inbox[i]);
        }
        sim_packet_drop(&node->inbox[i]);
    }
    KV_ASSERT(node->inbox_count == count); /* nothing arrives while the loop runs */
    node->inbox_count = 0;
}

static void handle_timers(struct sim *sim, struct sim_node *node)
{
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        struct sim_member *member = &node->members[group];
        if (member->order == NULL) {
            continue;
        }
        if (kv_instant_reached(order_deadline(member->order), sim_node_now(sim, node))) {
            (void)sim_member_step_raft(sim, node, member,
                                       (struct raft_event){.kind = RAFT_EVENT_TICK});
        }
        if (kv_instant_reached(engine_deadline(member->engine), sim_node_now(sim, node))) {
            sim_execute(sim, node, member, (struct engine_event){.kind = ENGINE_EVENT_TICK});
        }
    }
}

static void flush(struct sim *sim, struct sim_node *node)
{
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        struct sim_member *member = &node->members[group];
        if (member->order == NULL || !member->touched || sim->report.failed) {
            continue;
        }
        (void)sim_member_step_raft(sim, node, member,
                                   (struct raft_event){.kind = RAFT_EVENT_FLUSH});
        member->touched = false;
        sim_member_carry_out(sim, node, member);
        if (sim->now >= member->snapshot_at) {
            sim_member_save(sim, node, member);
        }
    }
}

static void begin_sync(struct sim *sim, struct sim_node *node)
{
    if (sim_disk_sync_begin(&node->disk)) {
        uint64_t low = sim->parameters.sync_us_min;
        uint64_t high = node->sync_us_max < low ? low : node->sync_us_max;
        uint64_t time = kv_prng_between(&sim->timing, low, high);
        sim_queue_push(&sim->queue,
                       (struct sim_event){.at = sim->now + (node->doomed ? time / 2 : time),
                                          .kind = node->doomed ? SIM_EVENT_CRASH : SIM_EVENT_SYNCED,
                                          .actor = node->id.value,
                                          .number = node->incarnation});
        node->doomed = false;
    }
}

/* The state must be the same whether it is looked at or not, so this is cheap enough to do now and
 * then only. */
static void check_deeply(struct sim *sim, struct sim_node *node)
{
    if (kv_prng_chance(&sim->timing, 1, 64)) {
        for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
            if (node->members[group].order != NULL) {
                engine_check(node->members[group].engine);
            }
        }
    }
}

void sim_node_on_run(struct sim *sim, struct sim_node *node, uint64_t at)
{
    if (node->state != SIM_NODE_UP || at != node->run_at) {
        return; /* the node is stopped, or this round was put forward */
    }
    node->run_at = UINT64_MAX;
    if (node->synced) {
        node->synced = false;
        for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
            if (node->members[group].order != NULL) {
                sim_member_durable(sim, node, &node->members[group]);
            }
        }
    }
    handle_inbox(sim, node);
    handle_timers(sim, node);
    flush(sim, node);
    begin_sync(sim, node);
    check_deeply(sim, node);
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        if (node->members[group].order != NULL) {
            const struct sim_member *member = &node->members[group];
            sim_node_wake(sim, node, virtual_time(node, order_deadline(member->order)));
            sim_node_wake(sim, node, virtual_time(node, engine_deadline(member->engine)));
            sim_node_wake(sim, node, member->touched ? sim->now : UINT64_MAX);
        }
    }
}

void sim_node_on_synced(struct sim *sim, struct sim_node *node)
{
    sim_disk_sync_end(&node->disk);
    node->synced = true;
    if (node->state == SIM_NODE_UP) {
        sim_node_wake(sim, node, sim->now);
    }
}
