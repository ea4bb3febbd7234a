/* SPDX-License-Identifier: Apache-2.0 */
/* raft_cluster: see raft_cluster.h. Effects and time here, checks in raft_cluster_check.c. */
#include "tests/unit/raft/raft_cluster_internal.h"

#include <string.h>

/* Time for an election under any faults that a test leaves on: some rounds of split votes. */
#define CLUSTER_ELECT_US_MAX (60u * CLUSTER_ELECTION_US)

/* Content of every snapshot: the bytes of snapshot i begin at pattern[i % 251]. */
static uint8_t cluster_pattern[256 + CLUSTER_SNAPSHOT_SIZE];

const uint8_t *cluster_snapshot_bytes(kv_index index)
{
    return cluster_pattern + index.value % 251;
}

struct wire_config cluster_config(uint32_t voters, uint32_t learners)
{
    struct wire_config config = {.count = voters + learners};
    for (uint32_t i = 0; i < config.count; i++) {
        config.members[i].node.value = (uint16_t)(i + 1);
        config.members[i].voter = i < voters;
    }
    return config;
}

wire_tag cluster_tag(const struct cluster *cluster, uint32_t node)
{
    uint64_t tag = node * UINT64_C(1000) + cluster->members[node].directory + 1;
    return (wire_tag){cluster->options.roll_calls ? tag : 0};
}

static void cluster_start(struct cluster *cluster, uint32_t node)
{
    struct raft_settings settings = {.group = {CLUSTER_GROUP},
                                     .self = {(uint16_t)node},
                                     .election_timeout_us = CLUSTER_ELECTION_US,
                                     .heartbeat_us = CLUSTER_HEARTBEAT_US,
                                     .news_us = cluster->options.news_us,
                                     .seed = cluster->options.seed + cluster->order,
                                     .tag = cluster_tag(cluster, node),
                                     .bootstrap = cluster->bootstrap,
                                     .trace = &cluster->trace};
    struct cluster_member *member = &cluster->members[node];
    member->raft = raft_new(&settings, cluster->now);
    member->life_begin = member->record_count;
    member->sync_at = KV_INSTANT_NEVER;
    member->commit = (kv_index){0};
    member->incoming = (kv_index){0};
    member->received = 0;
}

void cluster_open(struct cluster *cluster, const struct cluster_options *options)
{
    memset(cluster, 0, sizeof *cluster);
    for (size_t i = 0; i < sizeof cluster_pattern; i++) {
        cluster_pattern[i] = (uint8_t)(i * i + i / 7);
    }
    cluster->options = *options;
    cluster->trace.level = options->trace;
    kv_prng_init(&cluster->prng, options->seed);
    cluster->bootstrap = cluster_config(options->voters, options->learners);
    cluster->node_count = options->voters + options->learners + options->spare;
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        cluster->members[node].disk = kv_alloc_zero(1, sizeof(struct cluster_disk));
        cluster_start(cluster, node);
    }
}

void cluster_open_plain(struct cluster *cluster, uint32_t voters, uint64_t sync_us)
{
    struct cluster_options options = {.voters = voters,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000,
                                      .sync_us = sync_us};
    cluster_open(cluster, &options);
}

static void cluster_message_close(struct cluster_message *message)
{
    if (message->kind == WIRE_MESSAGE_APPEND) {
        for (uint32_t i = 0; i < message->as.append.count; i++) {
            wire_entry_drop(&message->as.append.entries[i]);
        }
        kv_free(message->as.append.entries);
    }
}

void cluster_drop_all(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->bag_count; i++) {
        cluster_message_close(&cluster->bag[i]);
    }
    cluster->bag_count = 0;
}

static void cluster_drop_held(struct cluster_member *member)
{
    for (uint32_t i = 0; i < member->held_count; i++) {
        cluster_message_close(&member->held[i].message);
    }
    member->held_count = 0;
}

void cluster_close(struct cluster *cluster)
{
    cluster_drop_all(cluster);
    kv_free(cluster->bag);
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        struct cluster_member *member = &cluster->members[node];
        cluster_drop_held(member);
        kv_free(member->held);
        for (uint32_t i = 0; i < member->record_count; i++) {
            wire_entry_drop(&member->records[i].persist.entry);
        }
        kv_free(member->records);
        kv_free(member->disk);
        raft_effects_close(&member->effects);
        raft_destroy(&member->raft);
    }
    trace_close(&cluster->trace);
}

