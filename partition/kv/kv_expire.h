/* SPDX-License-Identifier: Apache-2.0 */
/* kv_expire: the EXPIREs that a partition's leader wants to have ordered. [locks.md, K5, K6]
 *
 * A member's own: it follows from the bonds, the sessions and ordered time, is looked at only where the member leads, and an EXPIRE too
 * many finds nothing to do. A key that cannot go now, since somebody has it locked or pinned, is tried again later and holds nobody up. */
#ifndef KV_KV_KV_EXPIRE_H
#define KV_KV_KV_EXPIRE_H

#include "partition/engine/machine.h"
#include "partition/kv/kv_bonds.h"

/* EXPIREs under way at once: so many that a burst costs the commands of clients no more than a share of the log. */
#define KV_EXPIRES_MAX 64

/* Ordered time after which nobody waits for an EXPIRE any more, and after which keys that could not go are tried again. */
#define KV_EXPIRE_PATIENCE_US 1000000

struct kv_expire {
    uint64_t number;
    kv_message_id id;
    kv_group_set destinations;
    struct kv_buffer body; /* its own: whoever asks for the next one still needs this one */
};

struct kv_expires {
    struct kv_expire list[KV_EXPIRES_MAX]; /* by ascending number */
    uint32_t count;
    uint64_t numbered;          /* the last number */
    uint64_t asked_us;          /* ordered time at which the list was made */
    uint64_t next_us;           /* when a key's time comes that is not in it; UINT64_MAX: none */
    bool ended;                 /* a session has, or may have: its keys are to be looked for */
    struct kv_bond_place place; /* how far the search has come */
};

struct kv_machine;

void kv_expires_close(struct kv_expires *expires);

/* Everything has to be looked for anew. */
void kv_expires_clear(struct kv_expires *expires);

/* A key was bound; a session has ended. */
void kv_expires_bound(struct kv_machine *machine, const struct kv_bond *bond);
void kv_expires_ended(struct kv_expires *expires);

/* The EXPIRE that is open has been executed. */
void kv_expires_done(struct kv_machine *machine);

/* Whether it has to be told how time passes. */
bool kv_expires_wait(const struct kv_expires *expires);

/* The next one behind number `after`. */
bool kv_expires_next(struct kv_machine *machine, uint64_t time_us, uint64_t after,
                     struct machine_dispatch *ret);

#endif
