/* SPDX-License-Identifier: Apache-2.0 */
/* order_cluster: the members, their disks, time, and the checks on every delivery. */
#include "tests/protocol/order_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/protocol/order_cluster_internal.h"

/* Long against everything that a script lets happen, so that only cluster_run_timers can lead to an election. */
#define ELECTION_US  (1000u * CLUSTER_UNIT_US)
#define HEARTBEAT_US (100u * CLUSTER_UNIT_US)

/* A script that is not quiet after this many batches at one moment runs in circles. */
#define ROUNDS_MAX 1000

/* The message that makes everyone know the leaders of the other groups before time 0. */
#define WARM_UP_SESSION 8
#define SESSION         9

static bool step(struct cluster *cluster, struct cluster_member *member, struct order_event event);

bool cluster_is_scripted(kv_message_id id)
{
    return id.session.registered.clock.value == SESSION;
}

static struct cluster_member *member_of(struct cluster *cluster, uint32_t node)
{
    KV_ASSERT(node < CLUSTER_NODES_MAX && cluster->members[node].node.value == node);
    return &cluster->members[node];
}

static void start(struct cluster *cluster, struct cluster_member *member)
{
    struct order_settings settings = {
        .look_ahead_us = cluster->settings.look_ahead_us,
        .retry_us = cluster->settings.retry_us,
        .group_count = cluster->settings.groups + 1,
        .groups = cluster->configs,
        .no_fast_path = cluster->settings.no_fast_path,
        .raft = {.group = member->group,
                 .self = member->node,
                 .election_timeout_us = ELECTION_US,
                 .heartbeat_us = HEARTBEAT_US,
                 .seed = member->node.value + (cluster->next_order << 8),
                 .bootstrap = cluster->configs[member->group.value]},
    };
    member->order = order_new(&settings, cluster->now);
    member->sync_at = KV_INSTANT_NEVER;
    member->life_begin = member->record_count;
    member->led = false;
}

void cluster_room_for(struct cluster *cluster, uint64_t sequence)
{
    uint64_t old = cluster->sequence_capacity;
    if (sequence < old) {
        return;
    }
    cluster->sequence_capacity = sequence < 32 ? 64 : sequence * 2;
    size_t room = (size_t)cluster->sequence_capacity, known = (size_t)old;
    cluster->submitted = kv_realloc(cluster->submitted, room * sizeof *cluster->submitted);
    cluster->finals = kv_realloc(cluster->finals, room * sizeof *cluster->finals);
    memset(cluster->submitted + known, 0, (room - known) * sizeof *cluster->submitted);
    memset(cluster->finals + known, 0, (room - known) * sizeof *cluster->finals);
}

/* ---- What a delivery must be: O3, O5, O7 across members ---- */

static void check_delivery(struct cluster *cluster, const struct cluster_member *member,
                           const struct order_delivery *delivery)
{
    uint16_t group = member->group.value;
    uint64_t sequence = delivery->entry->id.sequence;
    uint32_t at = member->delivered_count;
    assert_int_equal(delivery->position, at + 1);
    if (at > 0) {
        assert_true(kv_timestamp_compare(member->delivered[at - 1].timestamp, delivery->timestamp) <
                    0);
    }
    if (at < cluster->sequence_count[group]) {
        const struct cluster_delivery *before = &cluster->sequence_of[group][at];
        assert_int_equal(before->sequence, sequence);
        assert_int_equal(kv_timestamp_compare(before->timestamp, delivery->timestamp), 0);
    } else {
        if (at == cluster->sequence_room[group]) {
            cluster->sequence_room[group] = at == 0 ? 64 : at * 2;
            cluster->sequence_of[group] =
                kv_realloc(cluster->sequence_of[group],
                           cluster->sequence_room[group] * sizeof(struct cluster_delivery));
        }
        cluster->sequence_of[group][at] =
            (struct cluster_delivery){sequence, delivery->timestamp, cluster->now};
        cluster->sequence_count[group] = at + 1;
    }
    cluster_room_for(cluster, sequence);
    if (cluster->finals[sequence].clock.value == 0) {
        cluster->finals[sequence] = delivery->timestamp;
    }
    assert_int_equal(kv_timestamp_compare(cluster->finals[sequence], delivery->timestamp), 0);
}

