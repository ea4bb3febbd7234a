/* SPDX-License-Identifier: Apache-2.0 */
/* wire_random: makes random structs; wire_equal.c compares them. */
#include "tests/unit/wire/wire_random.h"

#include <stdlib.h>
#include <string.h>

#include "multicast/wire/footprint.h"

#define POOL_BYTES (KV_BODY_BYTES_MAX + 4096)

const enum wire_message_kind WIRE_RANDOM_KINDS[] = {
#define X(NAME, name, number, from, to, purpose) WIRE_MESSAGE_##NAME,
    WIRE_MESSAGE_MAP(X)
#undef X
};
const size_t WIRE_RANDOM_KIND_COUNT = sizeof WIRE_RANDOM_KINDS / sizeof WIRE_RANDOM_KINDS[0];

void wire_random_init(struct wire_random *random, uint64_t seed)
{
    *random = (struct wire_random){0};
    kv_prng_init(&random->prng, seed);
    random->pool = kv_alloc(POOL_BYTES);
    for (size_t i = 0; i < POOL_BYTES; i += sizeof(uint64_t)) {
        uint64_t bits = kv_prng_next(&random->prng);
        memcpy(random->pool + i, &bits, sizeof bits);
    }
    random->entries = kv_alloc(KV_APPEND_ENTRIES_MAX * sizeof(struct wire_entry *));
    random->nodes = kv_alloc(KV_NODES_MAX * sizeof(struct wire_node));
    random->groups = kv_alloc(KV_GROUPS_MAX * sizeof(struct wire_group));
    random->members = kv_alloc(KV_GROUPS_MAX * sizeof(struct wire_member_status));
}

static void drop_entries(struct wire_random *random)
{
    for (uint32_t i = 0; i < random->entry_count; i++) {
        wire_entry_drop(&random->entries[i]);
    }
    random->entry_count = 0;
}

void wire_random_close(struct wire_random *random)
{
    kv_buffer_close(&random->changes);
    drop_entries(random);
    kv_buffer_close(&random->changes);
    kv_free(random->pool);
    kv_free(random->entries);
    kv_free(random->nodes);
    kv_free(random->groups);
    kv_free(random->members);
    *random = (struct wire_random){0};
}

uint64_t wire_random_number(struct wire_random *random, uint64_t max)
{
    static const uint64_t edges[] = {0,          1,
                                     2,          15,
                                     16,         31,
                                     32,         127,
                                     128,        255,
                                     256,        32767,
                                     32768,      65535,
                                     65536,      INT32_MAX,
                                     UINT32_MAX, UINT64_C(1) << 32,
                                     INT64_MAX,  UINT64_MAX - 1,
                                     UINT64_MAX};
    uint64_t number;
    switch (kv_prng_below(&random->prng, 4)) {
    case 0:
        number = edges[kv_prng_below(&random->prng, sizeof edges / sizeof edges[0])];
        break;
    case 1:
        number = max - kv_prng_below(&random->prng, 2);
        break;
    case 2:
        number = kv_prng_next(&random->prng) >> kv_prng_below(&random->prng, 64);
        break;
    default:
        number = kv_prng_below(&random->prng, 200);
        break;
    }
    if (number <= max) {
        return number;
    }
    return max == UINT64_MAX ? number : number % (max + 1);
}

kv_slice wire_random_bytes(struct wire_random *random, size_t max)
{
    /* Large ones now and then only: they are slow and rarely teach anything new. */
    size_t usual = kv_prng_chance(&random->prng, 1, 50) ? max : 300;
    size_t size = wire_random_number(random, max < usual ? max : usual);
    return kv_slice_of(random->pool + kv_prng_below(&random->prng, POOL_BYTES - size), size);
}

static uint64_t any64(struct wire_random *random)
{
    return wire_random_number(random, UINT64_MAX);
}

static uint32_t any32(struct wire_random *random)
{
    return (uint32_t)wire_random_number(random, UINT32_MAX);
}

static uint16_t any16(struct wire_random *random)
{
    return (uint16_t)wire_random_number(random, UINT16_MAX);
}