static struct cluster_message cluster_message_of(const struct wire_message *from)
{
    struct cluster_message message = {
        .kind = from->kind, .group = from->group, .from = from->from, .to = from->to};
    switch ((int)from->kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
        message.as.vote_request = from->as.vote_request;
        break;
    case WIRE_MESSAGE_VOTE_REPLY:
        message.as.vote_reply = from->as.vote_reply;
        break;
    case WIRE_MESSAGE_APPEND:
        message.as.append = from->as.append;
        message.as.append.entries =
            kv_alloc((from->as.append.count + 1) * sizeof(struct wire_entry *));
        for (uint32_t i = 0; i < from->as.append.count; i++) {
            message.as.append.entries[i] = wire_entry_keep(from->as.append.entries[i]);
        }
        break;
    case WIRE_MESSAGE_APPEND_REPLY:
        message.as.append_reply = from->as.append_reply;
        break;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        message.as.snapshot_chunk = from->as.snapshot_chunk;
        break;
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
        message.as.snapshot_reply = from->as.snapshot_reply;
        break;
    case WIRE_MESSAGE_TIMEOUT_NOW:
        message.as.timeout_now = from->as.timeout_now;
        break;
    case WIRE_MESSAGE_ROLL_CALL:
        message.as.roll_call = from->as.roll_call;
        break;
    case WIRE_MESSAGE_ROLL_REPLY:
        message.as.roll_reply = from->as.roll_reply;
        break;
    case WIRE_MESSAGE_ADMITTED:
        message.as.admitted = from->as.admitted;
        break;
    default:
        KV_UNREACHABLE();
    }
    return message;
}

static void cluster_message_to(const struct cluster_message *from, struct wire_message *ret)
{
    ret->kind = from->kind;
    ret->group = from->group;
    ret->from = from->from;
    ret->to = from->to;
    memcpy(&ret->as, &from->as, sizeof from->as);
}

static struct cluster_message cluster_message_copy(const struct cluster_message *from)
{
    static struct wire_message scratch;
    cluster_message_to(from, &scratch);
    return cluster_message_of(&scratch);
}

/* Into the bag, or lost, or twice. Takes the message over. */
static void cluster_post(struct cluster *cluster, struct cluster_message message)
{
    const struct cluster_options *options = &cluster->options;
    if (cluster->cut[message.from.value][message.to.value] ||
        message.to.value > cluster->node_count ||
        kv_prng_chance(&cluster->prng, options->drop_permille, 1000)) {
        cluster_message_close(&message);
        return;
    }
    if (kv_prng_chance(&cluster->prng, options->duplicate_permille, 1000)) {
        struct cluster_message twin = cluster_message_copy(&message);
        uint32_t duplicate_permille = options->duplicate_permille;
        cluster->options.duplicate_permille = 0;
        cluster_post(cluster, twin);
        cluster->options.duplicate_permille = duplicate_permille;
    }
    if (cluster->bag_count == cluster->bag_capacity) {
        cluster->bag_capacity = cluster->bag_capacity == 0 ? 64 : cluster->bag_capacity * 2;
        cluster->bag = kv_realloc(cluster->bag, cluster->bag_capacity * sizeof *cluster->bag);
    }
    message.at = kv_instant_add(cluster->now, kv_prng_between(&cluster->prng, options->delay_min_us,
                                                              options->delay_max_us));
    message.order = cluster->order++;
    cluster->bag[cluster->bag_count++] = message;
}

static void cluster_release_held(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = &cluster->members[node];
    uint32_t left = 0;
    for (uint32_t i = 0; i < member->held_count; i++) {
        if (member->held[i].durable_count <= member->durable_count) {
            cluster_check_promise(cluster, node, &member->held[i].message);
            cluster_post(cluster, member->held[i].message);
        } else {
            member->held[left++] = member->held[i];
        }
    }
    member->held_count = left;
}

static void cluster_write(struct cluster_member *member, const struct raft_persist *persist)
{
    if (member->record_count == member->record_capacity) {
        member->record_capacity = member->record_capacity == 0 ? 64 : member->record_capacity * 2;
        member->records =
            kv_realloc(member->records, member->record_capacity * sizeof *member->records);
    }
    struct cluster_record *record = &member->records[member->record_count++];
    record->persist = *persist;
    if (persist->entry != NULL) {
        (void)wire_entry_keep(persist->entry);
    }
}