static void add_delivery(struct cluster_member *member, struct cluster_delivery delivery)
{
    if (member->delivered_count == member->delivered_capacity) {
        member->delivered_capacity =
            member->delivered_capacity == 0 ? 64 : member->delivered_capacity * 2;
        member->delivered =
            kv_realloc(member->delivered, member->delivered_capacity * sizeof *member->delivered);
    }
    member->delivered[member->delivered_count++] = delivery;
}

/* ---- Snapshots: u64 size of the ordering state, that state, the deliveries ---- */

static kv_slice snapshot_order(kv_slice snapshot)
{
    uint64_t size;
    memcpy(&size, snapshot.data, sizeof size);
    return kv_slice_of(snapshot.data + sizeof size, (size_t)size);
}

static uint32_t snapshot_deliveries(kv_slice snapshot)
{
    size_t rest = snapshot.size - sizeof(uint64_t) - snapshot_order(snapshot).size;
    return (uint32_t)(rest / sizeof(struct cluster_delivery));
}

static void load_deliveries(struct cluster_member *member, kv_slice snapshot)
{
    kv_slice order = snapshot_order(snapshot);
    uint32_t count = snapshot_deliveries(snapshot);
    member->delivered_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct cluster_delivery delivery;
        memcpy(&delivery, order.data + order.size + i * sizeof delivery, sizeof delivery);
        add_delivery(member, delivery);
    }
}

static void keep_snapshot(struct cluster_member *member, kv_slice bytes,
                          struct raft_snapshot_point point)
{
    struct kv_buffer kept = {0};
    kv_buffer_append(&kept, bytes.data, bytes.size);
    kv_buffer_close(&member->snapshot);
    member->snapshot = kept;
    member->point = point;
    member->has_snapshot = true;
}

void cluster_snapshot(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = member_of(cluster, node);
    KV_ASSERT(member->durable_count == member->record_count);
    struct kv_buffer order = {0}, whole = {0};
    order_save(member->order, &order);
    uint64_t size = order.size;
    kv_buffer_append(&whole, &size, sizeof size);
    kv_buffer_append(&whole, order.data, order.size);
    kv_buffer_append(&whole, member->delivered,
                     member->delivered_count * sizeof *member->delivered);
    struct raft_snapshot_point point =
        raft_snapshot_point_at(order_raft(member->order), order_delivered_index(member->order));
    keep_snapshot(member, kv_buffer_slice(&whole), point);
    kv_buffer_close(&order);
    kv_buffer_close(&whole);
    assert_true(step(cluster, member,
                     (struct order_event){
                         .kind = ORDER_EVENT_RAFT,
                         .raft = {.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &member->point}}));
    cluster_run(cluster, 0);
}

static void send_chunk(struct cluster *cluster, const struct cluster_member *member,
                       const struct wire_message *wanted)
{
    struct wire_message message = *wanted;
    struct wire_snapshot_chunk *chunk = &message.as.snapshot_chunk;
    KV_ASSERT(chunk->index.value == member->point.index.value);
    chunk->total = member->snapshot.size;
    chunk->bytes = kv_slice_of(member->snapshot.data + chunk->offset,
                               member->snapshot.size - (size_t)chunk->offset);
    cluster_post(cluster, &message);
}

static void install(struct cluster *cluster, struct cluster_member *member,
                    const struct wire_snapshot_chunk *chunk, kv_slice bytes)
{
    KV_ASSERT(chunk->offset == 0 && bytes.size == chunk->total); /* one piece */
    struct raft_snapshot_point point = {chunk->index, chunk->index_term, chunk->reach,
                                        chunk->config};
    if (raft_commit(order_raft(member->order)).value >= point.index.value) {
        return;
    }
    bool ahead = member->delivered_count > snapshot_deliveries(bytes);
    keep_snapshot(member, bytes, point);
    if (!ahead) {
        load_deliveries(member, bytes);
    }
    assert_true(step(cluster, member,
                     (struct order_event){.kind = ORDER_EVENT_INSTALLED,
                                          .raft = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED,
                                                   .point = &member->point,
                                                   .offset = chunk->total},
                                          .snapshot = snapshot_order(bytes),
                                          .application_is_ahead = ahead}));
}

/* ---- Effects ---- */

static void write_record(struct cluster_member *member, const struct raft_persist *persist)
{
    if (member->record_count == member->record_capacity) {
        member->record_capacity = member->record_capacity == 0 ? 64 : member->record_capacity * 2;
        member->records =
            kv_realloc(member->records, member->record_capacity * sizeof *member->records);
    }
    member->records[member->record_count++] = *persist;
    if (persist->entry != NULL) {
        (void)wire_entry_keep(persist->entry);
    }
}

