/* SPDX-License-Identifier: Apache-2.0 */
/* mill: see the header. */
#include "tests/unit/engine/mill.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "partition/engine/state_bytes.h"

#define ROW_BYTES_MAX 65536

struct mill {
    kv_group_id group;
    uint32_t partitions;
    uint64_t cells[MILL_CELLS];
    struct machine_context context;
    struct mill_command command; /* that is open */
    uint16_t keys[MILL_CELLS_EACH];
    uint64_t outcome; /* of the last execution */
    uint8_t row[ROW_BYTES_MAX];
};

/* All that a GRIND needs, and what becomes of it. */
struct mill_job {
    struct mill_command command;
    uint64_t version;
    uint64_t before[MILL_CELLS_EACH];
    uint64_t outcome;
};

void mill_encode(const struct mill_command *command, struct kv_buffer *ret)
{
    state_write_u8(ret, (uint8_t)command->kind);
    state_write_u32(ret, command->rounds);
    state_write_u32(ret, command->bytes);
    state_write_u8(ret, (uint8_t)command->count);
    for (uint32_t i = 0; i < command->count; i++) {
        state_write_u16(ret, command->cells[i]);
    }
}

static bool decode(kv_slice body, struct mill_command *ret)
{
    struct state_reader reader = {body, false};
    ret->kind = (enum mill_kind)state_read_u8(&reader);
    ret->rounds = state_read_u32(&reader);
    ret->bytes = state_read_u32(&reader);
    ret->count = state_read_u8(&reader);
    if (reader.failed || ret->kind > MILL_GRIND || ret->bytes > ROW_BYTES_MAX || ret->count == 0 ||
        ret->count > MILL_CELLS_EACH) {
        return false;
    }
    for (uint32_t i = 0; i < ret->count; i++) {
        ret->cells[i] = state_read_u16(&reader);
        if (ret->cells[i] >= MILL_CELLS) {
            return false;
        }
    }
    return !reader.failed && reader.rest.size == 0;
}

static kv_group_id group_of(uint16_t cell, uint32_t partitions)
{
    return (kv_group_id){(uint16_t)(1 + cell % partitions)};
}

kv_group_set mill_destinations(const struct mill_command *command, uint32_t partitions)
{
    kv_group_set set = {0};
    for (uint32_t i = 0; i < command->count; i++) {
        set.bits |= kv_group_set_of(group_of(command->cells[i], partitions)).bits;
    }
    return set;
}

uint64_t mill_rounds(uint64_t value, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        value ^= value >> 29;
    }
    return value;
}

static bool is_mine(const struct mill *mill, uint16_t cell)
{
    return kv_group_equal(group_of(cell, mill->partitions), mill->group);
}

static bool mill_open(void *state, const struct machine_context *context, kv_slice body,
                      struct machine_footprint *ret)
{
    struct mill *mill = state;
    mill->context = *context;
    if (!decode(body, &mill->command) ||
        mill_destinations(&mill->command, mill->partitions).bits != context->destinations.bits) {
        return false;
    }
    ret->count = 0;
    for (uint32_t i = 0; i < mill->command.count; i++) {
        mill->keys[i] = mill->command.cells[i];
        if (is_mine(mill, mill->command.cells[i])) {
            ret->variables[ret->count++] = (struct machine_variable){
                .key = kv_slice_of(&mill->keys[i], sizeof mill->keys[i]), .write = !context->read};
        }
    }
    const uint64_t others = context->destinations.bits & ~kv_group_set_of(mill->group).bits;
    ret->cuts = false;
    ret->everything = false;
    ret->computes = mill->command.kind == MILL_GRIND;
    ret->awaits.bits = ret->tells.bits = context->read ? 0 : others;
    ret->reports.bits = 0;
    ret->answers = is_mine(mill, mill->command.cells[0]);
    return true;
}

static enum wire_verdict mill_vote(void *state)
{
    (void)state;
    return WIRE_VERDICT_OK;
}

/* The values of the cells that are here, in the order of the command. */
static void mill_payload(void *state, kv_group_id to, struct kv_buffer *ret)
{
    const struct mill *mill = state;
    (void)to;
    for (uint32_t i = 0; i < mill->command.count; i++) {
        if (is_mine(mill, mill->command.cells[i])) {
            state_write_u64(ret, mill->cells[mill->command.cells[i]]);
        }
    }
}

static void gather(const struct mill *mill, const struct machine_vote *votes, uint32_t count,
                   struct mill_job *ret)
{
    ret->command = mill->command;
    ret->version = mill->context.timestamp.clock.value;
    ret->outcome = 0;
    for (uint32_t i = 0; i < mill->command.count; i++) {
        if (is_mine(mill, mill->command.cells[i])) {
            ret->before[i] = mill->cells[mill->command.cells[i]];
        }
    }
    for (uint32_t v = 0; v < count; v++) {
        struct state_reader reader = {votes[v].payload, false};
        for (uint32_t i = 0; i < mill->command.count; i++) {
            if (kv_group_equal(group_of(mill->command.cells[i], mill->partitions),
                               votes[v].group)) {
                ret->before[i] = state_read_u64(&reader);
            }
        }
        KV_ASSERT(!reader.failed);
    }
}