static bool any_bool(struct wire_random *random)
{
    return kv_prng_chance(&random->prng, 1, 2);
}

static kv_group_id any_group(struct wire_random *random)
{
    return (kv_group_id){(uint16_t)wire_random_number(random, KV_GROUPS_MAX - 1)};
}

static kv_node_id any_node(struct wire_random *random)
{
    return (kv_node_id){(uint16_t)wire_random_number(random, KV_NODES_MAX)};
}

static kv_timestamp any_timestamp(struct wire_random *random)
{
    return (kv_timestamp){{any64(random)}, any_group(random)};
}

static kv_message_id any_id(struct wire_random *random)
{
    return (kv_message_id){{any_timestamp(random)}, any64(random), any32(random)};
}

void wire_random_config(struct wire_random *random, struct wire_config *ret)
{
    ret->count = (uint32_t)kv_prng_between(&random->prng, 1, KV_MEMBERS_MAX);
    uint16_t node = (uint16_t)kv_prng_between(&random->prng, 1, KV_NODES_MAX);
    uint16_t step = (uint16_t)kv_prng_between(&random->prng, 1, 20);
    for (uint32_t i = 0; i < ret->count; i++) {
        ret->members[i].node.value = node;
        ret->members[i].voter = i == 0 || any_bool(random);
        node = (uint16_t)(1 + (node - 1 + step) % KV_NODES_MAX); /* 9 * 20 < 192: distinct */
    }
}

struct wire_entry *wire_random_entry(struct wire_random *random, kv_index index)
{
    static const enum wire_entry_kind kinds[] = {
#define X(name, number, purpose) WIRE_ENTRY_##name,
        WIRE_ENTRY_MAP(X)
#undef X
    };
    enum wire_entry_kind kind = kinds[kv_prng_below(&random->prng, sizeof kinds / sizeof kinds[0])];
    kv_slice body = wire_random_bytes(random, 4000);
    struct kv_buffer config_bytes = {0};
    if (kind == WIRE_ENTRY_CONFIG) {
        struct wire_config config;
        wire_random_config(random, &config);
        wire_config_encode(&config, &config_bytes);
        body = kv_buffer_slice(&config_bytes);
    }
    struct wire_entry *entry = wire_entry_new(kind, body);
    kv_buffer_close(&config_bytes);
    entry->term.value = any64(random);
    entry->index = index;
    entry->reach.value = any64(random);
    entry->timestamp = any_timestamp(random);
    entry->id = any_id(random);
    entry->destinations.bits = any64(random);
    entry->floor = any64(random);
    entry->source = any_group(random);
    entry->oracle.value = any64(random);
    return entry;
}

static struct wire_speaker any_speaker(struct wire_random *random)
{
    return (struct wire_speaker){any_group(random), {any64(random)}, any_node(random)};
}

static void random_append(struct wire_random *random, struct wire_append *ret)
{
    uint32_t count =
        (uint32_t)(kv_prng_chance(&random->prng, 1, 50) ? KV_APPEND_ENTRIES_MAX
                                                        : kv_prng_below(&random->prng, 20));
    ret->term.value = any64(random);
    ret->previous_index.value = wire_random_number(random, UINT64_MAX - KV_APPEND_ENTRIES_MAX);
    ret->previous_term.value = any64(random);
    ret->commit.value = any64(random);
    ret->round = any64(random);
    drop_entries(random);
    uint64_t body_bytes = 0;
    for (uint32_t i = 0; i < count && body_bytes <= KV_APPEND_BYTES_MAX; i++) {
        kv_index index = {ret->previous_index.value + 1 + i};
        random->entries[i] = wire_random_entry(random, index);
        random->entry_count++;
        body_bytes += random->entries[i]->body_size;
    }
    ret->count = random->entry_count;
    ret->entries = random->entries;
}

