/* SPDX-License-Identifier: Apache-2.0 */
/* kv_internal: what the files of the KV machine share.
 *
 * 1. kv_machine.c is the vtable; kv_alone.c runs commands to this partition alone, kv_read.c reads.
 * 2. kv_step.c says what a guard or a step does to one value, kv_branch.c runs a list of them on the keys that are here.
 * 3. kv_vote.c votes on a command to several groups, kv_execute.c carries it out.
 * 4. kv_places.c knows which keys of this home are elsewhere, kv_moved.c remembers where keys went, kv_changes.c what they
 *    became, kv_bonds.c which of them do not last, kv_expire.c which of those are to go. kv_number.c is decimal text, kv_save.c bytes. */
#ifndef KV_KV_KV_INTERNAL_H
#define KV_KV_KV_INTERNAL_H

#include "multicast/base/assert.h"
#include "partition/kv/kv_arena.h"
#include "partition/kv/kv_bonds.h"
#include "partition/kv/kv_changes.h"
#include "partition/kv/kv_expire.h"
#include "partition/kv/kv_machine.h"
#include "partition/store/store.h"
#include "partition/kv/kv_moved.h"
#include "partition/placement/placement.h"

/* What an answer's encoding takes at most beside the keys and values of its rows: for all of it,
 * and for each row. */
#define KV_ANSWER_OVERHEAD_MAX     64
#define KV_ANSWER_ROW_OVERHEAD_MAX 16

/* Bytes that the steps of one branch may put together in memory. A step that appends makes the whole value anew, so that 1024 of them
 * on a large value would take a gigabyte. */
#define KV_BRANCH_BYTES_MAX (32 * 1024 * 1024)

/* A key's value, or that there is none. */
struct kv_state {
    bool present;
    kv_slice value;
    kv_timestamp version;
    struct kv_bond bond; /* what it is bound to */
};

/* What one step does. */
struct kv_outcome {
    enum wire_verdict verdict;
    bool changed; /* the state is another one */
    struct kv_state after;
    bool row_present;
    kv_slice row; /* what the step has to say */
    int64_t number;
};

/* A key while a branch runs on it. */
struct kv_pending {
    bool known; /* `state` has been looked up */
    bool changed;
    struct kv_state state;
};

struct kv_machine {
    struct store *rows; /* the keys that are here */
    struct store
        *stubs; /* keys of this home that are elsewhere; the value is the partition's number */
    struct kv_moved moved;     /* hints; not part of the state */
    struct kv_changes changes; /* for those who watch; not part of the state */
    struct kv_bonds bonds;
    struct kv_expires expires; /* what this member wants as a leader; not part of the state */
    kv_group_id group;
    uint32_t partitions;

    struct machine_context context; /* of the command that is open */
    struct wire_command command;
    bool keeps;                                     /* what keys are bound to matters to it */
    struct kv_bond given;                           /* what it binds the keys to that it sets */
    uint8_t session_variable[KV_KEY_BYTES_MAX + 1]; /* of the session that it is about */
    bool stale;                                     /* the vote given last is a NO */
    bool executed;                                  /* it has been done */
    bool mine[KV_COMMAND_KEYS_MAX]; /* this partition is the owner that the command names */
    struct placement_vote own;      /* the vote of this group */
    struct placement_vote others;   /* scratch for decoding those of others */
    struct placement_vote sent;     /* scratch for what one receiver needs */
    struct placement_tally tally;
    struct kv_pending pending[KV_COMMAND_KEYS_MAX];
    struct placement_result results[WIRE_BRANCHES][KV_TXN_STEPS_MAX];
    struct kv_arena arena;        /* values that are being put together */
    struct wire_command dispatch; /* scratch: an EXPIRE or a TICK */
    struct kv_buffer ticked;      /* the body of the last TICK */
};

/* ---- kv_step.c ---- */

/* What INCR and APPEND make is in the arena. */
void kv_step_run(struct kv_machine *machine, const struct wire_step *step,
                 const struct kv_state *before, struct kv_outcome *ret);
bool kv_guard_holds(const struct wire_step *guard, const struct kv_state *state);

/* ---- kv_branch.c ---- */

/* Forget what was looked up and changed for the command that is open. */
void kv_branch_reset(struct kv_machine *machine);

/* The state of key i: the machine's, or the one that was put in. */
struct kv_state *kv_branch_state(struct kv_machine *machine, uint32_t i);
void kv_branch_lend(struct kv_machine *machine, uint32_t i, const struct kv_state *state);

/* Whether the guards on the keys that `mine` names (NULL: all) hold. */
bool kv_branch_guards(struct kv_machine *machine, const bool *mine);

/* Run the steps of a branch on those keys, leaving their states in machine->pending and their results in `rows`, up to the first one that
 * cannot be done. Values of rows are valid until a key that the command only reads changes, or the arena is reset:
 * applying the branch leaves them. `bounded`: what
 * is put together, and what all rows are, is TOO_LARGE beyond a limit. Once all groups have voted nothing may fail any more, and
 * each has kept its own part within that limit. */
