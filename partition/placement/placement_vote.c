/* SPDX-License-Identifier: Apache-2.0 */
/* placement_vote: votes <-> bytes.
 *
 *   vote    [guards hold, then, else, [item ...], [row ...]]
 *   branch  [verdict, step, bytes]
 *   item    [key, verdict, present, value or nil, group, version clock, version group, bond or nil]
 *   bond    [session clock, session group, left], zeros: the receiver's own
 *   row     [branch, step, value or nil] */
#include "multicast/base/assert.h"
#include "multicast/wire/packer.h"
#include "multicast/wire/reader.h"
#include "partition/placement/placement.h"

#define VOTE_FIELDS   5
#define BRANCH_FIELDS 3
#define ITEM_FIELDS   8
#define BOND_FIELDS   3
#define ROW_FIELDS    3

void placement_vote_begin(struct placement_vote *vote)
{
    vote->guards_hold = true;
    vote->branches[WIRE_BRANCH_THEN] = (struct placement_branch){.verdict = WIRE_VERDICT_OK};
    vote->branches[WIRE_BRANCH_ELSE] = (struct placement_branch){.verdict = WIRE_VERDICT_OK};
    vote->item_count = 0;
    vote->row_count = 0;
}

struct placement_item *placement_vote_item(struct placement_vote *vote, uint32_t key,
                                           enum wire_verdict verdict)
{
    KV_ASSERT(vote->item_count < KV_COMMAND_KEYS_MAX);
    struct placement_item *item = &vote->items[vote->item_count++];
    *item = (struct placement_item){.key = key, .verdict = verdict, .present = true};
    return item;
}

static void pack_branch(struct kv_buffer *packer, const struct placement_branch *branch)
{
    wire_pack_array(packer, BRANCH_FIELDS);
    wire_pack_uint(packer, branch->verdict);
    wire_pack_uint(packer, branch->step);
    wire_pack_uint(packer, branch->bytes);
}

static void pack_value(struct kv_buffer *packer, bool present, kv_slice value)
{
    if (present) {
        wire_pack_bytes(packer, value);
    } else {
        wire_pack_nil(packer);
    }
}

static void pack_bond(struct kv_buffer *packer, const struct placement_bond *bond)
{
    if (!bond->kept && bond->session.clock.value == 0 && bond->left_us == 0) {
        wire_pack_nil(packer);
        return;
    }
    wire_pack_array(packer, BOND_FIELDS);
    wire_pack_uint(packer, bond->session.clock.value);
    wire_pack_uint(packer, bond->session.group.value);
    wire_pack_uint(packer, bond->left_us);
}

void placement_vote_encode(const struct placement_vote *vote, struct kv_buffer *ret)
{
    const size_t before = ret->size;
    size_t bytes = 0;
    wire_pack_array(ret, VOTE_FIELDS);
    wire_pack_bool(ret, vote->guards_hold);
    pack_branch(ret, &vote->branches[WIRE_BRANCH_THEN]);
    pack_branch(ret, &vote->branches[WIRE_BRANCH_ELSE]);
    wire_pack_array(ret, vote->item_count);
    for (uint32_t i = 0; i < vote->item_count; i++) {
        const struct placement_item *item = &vote->items[i];
        wire_pack_array(ret, ITEM_FIELDS);
        wire_pack_uint(ret, item->key);
        wire_pack_uint(ret, item->verdict);
        wire_pack_bool(ret, item->present);
        pack_value(ret, item->has_value, item->value);
        wire_pack_uint(ret, item->group.value);
        wire_pack_uint(ret, item->version.clock.value);
        wire_pack_uint(ret, item->version.group.value);
        pack_bond(ret, &item->bond);
        bytes += item->has_value ? item->value.size : 0;
    }
    wire_pack_array(ret, vote->row_count);
    for (uint32_t i = 0; i < vote->row_count; i++) {
        const struct placement_row *row = &vote->rows[i];
        wire_pack_array(ret, ROW_FIELDS);
        wire_pack_uint(ret, row->branch);
        wire_pack_uint(ret, row->step);
        pack_value(ret, row->present, row->value);
        bytes += row->present ? row->value.size : 0;
    }
    KV_ASSERT(bytes <= KV_SIGNAL_BYTES_MAX && ret->size - before < KV_BODY_BYTES_MAX);
}

/* ---- Decoding ---- */

/* A verdict that is one of `allowed`, a set of bits by number. */
static enum wire_verdict read_verdict(struct wire_reader *reader, uint64_t allowed)
{
    const uint64_t verdict = wire_read_uint(reader, 63);
    wire_reader_require(reader, wire_is_verdict(verdict) && (allowed >> verdict & 1) != 0);
    return (enum wire_verdict)verdict;
}

