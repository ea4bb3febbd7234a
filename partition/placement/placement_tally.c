/* SPDX-License-Identifier: Apache-2.0 */
/* placement_tally: adds votes up. Every rule here is symmetric in the votes: the order in which they came cannot matter. */
#include <string.h>

#include "multicast/base/assert.h"
#include "partition/placement/placement.h"

/* [V3] The order of NOs, a total one; OK is the weakest. */
static unsigned rank_of(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_VERDICT_EXISTS:
        return 1;
    case WIRE_VERDICT_NOT_FOUND:
        return 2;
    case WIRE_VERDICT_STALE:
        return 3;
    case WIRE_VERDICT_PINNED:
        return 4;
    case WIRE_VERDICT_DEFERRED:
        return 5;
    case WIRE_VERDICT_TOO_LARGE:
        return 6;
    case WIRE_VERDICT_REFUSED:
        return 7;
    case WIRE_VERDICT_SESSION_UNKNOWN:
        return 8;
    case WIRE_VERDICT_UNSUPPORTED:
        return 9;
    case WIRE_VERDICT_MISMATCH:
        return 10;
    case WIRE_VERDICT_NOT_A_NUMBER:
        return 11;
    case WIRE_VERDICT_OVERFLOW:
        return 12;
    case WIRE_VERDICT_LOCK_LOST: /* what else is wrong with it does not matter */
        return 0;
    case WIRE_VERDICT_LOCKED:
        return 13;
    case WIRE_VERDICT_SESSION_ENDED:
        return 14;
    case WIRE_VERDICT_OK:
        return 15;
    }
    KV_UNREACHABLE(); /* what came from others has been checked */
}

static void strengthen(enum wire_verdict *verdict, enum wire_verdict other)
{
    if (rank_of(other) < rank_of(*verdict)) {
        *verdict = other;
    }
}

void placement_tally_begin(struct placement_tally *tally, const struct wire_command *command)
{
    tally->command = command;
    tally->verdict = WIRE_VERDICT_OK;
    tally->guards_hold = true;
    for (uint32_t branch = 0; branch < WIRE_BRANCHES; branch++) {
        tally->branches[branch] = (struct placement_branch){.verdict = WIRE_VERDICT_OK};
        if (wire_op_is_access(command->op)) {
            memset(tally->rows[branch], 0,
                   wire_command_steps(command, (enum wire_branch)branch) *
                       sizeof(tally->rows[branch][0]));
        }
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        tally->keys[i] = (struct placement_key){.verdict = WIRE_VERDICT_OK, .present = true};
    }
}

/* The first step that cannot be done, whoever met it; all results. Two groups may name the same step: a TOO_LARGE is not about one. */
static void add_branch(struct placement_branch *sum, const struct placement_branch *other)
{
    if (other->verdict != WIRE_VERDICT_OK &&
        (sum->verdict == WIRE_VERDICT_OK || other->step < sum->step ||
         (other->step == sum->step && rank_of(other->verdict) < rank_of(sum->verdict)))) {
        sum->verdict = other->verdict;
        sum->step = other->step;
    }
    sum->bytes = sum->bytes > UINT32_MAX - other->bytes ? UINT32_MAX : sum->bytes + other->bytes;
}

static void add_item(struct placement_tally *tally, const struct placement_item *item)
{
    struct placement_key *key = &tally->keys[item->key];
    strengthen(&key->verdict, item->verdict);
    key->present = key->present && item->present;
    if (item->has_value) {
        key->has_value = true;
        key->value = item->value;
        key->version = item->version;
        key->bond = item->bond;
    }
    if (item->verdict == WIRE_VERDICT_STALE) {
        key->has_hint = true;
        key->hint = (struct wire_place){.key = item->key,
                                        .verdict = WIRE_VERDICT_STALE,
                                        .group = item->group,
                                        .version = item->version};
    }
}

void placement_tally_add(struct placement_tally *tally, enum wire_verdict verdict,
                         const struct placement_vote *vote)
{
    strengthen(&tally->verdict, verdict);
    if (vote == NULL) {
        return;
    }
    tally->guards_hold = tally->guards_hold && vote->guards_hold;
    for (uint32_t branch = 0; branch < WIRE_BRANCHES; branch++) {
        add_branch(&tally->branches[branch], &vote->branches[branch]);
    }
    for (uint32_t i = 0; i < vote->item_count; i++) {
        add_item(tally, &vote->items[i]);
    }
    for (uint32_t i = 0; i < vote->row_count; i++) {
        const struct placement_row *row = &vote->rows[i];
        tally->rows[row->branch][row->step] =
            (struct placement_result){.present = row->present, .value = row->value};
    }
}

void placement_tally_add_payload(struct placement_tally *tally, const struct machine_vote *vote,
                                 struct placement_vote *scratch)
{
    if (!wire_is_verdict(vote->verdict)) { /* a number from another group */
        placement_tally_add(tally, WIRE_VERDICT_UNSUPPORTED, NULL);
    } else if (vote->payload.size == 0 && vote->verdict != WIRE_VERDICT_OK) {
        placement_tally_add(tally, vote->verdict, NULL);
    } else if (placement_vote_decode(vote->payload, tally->command, scratch) == STATUS_OK) {
        placement_tally_add(tally, vote->verdict, scratch);
    } else {
        placement_tally_add(tally, WIRE_VERDICT_UNSUPPORTED, NULL);
    }
}