static void random_snapshot_chunk(struct wire_random *random, struct wire_snapshot_chunk *ret)
{
    ret->term.value = any64(random);
    ret->index.value = any64(random);
    ret->index_term.value = any64(random);
    ret->reach.value = any64(random);
    wire_random_config(random, &ret->config);
    ret->bytes = wire_random_bytes(random, KV_SNAPSHOT_CHUNK_BYTES_MAX);
    ret->digest = wire_random_number(random, UINT64_MAX);
    ret->offset = wire_random_number(random, UINT64_MAX - ret->bytes.size);
    uint64_t least = ret->offset + ret->bytes.size;
    ret->total = least + wire_random_number(random, UINT64_MAX - least);
    ret->round = any64(random);
}

static void random_welcome(struct wire_random *random, struct wire_welcome *ret)
{
    ret->version = any16(random);
    ret->cluster_name = wire_random_bytes(random, WIRE_CLUSTER_NAME_BYTES_MAX);
    ret->map_version = any64(random);
    ret->partitions = (uint32_t)kv_prng_between(&random->prng, 1, KV_GROUPS_MAX - 1);
    ret->node_count = (uint32_t)wire_random_number(random, KV_NODES_MAX);
    ret->nodes = random->nodes;
    for (uint32_t i = 0; i < ret->node_count; i++) {
        random->nodes[i].node.value = (uint16_t)kv_prng_between(&random->prng, 1, KV_NODES_MAX);
        random->nodes[i].endpoint = wire_random_bytes(random, WIRE_ENDPOINT_BYTES_MAX);
    }
    ret->group_count = (uint32_t)wire_random_number(random, KV_GROUPS_MAX);
    ret->groups = random->groups;
    for (uint32_t i = 0; i < ret->group_count; i++) {
        random->groups[i].group = any_group(random);
        wire_random_config(random, &random->groups[i].config);
        random->groups[i].leader = any_node(random);
    }
    ret->key_bytes_max = any32(random);
    ret->value_bytes_max = any32(random);
    ret->command_keys_max = any32(random);
    ret->session_outstanding_max = any32(random);
}

static void random_request(struct wire_random *random, struct wire_request *ret)
{
    ret->id = any_id(random);
    ret->mode = (enum wire_request_mode)kv_prng_between(&random->prng, WIRE_REQUEST_ORDERED,
                                                        WIRE_REQUEST_STALE);
    ret->destinations = kv_group_set_of(any_group(random));
    if (ret->mode == WIRE_REQUEST_ORDERED) {
        ret->destinations.bits |= any64(random);
    }
    ret->floor = any64(random);
    ret->budget_ms = any32(random);
    ret->body = wire_random_bytes(random, KV_BODY_BYTES_MAX);
}

static void random_workers(struct wire_random *random, struct wire_workers_reply *ret)
{
    *ret = (struct wire_workers_reply){
        .workers = (uint32_t)wire_random_number(random, KV_WORKERS_MAX),
        .automatic = any_bool(random),
        .state = (enum wire_workers_state)wire_random_number(random, WIRE_WORKERS_FEWER),
        .jobs = any64(random),
        .out = any64(random),
        .wait_us = any64(random),
        .work_us = any64(random)};
}

static void random_status_reply(struct wire_random *random, struct wire_status_reply *ret)
{
    ret->node = any_node(random);
    ret->uptime_ms = any64(random);
    ret->log_syncs = any64(random);
    ret->log_bytes = any64(random);
    ret->frames_dropped = any64(random);
    ret->disk_free = any64(random);
    ret->no_space = kv_prng_chance(&random->prng, 1, 2);
    random_workers(random, &ret->workers);
    ret->member_count = (uint32_t)wire_random_number(random, KV_GROUPS_MAX);
    ret->members = random->members;
    for (uint32_t i = 0; i < ret->member_count; i++) {
        random->members[i] = (struct wire_member_status){
            .group = any_group(random),
            .role = (enum wire_role)kv_prng_between(&random->prng, WIRE_ROLE_FOLLOWER,
                                                    WIRE_ROLE_LEARNER),
            .term = {any64(random)},
            .leader = any_node(random),
            .last = {any64(random)},
            .commit = {any64(random)},
            .applied = {any64(random)},
            .delivered = any64(random),
            .digest = any64(random),
            .keys = any64(random),
            .sessions = any64(random),
            .commands = any64(random),
            .reads = any64(random),
        };
    }
}

