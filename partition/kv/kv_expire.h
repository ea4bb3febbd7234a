/* SPDX-License-Identifier: Apache-2.0 */
/* kv_expire: the EXPIREs that a partition's leader wants to have ordered. [locks.md, K5, K6]
 *
 * A member's own: it follows from the bonds, the sessions and ordered time, is looked at only where the member leads, and an EXPIRE too
 * many finds nothing to do. One that is wanted stays so until it has been executed; a key that could not go then, since somebody has it
 * locked or pinned, is wanted again later. */
#ifndef KV_KV_KV_EXPIRE_H
#define KV_KV_KV_EXPIRE_H

#include "partition/engine/machine.h"
#include "partition/kv/kv_bonds.h"

/* EXPIREs under way at once: so many that a burst costs the commands of clients no more than a share of the log. Of them, those that the
 * oracle has to order first: while it does not, the others go on. */
#define KV_EXPIRES_MAX      64
#define KV_EXPIRES_AWAY_MAX 16

/* Sessions whose end is remembered: beyond it all sessions are looked through for those that are not alive. */
#define KV_EXPIRES_ENDED_MAX 256

/* Keys and sessions that one step looks at. */
#define KV_EXPIRES_LOOKS_MAX 1024

/* Ordered time after which keys that could not go are looked for again, and after which the others go on if the oracle orders nothing. */
#define KV_EXPIRE_PAUSE_US 1000000

/* Ordered time after which an EXPIRE that has not been executed gets another id: the order may have forgotten that it has had the first. */
#define KV_EXPIRE_PATIENCE_US 8000000

struct kv_expire {
    uint64_t number;
    uint64_t key_hash;
    kv_timestamp version;
    uint64_t wanted_us;
    kv_message_id id;
    kv_group_set destinations;
    struct kv_buffer body; /* its own: whoever asks for the next one still needs this one */
};

/* What a round looks through, one after the other. */
enum kv_expires_stage {
    KV_EXPIRES_ALL_SESSIONS, /* those that are not alive; only if `all` */
    KV_EXPIRES_ENDED,        /* those in `ended` */
    KV_EXPIRES_TIMES,
    KV_EXPIRES_REST /* no round is under way */
};

struct kv_expires {
    struct kv_expire list[KV_EXPIRES_MAX]; /* by ascending number */
    uint32_t count, away;
    uint64_t numbered;     /* the last number */
    uint64_t away_done_us; /* when one of those that are away had been executed */

    enum kv_expires_stage stage;
    struct kv_bond_place place; /* how far the stage has come */
    bool found;                 /* a key, in this round */
    bool all;
    kv_timestamp ended[KV_EXPIRES_ENDED_MAX];
    uint32_t ended_count;
    uint64_t next_us;  /* when a key's time comes; UINT64_MAX: none */
    uint64_t again_us; /* when to look for those that could not go; UINT64_MAX: there were none */
};

struct kv_machine;

void kv_expires_close(struct kv_expires *expires);

/* Everything has to be looked for anew. */
void kv_expires_clear(struct kv_expires *expires);

/* A key was bound; a session has ended. */
void kv_expires_bound(struct kv_machine *machine, const struct kv_bond *bond);
void kv_expires_ended(struct kv_expires *expires, kv_timestamp session);

/* The EXPIRE that is open has been executed. */
void kv_expires_done(struct kv_machine *machine);

/* Whether it has to be told how time passes. */
bool kv_expires_wait(const struct kv_expires *expires);

/* The next one behind number `after`. */
bool kv_expires_next(struct kv_machine *machine, const struct machine_moment *now, uint64_t after,
                     struct machine_dispatch *ret);

#endif