static void cluster_send(struct cluster *cluster, uint32_t node, const struct raft_send *send)
{
    struct cluster_member *member = &cluster->members[node];
    struct cluster_message message = cluster_message_of(&send->message);
    uint32_t durable_count = send->after == 0 ? 0 : member->life_begin + (uint32_t)send->after;
    if (durable_count <= member->durable_count) {
        cluster_check_promise(cluster, node, &message);
        cluster_post(cluster, message);
        return;
    }
    if (member->held_count == member->held_capacity) {
        member->held_capacity = member->held_capacity == 0 ? 16 : member->held_capacity * 2;
        member->held = kv_realloc(member->held, member->held_capacity * sizeof *member->held);
    }
    member->held[member->held_count++] = (struct cluster_held){message, durable_count};
}

static void cluster_send_chunk(struct cluster *cluster, const struct wire_message *wanted)
{
    struct cluster_message message = cluster_message_of(wanted);
    struct wire_snapshot_chunk *chunk = &message.as.snapshot_chunk;
    uint64_t left = CLUSTER_SNAPSHOT_SIZE - chunk->offset;
    chunk->total = CLUSTER_SNAPSHOT_SIZE;
    chunk->bytes.data = cluster_snapshot_bytes(chunk->index) + chunk->offset;
    chunk->bytes.size = left < CLUSTER_CHUNK_SIZE ? left : CLUSTER_CHUNK_SIZE;
    cluster->pieces++;
    cluster_post(cluster, message);
}

/* Store a piece of a snapshot; install it when it is complete. */
static struct raft_event cluster_store_chunk(struct cluster *cluster, uint32_t node,
                                             const struct raft_chunk_received *received,
                                             struct raft_snapshot_point *point)
{
    struct cluster_member *member = &cluster->members[node];
    const struct wire_snapshot_chunk *chunk = &received->chunk;
    *point =
        (struct raft_snapshot_point){chunk->index, chunk->index_term, chunk->reach, chunk->config};
    cluster_check_chunk(cluster, node, chunk);
    if (chunk->offset == 0) {
        member->incoming = chunk->index;
        member->received = 0;
    }
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_RECEIVED, .point = point};
    if (member->incoming.value == chunk->index.value && member->received == chunk->offset) {
        member->received += chunk->bytes.size;
        if (member->received == chunk->total &&
            raft_commit(member->raft).value < chunk->index.value) {
            cluster->snapshots_installed++;
            member->commit = chunk->index;
            event.kind = RAFT_EVENT_SNAPSHOT_INSTALLED;
        }
    } else {
        member->received = 0; /* bytes of another snapshot: begin again */
    }
    event.offset = member->received;
    return event;
}

static void cluster_carry_out(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = &cluster->members[node];
    struct raft_effects *effects = &member->effects;
    for (uint32_t i = 0; i < effects->persist_count; i++) {
        cluster_write(member, &effects->persists[i]);
    }
    for (uint32_t i = 0; i < effects->send_count; i++) {
        cluster_send(cluster, node, &effects->sends[i]);
    }
    for (uint32_t i = 0; i < effects->chunk_wanted_count; i++) {
        cluster_send_chunk(cluster, &effects->chunks_wanted[i].message);
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        cluster_check_read(cluster, node, &effects->reads[i]);
    }
    bool has_chunk = effects->has_chunk_received;
    struct raft_chunk_received chunk = effects->chunk_received;
    raft_effects_clear(effects);
    cluster_check_member(cluster, node);

    if (has_chunk) {
        struct raft_snapshot_point point;
        struct raft_event event = cluster_store_chunk(cluster, node, &chunk, &point);
        (void)cluster_step(cluster, node, event);
    }
    if (member->sync_at.us == KV_INSTANT_NEVER.us && member->durable_count < member->record_count) {
        if (cluster->options.sync_us == 0) {
            cluster_sync(cluster, node);
        } else if (cluster->options.sync_us != UINT64_MAX) {
            member->syncing_count = member->record_count;
            member->sync_at = kv_instant_add(cluster->now, cluster->options.sync_us);
        }
    }
}