static kv_slice random_changes(struct wire_random *random)
{
    const uint64_t count = wire_random_number(random, 8);
    kv_buffer_clear(&random->changes);
    for (uint64_t i = 0; i < count; i++) {
        struct wire_change change = {.index = i + 1 == count ? UINT64_MAX : i + 1,
                                     .kind =
                                         any_bool(random) ? WIRE_CHANGE_PUT : WIRE_CHANGE_DELETED,
                                     .version = any_timestamp(random),
                                     .key = wire_random_bytes(random, KV_KEY_BYTES_MAX)};
        if (change.key.size == 0) {
            continue;
        }
        if (change.kind == WIRE_CHANGE_PUT) {
            change.value = wire_random_bytes(random, 1000);
        }
        wire_changes_append(&random->changes, &change);
    }
    return kv_buffer_slice(&random->changes);
}

void wire_random_message(struct wire_random *random, enum wire_message_kind kind,
                         struct wire_message *ret)
{
    ret->kind = kind;
    ret->group = any_group(random);
    ret->from = any_node(random);
    ret->to = any_node(random);
    switch (kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
        ret->as.vote_request = (struct wire_vote_request){
            {any64(random)}, {any64(random)}, {any64(random)}, any_bool(random), any_bool(random)};
        return;
    case WIRE_MESSAGE_VOTE_REPLY:
        ret->as.vote_reply =
            (struct wire_vote_reply){{any64(random)}, any_bool(random), any_bool(random)};
        return;
    case WIRE_MESSAGE_APPEND:
        random_append(random, &ret->as.append);
        return;
    case WIRE_MESSAGE_APPEND_REPLY:
        ret->as.append_reply =
            (struct wire_append_reply){{any64(random)}, any_bool(random), {any64(random)},
                                       {any64(random)}, {any64(random)},  any64(random)};
        return;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        random_snapshot_chunk(random, &ret->as.snapshot_chunk);
        return;
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
        ret->as.snapshot_reply = (struct wire_snapshot_reply){
            {any64(random)}, {any64(random)}, any64(random), any64(random)};
        return;
    case WIRE_MESSAGE_TIMEOUT_NOW:
        ret->as.timeout_now.term.value = any64(random);
        return;
    case WIRE_MESSAGE_ROLL_CALL:
        ret->as.roll_call = (struct wire_roll_call){{any64(random)}, {any64(random)}};
        return;
    case WIRE_MESSAGE_ROLL_REPLY:
        ret->as.roll_reply = (struct wire_roll_reply){
            .tag = {any64(random)},
            .asked = {any64(random)},
            .state = (enum wire_roll_state)(1 + any64(random) % 3),
            .term = {any64(random)},
            .leader = any_node(random),
            .founders = {.count = (uint32_t)(any64(random) % (KV_MEMBERS_MAX + 1))},
        };
        for (uint32_t i = 0; i < ret->as.roll_reply.founders.count; i++) {
            ret->as.roll_reply.founders.members[i] =
                (struct wire_roll_member){{(uint16_t)(1 + i)}, {any64(random)}};
        }
        return;
    case WIRE_MESSAGE_ADMITTED:
        ret->as.admitted =
            (struct wire_admitted){{any64(random)}, {any64(random)}, {any64(random)}};
        return;
    case WIRE_MESSAGE_SOFT:
        ret->as.soft = (struct wire_soft){
            .speaker = any_speaker(random),
            .id = any_id(random),
            .destinations = {any64(random) | 3}, /* at least two */
            .floor = any64(random),
            .lts = any_timestamp(random),
            .now = {any64(random)},
            .oracle = {any64(random)},
            .body = wire_random_bytes(random, KV_BODY_BYTES_MAX),
        };
        ret->as.soft.lts.group = ret->as.soft.speaker.group;
        return;
    case WIRE_MESSAGE_FIX:
        ret->as.fix = (struct wire_fix){any_speaker(random), any_id(random), any_timestamp(random)};
        return;
    case WIRE_MESSAGE_ACK:
        ret->as.ack = (struct wire_ack){any_speaker(random),
                                        any_id(random),
                                        any_timestamp(random),
                                        {any64(random)},
                                        any64(random)};
        return;
    case WIRE_MESSAGE_DONE_REQUEST:
        ret->as.done_request = (struct wire_done_request){any_speaker(random), any_id(random)};
        return;
    case WIRE_MESSAGE_DONE:
        ret->as.done = (struct wire_done){any_speaker(random), any_id(random)};
        return;
    case WIRE_MESSAGE_FORGET:
        ret->as.forget = (struct wire_forget){any_speaker(random), any_id(random)};
        return;
    case WIRE_MESSAGE_ASK:
        ret->as.ask = (struct wire_ask){any_speaker(random), any_id(random), any64(random)};
        return;
    case WIRE_MESSAGE_TELL:
        ret->as.tell = (struct wire_tell){any_speaker(random), any_id(random), any64(random),
                                          any_bool(random)};
        return;
    case WIRE_MESSAGE_SIGNAL:
        ret->as.signal =
            (struct wire_signal){.speaker = any_speaker(random),
                                 .id = any_id(random),
                                 .timestamp = any_timestamp(random),
                                 .verdict = (uint8_t)wire_random_number(random, UINT8_MAX),
                                 .payload = wire_random_bytes(random, KV_BODY_BYTES_MAX - 1)};
        return;
    case WIRE_MESSAGE_SIGNAL_REQUEST:
        ret->as.signal_request = (struct wire_signal_request){any_speaker(random), any_id(random)};
        return;
    case WIRE_MESSAGE_SIGNAL_ACK:
        ret->as.signal_ack = (struct wire_signal_ack){any_speaker(random), any_id(random)};
        return;
    case WIRE_MESSAGE_FORWARD:
        ret->as.forward =
            (struct wire_forward){.speaker = any_speaker(random),
                                  .id = any_id(random),
                                  .destinations = {any64(random)},
                                  .body = wire_random_bytes(random, KV_BODY_BYTES_MAX)};
        return;
    case WIRE_MESSAGE_HELLO:
        ret->as.hello.version_max = any16(random);
        ret->as.hello.version_min = (uint16_t)wire_random_number(random, ret->as.hello.version_max);
        return;
    case WIRE_MESSAGE_WELCOME:
        random_welcome(random, &ret->as.welcome);
        return;
    case WIRE_MESSAGE_REQUEST:
        random_request(random, &ret->as.request);
        return;
    case WIRE_MESSAGE_REPLY:
        ret->as.reply =
            (struct wire_reply){.id = any_id(random),
                                .outcome = (enum wire_outcome)kv_prng_between(
                                    &random->prng, WIRE_OUTCOME_ANSWERED, WIRE_OUTCOME_WRONG_GROUP),
                                .leader = any_node(random),
                                .timestamp = any_timestamp(random),
                                .index = {any64(random)},
                                .body = wire_random_bytes(random, KV_BODY_BYTES_MAX)};
        return;
    case WIRE_MESSAGE_STATUS_REQUEST:
        ret->as.status_request.detail = (uint8_t)wire_random_number(random, UINT8_MAX);
        return;
    case WIRE_MESSAGE_STATUS_REPLY:
        random_status_reply(random, &ret->as.status_reply);
        return;
    case WIRE_MESSAGE_TRANSFER_REQUEST:
        ret->as.transfer_request.target = any_node(random);
        return;
    case WIRE_MESSAGE_BACKUP_REQUEST:
        ret->as.backup_request =
            (struct wire_backup_request){(enum wire_backup_step)kv_prng_between(
                                             &random->prng, WIRE_BACKUP_PREPARE, WIRE_BACKUP_DROP),
                                         any64(random), any64(random)};
        return;
    case WIRE_MESSAGE_BACKUP_REPLY:
        ret->as.backup_reply = (struct wire_backup_reply){
            .state = (enum wire_backup_state)kv_prng_between(&random->prng, WIRE_BACKUP_READY,
                                                             WIRE_BACKUP_FAILED),
            .cut = any_timestamp(random),
            .total = any64(random),
            .digest = any64(random),
            .offset = any64(random),
            .bytes = wire_random_bytes(random, KV_SNAPSHOT_CHUNK_BYTES_MAX)};
        return;
    case WIRE_MESSAGE_TRANSFER_REPLY:
        ret->as.transfer_reply = (struct wire_transfer_reply){any_bool(random), any_node(random)};
        return;
    case WIRE_MESSAGE_WORKERS_REQUEST:
        ret->as.workers_request = (struct wire_workers_request){
            (enum wire_workers_change)wire_random_number(random, WIRE_WORKERS_AUTO),
            (uint32_t)wire_random_number(random, KV_WORKERS_MAX)};
        return;
    case WIRE_MESSAGE_WORKERS_REPLY:
        random_workers(random, &ret->as.workers_reply);
        return;
    case WIRE_MESSAGE_WATCH_REQUEST:
        ret->as.watch_request =
            (struct wire_watch_request){.number = any64(random),
                                        .prefix = wire_random_bytes(random, KV_KEY_BYTES_MAX),
                                        .from = any64(random),
                                        .bytes = (uint32_t)wire_random_number(random, UINT32_MAX)};
        return;
    case WIRE_MESSAGE_WATCH_REPLY:
        ret->as.watch_reply =
            (struct wire_watch_reply){.number = any64(random),
                                      .state = (enum wire_watch_state)kv_prng_between(
                                          &random->prng, WIRE_WATCH_CHANGES, WIRE_WATCH_LATER),
                                      .first = any64(random),
                                      .next = any64(random),
                                      .changes = random_changes(random)};
        return;
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
        ret->as.checkpoint_request.detail = (uint8_t)wire_random_number(random, UINT8_MAX);
        return;
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
        ret->as.checkpoint_reply.members = (uint32_t)wire_random_number(random, KV_GROUPS_MAX);
        return;
    case WIRE_MESSAGE_COMPARE:
        ret->as.compare.count = (uint32_t)wire_random_number(random, WIRE_COMPARE_SAMPLES_MAX);
        for (uint32_t i = 0; i < ret->as.compare.count; i++) {
            ret->as.compare.samples[i] = (struct wire_sample){any64(random), any64(random)};
        }
        return;
    case WIRE_MESSAGE_REFUSAL:
        ret->as.refusal =
            (struct wire_refusal){.reason = (enum wire_refusal_reason)kv_prng_between(
                                      &random->prng, WIRE_REFUSAL_VERSION, WIRE_REFUSAL_MALFORMED),
                                  .version_min = any16(random),
                                  .version_max = any16(random),
                                  .text = wire_random_bytes(random, WIRE_REFUSAL_TEXT_BYTES_MAX)};
        return;
    }
}