#define BIT(name) (UINT64_C(1) << WIRE_VERDICT_##name)

/* What a step may end with. */
#define STEP_VERDICTS                                                                              \
    (BIT(OK) | BIT(NOT_FOUND) | BIT(EXISTS) | BIT(MISMATCH) | BIT(NOT_A_NUMBER) | BIT(OVERFLOW) |  \
     BIT(TOO_LARGE))

/* What is said of a key that is read or written, and of one that is created, deleted or moved. */
#define ACCESS_VERDICTS (BIT(OK) | BIT(STALE))
#define KEY_VERDICTS                                                                               \
    (BIT(OK) | BIT(NOT_FOUND) | BIT(EXISTS) | BIT(STALE) | BIT(PINNED) | BIT(DEFERRED))

static void read_branch(struct wire_reader *reader, const struct wire_command *command,
                        enum wire_branch branch, struct placement_branch *ret)
{
    const uint32_t steps = wire_op_is_access(command->op) ? wire_command_steps(command, branch) : 0;
    wire_read_arity(reader, BRANCH_FIELDS);
    ret->verdict = read_verdict(reader, steps > 0 ? STEP_VERDICTS : BIT(OK));
    ret->step = (uint32_t)wire_read_uint(reader, steps > 0 ? steps - 1 : 0);
    ret->bytes = (uint32_t)wire_read_uint(reader, UINT32_MAX);
}

static void read_bond(struct wire_reader *reader, struct placement_bond *ret)
{
    *ret = (struct placement_bond){0};
    if (wire_read_nil(reader)) {
        return;
    }
    wire_read_arity(reader, BOND_FIELDS);
    ret->session.clock.value = wire_read_uint(reader, UINT64_MAX);
    ret->session.group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    ret->left_us = wire_read_uint(reader, UINT64_MAX);
    ret->kept = ret->session.clock.value == 0 && ret->left_us == 0;
    wire_reader_require(reader, ret->session.clock.value == 0 || ret->left_us == 0);
}

static void read_item(struct wire_reader *reader, const struct wire_command *command,
                      struct placement_item *ret)
{
    wire_read_arity(reader, ITEM_FIELDS);
    ret->key = (uint32_t)wire_read_uint(reader, command->key_count - 1);
    ret->verdict =
        read_verdict(reader, wire_op_is_access(command->op) ? ACCESS_VERDICTS : KEY_VERDICTS);
    ret->present = wire_read_bool(reader);
    ret->has_value = !wire_read_nil(reader);
    ret->value = ret->has_value ? wire_read_bytes(reader, KV_VALUE_BYTES_MAX) : (kv_slice){0};
    ret->group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    ret->version.clock.value = wire_read_uint(reader, UINT64_MAX);
    ret->version.group.value = (uint16_t)wire_read_uint(reader, KV_GROUPS_MAX - 1);
    read_bond(reader, &ret->bond);
    wire_reader_require(reader, ret->present || !ret->has_value);
}

static void read_row(struct wire_reader *reader, const struct wire_command *command,
                     struct placement_row *ret)
{
    wire_read_arity(reader, ROW_FIELDS);
    ret->branch = (enum wire_branch)wire_read_uint(reader, WIRE_BRANCH_ELSE);
    ret->step = (uint32_t)wire_read_uint(reader, KV_TXN_STEPS_MAX - 1);
    ret->present = !wire_read_nil(reader);
    ret->value = ret->present ? wire_read_bytes(reader, KV_VALUE_BYTES_MAX) : (kv_slice){0};
    wire_reader_require(reader, reader->status != STATUS_OK ||
                                    (wire_op_is_access(command->op) &&
                                     ret->step < wire_command_steps(command, ret->branch)));
}

enum status placement_vote_decode(kv_slice bytes, const struct wire_command *command,
                                  struct placement_vote *ret)
{
    struct wire_reader reader = wire_reader_of(bytes);
    wire_read_arity(&reader, VOTE_FIELDS);
    ret->guards_hold = wire_read_bool(&reader);
    for (uint32_t branch = 0; branch < WIRE_BRANCHES; branch++) {
        read_branch(&reader, command, (enum wire_branch)branch, &ret->branches[branch]);
    }
    ret->item_count = wire_read_array(&reader, command->key_count);
    for (uint32_t i = 0; i < ret->item_count && reader.status == STATUS_OK; i++) {
        read_item(&reader, command, &ret->items[i]);
    }
    ret->row_count = wire_read_array(&reader, KV_TXN_STEPS_MAX);
    for (uint32_t i = 0; i < ret->row_count && reader.status == STATUS_OK; i++) {
        read_row(&reader, command, &ret->rows[i]);
    }
    return wire_reader_finish(&reader) == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}