static void send_all(struct cluster *cluster, struct cluster_member *member,
                     const struct raft_send *sends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t after = sends[i].after == 0 ? 0 : member->life_begin + sends[i].after;
        if (after <= member->durable_count) {
            cluster_post(cluster, &sends[i].message);
        } else {
            struct cluster_packet packet = cluster_packet_of(&sends[i].message);
            packet.after = after;
            cluster_packets_add(&member->waiting, packet);
        }
    }
}

static void carry_out(struct cluster *cluster, struct cluster_member *member)
{
    struct order_effects *effects = &member->effects;
    cluster_trace_commit(cluster, member);
    for (uint32_t i = 0; i < effects->raft.persist_count; i++) {
        write_record(member, &effects->raft.persists[i]);
        if (effects->raft.persists[i].kind == RAFT_PERSIST_ENTRY) {
            cluster_trace_append(cluster, member, effects->raft.persists[i].entry);
        }
    }
    send_all(cluster, member, effects->raft.sends, effects->raft.send_count);
    send_all(cluster, member, effects->sends, effects->send_count);
    for (uint32_t i = 0; i < effects->raft.chunk_wanted_count; i++) {
        send_chunk(cluster, member, &effects->raft.chunks_wanted[i].message);
    }
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        const struct order_delivery *delivery = &effects->deliveries[i];
        check_delivery(cluster, member, delivery);
        cluster_trace_delivery(cluster, member, delivery);
        add_delivery(member, (struct cluster_delivery){delivery->entry->id.sequence,
                                                       delivery->timestamp, cluster->now});
    }
    bool has_chunk = effects->raft.has_chunk_received;
    struct wire_snapshot_chunk chunk = effects->raft.chunk_received.chunk;
    struct kv_buffer bytes = {0};
    if (has_chunk) {
        kv_buffer_append(&bytes, chunk.bytes.data, chunk.bytes.size);
    }
    order_effects_clear(effects);
    if (has_chunk) {
        install(cluster, member, &chunk, kv_buffer_slice(&bytes));
    }
    kv_buffer_close(&bytes);
}

/* One event; false: refused. Its effects wait for the end of the batch. */
static bool step(struct cluster *cluster, struct cluster_member *member, struct order_event event)
{
    event.raft.now = cluster->now;
    event.physical.value = 1;
    if (cluster->started) {
        event.physical.value = CLUSTER_CLOCK_FIRST + cluster->now.us - cluster->epoch.us +
                               cluster->settings.skew_us[member->group.value];
    }
    enum status status = order_step(member->order, &event, &member->effects);
    member->touched = true;
    return status == STATUS_OK || status == STATUS_EXISTS;
}

static bool step_raft(struct cluster *cluster, struct cluster_member *member,
                      struct raft_event event)
{
    return step(cluster, member, (struct order_event){.kind = ORDER_EVENT_RAFT, .raft = event});
}

static void on_synced(struct cluster *cluster, struct cluster_member *member, uint32_t count)
{
    member->sync_at = KV_INSTANT_NEVER;
    member->durable_count = count;
    for (uint32_t i = 0; i < member->waiting.count;) {
        if (member->waiting.items[i].after <= count) {
            struct cluster_packet packet = cluster_packets_take(&member->waiting, i);
            cluster_post(cluster, &packet.message);
            cluster_packet_close(&packet);
        } else {
            i++;
        }
    }
    assert_true(step_raft(
        cluster, member,
        (struct raft_event){.kind = RAFT_EVENT_DURABLE, .sequence = count - member->life_begin}));
}