static int compare_keys(const void *a, const void *b)
{
    return kv_slice_compare(*(const kv_slice *)a, *(const kv_slice *)b);
}

/* Ascending, each once; returns how many are left. */
static uint32_t sort_keys(struct wire_command *command)
{
    uint32_t left = 0;
    qsort(command->keys, command->key_count, sizeof command->keys[0], compare_keys);
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (left == 0 || kv_slice_compare(command->keys[left - 1], command->keys[i]) < 0) {
            command->keys[left++] = command->keys[i];
        }
    }
    return left;
}

static void random_placement(struct wire_random *random, struct wire_command *command)
{
    const bool access = wire_op_is_access(command->op);
    if (!access && !wire_op_is_per_key(command->op) && !wire_op_is_lock(command->op)) {
        return;
    }
    if (access) {
        command->policy = (enum wire_policy)wire_random_number(random, WIRE_POLICY_BORROW);
    }
    if (command->op == WIRE_OP_CREATE || command->op == WIRE_OP_MOVE ||
        command->policy != WIRE_POLICY_EXCHANGE) {
        command->target.value = (uint16_t)(1 + wire_random_number(random, KV_GROUPS_MAX - 2));
    }
    command->exec = any_bool(random);
    if (!command->exec && any_bool(random)) {
        command->owner_count = command->key_count;
        for (uint32_t i = 0; i < command->key_count; i++) {
            command->owners[i] = (uint8_t)(1 + wire_random_number(random, KV_GROUPS_MAX - 2));
        }
    }
}

