/* SPDX-License-Identifier: Apache-2.0 */
/* kv_bonds: which keys do not last for ever, and which sessions there are. [locks.md, K1-K7]
 *
 * A key is bound to a session, or to a moment of ordered time, or to nothing. Two stores know it: one by key; and `ends`, which is in the
 * order in which bonds are looked for when their keys are to go:
 *
 *   'A' session                  -> nothing   the session has begun and not ended
 *   'S' session, version, key    -> key       a key that is bound to it
 *   'T' time, version, key       -> key       a key that lasts until then
 *
 * All of it is replicated state. Whether a key is to go is derived from it, and so is the same whatever happened first: the end of
 * a session here, or the arrival of a key that is bound to it. */
#ifndef KV_KV_KV_BONDS_H
#define KV_KV_KV_BONDS_H

#include "multicast/base/ids.h"
#include "multicast/base/limits.h"
#include "partition/store/store.h"

/* What a key is bound to: one of the two, or nothing (zeros). */
struct kv_bond {
    kv_timestamp session;
    uint64_t until_us; /* ordered time of this partition */
};

#define KV_BOND_NONE ((struct kv_bond){{{0}, {0}}, 0})

struct kv_bonds {
    struct store *of_keys;
    struct store *ends;
};

static inline bool kv_bond_is_none(const struct kv_bond *bond)
{
    return bond->session.clock.value == 0 && bond->until_us == 0;
}

/* What the key is bound to. */
struct kv_bond kv_bond_of(const struct kv_bonds *bonds, kv_slice key);

/* The key is bound to this and nothing else; none: it lasts. `version`: of its row. */
void kv_bond_set(struct kv_bonds *bonds, kv_slice key, kv_timestamp version,
                 const struct kv_bond *bond);

bool kv_session_is_alive(const struct kv_bonds *bonds, kv_timestamp session);
void kv_session_begin(struct kv_bonds *bonds, kv_timestamp session);
void kv_session_end(struct kv_bonds *bonds, kv_timestamp session);

/* No session is alive. */
void kv_sessions_end_all(struct kv_bonds *bonds);

/* Whether a row that was saved may be one of `ends`. */
bool kv_bond_is_end(const struct kv_map_row *row);

/* ---- Keys that are to go ---- */

/* A place in `ends`. */
struct kv_bond_place {
    uint8_t bytes[KV_KEY_BYTES_MAX];
    size_t size; /* 0: the beginning */
};

struct kv_due {
    kv_slice key; /* valid until the next change */
    kv_timestamp version;
    kv_timestamp session; /* {0,0}: its time has come */
};

/* A key; none this time, but `place` has moved: ask again; none. */
enum kv_due_found { KV_DUE_FOUND, KV_DUE_SKIPPED, KV_DUE_NONE };

/* The first key behind `place`, which moves onto it: of those whose sessions are not alive; of this session's; of those whose time has come
 * at `now_us`: if there is none, *ret_next_us is when the next one's time comes, UINT64_MAX if there is none of those either. */
enum kv_due_found kv_bond_next_ended(const struct kv_bonds *bonds, struct kv_bond_place *place,
                                     struct kv_due *ret);
enum kv_due_found kv_bond_next_of(const struct kv_bonds *bonds, kv_timestamp session,
                                  struct kv_bond_place *place, struct kv_due *ret);
enum kv_due_found kv_bond_next_timed(const struct kv_bonds *bonds, uint64_t now_us,
                                     struct kv_bond_place *place, struct kv_due *ret,
                                     uint64_t *ret_next_us);

/* Whether the key may go, by this bond, at this time. */
bool kv_bond_is_over(const struct kv_bonds *bonds, const struct kv_bond *bond, uint64_t now_us);

#endif
