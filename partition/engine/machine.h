/* SPDX-License-Identifier: Apache-2.0 */
/* machine: what commands mean. The engine says when and whether they run; a machine says what they touch and do.
 *
 * Two machines exist: the KV machine of partitions (partition/kv) and the oracle (oracle/). A
 * machine is deterministic: its answers, its votes and its digest are functions of the commands executed, in
 * the order of their variables' queues, and of nothing else. It keeps no pointers to its inputs beyond the next open.
 *
 * The life of a command on a machine:
 *
 *   open -> (vote -> payload ...) -> execute -> (payload ...)
 *                                 \-> take -> work -> open -> apply -> (payload ...)
 *
 * open decodes it and tells what it touches; the other slots are about the command that was opened last. A command to one
 * group is executed without votes, but for one in the machine's own name that was refused by a lock: it gets that NO. */
#ifndef KV_ENGINE_MACHINE_H
#define KV_ENGINE_MACHINE_H

#include "multicast/wire/command.h"
#include "partition/store/store.h"

/* So much of a TICK counts as ordered time at most: what can be told of time from before a command is small (K4), and a leader that was
 * stopped does not count its sleep. */
#define MACHINE_TIME_COUNTED_US_MAX 200000

/* What a command is told about itself. */
struct machine_context {
    kv_group_id group; /* where it runs */
    kv_group_set destinations;
    kv_timestamp
        timestamp; /* final; versions are made of it. Of a read: the cursor of the member */
    kv_message_id id;
    uint64_t floor; /* that the message carries */
    uint64_t
        position; /* in the group's delivered sequence; 0: not known, of what was loaded unfinished */
    uint64_t time_us; /* ordered time at its delivery: the same at every member [locks.md, K4] */
    bool read; /* it is not a message: it runs here, on the state as it is, and changes nothing */
};

/* A variable that a command touches here. */
struct machine_variable {
    kv_slice key; /* borrows from the body */
    bool write;   /* alone in its queue; readers share it */
};

/* What a command touches, and whose votes it needs. */
struct machine_footprint {
    uint32_t count; /* a variable that comes twice comes in the same mode */
    struct machine_variable
        variables[KV_COMMAND_KEYS_MAX + 1]; /* the keys, and a lock's or a session's own */
    bool
        cuts; /* a mark: the state between what stands before it and what behind is wanted (engine_cut) */
    bool everything; /* a read of a range: it waits for whatever was delivered before it */
    /* Locks [locks.md]. The variables of a command that holds ascend. */
    bool
        holds; /* executed with OK it keeps its places, until another one releases it: its timestamp is the token */
    bool
        mere; /* it changes nothing that a read could show, and may wait for long: whoever reads everything does not wait for it */
    bool releases;      /* executed with OK it ends the lock of `token` */
    bool no_wait;       /* it is LOCKED if it would have to wait for a lock */
    kv_timestamp token; /* it runs inside of this lock, and takes no other places; {0,0}: none */
    kv_session_id
        ends; /* no message of this client runs any more that is delivered behind; {0}: none */
    uint64_t passes_us; /* so much time has passed at this group, since `since` was delivered */
    kv_timestamp since;
    bool computes; /* `take` is to be asked; set by every open of a machine that has that slot */
    kv_group_set awaits;  /* groups whose votes are needed to execute */
    kv_group_set tells;   /* groups that get this group's vote at its turn */
    kv_group_set reports; /* groups that get one only when it has executed */
    bool answers;         /* this group's answer is the whole one */
};

/* Another group's vote, or a NO of this one. */
struct machine_vote {
    kv_group_id group;
    enum wire_verdict verdict; /* OK, or why nothing may be done anywhere */
    kv_slice payload; /* as the other's machine made it; not yet checked, empty with some NOs */
};

enum machine_outcome {
    MACHINE_DONE,
    MACHINE_PENDING /* no answer yet: a later command will have it, under the same client's id */
};

/* Where a member is: the last delivery. */
struct machine_moment {
    kv_timestamp cursor;
    uint64_t time_us;
};

/* A command that a machine wants to have run on other groups, in its client's name (placement rule D2), or in its own. */
struct machine_dispatch {
    uint64_t number;  /* ascending; this member's own count */
    kv_message_id id; /* marked as an execution */
    bool forwarded; /* another group wants it: this one may have seen it delivered and forgotten */
    kv_group_set destinations;
    uint64_t floor; /* of the message that asked for it */
    kv_slice body;  /* borrows until the machine's next change */
};

/* Changes that somebody wants to see. Everything delivered at positions from `first` to `last` has executed since this machine was
 * made or loaded, and perhaps something behind. */
struct machine_watch {
    kv_slice prefix; /* of keys */
    uint64_t from;   /* index (wire/message_watch.h) */
    uint64_t first, last;
    size_t bytes_max; /* beyond it there is at most one change in the answer */
};