static void random_step(struct wire_random *random, bool guard, struct wire_step *ret)
{
    const uint64_t first = guard ? WIRE_GUARD_EXISTS : WIRE_STEP_GET;
    const uint64_t last = guard ? WIRE_GUARD_AT_MOST : WIRE_STEP_APPEND;
    *ret = (struct wire_step){.kind =
                                  (enum wire_step_kind)kv_prng_between(&random->prng, first, last)};
    switch (wire_step_operands(ret->kind)) {
    case WIRE_OPERANDS_NONE:
        return;
    case WIRE_OPERANDS_NUMBER:
        ret->number = (int64_t)any64(random);
        return;
    case WIRE_OPERANDS_TWO_VALUES:
        ret->expected = wire_random_bytes(random, 1000);
        ret->value = wire_random_bytes(random, 1000);
        return;
    case WIRE_OPERANDS_VALUE:
        ret->value = wire_random_bytes(random, 1000);
        return;
    }
}

/* Each key is named by one step at least. */
static void random_steps(struct wire_random *random, struct wire_command *command)
{
    const uint32_t more =
        (uint32_t)wire_random_number(random, KV_TXN_STEPS_MAX - command->key_count);
    const uint32_t count = command->key_count + more;
    command->guard_count = (uint32_t)wire_random_number(random, count);
    command->branch_count[WIRE_BRANCH_THEN] =
        (uint32_t)wire_random_number(random, count - command->guard_count);
    command->branch_count[WIRE_BRANCH_ELSE] =
        count - command->guard_count - command->branch_count[WIRE_BRANCH_THEN];
    for (uint32_t i = 0; i < count; i++) {
        random_step(random, i < command->guard_count, &command->steps[i]);
        command->steps[i].key = i < command->key_count
                                    ? i
                                    : (uint32_t)wire_random_number(random, command->key_count - 1);
    }
    wire_command_mark_uses(command);
}