enum status cluster_step(struct cluster *cluster, uint32_t node, struct raft_event event)
{
    struct cluster_member *member = &cluster->members[node];
    event.now = cluster->now;
    enum status status = raft_step(member->raft, &event, &member->effects);
    struct raft_event flush = {.kind = RAFT_EVENT_FLUSH, .now = cluster->now};
    KV_ASSERT(raft_step(member->raft, &flush, &member->effects) == STATUS_OK);
    cluster_carry_out(cluster, node);
    return status;
}

enum status cluster_propose(struct cluster *cluster, uint32_t node, uint64_t value)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of(&value, sizeof value));
    entry->id.sequence = value;
    entry->reach.value = raft_tail_reach(cluster->members[node].raft).value + 1;
    enum status status = cluster_step(
        cluster, node, (struct raft_event){.kind = RAFT_EVENT_PROPOSE, .entry = entry});
    wire_entry_drop(&entry);
    return status;
}

enum status cluster_change(struct cluster *cluster, uint32_t node, const struct wire_config *config)
{
    return cluster_step(cluster, node,
                        (struct raft_event){.kind = RAFT_EVENT_CHANGE, .config = config});
}

enum status cluster_read(struct cluster *cluster, uint32_t node)
{
    uint64_t token = cluster->read_count++;
    KV_ASSERT(token < CLUSTER_READS_MAX);
    cluster->read_floor[token] = cluster->committed_last;
    return cluster_step(cluster, node,
                        (struct raft_event){.kind = RAFT_EVENT_READ, .token = token});
}

enum status cluster_transfer(struct cluster *cluster, uint32_t node, uint32_t target)
{
    return cluster_step(
        cluster, node,
        (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .node = {(uint16_t)target}});
}

void cluster_snapshot(struct cluster *cluster, uint32_t node)
{
    struct raft *raft = cluster->members[node].raft;
    if (raft_commit(raft).value > raft_snapshot_index(raft).value) {
        cluster_sync(cluster, node); /* rule 28: the log is durable up to a snapshot of it */
        struct raft_snapshot_point point = raft_snapshot_point_at(raft, raft_commit(raft));
        (void)cluster_step(cluster, node,
                           (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &point});
    }
}

void cluster_inject(struct cluster *cluster, const struct wire_message *message)
{
    (void)cluster_step(cluster, message->to.value,
                       (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = message});
}

static void cluster_sync_to(struct cluster *cluster, uint32_t node, uint32_t count)
{
    struct cluster_member *member = &cluster->members[node];
    while (member->durable_count < count) {
        cluster_disk_apply(member->disk, &member->records[member->durable_count++].persist);
    }
    member->sync_at = KV_INSTANT_NEVER;
    cluster_release_held(cluster, node);
    if (count > member->life_begin) {
        (void)cluster_step(cluster, node,
                           (struct raft_event){.kind = RAFT_EVENT_DURABLE,
                                               .sequence = count - member->life_begin});
    }
}

void cluster_sync(struct cluster *cluster, uint32_t node)
{
    cluster_sync_to(cluster, node, cluster->members[node].record_count);
}

static void cluster_deliver(struct cluster *cluster, uint32_t position)
{
    static struct wire_message message;
    struct cluster_message taken = cluster->bag[position];
    cluster->bag[position] = cluster->bag[--cluster->bag_count];
    cluster_message_to(&taken, &message);
    if (cluster->members[taken.to.value].raft != NULL &&
        !cluster->cut[taken.from.value][taken.to.value]) {
        (void)cluster_step(cluster, taken.to.value,
                           (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &message});
    }
    cluster_message_close(&taken);
}

/* Position of the message that is due first; bag_count if there is none. */
static uint32_t cluster_first_message(const struct cluster *cluster)
{
    uint32_t best = cluster->bag_count;
    for (uint32_t i = 0; i < cluster->bag_count; i++) {
        const struct cluster_message *message = &cluster->bag[i];
        if (best == cluster->bag_count || message->at.us < cluster->bag[best].at.us ||
            (message->at.us == cluster->bag[best].at.us &&
             message->order < cluster->bag[best].order)) {
            best = i;
        }
    }
    return best;
}

static void cluster_advance(struct cluster *cluster, kv_instant at)
{
    cluster->now = at.us > cluster->now.us ? at : cluster->now;
}