enum wire_branch placement_branch_of(const struct placement_tally *tally)
{
    return tally->guards_hold ? WIRE_BRANCH_THEN : WIRE_BRANCH_ELSE;
}

enum wire_verdict placement_verdict(const struct placement_tally *tally)
{
    const struct placement_branch *branch = &tally->branches[placement_branch_of(tally)];
    if (tally->verdict != WIRE_VERDICT_OK || !wire_op_is_access(tally->command->op)) {
        return tally->verdict;
    }
    if (branch->verdict != WIRE_VERDICT_OK) {
        return branch->verdict;
    }
    return branch->bytes > KV_SIGNAL_BYTES_MAX ? WIRE_VERDICT_TOO_LARGE : WIRE_VERDICT_OK;
}

bool placement_present_after(const struct placement_tally *tally, uint32_t i)
{
    const struct wire_command *command = tally->command;
    bool present = tally->keys[i].present;
    if (!wire_op_is_access(command->op)) {
        return command->op != WIRE_OP_DELETE && command->op != WIRE_OP_EXPIRE;
    }
    const enum wire_branch branch = placement_branch_of(tally);
    const uint32_t steps = wire_command_steps(command, branch);
    for (uint32_t s = 0; s < steps; s++) {
        const struct wire_step step = wire_command_step(command, branch, s);
        if (step.key == i && step.kind != WIRE_STEP_GET) {
            present = step.kind != WIRE_STEP_DELETE;
        }
    }
    return present;
}

/* ---- Answers ---- */

void placement_answer_no(const struct placement_tally *tally, enum wire_verdict verdict,
                         struct wire_answer *ret)
{
    const struct wire_command *command = tally->command;
    wire_answer_begin(ret, verdict);
    if (verdict == WIRE_VERDICT_STALE) {
        for (uint32_t i = 0; i < command->key_count; i++) {
            if (tally->keys[i].has_hint) {
                ret->places[ret->place_count++] = tally->keys[i].hint;
            }
        }
        return;
    }
    const enum wire_branch branch = placement_branch_of(tally);
    const struct placement_branch *met = &tally->branches[branch];
    const bool shows = verdict == WIRE_VERDICT_EXISTS || verdict == WIRE_VERDICT_MISMATCH;
    if (wire_op_is_access(command->op) && command->op != WIRE_OP_TXN && shows &&
        met->verdict == verdict && tally->rows[branch][met->step].present) {
        ret->rows[0] =
            (struct wire_row){.value = tally->rows[branch][met->step].value, .present = true};
        ret->row_count = 1;
    }
}

/* An operation on one key answers as it does within one partition. */
static void answer_single(const struct placement_tally *tally, struct wire_answer *ret)
{
    const struct placement_result *row = &tally->rows[WIRE_BRANCH_THEN][0];
    if (tally->command->op == WIRE_OP_GET) {
        ret->rows[0] = (struct wire_row){.value = row->value, .present = true};
        ret->row_count = row->present ? 1 : 0;
        ret->verdict = row->present ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND;
    } else if (tally->command->op == WIRE_OP_INCR) {
        /* The text is a canonical number: a voter made it. */
        const bool negative = row->value.size > 0 && row->value.data[0] == '-';
        uint64_t number = 0;
        for (size_t i = negative ? 1 : 0; i < row->value.size; i++) {
            number = number * 10 + (uint64_t)(row->value.data[i] - '0');
        }
        ret->number = (int64_t)(negative ? 0 - number : number);
    }
}

void placement_answer_rows(const struct placement_tally *tally, struct wire_answer *ret)
{
    const struct wire_command *command = tally->command;
    const enum wire_branch branch = placement_branch_of(tally);
    const uint32_t steps = wire_command_steps(command, branch);
    wire_answer_begin(ret, WIRE_VERDICT_OK);
    if (command->op == WIRE_OP_TXN) {
        ret->number = branch == WIRE_BRANCH_THEN ? 1 : 0;
    } else if (command->op != WIRE_OP_MGET) {
        answer_single(tally, ret);
        return;
    }
    for (uint32_t s = 0; s < steps; s++) {
        const struct placement_result *row = &tally->rows[branch][s];
        ret->rows[s] = (struct wire_row){.value = row->present ? row->value : (kv_slice){0},
                                         .present = row->present};
    }
    ret->row_count = steps;
}

void placement_answer_keys(const struct placement_tally *tally, kv_timestamp timestamp,
                           struct wire_answer *ret)
{
    const struct wire_command *command = tally->command;
    wire_answer_begin(ret, command->key_count == 1 ? tally->keys[0].verdict : WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < command->key_count; i++) {
        const struct placement_key *key = &tally->keys[i];
        struct wire_place *place = &ret->places[ret->place_count++];
        *place = (struct wire_place){.key = i, .verdict = key->verdict};
        if (key->verdict == WIRE_VERDICT_OK && command->op != WIRE_OP_DELETE) {
            place->group = command->target;
            place->version = timestamp;
        } else if (key->has_hint) {
            place->group = key->hint.group;
            place->version = key->hint.version;
        }
    }
}