void kv_branch_run(struct kv_machine *machine, enum wire_branch branch, const bool *mine,
                   bool bounded, struct placement_result *rows, struct placement_branch *ret);

/* Make the pending state of key i the machine's. */
void kv_branch_apply(struct kv_machine *machine, uint32_t i);

/* ---- kv_alone.c ---- */

/* Run the command that is open, which concerns this partition alone. */
void kv_alone_execute(struct kv_machine *machine, struct wire_answer *ret);

/* ---- kv_vote.c ---- */

enum wire_verdict kv_vote(struct kv_machine *machine);
void kv_vote_payload(struct kv_machine *machine, kv_group_id to, struct kv_buffer *ret);

/* ---- kv_execute.c ---- */

void kv_execute(struct kv_machine *machine, const struct machine_vote *votes, uint32_t count,
                struct wire_answer *ret);

/* What the one who executed for others tells `to`. */
void kv_execute_report(struct kv_machine *machine, kv_group_id to, struct kv_buffer *ret);

/* CREATE, DELETE and MOVE: do what the tally says to the keys that concern this partition. */
void kv_execute_keys(struct kv_machine *machine);

/* ---- kv_read.c: answers arrive with verdict OK and everything else zero ---- */

bool kv_read(struct kv_machine *machine, struct wire_answer *ret);
void kv_read_scan(const struct kv_machine *machine, struct wire_answer *ret);

/* ---- kv_places.c ---- */

/* A key gets another value, or goes, by the command that is open: in the rows, and for those who watch. A move is no such change. False:
 * it was not there. */
void kv_put_row(struct kv_machine *machine, kv_slice key, kv_slice value, kv_timestamp version,
                const struct kv_bond *bond);
bool kv_remove_row(struct kv_machine *machine, kv_slice key);

/* The bond of a row that stays as it is. */
void kv_bind(struct kv_machine *machine, kv_slice key, kv_timestamp version,
             const struct kv_bond *bond);

/* For those who watch only: it was never among the rows here. */
void kv_note_removed(struct kv_machine *machine, kv_slice key);

/* [P2] What this partition says of a key: it has it, knows it to be absent, or neither. */
enum kv_presence { KV_OWNED, KV_ABSENT, KV_ELSEWHERE };
enum kv_presence kv_presence_of(const struct kv_machine *machine, kv_slice key,
                                struct kv_state *ret);

/* Where a key that is elsewhere probably is: stub, then memory, then home. */
struct wire_place kv_place_of(const struct kv_machine *machine, kv_slice key);

bool kv_has_stub(const struct kv_machine *machine, kv_slice key);
void kv_set_stub(struct kv_machine *machine, kv_slice key, kv_group_id group);
void kv_drop_stub(struct kv_machine *machine, kv_slice key);
kv_group_id kv_home_of(const struct kv_machine *machine, kv_slice key);

/* ---- kv_lives.c ---- */

/* What the command that is open binds keys to, and the session's own queue if it is about one or binds to one. [K3] */
void kv_lives_open(struct kv_machine *machine, struct machine_footprint *footprint);

/* OK, or that there is no such session (any more). */
enum wire_verdict kv_lives_vote(const struct kv_machine *machine);

/* SESSION_BEGIN or SESSION_END, which all groups have agreed to. */
void kv_lives_execute(struct kv_machine *machine);

/* A bond as another partition needs it, whose ordered time is another: what is left of it; and back. */
struct placement_bond kv_bond_sent(const struct kv_machine *machine, const struct kv_bond *bond);
struct kv_bond kv_bond_received(const struct kv_machine *machine,
                                const struct placement_bond *bond);

/* ---- kv_number.c ---- */

#define KV_NUMBER_BYTES_MAX 20 /* "-9223372036854775808" */

/* A canonical decimal number: an optional minus, digits without leading zeros, no "-0", within 64
 * bits. Those and only those are numbers, so that the text of a number and its value are one to
 * one. */
bool kv_number_parse(kv_slice text, int64_t *ret);

/* Write the canonical form; returns its size. */
size_t kv_number_format(int64_t number, char ret[KV_NUMBER_BYTES_MAX]);

/* ---- kv_save.c ---- */

/* With the rows, or with a sum of them only. */
void kv_save(const struct kv_machine *machine, bool rows, struct kv_buffer *ret);

/* With the rows (bases NULL), or on bases that have them. False: the bytes are no saved state of this partition, or of other
 * bases; the stores hold a part of them. */
bool kv_load(struct kv_machine *machine, kv_slice bytes, const struct store_base *bases);

/* ---- kv_machine.c ---- */

/* What was looked up cannot be relied on: the driver will not let anybody hear of it (store.h, "Damage"). */
bool kv_is_damaged(const struct kv_machine *machine);

#endif