static void random_lock(struct wire_random *random, struct wire_command *command)
{
    const enum wire_op op = command->op;
    const bool about = op == WIRE_OP_UNLOCK || op == WIRE_OP_KEEPALIVE || op == WIRE_OP_REVOKE ||
                       op == WIRE_OP_TICK || op == WIRE_OP_EXPIRE || op == WIRE_OP_SESSION_END;
    const bool under =
        (wire_op_is_access(op) || op == WIRE_OP_DELETE) && command->policy == WIRE_POLICY_EXCHANGE;
    if (about || ((under || op == WIRE_OP_SESSION_CLOSE) && kv_prng_chance(&random->prng, 1, 4))) {
        command->token = any_timestamp(random);
        command->token.clock.value |= 1;
    } else if (wire_op_is_access(op) || wire_op_is_per_key(op) || op == WIRE_OP_LOCK) {
        command->no_wait = kv_prng_chance(&random->prng, 1, 4);
    }
    command->shared = op == WIRE_OP_LOCK && any_bool(random);
    if (op == WIRE_OP_LOCK || op == WIRE_OP_SESSION_BEGIN) {
        command->ttl_ms = 1 + (uint32_t)wire_random_number(random, KV_LOCK_TTL_MS_MAX - 1);
    } else if (wire_op_sets(op) && kv_prng_chance(&random->prng, 1, 4)) {
        command->ttl_ms = (uint32_t)wire_random_number(random, KV_KEY_TTL_MS_MAX);
    } else if (((wire_op_sets(op) && command->token.clock.value == 0) || op == WIRE_OP_EXPIRE) &&
               any_bool(random)) {
        command->session = any_timestamp(random);
        command->session.clock.value |= 1;
    }
}

