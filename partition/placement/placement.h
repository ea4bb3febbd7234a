/* SPDX-License-Identifier: Apache-2.0 */
/* placement: what oracle and partitions have in common when they decide about a command together: what a vote says, and what all
 * votes together mean. Rules: docs/protocol/placement.md.
 *
 * A vote says of the voter's own keys which of them are not as the command says, whether the guards on them hold, and of each branch
 * whether its steps on them can be done and how large their results are. Some receivers get more: values to execute on, rows to
 * answer with. The tally adds votes up; every group adds up the same votes and comes to the same verdict (V3).
 *
 * Pure; scratch structs are large and belong to the machines. Slices borrow from command and payloads. */
#ifndef KV_PLACEMENT_PLACEMENT_H
#define KV_PLACEMENT_PLACEMENT_H

#include "multicast/wire/footprint.h"
#include "partition/engine/machine.h"

/* ---- Votes ---- */

/* What is known of the steps of one branch that concern the voter's keys. */
struct placement_branch {
    enum wire_verdict verdict; /* OK, or that of the first step that cannot be done */
    uint32_t step;             /* which one; 0 if OK */
    uint32_t bytes;            /* of the results */
};

/* What a value is bound to: a session, or how much ordered time is left of its life; or nothing (zeros). `kept`: as it was, which the
 * receiver knows. */
struct placement_bond {
    kv_timestamp session;
    uint64_t left_us;
    bool kept;
};

/* One key. A key without an item is as the command says, present, and unchanged. */
struct placement_item {
    uint32_t key;
    enum wire_verdict verdict;
    bool present;
    bool has_value; /* present, and the receiver needs it; or the outcome for the receiver's key */
    kv_slice value;
    kv_group_id group;          /* STALE: where it may be */
    kv_timestamp version;       /* of that, or of the value */
    struct placement_bond bond; /* of the value */
};

/* The result of one step. */
struct placement_row {
    enum wire_branch branch;
    uint32_t step;
    bool present;
    kv_slice value;
};

struct placement_vote {
    bool guards_hold;
    struct placement_branch branches[WIRE_BRANCHES];
    uint32_t item_count;
    struct placement_item items[KV_COMMAND_KEYS_MAX];
    uint32_t row_count;
    struct placement_row rows[KV_TXN_STEPS_MAX];
};

/* A vote that agrees and says nothing else. */
void placement_vote_begin(struct placement_vote *vote);
struct placement_item *placement_vote_item(struct placement_vote *vote, uint32_t key,
                                           enum wire_verdict verdict);

/* Append the encoded vote: at most KV_SIGNAL_BYTES_MAX of values and rows (asserted). */
void placement_vote_encode(const struct placement_vote *vote, struct kv_buffer *ret);

/* Decode a payload of another group. STATUS_CORRUPT: it is no vote on this command. */
KV_MUST_CHECK enum status placement_vote_decode(kv_slice bytes, const struct wire_command *command,
                                                struct placement_vote *ret);

/* ---- Tally ---- */

struct placement_tally {
    const struct wire_command *command;
    enum wire_verdict verdict; /* OK, or the strongest NO to the whole command (V3) */
    bool guards_hold;
    struct placement_branch branches[WIRE_BRANCHES];
    struct placement_key {
        enum wire_verdict verdict; /* CREATE, DELETE, MOVE: the strongest of this key */
        bool present;              /* before the command */
        bool has_value;
        kv_slice value;
        kv_timestamp version; /* of the value */
        struct placement_bond bond;
        struct wire_place hint;
        bool has_hint;
    } keys[KV_COMMAND_KEYS_MAX];
    struct placement_result {
        bool present;
        kv_slice value;
    } rows[WIRE_BRANCHES][KV_TXN_STEPS_MAX];
};

void placement_tally_begin(struct placement_tally *tally, const struct wire_command *command);

/* Add a group's vote. NULL: it said nothing beside its verdict. */
void placement_tally_add(struct placement_tally *tally, enum wire_verdict verdict,
                         const struct placement_vote *vote);

/* Add the vote of another group as it came: a payload that is no vote counts as UNSUPPORTED. `scratch` is overwritten. */
void placement_tally_add_payload(struct placement_tally *tally, const struct machine_vote *vote,
                                 struct placement_vote *scratch);

/* The branch that is taken. */
enum wire_branch placement_branch_of(const struct placement_tally *tally);

/* The verdict on the whole command: of an ACCESS command, the steps of its branch included. */
enum wire_verdict placement_verdict(const struct placement_tally *tally);

/* Whether key i exists behind the command, if it is done. */
bool placement_present_after(const struct placement_tally *tally, uint32_t i);

/* Fill in what a NO tells: hints, and the present value that a step met. */
void placement_answer_no(const struct placement_tally *tally, enum wire_verdict verdict,
                         struct wire_answer *ret);

/* Fill in the rows of the branch that was taken, and the numbers that go with them. */
void placement_answer_rows(const struct placement_tally *tally, struct wire_answer *ret);

/* Fill in a place for each key of CREATE, DELETE or MOVE; the verdict is the only key's, else OK. */
void placement_answer_keys(const struct placement_tally *tally, kv_timestamp timestamp,
                           struct wire_answer *ret);

/* ---- Footprint ---- */

/* What a command touches at a group, and whose votes it needs there. `execution`: the oracle takes all keys (D3). */
void placement_footprint(const struct wire_command *command, const struct machine_context *context,
                         uint32_t partitions, struct machine_footprint *ret);

#endif