static void mill_work(void *context)
{
    struct mill_job *job = context;
    uint64_t value = job->version;
    for (uint32_t i = 0; i < job->command.count; i++) {
        value = mill_rounds(value ^ job->before[i], 1);
    }
    job->outcome = mill_rounds(value, job->command.rounds);
}

static enum machine_outcome mill_apply(void *state, const void *context, struct wire_answer *ret)
{
    struct mill *mill = state;
    const struct mill_job *job = context;
    for (uint32_t i = 0; i < job->command.count; i++) {
        const uint16_t cell = job->command.cells[i];
        if (is_mine(mill, cell)) {
            KV_ASSERT(mill->cells[cell] == job->before[i]); /* E9 */
            mill->cells[cell] = mill_rounds(job->outcome ^ cell, 1);
        }
    }
    mill->outcome = job->outcome;
    memset(mill->row, (int)(job->outcome & 0xff), job->command.bytes);
    ret->number = (int64_t)(job->outcome >> 1);
    ret->rows[0] = (struct wire_row){.value = {mill->row, job->command.bytes}, .present = true};
    ret->row_count = job->command.bytes > 0 ? 1 : 0;
    return MACHINE_DONE;
}

static void *mill_take(void *state, const struct machine_vote *votes, uint32_t count)
{
    struct mill *mill = state;
    if (mill->command.rounds == 0) {
        return NULL;
    }
    struct mill_job *job = kv_alloc(sizeof *job);
    gather(mill, votes, count, job);
    return job;
}

static void mill_drop(void *job)
{
    kv_free(job);
}

static bool all_said_yes(const struct machine_vote *votes, uint32_t count,
                         enum wire_verdict *ret_verdict)
{
    for (uint32_t i = 0; i < count; i++) {
        if (votes[i].verdict != WIRE_VERDICT_OK) {
            *ret_verdict = votes[i].verdict;
            return false;
        }
    }
    return true;
}

static enum machine_outcome mill_execute(void *state, const struct machine_vote *votes,
                                         uint32_t count, struct wire_answer *ret)
{
    struct mill *mill = state;
    struct mill_job job;
    if (!all_said_yes(votes, count, &ret->verdict)) {
        return MACHINE_DONE;
    }
    gather(mill, votes, count, &job);
    mill_work(&job);
    return mill_apply(state, &job, ret);
}

static bool mill_read(void *state, struct wire_answer *ret)
{
    struct mill *mill = state;
    if (!mill->context.read) {
        return false;
    }
    ret->number = (int64_t)(mill->cells[mill->command.cells[0]] >> 1);
    return true;
}

static uint64_t mill_digest(const void *state)
{
    const struct mill *mill = state;
    uint64_t digest = 0;
    for (uint32_t i = 0; i < MILL_CELLS; i++) {
        digest = mill_rounds(digest ^ mill->cells[i], 1);
    }
    return digest;
}

static uint64_t mill_keys(const void *state)
{
    (void)state;
    return MILL_CELLS;
}

static uint32_t mill_stores(void *state, struct machine_store ret[MACHINE_STORES_MAX])
{
    (void)state;
    (void)ret;
    return 0;
}

static void mill_save(const void *state, bool rows, struct kv_buffer *ret)
{
    const struct mill *mill = state;
    (void)rows;
    kv_buffer_append(ret, mill->cells, sizeof mill->cells);
}

static enum status mill_load(void *state, kv_slice bytes, const struct store_base *bases)
{
    struct mill *mill = state;
    (void)bases;
    memset(mill->cells, 0, sizeof mill->cells);
    if (bytes.size != sizeof mill->cells) {
        return STATUS_CORRUPT;
    }
    memcpy(mill->cells, bytes.data, bytes.size);
    return STATUS_OK;
}

static void mill_renew(void *state)
{
    (void)state;
}

static const struct machine_ops mill_ops = {
    .open = mill_open,
    .vote = mill_vote,
    .payload = mill_payload,
    .execute = mill_execute,
    .take = mill_take,
    .work = mill_work,
    .apply = mill_apply,
    .drop = mill_drop,
    .read = mill_read,
    .digest = mill_digest,
    .keys = mill_keys,
    .stores = mill_stores,
    .save = mill_save,
    .load = mill_load,
    .renew = mill_renew,
    .destroy = kv_free,
};

struct machine mill_new(kv_group_id group, uint32_t partitions)
{
    struct mill *mill = kv_alloc_zero(1, sizeof *mill);
    mill->group = group;
    mill->partitions = partitions;
    return (struct machine){.ops = &mill_ops, .state = mill};
}