void wire_random_command(struct wire_random *random, struct wire_command *ret)
{
    static const struct {
        enum wire_op op;
        uint32_t min, max, values;
    } rows[] = {
#define X(NAME, name, number, min, max, values, read_only, meaning)                                \
    {WIRE_OP_##NAME, min, max, values},
        WIRE_OP_MAP(X)
#undef X
    };
    size_t row = kv_prng_below(&random->prng, sizeof rows / sizeof rows[0]);
    wire_command_begin(ret, rows[row].op);
    ret->key_count =
        rows[row].min + (uint32_t)wire_random_number(random, rows[row].max - rows[row].min);
    ret->value_count = ret->key_count * rows[row].values;
    for (uint32_t i = 0; i < ret->key_count; i++) {
        ret->keys[i] = wire_random_bytes(random, KV_KEY_BYTES_MAX);
        if (ret->keys[i].size == 0 && ret->op != WIRE_OP_SCAN) {
            ret->keys[i] = kv_slice_of(random->pool, 1);
        }
    }
    const bool sorted = kv_prng_chance(&random->prng, 1, 2); /* else there may be repeated ones */
    if (ret->op == WIRE_OP_TXN || wire_op_is_per_key(ret->op) || wire_op_is_lock(ret->op) ||
        (sorted && ret->op != WIRE_OP_SCAN)) {
        ret->key_count = sort_keys(ret);
        ret->value_count = ret->key_count * rows[row].values;
    }
    size_t value_max = ret->value_count > 2 ? 3000 : KV_VALUE_BYTES_MAX;
    for (uint32_t i = 0; i < ret->value_count; i++) {
        ret->values[i] = wire_random_bytes(random, value_max);
    }
    ret->number = ret->op == WIRE_OP_INCR ? (int64_t)any64(random) : 0;
    if (ret->op == WIRE_OP_TICK || ret->op == WIRE_OP_REVOKE || ret->op == WIRE_OP_SESSION_END) {
        ret->number = (int64_t)wire_random_number(random, INT64_MAX);
    }
    ret->limit = ret->op == WIRE_OP_SCAN || ret->op == WIRE_OP_HISTORY ||
                         ret->op == WIRE_OP_LOCKS || ret->op == WIRE_OP_SESSIONS
                     ? (uint32_t)kv_prng_between(&random->prng, 1, KV_SCAN_ROWS_MAX)
                     : 0;
    if (sorted || ret->op == WIRE_OP_TXN || wire_op_is_per_key(ret->op)) {
        random_placement(random, ret);
    }
    if (ret->op == WIRE_OP_TXN) {
        random_steps(random, ret);
    }
    random_lock(random, ret);
}

void wire_random_answer(struct wire_random *random, struct wire_answer *ret)
{
    static const enum wire_verdict verdicts[] = {
#define X(NAME, number, text) WIRE_VERDICT_##NAME,
        WIRE_VERDICT_MAP(X)
#undef X
    };
    ret->verdict = verdicts[kv_prng_below(&random->prng, sizeof verdicts / sizeof verdicts[0])];
    ret->number = (int64_t)any64(random);
    ret->row_count = (uint32_t)wire_random_number(random, KV_COMMAND_KEYS_MAX);
    size_t value_max = ret->row_count > 3 ? 3000 : KV_VALUE_BYTES_MAX;
    for (uint32_t i = 0; i < ret->row_count; i++) {
        ret->rows[i].key = wire_random_bytes(random, KV_KEY_BYTES_MAX);
        ret->rows[i].present = any_bool(random);
        ret->rows[i].value =
            ret->rows[i].present ? wire_random_bytes(random, value_max) : (kv_slice){0};
    }
    ret->more = any_bool(random);
    ret->hint = (uint32_t)wire_random_number(random, KV_GROUPS_MAX - 1);
    ret->place_count =
        any_bool(random) ? 0 : (uint32_t)wire_random_number(random, KV_COMMAND_KEYS_MAX);
    for (uint32_t i = 0; i < ret->place_count; i++) {
        ret->places[i] = (struct wire_place){
            .key = (uint32_t)wire_random_number(random, KV_COMMAND_KEYS_MAX - 1),
            .verdict = verdicts[kv_prng_below(&random->prng, sizeof verdicts / sizeof verdicts[0])],
            .group = any_group(random),
            .version = any_timestamp(random)};
    }
}