struct machine_changes {
    bool gap; /* `from` is below `first`: there may have been changes that are not here any more */
    uint64_t first; /* index from which on nothing is missing */
    uint64_t next;  /* where to go on */
    bool more;      /* at once: what is behind it has not been looked at */
    uint32_t count;
};

/* Stores of a machine at most. */
#define MACHINE_STORES_MAX 4

/* Where a machine keeps rows. */
struct machine_store {
    const char *name; /* of its table on disk: a fixed string */
    struct store *store;
};

/* Slots are called by one thread at a time, never block and never fail but by their answer. */
struct machine_ops {
    /* Decode a command. False: it is none, or may not go to these destinations; the same at every destination. */
    bool (*open)(void *state, const struct machine_context *context, kv_slice body,
                 struct machine_footprint *ret);
    /* Whether what is under way leaves no room for the command. Asked before it is ordered, by one member, and binds nobody: what is ordered
     * is executed whatever room there is. NULL: there always is room. */
    bool (*full)(const void *state);
    /* The vote of this group, from the state at the command's turn. Changes nothing. */
    enum wire_verdict (*vote)(void *state);
    /* What `to` needs of the vote just given, or, behind execute, of its outcome; at most KV_BODY_BYTES_MAX - 1 bytes. `to` may be
     * this group: then what has to be remembered of a NO. */
    void (*payload)(void *state, kv_group_id to, struct kv_buffer *ret);
    /* Do it, or not if a vote is a NO; votes come in the order of their groups. Fill *ret (begun with OK; rows may borrow from the machine's
     * state until the next call, so from a store only those of keys that did not change: store.h, "Ownership").
     * `votes`: of all groups that were awaited, and this group's own if it is a NO. The variables are held, unless the own vote
     * is a NO. */
    enum machine_outcome (*execute)(void *state, const struct machine_vote *votes, uint32_t count,
                                    struct wire_answer *ret);

    /* A command that computes for long is executed in three parts instead, if all votes are OK: take, work, apply. Between take and
     * apply others execute, which touch none of its variables. All four slots, or none (NULL). */

    /* Copy what the computation needs from the state and the votes into a job. Changes nothing; what is in the state and is no variable
     * of the command is not to be used. NULL: there is nothing to compute now, it is to be executed. */
    void *(*take)(void *state, const struct machine_vote *votes, uint32_t count);
    /* [on any thread, beside all other slots, other jobs included] Compute: a function of the job, into the job. */
    void (*work)(void *job);
    /* Do it with what was computed, as execute does, and with nothing of the state but the command's variables. The job stays until the
     * next open, so payload may use it. */
    enum machine_outcome (*apply)(void *state, const void *job, struct wire_answer *ret);
    /* [on any thread] Free a job, at any time in its life; the state may be gone. */
    void (*drop)(void *job);

    /* Run a read-only command without changing anything, its digest included. False: it is not read-only. */
    bool (*read)(void *state, struct wire_answer *ret);
    /* What it wants to have run in its own or a client's name and has not executed here: the first one behind number `after`. False: there
     * is none now. NULL: there never is. */
    bool (*dispatch)(void *state, const struct machine_moment *now, uint64_t after,
                     struct machine_dispatch *ret);
    /* Whether it wants to be told how time passes; if so, and `us` is not 0, a command to this group alone that says that `us` have
     * passed, since a moment at which this member had been given what is up to `since`. NULL: it never does. */
    bool (*tick)(void *state, uint64_t us, kv_timestamp since, struct machine_dispatch *ret);
    /* Digest of the whole content; equal for equal contents however they came about; O(1). */
    uint64_t (*digest)(const void *state);
    /* Number of keys, for status. */
    uint64_t (*keys)(const void *state);
    /* Its stores, always the same ones in the same order; returns how many. Whoever drives the machine freezes and thaws them
     * between two calls, all at once, and asks for their status behind each call (engine_status). */
    uint32_t (*stores)(void *state, struct machine_store ret[MACHINE_STORES_MAX]);
    /* Append the whole content, or, without `rows`, all but the rows of its stores. Of damaged stores: bytes that no load takes. */
    void (*save)(const void *state, bool rows, struct kv_buffer *ret);
    /* Replace the content by one that was saved with rows (bases NULL), or by one saved without them and the bases of its stores,
     * in their order. STATUS_CORRUPT leaves the machine empty. Either way it uses no base of before any more. */
    enum status (*load)(void *state, kv_slice bytes, const struct store_base *bases);
    /* Append those changes (wire_changes_append) by their index, as far as they are still known. NULL: nobody can watch. */
    void (*changes)(const void *state, const struct machine_watch *watch,
                    struct kv_buffer *ret_bytes, struct machine_changes *ret);
    /* Forget whatever belongs to clients: sessions, and commands that are run for them. Keys and places stay. */
    void (*renew)(void *state);
    void (*destroy)(void *state);
};

struct machine {
    const struct machine_ops *ops;
    void *state;
};

#endif
