/* SPDX-License-Identifier: Apache-2.0 */
/* run: the queue of events, and the phases of a run. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "tests/sim/multicast/world.h"

/* How often it is asked whether everything is done. */
#define CHECK_US UINT64_C(100000)

void world_trace(const struct world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%10" PRIu64 " ", world->now);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static bool is_before(const struct world_event *a, const struct world_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

void world_push(struct world *world, struct world_event event)
{
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity == 0 ? 256 : 2 * world->event_capacity;
        world->heap = kv_realloc(world->heap, world->event_capacity * sizeof *world->heap);
    }
    event.sequence = ++world->event_sequence;
    uint32_t at = world->event_count++;
    while (at > 0 && is_before(&event, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = event;
}

static struct world_event pop(struct world *world)
{
    struct world_event first = world->heap[0], last = world->heap[--world->event_count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < world->event_count; child = 2 * at + 1) {
        if (child + 1 < world->event_count &&
            is_before(&world->heap[child + 1], &world->heap[child])) {
            child++;
        }
        if (!is_before(&world->heap[child], &last)) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

/* The node that an event is for; 0: none in particular. */
static uint32_t node_of(const struct world *world, const struct world_event *event)
{
    switch (event->kind) {
    case WORLD_EVENT_PACKET:
        return ((const struct world_packet *)event->payload)->message.to.value;
    case WORLD_EVENT_TICK:
    case WORLD_EVENT_SAVED:
    case WORLD_EVENT_REQUEST:
        return world->members[event->actor].node;
    case WORLD_EVENT_FLUSH:
    case WORLD_EVENT_SYNCED:
        return event->actor;
    case WORLD_EVENT_RESTART:
    case WORLD_EVENT_ANSWER:
    case WORLD_EVENT_CLIENT:
    case WORLD_EVENT_SNAPSHOT:
    case WORLD_EVENT_FAULT:
    case WORLD_EVENT_AMBUSH:
    case WORLD_EVENT_MEND:
    case WORLD_EVENT_CHECK:
        return 0;
    }
    KV_UNREACHABLE();
}

static void on_tick(struct world *world, struct world_member *member, uint64_t at)
{
    if (at != member->tick_at) {
        return; /* an earlier one was put in meanwhile */
    }
    member->tick_at = UINT64_MAX;
    world_member_facts(world, member);
    world_member_raft(world, member, (struct raft_event){.kind = RAFT_EVENT_TICK});
}

static void on_flush(struct world *world, uint32_t node)
{
    world->nodes[node].flush_due = false;
    for (uint32_t m = 0; m < world->member_count; m++) {
        if (world->members[m].node == node && world->members[m].flush_due) {
            world->members[m].flush_due = false;
            world_member_raft(world, &world->members[m],
                              (struct raft_event){.kind = RAFT_EVENT_FLUSH});
        }
    }
}

static bool is_quiet(const struct world *world, char *text, size_t size)
{
    if (!world_clients_done(world, text, size) ||
        !check_liveness_delivered(&world->checks, (uint32_t)world->parameters.groups, text, size)) {
        return false;
    }
    for (uint32_t m = 0; m < world->member_count; m++) {
        const struct world_member *member = &world->members[m];
        if (member->delivered != world->checks.groups[member->group.value].delivered) {
            snprintf(text, size, "node %u of group %u has delivered %" PRIu64 " of %u messages",
                     member->node, member->group.value, member->delivered,
                     world->checks.groups[member->group.value].delivered);
            return false;
        }
        if (order_records(member->order) != 0) {
            snprintf(text, size, "node %u of group %u still has %u records", member->node,
                     member->group.value, order_records(member->order));
            return false;
        }
    }
    return true;
}

/* C4. False: the run goes on. */
static bool is_over(struct world *world)
{
    char text[200] = "the fresh messages have not been sent";
    if (is_quiet(world, text, sizeof text)) {
        return true;
    }
    if (world->now > world->parameters.safety_us + WORLD_LIVENESS_US) {
        check_fail(&world->report, "C4", "%" PRIu64 " s after the last fault: %s",
                   WORLD_LIVENESS_US / 1000000, text);
        return true;
    }
    world_push(world, (struct world_event){.at = world->now + CHECK_US, .kind = WORLD_EVENT_CHECK});
    return false;
}

static void again(struct world *world, enum world_event_kind kind, uint64_t mean)
{
    if (!world->mended && mean > 0) {
        world_push(world,
                   (struct world_event){
                       .at = world->now + kv_prng_below(&world->prng, 2 * mean) + 1, .kind = kind});
    }
}

/* True: the run is over. */
static bool handle(struct world *world, const struct world_event *event)
{
    switch (event->kind) {
    case WORLD_EVENT_PACKET:
        world_packet_arrives(world, event->payload);
        world_packet_drop(world, event->payload);
        return false;
    case WORLD_EVENT_TICK:
        on_tick(world, &world->members[event->actor], event->at);
        return false;
    case WORLD_EVENT_FLUSH:
        on_flush(world, event->actor);
        return false;
    case WORLD_EVENT_SYNCED:
        world_node_synced(world, event->actor, event->number);
        return false;
    case WORLD_EVENT_SAVED:
        world_snapshot_saved(world, event->actor, event->payload);
        return false;
    case WORLD_EVENT_RESTART:
        world_node_start(world, event->actor);
        return false;
    case WORLD_EVENT_REQUEST:
        world_request_arrives(world, event->actor, event->number);
        return false;
    case WORLD_EVENT_ANSWER:
        world_client_answered(world, event->actor, event->number);
        return false;
    case WORLD_EVENT_CLIENT:
        world_client_looks(world, event->actor);
        return false;
    case WORLD_EVENT_SNAPSHOT:
        world_snapshot_begin(world, (uint32_t)kv_prng_below(&world->prng, world->member_count));
        again(world, WORLD_EVENT_SNAPSHOT, world->parameters.snapshot_us / world->member_count);
        return false;
    case WORLD_EVENT_FAULT:
        if (!world->mended) {
            world_fault(world);
        }
        again(world, WORLD_EVENT_FAULT, world->parameters.fault_us);
        return false;
    case WORLD_EVENT_AMBUSH:
        world_ambush_crash(world, event->actor);
        return false;
    case WORLD_EVENT_MEND:
        WORLD_TRACE(world, "all faults end");
        world_mend(world);
        world_clients_mended(world);
        world_push(world,
                   (struct world_event){.at = world->now + CHECK_US, .kind = WORLD_EVENT_CHECK});
        return false;
    case WORLD_EVENT_CHECK:
        return is_over(world);
    }
    KV_UNREACHABLE();
}

/* Events for a node that is down are lost; those for one that is paused wait. */
static bool may_handle(struct world *world, struct world_event *event)
{
    uint32_t number = node_of(world, event);
    const struct world_node *node = &world->nodes[number];
    if (number == 0) {
        return true;
    }
    bool of_a_life = event->kind == WORLD_EVENT_TICK || event->kind == WORLD_EVENT_FLUSH ||
                     event->kind == WORLD_EVENT_SYNCED || event->kind == WORLD_EVENT_SAVED;
    if (!node->up || (of_a_life && event->incarnation != node->incarnation)) {
        if (event->kind == WORLD_EVENT_PACKET) {
            world_packet_drop(world, event->payload);
        }
        return false;
    }
    if (node->resume_at <= world->now) {
        return true;
    }
    if (event->kind == WORLD_EVENT_TICK) {
        struct world_member *member = &world->members[event->actor];
        member->tick_at = event->at == member->tick_at ? node->resume_at : member->tick_at;
    }
    event->at = node->resume_at;
    world_push(world, *event);
    return false;
}

static void set_up_members(struct world *world)
{
    const struct world_parameters *p = &world->parameters;
    uint32_t replicas = (uint32_t)p->replicas;
    bool spread = p->nodes == p->groups * p->replicas;
    world->member_count = (uint32_t)(p->groups * p->replicas);
    memset(world->member_of, -1, sizeof world->member_of);
    for (uint32_t g = 0; g < p->groups; g++) {
        uint32_t shift = spread ? g * replicas : (uint32_t)kv_prng_below(&world->prng, p->nodes);
        world->configs[g] = (struct wire_config){.count = replicas};
        for (uint32_t r = 0; r < replicas; r++) {
            struct world_member *member = &world->members[g * replicas + r];
            member->group.value = (uint16_t)g;
            member->node = 1 + (uint32_t)((shift + r) % p->nodes);
            world->member_of[member->node][g] = (int8_t)(g * replicas + r);
            world->configs[g].members[r] =
                (struct wire_config_member){{(uint16_t)member->node}, true};
        }
    }
    int64_t skew = p->clock_mode >= 2 ? (int64_t)p->clock_skew_us : 0;
    for (uint32_t n = 1; n <= p->nodes; n++) {
        world->nodes[n].clock_skew_us =
            (int64_t)kv_prng_below(&world->prng, 2 * (uint64_t)skew + 1) - skew;
        world_node_start(world, n);
    }
}

/* Forget the last run, keep its memory. */
static void clear(struct world *world)
{
    while (world->event_count > 0) {
        struct world_event event = pop(world);
        if (event.kind == WORLD_EVENT_PACKET) {
            world_packet_drop(world, event.payload);
        }
    }
    for (uint32_t n = 0; n < WORLD_NODES_MAX; n++) {
        struct world_node *node = &world->nodes[n];
        for (uint32_t i = 0; i < node->record_count; i++) {
            wire_entry_drop(&node->records[i].persist.entry);
        }
        for (uint32_t i = 0; i < node->held_count; i++) {
            world_packet_drop(world, node->held[i].packet);
        }
        *node = (struct world_node){.records = node->records,
                                    .record_capacity = node->record_capacity,
                                    .held = node->held,
                                    .held_capacity = node->held_capacity};
    }
    for (uint32_t m = 0; m < WORLD_MEMBERS_MAX; m++) {
        world_member_close(&world->members[m]);
    }
    while (world->snapshots != NULL) {
        struct world_snapshot *snapshot = world->snapshots;
        world->snapshots = snapshot->next;
        kv_buffer_close(&snapshot->bytes);
        kv_free(snapshot);
    }
    memset(world->clients, 0, sizeof world->clients);
    memset(world->cut, 0, sizeof world->cut);
    memset(world->own_group_cut, 0, sizeof world->own_group_cut);
    memset(world->pair_cut, 0, sizeof world->pair_cut);
}

static void note_event(struct world *world, const struct world_event *event)
{
    uint64_t what = event->at ^ ((uint64_t)event->kind << 48) ^ ((uint64_t)event->actor << 56);
    world->digest = (world->digest ^ what) * UINT64_C(0x100000001b3);
    world->digest ^= world->digest >> 32;
}

void world_run(struct world *world, const struct world_options *options)
{
    clear(world);
    world->options = *options;
    world->report = (struct check_report){0};
    world->counters = (struct world_counters){0};
    world->now = 1000;
    world->digest = world->event_sequence = 0;
    world->mended = false;
    checks_clear(&world->checks, &world->report);
    world->checks.facts = !options->no_fact_check;
    kv_prng_init(&world->prng, options->seed);
    world_parameters_draw(options->seed, options->profile, &world->parameters);
    if (options->print) {
        world_parameters_print(&world->parameters, stdout);
        fflush(stdout);
    }
    set_up_members(world);
    world_clients_begin(world);
    again(world, WORLD_EVENT_SNAPSHOT, world->parameters.snapshot_us / world->member_count);
    again(world, WORLD_EVENT_FAULT, world->parameters.fault_us);
    world_push(world,
               (struct world_event){.at = world->parameters.safety_us, .kind = WORLD_EVENT_MEND});
    bool over = false;
    while (!over && !world->report.failed) {
        struct world_event event = pop(world);
        world->now = event.at > world->now ? event.at : world->now;
        note_event(world, &event);
        if (++world->counters.events > WORLD_EVENTS_MAX) {
            check_fail(&world->report, "C4", "more than %d events", WORLD_EVENTS_MAX);
        } else if (may_handle(world, &event)) {
            over = handle(world, &event);
        }
    }
    world->digest ^= world->checks.digest;
}

void world_close(struct world *world)
{
    clear(world);
    for (uint32_t n = 0; n < WORLD_NODES_MAX; n++) {
        world_node_close(&world->nodes[n]);
    }
    for (uint32_t m = 0; m < WORLD_MEMBERS_MAX; m++) {
        order_effects_close(&world->members[m].effects);
        kv_buffer_close(&world->members[m].incoming_bytes);
        trace_close(&world->members[m].trace);
    }
    world_network_close(world);
    checks_close(&world->checks);
    kv_free(world->heap);
}
