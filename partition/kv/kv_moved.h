/* SPDX-License-Identifier: Apache-2.0 */
/* kv_moved: where keys went that were here, as far as this member remembers: a bounded table, the oldest entry goes
 * first. Hints only [placement.md, "hint"]: members may remember differently. */
#ifndef KV_KV_MOVED_H
#define KV_KV_MOVED_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

/* Keys remembered: at up to half a kilobyte each some MiB; a key that is forgotten costs one more attempt, at its home. */
#define KV_MOVED_MAX 16384

struct kv_moved_key;

/* Zero-initialise. */
struct kv_moved {
    struct kv_moved_key *by_key;
    struct kv_moved_key *oldest, *newest; /* oldest entry first */
    uint32_t count;
};

void kv_moved_put(struct kv_moved *moved, kv_slice key, kv_group_id group, kv_timestamp version);
void kv_moved_drop(struct kv_moved *moved, kv_slice key);

/* False: not remembered. */
bool kv_moved_get(const struct kv_moved *moved, kv_slice key, kv_group_id *ret_group,
                  kv_timestamp *ret_version);

void kv_moved_clear(struct kv_moved *moved);

#endif