/* End of a batch at this moment; true: there was one. */
static bool flush_all(struct cluster *cluster)
{
    bool any = false;
    for (uint32_t node = 0; node < CLUSTER_NODES_MAX; node++) {
        struct cluster_member *member = &cluster->members[node];
        if (member->order == NULL || !member->touched) {
            continue;
        }
        any = true;
        (void)step_raft(cluster, member, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
        member->touched = false;
        carry_out(cluster, member);
        if (member->sync_at.us != KV_INSTANT_NEVER.us ||
            member->durable_count == member->record_count) {
            continue;
        }
        if (cluster->settings.sync_us == 0) {
            on_synced(cluster, member, member->record_count);
        } else {
            member->syncing_count = member->record_count;
            member->sync_at = kv_instant_add(cluster->now, cluster->settings.sync_us);
        }
    }
    return any;
}

static void flush(struct cluster *cluster)
{
    uint32_t rounds = 0;
    while (flush_all(cluster)) {
        assert_true(++rounds < ROUNDS_MAX);
    }
}

/* ---- Time ---- */

static void arrive(struct cluster *cluster, struct cluster_packet *packet)
{
    struct cluster_member *member = member_of(cluster, packet->message.to.value);
    if (member->order == NULL) {
        return;
    }
    if (packet->message.kind != WIRE_MESSAGE_REQUEST) {
        (void)step_raft(
            cluster, member,
            (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &packet->message});
        if (member->effects.raft.has_chunk_received) {
            carry_out(cluster, member); /* its bytes are the packet's */
        }
        return;
    }
    const struct wire_request *request = &packet->message.as.request;
    (void)step(cluster, member,
               (struct order_event){.kind = ORDER_EVENT_SUBMIT,
                                    .submit = {.id = request->id,
                                               .destinations = request->destinations,
                                               .floor = request->floor,
                                               .body = request->body}});
}

static kv_instant next_event(struct cluster *cluster, bool timers)
{
    kv_instant at = KV_INSTANT_NEVER;
    for (uint32_t i = 0; i < cluster->flying.count; i++) {
        at = kv_instant_min(at, cluster->flying.items[i].at);
    }
    for (uint32_t node = 0; node < CLUSTER_NODES_MAX; node++) {
        const struct cluster_member *member = &cluster->members[node];
        if (member->order != NULL) {
            at = kv_instant_min(at, member->sync_at);
            at = timers ? kv_instant_min(at, order_deadline(member->order)) : at;
        }
    }
    return at;
}

static void arrive_all(struct cluster *cluster)
{
    for (;;) {
        uint32_t best = cluster->flying.count;
        for (uint32_t i = 0; i < cluster->flying.count; i++) {
            const struct cluster_packet *packet = &cluster->flying.items[i];
            if (packet->at.us <= cluster->now.us &&
                (best == cluster->flying.count ||
                 packet->order < cluster->flying.items[best].order)) {
                best = i;
            }
        }
        if (best == cluster->flying.count) {
            return;
        }
        struct cluster_packet packet = cluster_packets_take(&cluster->flying, best);
        arrive(cluster, &packet);
        cluster_packet_close(&packet);
    }
}

static void run(struct cluster *cluster, kv_instant until, bool timers)
{
    flush(cluster);
    for (;;) {
        kv_instant at = next_event(cluster, timers);
        if (at.us > until.us) {
            break;
        }
        cluster->now = at.us > cluster->now.us ? at : cluster->now;
        arrive_all(cluster);
        for (uint32_t node = 0; node < CLUSTER_NODES_MAX; node++) {
            struct cluster_member *member = &cluster->members[node];
            if (member->order == NULL) {
                continue;
            }
            if (kv_instant_reached(member->sync_at, cluster->now)) {
                on_synced(cluster, member, member->syncing_count);
            }
            if (timers && kv_instant_reached(order_deadline(member->order), cluster->now)) {
                (void)step_raft(cluster, member, (struct raft_event){.kind = RAFT_EVENT_TICK});
            }
        }
        flush(cluster);
    }
    if (until.us != UINT64_MAX - 1) {
        cluster->now = until;
    }
}

void cluster_run(struct cluster *cluster, double delays)
{
    run(cluster, kv_instant_add(cluster->now, (uint64_t)(delays * CLUSTER_UNIT_US)), false);
}

void cluster_run_timers(struct cluster *cluster, double delays)
{
    run(cluster, kv_instant_add(cluster->now, (uint64_t)(delays * CLUSTER_UNIT_US)), true);
}

/* ---- The script ---- */

/* To the believed leaders of `to`, or to `node` alone unless it is 0. */
static void submit(struct cluster *cluster, kv_message_id id, kv_group_set destinations,
                   kv_group_set to, uint32_t node)
{
    uint8_t body = (uint8_t)('a' + (id.sequence - 1) % 26);
    struct wire_message message = {.kind = WIRE_MESSAGE_REQUEST};
    message.as.request = (struct wire_request){.id = id,
                                               .mode = WIRE_REQUEST_ORDERED,
                                               .destinations = destinations,
                                               .floor = cluster->floor,
                                               .body = kv_slice_of(&body, 1)};
    for (uint16_t g = 1; g <= cluster->settings.groups; g++) {
        if (kv_group_set_has(to, (kv_group_id){g})) {
            message.group.value = g;
            message.to.value = (uint16_t)(node != 0 ? node : cluster->leaders[g]);
            cluster_post(cluster, &message);
        }
    }
}

void cluster_submit_sequence(struct cluster *cluster, uint64_t sequence, kv_group_set destinations)
{
    kv_message_id id = {.session = {{{SESSION}, {0}}}, .sequence = sequence};
    cluster_room_for(cluster, sequence);
    if (cluster->submitted[sequence].us == 0) {
        cluster->submitted[sequence] = cluster->now;
    }
    submit(cluster, id, destinations, destinations, 0);
}

static kv_group_set set_of(const char *groups)
{
    kv_group_set set = {0};
    for (; *groups != '\0'; groups++) {
        set.bits |= kv_group_set_of((kv_group_id){(uint16_t)(*groups - '0')}).bits;
    }
    return set;
}

static void submit_name(struct cluster *cluster, char name, const char *destinations,
                        kv_group_set to, uint32_t node)
{
    kv_message_id id = {.session = {{{SESSION}, {0}}}, .sequence = (uint64_t)(name - 'a' + 1)};
    cluster_room_for(cluster, id.sequence);
    if (cluster->submitted[id.sequence].us == 0) {
        cluster->submitted[id.sequence] = cluster->now;
    }
    submit(cluster, id, set_of(destinations), to, node);
}

void cluster_submit_to(struct cluster *cluster, char name, const char *destinations, const char *to)
{
    submit_name(cluster, name, destinations, set_of(to), 0);
}

void cluster_submit_at(struct cluster *cluster, char name, const char *destinations, uint32_t node)
{
    submit_name(cluster, name, destinations, kv_group_set_of((kv_group_id){(uint16_t)(node / 10)}),
                node);
}

void cluster_submit(struct cluster *cluster, char name, const char *destinations)
{
    cluster_submit_to(cluster, name, destinations, destinations);
}

void cluster_set_floor(struct cluster *cluster, uint64_t floor)
{
    cluster->floor = floor;
}

void cluster_elect(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = member_of(cluster, node);
    const struct raft *raft = order_raft(member->order);
    struct wire_message message = {.kind = WIRE_MESSAGE_TIMEOUT_NOW,
                                   .group = member->group,
                                   .from = raft_leader(raft),
                                   .to = member->node};
    message.as.timeout_now.term = raft_term(raft);
    (void)step_raft(cluster, member,
                    (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &message});
    cluster->leaders[member->group.value] = node;
}

void cluster_crash(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = member_of(cluster, node);
    while (member->record_count > member->durable_count) {
        wire_entry_drop(&member->records[--member->record_count].entry);
    }
    cluster_packets_close(&member->waiting);
    order_effects_clear(&member->effects);
    order_destroy(&member->order);
    member->touched = false;
}

void cluster_restart(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = member_of(cluster, node);
    KV_ASSERT(member->order == NULL);
    start(cluster, member);
    for (uint32_t i = 0; i < member->record_count; i++) {
        assert_int_equal(order_restore(member->order, &member->records[i]), STATUS_OK);
    }
    member->delivered_count = 0;
    if (member->has_snapshot) {
        kv_slice snapshot = kv_buffer_slice(&member->snapshot);
        assert_int_equal(raft_snapshot_index(order_raft(member->order)).value,
                         member->point.index.value);
        assert_int_equal(order_load(member->order, snapshot_order(snapshot)), STATUS_OK);
        load_deliveries(member, snapshot);
    }
    member->commit_told = raft_commit(order_raft(member->order));
}

/* ---- Beginning and end ---- */

static void elect_first(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = member_of(cluster, node);
    cluster->leaders[member->group.value] = node;
    for (uint32_t i = 0; i < 10 && !raft_can_serve(order_raft(member->order)); i++) {
        kv_instant due = raft_deadline(order_raft(member->order));
        cluster->now = due.us > cluster->now.us ? due : cluster->now;
        (void)step_raft(cluster, member, (struct raft_event){.kind = RAFT_EVENT_TICK});
        run(cluster, (kv_instant){UINT64_MAX - 1}, false);
    }
    assert_true(raft_can_serve(order_raft(member->order)));
}

struct cluster *cluster_new(const struct cluster_settings *settings)
{
    struct cluster *cluster = kv_alloc_zero(1, sizeof *cluster);
    cluster->settings = *settings;
    cluster->now.us = 1000;
    cluster->view = CLUSTER_SHOW_ALL;
    kv_prng_init(&cluster->prng, 1);
    KV_ASSERT(settings->groups >= 1 && settings->groups <= CLUSTER_GROUPS_MAX);
    KV_ASSERT(settings->jitter_us < CLUSTER_UNIT_US);
    kv_group_set all = {0};
    for (uint16_t g = 0; g <= settings->groups; g++) {
        cluster->configs[g].count = CLUSTER_MEMBERS;
        all.bits |= g == 0 ? 0 : kv_group_set_of((kv_group_id){g}).bits;
        for (uint16_t m = 1; m <= CLUSTER_MEMBERS; m++) {
            cluster->configs[g].members[m - 1] =
                (struct wire_config_member){{(uint16_t)(10 * g + m)}, true};
        }
    }
    for (uint16_t g = 1; g <= settings->groups; g++) {
        for (uint16_t m = 1; m <= CLUSTER_MEMBERS; m++) {
            struct cluster_member *member = &cluster->members[10 * g + m];
            member->node.value = (uint16_t)(10 * g + m);
            member->group.value = g;
            start(cluster, member);
        }
    }
    for (uint32_t g = 1; g <= settings->groups; g++) {
        elect_first(cluster, 10 * g + 1);
    }
    if (settings->groups > 1) {
        submit(cluster, (kv_message_id){.session = {{{WARM_UP_SESSION}, {0}}}, .sequence = 30}, all,
               all, 0);
    }
    run(cluster, (kv_instant){UINT64_MAX - 1}, false);
    cluster->epoch = cluster->now;
    cluster->started = true;
    memset(cluster->sent, 0, sizeof cluster->sent);
    return cluster;
}

void cluster_free(struct cluster **cluster)
{
    struct cluster *freed = *cluster;
    for (uint32_t node = 0; node < CLUSTER_NODES_MAX; node++) {
        struct cluster_member *member = &freed->members[node];
        for (uint32_t i = 0; i < member->record_count; i++) {
            wire_entry_drop(&member->records[i].entry);
        }
        kv_free(member->records);
        kv_free(member->delivered);
        kv_buffer_close(&member->snapshot);
        cluster_packets_close(&member->waiting);
        order_effects_close(&member->effects);
        order_destroy(&member->order);
    }
    for (uint32_t g = 0; g <= CLUSTER_GROUPS_MAX; g++) {
        kv_free(freed->sequence_of[g]);
    }
    cluster_packets_close(&freed->flying);
    cluster_packets_close(&freed->held);
    kv_buffer_close(&freed->text);
    kv_free(freed->submitted);
    kv_free(freed->finals);
    kv_free(freed);
    *cluster = NULL;
}

/* ---- Questions ---- */

const char *cluster_delivered(struct cluster *cluster, uint32_t node)
{
    const struct cluster_member *member = member_of(cluster, node);
    uint32_t count = 0;
    for (uint32_t i = 0; i < member->delivered_count; i++) {
        uint64_t sequence = member->delivered[i].sequence;
        if (sequence <= 26 && count + 1 < sizeof cluster->letters) {
            cluster->letters[count++] = (char)('a' + sequence - 1);
        }
    }
    cluster->letters[count] = '\0';
    return cluster->letters;
}

double cluster_latency(struct cluster *cluster, uint32_t node, uint64_t sequence)
{
    const struct cluster_member *member = member_of(cluster, node);
    for (uint32_t i = member->delivered_count; i > 0; i--) {
        const struct cluster_delivery *delivery = &member->delivered[i - 1];
        if (delivery->sequence == sequence) {
            return (double)(delivery->at.us - cluster->submitted[sequence].us) / CLUSTER_UNIT_US;
        }
    }
    return -1;
}

struct order *cluster_order(struct cluster *cluster, uint32_t node)
{
    return member_of(cluster, node)->order;
}

uint32_t cluster_leader(struct cluster *cluster, uint32_t group)
{
    return cluster->leaders[group];
}

uint32_t cluster_entries(struct cluster *cluster, uint32_t node, int kind, char name)
{
    const struct raft *raft = order_raft(cluster_order(cluster, node));
    uint32_t count = 0;
    for (uint64_t i = raft_snapshot_index(raft).value + 1; i <= raft_last(raft).value; i++) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        count += (int)entry->kind == kind && cluster_is_scripted(entry->id) &&
                         entry->id.sequence == (uint64_t)(name - 'a' + 1)
                     ? 1
                     : 0;
    }
    return count;
}