/* Do what is due first, if that is at `until` or before. */
static bool cluster_run_one(struct cluster *cluster, kv_instant until, bool ticks)
{
    uint32_t position = cluster_first_message(cluster);
    kv_instant at = position < cluster->bag_count ? cluster->bag[position].at : KV_INSTANT_NEVER;
    uint32_t sync = 0;
    uint32_t tick = 0;
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        const struct cluster_member *member = &cluster->members[node];
        if (member->raft != NULL && member->sync_at.us < at.us) {
            at = member->sync_at;
            sync = node;
        }
    }
    for (uint32_t node = 1; node <= cluster->node_count && ticks; node++) {
        const struct cluster_member *member = &cluster->members[node];
        if (member->raft != NULL && raft_deadline(member->raft).us < at.us) {
            at = raft_deadline(member->raft);
            tick = node;
        }
    }
    if (at.us == KV_INSTANT_NEVER.us || at.us > until.us) {
        return false;
    }
    cluster_advance(cluster, at);
    if (tick != 0) {
        (void)cluster_step(cluster, tick, (struct raft_event){.kind = RAFT_EVENT_TICK});
    } else if (sync != 0) {
        cluster_sync_to(cluster, sync, cluster->members[sync].syncing_count);
    } else {
        cluster_deliver(cluster, position);
    }
    return true;
}

void cluster_run(struct cluster *cluster, uint64_t us)
{
    kv_instant until = kv_instant_add(cluster->now, us);
    while (cluster_run_one(cluster, until, true /* ticks */)) {
    }
    cluster_advance(cluster, until);
}

void cluster_settle(struct cluster *cluster)
{
    while (cluster_run_one(cluster, (kv_instant){UINT64_MAX - 1}, false /* ticks */)) {
    }
}

void cluster_tick(struct cluster *cluster, uint32_t node)
{
    cluster_advance(cluster, raft_deadline(cluster->members[node].raft));
    (void)cluster_step(cluster, node, (struct raft_event){.kind = RAFT_EVENT_TICK});
}

void cluster_crash(struct cluster *cluster, uint32_t node, uint32_t kept)
{
    struct cluster_member *member = &cluster->members[node];
    uint32_t lost = member->record_count - member->durable_count;
    uint32_t count = member->durable_count + (kept < lost ? kept : lost);
    for (uint32_t i = count; i < member->record_count; i++) {
        wire_entry_drop(&member->records[i].persist.entry);
    }
    member->record_count = count;
    while (member->durable_count < count) {
        cluster_disk_apply(member->disk, &member->records[member->durable_count++].persist);
    }
    cluster_drop_held(member);
    raft_effects_clear(&member->effects);
    raft_destroy(&member->raft);
}

void cluster_empty(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = &cluster->members[node];
    KV_ASSERT(member->raft == NULL);
    for (uint32_t i = 0; i < member->record_count; i++) {
        wire_entry_drop(&member->records[i].persist.entry);
    }
    member->record_count = member->durable_count = 0;
    memset(member->disk, 0, sizeof *member->disk);
    member->directory++;
}

void cluster_restart(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = &cluster->members[node];
    KV_ASSERT(member->raft == NULL);
    cluster->order++; /* another seed */
    cluster_start(cluster, node);
    for (uint32_t i = 0; i < member->record_count; i++) {
        KV_ASSERT(raft_restore(member->raft, &member->records[i].persist) == STATUS_OK);
    }
    member->commit = raft_commit(member->raft);
    cluster_check_restored(cluster, node);
}

struct wire_entry *cluster_entry(uint64_t index, uint64_t term)
{
    uint64_t value = index * 1000 + term;
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of(&value, sizeof value));
    entry->index.value = index;
    entry->term.value = term;
    entry->reach.value = index * 10;
    entry->id.sequence = value;
    return entry;
}

