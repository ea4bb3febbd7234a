/* SPDX-License-Identifier: Apache-2.0 */
/* kv_changes: the last changes of keys of this member, for those who watch. Not part of the state: what is in it depends on where this
 * member's life began.
 *
 * 1. Commands execute in an order that is each member's own, as far as they touch different keys. The order in which they were delivered is
 *    the same everywhere, so changes are found by their command's position in that sequence: a table of the last KV_CHANGES_POSITIONS
 *    positions says where the changes of each are.
 * 2. The changes themselves are copied behind one another into a ring of KV_CHANGES_BYTES. Who is overwritten raises the floor above
 *    its position: below the floor nothing is given any more, so nothing is ever missing above it.
 * 3. Ring and table begin small and are doubled until they have these sizes, before anything is forgotten. A member whom nobody watches
 *    remembers all the same, because it may be the one to go on with when another has died. */
#ifndef KV_KV_CHANGES_H
#define KV_KV_CHANGES_H

#include "multicast/wire/message_watch.h"
#include "partition/engine/machine.h"

/* Some seconds of a busy group, so that a watcher can change to another member and go on; with a value of the greatest size there
 * is still room for a dozen. A power of two: places in it are offsets modulo it. */
#define KV_CHANGES_BYTES (16 * 1024 * 1024)

/* Of the ring, at first. A power of two. */
#define KV_CHANGES_BYTES_MIN (64 * 1024)

/* As many changes as the ring has if they are small, at 3 MiB. */
#define KV_CHANGES_POSITIONS (128 * 1024)

/* Of the table, at first. A power of two. */
#define KV_CHANGES_POSITIONS_MIN 1024

/* Positions, and changes, that one answer looks at: who watches few of many keys must not hold up the member's thread. */
#define KV_CHANGES_LOOK 4096

struct kv_changes_slot {
    uint64_t position;   /* 0: of none */
    uint64_t begin, end; /* bytes ever written to the ring before its changes, and with them */
    uint32_t count;
};

/* Zero-initialise. */
struct kv_changes {
    uint8_t *ring;
    uint64_t
        ring_bytes; /* of its memory; until that is KV_CHANGES_BYTES, nothing is forgotten for lack of room */
    struct kv_changes_slot *slots;
    uint64_t slot_count;
    uint64_t written; /* bytes, ever */
    uint64_t oldest;  /* of those, where what is still there begins */
    uint64_t floor;   /* positions below it may have lost changes */
    uint64_t newest;  /* greatest position that changed anything */
    uint64_t lowest;  /* least one; 0: there is none yet */
};

/* A command at this position (0: nobody knows it, and nothing is kept) has changed a key; value NULL: removed it. All changes of a
 * command come together. */
void kv_changes_add(struct kv_changes *changes, uint64_t position, kv_timestamp version,
                    kv_slice key, const kv_slice *value);

/* Answer a watch (machine.h, "changes"). */
void kv_changes_read(const struct kv_changes *changes, const struct machine_watch *watch,
                     struct kv_buffer *ret_bytes, struct machine_changes *ret);

void kv_changes_clear(struct kv_changes *changes);

#endif