void cluster_preset(struct cluster *cluster, uint32_t node, uint64_t term, const uint64_t *terms,
                    uint32_t count)
{
    struct cluster_member *member = &cluster->members[node];
    cluster_crash(cluster, node, UINT32_MAX);
    for (uint32_t i = 0; i < member->record_count; i++) {
        wire_entry_drop(&member->records[i].persist.entry);
    }
    member->record_count = 0;
    member->durable_count = 0;
    *member->disk = (struct cluster_disk){0};
    cluster_write(member, &(struct raft_persist){.kind = RAFT_PERSIST_HARD_STATE, .term = {term}});
    for (uint32_t i = 0; i < count; i++) {
        struct raft_persist persist = {.kind = RAFT_PERSIST_ENTRY,
                                       .entry = cluster_entry(i + 1, terms[i])};
        cluster_write(member, &persist);
        wire_entry_drop(&persist.entry);
    }
    while (member->durable_count < member->record_count) {
        cluster_disk_apply(member->disk, &member->records[member->durable_count++].persist);
    }
    cluster_restart(cluster, node);
}

struct wire_message *cluster_forge(enum wire_message_kind kind, uint32_t from, uint32_t to)
{
    static struct wire_message message;
    memset(&message, 0, sizeof message);
    message.kind = kind;
    message.group.value = CLUSTER_GROUP;
    message.from.value = (uint16_t)from;
    message.to.value = (uint16_t)to;
    return &message;
}

void cluster_inject_append(struct cluster *cluster, uint32_t from, uint32_t to,
                           const struct wire_append *append, const uint64_t *terms)
{
    struct wire_entry *entries[KV_APPEND_ENTRIES_MAX];
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND, from, to);
    message->as.append = *append;
    message->as.append.entries = entries;
    for (uint32_t i = 0; i < append->count; i++) {
        entries[i] = cluster_entry(append->previous_index.value + 1 + i, terms[i]);
    }
    cluster_inject(cluster, message);
    for (uint32_t i = 0; i < append->count; i++) {
        wire_entry_drop(&entries[i]);
    }
}

void cluster_isolate(struct cluster *cluster, uint32_t node, bool cut)
{
    for (uint32_t other = 1; other <= cluster->node_count; other++) {
        cluster->cut[node][other] = cut && other != node;
        cluster->cut[other][node] = cut && other != node;
    }
}

void cluster_heal(struct cluster *cluster)
{
    memset(cluster->cut, 0, sizeof cluster->cut);
}

const struct cluster_message *cluster_find(const struct cluster *cluster,
                                           enum wire_message_kind kind, uint32_t to)
{
    for (uint32_t i = 0; i < cluster->bag_count; i++) {
        if (cluster->bag[i].kind == kind && cluster->bag[i].to.value == to) {
            return &cluster->bag[i];
        }
    }
    return NULL;
}

uint32_t cluster_count(const struct cluster *cluster, enum wire_message_kind kind, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < cluster->bag_count; i++) {
        count += cluster->bag[i].kind == kind && cluster->bag[i].to.value == to ? 1 : 0;
    }
    return count;
}

uint32_t cluster_leader(const struct cluster *cluster)
{
    uint32_t leader = 0;
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        const struct raft *raft = cluster->members[node].raft;
        if (raft != NULL && raft_role(raft) == RAFT_LEADER &&
            (leader == 0 ||
             raft_term(raft).value > raft_term(cluster->members[leader].raft).value)) {
            leader = node;
        }
    }
    return leader;
}

uint32_t cluster_elect(struct cluster *cluster)
{
    kv_instant until = kv_instant_add(cluster->now, CLUSTER_ELECT_US_MAX);
    while (cluster->now.us < until.us) {
        uint32_t leader = cluster_leader(cluster);
        if (leader != 0 && raft_can_serve(cluster->members[leader].raft)) {
            return leader;
        }
        cluster_run(cluster, CLUSTER_HEARTBEAT_US / 4);
    }
    cluster_fail(cluster, "nobody was elected");
    return 0;
}

void cluster_make_leader(struct cluster *cluster, uint32_t node)
{
    cluster_tick(cluster, node);
    cluster_settle(cluster);
    if (raft_role(cluster->members[node].raft) != RAFT_LEADER) {
        cluster_fail(cluster, "the chosen one was not elected");
    }
}

struct raft *cluster_raft(struct cluster *cluster, uint32_t node)
{
    return cluster->members[node].raft;
}

const char *cluster_take_trace(struct cluster *cluster)
{
    struct kv_buffer *text = &cluster->trace.text;
    kv_buffer_append(text, "", 1);
    kv_buffer_clear(text);
    return (const char *)text->data;
}
